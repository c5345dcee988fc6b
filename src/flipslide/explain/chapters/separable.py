"""`separable`: taps that are a product of a column and a row are applied axis by axis."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from ...arrays import Array
from ...graph.exact import thaw, whole_numbers
from ...show import Block, Text, grid_of
from ...show.numbers import number_text
from ..draw.common import grid_over
from ..draw.story import Shot, reveal, tell
from ..trace import Trace
from ..window import Window, fill_zeros, taps_of, window_of, zeros
from .chapter import Chapter, answer, beside, check_finite, solve

#: Floats whose product is off by no more than this fraction of the largest tap count as a product.
ROUNDING = 1e-12

Factors = list[tuple[Array, Array]]


def factors_of(taps: Array) -> Factors:
    """(column, row) pairs whose products add up to the matrix; one pair where it is a product.

    Elimination with the largest entry as the pivot p at (i, j): what is left after taking away
    column j times row i over p has one rank less.

    >>> [(c.tolist(), r.tolist()) for c, r in factors_of(np.array([[1, 2], [2, 4]], dtype=object))]
    [([1, 2], [1, 2])]
    """
    rest = taps.copy()
    factors: Factors = []
    largest = max((abs(tap) for tap in taps.flat), default=0)
    exact = all(isinstance(tap, int | Fraction) for tap in taps.flat)
    while True:
        at = max(np.ndindex(*rest.shape), key=lambda place: abs(rest[place]))
        if abs(rest[at]) <= (0 if exact else ROUNDING * largest):
            return factors
        column, row = rest[:, at[1]].copy(), _divide(rest[at[0]], rest[at])
        column, row = _tidy(column, row)
        factors.append((column, row))
        rest = rest - np.multiply.outer(column, row)


def _divide(row: Array, pivot: Any) -> Array:
    exact = isinstance(pivot, int | Fraction)
    return thaw(tuple(Fraction(tap) / pivot if exact else tap / pivot for tap in row), row.shape)


def _tidy(column: Array, row: Array) -> tuple[Array, Array]:
    """The same product with whole numbers in the row, where that is possible without new fractions."""
    if not all(isinstance(entry, Fraction) for entry in row):
        return column, row
    scale = int(np.lcm.reduce([entry.denominator for entry in row]))
    smaller = thaw(tuple(Fraction(entry) / scale for entry in column), column.shape)
    return whole_numbers(smaller), whole_numbers(row * scale)


def convolve(window: Window) -> Array:
    """y, by a pass along the last axis and one along the first, for each pair of factors."""
    if len(window.axes) == 1:
        return window.sum_channels(lambda x, taps: _slide(x, taps, window, 0, 0))
    return window.sum_channels(lambda x, taps: sum((_pass(x, pair, window) for pair in factors_of(taps)), zeros(())))


def _pass(x: Array, pair: tuple[Array, Array], window: Window) -> Array:
    column, row = pair
    return _slide(_slide(x, row, window, 1, 1), column, window, 0, 0)


def _slide(x: Array, taps: Array, window: Window, dim: int, axis: int) -> Array:
    """The sum along one axis."""
    length = window.axes[axis]
    x = np.moveaxis(x, dim, -1)
    total = zeros((*x.shape[:-1], length.outputs))
    if length.outputs:
        for j, tap in enumerate(taps):
            first = length.dilation * j
            total = total + tap * x[..., first : first + length.stride * (length.outputs - 1) + 1 : length.stride]
    return np.moveaxis(total, -1, dim)


def chapter(trace: Trace) -> Chapter:
    """The factors, both passes and the count of products."""
    window = window_of(trace)
    check_finite(window, "separable")
    y = answer(window, convolve(window))
    is_line = len(window.axes) == 1
    factors = [] if is_line else factors_of(taps_of(trace, window)[0, 0])
    single = Text("One axis: there is nothing to take apart, the single pass is the direct sum.")
    body = [single] if is_line else _body(trace, window, factors)
    return solve("separable", "separable: one axis after the other", window, y, body, factors=factors)


def _body(trace: Trace, window: Window, factors: Factors) -> Iterator[Block]:
    of_all = " (each filter and channel has factors of its own; shown are the first)"
    yield Text(_verdict(factors) + of_all * (window.v[..., 0, 0].size > 1))
    yield beside(grid_of("w", taps_of(trace, window)[0, 0], "w"))
    for n, (column, row) in enumerate(factors, 1):
        number = "" if len(factors) == 1 else f" {n}"
        columns = grid_of(f"column{number}", [[tap] for tap in column], "w")
        yield beside(columns, grid_of(f"times row{number}", row, "w"))
    if len(factors) == 1:
        column, row = factors_of(window.v[0, 0])[0]
        first = _slide(fill_zeros(window.extended)[0], row, window, 1, 1)
        yield beside(grid_of("x after the pass with the row", first, "x"))
        yield from tell("one axis after the other", _shots(window, column, row, first))
    height, width = window.taps
    once, twice = height * width, len(factors) * (height + width)
    saved = "fewer" if twice < once else "no fewer"
    yield Text(
        f"Products for each output: {once} at once, {twice} in {2 * len(factors)} passes: {saved}. "
        "With k×k taps it is k² against 2k, for 7×7 taps 49 against 14."
    )


def _shots(window: Window, column: Array, row: Array, first: Array) -> Iterator[Shot]:
    """The row along every row of x, then the column along every column of what that gives."""
    x = grid_over("x", window.extended[0], window.extended[0], "x")
    sums = grid_of("after the row", first, "gradient")
    y = grid_of("y of this channel" if window.is_layer else "y", _slide(first, column, window, 0, 0), "y")
    taps = grid_of("row", row, "w"), grid_of("column", [[tap] for tap in column], "w")
    down, across = window.axes
    for n, (i, j) in enumerate(np.ndindex(*first.shape)):
        marks = {"x": [(i, j * across.stride, 1, across.span)], sums.title: [(i, j, 1, 1)]}
        sentence = f"The row lies over row {i} of x, {len(row)} products: {number_text(first[i, j])}."
        yield Shot(sentence, (x, taps[0], reveal(sums, n + 1), taps[1], reveal(y, 0)), marks, 0.8)
    for n, (i, j) in enumerate(np.ndindex(*window.outputs)):
        marks = {sums.title: [(i * down.stride, j, down.span, 1)], y.title: [(i, j, 1, 1)]}
        sentence = f"The column lies over column {j}, {len(column)} products: {y.rows[i][j].text}."
        yield Shot(sentence, (x, taps[0], sums, taps[1], reveal(y, n + 1)), marks, 0.8)


def _verdict(factors: Factors) -> str:
    if not factors:
        return "All taps are zero: no pass is needed."
    if len(factors) == 1:
        return "w is a column times a row, so sliding w is sliding the row, then the column over the result."
    return (
        f"w is no product of one column and one row: it takes a sum of {len(factors)} such products, a pair of passes "
        "for each. The engine does so where that costs less than a transform, and else takes another way."
    )
