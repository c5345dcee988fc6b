"""Filters that answer to change: slopes and curvatures."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..arrays import Array
from ..catalogue.checks import numbers_per_axis
from ..catalogue.edges import SMOOTHERS, laplacian, slope
from ..errors import unknown_word
from .rim import How, Rule, one_axis, rim, slide, slide_whole, which_axes
from .smooth import smooth

__all__ = ["gaussian_laplace", "gradient_magnitude", "laplace", "prewitt", "scharr", "sobel"]

KINDS = (*SMOOTHERS, "gaussian")


def _slope(kind: str, x: Array, axis: Any, axes: Any, rule: Rule) -> Array:
    dims = which_axes(x, axes)
    along = one_axis(x, axis)
    if along not in dims:
        dims = (along, *dims)
    return slide_whole(x, slope(kind, dims.index(along), len(dims)), dims, rule)


@rim
def sobel(x: Array, axis: int = -1, *, axes: Any = None, **how: Unpack[How]) -> Array:
    """Slope along one axis, (1, 0, −1), smoothed by (1, 2, 1) along the others.

    A slope of 1 per sample answers with 2·4^(n−1) over n axes. Integers stay exact, in int32 (int64 from 32 bits on).

    Parameters
    ----------
    x : array_like
    axis : int
        The axis of the slope.
    axes : int or tuple of int, optional
        All axes that belong to the picture; by default every one. For channels last, (0, 1).
    **how
        boundary, fill_value, dtype, threads: see `flipslide.filters`.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> ramp = np.tile(np.arange(4, dtype=np.uint8), (3, 1))
    >>> fs.filters.sobel(ramp)[1]
    array([4, 8, 8, 4], dtype=int32)
    """
    return _slope("sobel", x, axis, axes, Rule(**how))


@rim
def scharr(x: Array, axis: int = -1, *, axes: Any = None, **how: Unpack[How]) -> Array:
    """Slope along one axis, (1, 0, −1), smoothed by (3, 10, 3) along the others. As `sobel`.

    >>> import flipslide as fs
    >>> fs.filters.scharr([[0, 1, 2], [0, 1, 2]])
    array([[16, 32, 16],
           [16, 32, 16]])
    """
    return _slope("scharr", x, axis, axes, Rule(**how))


@rim
def prewitt(x: Array, axis: int = -1, *, axes: Any = None, **how: Unpack[How]) -> Array:
    """Slope along one axis, (1, 0, −1), smoothed by (1, 1, 1) along the others. As `sobel`.

    >>> import flipslide as fs
    >>> fs.filters.prewitt([[0, 1, 2], [0, 1, 2]])
    array([[3, 6, 3],
           [3, 6, 3]])
    """
    return _slope("prewitt", x, axis, axes, Rule(**how))


@rim
def laplace(x: Array, *, axes: Any = None, **how: Unpack[How]) -> Array:
    """The sum of second differences, (1, −2, 1), along each axis. Integers stay exact, as of `sobel`.

    >>> import flipslide as fs
    >>> fs.filters.laplace([0, 1, 4, 9, 16])
    array([ 1,  2,  2,  2, -7])
    """
    dims = which_axes(x, axes)
    return slide_whole(x, laplacian(len(dims)), dims, Rule(**how))


@rim
def gaussian_laplace(
    x: Array, sigma: Any = 1.0, *, axes: Any = None, truncate: float = 4.0, spacing: Any = 1.0, **how: Unpack[How]
) -> Array:
    """The Laplacian of the smoothed x: the second derivatives of a Gaussian, added up over the axes.

    Bright blobs answer with negative values, strongest where sigma is their radius over √2 in the plane.
    Keywords as of `gaussian`.

    >>> import flipslide as fs
    >>> fs.filters.gaussian_laplace([0, 0, 9, 0, 0], 1).round(2)
    array([ 1.78,  0.02, -3.59,  0.02,  1.78])
    """
    dims, rule = which_axes(x, axes), Rule(**how)
    orders = 2 * np.eye(len(dims), dtype=int)
    return _sum(smooth(x, sigma, dims, rule, tuple(row), truncate=truncate, spacing=spacing) for row in orders.tolist())


def _sum(terms: Any) -> Array:
    total: Array = next(terms)
    for term in terms:
        total += term
    return total


@rim
def gradient_magnitude(
    x: Array, kind: str = "sobel", *, sigma: Any = 1.0, axes: Any = None, truncate: float = 4.0, spacing: Any = 1.0,
    **how: Unpack[How],
) -> Array:  # fmt: skip
    """How steep x is: the root of the sum of the squared slopes along each axis.

        y = √Σ_a (x ∗ w_a)²

    kind is "sobel", "scharr" or "prewitt", whose slopes are divided by their gain, or "gaussian", the
    derivative of a Gaussian of width sigma. So a ramp that rises by 1 per unit of `spacing` answers with 1.
    Integers give float64. Keywords as of `gaussian`.

    >>> import flipslide as fs
    >>> fs.filters.gradient_magnitude([[0, 3, 6], [4, 7, 10], [8, 11, 14]])[1, 1]
    np.float64(5.0)
    """
    if kind not in KINDS:
        raise unknown_word("kind", kind, KINDS)
    dims, rule = which_axes(x, axes), Rule(**how)
    if kind == "gaussian":
        turns = np.eye(len(dims), dtype=int).tolist()
        slopes = (smooth(x, sigma, dims, rule, tuple(row), truncate=truncate, spacing=spacing) for row in turns)
        return np.asarray(np.sqrt(_sum(np.square(np.abs(term)) for term in slopes)))
    steps = numbers_per_axis(spacing, len(dims), "spacing", kind)
    gain = 2 * sum(SMOOTHERS[kind]) ** (len(dims) - 1)
    slopes = (slide(x, slope(kind, at, len(dims)) / (gain * step), dims, rule) for at, step in enumerate(steps))
    return np.asarray(np.sqrt(_sum(np.square(np.abs(term)) for term in slopes)))
