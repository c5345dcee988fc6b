"""Direct sums as one would write them with numba: blocks that stay in the first-level cache,
an inner loop over outputs that becomes vector instructions, threads over the blocks."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

BLOCK = 2048

_compile = numba.njit(parallel=True, cache=True, fastmath=True, nogil=True, error_model="numpy")


@_compile
def lines(x: Any, w: Any, start: int, y: Any) -> None:
    """Every row of y (batch, m) is that row of x (batch, n) by the taps."""
    n, m, taps = x.shape[1], y.shape[1], w.shape[0]
    blocks = (m + BLOCK - 1) // BLOCK
    for job in numba.prange(x.shape[0] * blocks):
        row, first = job // blocks, job % blocks * BLOCK
        last = min(first + BLOCK, m)
        source, target = x[row], y[row]
        target[first:last] = 0
        for j in range(taps):
            tap = w[j]
            for i in range(max(first, j - start), min(last, n + j - start)):
                target[i] += tap * source[i + start - j]


@_compile
def planes(x: Any, w: Any, start: Any, y: Any) -> None:
    """mode "same" of an image."""
    rows, columns = x.shape
    for row in numba.prange(rows):
        target = y[row]
        target[:] = 0
        for a in range(w.shape[0]):
            at = row + start[0] - a
            if 0 <= at < rows:
                source = x[at]
                for b in range(w.shape[1]):
                    tap, shift = w[a, b], start[1] - b
                    for i in range(max(0, -shift), min(columns, columns - shift)):
                        target[i] += tap * source[i + shift]


@_compile
def volumes(x: Any, w: Any, start: Any, y: Any) -> None:
    """mode "same" of a volume."""
    depth, rows, columns = x.shape
    for job in numba.prange(depth * rows):
        z, row = job // rows, job % rows
        target = y[z, row]
        target[:] = 0
        for c in range(w.shape[0]):
            for a in range(w.shape[1]):
                front, at = z + start[0] - c, row + start[1] - a
                if 0 <= front < depth and 0 <= at < rows:
                    source = x[front, at]
                    for b in range(w.shape[2]):
                        tap, shift = w[c, a, b], start[2] - b
                        for i in range(max(0, -shift), min(columns, columns - shift)):
                            target[i] += tap * source[i + shift]


def run(case: Any, x: Any, w: Any, y: Any) -> Any:
    if len(case.n_taps) == 1:
        lines(np.atleast_2d(x), w, case.starts[0], np.atleast_2d(y))
    else:
        (planes if x.ndim == 2 else volumes)(x, w, case.starts, y)
    return y
