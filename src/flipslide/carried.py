"""What a value carries besides its numbers: a mask, a unit, labels. It is kept or refused, never dropped.

Nothing here imports the libraries that such values come from: they are known by their attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import DtypeError, ParameterError, ShapeError

__all__ = [
    "axes_of", "bare", "check_elements", "check_fill", "check_plain", "exact_array", "is_labelled",
    "is_lost", "kind_of", "leave", "mask_of", "own_dtype", "unit_of", "with_mask",
]  # fmt: skip

Array = npt.NDArray[Any]


def kind_of(value: Any) -> str:
    """The name of a value's type, with its module where that is not Python itself."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# ------------------------------------------------------------------------------ what it is


def is_labelled(value: Any) -> bool:
    """Whether it has named axes, or an index, as xarray's and pandas' arrays have."""
    return hasattr(value, "iloc") or (hasattr(value, "dims") and hasattr(value, "coords"))


def _is_named(value: Any) -> bool:
    return not hasattr(value, "iloc") and hasattr(value, "dims") and hasattr(value, "coords")


def mask_of(value: Any) -> Array | None:
    """Where the samples of a value are not there, as it says itself; None if it has no mask."""
    if type(value) is np.ndarray or is_labelled(value):
        return None
    mask = getattr(value, "mask", None)
    if mask is None or callable(mask):
        return None
    shape = np.shape(bare(value))
    return np.broadcast_to(np.asarray(mask, dtype=bool), shape)


def unit_of(value: Any) -> Any:
    """The unit of a quantity (Astropy's `unit`, Pint's `units`); None if it has none."""
    if type(value) is np.ndarray or is_labelled(value):
        return None
    unit = getattr(value, "unit", None)
    return getattr(value, "units", None) if unit is None else unit


def bare(value: Any) -> Any:
    """The numbers of a value that keeps them beside its mask or its labels."""
    if isinstance(value, np.ma.MaskedArray):
        return value.data
    if hasattr(value, "unmasked"):  # Astropy's Masked
        return value.unmasked
    if _is_named(value) or hasattr(value, "uncertainty"):  # xarray, NDData
        return value.data
    return value


# ---------------------------------------------------------------------------- what is refused


class Refusal(NamedTuple):
    """A kind of value that is no array of numbers, and what to write instead."""

    applies: Callable[[Any], bool]
    problem: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str | bytes)


def _has_masked_entries(value: Any) -> bool:
    return any(mask_of(entry) is not None for entry in _entries(value, (int, float, complex)))


def _has_quantities(value: Any) -> bool:
    return any(unit_of(entry) is not None for entry in _entries(value, (int, float, complex)))


def _entries(value: Any, plain: tuple[type, ...]) -> Iterator[Any]:
    """The entries of a nest of lists that are not of plain types."""
    if not isinstance(value, list | tuple):
        return
    kinds = set(map(type, value))
    if kinds <= set(plain):
        return
    for entry in value:
        if isinstance(entry, list | tuple):
            yield from _entries(entry, plain)
        elif type(entry) not in plain:
            yield entry


#: {name} is the argument, {kind} the type of the value.
REFUSALS = (
    Refusal(lambda v: v is None, "{name} is None; pass an array or a list of numbers"),
    Refusal(_is_text, "{name} is text, {value}; pass numbers, such as [1, -1, 2]"),
    Refusal(
        lambda v: isinstance(v, set | frozenset),
        "{name} is a {kind}, which has no order; pass a list, or sorted({name})",
    ),
    Refusal(lambda v: isinstance(v, dict), "{name} is a dict; pass its numbers in order, list({name}.values())"),
    Refusal(
        lambda v: hasattr(v, "__next__"),
        "{name} is a {kind}, which can be read only once; pass list({name})",
    ),
    Refusal(lambda v: hasattr(v, "toarray"), "{name} is a sparse matrix ({kind}); pass {name}.toarray()"),
    Refusal(
        lambda v: hasattr(v, "todense") or bool(getattr(v, "is_sparse", False)),
        "{name} is a sparse array ({kind}); pass {name}.todense() or {name}.to_dense()",
    ),
    Refusal(
        lambda v: hasattr(v, "__dask_graph__"),
        "{name} is a dask array, all of which would be computed and held in memory at once; "
        "pass memory='512MB' to work block by block, or {name}.compute()",
    ),
    Refusal(
        lambda v: getattr(v, "requires_grad", False) is True,
        "{name} is a tensor that requires a gradient, which would be lost; pass {name}.detach()",
    ),
    Refusal(
        lambda v: unit_of(v) is not None,
        "{name} has the unit {unit}, which would be dropped; pass its numbers ({name}.value, {name}.magnitude or "
        "{name}.data) and multiply the result by the unit",
    ),
    Refusal(
        _has_quantities,
        "{name} is a list of quantities, whose units would be dropped; pass their numbers and multiply the result "
        "by the unit",
    ),
    Refusal(
        lambda v: getattr(v, "uncertainty", None) is not None,
        "{name} carries an uncertainty, which would be dropped; pass {name}.data, and convolve the variances with w**2",
    ),
    Refusal(
        _has_masked_entries,
        "{name} is a list with masked arrays, whose masks would be ignored; pass np.ma.stack({name})",
    ),
)


def check_plain(value: Any, name: str) -> None:
    """An error for a value that is no array of numbers, or that carries what would be dropped."""
    for refusal in REFUSALS:
        if refusal.applies(value):
            words = dict(name=name, kind=kind_of(value), value=repr(value)[:40], unit=unit_of(value))
            raise DtypeError(refusal.problem.format_map(words))


def check_elements(array: Array, name: str) -> None:
    """An error for an object array with an element that cannot be multiplied and added."""
    for place, element in enumerate(array.flat):
        if not _is_number(element):
            raise DtypeError(_not_a_number(array, place, element, name))


def _is_number(element: Any) -> bool:
    return (
        hasattr(element, "__mul__")
        and hasattr(element, "__add__")
        and not isinstance(element, str | bytes | list | tuple | np.ma.MaskedArray)
        and type(element).__name__ not in ("NAType", "NaTType")
    )


def _not_a_number(array: Array, place: int, element: Any, name: str) -> str:
    if array.ndim == 0:
        return f"{name} is of type {kind_of(element)}, which is no array of numbers; pass an array or a list of numbers"
    index = ", ".join(map(str, np.unravel_index(place, array.shape)))
    remedy = "; write np.nan where a sample is missing" if element is None or "NA" in repr(element) else ""
    return f"{name}[{index}] is {element!r} ({kind_of(element)}), which is not a number{remedy}"


# -------------------------------------------------------------------------------- integers


def exact_array(value: Any) -> Array:
    """A nest of lists as an array, in which integers stay integers.

    numpy.asarray makes float64 of integers on both sides of 2^63, so that their last digits are gone.

    >>> exact_array([2**63 + 1, 1])
    array([9223372036854775809,                   1], dtype=uint64)
    >>> exact_array([2**63 + 1, -1])
    array([9223372036854775809, -1], dtype=object)
    """
    array = np.asarray(value)
    if array.dtype != np.float64 or not isinstance(value, list | tuple) or not _all_integers(value):
        return array
    exact = np.asarray(value, dtype=object)
    if exact.size and min(exact.flat) >= 0 and max(exact.flat) < 2**64:
        return exact.astype(np.uint64)
    return exact


def _all_integers(value: Any) -> bool:
    if not isinstance(value, list | tuple):
        return isinstance(value, int | np.integer) or getattr(getattr(value, "dtype", None), "kind", "f") in "biu"
    return len(value) > 0 and all(map(_all_integers, value))


# --------------------------------------------------------------------------------- leaving


def leave(y: Array, x: Any, w: Any, out: Any = None) -> Any:
    """The result as x came: with its labels where they still fit."""
    if out is not None:
        return out
    if hasattr(x, "iloc"):
        return _relabel_table(y, x)
    return _relabel_axes(y, x) if _is_named(x) else y


def with_mask(y: Array, mask: Array, x: Any) -> Any:
    """The result with its mask, in the kind of masked array that x is."""
    if not isinstance(x, np.ma.MaskedArray) and hasattr(type(x), "from_unmasked"):
        return type(x).from_unmasked(y, mask=mask)
    if hasattr(x, "uncertainty"):
        return type(x)(y, mask=mask, meta=x.meta, wcs=x.wcs if y.shape == np.shape(x.data) else None)
    return np.ma.MaskedArray(y, mask=mask)


def own_dtype(x: Any, w: Any) -> Any:
    """The dtype of a result that the engine does not know itself, where both arrays came in it; else None."""
    return x.dtype if _is_bfloat16(x) and _is_bfloat16(w) else None


def _is_bfloat16(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.name == "bfloat16"


def _relabel_table(y: Array, x: Any) -> Any:
    """A Series or a DataFrame like x; the bare array where its shape is another."""
    if y.shape != x.shape:
        return y
    words = dict(index=x.index, columns=x.columns) if y.ndim == 2 else dict(index=x.index, name=x.name)
    table = type(x)(y, **words)
    table.attrs = dict(x.attrs)
    return table


def _relabel_axes(y: Array, x: Any) -> Any:
    """A DataArray with the axes of x, and the coordinates of those that kept their size."""
    kept = {dim for dim, before, after in zip(x.dims, x.shape, y.shape, strict=True) if before == after}
    coords = {name: coord for name, coord in x.coords.items() if set(coord.dims) <= kept}
    return type(x)(y, dims=x.dims, coords=coords, name=x.name, attrs=x.attrs)


def axes_of(x: Any, axes: Any) -> Any:
    """Axes by number, also where x has names for them."""
    if not _is_named(x) or axes is None:
        return axes
    names = axes if isinstance(axes, tuple | list) else (axes,)
    for name in names:
        if isinstance(name, str) and name not in x.dims:
            raise ShapeError(f"axes={axes!r} names {name!r}, and x has the axes {tuple(x.dims)}")
    return tuple(x.dims.index(name) if isinstance(name, str) else name for name in names)


def check_fill(fill: Any, name: str = "fill_value") -> None:
    """An error for a fill value that carries what would be dropped."""
    if isinstance(fill, int | float | complex):
        return
    if mask_of(fill) is not None:
        raise ParameterError(f"{name} is masked; pass the number that stands there")
    if unit_of(fill) is not None:
        raise ParameterError(f"{name}={fill!r} has a unit; pass a number in the unit of x")


def is_lost(number: Array, kept: Array) -> bool:
    """Whether a number is another one in the dtype of `kept`: more than rounded."""
    if kept.dtype.kind in "biu":
        return bool(kept != number)
    if number.dtype.kind == "c" and kept.dtype.kind == "f":
        return True
    return bool(np.isfinite(number.astype(complex)) and not np.isfinite(kept))
