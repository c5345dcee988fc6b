"""`direct`: some outputs side by side, one tap after another for all of them."""

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

#: Outputs in one register of the picture; the engine's have 4 to 32.
LANES = 4


def convolve(window: Window) -> Array:
    """y, block by block."""
    sums = window.empty()
    for k, row, first in blocks(window):
        lanes = lanes_of(window, first)
        total = run_block(window, k, row, lanes)[-1][2] if window.v.size else [0] * len(lanes)
        for lane, value in zip(lanes, total, strict=True):
            sums[(k, *row, lane)] = value
    return sums


def blocks(window: Window) -> list[tuple[int, Shape, int]]:
    """(filter, the axes before the last, the first output of the last) of every block."""
    *rows, last = window.outputs
    return [(k, row, m) for k in range(window.filters) for row in indices(tuple(rows)) for m in range(0, last, LANES)]


def lanes_of(window: Window, first: int) -> range:
    return range(first, min(first + LANES, window.outputs[-1]))


def run_block(window: Window, k: int, row: Shape, lanes: range) -> list[tuple[Any, list[Any], list[Any]]]:
    """For every tap: the tap, the samples under it in each lane, and the sums after it."""
    history = []
    sums: list[Any] = [0] * len(lanes)
    for c, channel in enumerate(window.channels(k)):
        for j in indices(window.taps):
            tap = window.v[(k, c, *j)]
            samples = [window.extended[(channel, *window.at((*row, m), j))] for m in lanes]
            sums = [s if x is None else s + tap * x for s, x in zip(sums, samples, strict=True)]
            history.append((tap, samples, sums))
    return history


def chapter(trace: Trace) -> Chapter:
    """The first block in full, and the result of all of them."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    all_blocks = blocks(window)
    body: list[Any] = [
        Text(
            f"Nothing is copied and nothing is flipped in memory: the taps are read in the order in which they lie "
            f"over x. {LANES} neighbouring outputs are summed at once, one in each lane of a register: a tap is loaded "
            "once, multiplied with the samples under it in every lane, and added."
        )
    ]
    if all_blocks and window.v.size:
        k, row, first = all_blocks[0]
        lanes = lanes_of(window, first)
        history = run_block(window, k, row, lanes)
        names = ", ".join(f"y[{index_text(((k,) if window.is_layer else ()) + (*row, m))}]" for m in lanes)
        taps, samples, sums = zip(*history, strict=True)
        rows = tuple(zip(map(number_text, taps), align_texts(samples), align_texts(sums), strict=True))
        body.append(
            Table(f"Block 1 of {len(all_blocks)}: {names}", ("tap", "samples in the lanes", "sums"), rows, "rll")
        )
        products = window.v[0].size * y.size
        others = "The other blocks go the same way: " if len(all_blocks) > 1 else ""
        body.append(Text(f"{others}{products} products in all, each used once."))
    return Chapter("direct", "direct: a tap for several outputs at once", [*body, result_grids(window, y)], y)
