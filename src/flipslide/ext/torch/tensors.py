"""The three bilinear maps of a layer, on tensors: y of x and w, dx of dy and w, dw of dy and x.

Memory is shared with NumPy in both directions. A tensor whose channels lie last in memory (torch.channels_last) is read
as it lies, and so lies the result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from ... import nn
from ...errors import DtypeError

__all__ = ["Tensor", "Words", "apply_taps", "input_gradient", "lies_last", "weight_gradient"]

Tensor = Any


class Words(NamedTuple):
    """What a layer is told besides its tensors."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    def keywords(self, last: bool) -> dict[str, Any]:
        layout = "channels_last" if last else "channels_first"
        return {**self._asdict(), "layout": layout, "threads": torch.get_num_threads()}


def apply_taps(x: Tensor, w: Tensor, bias: Tensor | None, words: Words) -> Tensor:
    """y of `flipslide.nn.conv`."""
    last = lies_last(x)
    added = None if bias is None else _array(bias)
    y = nn.conv(_array(x, last), _array(w), added, **words.keywords(last))
    return _tensor(y, x.dtype, last)


def input_gradient(dy: Tensor, w: Tensor, x_shape: tuple[int, ...], words: Words) -> Tensor:
    """dx of `flipslide.nn.conv_input_grad`."""
    last = lies_last(dy)
    shape = (x_shape[0], *x_shape[2:], x_shape[1]) if last else tuple(x_shape)
    return _tensor(nn.conv_input_grad(_array(dy, last), _array(w), shape, **words.keywords(last)), dy.dtype, last)


def weight_gradient(dy: Tensor, x: Tensor, w_shape: tuple[int, ...], words: Words) -> Tensor:
    """dw of `flipslide.nn.conv_weight_grad`."""
    last = lies_last(x) or lies_last(dy)
    dw = nn.conv_weight_grad(_array(dy, last), _array(x, last), tuple(w_shape), **words.keywords(last))
    return _tensor(dw, dy.dtype, False)


def lies_last(tensor: Tensor) -> bool:
    """Whether a tensor's channels are neighbours in memory, as torch.channels_last has them."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if tensor.ndim not in formats or tensor.is_contiguous():
        return False
    return bool(tensor.is_contiguous(memory_format=formats[tensor.ndim]))


def _array(tensor: Tensor, last: bool = False) -> Any:
    """The same memory for NumPy, its channels last where they lie last."""
    if tensor.device.type != "cpu":
        raise DtypeError(f"the tensor is on {tensor.device}; flipslide computes on the CPU, pass tensor.cpu()")
    plain = tensor.detach().resolve_conj().resolve_neg()
    array = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    return np.moveaxis(array, 1, -1) if last else array


def _tensor(array: Any, dtype: Any, last: bool) -> Tensor:
    made = torch.from_numpy(np.moveaxis(array, -1, 1) if last else array)
    return made.to(dtype)
