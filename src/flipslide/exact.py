"""Numbers that are shown: exact where they can be, and written as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .arrays import Array, enter
from .spec import Shape

__all__ = ["is_complex", "join_sum", "label_of", "number_text", "numbers_of", "pack"]


def numbers_of(value: Any, name: str) -> Array:
    """Python numbers in an object array: exact where the input is; a bool counts as 0 or 1."""
    array = enter(value, name)
    return np.asarray((array.astype(int) if array.dtype.kind == "b" else array).astype(object))


def pack(values: list[Any], shape: Shape) -> Array:
    """Python numbers as an array: int64 where all fit, else the type NumPy finds, else object."""
    if all(isinstance(value, int) for value in values):
        fits = all(abs(value) < 2**63 for value in values)
        return np.array(values, dtype=np.int64 if fits else object).reshape(shape)
    return np.array(values).reshape(shape)


def number_text(value: Any) -> str:
    """A number as it is printed: exact, floats to 6 digits; "·" where there is none yet.

    >>> from fractions import Fraction
    >>> [number_text(v) for v in (None, 7, Fraction(1, 9), 0.5, 0.1 + 0.2, 1 - 2j)]
    ['·', '7', '1/9', '0.5', '0.3', '(1-2j)']
    """
    if value is None:
        return "·"
    if is_complex(value):
        real, imag = (number_text(float(part)).removesuffix(".0") for part in (value.real, value.imag))
        return f"({real}{imag if imag[0] == '-' else '+' + imag}j)"
    if isinstance(value, float | np.floating):
        shortest = str(value)
        return shortest if len(shortest.lstrip("-0.").replace(".", "")) <= 6 else f"{value:.6g}"
    return str(value)


def join_sum(parts: Iterable[str]) -> str:
    """Numbers as a sum: a minus sign takes the place of the plus before it.

    >>> join_sum(["1", "-1", "2"])
    '1 - 1 + 2'
    """
    first, *rest = parts
    return first + "".join(f" - {part[1:]}" if part[0] == "-" else f" + {part}" for part in rest)


def label_of(name: str, index: Shape) -> str:
    """One entry of an array: x2, or x[1,0] with more axes.

    >>> label_of("x", (2,)), label_of("x", (1, 0))
    ('x2', 'x[1,0]')
    """
    return f"{name}{index[0]}" if len(index) == 1 else f"{name}[{','.join(map(str, index))}]"


def is_complex(value: Any) -> bool:
    return isinstance(value, complex | np.complexfloating)
