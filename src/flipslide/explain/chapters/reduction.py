"""`reduction`: few outputs, each the sum of many products, cut into slices that are added in their order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from ...arrays import Array
from ...show import Block, Table, Text
from ...show.numbers import index_text, number_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, indices, window_of
from .chapter import Chapter, answer, solve

#: Products of a slice here; the engine's have thousands.
SLICE = 4


def convolve(window: Window) -> Array:
    """y, each output as the sum of its slices."""
    sums = window.empty()
    for k, *m in indices(sums.shape):
        sums[(k, *m)] = sum(map(sum, slices_of(window, k, tuple(m))))
    return sums


def slices_of(window: Window, k: int, m: Shape) -> list[list[Any]]:
    """The products of an output, some at a time; padding has none."""
    pairs = [
        (window.v[(k, c, *j)], window.extended[(channel, *window.at(m, j))])
        for c, channel in enumerate(window.channels(k))
        for j in indices(window.taps)
    ]
    products = [tap * sample for tap, sample in pairs if sample is not None]
    return [products[first : first + SLICE] for first in range(0, len(products), SLICE)]


def chapter(trace: Trace) -> Chapter:
    """The slices of the first output."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    return solve("reduction", "reduction: many products for few outputs", window, y, _body(window, y))


def _body(window: Window, y: Array) -> Iterator[Block]:
    yield Text(
        "Where outputs are few and each is the sum of many products, as in the gradient of a layer's taps, the "
        "products of an output are cut into slices. Threads share the slices, and their sums are added in their "
        f"order, so that the result does not depend on who took which. Here a slice has {SLICE} products."
    )
    if y.size and window.v.size:
        m = (0,) * len(window.axes)
        slices = slices_of(window, 0, m)
        sums = [sum(products) for products in slices]
        rows = tuple(
            (str(n), str(len(products)), number_text(own), number_text(total))
            for n, (products, own, total) in enumerate(zip(slices, sums, accumulate(sums), strict=True))
        )
        yield Table(f"Slices of output {index_text(m)}", ("slice", "products", "its sum", "sum so far"), rows, "rrrr")
