"""What is compared, and how closely."""

from __future__ import annotations

from typing import Any

import numpy as np

from flipslide import definition
from flipslide.arrays import arithmetic_of
from flipslide.plan import choose
from flipslide.spec import ConvSpec


def assert_is_definition(
    y: np.ndarray, spec: ConvSpec, x: np.ndarray, w: np.ndarray, bias: Any = None, method: str = "auto"
) -> None:
    """y is the definition's sum: exactly for integers, within the plan's stated bound for floats.

    The bound is |computed − exact| ≤ γ·Σ|w|·|x| for each output (Plan.error_bound), or for a
    transform γ·Σ|w|·√Σ|x|² over its tiles, of which the largest |x| gives an upper bound; the
    reference itself is summed in double, which adds its own γ for double inputs.
    """
    numbers = arithmetic_of(x.dtype, w.dtype)
    assert y.dtype == numbers.y
    assert y.shape == spec.y_shape
    if numbers.y.kind == "b":
        np.testing.assert_array_equal(y, definition.apply(spec, x.astype(int), w.astype(int)) != 0)
        return
    exact = definition.apply(spec, x, w, bias)
    if numbers.y.kind in "iu":
        np.testing.assert_array_equal(y.astype(object), exact)
        return
    plan = choose(spec, numbers, 1, method)
    reach = _magnitudes(spec, x, w, bias) if not plan.tile else _tile_magnitude(plan.tile, spec, x, w, bias)
    error = np.abs(y.astype(complex) - exact.astype(complex))
    tiny = float(np.finfo(numbers.y).smallest_subnormal)
    allowed = 2 * plan.error_bound * reach + spec.n_taps * tiny
    assert np.all(error <= allowed), np.max(error - allowed)


def _magnitudes(spec: ConvSpec, x: np.ndarray, w: np.ndarray, bias: Any) -> np.ndarray:
    """Σ|w|·|x| of each output."""
    return definition.apply(
        spec._replace(fill=abs(spec.fill)),
        np.abs(x).astype(float),
        np.abs(w).astype(float),
        None if bias is None else np.abs(bias).astype(float),
    ).astype(float)


def _tile_magnitude(tile: tuple[int, ...], spec: ConvSpec, x: np.ndarray, w: np.ndarray, bias: Any) -> float:
    """No smaller than Σ|w|·√Σ|x|² for any tile."""
    largest = max(np.abs(x).max(initial=0), abs(spec.fill))
    own = 0.0 if bias is None else float(np.abs(bias).max())
    return float(np.abs(w).sum() * largest * np.sqrt(np.prod(tile)) + own)
