"""Samples around an array, by the rules of `fs.pad`: written where they are needed, axis by axis.

The samples of x stay in the middle of one array, and a rule writes what stands before and after them. A rule is a row
of `RULES`: the middle with the axis in front, and what the call says about that axis, to the two pieces.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .arrays import Arithmetic, Array
from .carried import check_elements, check_fill, is_lost
from .errors import DtypeError, IntegerOverflowError, ParameterError, ShapeError
from .geometry import AFFINE, Sides
from .spec import Extension

__all__ = ["RULES", "STATISTICS", "Side", "extend", "fill_axis", "fill_like", "with_room", "write_out", "written_in"]


class Side(NamedTuple):
    """One axis, and what the call says about both of its ends."""

    dim: int
    n: int
    lo: int  # below 0: so many samples are cut off
    hi: int
    rules: tuple[str, str]
    fills: tuple[Any, Any]
    windows: tuple[int, int]
    rule: str = ""  # the one that is being applied

    @property
    def before(self) -> int:
        return max(self.lo, 0)

    @property
    def after(self) -> int:
        return max(self.hi, 0)


def fill_like(x: Array, fill_value: Any) -> Any:
    check_fill(fill_value)
    if x.dtype.kind == "O":
        return fill_value
    fill = np.asarray(np.nan if fill_value is None else fill_value)
    if fill_value is None or fill.ndim != 0 or (x.dtype.kind in "biufc" and fill.dtype.kind not in "biufcO"):
        raise ParameterError(f"fill_value={fill_value!r} is not a number")
    try:
        with np.errstate(all="ignore"):
            kept = fill.astype(x.dtype)
    except (TypeError, ValueError):
        raise DtypeError(f"fill_value={fill_value!r} cannot be a sample of {x.dtype}") from None
    changed = is_lost(fill, kept) if x.dtype.kind in "biufc" else x.dtype.kind in "US" and kept != fill
    if changed:
        raise DtypeError(f"fill_value={fill_value!r} cannot be a sample of {x.dtype}; convert x first")
    return kept[()]


# ---------------------------------------------------------------------------- before a sum


def written_in(extensions: tuple[Extension, ...], x: np.dtype[Any], numbers: Arithmetic) -> np.dtype[Any]:
    """The dtype of x with its extensions: that of the sum where they are sums or numbers, integers in 64 bits."""
    words = {word for one in extensions for word in one.sides[:2]}
    if not words & {*AFFINE, "constant"}:
        return numbers.x
    if x.kind in "biu" and (numbers.sum.kind == "i" or numbers.checks_bound):
        return x if x.itemsize == 8 else np.dtype(np.int64)
    return numbers.sum


def write_out(x: Array, extensions: tuple[Extension, ...]) -> Array:
    """x with the samples that stand outside, axis by axis: what an axis gets extends what the ones before got."""
    return extend(x, [_side_of(x, *extension) for extension in extensions])


def _side_of(x: Array, dim: int, n: int, before: int, after: int, sides: Sides) -> Side:
    rules = sides.before, sides.after
    fills = [fill_like(x, fill) if word == "constant" else 0 for word, fill in zip(rules, sides.fills, strict=True)]
    return Side(dim, n, before, after, rules, (fills[0], fills[1]), (n, n))


# ----------------------------------------------------------------------------- the array


def extend(x: Array, sides: list[Side]) -> Array:
    """x with its sides, which are not cut off yet."""
    y, middle = with_room(x, sides)
    for place, one in enumerate(sides):
        region = list(middle)
        for done in sides[: place + 1]:
            region[done.dim] = slice(None)
        fill_axis(np.moveaxis(y[tuple(region)], one.dim, 0), one)
    return y


def with_room(x: Array, sides: list[Side]) -> tuple[Array, list[slice]]:
    """An array with x in its middle, and where that is."""
    shape, middle = list(x.shape), [slice(None)] * x.ndim
    for one in sides:
        shape[one.dim] = one.before + one.n + one.after
        middle[one.dim] = slice(one.before, one.before + one.n)
    _check_memory(math.prod(shape) * x.dtype.itemsize)
    y = np.empty(shape, x.dtype, order="F" if x.flags.fnc else "C")
    y[tuple(middle)] = x
    return y, middle


def _check_memory(wanted: int) -> None:
    """An error before memory is filled that the machine does not have."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**40
    if wanted > there:
        raise ShapeError(
            f"the padded array would take {wanted / 2**30:.3g} GB, and this machine has {there / 2**30:.3g}"
        )


def fill_axis(v: Array, one: Side) -> None:
    """Write what stands before and after the middle of the first axis."""
    if not one.before and not one.after:
        return
    middle = v[one.before : one.before + one.n]
    parts = v[: one.before], v[one.before + one.n :]
    made = {rule: RULES[rule](middle, one._replace(rule=rule)) for rule in set(one.rules)}
    for side, (part, rule) in enumerate(zip(parts, one.rules, strict=True)):
        piece = made[rule][side]
        if piece is not None and len(part):
            part[...] = piece


# ----------------------------------------------------------------------------- the rules

Pieces = tuple[Any, Any]


def _places(one: Side) -> Iterator[Array]:
    """The indices before and after the samples, counted from the first."""
    yield np.arange(-one.before, 0)
    yield np.arange(one.n, one.n + one.after)


def _mirrored(i: Array, n: int) -> Array:
    if n == 1:
        return np.zeros_like(i)
    i = i % (2 * (n - 1))
    return np.asarray(np.minimum(i, 2 * (n - 1) - i))


def _doubled(i: Array, n: int) -> Array:
    i = i % (2 * n)
    return np.asarray(np.minimum(i, 2 * n - 1 - i))


def _taken(source: Callable[[Array, int], Array]) -> Callable[[Array, Side], Pieces]:
    """A rule that reads samples again."""

    def pieces(middle: Array, one: Side) -> Pieces:
        before, after = (middle[source(i, one.n)] if len(i) else None for i in _places(one))
        return before, after

    return pieces


def _filled(middle: Array, one: Side) -> Pieces:
    return one.fills


def _zeros(middle: Array, one: Side) -> Pieces:
    if middle.dtype.kind in "mM":
        raise DtypeError(f"boundary='zero' means nothing for {middle.dtype}; pass boundary='constant' and a fill_value")
    zero = 0 if middle.dtype.kind == "O" else np.zeros((), middle.dtype)
    return zero, zero


def _empty(middle: Array, one: Side) -> Pieces:
    return None, None


#: By the word: the function of the samples at a side.
STATISTICS: dict[str, Callable[..., Array]] = {
    "mean": np.mean,
    "median": np.median,
    "minimum": np.min,
    "maximum": np.max,
}


def _statistic(middle: Array, one: Side) -> Pieces:
    _check_numbers(middle, one.rule)
    before, after = one.windows
    function = STATISTICS[one.rule]
    values = function(middle[:before], axis=0), function(middle[one.n - after :], axis=0)
    first, last = (np.rint(v) if middle.dtype.kind in "iu" and v.dtype.kind == "f" else v for v in values)
    return first, last


def _ramp(middle: Array, one: Side) -> Pieces:
    _check_numbers(middle, one.rule)
    ends = zip(one.fills, (middle[0], middle[-1]), (one.before, one.after), strict=True)
    before, after = (
        np.linspace(np.full_like(edge, end), edge, num=width, endpoint=False, dtype=middle.dtype)
        for end, edge, width in ends
    )
    return before, after[::-1]


def _affine(source: Callable[[Array, Array, Side], Array]) -> Callable[[Array, Side], Pieces]:
    """A rule that counts with samples; integers are exact or an error."""

    def pieces(middle: Array, one: Side) -> Pieces:
        _check_numbers(middle, one.rule)
        wide = _exact(middle, one)
        before, after = (_narrow(source(wide, i, one), middle) if len(i) else None for i in _places(one))
        return before, after

    return pieces


def _exact(middle: Array, one: Side) -> Array:
    """Integers in a type that holds every sum of them: at most 4·(1 + the distance) samples."""
    if middle.dtype.kind not in "iu":
        return middle
    is_near = max(one.before, one.after) < 2**28
    return middle.astype(np.int64 if middle.dtype.itemsize <= 4 and is_near else object)


def _narrow(values: Array, middle: Array) -> Array:
    if middle.dtype.kind not in "iu" or not values.size:
        return values
    if values.dtype.kind == "O" and any(value != int(value) for value in values.flat):
        raise DtypeError("boundary='line' leaves the integers; convert x to a float dtype first")
    limits, low, high = np.iinfo(middle.dtype), values.min(), values.max()
    if low < limits.min or high > limits.max:
        raise IntegerOverflowError(
            f"the extended samples reach {low if low < limits.min else high}, which {middle.dtype} cannot hold; "
            "convert x to a wider dtype"
        )
    return values.astype(middle.dtype)


def _check_numbers(middle: Array, rule: str) -> None:
    if middle.dtype.kind == "O":
        check_elements(middle, "x")
    if middle.dtype.kind not in "iufcO" and middle.dtype.name != "bfloat16":
        raise DtypeError(f"boundary={rule!r} counts with the samples, and {middle.dtype} are no numbers")


def _along(i: Array, middle: Array) -> Array:
    """Indices as factors for samples with more axes."""
    i = i.reshape((-1,) + (1,) * (middle.ndim - 1))
    return i.astype(middle.dtype if middle.dtype.kind in "iO" else np.result_type(middle.dtype, np.float32))


def _risen(values: Array, period: Array, x: Array) -> Array:
    """Twice the rise from the first to the last sample for each whole period; none of it, be it infinite, for none."""
    if not period.any():
        return values
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(_along(period, x) != 0, values + _along(2 * period, x) * (x[-1] - x[0]), values))


def _from_the_near_end(x: Array, i: Array) -> tuple[Array, Array]:
    """Samples and indices turned around before the first one, so that a sample at the far end takes no part there."""
    return (x[::-1], len(x) - 1 - i) if i[0] < 0 else (x, i)


def _turned(x: Array, places: Array) -> Array:
    """As far above the last sample as those at some places are below it; NaN without a word for infinities."""
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * x[-1] - x[places])


def _odd_mirror(x: Array, i: Array, one: Side) -> Array:
    """Odd about both edges: after a whole period 2(n − 1) the rise is twice that from the first to the last."""
    if one.n == 1:
        return x[np.zeros_like(i)]
    x, i = _from_the_near_end(x, i)
    period, place = np.divmod(i, 2 * (one.n - 1))
    is_turned = _along(place >= one.n, x) != 0
    straight = x[np.minimum(place, one.n - 1)]
    turned = _turned(x, _mirrored(place, one.n))
    return _risen(np.where(is_turned, turned, straight), period, x)


def _odd_symmetric(x: Array, i: Array, one: Side) -> Array:
    """Odd about the edges, each of which is repeated: 2a − a, 2a − b, …"""
    x, i = _from_the_near_end(x, i)
    period, place = np.divmod(i, 2 * one.n)
    is_turned = _along(place >= one.n, x) != 0
    straight = x[np.minimum(place, one.n - 1)]
    turned = _turned(x, _doubled(place, one.n))
    return _risen(np.where(is_turned, turned, straight), period, x)


def _antisymmetric(x: Array, i: Array, one: Side) -> Array:
    is_turned = _along(i % (2 * one.n) >= one.n, x) != 0
    values = x[_doubled(i, one.n)]
    return np.where(is_turned, -values, values)


def _smooth(x: Array, i: Array, one: Side) -> Array:
    """A straight line through the two samples at that side."""
    edge, inner = (0, min(1, one.n - 1)) if i[0] < 0 else (one.n - 1, max(0, one.n - 2))
    return np.asarray(x[edge] + _along(np.abs(i - edge), x) * (x[edge] - x[inner]))


def _line(x: Array, i: Array, one: Side) -> Array:
    """The straight line through the first and the last sample."""
    parts = max(1, one.n - 1)
    steps = np.asarray(_along(i, x) * (x[-1] - x[0]))
    if x.dtype.kind in "fc":
        return np.asarray(x[0] + steps / parts)
    whole, rest = (steps // parts, steps % parts) if x.dtype.kind == "i" else (_divide(steps, parts), np.zeros(1))
    if rest.any():
        raise DtypeError("boundary='line' leaves the integers; convert x to a float dtype first")
    return np.asarray(x[0] + whole)


def _divide(steps: Array, parts: int) -> Array:
    """Numbers of any type, integers as fractions."""
    made = [Fraction(step, parts) if isinstance(step, int) else step / parts for step in steps.flat]
    exact = np.empty(steps.size, object)
    exact[:] = made
    return exact.reshape(steps.shape)


RULES: dict[str, Callable[[Array, Side], Pieces]] = {
    "zero": _zeros,
    "constant": _filled,
    "edge": _taken(lambda i, n: np.clip(i, 0, n - 1)),
    "symmetric": _taken(_doubled),
    "mirror": _taken(_mirrored),
    "wrap": _taken(lambda i, n: i % n),
    "odd_symmetric": _affine(_odd_symmetric),
    "odd_mirror": _affine(_odd_mirror),
    "antisymmetric": _affine(_antisymmetric),
    "smooth": _affine(_smooth),
    "line": _affine(_line),
    "ramp": _ramp,
    **dict.fromkeys(STATISTICS, _statistic),
    "empty": _empty,
}
