"""`gemm`: the product of matrices of im2col, without ever writing the matrix."""

from __future__ import annotations

from collections.abc import Iterator

from ...arrays import Array
from ...show import Block, Text
from ...show.numbers import index_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, index_at, indices, window_of
from .chapter import Chapter, History, answer, history_table, run_sums, solve


def convolve(window: Window) -> Array:
    """y, all filters of a group for one output after another."""
    sums = window.empty()
    for group in groups(window) if window.v.size else ():
        for m in indices(window.outputs):
            sums[index_at(slice(group.start, group.stop), m)] = run_column(window, group, m)[-1][2]
    return sums


def groups(window: Window) -> list[range]:
    """The filters of each group."""
    each = window.filters // window.groups
    return [range(first, first + each) for first in range(0, window.filters, each)]


def run_column(window: Window, group: range, m: Shape) -> History:
    """For every sample of one window: the sample, the filters' taps on it, and their sums after it."""
    pairs = (
        (window.extended[(channel, *window.at(m, j))], [window.v[(k, c, *j)] for k in group])
        for c, channel in enumerate(window.channels(group[0]))
        for j in indices(window.taps)
    )
    return run_sums(pairs, len(group))


def chapter(trace: Trace) -> Chapter:
    """One column in full."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    return solve("gemm", "gemm: a sample for all filters at once", window, y, _body(window, y))


def _body(window: Window, y: Array) -> Iterator[Block]:
    group, m = groups(window)[0], (0,) * len(window.axes)
    yield Text(
        "The same product of matrices as im2col, but the columns are read where they lie in x: the matrix is "
        f"never written. Each sample is loaded once and meets the tap of every filter of its group, here "
        f"{len(group)}; the more filters share it, the less it costs."
    )
    if y.size and window.v.size:
        header = "sample", "taps of the filters", "sums"
        yield history_table(f"Output {index_text(m)} of each filter", header, run_column(window, group, m))
