"""`fs.explain` and `fs.explain_layer`, and what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, enter
from ..errors import ParameterError, unknown_word
from ..graph import Graph, graph, graph_layer
from ..graph.exact import pack
from ..show import Document, Frame, Frames, Shown
from .chapters import CHAPTERS, Chapter
from .code import Listing, write_code
from .document import find_step, make_document, step_blocks, step_table
from .draw.steps import draw_step, draw_steps, why_not
from .text import render_text
from .trace import Trace, make_layer_trace, make_trace


def _opens(name: str, words: str) -> Callable[[Explanation], Chapter]:
    """The method that opens a chapter, with its docstring."""

    def method(self: Explanation) -> Chapter:
        return self.chapter(name)

    method.__name__, method.__qualname__, method.__doc__ = name, f"Explanation.{name}", words
    return method


class Explanation(Shown):
    """One call, explained: `print` it, save it, or open one of its chapters.

    `trace` holds every number, `y` is the result. Each chapter prints, draws and saves itself
    like the whole:

        table() step(n) flip() scatter() compare()       steps, and three ways to look at them
        matrix() im2col() col2im()                       matrices
        direct() gemm() separable() box() overlap() fft()      how the engine computes it,
        numpy() winograd() reduction()                    each in exact or plain arithmetic
        code("numpy")                                    the call in other languages
        graph() grad(dy)                                 the computation graph, gradients
    """

    __slots__ = ("_call", "trace")

    trace: Trace

    def __init__(self, trace: Trace, call: dict[str, Any]) -> None:
        self.trace = trace
        self._call = call

    # ----------------------------------------------------------------------------- shown

    @property
    def y(self) -> Array:
        """The result, of exact numbers where x and w are exact; with around= or cells= the piece of it."""
        if self.trace.is_whole:
            return pack([step.value for step in self.trace.steps], self.trace.y_shape)
        piece = np.array(self.trace.y, dtype=object)
        return piece if None in piece.flat else pack(list(piece.flat), piece.shape)

    def document(self) -> Document:
        return make_document(self.trace)

    def to_json(self, indent: int | None = None) -> str:
        """The trace as JSON, schema "flipslide-trace/1"."""
        return self.trace.to_json(indent)

    def __str__(self) -> str:
        # A signal's text is set more tightly than its blocks would be.
        return super().__str__() if self.trace.operation == "layer" else render_text(self.trace)

    def __repr__(self) -> str:
        trace = self.trace
        shapes = f"x {self._call['x'].shape}, w {self._call['w'].shape}, y {trace.y_shape}"
        return f"<Explanation: {trace.operation}, mode {trace.mode!r}, {shapes}>"

    def frames(self) -> tuple[Frame, ...]:
        if reason := why_not(self.trace):
            raise ParameterError(f"no picture of this call: {reason}")
        return draw_steps(self.trace)

    # ------------------------------------------------------------------------- the steps

    def table(self) -> Chapter:
        """Every output with its window, its products and its sum, and nothing else."""
        return Chapter("table", "", [step_table(self.trace)], self.y)

    def step(self, n: Any) -> Chapter:
        """One output in full: number n, counted from 0, or an index of y.

        >>> import flipslide as fs
        >>> print(fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).step(0))
        y[0] = 2·0 + (−1)·1 + 1·2 = 1
        <BLANKLINE>
         tap         meets       product
         w[2]    2   x[0]    0         0
         w[1]   −1   x[1]    1        −1
         w[0]    1   x[2]    2         2
        """
        step = find_step(self.trace, n)
        blocks = list(step_blocks(self.trace, step))
        if not why_not(self.trace):
            blocks.append(Frames("step", (draw_step(self.trace, step),)))
        return Chapter("step", "", blocks, value=step.value, step=step)

    # -------------------------------------------------------------------------- chapters

    def chapter(self, name: str) -> Chapter:
        """The chapter of that name; those of algorithms have the algorithm's name.

        >>> import flipslide as fs
        >>> fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).chapter("winograd").y
        array([1, 3, 5])
        """
        if name not in CHAPTERS:
            raise unknown_word("chapter", name, CHAPTERS)
        return CHAPTERS[name](self.trace)

    flip = _opens("flip", "The flip: what turns round, and why.")
    scatter = _opens("scatter", "Every sample stamps a copy of w: the same sum from the side of x.")
    compare = _opens("compare", 'Full, same and valid on one ruler, boundaries, and whose "same" is which.')
    matrix = _opens("matrix", "The call as a (Toeplitz) matrix times x, and its transpose times dy.")
    im2col = _opens("im2col", "Every window as a column, so that the call is one product of matrices.")
    col2im = _opens("col2im", "Columns added back onto x: coverage, and the gradient of x.")
    direct = _opens("direct", "Outputs side by side in the lanes of a register, one tap after another.")
    gemm = _opens("gemm", "The product of matrices without the matrix: samples shared by all filters.")
    reduction = _opens("reduction", "Many products for few outputs, in slices that are added in their order.")
    separable = _opens("separable", "Taps that are a column times a row, applied axis by axis.")
    box = _opens("box", "Taps that are all the same, as running sums.")
    overlap = _opens("overlap", "Tiles that overlap, a circular sum in each, the wrapped part thrown away.")
    fft = _opens("fft", "Spectra multiplied: the circle, how it wraps, and the zeros that cure it.")
    numpy = _opens("numpy", "Whole arrays, shifted, scaled and added.")
    winograd = _opens("winograd", "Fewer products for a few taps, exact in fractions.")

    # -------------------------------------------------------------------- code and graph

    def code(self, language: str = "numpy") -> Listing:
        """A program for the same call: "numpy", "scipy", "matlab", "pytorch", "jax", "c" or "loops".

        >>> import flipslide as fs
        >>> print(fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).code("matlab"))
        x = [0 1 2 3 4];
        w = [1 -1 2];
        y = conv(x, w, 'valid')
        """
        return write_code(self.trace, language)

    def graph(self) -> Graph:
        """The computation graph of the call; see `fs.graph`."""
        return graph_layer(**self._call) if self.trace.operation == "layer" else graph(**self._call)

    def grad(self, dy: Any = None) -> Graph:
        """The graph walked back: its dx, dw (and db) are the gradients of Σ y·dy.

        >>> import flipslide as fs
        >>> fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).grad().dw
        array([9, 6, 3])
        """
        return self.graph().backward(dy)


# -------------------------------------------------------------------------------- making


def explain(
    x: Any,
    w: Any,
    mode: str = "valid",
    *,
    operation: str = "convolve",
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    around: Any = None,
    cells: Any = None,
    dy: Any = None,
) -> Explanation:
    """Show how a small convolution in one or two dimensions gets every number.

    y[m] = Σ_j w[j] · x̃[start + stride·m − dilation·j]: the arrays, the flip, the length
    formula with its numbers, one line of arithmetic for each output, the result, and what
    the other operation (correlation for "convolve", and the reverse) gives.

    Parameters
    ----------
    x, w : array_like
        Both with one axis or both with two; at most 512 outputs of 64 terms each.
        Integers and Fractions stay exact, narrow floats are summed in double.
    mode, boundary, fill_value, center, stride, dilation
        As in `fs.convolve`.
    operation : {"convolve", "correlate"}
        "convolve" flips w; "correlate" does not, and conjugates it.
    around : int or tuple of int, optional
        Explain only the outputs near this one: of a long signal, or of a large picture.
    cells : list of int or of tuple of int, optional
        Explain only these outputs.
    dy : array_like, optional
        Weights of the outputs: the trace then has the gradients of Σ y·dy and their graph.

    Returns
    -------
    Explanation
        `print` it, `.save("it.html")`, or open a chapter: `.flip()`, `.scatter()`, `.im2col()`,
        `.fft()`, `.compare()`, `.code("numpy")`, … `.y` is the result, `.trace` the data,
        `.to_json()` the data as JSON.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> print(fs.explain([0, 1, 2, 3, 4], [1, -1, 2]))
    x = 0 1 2 3 4      w = 1 −1 2      flipped w = 2 −1 1
    length: floor((5 + 0 − 3)/1) + 1 = 3    (valid: only full overlaps)
    <BLANKLINE>
     n   window of x   times flipped w        sum
     0   0  1  2       2·0 + (−1)·1 + 1·2   =   1
     1   1  2  3       2·1 + (−1)·2 + 1·3   =   3
     2   2  3  4       2·2 + (−1)·3 + 1·4   =   5
    <BLANKLINE>
    y = 1 3 5
    without the flip (correlation, what PyTorch calls conv): 3 5 7
    """
    words = dict(operation=operation, boundary=boundary, fill_value=fill_value, center=center, stride=stride,
                 dilation=dilation)  # fmt: skip
    trace = make_trace(x, w, mode, around=around, cells=cells, dy=dy, **words)
    return Explanation(trace, dict(x=enter(x, "x").copy(), w=enter(w, "w").copy(), mode=mode, **words))


def explain_layer(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    around: Any = None,
    cells: Any = None,
    dy: Any = None,
) -> Explanation:
    """Show how one example of a small layer gets every number. As in every framework, nothing is flipped.

        y[k, m] = bias[k] + Σ_c Σ_j w[k, c, j] · x[c, stride·m + dilation·j − lo]

    Each output is the sum of its channels' sums, spelled out, plus the bias.

    Parameters
    ----------
    x : array_like, (C, *spatial)
        One example with one spatial axis or two; (1, C, *spatial) is taken as its only one.
    w : array_like, (K, C/groups, *taps)
        At most 64 taps times channels, and 512 outputs.
    bias : array_like, (K,), optional
    stride, padding, dilation, groups
        As in `fs.nn.conv`.
    around, cells
        Explain only the outputs of filter k near m, `around=(k, m, …)`, or a list of outputs.
    dy : array_like, (K, *outputs), optional
        Weights of the outputs: the trace then has the gradients of Σ y·dy and their graph.

    Returns
    -------
    Explanation
        As from `fs.explain`; `.step((k, m, n))` shows the three products of grids behind one
        output, `.im2col()` the layer as a product of matrices.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> e = fs.explain_layer([[1, 2, 3], [0, 1, 0]], [[[1, 1], [2, 0]]], [10])
    >>> print(e.table())
    The sum of each channel, and the output
    <BLANKLINE>
     filter,m   channel 0   channel 1   bias   sum
          0,0           3           0     10   = 13
          0,1           5           2     10   = 17
    """
    words = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    trace = make_layer_trace(x, w, bias, around=around, cells=cells, dy=dy, **words)
    return Explanation(trace, dict(x=enter(x, "x").copy(), w=enter(w, "w").copy(), bias=_kept(bias), **words))


def _kept(bias: Any) -> Any:
    return None if bias is None else enter(bias, "bias").copy()
