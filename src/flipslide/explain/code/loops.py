"""The call as loops in plain Python: the definition, with nothing left out."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from .call import Call, nested_text, python_number

__all__ = ["EXTENSIONS", "first_of", "position_of", "write"]

#: The sample that stands at place i outside 0 … n − 1.
EXTENSIONS = {
    "edge": "min(max(i, 0), n - 1)",
    "symmetric": "min(i % (2 * n), 2 * n - 1 - i % (2 * n))",
    "mirror": "min(i % (2 * n - 2), 2 * n - 2 - i % (2 * n - 2)) if n > 1 else 0",
    "wrap": "i % n",
}


def write(call: Call) -> Iterator[str]:
    """Outputs, channels, taps: one loop each."""
    if any(isinstance(number, Fraction) for number in call.numbers()):
        yield "from fractions import Fraction"
        yield ""
    for name, values in (("x", call.x), ("w", call.w), ("b", call.bias)):
        if values is not None:
            yield f"{name} = {nested_text(values, _number, len(name) + 3)}"
    yield from _extensions(call)
    yield ""
    yield f"y = {_zeros((len(call.w), *call.outputs) if call.is_layer else call.outputs)}"
    yield from _loops(call)
    yield "print(y)"


def _number(value: Any) -> str:
    if isinstance(value, Fraction):
        return f"Fraction({value.numerator}, {value.denominator})"
    return python_number(value)


def _zeros(shape: tuple[int, ...]) -> str:
    *outer, last = shape
    text = f"[0] * {last}"
    for n in reversed(outer):
        text = f"[{text} for _ in range({n})]"
    return text


def _extensions(call: Call) -> Iterator[str]:
    """A function for each rule that copies samples."""
    for rule in dict.fromkeys(call.boundary):
        if rule in EXTENSIONS:
            yield ""
            yield ""
            yield f"def {rule}(i, n):"
            yield f"    return {EXTENSIONS[rule]}"
            yield ""


def first_of(call: Call, axis: int) -> int:
    """Where the tap 0 of output 0 lies."""
    length = call.axes[axis]
    return length.span - 1 - length.before if call.flips else -length.before


def position_of(call: Call, axis: int) -> str:
    """The place in x that tap j of output m reads, as an expression."""
    length = call.axes[axis]
    first, sign = first_of(call, axis), "-" if call.flips else "+"
    m = f"m{axis}" if length.stride == 1 else f"{length.stride} * m{axis}"
    j = f"j{axis}" if length.dilation == 1 else f"{length.dilation} * j{axis}"
    start = "" if first == 0 else f" {'+' if first > 0 else '-'} {abs(first)}"
    return f"{m} {sign} {j}{start}"


def _loops(call: Call) -> Iterator[str]:
    depth = 0

    def line(text: str) -> str:
        return "    " * depth + text

    y = "".join(f"[m{i}]" for i in range(call.ndim))
    if call.is_layer:
        yield line(f"for k in range({len(call.w)}):")
        depth, y = depth + 1, "[k]" + y
    for i, n in enumerate(call.outputs):
        yield line(f"for m{i} in range({n}):")
        depth += 1
    yield line(f"total = {'b[k]' if call.bias is not None else '0'}")
    inner = depth
    if call.is_layer:
        yield line(f"for c in range({len(call.w[0])}):")
        depth += 1
    for i, axis in enumerate(call.axes):
        yield line(f"for j{i} in range({axis.taps}):")
        depth += 1
    for text in _body(call):
        yield line(text)
    depth = inner
    yield line(f"y{y} = total")


def _body(call: Call) -> Iterator[str]:
    rules = list(enumerate(call.boundary))
    for i, _ in rules:
        yield f"i{i} = {position_of(call, i)}"
    for i, rule in sorted(rules, key=lambda row: row[1] != "zero"):
        n = call.axes[i].n
        if rule == "zero":
            yield f"if not 0 <= i{i} < {n}:"
            yield "    continue  # a zero of the padding adds nothing"
        elif rule != "constant":
            yield f"i{i} = {rule}(i{i}, {n})"
    sample = f"x{channel_of(call)}" + "".join(f"[i{i}]" for i in range(call.ndim))
    inside = " and ".join(f"0 <= i{i} < {call.axes[i].n}" for i, rule in rules if rule == "constant")
    if inside:
        yield f"sample = {sample} if {inside} else {_number(call.fill)}"
        sample = "sample"
    tap = ("w[k][c]" if call.is_layer else "w") + "".join(f"[j{i}]" for i in range(call.ndim))
    yield f"total += {tap}{'.conjugate()' if call.conjugates else ''} * {sample}"


def channel_of(call: Call) -> str:
    """[c], or with groups the channel that the filter sees."""
    if not call.is_layer:
        return ""
    if call.groups == 1:
        return "[c]"
    return f"[k // {len(call.w) // call.groups} * {len(call.w[0])} + c]"
