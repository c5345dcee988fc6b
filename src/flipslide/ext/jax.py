"""A convolution layer for JAX's arrays, under jit, grad and vmap."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import nn
from ..arrays import freeze
from ..errors import ShapeError, unknown_word
from ..geometry import layer_axes, to_int

__all__ = ["conv"]

LAYOUTS = ("channels_first", "channels_last")


class Words(NamedTuple):
    """What a layer is told besides its arrays, as integers."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    layout: str


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
) -> Any:
    """`flipslide.nn.conv` on JAX's arrays: taps not flipped, summed over channels, plus a bias.

        y[n, k, m] = bias[k] + Σ_c Σ_j w[k, c, j] · x[n, c, stride·m + dilation·j − lo]

    x is (N, C, *spatial), or (N, *spatial, C) with layout="channels_last", w (K, C/groups, *taps), with as many
    spatial axes as you like. Works under `jax.jit` and `jax.vmap`; differentiable in reverse as often as one likes.
    It is computed on the host, through a callback, whatever device the arrays are on.

    Raises
    ------
    ShapeError, ParameterError

    Examples
    --------
    >>> import flipslide as fs, jax, jax.numpy as jnp
    >>> x, w = jnp.arange(5.0).reshape(1, 1, 5), jnp.array([[[1.0, -1.0, 2.0]]])
    >>> jax.jit(fs.ext.jax.conv)(x, w).tolist()
    [[[3.0, 5.0, 7.0]]]
    >>> jax.grad(lambda w: fs.ext.jax.conv(x, w).sum())(w).tolist()
    [[[3.0, 6.0, 9.0]]]
    """
    x, w = jnp.asarray(x), jnp.asarray(w)
    if layout not in LAYOUTS:
        raise unknown_word("layout", layout, LAYOUTS)
    if x.ndim < 3 or w.ndim != x.ndim:
        raise ShapeError(
            f"a layer wants x (N, C, *spatial) and w (K, C/groups, *taps) with as many axes; "
            f"x has shape {x.shape}, w has shape {w.shape}"
        )
    sizes = x.shape[1:-1] if layout == "channels_last" else x.shape[2:]
    axes = layer_axes(sizes, w.shape[2:], stride=freeze(stride), padding=freeze(padding), dilation=freeze(dilation))
    words = Words(
        tuple(axis.stride for axis in axes),
        tuple((axis.lo, axis.hi) for axis in axes),
        tuple(axis.dilation for axis in axes),
        to_int(groups, "groups", 1),
        layout,
    )
    y = _conv(x, w, words)
    if bias is None:
        return y
    return y + jnp.asarray(bias).reshape(-1, *[1] * (0 if layout == "channels_last" else len(axes)))


# The sum Σ dy·w·x over all that meets is linear in each of three arrays; to leave one out is its gradient. The two
# gradients of each map are therefore the other two maps, here without a conjugate, as JAX defines them.


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x: Any, w: Any, words: Words) -> Any:
    return _on_host(_host_conv, _y_shape(x.shape, w.shape, words), x, w, words)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _input_grad(dy: Any, w: Any, x_shape: tuple[int, ...], words: Words) -> Any:
    return _on_host(partial(_host_input_grad, x_shape), x_shape, dy, w, words)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _weight_grad(dy: Any, x: Any, w_shape: tuple[int, ...], words: Words) -> Any:
    return _on_host(partial(_host_weight_grad, w_shape), w_shape, dy, x, words)


_conv.defvjp(
    lambda x, w, words: (_conv(x, w, words), (x, w)),
    lambda words, kept, dy: (
        _input_grad(dy, kept[1], kept[0].shape, words).astype(kept[0].dtype),
        _weight_grad(dy, kept[0], kept[1].shape, words).astype(kept[1].dtype),
    ),
)
_input_grad.defvjp(
    lambda dy, w, x_shape, words: (_input_grad(dy, w, x_shape, words), (dy, w)),
    lambda x_shape, words, kept, ddx: (
        _conv(ddx, kept[1], words).astype(kept[0].dtype),
        _weight_grad(kept[0], ddx, kept[1].shape, words).astype(kept[1].dtype),
    ),
)
_weight_grad.defvjp(
    lambda dy, x, w_shape, words: (_weight_grad(dy, x, w_shape, words), (dy, x)),
    lambda w_shape, words, kept, ddw: (
        _conv(kept[1], ddw, words).astype(kept[0].dtype),
        _input_grad(kept[0], ddw, kept[1].shape, words).astype(kept[1].dtype),
    ),
)


def _on_host(run: Any, shape: tuple[int, ...], a: Any, b: Any, words: Words) -> Any:
    dtype = jnp.result_type(a, b)
    result = jax.ShapeDtypeStruct(shape, dtype)

    def call(a: Any, b: Any) -> Any:
        made = run(np.asarray(a), np.asarray(b), words._asdict())
        return np.ascontiguousarray(made, dtype=dtype)

    return jax.pure_callback(call, result, a, b, vmap_method="sequential")


def _host_conv(x: Any, w: Any, words: dict[str, Any]) -> Any:
    return nn.conv(x, w, **words)


def _host_input_grad(x_shape: tuple[int, ...], dy: Any, w: Any, words: dict[str, Any]) -> Any:
    return nn.conv_input_grad(dy, w.conj(), x_shape, **words)


def _host_weight_grad(w_shape: tuple[int, ...], dy: Any, x: Any, words: dict[str, Any]) -> Any:
    return nn.conv_weight_grad(dy, x.conj(), w_shape, **words)


def _y_shape(x_shape: tuple[int, ...], w_shape: tuple[int, ...], words: Words) -> tuple[int, ...]:
    last = words.layout == "channels_last"
    axes = layer_axes(
        x_shape[1:-1] if last else x_shape[2:],
        w_shape[2:],
        stride=words.stride,
        padding=words.padding,
        dilation=words.dilation,
    )
    counts = tuple(axis.outputs for axis in axes)
    return (x_shape[0], *counts, w_shape[0]) if last else (x_shape[0], w_shape[0], *counts)
