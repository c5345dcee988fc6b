"""Pooling: the largest or the mean of the samples in each window, and the gradients of both.

Along each spatial axis output m has the samples

    stride·m + dilation·j − lo,   j = 0 … window − 1

of those that exist. x is (N, C, *spatial), or (N, *spatial, C) with layout="channels_last".
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _core
from .arrays import Array, enter, freeze, narrow, widen
from .errors import DtypeError, ParameterError, ShapeError, unknown_word
from .execute import count_threads
from .geometry import LayerAxis, fit_count, ints_per_axis, layer_axes, read_shape
from .spec import Shape

__all__ = ["avg_pool", "avg_pool_grad", "max_pool", "max_pool_grad", "max_pool_with_indices"]

LAYOUTS = ("channels_first", "channels_last")

_TYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
_TYPE_CODES = {name: code for code, name in enumerate(_TYPES)}
#: Gradients are added up in these.
_SUM_CODES = {"float32": 0, "float64": 1, "int64": 3, "uint64": 3}


def max_pool(
    x: Any,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    layout: str = "channels_first",
    threads: int | None = None,
) -> Array:
    """The largest sample in each window.

        y[n, c, m] = max_j x[n, c, stride·m + dilation·j − lo]

    over the samples that exist: padding is never the largest. A window with a NaN gives NaN; one without
    any sample gives the least number of the dtype, −∞ for floats.

    Parameters
    ----------
    x : array_like, (N, C, *spatial)
        Or (N, *spatial, C) with layout="channels_last". Any dtype that has an order.
    window : int or tuple of int
        Samples per axis.
    stride : int or tuple of int, optional
        The window itself by default, so that windows neither overlap nor leave gaps.
    padding, dilation
        As in `flipslide.nn.conv`.
    ceil_mode : bool
        Whether a last window that reaches beyond the padding counts, as long as it begins before it:
        ⌈(N + lo + hi − D)/stride⌉ + 1 outputs instead of ⌊…⌋ + 1, as in PyTorch and ONNX.
    layout : {"channels_first", "channels_last"}
    threads : int, optional

    Returns
    -------
    ndarray, (N, C, *outputs)
        In x's layout and dtype.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.max_pool(np.array([[[3, 1, 4, 1, 5, 9, 2]]]), 3, stride=2)
    array([[[4, 5, 9]]])
    """
    x = _enter_ordered(x, "x")
    geometry = _geometry(x.shape, freeze((window, stride, padding, dilation)), ceil_mode, layout)
    return geometry.largest(x, False, threads)[0]


def max_pool_with_indices(
    x: Any,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    layout: str = "channels_first",
    threads: int | None = None,
) -> tuple[Array, Array]:
    """The largest sample in each window, and where it is.

    The second result counts the samples of one channel row by row, as PyTorch does: `x[n, c].ravel()[i]`
    is the sample. Of equal samples it is the first, of several NaNs the last, and −1 where a window
    has no sample.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> y, at = fs.nn.max_pool_with_indices(np.array([[[3, 1, 4, 1, 5, 9, 2]]]), 3, stride=2)
    >>> y, at
    (array([[[4, 5, 9]]]), array([[[2, 4, 5]]]))
    """
    x = _enter_ordered(x, "x")
    geometry = _geometry(x.shape, freeze((window, stride, padding, dilation)), ceil_mode, layout)
    y, places = geometry.largest(x, True, threads)
    assert places is not None
    return y, places


def avg_pool(
    x: Any,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "channels_first",
    threads: int | None = None,
) -> Array:
    """The mean of each window.

        y[n, c, m] = 1/count · Σ_j x[n, c, stride·m + dilation·j − lo]

    Padding counts as zeros; with count_include_pad=False only samples count. What `ceil_mode` lets a
    window reach beyond the padding never counts. The mean of no sample is 0. The dtype is x's; integers
    give float64, as in `numpy.mean`, which is exact up to the division while sums stay below 2^53.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, layout, threads
        As in `max_pool`. Complex numbers have means too.
    count_include_pad : bool

    Returns
    -------
    ndarray, (N, C, *outputs)

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> x = np.array([[[3.0, 1.0, 4.0, 1.0, 5.0]]])
    >>> fs.nn.avg_pool(x, 2, padding=1)
    array([[[1.5, 2.5, 3. ]]])
    >>> fs.nn.avg_pool(x, 2, padding=1, count_include_pad=False)
    array([[[3. , 2.5, 3. ]]])
    """
    x = enter(x, "x")
    geometry = _geometry(x.shape, freeze((window, stride, padding, dilation)), ceil_mode, layout)
    return geometry.mean(x, bool(count_include_pad), threads)


def max_pool_grad(
    dy: Any,
    x: Any,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    layout: str = "channels_first",
    indices: Any = None,
    threads: int | None = None,
) -> Array:
    """dx of `max_pool` at x: each dy goes to the sample that was the largest of its window.

        dx[n, c, i] = Σ_{m: indices[n, c, m] = i} dy[n, c, m]

    `indices` of `max_pool_with_indices`, if you have them, save a second look at x. The adjoint of
    dx ↦ dy, the derivative of `max_pool` wherever no two samples of a window are equal.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> x = np.array([[[3, 1, 4, 1, 5, 9, 2]]])
    >>> fs.nn.max_pool_grad(np.array([[[1, 10, 100]]]), x, 3, stride=2)
    array([[[  0,   0,   1,   0,  10, 100,   0]]])
    """
    x, dy = _enter_ordered(x, "x"), _enter_ordered(dy, "dy")
    geometry = _geometry(x.shape, freeze((window, stride, padding, dilation)), ceil_mode, layout)
    geometry.check_cotangent(dy)
    if dy.dtype == bool:
        raise DtypeError("dy has dtype bool, which cannot be added up; use numbers")
    if indices is None:
        places = geometry.largest(x, True, threads)[1]
    else:
        places = _enter_indices(indices, dy.shape)
    wide = np.ascontiguousarray(widen(dy))
    dx = np.zeros(x.shape, wide.dtype)
    assert places is not None
    geometry.largest_back(wide, places, dx, threads)
    return narrow(dx, dy, max(1, geometry.n_taps))


def avg_pool_grad(
    dy: Any,
    x_shape: Any,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "channels_first",
    threads: int | None = None,
) -> Array:
    """dx of `avg_pool`, of shape x_shape: the adjoint of x ↦ avg_pool(x).

        dx[n, c, i] = Σ_{m, j: stride·m + dilation·j − lo = i} dy[n, c, m] / count[m]

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.avg_pool_grad(np.array([[[2.0, 4.0]]]), (1, 1, 5), 2)
    array([[[1., 1., 2., 2., 0.]]])
    """
    dy = enter(dy, "dy")
    words = freeze((window, stride, padding, dilation))
    geometry = _geometry(read_shape(x_shape, "x_shape"), words, ceil_mode, layout)
    geometry.check_cotangent(dy)
    return geometry.mean_back(dy, bool(count_include_pad), threads)


# ------------------------------------------------------------------------------- entering


def _enter_ordered(value: Any, name: str) -> Array:
    array = enter(value, name)
    if array.dtype.kind == "c":
        raise DtypeError(f"{name} has dtype {array.dtype}, and complex numbers have no largest; pool their parts")
    return array


def _enter_indices(indices: Any, shape: Shape) -> Array:
    places = enter(indices, "indices")
    if places.shape != shape or places.dtype.kind not in "iu":
        raise ShapeError(
            f"indices of shape {places.shape} and dtype {places.dtype} were given; "
            f"integers of dy's shape {shape} were wanted, as max_pool_with_indices gives them"
        )
    return np.ascontiguousarray(places, dtype=np.int64)


# ------------------------------------------------------------------------------- geometry


class PoolAxis(NamedTuple):
    """One axis, as the core reads it: cpp/pooling.hpp."""

    n: int
    outputs: int
    taps: int
    stride: int
    dilation: int
    lo: int
    hi: int

    @property
    def is_whole(self) -> bool:
        """There is one window, of all samples and nothing else."""
        return (self.outputs, self.taps, self.dilation, self.lo, self.hi) == (1, self.n, 1, 0, 0)

    def samples(self, m: int) -> range:
        """The samples of output m."""
        places = range(self.stride * m - self.lo, self.stride * m - self.lo + self.dilation * self.taps, self.dilation)
        kept = [i for i in places if 0 <= i < self.n]
        return range(kept[0], kept[-1] + 1, self.dilation) if kept else range(0)

    def count_samples(self, m: int, padded: bool) -> int:
        """How many terms the mean of output m has; padding is among them or not."""
        if not padded:
            return len(self.samples(m))
        first = self.stride * m - self.lo
        return sum(first + self.dilation * j < self.n + self.hi for j in range(self.taps))


class Geometry:
    """The axes of one kind of call and the core's record of them."""

    def __init__(self, x_shape: Shape, axes: tuple[PoolAxis, ...], last: bool) -> None:
        self.axes, self.last = axes, last
        counts = tuple(axis.outputs for axis in axes)
        self.x_shape = x_shape
        self.y_shape = (x_shape[0], *counts, x_shape[-1]) if last else (*x_shape[:2], *counts)
        self.n_taps = int(np.prod([axis.taps for axis in axes]))
        self._core = _core.Pooling(axes, last)
        # Windows of whole channels: their samples are one axis where they lie as one.
        n = math.prod(axis.n for axis in axes)
        is_whole = all(axis.is_whole for axis in axes) and not last and n > 0
        self._whole = _core.Pooling([PoolAxis(n, 1, n, n, 1, 0, 0)], False) if is_whole else None

    def _seen(self, x: Array, y: Array) -> tuple[Any, Array, Array]:
        """The core's record, and both arrays with the axes that it has."""
        if self._whole is None or not x.flags.c_contiguous:
            return self._core, x, y
        return self._whole, x.reshape(*x.shape[:2], math.prod(x.shape[2:])), y.reshape(*y.shape[:2], 1)

    def check_cotangent(self, dy: Array) -> None:
        if dy.shape != self.y_shape:
            raise ShapeError(f"dy has shape {dy.shape}, the result that it is the gradient of has shape {self.y_shape}")

    def largest(self, x: Array, with_places: bool, threads: Any) -> tuple[Array, Array | None]:
        y = _core.new_result(self.y_shape, x.dtype)
        places = _core.new_result(self.y_shape, np.dtype(np.int64)) if with_places else None
        if x.dtype.name in _TYPE_CODES:
            core, seen_x, seen_y = self._seen(x, y) if places is None else (self._core, x, y)
            core.largest(_TYPE_CODES[x.dtype.name], seen_x, seen_y, places, count_threads(threads))
        else:
            self._largest_by_numpy(x, y, places)
        return y, places

    def mean(self, x: Array, padded: bool, threads: Any) -> Array:
        y: Array = _core.new_result(self.y_shape, _mean_dtype(x.dtype))
        if x.dtype.name in _TYPE_CODES:
            codes = _TYPE_CODES[x.dtype.name], _TYPE_CODES[y.dtype.name]
            core, seen_x, seen_y = self._seen(x, y)
            core.mean(codes, seen_x, seen_y, padded, count_threads(threads))
        elif x.dtype.kind == "c" and x.dtype.itemsize <= 16:
            y.real, y.imag = self.mean(x.real, padded, threads), self.mean(x.imag, padded, threads)
        else:
            self._mean_by_numpy(x, y, padded)
        return y

    def mean_back(self, dy: Array, padded: bool, threads: Any) -> Array:
        dx: Array = _core.new_result(self.x_shape, _mean_dtype(dy.dtype))
        if dy.dtype.name in _TYPE_CODES:
            codes = _TYPE_CODES[dy.dtype.name], _TYPE_CODES[dx.dtype.name]
            core, seen_dx, seen_dy = self._seen(dx, dy)
            core.mean_back(codes, seen_dy, seen_dx, padded, count_threads(threads))
        elif dy.dtype.kind == "c" and dy.dtype.itemsize <= 16:
            dx.real, dx.imag = self.mean_back(dy.real, padded, threads), self.mean_back(dy.imag, padded, threads)
        else:
            self._mean_back_by_numpy(dy, dx, padded)
        return dx

    def largest_back(self, dy: Array, places: Array, dx: Array, threads: Any) -> None:
        if dy.dtype.name not in _SUM_CODES:
            self._largest_back_by_numpy(dy, places, dx)
            return
        try:
            self._core.largest_back(_SUM_CODES[dy.dtype.name], dy, places, dx, count_threads(threads))
        except IndexError:
            raise _bad_index() from None

    # What only NumPy can compare or add: longdouble and objects, one window at a time.

    def _windows(self) -> Any:
        """(output, samples), each as an index of all arrays of a batch and channels."""
        ends: tuple[Any, ...] = (slice(None),) if self.last else ()
        for m in itertools.product(*(range(axis.outputs) for axis in self.axes)):
            samples = [axis.samples(i) for axis, i in zip(self.axes, m, strict=True)]
            slices = tuple(slice(r.start, r.stop, r.step) for r in samples)
            front: tuple[Any, ...] = (slice(None),) if self.last else (slice(None), slice(None))
            yield m, samples, (*front, *m, *ends), (*front, *slices, *ends)

    def _largest_by_numpy(self, x: Array, y: Array, places: Array | None) -> None:
        for _, samples, output, window in self._windows():
            terms = self._flat(x[window])
            if terms.shape[-1] == 0:
                y[output] = -np.inf
                if places is not None:
                    places[output] = -1
                continue
            y[output] = terms.max(axis=-1)
            if places is not None:
                grid = np.ravel_multi_index(np.ix_(*samples), self._sizes()).ravel()
                places[output] = grid[_pick(terms)]

    def _flat(self, terms: Array) -> Array:
        """(N, C, samples): the samples of one window in a row, whatever the layout."""
        terms = np.moveaxis(terms, -1, 1) if self.last else terms
        return terms.reshape(*terms.shape[:2], -1 if terms.size else int(np.prod(terms.shape[2:])))

    def _sizes(self) -> Shape:
        return tuple(axis.n for axis in self.axes)

    def _terms(self, m: Shape, padded: bool) -> int:
        counts = [axis.count_samples(i, padded) for axis, i in zip(self.axes, m, strict=True)]
        return max(1, int(np.prod(counts)))

    def _mean_by_numpy(self, x: Array, y: Array, padded: bool) -> None:
        for m, _, output, window in self._windows():
            y[output] = self._flat(x[window]).sum(axis=-1) / self._terms(m, padded)

    def _mean_back_by_numpy(self, dy: Array, dx: Array, padded: bool) -> None:
        dx[...] = 0
        for m, _, output, window in self._windows():
            share = dy[output] / self._terms(m, padded)
            dx[window] += np.expand_dims(share, tuple(range(1, 1 + len(m)) if self.last else range(2, 2 + len(m))))

    def _largest_back_by_numpy(self, dy: Array, places: Array, dx: Array) -> None:
        by_channel = np.moveaxis(places, -1, 1) if self.last else places
        cotangents = np.moveaxis(dy, -1, 1) if self.last else dy
        total = np.zeros((*by_channel.shape[:2], int(np.prod(self._sizes()))), dx.dtype)
        if places.size and (places.min() < -1 or places.max() >= total.shape[-1]):
            raise _bad_index()
        for n, c in np.ndindex(*by_channel.shape[:2]):
            at = by_channel[n, c].ravel()
            np.add.at(total[n, c], at[at >= 0], cotangents[n, c].ravel()[at >= 0])
        shaped = total.reshape(*total.shape[:2], *self._sizes())
        dx[...] = np.moveaxis(shaped, 1, -1) if self.last else shaped


def _pick(terms: Array) -> Array:
    """The first of the largest along the last axis, or the last NaN."""
    first: Array = terms.argmax(axis=-1)
    if terms.dtype.kind != "f":
        return first
    nan = np.isnan(terms)
    return np.where(nan.any(axis=-1), terms.shape[-1] - 1 - nan[..., ::-1].argmax(axis=-1), first)


def _bad_index() -> ParameterError:
    return ParameterError("indices names a sample that x does not have; give those of max_pool_with_indices for this x")


def _mean_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64) if dtype.kind in "biu" else dtype


@lru_cache(maxsize=1024, typed=True)
def _geometry(x_shape: Shape, words: tuple[Any, Any, Any, Any], ceil_mode: bool, layout: str) -> Geometry:
    window, stride, padding, dilation = words
    if layout not in LAYOUTS:
        raise unknown_word("layout", layout, LAYOUTS)
    if len(x_shape) < 3:
        raise ShapeError(f"pooling wants x of shape (N, C, *spatial), or (N, *spatial, C), not {x_shape}")
    last = layout == "channels_last"
    sizes = x_shape[1:-1] if last else x_shape[2:]
    taps = ints_per_axis(window, len(sizes), "window", 1)
    axes = layer_axes(sizes, taps, stride=taps if stride is None else stride, padding=padding, dilation=dilation)
    return Geometry(x_shape, tuple(pool_axis(axis, bool(ceil_mode)) for axis in axes), last)


def pool_axis(axis: LayerAxis, ceil_mode: bool) -> PoolAxis:
    """A layer's axis as pooling has it: one more window where the last may reach beyond the padding."""
    count = 0
    if ceil_mode and axis.room > -axis.stride:
        count = fit_count(axis.room, axis.stride) + 1
        # The last window begins among the samples or in the padding before them.
        count -= (count - 1) * axis.stride >= axis.n + axis.lo
    return PoolAxis(axis.n, count or axis.outputs, axis.taps, axis.stride, axis.dilation, axis.lo, axis.hi)
