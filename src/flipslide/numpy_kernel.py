"""The method "numpy": any spec, in any dtype that NumPy can multiply and add.

For each tap, one multiplication of views of x and one sum: exact types (Fraction, Decimal,
big integers), longdouble, and the cases in which a compiled method would have to multiply an
infinite tap by a zero that is not there. Slow, and the same spec.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array
from .spec import Axis, ConvSpec, Loop, loop_kind

__all__ = ["apply"]


def apply(spec: ConvSpec, x: Array, w: Array, bias: Array | None, dtype: np.dtype[Any]) -> Array:
    """The sum, in `dtype`, shaped as spec.y_shape. Bias: one entry per output channel."""
    xs = _canonical(spec, x.astype(dtype, copy=False), "x", spec.conj_x)
    ws = _canonical(spec, w.astype(dtype, copy=False), "w", spec.conj_w)
    fill = _fill(spec, dtype)
    n_loops = len(spec.loops)
    summed = tuple(i for i, loop in enumerate(spec.loops) if loop_kind(loop) == "in")
    sizes = [1 if i in summed else loop.size for i, loop in enumerate(spec.loops)]
    y = np.zeros(sizes + [axis.y for axis in spec.axes], dtype=dtype)
    if bias is not None:
        y = y + _canonical_bias(spec, bias.astype(dtype, copy=False))
    for j in np.ndindex(*(axis.w for axis in spec.axes)):
        outputs, samples, outside = _terms_of_tap(spec.axes, j)
        if any(len(found) == 0 for found in outputs):
            continue
        window = _gather(xs, n_loops, samples, outside, fill)
        at = np.ix_(*(range(size) for size in sizes), *outputs)
        at_tap: tuple[Any, ...] = (..., *(slice(tap, tap + 1) for tap in j))
        # ∞ − ∞ and 0·∞ give NaN, as in the compiled methods, and no warning.
        with np.errstate(over="ignore", invalid="ignore"):
            products = window * ws[at_tap]
            y[at] += products.sum(axis=summed, keepdims=True) if summed else products
    return _to_layout(spec, y)


def _canonical(spec: ConvSpec, array: Array, name: str, conjugate: bool) -> Array:
    """A view with one dim per loop, then one per axis; 1 where the array has none."""
    dims = [getattr(part, name + "_dim") for part in (*spec.loops, *spec.axes)]
    carried = [dim for dim in dims if dim >= 0]
    unit = [dim for dim in range(array.ndim) if dim not in carried]
    first: tuple[Any, ...] = (..., *(0 for _ in unit))
    moved: Array = array.transpose(carried + unit)[first]
    shaped: Array = moved[tuple(slice(None) if dim >= 0 else None for dim in dims)]
    return np.conj(shaped) if conjugate else shaped


def _canonical_bias(spec: ConvSpec, bias: Array) -> Array:
    shape = [loop.size if loop.w_dim >= 0 and loop.y_dim >= 0 else 1 for loop in spec.loops]
    return bias.reshape(shape + [1] * len(spec.axes))


def _to_layout(spec: ConvSpec, y: Array) -> Array:
    parts: list[Axis | Loop] = [*spec.loops, *spec.axes]
    order = sorted((i for i, part in enumerate(parts) if part.y_dim >= 0), key=lambda i: parts[i].y_dim)
    summed = [i for i, part in enumerate(parts) if part.y_dim < 0]
    moved: Array = y.transpose(order + summed)
    return np.ascontiguousarray(moved.reshape(spec.y_shape))


def _terms_of_tap(axes: tuple[Axis, ...], j: tuple[int, ...]) -> tuple[list[Array], list[Array], list[Array]]:
    """Per axis: the outputs that tap j reaches, the samples they read, and which read the fill."""
    found = [_terms_of_axis(axis, tap) for axis, tap in zip(axes, j, strict=True)]
    return [m for m, _, _ in found], [i for _, i, _ in found], [missing for _, _, missing in found]


def _terms_of_axis(axis: Axis, tap: int) -> tuple[Array, Array, Array]:
    """Axis.source for all outputs at once. The boundary rule is evaluated only for those that read outside x."""
    m = np.arange(axis.y)
    samples, between = np.divmod(axis.position(0, tap) + axis.stride * m, axis.up)
    exists = between == 0
    missing = np.zeros(axis.y, dtype=bool)
    for at in np.flatnonzero(exists & ((samples < 0) | (samples >= axis.x))):
        exists[at], index = axis.source(int(at), tap)
        samples[at], missing[at] = (0, True) if index is None else (index, False)
    return m[exists], samples[exists], missing[exists]


def _gather(xs: Array, n_loops: int, samples: list[Array], outside: list[Array], fill: Any) -> Array:
    """x at the samples of every axis, and the fill value where there is none."""
    window = xs
    for i, (found, missing) in enumerate(zip(samples, outside, strict=True)):
        dim = n_loops + i
        if window.shape[dim] == 0:
            shape = list(window.shape)
            shape[dim] = len(found)
            window = np.full(shape, fill, dtype=xs.dtype)
        else:
            window = window.take(found, axis=dim)
        if missing.any():
            window[(slice(None),) * dim + (missing,)] = fill
    return window


def _fill(spec: ConvSpec, dtype: np.dtype[Any]) -> Any:
    value = np.asarray(spec.fill).astype(dtype)
    return (np.conj(value) if spec.conj_x else value)[()]
