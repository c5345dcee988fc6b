"""Low-, high-, band-pass and band-stop taps: the ideal response under a Kaiser window."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..errors import ParameterError
from ..geometry import to_int
from .checks import Bound, check_finite, check_size, read_number
from .smoothing import unit_sum

__all__ = [
    "BANDS",
    "Response",
    "band",
    "bandpass",
    "bandstop",
    "frequency_response",
    "highpass",
    "kaiser_beta",
    "lowpass",
]

_POSITIVE = Bound(lambda v: 0 < v < math.inf, "above 0")
_DECIBELS = Bound(lambda v: 8 <= v <= 300, "of 8 to 300 dB")


class Band(NamedTuple):
    """How many edges a band has, and whether frequency 0 passes."""

    n_edges: int
    passes_zero: bool


BANDS = {
    "lowpass": Band(1, True),
    "highpass": Band(1, False),
    "bandpass": Band(2, False),
    "bandstop": Band(2, True),
}


def lowpass(
    cutoff: float, rate: float = 1.0, *, taps: int | None = None, width: float | None = None, attenuation: float = 80.0
) -> Array:
    """Taps that keep what is slower than `cutoff`: an ideal low-pass under a Kaiser window.

        w[i] = 2f·sinc(2f·(i − (K−1)/2)) · kaiser(K, β)[i],   f = cutoff/rate,   summing to 1

    Parameters
    ----------
    cutoff : float
        The frequency where half the amplitude (−6 dB) is left, in the unit of `rate`.
    rate : float
        Samples per second, or per whatever `cutoff` is counted in; 1 means cycles per sample.
    taps : int, optional
        K. Otherwise as many as `width` needs.
    width : float, optional
        Between pass and stop band, in the unit of `rate`; by default half of what `cutoff` leaves towards
        0 and rate/2.
    attenuation : float
        Of the stop band, in dB. The pass band ripples as little, or twice that for a gain of exactly 1 at 0.

    Errors: ParameterError unless 0 < cutoff < rate/2.
    Source: Oppenheim and Schafer, *Discrete-Time Signal Processing*, section 7.5 (β and K by Kaiser).

    >>> w = lowpass(4000, 48000, taps=101)
    >>> w.size, float(w.sum())
    (101, 1.0)
    >>> frequency_response(w, 48000, at=[0, 4000, 8000]).decibels.round(1)
    array([  0. ,  -6. , -89.8])
    """
    return band("lowpass", (cutoff,), rate, taps, width, attenuation)


def highpass(
    cutoff: float, rate: float = 1.0, *, taps: int | None = None, width: float | None = None, attenuation: float = 80.0
) -> Array:
    """Taps that keep what is faster than `cutoff`; gain 1 at rate/2. As `lowpass`, with an odd K.

    >>> frequency_response(highpass(0.25), at=[0.1, 0.5]).decibels.round() + 0.0
    array([-98.,   0.])
    """
    return band("highpass", (cutoff,), rate, taps, width, attenuation)


def bandpass(
    low: float, high: float, rate: float = 1.0, *, taps: int | None = None, width: float | None = None,
    attenuation: float = 80.0,
) -> Array:  # fmt: skip
    """Taps that keep what lies between two frequencies; gain 1 halfway. As `lowpass`.

    >>> bandpass(8, 12, 250, taps=251).size
    251
    """
    return band("bandpass", (low, high), rate, taps, width, attenuation)


def bandstop(
    low: float, high: float, rate: float = 1.0, *, taps: int | None = None, width: float | None = None,
    attenuation: float = 80.0,
) -> Array:  # fmt: skip
    """Taps that remove what lies between two frequencies, such as mains hum. As `lowpass`, with an odd K.

    >>> float(bandstop(48, 52, 250, taps=251).sum())
    1.0
    """
    return band("bandstop", (low, high), rate, taps, width, attenuation)


def band(
    kind: str, edges: tuple[Any, ...], rate: Any, taps: Any = None, width: Any = None, attenuation: Any = 80.0
) -> Array:
    """The taps of one of BANDS."""
    ends = _read_edges(kind, edges, rate)
    decibels = read_number(attenuation, "attenuation", kind, _DECIBELS)
    n = _count(kind, ends, decibels, width, rate) if taps is None else to_int(taps, "taps", 1)
    check_size((n,), kind)
    passes_end = BANDS[kind].passes_zero == (BANDS[kind].n_edges == 2)
    if passes_end and n % 2 == 0:
        raise ParameterError(f"{kind} of {n} taps has no gain at rate/2; use an odd number, {n + 1}")
    ideal = _ideal(n, ends, BANDS[kind].passes_zero) * np.kaiser(n, kaiser_beta(decibels))
    check_finite(ideal, kind)
    return unit_sum(ideal) if BANDS[kind].passes_zero else ideal / _gain(ideal, ends)


def _read_edges(kind: str, edges: tuple[Any, ...], rate: Any) -> list[float]:
    """The edges in cycles per sample."""
    per_second = read_number(rate, "rate", kind, _POSITIVE)
    ends = [read_number(edge, "cutoff", kind, _POSITIVE) / per_second for edge in edges]
    if not 0 < ends[0] <= ends[-1] < 0.5 or (len(ends) == 2 and ends[0] == ends[1]):
        given = " to ".join(f"{edge:g}" for edge in edges)
        hint = "; give rate=, the samples per second" if per_second == 1 else ""
        raise ParameterError(
            f"{kind} needs frequencies between 0 and rate/2 = {per_second / 2:g}, rising, not {given}{hint}"
        )
    return ends


def _count(kind: str, ends: list[float], decibels: float, width: Any, rate: Any) -> int:
    """K by Kaiser's formula, odd: (A − 7.95)/(2.285·2π·width) + 1."""
    room = min(ends[0], 0.5 - ends[-1], (ends[-1] - ends[0]) if len(ends) == 2 else 1.0)
    step = room / 2 if width is None else read_number(width, "width", kind, _POSITIVE) / float(rate)
    return 2 * math.ceil((decibels - 7.95) / (2.285 * 2 * math.pi * step) / 2) + 1


def kaiser_beta(decibels: float) -> float:
    """The window's parameter for a stop band of so many dB.

    >>> round(kaiser_beta(80), 4)
    7.8573
    """
    if decibels > 50:
        return 0.1102 * (decibels - 8.7)
    return 0.5842 * (decibels - 21) ** 0.4 + 0.07886 * (decibels - 21) if decibels > 21 else 0.0


def _ideal(n: int, ends: list[float], passes_zero: bool) -> Array:
    """The inverse transform of 1 in the bands that pass: a signed sum of low-passes up to each end."""
    i = np.arange(n) - (n - 1) / 2
    # From the top: rate/2 passes or not, then each edge turns it over.
    signs = [1.0 if (k % 2 == 0) == passes_zero else -1.0 for k in range(len(ends))]
    steps = [*zip(ends, signs, strict=True)] + ([(0.5, 1.0)] if signs[-1] < 0 else [])
    return np.asarray(sum(sign * 2 * end * np.sinc(2 * end * i) for end, sign in steps))


def _gain(w: Array, ends: list[float]) -> float:
    """The gain where the band is to have 1: at rate/2, or halfway between its edges."""
    middle = 0.5 if len(ends) == 1 else sum(ends) / 2
    i = np.arange(w.size) - (w.size - 1) / 2
    return float(np.sum(w * np.cos(2 * math.pi * middle * i)))


# ------------------------------------------------------------------------------- responses


class Response(NamedTuple):
    """What taps do to each frequency."""

    frequency: Array
    value: Array

    @property
    def decibels(self) -> Array:
        """20·log₁₀|value|; −inf where nothing is left."""
        with np.errstate(divide="ignore"):
            return np.asarray(20 * np.log10(np.abs(self.value)))

    @property
    def phase(self) -> Array:
        """The angle of the value in radians, without jumps of 2π."""
        return np.unwrap(np.angle(self.value))


def frequency_response(w: Any, rate: float = 1.0, *, count: int = 512, at: Any = None) -> Response:
    """What one row of taps does to each frequency: H(f) = Σ_j w[j]·exp(−2πi·f·j/rate).

    At `count` frequencies from 0 to below rate/2, or at those of `at`.

    >>> frequency_response([0.5, 0.5], at=[0, 0.25, 0.5]).value.round(3)
    array([1. +0.j , 0.5-0.5j, 0. -0.j ])
    """
    row = np.asarray(w)
    if row.ndim != 1 or row.size == 0:
        raise ParameterError(f"a frequency response needs one row of taps, not an array of shape {row.shape}")
    per_second = read_number(rate, "rate", "frequency_response", _POSITIVE)
    if at is not None:
        f = np.atleast_1d(np.asarray(at, np.float64))
        return Response(f, np.exp(-2j * np.pi * np.multiply.outer(f / per_second, np.arange(row.size))) @ row)
    n = to_int(count, "count", 1)
    spectrum = np.fft.fft(_fold(row, 2 * n))[:n]
    return Response(np.arange(n) * per_second / (2 * n), spectrum)


def _fold(row: Array, n: int) -> Array:
    """Taps n places apart meet the same n frequencies with the same phase, so they are added up."""
    return np.asarray(np.pad(row, (0, -row.size % n)).reshape(-1, n).sum(axis=0))
