"""A small graph as a whole: columns of cards, x and w on the left, L on the right.

Frame by frame values come from the left, then gradients from the right. Nothing is computed
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..show import Frame, Scene
from ..show.canvas import Canvas
from ..show.numbers import join_sum, number_text
from ..show.scene import Label, text_width
from .cards import ELBOW, INKS, PITCH, State, draw_chip, draw_edge, draw_legend, ids, place_columns
from .computation import Computation
from .nodes import Node
from .text import spell_gradient, spell_loss, spell_output

#: Between the products of one output and those of the next.
GAP = 14


class Layout:
    """Where each node of a small graph stands."""

    def __init__(self, graph: Computation) -> None:
        self.graph = graph
        leaves, _, sums, ys, (loss,) = graph.layers()
        sum_width = max((text_width(line, 12) for node in leaves for line in _sum_lines(node)), default=0.0)
        gaps = (sum_width + 28 if sum_width else 16, 190, 70, 40, 76)
        self.columns = place_columns(0.0, gaps, graph.layers())
        self.middles: dict[int, float] = {}
        self._stack_products(74.0)
        self._spread([n for n in leaves if n.kind in ("w", "fill")], [n for n in leaves if n.kind == "x"])
        # The bias goes under everything else: its edges pass below the products on their way to the sums.
        floor = max(self.middles.values(), default=74.0)
        self.middles |= {id(n): floor + PITCH * (i + 1) for i, n in enumerate(n for n in leaves if n.kind == "b")}
        for node in (*sums, *ys):
            self.middles[id(node)] = self._center(node)
        self.middles[id(loss)] = self._center(loss) if ys else 74.0

    def _stack_products(self, top: float) -> None:
        """The products of one output together, a gap between outputs."""
        for _, factors, _ in self.graph.outputs():
            for node in factors:
                self.middles[id(node)] = top
                top += PITCH
            top += GAP if factors else PITCH
        self.top, self.bottom = 74.0, max(top - GAP - PITCH, 74.0)

    def _spread(self, others: list[Node], samples: list[Node]) -> None:
        """x above w, with equal steps over the height of the products."""
        rows: list[Node | None] = [*samples, None, *others]
        step = max((self.bottom - self.top) / max(len(rows) - 1, 1), PITCH)
        first = (self.top + self.bottom - step * (len(rows) - 1)) / 2
        shift = max(self.top - first, 0.0)
        for n, node in enumerate(rows):
            if node is not None:
                self.middles[id(node)] = first + shift + n * step

    def _center(self, node: Node) -> float:
        """In the middle of what the node was made from."""
        places = [self.middles[id(edge.node)] for edge in node.parents if edge.node.kind != "b"]
        return (min(places) + max(places)) / 2 if places else self.bottom

    def draw(self, state: State, title: str, sentence: str) -> Scene:
        canvas = Canvas()
        for name, column in zip(("x and w", "products ×", "sums +", "y", "L"), self.columns, strict=True):
            canvas.add(Label(column.left + column.width / 2, 38, name, "faint", 13))
        draw_legend(canvas)
        for hot in (False, True):
            self._draw_edges(canvas, state, hot)
        self._draw_locals(canvas, state)
        for layer, column in zip(self.graph.layers(), self.columns, strict=True):
            for node in layer:
                column.draw(canvas, self.middles[id(node)], node, state, id(node) in state.sums)
        self._draw_sums(canvas, state)
        return canvas.scene(title, sentence)

    def _edges(self) -> Iterator[tuple[Node, Node, int, int, str]]:
        """(source, target, column of the target, which of its edges, local derivative)."""
        for column, layer in enumerate(self.graph.layers()):
            for node in layer:
                for n, edge in enumerate(node.parents):
                    yield edge.node, node, column, n, number_text(edge.local)

    def _ends(self, source: Node, target: Node, column: int, n: int) -> tuple[tuple[float, float], tuple[float, float]]:
        start = self.columns[column - 1 if source.parents else 0].right, self.middles[id(source)]
        # A product has two ports, so that the numbers on its edges stand apart.
        port = (-7.5, 7.5)[n] if target.kind == "×" else 0.0
        return start, (self.columns[column].left, self.middles[id(target)] + port)

    def _draw_edges(self, canvas: Canvas, state: State, hot: bool) -> None:
        for source, target, column, n, _ in self._edges():
            if ((id(source), id(target)) in state.hot) == hot:
                start, end = self._ends(source, target, column, n)
                elbow = ELBOW if target.kind == "×" else 0
                if source.kind == "b":
                    passed = self.columns[1].right + 10, start[1]
                    draw_edge(canvas, start, passed, "b", hot, False) if not hot else canvas.wire(
                        *start, *passed, "gradient-ink" if state.back else "w-ink", 2.2
                    )
                    start = passed
                draw_edge(canvas, start, end, source.kind, hot, state.back, elbow)

    def _draw_locals(self, canvas: Canvas, state: State) -> None:
        for source, target, column, n, local in self._edges():
            if id(target) in state.values and target.kind in ("×", "L"):
                (x0, y0), (x, y) = self._ends(source, target, column, n)
                if target.kind == "L":
                    x, y = (x0 + x) / 2 + 8, (y0 + y) / 2
                is_back = state.back and (id(source), id(target)) in state.hot
                draw_chip(canvas, x - 10, y, local, "gradient-ink" if is_back else INKS.get(source.kind, "ink"))

    def _draw_sums(self, canvas: Canvas, state: State) -> None:
        for node in self.graph.layers()[0]:
            lines = _sum_lines(node) if id(node) in state.grads else []
            for n, line in enumerate(lines):
                middle = self.middles[id(node)] + 15 * (n - (len(lines) - 1) / 2)
                strong = id(node) in state.sums
                canvas.add(Label(self.columns[0].left - 8, middle, line, "gradient-ink", 12, "end", bold=strong))


def _sum_lines(node: Node) -> list[str]:
    """What came down to a leaf, in symbols and in numbers."""
    symbols = " + ".join(arrival.text for arrival in node.arrivals)
    numbers = join_sum(number_text(arrival.value) for arrival in node.arrivals) if node.arrivals else ""
    return [f"{symbols} =", f"{numbers} ="] if len(node.arrivals) > 1 else [f"{symbols} ="] if symbols else []


# ---------------------------------------------------------------------------- the passes


def draw_passes(graph: Computation) -> Iterator[Frame]:
    layout = Layout(graph)
    yield from _draw_forward(graph, layout)
    if graph.has_gradients:
        yield from _draw_backward(graph, layout)


def _into(nodes: Iterable[Node]) -> frozenset[tuple[int, int]]:
    """The edges that end in these nodes."""
    return frozenset((id(edge.node), id(node)) for node in nodes for edge in node.parents)


def _draw_forward(graph: Computation, layout: Layout) -> Iterator[Frame]:
    known = ids(graph.layers()[0])
    sentence = "Forward: x and w are given; everything to the right of them is still to come."
    yield Frame(layout.draw(State(known), "Forward pass, start", sentence), sentence)
    for total, factors, y in graph.outputs():
        known |= ids([*factors, total, y])
        state = State(known, hot=_into([*factors, total, y]))
        sentence = spell_output(total, y)
        yield Frame(layout.draw(state, f"Forward pass, {y.label}", sentence), sentence)
    loss = graph.layers()[-1]
    sentence = f"{spell_loss(graph)}{'' if graph.has_gradients else '; no gradient is known before backward()'}"
    yield Frame(layout.draw(State(known | ids(loss), hot=_into(loss)), "Forward pass, L", sentence), sentence)


def _draw_backward(graph: Computation, layout: Layout) -> Iterator[Frame]:
    leaves, products, sums, ys, loss = graph.layers()
    values = ids(graph.nodes)
    grads = ids([*loss, *ys])
    given = ", ".join(f"d{y.label} = {number_text(y.grad)}" for y in ys)
    sentence = f"Backward: L has gradient 1 and hands each y its weight: {given}"
    yield Frame(layout.draw(State(values, grads, _into(loss), True), "Backward pass, y", sentence), sentence)
    grads |= ids([*sums, *products])
    sentence = "+ copies: every product gets the gradient of its sum, unchanged."
    hot = _into([*ys, *sums])
    yield Frame(layout.draw(State(values, grads, hot, True), "Backward pass, products", sentence), sentence)
    for node in [leaf for name in "wbx" for leaf in graph.leaves(name)]:
        grads |= ids([node])
        hot = frozenset((id(node), id(arrival.source)) for arrival in node.arrivals)
        state = State(values, grads, hot, True, ids([node]))
        rule = "× swaps and edges that meet add: " if len(node.arrivals) > 1 else "× swaps: " if node.arrivals else ""
        sentence = rule + spell_gradient(node)
        yield Frame(layout.draw(state, f"Backward pass, d{node.label}", sentence), sentence)
    grads |= ids(leaves)
    told = ", ".join(f"d{name} = ({_listed(graph.leaves(name))})" for name in "wbx" if graph.leaves(name))
    sentence = f"At every leaf, what came down its edges is added up: {told}"
    yield Frame(layout.draw(State(values, grads, back=True), "The graph after backward", sentence), sentence)


def _listed(nodes: list[Node]) -> str:
    return ", ".join(number_text(node.grad) for node in nodes)
