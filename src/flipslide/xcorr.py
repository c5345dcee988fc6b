"""Cross-correlation of two signals, by lag."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, enter
from .errors import IntegerOverflowError, ParameterError, ShapeError, unknown_word
from .peaks import refine
from .spec import Shape
from .windows import Frame, correlate_lags, read_lags, read_mask

__all__ = ["Correlation", "Peak", "autocorr", "xcorr"]

SCALES = ("biased", "unbiased", "coeff")
DETRENDS = ("constant", "linear")


class Peak(NamedTuple):
    """The largest value: its lag, its place between the lags (`exact`), and the value at `lag`.

    Arrays for a batch; with several axes `lag` and `exact` have one entry for each, as last axis.
    """

    lag: Any
    exact: Any
    value: Any


@dataclass(frozen=True, eq=False)
class Correlation:
    """What `xcorr` returns; `values, lags = fs.xcorr(x, y)` unpacks it.

    `values` has its lags along the axes where x had its samples. `lags` is an array, or a tuple of
    arrays where several axes were correlated. `pairs` counts the products in each value.
    """

    values: Array
    lags: Any
    pairs: Array
    axes: Shape
    deviation: Array

    def __iter__(self) -> Iterator[Any]:
        return iter((self.values, self.lags))

    @cached_property
    def peak(self) -> Peak:
        """The largest value (of complex values the largest magnitude), and where it is.

        `exact` is where the polynomial through the neighbouring values is largest, and `lag` itself
        where the lags do not follow one another by 1.
        """
        return _find_peaks(self.values, self.lags if isinstance(self.lags, tuple) else (self.lags,), self.axes)

    def bound(self, confidence: float = 0.95) -> Array:
        """What each |value| stays below, with this confidence, if x and y are unrelated white noise.

            z·σx·σy·√pairs / divisor,   Φ(z) = (1 + confidence)/2;  z = √(−ln(1 − confidence)) if complex

        For scale="coeff", N samples each and small lags this is the familiar 1.96/√N.

        >>> import flipslide as fs
        >>> fs.xcorr([1.0, -1.0] * 50, [1.0, 1.0, -1.0, -1.0] * 25, scale="coeff", maxlag=1).bound().round(3)
        array([0.195, 0.196, 0.195])
        """
        if not 0 < confidence < 1:
            raise ParameterError(f"confidence={confidence!r} must lie between 0 and 1, such as 0.95")
        if self.values.dtype.kind == "c":
            return self.deviation * math.sqrt(-math.log1p(-confidence))
        return self.deviation * NormalDist().inv_cdf((1 + confidence) / 2)


def xcorr(
    x: Any,
    y: Any,
    *,
    maxlag: Any = None,
    lags: Any = None,
    scale: str | None = None,
    axis: int = -1,
    axes: Any = None,
    detrend: str | None = None,
    mask: Any = None,
    y_mask: Any = None,
    threads: int | None = None,
) -> Correlation:
    """Correlate x with y, lag by lag: how much x, m samples later, looks like y.

        r[m] = Σ_n x[n + m] · y[n]*

    A positive lag says that x comes later than y. This is the sign and the conjugation of MATLAB's
    xcorr(x, y) and of scipy.signal.correlate(x, y), whose correlation_lags the lags are. Only the
    lags that are asked for are computed.

    Parameters
    ----------
    x, y : array_like
        Samples, with the lags along `axis`. All other axes broadcast as in NumPy; a y with the
        correlated axes alone is one for the whole batch. Missing samples of a masked array count
        as no sample.
    maxlag : int, optional
        Lags −maxlag … maxlag, also where x and y no longer meet and r is 0. With several axes one
        for all, or one for each.
    lags : array_like of int, optional
        These lags, in this order; with several axes one array for each. By default all lags at which
        x and y meet, −(Ny − 1) … Nx − 1.
    scale : {None, "biased", "unbiased", "coeff"}
        Divide r[m] by 1; by the number of samples, max(Nx, Ny); by the number of pairs at this lag; or by
        √(Σ|x|² · Σ|y|²), which keeps |r| at most 1. A divisor of 0 makes r 0.
    axis : int
    axes : tuple of int, optional
        Several axes in place of `axis`.
    detrend : {None, "constant", "linear"}
        Take away the mean, or the least-squares line (plane), of each signal first.
    mask, y_mask : array_like of bool, optional
        True where a sample of x, of y is missing. N of scale="biased" counts those that are there.
    threads : int, optional

    Returns
    -------
    Correlation
        `values`, `lags`, `peak`, `bound()`, `pairs`. The dtype of the values is NumPy's promotion of x
        and y; float16 gives float32; integers give exact int64, and float64 once scaled or detrended.

    Raises
    ------
    ShapeError
        No samples along a correlated axis, or other axes that do not broadcast.
    ParameterError
        An unknown word, lags that are no integers, a mask of another shape.
    IntegerOverflowError
        Integers whose sums might not fit 64 bits.

    Examples
    --------
    >>> import flipslide as fs
    >>> values, lags = fs.xcorr([0, 0, 1, 2, 3], [1, 2, 3], maxlag=3)
    >>> values
    array([ 0,  0,  0,  3,  8, 14,  8])
    >>> fs.xcorr([0, 0, 1, 2, 3], [1, 2, 3], scale="coeff").peak.lag
    2

    Notes
    -----
    Oppenheim and Schafer, *Discrete-Time Signal Processing*, section 2.9. The bounds: Box, Jenkins and
    Reinsel, *Time Series Analysis*, section 2.1.6.
    """
    first = _read(x, mask, "x")
    return _xcorr(first, _read(y, y_mask, "y"), maxlag, lags, scale, axis if axes is None else axes, detrend, threads)


def autocorr(
    x: Any,
    *,
    maxlag: Any = None,
    lags: Any = None,
    scale: str | None = None,
    axis: int = -1,
    axes: Any = None,
    detrend: str | None = None,
    mask: Any = None,
    threads: int | None = None,
) -> Correlation:
    """Correlate x with itself, lag by lag: xcorr(x, x) with the same keywords.

        r[m] = Σ_n x[n + m] · x[n]*

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.autocorr([1, 2, 3, 4]).values
    array([ 4, 11, 20, 30, 20, 11,  4])
    >>> fs.autocorr([1, -1, 1, -1], scale="coeff", lags=[0, 1, 2]).values
    array([ 1.  , -0.75,  0.5 ])
    """
    signal = _read(x, mask, "x")
    return _xcorr(signal, signal, maxlag, lags, scale, axis if axes is None else axes, detrend, threads)


# ---------------------------------------------------------------------------------- reading


class Signal(NamedTuple):
    """Samples, 0 where one is missing, and whether one is there (None: all are)."""

    samples: Array
    there: Array | None

    def number(self, dims: Shape) -> Array:
        """How many samples are there, along the correlated axes."""
        if self.there is None:
            return np.full((1,) * self.samples.ndim, math.prod(self.samples.shape[dim] for dim in dims))
        return np.asarray(self.there.sum(axis=dims, keepdims=True))

    def energy(self, dims: Shape) -> Array:
        """Σ|x|² along the correlated axes, in float64 at least."""
        x = self.samples.astype(np.float64) if self.samples.dtype.kind == "O" else self.samples
        parts = [x.real, x.imag] if x.dtype.kind == "c" else [x]
        return np.asarray(sum(_sum_squares(part, dims) for part in parts))


def _sum_squares(x: Array, dims: Shape) -> Array:
    total: Any = np.result_type(np.float64, x.dtype)
    index = list(range(x.ndim))
    kept = [i for i in index if i not in dims]
    return np.expand_dims(np.einsum(x, index, x, index, kept, dtype=total, casting="unsafe"), dims)


def _read(value: Any, mask: Any, name: str) -> Signal:
    missing = read_mask(mask, value, "mask" if name == "x" else f"{name}_mask")
    samples = enter(np.ma.getdata(value) if isinstance(value, np.ma.MaskedArray) else value, name)
    if samples.ndim == 0:
        raise ShapeError(f"{name} is a single number; a correlation needs at least one axis")
    if samples.dtype == np.float16:
        samples = samples.astype(np.float32)
    if missing is None or not missing.any():
        return Signal(samples, None)
    return Signal(np.where(missing, samples.dtype.type(0), samples), ~missing)


def _place(signal: Signal, frame: Frame, name: str) -> Signal:
    samples = frame.place(signal.samples)
    if 0 in frame.sizes(samples):
        raise ShapeError(f"{name} has no samples along a correlated axis: its shape is {signal.samples.shape}")
    return Signal(samples, None if signal.there is None else frame.place(signal.there))


def _check_words(scale: str | None, detrend: str | None) -> None:
    if scale is not None and scale not in SCALES:
        raise unknown_word("scale", scale, SCALES, ", or None")
    if detrend is not None and detrend not in DETRENDS:
        raise unknown_word("detrend", detrend, DETRENDS, ", or None")


# ------------------------------------------------------------------------------- computing


def _xcorr(
    x: Signal, y: Signal, maxlag: Any, lags: Any, scale: str | None, axes: Any, detrend: str | None, threads: int | None
) -> Correlation:
    _check_words(scale, detrend)
    frame = Frame.of(x.samples, y.samples, axes)
    x, y = _place(x, frame, "x"), _place(y, frame, "y")
    wanted = read_lags(maxlag, lags, frame.sizes(x.samples), frame.sizes(y.samples))
    if scale is not None or detrend is not None:
        x, y = _without_objects(x), _without_objects(y)
    if detrend is not None:
        x, y = _detrend(x, frame.dims, detrend == "linear"), _detrend(y, frame.dims, detrend == "linear")
    if scale == "coeff":
        x, y = _rescale(x, frame.dims), _rescale(y, frame.dims)
    values = _sum_products(x, y, frame.dims, wanted, scale is None, threads)
    pairs = _count_pairs(x, y, frame, wanted, threads)
    counts, energies = (x.number(frame.dims), y.number(frame.dims)), (x.energy(frame.dims), y.energy(frame.dims))
    spread = [np.sqrt(_divide(energy, count)) for energy, count in zip(energies, counts, strict=True)]
    deviation = spread[0] * spread[1] * np.sqrt(pairs)
    if scale is not None:
        divisor = _divisor(scale, counts, energies, pairs)
        values, deviation = _divide(values, divisor), _divide(deviation, divisor)
    if scale == "coeff":
        values = _bound_by_one(values)
    return Correlation(values, wanted[0] if len(wanted) == 1 else tuple(wanted), pairs, frame.dims, deviation)


def _without_objects(signal: Signal) -> Signal:
    return signal._replace(samples=signal.samples.astype(np.float64)) if signal.samples.dtype.kind == "O" else signal


def _sum_products(
    x: Signal, y: Signal, dims: Shape, lags: list[Array], must_be_exact: bool, threads: int | None
) -> Array:
    promoted = np.result_type(x.samples, y.samples)
    dtype = np.int64 if promoted.kind in "biu" else None
    try:
        return correlate_lags(x.samples, y.samples, dims, lags, dtype, threads)
    except IntegerOverflowError:
        if must_be_exact:
            raise IntegerOverflowError(
                "the sums of these integers might not fit 64 bits; "
                "convert x and y to float64 (rounded) or object (exact)"
            ) from None
    return correlate_lags(x.samples.astype(np.float64), y.samples.astype(np.float64), dims, lags, None, threads)


def _count_pairs(x: Signal, y: Signal, frame: Frame, lags: list[Array], threads: int | None) -> Array:
    sizes = list(zip(frame.sizes(x.samples), frame.sizes(y.samples), strict=True))
    if x.there is None and y.there is None:
        pairs = np.ones((), np.int64)
        for wanted, (n, k) in zip(lags, sizes, strict=True):
            # Sample n of y meets sample n + lag of x: both ends of the overlap, counted in x.
            meeting = np.minimum(n, k + wanted) - np.maximum(wanted, 0)
            pairs = np.multiply.outer(pairs, np.maximum(meeting, 0))
        return frame.place(pairs)
    there = [
        frame.place(np.ones(frame.sizes(signal.samples), bool)) if signal.there is None else signal.there
        for signal in (x, y)
    ]
    return correlate_lags(there[0], there[1], frame.dims, lags, np.int64, threads)


def _divisor(scale: str, counts: tuple[Array, Array], energies: tuple[Array, Array], pairs: Array) -> Array:
    if scale == "coeff":
        return np.asarray(np.sqrt(energies[0]) * np.sqrt(energies[1]))
    return np.maximum(*counts) if scale == "biased" else pairs


def _divide(values: Array, divisor: Array) -> Array:
    """The quotient, in the dtype of inexact values; 0 where the divisor is 0."""
    dtype = values.dtype if values.dtype.kind in "fc" else np.dtype(np.float64)
    shape = np.broadcast_shapes(values.shape, divisor.shape)
    quotient = np.zeros(shape, np.result_type(dtype, divisor.dtype))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.divide(values, divisor, out=quotient, where=divisor != 0).astype(dtype, copy=False)


def _bound_by_one(values: Array) -> Array:
    """Rounding may lead past 1, which |Σ x·y*| ≤ √(Σ|x|² Σ|y|²) does not."""
    if values.dtype.kind == "c":
        return np.asarray(values / np.maximum(1, np.abs(values)))
    return np.clip(values, -1, 1)


def _rescale(signal: Signal, dims: Shape) -> Signal:
    """Each signal times a power of two, so that the sum of its squares is far from the ends of its dtype."""
    x = signal.samples
    if x.dtype.kind not in "fc":
        return signal
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    largest = np.max([np.maximum(p.max(dims, keepdims=True), -p.min(dims, keepdims=True)) for p in parts], axis=0)
    room = np.finfo(x.dtype).maxexp
    exponent = np.where(np.isfinite(largest), np.frexp(largest)[1], 0)
    if (np.abs(exponent) < room // 4).all():
        return signal
    factor = np.exp2(-np.clip(exponent, 4 - room, room - 4)).astype(largest.dtype)
    return signal._replace(samples=x * factor)


def _detrend(signal: Signal, dims: Shape, linear: bool) -> Signal:
    """The signal less its least-squares mean, or plane, over the samples that are there."""
    x, there = signal
    rest = x if x.dtype.kind in "fc" else x.astype(np.float64)
    wide = rest.astype(np.result_type(rest.dtype, np.float64), copy=False)
    columns = [np.ones((1,) * x.ndim)] + ([_ramp(x.shape[dim], dim, x.ndim) for dim in dims] if linear else [])
    columns = [np.broadcast_to(column, _only(x.shape, dims)) * (1 if there is None else there) for column in columns]
    gram = [[(a * b).sum(dims, keepdims=True) for b in columns] for a in columns]
    inverse = np.linalg.pinv(np.moveaxis(np.array(gram), (0, 1), (-2, -1)), hermitian=True)
    for _ in range(2):  # the second time takes what rounding left when the offset was large
        moments = np.stack([(wide * column).sum(dims, keepdims=True) for column in columns], axis=-1)
        factors = (inverse @ moments[..., None])[..., 0]
        wide = wide - sum(factors[..., i] * column for i, column in enumerate(columns))
    if there is not None:
        wide = np.where(there, wide, 0)
    return Signal(wide.astype(rest.dtype, copy=False), there)


def _ramp(n: int, dim: int, ndim: int) -> Array:
    """From −1 to 1 along one axis."""
    ramp = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return ramp.reshape([n if i == dim else 1 for i in range(ndim)])


def _only(shape: Shape, dims: Shape) -> Shape:
    return tuple(n if dim in dims else 1 for dim, n in enumerate(shape))


# ------------------------------------------------------------------------------------ peak


def _find_peaks(values: Array, lags: tuple[Array, ...], axes: Shape) -> Peak:
    sizes = tuple(values.shape[dim] for dim in axes)
    if 0 in values.shape:
        raise ShapeError(f"values of shape {values.shape} have no peak; ask for at least one lag")
    moved = np.moveaxis(values, axes, range(-len(axes), 0))
    batch = moved.shape[: -len(axes)]
    flat = moved.reshape(-1, *sizes)
    height = np.abs(flat) if flat.dtype.kind == "c" else flat.astype(np.float64)
    ranked = np.where(np.isnan(height), -np.inf, height).reshape(len(flat), -1)
    index = np.stack(np.unravel_index(ranked.argmax(axis=1), sizes), axis=1)
    steps = [(np.diff(wanted) == 1).all() for wanted in lags]
    offsets = refine(height, index)[0] if all(steps) else np.zeros(index.shape)
    lag = np.stack([wanted[i] for wanted, i in zip(lags, index.T, strict=True)], axis=1)
    value = flat[(np.arange(len(flat)), *index.T)].reshape(batch)
    one = batch if len(axes) == 1 else (*batch, len(axes))
    return Peak(*(_scalar(a) for a in (lag.reshape(one), (lag + offsets).reshape(one), value)))


def _scalar(array: Array) -> Any:
    return array.item() if array.ndim == 0 else array
