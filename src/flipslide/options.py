"""The options of a call, once: their names, their order, their defaults, and the spec that they make of two shapes.

The verbs spell them out in their signatures and hand them to the core in this order, as a plain
tuple, so that a call that was made before costs no more than a look-up (see `execute.remember`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar

from .arrays import freeze
from .errors import ParameterError
from .spec import ConvSpec, Shape

__all__ = [
    "LayerOptions",
    "Layout",
    "Mode",
    "Overflow",
    "Rounding",
    "SignalOptions",
    "SignalWords",
    "frozen",
]

#: Words that a type checker knows, so that it finds one that is misspelt.
ModeWord = Literal["full", "same", "valid"]
Window = tuple[int, int]
Mode = ModeWord | Window | Sequence[ModeWord | Window]
Overflow = Literal["raise", "wrap", "saturate"]
Rounding = Literal["half_even", "half_away", "toward_zero"]
Layout = Literal["channels_first", "channels_last"]


class SignalWords(TypedDict, total=False):
    """The keywords of `convolve` and `correlate` that leave the result's dtype as it is."""

    axes: Any
    boundary: Any
    fill_value: Any
    center: Any
    stride: Any
    dilation: Any
    upsample: Any
    method: str
    accuracy: str
    overflow: Overflow
    rounding: Rounding | None
    threads: int | None


class SignalOptions(NamedTuple):
    """The options of `convolve` and `correlate`."""

    mode: Any
    axes: Any = None
    boundary: Any = "zero"
    fill_value: Any = 0
    center: Any = None
    stride: Any = 1
    dilation: Any = 1
    method: Any = "auto"
    accuracy: Any = "default"
    overflow: Any = "raise"
    dtype: Any = None
    threads: Any = None
    rounding: Any = None
    upsample: Any = 1

    def spec(self, x_shape: Shape, w_shape: Shape, correlate: bool) -> ConvSpec:
        """The sum that a call with frozen options means."""
        return ConvSpec.of(
            x_shape,
            w_shape,
            mode=self.mode,
            axes=self.axes,
            boundary=self.boundary,
            fill_value=self.fill_value,
            center=self.center,
            stride=self.stride,
            dilation=self.dilation,
            upsample=self.upsample,
            correlate=correlate,
        )


class LayerOptions(NamedTuple):
    """The options of `nn.conv`."""

    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: Any = 1
    layout: Any = "channels_first"
    method: Any = "auto"
    accuracy: Any = "default"
    overflow: Any = "raise"
    dtype: Any = None
    threads: Any = None
    rounding: Any = None

    def spec(self, x_shape: Shape, w_shape: Shape) -> ConvSpec:
        """The sum that a call with frozen options means, channels split into groups."""
        return ConvSpec.of_layer(
            x_shape,
            w_shape,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            layout=self.layout,
        )


Options = TypeVar("Options", SignalOptions, LayerOptions)


def frozen(options: Options) -> Options:
    """The options as values that a call can be remembered by: lists and arrays as tuples."""
    return type(options)(*(_freeze(value, name) for name, value in zip(options._fields, options, strict=True)))


def _freeze(value: Any, name: str) -> Any:
    value = freeze(value)
    try:
        hash(value)
    except TypeError:
        raise ParameterError(f"{name}={value!r} is neither a word, a number, nor a tuple of them") from None
    return value
