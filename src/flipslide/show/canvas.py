"""Grids, labels and outlines put on one drawing, by coordinates or by row and column of a sheet of cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .document import Cell, Grid
from .scene import Item, Label, Line, Motion, Rect, Scene

HEIGHT = 36
MARGIN = 16


def lay_out(start: float, gaps: Iterable[float], widths: Iterable[float]) -> list[float]:
    """Where columns of these widths begin, with these gaps in front of them.

    >>> lay_out(0, (16, 10), (50, 30))
    [16, 76]
    """
    lefts: list[float] = []
    for gap, width in zip(gaps, widths, strict=True):
        lefts.append(round(start + gap))
        start += gap + width
    return lefts


def cell_width(texts: Sequence[str], least: float = 38) -> float:
    """How wide cells must be for the longest of these texts."""
    return max(least, math.ceil(8.6 * max(map(len, texts), default=0) + 14))


class Canvas:
    """Collects what is drawn and how far it reaches."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.right = self.bottom = 0.0

    def add(self, *items: Item) -> None:
        """Lines, paths and whatever else lies within what was drawn already."""
        self.items.extend(items)

    def reach(self, right: float, bottom: float) -> None:
        """Make room up to that point."""
        self.right, self.bottom = max(self.right, right), max(self.bottom, bottom)

    def cell(
        self, left: float, top: float, cell: Cell, width: float = 38, height: float = HEIGHT,
        motion: Motion | None = None,
    ) -> None:  # fmt: skip
        """One cell with its number; its note, a tap that meets the number, stands below."""
        hatched = cell.role == "padding"
        self.add(Rect(left, top, width, height, cell.role or "blank", "grid", 1, hatched, motion=motion))
        if cell.text:
            ink = "faint" if hatched else "ink"
            size = 15 if len(cell.text) * 8.6 < width - 4 else max(8.0, (width - 4) / (0.57 * len(cell.text)))
            self.add(Label(left + width / 2, top + height / 2, cell.text, ink, size, bold=cell.strong, motion=motion))
        if cell.note:
            self.add(Label(left + width / 2, top + height - 6, f"×{cell.note}", "w-ink", 10, bold=True, motion=motion))
        self.reach(left + width, top + height)

    def grid(
        self, left: float, top: float, grid: Grid, width: float = 38, height: float = HEIGHT, ink: str = "faint",
        above: float = 13,
    ) -> Sheet:  # fmt: skip
        """A matrix with its name above, and where its cells lie."""
        if grid.title:
            self.label(left, top - above, grid.title, ink, 13, bold=ink != "faint")
        sheet = Sheet(self, left, top, width, height)
        for i, row in enumerate(grid.rows):
            sheet.row(i, row)
        return sheet

    def outline(
        self, left: float, top: float, width: float, height: float, line: str = "window", key: str = "", phase: int = 0
    ) -> None:
        """The frame of a window; with a key it slides to where the next drawing has it."""
        self.add(Rect(left, top, width, height, "", line, 3, radius=4, motion=Motion(key, phase) if key else None))

    def label(
        self, x: float, y: float, text: str, ink: str = "ink", size: float = 15, anchor: str = "start",
        bold: bool = False, motion: Motion | None = None,
    ) -> None:  # fmt: skip
        """Words, by default beginning at a point."""
        self.add(Label(x, y, text, ink, size, anchor, bold, motion))
        self.reach(x + (0.55 * size * len(text) if anchor == "start" else 0), y + 0.7 * size)

    def arrow(
        self, x1: float, y1: float, x2: float, y2: float, ink: str = "faint", weight: float = 1.5,
        motion: Motion | None = None,
    ) -> None:  # fmt: skip
        """A line with a head at its second end."""
        self.add(Line(x1, y1, x2, y2, ink, weight, arrow=True, motion=motion))
        self.reach(max(x1, x2), max(y1, y2))

    def wire(self, x1: float, y1: float, x2: float, y2: float, ink: str = "grid", weight: float = 1) -> None:
        """A line without a head."""
        self.add(Line(x1, y1, x2, y2, ink, weight))

    def scene(self, title: str, desc: str, least: float = 0) -> Scene:
        """What was drawn, with a margin around it."""
        return Scene(max(self.right + MARGIN, least), self.bottom + MARGIN, tuple(self.items), title, desc)


class Sheet(NamedTuple):
    """Cells of one size, in rows and columns; places between them are fractions."""

    canvas: Canvas
    left: float
    top: float
    width: float
    height: float = HEIGHT

    def x(self, column: float) -> float:
        """Where a column begins."""
        return self.left + column * self.width

    def y(self, row: float) -> float:
        """Where a row begins."""
        return self.top + row * self.height

    def cell(self, row: float, column: float, cell: Cell, motion: Motion | None = None) -> None:
        """One cell."""
        self.canvas.cell(self.x(column), self.y(row), cell, self.width, self.height, motion)

    def word(
        self, row: float, column: float, text: str, ink: str = "ink", motion: Motion | None = None,
        *, size: float = 15, bold: bool = False,
    ) -> None:  # fmt: skip
        """Words in the middle of a place."""
        self.canvas.label(self.x(column + 0.5), self.y(row + 0.5), text, ink, size, "middle", bold, motion)

    def numbers(self, rows: range, columns: range) -> None:
        """The indices of a matrix, above its columns and before its rows."""
        for n, j in enumerate(columns):
            self.under(0, n, str(j), -9)
        for n, i in enumerate(rows):
            self.canvas.label(self.left - 6, self.y(n + 0.5), str(i), "faint", 11, "end")

    def row(self, row: float, cells: Iterable[Cell], first: float = 0, step: float = 1) -> None:
        """Cells side by side from a column on."""
        for n, cell in enumerate(cells):
            self.cell(row, first + step * n, cell)

    def column(self, column: float, cells: Iterable[Cell]) -> None:
        """Cells under one another."""
        for n, cell in enumerate(cells):
            self.cell(n, column, cell)

    def frame(
        self, row: float, column: float, rows: float = 1, columns: float = 1, margin: float = 0,
        *, key: str = "", phase: int = 0,
    ) -> None:  # fmt: skip
        """The outline of some cells."""
        width, height = columns * self.width + 2 * margin, rows * self.height + 2 * margin
        self.canvas.outline(self.x(column) - margin, self.y(row) - margin, width, height, "window", key, phase)

    def title(self, column: float, text: str, ink: str, size: float = 15) -> None:
        """A name over the middle of a column."""
        self.canvas.label(self.x(column + 0.5), self.top - 13, text, ink, size, "middle", True)

    def under(self, row: float, column: float, text: str, down: float, size: float = 11, ink: str = "faint") -> None:
        """A small label below the top of a row, in the middle of a column; above it where `down` is negative."""
        self.canvas.label(self.x(column + 0.5), self.y(row) + down, text, ink, size, "middle")
