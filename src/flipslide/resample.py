"""Other sampling rates: insert zeros, filter, keep every down-th sample, and multiply none of the zeros.

    y[m] = Σ_j w[j]·x̂[start + down·m − j],   x̂[up·n] = x̃[n], 0 between

Output m = up·q + s meets samples of x only where j = (start + down·s) mod up, so that the outputs of one s
are a strided convolution of x with every up-th tap:

    y[up·q + s] = Σ_t w[ρ + up·t]·x̃[b + down·q − t],   up·b + ρ = start + down·s,  0 ≤ ρ < up

and several s, their taps set side by side in one window, are the output channels of one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .arrays import Arithmetic, Array, arithmetic_of, enter
from .carried import axes_of, leave
from .catalogue.bands import kaiser_beta
from .catalogue.checks import MAX_TAPS, Bound, check_finite, read_number
from .catalogue.smoothing import unit_sum
from .errors import ParameterError, ShapeError
from .execute import count_threads, program_of, read_threads
from .extension import write_out, written_in
from .geometry import AFFINE, RULES, Sides, check_boundary, check_fill_used, normalize_axes, to_int
from .plan import Plan, choose
from .spec import Axis, ConvSpec, Loop

__all__ = ["resample", "resample_taps", "upfirdn"]

#: Phases that share a window. On a Xeon of 2.5 GHz with AVX-512, 96,000 samples by 147:160 and 160:147 with 195
#: taps a phase, 32 to 147 are within 30 % of each other by `gemm`; 16 take twice as long (November 2026).
PHASES_AT_ONCE = 64
#: From so many phases on `gemm` is asked first: there it took a third to a half of the time of `direct`, in float32
#: and in float64, while the planner's estimate of the two is about even.
PHASES_FOR_GEMM = 8


def upfirdn(
    x: Any,
    w: Any,
    up: int = 1,
    down: int = 1,
    *,
    axis: Any = -1,
    boundary: str = "zero",
    fill_value: Any = 0,
    dtype: Any = None,
    threads: int | None = None,
) -> Array:
    """Insert up − 1 zeros between samples, convolve with w, keep every down-th result.

        y[m] = Σ_j w[j] · x̂[down·m − j],   x̂[up·n] = x̃[n], 0 between,   ⌈((N − 1)·up + K)/down⌉ results

    The numbers of scipy.signal.upfirdn(w, x, up, down), with x first as everywhere here. No zero is
    multiplied; results that are not kept are computed only where a transform is faster than direct sums of the others.

    Parameters
    ----------
    x : array_like
        Samples, N along `axis`.
    w : array_like
        One row of K taps.
    up, down : int
    axis : int
    boundary, fill_value, dtype, threads
        As of `fs.convolve`. Integers are exact or an IntegerOverflowError.

    Errors: ShapeError, ParameterError, DtypeError, IntegerOverflowError.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.upfirdn([1, 2, 3], [1, 1], up=2)
    array([1, 1, 2, 2, 3, 3])
    >>> fs.upfirdn([1, 2, 3, 4], [1, 1], down=2)
    array([1, 5, 4])
    """
    x, dim = _read_x(x, axis)
    taps = _read_taps(w)
    rates = to_int(up, "up", 1), to_int(down, "down", 1)
    n = x.shape[dim]
    count = -(-((n - 1) * rates[0] + taps.size) // rates[1]) if n else 0
    rule = _read_rule(boundary, fill_value, dtype, threads)
    return _run(x, dim, _phases(taps, *rates, 0, count, _most_at_once(x)), rule)


def resample(
    x: Any,
    up: int,
    down: int = 1,
    *,
    axis: Any = -1,
    taps: Any = None,
    attenuation: float = 100.0,
    passband: float = 0.9,
    boundary: str = "symmetric",
    fill_value: Any = 0,
    threads: int | None = None,
) -> Array:
    """x at up/down times its sampling rate: ⌈N·up/down⌉ samples, the first at the same time as x's.

        y[m] ≈ x(m·down/up)

    by a low-pass of linear phase, whose delay is taken back. What lies below `passband` times the lower of the
    two Nyquist frequencies is kept, and what lies above that frequency is weaker by `attenuation`.

    Parameters
    ----------
    x : array_like
        Samples, N along `axis`; all other axes are a batch.
    up, down : int
        44.1 kHz to 48 kHz is 160, 147.
    axis : int
    taps : array_like, optional
        A low-pass of your own at up times the rate of x, an odd number of taps with a gain of 1; they are
        multiplied by up, as scipy.signal.resample_poly does with its `window`.
    attenuation : float
        In dB.
    passband : float
        Between 0 and 1. The nearer to 1, the more taps: about attenuation/(7·(1 − passband)) for each sample of
        the lower rate.
    boundary, fill_value, threads
        As of `fs.convolve`.

    Returns
    -------
    ndarray
        Floats keep their dtype, integers give float64. The same number everywhere stays the same.

    Errors: ShapeError, ParameterError.
    Source: Crochiere and Rabiner, *Multirate Digital Signal Processing*, section 3.3.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> t = np.arange(441) / 44100
    >>> y = fs.resample(np.sin(2 * np.pi * 1000 * t), 160, 147)
    >>> y.size
    480
    >>> bool(np.abs(y - np.sin(2 * np.pi * 1000 * np.arange(480) / 48000))[100:-100].max() < 1e-4)
    True
    """
    given = x
    x, dim = _read_x(x, axis)
    rates = to_int(up, "up", 1), to_int(down, "down", 1)
    common = math.gcd(*rates)
    rates = rates[0] // common, rates[1] // common
    result = np.dtype(np.float64) if x.dtype.kind in "biu" else x.dtype
    rule = _read_rule(boundary, fill_value, result, threads)
    count = -(-x.shape[dim] * rates[0] // rates[1])
    if taps is None and rates == (1, 1):
        return np.asarray(leave(x.astype(result), given, given))
    most = _most_at_once(x)
    single = result in (np.float16, np.float32, np.complex64)
    phases = (
        _own_phases(*rates, count, most, attenuation, passband, np.dtype(np.float32 if single else np.float64))
        if taps is None
        else _given_phases(taps, *rates, count, most, single)
    )
    y = _run(x, dim, phases, rule)
    if taps is None and boundary not in ("zero", "constant", "antisymmetric"):
        _keep_flat(y, x, dim)
    return y


def resample_taps(up: int, down: int, attenuation: float = 100.0, passband: float = 0.9) -> Array:
    """The low-pass of `resample`, at up times the rate of x, with a gain of 1 at frequency 0."""
    decibels = read_number(attenuation, "attenuation", "resample", Bound(lambda v: 8 <= v <= 300, "of 8 to 300 dB"))
    share = read_number(passband, "passband", "resample", Bound(lambda v: 0 < v < 1, "between 0 and 1"))
    lowest = 0.5 / max(up, down)  # the lower Nyquist frequency, in cycles per sample of the high rate
    half = math.ceil((decibels - 7.95) / (2.285 * 2 * math.pi * lowest * (1 - share)) / 2)
    if 2 * half + 1 > MAX_TAPS:
        raise ParameterError(
            f"{up}:{down} with passband={share:g} needs {2 * half + 1} taps, more than {MAX_TAPS}; "
            "use a simpler ratio or a smaller passband"
        )
    middle = lowest * (1 + share) / 2
    i = np.arange(-half, half + 1)
    return unit_sum(np.sinc(2 * middle * i) * np.kaiser(2 * half + 1, kaiser_beta(decibels)))


# ------------------------------------------------------------------------------------ phases


class _Rule(NamedTuple):
    boundary: str
    fill_value: Any
    dtype: Any
    threads: int | None


def _read_rule(boundary: Any, fill_value: Any, dtype: Any, threads: int | None) -> _Rule:
    word = check_boundary(boundary, known=RULES)
    check_fill_used(fill_value, (word,))
    return _Rule(word, fill_value, dtype, threads)


class _Group(NamedTuple):
    """Phases first, first + 1, … as rows of one window, whose oldest sample for q = 0 is `place`."""

    first: int
    w: Array
    place: int


class _Phases(NamedTuple):
    """All phases of the taps, grouped, and the shape of the whole."""

    groups: tuple[_Group, ...]
    n_phases: int
    down: int
    n_outputs: int


def _phases(
    w: Array, up: int, down: int, start: int, count: int, most: int, finish: Callable[[Array], Array] = lambda row: row
) -> _Phases:
    """Every up-th tap for each s. With a common factor of up and down only every such tap is ever met."""
    common = math.gcd(up, down)
    w, up, down, start = w[start % common :: common], up // common, down // common, start // common
    positions = [start + down * s for s in range(min(up, max(count, 1)))]
    rows = [finish(w[position % up :: up]) for position in positions]
    places = [position // up for position in positions]
    size = -(-len(rows) // -(-len(rows) // most))
    cuts = [slice(first, first + size) for first in range(0, len(rows), size)]
    return _Phases(tuple(_group(cut.start, rows[cut], places[cut]) for cut in cuts), len(rows), down, count)


def _most_at_once(x: Array) -> int:
    """Each phase alone where a sample is not finite: it would meet the zeros beside the taps of a shared window."""
    return 1 if x.dtype.kind in "fcO" and not _is_finite(x) else PHASES_AT_ONCE


def _is_finite(x: Array) -> bool:
    return x.dtype.kind != "O" and bool(np.isfinite(x).all())


def _group(first: int, rows: list[Array], places: list[int]) -> _Group:
    """Rows in one window, reversed: its samples go forwards, the taps of a convolution backwards."""
    oldest = min(place - max(row.size, 1) + 1 for row, place in zip(rows, places, strict=True))
    w = np.zeros((len(rows), max(places) - oldest + 1), np.result_type(*rows))
    for taps, row, place in zip(w, rows, places, strict=True):
        taps[place - oldest - row.size + 1 : place - oldest + 1] = row[::-1]
    return _Group(first, w, oldest)


@lru_cache(maxsize=32)
def _own_phases(
    up: int, down: int, count: int, most: int, attenuation: float, passband: float, dtype: np.dtype[Any]
) -> _Phases:
    """Each phase of the low-pass sums to 1, so that a constant is the same constant at every phase."""
    w = resample_taps(up, down, attenuation, passband)
    return _phases(w, up, down, w.size // 2, count, most, lambda row: unit_sum(row, dtype))


def _given_phases(taps: Any, up: int, down: int, count: int, most: int, single: bool) -> _Phases:
    w = _read_taps(taps) * float(up)
    if single:
        w = w.astype(np.complex64 if w.dtype.kind == "c" else np.float32)
    return _phases(w, up, down, (w.size - 1) // 2, count, most)


# ----------------------------------------------------------------------------------- running


def _run(x: Array, dim: int, phases: _Phases, rule: _Rule) -> Array:
    """All phases, a group of them at a time, written side by side behind their axis."""
    rounds = -(-phases.n_outputs // phases.n_phases)
    if x.shape[dim] == 0 and phases.n_outputs and rule.boundary not in ("zero", "constant"):
        raise ShapeError(f"boundary={rule.boundary!r} cannot extend an axis of x that has no samples")
    numbers = arithmetic_of(x.dtype, phases.groups[0].w.dtype, rule.dtype)
    y = np.empty((*x.shape[:dim], rounds, phases.n_phases, *x.shape[dim + 1 :]), numbers.y)
    for first, w, place in phases.groups if y.size else ():
        spec = _spec(x.shape, dim, w.shape, place, phases.down, rounds, rule)
        out = y[(slice(None),) * (dim + 1) + (slice(first, first + len(w)),)]
        samples, extensions, summed = x, spec.extensions, numbers
        if extensions:
            summed = numbers._replace(x=written_in(extensions, x.dtype, numbers))
            samples, spec = write_out(x.astype(summed.x, copy=False), extensions), spec.written_out()
        plan, step = _plan(spec, summed, rule)
        if step == 1:
            program_of(plan)(samples, w, None, out, count_threads(rule.threads))
        else:
            every = program_of(plan)(samples, w, None, None, count_threads(rule.threads))
            out[...] = every[(slice(None),) * dim + (slice(None, None, step),)]
    merged = y.reshape(*x.shape[:dim], rounds * phases.n_phases, *x.shape[dim + 1 :])
    return np.ascontiguousarray(merged[(slice(None),) * dim + (slice(0, phases.n_outputs),)])


def _plan(spec: ConvSpec, numbers: Arithmetic, rule: _Rule) -> tuple[Plan, int]:
    """The plan of a group, and the step between its outputs that are kept."""
    threads = read_threads(rule.threads)
    if not (numbers.compiled and numbers.sum.kind == "f"):
        return choose(spec, numbers, threads), 1
    if spec.loop_size("out") >= PHASES_FOR_GEMM:
        with suppress(ParameterError):
            return choose(spec, numbers, threads, "gemm"), 1
    strided, down = choose(spec, numbers, threads), spec.axes[0].stride
    dense = choose(_at_every_sample(spec), numbers, threads)
    # No transform skips outputs. With many taps it makes all of them sooner than a direct sum makes those kept.
    return (dense, down) if down > 1 and _time(dense) < _time(strided) else (strided, 1)


def _at_every_sample(spec: ConvSpec) -> ConvSpec:
    axis = spec.axes[0]
    return spec._replace(axes=(axis._replace(y=max(axis.y - 1, 0) * axis.stride + min(axis.y, 1), stride=1),))


def _time(plan: Plan) -> float:
    """Nanoseconds on one thread, and half of one for each output that is written and read again."""
    return plan.chosen.estimate.nanoseconds(1) + 0.5 * plan.spec.n_outputs


def _spec(
    x_shape: tuple[int, ...], dim: int, w_shape: tuple[int, ...], place: int, down: int, rounds: int, rule: _Rule
) -> ConvSpec:
    """The group as one correlation, its phases in a loop that only w and y carry."""
    boundary = Sides(rule.boundary, rule.boundary) if rule.boundary in AFFINE else rule.boundary
    axis = Axis(x_shape[dim], w_shape[1], rounds, place, down, 1, 1, boundary, dim, 1, dim)
    batch = [Loop(n, d, -1, d + (d > dim)) for d, n in enumerate(x_shape) if d != dim]
    fills = rule.boundary == "constant"
    return ConvSpec(
        axes=(axis,),
        loops=(*batch, Loop(w_shape[0], -1, 0, dim + 1)),
        x_ndim=len(x_shape),
        w_ndim=2,
        y_ndim=len(x_shape) + 1,
        fill=rule.fill_value if fills else 0,
        fill_type=type(rule.fill_value) if fills else int,
    )


def _read_x(x: Any, axis: Any) -> tuple[Array, int]:
    array = enter(x, "x")
    if array.ndim == 0:
        raise ShapeError("x is a single number; it needs at least one axis")
    dims = normalize_axes(axes_of(x, axis), array.ndim, "axis")
    if len(dims) != 1:
        raise ShapeError(f"the rate changes along one axis, not {len(dims)}: axis={axis!r}; call it once for each")
    return array, dims[0]


def _read_taps(w: Any) -> Array:
    taps = enter(w, "w")
    if taps.ndim != 1 or taps.size == 0:
        raise ShapeError(f"w must be one row of taps, not an array of shape {taps.shape}")
    if taps.dtype.kind in "fc":
        check_finite(taps, "w")
    return taps


def _keep_flat(y: Array, x: Array, dim: int) -> None:
    """A constant along the axis is that constant at every rate, whatever rounding made of it."""
    if x.dtype.kind == "O" or x.size == 0:
        return
    first, last = x.take([0], axis=dim), x.take([-1], axis=dim)
    if (first == last).any():
        np.copyto(y, first, where=(x == first).all(axis=dim, keepdims=True) & np.isfinite(first), casting="unsafe")
