"""Pad an array by any boundary rule, any width, any axes: the words of `fs.pad`. `extension.py` has the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import Array, enter
from .carried import bare, check_fill, check_plain, is_labelled, mask_of
from .errors import ParameterError, ShapeError, unknown_word
from .extension import RULES, STATISTICS, Side, extend, fill_axis, fill_like, with_room
from .geometry import (
    check_boundary,
    check_fill_used,
    is_sequence,
    listed,
    normalize_axes,
    per_axis,
    split_sides,
    to_int,
)

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
    boundary : str or callable, or per axis a str or a pair (before, after)
        One for all axes, one per axis, or one per side:

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
    return _cut(_call(boundary, x, sides) if callable(boundary) else extend(x, sides), sides)


# ------------------------------------------------------------------------------ arguments


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
    rules = split_sides("zero" if callable(boundary) else boundary, len(dims), "boundary", _check_rule)
    check_fill(fill_value)
    words = [word for pair in rules for word in pair]
    takes_fill = "constant" in words or "ramp" in words
    if not takes_fill and not callable(boundary):
        check_fill_used(fill_value, words)
    fills = _pairs(fill_value, len(dims), "fill_value", _read_pair) if takes_fill else ((0, 0),) * len(dims)
    windows = _pairs(window, len(dims), "window", _read_pair)
    made = []
    for dim, (lo, hi), pair, fill, spans in zip(dims, widths, rules, fills, windows, strict=True):
        n = x.shape[dim]
        kept = [fill_like(x, v) if word in ("constant", "ramp") else v for v, word in zip(fill, pair, strict=True)]
        sizes = [_read_window(entry, n, pair) for entry in spans]
        _check_axis(n, lo, hi, pair)
        made.append(Side(dim, n, lo, hi, pair, (kept[0], kept[1]), (sizes[0], sizes[1])))
    return made


def _check_rule(word: object, name: str) -> str:
    return word if isinstance(word, str) and word in RULES else check_boundary(word, name, tuple(RULES))


def _check_axis(n: int, lo: int, hi: int, rules: tuple[str, str]) -> None:
    if lo + n + hi < 0:
        raise ShapeError(f"width=({lo}, {hi}) cuts more off than the {n} samples of the axis")
    for width, rule in zip((lo, hi), rules, strict=True):
        if n == 0 and width > 0 and rule not in ("zero", "constant", "empty"):
            raise ShapeError(f"boundary={rule!r} cannot extend an axis of x that has no samples")


def _read_window(entry: Any, n: int, rules: tuple[str, str]) -> int:
    if entry is None:
        return n
    if not set(rules) & set(STATISTICS):
        raise ParameterError(f"window={entry!r} goes with {', '.join(map(repr, STATISTICS))}, not with {rules[0]!r}")
    return min(to_int(entry, "window", 1), n)


# ---------------------------------------------------------------------------- the array


def _cut(y: Array, sides: list[Side]) -> Array:
    """Without the samples that negative widths cut off."""
    region = [slice(None)] * y.ndim
    for one in sides:
        region[one.dim] = slice(max(0, -one.lo), y.shape[one.dim] - max(0, -one.hi))
    return y if all(one.lo >= 0 and one.hi >= 0 for one in sides) else y[tuple(region)].copy(order="A")


def _call(function: Callable[..., Any], x: Array, sides: list[Side]) -> Array:
    """numpy.pad's protocol: each row along each axis, zeros at its ends, changed in place or returned."""
    y, _ = with_room(x, sides)
    for one in sides:
        fill_axis(np.moveaxis(y, one.dim, 0), one)
    for one in sides:
        v = np.moveaxis(y, one.dim, -1)
        for index in np.ndindex(v.shape[:-1]):
            row = function(v[index], (one.before, one.after), one.dim, {})
            if row is not None:
                v[index] = row
    return y
