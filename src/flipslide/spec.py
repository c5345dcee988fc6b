"""One frozen, hashable description of any convolution: integers, words, nothing else.

Along one axis

    y[m] = Σ_j w[j] · x̃[start + stride·m + dilation·j]

where a **negative dilation flips the taps** (convolution) and a positive one does not
(correlation). Positions count in steps of 1/up sample: `up − 1` zeros stand between
neighbours of x, as a transposed layer wants. Around the axes run loops; which of the
three arrays carries a loop says what it is:

    carried by   x, y      batch             x, w, y   group
                 w, y      output channel    x, w      input channel, summed over

So the gradients are other specs, made by letting the arrays trade places:

    dx:  x ↔ y,  up ↔ stride,        dilation → −dilation
    dw:  w ↔ y,  stride ↔ dilation

and each is its own inverse.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from .errors import ParameterError, ShapeError, unknown_word
from .geometry import (
    BOUNDARIES,
    Sides,
    extend_index,
    ints_per_axis,
    layer_axes,
    normalize_axes,
    output_window,
    per_axis,
    read_rules,
    span_of,
    split_modes,
    to_int,
)
from .geometry import split_padding as split_padding

__all__ = ["LAYOUTS", "Axis", "ConvSpec", "Extension", "Loop", "Shape", "check_groups", "check_layer", "loop_kind"]

Shape = tuple[int, ...]

#: Of an array that is convolved.
MOST_DIMS = 60

LAYOUTS = ("channels_first", "channels_last")


class Loop(NamedTuple):
    """An index that is not slid over. A dim of −1: the array does not carry it."""

    size: int
    x_dim: int
    w_dim: int
    y_dim: int


class Extension(NamedTuple):
    """One dimension of an array that gets samples before and after those that it has."""

    dim: int
    n: int
    before: int
    after: int
    sides: Sides


class Axis(NamedTuple):
    """One convolved axis: its three sizes, its window and where the arrays keep it."""

    x: int
    w: int
    y: int
    start: int
    stride: int
    dilation: int
    up: int
    boundary: str | Sides
    x_dim: int
    w_dim: int
    y_dim: int

    def position(self, m: int, j: int) -> int:
        """Where tap j of output m looks, in steps of 1/up sample."""
        return self.start + self.stride * m + self.dilation * j

    def source(self, m: int, j: int) -> tuple[bool, int | None]:
        """(is there a term, the sample it reads); a term without a sample reads the fill value."""
        sample, between = divmod(self.position(m, j), self.up)
        if between:
            return False, None
        index = extend_index(sample, self.x, self.rule)
        return index is not None or self.rule == "constant", index

    @property
    def rule(self) -> str:
        """The boundary, where it is one that the engine extends itself; others are written out before."""
        if isinstance(self.boundary, Sides):
            raise ParameterError(f"boundary={list(self.boundary[:2])} is to be written out first")
        return self.boundary

    def reach(self) -> tuple[int, int]:
        """The lowest and highest position that any output looks at."""
        ends = [self.position(m, j) for m in (0, self.y - 1) for j in (0, self.w - 1)]
        return min(ends), max(ends)

    def extension(self) -> Extension:
        """What must be written out before the engine can start: nothing where a side is zero."""
        assert isinstance(self.boundary, Sides)
        first, last = self.reach() if self.y else (0, 0)
        before, after = max(0, -(first // self.up)), max(0, last // self.up - (self.x - 1))
        zeros = [word == "zero" for word in self.boundary[:2]]
        return Extension(self.x_dim, self.x, 0 if zeros[0] else before, 0 if zeros[1] else after, self.boundary)

    def is_padded(self) -> bool:
        """Whether some term reads outside x."""
        low, high = self.reach()
        return self.y > 0 and (low < 0 or high > self.up * (self.x - 1))

    def phases(self) -> Iterator[tuple[Axis | None, slice, slice]]:
        """Sums without zeros between samples: (one, the taps that it has, the outputs that it makes); None: they are 0.

        Outputs m = period·q + s meet samples only at every step-th tap, where
        start + stride·s + dilation·j is a multiple of up.
        """
        common = math.gcd(self.dilation, self.up)
        step, period = self.up // common, self.up // math.gcd(self.stride, self.up)
        for s in range(min(period, self.y)):
            made, place = slice(s, None, period), self.start + self.stride * s
            found, rest = divmod(-place, common)
            first = found * pow(self.dilation // common, -1, step) % step if step > 1 else 0
            if rest or first >= self.w:
                yield None, slice(0), made
                continue
            one = self._replace(
                w=-(-(self.w - first) // step),
                y=-(-(self.y - s) // period),
                start=(place + self.dilation * first) // self.up,
                stride=self.stride * period // self.up,
                dilation=self.dilation // common,
                up=1,
            )
            yield one, slice(first, None, step), made

    def grad_input(self) -> Axis:
        # up·i = start + stride·m + dilation·j, solved for the outputs m that sample i feeds:
        # stride·m = up·i − start − dilation·j.
        sign = 1 if self.stride > 0 else -1
        return self._replace(
            x=self.y,
            y=self.x,
            start=-sign * self.start,
            stride=sign * self.up,
            dilation=-sign * self.dilation,
            up=abs(self.stride),
            x_dim=self.y_dim,
            y_dim=self.x_dim,
        )

    def grad_weight(self) -> Axis:
        # The same equation, m and j trading places: dy is slid over x.
        return self._replace(
            w=self.y, y=self.w, stride=self.dilation, dilation=self.stride, w_dim=self.y_dim, y_dim=self.w_dim
        )

    def exchange(self) -> Axis:
        # And solved for j: |dilation|·j = ±(up·i − start − stride·m). x becomes the taps.
        sign = 1 if self.dilation > 0 else -1
        return self._replace(
            x=self.w,
            w=self.x,
            start=-sign * self.start,
            stride=-sign * self.stride,
            dilation=sign * self.up,
            up=abs(self.dilation),
            x_dim=self.w_dim,
            w_dim=self.x_dim,
        )


class ConvSpec(NamedTuple):
    """What is to be computed, all of it, for arrays of three known shapes."""

    axes: tuple[Axis, ...]
    loops: tuple[Loop, ...]
    x_ndim: int
    w_ndim: int
    y_ndim: int
    conj_x: bool = False
    conj_w: bool = False
    fill: Any = 0
    fill_type: type = int  # 1 and 1.0 are equal, but not in a sum of fractions

    # ---------------------------------------------------------------- made from a call

    @classmethod
    def of(
        cls,
        x_shape: Shape,
        w_shape: Shape,
        *,
        mode: Any = "full",
        axes: Any = None,
        boundary: Any = "zero",
        fill_value: Any = 0,
        center: Any = None,
        stride: Any = 1,
        dilation: Any = 1,
        upsample: Any = 1,
        correlate: bool = False,
    ) -> ConvSpec:
        """The spec of `fs.convolve` (or, with correlate=True, `fs.correlate`).

        The n samples of an axis that is upsampled, with up − 1 zeros between, count as up·(n − 1) + 1. `mode` is a word
        or a window of outputs (start, count), one for all axes or one per axis.
        """
        x_dims, w_dims = _place_axes(x_shape, w_shape, axes)
        n_axes = len(x_dims)
        modes = split_modes(mode, n_axes)
        boundaries, fill = read_rules(boundary, fill_value, n_axes)
        centers = per_axis(center, n_axes, "center", lambda value, _: value)
        strides = ints_per_axis(stride, n_axes, "stride", 1)
        dilations = ints_per_axis(dilation, n_axes, "dilation", 1)
        ups = ints_per_axis(upsample, n_axes, "upsample", 1)
        made = []
        for i, (x_dim, w_dim) in enumerate(zip(x_dims, w_dims, strict=True)):
            n, taps = x_shape[x_dim], w_shape[w_dim]
            span = span_of(taps, dilations[i])
            spread = ups[i] * (n - 1) + 1 if n else 0
            start, count = output_window(modes[i], spread, span, strides[i], centers[i], correlate)
            made.append(
                Axis(
                    x=n,
                    w=taps,
                    y=count,
                    start=start,
                    stride=strides[i],
                    dilation=dilations[i] if correlate else -dilations[i],
                    up=ups[i],
                    boundary=boundaries[i],
                    x_dim=x_dim,
                    w_dim=w_dim,
                    y_dim=x_dim,
                )
            )
        spec = cls(
            axes=tuple(made),
            loops=_batch_loops(x_shape, w_shape, x_dims),
            x_ndim=len(x_shape),
            w_ndim=len(w_shape),
            y_ndim=len(x_shape),
            conj_w=correlate,
            fill=fill,
            fill_type=type(fill),
        )
        if spec.n_outputs:
            _check_extension(spec)
        return spec

    @classmethod
    def of_layer(
        cls,
        x_shape: Shape,
        w_shape: Shape,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
        layout: str = "channels_first",
    ) -> ConvSpec:
        """The spec of `fs.nn.conv` for x (N, C, *spatial) or (N, *spatial, C) and w (K, C/groups, *taps).

        The arrays it describes have their channels split into (groups, channels of a group).
        """
        check_layer(x_shape, w_shape, layout)
        last, n_axes = layout == "channels_last", len(x_shape) - 2
        channels = x_shape[-1] if last else x_shape[1]
        n_groups = check_groups(groups, channels, w_shape[0], w_shape[1])
        split = (n_groups, channels // n_groups)
        return cls.layer(
            (x_shape[0], *x_shape[1:-1], *split) if last else (x_shape[0], *split, *x_shape[2:]),
            (n_groups, w_shape[0] // n_groups, *w_shape[1:]),
            stride=stride,
            padding=padding,
            dilation=dilation,
            x_axes=tuple(range(1, 1 + n_axes)) if last else tuple(range(3, 3 + n_axes)),
        )

    @classmethod
    def layer(
        cls, x_shape: Shape, w_shape: Shape, *, stride: Any, padding: Any, dilation: Any, x_axes: tuple[int, ...]
    ) -> ConvSpec:
        """The spec of a layer on arrays whose channels are split already.

        x is (N, G, C, *spatial) or (N, *spatial, G, C), as x_axes says; w is (G, K, C, *taps).
        """
        channels_at = 1 if x_axes[0] != 1 else 1 + len(x_axes)
        group, channel = channels_at, channels_at + 1
        sizes = [x_shape[dim] for dim in x_axes]
        axes = layer_axes(sizes, w_shape[3:], stride=stride, padding=padding, dilation=dilation)
        loops = (
            Loop(x_shape[0], 0, -1, 0),
            Loop(x_shape[group], group, 0, group),
            Loop(w_shape[1], -1, 1, channel),
            Loop(x_shape[channel], channel, 2, -1),
        )
        made = (
            Axis(a.n, a.taps, a.outputs, -a.lo, a.stride, a.dilation, 1, "zero", dim, w_dim, dim)
            for a, dim, w_dim in zip(axes, x_axes, range(3, len(w_shape)), strict=True)
        )
        return cls(tuple(made), loops, len(x_shape), len(w_shape), len(x_shape))

    # ------------------------------------------------------------------ derived numbers

    def _shape(self, ndim: int, array: str) -> Shape:
        sizes = [1] * ndim
        for loop in self.loops:
            dim = getattr(loop, array + "_dim")
            if dim >= 0:
                sizes[dim] = loop.size
        for axis in self.axes:
            sizes[getattr(axis, array + "_dim")] = getattr(axis, array)
        return tuple(sizes)

    @property
    def x_shape(self) -> Shape:
        return self._shape(self.x_ndim, "x")

    @property
    def w_shape(self) -> Shape:
        return self._shape(self.w_ndim, "w")

    @property
    def y_shape(self) -> Shape:
        return self._shape(self.y_ndim, "y")

    def loop_size(self, kind: str) -> int:
        """The number of elements of the loops of one kind: batch, group, out or in."""
        return math.prod(loop.size for loop in self.loops if loop_kind(loop) == kind)

    @property
    def n_taps(self) -> int:
        """Products in one output: taps times input channels."""
        return math.prod(axis.w for axis in self.axes) * self.loop_size("in")

    @property
    def n_outputs(self) -> int:
        return math.prod(self.y_shape)

    @property
    def n_products(self) -> int:
        return self.n_taps * self.n_outputs

    @property
    def has_gaps(self) -> bool:
        """Whether some term of some output has no sample: zeros around or between those of x."""
        return any((axis.boundary == "zero" and axis.is_padded()) or axis.up > 1 for axis in self.axes)

    def terms(self, loop_index: Shape, m: Shape) -> Iterator[tuple[Shape | None, Shape]]:
        """The terms of one output for one value of the loops: (index in x, index in w).

        None in place of the index in x stands for the fill value.
        """
        w_ranges = [range(axis.w) for axis in self.axes]
        for j in _cartesian(w_ranges):
            sources = [axis.source(m[i], j[i]) for i, axis in enumerate(self.axes)]
            if all(exists for exists, _ in sources):
                samples = [sample for _, sample in sources]
                inside = None not in samples
                yield (
                    self.place("x", loop_index, samples) if inside else None,
                    self.place("w", loop_index, j),
                )

    def place(self, array: str, loop_index: Any, positions: Any) -> Shape:
        """The index in one array that stands for given loop values and axis positions."""
        dims = array + "_dim"
        index = [0] * getattr(self, array + "_ndim")
        for loop, value in zip(self.loops, loop_index, strict=True):
            if getattr(loop, dims) >= 0:
                index[getattr(loop, dims)] = value
        for axis, value in zip(self.axes, positions, strict=True):
            index[getattr(axis, dims)] = value
        return tuple(index)

    # --------------------------------------------------------------------- other specs

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """What must be written out before the engine can start: an order in which later axes extend earlier ones."""
        return tuple(axis.extension() for axis in self.axes if isinstance(axis.boundary, Sides))

    def written_out(self) -> ConvSpec:
        """The same sum on an array with these samples, around which nothing stands."""
        made = {extension.dim: extension for extension in self.extensions}
        axes = []
        for axis in self.axes:
            if axis.x_dim in made:
                _, n, before, after, _ = made[axis.x_dim]
                axis = axis._replace(x=before + n + after, start=axis.start + axis.up * before, boundary="zero")
            axes.append(axis)
        return self._replace(axes=tuple(axes))

    def phases(self) -> Iterator[tuple[ConvSpec | None, tuple[slice, ...], tuple[slice, ...]]]:
        """Sums without zeros between samples: (one, where its taps lie in w, where its outputs lie in y)."""
        for chosen in itertools.product(*(tuple(axis.phases()) for axis in self.axes)):
            w_index, y_index = [slice(None)] * self.w_ndim, [slice(None)] * self.y_ndim
            for axis, (_, taps, outputs) in zip(self.axes, chosen, strict=True):
                w_index[axis.w_dim], y_index[axis.y_dim] = taps, outputs
            axes = tuple(one for one, _, _ in chosen if one is not None)
            spec = self._replace(axes=axes) if len(axes) == len(chosen) else None
            yield spec, tuple(w_index), tuple(y_index)

    def check_repeated(self, what: str) -> None:
        """An error where samples outside are not those of x again, or zero, or the fill value."""
        for axis in self.axes:
            if isinstance(axis.boundary, Sides):
                words = " and ".join(repr(word) for word in dict.fromkeys(axis.boundary[:2]))
                raise ParameterError(
                    f"{what} knows one rule for both sides, of {', '.join(map(repr, BOUNDARIES))}, and the boundary "
                    f"is {words}; extend x first with fs.pad"
                )

    def grad_input(self) -> ConvSpec:
        """The spec that takes dy to dx. Boundaries other than zero are folded back around it."""
        if any(axis.boundary != "zero" for axis in self.axes):
            raise ParameterError("grad_input needs boundary='zero'; extend x first and fold its gradient back")
        # The gradient under ⟨a, b⟩ = Re Σ ā·b. If y = w·x: dx = w̄·dy. A conjugated x
        # conjugates the whole product once more.
        return self._replace(
            axes=tuple(axis.grad_input() for axis in self.axes),
            loops=tuple(Loop(loop.size, loop.y_dim, loop.w_dim, loop.x_dim) for loop in self.loops),
            x_ndim=self.y_ndim,
            y_ndim=self.x_ndim,
            conj_x=self.conj_x,
            conj_w=self.conj_x == self.conj_w,
        )

    def grad_weight(self) -> ConvSpec:
        """The spec that takes x, slid over by dy in the place of w, to dw."""
        return self._replace(
            axes=tuple(axis.grad_weight() for axis in self.axes),
            loops=tuple(Loop(loop.size, loop.x_dim, loop.y_dim, loop.w_dim) for loop in self.loops),
            w_ndim=self.y_ndim,
            y_ndim=self.w_ndim,
            conj_x=self.conj_x == self.conj_w,
            conj_w=self.conj_w,
        )

    def exchange(self) -> ConvSpec:
        """The same sum with x and w in each other's place: a long w slides x instead.

        Only for boundary="zero", where a term exists or not whichever array is slid.
        """
        return self._replace(
            axes=tuple(axis.exchange() for axis in self.axes),
            loops=tuple(Loop(loop.size, loop.w_dim, loop.x_dim, loop.y_dim) for loop in self.loops),
            x_ndim=self.w_ndim,
            w_ndim=self.x_ndim,
            conj_x=self.conj_w,
            conj_w=self.conj_x,
        )


# ------------------------------------------------------------------------------- helpers


def loop_kind(loop: Loop) -> str:
    """What a loop is, from the arrays that carry it."""
    if loop.y_dim < 0:
        return "in"
    if loop.x_dim < 0:
        return "out"
    return "batch" if loop.w_dim < 0 else "group"


def check_layer(x_shape: Shape, w_shape: Shape, layout: str, w_axes: str = "K, C/groups") -> None:
    """Whether the arrays of a layer have the axes that they need."""
    _check_dims(x_shape)
    if layout not in LAYOUTS:
        raise unknown_word("layout", layout, LAYOUTS)
    if len(x_shape) < 3 or len(w_shape) != len(x_shape):
        raise ShapeError(
            f"a layer wants x (N, C, *spatial) and w ({w_axes}, *taps), both with the same number of axes; "
            f"x has shape {x_shape}, w has shape {w_shape}"
        )


def check_groups(groups: Any, channels: int, filters: int, each: int | None = None) -> int:
    """The number of groups, which divides the channels and the filters; each filter takes `each` channels."""
    n_groups = to_int(groups, "groups", 1)
    if channels % n_groups or filters % n_groups:
        raise ShapeError(f"groups={n_groups} must divide the {channels} channels of x and the {filters} filters of w")
    if each is not None and each * n_groups != channels:
        raise ShapeError(
            f"each filter of w takes {each} channels, which with groups={n_groups} makes {each * n_groups}; "
            f"x has {channels} channels"
        )
    return n_groups


def _cartesian(ranges: list[range]) -> Iterator[Shape]:
    if not ranges:
        yield ()
        return
    for first in ranges[0]:
        for rest in _cartesian(ranges[1:]):
            yield (first, *rest)


def _check_extension(spec: ConvSpec) -> None:
    """An error for outputs that need samples of an axis that has none."""
    for axis in spec.axes:
        words = axis.boundary[:2] if isinstance(axis.boundary, Sides) else (axis.boundary,)
        for word in words:
            if axis.x == 0 and word not in ("zero", "constant"):
                raise ShapeError(f"boundary={word!r} cannot extend an axis of x that has no samples")


def _check_dims(x_shape: Shape) -> None:
    """NumPy has 64, and some steps need a few besides."""
    if len(x_shape) > MOST_DIMS:
        raise ShapeError(f"x has {len(x_shape)} axes, and at most {MOST_DIMS} can be convolved; reshape x")


def _place_axes(x_shape: Shape, w_shape: Shape, axes: Any) -> tuple[Shape, Shape]:
    """Which dims of x and of w are convolved."""
    x_ndim, w_ndim = len(x_shape), len(w_shape)
    if x_ndim == 0 or w_ndim == 0:
        raise ShapeError(f"x and w need at least one axis; x has shape {x_shape} and w has shape {w_shape}")
    _check_dims(x_shape)
    if axes is None:
        if w_ndim > x_ndim:
            raise ShapeError(
                f"w has more axes than x: {w_shape} against {x_shape}. Arguments are never swapped; "
                "give x the missing axes (x[None]) or pass axes="
            )
        return tuple(range(x_ndim - w_ndim, x_ndim)), tuple(range(w_ndim))
    dims = normalize_axes(axes, x_ndim)
    if not dims:
        raise ShapeError("axes=() convolves nothing; name at least one axis")
    if w_ndim == x_ndim:
        return dims, dims
    if w_ndim == len(dims):
        return dims, tuple(range(w_ndim))
    raise ShapeError(
        f"w of shape {w_shape} must have either the {len(dims)} axes={axes!r} alone, "
        f"or all {x_ndim} axes of x, whose shape is {x_shape}"
    )


def _batch_loops(x_shape: Shape, w_shape: Shape, x_dims: Shape) -> tuple[Loop, ...]:
    """The axes that are not convolved, broadcast as NumPy does."""
    shared_w = len(w_shape) == len(x_dims)
    loops = []
    for dim in range(len(x_shape)):
        if dim in x_dims:
            continue
        n, k = x_shape[dim], 1 if shared_w else w_shape[dim]
        if n != k and 1 not in (n, k):
            raise ShapeError(f"axis {dim} is not convolved and does not broadcast: x {x_shape}, w {w_shape}")
        size = k if n == 1 else n
        if size != 1:
            loops.append(Loop(size, -1 if n == 1 else dim, -1 if k == 1 else dim, dim))
    return tuple(loops)
