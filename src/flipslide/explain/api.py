"""`fs.explain` and `fs.explain_layer`."""

from __future__ import annotations

from typing import Any

from ..arrays import enter
from .explanation import Explanation
from .trace import make_layer_trace, make_trace


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
