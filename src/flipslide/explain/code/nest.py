"""The call as one nest of loops over outputs, channels and taps: in plain Python, and in C99."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from ...graph.exact import shape_of
from .call import Call, nested_text, python_number
from .python import array_lines


class Syntax(NamedTuple):
    """How a language indents, begins and ends a loop."""

    indent: str
    loop: Callable[[str, int], str]
    end: str


def _nest(call: Call, syntax: Syntax, start: str, body: Iterator[str], finish: str) -> Iterator[str]:
    """Loops over the outputs, each beginning with `start` and ending with `finish`, around loops over its terms."""
    outer = [("k", call.filters)] * call.is_layer + [(f"m{i}", n) for i, n in enumerate(call.outputs)]
    inner = [("c", call.channels)] * call.is_layer + [(f"j{i}", axis.taps) for i, axis in enumerate(call.axes)]
    ends = [syntax.indent * depth + syntax.end for depth in range(len(outer + inner))] if syntax.end else []
    for depth, (name, n) in enumerate(outer):
        yield syntax.indent * depth + syntax.loop(name, n)
    yield syntax.indent * len(outer) + start
    for depth, (name, n) in enumerate(inner, len(outer)):
        yield syntax.indent * depth + syntax.loop(name, n)
    yield from (syntax.indent * len(outer + inner) + line for line in body)
    yield from ends[: len(outer) - 1 : -1]
    yield syntax.indent * len(outer) + finish
    yield from ends[: len(outer)][::-1]


def _position(call: Call, i: int) -> str:
    """The place in x that tap j of output m reads, as an expression."""
    axis = call.axes[i]
    first = axis.span - 1 - axis.before if call.flips else -axis.before
    m = f"m{i}" if axis.stride == 1 else f"{axis.stride} * m{i}"
    j = f"j{i}" if axis.dilation == 1 else f"{axis.dilation} * j{i}"
    start = f" {'+' if first > 0 else '-'} {abs(first)}" if first else ""
    return f"{m} {'-' if call.flips else '+'} {j}{start}"


def _sample(call: Call) -> str:
    return "x" + f"[{call.channel}]" * call.is_layer + "".join(f"[i{i}]" for i in range(call.ndim))


def _tap(call: Call) -> str:
    return "w" + "[k][c]" * call.is_layer + "".join(f"[j{i}]" for i in range(call.ndim))


def _start(call: Call) -> str:
    return "b[k]" if call.bias is not None else "0"


# ---------------------------------------------------------------------------------- Python

#: The sample that stands at place i outside 0 … n − 1.
PYTHON_RULES = {
    "edge": "min(max(i, 0), n - 1)",
    "symmetric": "min(i % (2 * n), 2 * n - 1 - i % (2 * n))",
    "mirror": "min(i % (2 * n - 2), 2 * n - 2 - i % (2 * n - 2)) if n > 1 else 0",
    "wrap": "i % n",
}


def _python_number(value: Any) -> str:
    return f"Fraction({value.numerator}, {value.denominator})" if isinstance(value, Fraction) else python_number(value)


PYTHON = Syntax("    ", lambda name, n: f"for {name} in range({n}):", "")


def write_loops(call: Call) -> Iterator[str]:
    """The definition, with nothing left out."""
    if any(isinstance(number, Fraction) for number in call.numbers):
        yield "from fractions import Fraction\n"
    yield from array_lines(call, "", "", _python_number)
    for rule in dict.fromkeys(call.boundary):
        if rule in PYTHON_RULES:
            yield f"\n\ndef {rule}(i, n):\n    return {PYTHON_RULES[rule]}\n"
    *lead, last = (call.filters, *call.outputs) if call.is_layer else call.outputs
    zeros = f"[0] * {last}"
    for n in reversed(lead):
        zeros = f"[{zeros} for _ in range({n})]"
    yield f"\ny = {zeros}"
    place = "[k]" * call.is_layer + "".join(f"[m{i}]" for i in range(call.ndim))
    yield from _nest(call, PYTHON, f"total = {_start(call)}", _python_body(call), f"y{place} = total")
    yield "print(y)"


def _python_body(call: Call) -> Iterator[str]:
    axes = list(enumerate(zip(call.axes, call.boundary, strict=True)))
    for i, _ in axes:
        yield f"i{i} = {_position(call, i)}"
    for i, (axis, rule) in sorted(axes, key=lambda row: row[1][1] != "zero"):
        if rule == "zero":
            yield f"if not 0 <= i{i} < {axis.n}:"
            yield "    continue  # a zero of the padding adds nothing"
        elif rule != "constant":
            yield f"i{i} = {rule}(i{i}, {axis.n})"
    sample = _sample(call)
    inside = " and ".join(f"0 <= i{i} < {axis.n}" for i, (axis, rule) in axes if rule == "constant")
    if inside:
        yield f"sample = {sample} if {inside} else {_python_number(call.fill)}"
        sample = "sample"
    yield f"total += {_tap(call)}{'.conjugate()' if call.conjugates else ''} * {sample}"


# --------------------------------------------------------------------------------------- C

C_RULES = {
    "edge": "return i < 0 ? 0 : i < n ? i : n - 1;",
    "symmetric": "i = mod(i, 2 * n); return i < n ? i : 2 * n - 1 - i;",
    "mirror": "if (n == 1) return 0; i = mod(i, 2 * n - 2); return i < n ? i : 2 * n - 2 - i;",
    "wrap": "return mod(i, n);",
}
PRINTS = {
    "double complex": 'printf("%.17g%+.17gj ", creal(sum), cimag(sum));',
    "long long": 'printf("%lld ", sum);',
    "double": 'printf("%.17g ", sum);',
}


def _c_number(value: Any) -> str:
    if isinstance(value, complex):
        return f"{_c_number(value.real)} + {_c_number(value.imag)} * I"
    if isinstance(value, Fraction):
        return f"{value.numerator}.0 / {value.denominator}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    return f"{value}LL" if isinstance(value, int) and abs(value) >= 2**31 else str(value)


C = Syntax("  ", lambda name, n: f"for (long {name} = 0; {name} < {n}; ++{name}) {{", "}")


def write_c(call: Call) -> Iterator[str]:
    """A whole program that prints y: integers as long long, everything else as double."""
    is_whole = all(isinstance(number, int) for number in call.numbers)
    kind = "double complex" if call.is_complex else "long long" if is_whole else "double"
    yield "#include <stdio.h>"
    if call.is_complex:
        yield "#include <complex.h>"
    if any(isinstance(number, float) and not math.isfinite(number) for number in call.numbers):
        yield "#include <math.h>"
    yield ""
    for name, values in call.arrays():
        sizes = "".join(f"[{n}]" for n in shape_of(values))
        yield f"static const {kind} {name}{sizes} = {nested_text(values, _c_number, 0, '{}', 2)};"
    rules = [rule for rule in dict.fromkeys(call.boundary) if rule in C_RULES]
    if rules and rules != ["edge"]:
        yield "\nstatic long mod(long i, long n) { return (i % n + n) % n; }"
    yield from (f"\nstatic long {rule}(long i, long n) {{ {C_RULES[rule]} }}" for rule in rules)
    yield "\nint main(void) {"
    yield from ("  " + line for line in _nest(call, C, f"{kind} sum = {_start(call)};", _c_body(call), PRINTS[kind]))
    yield '  printf("\\n");\n  return 0;\n}'


def _c_body(call: Call) -> Iterator[str]:
    axes = list(enumerate(zip(call.axes, call.boundary, strict=True)))
    for i, (axis, rule) in axes:
        position = _position(call, i)
        yield f"long i{i} = {position if rule not in C_RULES else f'{rule}({position}, {axis.n})'};"
    outside = {i: f"i{i} < 0 || i{i} >= {axis.n}" for i, (axis, _) in axes}
    for i, (_, rule) in axes:
        if rule == "zero":
            yield f"if ({outside[i]}) continue;"
    sample = _sample(call).replace("//", "/")
    filled = " || ".join(outside[i] for i, (_, rule) in axes if rule == "constant")
    if filled:
        sample = f"({filled} ? {_c_number(call.fill)} : {sample})"
    tap = f"conj({_tap(call)})" if call.conjugates else _tap(call)
    yield f"sum += {tap} * {sample};"
