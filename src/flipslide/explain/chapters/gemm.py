"""`gemm`: the product of matrices of im2col, without ever writing the matrix."""

from __future__ import annotations

from typing import Any

from ...arrays import Array
from ...show import Table, Text
from ...show.numbers import index_text, number_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, indices, window_of
from .chapter import Chapter, align_texts, answer, result_grids

__all__ = ["chapter", "convolve"]


def convolve(window: Window) -> Array:
    """y, all filters of a group for one output after another."""
    sums = window.empty()
    for group in _groups(window):
        for m in indices(window.outputs):
            history = run_column(window, group, m)
            for k, value in zip(group, history[-1][2] if history else [0] * len(group), strict=True):
                sums[(k, *m)] = value
    return sums


def _groups(window: Window) -> list[range]:
    each = window.filters // window.groups
    return [range(first, first + each) for first in range(0, window.filters, each)]


def run_column(window: Window, group: range, m: Shape) -> list[tuple[Any, list[Any], list[Any]]]:
    """For every sample of one window: the sample, the filters' taps on it, and their sums after it."""
    history = []
    sums: list[Any] = [0] * len(group)
    for c, channel in enumerate(window.channels(group[0])):
        for j in indices(window.taps):
            sample = window.extended[(channel, *window.at(m, j))]
            taps = [window.v[(k, c, *j)] for k in group]
            if sample is not None:
                sums = [total + tap * sample for total, tap in zip(sums, taps, strict=True)]
            history.append((sample, taps, sums))
    return history


def chapter(trace: Trace) -> Chapter:
    """One column in full."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    group = _groups(window)[0]
    body: list[Any] = [
        Text(
            "The same product of matrices as im2col, but the columns are read where they lie in x: the matrix is "
            f"never written. Each sample is loaded once and meets the tap of every filter of its group, here "
            f"{len(group)}; the more filters share it, the less it costs."
        )
    ]
    if y.size and window.v.size:
        m = (0,) * len(window.axes)
        samples, taps, sums = zip(*run_column(window, group, m), strict=True)
        first = ["." if sample is None else number_text(sample) for sample in samples]
        rows = tuple(zip(first, align_texts(taps), align_texts(sums), strict=True))
        body.append(
            Table(f"Output {index_text(m)} of each filter", ("sample", "taps of the filters", "sums"), rows, "rll")
        )
    return Chapter("gemm", "gemm: a sample for all filters at once", [*body, result_grids(window, y)], y)
