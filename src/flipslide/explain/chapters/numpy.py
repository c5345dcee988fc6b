"""`numpy`: the taps as factors of whole shifted arrays, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...arrays import Array
from ...show import Block, Table, Text
from ...show.numbers import number_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, index_at, indices, window_of
from .chapter import MAX_ENTRIES, Chapter, align_texts, answer, solve


def shifted(window: Window, channel: int, j: Shape) -> Array:
    """The samples that tap j meets, one for each output."""
    slices = [
        slice(axis.dilation * t, axis.dilation * t + axis.stride * (axis.outputs - 1) + 1, axis.stride)
        for axis, t in zip(window.axes, j, strict=True)
    ]
    if not all(window.outputs):
        slices = [slice(0, n) for n in window.outputs]
    view: Array = window.extended[index_at(channel, slices)]
    return view


def convolve(window: Window) -> Array:
    """y = Σ_j v[j] · (x̃, shifted by j)."""
    sums = window.empty()
    for k in range(window.filters):
        for c, channel in enumerate(window.channels(k)):
            for j in indices(window.taps):
                _add(sums[k], window.v[(k, c, *j)], shifted(window, channel, j))
    return sums


def _add(sums: Array, tap: Any, samples: Array) -> None:
    for m in indices(sums.shape):
        if samples[m] is not None:
            sums[m] = sums[m] + tap * samples[m]


def chapter(trace: Trace) -> Chapter:
    """A row for each tap of the first filter."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    return solve("numpy", "numpy: whole arrays, shifted and added", window, y, _body(window, y))


def _body(window: Window, y: Array) -> Iterator[Block]:
    yield Text(
        "One pass over the whole array for each tap: x, shifted to where the tap meets it, times the tap, added "
        "up. Slow, because every pass goes through memory, but it works with every number that NumPy can multiply "
        "and add: fractions, big integers, long doubles."
    )
    pairs = [(c, channel, j) for c, channel in enumerate(window.channels(0)) for j in indices(window.taps)]
    if len(pairs) * y.size > MAX_ENTRIES:
        yield Text(f"{len(pairs)} passes over {y.size} outputs are too many numbers to be read.")
        return
    taps = [number_text(window.v[(0, c, *j)]) for c, _, j in pairs]
    lines = align_texts([*(shifted(window, channel, j).flat for _, channel, j in pairs), _first(window, y)])
    yield Table("", ("tap", "times x shifted"), tuple(zip([*taps, "sum"], lines, strict=True)), "rl")


def _first(window: Window, y: Array) -> Any:
    """The sums of the first filter, without its bias."""
    values = (y[0] if window.is_layer else y).astype(object)
    return (values - window.bias[0] if window.bias else values).flat
