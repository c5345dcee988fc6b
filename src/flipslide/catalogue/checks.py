"""What every name of the catalogue refuses: sizes that would fill the memory, numbers that are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..geometry import per_axis

__all__ = ["MAX_TAPS", "Bound", "check_finite", "check_size", "numbers_per_axis", "read_number", "times"]

#: Beyond this many taps a name is taken for a slip of the pen: they would fill 512 MiB.
MAX_TAPS = 1 << 26


class Bound:
    """The numbers that a parameter may have, and how to say so."""

    def __init__(self, holds: Callable[[float], bool], words: str) -> None:
        self.holds, self.words = holds, words


ABOVE_ZERO = Bound(lambda v: 0 < v < MAX_TAPS, f"above 0 and below {MAX_TAPS}")
NOT_NEGATIVE = Bound(lambda v: 0 <= v < MAX_TAPS, f"0 or more and below {MAX_TAPS}")


def read_number(value: Any, name: str, of: str, bound: Bound = ABOVE_ZERO) -> float:
    """A real number within a bound."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{of} needs a number as its {name}, not {value!r}") from None
    if not bound.holds(number):
        raise ParameterError(f"{of} needs a {name} {bound.words}, not {number:g}")
    return number


def numbers_per_axis(value: Any, n_axes: int, name: str, of: str, bound: Bound = ABOVE_ZERO) -> tuple[float, ...]:
    """One real number per axis; a single one stands for all of them."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return per_axis(value, n_axes, name, lambda entry, word: read_number(entry, word, of, bound))


def check_finite(taps: Any, of: str) -> None:
    if not np.isfinite(taps).all():
        raise ParameterError(f"{of} has no finite taps for these parameters; choose others")


def check_size(size: tuple[int, ...], name: str) -> None:
    if not size or min(size) < 1:
        raise ParameterError(f"{name} needs at least one tap along each axis, not {times(size)}")
    if math.prod(size) > MAX_TAPS:
        raise ParameterError(f"{name} would have {times(size)} taps, more than {MAX_TAPS}; make it smaller")


def times(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
