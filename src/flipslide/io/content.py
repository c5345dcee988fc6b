"""What a file holds, what can go wrong with it, and how numbers are fitted to what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from flipslide.arrays import Array
from flipslide.errors import FlipslideError, MissingExtraError, unknown_word

__all__ = ["Content", "RangeError", "ReadError", "WriteError", "check_size", "fit", "missing", "shorten"]

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
    if policy not in RANGES:
        raise unknown_word("range", policy, RANGES)
    if dtype.kind == "f":
        return _fit_float(values, dtype, policy)
    _refuse_nan(values, dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(values) if values.dtype.kind == "f" else values
    return np.clip(rounded, limits.min, limits.max).astype(dtype), _outside(rounded, limits.min, limits.max, policy)


def _fit_float(values: Array, dtype: np.dtype[Any], policy: str) -> tuple[Array, str]:
    with np.errstate(over="ignore"):
        fitted = values.astype(dtype)
    largest = float(np.finfo(dtype).max)
    lost = np.isinf(fitted) & np.isfinite(values)
    return fitted, _outside(np.where(lost, values, 0), -largest, largest, policy) if lost.any() else ""


def _refuse_nan(values: Array, dtype: np.dtype[Any]) -> None:
    if values.dtype.kind == "f" and np.isnan(values).any():
        count = int(np.isnan(values).sum())
        raise RangeError(f"{count} of {values.size} values are NaN, which {dtype} cannot hold; -o OUT.npy keeps them")


def _outside(values: Array, low: float, high: float, policy: str) -> str:
    """How many values lie outside [low, high], and how far; an error if that is not allowed."""
    count = int(np.count_nonzero((values < low) | (values > high)))
    if not count:
        return ""
    found = (
        f"{count} of {values.size} values lie outside {low:g} … {high:g} "
        f"(lowest {values.min():g}, highest {values.max():g})"
    )
    if policy == "error":
        raise RangeError(f"{found}. --range clip cuts them off, -o OUT.npy keeps them")
    return f"{found} and were clipped"
