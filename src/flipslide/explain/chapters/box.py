"""`box`: taps that are all the same are running sums, with two sums for each output however many they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...arrays import Array
from ...show import Block, Cell, Grid, Text, grid_of
from ...show.numbers import join_sum, number_text
from ...spec import Shape
from ..draw.story import Shot, reveal, tell
from ..trace import Trace
from ..window import Window, fill_zeros, taps_of, window_of, zeros
from .chapter import Chapter, answer, beside, check_finite, solve


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
    return window.sum_channels(lambda x, taps: _sum_boxes(x, taps, window))


def _sum_boxes(x: Array, taps: Array, window: Window) -> Array:
    boxes = (box.flat[0] * _sum_box(x, first, box.shape, window) for first, box in _boxes_of(taps))
    return sum(boxes, zeros(()))


def _boxes_of(taps: Array) -> list[tuple[Shape, Array]]:
    """Where boxes begin, and their taps: the whole, or each tap."""
    if taps.size and all(tap == taps.flat[0] for tap in taps.flat):
        return [((0,) * taps.ndim, taps)]
    one = (1,) * taps.ndim
    return [(place, np.full(one, taps[place], dtype=object)) for place in np.ndindex(*taps.shape)]


def _sum_box(x: Array, first: Shape, n_taps: Shape, window: Window) -> Array:
    for a, (length, start, n) in enumerate(zip(window.axes, first, n_taps, strict=True)):
        begin = length.dilation * start
        reach = length.stride * (length.outputs - 1) + 1 + length.dilation * (n - 1) if length.outputs else 0
        piece = np.moveaxis(x, a, -1)[..., begin : begin + reach]
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
    return solve("box", "box: running sums", window, y, body, is_box=is_box)


_OTHERWISE = (
    "The taps are not all the same, so no running sum serves two outputs: each tap is a box of its own here, which "
    "is the direct sum again. The engine then takes another way."
)


def _body(window: Window, taps: Array) -> Iterator[Block]:
    n, dilation = window.taps[-1], window.axes[-1].dilation
    row = fill_zeros(window.extended).reshape(-1, window.extended.shape[-1])[0][::dilation]
    ends, starts = blocks_of(row, n)
    of_row = "" if dilation == 1 else f", every {dilation}. sample of it"
    yield Text(
        f"All taps are {number_text(taps.flat[0])}. The first row of x, with what the boundary puts around it, is "
        f"cut into blocks of {n}{of_row}. A window that begins inside a block is the end of that block plus the "
        "start of the next: one sum, whatever the number of taps."
    )
    for name, sums in ((ENDS, ends), (STARTS, starts)):
        yield beside(grid_of("x", row, "x"), grid_of(name, sums, "x"))
    yield from tell("running sums", _shots(row, ends, starts, n))
    yield Text(
        f"Sums for each output: 3 along each axis instead of {int(np.prod(window.taps))} products. Nothing is ever "
        "subtracted: what is not a number stays in its windows, and no rounding of the past is carried along."
    )


ENDS, STARTS = "to the end of its block", "from its block's start"


def _shots(row: Array, ends: Array, starts: Array, n: int) -> Iterator[Shot]:
    """One for each window, after the blocks; their cells are shaded in turn."""
    x, of_ends, of_starts = (_shade(*named, n) for named in (("x", row), (ENDS, ends), (STARTS, starts)))
    sums = running_sums(row, n)
    totals = grid_of("sum of the window", sums, "y")
    yield Shot(f"Blocks of {n}; each has its sums from both sides.", (x, of_ends, of_starts, reveal(totals, 0)))
    for i, total in enumerate(sums):
        places, last = f"Samples {i} to {i + n - 1}", i + n - 1
        one, other = number_text(ends[i]), number_text(starts[last])
        parts = f"{join_sum([one, other])} = {number_text(total)}, the end of one block and the start of the next."
        sentence = f"{places}: {parts if i % n else f'a whole block, {one}.'}"
        marks = {"x": [(0, i, 1, n)], ENDS: [(0, i, 1, 1)], totals.title: [(0, i, 1, 1)]}
        seen = marks | ({STARTS: [(0, last, 1, 1)]} if i % n else {})
        yield Shot(sentence, (x, of_ends, of_starts, reveal(totals, i + 1)), seen)


def _shade(title: str, values: Array, n: int) -> Grid:
    return Grid(title, (tuple(Cell(number_text(v), "blank" if i // n % 2 else "x") for i, v in enumerate(values)),))
