"""The call in MATLAB and Octave, whose conv and conv2 flip, and whose "same" is centred later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...exact import is_complex
from ...geometry import extend_index
from .call import Call, Pad, pad_steps

__all__ = ["write"]


def write(call: Call) -> Iterator[str]:
    """conv or conv2 where they do it; else on x padded by indices."""
    yield from (_layer if call.is_layer else _signal)(call)


def number(value: Any) -> str:
    """A number; without blanks, for they separate columns."""
    if isinstance(value, Fraction):
        return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
    if is_complex(value):
        imag = number(float(value.imag))
        return f"{number(float(value.real))}{imag if imag[0] == '-' else '+' + imag}i"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return str(value)


def matrix(nested: Any) -> str:
    """[1 2; 3 4]"""
    rows = nested if nested and isinstance(nested[0], tuple) else (nested,)
    return "[" + "; ".join(" ".join(map(number, row)) for row in rows) + "]"


def _signal(call: Call) -> Iterator[str]:
    yield f"x = {matrix(call.x)};"
    yield f"w = {matrix(call.w)};"
    taps = _taps(call)
    verb = "conv" if call.ndim == 1 else "conv2"
    if call.is_dilated:
        yield f"v = zeros({_size(call.spans)});"
        yield f"v({_every(call, call.dilations)}) = w;"
    source, mode = "x", call.mode
    # Flipped back, correlation's middle is where its own same has it.
    if not call.is_plain(lambda span: span // 2):
        mode = "valid"
        for pad in pad_steps(call):
            yield from _pad(call, pad, source)
            source = "p"
    line = f"y = {verb}({source}, {taps}, '{mode}')"
    if not call.is_strided:
        yield line
        return
    yield line + ";"
    yield f"y = y({_every(call, call.strides)})"


def _taps(call: Call) -> str:
    name = "v" if call.is_dilated else "w"
    if call.flips:
        return name
    return f"rot90({f'conj({name})' if call.conjugates else name}, 2)"


def _size(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape if len(shape) > 1 else (1, *shape)))


def _every(call: Call, steps: tuple[int, ...]) -> str:
    return ", ".join(f"1:{step}:end" if step > 1 else ":" for step in steps)


def _pad(call: Call, pad: Pad, source: str) -> Iterator[str]:
    """One axis longer (or shorter): by a list of indices, or put into zeros."""
    axis = call.axes[pad.axis]
    dim = pad.axis if call.ndim > 1 else 1

    def at(entry: str) -> str:
        return ", ".join(entry if i == dim else ":" for i in range(2))

    if pad.rule not in ("zero", "constant"):
        indices = [(extend_index(i, axis.n, pad.rule) or 0) + 1 for i in range(-pad.low, axis.n + pad.high)]
        yield f"p = {source}({at('[' + ' '.join(map(str, indices)) + ']')});"
        return
    total = axis.n + pad.low + pad.high
    other = f"size({source}, {2 - dim})"
    shape = f"{total}, {other}" if dim == 0 else f"{other}, {total}"
    first, last = max(-pad.low, 0), axis.n - max(-pad.high, 0)  # the samples that stay
    yield f"q = {'zeros(' if pad.rule == 'zero' else number(call.fill) + ' * ones('}{shape});"
    if last > first:
        start = max(pad.low, 0)
        here, there = f"{start + 1}:{start + last - first}", f"{first + 1}:{last}"
        yield f"q({at(here)}) = {source}({at(there)});"
    yield "p = q;"


def _layer(call: Call) -> Iterator[str]:
    """A third dimension for channels, a fourth for filters; loops over both."""
    sizes = (1, call.axes[0].n) if call.ndim == 1 else tuple(axis.n for axis in call.axes)
    taps = (1, call.axes[0].taps) if call.ndim == 1 else tuple(axis.taps for axis in call.axes)
    spans = (1, call.axes[0].span) if call.ndim == 1 else call.spans
    outputs = (1, *call.outputs) if call.ndim == 1 else call.outputs
    yield f"x = zeros({_size((*sizes, len(call.x)))});"
    for c, plane in enumerate(call.x, 1):
        yield f"x(:, :, {c}) = {matrix(plane)};"
    yield f"w = zeros({_size((*taps, len(call.w[0]), len(call.w)))});"
    for k, planes in enumerate(call.w, 1):
        for c, plane in enumerate(planes, 1):
            yield f"w(:, :, {c}, {k}) = {matrix(plane)};"
    if call.bias is not None:
        yield f"b = {matrix(call.bias)};"
    pads = [(0, 0), (call.axes[0].before, call.axes[0].after)] if call.ndim == 1 else [
        (axis.before, axis.after) for axis in call.axes
    ]  # fmt: skip
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(sizes, pads, strict=True))
    places = ", ".join(f"{lo + 1}:{lo + n}" for n, (lo, _) in zip(sizes, pads, strict=True))
    yield f"p = zeros({_size((*padded, len(call.x)))});"
    yield f"p({places}, :) = x;"
    yield f"y = zeros({_size((*outputs, len(call.w)))});"
    yield f"for k = 1:{len(call.w)}"
    yield f"  for c = 1:{len(call.w[0])}"
    source = "w(:, :, c, k)"
    dilations = (1, *call.dilations) if call.ndim == 1 else call.dilations
    if call.is_dilated:
        yield f"    v = zeros({_size(spans)});"
        yield f"    v({_every(call, dilations)}) = w(:, :, c, k);"
        source = "v"
    channel = "c" if call.groups == 1 else f"floor((k - 1) / {len(call.w) // call.groups}) * {len(call.w[0])} + c"
    strides = (1, *call.strides) if call.ndim == 1 else call.strides
    yield f"    s = conv2(p(:, :, {channel}), rot90({source}, 2), 'valid');"
    yield f"    y(:, :, k) = y(:, :, k) + s({_window(strides, outputs)});"
    yield "  end"
    if call.bias is not None:
        yield "  y(:, :, k) = y(:, :, k) + b(k);"
    yield "end"
    yield "y"


def _window(strides: tuple[int, ...], outputs: tuple[int, ...]) -> str:
    return ", ".join(f"1:{s}:{s * (n - 1) + 1}" if s > 1 else ":" for s, n in zip(strides, outputs, strict=True))
