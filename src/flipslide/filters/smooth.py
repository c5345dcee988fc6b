"""Filters that average, and what is left when the average is taken away."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from ..arrays import Array
from ..catalogue.checks import NOT_NEGATIVE, numbers_per_axis
from ..catalogue.edges import low_and_high
from ..catalogue.smoothing import gaussian_rows
from ..errors import ParameterError
from ..geometry import ints_per_axis, is_sequence
from ..signal import convolve
from .rim import How, Rule, extends, float_dtype, one_axis, rim, slide, slide_rows, which_axes

__all__ = ["box", "dog", "gaussian", "local_mean", "local_std", "moving_average", "sharpen", "smooth"]


@rim
def gaussian(
    x: Array, sigma: Any = 1.0, *, axes: Any = None, order: Any = 0, truncate: float = 4.0, radius: Any = None,
    spacing: Any = 1.0, **how: Unpack[How],
) -> Array:  # fmt: skip
    """Smooth x with a Gaussian, or take a derivative of what is smoothed.

        y = x ∗ Π φ⁽ᵒʳᵈᵉʳ⁾,   φ(i) = exp(−i²/2σ²)/Σ,   i = −r … r,   r = ⌊truncate·σ + ½⌋

    Parameters
    ----------
    x : array_like
        Any shape; axes that are not filtered are a batch.
    sigma : float or one per axis
        Standard deviation, in the unit of `spacing`; 0 leaves an axis as it is.
    axes : int or tuple of int, optional
        The axes to filter along; by default all.
    order : int or one per axis
        0 smooths, 1 is the slope and 2 the curvature, per unit of `spacing`.
    radius : int or one per axis, optional
        r itself.
    spacing : float or one per axis
        The distance between samples, such as (0.3, 0.1, 0.1) µm.
    **how
        boundary, fill_value, dtype, threads: see `flipslide.filters`.

    Returns
    -------
    ndarray
        As large as x. Integers give float64.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.filters.gaussian([0, 0, 4, 0, 0], 1).round(2)
    array([0.23, 0.97, 1.6 , 0.97, 0.23])
    >>> fs.filters.gaussian([[7, 7], [7, 7]], (0.3, 0.1), spacing=0.1)
    array([[7., 7.],
           [7., 7.]])
    """
    dims = which_axes(x, axes)
    return smooth(x, sigma, dims, Rule(**how), order=order, truncate=truncate, radius=radius, spacing=spacing)


def smooth(x: Array, sigma: Any, dims: tuple[int, ...], rule: Rule, order: Any = 0, **shape: Any) -> Array:
    """The Gaussian of the axes whose sigma is not 0."""
    sigmas = numbers_per_axis(sigma, len(dims), "sigma", "gaussian", NOT_NEGATIVE)
    orders = ints_per_axis(order, len(dims), "order", 0)
    if any(s == 0 and n > 0 for s, n in zip(sigmas, orders, strict=True)):
        raise ParameterError(f"a derivative needs a sigma above 0: order={order!r}, sigma={sigma!r}")
    rows = gaussian_rows(tuple(s or 1.0 for s in sigmas), len(dims), order=orders, **shape)
    return slide_rows(x, {dim: row if s else np.ones(1) for dim, row, s in zip(dims, rows, sigmas, strict=True)}, rule)


@rim
def box(x: Array, size: Any = 3, *, axes: Any = None, **how: Unpack[How]) -> Array:
    """The mean of each window of `size` samples.

        y[m] = 1/K · Σ_j x̃[m − ⌊K/2⌋ + j],   j = 0 … K − 1, along each axis

    size is one number or one per axis. Integers of up to 32 bits are summed exactly and divided once, in
    float64. Keywords as of `gaussian`.

    >>> import flipslide as fs
    >>> fs.filters.box([1, 2, 6, 3])
    array([1.33333333, 3.        , 3.66666667, 4.        ])
    """
    return mean(x, size, which_axes(x, axes), Rule(**how))


@rim
def moving_average(x: Array, size: int = 3, *, axis: int = -1, **how: Unpack[How]) -> Array:
    """The mean of `size` samples around each, along one axis: `box` of a signal.

    >>> import flipslide as fs
    >>> fs.filters.moving_average([0, 0, 3, 0, 0, 0], 3)
    array([0., 1., 1., 1., 0., 0.])
    """
    return mean(x, size, (one_axis(x, axis),), Rule(**how))


@rim
def local_mean(x: Array, size: Any = 3, *, axes: Any = None, **how: Unpack[How]) -> Array:
    """The mean of each window; another name of `box`.

    >>> import flipslide as fs
    >>> fs.filters.local_mean([[0, 9], [0, 9]], 3)
    array([[3., 6.],
           [3., 6.]])
    """
    return mean(x, size, which_axes(x, axes), Rule(**how))


def mean(x: Array, size: Any, dims: tuple[int, ...], rule: Rule) -> Array:
    sizes = _read_sizes(size, dims)
    n = math.prod(sizes)
    if _sums_exactly(x, rule):
        return _finish_mean(window_sum(x, sizes, dims, rule), n, float_dtype(x, rule.dtype))
    # Equal taps are running sums. Their sum is 1 as nearly as 1/n is; flat windows are seen to by themselves.
    return slide(x, np.full(sizes, 1 / n), dims, rule, averages=True)


def _finish_mean(total: Array, n: int, result: np.dtype[Any]) -> Array:
    return np.asarray((total / n).astype(result, copy=False))


def _read_sizes(size: Any, dims: tuple[int, ...]) -> tuple[int, ...]:
    size = size.tolist() if isinstance(size, np.ndarray) else size
    return ints_per_axis(tuple(size) if is_sequence(size) else size, len(dims), "size", 1)


def _sums_exactly(x: Array, rule: Rule) -> bool:
    words = rule.boundary if isinstance(rule.boundary, tuple | list) else (rule.boundary,)
    return x.dtype.kind in "biu" and x.dtype.itemsize < 8 and "constant" not in words


def window_sum(x: Array, sizes: tuple[int, ...], dims: tuple[int, ...], rule: Rule) -> Array:
    """The exact sum of each window of integers."""
    return convolve(
        x, np.ones(sizes, np.int8), "same", axes=dims, boundary=rule.boundary, dtype=np.int64, threads=rule.threads
    )


@rim
def local_std(x: Array, size: Any = 3, *, axes: Any = None, ddof: int = 0, **how: Unpack[How]) -> Array:
    """The standard deviation of each window of `size` samples.

        y² = (Σ x̃² − (Σ x̃)²/K) / (K − ddof)   over the window of K samples

    Integers of up to 16 bits are summed exactly. Floats are summed in float64 about their mean, and what lies
    below the rounding error of the sums is 0, so that a flat window has none. Keywords as of `gaussian`.

    >>> import flipslide as fs
    >>> fs.filters.local_std([5, 5, 5, 5, 8, 5], 3).round(4)
    array([0.    , 0.    , 0.    , 1.4142, 1.4142, 1.4142])
    """
    rule, dims = Rule(**how), which_axes(x, axes)
    sizes = _read_sizes(size, dims)
    n = math.prod(sizes)
    if not 0 <= ddof < n:
        raise ParameterError(f"ddof={ddof} must be in 0 … {n - 1}, below the number of samples in a window")
    if x.dtype.kind == "c":
        raise ParameterError("local_std is of real samples; take it of x.real and x.imag, and add their squares")
    result = float_dtype(x, rule.dtype)
    squares = _exact_spread if _sums_exactly(x, rule) and x.dtype.itemsize < 4 and n < 1 << 15 else _spread
    return np.asarray(np.sqrt(squares(x, sizes, dims, rule) / (n * (n - ddof))).astype(result, copy=False))


def _exact_spread(x: Array, sizes: tuple[int, ...], dims: tuple[int, ...], rule: Rule) -> Array:
    """K·Σx² − (Σx)², below 2^15·2^15·2^32 in size."""
    wide = x.astype(np.int64)
    total = window_sum(wide, sizes, dims, rule)
    return np.asarray(math.prod(sizes) * window_sum(wide**2, sizes, dims, rule) - total**2, np.float64)


def _spread(x: Array, sizes: tuple[int, ...], dims: tuple[int, ...], rule: Rule) -> Array:
    """The same in float64 about the mean of x; 0 where the difference is no more than rounding."""
    n = math.prod(sizes)
    rule = rule._replace(dtype=np.float64)
    # Zeros outside x are no less samples than the others, so there is nothing to subtract then.
    x = x.astype(np.float64)
    x = x - (_level(x, dims) if extends(rule) else 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        first = mean(x, sizes, dims, rule)
        second = mean(x**2, sizes, dims, rule._replace(fill_value=rule.fill_value**2))
        spread = second - first**2
        noise = 4 * np.finfo(np.float64).eps * (math.log2(n) + 4) * (second + first**2)
        return np.asarray(np.where(np.abs(spread) <= noise, 0.0, np.abs(spread)) * n**2)


def _level(x: Array, dims: tuple[int, ...]) -> Array:
    """The mean of the finite samples along `dims`."""
    finite = np.isfinite(x)
    count = np.maximum(finite.sum(axis=dims, keepdims=True), 1)
    return np.asarray(np.where(finite, x / count, 0).sum(axis=dims, keepdims=True, dtype=np.float64))


@rim
def sharpen(
    x: Array, sigma: Any = 1.0, amount: float = 1.0, *, axes: Any = None, truncate: float = 4.0, spacing: Any = 1.0,
    **how: Unpack[How],
) -> Array:  # fmt: skip
    """Unsharp masking: add what a Gaussian takes away.

        y = x + amount·(x − gaussian(x, sigma))

    Nothing is clipped, so that edges overshoot. Keywords as of `gaussian`.

    >>> import flipslide as fs
    >>> fs.filters.sharpen([0, 0, 4, 4], 1).round(2)
    array([-0.25, -1.2 ,  5.2 ,  4.25])
    """
    soft = smooth(x, sigma, which_axes(x, axes), Rule(**how), truncate=truncate, spacing=spacing)
    detail = x.astype(soft.dtype, copy=False) - soft
    detail *= np.asarray(amount, dtype=np.result_type(soft.dtype, np.float16) if soft.dtype.kind == "f" else None)
    return np.asarray(x + detail, dtype=soft.dtype)


@rim
def dog(
    x: Array, low: Any = 1.0, high: Any = None, *, axes: Any = None, truncate: float = 4.0, spacing: Any = 1.0,
    **how: Unpack[How],
) -> Array:  # fmt: skip
    """Difference of Gaussians, gaussian(x, low) − gaussian(x, high): a band of sizes, bright spots positive.

    high is 1.6·low unless given. Keywords as of `gaussian`.

    >>> import flipslide as fs
    >>> fs.filters.dog([0, 0, 9, 0, 0], 1, 2).round(2)
    array([-1.15,  0.33,  1.64,  0.33, -1.15])
    """
    dims, rule = which_axes(x, axes), Rule(**how)
    lows, highs = low_and_high(low, high, len(dims))
    shape = dict(truncate=truncate, spacing=spacing)
    return np.asarray(smooth(x, lows, dims, rule, **shape) - smooth(x, highs, dims, rule, **shape))
