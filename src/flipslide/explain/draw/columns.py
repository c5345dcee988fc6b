"""im2col and col2im: windows become columns, and columns are added back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...arrays import Array
from ...show import Cell, Frame, Scene
from ...show.canvas import Canvas, Sheet, cell_width
from ...show.numbers import index_text
from ...show.scene import text_width
from ...spec import Shape
from ..trace import Trace
from ..window import Window, columns_of, indices, window_of, zeros
from .common import grid_over, plane_of, show

MAX_ROWS, MAX_COLUMNS, MAX_FILTERS = 36, 16, 4
CELL, GAP, TOP = 26.0, 10.0, 48.0


class Columns(NamedTuple):
    """X_col: for each tap of each channel a row, for each output a column of x̃'s numbers."""

    window: Window
    rows: list[Shape]  # (channel, *tap)
    outputs: list[Shape]
    values: Array
    width: float

    def covered(self, n: int) -> list[Shape]:
        """Where in a channel of x̃ the window of one output lies."""
        return [self.window.at(self.outputs[n], tap) for tap in indices(self.window.taps)]

    def frame(self, sheet: Sheet, n: int) -> None:
        """The window of one output, on a plane of x̃."""
        covered = [(0, *at)[-2:] for at in self.covered(n)]
        (i0, j0), (i1, j1) = covered[0], covered[-1]
        sheet.frame(i0, j0, i1 - i0 + 1, j1 - j0 + 1, 2, key=f"window {sheet.left} {sheet.top}")


def _columns(trace: Trace) -> Columns | None:
    if not trace.is_whole or not trace.steps or trace.ndim > 2:
        return None
    window = window_of(trace)
    rows = list(indices((window.x.shape[0], *window.taps)))
    outputs = list(indices(window.outputs))
    if len(rows) > MAX_ROWS or len(outputs) > MAX_COLUMNS or window.filters > MAX_FILTERS:
        return None
    values = columns_of(window)
    texts = [show(v) for v in (*(step.value for step in trace.steps), *values.flat, *window.v.flat)]
    return Columns(window, rows, outputs, values, cell_width(texts, 30))


# ---------------------------------------------------------------------------------- im2col


def draw_im2col(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every column: the window in x̃, the column that it becomes, its outputs."""
    columns = _columns(trace)
    return tuple(_im2col(trace, columns)) if columns else ()


def _im2col(trace: Trace, columns: Columns) -> Iterator[Frame]:
    for n, m in enumerate(columns.outputs):
        results = " and ".join(
            f"filter {k}: {show(step.value)}" if columns.window.is_layer else f"y[{index_text(m)}] = {show(step.value)}"
            for k, step in enumerate(step for step in trace.steps if step.y[-trace.ndim :] == m)
        )
        bias = ", bias included" if trace.bias is not None else ""
        times = "each filter's taps times it give" if columns.window.filters > 1 else "the taps times it give"
        sentence = f"Window {index_text(m)} becomes column {n}; {times} {results}{bias}."
        yield Frame(_draw_im2col(trace, columns, n, sentence), sentence)


def _draw_im2col(trace: Trace, columns: Columns, n: int, sentence: str) -> Scene:
    canvas, window = Canvas(), columns.window
    taps = Sheet(canvas, _draw_x(canvas, columns, n) + 40, TOP, columns.width, CELL)
    matrix = taps._replace(left=taps.x(window.filters) + 24)
    # A gap between channels.
    down = [r + row[0] * GAP / CELL for r, row in enumerate(columns.rows)]
    names = ["taps"] if window.filters == 1 else [f"w[{k}]" for k in range(window.filters)]
    for k, name in enumerate(names):
        taps.title(k, name, "w-ink", 13)
        for (c, *j), at in zip(columns.rows, down, strict=True):
            seen = window.channels(k)
            taps.cell(at, k, Cell(show(window.v[(k, c - seen.start, *j)]), "w") if c in seen else Cell("", "blank"))
    canvas.label(matrix.left, TOP - 13, "X_col", "x-ink", 13, bold=True)
    for column, values in enumerate(columns.values.T):
        for value, at in zip(values, down, strict=True):
            cell = Cell(show(value), "padding" if value is None else "x", column == n)
            matrix.cell(at, column, cell if column <= n else Cell("", "blank", column == n))
    height = matrix.y(down[-1]) + CELL - TOP
    canvas.outline(matrix.x(n) - 1, TOP - 2, columns.width + 2, height + 4, key="column")
    results = matrix._replace(top=matrix.y(down[-1]) + CELL + 26)
    _draw_results(trace, results, n, names)
    return canvas.scene("im2col", sentence)


def _draw_results(trace: Trace, y: Sheet, n: int, names: list[str]) -> None:
    """Under each column what the taps make of it."""
    is_layer = trace.operation == "layer"
    for k in range(len(names)):
        y.canvas.label(y.left - 10, y.y(k + 0.5), f"y[{k}]" if is_layer else "y", "y-ink", 13, "end", True)
        values = [step.value for step in trace.steps if not is_layer or step.y[0] == k]
        y.row(k, (Cell(show(v), "y", i == n) if i <= n else Cell("", "blank") for i, v in enumerate(values)))
    y.canvas.outline(y.x(n) - 1, y.top - 2, y.width + 2, len(names) * CELL + 4, key="result")
    y.canvas.arrow(y.x(n + 0.5), y.top - 22, y.x(n + 0.5), y.top - 4, "window", 2)


def _draw_x(canvas: Canvas, columns: Columns, n: int) -> float:
    """x̃, channel under channel, with the window of one output; gives where it ends."""
    top, right = TOP, 16.0
    for c, channel in enumerate(columns.window.extended):
        plane, name = plane_of(channel), f"x, channel {c}" if columns.window.x.shape[0] > 1 else "x"
        columns.frame(canvas.grid(16, top, grid_over(name, plane, plane, "x"), columns.width, CELL, "x-ink"), n)
        right = max(right, 16 + plane.shape[1] * columns.width, 16 + text_width("x, channel 0", 13))
        top += plane.shape[0] * CELL + 34
    return right


# ---------------------------------------------------------------------------------- col2im


def draw_col2im(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every column that is added back, of one channel."""
    columns = _columns(trace)
    return tuple(_col2im(columns)) if columns else ()


def _col2im(columns: Columns) -> Iterator[Frame]:
    x = columns.window.extended[0]
    total, counts = zeros(x.shape), zeros(x.shape)
    for n, m in enumerate(columns.outputs):
        for at in columns.covered(n):
            total[at] = total[at] + (0 if x[at] is None else x[at])
            counts[at] = counts[at] + 1
        last = " Every sample came back as often as a window covered it." if n == len(columns.outputs) - 1 else ""
        sentence = f"Column {n} is added back, += and not =, where window {index_text(m)} lay.{last}"
        yield Frame(_draw_col2im(columns, n, total, counts, sentence), sentence)


def _draw_col2im(columns: Columns, n: int, total: Any, counts: Any, sentence: str) -> Scene:
    canvas, x = Canvas(), columns.window.extended[0]
    width = max(columns.width, cell_width([show(v) for v in total.flat], 30))
    left, top = 16.0, TOP
    for name, array, role in (("x", x, "x"), ("added back", total, "gradient"), ("how often", counts, "y")):
        columns.frame(canvas.grid(left, top, grid_over(name, array, x, role), width, CELL, f"{role}-ink"), n)
        if x.ndim == 1:
            top += CELL + 38
        else:
            left += max(x.shape[1] * width, 90) + 36
    return canvas.scene("col2im", sentence)
