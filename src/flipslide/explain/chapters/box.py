"""`box`: taps that are all the same are running sums, with two sums for each output however many they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...show import Grids, Text
from ...show.numbers import number_text
from ..trace import Trace
from ..window import Window, fill_zeros, taps_of, window_of, zeros
from .chapter import Chapter, answer, check_finite, grid_of, result_grids

__all__ = ["blocks_of", "chapter", "convolve", "running_sums"]


def blocks_of(x: Array, n: int) -> tuple[Array, Array]:
    """What is left of its block of n, from each sample on, and what its block holds up to each sample.

    >>> ends, starts = blocks_of(np.array([1, 2, 3, 4, 5], dtype=object), 3)
    >>> ends.tolist(), starts.tolist()
    ([6, 5, 3, 9, 5], [1, 3, 6, 4, 9])
    """
    ends, starts = x.copy(), x.copy()
    for i in range(1, len(x)):
        if i % n:
            starts[i] = starts[i - 1] + x[i]
    for i in range(len(x) - 2, -1, -1):
        if (i + 1) % n:
            ends[i] = x[i] + ends[i + 1]
    return ends, starts


def running_sums(x: Array, n: int, dilation: int = 1) -> Array:
    """x[i] + x[i + d] + … + x[i + d·(n − 1)] for every i that has them all, along the last axis.

    A window that begins inside a block is the end of that block and the start of the next (van Herk
    1992, Gil and Werman 1993). Nothing is subtracted, so nothing cancels.
    """
    length = x.shape[-1] - dilation * (n - 1)
    sums = zeros((*x.shape[:-1], max(length, 0)))
    for at in np.ndindex(*x.shape[:-1]):
        for phase in range(min(dilation, max(length, 0))):
            ends, starts = blocks_of(x[at][phase::dilation], n)
            for i, place in enumerate(range(phase, length, dilation)):
                sums[at][place] = ends[i] if i % n == 0 else ends[i] + starts[i + n - 1]
    return sums


def convolve(window: Window) -> Array:
    """y, by running sums along every axis; taps that differ are boxes of one tap each."""
    total, x = window.empty(), fill_zeros(window.extended)
    for k in range(window.filters):
        for c, channel in enumerate(window.channels(k)):
            for first, taps in _boxes_of(window.v[k, c]):
                total[k] = total[k] + taps.flat[0] * _sum_box(x[channel], first, taps.shape, window)
    return total


def _boxes_of(taps: Array) -> list[tuple[tuple[int, ...], Array]]:
    """Where boxes begin, and their taps: the whole, or each tap."""
    if taps.size and all(tap == taps.flat[0] for tap in taps.flat):
        return [((0,) * taps.ndim, taps)]
    one = (1,) * taps.ndim
    return [(place, np.full(one, taps[place], dtype=object)) for place in np.ndindex(*taps.shape)]


def _sum_box(x: Array, first: tuple[int, ...], n_taps: tuple[int, ...], window: Window) -> Array:
    for a, (length, start, n) in enumerate(zip(window.axes, first, n_taps, strict=True)):
        begin = length.dilation * start
        reach = length.stride * (length.outputs - 1) + 1 + length.dilation * (n - 1)
        piece = np.moveaxis(x, a, -1)[..., begin : begin + reach] if length.outputs else np.moveaxis(x, a, -1)[..., :0]
        x = np.moveaxis(running_sums(piece, n, length.dilation)[..., :: length.stride], -1, a)
    return x


def chapter(trace: Trace) -> Chapter:
    """The blocks of one row, their ends and starts, and the result."""
    window = window_of(trace)
    check_finite(window, "box")
    y = answer(window, convolve(window))
    taps = taps_of(trace, window)[0, 0]
    is_box = len(_boxes_of(taps)) == 1
    body = _body(window, taps) if is_box else [Text(_OTHERWISE)]
    return Chapter("box", "box: running sums", [*body, result_grids(window, y)], y, is_box=is_box)


_OTHERWISE = (
    "The taps are not all the same, so no running sum serves two outputs: each tap is a box of its own here, which "
    "is the direct sum again. The engine then takes another way."
)


def _body(window: Window, taps: Array) -> list[Any]:
    row = fill_zeros(window.extended)[0]
    row = row[(0,) * (row.ndim - 1)]
    n, dilation = window.taps[-1], window.axes[-1].dilation
    ends, starts = blocks_of(row[::dilation], n)
    of_row = "" if dilation == 1 else f", every {dilation}. sample of it"
    return [
        Text(
            f"All taps are {number_text(taps.flat[0])}. The first row of x, with what the boundary puts around it, is "
            f"cut into blocks of {n}{of_row}. A window that begins inside a block is the end of that block plus the "
            "start of the next: one sum, whatever the number of taps."
        ),
        Grids((grid_of("x", row[::dilation], "x"),)),
        Grids((grid_of("to the end of its block", ends, "x"),)),
        Grids((grid_of("from the start of its block", starts, "x"),)),
        Text(
            f"Sums for each output: 3 along each axis instead of {int(np.prod(window.taps))} products. Nothing is ever "
            "subtracted: what is not a number stays in its windows, and no rounding of the past is carried along."
        ),
    ]
