"""One node of a graph as a box, edges between cards, and how far a pass has come.

name | value | gradient        every node; the gradient is "·" until it has come down
a number on an edge            the derivative of the right end with respect to the left
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from ..show.canvas import Canvas, lay_out
from ..show.numbers import number_text
from ..show.scene import Label, Rect, text_width
from .nodes import Node

HEIGHT, PITCH, ELBOW = 28, 42, 44
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


def ids(nodes: Iterable[Node]) -> frozenset[int]:
    return frozenset(map(id, nodes))


class Column:
    """Nodes under one another: how wide their three cells must be, where they begin, and how one is drawn."""

    def __init__(self, nodes: Iterable[Node], left: float = 0) -> None:
        nodes, self.left = list(nodes), left
        # Bold letters, and fonts that are wider than Roboto where it is missing.
        self.name = 1.12 * max((text_width(_name_of(node), 13) for node in nodes), default=0) + 14
        numbers = [number_text(number) for node in nodes for number in (node.value, node.grad)]
        self.number = max([30.0, *(text_width(text, 14) + 12 for text in numbers)])
        self.width = self.name + 2 * self.number

    @property
    def right(self) -> float:
        return self.left + self.width

    def draw(self, canvas: Canvas, middle: float, node: Node, state: State, strong: bool = False) -> None:
        left, top = self.left, middle - HEIGHT / 2
        value = number_text(node.value) if id(node) in state.values else ""
        known = id(node) in state.grads and node.grad is not None
        edges = left, left + self.name, left + self.name + self.number
        fills = "blank", FILLS.get(node.kind, "blank"), "gradient" if known else "blank"
        texts = _name_of(node), value, number_text(node.grad) if known else "·"
        inks = INKS.get(node.kind, "ink"), "ink", "ink" if known else "faint"
        widths = self.name, self.number, self.number
        for x, width, fill, text, ink, size in zip(edges, widths, fills, texts, inks, (13, 14, 14), strict=True):
            canvas.add(Rect(x, top, width, HEIGHT, fill, "grid", 1, node.kind == "fill" and fill == "padding"))
            canvas.add(Label(x + width / 2, middle, text, ink, size, bold=size == 13))
        if strong:
            canvas.outline(left, top, self.width, HEIGHT, "gradient-ink" if state.back else "window")
        canvas.reach(left + self.width, top + HEIGHT)


def _name_of(node: Node) -> str:
    return "+" if node.kind == "+" else node.label


def place_columns(start: float, gaps: Iterable[float], columns: Iterable[Iterable[Node]]) -> list[Column]:
    """Columns side by side, with these gaps in front of them."""
    placed = [Column(nodes) for nodes in columns]
    for column, left in zip(placed, lay_out(start, gaps, [column.width for column in placed]), strict=True):
        column.left = left
    return placed


def draw_edge(canvas: Canvas, start: Point, end: Point, kind: str, hot: bool, back: bool, elbow: float = 0) -> None:
    """A line between two cards, level over its last `elbow`; a hot one in the colour of what runs along it."""
    ink = "gradient-ink" if hot and back else INKS.get(kind, "faint") if hot else LINES.get(kind, "grid")
    points = [start, *([(end[0] - elbow, end[1])] if elbow else []), end]
    for (x1, y1), (x2, y2) in pairwise(points[::-1] if back else points):
        canvas.wire(x1, y1, x2, y2, ink, 2.2 if hot else 1)
    if hot:
        (x1, y1), (x2, y2) = points[1::-1] if back else points[-2:]
        canvas.arrow(x1, y1, x2, y2, ink, 2.2)


def draw_chip(canvas: Canvas, right: float, middle: float, text: str, ink: str = "ink") -> None:
    """A small number on an edge, on a ground that keeps the lines off it."""
    width = text_width(text, 11) + 6
    canvas.add(Rect(right - width, middle - 7.5, width, 15, "paper", "", radius=4))
    canvas.add(Label(right - width / 2, middle, text, ink, 11))


def draw_legend(canvas: Canvas) -> None:
    canvas.add(Label(16, 14, "name | value | gradient. On an edge: its local derivative", "faint", 12, "start"))
    canvas.reach(330, 20)
