"""`reduction`: few outputs, each the sum of many products, cut into slices that are added in their order."""

from __future__ import annotations

from typing import Any

from ...arrays import Array
from ...show import Table, Text
from ...show.numbers import index_text, number_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, indices, window_of
from .chapter import Chapter, answer, result_grids

__all__ = ["chapter", "convolve"]

#: Products of a slice here; the engine's have thousands.
SLICE = 4

Products = list[tuple[Any, Any]]


def convolve(window: Window) -> Array:
    """y, each output as the sum of its slices."""
    sums = window.empty()
    for k in range(window.filters):
        for m in indices(window.outputs):
            for products in slices_of(window, k, m):
                sums[(k, *m)] = sums[(k, *m)] + sum_of(products)
    return sums


def slices_of(window: Window, k: int, m: Shape) -> list[Products]:
    """The taps and samples of an output, some at a time; padding has none."""
    products = [
        (window.v[(k, c, *j)], window.extended[(channel, *window.at(m, j))])
        for c, channel in enumerate(window.channels(k))
        for j in indices(window.taps)
    ]
    there = [(tap, sample) for tap, sample in products if sample is not None]
    return [there[first : first + SLICE] for first in range(0, len(there), SLICE)]


def sum_of(products: Products) -> Any:
    return sum(tap * sample for tap, sample in products)


def chapter(trace: Trace) -> Chapter:
    """The slices of the first output."""
    window = window_of(trace)
    y = answer(window, convolve(window))
    body: list[Any] = [
        Text(
            "Where outputs are few and each is the sum of many products, as in the gradient of a layer's taps, the "
            "products of an output are cut into slices. Threads share the slices, and their sums are added in their "
            f"order, so that the result does not depend on who took which. Here a slice has {SLICE} products."
        )
    ]
    if y.size and window.v.size:
        m = (0,) * len(window.axes)
        rows, total = [], 0
        for number, products in enumerate(slices_of(window, 0, m)):
            total = total + sum_of(products)
            rows.append((str(number), str(len(products)), number_text(sum_of(products)), number_text(total)))
        body.append(
            Table(
                f"Slices of output {index_text(m)}", ("slice", "products", "its sum", "sum so far"), tuple(rows), "rrrr"
            )
        )
    return Chapter("reduction", "reduction: many products for few outputs", [*body, result_grids(window, y)], y)
