"""`matrix`: the call as one matrix that x is multiplied with (Toeplitz)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...graph.exact import pack
from ...show import Formula, Text
from ..draw import draw_matrix
from ..trace import Trace
from ..window import Window, indices, window_of, zeros
from .chapter import Chapter, answer, grid_of, pictures, result_grids, texts_of, written_down

__all__ = ["chapter", "matrix_of"]


def matrix_of(window: Window, fill: Any) -> tuple[Array, Array]:
    """T and t with y = T·x + t: x and y read row by row, t what the fill value adds."""
    places = list(indices((window.filters, *window.outputs)))
    matrix, offset = np.full((len(places), window.x.size), None, dtype=object), zeros((len(places),))
    columns = {index: n for n, index in enumerate(indices(window.x.shape))}
    for row, (k, *m) in enumerate(places):
        for c, channel in enumerate(window.channels(k)):
            for j in indices(window.taps):
                source, tap = window.sources[window.at(tuple(m), j)], window.v[(k, c, *j)]
                if isinstance(source, tuple):
                    at = row, columns[(channel, *source)]
                    matrix[at] = tap if matrix[at] is None else matrix[at] + tap
                elif source == "fill":
                    offset[row] = offset[row] + tap * fill
    return matrix, offset


def times(matrix: Array, x: list[Any]) -> Array:
    """The product with a vector; an entry that is None adds nothing."""
    sums = zeros((matrix.shape[0],))
    for row in range(matrix.shape[0]):
        sums[row] = sum((tap * x[n] for n, tap in enumerate(matrix[row]) if tap is not None), 0)
    return sums


def chapter(trace: Trace) -> Chapter:
    """T, y = T·x, and the gradient Tᵀ·dy."""
    window = window_of(trace)
    matrix, offset = matrix_of(window, trace.fill_value)
    y = answer(window, (times(matrix, list(window.x.flat)) + offset).reshape(window.filters, *window.outputs))
    back = times(matrix.T, _dy(trace, matrix.shape[0]))
    story = [*_story(window, matrix, offset, y), *pictures("rows", draw_matrix(trace)), *_gradient(trace, back)]
    return Chapter("matrix", "The same as a matrix", story, y, matrix=matrix, offset=offset, dx=_like_x(window, back))


def _dy(trace: Trace, n: int) -> list[Any]:
    if trace.gradients is None:
        return [1] * n
    return list(np.array(trace.gradients.dy, dtype=object).flat)


def _like_x(window: Window, values: Array) -> Array:
    return pack(list(values), window.x.shape if window.is_layer else window.x.shape[1:])


def _story(window: Window, matrix: Array, offset: Array, y: Array) -> list[Any]:
    shape = "one axis: every diagonal of T holds one tap, T is a Toeplitz matrix" if len(window.axes) == 1 else (
        "two axes: T is made of blocks of diagonals"
    )  # fmt: skip
    story: list[Any] = [
        Formula("y = T·x", "y = T\\,x"),
        Text(
            f"The call is linear in x, so it is a matrix: a row for each output, a column for each sample. On {shape}; "
            "· is a zero that is never multiplied."
        ),
    ]
    story.append(written_down([grid_of("T", matrix, "w"), grid_of("x", [[entry] for entry in window.x.flat], "x")]))
    if any(entry != 0 for entry in offset):
        story.append(Text(f"The fill value outside x adds {texts_of(offset)}."))
    return [*story, result_grids(window, y)]


def _gradient(trace: Trace, back: Array) -> list[Any]:
    weights = "dy" if trace.gradients is not None else "dy = 1 for every output"
    return [
        Formula("dx = Tᵀ·dy", "dx = T^{\\mathsf T}\\,dy"),
        Text(f"The transpose takes gradients back: with {weights}, dx = {texts_of(back)}."),
    ]
