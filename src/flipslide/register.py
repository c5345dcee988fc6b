"""How far one array is moved against another."""

from __future__ import annotations

import math
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

#: Bins of a cross spectrum below this share of the largest are rounding.
SPECTRUM_FLOOR = 1e-10

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

    def at(self, index: Shape) -> Part:
        """One element of the batch."""
        return Part(self.samples[index], None if self.there is None else self.there[index])

    def centred(self) -> tuple[Array, Array]:
        """(samples less their mean, 0 where one is missing; 1 where one is there)."""
        there = np.ones(self.samples.shape, bool) if self.there is None else self.there
        x = np.where(there, self.samples, 0)
        return np.where(there, x - x.sum() / max(1, int(there.sum())), 0), there


def _read(value: Any, mask: Any, name: str) -> Part:
    missing = read_mask(mask, value, "mask" if name == "x" else f"{name}_mask")
    array = enter(np.ma.getdata(value) if isinstance(value, np.ma.MaskedArray) else value, name)
    wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    gone = ~np.isfinite(wide)
    if missing is None and gone.any():
        raise ParameterError(f"{name} has samples that are not finite; say that they are missing with a mask")
    return Part(wide, None if missing is None or not missing.any() else ~(missing | gone))


def _arrange(part: Part, dims: Shape) -> Part:
    last = range(-len(dims), 0)
    return Part(*(None if a is None else np.moveaxis(a, dims, last) for a in part))  # type: ignore[arg-type]


def _round(shift: Shift, step: int | None) -> Shift:
    if step is None:
        return shift
    return shift._replace(shift=tuple(round(s * step) / step for s in shift.shift))


def _collect(shifts: list[Shift], batch: Shape) -> Shift:
    if not batch:
        return shifts[0]
    return Shift(*(np.array(column).reshape(*batch, *np.shape(column)[1:]) for column in zip(*shifts, strict=True)))


# ------------------------------------------------------------------------------------ zncc


def _zncc(x: Part, y: Part, windows: list[Window], threads: int) -> tuple[Array, Array]:
    """(zncc at every lag of the windows, 0 where too little is shared; how many samples are shared)."""
    (a, a_there), (b, b_there) = x.centred(), y.centred()
    dims = tuple(range(a.ndim))

    def total(left: Array, right: Array) -> Array:
        return correlate_window(left, right, dims, windows, np.result_type(left, right, np.float64), threads)

    a_seen, b_seen = a_there.astype(np.float64), b_there.astype(np.float64)
    shared = np.rint(total(a_seen, b_seen))
    n = np.maximum(shared, 1)
    a_sum, b_sum = total(a, b_seen), total(a_seen, b)
    energies = [total(np.abs(a) ** 2, b_seen), total(a_seen, np.abs(b) ** 2)]
    spreads = [e - np.abs(s) ** 2 / n for e, s in zip(energies, (a_sum, b_sum), strict=True)]
    is_seen = shared >= max(2, LEAST_OVERLAP * min(a_there.sum(), b_there.sum()))
    for spread, energy in zip(spreads, energies, strict=True):
        is_seen &= spread > 1e-10 * energy.max(initial=0)
    c = total(a, b) - a_sum * b_sum / n
    size = np.sqrt(np.where(is_seen, spreads[0] * spreads[1], 1))
    r = np.where(is_seen, c / size, 0)
    return np.clip(r.real, -1, 1), shared


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


def _second(heights: Array, index: Shape) -> float:
    """The highest peak but the one at `index`: what no neighbour is above, outside the slope of that one."""
    is_top = np.ones(heights.shape, bool)
    for axis in range(heights.ndim):
        for by in (1, -1):
            is_top &= heights >= np.roll(heights, by, axis)
    is_top[tuple(slice(max(0, i - 2), i + 3) for i in index)] = False
    return float(heights.max(initial=0, where=is_top))


# ----------------------------------------------------------------------------------- phase


def _taper(shape: Shape) -> Array:
    """A raised cosine along each axis, so that opposite edges meet at 0."""
    window: Array = np.ones(())
    for n in shape:
        window = np.multiply.outer(window, 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n))
    return window


def _by_phase(x: Part, y: Part, threads: int) -> Shift:
    (a, _), (b, _) = x.centred(), y.centred()
    taper = _taper(a.shape)
    cross = np.fft.fftn(a * taper) * np.fft.fftn(b * taper).conj()
    size = np.abs(cross)
    is_seen = size > SPECTRUM_FLOOR * size.max(initial=0)
    phases = np.divide(cross, size, out=np.zeros_like(cross), where=is_seen)
    heights = np.fft.ifftn(phases).real * (cross.size / max(1, int(np.count_nonzero(is_seen))))
    plain = np.fft.ifftn(cross).real
    tops = [*np.argsort(heights, axis=None)[-CANDIDATES:], plain.argmax()]
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
    own, other = own - own.mean(), other - other.mean()
    size = float(np.linalg.norm(own) * np.linalg.norm(other))
    return float(np.vdot(other, own).real) / size * math.sqrt(own.size / a.size) if size else 0.0


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
