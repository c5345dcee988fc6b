"""Taps that answer to change: slopes, curvatures, and the picture minus its curvature."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ParameterError, unknown_word
from .checks import check_size, numbers_per_axis
from .smoothing import _count_axes, gaussian, gaussian_rows, outer

__all__ = ["SMOOTHERS", "dog", "gaussian_laplace", "laplacian", "prewitt", "scharr", "sharpen", "slope", "sobel"]

#: What stands across the slope (1, 0, −1): each is symmetric, and whole.
SMOOTHERS = {"sobel": (1, 2, 1), "scharr": (3, 10, 3), "prewitt": (1, 1, 1)}


def slope(kind: str, axis: int, ndim: int) -> Array:
    """(1, 0, −1) along one axis, the named smoother along the others."""
    if kind not in SMOOTHERS:
        raise unknown_word("kernel", kind, SMOOTHERS)
    return outer([(1, 0, -1) if i == axis else SMOOTHERS[kind] for i in range(ndim)])


def _plane_slope(kind: str, axis: str) -> Array:
    if axis not in ("x", "y"):
        raise unknown_word("axis", axis, ("x", "y"))
    return slope(kind, "yx".index(axis), 2)


def sobel(axis: str = "x") -> Array:
    """Slope along x (columns) or y (rows), smoothed across it.

        w = (1, 2, 1)ᵀ ⊗ (1, 0, −1)   for "x",  its transpose for "y"

    Flipped by `convolve` it reads right minus left, so a picture growing brighter to the
    right (downwards for "y") answers with positive values: 8 per grey level and pixel.
    Source: Sobel and Feldman (1968), in Duda and Hart, *Pattern Classification and Scene
    Analysis*, p. 271.

    >>> sobel("x")
    array([[ 1,  0, -1],
           [ 2,  0, -2],
           [ 1,  0, -1]])
    """
    return _plane_slope("sobel", axis)


def scharr(axis: str = "x") -> Array:
    """Slope as `sobel` has it, with (3, 10, 3) across: 32 per grey level and pixel.

    Its direction errs least among 3 × 3 taps. Source: Scharr, *Optimale Operatoren in der digitalen
    Bildverarbeitung*, Heidelberg 2000.

    >>> scharr("x")
    array([[  3,   0,  -3],
           [ 10,   0, -10],
           [  3,   0,  -3]])
    """
    return _plane_slope("scharr", axis)


def prewitt(axis: str = "x") -> Array:
    """Slope as `sobel` has it, with (1, 1, 1) across: 6 per grey level and pixel.

    Source: Prewitt, "Object enhancement and extraction", 1970.

    >>> prewitt("y")
    array([[ 1,  1,  1],
           [ 0,  0,  0],
           [-1, -1, -1]])
    """
    return _plane_slope("prewitt", axis)


def laplacian(ndim: int = 2) -> Array:
    """∂²/∂x² + ∂²/∂y² by second differences, each (1, −2, 1).

    Source: Abramowitz and Stegun, *Handbook of Mathematical Functions*, 25.3.30.

    >>> laplacian()
    array([[ 0,  1,  0],
           [ 1, -4,  1],
           [ 0,  1,  0]])
    """
    check_size((3,) * ndim, "laplacian")
    terms = [outer([(1, -2, 1) if i == axis else (0, 1, 0) for i in range(ndim)]) for axis in range(ndim)]
    return np.asarray(np.sum(terms, axis=0))


def sharpen() -> Array:
    """The picture minus its Laplacian: δ − laplacian(), summing to 1.

    Source: Gonzalez and Woods, *Digital Image Processing*, section 3.6.

    >>> sharpen()
    array([[ 0, -1,  0],
           [-1,  5, -1],
           [ 0, -1,  0]])
    """
    return np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]) - laplacian()


def gaussian_laplace(sigma: Any = 1.0, *, ndim: int | None = None, truncate: float = 4.0, spacing: Any = 1.0) -> Array:
    """The Laplacian of a Gaussian, Σ ∂²φ/∂i² over the axes; `fs.taps.log` is another name.

    Negative in the middle, so that a bright blob answers with negative values. Parameters as of
    `gaussian`. Source: Marr and Hildreth, "Theory of edge detection", 1980.

    >>> gaussian_laplace(1, ndim=1, truncate=1).round(3)
    array([ 0.   , -0.452,  0.   ])
    """
    n_axes = _count_axes((sigma, spacing), ndim)
    words = dict(truncate=truncate, spacing=spacing)
    smooth = gaussian_rows(sigma, n_axes, **words)
    curved = gaussian_rows(sigma, n_axes, order=2, **words)
    check_size(tuple(row.size for row in smooth), "gaussian_laplace")
    terms = [outer(smooth[:axis] + [curved[axis]] + smooth[axis + 1 :]) for axis in range(n_axes)]
    return np.asarray(np.sum(terms, axis=0))


def dog(
    low: Any = 1.0, high: Any = None, *, ndim: int | None = None, truncate: float = 4.0, spacing: Any = 1.0
) -> Array:
    """Difference of Gaussians, gaussian(low) − gaussian(high), the smaller one amid the larger.

    high is 1.6·low unless given, which comes closest to a Laplacian of a Gaussian. Sums to 0. Source:
    Marr and Hildreth, "Theory of edge detection", 1980, appendix B.

    >>> dog(1, 2, ndim=1).size
    17
    """
    n_axes = _count_axes((low, high, spacing), ndim)
    lows, highs = low_and_high(low, high, n_axes)
    words = dict(ndim=n_axes, truncate=truncate, spacing=spacing)
    taps = -gaussian(highs, **words)
    narrow = gaussian(lows, **words)
    taps[tuple(slice((n - k) // 2, (n + k) // 2) for n, k in zip(taps.shape, narrow.shape, strict=True))] += narrow
    return taps


def low_and_high(low: Any, high: Any, n_axes: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both widths per axis, the second above the first."""
    lows = numbers_per_axis(low, n_axes, "sigma", "dog")
    highs = tuple(1.6 * s for s in lows) if high is None else numbers_per_axis(high, n_axes, "sigma", "dog")
    if any(h < s for s, h in zip(lows, highs, strict=True)):
        raise ParameterError(f"dog subtracts the wider Gaussian: high={high!r} must not be below low={low!r}")
    return lows, highs
