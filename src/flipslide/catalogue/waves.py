"""Taps that answer to a frequency in a direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ParameterError
from .checks import Bound, check_size, read_number

__all__ = ["gabor"]

_FREQUENCY = Bound(lambda v: 0 < v <= 0.5, "above 0 and at most 0.5 cycles per pixel")


def gabor(
    frequency: float = 0.1,
    angle: float = 0.0,
    *,
    sigma: Any = None,
    bandwidth: float = 1.0,
    phase: float = 0.0,
    truncate: float = 3.0,
) -> Array:
    """A complex wave under a Gaussian, over rows and columns.

        w[r, c] = exp(−½(a²/σ₁² + b²/σ₂²)) / (2π·σ₁·σ₂) · exp(i(2π·frequency·a + phase))
        a = c·cos + r·sin,   b = −c·sin + r·cos,   rows downwards

    Source: Daugman, *Journal of the Optical Society of America A* 2 (1985), p. 1160.

    Parameters
    ----------
    frequency : float
        Cycles per pixel, at most 0.5.
    angle : float
        Of the wave's direction, in degrees; 0 runs along the columns, 90 down the rows.
    sigma : float or pair, optional
        σ₁ along the wave and σ₂ across it, in pixels; from the bandwidth unless given.
    bandwidth : float
        In octaves, between the half-power frequencies.

    Examples
    --------
    >>> gabor(0.25, sigma=1, truncate=1).imag.round(3)
    array([[-0.059,  0.   ,  0.059],
           [-0.097,  0.   ,  0.097],
           [-0.059,  0.   ,  0.059]])
    """
    cycles = read_number(frequency, "frequency", "gabor", _FREQUENCY)
    along, across = _widths(sigma, cycles, bandwidth)
    turn, start = _angle(math.radians, angle), _angle(float, phase)
    cos, sin = math.cos(turn), math.sin(turn)
    reach = read_number(truncate, "truncate", "gabor")
    c0 = max(1, math.ceil(max(abs(reach * along * cos), abs(reach * across * sin)) - 1e-9))
    r0 = max(1, math.ceil(max(abs(reach * across * cos), abs(reach * along * sin)) - 1e-9))
    check_size((2 * r0 + 1, 2 * c0 + 1), "gabor")
    r, c = np.ogrid[-r0 : r0 + 1, -c0 : c0 + 1]
    a, b = c * cos + r * sin, r * cos - c * sin
    envelope = np.exp(-0.5 * ((a / along) ** 2 + (b / across) ** 2)) / (2 * math.pi * along * across)
    return np.asarray(envelope * np.exp(1j * (2 * math.pi * cycles * a + start)))


def _widths(sigma: Any, frequency: float, bandwidth: float) -> tuple[float, float]:
    if sigma is None:
        octaves = 2 ** read_number(bandwidth, "bandwidth", "gabor")
        width = math.sqrt(math.log(2) / 2) / math.pi * (octaves + 1) / (octaves - 1) / frequency
        return width, width
    pair = sigma if isinstance(sigma, tuple | list) else (sigma, sigma)
    if len(pair) != 2:
        raise ParameterError(f"gabor needs one sigma, or a pair along and across the wave, not {sigma!r}")
    return read_number(pair[0], "sigma", "gabor"), read_number(pair[1], "sigma", "gabor")


def _angle(convert: Any, value: Any) -> float:
    return read_number(convert(value), "angle", "gabor", Bound(math.isfinite, "that is finite"))
