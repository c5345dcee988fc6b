"""The call in C99: a whole program that prints y."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from .call import Call
from .loops import channel_of, position_of

__all__ = ["write"]

EXTENSIONS = {
    "edge": "return i < 0 ? 0 : i < n ? i : n - 1;",
    "symmetric": "i = mod(i, 2 * n); return i < n ? i : 2 * n - 1 - i;",
    "mirror": "if (n == 1) return 0; i = mod(i, 2 * n - 2); return i < n ? i : 2 * n - 2 - i;",
    "wrap": "return mod(i, n);",
}


def write(call: Call) -> Iterator[str]:
    """Integers as long long, everything else as double."""
    kind = _type(call)
    yield "#include <stdio.h>"
    if kind == "double complex":
        yield "#include <complex.h>"
    if any(isinstance(number, float) and not math.isfinite(number) for number in call.numbers()):
        yield "#include <math.h>"
    yield ""
    lead = (len(call.x),) if call.is_layer else ()
    sizes = tuple(axis.n for axis in call.axes)
    taps = tuple(axis.taps for axis in call.axes)
    w_lead = (len(call.w), len(call.w[0])) if call.is_layer else ()
    yield f"static const {kind} x{_dims((*lead, *sizes))} = {_braces(call.x)};"
    yield f"static const {kind} w{_dims((*w_lead, *taps))} = {_braces(call.w)};"
    if call.bias is not None:
        yield f"static const {kind} b{_dims((len(call.bias),))} = {_braces(call.bias)};"
    yield from _extensions(call)
    yield ""
    yield "int main(void) {"
    for line in _loops(call, kind):
        yield "  " + line
    yield "  return 0;"
    yield "}"


def _type(call: Call) -> str:
    if call.is_complex:
        return "double complex"
    return "long long" if all(isinstance(number, int) for number in call.numbers()) else "double"


def _dims(shape: tuple[int, ...]) -> str:
    return "".join(f"[{n}]" for n in shape)


def _braces(nested: Any, depth: int = 1) -> str:
    """An initialiser; rows of a matrix on lines of their own."""
    if not isinstance(nested, tuple):
        return _number(nested)
    is_row = not nested or not isinstance(nested[0], tuple)
    between = ", " if is_row else ",\n" + "  " * depth
    return "{" + between.join(_braces(entry, depth + 1) for entry in nested) + "}"


def _number(value: Any) -> str:
    if isinstance(value, complex):
        return f"{_number(value.real)} + {_number(value.imag)} * I"
    if isinstance(value, Fraction):
        return f"{value.numerator}.0 / {value.denominator}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    return f"{value}LL" if isinstance(value, int) and abs(value) >= 2**31 else str(value)


def _extensions(call: Call) -> Iterator[str]:
    rules = [rule for rule in dict.fromkeys(call.boundary) if rule in EXTENSIONS]
    if rules and rules != ["edge"]:
        yield ""
        yield "static long mod(long i, long n) { return (i % n + n) % n; }"
    for rule in rules:
        yield ""
        yield f"static long {rule}(long i, long n) {{ {EXTENSIONS[rule]} }}"


def _loops(call: Call, kind: str) -> Iterator[str]:
    depth = 0

    def line(text: str) -> str:
        return "  " * depth + text

    def loop(name: str, n: int) -> str:
        return line(f"for (long {name} = 0; {name} < {n}; ++{name}) {{")

    if call.is_layer:
        yield loop("k", len(call.w))
        depth += 1
    for i, n in enumerate(call.outputs):
        yield loop(f"m{i}", n)
        depth += 1
    yield line(f"{kind} sum = {'b[k]' if call.bias is not None else '0'};")
    outer = depth
    if call.is_layer:
        yield loop("c", len(call.w[0]))
        depth += 1
    for i, axis in enumerate(call.axes):
        yield loop(f"j{i}", axis.taps)
        depth += 1
    for text in _body(call):
        yield line(text)
    while depth > outer:
        depth -= 1
        yield line("}")
    yield line(_print(kind))
    while depth:
        depth -= 1
        yield line("}")
    yield 'printf("\\n");'


def _print(kind: str) -> str:
    if kind == "double complex":
        return 'printf("%.17g%+.17gj ", creal(sum), cimag(sum));'
    return f'printf("{"%lld" if kind == "long long" else "%.17g"} ", sum);'


def _body(call: Call) -> Iterator[str]:
    rules = list(enumerate(call.boundary))
    for i, rule in rules:
        position = position_of(call, i)
        yield f"long i{i} = {position if rule in ('zero', 'constant') else f'{rule}({position}, {call.axes[i].n})'};"
    for i, rule in rules:
        if rule == "zero":
            yield f"if (i{i} < 0 || i{i} >= {call.axes[i].n}) continue;"
    sample = f"x{channel_of(call).replace('//', '/')}" + "".join(f"[i{i}]" for i in range(call.ndim))
    outside = " || ".join(f"i{i} < 0 || i{i} >= {call.axes[i].n}" for i, rule in rules if rule == "constant")
    if outside:
        sample = f"({outside} ? {_number(call.fill)} : {sample})"
    tap = ("w[k][c]" if call.is_layer else "w") + "".join(f"[j{i}]" for i in range(call.ndim))
    yield f"sum += {f'conj({tap})' if call.conjugates else tap} * {sample};"
