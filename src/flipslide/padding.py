"""Pad an array by any boundary rule, any width, any axes.

Axis by axis, the samples of x stay in the middle of one array, and a rule writes what stands before
and after them. A rule is a row of `RULES`: the middle with the axis in front, the two widths, and
what the call says about that axis, to the two pieces.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, enter
from .carried import bare, check_elements, check_fill, check_plain, is_labelled, is_lost, mask_of
from .errors import DtypeError, IntegerOverflowError, ParameterError, ShapeError, unknown_word
from .geometry import check_boundary, check_fill_used, is_sequence, listed, normalize_axes, per_axis, to_int

__all__ = ["pad"]

SIDES = ("both", "pre", "post")


def pad(
    x: Any,
    width: Any,
    boundary: Any = "zero",
    *,
    fill_value: Any = 0,
    window: Any = None,
    side: str = "both",
    axes: Any = None,
) -> Array:
    """x with `width` more samples on each side of each axis, made by a boundary rule.

        y[i] = x̃[i − lo],   i = 0 … lo + N + hi − 1

    Parameters
    ----------
    x : array_like
        Of any dtype, texts and dates among them; only rules that count need numbers.
    width : int, or per axis an int or a pair (lo, hi)
        Samples to add; wider than x is fine, the rule simply goes on. Negative widths cut off.
    boundary : str or callable, or a tuple of str
        One for all axes or one per axis:

        "zero", "constant" (fill_value), "edge", "symmetric" (d c b a | a b c d | d c b a),
        "mirror" (d c b | a b c d | c b a), "wrap";
        "odd_symmetric" and "odd_mirror", the same about the first and last sample, 2a − b, 2a − c, …;
        "antisymmetric" (−b −a | a b c d | −d −c), "smooth" (a straight line on through the last two samples),
        "line" (through the first and the last);
        "ramp" (from the edge to fill_value in equal steps);
        "mean", "median", "minimum", "maximum" (of the `window` samples at that side);
        "empty" (whatever is in memory).

        A function is called as numpy.pad calls it, f(row, (lo, hi), axis, {}), on rows with zeros at their ends.
    fill_value : number, or per axis a number or a pair (lo, hi)
        For "constant" and "ramp"; it must be representable in x's dtype.
    window : int, or per axis an int or a pair (lo, hi), optional
        How many samples the statistics are of; by default all.
    side : {"both", "pre", "post"}
        Where an int width goes; MATLAB's padarray has the same words.
    axes : int or tuple of int, optional
        The axes to pad; by default all.

    Returns
    -------
    ndarray
        Of x's dtype, in Fortran's order where x is. Means of integers are rounded to the nearest, half to even.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, IntegerOverflowError

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.pad([1, 2, 3], 2, "mirror")
    array([3, 2, 1, 2, 3, 2, 1])
    >>> fs.pad([[1, 2], [3, 4]], ((0, 1), (2, 0)), "edge")
    array([[1, 1, 1, 2],
           [3, 3, 3, 4],
           [3, 3, 3, 4]])
    >>> fs.pad([1, 2, 4], 2, "odd_mirror")
    array([-2,  0,  1,  2,  4,  6,  7])
    >>> fs.pad([1, 2, 3, 4], (-1, 2), "edge")
    array([2, 3, 4, 4, 4])
    """
    x = _enter_any(x)
    dims = tuple(range(x.ndim)) if axes is None else normalize_axes(axes, x.ndim)
    if side not in SIDES:
        raise unknown_word("side", side, SIDES)
    sides = _sides(x, dims, _widths(width, len(dims), side), fill_value, boundary, window)
    y, middle = _with_room(x, sides)
    if callable(boundary):
        _call(boundary, y, sides)
        return _cut(y, sides)
    for place, one in enumerate(sides):
        region = list(middle)
        for done in sides[: place + 1]:
            region[done.dim] = slice(None)
        _fill_axis(np.moveaxis(y[tuple(region)], one.dim, 0), one)
    return _cut(y, sides)


# ------------------------------------------------------------------------------ arguments


class Side(NamedTuple):
    """One axis, and what the call says about both of its ends."""

    dim: int
    n: int
    lo: int  # below 0: so many samples are cut off
    hi: int
    rule: str
    fills: tuple[Any, Any]
    windows: tuple[int, int]

    @property
    def before(self) -> int:
        return max(self.lo, 0)

    @property
    def after(self) -> int:
        return max(self.hi, 0)


def _enter_any(value: Any) -> Array:
    """An array of any dtype: nothing is multiplied here."""
    inside = bare(value) if is_labelled(value) else value
    if isinstance(inside, np.ndarray) and mask_of(inside) is None:
        check_plain(inside, "x")
        plain = np.asarray(inside)
        return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))
    return enter(value, "x")


def _widths(width: Any, n_axes: int, side: str) -> tuple[tuple[int, int], ...]:
    return _pairs(width, n_axes, "width", lambda entry, name: _read_width(entry, name, side))


def _pairs(value: Any, n_axes: int, name: str, read: Callable[[Any, str], Any]) -> tuple[Any, ...]:
    """One entry per axis; of a single axis, a pair alone is its two sides."""
    value = listed(value)
    if n_axes == 1 and is_sequence(value) and len(value) == 2 and not is_sequence(value[0]):
        value = (value,)
    return per_axis(value, n_axes, name, read)


def _read_width(entry: Any, name: str, side: str) -> tuple[int, int]:
    if not is_sequence(entry):
        n = to_int(entry, name)
        return (n if side != "post" else 0), (n if side != "pre" else 0)
    if side != "both":
        raise ParameterError(f"width={entry!r} already says both sides; side={side!r} does not go with it")
    lo, hi = _read_pair(entry, name)
    return to_int(lo, name), to_int(hi, name)


def _read_pair(entry: Any, name: str) -> tuple[Any, Any]:
    entry = listed(entry)
    if not is_sequence(entry):
        return entry, entry
    if len(entry) != 2:
        raise ParameterError(f"{name}={entry!r} is not a pair (lo, hi)")
    return entry[0], entry[1]


def _sides(
    x: Array, dims: tuple[int, ...], widths: tuple[tuple[int, int], ...], fill_value: Any, boundary: Any, window: Any
) -> list[Side]:
    rules = ("zero",) * len(dims) if callable(boundary) else per_axis(boundary, len(dims), "boundary", _check_rule)
    check_fill(fill_value)
    takes_fill = "constant" in rules or "ramp" in rules
    if not takes_fill and not callable(boundary):
        check_fill_used(fill_value, rules)
    fills = _pairs(fill_value, len(dims), "fill_value", _read_pair) if takes_fill else ((0, 0),) * len(dims)
    windows = _pairs(window, len(dims), "window", _read_pair)
    made = []
    for dim, (lo, hi), rule, fill, spans in zip(dims, widths, rules, fills, windows, strict=True):
        kept = tuple(_fill_like(x, entry) for entry in fill) if rule in ("constant", "ramp") else fill
        n = x.shape[dim]
        _check_axis(n, lo, hi, rule)
        made.append(Side(dim, n, lo, hi, rule, kept, tuple(_read_window(entry, n, rule) for entry in spans)))  # type: ignore[arg-type]
    return made


def _check_rule(word: object, name: str) -> str:
    return word if isinstance(word, str) and word in RULES else check_boundary(word, name, tuple(RULES))


def _check_axis(n: int, lo: int, hi: int, rule: str) -> None:
    if lo + n + hi < 0:
        raise ShapeError(f"width=({lo}, {hi}) cuts more off than the {n} samples of the axis")
    if n == 0 and max(lo, hi) > 0 and rule not in ("zero", "constant", "empty"):
        raise ShapeError(f"boundary={rule!r} cannot extend an axis of x that has no samples")


def _read_window(entry: Any, n: int, rule: str) -> int:
    if entry is None:
        return n
    if rule not in STATISTICS:
        raise ParameterError(f"window={entry!r} goes with {', '.join(map(repr, STATISTICS))}, not with {rule!r}")
    return min(to_int(entry, "window", 1), n)


def _fill_like(x: Array, fill_value: Any) -> Any:
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


# ---------------------------------------------------------------------------- the array


def _with_room(x: Array, sides: list[Side]) -> tuple[Array, list[slice]]:
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


def _fill_axis(v: Array, one: Side) -> None:
    """Write what stands before and after the middle of the first axis."""
    if not one.before and not one.after:
        return
    middle = v[one.before : one.before + one.n]
    for part, piece in zip((v[: one.before], v[one.before + one.n :]), RULES[one.rule](middle, one), strict=True):
        if piece is not None and len(part):
            part[...] = piece


def _cut(y: Array, sides: list[Side]) -> Array:
    """Without the samples that negative widths cut off."""
    region = [slice(None)] * y.ndim
    for one in sides:
        region[one.dim] = slice(max(0, -one.lo), y.shape[one.dim] - max(0, -one.hi))
    return y if all(one.lo >= 0 and one.hi >= 0 for one in sides) else y[tuple(region)].copy(order="A")


def _call(function: Callable[..., Any], y: Array, sides: list[Side]) -> None:
    """numpy.pad's protocol: each row along each axis, zeros at its ends, changed in place or returned."""
    for one in sides:
        _fill_axis(np.moveaxis(y, one.dim, 0), one)
    for one in sides:
        v = np.moveaxis(y, one.dim, -1)
        for index in np.ndindex(v.shape[:-1]):
            row = function(v[index], (one.before, one.after), one.dim, {})
            if row is not None:
                v[index] = row


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
        wide = middle.astype(object) if middle.dtype.kind in "iu" else middle
        before, after = (_narrow(source(wide, i, one), middle) if len(i) else None for i in _places(one))
        return before, after

    return pieces


def _narrow(values: Array, middle: Array) -> Array:
    if middle.dtype.kind not in "iu" or not values.size:
        return values
    limits, low, high = np.iinfo(middle.dtype), min(values.flat), max(values.flat)
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
    return i.astype(object) if middle.dtype.kind == "O" else i.astype(np.result_type(middle.dtype, np.float32))


def _odd_mirror(x: Array, i: Array, one: Side) -> Array:
    """Odd about both edges: after a whole period 2(n − 1) the rise is twice that from the first to the last."""
    if one.n == 1:
        return x[np.zeros_like(i)]
    period, place = np.divmod(i, 2 * (one.n - 1))
    is_turned = _along(place >= one.n, x) != 0
    straight = x[np.minimum(place, one.n - 1)]
    turned = 2 * x[-1] - x[_mirrored(place, one.n)]
    return np.asarray(np.where(is_turned, turned, straight) + _along(2 * period, x) * (x[-1] - x[0]))


def _odd_symmetric(x: Array, i: Array, one: Side) -> Array:
    """Odd about the edges, each of which is repeated: 2a − a, 2a − b, …"""
    period, place = np.divmod(i, 2 * one.n)
    is_turned = _along(place >= one.n, x) != 0
    straight = x[np.minimum(place, one.n - 1)]
    turned = 2 * x[-1] - x[_doubled(place, one.n)]
    return np.asarray(np.where(is_turned, turned, straight) + _along(2 * period, x) * (x[-1] - x[0]))


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
    rise = x[-1] - x[0]
    if x.dtype.kind != "O":
        return np.asarray(x[0] + _along(i, x) * rise / max(1, one.n - 1))
    steps = _along(i, x) * rise
    if any(step % max(1, one.n - 1) for step in np.asarray(steps).flat):
        raise DtypeError("boundary='line' leaves the integers; convert x to a float dtype first")
    return np.asarray(x[0] + steps // max(1, one.n - 1))


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
