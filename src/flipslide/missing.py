"""Sums over the samples that are there: masks, NaN and edges that count for nothing.

With p[n] = 1 where a sample is there and 0 where none is, a normalised convolution is

    y[m] = Σ_j w[j] · p·x̃ / Σ_j w[j] · p̃

two sums of the engine whatever the method, boundary, dimension or dtype. Three things need care.

- *Nothing there.* Where a window holds no sample with a weight the quotient is 0/0, and a transform's rounding
  would make a number of it. Integers are exact by every method, so that samples are counted as integers
  wherever the weight is too small to tell, and such outputs are NaN.
- *Little there.* A sum is right to within a part of Σ|w|, the weight of a whole window. Where outputs have only
  a small part of that, both sums are made again directly, where each output's error is a part of its own terms.
- *Outside.* The rule that extends x extends p as well; the numbers that "zero" and "constant" put there are
  samples (p = 1), and "renormalize" puts none (p = 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np

from .arrays import Array, arithmetic_of, check_out, enter, out_dtype
from .carried import axes_of, bare, is_labelled, leave, mask_of, with_mask
from .errors import DtypeError, ParameterError, ShapeError, UnknownKeywordError, unknown_word
from .extension import write_out
from .geometry import AFFINE, Sides, is_sequence, listed, normalize_axes, split_sides
from .options import SignalOptions, frozen
from .spec import Extension
from .storing import store

__all__ = ["RENORMALIZE", "MissingWords", "Rules", "are_asked_for", "convolve_present", "read_rules"]

#: The rule of an edge beyond which nothing counts.
RENORMALIZE = "renormalize"

WORDS = ("propagate", "omit", "zero", "raise")

#: The part of a window's weight below which both sums are made again directly, for sums in single precision and in
#: double: the default bound, 2^−17 and 2^−44 of the whole, is then a small part of this one as well.
LITTLE = {4: 2.0**-5, 8: 2.0**-20}

#: The part of a window's weight below which samples are counted: far above any method's rounding.
COUNTED = 2.0**-10

#: A plain sum: (x, w, options) to y.
Total = Callable[[Array, Array, SignalOptions], Array]


class MissingWords(TypedDict, total=False):
    """The keywords of `Rules`, in a call that has any: the others do not pay for them."""

    nan: Literal["propagate", "omit", "zero", "raise"]
    mask: Any
    min_weight: float


class Rules(NamedTuple):
    """What a call says about samples that are missing."""

    nan: str = "propagate"
    mask: Any = None
    min_weight: float = 0.0

    def check(self, is_renormalized: bool) -> None:
        """An error for words and numbers that mean nothing."""
        if self.nan not in WORDS:
            raise unknown_word("nan", self.nan, WORDS)
        try:
            is_share = 0 <= self.min_weight <= 1
        except TypeError:
            is_share = False
        if not is_share:
            raise ParameterError(f"min_weight={self.min_weight!r} is not a part of the taps' weight, 0 … 1")
        if self.min_weight and not is_renormalized and self.mask is None and self.nan != "omit":
            raise ParameterError(
                f"min_weight={self.min_weight} goes with nan='omit', mask= or boundary='renormalize', "
                "which leave something out"
            )


#: Keywords of other libraries, and what to write.
_KEYWORDS = {
    "axis": "axes=",
    "padding": "mode=, or fs.nn.conv, whose padding counts zeros",
    "groups": "fs.nn.conv",
    "bias": "fs.nn.conv",
    "origin": "center=",
    "cval": "boundary='constant', fill_value=",
    "fillvalue": "boundary='constant', fill_value=",
    "strides": "stride=",
    "dilations": "dilation=",
    "nan_treatment": "nan='omit'",
    "where": "mask=, True where a sample is not there",
    "weights": "w, the second argument",
    "up": "upsample=",
    "output": "out=",
}


def read_rules(verb: str, words: Mapping[str, Any]) -> Rules:
    """The rules of a call; an error for a keyword that no call has."""
    for word in words:
        if word not in Rules._fields:
            ours = f"; write {_KEYWORDS[word]}" if word in _KEYWORDS else ""
            raise UnknownKeywordError(f"{verb}() has no keyword {word}={ours}")
    return Rules(**words)


class Present(NamedTuple):
    """The samples of a call: x with 0 where it is not there, and where that is."""

    x: Array
    hidden: Array | None  # left out of the sums; None where the call leaves nothing out
    spread: Array | None  # masked by x itself, and so is every output that would need it
    is_masked: bool  # whether x has a mask, so that y gets one


def are_asked_for(x: Any, boundary: Any) -> bool:
    """Whether x or the boundary makes a call one of these without a word."""
    return _renormalizes(listed(boundary)) or mask_of(x) is not None


def _renormalizes(words: Any) -> bool:
    return any(map(_renormalizes, words)) if is_sequence(words) else bool(words == RENORMALIZE)


# --------------------------------------------------------------------------------- the call


def convolve_present(
    total: Total, correlated: bool, x: Any, w: Any, options: SignalOptions, rules: Rules, out: Any
) -> Any:
    """The sum over what is there, in the kind of array that x is."""
    options = options._replace(axes=axes_of(x, options.axes))
    if options.rounding is not None and options.dtype is None:
        options = options._replace(dtype=out_dtype(out))
    rules.check(_renormalizes(listed(options.boundary)))
    present, taps = _enter(x, rules), enter(w, "w")
    words = _boundary_words(options, present.x, taps)
    if _counts_with_missing(present, words):
        present, options = _written_out(present, taps, options, words, correlated)
        words = _boundary_words(options, present.x, taps)
    if present.hidden is None and not _renormalizes(words):
        y, nothing = total(present.x, taps, options), None
    else:
        y, nothing = _sum_of(total, present, taps, options, words, rules)
    return _leave(total, y, nothing, present, x, w, taps, options, out)


def _enter(x: Any, rules: Rules) -> Present:
    own = mask_of(x)
    samples = enter(bare(x) if own is not None else x, "x")
    given = None if rules.mask is None else _read_mask(rules.mask, samples.shape)
    nan = _nan_of(samples) if rules.nan != "propagate" else None
    if rules.nan == "raise":
        _refuse(samples, nan, own)
        nan = None
    is_left_out = rules.nan in ("omit", "zero") or rules.mask is not None
    hidden = _any_of(given, nan, own if is_left_out else None)
    spread = own if own is not None and not is_left_out and own.any() else None
    gone = _any_of(hidden, spread)
    if gone is not None and gone.any():
        samples = np.where(gone, samples.dtype.type(0) if samples.dtype.kind != "O" else 0, samples)
    if rules.nan == "omit" and hidden is None:
        hidden = np.zeros(samples.shape, bool)
    return Present(samples, None if rules.nan == "zero" else hidden, spread, own is not None)


def _any_of(*masks: Array | None) -> Array | None:
    there = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(there) if there else None


def _read_mask(mask: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(mask.data if is_labelled(mask) and not hasattr(mask, "iloc") else mask)
    if array.dtype.kind != "b" and not (array.dtype.kind in "iu" and np.isin(array, (0, 1)).all()):
        raise DtypeError(f"mask has dtype {array.dtype}; it must be bool, True where a sample of x is not there")
    try:
        return np.broadcast_to(array.astype(bool), shape)
    except ValueError:
        raise ShapeError(f"mask has shape {array.shape}, which does not broadcast to that of x, {shape}") from None


def _nan_of(x: Array) -> Array | None:
    if x.dtype.kind == "O":
        return np.asarray(x != x, dtype=bool)
    return np.isnan(x) if x.dtype.kind in "fc" else None


def _refuse(x: Array, nan: Array | None, own: Array | None) -> None:
    gone = _any_of(nan, own)
    if gone is not None and gone.any():
        place = tuple(int(i) for i in np.argwhere(gone)[0])
        raise ParameterError(
            f"{int(gone.sum())} of {gone.size} samples of x are missing, the first at {list(place)}; "
            "pass nan='omit' to leave them out"
        )


#: Before and after each convolved axis.
Words = tuple[tuple[str, str], ...]


def _boundary_words(options: SignalOptions, x: Array, w: Array) -> Words:
    n_axes = w.ndim if options.axes is None else len(normalize_axes(options.axes, x.ndim))
    return split_sides(options.boundary, n_axes, "boundary", lambda word, _: word)


def _spelled(words: Words, other: Mapping[str, str]) -> Words:
    """The words with others in the place of some."""
    pairs = ((other.get(before, before), other.get(after, after)) for before, after in words)
    return tuple(pairs)


# --------------------------------------------------------------- rules that count with samples


def _counts_with_missing(present: Present, words: Words) -> bool:
    """Whether samples outside are sums of samples, some of which may not be there."""
    is_whole = present.hidden is None and present.spread is None and not _renormalizes(words)
    return not is_whole and any(word in AFFINE for pair in words for word in pair)


def _written_out(
    present: Present, w: Array, options: SignalOptions, words: Words, correlated: bool
) -> tuple[Present, SignalOptions]:
    """The same call on samples that stand around x already: one is there where all that it is a sum of are."""
    spelled = _spelled(words, {RENORMALIZE: "zero"})
    spec = frozen(options._replace(boundary=spelled)).spec(present.x.shape, w.shape, correlated)
    samples = present.x.astype(np.float64) if present.x.dtype.kind in "biu" else present.x
    samples = write_out(samples, spec.extensions)
    hidden, spread = (_mask_around(mask, spec.extensions) for mask in (present.hidden, present.spread))
    gone = _any_of(hidden, spread)
    made = Present(samples if gone is None else np.where(gone, 0, samples), hidden, spread, present.is_masked)
    is_written = [isinstance(axis.boundary, Sides) for axis in spec.axes]
    left = tuple(map(_still_outside, words, is_written))
    fills = split_sides(options.fill_value, len(words), "fill_value", lambda fill, _: fill)
    fills = tuple((0, 0) if done else fill for done, fill in zip(is_written, fills, strict=True))
    windows = tuple((axis.start, axis.y) for axis in spec.written_out().axes)
    return made, options._replace(mode=windows, center=None, boundary=left, fill_value=fills)


def _still_outside(pair: tuple[str, str], is_written: bool) -> tuple[str, str]:
    before, after = (word if word == RENORMALIZE or not is_written else "zero" for word in pair)
    return before, after


def _mask_around(mask: Array | None, extensions: tuple[Extension, ...]) -> Array | None:
    """Where a number that is no number takes part."""
    if mask is None:
        return None
    plain = tuple(one._replace(sides=one.sides._replace(fills=(0, 0))) for one in extensions)
    return np.isnan(write_out(np.where(mask, np.nan, 0.0), plain))


# --------------------------------------------------------------------------------- the sums


class Weights(NamedTuple):
    """The second sum, and what a whole window has."""

    sum: Array  # Σ w over what is there
    share: Array  # Σ |w| over what is there, as a part of all: 0 … 1
    nothing: Array  # bools: no sample with a weight is there
    whole: Any  # Σ w of all taps
    size: Any  # Σ |w| of all taps


def _sum_of(
    total: Total, present: Present, w: Array, options: SignalOptions, words: Words, rules: Rules
) -> tuple[Array, Array | None]:
    """The sum, and where it has too little to go by."""
    dtype, stored = _dtypes(present.x, w, options)
    options = options._replace(rounding=None)
    x = present.x if dtype is None else present.x.astype(dtype)
    taps = w if dtype is None or w.dtype.kind in "biu" else w.astype(np.result_type(w.dtype, dtype))
    outside = _around(options, words)
    top = total(x, taps, outside._replace(dtype=dtype))
    weights = _weights(total, present, w, options, words)
    if _is_little(weights, top):
        direct = dict(method="auto", accuracy="strict")
        top = total(x, taps, outside._replace(dtype=dtype, **direct))
        weights = _weights(total, present, w, options._replace(**direct), words)
    rounding = LITTLE[8] if weights.sum.dtype.itemsize > 4 else LITTLE[4] / 2**11
    too_little = weights.nothing | (weights.share < rules.min_weight - rounding)
    _check_whole(weights, w.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = top / np.where(weights.nothing, 1, weights.sum)
    return y.astype(stored, copy=False), too_little


def _dtypes(x: Array, w: Array, options: SignalOptions) -> tuple[Any, Any]:
    """(what is summed in, what the result is): a quotient of integers is float64."""
    wanted = np.result_type(x, w) if options.dtype is None else np.dtype(options.dtype)
    if wanted.kind in "biu":
        if options.dtype is not None:
            raise DtypeError(f"dtype={wanted} cannot hold a normalised sum, nor NaN where there is none; use a float")
        return np.dtype(np.float64), np.dtype(np.float64)
    return (np.dtype(np.float32) if wanted == np.float16 else wanted), wanted


def _around(options: SignalOptions, words: Words) -> SignalOptions:
    """The options of the first sum: nothing stands beyond a renormalised edge."""
    return options._replace(boundary=_spelled(words, {RENORMALIZE: "zero"}))


def _counting(options: SignalOptions, words: Words) -> SignalOptions:
    """The options of the second sum: what "zero" and "constant" put outside is there."""
    known = _spelled(words, {RENORMALIZE: "zero", "zero": "constant"})
    fill = 1 if any("constant" in pair for pair in known) else 0
    return options._replace(boundary=known, fill_value=fill, dtype=None, overflow="raise")


def _weights(total: Total, present: Present, w: Array, options: SignalOptions, words: Words) -> Weights:
    real = np.dtype(np.float32) if w.dtype.itemsize <= 4 and w.dtype.kind == "f" else np.dtype(np.float64)
    counting, hidden = _counting(options, words), present.hidden
    there = np.ones(present.x.shape, bool) if hidden is None else ~hidden
    taps = w.astype(np.float64) if w.dtype.kind in "biu" else w.astype(np.result_type(w.dtype, np.float32))
    kind = there.astype(object if w.dtype.kind == "O" else real)
    summed = total(kind, taps, counting)
    sizes = np.abs(taps)
    is_positive = taps.dtype.kind != "c" and bool((taps >= 0).all())
    size = summed if is_positive else total(kind, sizes, counting)
    axes = _tap_axes(w, present.x, options)
    whole, all_of_it = (np.sum(array, axis=axes, keepdims=w.ndim == present.x.ndim) for array in (taps, sizes))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.asarray(size / np.where(all_of_it == 0, 1, all_of_it), dtype=np.float64)
    return Weights(summed, share, _nothing(total, there, w, counting, share), whole, all_of_it)


def _tap_axes(w: Array, x: Array, options: SignalOptions) -> tuple[int, ...]:
    """The axes of w that are slid."""
    if w.ndim != x.ndim or options.axes is None:
        return tuple(range(w.ndim))
    return normalize_axes(options.axes, x.ndim)


def _check_whole(weights: Weights, n: int) -> None:
    """An error for taps whose sum is rounding, or nothing at all."""
    whole, size = np.asarray(weights.whole), np.asarray(weights.size)
    rounding = 0 if whole.dtype.kind == "O" else n * np.finfo(np.float64).eps
    if np.any((np.abs(whole) <= rounding * size) & (size > 0)):
        raise ParameterError(
            "the taps add up to 0, by which a normalised sum cannot be divided; "
            "pass nan='zero' for the plain sum over what is there"
        )


def _nothing(total: Total, there: Array, w: Array, counting: SignalOptions, share: Array) -> Array:
    """Where no sample with a weight is there, counted where the share is too small to tell."""
    if share.size == 0 or share.min() > COUNTED:
        return np.zeros(share.shape, bool)
    weighs = np.asarray(w != 0).astype(np.int64)
    count = total(there.astype(np.int64), weighs, counting._replace(method="auto", accuracy="default"))
    return np.asarray(count == 0)


def _is_little(weights: Weights, top: Array) -> bool:
    """Whether an output rests on so small a part of the taps that its error is no longer a small part of it."""
    if top.dtype.kind not in "fc":
        return False
    part = LITTLE[4 if top.dtype.itemsize <= (8 if top.dtype.kind == "c" else 4) else 8]
    shares = weights.share[~weights.nothing]
    return bool(shares.size and shares.min() < part)


# --------------------------------------------------------------------------------- leaving


def _leave(
    total: Total, y: Array, nothing: Array | None, present: Present, x: Any, w: Any, taps: Array,
    options: SignalOptions, out: Any,
) -> Any:  # fmt: skip
    touched = None
    if present.spread is not None:
        counting = _counting(options, _boundary_words(options, present.x, taps))
        counting = counting._replace(boundary=_without_fill(counting.boundary), fill_value=0)
        touched = total(present.spread.astype(np.int64), np.ones(taps.shape, np.int64), counting) > 0
    if nothing is not None and nothing.any():
        y[nothing] = np.nan
    masked = _any_of(nothing, touched)
    if present.is_masked:
        if out is not None:
            raise ParameterError("out cannot hold the mask of the result; leave it out, or pass x without its mask")
        return with_mask(y, np.zeros(y.shape, bool) if masked is None else masked, x)
    if out is not None:
        into = arithmetic_of(y.dtype, y.dtype, None, options.overflow, options.rounding, out_dtype(out)).result
        store(y, check_out(out, y.shape, into), options.rounding, options.overflow)
        return out
    return leave(y, x, w)


def _without_fill(words: Words) -> Words:
    return _spelled(words, {"constant": "zero"})
