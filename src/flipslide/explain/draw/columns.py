"""im2col and col2im: windows become columns, and columns are added back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...arrays import Array
from ...show import Cell, Frame, Scene
from ...show.canvas import Canvas, cell_width, text_width
from ...show.numbers import index_text, minus
from ...spec import Shape
from ..trace import Trace
from ..window import Window, indices, window_of
from .common import show

__all__ = ["draw_col2im", "draw_im2col"]

MAX_ROWS, MAX_COLUMNS, MAX_FILTERS = 36, 16, 4
CELL, GAP = 26.0, 10.0


class Columns(NamedTuple):
    """X_col: for each tap of each channel a row, for each output a column of x̃'s numbers."""

    window: Window
    rows: list[Shape]  # (channel, *tap)
    outputs: list[Shape]
    values: Array
    width: float

    def covered(self, n: int, channel: int) -> list[Shape]:
        """Where in x̃ the window of one output lies."""
        return [self.window.at(self.outputs[n], row[1:]) for row in self.rows if row[0] == channel]


def _columns(trace: Trace) -> Columns | None:
    if not trace.is_whole or not trace.steps or trace.ndim > 2:
        return None
    window = window_of(trace)
    rows = list(indices((window.x.shape[0], *window.taps)))
    outputs = list(indices(window.outputs))
    if len(rows) > MAX_ROWS or len(outputs) > MAX_COLUMNS or window.filters > MAX_FILTERS:
        return None
    values = np.full((len(rows), len(outputs)), None, dtype=object)
    for r, (c, *j) in enumerate(rows):
        for n, m in enumerate(outputs):
            values[r, n] = window.extended[(c, *window.at(m, tuple(j)))]
    sums = [show(step.value) for step in trace.steps] + [show(v) for v in (*values.flat, *window.v.flat)]
    return Columns(window, rows, outputs, values, cell_width(sums, 30))


# ---------------------------------------------------------------------------------- im2col


def draw_im2col(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every column: the window in x̃, the column that it becomes, its outputs."""
    columns = _columns(trace)
    return tuple(_im2col(trace, columns)) if columns else ()


def _im2col(trace: Trace, columns: Columns) -> Iterator[Frame]:
    for n, m in enumerate(columns.outputs):
        told = " and ".join(
            f"filter {k}: {show(step.value)}" if columns.window.is_layer else f"y[{index_text(m)}] = {show(step.value)}"
            for k, step in enumerate(step for step in trace.steps if step.y[-trace.ndim :] == m)
        )
        bias = ", bias included" if trace.bias is not None else ""
        times = "each filter's taps times it give" if columns.window.filters > 1 else "the taps times it give"
        sentence = minus(f"Window {index_text(m)} becomes column {n}; {times} {told}{bias}.")
        yield Frame(_draw_im2col(trace, columns, n, sentence), sentence)


def _draw_im2col(trace: Trace, columns: Columns, n: int, sentence: str) -> Scene:
    canvas = Canvas()
    x_right = _draw_x(canvas, columns, n, None)
    left = x_right + 40 + columns.window.filters * columns.width + 24
    tops = _row_tops(columns)
    names = ["taps"] if columns.window.filters == 1 else [f"w[{k}]" for k in range(columns.window.filters)]
    for k, name in enumerate(names):
        at = x_right + 40 + k * columns.width
        canvas.label(at + columns.width / 2, 35, name, "w-ink", 13, "middle", True)
        for row, top in zip(columns.rows, tops, strict=True):
            seen = columns.window.channels(k)
            text = show(columns.window.v[(k, row[0] - seen.start, *row[1:])]) if row[0] in seen else ""
            canvas.cell(at, top, Cell(text, "w" if text else "blank"), columns.width, CELL)
    canvas.label(left, 35, "X_col", "x-ink", 13, bold=True)
    _draw_matrix(canvas, columns, left, tops, n)
    _draw_results(canvas, trace, columns, left, tops[-1] + CELL + 26, n, names)
    return canvas.scene("im2col", sentence)


def _row_tops(columns: Columns) -> list[float]:
    """A gap between channels."""
    return [48 + r * CELL + row[0] * GAP for r, row in enumerate(columns.rows)]


def _draw_matrix(canvas: Canvas, columns: Columns, left: float, tops: list[float], n: int) -> None:
    for column in range(columns.values.shape[1]):
        for r, top in enumerate(tops):
            value = columns.values[r, column]
            known = column <= n
            role = ("padding" if value is None else "x") if known else "blank"
            cell = Cell(show(value) if known else "", role, column == n)
            canvas.cell(left + column * columns.width, top, cell, columns.width, CELL)
    height = tops[-1] + CELL - tops[0]
    canvas.outline(left + n * columns.width - 1, tops[0] - 2, columns.width + 2, height + 4)


def _draw_results(
    canvas: Canvas, trace: Trace, columns: Columns, left: float, top: float, n: int, names: list[str]
) -> None:
    """Under each column what the taps make of it."""
    for k in range(len(names)):
        label = "y" if len(names) == 1 and not columns.window.is_layer else f"y[{k}]"
        canvas.label(left - 10, top + (k + 0.5) * CELL, label, "y-ink", 13, "end", True)
        values = [step.value for step in trace.steps if not columns.window.is_layer or step.y[0] == k]
        for column, value in enumerate(values):
            cell = Cell(show(value), "y", column == n) if column <= n else Cell("", "blank")
            canvas.cell(left + column * columns.width, top + k * CELL, cell, columns.width, CELL)
    canvas.outline(left + n * columns.width - 1, top - 2, columns.width + 2, len(names) * CELL + 4)
    canvas.arrow(left + (n + 0.5) * columns.width, top - 22, left + (n + 0.5) * columns.width, top - 4, "window", 2)


def _draw_x(canvas: Canvas, columns: Columns, n: int, counts: Array | None) -> float:
    """x̃, channel under channel, with the window of one output; gives where it ends."""
    top, right = 48.0, 16.0
    for c, plane in enumerate(columns.window.extended):
        rows = plane.reshape((1, *plane.shape)[-2:])
        many = columns.window.x.shape[0] > 1
        canvas.label(16, top - 13, f"x, channel {c}" if many else "x", "x-ink", 13, bold=True)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                role = "padding" if value is None else "x"
                canvas.cell(16 + j * columns.width, top + i * CELL, Cell(show(value), role), columns.width, CELL)
        covered = [(0, *at)[-2:] for at in columns.covered(n, c)]
        (i0, j0), (i1, j1) = covered[0], covered[-1]
        box = (j1 - j0 + 1) * columns.width, (i1 - i0 + 1) * CELL
        canvas.outline(16 + j0 * columns.width - 2, top + i0 * CELL - 2, box[0] + 4, box[1] + 4)
        right = max(right, 16 + rows.shape[1] * columns.width, 16 + text_width("x, channel 0", 13))
        top += rows.shape[0] * CELL + 34
    return right


# ---------------------------------------------------------------------------------- col2im


def draw_col2im(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every column that is added back, of one channel."""
    columns = _columns(trace)
    return tuple(_col2im(columns)) if columns else ()


def _col2im(columns: Columns) -> Iterator[Frame]:
    plane = columns.window.extended[0]
    total, counts = np.full(plane.shape, 0, dtype=object), np.full(plane.shape, 0, dtype=object)
    for n, m in enumerate(columns.outputs):
        for at in columns.covered(n, 0):
            total[at] = total[at] + (0 if plane[at] is None else plane[at])
            counts[at] = counts[at] + 1
        last = " Every sample came back as often as a window covered it." if n == len(columns.outputs) - 1 else ""
        sentence = f"Column {n} is added back, += and not =, where window {index_text(m)} lay.{last}"
        yield Frame(_draw_col2im(columns, n, total, counts, sentence), sentence)


def _draw_col2im(columns: Columns, n: int, total: Array, counts: Array, sentence: str) -> Scene:
    canvas = Canvas()
    plane = columns.window.extended[0]
    width = max(columns.width, cell_width([show(v) for v in total.flat], 30))
    covered = [(0, *at)[-2:] for at in columns.covered(n, 0)]
    flat = plane.ndim == 1
    x, y = 16.0, 48.0
    for name, array, role in (("x", plane, "x"), ("added back", total, "gradient"), ("how often", counts, "y")):
        rows = array.reshape((1, *array.shape)[-2:])
        canvas.label(x, y - 13, name, f"{role}-ink", 13, bold=True)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                hatched = plane.reshape(rows.shape)[i, j] is None
                cell = Cell(show(value), "padding" if hatched else role)
                canvas.cell(x + j * width, y + i * CELL, cell, width, CELL)
        (i0, j0), (i1, j1) = covered[0], covered[-1]
        box = (j1 - j0 + 1) * width, (i1 - i0 + 1) * CELL
        canvas.outline(x + j0 * width - 2, y + i0 * CELL - 2, box[0] + 4, box[1] + 4)
        x, y = (x, y + CELL + 38) if flat else (x + max(rows.shape[1] * width, 90) + 36, y)
    return canvas.scene("col2im", sentence)
