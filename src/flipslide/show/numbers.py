"""Numbers, indices and sizes as people write them, and as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Complex, Rational, Real
from typing import Any


def number_text(value: Any) -> str:
    """A number as it is printed: exact, floats to 6 digits; "·" where there is none yet.

    >>> from fractions import Fraction
    >>> [number_text(v) for v in (None, -7, Fraction(1, 9), 0.5, 0.1 + 0.2, 1 - 2j, -1j, 3 + 0j)]
    ['·', '−7', '1/9', '0.5', '0.3', '1 − 2i', '−i', '3']
    """
    if value is None:
        return "·"
    if is_complex(value):
        return _complex_text(*(number_text(float(part)).removesuffix(".0") for part in (value.real, value.imag)))
    if _is_float(value):
        shortest = str(value)
        return minus(shortest if len(shortest.lstrip("-0.").replace(".", "")) <= 6 else f"{value:.6g}")
    return minus(str(value))


def _complex_text(real: str, imag: str) -> str:
    """Parts that are 0 are left out, and so is a factor of 1."""
    if imag in ("0", "−0"):
        return real
    unit = imag.removesuffix("1") + "i" if imag in ("1", "−1") else imag + "i"
    return unit if real in ("0", "−0") else join_sum([real, unit])


def is_complex(value: Any) -> bool:
    return isinstance(value, Complex) and not isinstance(value, Real)


def _is_float(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, Rational)


def minus(text: str) -> str:
    """The text with the sign for minus, as wide as a plus, in place of hyphens."""
    return text.replace("-", "−")


def join_sum(parts: Iterable[str]) -> str:
    """Numbers as a sum: a minus sign takes the place of the plus before it.

    >>> join_sum(["1", "−1", "2"])
    '1 − 1 + 2'
    """
    first, *rest = parts
    return first + "".join(f" − {part[1:]}" if part[0] == "−" else f" + {part}" for part in rest)


def times_text(a: str, b: str, first: bool = True) -> str:
    """a·b; a negative number after a sign is in brackets, and so is a sum. `first` says that no sign stands before it.

    >>> times_text("−1", "−2"), times_text("−1", "2", False)
    ('−1·(−2)', '(−1)·2')
    """
    return f"{bracket(a, first)}·{bracket(b)}"


def bracket(text: str, first: bool = False) -> str:
    """A negative number or a sum in brackets, as it stands after a sign."""
    return f"({text})" if " " in text or (text[0] == "−" and not first) else text


def compact(text: str) -> str:
    """A number as it stands among others: one that is a sum in brackets."""
    return bracket(text, True) if " " in text and any(map(str.isdigit, text)) else text


def number_of(text: str) -> float:
    """The float that a text of one stands for."""
    return float(text.replace("−", "-"))


def index_text(index: Iterable[int]) -> str:
    """2, or 1,0."""
    return ",".join(map(str, index))


def label_of(name: str, index: tuple[int, ...]) -> str:
    """One entry of an array: x2, or x[1,0] with more axes.

    >>> label_of("x", (2,)), label_of("x", (1, 0))
    ('x2', 'x[1,0]')
    """
    return f"{name}{index[0]}" if len(index) == 1 else f"{name}[{index_text(index)}]"


def bytes_text(count: int) -> str:
    """A number of bytes in the largest unit that it fills.

    >>> bytes_text(24), bytes_text(3 * 2**19)
    ('24 bytes', '1.5 MB')
    """
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def to_plain(value: Any) -> Any:
    """Tuples as lists, named ones as dictionaries, and numbers as JSON can hold them."""
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is None:
            return [to_plain(entry) for entry in value]
        return {name: to_plain(entry) for name, entry in zip(fields, value, strict=True)}
    if is_complex(value):
        return {"real": to_plain(float(value.real)), "imag": to_plain(float(value.imag))}
    if _is_float(value):
        return float(value) if math.isfinite(value) else str(value)
    return value if isinstance(value, str | int | None) else str(value)
