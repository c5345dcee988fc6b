"""A spec and its arithmetic as the core's `Question`: what methods are asked about, and what a Runner computes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from . import _core
from .arrays import Arithmetic, Array
from .errors import DtypeError, ParameterError
from .spec import ConvSpec

__all__ = ["extent_of", "question_of", "read_fill"]

_BOUNDARY_CODES = {name: code for code, name in enumerate(_core.boundaries())}


@lru_cache(maxsize=64)
def question_of(spec: ConvSpec, numbers: Arithmetic, exchanged: bool = False) -> Any:
    """`exchanged`: the spec slides x over w, so that the arrays trade places.

    Kept for a while, as a plan asks the same question again when it is prepared, printed or tuned.
    """
    x, w, y, total = _names_of(numbers)
    fill, magnitude, negative = _fill_of(spec.fill, spec.fill_type, numbers)
    return _core.Question(
        axes=[(*axis[:7], _BOUNDARY_CODES[axis.rule], *axis[8:]) for axis in spec.axes],
        loops=[tuple(loop) for loop in spec.loops],
        conj_x=spec.conj_x,
        conj_w=spec.conj_w,
        types=(w, x, y, total) if exchanged else (x, w, y, total),
        saturate=numbers.overflow == "saturate" and numbers.y.kind in "iu",
        must_be_exact=numbers.checks_bound,
        fill=fill,
        fill_magnitude=magnitude,
        fill_negative=negative,
    )


@lru_cache(maxsize=256)
def _names_of(numbers: Arithmetic) -> tuple[str, str, str, str]:
    """NumPy makes a dtype's name anew each time it is asked, in microseconds."""
    return numbers.x.name, numbers.w.name, numbers.y.name, numbers.sum.name


@lru_cache(maxsize=256)
def _fill_of(fill: Any, fill_type: type, numbers: Arithmetic) -> tuple[bytes, int, bool]:
    """The fill value as bytes of the sum, its magnitude and whether it is negative, where integers are bounded.

    1 and 1.0 are equal, as keys of what is kept; their type tells them apart.
    """
    given = np.atleast_1d(np.asarray(read_fill(fill, numbers)))
    magnitude, negative = extent_of(given) if numbers.checks_bound else (0, False)
    # Modulo 2^32 for integers of 32 bits: the bound knows the whole.
    return given.astype(numbers.sum).tobytes(), magnitude, negative


def read_fill(fill: Any, numbers: Arithmetic) -> Any:
    """The fill value, if the sum's dtype can hold it without loss of meaning."""
    total = numbers.sum
    if total.kind == "O":
        return fill
    value = _number(fill)
    if total.kind in "if" and value.dtype.kind == "c":
        raise DtypeError(f"fill_value={fill!r} is complex and the arrays are not; convert x to a complex dtype first")
    if total.kind == "i":
        whole = np.isfinite(value) and value == np.floor(value) if value.dtype.kind == "f" else value.dtype.kind != "O"
        if not whole or not -(2**63) <= int(value) < 2**63:
            raise DtypeError(
                f"fill_value={fill!r} is not an integer of 64 bits and the arrays are integers; "
                "convert x to a float dtype first"
            )
        return int(value)
    return value[()]


def _number(fill: Any) -> Array:
    """Any number, also a Fraction or a Decimal, as an array of no axes."""
    try:
        value = np.asarray(fill)
        if value.dtype.kind == "O" and not isinstance(fill, int):
            value = np.asarray(float(fill))
        elif value.dtype.kind == "O":
            float(fill)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(f"fill_value={fill!r} is not a number that the arrays can hold") from None
    if value.ndim != 0 or value.dtype.kind not in "biufcO":
        raise ParameterError(f"fill_value={fill!r} is not a number")
    return value


def extent_of(values: Array | None) -> tuple[int, bool]:
    """The largest magnitude among finite numbers, rounded up, and whether one is negative."""
    if values is None or values.size == 0:
        return 0, False
    if values.dtype.kind == "f":
        values = np.array([math.copysign(math.ceil(abs(v)), v) for v in values.ravel() if math.isfinite(v)] or [0])
    low, high = int(values.min()), int(values.max())
    return max(abs(low), abs(high)), low < 0
