"""Banks of Gabor filters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from ..arrays import Array
from ..catalogue.waves import gabor as gabor_taps
from ..errors import ShapeError
from .rim import How, Rule, rim, slide, which_axes

__all__ = ["gabor", "gabor_bank"]


def _plane(x: Array, axes: Any) -> tuple[int, ...]:
    dims = which_axes(x, axes) if x.ndim > 1 else ()
    if len(dims) != 2:
        raise ShapeError(f"a Gabor filter slides along two axes; axes={axes!r} and x has shape {x.shape}")
    return dims


@rim
def gabor(
    x: Array, frequency: float, angle: float = 0.0, *, axes: Any = (-2, -1), sigma: Any = None, bandwidth: float = 1.0,
    phase: float = 0.0, truncate: float = 3.0, **how: Unpack[How],
) -> Array:  # fmt: skip
    """How much of a wave of one frequency and direction there is around each pixel; complex.

    The taps are `fs.taps.gabor(frequency, angle, …)`; the absolute value of the result is the local strength of
    the wave and its angle the phase. Keywords as of `fs.taps.gabor` and `gaussian`.

    >>> import flipslide as fs, numpy as np
    >>> stripes = np.tile(np.cos(2 * np.pi * 0.2 * np.arange(40)), (40, 1))
    >>> along, across = (abs(fs.filters.gabor(stripes, 0.2, angle))[20, 20] for angle in (0, 90))
    >>> bool(along > 1000 * across)
    True
    """
    w = gabor_taps(frequency, angle, sigma=sigma, bandwidth=bandwidth, phase=phase, truncate=truncate)
    return slide(x, w, _plane(x, axes), Rule(**how))


def gabor_bank(
    x: Any, frequencies: Iterable[float], angles: Iterable[float], *, axes: Any = (-2, -1), **how: Any
) -> Array:
    """`gabor` for every frequency and every angle, in one call: shape (frequencies, angles, *x.shape).

    >>> import flipslide as fs, numpy as np
    >>> fs.filters.gabor_bank(np.zeros((20, 30)), [0.1, 0.2, 0.4], [0, 45, 90, 135]).shape
    (3, 4, 20, 30)
    """
    shape = {word: how.pop(word) for word in ("sigma", "bandwidth", "phase", "truncate") if word in how}
    angles = tuple(angles)
    bank = [gabor_taps(f, angle, **shape) for f in frequencies for angle in angles]
    return np.asarray(_bank(x, bank, len(angles), axes=axes, rule=Rule(**how)))


def _bank(x: Any, bank: list[Array], n_angles: int, axes: Any, rule: Rule) -> Array:
    """One convolution of x with all taps, zeros around the smaller ones so that they are as large."""
    from ..arrays import enter

    array = enter(x, "x")
    dims = _plane(array, axes)
    if not bank:
        return np.zeros((0, n_angles, *array.shape), np.complex128)
    size = tuple(max(w.shape[i] for w in bank) for i in range(2))
    taps = np.zeros((len(bank), *size), np.complex128)
    for w, place in zip(bank, taps, strict=True):
        place[tuple(slice((n - k) // 2, (n + k) // 2) for n, k in zip(size, w.shape, strict=True))] = w
    full = [1] * array.ndim
    full[dims[0]], full[dims[1]] = size
    ordered = taps if dims[0] < dims[1] else taps.swapaxes(1, 2)
    y = slide(array[None], ordered.reshape(len(bank), *full), (dims[0] + 1, dims[1] + 1), rule)
    return y.reshape(-1, n_angles, *array.shape)
