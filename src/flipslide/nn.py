"""Neural layers: convolution, its transpose, its gradients, and im2col.

As in every framework a layer does not flip its taps:

    y[n, k, m] = bias[k] + Σ_c Σ_j w[k, c, j] · x[n, c, stride·m + dilation·j − lo]

x is (N, C, *spatial), or (N, *spatial, C) with layout="channels_last"; w is
(K, C/groups, *taps) in both. Any number of spatial axes.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np

from .arrays import Array, arithmetic_of, check_out, enter, freeze, narrow, widen
from .errors import DtypeError, ParameterError, ShapeError, unknown_word
from .execute import CoreCall, Program, bind, count_threads, program_of, read_threads, remember, run_spec
from .geometry import (
    ints_per_axis,
    layer_count,
    layer_pads,
    least_transposed,
    read_shape,
    span_of,
    to_int,
    transposed_size,
)
from .plan import Plan, choose, forgetters
from .spec import ConvSpec, Shape, split_padding
from .tuning import tune_plan

__all__ = [
    "col2im",
    "conv",
    "conv_grads",
    "conv_input_grad",
    "conv_transpose",
    "conv_weight_grad",
    "im2col",
    "plan",
]

LAYOUTS = ("channels_first", "channels_last")


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    method: str = "auto",
    accuracy: str = "default",
    overflow: str = "raise",
    dtype: Any = None,
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
    method, accuracy, overflow, dtype, threads, out
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
    return _conv(x, w, bias, out, stride, padding, dilation, groups, layout, method, accuracy, overflow, dtype, threads)


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
    layout: str = "channels_first",
    method: str = "auto",
    threads: int | None = None,
) -> Array:
    """A transposed layer: the adjoint of `conv` with the same taps, plus a bias.

    Each sample stamps its taps into the result, `stride` apart. w is (C, K/groups, *taps),
    as in PyTorch and ONNX: the w of the layer that it transposes. The result has

        (N − 1)·stride − lo − hi + D + output_padding

    outputs per axis; output_padding (0 … stride − 1) or output_size chooses among the sizes
    that the layer maps to N. padding="same" gives N·stride.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.conv_transpose(np.ones((1, 1, 2)), np.array([[[1.0, -1.0, 2.0]]]), stride=2)
    array([[[ 1., -1.,  3., -1.,  2.]]])
    """
    x, w = enter(x, "x"), enter(w, "w")
    _check_rank(x, w, layout)
    n_axes, last, n_groups = x.ndim - 2, layout == "channels_last", _count_groups(groups)
    sizes = x.shape[1:-1] if last else x.shape[2:]
    strides = ints_per_axis(freeze(stride), n_axes, "stride", 1)
    dilations = ints_per_axis(freeze(dilation), n_axes, "dilation", 1)
    paddings = split_padding(freeze(padding), n_axes)
    spans = [span_of(k, d) for k, d in zip(w.shape[2:], dilations, strict=True)]
    pads = [layer_pads(p, n * s, span, s) for p, n, s, span in zip(paddings, sizes, strides, spans, strict=True)]
    wanted = _transposed_sizes(sizes, pads, spans, strides, freeze(output_padding), freeze(output_size))
    channels = n_groups * w.shape[1]
    spec = _layer_spec(
        _with_channels(x.shape[0], channels, wanted, last), w.shape, strides, tuple(pads), dilations, n_groups, layout
    )
    given, expected = x.shape, _joined_shape(spec.y_shape, last)
    if given != expected:
        raise ShapeError(
            f"x has shape {given}, the layer that is transposed gives {expected}; w is (C, K/groups, *taps)"
        )
    transposed = spec.grad_input()._replace(conj_w=False)
    bias = _enter_bias(bias, channels, np.result_type(x, w))
    y = run_spec(transposed, _split(x, n_groups, last), _split_taps(w, n_groups), method, threads, bias)
    return y.reshape(_joined_shape(y.shape, last))


def conv_input_grad(
    dy: Any,
    w: Any,
    x_shape: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    method: str = "auto",
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
    dy, w, n_groups = enter(dy, "dy"), enter(w, "w"), _count_groups(groups)
    spec = _layer_spec(read_shape(x_shape, "x_shape"), w.shape, stride, padding, dilation, n_groups, layout)
    return _input_grad(spec, dy, w, n_groups, layout, method, threads)


def conv_weight_grad(
    dy: Any,
    x: Any,
    w_shape: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    method: str = "auto",
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
    dy, x, n_groups = enter(dy, "dy"), enter(x, "x"), _count_groups(groups)
    spec = _layer_spec(x.shape, read_shape(w_shape, "w_shape"), stride, padding, dilation, n_groups, layout)
    return _weight_grad(spec, dy, x, n_groups, layout, method, threads)


def conv_grads(
    dy: Any,
    x: Any,
    w: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    method: str = "auto",
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
    dy, x, w, n_groups = enter(dy, "dy"), enter(x, "x"), enter(w, "w"), _count_groups(groups)
    spec = _layer_spec(x.shape, w.shape, stride, padding, dilation, n_groups, layout)
    dx = _input_grad(spec, dy, w, n_groups, layout, method, threads)
    dw = _weight_grad(spec, dy, x, n_groups, layout, method, threads)
    channel_axis = dy.ndim - 1 if layout == "channels_last" else 1
    others = tuple(dim for dim in range(dy.ndim) if dim != channel_axis)
    wide = widen(dy)
    db = narrow(wide.sum(axis=others, dtype=wide.dtype), dy, dy.size)
    return dx, dw, db.astype(np.result_type(dy, x, w), copy=False)


def plan(
    x_shape: Any,
    w: Any,
    dtype: Any = np.float32,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
    tune: bool = False,
) -> Plan:
    """What `conv` would do, for one group and channels first: print it, or call it.

    w is a shape or the taps themselves, which are then packed once. tune=True measures which method
    is fastest and remembers it, as in `fs.plan`.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.nn.plan((8, 64, 56, 56), (64, 64, 3, 3), padding=1).method
    'gemm'
    """
    taps = None if isinstance(w, tuple) else enter(w, "w")
    w_shape = read_shape(w, "w") if taps is None else taps.shape
    sizes = read_shape(x_shape, "x_shape")
    w_dtype = np.dtype(dtype) if taps is None else taps.dtype
    call = (
        sizes, w_shape, np.dtype(dtype), w_dtype, freeze(stride), freeze(padding), freeze(dilation), 1,
        "channels_first", method, accuracy, "raise", None, threads,
    )  # fmt: skip
    if tune:
        tune_plan(_program(*call).plan, method)
    return bind(
        _program(*call),
        taps,
        threads,
        before=lambda array: _split(array, 1, False),
        before_taps=lambda given: _split_taps(given, 1),
        after=lambda y: y.reshape(_joined_shape(y.shape, False)),
    )


# ------------------------------------------------------------------------ im2col, col2im


def im2col(x: Any, window: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Array:
    """The patches that a layer's taps meet, as columns: (N, C, *spatial) to (N, C·taps, L).

        cols[n, (c, j), m] = x[n, c, stride·m + dilation·j − lo]

    with zeros outside x, so that `w.reshape(K, -1) @ cols` is the layer. L counts the
    output positions. As PyTorch's unfold and ONNX's Im2Col order them, for any number of
    spatial axes. The engine itself never makes this matrix.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.im2col(np.arange(5).reshape(1, 1, 5), 3)[0]
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    """
    x = enter(x, "x")
    if x.ndim < 3:
        raise ShapeError(f"x must be (N, C, *spatial), not of shape {x.shape}")
    taps, strides, dilations, pads, counts = _patch_geometry(x.shape[2:], window, stride, padding, dilation)
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    cols = np.empty((*x.shape[:2], *taps, *counts), dtype=x.dtype)
    for j in itertools.product(*map(range, taps)):
        at_tap: tuple[Any, ...] = (slice(None), slice(None), *j)
        cols[at_tap] = padded[_patch(j, strides, dilations, counts)]
    return cols.reshape(x.shape[0], x.shape[1] * int(np.prod(taps)), -1 if cols.size else int(np.prod(counts)))


def col2im(cols: Any, x_size: Any, window: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Array:
    """The adjoint of `im2col`: (N, C·taps, L) back to (N, C, *x_size), adding where columns overlap.

    ⟨im2col(x), cols⟩ = ⟨x, col2im(cols)⟩ for all x and cols.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> fs.nn.col2im(np.ones((1, 3, 3), dtype=int), 5, 3)[0, 0]
    array([1, 2, 3, 2, 1])
    """
    cols, sizes = enter(cols, "cols"), read_shape(x_size, "x_size")
    taps, strides, dilations, pads, counts = _patch_geometry(sizes, window, stride, padding, dilation)
    n_taps, n_columns = int(np.prod(taps)), int(np.prod(counts))
    if cols.ndim != 3 or cols.shape[1] % n_taps or cols.shape[2] != n_columns:
        raise ShapeError(f"cols has shape {cols.shape}; (N, C·{n_taps}, {n_columns}) was wanted")
    channels = cols.shape[1] // n_taps
    patches = cols.reshape(cols.shape[0], channels, *taps, *counts)
    wide = widen(patches)
    padded = np.zeros(
        (cols.shape[0], channels, *(n + lo + hi for n, (lo, hi) in zip(sizes, pads, strict=True))), wide.dtype
    )
    for j in itertools.product(*map(range, taps)):
        of_tap: tuple[Any, ...] = (slice(None), slice(None), *j)
        padded[_patch(j, strides, dilations, counts)] += wide[of_tap]
    inside = tuple(slice(lo, lo + n) for n, (lo, _) in zip(sizes, pads, strict=True))
    return np.ascontiguousarray(narrow(padded[(slice(None), slice(None), *inside)], cols, n_taps))


def _patch_geometry(
    sizes: Shape, window: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Shape, Shape, Shape, list[tuple[int, int]], Shape]:
    n_axes = len(sizes)
    taps = ints_per_axis(freeze(window), n_axes, "window", 1)
    strides = ints_per_axis(freeze(stride), n_axes, "stride", 1)
    dilations = ints_per_axis(freeze(dilation), n_axes, "dilation", 1)
    spans = [span_of(k, d) for k, d in zip(taps, dilations, strict=True)]
    paddings = split_padding(freeze(padding), n_axes)
    pads = [layer_pads(p, n, span, s) for p, n, span, s in zip(paddings, sizes, spans, strides, strict=True)]
    counts = tuple(
        layer_count(n, lo, hi, span, s) for n, (lo, hi), span, s in zip(sizes, pads, spans, strides, strict=True)
    )
    return taps, strides, dilations, pads, counts


def _patch(j: Shape, strides: Shape, dilations: Shape, counts: Shape) -> tuple[slice, ...]:
    """The samples that tap j meets, one for each output position."""
    firsts = [d * tap for d, tap in zip(dilations, j, strict=True)]
    spatial = [slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(firsts, strides, counts, strict=True)]
    return (slice(None), slice(None), *spatial)


# ------------------------------------------------------------------------------ one call

#: stride, padding, dilation, groups, layout, method, accuracy, overflow, dtype, threads
Words = tuple[Any, ...]


def _call(x: Any, w: Any, bias: Any, words: Words, out: Any) -> Array:
    """Any call of `conv`. Those that the core knows already do not come here (see `remember`)."""
    plain_x, plain_w = enter(x, "x"), enter(w, "w")
    if plain_x is not x or plain_w is not w:
        return _conv(plain_x, plain_w, bias, out, *words)
    program, groups, last, threads = _program_for(x, w, words)
    y_shape = _joined_shape(program.y_shape, last)
    into = None
    if out is not None:
        into = _split(check_out(out, y_shape, program.y_dtype, (x, w, bias)), groups, last)
    bias = _enter_bias(bias, w.shape[0], program.y_dtype)
    y = program(_split(x, groups, last), _split_taps(w, groups), bias, into, threads)
    result: Array = y.reshape(y_shape) if out is None else out
    return result


def _prepare(x: Array, w: Array, words: Words) -> CoreCall | None:
    """For the core: what it needs to do this call and its like alone, or None if it cannot."""
    program, groups, last, threads = _program_for(x, w, words)
    found = program.core_call(x.dtype, w.dtype, threads)
    if found is None:
        return None
    return found._replace(
        y_shape=_joined_shape(program.y_shape, last), groups=groups, channels=x.ndim - 1 if last else 1
    )


_conv = remember(_prepare, _call, n_words=10)


def _program_for(x: Array, w: Array, words: Words) -> tuple[Program, int, bool, int]:
    """The program, the number of groups, whether the channels lie last, and the number of threads."""
    program = _program(x.shape, w.shape, x.dtype, w.dtype, *freeze(words))
    groups, layout, threads = words[3], words[4], words[9]
    return program, _count_groups(groups), layout == "channels_last", count_threads(threads)


# -------------------------------------------------------------------- layouts and groups


@lru_cache(maxsize=1024, typed=True)
def _program(
    x_shape: Shape, w_shape: Shape, x_dtype: Any, w_dtype: Any, stride: Any, padding: Any, dilation: Any, groups: Any,
    layout: Any, method: Any, accuracy: Any, overflow: Any, dtype: Any, threads: Any,
) -> Program:  # fmt: skip
    spec = _layer_spec(x_shape, w_shape, stride, padding, dilation, _count_groups(groups), layout)
    arithmetic = arithmetic_of(x_dtype, w_dtype, dtype, overflow)
    return program_of(choose(spec, arithmetic, read_threads(threads), method, accuracy))


forgetters.append(_program.cache_clear)


def _layer_spec(
    x_shape: Shape, w_shape: Shape, stride: Any, padding: Any, dilation: Any, groups: int, layout: str
) -> ConvSpec:
    """The spec of a layer, on x and w with their channels split into groups."""
    if layout not in LAYOUTS:
        raise unknown_word("layout", layout, LAYOUTS)
    if len(x_shape) < 3 or len(w_shape) != len(x_shape):
        raise ShapeError(
            f"a layer wants x (N, C, *spatial) and w (K, C/groups, *taps) with as many axes; "
            f"x has shape {x_shape}, w has shape {w_shape}"
        )
    last = layout == "channels_last"
    channels = x_shape[-1] if last else x_shape[1]
    if channels % groups or w_shape[0] % groups:
        raise ShapeError(f"groups={groups} must divide the {channels} channels of x and the {w_shape[0]} of w")
    if w_shape[1] * groups != channels:
        raise ShapeError(
            f"w of shape {w_shape} takes {w_shape[1]}·{groups} channels (its second axis times groups), "
            f"x has {channels}"
        )
    n_axes = len(x_shape) - 2
    split = (groups, channels // groups)
    split_x = (x_shape[0], *x_shape[1:-1], *split) if last else (x_shape[0], *split, *x_shape[2:])
    split_w = (groups, w_shape[0] // groups, *w_shape[1:])
    x_axes = tuple(range(1, 1 + n_axes)) if last else tuple(range(3, 3 + n_axes))
    return ConvSpec.layer(
        split_x, split_w, stride=freeze(stride), padding=freeze(padding), dilation=freeze(dilation), x_axes=x_axes
    )


def _count_groups(groups: Any) -> int:
    return to_int(groups, "groups", 1)


def _check_rank(x: Array, w: Array, layout: str) -> None:
    if layout not in LAYOUTS:
        raise unknown_word("layout", layout, LAYOUTS)
    if x.ndim < 3 or w.ndim != x.ndim:
        raise ShapeError(
            f"a transposed layer wants x (N, C, *spatial) and w (C, K/groups, *taps) with as many axes; "
            f"x has shape {x.shape}, w has shape {w.shape}"
        )


def _split(x: Array, groups: int, last: bool) -> Array:
    """Channels as (groups, channels of a group): a view."""
    dim = x.ndim - 1 if last else 1
    return x.reshape(*x.shape[:dim], groups, x.shape[dim] // groups, *x.shape[dim + 1 :])


def _split_taps(w: Array, groups: int) -> Array:
    return w.reshape(groups, w.shape[0] // groups, *w.shape[1:])


def _joined_shape(shape: Shape, last: bool) -> Shape:
    """The user's shape of a split array: groups and their channels are one axis again."""
    dim = len(shape) - 2 if last else 1
    return (*shape[:dim], shape[dim] * shape[dim + 1], *shape[dim + 2 :])


def _with_channels(batch: int, channels: int, sizes: Shape, last: bool) -> Shape:
    return (batch, *sizes, channels) if last else (batch, channels, *sizes)


def _enter_bias(bias: Any, channels: int, dtype: np.dtype[Any]) -> Array | None:
    if bias is None:
        return None
    b = enter(bias, "bias")
    if b.shape != (channels,):
        raise ShapeError(f"bias has shape {b.shape}; one number per output channel, ({channels},), was wanted")
    if not np.can_cast(b.dtype, dtype, "same_kind") and not (b.dtype.kind in "iu" and dtype.kind in "iu"):
        raise DtypeError(f"bias has dtype {b.dtype}, which the {dtype} result cannot hold; convert x, w or the bias")
    return b


def _transposed_sizes(
    sizes: Shape, pads: list[tuple[int, int]], spans: list[int], strides: Shape, output_padding: Any, output_size: Any
) -> Shape:
    n_axes = len(sizes)
    extras = ints_per_axis(output_padding, n_axes, "output_padding", 0)
    if output_size is None:
        return tuple(
            transposed_size(n, *pad, span, s, extra)
            for n, pad, span, s, extra in zip(sizes, pads, spans, strides, extras, strict=True)
        )
    if any(extras):
        raise ParameterError("give output_padding or output_size, not both")
    wanted = ints_per_axis(output_size, n_axes, "output_size", 1)
    for n, pad, span, s, size in zip(sizes, pads, spans, strides, wanted, strict=True):
        least = least_transposed(n, *pad, span, s)
        if not least <= size < least + s:
            raise ShapeError(f"output_size={size} is not possible: {n} samples give {least} … {least + s - 1}")
    return tuple(wanted)


# ------------------------------------------------------------------------------ gradients


def _input_grad(
    spec: ConvSpec, dy: Array, w: Array, groups: int, layout: str, method: str, threads: int | None
) -> Array:
    last = layout == "channels_last"
    split = _split_cotangent(dy, spec, groups, last)
    dx = run_spec(spec.grad_input(), split, _split_taps(w, groups), method, threads)
    return dx.reshape(_joined_shape(dx.shape, last))


def _weight_grad(
    spec: ConvSpec, dy: Array, x: Array, groups: int, layout: str, method: str, threads: int | None
) -> Array:
    last = layout == "channels_last"
    dw = run_spec(
        spec.grad_weight(), _split(x, groups, last), _split_cotangent(dy, spec, groups, last), method, threads
    )
    return dw.reshape(dw.shape[0] * dw.shape[1], *dw.shape[2:])


def _split_cotangent(dy: Array, spec: ConvSpec, groups: int, last: bool) -> Array:
    wanted = _joined_shape(spec.y_shape, last)
    if dy.shape != wanted:
        raise ShapeError(f"dy has shape {dy.shape}, the result that it is the gradient of has shape {wanted}")
    return _split(dy, groups, last)
