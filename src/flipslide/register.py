"""How far one array is moved against another."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, enter
from .errors import ParameterError, ShapeError, unknown_word
from .execute import read_threads
from .geometry import normalize_axes, to_int
from .peaks import refine
from .spec import Shape
from .windows import Window, correlate_window, read_mask

__all__ = ["Shift", "shift_between"]

METHODS = ("phase", "zncc")

#: Less common ground than this share of the smaller array says nothing.
LEAST_OVERLAP = 0.1

#: Bins of a cross spectrum below this share of the largest are rounding, for numbers of so many bytes.
SPECTRUM_FLOOR = {4: 1e-7, 8: 1e-10}

#: Peaks of the phase correlation that are looked at.
CANDIDATES = 3

#: A highest peak less far above the second is not relied on: then all lags are compared.
CERTAIN = 2.0

#: Lags on each side of the whole shift that its fraction is found from.
AROUND = 6


class Shift(NamedTuple):
    """x is y moved by `shift` samples along each axis; arrays of these for a batch.

    `height` is the height of the peak: with "zncc" the likeness of what x and y have in common, in
    −1 … 1, with "phase" the share of the spectrum that agrees. `ratio` is `height` over the second
    highest peak: near 1 the answer is a guess. `overlap` is the share of y that lies on x.
    """

    shift: Any
    height: Any
    ratio: Any
    overlap: Any


def shift_between(
    x: Any,
    y: Any,
    *,
    method: str = "phase",
    upsample: int | None = None,
    mask: Any = None,
    y_mask: Any = None,
    axes: Any = None,
    threads: int | None = None,
) -> Shift:
    """How far x is moved against y: the shift s for which x[n + s] looks most like y[n].

    Both methods judge a shift by the samples that lie on one another, and find its fraction from the
    zncc of the shifts around it:

        zncc(s) = Σ (x − x̄)(y − ȳ)* / √(Σ|x − x̄|² · Σ|y − ȳ|²),   n over what x[n + s] and y[n] share

    "zncc" computes it at every shift. "phase" first finds the highest peaks of the inverse transform of
    X·Y*/|X·Y*| and the highest of that of X·Y*, of the tapered arrays: blind to contrast and shading. Where
    the highest is not twice as high as the second, as in smooth pictures, every shift is compared by zncc
    too. The sign is that of `xcorr`, and of scikit-image's phase_cross_correlation(x, y).

    Parameters
    ----------
    x, y : array_like
        As many axes; for "phase" of one size along `axes`. Masked arrays keep their masks.
    method : {"phase", "zncc"}
    upsample : int, optional
        Shifts to the nearest 1/upsample sample, 1 for whole samples. By default as they are found.
    mask, y_mask : array_like of bool, optional
        True where a sample of x, of y is missing; they make the method "zncc".
    axes : int or tuple of int, optional
        The axes to shift along, by default all. The others are a batch.
    threads : int, optional

    Returns
    -------
    Shift
        `shift`, `height`, `ratio`, `overlap`.

    Raises
    ------
    ShapeError
        Arrays that do not go together.
    ParameterError
        An unknown method, or an upsample below 1.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> scene = np.random.default_rng(0).random((60, 70))
    >>> found = fs.shift_between(scene[7:47, 5:55], scene[10:50, 3:53], upsample=10)
    >>> found.shift
    (3.0, -2.0)

    Notes
    -----
    C. D. Kuglin and D. C. Hines, *The Phase Correlation Image Alignment Method* (1975); D. Padfield, *Masked
    Object Registration in the Fourier Domain* (2012).
    """
    if method not in METHODS:
        raise unknown_word("method", method, METHODS)
    step = None if upsample is None else to_int(upsample, "upsample", 1)
    first, second = _read(x, mask, "x"), _read(y, y_mask, "y")
    if first.samples.ndim != second.samples.ndim or first.samples.ndim == 0:
        raise ShapeError(f"x has shape {first.samples.shape} and y {second.samples.shape}; give both as many axes")
    ndim = first.samples.ndim
    dims = normalize_axes(range(ndim) if axes is None else axes, ndim)
    pair = [_arrange(part, dims) for part in (first, second)]
    batch, sizes = pair[0].samples.shape[: ndim - len(dims)], [p.samples.shape[ndim - len(dims) :] for p in pair]
    if batch != pair[1].samples.shape[: ndim - len(dims)] or 0 in (*sizes[0], *sizes[1]):
        raise ShapeError(f"x of shape {first.samples.shape} and y of {second.samples.shape} are no pair along {dims}")
    is_whole = first.there is None and second.there is None
    if method == "phase" and is_whole and sizes[0] != sizes[1]:
        raise ShapeError(
            f"phases need arrays of one size, not {sizes[0]} and {sizes[1]}; crop one, or use method='zncc'"
        )
    find = _by_phase if method == "phase" and is_whole else _by_zncc
    shifts = [find(pair[0].at(i), pair[1].at(i), read_threads(threads)) for i in np.ndindex(batch)]
    return _collect([_round(shift, step) for shift in shifts], batch)


# ---------------------------------------------------------------------------------- reading


class Part(NamedTuple):
    """One array of a pair, the axes to shift along last, and which samples are there (None: all)."""

    samples: Array
    there: Array | None
    is_single: bool = False  # float32 holds the samples

    def at(self, index: Shape) -> Part:
        """One element of the batch."""
        return self._replace(samples=self.samples[index], there=None if self.there is None else self.there[index])

    def centred(self) -> tuple[Array, Array]:
        """(samples less their mean, 0 where one is missing; 1 where one is there)."""
        if self.there is None:
            return self.samples - self.samples.mean(), np.ones(self.samples.shape, bool)
        x = np.where(self.there, self.samples, 0)
        return np.where(self.there, x - x.sum() / max(1, int(self.there.sum())), 0), self.there


def _read(value: Any, mask: Any, name: str) -> Part:
    missing = read_mask(mask, value, "mask" if name == "x" else f"{name}_mask")
    array = enter(np.ma.getdata(value) if isinstance(value, np.ma.MaskedArray) else value, name)
    wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    gone = ~np.isfinite(wide)
    if missing is None and gone.any():
        raise ParameterError(f"{name} has samples that are not finite; say that they are missing with a mask")
    is_single = array.dtype == np.float32 or array.dtype.itemsize <= 2
    return Part(wide, None if missing is None or not missing.any() else ~(missing | gone), is_single)


def _arrange(part: Part, dims: Shape) -> Part:
    last = range(-len(dims), 0)
    there = None if part.there is None else np.moveaxis(part.there, dims, last)
    return part._replace(samples=np.moveaxis(part.samples, dims, last), there=there)


def _round(shift: Shift, step: int | None) -> Shift:
    if step is None:
        return shift
    return shift._replace(shift=tuple(round(s * step) / step for s in shift.shift))


def _collect(shifts: list[Shift], batch: Shape) -> Shift:
    if not batch:
        return shifts[0]
    return Shift(*(np.array(column).reshape(*batch, *np.shape(column)[1:]) for column in zip(*shifts, strict=True)))


# ------------------------------------------------------------------------------------ zncc


class Sums(NamedTuple):
    """Of the samples that x[n + s] and y[n] share, for every s: their number, Σx, Σy, Σ|x|², Σ|y|²."""

    shared: Array
    x: Array
    y: Array
    x_energy: Array
    y_energy: Array


def _zncc(x: Part, y: Part, windows: list[Window], threads: int) -> tuple[Array, Array]:
    """(zncc at every lag of the windows, 0 where too little is shared; how many samples are shared)."""
    (a, a_there), (b, b_there) = x.centred(), y.centred()
    dims = tuple(range(a.ndim))

    def total(left: Array, right: Array) -> Array:
        return correlate_window(left, right, dims, windows, np.result_type(left, right, np.float64), threads)

    if x.there is None and y.there is None:
        sums = _whole_sums(a, b, windows)
    else:
        sums = _seen_sums(a, a_there.astype(np.float64), b, b_there.astype(np.float64), total)
    n = np.maximum(sums.shared, 1)
    energies = (sums.x_energy, sums.y_energy)
    spreads = [e - np.abs(s) ** 2 / n for e, s in zip(energies, (sums.x, sums.y), strict=True)]
    is_seen = sums.shared >= max(2, LEAST_OVERLAP * min(a_there.sum(), b_there.sum()))
    for spread, energy in zip(spreads, energies, strict=True):
        is_seen &= spread > 1e-10 * energy.max(initial=0)
    c = total(a, b) - sums.x * sums.y.conj() / n
    size = np.sqrt(np.where(is_seen, spreads[0] * spreads[1], 1))
    r = np.where(is_seen, c / size, 0)
    return np.clip(r.real, -1, 1), sums.shared


def _seen_sums(a: Array, a_seen: Array, b: Array, b_seen: Array, total: Callable[[Array, Array], Array]) -> Sums:
    """By a correlation with what is there of the other array, for each."""
    energies = total(np.abs(a) ** 2, b_seen), total(a_seen, np.abs(b) ** 2)
    return Sums(np.rint(total(a_seen, b_seen)), total(a, b_seen), total(a_seen, b).conj(), *energies)


def _whole_sums(a: Array, b: Array, windows: list[Window]) -> Sums:
    """Of boxes: x[n + s] and y[n] are both there for max(0, −s) ≤ n < min(K, N − s), along each axis."""
    a_ranges, b_ranges = [], []
    for n, k, window in zip(a.shape, b.shape, windows, strict=True):
        s = window.lags()
        low, high = np.maximum(0, -s), np.minimum(k, n - s)
        meet = low < high
        b_ranges.append((low * meet, high * meet))
        a_ranges.append(((low + s) * meet, (high + s) * meet))
    shared: Array = np.ones(())
    for low, high in b_ranges:
        shared = np.multiply.outer(shared, (high - low).astype(np.float64))
    energies = (_sum_boxes((p * p.conj()).real, ranges) for p, ranges in ((a, a_ranges), (b, b_ranges)))
    return Sums(shared, _sum_boxes(a, a_ranges), _sum_boxes(b, b_ranges), *energies)


def _sum_boxes(x: Array, ranges: list[tuple[Array, Array]]) -> Array:
    """Σ x over low ≤ n < high along each axis, for every combination of ranges; between their ends only once."""
    for axis, (low, high) in enumerate(ranges):
        ends = np.unique(np.concatenate([low, high]))
        parts = np.add.reduceat(x, ends[ends < x.shape[axis]], axis=axis)
        start = np.zeros_like(x[(slice(None),) * axis + (slice(0, 1),)])
        before = np.concatenate([start, np.cumsum(parts, axis=axis)], axis=axis)
        x = before.take(np.searchsorted(ends, high), axis=axis) - before.take(np.searchsorted(ends, low), axis=axis)
    return x


def _by_zncc(x: Part, y: Part, threads: int) -> Shift:
    # A shift that leaves LEAST_OVERLAP of y on x leaves as much of each of its axes.
    windows = []
    for n, k in zip(x.samples.shape, y.samples.shape, strict=True):
        least = math.ceil(LEAST_OVERLAP * min(n, k))
        windows.append(Window(least - k, n + k - 2 * least + 1))
    r, shared = _zncc(x, y, windows, threads)
    index = np.unravel_index(int(r.argmax()), r.shape)
    whole = tuple(int(i) + w.first for i, w in zip(index, windows, strict=True))
    offset = refine(r[None], np.array([index]), AROUND)[0][0]
    count = int(y.samples.size if y.there is None else y.there.sum())
    return _describe(whole, offset, r, tuple(map(int, index)), float(shared[index]) / max(1, count))


def _describe(whole: Shape, offset: Array, heights: Array, index: Shape, overlap: float) -> Shift:
    height, second = float(heights[index]), _second(heights, index)
    ratio = height / second if second > 0 else math.inf
    return Shift(tuple((np.array(whole) + offset).tolist()), height, ratio, overlap)


#: Of so many of the highest places one is nearly always the second highest peak.
HIGHEST = 64


def _second(heights: Array, index: Shape) -> float:
    """The highest peak but the one at `index`: what no neighbour is above, outside the slope of that one."""
    flat = heights.ravel()
    places = np.argpartition(flat, -HIGHEST)[-HIGHEST:] if flat.size > HIGHEST else np.arange(flat.size)
    for place in places[np.argsort(-flat[places], kind="stable")]:
        at = np.unravel_index(place, heights.shape)
        if any(abs(i - j) > 2 for i, j in zip(at, index, strict=True)) and _is_top(heights, at):
            return max(0.0, float(flat[place]))
    is_top = np.ones(heights.shape, bool)
    for axis in range(heights.ndim):
        for by in (1, -1):
            is_top &= heights >= np.roll(heights, by, axis)
    is_top[tuple(slice(max(0, i - 2), i + 3) for i in index)] = False
    return float(heights.max(initial=0, where=is_top))


def _is_top(heights: Array, at: tuple[Any, ...]) -> bool:
    """Whether no neighbour along an axis is above; the ends of an axis are neighbours."""
    around = (
        heights[(*at[:axis], (at[axis] + by) % n, *at[axis + 1 :])]
        for axis, n in enumerate(heights.shape)
        for by in (1, -1)
    )
    return all(heights[at] >= other for other in around)


# ----------------------------------------------------------------------------------- phase


def _taper(shape: Shape) -> Array:
    """A raised cosine along each axis, so that opposite edges meet at 0."""
    window: Array = np.ones(())
    for n in shape:
        window = np.multiply.outer(window, 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n))
    return window


def _by_phase(x: Part, y: Part, threads: int) -> Shift:
    (a, _), (b, _) = x.centred(), y.centred()
    heights, plain = _phase_heights(a, b, x.is_single and y.is_single)
    last = -min(CANDIDATES, heights.size)
    tops = [*np.argpartition(heights, last, axis=None)[last:], plain.argmax()]
    shifts = sorted({shift for top in tops for shift in _shifts_at(int(top), a.shape)})
    likenesses = [_likeness(a, b, shift) for shift in shifts]
    likeness = max(likenesses)
    whole = shifts[likenesses.index(likeness)]
    index = tuple(s % n for s, n in zip(whole, a.shape, strict=True))
    if heights[index] < CERTAIN * _second(heights, index) or likeness <= 0:
        return _by_zncc(x, y, threads)
    whole, offset = _find_fraction(x, y, whole, threads)
    share = math.prod(max(0, n - abs(s)) / n for s, n in zip(whole, a.shape, strict=True))
    return _describe(whole, offset, np.clip(heights, -1, 1), index, share)


def _phase_heights(a: Array, b: Array, is_single: bool) -> tuple[Array, Array]:
    """The inverse transforms of X·Y*/|X·Y*| and of X·Y*, of the tapered arrays.

    Half of the spectrum of real arrays is enough, and single precision for samples that have no more.
    """
    taper = _taper(a.shape)
    a, b = a * taper, b * taper
    is_complex = "c" in (a.dtype.kind, b.dtype.kind)
    if is_single and not is_complex:
        a, b = a.astype(np.float32), b.astype(np.float32)
    there: Any = np.fft.fftn if is_complex else np.fft.rfftn
    back: Any = np.fft.ifftn if is_complex else np.fft.irfftn
    cross = there(a) * there(b).conj()
    size = np.abs(cross)
    is_seen = size > SPECTRUM_FLOOR[size.dtype.itemsize] * size.max(initial=0)
    phases = np.divide(cross, size, out=np.zeros_like(cross), where=is_seen)
    share = max(1.0, _count_bins(is_seen, a.shape, is_complex)) / a.size
    heights, plain = (back(spectrum, a.shape, range(a.ndim)).real for spectrum in (phases, cross))
    return heights / heights.dtype.type(share), plain


def _count_bins(is_seen: Array, shape: Shape, is_complex: bool) -> float:
    """Bins of the whole spectrum. Those of a half count twice, but in the first column and the last of an even size."""
    count = np.count_nonzero(is_seen)
    if is_complex:
        return float(count)
    alone = np.count_nonzero(is_seen[..., 0]) + (np.count_nonzero(is_seen[..., -1]) if shape[-1] % 2 == 0 else 0)
    return float(2 * count - alone)


def _shifts_at(place: int, shape: Shape) -> list[Shape]:
    """A place of the transform stands for a shift and for that shift less the size, along each axis."""
    index = np.unravel_index(place, shape)
    return list(product(*((int(i), int(i) - n) for i, n in zip(index, shape, strict=True))))


def _likeness(a: Array, b: Array, shift: Shape) -> float:
    """zncc at one shift, weighed by the root of what is shared, so that a sliver does not win by chance."""
    own, other = (
        array[tuple(slice(max(0, s), max(0, s) + max(0, n - abs(s))) for s, n in zip(signs, a.shape, strict=True))]
        for array, signs in ((a, shift), (b, tuple(-s for s in shift)))
    )
    if own.size < max(2, LEAST_OVERLAP * a.size):
        return -1.0
    size = math.sqrt(max(0.0, _covariance(own, own)) * max(0.0, _covariance(other, other)))
    return _covariance(own, other) / size * math.sqrt(own.size / a.size) if size else 0.0


def _covariance(a: Array, b: Array) -> float:
    """Re Σ (a − ā)(b − b̄)*, without an array between."""
    axes = list(range(a.ndim))
    product = np.einsum(a, axes, b.conj(), axes, [])
    return float((product - a.sum() * b.sum().conj() / a.size).real)


def _find_fraction(x: Part, y: Part, whole: Shape, threads: int) -> tuple[Shape, Array]:
    """The nearby shift whose zncc is the highest, and how far its top lies from it."""
    r, best = np.zeros(()), whole
    for _ in range(AROUND):
        whole = best
        r, _ = _zncc(x, y, [Window(s - AROUND, 2 * AROUND + 1) for s in whole], threads)
        best = tuple(
            s + int(i) - AROUND for s, i in zip(whole, np.unravel_index(int(r.argmax()), r.shape), strict=True)
        )
        if best == whole:
            break
    return whole, refine(r[None], np.full((1, len(whole)), AROUND), AROUND)[0][0]
