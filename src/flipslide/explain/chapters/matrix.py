"""`matrix`: the call as one matrix that x is multiplied with (Toeplitz)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...arrays import Array
from ...show import Block, Formula, Text, grid_of
from ..draw.matrix import draw_matrix
from ..trace import Trace
from ..window import Window, dy_of, like_x, matrix_of, window_of, zeros
from .chapter import Chapter, answer, pictures, result_grids, texts_of, written_down


def times(matrix: Array, x: list[Any]) -> Array:
    """The product with a vector; an entry that is None adds nothing."""
    sums = zeros((matrix.shape[0],))
    for n, row in enumerate(matrix):
        sums[n] = sum((tap * value for tap, value in zip(row, x, strict=True) if tap is not None), 0)
    return sums


def chapter(trace: Trace) -> Chapter:
    """T, y = T·x, and the gradient Tᵀ·dy."""
    window = window_of(trace)
    matrix, offset = matrix_of(window, trace.fill_value)
    y = answer(window, (times(matrix, list(window.x.flat)) + offset).reshape(window.filters, *window.outputs))
    back = times(matrix.T, list(dy_of(trace, window).flat))
    body = [*_body(window, matrix, offset, y), *pictures("rows", draw_matrix(trace)), *_gradient(trace, back)]
    return Chapter("matrix", "The same as a matrix", body, y, matrix=matrix, offset=offset, dx=like_x(window, back))


def _body(window: Window, matrix: Array, offset: Array, y: Array) -> Iterator[Block]:
    line = "one axis: every diagonal of T holds one tap, T is a Toeplitz matrix"
    shape = line if len(window.axes) == 1 else "two axes: T is made of blocks of diagonals"
    yield Formula("y = T·x", "y = T\\,x")
    yield Text(
        f"The call is linear in x, so it is a matrix: a row for each output, a column for each sample. On {shape}; "
        "· is a zero that is never multiplied."
    )
    yield written_down([grid_of("T", matrix, "w"), grid_of("x", [[entry] for entry in window.x.flat], "x")])
    if any(entry != 0 for entry in offset):
        yield Text(f"The fill value outside x adds {texts_of(offset)}.")
    yield result_grids(window, y)


def _gradient(trace: Trace, back: Array) -> Iterator[Block]:
    weights = "dy" if trace.gradients is not None else "dy = 1 for every output"
    yield Formula("dx = Tᵀ·dy", "dx = T^{\\mathsf T}\\,dy")
    yield Text(f"The transpose takes gradients back: with {weights}, dx = {texts_of(back)}.")
