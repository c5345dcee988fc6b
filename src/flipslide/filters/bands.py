"""Finite impulse responses: taps of one's own, of scipy.signal, or of a band; with their delay or without."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..arrays import Array, enter
from ..catalogue.bands import band
from ..catalogue.checks import check_finite
from ..errors import NotAConvolutionError, ParameterError, ShapeError, unknown_word
from ..signal import convolve
from .rim import How, Rule, one_axis, rim, slide

__all__ = ["bandpass", "bandstop", "fir", "highpass", "lfilter", "lowpass"]

DELAYS = ("compensate", "keep")


@rim
def fir(x: Array, w: Any, *, axis: int = -1, delay: str = "compensate", **how: Unpack[How]) -> Array:
    """Filter x along one axis with one row of taps, of scipy.signal.firwin or any other design.

        y[m] = Σ_j w[j] · x̃[m + d − j],   j = 0 … K − 1

    Parameters
    ----------
    x : array_like
    w : array_like
        One row of K taps.
    axis : int
    delay : {"compensate", "keep"}
        "compensate" takes back the delay of linear-phase taps, d = (K − 1)/2, so that nothing in y comes later
        than in x; K must be odd and w symmetric or antisymmetric. "keep" looks only back, d = 0, as a filter
        that runs while the data come in, and as scipy.signal.lfilter(w, 1, x) with boundary="zero".
    **how
        boundary, fill_value, dtype, threads: see `flipslide.filters`.

    Returns
    -------
    ndarray
        As large as x. Integers give float64.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.filters.fir([0, 0, 4, 0, 0], [0.25, 0.5, 0.25])
    array([0., 1., 2., 1., 0.])
    >>> fs.filters.fir([0, 0, 4, 0, 0], [0.25, 0.5, 0.25], delay="keep")
    array([0., 0., 1., 2., 1.])
    """
    return _fir(x, _read_row(w), axis, delay, Rule(**how))


def _read_row(w: Any) -> Array:
    row = enter(w, "w")
    if row.ndim != 1 or row.size == 0:
        raise ShapeError(f"w must be one row of taps, not an array of shape {row.shape}; use fs.convolve for others")
    check_finite(row, "w")
    return row


def _fir(x: Array, w: Array, axis: Any, delay: str, rule: Rule) -> Array:
    if delay not in DELAYS:
        raise unknown_word("delay", delay, DELAYS)
    center = _half(w) if delay == "compensate" else 0
    return slide(x, w, (one_axis(x, axis),), rule, center=center)


def _half(w: Array) -> int:
    """The delay of linear-phase taps, which is the same at every frequency."""
    scale = 1e-6 * np.abs(w).max()
    if not any(np.allclose(w, sign * w[::-1].conj(), rtol=0, atol=scale) for sign in (1, -1)):
        raise ParameterError(
            'these taps have no linear phase, so that every frequency is delayed differently; pass delay="keep"'
        )
    if w.size % 2 == 0:
        raise ParameterError(
            f"{w.size} taps delay by {(w.size - 1) / 2} samples, half a sample too many; use an odd number, "
            'or delay="keep"'
        )
    return w.size // 2


@rim
def lowpass(
    x: Array, cutoff: float, rate: float = 1.0, *, axis: int = -1, taps: int | None = None, width: float | None = None,
    attenuation: float = 80.0, delay: str = "compensate", **how: Unpack[How],
) -> Array:  # fmt: skip
    """Keep what is slower than `cutoff`, by the taps of `fs.taps.lowpass`.

    cutoff is where half the amplitude (−6 dB) is left, and rate the samples per second; both in one unit, such
    as Hz. taps, width and attenuation as of `fs.taps.lowpass`, delay and the rest as of `fir`.

    >>> import flipslide as fs, numpy as np
    >>> t = np.arange(1000) / 1000
    >>> slow, fast = np.cos(2 * np.pi * 5 * t), np.cos(2 * np.pi * 200 * t)
    >>> float(np.abs(fs.filters.lowpass(slow + fast, 50, rate=1000) - slow)[100:-100].max()) < 1e-3
    True
    """
    return _fir(x, band("lowpass", (cutoff,), rate, taps, width, attenuation), axis, delay, Rule(**how))


@rim
def highpass(
    x: Array, cutoff: float, rate: float = 1.0, *, axis: int = -1, taps: int | None = None, width: float | None = None,
    attenuation: float = 80.0, delay: str = "compensate", **how: Unpack[How],
) -> Array:  # fmt: skip
    """Keep what is faster than `cutoff`, such as an ECG without its wandering baseline. As `lowpass`.

    >>> import flipslide as fs, numpy as np
    >>> t = np.arange(2000) / 250
    >>> y = fs.filters.highpass(np.cos(2 * np.pi * 20 * t) + 3, 5, rate=250)
    >>> bool(np.abs(y - np.cos(2 * np.pi * 20 * t))[300:-300].max() < 1e-3)
    True
    """
    return _fir(x, band("highpass", (cutoff,), rate, taps, width, attenuation), axis, delay, Rule(**how))


@rim
def bandpass(
    x: Array, low: float, high: float, rate: float = 1.0, *, axis: int = -1, taps: int | None = None,
    width: float | None = None, attenuation: float = 80.0, delay: str = "compensate", **how: Unpack[How],
) -> Array:  # fmt: skip
    """Keep what lies between two frequencies, such as 8 to 12 Hz of an EEG. As `lowpass`.

    >>> import flipslide as fs, numpy as np
    >>> t = np.arange(1000) / 250
    >>> y = fs.filters.bandpass(np.sin(2 * np.pi * 10 * t) + 3, 8, 12, rate=250)
    >>> bool(np.abs(y - np.sin(2 * np.pi * 10 * t))[400:-400].max() < 1e-3)
    True
    """
    return _fir(x, band("bandpass", (low, high), rate, taps, width, attenuation), axis, delay, Rule(**how))


@rim
def bandstop(
    x: Array, low: float, high: float, rate: float = 1.0, *, axis: int = -1, taps: int | None = None,
    width: float | None = None, attenuation: float = 80.0, delay: str = "compensate", **how: Unpack[How],
) -> Array:  # fmt: skip
    """Remove what lies between two frequencies, such as mains hum from 48 to 52 Hz. As `lowpass`.

    >>> import flipslide as fs, numpy as np
    >>> t = np.arange(2000) / 1000
    >>> y = fs.filters.bandstop(np.sin(2 * np.pi * 50 * t) + 3, 45, 55, rate=1000)
    >>> bool(np.abs(y - 3)[900:-900].max() < 1e-3)
    True
    """
    return _fir(x, band("bandstop", (low, high), rate, taps, width, attenuation), axis, delay, Rule(**how))


def lfilter(b: Any, a: Any, x: Any, axis: int = -1) -> Any:
    """scipy.signal.lfilter as far as it is a convolution: with a single denominator, y = b/a₀ ∗ x.

    A longer `a` feeds results back, which no sum over x does; that raises NotAConvolutionError.

    >>> import flipslide as fs
    >>> fs.filters.lfilter([0.5, 0.5], 1, [2, 4, 6])
    array([1., 3., 5.])
    """
    feedback = np.atleast_1d(enter(a, "a"))
    if feedback.ndim != 1 or feedback.size == 0 or feedback[0] == 0:
        raise ParameterError(f"a must be one number or a row whose first is not 0, not {a!r}")
    if feedback[1:].any():
        raise NotAConvolutionError(
            f"lfilter with a={a!r} feeds its results back (IIR), which is no convolution with finitely many taps; "
            "use scipy.signal.lfilter or sosfilt, or fs.filters.lowpass and its like, which have linear phase"
        )
    return _causal(x, _read_row(b) / feedback[0], axis)


@rim
def _causal(x: Array, w: Array, axis: int) -> Array:
    return convolve(x, w, "same", axes=one_axis(x, axis), center=0)
