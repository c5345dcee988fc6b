"""What all filters share: which axes, in which dtype, by which boundary, and that flat stays flat."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypedDict, cast

import numpy as np

from ..arrays import Array, enter
from ..carried import axes_of, leave
from ..catalogue.smoothing import outer, unit_sum
from ..errors import DtypeError, IntegerOverflowError, ShapeError
from ..geometry import check_boundary, normalize_axes, per_axis
from ..signal import convolve

__all__ = [
    "How",
    "Rule",
    "extends",
    "float_dtype",
    "one_axis",
    "rim",
    "slide",
    "slide_rows",
    "slide_whole",
    "which_axes",
]

P = ParamSpec("P")

#: Rows whose product has more taps than this are applied one after the other.
MOST_TAPS_AT_ONCE = 1 << 16

EXTENDING = ("edge", "symmetric", "mirror", "wrap")


class How(TypedDict, total=False):
    """Keywords of every filter.

    boundary, fill_value : as of `fs.convolve`; "symmetric" (d c b a | a b c d | d c b a) unless given
    dtype : of the result, a float or complex dtype; x's own, or float64 for integers
    threads : as of `fs.convolve`
    """

    boundary: Any
    fill_value: Any
    dtype: Any
    threads: int | None


class Rule(NamedTuple):
    """The same, read."""

    boundary: Any = "symmetric"
    fill_value: Any = 0
    dtype: Any = None
    threads: int | None = None


def rim(run: Callable[Concatenate[Array, P], Array]) -> Callable[Concatenate[Any, P], Any]:
    """A filter that takes any array, axes by name too, and gives the result back as x came."""

    @wraps(run)
    def call(x: Any, *args: P.args, **keywords: P.kwargs) -> Any:
        for word in ("axes", "axis"):
            if word in keywords:
                keywords[word] = axes_of(x, keywords[word])
        return leave(run(enter(x, "x"), *args, **keywords), x, x)

    return cast(Callable[Concatenate[Any, P], Any], call)  # x may be named too, for which there is no notation


def which_axes(x: Array, axes: Any) -> tuple[int, ...]:
    """The axes to filter along, by default all."""
    if x.ndim == 0:
        raise ShapeError("x is a single number; a filter needs at least one axis")
    return tuple(range(x.ndim)) if axes is None else normalize_axes(axes, x.ndim)


def one_axis(x: Array, axis: Any) -> int:
    dims = which_axes(x, axis)
    if len(dims) != 1:
        raise ShapeError(f"this filter slides along one axis, not {len(dims)}: axis={axis!r}; call it once for each")
    return dims[0]


# ------------------------------------------------------------------------------------ dtypes


def float_dtype(x: Array, dtype: Any) -> np.dtype[Any]:
    """The dtype of the result: x's own, float64 for integers, or what was asked for."""
    if dtype is None:
        return np.dtype(np.float64) if x.dtype.kind in "biu" else x.dtype
    wanted: np.dtype[Any] = np.dtype(dtype)
    if wanted.kind not in "fc" and wanted != x.dtype:
        raise DtypeError(
            f"dtype={wanted} cannot hold an average; take the result as floats and round it, np.rint(y).astype(...)"
        )
    return wanted


def sum_dtype(result: np.dtype[Any]) -> np.dtype[Any]:
    """What is summed in: float16 in float32, everything else in itself."""
    return np.dtype(np.float32 if result == np.float16 else result)


def whole_dtype(x: Array) -> np.dtype[Any]:
    """Of exact sums of integers with signs."""
    return np.dtype(np.int32 if x.dtype.itemsize < 4 else np.int64)


def _in_dtype(w: Array, total: np.dtype[Any]) -> Array:
    """Taps in the dtype that sums are made in; those that sum to 1 do so there too."""
    single = total in (np.float32, np.complex64)
    if w.dtype.kind == "c":
        return w.astype(np.complex64 if single else np.complex128, copy=False)
    if single and sums_to_one(w):
        return unit_sum(w, np.float32)
    return w.astype(np.float32 if single else np.float64, copy=False)


def sums_to_one(w: Array) -> bool:
    return w.dtype.kind == "f" and math.fsum(w.flat) == 1


# ----------------------------------------------------------------------------------- sliding


def slide(
    x: Array, w: Array, dims: tuple[int, ...], rule: Rule, *, center: Any = None, averages: bool | None = None
) -> Array:
    """x convolved with taps over `dims`, as large as x."""
    result = float_dtype(x, rule.dtype)
    if w.dtype.kind == "c" and result.kind != "O":
        result = np.result_type(result, np.complex64)
    total = sum_dtype(result)
    y = _convolve(x, _in_dtype(w, total), dims, rule, total, center)
    return _finish(y, x, dims, rule, result, sums_to_one(w) if averages is None else averages)


def slide_whole(x: Array, w: Array, dims: tuple[int, ...], rule: Rule) -> Array:
    """The same with whole taps: exact for integers, in int32 or int64, unless a float is asked for."""
    asked = x.dtype if rule.dtype is None else np.dtype(rule.dtype)
    if x.dtype.kind not in "biu" or asked.kind in "fc":
        return slide(x, w, dims, rule)
    total = whole_dtype(x) if rule.dtype is None else asked
    return _convolve(_signed(x), w.astype(np.int8), dims, rule, total)


def _signed(x: Array) -> Array:
    """uint64 as int64, with which NumPy does not go to floats."""
    if x.dtype != np.uint64:
        return x
    if x.max(initial=0) >= 2**63:
        raise IntegerOverflowError(f"x reaches {x.max()}, beyond 64 bits with a sign; pass dtype=np.float64")
    return x.astype(np.int64)


def slide_rows(x: Array, rows: Mapping[int, Array], rule: Rule) -> Array:
    """x convolved with the product of one row of taps along each axis."""
    result = float_dtype(x, rule.dtype)
    total = sum_dtype(result)
    dims = tuple(rows)
    rules = per_axis(rule.boundary, len(dims), "boundary", check_boundary)
    steps = {
        dim: (_in_dtype(row, total), word)
        for (dim, row), word in zip(rows.items(), rules, strict=True)
        if not (row.size == 1 and row[0] == 1)
    }
    y = _at_once(x, steps, rule, total) if _is_small(steps) else _one_by_one(x, steps, rule, total)
    return _finish(y, x, dims, rule, result, all(map(sums_to_one, rows.values())))


def _is_small(steps: Mapping[int, tuple[Array, str]]) -> bool:
    return bool(steps) and math.prod(row.size for row, _ in steps.values()) <= MOST_TAPS_AT_ONCE


def _at_once(x: Array, steps: Mapping[int, tuple[Array, str]], rule: Rule, total: np.dtype[Any]) -> Array:
    words = tuple(word for _, word in steps.values())
    return _convolve(x, outer([row for row, _ in steps.values()]), tuple(steps), rule._replace(boundary=words), total)


def _one_by_one(x: Array, steps: Mapping[int, tuple[Array, str]], rule: Rule, total: np.dtype[Any]) -> Array:
    """Outside x stands the fill value; after a pass, the fill value times the sum of its taps."""
    y, fill = x.astype(total), rule.fill_value
    for dim, (row, word) in steps.items():
        y = _convolve(y, row, (dim,), rule._replace(boundary=word, fill_value=fill if word == "constant" else 0), total)
        fill = fill * math.fsum(row)
    return y


def _convolve(x: Array, w: Array, dims: tuple[int, ...], rule: Rule, total: np.dtype[Any], center: Any = None) -> Array:
    if x.size == 0:  # nothing to extend, and nothing that could be asked about it
        per_axis(rule.boundary, len(dims), "boundary", check_boundary)
        return np.zeros(x.shape, total)
    y: Array = convolve(
        x, w, "same", axes=dims, boundary=rule.boundary, fill_value=rule.fill_value, center=center,
        dtype=None if total.kind == "O" else total, threads=rule.threads,
    )  # fmt: skip
    return y


def _finish(y: Array, x: Array, dims: tuple[int, ...], rule: Rule, result: np.dtype[Any], averages: bool) -> Array:
    y = y.astype(result, copy=False)
    if averages and x.dtype.kind != "O" and extends(rule):
        _keep_flat(y, x, dims)
    return y


def extends(rule: Rule) -> bool:
    """Whether only samples of x stand outside x."""
    words = rule.boundary if isinstance(rule.boundary, tuple | list) else (rule.boundary,)
    return all(word in EXTENDING for word in words)


def _keep_flat(y: Array, x: Array, dims: tuple[int, ...]) -> None:
    """Where x is the same number c all along `dims`, Σ w·c = c, whatever rounding made of it."""
    if x.size == 0:
        return
    first = x[tuple(slice(0, 1) if dim in dims else slice(None) for dim in range(x.ndim))]
    few = tuple(slice(None, None, max(1, n - 1)) if dim in dims else slice(None) for dim, n in enumerate(x.shape))
    if (x[few] == first).all(axis=dims).any():
        flat = (x == first).all(axis=dims, keepdims=True) & np.isfinite(first)
        np.copyto(y, first, where=flat, casting="unsafe")
