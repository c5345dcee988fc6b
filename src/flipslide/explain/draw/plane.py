"""Two axes: x with the window, the taps in it and in the corners of its cells, the products, y."""

from __future__ import annotations

from ...show import Cell, Grid, Scene
from ...show.canvas import HEIGHT, Canvas, cell_width
from ..sentences import step_sentence, window_name
from ..trace import Step, Trace
from .common import numbers_in, outside_text, reach_of, show, title_of

__all__ = ["draw_plane"]

TOP = 48.0


def draw_plane(trace: Trace, step: Step) -> Scene:
    """x with the window, the taps in it and in the corners of its cells, the products, y."""
    canvas, width = Canvas(), cell_width(numbers_in(trace))
    (low0, _), (low1, high1) = reach_of(trace)
    x = canvas.grid(16, TOP, Grid("x", _rows_of_x(trace, step)), width, ink="x-ink")
    (a0, a1), (b0, b1) = step.terms[0].position, step.terms[-1].position
    x.frame(a0 - low0, a1 - low1, b0 - a0 + 1, b1 - a1 + 1, 2)
    left, top, columns = x.x(high1 - low1) + 40, TOP, trace.lengths[1].taps
    taps = [Cell(show(term.b), "w") for term in step.terms]
    products = [Cell("" if term.product is None else show(term.product)) for term in step.terms]
    for name, cells, ink in ((window_name(trace), taps, "w-ink"), ("products", products, "faint")):
        rows = tuple(tuple(cells[i : i + columns]) for i in range(0, len(cells), columns))
        canvas.grid(left, top, Grid(name, rows), width, ink=ink)
        top += len(rows) * HEIGHT + 44
    y = canvas.grid(left + max(columns * width, 90) + 40, TOP, Grid("y", _rows_of_y(trace, step)), width, ink="y-ink")
    y.frame(*(i - low for i, low in zip(step.y, trace.y_origin, strict=True)))
    return canvas.scene(title_of(trace, step), step_sentence(trace, step))


def _rows_of_y(trace: Trace, step: Step) -> tuple[tuple[Cell, ...], ...]:
    known = {other.y for other in trace.steps if other.y <= step.y}
    first0, first1 = trace.y_origin
    return tuple(
        tuple(
            Cell(show(value), "y", (i, j) == step.y) if (i, j) in known else Cell("")
            for j, value in enumerate(row, first1)
        )
        for i, row in enumerate(trace.y, first0)
    )


def _rows_of_x(trace: Trace, step: Step) -> tuple[tuple[Cell, ...], ...]:
    """x and its padding, taps in the corners of the window's cells."""
    outside = {term.position: term for other in trace.steps for term in other.terms if term.source != "sample"}
    taps = {term.position: show(term.b) for term in step.terms}
    rows, columns = (range(low, high) for low, high in reach_of(trace))
    samples = {
        (i, j): value
        for i, row in enumerate(trace.x, trace.x_origin[0])
        for j, value in enumerate(row, trace.x_origin[1])
    }

    def cell(at: tuple[int, int]) -> Cell:
        text = show(samples[at]) if at in samples else outside_text(outside.get(at))
        return Cell(text, "x" if at in samples else "padding", note=taps.get(at, ""))

    return tuple(tuple(cell((i, j)) for j in columns) for i in rows)
