"""A transposed layer: every sample stamps its taps, `stride` apart; the padding cuts the rim off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...arrays import Array, enter
from ...errors import ShapeError
from ...geometry import LayerAxis, to_int
from ...graph.exact import numbers_of, pack, reverse
from ...show import Block, Cell, Grid, Text, grid_of
from ...show.numbers import index_text, number_text, times_text
from ..draw.steps import draw_steps
from ..draw.story import Shot, box_of, tell
from ..shape import explain_shape
from ..trace import Trace, make_layer_trace
from ..window import fill_zeros, indices, zeros
from .chapter import Chapter, beside, pictures


def explain_transposed(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    output_padding: Any = 0,
) -> Chapter:
    """Show how one example of a transposed layer gets every number, in two ways that give the same.

        y[k, stride·i + dilation·j − lo] += x[c, i] · w[c, k, j]     and bias[k] everywhere

    Each sample stamps its taps; and the same numbers come from an ordinary layer over x with zeros between
    its samples, whose taps are turned round.

    Parameters
    ----------
    x : array_like, (C, *spatial)
        One example with one spatial axis or two.
    w : array_like, (C, K/groups, *taps)
    bias : array_like, (K,), optional
    stride, padding, dilation, groups, output_padding
        As in `fs.nn.conv_transpose`.

    Returns
    -------
    Chapter
        `print` it, `.save("it.html")`; `.y` is the result, `.parts["layer"]` the trace of the ordinary layer.

    Raises
    ------
    ShapeError, ParameterError

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.explain_transposed([[1, 2, 3]], [[[1, 10, 100]]], stride=2).y
    array([[  1,  10, 102,  20, 203,  30, 300]])
    """
    x, w = enter(x, "x"), enter(w, "w")
    n_groups = to_int(groups, "groups", 1)
    if x.ndim not in (2, 3) or w.ndim != x.ndim + 1 or len(x) != len(w) or len(w) % n_groups:
        raise ShapeError(
            f"one example of a transposed layer has x (C, *spatial) with one spatial axis or two, and w "
            f"(C, K/groups, *taps) with C divisible by groups; x has shape {x.shape}, w {w.shape}, groups={n_groups}"
        )
    report = explain_shape(
        x.shape[1:], w.shape[2:], stride=stride, padding=padding, dilation=dilation, output_padding=output_padding,
        transposed=True,
    )  # fmt: skip
    axes = tuple(axis.layer for axis in report.axes)
    x, w = numbers_of(x, "x"), numbers_of(w, "w")
    trace = _as_layer(x, w, bias, axes, n_groups)
    y = pack([step.value for step in trace.steps], trace.y_shape)
    blocks = [*report.formulas(), *_blocks(x, w, axes, trace, y)]
    return Chapter("transposed", "A transposed layer: stamps", blocks, y, layer=trace)


def _as_layer(x: Array, w: Array, bias: Any, axes: tuple[LayerAxis, ...], groups: int) -> Trace:
    """The trace of the ordinary layer that does the same."""
    outputs = tuple(axis.transposed_outputs for axis in axes)
    # The first output meets the last tap in sample (lo − (D − 1))/stride: with pads of D − 1 − lo it is window 0.
    before = [axis.span - 1 - axis.lo for axis in axes]
    spread = zeros((len(x), *(axis.stride * (axis.n - 1) + 1 for axis in axes)))
    spread[(slice(None), *(slice(None, None, axis.stride) for axis in axes))] = x
    turned = reverse(w, len(axes)).reshape(groups, len(w) // groups, *w.shape[1:]).swapaxes(1, 2)
    after = [m + axis.span - 1 - lo - n for m, axis, lo, n in zip(outputs, axes, before, spread.shape[1:], strict=True)]
    # Negative pads leave samples out that only meet outputs which the padding cuts off.
    kept = tuple(slice(max(-lo, 0), n + min(hi, 0)) for lo, hi, n in zip(before, after, spread.shape[1:], strict=True))
    pads = tuple((max(lo, 0), max(hi, 0)) for lo, hi in zip(before, after, strict=True))
    return make_layer_trace(
        spread[(slice(None), *kept)], turned.reshape(-1, *turned.shape[2:]), bias, stride=1, padding=pads,
        dilation=tuple(axis.dilation for axis in axes), groups=groups,
    )  # fmt: skip


def _blocks(x: Array, w: Array, axes: tuple[LayerAxis, ...], trace: Trace, y: Array) -> Iterator[Block]:
    yield Text(
        "Each sample stamps its taps into the result, one stride further than the sample before; where stamps overlap, "
        "they add. The padding cuts places off the rim, and the bias is added everywhere."
    )
    yield beside(*(grid_of(f"x[{c}]", channel, "x") for c, channel in enumerate(x)))
    yield beside(*(grid_of(f"w[{c},{k}]", taps, "w") for c, row in enumerate(w) for k, taps in enumerate(row)))
    yield from tell("stamps", _shots(x[0], w[0, 0], axes), _columns(axes[0]) if len(axes) == 1 else None)
    yield Text(
        "The same as an ordinary layer: zeros between the samples, and taps turned round that slide one place at a "
        "time. That is why it is also called fractionally strided; it undoes the sizes of a layer, not its numbers."
    )
    yield from pictures("the same as an ordinary layer", draw_steps(trace))
    yield beside(*(grid_of(f"y[{k}]", plane, "y") for k, plane in enumerate(y)))


def _columns(axis: LayerAxis) -> dict[str, float]:
    """Where on the ruler the stamps of one axis begin."""
    return {f"from x[0,{i}]": axis.stride * i for i in range(axis.n)}


def _shots(x: Array, w: Array, axes: tuple[LayerAxis, ...]) -> Iterator[Shot]:
    """The stamps of the first channel for the first filter, then what the padding leaves."""
    low, size = tuple(axis.lo for axis in axes), tuple(axis.transposed_outputs for axis in axes)
    ends = (axis.stride * (axis.n - 1) + axis.span for axis in axes)
    full = np.full([max(end, lo + n) for end, lo, n in zip(ends, low, size, strict=True)], None, dtype=object)
    samples, taps, stamps = grid_of("x", x, "x"), grid_of("w", w, "w"), list[Grid]()
    for at in indices(x.shape):
        first = tuple(axis.stride * i for axis, i in zip(axes, at, strict=True))
        spread = np.full(tuple(axis.span for axis in axes), None, dtype=object)
        spread[tuple(slice(None, None, axis.dilation) for axis in axes)] = x[at] * w
        where = tuple(slice(f, f + axis.span, axis.dilation) for f, axis in zip(first, axes, strict=True))
        full[where] = fill_zeros(full[where]) + x[at] * w
        name = f"x[0,{index_text(at)}]"
        # Rows of stamps stand where they are added, planes take turns.
        stamp = grid_of("the stamp" if x.ndim == 2 else f"from {name}", spread, "w", Cell("", "blank"))
        stamps = [stamp] if x.ndim == 2 else [*stamps, stamp]
        marks = {"x": [box_of(at, ())], "sum": [box_of(first, spread.shape)]}
        value = number_text(x[at])
        sentence = f"{name} = {value} stamps {times_text(value, 'w')}."
        yield Shot(sentence, (samples, taps, *stamps, _sum(full)), marks)
    cut = "" if size == full.shape else " The padding cuts off what lies outside of it."
    sentence = f"The outlined sums are what channel 0 adds to y[0].{cut}"
    yield Shot(sentence, (samples, taps, *stamps, _sum(full)), {"sum": [box_of(low, size)]}, 2.5)


def _sum(full: Array) -> Grid:
    return grid_of("sum", full, "y", Cell("", "blank"))
