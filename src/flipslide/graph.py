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

The graph is built from the terms of the spec, so that it holds for every mode, stride and
boundary, and it shares no arithmetic with the gradients of `signal.py`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, enter, freeze
from .errors import ParameterError, ShapeError, unknown_word
from .spec import ConvSpec, Shape

__all__ = [
    "Edge",
    "Graph",
    "Node",
    "correlates",
    "graph",
    "join_sum",
    "number_text",
    "numbers_of",
    "pack",
    "settings_of",
]

MAX_PRODUCTS = 512
WIDTH = 72
OPERATIONS = {"convolve": False, "correlate": True}


# --------------------------------------------------------------------------------- nodes


class Edge(NamedTuple):
    """From a node to one that it was made from; `name` spells the factor that `pull` applies.

    With complex numbers gradients live under ⟨a, b⟩ = Re Σ ā·b. If z = l·a, then
    Re(ḡ·l·da) = ⟨l̄·g, da⟩, and if z = l·ā, then Re(ḡ·l·dā) = Re(g·l̄·da) = ⟨l·ḡ, da⟩.
    """

    node: Node
    local: Any
    name: str
    conjugates: bool = False

    def pull(self, grad: Any) -> Any:
        """What this edge hands on of the gradient at its upper end."""
        return self.local * grad.conjugate() if self.conjugates else self.local.conjugate() * grad

    def spell(self, grad: Any) -> str:
        """The same as it is written."""
        return f"{self.name}·{number_text(grad.conjugate() if self.conjugates else grad)}"


class Arrival(NamedTuple):
    """A gradient that came down one edge: as it is written, and its value."""

    text: str
    value: Any


class Node:
    """A number of the computation; its gradient is None until `backward` has run."""

    def __init__(self, kind: str, label: str, value: Any, parents: tuple[Edge, ...] = ()) -> None:
        self.kind = kind
        self.label = label
        self.value = value
        self.grad: Any = None
        self.parents = parents
        self.arrivals: list[Arrival] = []

    def __repr__(self) -> str:
        return f"Node({self.label}: {number_text(self.value)} / {number_text(self.grad)})"

    def reset(self) -> None:
        self.grad, self.arrivals = 0, []

    def receive(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        self.grad = self.grad + arrival.value

    def send(self) -> None:
        """Hand the gradient on to every node that this one was made from."""
        for edge in self.parents:
            edge.node.receive(Arrival(edge.spell(self.grad), edge.pull(self.grad)))


# --------------------------------------------------------------------------------- graph


class Graph:
    """Nodes x, w, ×, +, y and L of one small call; made by `fs.graph`.

    `nodes` holds them so that each comes after those it was made from. `y` is the result;
    `dx` and `dw` are the gradients of L once `backward` has run, an error before.
    """

    def __init__(self, spec: ConvSpec, x: Any, w: Any, operation: str = "convolve", mode: str = "valid") -> None:
        self.spec, self.operation, self.mode = spec, operation, mode
        self._x, self._w = numbers_of(x, "x"), numbers_of(w, "w")
        self._conjugates = spec.conj_w
        self._leaves = {name: _leaves(name, array) for name, array in (("x", self._x), ("w", self._w))}
        self._fill = Node("fill", "fill", numbers_of(spec.fill, "fill_value")[()])
        self._terms = _terms_of(spec)
        self._products = [(at, [self._times(*term) for term in terms]) for at, terms in self._terms.items()]
        self._sums = [_add(at, factors) for at, factors in self._products]
        self._ys = [Node("y", _label("y", at), total.value, (Edge(total, 1, "1"),)) for at, total in self._sums]
        self._loss = Node("L", "L", None)
        self._weigh([1] * len(self._ys))
        self._ran = False

    def _times(self, x_index: Shape | None, w_index: Shape) -> Node:
        x = self._fill if x_index is None else self._leaves["x"][x_index]
        w = self._leaves["w"][w_index]
        if self._conjugates:
            tap = w.value.conjugate()
            edges = Edge(w, x.value, x.label, True), Edge(x, tap, w.label)
        else:
            tap = w.value
            edges = Edge(w, x.value, _bar(x)), Edge(x, tap, _bar(w))
        return Node("×", f"{_bar(w) if self._conjugates else w.label}·{x.label}", tap * x.value, edges)

    def _weigh(self, dy: list[Any]) -> None:
        """Make L = Re Σ conj(dy)·y, whose gradient at y is dy."""
        self._dy = dy
        pairs = list(zip(dy, self._ys, strict=True))
        self._loss.value = sum((g.conjugate() * y.value).real for g, y in pairs)
        self._loss.parents = tuple(Edge(y, g.conjugate(), number_text(g)) for g, y in pairs)

    # ------------------------------------------------------------------------ results

    @property
    def nodes(self) -> list[Node]:
        """All nodes, every one after those it was made from."""
        return [node for layer in self._layers() for node in layer]

    def _layers(self) -> list[list[Node]]:
        """Leaves, ×, +, y, L: within a layer no node is made from another."""
        leaves = [*self._leaves["x"].values(), *self._leaves["w"].values()]
        products = [node for _, factors in self._products for node in factors]
        fill = [self._fill] if any(edge.node is self._fill for node in products for edge in node.parents) else []
        return [leaves + fill, products, [total for _, total in self._sums], self._ys, [self._loss]]

    @property
    def y(self) -> Array:
        return pack([node.value for node in self._ys], self.spec.y_shape)

    @property
    def loss(self) -> Any:
        """L: the sum of y, each weighted with its dy once `backward` has been told it."""
        return self._loss.value

    @property
    def dx(self) -> Array:
        return self._gradient("x")

    @property
    def dw(self) -> Array:
        return self._gradient("w")

    def _gradient(self, name: str) -> Array:
        if not self._ran:
            raise ParameterError(f"d{name} is not known yet: there is no gradient before graph.backward() has run")
        leaves = self._leaves[name]
        return pack([node.grad for node in leaves.values()], (self._x if name == "x" else self._w).shape)

    # ----------------------------------------------------------------------- backward

    def backward(self, dy: Any = None) -> Graph:
        """Fill in every gradient of L = Σ y·dy (dy of ones when it is left out).

        >>> from flipslide.graph import graph
        >>> g = graph([0, 1, 2, 3, 4], [1, -1, 2]).backward([1, 2, 3])
        >>> g.dw.tolist(), g.dx.tolist()
        ([20, 14, 8], [2, 3, 5, -1, 3])
        """
        self._weigh(self._cotangent(dy))
        for node in self.nodes:
            node.reset()
        self._loss.grad = 1
        for layer in reversed(self._layers()):
            for node in layer:
                node.send()
        self._ran = True
        return self

    def _cotangent(self, dy: Any) -> list[Any]:
        if dy is None:
            return [1] * len(self._ys)
        values = numbers_of(dy, "dy")
        if values.shape != self.spec.y_shape:
            raise ShapeError(f"dy has shape {values.shape}, but y has shape {self.spec.y_shape}; give one number per y")
        return list(values.flat)

    def check(self) -> float:
        """The largest difference between a gradient and a quotient of differences of L.

        L is linear in every single entry of x and w, so the quotient over any step, here
        (L(+1) − L(−1))/2, has no error but that of rounding: integers give exactly 0.

        >>> from flipslide.graph import graph
        >>> graph([0, 1, 2, 3, 4], [1, -1, 2]).backward().check()
        0.0
        """
        errors = [0.0]
        for name, grads in (("x", self.dx), ("w", self.dw)):
            for index, leaf in self._leaves[name].items():
                errors.append(abs(leaf.grad.real - self._slope(name, index, 1)))
                if grads.dtype.kind == "c":
                    errors.append(abs(leaf.grad.imag - self._slope(name, index, 1j)))
        return float(max(errors))

    def _slope(self, name: str, index: Shape, step: complex) -> Any:
        up, down = self._moved_loss(name, index, step), self._moved_loss(name, index, -step)
        return Fraction(up - down) / 2 if isinstance(up, int) and isinstance(down, int) else (up - down) / 2

    def _moved_loss(self, name: str, index: Shape, step: complex) -> Any:
        """L with one entry moved, computed from the terms and not from the nodes."""
        arrays = {"x": self._x.copy(), "w": self._w.copy()}
        arrays[name][index] = arrays[name][index] + step
        x, w, fill = arrays["x"], arrays["w"], self._fill.value
        loss = 0
        for g, terms in zip(self._dy, self._terms.values(), strict=True):
            for x_index, w_index in terms:
                tap = w[w_index].conjugate() if self._conjugates else w[w_index]
                loss = loss + (g.conjugate() * (tap * (fill if x_index is None else x[x_index]))).real
        return loss

    # --------------------------------------------------------------------------- text

    def __repr__(self) -> str:
        state = "after backward" if self._ran else "forward only"
        return f"<Graph: {self.operation}, mode {self.mode!r}, {len(self.nodes)} nodes, {state}>"

    def __str__(self) -> str:
        return "\n".join([*self._heading(), "", *self._forward_lines(), "", *self._backward_lines()])

    def _heading(self) -> Iterator[str]:
        n_products = sum(len(factors) for _, factors in self._products)
        yield f"graph of {self.operation}(x, w), mode {self.mode!r}"
        n_outputs = len(self._ys)
        yield f"nodes: {self._x.size} x, {self._w.size} w, {n_products} ×, {n_outputs} +, {n_outputs} y, L"
        for name, array in (("x", self._x), ("w", self._w)):
            yield from _wrap(f"{name} = ", " ".join(map(number_text, array.flat)) + _shape_note(array))

    def _forward_lines(self) -> Iterator[str]:
        width = max((len(node.label) for node in self._ys), default=1)
        for (_, factors), y in zip(self._products, self._ys, strict=True):
            yield from _spell(y.label.ljust(width), [(node.label, node.value) for node in factors], y.value)
        yield from _spell(
            "L".ljust(width), [_weighted(g, y) for g, y in zip(self._dy, self._ys, strict=True)], self.loss
        )

    def _backward_lines(self) -> Iterator[str]:
        leaves = [*self._leaves["w"].values(), *self._leaves["x"].values()]
        width = max((len(node.label) for node in leaves), default=1) + 1
        if not self._ran:
            yield "dw = · and dx = ·        (unknown until backward() has run)"
            return
        for node in leaves:
            terms = [(arrival.text, arrival.value) for arrival in node.arrivals]
            yield from _spell(("d" + node.label).ljust(width), terms, node.grad, "   (it feeds no output)")


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
    w = 1 -1 2
    <BLANKLINE>
    y0 = w0·x2 + w1·x1 + w2·x0 = 2 - 1 + 0 = 1
    y1 = w0·x3 + w1·x2 + w2·x1 = 3 - 2 + 2 = 3
    y2 = w0·x4 + w1·x3 + w2·x2 = 4 - 3 + 4 = 5
    L  = y0 + y1 + y2 = 1 + 3 + 5 = 9
    <BLANKLINE>
    dw0 = x2·1 + x3·1 + x4·1 = 2 + 3 + 4 = 9
    dw1 = x1·1 + x2·1 + x3·1 = 1 + 2 + 3 = 6
    dw2 = x0·1 + x1·1 + x2·1 = 0 + 1 + 2 = 3
    dx0 = w2·1 = 2
    dx1 = w1·1 + w2·1 = -1 + 2 = 1
    dx2 = w0·1 + w1·1 + w2·1 = 1 - 1 + 2 = 2
    dx3 = w0·1 + w1·1 = 1 - 1 = 0
    dx4 = w0·1 = 1
    """
    x, w = enter(x, "x"), enter(w, "w")
    words = settings_of(mode, boundary, fill_value, center, stride, dilation)
    spec = ConvSpec.of(x.shape, w.shape, axes=freeze(axes), correlate=correlates(operation), **words)
    if max(spec.n_products, x.size, w.size) > MAX_PRODUCTS:
        raise ShapeError(
            f"the graph would have {spec.n_products} products over {x.size} samples and {w.size} taps, and "
            f"shows at most {MAX_PRODUCTS} of each; take a smaller piece of x, or only the gradients: fs.convolve_grads"
        )
    return Graph(spec, x, w, operation, mode)


# ------------------------------------------------------------------------------- helpers


def correlates(operation: str) -> bool:
    """Whether the operation of that name leaves w unflipped."""
    if operation not in OPERATIONS:
        raise unknown_word("operation", operation, OPERATIONS)
    return OPERATIONS[operation]


def settings_of(mode: str, boundary: Any, fill_value: Any, center: Any, stride: Any, dilation: Any) -> dict[str, Any]:
    """The keywords of `ConvSpec.of`, lists made tuples."""
    words = {"boundary": boundary, "fill_value": fill_value, "center": center, "stride": stride, "dilation": dilation}
    return {"mode": mode, **{name: freeze(value) for name, value in words.items()}}


def numbers_of(value: Any, name: str) -> Array:
    """Python numbers in an object array: exact where the input is; a bool counts as 0 or 1."""
    array = enter(value, name)
    return np.asarray((array.astype(int) if array.dtype.kind == "b" else array).astype(object))


def pack(values: list[Any], shape: Shape) -> Array:
    """Python numbers as an array: int64 where all fit, else the type NumPy finds, else object."""
    if all(isinstance(value, int) for value in values):
        fits = all(abs(value) < 2**63 for value in values)
        return np.array(values, dtype=np.int64 if fits else object).reshape(shape)
    return np.array(values).reshape(shape)


def number_text(value: Any) -> str:
    """A number as it is printed: exact, floats to 6 digits; "·" where there is none yet.

    >>> from fractions import Fraction
    >>> [number_text(v) for v in (None, 7, Fraction(1, 9), 0.5, 0.1 + 0.2, 1 - 2j)]
    ['·', '7', '1/9', '0.5', '0.3', '(1-2j)']
    """
    if value is None:
        return "·"
    if _is_complex(value):
        real, imag = (number_text(float(part)).removesuffix(".0") for part in (value.real, value.imag))
        return f"({real}{imag if imag[0] == '-' else '+' + imag}j)"
    if isinstance(value, float | np.floating):
        shortest = str(value)
        return shortest if len(shortest.lstrip("-0.").replace(".", "")) <= 6 else f"{value:.6g}"
    return str(value)


def join_sum(parts: Iterable[str]) -> str:
    """Numbers as a sum: a minus sign takes the place of the plus before it.

    >>> join_sum(["1", "-1", "2"])
    '1 - 1 + 2'
    """
    first, *rest = parts
    return first + "".join(f" - {part[1:]}" if part[0] == "-" else f" + {part}" for part in rest)


def _spell(name: str, terms: list[tuple[str, Any]], total: Any, unused: str = "") -> list[str]:
    """name = symbols = numbers = total, over as many lines as it takes."""
    if not terms:
        return [f"{name} = {number_text(total)}{unused}"]
    sides = [
        " + ".join(text for text, _ in terms),
        join_sum(number_text(value) for _, value in terms),
        number_text(total),
    ]
    if len(terms) == 1:
        del sides[1]
    line = " = ".join([name, *sides])
    if len(line) <= WIDTH:
        return [line]
    starts = [f"{name} = ", *[" " * len(name) + " = "] * (len(sides) - 1)]
    return [line for start, side in zip(starts, sides, strict=True) for line in _wrap(start, side)]


def _wrap(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _label(name: str, index: Shape) -> str:
    return f"{name}{index[0]}" if len(index) == 1 else f"{name}[{','.join(map(str, index))}]"


def _terms_of(spec: ConvSpec) -> dict[Shape, list[tuple[Shape | None, Shape]]]:
    """The terms that meet in each output; loops over input channels meet in the same one."""
    terms: dict[Shape, list[tuple[Shape | None, Shape]]] = {at: [] for at in np.ndindex(*spec.y_shape)}
    for loop_index in np.ndindex(*(loop.size for loop in spec.loops)):
        for m in np.ndindex(*(axis.y for axis in spec.axes)):
            terms[spec.place("y", loop_index, m)].extend(spec.terms(loop_index, m))
    return terms


def _leaves(name: str, array: Array) -> dict[Shape, Node]:
    return {index: Node(name, _label(name, index), array[index]) for index in np.ndindex(*array.shape)}


def _add(at: Shape, factors: list[Node]) -> tuple[Shape, Node]:
    total = sum((node.value for node in factors), 0)
    return at, Node("+", f"+{_label('', at)}", total, tuple(Edge(node, 1, "1") for node in factors))


def _bar(node: Node) -> str:
    return f"conj({node.label})" if _is_complex(node.value) else node.label


def _weighted(weight: Any, y: Node) -> tuple[str, Any]:
    """A term of L = Re Σ conj(dy)·y, as it is written and its value."""
    text = y.label if weight == 1 else f"{y.label}·{number_text(weight.conjugate())}"
    term = weight.conjugate() * y.value
    return (f"Re {text}" if _is_complex(term) else text), term.real


def _shape_note(array: Array) -> str:
    return f"   (shape {array.shape})" if array.ndim > 1 else ""


def _is_complex(value: Any) -> bool:
    return isinstance(value, complex | np.complexfloating)
