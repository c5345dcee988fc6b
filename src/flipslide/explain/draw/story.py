"""What an algorithm does, told on grids: they keep their places, and more of them is filled from shot to shot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...show import Cell, Frame, Frames, Grid, Scene
from ...show.canvas import HEIGHT, Canvas, Sheet, cell_width
from ...show.scene import COLOURS, text_width
from .common import MAX_STEPS

MAX_ROWS, MAX_COLUMNS = 16, 32
#: Grids side by side fill so much of a line before the next one begins.
WIDE = 720.0

Box = tuple[float, float, float, float]  # row, column, rows, columns


class Shot(NamedTuple):
    """All grids as they are now, and the outlined cells of some of them by their titles."""

    sentence: str
    grids: tuple[Grid, ...]
    marks: Mapping[str, Sequence[Box]] = {}
    seconds: float = 1.6


def box_of(at: Sequence[int], shape: Sequence[int]) -> Box:
    """The cells from a place on, of one axis or two."""
    (row, column), (rows, columns) = (0, 0, *at)[-2:], (1, 1, *shape)[-2:]
    return row, column, rows, columns


def reveal(grid: Grid, known: int) -> Grid:
    """The grid with so many of its numbers; the others are still to come."""
    width = len(grid.rows[0])
    return Grid(
        grid.title,
        tuple(
            tuple(cell if i * width + j < known else Cell("", "blank") for j, cell in enumerate(row))
            for i, row in enumerate(grid.rows)
        ),
    )


def tell(name: str, shots: Iterable[Shot], first: Mapping[str, float] | None = None) -> tuple[Frames, ...]:
    """The series of pictures, or none where they could not be read.

    Rows stand under one another, each from the column on that `first` says for its title; matrices side by side.
    """
    shots = list(shots)
    # The last one has them all, in their order.
    grids = [grid for shot in reversed(shots) for grid in shot.grids]
    sizes: dict[str, tuple[int, int]] = {}
    for grid in grids:
        before, size = sizes.get(grid.title, (0, 0)), (len(grid.rows), max(map(len, grid.rows), default=0))
        sizes[grid.title] = max(before[0], size[0]), max(before[1], size[1])
    if not 0 < len(shots) <= MAX_STEPS or any(r > MAX_ROWS or c > MAX_COLUMNS for r, c in sizes.values()):
        return ()
    width = cell_width([cell.text for grid in grids for row in grid.rows for cell in row], 32)
    is_ruler = all(rows == 1 for rows, _ in sizes.values())
    places = _ruler(sizes, width, first or {}) if is_ruler else _flow(sizes, width)
    frames = (Frame(_draw(name, shot, places, width, is_ruler), shot.sentence, shot.seconds) for shot in shots)
    return (Frames(name, tuple(frames)),)


Places = dict[str, tuple[float, float]]


def _ruler(sizes: dict[str, tuple[int, int]], width: float, first: Mapping[str, float]) -> Places:
    """Rows over the same columns, behind their titles."""
    left = 32 + max(map(text_width, sizes))
    return {title: (left + first.get(title, 0) * width, 24.0 + n * (HEIGHT + 14)) for n, title in enumerate(sizes)}


def _flow(sizes: dict[str, tuple[int, int]], width: float) -> Places:
    """Matrices in lines, each under its title."""
    places, left, top, low = {}, 16.0, 44.0, 0.0
    for title, (rows, columns) in sizes.items():
        across = max(columns * width, text_width(title, 13) + 8)
        if left > 16 and left + across > WIDE:
            left, top = 16.0, low + 44
        places[title] = left, top
        left, low = left + across + 34, max(low, top + rows * HEIGHT)
    return places


def _draw(name: str, shot: Shot, places: Places, width: float, is_ruler: bool) -> Scene:
    canvas = Canvas()
    for grid in shot.grids:
        left, top = places[grid.title]
        role = next((cell.role for row in grid.rows for cell in row if f"{cell.role}-ink" in COLOURS), "")
        ink = f"{role}-ink" if role else "faint"
        at = (16.0, top + HEIGHT / 2, 15) if is_ruler else (left, top - 13, 13)
        canvas.label(*at[:2], grid.title, ink, at[2], bold=bool(role))
        sheet = Sheet(canvas, left, top, width)
        for i, row in enumerate(grid.rows):
            sheet.row(i, row)
        for n, box in enumerate(shot.marks.get(grid.title, ())):
            sheet.frame(*box, margin=1, key=f"{grid.title} {n}")
    return canvas.scene(name, shot.sentence)
