"""Savitzky–Golay: a polynomial fitted to each window."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from ..arrays import Array
from ..catalogue.checks import read_number
from ..catalogue.fitting import fit_rows, read_fit
from ..catalogue.fitting import savgol as savgol_taps
from ..errors import ParameterError
from .rim import How, Rule, one_axis, rim, slide

__all__ = ["savgol"]


@rim
def savgol(
    x: Array, window: int = 11, polyorder: int = 3, *, deriv: int = 0, spacing: float = 1.0, axis: int = -1,
    **how: Unpack[How],
) -> Array:  # fmt: skip
    """Smooth x, or take its derivative, by a polynomial that fits each window best.

        y[m] = p⁽ⁿ⁾(0),   p of degree polyorder minimizing Σ (p(i) − x[m + i])²,   |i| ≤ (window − 1)/2

    Parameters
    ----------
    x : array_like
    window : int
        An odd number of samples.
    polyorder : int
        Below the window. Polynomials up to this degree stay as they are.
    deriv : int
        n; the derivative is per unit of `spacing`.
    axis : int
    **how
        dtype, threads, fill_value, and boundary, which is "interp" unless given: at both ends the polynomial of
        the outermost full window goes on. Others as of `fs.convolve`.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.filters.savgol([1, 2, 5, 10, 17, 26], 5, 2).round(12)
    array([ 1.,  2.,  5., 10., 17., 26.])
    >>> fs.filters.savgol([0, 2, 6, 12, 20, 30], 5, 2, deriv=1).round(12)
    array([ 1.,  3.,  5.,  7.,  9., 11.])
    """
    size, degree, n = read_fit(window, polyorder, deriv)
    if size % 2 == 0:
        raise ParameterError(f"window={size} has its middle between two samples; use {size + 1} or {size - 1}")
    dim, step = one_axis(x, axis), read_number(spacing, "spacing", "savgol")
    rule = Rule(**({"boundary": "interp"} | how))
    fits = rule.boundary in ("interp", ("interp",))
    if fits and x.shape[dim] < size:
        raise ParameterError(
            f"window={size} is longer than x, which has {x.shape[dim]} samples along axis {dim}; "
            'use a shorter window, or a boundary such as "mirror"'
        )
    taps = savgol_taps(size, degree, deriv=n, spacing=step)
    y = slide(x, taps, (dim,), rule._replace(boundary="edge") if fits else rule)
    if fits:
        _fit_ends(y, x, dim, (size, degree, n), step)
    return y


def _fit_ends(y: Array, x: Array, dim: int, fit: tuple[int, int, int], step: float) -> None:
    """Write what the polynomials of the first and the last window say about the ends of y."""
    size, half = fit[0], fit[0] // 2
    rows = fit_rows(*fit, np.arange(size, dtype=np.float64)) / step ** fit[2]
    samples, results = np.moveaxis(x, dim, -1), np.moveaxis(y, dim, -1)
    if half:
        results[..., :half] = samples[..., :size] @ rows[:half].T
        results[..., -half:] = samples[..., -size:] @ rows[-half:].T
