"""Taps that average: Gaussian, box, disk, a straight smear; and the sum of 1 that they share."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermeval

from ..arrays import Array
from ..errors import ParameterError
from ..geometry import ints_per_axis, is_sequence, to_int
from .checks import MAX_TAPS, check_size, numbers_per_axis, read_number

__all__ = ["blackman", "box", "disk", "gaussian", "gaussian_rows", "hamming", "hann", "motion", "outer", "unit_sum"]


def unit_sum(w: Any, dtype: Any = np.float64) -> Array:
    """w over its sum, each tap rounded so that they sum to 1 exactly, in any order.

        ŵ[j] = u·round(w[j]/(u·Σw)),   u = 2^(⌈log₂ Σ|w|/|Σw|⌉ − p)

    with p bits in the dtype. Every partial sum is a whole multiple of u below 2^p·u, so that none is
    rounded; what rounding the taps left over goes to the middle one, or to the two in the middle.

    >>> unit_sum([1, 2, 1])
    array([0.25, 0.5 , 0.25])
    >>> sum(unit_sum([0.1, 0.7, 0.3, 0.2], "float32").tolist())
    1.0
    """
    w = np.asarray(w, np.float64)
    total = math.fsum(w.flat)
    if not (math.isfinite(total) and total != 0):
        raise ParameterError(f"the taps sum to {total}, so that no multiple of them sums to 1")
    reach = math.fsum(np.abs(w / total).flat)
    bits = np.finfo(dtype).nmant + 1 - math.ceil(math.log2(reach) - 1e-12)
    whole = np.rint(np.ldexp(w / total, bits)).astype(np.int64)
    _give_rest(whole, 2**bits - int(whole.sum()))
    return np.asarray(np.ldexp(whole, -bits).astype(dtype))


def _give_rest(whole: Array, rest: int) -> None:
    """Add what is missing in the middle of symmetric taps, else to the largest."""
    flat = whole.reshape(-1)
    middle = flat.size // 2
    if not np.array_equal(flat, flat[::-1]):
        flat[np.argmax(np.abs(flat))] += rest
    elif flat.size % 2:
        flat[middle] += rest
    else:
        flat[middle - 1 : middle + 1] += rest // 2


def outer(rows: Any) -> Array:
    """The product of one row of taps along each axis."""
    return np.asarray(reduce(np.multiply.outer, map(np.asarray, rows)))


def gaussian(
    sigma: Any = 1.0,
    *,
    ndim: int | None = None,
    radius: Any = None,
    order: Any = 0,
    truncate: float = 4.0,
    spacing: Any = 1.0,
) -> Array:
    """Sampled Gaussian, summing to 1, or its derivative.

        w[i] = Π φ(i),   φ(i) = exp(−i²/2σ²) / Σ,   i = −r … r,   r = ⌊truncate·σ + ½⌋
        φ⁽ⁿ⁾(i) = (−1/σ)ⁿ·Heₙ(i/σ)·φ(i)             where order is n

    Parameters
    ----------
    sigma : float or one per axis
        Standard deviation, in the unit of `spacing`. A tuple says how many axes there are.
    ndim : int, optional
        The number of axes of a single sigma; 2 unless given.
    radius : int or one per axis, optional
        r itself. The pixels −r … r cover ±truncate·σ otherwise; beyond 4σ lies less than 7·10⁻⁵ of the area.
    order : int or one per axis
        0 smooths, 1 is the slope and 2 the curvature of what is smoothed, per unit of `spacing`.
    spacing : float or one per axis
        The distance between samples, such as 0.3 µm.

    Sources: Gonzalez and Woods, *Digital Image Processing*, section 3.5; Abramowitz and Stegun,
    *Handbook of Mathematical Functions*, 22.11.8.

    >>> gaussian(0.5, ndim=1, radius=1).round(4)
    array([0.1065, 0.787 , 0.1065])
    >>> gaussian((1, 2, 2)).shape, gaussian(0.2, spacing=0.1, ndim=1).size
    ((9, 17, 17), 17)
    """
    n_axes = _count_axes((sigma, radius, order, spacing), ndim)
    rows = gaussian_rows(sigma, n_axes, radius=radius, order=order, truncate=truncate, spacing=spacing)
    check_size(tuple(row.size for row in rows), "gaussian")
    return outer(rows)


def _count_axes(values: tuple[Any, ...], ndim: int | None) -> int:
    """As many axes as the longest tuple has entries, unless ndim says it."""
    lengths = [np.size(value) for value in values if is_sequence(value) or isinstance(value, np.ndarray)]
    if ndim is None:
        return max(lengths, default=2)
    n_axes = to_int(ndim, "ndim")
    check_size((1,) * n_axes, "gaussian")
    return n_axes


def gaussian_rows(
    sigma: Any, n_axes: int, *, radius: Any = None, order: Any = 0, truncate: Any = 4.0, spacing: Any = 1.0
) -> list[Array]:
    """The row of each axis, whose product is the Gaussian."""
    spacings = numbers_per_axis(spacing, n_axes, "spacing", "gaussian")
    sigmas = numbers_per_axis(sigma, n_axes, "sigma", "gaussian")
    orders = ints_per_axis(order, n_axes, "order", 0)
    reach = read_number(truncate, "truncate", "gaussian")
    widths = [s / step for s, step in zip(sigmas, spacings, strict=True)]
    radii = (
        tuple(int(min(reach * s, MAX_TAPS) + 0.5) for s in widths)
        if radius is None
        else ints_per_axis(radius, n_axes, "radius", 0)
    )
    for r in radii:
        check_size((2 * r + 1,), "gaussian")
    rows = map(_gaussian_row, widths, radii, orders)
    return [row / step**n for row, step, n in zip(rows, spacings, orders, strict=True)]


def _gaussian_row(sigma: float, radius: int, order: int) -> Array:
    with np.errstate(over="ignore"):  # a sigma near 0 leaves the middle tap, exp(−∞) = 0 around it
        i = np.arange(-radius, radius + 1) / sigma
        row = unit_sum(np.exp(-0.5 * i**2))
    if order == 0:
        return row
    slope: Array = (-1 / sigma) ** order * hermeval(i, [0] * order + [1]) * row
    return slope


def box(size: Any = (3, 3)) -> Array:
    """The moving average: Π size equal taps, w[i] = 1/Π size.

    >>> box((4,))
    array([0.25, 0.25, 0.25, 0.25])
    """
    sizes = tuple(to_int(entry, "size") for entry in (size if is_sequence(size) else (size,)))
    check_size(sizes, "box")
    return np.full(sizes, 1 / math.prod(sizes))


def hann(size: int = 9) -> Array:
    """A raised cosine without its zeros at both ends: w[i] ∝ sin²(π(i + 1)/(size + 1)), summing to 1.

    Source: Harris, *Proceedings of the IEEE* 66 (1978), p. 51.

    >>> hann(3)
    array([0.25, 0.5 , 0.25])
    """
    return unit_sum(np.hanning(_read_window(size, "hann") + 2)[1:-1])


def hamming(size: int = 9) -> Array:
    """A raised cosine on a pedestal: w[i] ∝ 0.54 − 0.46·cos(2πi/(size − 1)), summing to 1. Source as of `hann`.

    >>> hamming(3).round(4)
    array([0.069 , 0.8621, 0.069 ])
    """
    return unit_sum(np.hamming(_read_window(size, "hamming")))


def blackman(size: int = 9) -> Array:
    """Two cosines without the zeros at both ends, summing to 1: the lowest side lobes of these. Source as of `hann`.

    >>> blackman(3).round(4)
    array([0.2024, 0.5952, 0.2024])
    """
    return unit_sum(np.blackman(_read_window(size, "blackman") + 2)[1:-1])


def _read_window(size: Any, name: str) -> int:
    n = to_int(size, "size")
    check_size((n,), name)
    return n


def disk(radius: float = 3.0) -> Array:
    """A round average: equal taps wherever r² + c² ≤ radius², summing to 1.

    What a lens out of focus does to a point.

    >>> disk(1).round(2)
    array([[0. , 0.2, 0. ],
           [0.2, 0.2, 0.2],
           [0. , 0.2, 0. ]])
    """
    reach = int(read_number(radius, "radius", "disk"))
    check_size((2 * reach + 1,) * 2, "disk")
    r, c = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    inside = r**2 + c**2 <= radius**2
    return np.asarray(inside / inside.sum())


def motion(length: float = 9.0, angle: float = 0.0) -> Array:
    """A straight smear `length` pixels long, `angle` degrees counter-clockwise; sums to 1.

        w[i] ∝ max(0, 1 − distance of pixel i from the segment),  the segment length − 1 long

    A line one pixel wide, its edge antialiased linearly. With (r, c) from the centre, rows
    downwards: along = c·cos − r·sin, across = c·sin + r·cos.

    >>> motion(4, 0).round(3)
    array([[0.125, 0.25 , 0.25 , 0.25 , 0.125]])
    """
    if not (1 <= length < MAX_TAPS and math.isfinite(angle)):
        raise ParameterError(
            f"motion needs a len in 1 … {MAX_TAPS} and a finite angle, not len={length}, angle={angle}"
        )
    half = (length - 1) / 2
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # A row further than ⌈half·|sin|⌉ from the centre is at least 1 away from the segment.
    rows, columns = (math.ceil(half * abs(part) - 1e-9) for part in (sin, cos))
    check_size((2 * rows + 1, 2 * columns + 1), "motion")
    r, c = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    beyond = np.maximum(np.abs(c * cos - r * sin) - half, 0)
    taps = np.maximum(0, 1 - np.hypot(beyond, c * sin + r * cos))
    return np.asarray(taps / taps.sum())
