"""Sums in the dtype that is wanted: rounded to integers by a rule, wrapped or cut at the ends of its range.

half_even    the nearest integer, of two the even one     OpenCV, IEEE 754
half_away    the nearest, of two the larger magnitude     MATLAB
toward_zero  what stands before the point                 C, NumPy's astype, scipy.ndimage
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from .arrays import ROUNDINGS, Array
from .errors import IntegerOverflowError

__all__ = ["store"]

#: The numbering of FsType and of FsOverflow in `cpp/microkernels/microkernel.hpp`.
_TYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
_OVERFLOWS = {"wrap": 0, "saturate": 1, "raise": 2}


def store(total: Array, out: Array, rounding: str | None = None, overflow: str = "raise", threads: int = 0) -> None:
    """Write sums to an array of another dtype; floats to integers by the rules.

    Where that does not raise, NaN is 0, and an infinity is the end of the range or, wrapped, 0. Floats that are beyond
    a narrower type become infinities without a word, as everywhere.

    >>> out = np.zeros(4, np.uint8)
    >>> store(np.array([1.5, 2.5, -3.0, 300.0]), out, "half_even", "saturate")
    >>> out
    array([  2,   2,   0, 255], dtype=uint8)
    >>> store(np.array([1.5, 2.5, -3.0, 300.0]), out, "toward_zero", "wrap")
    >>> out
    array([  1,   2, 253,  44], dtype=uint8)
    """
    if total.dtype.kind != "f" or out.dtype.kind not in "biu" or rounding is None:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            out[...] = total
        return
    into = out if out.dtype.isnative else np.empty(out.shape, out.dtype.newbyteorder("="))
    if total.dtype.itemsize > 8:
        _store_long(total, into, rounding, overflow)
    else:
        _store_whole(total, into, rounding, overflow, threads)
    if into is not out:
        out[...] = into


def _store_whole(total: Array, out: Array, rounding: str, overflow: str, threads: int) -> None:
    beyond = _core.store_whole(
        total, out, _TYPES.index(out.dtype.name), ROUNDINGS.index(rounding), _OVERFLOWS[overflow], threads
    )
    if beyond is not None:
        raise _beyond(beyond, out.dtype)


def _beyond(value: float, dtype: np.dtype[Any]) -> IntegerOverflowError:
    return IntegerOverflowError(
        f"a sum is {value:g}, which {dtype} cannot hold; pass overflow='saturate' or 'wrap', or a wider dtype"
    )


# ------------------------------------------------------------------------------ longdouble


def _half_away(values: Array) -> Array:
    """v − trunc(v) is exact, so that what is just below a half stays below it."""
    whole = np.trunc(values)
    with np.errstate(invalid="ignore"):  # infinities stay as they are
        step = (np.abs(values - whole) >= 0.5).astype(values.dtype)
    return np.asarray(whole + np.copysign(step, values))


_ROUNDED: dict[str, Callable[[Array], Array]] = {
    "half_even": np.rint,
    "half_away": _half_away,
    "toward_zero": np.trunc,
}


def _store_long(total: Array, out: Array, rounding: str, overflow: str) -> None:
    """The core has no such floats: as Python's integers, one by one."""
    whole = _ROUNDED[rounding](total)
    kind = np.iinfo(out.dtype) if out.dtype.kind != "b" else None
    for place in np.ndindex(whole.shape):
        out[place] = whole[place] != 0 if kind is None else _fit(whole[place], kind, overflow)


def _fit(value: Any, kind: Any, overflow: str) -> int:
    if overflow == "wrap":
        number = int(value) if np.isfinite(value) else 0
        return int((number - kind.min) % 2**kind.bits + kind.min)
    if overflow == "raise" and not kind.min <= value <= kind.max:
        raise _beyond(float(value), kind.dtype)
    if np.isnan(value):
        return 0
    return int(kind.max) if value >= kind.max else int(kind.min) if value <= kind.min else int(value)
