"""The call as one nest of loops over outputs, channels and taps: in plain Python, and in C99.

Both go the same way for each term; a language is a table of templates for the steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from ...graph.exact import shape_of
from .call import Call, Numbers, nested_text, python_number
from .python import array_lines


class Language(NamedTuple):
    """What is written for each step: i is the number of an axis of n samples."""

    indent: str
    loop: str
    end: str  # of a loop
    place: str  # where in x a term lies
    skip: str  # a zero of the padding
    copy: str  # the place of the sample that a rule puts there
    inside: str
    both: str  # of two conditions
    fill: str
    conjugate: str
    add: str
    number: Numbers
    rules: dict[str, str]  # the sample that stands at place i outside 0 … n − 1


def _python_number(value: Any) -> str:
    return f"Fraction({value.numerator}, {value.denominator})" if isinstance(value, Fraction) else python_number(value)


def _c_number(value: Any) -> str:
    if isinstance(value, complex):
        return f"{_c_number(value.real)} + {_c_number(value.imag)} * I"
    if isinstance(value, Fraction):
        return f"{value.numerator}.0 / {value.denominator}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    return f"{value}LL" if isinstance(value, int) and abs(value) >= 2**31 else str(value)


PYTHON = Language(
    "    ", "for {name} in range({n}):", "", "i{i} = {at}",
    "if not 0 <= i{i} < {n}:\n{indent}    continue  # a zero of the padding adds nothing",
    "i{i} = {rule}(i{i}, {n})", "0 <= i{i} < {n}", " and ", "({sample} if {inside} else {fill})",
    "{tap}.conjugate()", "total += {tap} * {sample}", _python_number,
    {
        "edge": "min(max(i, 0), n - 1)",
        "symmetric": "min(i % (2 * n), 2 * n - 1 - i % (2 * n))",
        "mirror": "min(i % (2 * n - 2), 2 * n - 2 - i % (2 * n - 2)) if n > 1 else 0",
        "wrap": "i % n",
    },
)  # fmt: skip
C = Language(
    "  ", "for (long {name} = 0; {name} < {n}; ++{name}) {{", "}", "long i{i} = {at};",
    "if (i{i} < 0 || i{i} >= {n}) continue;",
    "i{i} = {rule}(i{i}, {n});", "0 <= i{i} && i{i} < {n}", " && ", "({inside} ? {sample} : {fill})",
    "conj({tap})", "sum += {tap} * {sample};", _c_number,
    {
        "edge": "return i < 0 ? 0 : i < n ? i : n - 1;",
        "symmetric": "i = mod(i, 2 * n); return i < n ? i : 2 * n - 1 - i;",
        "mirror": "if (n == 1) return 0; i = mod(i, 2 * n - 2); return i < n ? i : 2 * n - 2 - i;",
        "wrap": "return mod(i, n);",
    },
)  # fmt: skip


# --------------------------------------------------------------------------------- loops


def _nest(call: Call, language: Language, start: str, finish: str) -> Iterator[str]:
    """Loops over the outputs, each beginning with `start` and ending with `finish`, around loops over its terms."""
    outer = [("k", call.filters)] * call.is_layer + [(f"m{i}", n) for i, n in enumerate(call.outputs)]
    inner = [("c", call.channels)] * call.is_layer + [(f"j{i}", axis.taps) for i, axis in enumerate(call.axes)]
    indents = [language.indent * depth for depth in range(len(outer + inner) + 1)]
    ends = [indent + language.end for indent in indents[:-1]] if language.end else []
    heads = [language.loop.format(name=name, n=n) for name, n in outer + inner]
    loops = [indent + head for indent, head in zip(indents, heads, strict=False)]
    yield from [*loops[: len(outer)], indents[len(outer)] + start, *loops[len(outer) :]]
    yield from (indents[-1] + line for line in _body(call, language, indents[-1]))
    yield from [*ends[: len(outer) - 1 : -1], indents[len(outer)] + finish, *ends[: len(outer)][::-1]]


def _body(call: Call, language: Language, indent: str) -> Iterator[str]:
    """One term: where it lies, which sample stands there, and its product."""
    rules = list(enumerate(zip(call.axes, call.boundary, strict=True)))
    axes = [(dict(i=i, n=axis.n, rule=rule, indent=indent, at=_position(call, i)), rule) for i, (axis, rule) in rules]
    yield from (language.place.format(**words) for words, _ in axes)
    yield from (language.skip.format(**words) for words, rule in axes if rule == "zero")
    yield from (language.copy.format(**words) for words, rule in axes if rule in language.rules)
    sample = "x" + f"[{call.channel}]" * call.is_layer + "".join(f"[i{i}]" for i in range(call.ndim))
    inside = language.both.join(language.inside.format(**words) for words, rule in axes if rule == "constant")
    if inside:
        sample = language.fill.format(sample=sample, inside=inside, fill=language.number(call.fill))
    tap = "w" + "[k][c]" * call.is_layer + "".join(f"[j{i}]" for i in range(call.ndim))
    yield language.add.format(tap=language.conjugate.format(tap=tap) if call.conjugates else tap, sample=sample)


def _position(call: Call, i: int) -> str:
    """The place in x that tap j of output m reads, as an expression."""
    axis = call.axes[i]
    first = axis.span - 1 - axis.before if call.flips else -axis.before
    m = f"m{i}" if axis.stride == 1 else f"{axis.stride} * m{i}"
    j = f"j{i}" if axis.dilation == 1 else f"{axis.dilation} * j{i}"
    start = f" {'+' if first > 0 else '-'} {abs(first)}" if first else ""
    return f"{m} {'-' if call.flips else '+'} {j}{start}"


# ------------------------------------------------------------------------------ programs


def write_loops(call: Call) -> Iterator[str]:
    """The definition, with nothing left out."""
    if any(isinstance(number, Fraction) for number in call.numbers):
        yield "from fractions import Fraction\n"
    yield from array_lines(call, "", "", _python_number)
    for rule in dict.fromkeys(call.boundary):
        if rule in PYTHON.rules:
            yield f"\n\ndef {rule}(i, n):\n    return {PYTHON.rules[rule]}\n"
    *lead, last = (call.filters, *call.outputs) if call.is_layer else call.outputs
    zeros = f"[0] * {last}"
    for n in reversed(lead):
        zeros = f"[{zeros} for _ in range({n})]"
    yield f"\ny = {zeros}"
    place = "[k]" * call.is_layer + "".join(f"[m{i}]" for i in range(call.ndim))
    yield from _nest(call, PYTHON, f"total = {'0' if call.bias is None else 'b[k]'}", f"y{place} = total")
    yield "print(y)"


PRINTS = {
    "double complex": 'printf("%.17g%+.17gj ", creal(sum), cimag(sum));',
    "long long": 'printf("%lld ", sum);',
    "double": 'printf("%.17g ", sum);',
}


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
    rules = [rule for rule in dict.fromkeys(call.boundary) if rule in C.rules]
    if rules and rules != ["edge"]:
        yield "\nstatic long mod(long i, long n) { return (i % n + n) % n; }"
    yield from (f"\nstatic long {rule}(long i, long n) {{ {C.rules[rule]} }}" for rule in rules)
    yield "\nint main(void) {"
    start = f"{kind} sum = {'0' if call.bias is None else 'b[k]'};"
    yield from ("  " + line.replace("//", "/") for line in _nest(call, C, start, PRINTS[kind]))
    yield '  printf("\\n");\n  return 0;\n}'
