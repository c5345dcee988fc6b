"""Every sample of x stamps a copy of w; where copies overlap, they add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...show import Cell, Frame, Scene
from ...show.canvas import HEIGHT, Canvas, Sheet, cell_width
from ...show.numbers import index_text, join_sum, number_text, times_text
from ...show.scene import text_width
from ...spec import Shape
from ..trace import Trace
from ..window import Stamp, Window, add_stamps, indices, ruler_of, stamps_of, window_of
from .common import MAX_STEPS, grid_over, show

MAX_RULER = {1: 32, 2: 12}
ROW = 34.0


def draw_scatter(trace: Trace) -> tuple[Frame, ...]:
    """One frame for every sample, and one for the sum."""
    if trace.operation == "layer" or not trace.is_whole or trace.ndim not in MAX_RULER or not trace.steps:
        return ()
    scatter = Scatter(trace)
    most = MAX_STEPS if trace.ndim == 2 else 16
    if not 0 < len(scatter.stamps) <= most or max(scatter.total(0).shape) > MAX_RULER[trace.ndim]:
        return ()
    return tuple(_lines(scatter) if trace.ndim == 1 else _planes(scatter))


class Scatter:
    """The copies and their sums, as texts and places."""

    def __init__(self, trace: Trace) -> None:
        self.window: Window = window_of(trace)
        self.stamps: list[Stamp] = stamps_of(self.window)
        self.taps_name = "w" if trace.operation == "convolve" else "w turned round"

    def total(self, n: int) -> Any:
        """The first n copies, added."""
        return add_stamps(self.window, self.stamps[:n])

    def kept(self) -> list[Shape]:
        """Where on the ruler the outputs lie, in order."""
        return [
            tuple(axis.span - 1 + axis.stride * i for axis, i in zip(self.window.axes, m, strict=True))
            for m in indices(self.window.outputs)
        ]

    def name(self, stamp: Stamp) -> str:
        """x[2]: the sample that stands at that place of x̃."""
        source = self.window.sources[stamp.place]
        return f"x[{index_text(source)}]" if isinstance(source, tuple) else "the fill value"

    def cell_width(self, least: float = 38) -> float:
        copies = [show(v) for stamp in self.stamps for v in stamp.copy.flat]
        return cell_width(copies + [show(v) for v in self.total(len(self.stamps)).flat], least)


# -------------------------------------------------------------------------------- one axis


def _lines(scatter: Scatter) -> Iterator[Frame]:
    for n, stamp in enumerate(scatter.stamps, 1):
        value, copy = number_text(stamp.value), ", ".join(map(number_text, stamp.copy))
        sentence = f"{scatter.name(stamp)} = {value} stamps {times_text(value, scatter.taps_name)} = ({copy})."
        yield Frame(_draw_line(scatter, n, False, sentence), sentence)
    sentence = _added(scatter)
    yield Frame(_draw_line(scatter, len(scatter.stamps), True, sentence), sentence, 2.5)


def _added(scatter: Scatter) -> str:
    """The columns added, one of them spelled out."""
    (at,) = scatter.kept()[len(scatter.kept()) // 2]
    covering = [stamp for stamp in scatter.stamps if 0 <= at - stamp.first[0] < len(stamp.copy)]
    parts = [number_text(stamp.copy[at - stamp.first[0]]) for stamp in covering]
    total = number_text(scatter.total(len(scatter.stamps))[at])
    spelled = f" ({join_sum(parts)} = {total})" if len(parts) > 1 else ""
    return f"Each column adds up{spelled}; the outlined sums are y. Nobody flipped anything."


def _draw_line(scatter: Scatter, n: int, added: bool, sentence: str) -> Scene:
    canvas, width, stamps = Canvas(), scatter.cell_width(), scatter.stamps
    labels = [f"{scatter.name(stamp)} = {show(stamp.value)}" for stamp in stamps]
    total, ruler = scatter.total(n), ruler_of(scatter.window, stamps)
    left = 32 + max(map(text_width, [*labels, "sum"]))
    # Columns are places of the ruler, numbered from the first output of the full result.
    copies = Sheet(canvas, left - ruler.start * width, 28, width, ROW)
    for column in ruler:
        copies.under(0, column, str(column - scatter.window.axes[0].before), -12)
    for row, (stamp, label) in enumerate(zip(stamps, labels, strict=True)):
        now = row == n - 1 and not added
        canvas.label(16, copies.y(row + 0.5), label, "x-ink" if row < n else "faint", bold=now)
        if row < n:
            cells = (Cell(show(value), "w") for value in stamp.copy)
            copies._replace(top=copies.y(row) + 2, height=ROW - 4).row(0, cells, stamp.first[0])
            if now:
                size = len(stamp.copy) * width + 2, ROW - 2
                canvas.outline(copies.x(stamp.first[0]) - 1, copies.y(row) + 1, *size, key="stamp")
    sums = copies._replace(top=copies.y(len(stamps)) + 14, height=HEIGHT)
    canvas.wire(left, sums.top - 7, sums.x(ruler.stop), sums.top - 7, "faint", 1.5)
    canvas.label(16, sums.y(0.5), "sum", "y-ink", bold=True)
    covered = {stamp.first[0] + j for stamp in stamps[:n] for j in range(len(stamp.copy))}
    sums.row(0, (Cell(show(total[i]), "y") if i in covered else Cell("", "blank") for i in ruler), ruler.start)
    if added:
        _frame_kept(scatter, sums)
    return canvas.scene("The scatter view", sentence)


def _frame_kept(scatter: Scatter, sums: Sheet) -> None:
    """A frame around y: one for a run, one for each with a stride."""
    columns = [at[0] for at in scatter.kept()]
    if scatter.window.axes[0].stride == 1:
        sums.frame(0, columns[0], 1, len(columns))
    else:
        for column in columns:
            sums.frame(0, column)
    sums.canvas.label(sums.x((columns[0] + columns[-1] + 1) / 2), sums.y(1) + 13, "y", "y-ink", 13, "middle", True)
    sums.canvas.reach(0, sums.y(1) + 20)


# -------------------------------------------------------------------------------- two axes


def _planes(scatter: Scatter) -> Iterator[Frame]:
    for n, stamp in enumerate(scatter.stamps, 1):
        value = number_text(stamp.value)
        sentence = f"{scatter.name(stamp)} = {value} adds {times_text(value, scatter.taps_name)} at its own place."
        yield Frame(_draw_plane(scatter, n, sentence), sentence, 0.8)
    sentence = "All samples have stamped; the outlined sums are y."
    yield Frame(_draw_plane(scatter, len(scatter.stamps), sentence, True), sentence, 2.5)


def _draw_plane(scatter: Scatter, n: int, sentence: str, done: bool = False) -> Scene:
    canvas, width, left, sheets = Canvas(), scatter.cell_width(32), 16.0, []
    stamp, window = scatter.stamps[n - 1], scatter.window
    for name, array, role, least in (
        ("x", window.extended[0], "x", 0),
        ("the stamp", stamp.copy, "w", 70),
        ("sum of the stamps", scatter.total(n), "y", 0),
    ):
        sheets.append(canvas.grid(left, 48, grid_over(name, array, array, role), width, 32.0, f"{role}-ink"))
        left += max(array.shape[1] * width, least) + 44
    x, _, total = sheets
    if not done:
        x.frame(*stamp.place[:2], key="sample")
        total.frame(*stamp.first, *stamp.copy.shape, key="stamp")
    elif all(axis.stride == 1 for axis in window.axes):
        total.frame(*scatter.kept()[0], *window.outputs)
    else:
        for place in scatter.kept():
            total.frame(*place)
    return canvas.scene("The scatter view", sentence)
