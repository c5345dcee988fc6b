"""Correlation at the lags that are asked for, and nothing else.

    r[m] = Σ_n x[n + m] · y[n]*

is the one sum of the library with `start` at the first lag, `stride` at the step between lags
and `count` at their number. Lags at which no samples of x and y meet are 0 and cost nothing.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple, Self

import numpy as np

from .arrays import Array, arithmetic_of
from .errors import ParameterError, ShapeError
from .execute import count_threads, program_of, read_threads
from .geometry import is_sequence, normalize_axes, to_int
from .plan import choose
from .spec import ConvSpec, Shape

__all__ = ["Frame", "Window", "correlate_lags", "correlate_window", "full_lags", "read_lags", "read_mask"]

#: Two lags further apart than this are computed in windows of their own.
GAP = 64

#: More windows than this cost more than all lags between the first and the last.
MOST_WINDOWS = 16


class Window(NamedTuple):
    """The lags first, first + step, …, first + (number − 1)·step along one axis."""

    first: int
    number: int
    step: int = 1

    def lags(self) -> Array:
        return np.arange(self.number) * self.step + self.first


class Frame(NamedTuple):
    """Where two arrays lie when both have as many axes, the others than `dims` broadcasting.

    Axes are counted in the array that has more of them. An array that has the correlated axes
    alone is one for every element of the batch.
    """

    ndim: int
    dims: Shape

    @classmethod
    def of(cls, x: Array, y: Array, axes: Any) -> Self:
        """The frame of two arrays."""
        ndim = max(x.ndim, y.ndim)
        return cls(ndim, normalize_axes(axes, ndim))

    def place(self, array: Array) -> Array:
        """A view with all axes of the frame."""
        missing = self.ndim - array.ndim
        placed = array.reshape((1,) * missing + array.shape)
        if missing and array.ndim == len(self.dims):
            return np.moveaxis(placed, range(missing, self.ndim), self.dims)
        return placed

    def sizes(self, array: Array) -> Shape:
        """Along the correlated axes of a placed array."""
        return tuple(array.shape[dim] for dim in self.dims)


def full_lags(x_size: int, y_size: int) -> Window:
    """Every lag at which at least one sample of x meets one of y."""
    return Window(1 - y_size, x_size + y_size - 1)


def correlate_window(
    x: Array, y: Array, axes: Shape, windows: list[Window], dtype: Any = None, threads: int | None = None
) -> Array:
    """r at the lags of one window along each axis, for arrays placed in one frame."""
    modes, steps = [(window.first, window.number) for window in windows], [window.step for window in windows]
    spec = ConvSpec.of(x.shape, y.shape, mode=modes, stride=steps, axes=axes, correlate=True)
    program = program_of(choose(spec, arithmetic_of(x.dtype, y.dtype, dtype), read_threads(threads)))
    return program(x, y, None, None, count_threads(threads))


def correlate_lags(
    x: Array, y: Array, axes: Shape, lags: list[Array], dtype: Any = None, threads: int | None = None
) -> Array:
    """r at any lags, in any order, given for each axis."""
    plans = [_arrange(wanted, x.shape[dim], y.shape[dim]) for wanted, dim in zip(lags, axes, strict=True)]
    if all(len(runs) == 1 and _is_window(wanted, runs[0]) for wanted, runs in zip(lags, plans, strict=True)):
        return correlate_window(x, y, axes, [runs[0] for runs in plans], dtype, threads)
    try:
        shape = list(np.broadcast_shapes(*(_without(array.shape, axes) for array in (x, y))))
    except ValueError:
        raise ShapeError(f"the axes that are not correlated do not broadcast: x {x.shape}, y {y.shape}") from None
    for dim, wanted in zip(axes, lags, strict=True):
        shape[dim] = wanted.size
    r = np.zeros(shape, arithmetic_of(x.dtype, y.dtype, dtype).y)
    for windows in product(*plans):
        part = correlate_window(x, y, axes, list(windows), dtype, threads)
        _place(r, part, axes, lags, windows)
    return r


def _arrange(lags: Array, x_size: int, y_size: int) -> list[Window]:
    """Windows that hold all lags where samples meet, and few others."""
    wanted = np.unique(lags[(lags > -y_size) & (lags < x_size)])
    steps = np.diff(wanted)
    if wanted.size and (steps == (steps[0] if steps.size else 1)).all():
        return [Window(int(wanted[0]), wanted.size, int(steps[0]) if steps.size else 1)]
    runs = np.split(wanted, np.flatnonzero(steps > GAP) + 1) if wanted.size else []
    if len(runs) > MOST_WINDOWS:
        runs = [wanted]
    return [Window(int(run[0]), int(run[-1] - run[0]) + 1) for run in runs]


def _is_window(lags: Array, window: Window) -> bool:
    return lags.size == window.number and bool((lags == window.lags()).all())


def _without(shape: Shape, axes: Shape) -> Shape:
    return tuple(1 if dim in axes else n for dim, n in enumerate(shape))


def _place(r: Array, part: Array, axes: Shape, lags: list[Array], windows: tuple[Window, ...]) -> None:
    """Copy the lags of one window to where they were asked for."""
    to: list[Any] = [np.arange(n) for n in r.shape]
    of: list[Any] = [np.arange(n) for n in part.shape]
    for dim, wanted, window in zip(axes, lags, windows, strict=True):
        index, between = np.divmod(wanted - window.first, window.step)
        to[dim] = np.flatnonzero((index >= 0) & (index < window.number) & (between == 0))
        of[dim] = index[to[dim]]
    r[np.ix_(*to)] = part[np.ix_(*of)]


# --------------------------------------------------------------------- what callers write


def read_lags(maxlag: Any, lags: Any, x_sizes: Shape, y_sizes: Shape) -> list[Array]:
    """The lags of each axis, from one of the two keywords or from neither."""
    n_axes = len(x_sizes)
    if maxlag is not None and lags is not None:
        raise ParameterError(f"give maxlag={maxlag!r} or lags=, not both")
    if maxlag is not None:
        each = maxlag if is_sequence(maxlag) else (maxlag,) * n_axes
        ends = [to_int(end, "maxlag", 0) for end in _one_per_axis(each, n_axes, "maxlag")]
        return [np.arange(-end, end + 1) for end in ends]
    if lags is not None:
        each = (lags,) if n_axes == 1 else _one_per_axis(lags, n_axes, "lags")
        return [_read_integers(entry) for entry in each]
    return [full_lags(n, k).lags() for n, k in zip(x_sizes, y_sizes, strict=True)]


def _one_per_axis(entries: Any, n_axes: int, name: str) -> list[Any]:
    if not hasattr(entries, "__len__") or len(entries) != n_axes:
        raise ParameterError(f"{name}={entries!r} must have {n_axes} entries, one for each correlated axis")
    return list(entries)


def _read_integers(lags: Any) -> Array:
    array = np.atleast_1d(np.asarray(lags))
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or (array.dtype.kind == "f" and (array % 1 != 0).any()):
        raise ParameterError(f"lags must be integers along one axis, such as range(-5, 6), not {lags!r}")
    return array.astype(np.int64)


def read_mask(mask: Any, array: Any, name: str) -> Array | None:
    """True where a sample is missing, from the keyword and from a masked array; None if none is."""
    kept = np.ma.getmask(array)
    given = None if mask is None else np.asarray(mask)
    if given is not None and given.dtype.kind != "b":
        raise ParameterError(f"{name} must be an array of bool, True where a sample is missing, not {given.dtype}")
    if given is None:
        return None if kept is np.ma.nomask else np.asarray(kept)
    try:
        given = np.broadcast_to(given, np.shape(array))
    except ValueError:
        raise ParameterError(f"{name} has shape {given.shape}, the array {np.shape(array)}") from None
    return given if kept is np.ma.nomask else given | kept
