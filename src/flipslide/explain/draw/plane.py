"""Two axes: x with the window, the taps in it and in the corners of its cells, the products, y."""

from __future__ import annotations

from ...show import Cell, Grid, Scene
from ...show.canvas import HEIGHT, Canvas, cell_width
from ..sentences import step_sentence, window_name
from ..trace import Step, Trace
from .common import numbers_in, outside_text, reach_of, show, title_of

__all__ = ["draw_plane"]


def draw_plane(trace: Trace, step: Step) -> Scene:
    """x with the window, the taps in it and in the corners of its cells, the products, y."""
    width = cell_width(numbers_in(trace))
    canvas = Canvas()
    top = 48.0
    x_width = _draw_plane_x(canvas, trace, step, 16, top, width)
    left = 16 + x_width + 40
    names = (window_name(trace), "products")
    taps = {term.position: Cell(show(term.b), "w") for term in step.terms}
    products = {t.position: Cell("" if t.product is None else show(t.product)) for t in step.terms}
    columns = len({position[1] for position in taps})
    rows = len(taps) // columns
    side_top = top
    for name, cells, ink in zip(names, (taps, products), ("w-ink", "faint"), strict=True):
        grid = Grid(name, _grid_rows(list(cells.values()), columns))
        canvas.grid(left, side_top, grid, width, ink=ink)
        side_top += rows * HEIGHT + 44
    y_left = left + max(columns * width, 90) + 40
    canvas.grid(y_left, top, Grid("y", _rows_of_y(trace, step)), width, ink="y-ink")
    at = tuple(i - low for i, low in zip(step.y, trace.y_origin, strict=True))
    canvas.outline(y_left + at[1] * width, top + at[0] * HEIGHT, width, HEIGHT)
    return canvas.scene(title_of(trace, step), step_sentence(trace, step))


def _grid_rows(cells: list[Cell], columns: int) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(cells[i : i + columns]) for i in range(0, len(cells), columns))


def _rows_of_y(trace: Trace, step: Step) -> tuple[tuple[Cell, ...], ...]:
    known = {other.y for other in trace.steps if other.y <= step.y}
    return tuple(
        tuple(
            Cell(show(value), "y", at == step.y) if at in known else Cell("")
            for j, value in enumerate(row)
            for at in [(i + trace.y_origin[0], j + trace.y_origin[1])]
        )
        for i, row in enumerate(trace.y)
    )


def _draw_plane_x(canvas: Canvas, trace: Trace, step: Step, left: float, top: float, width: float) -> float:
    """x and its padding; gives the width."""
    (low0, high0), (low1, high1) = reach_of(trace)
    outside = {term.position: term for other in trace.steps for term in other.terms if term.source != "sample"}
    taps = {term.position: show(term.b) for term in step.terms}
    first0, first1 = trace.x_origin
    rows = []
    for i in range(low0, high0):
        row = []
        for j in range(low1, high1):
            inside = 0 <= i - first0 < len(trace.x) and 0 <= j - first1 < len(trace.x[0])
            text = show(trace.x[i - first0][j - first1]) if inside else outside_text(outside.get((i, j)))
            row.append(Cell(text, "x" if inside else "padding", note=taps.get((i, j), "")))
        rows.append(tuple(row))
    canvas.grid(left, top, Grid("x", tuple(rows)), width, ink="x-ink")
    (a0, a1), (b0, b1) = step.terms[0].position, step.terms[-1].position
    canvas.outline(
        left + (a1 - low1) * width - 2, top + (a0 - low0) * HEIGHT - 2,
        (b1 - a1 + 1) * width + 4, (b0 - a0 + 1) * HEIGHT + 4,
    )  # fmt: skip
    return (high1 - low1) * width
