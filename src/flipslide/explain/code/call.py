"""What a program for a call has to know, whatever its language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ...errors import ParameterError
from ...geometry import extend_index
from ...graph.exact import flatten
from ...show.numbers import is_complex
from ..trace import Trace

Numbers = Callable[[Any], str]


class Pad(NamedTuple):
    """One axis: how many samples more (or, negative, fewer) it needs on each side, by which rule."""

    axis: int
    low: int
    high: int
    rule: str


class Call:
    """The call of a trace, as programs see it: its arrays, its axes, and whether w is flipped."""

    def __init__(self, trace: Trace) -> None:
        if not trace.is_whole:
            raise ParameterError("code is for a whole call; leave out around= and cells=")
        if not trace.steps:
            raise ParameterError("there is no output to compute: x has no samples")
        self.x, self.w, self.bias, self.fill = trace.x, trace.w, trace.bias, trace.fill_value
        self.mode, self.boundary, self.groups = trace.mode, trace.boundary, trace.groups
        self.axes, self.ndim = trace.lengths, trace.ndim
        self.is_line = trace.ndim == 1 and trace.operation != "layer"
        self.is_layer, self.flips = trace.operation == "layer", trace.operation == "convolve"
        self.conjugates = trace.operation == "correlate" and trace.window_w != trace.w
        self.strides, self.dilations, self.spans, self.outputs = (
            tuple(getattr(axis, name) for axis in trace.lengths) for name in ("stride", "dilation", "span", "outputs")
        )
        # Filters, and the channels that each of them sees.
        self.filters, self.channels = (len(trace.w), len(trace.w[0])) if self.is_layer else (1, 1)
        self.numbers = list(chain(flatten(trace.x), flatten(trace.w), flatten(trace.bias or ()), [trace.fill_value]))
        self.is_complex = any(map(is_complex, self.numbers))
        self.is_strided = any(stride > 1 for stride in self.strides)
        self.is_dilated = any(axis.dilation > 1 and axis.taps > 1 for axis in self.axes)

    @property
    def channel(self) -> str:
        """The channel of x that filter k of a layer sees as its channel c, in Python."""
        return "c" if self.groups == 1 else f"k // {self.filters // self.groups} * {self.channels} + c"

    @property
    def fits(self) -> bool:
        """Whether no library exchanges x and w, which some do where w is longer."""
        return self.mode == "full" or self.axes[0].n >= self.axes[0].span

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

    def pad_steps(self) -> list[Pad]:
        """The axes that need padding, in the order in which they may be padded one after another.

        A corner outside two axes is a zero if one of the rules is zero, else the fill value if one
        is constant: so copies come first and zeros last.
        """
        ranks = {"constant": 1, "zero": 2}
        return sorted((pad for pad in self.pads() if pad.low or pad.high), key=lambda pad: ranks.get(pad.rule, 0))

    def copied(self, pad: Pad) -> list[int]:
        """The samples that stand along a padded axis, by a rule that copies."""
        n = self.axes[pad.axis].n
        return [extend_index(i, n, pad.rule) or 0 for i in range(-pad.low, n + pad.high)]

    @property
    def padded(self) -> str:
        """What x is called once `pad_steps` are done."""
        return "p" if self.pad_steps() else "x"

    def arrays(self) -> Iterator[tuple[str, Any]]:
        """x, w and the bias, where there is one."""
        named = zip("xwb", (self.x, self.w, self.bias), strict=True)
        yield from ((name, values) for name, values in named if values is not None)


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
    if is_complex(value):
        return str(complex(value))
    if isinstance(value, float | np.floating):
        return repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'
    return str(value)


def nested_text(nested: Any, number: Numbers, indent: int, brackets: str = "[]", step: int = 1) -> str:
    """Nested lists; rows of a matrix stand under one another."""
    if not isinstance(nested, tuple):
        return number(nested)
    is_row = not nested or not isinstance(nested[0], tuple)
    between = ", " if is_row else ",\n" + " " * (indent + step)
    entries = between.join(nested_text(entry, number, indent + step, brackets, step) for entry in nested)
    return f"{brackets[0]}{entries}{brackets[1]}"
