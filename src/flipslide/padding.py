"""Pad an array by any boundary rule, any width, any axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array, enter
from .carried import check_fill, is_lost
from .errors import DtypeError, ParameterError, ShapeError, unknown_word
from .geometry import (
    check_boundary,
    check_fill_used,
    extend_index,
    is_sequence,
    listed,
    normalize_axes,
    per_axis,
    to_int,
)

__all__ = ["pad"]

SIDES = ("both", "pre", "post")


def pad(
    x: Any, width: Any, boundary: Any = "zero", *, fill_value: Any = 0, side: str = "both", axes: Any = None
) -> Array:
    """x with `width` more samples on each side of each axis, made by a boundary rule.

        y[i] = x̃[i − lo],   i = 0 … lo + N + hi − 1

    Parameters
    ----------
    x : array_like
    width : int, or per axis an int or a pair (lo, hi)
        Samples to add; wider than x is fine, the rule simply goes on.
    boundary : str or tuple of str
        "zero", "constant" (fill_value), "edge", "symmetric" (d c b a | a b c d | d c b a),
        "mirror" (d c b | a b c d | c b a) or "wrap"; one for all axes or one per axis.
    fill_value : number
        For boundary="constant"; it must be representable in x's dtype.
    side : {"both", "pre", "post"}
        Where an int width goes; MATLAB's padarray has the same words.
    axes : int or tuple of int, optional
        The axes to pad; by default all.

    Returns
    -------
    ndarray
        Of x's dtype.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.pad([1, 2, 3], 2, "mirror")
    array([3, 2, 1, 2, 3, 2, 1])
    >>> fs.pad([[1, 2], [3, 4]], ((0, 1), (2, 0)), "edge")
    array([[1, 1, 1, 2],
           [3, 3, 3, 4],
           [3, 3, 3, 4]])
    """
    x = given = enter(x, "x")
    dims = tuple(range(x.ndim)) if axes is None else normalize_axes(axes, x.ndim)
    if side not in SIDES:
        raise unknown_word("side", side, SIDES)
    rules = per_axis(boundary, len(dims), "boundary", check_boundary)
    check_fill_used(fill_value, rules)
    fill = _fill_like(x, fill_value) if "constant" in rules else 0
    for dim, (lo, hi), rule in zip(dims, _widths(width, len(dims), side), rules, strict=True):
        x = _pad_axis(x, dim, lo, hi, rule, fill)
    padded: Array = x.copy() if x is given else x
    return padded


def _widths(width: Any, n_axes: int, side: str) -> tuple[tuple[int, int], ...]:
    width = listed(width)
    if n_axes == 1 and is_sequence(width) and len(width) == 2 and not is_sequence(width[0]):
        width = (width,)
    return per_axis(width, n_axes, "width", lambda entry, name: _read_width(entry, name, side))


def _read_width(entry: Any, name: str, side: str) -> tuple[int, int]:
    if not is_sequence(entry):
        n = to_int(entry, name, 0)
        return (n if side != "post" else 0), (n if side != "pre" else 0)
    if side != "both":
        raise ParameterError(f"width={entry!r} already says both sides; side={side!r} does not go with it")
    if len(entry) != 2:
        raise ParameterError(f"width={entry!r} is not a pair (lo, hi)")
    return to_int(entry[0], name, 0), to_int(entry[1], name, 0)


def _fill_like(x: Array, fill_value: Any) -> Any:
    check_fill(fill_value)
    if x.dtype.kind == "O":
        return fill_value
    fill = np.asarray(fill_value)
    if fill.ndim != 0 or fill.dtype.kind not in "biufcO":
        raise ParameterError(f"fill_value={fill_value!r} is not a number")
    with np.errstate(all="ignore"):
        kept = fill.astype(x.dtype)
    if is_lost(fill, kept):
        raise DtypeError(f"fill_value={fill_value!r} cannot be a sample of {x.dtype}; convert x first")
    return kept[()]


def _pad_axis(x: Array, dim: int, lo: int, hi: int, rule: str, fill: Any) -> Array:
    if lo == hi == 0:
        return x
    n = x.shape[dim]
    if rule not in ("zero", "constant"):
        if n == 0:
            raise ShapeError(f"boundary={rule!r} cannot extend an axis of x that has no samples")
        sources: list[Any] = [extend_index(i, n, rule) for i in range(-lo, n + hi)]
        return x.take(sources, axis=dim)
    shape = list(x.shape)
    shape[dim] = lo + n + hi
    y = np.full(shape, 0 if rule == "zero" else fill, dtype=x.dtype)
    y[(slice(None),) * dim + (slice(lo, lo + n),)] = x
    return y
