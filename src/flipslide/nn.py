"""Neural layers: convolution, its transpose, its gradients, and im2col.

As in every framework a layer does not flip its taps:

    y[n, k, m] = bias[k] + Σ_c Σ_j w[k, c, j] · x[n, c, stride·m + dilation·j − lo]

x is (N, C, *spatial), or (N, *spatial, C) with layout="channels_last"; w is
(K, C/groups, *taps) in both. Any number of spatial axes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np

from .accuracies import read_accuracy
from .arrays import Arithmetic, Array, arithmetic_of, check_out, enter, freeze, narrow, out_dtype, widen
from .carried import own_dtype
from .errors import DtypeError, ParameterError, ShapeError
from .execute import CoreCall, Program, bind, count_threads, program_of, read_threads, remember, run_spec
from .geometry import LayerAxis, ints_per_axis, layer_axes, read_shape, to_int
from .im2col import col2im, im2col
from .options import LayerOptions, Layout, Overflow, Rounding, frozen
from .phases import Phases, layer_program
from .plan import Plan, choose, forgetters
from .pooling import avg_pool, avg_pool_grad, max_pool, max_pool_grad, max_pool_with_indices
from .spec import ConvSpec, Shape, check_groups, check_layer
from .tuning import tune_plan

__all__ = [
    "avg_pool",
    "avg_pool_grad",
    "col2im",
    "conv",
    "conv_grads",
    "conv_input_grad",
    "conv_transpose",
    "conv_weight_grad",
    "im2col",
    "max_pool",
    "max_pool_grad",
    "max_pool_with_indices",
    "plan",
]


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: Layout = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    overflow: Overflow = "raise",
    dtype: Any = None,
    rounding: Rounding | None = None,
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """A convolution layer: taps not flipped, summed over channels, plus a bias.

        y[n, k, m] = bias[k] + Σ_c Σ_j w[k, c, j] · x[n, c, stride·m + dilation·j − lo]

    Parameters
    ----------
    x : array_like, (N, C, *spatial)
        Or (N, *spatial, C) with layout="channels_last".
    w : array_like, (K, C/groups, *taps)
    bias : array_like, (K,), optional
    stride, dilation : int or tuple of int
    padding : int, tuple, or str
        Zeros around x: one number, one per axis, one (lo, hi) pair per axis, or a word that
        holds at any stride: "valid" (none), "same" (⌈N/stride⌉ outputs, an odd zero at the
        end), "same_lower" (at the front), "causal" (all in front).
    groups : int
        Channels are split into this many groups that do not see each other.
    layout : {"channels_first", "channels_last"}
    method, accuracy, overflow, dtype, rounding, threads, out
        As in `flipslide.convolve`.

    Returns
    -------
    ndarray, (N, K, *outputs)
        In x's layout, ⌊(N + lo + hi − D)/stride⌋ + 1 outputs per axis with
        D = dilation·(taps − 1) + 1.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, IntegerOverflowError

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> w = np.array([1.0, -1.0, 2.0]).reshape(1, 1, 3)
    >>> fs.nn.conv(x, w, [10.0], stride=2, padding=1)
    array([[[12., 15.,  9.]]])

    Notes
    -----
    Dumoulin and Visin, *A guide to convolution arithmetic for deep learning* (2016).
    """
    return _conv(
        x, w, bias, out,
        stride, padding, dilation, groups, layout, method, accuracy, overflow, dtype, threads, rounding,
    )  # fmt: skip


def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    output_padding: Any = 0,
    output_size: Any = None,
    layout: Layout = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    overflow: Overflow = "raise",
    dtype: Any = None,
    rounding: Rounding | None = None,
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """A transposed layer: the adjoint of `conv` with the same taps, plus a bias.

    Each sample stamps its taps into the result, `stride` apart. w is (C, K/groups, *taps),
    as in PyTorch and ONNX: the w of the layer that it transposes. The result has

        (N − 1)·stride − lo − hi + D + output_padding

    outputs per axis; output_padding (0 … stride − 1) or output_size chooses among the sizes
    that the layer maps to N. Up to the dilation it may be larger: outputs behind the last stamp, which are
    the bias alone. padding="same" gives N·stride. All other words are those of `conv`.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.conv_transpose(np.ones((1, 1, 2)), np.array([[[1.0, -1.0, 2.0]]]), stride=2)
    array([[[ 1., -1.,  3., -1.,  2.]]])
    """
    dtype = own_dtype(x, w) if dtype is None and out is None else dtype
    x, w = enter(x, "x"), enter(w, "w")
    check_layer(x.shape, w.shape, layout, "C, K/groups")
    options = _settled(
        LayerOptions(stride, padding, dilation, groups, layout, method, accuracy, overflow, dtype, threads, rounding)
    )
    channels = Channels.of(options)
    check_groups(groups, x.shape[channels.axis(x.ndim)], w.shape[0])
    axes = _transposed_axes(channels.sizes(x.shape), w.shape[2:], options, output_padding, output_size)
    spec = _transposed_spec(x.shape[0], axes, w.shape, options)
    expected = channels.joined(spec.x_shape)
    if x.shape != expected:
        raise ShapeError(
            f"x has shape {x.shape}, the layer that is transposed gives {expected}; w is (C, K/groups, *taps)"
        )
    numbers = _numbers_of((x.dtype, w.dtype), options, out_dtype(out))
    program = layer_program(spec, numbers, read_threads(threads), options.method, options.accuracy)
    return _run_layer(program, channels, x, w, bias, channels.groups * w.shape[1], out, threads)


def conv_input_grad(
    dy: Any,
    w: Any,
    x_shape: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: Layout = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
) -> Array:
    """dx of `conv`: the adjoint of x ↦ conv(x, w), of shape x_shape.

        dx[n, c, i] = Σ_k Σ_{m, j: stride·m + dilation·j − lo = i} w[k, c, j]* · dy[n, k, m]

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.conv_input_grad(np.ones((1, 1, 3)), np.array([[[1.0, -1.0, 2.0]]]), (1, 1, 5))
    array([[[1., 0., 2., 1., 2.]]])
    """
    dy, w = enter(dy, "dy"), enter(w, "w")
    options = frozen(LayerOptions(stride, padding, dilation, groups, layout, method, accuracy, threads=threads))
    return _input_grad(options.spec(read_shape(x_shape, "x_shape"), w.shape), dy, w, options)


def conv_weight_grad(
    dy: Any,
    x: Any,
    w_shape: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: Layout = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
) -> Array:
    """dw of `conv`: the adjoint of w ↦ conv(x, w), of shape w_shape.

        dw[k, c, j] = Σ_n Σ_m dy[n, k, m] · x[n, c, stride·m + dilation·j − lo]*

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.conv_weight_grad(np.ones((1, 1, 3)), np.arange(5.0).reshape(1, 1, 5), (1, 1, 3))
    array([[[3., 6., 9.]]])
    """
    dy, x = enter(dy, "dy"), enter(x, "x")
    options = frozen(LayerOptions(stride, padding, dilation, groups, layout, method, accuracy, threads=threads))
    return _weight_grad(options.spec(x.shape, read_shape(w_shape, "w_shape")), dy, x, options)


def conv_grads(
    dy: Any,
    x: Any,
    w: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: Layout = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients (dx, dw, db) of Σ y·dy, with y = conv(x, w, bias, …).

    Exact adjoints, computed as convolutions again; apply them once more for second order.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> x, w = np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, -1.0, 2.0]]])
    >>> dx, dw, db = fs.nn.conv_grads(np.ones((1, 1, 3)), x, w)
    >>> dx.ravel(), dw.ravel(), db
    (array([1., 0., 2., 1., 2.]), array([3., 6., 9.]), array([3.]))
    """
    dy, x, w = enter(dy, "dy"), enter(x, "x"), enter(w, "w")
    options = frozen(LayerOptions(stride, padding, dilation, groups, layout, method, accuracy, threads=threads))
    spec = options.spec(x.shape, w.shape)
    dx, dw = _input_grad(spec, dy, w, options), _weight_grad(spec, dy, x, options)
    db = _bias_grad(dy, Channels.of(options).axis(dy.ndim), options)
    return dx, dw, db.astype(np.result_type(dy, x, w), copy=False)


def plan(
    x_shape: Any,
    w: Any,
    dtype: Any = np.float32,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
    tune: bool = False,
) -> Plan:
    """What `conv` would do: print it, or call it.

    w is a shape or the taps themselves, which are then packed once. tune=True measures which method
    is fastest and remembers it, as in `fs.plan`.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.nn.plan((8, 64, 56, 56), (64, 64, 3, 3), padding=1).method
    'winograd'
    """
    taps = None if isinstance(w, tuple) else enter(w, "w")
    w_shape = read_shape(w, "w") if taps is None else taps.shape
    w_dtype = np.dtype(dtype) if taps is None else taps.dtype
    options = _settled(LayerOptions(stride, padding, dilation, groups, layout, method, accuracy, threads=threads))
    call = (read_shape(x_shape, "x_shape"), w_shape), (np.dtype(dtype), w_dtype), options
    if tune:
        tune_plan(_program(*call).plan, method)
    channels = Channels.of(options)
    return bind(
        _program(*call),
        taps,
        threads,
        before=channels.split,
        before_taps=channels.split_taps,
        after=channels.join,
    )


# ------------------------------------------------------------------------------ one call


def _call(x: Any, w: Any, bias: Any, given: tuple[Any, ...], out: Any) -> Array:
    """Any call of `conv`. Those that the core knows already do not come here (see `remember`)."""
    plain_x, plain_w = enter(x, "x"), enter(w, "w")
    if plain_x is not x or plain_w is not w:
        options = LayerOptions(*given)
        if out is None and options.dtype is None:
            options = options._replace(dtype=own_dtype(x, w))
        return _conv(plain_x, plain_w, bias, out, *options)
    options = _settled(LayerOptions(*given))
    program = _program((x.shape, w.shape), (x.dtype, w.dtype), options, out_dtype(out))
    channels = Channels.of(options)
    return _run_layer(program, channels, x, w, bias, w.shape[0], out, options.threads)


def _run_layer(
    program: Program | Phases, channels: Channels, x: Array, w: Array, bias: Any, filters: int, out: Any, threads: Any
) -> Array:
    """A layer with `filters` output channels, on arrays whose channels are not split yet."""
    y_shape = channels.joined(program.y_shape)
    into = None
    if out is not None:
        into = channels.split(check_out(out, y_shape, program.result_dtype))
    bias = _enter_bias(bias, filters, program.y_dtype)
    y = program(channels.split(x), channels.split_taps(w), bias, into, count_threads(threads))
    result: Array = y.reshape(y_shape) if out is None else out
    return result


def _prepare(x: Array, w: Array, given: tuple[Any, ...]) -> CoreCall | None:
    """For the core: what it needs to do this call and its like alone, or None if it cannot."""
    options = _settled(LayerOptions(*given))
    if options.rounding is not None:
        return None
    program, channels = _program((x.shape, w.shape), (x.dtype, w.dtype), options), Channels.of(options)
    found = program.core_call(x.dtype, w.dtype, count_threads(options.threads))
    if found is None:
        return None
    return found._replace(
        y_shape=channels.joined(program.y_shape), groups=channels.groups, channels=channels.axis(x.ndim)
    )


_conv = remember(_prepare, _call, len(LayerOptions._fields))


def _settled(options: LayerOptions) -> LayerOptions:
    return frozen(options)._replace(accuracy=read_accuracy(options.accuracy))


@lru_cache(maxsize=1024)
def _program(shapes: tuple[Shape, Shape], dtypes: tuple[Any, Any], options: LayerOptions, into: Any = None) -> Program:
    """Everything about a call that does not depend on the values in its arrays; `into` is the dtype of `out`."""
    spec, numbers = options.spec(*shapes), _numbers_of(dtypes, options, into)
    return program_of(choose(spec, numbers, read_threads(options.threads), options.method, options.accuracy))


def _numbers_of(dtypes: tuple[Any, Any], options: LayerOptions, into: Any) -> Arithmetic:
    return arithmetic_of(*dtypes, options.dtype, options.overflow, options.rounding, into)


forgetters.append(_program.cache_clear)


# -------------------------------------------------------------------- layouts and groups


class Channels(NamedTuple):
    """The number of groups that the channels of a layer are split into, and whether x and y keep them last."""

    groups: int
    last: bool

    @classmethod
    def of(cls, options: LayerOptions) -> Self:
        return cls(to_int(options.groups, "groups", 1), options.layout == "channels_last")

    def axis(self, ndim: int) -> int:
        return ndim - 1 if self.last else 1

    def sizes(self, shape: Shape) -> Shape:
        """The sizes of the spatial axes."""
        return shape[1:-1] if self.last else shape[2:]

    def split(self, x: Array) -> Array:
        """Channels as (groups, channels of a group): a view."""
        dim = self.axis(x.ndim)
        return x.reshape(*x.shape[:dim], self.groups, x.shape[dim] // self.groups, *x.shape[dim + 1 :])

    def split_taps(self, w: Array) -> Array:
        return w.reshape(self.groups, w.shape[0] // self.groups, *w.shape[1:])

    def join(self, y: Array) -> Array:
        return y.reshape(self.joined(y.shape))

    def joined(self, shape: Shape) -> Shape:
        """The user's shape of a split array: groups and their channels are one axis again."""
        dim = self.axis(len(shape) - 1)
        return (*shape[:dim], shape[dim] * shape[dim + 1], *shape[dim + 2 :])


def _enter_bias(bias: Any, channels: int, dtype: np.dtype[Any]) -> Array | None:
    if bias is None:
        return None
    b = enter(bias, "bias")
    if b.shape != (channels,):
        raise ShapeError(f"bias has shape {b.shape}; one number per output channel, ({channels},), was wanted")
    if not np.can_cast(b.dtype, dtype, "same_kind") and not (b.dtype.kind in "iu" and dtype.kind in "iu"):
        raise DtypeError(f"bias has dtype {b.dtype}, which the {dtype} result cannot hold; convert x, w or the bias")
    return b


def _transposed_axes(
    sizes: Shape, taps: Shape, options: LayerOptions, output_padding: Any, output_size: Any
) -> tuple[LayerAxis, ...]:
    axes = layer_axes(
        sizes,
        taps,
        stride=options.stride,
        padding=options.padding,
        dilation=options.dilation,
        output_padding=freeze(output_padding),
        transposed=True,
    )
    if output_size is None:
        return axes
    if any(axis.output_padding for axis in axes):
        raise ParameterError("give output_padding or output_size, not both")
    wanted = ints_per_axis(freeze(output_size), len(sizes), "output_size", 1)
    return tuple(axis.transposed_to(size) for axis, size in zip(axes, wanted, strict=True))


def _transposed_spec(batch: int, axes: tuple[LayerAxis, ...], w_shape: Shape, options: LayerOptions) -> ConvSpec:
    """The transposed layer: the gradient of the layer that takes the result's shape to that of x.

    Behind an output padding of `stride` or more that layer would have more outputs than x has samples.
    """
    sizes, channels = tuple(axis.transposed_outputs for axis in axes), Channels.of(options)
    filters = channels.groups * w_shape[1]
    x_shape = (batch, *sizes, filters) if channels.last else (batch, filters, *sizes)
    layer = options._replace(padding=tuple((axis.lo, axis.hi) for axis in axes)).spec(x_shape, w_shape)
    transposed = layer.grad_input()._replace(conj_w=False)
    return transposed._replace(
        axes=tuple(made._replace(x=axis.n) for made, axis in zip(transposed.axes, axes, strict=True))
    )


# ------------------------------------------------------------------------------ gradients


def _input_grad(spec: ConvSpec, dy: Array, w: Array, options: LayerOptions) -> Array:
    channels = Channels.of(options)
    split = _split_cotangent(dy, spec, channels)
    how = read_threads(options.threads), options.method, read_accuracy(options.accuracy)
    program = layer_program(spec.grad_input(), arithmetic_of(dy.dtype, w.dtype), *how)
    dx = program(split, channels.split_taps(w), None, None, options.threads or 0)
    return dx.reshape(channels.joined(dx.shape))


def _weight_grad(spec: ConvSpec, dy: Array, x: Array, options: LayerOptions) -> Array:
    channels = Channels.of(options)
    split = _split_cotangent(dy, spec, channels)
    how = options.method, options.threads, None, options.accuracy
    dw = run_spec(spec.grad_weight(), channels.split(x), split, *how)
    return dw.reshape(dw.shape[0] * dw.shape[1], *dw.shape[2:])


def _bias_grad(dy: Array, channel_axis: int, options: LayerOptions) -> Array:
    """The sum of dy over all but its channels: over taps that are all one, where it is rounded once."""
    if read_accuracy(options.accuracy) == "correct" and dy.dtype.kind in "fc" and dy.size:
        rows = np.moveaxis(dy, channel_axis, 0).reshape(dy.shape[channel_axis], -1)
        ones = np.ones(rows.shape[1:], dy.dtype)
        spec = ConvSpec.of(rows.shape, ones.shape, mode="valid", correlate=True)
        return run_spec(spec, rows, ones, "auto", options.threads, None, "correct")[:, 0]
    others = tuple(dim for dim in range(dy.ndim) if dim != channel_axis)
    wide = widen(np.ascontiguousarray(dy))  # NumPy adds in the order in which numbers lie
    return narrow(wide.sum(axis=others, dtype=wide.dtype), dy, dy.size)


def _split_cotangent(dy: Array, spec: ConvSpec, channels: Channels) -> Array:
    wanted = channels.joined(spec.y_shape)
    if dy.shape != wanted:
        raise ShapeError(f"dy has shape {dy.shape}, the result that it is the gradient of has shape {wanted}")
    return channels.split(dy)
