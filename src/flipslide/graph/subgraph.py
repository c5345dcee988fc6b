"""A part of a graph: what one output is made of, or what comes down to one entry of x or w."""

from __future__ import annotations

import math

from ..errors import ParameterError
from ..show import Document, Frame, Frames, Scene, Shown, Text
from ..show.canvas import Canvas
from ..show.numbers import number_text
from ..show.scene import text_width
from .cards import ELBOW, HEIGHT, INKS, PITCH, Column, State, draw_chip, draw_edge, draw_legend, ids, place_columns
from .computation import Computation
from .nodes import Node
from .text import spell_gradient, spell_loss, spell_output

#: More terms than this are drawn in columns.
MAX_ROWS = 9
GAP, ROW = 14, 36


class View(Shown):
    """The part of a graph that one node takes part in; made by `graph.focus(label)`."""

    __slots__ = ("graph", "label")

    def __init__(self, graph: Computation, label: str) -> None:
        _find(graph, label)
        self.graph, self.label = graph, label

    def document(self) -> Document:
        frame = draw_part(self.graph, self.label)
        return Document("", (Text(_spell(self.graph, self.label)), Frames(f"graph around {self.label}", (frame,))))

    def __repr__(self) -> str:
        return f"<View: {self.label} of {self.graph!r}>"


def _find(graph: Computation, label: str) -> Node:
    for node in graph.nodes:
        if node.label == label:
            return node
    kinds = ", ".join(layer[0].label for layer in graph.layers() if layer)
    raise ParameterError(f"this graph has no node {label!r}; its nodes are called {kinds} and so on")


def _output_of(graph: Computation, node: Node) -> tuple[Node, list[Node], Node] | None:
    """The output that a product, a sum or a y belongs to."""
    for total, factors, y in graph.outputs():
        if node is total or node is y or any(node is factor for factor in factors):
            return total, factors, y
    return None


def _spell(graph: Computation, label: str) -> str:
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


def draw_part(graph: Computation, label: str) -> Frame:
    """What one output is made of, or what comes down to one leaf."""
    node = _find(graph, label)
    sentence = _shorten(_spell(graph, label))
    output = _output_of(graph, node)
    if node.kind == "L":
        scene = _draw_loss(graph, sentence)
    elif output is not None:
        scene = _draw_output(graph, output, sentence)
    else:
        scene = _draw_leaf(graph, node, sentence)
    return Frame(scene, sentence)


def _state(graph: Computation, back: bool) -> State:
    everything = ids(graph.nodes)
    return State(everything, everything if graph.has_gradients else frozenset(), back=back)


def _draw_output(graph: Computation, output: tuple[Node, list[Node], Node], sentence: str) -> Scene:
    """Factors, products, their sum and y, from left to right and without a crossing."""
    total, factors, y = output
    parts = [edge.node for edge in total.parents]
    if len(parts) > MAX_ROWS:
        return _draw_many(graph, parts, [total, y], sentence)
    state, canvas = _state(graph, False), Canvas()
    leaves = [edge.node for node in factors for edge in node.parents]
    groups = [*leaves, *(n for n in parts if n.kind == "b")], factors, [total], [y]
    columns = place_columns(16.0, (0, 100, 70, 44), groups)
    draw_legend(canvas)
    middles, top = [], 54.0
    for node in parts:
        middles.append(_draw_term(canvas, node, top, columns, state))
        top += 34 * max(len(node.parents), 1) + GAP
    middle = (min(middles) + max(middles)) / 2 if middles else top
    for at, node in zip(middles, parts, strict=True):
        start = columns[1 if node.parents else 0].right, at
        draw_edge(canvas, start, (columns[2].left, middle), "+", True, False)
    draw_edge(canvas, (columns[2].right, middle), (columns[3].left, middle), "+", True, False)
    columns[2].draw(canvas, middle, total, state)
    columns[3].draw(canvas, middle, y, state, True)
    return canvas.scene(f"What {y.label} is made of", sentence)


def _draw_term(canvas: Canvas, node: Node, top: float, columns: list[Column], state: State) -> float:
    """A product beside its two factors, or the bias; gives the height of its middle."""
    leaves, products, *_ = columns
    if not node.parents:
        leaves.draw(canvas, top, node, state)
        return top
    middle = top + (len(node.parents) - 1) * 17
    for n, edge in enumerate(node.parents):
        at, port, kind = top + n * 34, middle + (-7.5, 7.5)[n], edge.node.kind
        draw_edge(canvas, (leaves.right, at), (products.left, port), kind, True, False, ELBOW)
        draw_chip(canvas, products.left - 14, port, number_text(edge.local), INKS[kind])
        leaves.draw(canvas, at, edge.node, state)
    products.draw(canvas, middle, node, state)
    return middle


def _draw_leaf(graph: Computation, leaf: Node, sentence: str) -> Scene:
    """A leaf, the products it takes part in, and the gradients that come down through them."""
    state, canvas = _state(graph, True), Canvas()
    uses = [node for _, factors, _ in graph.outputs() for node in factors if any(e.node is leaf for e in node.parents)]
    sums = [total for total, _, _ in graph.outputs() if any(e.node is leaf for e in total.parents)]
    targets = uses or sums
    if len(targets) > MAX_ROWS + 3:
        return _draw_many(graph, targets, [leaf], sentence)
    draw_legend(canvas)
    left, right = place_columns(16.0, (0, 190), ([leaf], targets))
    center = 54.0 + (max(len(targets), 1) - 1) * PITCH / 2
    for n, node in enumerate(targets):
        middle = 54.0 + n * PITCH
        edge = next(edge for edge in node.parents if edge.node is leaf)
        hot = graph.has_gradients
        text = edge.spell(node.grad) if hot else number_text(edge.local)
        elbow = text_width(text, 11) + 30
        draw_edge(canvas, (left.right, center), (right.left, middle), leaf.kind, True, hot, elbow)
        draw_chip(canvas, right.left - 12, middle, text, "gradient-ink" if hot else INKS[leaf.kind])
        right.draw(canvas, middle, node, state)
    left.draw(canvas, center, leaf, state, True)
    return canvas.scene(f"What comes down to {leaf.label}", sentence)


def _draw_many(graph: Computation, nodes: list[Node], ends: list[Node], sentence: str) -> Scene:
    """Many terms in columns, a rail beside each column that leads to their sum."""
    state, canvas = _state(graph, ends[0].kind in ("x", "w", "b")), Canvas()
    draw_legend(canvas)
    terms, goal = Column(nodes, 16.0), Column(ends)
    columns = _columns_of(graph, nodes)
    bottom = 54.0 + max(map(len, columns)) * ROW + 4
    ink = "gradient-ink" if state.back else "faint"
    rails = [terms.right + 12 + n * (terms.width + 32) for n in range(len(columns))]
    for rail, column in zip(rails, columns, strict=True):
        terms.left = rail - 12 - terms.width
        for n, node in enumerate(column):
            middle = 54.0 + n * ROW
            terms.draw(canvas, middle, node, state)
            canvas.wire(rail - 12, middle, rail, middle, ink, 1.5)
        canvas.wire(rail, 54.0, rail, bottom, ink, 1.5)
    canvas.wire(rails[0], bottom, rails[-1], bottom, ink, 1.5)
    total = goal.width * len(ends) + 40 * (len(ends) - 1)
    goal.left, top = max(rails[-1] - total, 16.0), bottom + 36
    canvas.arrow(goal.left + goal.width / 2, bottom, goal.left + goal.width / 2, top - HEIGHT / 2 - 2, ink, 2)
    for n, node in enumerate(ends):
        if n:
            canvas.arrow(goal.right, top, goal.right + 38, top, ink, 2)
            goal.left = goal.right + 40
        goal.draw(canvas, top, node, state, n == len(ends) - 1)
    return canvas.scene(f"{ends[-1].label} and its {len(nodes)} terms", sentence)


def _columns_of(graph: Computation, nodes: list[Node]) -> list[list[Node]]:
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


def _draw_loss(graph: Computation, sentence: str) -> Scene:
    """Every y, and L."""
    state, canvas = _state(graph, False), Canvas()
    draw_legend(canvas)
    ys, loss = graph.layers()[-2], graph.layers()[-1][0]
    if len(ys) > MAX_ROWS + 3:
        return _draw_many(graph, ys, [loss], sentence)
    left, right = place_columns(16.0, (0, 110), (ys, [loss]))
    center = 54.0 + (max(len(ys), 1) - 1) * PITCH / 2
    for n, (y, edge) in enumerate(zip(ys, loss.parents, strict=True)):
        middle = 54.0 + n * PITCH
        draw_edge(canvas, (left.right, middle), (right.left, center), "y", True, False)
        draw_chip(canvas, left.right + 40, middle + (center - middle) * 0.25, number_text(edge.local))
        left.draw(canvas, middle, y, state)
    right.draw(canvas, center, loss, state, True)
    return canvas.scene("What L is made of", sentence)
