"""Every sample of x stamps a copy of w; where copies overlap, they add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...arrays import Array
from ...show import Cell, Frame, Grid, Scene
from ...show.canvas import HEIGHT, Canvas, cell_width, text_width
from ...show.numbers import index_text, join_sum, minus, number_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, dilate, indices, window_of, zeros
from .common import MAX_STEPS, show

__all__ = ["draw_scatter"]

MAX_RULER = {1: 32, 2: 12}
ROW = 34.0


def draw_scatter(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every sample, and one for the sum."""
    if trace.operation == "layer" or not trace.is_whole or trace.ndim not in MAX_RULER or not trace.steps:
        return ()
    stamps = Stamps(window_of(trace))
    most = MAX_STEPS if trace.ndim == 2 else 16
    if not 0 < len(stamps.places) <= most or max(stamps.full_shape) > MAX_RULER[trace.ndim]:
        return ()
    return tuple(_lines(trace, stamps) if trace.ndim == 1 else _planes(trace, stamps))


class Stamps:
    """The copies, and the ruler of all overlaps that they lie on."""

    def __init__(self, window: Window) -> None:
        self.window, self.x = window, window.extended[0]
        taps = dilate(window.v, window.axes)[0, 0]
        # The sample at p meets tap j in the output p − j: the copy is the window's taps turned round.
        self.stamp = taps[(slice(None, None, -1),) * taps.ndim]
        self.full_shape = tuple(n + k - 1 for n, k in zip(self.x.shape, taps.shape, strict=True))
        self.places = [place for place in indices(self.x.shape) if self.x[place] is not None]

    def copy(self, place: Shape) -> Array:
        copy: Array = self.x[place] * self.stamp
        return copy

    def total(self, places: list[Shape]) -> Array:
        full = zeros(self.full_shape)
        for place in places:
            at = tuple(slice(i, i + n) for i, n in zip(place, self.stamp.shape, strict=True))
            full[at] = full[at] + self.copy(place)
        return full

    def kept(self) -> list[Shape]:
        """Where on the ruler the outputs lie, in order."""
        return [
            tuple(axis.span - 1 + axis.stride * i for axis, i in zip(self.window.axes, m, strict=True))
            for m in indices(self.window.outputs)
        ]

    def name(self, place: Shape) -> str:
        """x[2]: the sample that stands at that place of x̃."""
        source = self.window.sources[place]
        return f"x[{index_text(source)}]" if isinstance(source, tuple) else "the fill value"

    def texts(self) -> list[str]:
        copies = [show(v) for place in self.places for v in self.copy(place).flat]
        return copies + [show(v) for v in self.total(self.places).flat]


def _taps_name(trace: Trace) -> str:
    return "w" if trace.operation == "convolve" else "w turned round"


# -------------------------------------------------------------------------------- one axis


def _lines(trace: Trace, stamps: Stamps) -> Iterator[Frame]:
    for n, place in enumerate(stamps.places):
        value = number_text(stamps.x[place])
        stamp = ", ".join(map(number_text, stamps.copy(place)))
        sentence = minus(f"{stamps.name(place)} = {value} stamps {value}·{_taps_name(trace)} = ({stamp}).")
        yield Frame(_draw_line(trace, stamps, n + 1, False, sentence), sentence)
    sentence = minus(_added(stamps))
    yield Frame(_draw_line(trace, stamps, len(stamps.places), True, sentence), sentence, 2.5)


def _added(stamps: Stamps) -> str:
    """The columns added, one of them spelled out."""
    full = stamps.total(stamps.places)
    at = stamps.kept()[len(stamps.kept()) // 2]
    parts = [
        number_text(stamps.copy(place)[at[0] - place[0]])
        for place in stamps.places
        if 0 <= at[0] - place[0] < len(stamps.stamp)
    ]
    spelled = f" ({join_sum(parts)} = {number_text(full[at])})" if len(parts) > 1 else ""
    return f"Each column adds up{spelled}; the outlined sums are y. Nobody flipped anything."


def _draw_line(trace: Trace, stamps: Stamps, n: int, added: bool, sentence: str) -> Scene:
    canvas = Canvas()
    width = cell_width(stamps.texts())
    labels = [f"{stamps.name(p)} = {show(stamps.x[p])}" for p in stamps.places]
    left = 32 + max(map(text_width, [*labels, "sum"]))
    for column in range(stamps.full_shape[0]):
        canvas.label(left + (column + 0.5) * width, 16, str(column), "faint", 11, "middle")
    for row, (place, label) in enumerate(zip(stamps.places, labels, strict=True)):
        top = 28 + row * ROW
        now = row == n - 1 and not added
        canvas.label(16, top + ROW / 2, label, "x-ink" if row < n else "faint", bold=now)
        if row < n:
            for j, value in enumerate(stamps.copy(place)):
                canvas.cell(left + (place[0] + j) * width, top + 2, Cell(show(value), "w"), width, ROW - 4)
            if now:
                canvas.outline(left + place[0] * width - 1, top + 1, len(stamps.stamp) * width + 2, ROW - 2)
    top = 28 + len(stamps.places) * ROW + 14
    canvas.wire(left, top - 7, left + stamps.full_shape[0] * width, top - 7, "faint", 1.5)
    canvas.label(16, top + HEIGHT / 2, "sum", "y-ink", bold=True)
    covered = {place[0] + j for place in stamps.places[:n] for j in range(len(stamps.stamp))}
    for column, value in enumerate(stamps.total(stamps.places[:n])):
        cell = Cell(show(value), "y") if column in covered else Cell("", "blank")
        canvas.cell(left + column * width, top, cell, width)
    if added:
        _outline_kept(canvas, stamps, left, top, width)
    return canvas.scene("The scatter view", sentence)


def _outline_kept(canvas: Canvas, stamps: Stamps, left: float, top: float, width: float) -> None:
    """A frame around y: one for a run, one for each with a stride."""
    columns = [at[0] for at in stamps.kept()]
    if stamps.window.axes[0].stride == 1:
        canvas.outline(left + columns[0] * width, top, len(columns) * width, HEIGHT)
    else:
        for column in columns:
            canvas.outline(left + column * width, top, width, HEIGHT)
    middle = (columns[0] + columns[-1] + 1) / 2
    canvas.label(left + middle * width, top + HEIGHT + 13, "y", "y-ink", 13, "middle", True)
    canvas.reach(0, top + HEIGHT + 20)


# -------------------------------------------------------------------------------- two axes


def _planes(trace: Trace, stamps: Stamps) -> Iterator[Frame]:
    for n, place in enumerate(stamps.places):
        value = number_text(stamps.x[place])
        sentence = minus(f"{stamps.name(place)} = {value} adds {value}·{_taps_name(trace)} at its own place.")
        yield Frame(_draw_plane(stamps, n + 1, sentence), sentence, 0.8)
    sentence = "All samples have stamped; the outlined sums are y."
    yield Frame(_draw_plane(stamps, len(stamps.places), sentence, True), sentence, 2.5)


def _draw_plane(stamps: Stamps, n: int, sentence: str, done: bool = False) -> Scene:
    canvas, width, height = Canvas(), cell_width(stamps.texts(), 32), 32.0
    place = stamps.places[n - 1]
    canvas.grid(16, 48, Grid("x", _cells(stamps.x, "x")), width, height, "x-ink")
    left = 16 + stamps.x.shape[1] * width + 44
    canvas.grid(left, 48, Grid("the stamp", _cells(stamps.copy(place), "w")), width, height, "w-ink")
    right = left + max(stamps.stamp.shape[1] * width, 70) + 44
    total = _cells(stamps.total(stamps.places[:n]), "y")
    canvas.grid(right, 48, Grid("sum of the stamps", total), width, height, "y-ink")
    if done:
        (r0, c0), (r1, c1) = stamps.kept()[0], stamps.kept()[-1]
        if all(axis.stride == 1 for axis in stamps.window.axes):
            canvas.outline(right + c0 * width, 48 + r0 * height, (c1 - c0 + 1) * width, (r1 - r0 + 1) * height)
        else:
            for r, c in stamps.kept():
                canvas.outline(right + c * width, 48 + r * height, width, height)
    else:
        canvas.outline(16 + place[1] * width, 48 + place[0] * height, width, height)
        rows, columns = stamps.stamp.shape
        canvas.outline(right + place[1] * width, 48 + place[0] * height, columns * width, rows * height)
    return canvas.scene("The scatter view", sentence)


def _cells(array: Any, role: str) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(show(v), "padding" if v is None else role) for v in row) for row in array)
