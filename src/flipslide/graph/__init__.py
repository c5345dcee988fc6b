"""The computation graph of a small call, and its gradients by walking back.

    x_i ──┐
          ├─ × ──┬─ + ── y_m ── L        L = Σ_m y_m·dy_m
    w_j ──┘      │
        other × ─┘

A node knows its value and, for every node that it was made from, the local derivative.
Walking from L back to the leaves, each edge hands on `local · grad`; where edges meet,
their gradients add. That sum, written out, is the whole of backpropagation:

    + copies      ∂(a + b)/∂a = 1
    × swaps       ∂(w·x)/∂w = x,  ∂(w·x)/∂x = w

`computation.py` makes and walks the graph. `text.py` writes it, `draw.py` and `subgraph.py` draw
all or some of it, `document.py` puts these together, `export.py` hands it to other programs, and
`gradients.py` says which convolutions its gradients are.
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays import enter, freeze
from ..errors import ShapeError, unknown_word
from ..geometry import to_int
from ..show import FORMATS, Shown
from ..spec import ConvSpec
from .computation import Computation, GraphEdge, GraphNode
from .document import make_document
from .export import to_dot, to_json, to_mermaid
from .gradients import Fold
from .nodes import Edge, Node
from .subgraph import View
from .text import render_text

__all__ = [
    "Edge", "Graph", "GraphEdge", "GraphNode", "Node", "correlates", "enter_layer", "graph", "graph_layer",
    "settings_of",
]  # fmt: skip

MAX_PRODUCTS = 512
OPERATIONS = {"convolve": False, "correlate": True}


class Graph(Computation, Shown):
    """Nodes x, w, ×, +, y and L of one small call; made by `fs.graph` and `fs.graph_layer`.

    `nodes` holds them so that each comes after those it was made from. `y` is the result;
    `dx`, `dw` and, with a bias, `db` are the gradients of L once `backward` has run, an error
    before. It prints, draws and saves itself: `svg()`, `html()`, `to_dot()`, `to_mermaid()`.
    """

    document = make_document
    to_dot, to_mermaid, to_json = to_dot, to_mermaid, to_json
    __str__ = render_text

    def focus(self, label: str) -> Shown:
        """The part of the graph that one node takes part in: what y0 is made of, what w1 feeds.

        >>> from flipslide.graph import graph
        >>> print(graph([0, 1, 2], [1, 2]).focus("y0"))
        y0 = w0·x1 + w1·x0 = 1 + 0 = 1
        """
        return View(self, label)

    def fold(self) -> Shown:
        """The gradients written as what they are: two convolutions again."""
        return Fold(self)

    @property
    def formats(self) -> tuple[str, ...]:
        return (*FORMATS, "dot", "mmd")

    def render(self, kind: str, theme: str = "", speed: float = 1, width: float | None = None) -> str | bytes:
        if kind in ("dot", "mmd"):
            return self.to_dot() if kind == "dot" else self.to_mermaid()
        return super().render(kind, theme, speed, width)


def graph(
    x: Any,
    w: Any,
    mode: str = "valid",
    *,
    operation: str = "convolve",
    axes: Any = None,
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
) -> Graph:
    """The computation graph of a small convolution: one node per number.

    y[m] = Σ_j w[j] · x̃[start + stride·m − dilation·j], every × and every + of it a node,
    and L = Σ y·dy above them. `backward(dy)` walks from L to x and w and adds up the
    gradients where edges meet; `print` shows each of these sums.

    Parameters
    ----------
    x, w : array_like
        Small: at most 512 products in all. Integers and Fractions stay exact, narrow
        floats are summed in double.
    mode, axes, boundary, fill_value, center, stride, dilation
        As in `fs.convolve`.
    operation : {"convolve", "correlate"}
        "convolve" flips w; "correlate" does not, and conjugates it.

    Returns
    -------
    Graph
        With y, nodes, backward(dy), check(), and after backward dx and dw.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> print(fs.graph([0, 1, 2, 3, 4], [1, -1, 2]).backward())
    graph of convolve(x, w), mode 'valid'
    nodes: 5 x, 3 w, 9 ×, 3 +, 3 y, L
    x = 0 1 2 3 4
    w = 1 −1 2
    <BLANKLINE>
    y0 = w0·x2 + w1·x1 + w2·x0 = 2 − 1 + 0 = 1
    y1 = w0·x3 + w1·x2 + w2·x1 = 3 − 2 + 2 = 3
    y2 = w0·x4 + w1·x3 + w2·x2 = 4 − 3 + 4 = 5
    L  = y0 + y1 + y2 = 1 + 3 + 5 = 9
    <BLANKLINE>
    dw0 = x2·1 + x3·1 + x4·1 = 2 + 3 + 4 = 9
    dw1 = x1·1 + x2·1 + x3·1 = 1 + 2 + 3 = 6
    dw2 = x0·1 + x1·1 + x2·1 = 0 + 1 + 2 = 3
    dx0 = w2·1 = 2
    dx1 = w1·1 + w2·1 = −1 + 2 = 1
    dx2 = w0·1 + w1·1 + w2·1 = 1 − 1 + 2 = 2
    dx3 = w0·1 + w1·1 = 1 − 1 = 0
    dx4 = w0·1 = 1
    """
    x, w = enter(x, "x"), enter(w, "w")
    words = dict(axes=axes, boundary=boundary, fill_value=fill_value, center=center, stride=stride, dilation=dilation)
    spec = ConvSpec.of(x.shape, w.shape, correlate=correlates(operation), **settings_of(mode, **words))
    spec.check_repeated("graph")
    _check_products(spec, "fs.convolve_grads")
    return Graph(spec, x, w, operation, mode)


def graph_layer(
    x: Any, w: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Graph:
    """The computation graph of a small layer: one node per number, channels and bias too.

        y[k, m] = bias[k] + Σ_c Σ_j w[k, c, j] · x[c, stride·m + dilation·j − lo]

    Parameters
    ----------
    x : array_like, (C, *spatial)
        One example; (1, C, *spatial) is taken as its only one.
    w : array_like, (K, C/groups, *taps)
    bias : array_like, (K,), optional
    stride, padding, dilation, groups
        As in `fs.nn.conv`. At most 512 products in all.

    Returns
    -------
    Graph
        With y of shape (K, *outputs), and after backward dx, dw and db.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> g = fs.graph_layer([[1, 2, 3]], [[[1, 1]]], [10]).backward()
    >>> g.y.tolist(), g.dx.tolist(), g.dw.tolist(), g.db.tolist()
    ([[13, 15]], [[1, 2, 1]], [[[3, 5]]], [2])
    """
    x, w, bias, spec = enter_layer(x, w, bias, stride, padding, dilation, groups)
    _check_products(spec, "fs.nn.conv_grads")
    y_shape = (w.shape[0], *(axis.y for axis in spec.axes))
    return Graph(spec, x, w, "layer", "valid" if padding == 0 else str(padding), bias, y_shape)


# ------------------------------------------------------------------------------- helpers


def correlates(operation: str) -> bool:
    """Whether the operation of that name leaves w unflipped."""
    if operation not in OPERATIONS:
        raise unknown_word("operation", operation, OPERATIONS)
    return OPERATIONS[operation]


def settings_of(mode: str, **words: Any) -> dict[str, Any]:
    """The keywords of `ConvSpec.of`, lists made tuples."""
    return {"mode": mode, **{name: freeze(value) for name, value in words.items()}}


def enter_layer(
    x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, Any, Any, ConvSpec]:
    """One example of a layer: x without its batch axis, w, bias, and the spec of the sum."""
    x, w = enter(x, "x"), enter(w, "w")
    if x.ndim == w.ndim and x.shape[0] == 1:
        x = x[0]
    if x.ndim != w.ndim - 1 or x.ndim < 2:
        raise ShapeError(
            f"one example of a layer has x (channels, *axes) and w (filters, channels/groups, *taps); "
            f"x has shape {x.shape} and w has shape {w.shape}. Show one element of the batch: x[0]"
        )
    n_groups = to_int(groups, "groups", 1)
    if x.shape[0] % n_groups or w.shape[0] % n_groups or w.shape[1] * n_groups != x.shape[0]:
        raise ShapeError(
            f"x has {x.shape[0]} channels, w takes {w.shape[1]} in each of {n_groups} groups and has {w.shape[0]} "
            f"filters; w must be (K, channels/groups, *taps) with K divisible by groups"
        )
    if bias is not None:
        bias = enter(bias, "bias")
        if bias.shape != w.shape[:1]:
            raise ShapeError(f"bias has shape {bias.shape}; w has {w.shape[0]} filters, so give {w.shape[:1]}")
    spec = ConvSpec.layer(
        (1, n_groups, x.shape[0] // n_groups, *x.shape[1:]),
        (n_groups, w.shape[0] // n_groups, *w.shape[1:]),
        stride=freeze(stride),
        padding=freeze(padding),
        dilation=freeze(dilation),
        x_axes=tuple(range(3, 2 + x.ndim)),
    )
    return x, w, bias, spec


def _check_products(spec: ConvSpec, remedy: str) -> None:
    sizes = spec.n_products, math.prod(spec.x_shape), math.prod(spec.w_shape)
    if max(sizes) > MAX_PRODUCTS:
        raise ShapeError(
            f"the graph would have {sizes[0]} products over {sizes[1]} samples and {sizes[2]} taps, and "
            f"shows at most {MAX_PRODUCTS} of each; take a smaller piece of x, or only the gradients: {remedy}"
        )
