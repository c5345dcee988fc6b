"""The call in MATLAB and Octave, whose conv and conv2 flip, and whose "same" is centred later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...show.numbers import is_complex
from .call import Call, Pad


def write_matlab(call: Call) -> Iterator[str]:
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


def _two(values: tuple[Any, ...], first: Any = 1) -> tuple[Any, ...]:
    """The same of a matrix: a signal is one row."""
    return (first, *values)[-2:]


def _size(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _every(steps: tuple[int, ...], ends: tuple[Any, ...] = ("end", "end")) -> str:
    return ", ".join(f"1:{step}:{end}" if step > 1 else ":" for step, end in zip(steps, ends, strict=False))


# -------------------------------------------------------------------------------- signals


def _signal(call: Call) -> Iterator[str]:
    yield f"x = {matrix(call.x)};"
    yield f"w = {matrix(call.w)};"
    taps = "v" if call.is_dilated else "w"
    if call.is_dilated:
        yield f"v = zeros({_size(_two(call.spans))});"
        yield f"v({_every(call.dilations)}) = w;"
    if not call.flips:
        taps = f"rot90({f'conj({taps})' if call.conjugates else taps}, 2)"
    source, mode = "x", call.mode
    # Flipped back, correlation's middle is where its own same has it.
    if not call.is_plain(lambda span: span // 2):
        mode = "valid"
        for pad in call.pad_steps():
            yield from _pad(call, pad, source)
            source = "p"
    line = f"y = {'conv' if call.ndim == 1 else 'conv2'}({source}, {taps}, '{mode}')"
    yield line + ";" if call.is_strided else line
    if call.is_strided:
        yield f"y = y({_every(call.strides)})"


def _pad(call: Call, pad: Pad, source: str) -> Iterator[str]:
    """One axis longer (or shorter): by a list of indices, or put into zeros."""
    n = call.axes[pad.axis].n
    dim = pad.axis if call.ndim > 1 else 1

    def along(entry: str, other: str = ":") -> str:
        return ", ".join(entry if i == dim else other for i in range(2))

    if pad.rule not in ("zero", "constant"):
        yield f"p = {source}({along('[' + ' '.join(str(i + 1) for i in call.copied(pad)) + ']')});"
        return
    shape = along(str(n + pad.low + pad.high), f"size({source}, {2 - dim})")
    first, last = max(-pad.low, 0), n - max(-pad.high, 0)  # the samples that stay
    yield f"q = {'zeros(' if pad.rule == 'zero' else number(call.fill) + ' * ones('}{shape});"
    if last > first:
        start = max(pad.low, 0)
        yield f"q({along(f'{start + 1}:{start + last - first}')}) = {source}({along(f'{first + 1}:{last}')});"
    yield "p = q;"


# --------------------------------------------------------------------------------- layers


def _layer(call: Call) -> Iterator[str]:
    """A third dimension for channels, a fourth for filters; loops over both."""
    sizes, taps = (_two(tuple(getattr(axis, name) for axis in call.axes)) for name in ("n", "taps"))
    lows, highs = (_two(tuple(getattr(axis, name) for axis in call.axes), 0) for name in ("before", "after"))
    outputs, rows = _two(call.outputs), list(zip(sizes, lows, highs, strict=True))
    yield f"x = zeros({_size((*sizes, len(call.x)))});"
    yield from (f"x(:, :, {c}) = {matrix(plane)};" for c, plane in enumerate(call.x, 1))
    yield f"w = zeros({_size((*taps, call.channels, call.filters))});"
    for k, planes in enumerate(call.w, 1):
        yield from (f"w(:, :, {c}, {k}) = {matrix(plane)};" for c, plane in enumerate(planes, 1))
    if call.bias is not None:
        yield f"b = {matrix(call.bias)};"
    yield f"p = zeros({_size((*(sum(row) for row in rows), len(call.x)))});"
    yield f"p({', '.join(f'{lo + 1}:{lo + n}' for n, lo, _ in rows)}, :) = x;"
    yield f"y = zeros({_size((*outputs, call.filters))});"
    yield f"for k = 1:{call.filters}"
    yield f"  for c = 1:{call.channels}"
    if call.is_dilated:
        yield f"    v = zeros({_size(_two(call.spans))});"
        yield f"    v({_every(_two(call.dilations))}) = w(:, :, c, k);"
    group = f"floor((k - 1) / {call.filters // call.groups}) * {call.channels} + " if call.groups > 1 else ""
    source = "v" if call.is_dilated else "w(:, :, c, k)"
    yield f"    s = conv2(p(:, :, {group}c), rot90({source}, 2), 'valid');"
    strides = _two(call.strides)
    ends = tuple(s * (n - 1) + 1 for s, n in zip(strides, outputs, strict=True))
    yield f"    y(:, :, k) = y(:, :, k) + s({_every(strides, ends)});"
    yield "  end"
    if call.bias is not None:
        yield "  y(:, :, k) = y(:, :, k) + b(k);"
    yield "end"
    yield "y"
