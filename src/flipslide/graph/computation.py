"""The computation of one call: built from the terms of its spec, walked back, checked.

It holds for every mode, stride and boundary, and for layers, and it shares no arithmetic
with the gradients of `signal.py` and `nn.py`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple, Self

import numpy as np

from ..arrays import Array
from ..errors import ParameterError, ShapeError
from ..show.numbers import is_complex, label_of, number_text
from ..spec import ConvSpec, Shape
from .exact import numbers_of, pack
from .nodes import Edge, Node


class GraphNode(NamedTuple):
    """A node as data; `grad` is None where there is none."""

    label: str
    kind: str
    value: Any
    grad: Any


class GraphEdge(NamedTuple):
    """An edge as data: the derivative of `target` with respect to `source`."""

    source: str
    target: str
    local: Any


class Computation:
    """The nodes x, w, ×, +, y and L of one small call, computed forward and walked back.

    `nodes` holds them so that each comes after those it was made from. `y` is the result;
    `dx`, `dw` and, with a bias, `db` are the gradients of L once `backward` has run, an error
    before.
    """

    def __init__(
        self,
        spec: ConvSpec,
        x: Any,
        w: Any,
        operation: str = "convolve",
        mode: str = "valid",
        bias: Any = None,
        y_shape: Shape | None = None,
    ) -> None:
        self.spec, self.operation, self.mode = spec, operation, mode
        self.y_shape = spec.y_shape if y_shape is None else y_shape
        self._arrays = {"x": numbers_of(x, "x"), "w": numbers_of(w, "w")}
        if bias is not None:
            self._arrays["b"] = numbers_of(bias, "bias")
        self._conjugates = spec.conj_w
        self._terms = _terms_of(spec)
        self._dy = [1] * spec.n_outputs
        self._build()

    def _build(self) -> None:
        self._leaves = {
            name: {index: Node(name, label_of(name, index), array[index]) for index in np.ndindex(*array.shape)}
            for name, array in self._arrays.items()
        }
        self._flat = {name: list(nodes.values()) for name, nodes in self._leaves.items()}
        self._fill = Node("fill", "fill", numbers_of(self.spec.fill, "fill_value")[()])
        self._products = [[self._times(*term) for term in terms] for terms in self._terms]
        places = list(np.ndindex(*self.y_shape))
        self._sums = [self._add(place, nodes) for place, nodes in zip(places, self._products, strict=True)]
        self._ys = [
            Node("y", label_of("y", place), total.value, (Edge(total, 1, "1"),))
            for place, total in zip(places, self._sums, strict=True)
        ]
        self._loss = Node("L", "L", None)
        self._weigh(self._dy)
        self.has_gradients = False

    def _times(self, x_at: int | None, w_at: int) -> Node:
        x = self._fill if x_at is None else self._flat["x"][x_at]
        w = self._flat["w"][w_at]
        if self._conjugates:
            tap = w.value.conjugate()
            edges = Edge(w, x.value, x.label, True), Edge(x, tap, w.label)
        else:
            tap = w.value
            edges = Edge(w, x.value, _bar(x)), Edge(x, tap, _bar(w))
        return Node("×", f"{_bar(w) if self._conjugates else w.label}·{x.label}", tap * x.value, edges)

    def _add(self, place: Shape, factors: list[Node]) -> Node:
        parts = [*factors, *([self._flat["b"][place[0]]] if "b" in self._arrays else [])]
        total = sum((node.value for node in parts), 0)
        return Node("+", label_of("+", place), total, tuple(Edge(node, 1, "1") for node in parts))

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
        return [node for layer in self.layers() for node in layer]

    def layers(self) -> list[list[Node]]:
        """Leaves, ×, +, y, L: within a layer no node is made from another."""
        leaves = [node for nodes in self._flat.values() for node in nodes]
        products = [node for factors in self._products for node in factors]
        fill = [self._fill] if any(edge.node is self._fill for node in products for edge in node.parents) else []
        return [leaves + fill, products, list(self._sums), list(self._ys), [self._loss]]

    def leaves(self, name: str) -> list[Node]:
        """The nodes of one array: "x", "w" or "b"."""
        return list(self._flat.get(name, ()))

    def array(self, name: str) -> Array | None:
        """The numbers of "x", "w" or "b", if it is there."""
        return self._arrays.get(name)

    def outputs(self) -> list[tuple[Node, list[Node], Node]]:
        """For each output its sum, the products that it adds, and y."""
        return list(zip(self._sums, self._products, self._ys, strict=True))

    @property
    def y(self) -> Array:
        return pack([node.value for node in self._ys], self.y_shape)

    @property
    def loss(self) -> Any:
        """L: the sum of y, each weighted with its dy once `backward` has been told it."""
        return self._loss.value

    @property
    def dy(self) -> Array:
        """The weights of y in L, which are its gradients there."""
        return pack(self._dy, self.y_shape)

    @property
    def dx(self) -> Array:
        return self._gradient("x")

    @property
    def dw(self) -> Array:
        return self._gradient("w")

    @property
    def db(self) -> Array | None:
        """The gradient of the bias; None where there is none."""
        return self._gradient("b") if "b" in self._arrays else None

    def _gradient(self, name: str) -> Array:
        if not self.has_gradients:
            raise ParameterError(f"d{name} is not known yet: there is no gradient before graph.backward() has run")
        return pack([node.grad for node in self._flat[name]], self._arrays[name].shape)

    # -------------------------------------------------------------- forward and backward

    def forward(self, x: Any = None, w: Any = None) -> Self:
        """Compute every value again, with other numbers in x or w if they are given.

        The gradients of the numbers before are forgotten.

        >>> from flipslide.graph import graph
        >>> graph([0, 1, 2, 3, 4], [1, -1, 2]).forward(w=[1, 0, 0]).y.tolist()
        [2, 3, 4]
        """
        for name, value in (("x", x), ("w", w)):
            if value is not None:
                numbers, shape = numbers_of(value, name), self._arrays[name].shape
                if numbers.shape != shape:
                    raise ShapeError(f"{name} has shape {numbers.shape}, but this graph was made for {shape}")
                self._arrays[name] = numbers
        self._build()
        return self

    def backward(self, dy: Any = None) -> Self:
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
        for layer in reversed(self.layers()):
            for node in layer:
                node.send()
        self.has_gradients = True
        return self

    def _cotangent(self, dy: Any) -> list[Any]:
        if dy is None:
            return [1] * len(self._ys)
        values = numbers_of(dy, "dy")
        if values.shape != self.y_shape:
            raise ShapeError(f"dy has shape {values.shape}, but y has shape {self.y_shape}; give one number per y")
        return list(values.flat)

    def check(self) -> float:
        """The largest difference between a gradient and a quotient of differences of L.

        L is linear in every single entry of x, w and the bias, so the quotient over any step,
        here (L(+1) − L(−1))/2, has no error but that of rounding: integers give exactly 0.

        >>> from flipslide.graph import graph
        >>> graph([0, 1, 2, 3, 4], [1, -1, 2]).backward().check()
        0.0
        """
        errors = [0.0]
        for name in self._arrays:
            is_complex_valued = self._gradient(name).dtype.kind == "c"
            for at, leaf in enumerate(self._flat[name]):
                errors.append(abs(leaf.grad.real - self._slope(name, at, 1)))
                if is_complex_valued:
                    errors.append(abs(leaf.grad.imag - self._slope(name, at, 1j)))
        return float(max(errors))

    def _slope(self, name: str, at: int, step: complex) -> Any:
        up, down = self._moved_loss(name, at, step), self._moved_loss(name, at, -step)
        return Fraction(up - down) / 2 if isinstance(up, int) and isinstance(down, int) else (up - down) / 2

    def _moved_loss(self, name: str, at: int, step: complex) -> Any:
        """L with one entry moved, computed from the terms and not from the nodes."""
        flat = {key: list(array.flat) for key, array in self._arrays.items()}
        flat[name][at] = flat[name][at] + step
        per_filter = math.prod(self.y_shape[1:])
        loss = 0
        for m, (g, terms) in enumerate(zip(self._dy, self._terms, strict=True)):
            for x_at, w_at in terms:
                tap = flat["w"][w_at].conjugate() if self._conjugates else flat["w"][w_at]
                loss = loss + (g.conjugate() * (tap * (self._fill.value if x_at is None else flat["x"][x_at]))).real
            if "b" in flat:
                loss = loss + (g.conjugate() * flat["b"][m // per_filter]).real
        return loss

    def record(self) -> tuple[tuple[GraphNode, ...], tuple[GraphEdge, ...]]:
        """The nodes and edges as data."""
        nodes = tuple(GraphNode(node.label, node.kind, node.value, node.grad) for node in self.nodes)
        edges = tuple(
            GraphEdge(edge.node.label, node.label, edge.local) for node in self.nodes for edge in node.parents
        )
        return nodes, edges

    def __repr__(self) -> str:
        state = "after backward" if self.has_gradients else "forward only"
        return f"<{type(self).__name__}: {self.operation}, mode {self.mode!r}, {len(self.nodes)} nodes, {state}>"


def _terms_of(spec: ConvSpec) -> list[list[tuple[int | None, int]]]:
    """The terms that meet in each output, as places in flat x and w.

    Loops over input channels meet in the same output.
    """
    terms: dict[Shape, list[tuple[int | None, int]]] = {at: [] for at in np.ndindex(*spec.y_shape)}
    for loop_index in np.ndindex(*(loop.size for loop in spec.loops)):
        for m in np.ndindex(*(axis.y for axis in spec.axes)):
            terms[spec.place("y", loop_index, m)].extend(
                (
                    None if x_index is None else int(np.ravel_multi_index(x_index, spec.x_shape)),
                    int(np.ravel_multi_index(w_index, spec.w_shape)),
                )
                for x_index, w_index in spec.terms(loop_index, m)
            )
    return list(terms.values())


def _bar(node: Node) -> str:
    return f"conj({node.label})" if is_complex(node.value) else node.label
