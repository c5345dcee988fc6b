"""`direct`: some outputs side by side, one tap after another for all of them."""

from __future__ import annotations

from collections.abc import Iterator

from ...arrays import Array
from ...show import Block, Text
from ...show.numbers import index_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, index_at, indices, window_of
from .chapter import Chapter, History, answer, history_table, run_sums, solve

#: Outputs in one register of the picture; the engine's have 4 to 32.
LANES = 4


def convolve(window: Window) -> Array:
    """y, block by block."""
    sums = window.empty()
    for k, row, lanes in blocks(window) if window.v.size else ():
        sums[index_at(k, (*row, slice(lanes.start, lanes.stop)))] = run_block(window, k, row, lanes)[-1][2]
    return sums


def blocks(window: Window) -> list[tuple[int, Shape, range]]:
    """(filter, the axes before the last, the outputs along the last) of every block."""
    *rows, last = window.outputs
    lanes = [range(first, min(first + LANES, last)) for first in range(0, last, LANES)]
    return [(k, row, some) for k in range(window.filters) for row in indices(tuple(rows)) for some in lanes]


def run_block(window: Window, k: int, row: Shape, lanes: range) -> History:
    """For every tap: the tap, the samples under it in each lane, and the sums after it."""
    pairs = (
        (window.v[(k, c, *j)], [window.extended[(channel, *window.at((*row, m), j))] for m in lanes])
        for c, channel in enumerate(window.channels(k))
        for j in indices(window.taps)
    )
    return run_sums(pairs, len(lanes))


def chapter(trace: Trace) -> Chapter:
    """The first block in full, and the result of all of them."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    return solve("direct", "direct: a tap for several outputs at once", window, y, _body(window, y))


def _body(window: Window, y: Array) -> Iterator[Block]:
    yield Text(
        f"Nothing is copied and nothing is flipped in memory: the taps are read in the order in which they lie "
        f"over x. {LANES} neighbouring outputs are summed at once, one in each lane of a register: a tap is loaded "
        "once, multiplied with the samples under it in every lane, and added."
    )
    all_blocks = blocks(window)
    if all_blocks and window.v.size:
        k, row, lanes = all_blocks[0]
        front = (k, *row) if window.is_layer else row
        caption = f"Block 1 of {len(all_blocks)}: " + ", ".join(f"y[{index_text((*front, m))}]" for m in lanes)
        yield history_table(caption, ("tap", "samples in the lanes", "sums"), run_block(window, k, row, lanes))
        others = "The other blocks go the same way: " if len(all_blocks) > 1 else ""
        yield Text(f"{others}{window.v[0].size * y.size} products in all, each used once.")
