"""Arrays of Python numbers, which stay exact where they are exact."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from ..arrays import Array, enter
from ..spec import Shape

#: Rows in rows: an array as tuples.
Nested = tuple[Any, ...]


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


def freeze_array(array: Any) -> Nested:
    """An array as nested tuples of what it holds."""
    return tuple(array.tolist()) if array.ndim == 1 else tuple(map(freeze_array, array))


def thaw(nested: Nested, shape: Shape) -> Array:
    """Nested tuples as an object array of that shape."""
    array = np.empty(math.prod(shape), dtype=object)
    array[:] = list(flatten(nested)) if array.size else []
    return array.reshape(shape)


def flatten(nested: Any) -> Iterator[Any]:
    """What nested tuples hold, one after another."""
    if not isinstance(nested, tuple):
        yield nested
        return
    for entry in nested:
        yield from flatten(entry)


def shape_of(nested: Any) -> Shape:
    """The shape of nested tuples; what is empty ends it."""
    shape: Shape = ()
    while isinstance(nested, tuple):
        shape += (len(nested),)
        nested = nested[0] if nested else None
    return shape


def conjugate(array: Array) -> Array:
    """The conjugate of each entry."""
    return np.asarray(np.frompyfunc(lambda value: value.conjugate(), 1, 1)(array), dtype=object)


def reverse(array: Array, n_axes: int | None = None) -> Array:
    """The array read backwards along every axis, or along the last `n_axes`."""
    return np.flip(array, tuple(range(-(array.ndim if n_axes is None else n_axes), 0)))


def whole_numbers(array: Array) -> Array:
    """Fractions that are whole as integers, everything else as it is."""
    return np.asarray(np.frompyfunc(_whole, 1, 1)(array), dtype=object)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value
