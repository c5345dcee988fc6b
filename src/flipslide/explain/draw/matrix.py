"""The call as a matrix times x: each row holds the taps where its window lies."""

from __future__ import annotations

from typing import Any

from ...arrays import Array
from ...show import Cell, Frame, Scene
from ...show.canvas import Canvas, Sheet, cell_width
from ..sentences import step_sentence
from ..trace import Trace
from ..window import matrix_of, window_of
from .common import MAX_STEPS, show

MAX_ROWS, MAX_COLUMNS = 24, 28
HEIGHT = 28.0


def draw_matrix(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every row of T."""
    if not trace.is_whole or not trace.steps or "constant" in trace.boundary:
        return ()
    window = window_of(trace)
    if len(trace.steps) > min(MAX_ROWS, MAX_STEPS) or window.x.size > MAX_COLUMNS or trace.bias is not None:
        return ()
    rows, values = matrix_of(window, 0)[0], [step.value for step in trace.steps]
    sentences = [f"Row {n} of T times x: {step_sentence(trace, step)}" for n, step in enumerate(trace.steps)]
    return tuple(
        Frame(_draw(rows, list(window.x.flat), values[: n + 1], n, sentence), sentence)
        for n, sentence in enumerate(sentences)
    )


def _draw(rows: Array, x: list[Any], values: list[Any], now: int, sentence: str) -> Scene:
    """T, then × x as a column, then = y."""
    canvas, (n_rows, n_columns) = Canvas(), rows.shape
    width = cell_width([show(v) for v in (*rows.flat, *x, *values) if v is not None], 30)
    height = max(n_rows, n_columns) * HEIGHT
    top, x_top = (44 + (height - n * HEIGHT) / 2 for n in (n_rows, n_columns))
    matrix = Sheet(canvas, 16, top, width, HEIGHT)
    canvas.label(16, top - 13, "T", "w-ink", bold=True)
    for i, row in enumerate(rows):
        for j, tap in enumerate(row):
            matrix.cell(i, j, Cell("", "blank" if tap is None else "w"))
            matrix.word(i, j, show(tap), "faint" if tap is None else "ink", size=14)
    matrix.frame(now, 0, 1, n_columns, 2, key="row")
    column = Sheet(canvas, matrix.x(n_columns) + 30, x_top, width, HEIGHT)
    canvas.label(column.left - 18, 44 + height / 2, "·", "faint", 20)
    column.title(0, "x", "x-ink")
    column.column(0, (Cell(show(value), "x", tap is not None) for value, tap in zip(x, rows[now], strict=True)))
    for n, (first, last) in enumerate(_runs([i for i, tap in enumerate(rows[now]) if tap is not None])):
        column.frame(first, 0, last - first + 1, 1, 2, key=f"run {n}")
    y = Sheet(canvas, column.left + width + 40, top, width, HEIGHT)
    canvas.label(y.left - 26, 44 + height / 2, "=", "faint", 16)
    y.title(0, "y", "y-ink")
    known = [Cell(show(value), "y", i == now) for i, value in enumerate(values)]
    y.column(0, [*known, *[Cell("", "blank")] * (n_rows - len(known))])
    y.frame(now, 0, key="result", phase=1)
    return canvas.scene("The convolution as a matrix", sentence)


def _runs(places: list[int]) -> list[tuple[int, int]]:
    """Neighbours taken together.

    >>> _runs([1, 2, 5])
    [(1, 2), (5, 5)]
    """
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
