"""Layers with PyTorch's signatures that can be differentiated as often as one likes."""

from __future__ import annotations

from typing import Any

import torch

from ...errors import ParameterError, ShapeError
from ...geometry import LayerAxis, ints_per_axis, layer_axes, to_int
from .tensors import Tensor, Words, apply_taps, input_gradient, weight_gradient

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


# Each map is linear in both of its tensors, and the gradients of each are the other two: the class of one calls the
# others, so that a gradient can be differentiated again.


class _Conv(torch.autograd.Function):  # type: ignore[misc]
    """y of x and w."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, bias: Tensor | None, words: Words) -> Tensor:
        return apply_taps(x, w, bias, words)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, w, _, ctx.words = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
        x, w = ctx.saved_tensors
        dx, dw, db, _ = ctx.needs_input_grad
        return (
            _InputGrad.apply(dy, w, tuple(x.shape), ctx.words) if dx else None,
            _WeightGrad.apply(dy, x, tuple(w.shape), ctx.words) if dw else None,
            dy.sum((0, *range(2, dy.ndim))) if db else None,
            None,
        )


class _InputGrad(torch.autograd.Function):  # type: ignore[misc]
    """dx of dy and w; the transposed layer."""

    @staticmethod
    def forward(dy: Tensor, w: Tensor, x_shape: tuple[int, ...], words: Words) -> Tensor:
        return input_gradient(dy, w, x_shape, words)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        dy, w, _, ctx.words = inputs
        ctx.save_for_backward(dy, w)

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Any, ...]:
        dy, w = ctx.saved_tensors
        return (
            _Conv.apply(ddx, w, None, ctx.words) if ctx.needs_input_grad[0] else None,
            _WeightGrad.apply(dy, ddx, tuple(w.shape), ctx.words) if ctx.needs_input_grad[1] else None,
            None,
            None,
        )


class _WeightGrad(torch.autograd.Function):  # type: ignore[misc]
    """dw of dy and x."""

    @staticmethod
    def forward(dy: Tensor, x: Tensor, w_shape: tuple[int, ...], words: Words) -> Tensor:
        return weight_gradient(dy, x, w_shape, words)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        dy, x, _, ctx.words = inputs
        ctx.save_for_backward(dy, x)

    @staticmethod
    def backward(ctx: Any, ddw: Tensor) -> tuple[Any, ...]:
        dy, x = ctx.saved_tensors
        return (
            _Conv.apply(x, ddw, None, ctx.words) if ctx.needs_input_grad[0] else None,
            _InputGrad.apply(dy, ddw, tuple(x.shape), ctx.words) if ctx.needs_input_grad[1] else None,
            None,
            None,
        )


# ------------------------------------------------------------------------------- layers


def _batched(n_axes: int, x: Tensor, w: Tensor) -> tuple[Tensor, bool]:
    """x with a batch, and whether it had none."""
    if w.ndim != n_axes + 2 or x.ndim not in (n_axes + 1, n_axes + 2):
        raise ShapeError(
            f"conv{n_axes}d wants input ([N,] C, *spatial) and weight (K, C/groups, *taps) with {n_axes} spatial axes; "
            f"they have shapes {tuple(x.shape)} and {tuple(w.shape)}"
        )
    alone = x.ndim == n_axes + 1
    return (x.unsqueeze(0) if alone else x), alone


def _words(axes: tuple[LayerAxis, ...], groups: int) -> Words:
    pads = tuple((axis.lo, axis.hi) for axis in axes)
    return Words(tuple(axis.stride for axis in axes), pads, tuple(axis.dilation for axis in axes), groups)


def _conv(
    n_axes: int, x: Tensor, w: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    x, alone = _batched(n_axes, x, w)
    axes = layer_axes(tuple(x.shape[2:]), tuple(w.shape[2:]), stride=stride, padding=padding, dilation=dilation)
    y = _Conv.apply(x, w, bias, _words(axes, to_int(groups, "groups", 1)))
    return y.squeeze(0) if alone else y


def _conv_transpose(
    n_axes: int,
    x: Tensor,
    w: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    x, alone = _batched(n_axes, x, w)
    n_groups = to_int(groups, "groups", 1)
    axes = layer_axes(tuple(x.shape[2:]), tuple(w.shape[2:]), stride=stride, padding=padding, dilation=dilation)
    extras = ints_per_axis(output_padding, n_axes, "output_padding", 0)
    sizes = tuple(transposed_size(axis, extra) for axis, extra in zip(axes, extras, strict=True))
    # The layer maps the result to more samples than x has where the padding is as long as the stride.
    more = [extra // axis.stride for axis, extra in zip(axes, extras, strict=True)]
    if any(more):
        x = torch.nn.functional.pad(x, [number for extra in reversed(more) for number in (0, extra)])
    shape = (x.shape[0], n_groups * w.shape[1], *sizes)
    y = _InputGrad.apply(x, w.conj() if w.is_complex() else w, shape, _words(axes, n_groups))
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * n_axes)
    return y.squeeze(0) if alone else y


def transposed_size(axis: LayerAxis, extra: int) -> int:
    """How long a transposed layer's result is; extra is below the stride or the dilation."""
    most = max(axis.stride, axis.dilation)
    if extra >= most:
        raise ParameterError(f"output_padding={extra} must be below {most}, the larger of stride and dilation")
    if axis.least_transposed + extra < 1:
        raise ShapeError(f"a transposed layer of {axis.n} samples would have {axis.least_transposed + extra} outputs")
    return axis.least_transposed + extra


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv1d`: input ([N,] C, L), weight (K, C/groups, taps).

        y[n, k, m] = bias[k] + Σ_c Σ_j weight[k, c, j] · input[n, c, stride·m + dilation·j − padding]

    Any number type, complex and integer too. padding is a number or a word of `flipslide.nn.conv`,
    among them PyTorch's "same" and "valid". Differentiable as often as one likes.

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> x = torch.arange(5.0).reshape(1, 1, 5).requires_grad_()
    >>> y = fs.ext.torch.conv1d(x, torch.tensor([[[1.0, -1.0, 2.0]]]), padding=1)
    >>> y.detach()
    tensor([[[ 2.,  3.,  5.,  7., -1.]]])
    >>> y.sum().backward()
    >>> x.grad
    tensor([[[0., 2., 2., 2., 1.]]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv2d`: input ([N,] C, H, W), weight (K, C/groups, rows, columns).

    As `conv1d`. An input in torch.channels_last is read as it lies, and the result lies so too.

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> fs.ext.torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), padding="same")
    tensor([[[[4., 6., 4.],
              [6., 9., 6.],
              [4., 6., 4.]]]])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv3d`: input ([N,] C, D, H, W). As `conv2d`.

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> fs.ext.torch.conv3d(torch.ones(2, 4, 8, 8, 8), torch.ones(6, 2, 3, 3, 3), stride=2, groups=2).shape
    torch.Size([2, 6, 3, 3, 3])
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`torch.nn.functional.conv_transpose1d`: input ([N,] C, L), weight (C, K/groups, taps).

    The adjoint of `conv1d` with the same weight, plus a bias: (L − 1)·stride − 2·padding +
    dilation·(taps − 1) + output_padding + 1 outputs.

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> fs.ext.torch.conv_transpose1d(torch.ones(1, 1, 2), torch.tensor([[[1.0, -1.0, 2.0]]]), stride=2)
    tensor([[[ 1., -1.,  3., -1.,  2.]]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`torch.nn.functional.conv_transpose2d`: input ([N,] C, H, W), weight (C, K/groups, rows, columns).

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> x, w = torch.ones(1, 8, 16, 16), torch.ones(8, 4, 4, 4)
    >>> fs.ext.torch.conv_transpose2d(x, w, stride=2, padding=1).shape
    torch.Size([1, 4, 32, 32])
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`torch.nn.functional.conv_transpose3d`: input ([N,] C, D, H, W), weight (C, K/groups, …taps).

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> fs.ext.torch.conv_transpose3d(torch.ones(1, 2, 4, 4, 4), torch.ones(2, 3, 2, 2, 2), stride=2).shape
    torch.Size([1, 3, 8, 8, 8])
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
