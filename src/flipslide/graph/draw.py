"""The pictures of a graph: columns of boxes, x and w on the left, L on the right.

    name | value | gradient        every node; the gradient is "·" until it has come down
    a number on an edge            the derivative of the right end with respect to the left

A small graph is drawn whole, forward and backward, frame by frame. A large one is drawn in
parts: what each output is made of, then what comes down to each entry of x and w. Nothing is
computed here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ..errors import ParameterError
from ..exact import join_sum, number_text
from ..show import Cell, Document, Frame, Frames, Grid, Grids, Scene, Shown, Table, Text
from ..show.board import Board, minus, text_width
from ..show.scene import Label, Rect
from .build import Graph
from .nodes import Node
from .text import spell_gradient, spell_loss, spell_output

__all__ = ["View", "draw_document", "draw_frames", "draw_part", "draw_whole"]

#: A graph with more products than this is drawn in parts, and a part with more as cards.
MAX_WHOLE = 20
MAX_ROWS = 9
MAX_FRAMES = 96
HEIGHT, PITCH, GAP, ELBOW, CARD = 28, 42, 14, 44, 36
INKS = {"x": "x-ink", "w": "w-ink", "b": "w-ink", "fill": "faint", "y": "y-ink", "L": "y-ink"}
LINES = {"x": "x-line", "w": "w-line", "b": "w-line"}
FILLS = {"x": "x", "w": "w", "b": "w", "fill": "padding", "y": "y", "L": "y"}


Point = tuple[float, float]


class State(NamedTuple):
    """How far a pass has come: whose numbers are written, which edges and sums stand out."""

    values: frozenset[int]
    grads: frozenset[int] = frozenset()
    hot: frozenset[tuple[int, int]] = frozenset()  # edges, as (id of the source, id of the target)
    back: bool = False
    sums: frozenset[int] = frozenset()  # leaves beside which their sum is written


# ----------------------------------------------------------------------------- one node


class Boxes:
    """How wide the three cells of a node must be in each column, and how one is drawn."""

    def __init__(self, nodes: Iterable[Node], names: dict[int, str] | None = None) -> None:
        nodes, self.names = list(nodes), names or {}
        # Bold letters, and fonts that are wider than Roboto where it is missing.
        self.name = 1.12 * max((text_width(self.name_of(node), 13) for node in nodes), default=0) + 14
        numbers = [number_text(number) for node in nodes for number in (node.value, node.grad)]
        self.number = max([30.0, *(text_width(minus(text), 14) + 12 for text in numbers)])
        self.width = self.name + 2 * self.number

    def name_of(self, node: Node) -> str:
        return self.names.get(id(node)) or ("+" if node.kind == "+" else node.label)

    def draw(self, board: Board, left: float, middle: float, node: Node, state: State, strong: bool = False) -> None:
        top = middle - HEIGHT / 2
        value = minus(number_text(node.value)) if id(node) in state.values else ""
        known = id(node) in state.grads and node.grad is not None
        edges = left, left + self.name, left + self.name + self.number
        fills = "blank", FILLS.get(node.kind, "blank"), "gradient" if known else "blank"
        texts = self.name_of(node), value, minus(number_text(node.grad)) if known else "·"
        inks = INKS.get(node.kind, "ink"), "ink", "ink" if known else "faint"
        widths = self.name, self.number, self.number
        for x, width, fill, text, ink, size in zip(edges, widths, fills, texts, inks, (13, 14, 14), strict=True):
            board.add(Rect(x, top, width, HEIGHT, fill, "grid", 1, node.kind == "fill" and fill == "padding"))
            board.add(Label(x + width / 2, middle, text, ink, size, bold=size == 13))
        if strong:
            board.outline(left, top, self.width, HEIGHT, "gradient-ink" if state.back else "window")
        board.reach(left + self.width, top + HEIGHT)


def _edge(board: Board, start: Point, end: Point, kind: str, hot: bool, back: bool, elbow: float = 0) -> None:
    """A line between two boxes, level over its last `elbow`; a hot one in the colour of what runs along it."""
    ink = "gradient-ink" if hot and back else INKS.get(kind, "faint") if hot else LINES.get(kind, "grid")
    points = [start, *([(end[0] - elbow, end[1])] if elbow else []), end]
    for (x1, y1), (x2, y2) in pairwise(points[::-1] if back else points):
        board.wire(x1, y1, x2, y2, ink, 2.2 if hot else 1)
    if hot:
        (x1, y1), (x2, y2) = points[1::-1] if back else points[-2:]
        board.arrow(x1, y1, x2, y2, ink, 2.2)


def _chip(board: Board, right: float, middle: float, text: str, ink: str = "ink") -> None:
    """A small number on an edge, on a ground that keeps the lines off it."""
    width = text_width(text, 11) + 6
    board.add(Rect(right - width, middle - 7.5, width, 15, "paper", "", radius=4))
    board.add(Label(right - width / 2, middle, text, ink, 11))


# ------------------------------------------------------------------------- the whole graph


class Layout:
    """Where each node of a small graph stands."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        leaves, products, sums, ys, (loss,) = graph.layers()
        columns = [leaves, products, sums, ys, [loss]]
        self.boxes = [Boxes(column) for column in columns]
        self.sum_width = max((text_width(line, 12) for node in leaves for line in _sum_lines(node)), default=0.0)
        gaps = (self.sum_width + 28 if self.sum_width else 16, 190, 70, 40, 76)
        self.lefts, x = [], 0.0
        for gap, boxes in zip(gaps, self.boxes, strict=True):
            self.lefts.append(x + gap)
            x += gap + boxes.width
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
        board = Board()
        for name, left, boxes in zip(
            ("x and w", "products ×", "sums +", "y", "L"), self.lefts, self.boxes, strict=True
        ):
            board.add(Label(left + boxes.width / 2, 38, name, "faint", 13))
        _legend(board)
        for hot in (False, True):
            self._draw_edges(board, state, hot)
        self._draw_locals(board, state)
        for layer, left, boxes in zip(self.graph.layers(), self.lefts, self.boxes, strict=True):
            for node in layer:
                boxes.draw(board, left, self.middles[id(node)], node, state, id(node) in state.sums)
        self._draw_sums(board, state)
        return board.scene(title, sentence)

    def _edges(self) -> Iterator[tuple[Node, Node, int, int, str]]:
        """(source, target, column of the target, which of its edges, local derivative)."""
        for column, layer in enumerate(self.graph.layers()):
            for node in layer:
                for n, edge in enumerate(node.parents):
                    yield edge.node, node, column, n, minus(number_text(edge.local))

    def _ends(self, source: Node, target: Node, column: int, n: int) -> tuple[tuple[float, float], tuple[float, float]]:
        from_column = 0 if source.kind in ("x", "w", "b", "fill") else column - 1
        start = self.lefts[from_column] + self.boxes[from_column].width, self.middles[id(source)]
        # A product has two ports, so that the numbers on its edges stand apart.
        port = (-7.5, 7.5)[n] if target.kind == "×" else 0.0
        return start, (self.lefts[column], self.middles[id(target)] + port)

    def _draw_edges(self, board: Board, state: State, hot: bool) -> None:
        for source, target, column, n, _ in self._edges():
            if ((id(source), id(target)) in state.hot) == hot:
                start, end = self._ends(source, target, column, n)
                elbow = ELBOW if target.kind == "×" else 0
                if source.kind == "b":
                    passed = self.lefts[1] + self.boxes[1].width + 10, start[1]
                    _edge(board, start, passed, "b", hot, False) if not hot else board.wire(
                        *start, *passed, "gradient-ink" if state.back else "w-ink", 2.2
                    )
                    start = passed
                _edge(board, start, end, source.kind, hot, state.back, elbow)

    def _draw_locals(self, board: Board, state: State) -> None:
        for source, target, column, n, local in self._edges():
            known = id(target) in state.values and target.kind in ("×", "L")
            if known:
                _, (x, y) = self._ends(source, target, column, n)
                hot = (id(source), id(target)) in state.hot
                if target.kind == "L":
                    (x0, y0), (x1, y1) = self._ends(source, target, column, n)
                    x, y = (x0 + x1) / 2 + 8, (y0 + y1) / 2
                _chip(board, x - 10, y, local, "gradient-ink" if hot and state.back else INKS.get(source.kind, "ink"))

    def _draw_sums(self, board: Board, state: State) -> None:
        for node in self.graph.layers()[0]:
            lines = _sum_lines(node) if id(node) in state.grads else []
            for n, line in enumerate(lines):
                middle = self.middles[id(node)] + 15 * (n - (len(lines) - 1) / 2)
                strong = id(node) in state.sums
                board.add(Label(self.lefts[0] - 8, middle, line, "gradient-ink", 12, "end", bold=strong))


def _sum_lines(node: Node) -> list[str]:
    """What came down to a leaf, in symbols and in numbers."""
    symbols = minus(" + ".join(arrival.text for arrival in node.arrivals))
    numbers = minus(join_sum(number_text(arrival.value) for arrival in node.arrivals)) if node.arrivals else ""
    return [f"{symbols} =", f"{numbers} ="] if len(node.arrivals) > 1 else [f"{symbols} ="] if symbols else []


def _legend(board: Board) -> None:
    board.add(Label(16, 14, "name | value | gradient. On an edge: its local derivative", "faint", 12, "start"))
    board.reach(330, 20)


# ---------------------------------------------------------------------------- the passes


def draw_frames(graph: Graph) -> tuple[Frame, ...]:
    """The forward pass and, once `backward` has run, the backward pass; in parts if it is large."""
    if is_small(graph):
        return tuple(_draw_passes(graph))
    return tuple(draw_part(graph, label) for label in _drawn_labels(graph))


def is_small(graph: Graph) -> bool:
    """Whether the whole graph makes one legible picture."""
    n_products = sum(len(factors) for _, factors, _ in graph.outputs())
    return n_products <= MAX_WHOLE and len(graph.layers()[0]) <= MAX_WHOLE


def _drawn_labels(graph: Graph) -> list[str]:
    """The parts that are drawn of a large graph: y, then w and the bias, then x, while there is room."""
    labels: list[str] = []
    groups = [[y for _, _, y in graph.outputs()]]
    groups += [[*graph.leaves("w"), *graph.leaves("b")], graph.leaves("x")] if graph.has_gradients else []
    for group in groups:
        if len(labels) + len(group) > MAX_FRAMES:
            break
        labels += [node.label for node in group]
    return labels


def draw_whole(graph: Graph) -> Frame:
    """Everything that is known, in one picture."""
    return tuple(_draw_passes(graph))[-1]


def _draw_passes(graph: Graph) -> Iterator[Frame]:
    layout = Layout(graph)
    yield from _draw_forward(graph, layout)
    if graph.has_gradients:
        yield from _draw_backward(graph, layout)


def _ids(nodes: Iterable[Node]) -> frozenset[int]:
    return frozenset(map(id, nodes))


def _into(nodes: Iterable[Node]) -> frozenset[tuple[int, int]]:
    """The edges that end in these nodes."""
    return frozenset((id(edge.node), id(node)) for node in nodes for edge in node.parents)


def _draw_forward(graph: Graph, layout: Layout) -> Iterator[Frame]:
    known = _ids(graph.layers()[0])
    sentence = "Forward: x and w are given; everything to the right of them is still to come."
    yield Frame(layout.draw(State(known), "Forward pass, start", sentence), sentence)
    for total, factors, y in graph.outputs():
        known |= _ids([*factors, total, y])
        state = State(known, hot=_into([*factors, total, y]))
        sentence = minus(spell_output(total, y))
        yield Frame(layout.draw(state, f"Forward pass, {y.label}", sentence), sentence)
    loss = graph.layers()[-1]
    sentence = minus(f"{spell_loss(graph)}{'' if graph.has_gradients else '; no gradient is known before backward()'}")
    yield Frame(layout.draw(State(known | _ids(loss), hot=_into(loss)), "Forward pass, L", sentence), sentence)


def _draw_backward(graph: Graph, layout: Layout) -> Iterator[Frame]:
    leaves, products, sums, ys, loss = graph.layers()
    values = _ids(graph.nodes)
    grads = _ids([*loss, *ys])
    given = ", ".join(f"d{y.label} = {number_text(y.grad)}" for y in ys)
    sentence = minus(f"Backward: L has gradient 1 and hands each y its weight: {given}")
    yield Frame(layout.draw(State(values, grads, _into(loss), True), "Backward pass, y", sentence), sentence)
    grads |= _ids([*sums, *products])
    sentence = "+ copies: every product gets the gradient of its sum, unchanged."
    hot = _into([*ys, *sums])
    yield Frame(layout.draw(State(values, grads, hot, True), "Backward pass, products", sentence), sentence)
    for node in [leaf for name in "wbx" for leaf in graph.leaves(name)]:
        grads |= _ids([node])
        hot = frozenset((id(node), id(arrival.source)) for arrival in node.arrivals)
        state = State(values, grads, hot, True, _ids([node]))
        rule = "× swaps and edges that meet add: " if len(node.arrivals) > 1 else "× swaps: " if node.arrivals else ""
        sentence = minus(rule + spell_gradient(node))
        yield Frame(layout.draw(state, f"Backward pass, d{node.label}", sentence), sentence)
    grads |= _ids(leaves)
    told = ", ".join(f"d{name} = ({_listed(graph.leaves(name))})" for name in "wbx" if graph.leaves(name))
    sentence = minus(f"At every leaf, what came down its edges is added up: {told}")
    yield Frame(layout.draw(State(values, grads, back=True), "The graph after backward", sentence), sentence)


def _listed(nodes: list[Node]) -> str:
    return ", ".join(number_text(node.grad) for node in nodes)


# ------------------------------------------------------------------------ parts of a graph


class View(Shown):
    """The part of a graph that one node takes part in; made by `graph.focus(label)`."""

    __slots__ = ("graph", "label")

    def __init__(self, graph: Graph, label: str) -> None:
        _find(graph, label)
        self.graph, self.label = graph, label

    def document(self) -> Document:
        frame = draw_part(self.graph, self.label)
        return Document("", (Text(_spell(self.graph, self.label)), Frames(f"graph around {self.label}", (frame,))))

    def __repr__(self) -> str:
        return f"<View: {self.label} of {self.graph!r}>"


def _find(graph: Graph, label: str) -> Node:
    for node in graph.nodes:
        if node.label == label:
            return node
    kinds = ", ".join(layer[0].label for layer in graph.layers() if layer)
    raise ParameterError(f"this graph has no node {label!r}; its nodes are called {kinds} and so on")


def _output_of(graph: Graph, node: Node) -> tuple[Node, list[Node], Node] | None:
    """The output that a product, a sum or a y belongs to."""
    for total, factors, y in graph.outputs():
        if node is total or node is y or any(node is factor for factor in factors):
            return total, factors, y
    return None


def _spell(graph: Graph, label: str) -> str:
    node = _find(graph, label)
    output = _output_of(graph, node)
    if output is not None:
        return spell_output(output[0], output[2])
    if node.kind == "L":
        return spell_loss(graph)
    if graph.has_gradients:
        return spell_gradient(node)
    fed = [
        y.label for _, factors, y in graph.outputs() if any(edge.node is node for f in factors for edge in f.parents)
    ]
    return f"{label} feeds {', '.join(fed) or 'no output'}; d{label} is not known before backward() has run"


def _shorten(line: str) -> str:
    """Of a long sum the numbers alone: its symbols stand in the picture."""
    name, *sides = line.split(" = ")
    return " = ".join([name, *sides[1:]]) if len(line) > 120 and len(sides) > 2 else line


def draw_part(graph: Graph, label: str) -> Frame:
    """What one output is made of, or what comes down to one leaf."""
    node = _find(graph, label)
    sentence = minus(_shorten(_spell(graph, label)))
    output = _output_of(graph, node)
    if node.kind == "L":
        scene = _draw_loss(graph, sentence)
    elif output is not None:
        scene = _draw_output(graph, output, sentence)
    else:
        scene = _draw_leaf(graph, node, sentence)
    return Frame(scene, sentence)


def _state(graph: Graph, back: bool) -> State:
    everything = _ids(graph.nodes)
    return State(everything, everything if graph.has_gradients else frozenset(), back=back)


def _draw_output(graph: Graph, output: tuple[Node, list[Node], Node], sentence: str) -> Scene:
    """Factors, products, their sum and y, from left to right and without a crossing."""
    total, factors, y = output
    parts = [edge.node for edge in total.parents]
    if len(parts) > MAX_ROWS:
        return _draw_cards(graph, parts, [total, y], sentence)
    state, board = _state(graph, False), Board()
    leaves = [edge.node for node in factors for edge in node.parents]
    boxes = [Boxes([*leaves, *(n for n in parts if n.kind == "b")]), Boxes(factors), Boxes([total]), Boxes([y])]
    lefts, x = [], 16.0
    for gap, column in zip((0, 100, 70, 44), boxes, strict=True):
        lefts.append(x + gap)
        x += gap + column.width
    _legend(board)
    middles, top = [], 54.0
    for node in parts:
        rows = [edge.node for edge in node.parents] or [node]
        middle = top + (len(rows) - 1) * 17
        middles.append(middle)
        for n, (edge, leaf) in enumerate(zip(node.parents, rows, strict=False)):
            at, port = top + n * 34, middle + (-7.5, 7.5)[n]
            _edge(board, (lefts[0] + boxes[0].width, at), (lefts[1], port), leaf.kind, True, False, ELBOW)
            _chip(board, lefts[1] - 14, port, minus(number_text(edge.local)), INKS[leaf.kind])
            boxes[0].draw(board, lefts[0], at, leaf, state)
        if node.parents:
            boxes[1].draw(board, lefts[1], middle, node, state)
        else:
            boxes[0].draw(board, lefts[0], middle, node, state)
        top += 34 * len(rows) + GAP
    middle = (min(middles) + max(middles)) / 2 if middles else top
    for at, node in zip(middles, parts, strict=True):
        start = lefts[1] + boxes[1].width if node.parents else lefts[0] + boxes[0].width
        _edge(board, (start, at), (lefts[2], middle), "+", True, False)
    _edge(board, (lefts[2] + boxes[2].width, middle), (lefts[3], middle), "+", True, False)
    boxes[2].draw(board, lefts[2], middle, total, state)
    boxes[3].draw(board, lefts[3], middle, y, state, True)
    return board.scene(f"What {y.label} is made of", sentence)


def _draw_leaf(graph: Graph, leaf: Node, sentence: str) -> Scene:
    """A leaf, the products it takes part in, and the gradients that come down through them."""
    state, board = _state(graph, True), Board()
    uses = [node for _, factors, _ in graph.outputs() for node in factors if any(e.node is leaf for e in node.parents)]
    sums = [total for total, _, _ in graph.outputs() if any(e.node is leaf for e in total.parents)]
    targets = uses or sums
    if len(targets) > MAX_ROWS + 3:
        return _draw_cards(graph, targets, [leaf], sentence)
    _legend(board)
    boxes = Boxes([leaf]), Boxes(targets)
    left, right = 16.0, 16.0 + boxes[0].width + 190
    for n, node in enumerate(targets):
        middle = 54.0 + n * PITCH
        center = 54.0 + (len(targets) - 1) * PITCH / 2
        edge = next(edge for edge in node.parents if edge.node is leaf)
        hot = graph.has_gradients
        text = minus(edge.spell(node.grad) if hot else number_text(edge.local))
        elbow = text_width(text, 11) + 30
        _edge(board, (left + boxes[0].width, center), (right, middle), leaf.kind, True, hot, elbow)
        _chip(board, right - 12, middle, text, "gradient-ink" if hot else INKS[leaf.kind])
        boxes[1].draw(board, right, middle, node, state)
    boxes[0].draw(board, left, 54.0 + (max(len(targets), 1) - 1) * PITCH / 2, leaf, state, True)
    return board.scene(f"What comes down to {leaf.label}", sentence)


def _draw_cards(graph: Graph, nodes: list[Node], ends: list[Node], sentence: str) -> Scene:
    """Many terms as cards in columns, a rail beside each column that leads to their sum."""
    state, board = _state(graph, ends[0].kind in ("x", "w", "b")), Board()
    _legend(board)
    boxes, goal = Boxes(nodes), Boxes(ends)
    columns = _columns_of(graph, nodes)
    left, bottom = 16.0, 54.0 + max(map(len, columns)) * CARD + 4
    ink = "gradient-ink" if state.back else "faint"
    rails = [left + boxes.width + 12 + n * (boxes.width + 32) for n in range(len(columns))]
    for rail, column in zip(rails, columns, strict=True):
        for n, node in enumerate(column):
            middle = 54.0 + n * CARD
            boxes.draw(board, rail - 12 - boxes.width, middle, node, state)
            board.wire(rail - 12, middle, rail, middle, ink, 1.5)
        board.wire(rail, 54.0, rail, bottom, ink, 1.5)
    board.wire(rails[0], bottom, rails[-1], bottom, ink, 1.5)
    total = goal.width * len(ends) + 40 * (len(ends) - 1)
    x, top = max(rails[-1] - total, 16.0), bottom + 36
    board.arrow(x + goal.width / 2, bottom, x + goal.width / 2, top - HEIGHT / 2 - 2, ink, 2)
    for n, node in enumerate(ends):
        at = x + n * (goal.width + 40)
        if n:
            board.arrow(at - 40, top, at - 2, top, ink, 2)
        goal.draw(board, at, top, node, state, n == len(ends) - 1)
    return board.scene(f"{ends[-1].label} and its {len(nodes)} terms", sentence)


def _columns_of(graph: Graph, nodes: list[Node]) -> list[list[Node]]:
    """A column for each channel where that is a legible height; else columns of equal height."""
    taps = math.prod(axis.w for axis in graph.spec.axes)
    most = MAX_ROWS + 3
    products = [node for node in nodes if node.kind == "×"]
    if 4 <= taps <= most and len(products) > taps and len(products) % taps == 0 and len(products) // taps <= 8:
        height, rest = taps, nodes[len(products) :]
    else:
        products, rest = nodes, []
        height = -(-len(nodes) // -(-len(nodes) // most))
    columns = [products[i : i + height] for i in range(0, len(products), height)]
    columns[-1] = columns[-1] + rest
    return columns


def _draw_loss(graph: Graph, sentence: str) -> Scene:
    """Every y, and L."""
    state, board = _state(graph, False), Board()
    _legend(board)
    ys, loss = graph.layers()[-2], graph.layers()[-1][0]
    boxes, goal = Boxes(ys), Boxes([loss])
    if len(ys) > MAX_ROWS + 3:
        return _draw_cards(graph, ys, [loss], sentence)
    right, center = 16.0 + boxes.width + 110, 54.0 + (max(len(ys), 1) - 1) * PITCH / 2
    for n, (y, edge) in enumerate(zip(ys, loss.parents, strict=True)):
        middle = 54.0 + n * PITCH
        _edge(board, (16.0 + boxes.width, middle), (right, center), "y", True, False)
        _chip(board, 16.0 + boxes.width + 40, middle + (center - middle) * 0.25, minus(number_text(edge.local)))
        boxes.draw(board, 16.0, middle, y, state)
    goal.draw(board, right, center, loss, state, True)
    return board.scene("What L is made of", sentence)


# ------------------------------------------------------------------------------ document


def draw_document(graph: Graph) -> Document:
    """Arrays, the pictures of both passes, every sum, and the convolutions that they are."""
    from .fold import Fold

    frames = draw_frames(graph)
    picture = [Frames("graph", frames)] if frames else []
    if not is_small(graph):
        left_out = (
            "" if len(frames) == len(graph.outputs()) + len(graph.layers()[0]) else "Not every node is drawn here. "
        )
        picture.append(Text(f"{left_out}graph.focus({graph.nodes[0].label!r}) draws what one node takes part in."))
    blocks = [
        Text("Every × and every + is a node. Forward, values flow to the right; backward, gradients flow to the left."),
        Grids(tuple(_grids(graph))),
        *picture,
        Table("Forward", ("node", "= its sum"), _forward_rows(graph), "ll"),
    ]
    if not graph.has_gradients:
        return Document(_title(graph), (*blocks, Text("No gradient is known before backward() has run.")))
    backward = Table("Backward: + copies, × swaps, and where edges meet, gradients add", ("gradient", "= its sum"),
                     _backward_rows(graph), "ll")  # fmt: skip
    return Document(_title(graph), (*blocks, backward, *Fold(graph).document().blocks))


def _title(graph: Graph) -> str:
    return f"Computation graph of {graph.operation}(x, w), mode {graph.mode!r}"


def _forward_rows(graph: Graph) -> tuple[tuple[str, str], ...]:
    spelled = [spell_output(total, y) for total, _, y in graph.outputs()]
    return tuple(map(_split, [*spelled, spell_loss(graph)]))


def _backward_rows(graph: Graph) -> tuple[tuple[str, str], ...]:
    return tuple(_split(spell_gradient(node)) for name in "wbx" for node in graph.leaves(name))


def _split(line: str) -> tuple[str, str]:
    name, _, rest = minus(line).partition(" = ")
    return name, rest


def _grids(graph: Graph) -> Iterator[Grid]:
    for name in "xwb":
        nodes = graph.leaves(name)
        if nodes:
            yield from _as_grids(name, nodes, graph.array(name).shape, name if name != "b" else "w")
    yield from _as_grids("y", [y for _, _, y in graph.outputs()], graph.y_shape, "y")


def _as_grids(name: str, nodes: list[Node], shape: tuple[int, ...], role: str) -> Iterator[Grid]:
    """A vector as one row, a matrix, or one matrix for each index in front of the last two."""
    columns = shape[-1] if shape else 1
    rows = shape[-2] if len(shape) > 1 else 1
    size = max(rows * columns, 1)
    for start in range(0, len(nodes), size):
        cells = [Cell(minus(number_text(node.value)), role) for node in nodes[start : start + size]]
        front = "" if len(nodes) <= size else _front(start // size, shape[:-2])
        yield Grid(f"{name}{front}", tuple(tuple(cells[i : i + columns]) for i in range(0, len(cells), columns)))


def _front(n: int, shape: tuple[int, ...]) -> str:
    index = []
    for size in reversed(shape):
        n, i = divmod(n, size)
        index.append(str(i))
    return f"[{','.join(reversed(index))}]"
