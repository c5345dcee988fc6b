"""What a file holds, what can go wrong with it, and how numbers are fitted to what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from flipslide.arrays import Array
from flipslide.errors import FlipslideError, MissingExtraError, unknown_word

__all__ = ["Content", "Fitter", "RangeError", "ReadError", "WriteError", "check_size", "fit", "missing", "shorten"]

RANGES = ("clip", "error")


class ReadError(FlipslideError, OSError):
    """A file that cannot be read or decoded."""


class WriteError(FlipslideError, OSError):
    """A file that cannot be written: it exists, or its format cannot hold the data."""


class RangeError(FlipslideError, ValueError):
    """Values that the file's samples cannot hold."""


class Content(NamedTuple):
    """An array with what its file said about it: a sample rate, a bit depth, which axes are which."""

    array: Array
    kind: str  # "audio", "image" or "table"
    details: Mapping[str, Any] = {}


def missing(extra: str, package: str) -> MissingExtraError:
    """The error for a package that is not installed, with the command that installs it."""
    return MissingExtraError(f"this file needs {package}, which is missing; run: pip install 'flipslide[{extra}]'")


#: What a file may grow to in memory without a question, and how many bytes one byte of it may stand for beyond that.
#: Deflate reaches 1032, runs of one value in other compressions more; a header that was damaged asks for any number.
FREE_BYTES, LARGEST_RATIO = 1 << 26, 20_000


def check_size(wanted: int, there: int) -> None:
    """An error for a header that promises far more than its file can hold."""
    if wanted > max(FREE_BYTES, LARGEST_RATIO * there):
        raise ReadError(f"its header promises {wanted} bytes, which a file of {there} bytes cannot hold; it is damaged")


def shorten(text: str, most: int = 40) -> str:
    """The text as Python writes it, without its end where it is long."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"


def fit(values: Array, dtype: np.dtype[Any], policy: str = "clip") -> tuple[Array, str]:
    """`values` in a dtype, rounded half to even, and a sentence on what was lost ("" if nothing).

    >>> fit(np.array([-3.0, 0.5, 1.5, 300.0]), np.dtype(np.uint8))[0]
    array([  0,   0,   2, 255], dtype=uint8)
    """
    fitter = Fitter(dtype, policy)
    return fitter(values), fitter.lost()


class Fitter:
    """The same for values that come in pieces; what was lost is told of all of them."""

    def __init__(self, dtype: np.dtype[Any], policy: str = "clip") -> None:
        if policy not in RANGES:
            raise unknown_word("range", policy, RANGES)
        self._dtype, self._policy = dtype, policy
        most: Any = np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max
        least: Any = -most if dtype.kind == "f" else np.iinfo(dtype).min
        self._limits = float(least), float(most)
        self._count, self._size, self._lowest, self._highest = 0, 0, np.inf, -np.inf

    def __call__(self, values: Array) -> Array:
        self._size += values.size
        if self._dtype.kind == "f":
            return self._fit_floats(values)
        _refuse_nan(values, self._dtype)
        limits = np.iinfo(self._dtype)
        rounded = np.rint(values) if values.dtype.kind == "f" else values
        self._count_outside(rounded, (rounded < limits.min) | (rounded > limits.max))
        return np.clip(rounded, limits.min, limits.max).astype(self._dtype)

    def _fit_floats(self, values: Array) -> Array:
        with np.errstate(over="ignore"):
            fitted = values.astype(self._dtype)
        lost = np.isinf(fitted) & np.isfinite(values)
        self._count_outside(np.where(lost, values, 0), lost)
        return fitted

    def _count_outside(self, values: Array, outside: Array) -> None:
        if outside.any():
            self._count += int(np.count_nonzero(outside))
            self._lowest = min(self._lowest, float(values.min()))
            self._highest = max(self._highest, float(values.max()))

    def lost(self) -> str:
        """How many values lay outside, and how far; an error if that is not allowed."""
        if not self._count:
            return ""
        low, high = self._limits
        found = (
            f"{self._count} of {self._size} values lie outside {low:g} … {high:g} "
            f"(lowest {self._lowest:g}, highest {self._highest:g})"
        )
        if self._policy == "error":
            raise RangeError(f"{found}. --range clip cuts them off, -o OUT.npy keeps them")
        return f"{found} and were clipped"


def _refuse_nan(values: Array, dtype: np.dtype[Any]) -> None:
    if values.dtype.kind == "f" and np.isnan(values).any():
        count = int(np.isnan(values).sum())
        raise RangeError(f"{count} of {values.size} values are NaN, which {dtype} cannot hold; -o OUT.npy keeps them")
