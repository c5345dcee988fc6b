"""A trace in the one form that all chapters share: taps as they lie over x, nothing flipped.

    y[k, m] = bias[k] + Σ_c Σ_j v[k, c, j] · x̃[c, stride·m − before + dilation·j]

A signal has one channel and one filter. `v` is w flipped (or conjugated, or as it is), and x̃
is x with its boundary written out, where None stands for a zero of the padding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..errors import ParameterError
from ..geometry import extend_index
from ..graph.exact import Nested, pack, reverse, shape_of, thaw
from ..spec import Shape
from .trace import Length, Trace


class Window(NamedTuple):
    """x (C, *n), v (K, channels of a group, *taps) and x̃ (C, *extent) hold Python numbers."""

    x: Array
    v: Array
    extended: Array
    sources: Array  # for each place of x̃ the index of the sample there, "fill", or None
    bias: Nested | None
    groups: int
    axes: tuple[Length, ...]
    is_layer: bool

    @property
    def filters(self) -> int:
        return int(self.v.shape[0])

    @property
    def outputs(self) -> Shape:
        return tuple(axis.outputs for axis in self.axes)

    @property
    def taps(self) -> Shape:
        return tuple(axis.taps for axis in self.axes)

    @property
    def y_shape(self) -> Shape:
        return (self.filters, *self.outputs) if self.is_layer else self.outputs

    def channels(self, k: int) -> range:
        """The channels of x that filter k sees."""
        each = int(self.v.shape[1])
        first = k // (self.filters // self.groups) * each
        return range(first, first + each)

    def at(self, m: Shape, j: Shape) -> Shape:
        """Where in x̃ tap j of output m lies."""
        return tuple(axis.stride * i + axis.dilation * t for axis, i, t in zip(self.axes, m, j, strict=True))

    def close(self, sums: Array) -> Array:
        """Sums (K, *outputs) with their biases, as the result of the call."""
        if self.bias is not None:
            sums = sums + np.array(self.bias, dtype=object).reshape(-1, *(1,) * len(self.axes))
        return np.reshape(sums, self.y_shape)

    def empty(self) -> Array:
        """Zeros where the sums of each filter go."""
        return zeros((self.filters, *self.outputs))

    def sum_channels(self, one: Callable[[Array, Array], Array], every: bool = False) -> Array:
        """The sums of each filter: Σ over its channels of `one`, of a channel of x̃ and the taps on it.

        With `every` that gives every output, as if the strides were 1, and most are dropped.
        """
        x = fill_zeros(self.extended)
        sums = zeros((self.filters, *every_output(self))) if every else self.empty()
        for k in range(self.filters):
            for c, channel in enumerate(self.channels(k)):
                sums[k] = sums[k] + one(x[channel], self.v[k, c])
        steps = (slice(None, None, axis.stride if every else None) for axis in self.axes)
        return np.asarray(sums[index_at(slice(None), steps)])


def window_of(trace: Trace) -> Window:
    """The form of a trace of a whole call."""
    if not trace.is_whole:
        raise ParameterError(
            "this needs the whole call, and only some outputs were asked for; leave out around= and cells= "
            "and take a smaller piece of x"
        )
    n_axes, is_layer = trace.ndim, trace.operation == "layer"
    sizes = tuple(axis.n for axis in trace.lengths)
    w_shape = shape_of(trace.window_w)
    lead = (1, 1) if not is_layer else w_shape[: len(w_shape) - n_axes]
    channels = lead[1] * trace.groups
    x = thaw(trace.x, (channels, *sizes))
    v = thaw(trace.window_w, (*lead, *(axis.taps for axis in trace.lengths)))
    sources = _sources(trace)
    return Window(
        x, v, _extend(x, sources, trace.fill_value), sources, trace.bias, trace.groups, trace.lengths, is_layer
    )


def taps_of(trace: Trace, window: Window) -> Array:
    """w itself, (K, channels of a group, *taps)."""
    return thaw(trace.w, window.v.shape)


def _sources(trace: Trace) -> Array:
    """What stands at each place from the first that a window covers to the last."""
    extents = [axis.stride * (axis.outputs - 1) + axis.span if axis.outputs else 0 for axis in trace.lengths]
    sources = np.full(extents, None, dtype=object)
    rows = list(zip(trace.lengths, trace.boundary, strict=True))
    for place in np.ndindex(*extents):
        found = [extend_index(i - axis.before, axis.n, rule) for i, (axis, rule) in zip(place, rows, strict=True)]
        missing = [rule for source, (_, rule) in zip(found, rows, strict=True) if source is None]
        if "zero" not in missing:
            sources[place] = "fill" if missing else tuple(found)
    return sources


def _extend(x: Array, sources: Array, fill: Any) -> Array:
    """x̃; None for the zeros of the padding."""
    extended = np.full((x.shape[0], *sources.shape), None, dtype=object)
    for place in np.ndindex(*sources.shape):
        source = sources[place]
        if source is not None:
            extended[(slice(None), *place)] = fill if source == "fill" else x[(slice(None), *source)]
    return extended


def every_output(window: Window) -> Shape:
    """How many outputs there would be with stride 1."""
    return tuple(axis.stride * (axis.outputs - 1) + 1 if axis.outputs else 0 for axis in window.axes)


# ------------------------------------------------------------- the sum in other orders


def columns_of(window: Window) -> Array:
    """(channels·taps, outputs): under each output the samples of its window; None for a zero of the padding."""
    rows = list(indices((window.x.shape[0], *window.taps)))
    columns = np.full((len(rows), math.prod(window.outputs)), None, dtype=object)
    for row, (c, *j) in enumerate(rows):
        for column, m in enumerate(indices(window.outputs)):
            columns[row, column] = window.extended[(c, *window.at(m, tuple(j)))]
    return columns


def matrix_of(window: Window, fill: Any) -> tuple[Array, Array]:
    """T and t with y = T·x + t: x and y read row by row, t what the fill value adds."""
    places = list(indices((window.filters, *window.outputs)))
    matrix, offset = np.full((len(places), window.x.size), None, dtype=object), zeros((len(places),))
    columns = {index: n for n, index in enumerate(indices(window.x.shape))}
    for row, (k, *m) in enumerate(places):
        for c, channel in enumerate(window.channels(k)):
            for j in indices(window.taps):
                source, tap = window.sources[window.at(tuple(m), j)], window.v[(k, c, *j)]
                if isinstance(source, tuple):
                    at = row, columns[(channel, *source)]
                    matrix[at] = tap if matrix[at] is None else matrix[at] + tap
                elif source == "fill":
                    offset[row] = offset[row] + tap * fill
    return matrix, offset


class Stamp(NamedTuple):
    """One sample: its place in x̃, its value, and value·w on the ruler of the full result."""

    place: Shape
    value: Any
    first: Shape  # where on the ruler the copy begins
    copy: Array


def stamps_of(window: Window) -> list[Stamp]:
    """A copy of the taps for every sample of x̃.

    The sample at place p meets tap j in output q = p − j (before strides are dropped), so it
    adds value·v[j] there: the copy is v reversed, which for a convolution is w itself.
    """
    taps, x = reverse(dilate(window.v, window.axes)[0, 0]), window.extended[0]
    return [Stamp(place, x[place], place, x[place] * taps) for place in indices(x.shape) if x[place] is not None]


def add_stamps(window: Window, stamps: list[Stamp]) -> Array:
    """All copies added on the ruler, which begins span − 1 before the first output."""
    shape = tuple(n + axis.span - 1 for n, axis in zip(window.extended.shape[1:], window.axes, strict=True))
    return _add_copies(((stamp.first, stamp.copy) for stamp in stamps), shape)


def ruler_of(window: Window, stamps: list[Stamp]) -> range:
    """The places along one axis that a copy covers or where an output lies."""
    kept = kept_of(window)[0]
    ends = [(stamp.first[0], stamp.first[0] + len(stamp.copy)) for stamp in stamps]
    ends += [(kept.start, kept.stop)] if kept.start is not None else []
    return range(min(first for first, _ in ends), max(last for _, last in ends)) if ends else range(0)


def _add_copies(copies: Iterable[tuple[Shape, Array]], shape: Shape) -> Array:
    full = zeros(shape)
    for first, copy in copies:
        at = tuple(slice(f, f + n) for f, n in zip(first, copy.shape, strict=True))
        full[at] = full[at] + copy
    return full


def kept_of(window: Window) -> tuple[slice, ...]:
    """Where on that ruler the outputs lie."""
    return tuple(
        slice(axis.span - 1, axis.span + axis.stride * (axis.outputs - 1), axis.stride) if axis.outputs else slice(0)
        for axis in window.axes
    )


def full_sums(x: Array, w: Array) -> Array:
    """Every overlap of x with w, as a convolution; w is dilated already."""
    shape = tuple(n + k - 1 for n, k in zip(x.shape, w.shape, strict=True))
    return _add_copies(((place, x[place] * w) for place in indices(x.shape)), shape)


def dy_of(trace: Trace, window: Window) -> Array:
    """dy as (filters, outputs): what was given, or ones."""
    shape = window.filters, math.prod(window.outputs)
    if trace.gradients is None:
        return np.full(shape, 1, dtype=object)
    return np.array(trace.gradients.dy, dtype=object).reshape(shape)


def like_x(window: Window, values: Array) -> Array:
    """Numbers in the shape of the call's x."""
    return pack(list(values.flat), window.x.shape if window.is_layer else window.x.shape[1:])


# ------------------------------------------------------------------------------- helpers


def indices(shape: Shape) -> Iterator[Shape]:
    """All indices of a shape, the last one fastest."""
    return itertools.product(*map(range, shape))


def zeros(shape: Shape) -> Array:
    """Python zeros."""
    return np.full(shape, 0, dtype=object)


def widen(array: Array, shape: Shape, zero: Any = 0) -> Array:
    """The array with zeros behind it, up to a shape."""
    wide = np.full(shape, zero, dtype=object)
    wide[tuple(slice(0, n) for n in array.shape)] = array
    return wide


def fill_zeros(array: Array) -> Array:
    """The array with zeros where None stands."""
    filled = array.copy()
    for place in np.ndindex(*array.shape):
        if filled[place] is None:
            filled[place] = 0
    return filled


def dilate(v: Array, axes: tuple[Length, ...]) -> Array:
    """Taps with the zeros of their dilation between them."""
    lead = v.ndim - len(axes)
    wide = zeros((*v.shape[:lead], *(axis.span for axis in axes)))
    wide[index_at(..., (slice(None, None, axis.dilation) for axis in axes))] = v
    return wide


def index_at(first: Any, rest: Iterable[Any]) -> Any:
    """An index: one entry for the leading axis (or ... for all of them), then one for each axis."""
    return (first, *rest)


def is_finite(*arrays: Array) -> bool:
    """Whether no entry is infinite or not a number."""
    return all(entry is None or abs(entry) < math.inf for array in arrays for entry in array.flat)
