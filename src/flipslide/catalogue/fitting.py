"""Taps that fit a polynomial to the window and read it, or a derivative, in the middle."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ParameterError
from ..geometry import to_int
from .checks import check_size, read_number
from .smoothing import unit_sum

__all__ = ["fit_rows", "read_fit", "savgol"]


def savgol(window: int = 11, polyorder: int = 3, *, deriv: int = 0, spacing: float = 1.0) -> Array:
    """Savitzky–Golay: the value in the middle of the polynomial that fits the window best.

        y[m] = p⁽ⁿ⁾(0),   p of degree polyorder minimizing Σ (p(i) − x[m + i])² over the window

    n is `deriv`; the derivative is per unit of `spacing`. Taps for n = 0 sum to 1. An even window has its middle
    between two samples. Source: Savitzky and Golay, *Analytical Chemistry* 36 (1964), p. 1627.

    >>> (35 * savgol(5, 2)).round(12)
    array([-3., 12., 17., 12., -3.])
    >>> savgol(3, 1, deriv=1)
    array([ 0.5,  0. , -0.5])
    """
    size, degree, n = read_fit(window, polyorder, deriv)
    row = fit_rows(size, degree, n, np.array([(size - 1) / 2]))[0, ::-1]
    step = read_number(spacing, "spacing", "savgol")
    return unit_sum(row) if n == 0 else row / step**n


def read_fit(window: Any, polyorder: Any, deriv: Any) -> tuple[int, int, int]:
    size, degree, n = to_int(window, "window", 1), to_int(polyorder, "polyorder", 0), to_int(deriv, "deriv", 0)
    check_size((size, degree + 1), "savgol")
    if degree >= size:
        raise ParameterError(
            f"savgol needs more samples than the polynomial has coefficients: polyorder={degree} must be "
            f"below window={size}"
        )
    return size, degree, n


def fit_rows(size: int, degree: int, n: int, places: Array) -> Array:
    """E with E·window = the n-th derivative of the fitted polynomial at `places` (0 … size − 1).

    In Legendre polynomials of the window stretched over −1 … 1 the normal equations are well conditioned.
    """
    half = max((size - 1) / 2, 0.5)
    nodes, wanted = (np.arange(size) - (size - 1) / 2) / half, (places - (size - 1) / 2) / half
    legendre = np.polynomial.legendre
    q, r = np.linalg.qr(legendre.legvander(nodes, degree))
    basis = [legendre.Legendre.basis(k).deriv(n)(wanted) / half**n for k in range(degree + 1)]
    if n > degree:
        return np.zeros((places.size, size))
    rows = np.linalg.solve(r.T, np.array(basis)).T @ q.T
    return _symmetric(rows, n) if places.size == 1 else rows


def _symmetric(rows: Array, n: int) -> Array:
    """Even derivatives in the middle have symmetric rows, odd ones antisymmetric: to the last bit."""
    return np.asarray((rows + (-1) ** n * rows[:, ::-1]) / 2)
