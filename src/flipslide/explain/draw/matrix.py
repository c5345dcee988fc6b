"""The call as a matrix times x: each row holds the taps where its window lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...show import Cell, Frame, Scene
from ...show.canvas import Canvas, cell_width
from ...show.numbers import minus
from ..sentences import step_sentence
from ..trace import Trace
from ..window import Window, indices, window_of
from .common import MAX_STEPS, show

__all__ = ["draw_matrix"]

MAX_ROWS, MAX_COLUMNS = 24, 28
HEIGHT = 28.0


def draw_matrix(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every row of T."""
    if not trace.is_whole or not trace.steps or "constant" in trace.boundary:
        return ()
    window = window_of(trace)
    if len(trace.steps) > min(MAX_ROWS, MAX_STEPS) or window.x.size > MAX_COLUMNS or trace.bias is not None:
        return ()
    return tuple(_frames(trace, window))


def _frames(trace: Trace, window: Window) -> Iterator[Frame]:
    rows = [_row_of(window, step.y) for step in trace.steps]
    x = list(window.x.flat)
    for n, step in enumerate(trace.steps):
        sentence = minus(f"Row {n} of T times x: {step_sentence(trace, step)}")
        values = [other.value for other in trace.steps[: n + 1]]
        yield Frame(_draw(rows, x, values, n, sentence), sentence)


def _row_of(window: Window, y: tuple[int, ...]) -> list[Any]:
    """The taps of one output over the samples of x, None where no tap lies."""
    k, m = (y[0], y[1:]) if window.is_layer else (0, y)
    columns = {index: n for n, index in enumerate(indices(window.x.shape))}
    row: list[Any] = [None] * len(columns)
    for c, channel in enumerate(window.channels(k)):
        for j in indices(window.taps):
            source, tap = window.sources[window.at(m, j)], window.v[(k, c, *j)]
            if isinstance(source, tuple):
                at = columns[(channel, *source)]
                row[at] = tap if row[at] is None else row[at] + tap
    return row


def _draw(rows: list[list[Any]], x: list[Any], values: list[Any], now: int, sentence: str) -> Scene:
    """T, then × x as a column, then = y."""
    canvas = Canvas()
    width = cell_width([show(v) for row in rows for v in row if v is not None] + [show(v) for v in (*x, *values)], 30)
    n_rows, n_columns = len(rows), len(x)
    height = max(n_rows, n_columns) * HEIGHT
    tops = [44 + (height - n * HEIGHT) / 2 for n in (n_rows, n_columns)]
    canvas.label(16, tops[0] - 13, "T", "w-ink", bold=True)
    for i, row in enumerate(rows):
        for j, tap in enumerate(row):
            cell = Cell("0", "blank") if tap is None else Cell(show(tap), "w")
            _cell(canvas, 16 + j * width, tops[0] + i * HEIGHT, cell, width, tap is None)
    canvas.outline(14, tops[0] + now * HEIGHT - 2, n_columns * width + 4, HEIGHT + 4)
    left = 16 + n_columns * width + 30
    canvas.label(left - 18, 44 + height / 2, "·", "faint", 20)
    canvas.label(left + width / 2, tops[1] - 13, "x", "x-ink", 15, "middle", True)
    for i, value in enumerate(x):
        used = rows[now][i] is not None
        canvas.cell(left, tops[1] + i * HEIGHT, Cell(show(value), "x", used), width, HEIGHT)
    for first, last in _runs([i for i, tap in enumerate(rows[now]) if tap is not None]):
        canvas.outline(left - 2, tops[1] + first * HEIGHT - 2, width + 4, (last - first + 1) * HEIGHT + 4)
    right = left + width + 40
    canvas.label(right - 26, 44 + height / 2, "=", "faint", 16)
    canvas.label(right + width / 2, tops[0] - 13, "y", "y-ink", 15, "middle", True)
    for i in range(n_rows):
        cell = Cell(show(values[i]), "y", i == now) if i < len(values) else Cell("", "blank")
        canvas.cell(right, tops[0] + i * HEIGHT, cell, width, HEIGHT)
    canvas.outline(right, tops[0] + now * HEIGHT, width, HEIGHT)
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


def _cell(canvas: Canvas, left: float, top: float, cell: Cell, width: float, is_empty: bool) -> None:
    canvas.cell(left, top, cell._replace(text=""), width, HEIGHT)
    canvas.label(left + width / 2, top + HEIGHT / 2, cell.text, "faint" if is_empty else "ink", 14, "middle")
