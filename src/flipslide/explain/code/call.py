"""What a program for a call has to know, whatever its language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...errors import ParameterError
from ...geometry import extend_index
from ...graph.exact import flatten
from ...show.numbers import is_complex
from ..trace import Length, Nested, Trace

__all__ = ["Call", "Numbers", "Pad", "copied", "nested_text", "pad_steps", "python_number", "read_call", "slices"]

Numbers = Callable[[Any], str]


class Pad(NamedTuple):
    """One axis: how many samples more (or, negative, fewer) it needs on each side, by which rule."""

    axis: int
    low: int
    high: int
    rule: str


class Call(NamedTuple):
    """A call: its arrays, its axes, and whether w is flipped."""

    is_layer: bool
    flips: bool
    conjugates: bool
    mode: str
    x: Nested
    w: Nested
    bias: Nested | None
    groups: int
    axes: tuple[Length, ...]
    boundary: tuple[str, ...]
    fill: Any

    @property
    def ndim(self) -> int:
        return len(self.axes)

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(axis.stride for axis in self.axes)

    @property
    def dilations(self) -> tuple[int, ...]:
        return tuple(axis.dilation for axis in self.axes)

    @property
    def spans(self) -> tuple[int, ...]:
        return tuple(axis.span for axis in self.axes)

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(axis.outputs for axis in self.axes)

    @property
    def filters(self) -> int:
        return len(self.w) if self.is_layer else 1

    @property
    def channels(self) -> int:
        """Channels that a filter of a layer sees."""
        return len(self.w[0]) if self.is_layer else 1

    @property
    def channel(self) -> str:
        """The channel of x that filter k of a layer sees as its channel c, in Python."""
        return "c" if self.groups == 1 else f"k // {self.filters // self.groups} * {self.channels} + c"

    @property
    def fits(self) -> bool:
        """Whether no library exchanges x and w, which some do where w is longer."""
        return self.mode == "full" or self.axes[0].n >= self.axes[0].span

    @property
    def is_strided(self) -> bool:
        return any(stride > 1 for stride in self.strides)

    @property
    def is_dilated(self) -> bool:
        return any(axis.dilation > 1 and axis.taps > 1 for axis in self.axes)

    @property
    def is_complex(self) -> bool:
        return any(map(is_complex, self.numbers()))

    def numbers(self) -> Iterator[Any]:
        """Every number of the arrays."""
        yield from flatten(self.x)
        yield from flatten(self.w)
        yield from flatten(self.bias or ())
        yield self.fill

    def is_plain(self, centers: Callable[[int], int]) -> bool:
        """Whether a library's full, same and valid are this call's, before any stride.

        `centers` says for a span on which place of the taps the library's same has its middle.
        """
        if self.is_layer or any(rule != "zero" for rule in self.boundary):
            return False
        return self.mode != "same" or all(axis.before == axis.span - 1 - centers(axis.span) for axis in self.axes)

    def pads(self) -> list[Pad]:
        """What is missing on each side of every axis."""
        return [
            Pad(i, axis.before, axis.stride * (axis.outputs - 1) + axis.span - axis.before - axis.n, rule)
            for i, (axis, rule) in enumerate(zip(self.axes, self.boundary, strict=True))
        ]


def read_call(trace: Trace) -> Call:
    """The call of a trace."""
    if not trace.is_whole:
        raise ParameterError("code is for a whole call; leave out around= and cells=")
    if not trace.steps:
        raise ParameterError("there is no output to compute: x has no samples")
    return Call(
        is_layer=trace.operation == "layer",
        flips=trace.operation == "convolve",
        conjugates=trace.window_w != trace.w and trace.operation == "correlate",
        mode=trace.mode,
        x=trace.x,
        w=trace.w,
        bias=trace.bias,
        groups=trace.groups,
        axes=trace.lengths,
        boundary=trace.boundary,
        fill=trace.fill_value,
    )


def pad_steps(call: Call) -> list[Pad]:
    """The axes that need padding, in the order in which they may be padded one after another.

    A corner outside two axes is a zero if one of the rules is zero, else the fill value if one
    is constant: so copies come first and zeros last.
    """
    ranks = {"constant": 1, "zero": 2}
    return sorted((pad for pad in call.pads() if pad.low or pad.high), key=lambda pad: ranks.get(pad.rule, 0))


def copied(call: Call, pad: Pad) -> list[int]:
    """The samples that stand along a padded axis, by a rule that copies."""
    n = call.axes[pad.axis].n
    return [extend_index(i, n, pad.rule) or 0 for i in range(-pad.low, n + pad.high)]


def slices(values: Sequence[int], lead: int = 0) -> str:
    """[::2, :] for steps, "" where all are 1."""
    if all(value == 1 for value in values):
        return ""
    return "[" + ", ".join([":"] * lead + [f"::{value}" if value > 1 else ":" for value in values]) + "]"


# ------------------------------------------------------------------------------- literals


def python_number(value: Any) -> str:
    """A number in Python, of which a library makes floats where it must."""
    if isinstance(value, Fraction):
        return str(value.numerator) if value.denominator == 1 else f"{value.numerator} / {value.denominator}"
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return f'float("{float(value)}")'
    if is_complex(value):
        return str(complex(value))
    if isinstance(value, float | np.floating):
        return repr(float(value))
    return str(value)


def nested_text(nested: Any, number: Numbers, indent: int, brackets: str = "[]", step: int = 1) -> str:
    """Nested lists; rows of a matrix stand under one another."""
    if not isinstance(nested, tuple):
        return number(nested)
    is_row = not nested or not isinstance(nested[0], tuple)
    between = ", " if is_row else ",\n" + " " * (indent + step)
    return (
        brackets[0] + between.join(nested_text(e, number, indent + step, brackets, step) for e in nested) + brackets[1]
    )
