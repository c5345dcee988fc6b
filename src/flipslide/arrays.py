"""The rim: any array in, a plain NumPy array for the engine, and the arithmetic of a pair.

What the engine may rely on afterwards: native byte order, a numeric dtype, at least one
axis. What a caller may rely on: the result's dtype is NumPy's promotion of the inputs,
nothing masked is unmasked, nothing is cast in silence.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .carried import bare, check_elements, check_plain, exact_array, is_labelled, is_lost, kind_of, mask_of, unit_of
from .errors import DtypeError, IntegerOverflowError, ParameterError, ShapeError, unknown_word

__all__ = [
    "Arithmetic",
    "arithmetic_of",
    "check_fill_fits",
    "check_out",
    "enter",
    "freeze",
    "narrow",
    "out_dtype",
    "overflow_error",
    "overlaps",
    "widen",
]

Array = npt.NDArray[Any]

OVERFLOWS = ("raise", "wrap", "saturate")

#: How a float becomes an integer, in the order of FsRounding in `cpp/microkernels/microkernel.hpp`.
ROUNDINGS = ("half_even", "half_away", "toward_zero")


class Arithmetic(NamedTuple):
    """In which types a pair of arrays is read, summed and returned."""

    x: np.dtype[Any]  # as the engine reads it; the rim casts where this differs from the array
    w: np.dtype[Any]
    y: np.dtype[Any]
    sum: np.dtype[Any]
    compiled: bool  # False: only NumPy itself can do it (object, longdouble)
    overflow: str
    checks_bound: bool
    stored: np.dtype[Any] | None = None  # the result's, where sums are stored in another type than y
    rounding: str | None = None  # to integers: a row of storing.ROUNDINGS
    rounds_once: bool = False  # the exact sum, to y; `sum` is double precision

    @property
    def result(self) -> np.dtype[Any]:
        return self.y if self.stored is None else self.stored

    def exactly(self) -> Arithmetic:
        """The same with each sum rounded once, where sums are rounded at all."""
        if self.y.kind not in "fc" or self.checks_bound:
            return self
        if not self.compiled:
            raise ParameterError(
                f"accuracy='correct' is for float16, float32, float64 and complex numbers of them, not {self.y}; "
                "convert the arrays to one of these, or use accuracy='strict'"
            )
        if self.stored is not None and not np.can_cast(self.y, self.stored, "safe"):
            raise ParameterError(
                f"accuracy='correct' rounds once, to {self.y}, and a result of {self.stored} would be rounded again; "
                f"use an out= of {self.y}"
            )
        wide = np.dtype(np.complex128 if self.is_complex else np.float64)
        return self._replace(sum=wide, rounds_once=True)

    @property
    def summed(self) -> Arithmetic:
        """Without the last rounding, as the sums are planned and made."""
        return self._replace(y=self.sum) if self.rounds_once else self

    @property
    def is_complex(self) -> bool:
        return self.sum.kind == "c"

    @property
    def unit_roundoff(self) -> float:
        """Half the distance from 1 to the next number of the sum; 0 where sums are exact."""
        return float(np.finfo(self.sum).eps) / 2 if self.sum.kind in "fc" else 0.0


# -------------------------------------------------------------------------------- entering


def enter(value: Any, name: str) -> Array:
    """`value` as a NumPy array that the engine can read."""
    array = value if type(value) is np.ndarray else _as_array(value, name)
    if array.dtype.kind not in "biufc":
        array = _as_numbers(array, name)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def _as_array(value: Any, name: str) -> Array:
    """Anything that is an array, or lists of numbers, without what it carries besides."""
    value = bare(value) if is_labelled(value) else value
    check_plain(value, name)
    mask = mask_of(value)
    if mask is not None and mask.any():
        raise DtypeError(
            f"{name} is a masked array and its mask would be ignored; "
            f"pass {name}.filled(value) to say what stands there"
        )
    try:
        return exact_array(_as_single(bare(value)))
    except ValueError as error:
        raise ShapeError(f"{name} is not a rectangular array: {error}") from None
    except (TypeError, RuntimeError, OverflowError) as error:
        raise DtypeError(f"{name} is of type {kind_of(value)}, which NumPy cannot read as an array: {error}") from None


def _as_single(value: Any) -> Any:
    """A tensor of bfloat16, which NumPy has no dtype for, in float32, which holds each of its numbers."""
    return value.float() if str(getattr(value, "dtype", "")) == "torch.bfloat16" else value


def _as_numbers(array: Array, name: str) -> Array:
    """An array of objects or of a dtype that NumPy does not have itself, if it can be multiplied and added."""
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype.kind == "O":
        check_elements(array, name)
        return array
    remedy = f"name one of its fields, {name}[{array.dtype.names[0]!r}]" if array.dtype.names else "use numbers"
    if array.dtype.kind == "V" and not array.dtype.names:
        remedy = f"pass {name}.astype(np.float32)"
    raise DtypeError(f"{name} has dtype {array.dtype}, which cannot be multiplied and added; {remedy}")


def freeze(value: Any) -> Any:
    """Lists as tuples and arrays as Python values, so that a call can be remembered."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(freeze(entry) for entry in value) if isinstance(value, list | tuple) else value


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """`out`, if the result can be written there."""
    if not isinstance(out, np.ndarray):
        raise DtypeError(f"out must be a NumPy array, not {type(out).__name__}")
    if mask_of(out) is not None or unit_of(out) is not None:
        raise DtypeError(
            f"out is of type {kind_of(out)}, whose mask or unit would stay as it is; pass the array inside"
        )
    if out.shape != shape:
        raise ShapeError(f"out has shape {out.shape}, the result has shape {shape}")
    if out.dtype.newbyteorder("=") != dtype:
        raise DtypeError(f"out has dtype {out.dtype}, the result has dtype {dtype}")
    if not out.flags.writeable:
        raise ParameterError("out is read-only")
    return out


def out_dtype(out: Any) -> np.dtype[Any] | None:
    """The dtype that `out` stores, in native order; None where there is no such array."""
    return out.dtype.newbyteorder("=") if isinstance(out, np.ndarray) else None


def overlaps(out: Array, inputs: tuple[Any, ...]) -> bool:
    """Whether writing to `out` would change what is still to be read."""
    return any(isinstance(array, np.ndarray) and _share_memory(out, array) for array in inputs)


def check_fill_fits(fill: Any, dtype: np.dtype[Any]) -> None:
    """An error for a finite fill value that is infinite in the result's dtype."""
    number = np.asarray(fill)
    if number.ndim:
        raise ParameterError(f"fill_value={fill!r} is not a number")
    if dtype.kind not in "fc" or number.dtype.kind not in "iufc":
        return
    with np.errstate(over="ignore"):
        kept = number.astype(np.result_type(dtype, np.complex64) if number.dtype.kind == "c" else dtype)
    if is_lost(number, kept):
        raise DtypeError(f"fill_value={fill!r} is beyond the largest {dtype}; convert x to a wider dtype first")


def _share_memory(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):  # their ends tell, nearly always
        return False
    try:
        return bool(np.shares_memory(a, b, max_work=10_000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


# ------------------------------------------------------------------------------ arithmetic


@lru_cache(maxsize=1024)
def arithmetic_of(
    x: np.dtype[Any],
    w: np.dtype[Any],
    dtype: Any = None,
    overflow: str = "raise",
    rounding: str | None = None,
    into: np.dtype[Any] | None = None,
) -> Arithmetic:
    """How two dtypes are convolved.

    Floats are summed in the result's type (float16 in float32), integers modulo 2^32 or
    2^64, which is exact because the bound max|x|·Σ|w| is checked against the result's type.

    `into` is the dtype of an array that the result is written to. A float sum becomes an integer, there or by
    `dtype`, as `rounding` says.
    """
    if overflow not in OVERFLOWS:
        raise unknown_word("overflow", overflow, OVERFLOWS)
    if rounding is not None and rounding not in ROUNDINGS:
        raise unknown_word("rounding", rounding, ROUNDINGS)
    promoted = np.result_type(x, w)
    summed, stored = (promoted, promoted) if dtype is None else _requested(promoted, dtype, rounding)
    if into is not None and into != stored:
        stored = _stored_in(into, stored, rounding)
        summed = stored if summed.kind in "iu" and stored.kind in "iu" else summed
    if rounding is not None and stored.kind not in "biu":
        raise ParameterError(
            f"rounding={rounding!r} says how a sum becomes an integer and the result is {stored}; pass dtype=np.uint8, "
            "or whichever integers are wanted, or an out= of them"
        )
    if summed == np.float16 and stored != summed:
        summed = np.dtype(np.float32)  # rounded once, not twice
    numbers = _summed_in(x, w, summed, overflow, dtype)
    return numbers if stored == numbers.y else numbers._replace(stored=stored, rounding=rounding)


def _summed_in(x: np.dtype[Any], w: np.dtype[Any], y: np.dtype[Any], overflow: str, dtype: Any) -> Arithmetic:
    """The arithmetic of a sum of dtype y, which the call asked for by `dtype`, or not."""
    integers = x.kind in "biu" and w.kind in "biu"
    if y.kind == "O" or y.itemsize > (16 if y.kind == "c" else 8):
        return Arithmetic(y, y, y, y, False, overflow, False)
    if y.kind == "c":
        return Arithmetic(y, y, y, y, True, overflow, False)
    if y.kind == "f":
        total = np.dtype(np.float32) if y.itemsize == 2 else y
        # Integers that promote to a float (uint64 with int64) are still promised to be exact.
        promised = integers and dtype is None and overflow == "raise"
        return Arithmetic(_readable(x, total), _readable(w, total), y, total, True, overflow, promised)
    wide = y.itemsize == 8 or overflow == "saturate"
    total = np.dtype(np.int64 if wide else np.int32)
    return Arithmetic(x, w, y, total, True, overflow, overflow != "wrap" and y.kind != "b")


def _requested(promoted: np.dtype[Any], dtype: Any, rounding: str | None) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """What is summed in and what is stored, for a call's `dtype=`."""
    try:
        wanted = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise DtypeError(f"dtype={dtype!r} is not a dtype") from None
    if wanted.name == "bfloat16" and promoted.kind in "biuf":
        return np.dtype(np.float32), wanted
    if wanted.kind not in "biufcO":
        raise DtypeError(f"dtype={wanted} cannot hold a sum of products; use a numeric dtype")
    if promoted.kind == "f" and wanted.kind in "biu" and rounding is not None:
        return promoted, wanted
    both_integers = promoted.kind in "iu" and wanted.kind in "iu"
    if not both_integers and not np.can_cast(promoted, wanted, "same_kind"):
        remedy = _rounding_remedy(promoted, wanted)
        raise DtypeError(f"dtype={wanted} would drop part of a {promoted} result; {remedy}")
    return wanted, wanted


def _rounding_remedy(have: np.dtype[Any], wanted: np.dtype[Any]) -> str:
    if have.kind == "f" and wanted.kind in "biu":
        return f"say how it is rounded, rounding={' or '.join(map(repr, ROUNDINGS))}"
    return "convert the inputs or the result yourself"


def _stored_in(into: np.dtype[Any], have: np.dtype[Any], rounding: str | None) -> np.dtype[Any]:
    """The dtype of `out`, if a result can become one of it."""
    can = into.name == "bfloat16" and have.kind in "biuf"
    can = can or (have.kind == "f" and into.kind in "biu" and rounding is not None)
    can = can or (have.kind in "iu" and into.kind in "iu") or np.can_cast(have, into, "same_kind")
    if not can:
        remedy = _rounding_remedy(have, into)
        raise DtypeError(f"out has dtype {into}, which would drop part of a {have} result; {remedy}")
    return into


def _readable(given: np.dtype[Any], total: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype itself where the engine widens it while loading, else the sum's."""
    return given if given.kind in "biu" or given.itemsize <= total.itemsize else total


def widen(array: Array) -> Array:
    """The array in a type that many of its elements can be added up in."""
    if array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        return array.astype(np.int64)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def narrow(total: Array, terms: Array, most: int) -> Array:
    """A sum of at most `most` elements of `terms`, in their type; integers exactly or an error."""
    dtype = terms.dtype
    if dtype.kind in "iu" and total.size:
        limits = np.iinfo(dtype)
        reach = max(abs(int(total.min())), abs(int(total.max())))
        if dtype.itemsize == 8:
            reach = most * max(abs(int(terms.min())), abs(int(terms.max())))
        if reach > limits.max:
            raise IntegerOverflowError(
                f"a sum reaches {reach}, beyond {limits.max}, the largest {dtype}; convert the arrays to a wider dtype"
            )
    return total.astype(dtype, copy=False)


def overflow_error(arithmetic: Arithmetic, magnitude: int, below_zero: bool) -> IntegerOverflowError:
    """Why an integer result is refused, and the dtype that would hold it."""
    y = arithmetic.y
    if below_zero:
        problem = f"the sum can be negative and {y} cannot"
    else:
        largest = 2 ** (np.finfo(y).nmant + 1) if y.kind == "f" else int(np.iinfo(y).max)
        at_most = largest if arithmetic.overflow != "saturate" else np.iinfo(np.int64).max
        problem = f"the sum can reach max|x|·Σ|w| = {magnitude}, beyond {at_most}, the largest exact {y}"
        if magnitude == 2**64 - 1:
            problem = problem.replace("= ", "≥ ")
    wider = [t for t in (np.int16, np.int32, np.int64) if magnitude <= np.iinfo(t).max]
    remedy = f"dtype=np.{np.dtype(wider[0]).name}" if wider else "dtype=object (exact, slow)"
    choices = "" if arithmetic.overflow == "saturate" else ", or overflow='wrap' or 'saturate'"
    return IntegerOverflowError(f"{problem}; pass {remedy}{choices}")
