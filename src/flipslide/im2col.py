"""The patches of a layer as columns, and the adjoint that adds them up again."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .arrays import Array, enter, freeze, narrow, widen
from .errors import ShapeError
from .geometry import LayerAxis, ints_per_axis, layer_axes, read_shape
from .spec import Shape

__all__ = ["col2im", "im2col"]

#: Each element of the batch and each channel.
EACH: tuple[Any, ...] = (slice(None), slice(None))


def im2col(x: Any, window: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Array:
    """The patches that a layer's taps meet, as columns: (N, C, *spatial) to (N, C·taps, L).

        cols[n, (c, j), m] = x[n, c, stride·m + dilation·j − lo]

    with zeros outside x, so that `w.reshape(K, -1) @ cols` is the layer. L counts the
    output positions. As PyTorch's unfold and ONNX's Im2Col order them, for any number of
    spatial axes. The engine itself never makes this matrix.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.im2col(np.arange(5).reshape(1, 1, 5), 3)[0]
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    """
    x = enter(x, "x")
    if x.ndim < 3:
        raise ShapeError(f"x must be (N, C, *spatial), not of shape {x.shape}")
    axes = _axes_of(x.shape[2:], window, stride, padding, dilation)
    taps, counts = _taps_and_counts(axes)
    padded = np.pad(x, [(0, 0), (0, 0), *((axis.lo, axis.hi) for axis in axes)])
    cols = np.empty((*x.shape[:2], *taps, *counts), dtype=x.dtype)
    for j in itertools.product(*map(range, taps)):
        cols[(*EACH, *j)] = padded[_samples_at(j, axes)]
    return cols.reshape(x.shape[0], x.shape[1] * math.prod(taps), math.prod(counts))


def col2im(cols: Any, x_size: Any, window: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Array:
    """The adjoint of `im2col`: (N, C·taps, L) back to (N, C, *x_size), adding where columns overlap.

    ⟨im2col(x), cols⟩ = ⟨x, col2im(cols)⟩ for all x and cols.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.col2im(np.ones((1, 3, 3), dtype=int), 5, 3)[0, 0]
    array([1, 2, 3, 2, 1])
    """
    cols, sizes = enter(cols, "cols"), read_shape(x_size, "x_size")
    axes = _axes_of(sizes, window, stride, padding, dilation)
    taps, counts = _taps_and_counts(axes)
    n_taps, n_columns = math.prod(taps), math.prod(counts)
    if cols.ndim != 3 or cols.shape[1] % n_taps or cols.shape[2] != n_columns:
        raise ShapeError(f"cols has shape {cols.shape}; (N, C·{n_taps}, {n_columns}) was wanted")
    channels = cols.shape[1] // n_taps
    patches = cols.reshape(cols.shape[0], channels, *taps, *counts)
    wide = widen(patches)
    padded = np.zeros((*patches.shape[:2], *(axis.lo + axis.n + axis.hi for axis in axes)), wide.dtype)
    for j in itertools.product(*map(range, taps)):
        padded[_samples_at(j, axes)] += wide[(*EACH, *j)]
    inside = (slice(axis.lo, axis.lo + axis.n) for axis in axes)
    return np.ascontiguousarray(narrow(padded[(*EACH, *inside)], cols, n_taps))


def _axes_of(sizes: Shape, window: Any, stride: Any, padding: Any, dilation: Any) -> tuple[LayerAxis, ...]:
    taps = ints_per_axis(freeze(window), len(sizes), "window", 1)
    return layer_axes(sizes, taps, stride=freeze(stride), padding=freeze(padding), dilation=freeze(dilation))


def _taps_and_counts(axes: tuple[LayerAxis, ...]) -> tuple[Shape, Shape]:
    return tuple(axis.taps for axis in axes), tuple(axis.outputs for axis in axes)


def _samples_at(j: Shape, axes: tuple[LayerAxis, ...]) -> tuple[slice, ...]:
    """The padded samples that tap j meets, one for each output position."""
    firsts = [axis.dilation * tap for axis, tap in zip(axes, j, strict=True)]
    lasts = [first + axis.stride * (axis.outputs - 1) for first, axis in zip(firsts, axes, strict=True)]
    return (*EACH, *(slice(a, b + 1, axis.stride) for a, b, axis in zip(firsts, lasts, axes, strict=True)))
