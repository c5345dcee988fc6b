"""What is compared, and how closely."""

from __future__ import annotations

from typing import Any

import numpy as np

from flipslide import definition
from flipslide.arrays import arithmetic_of
from flipslide.plan import choose
from flipslide.spec import ConvSpec


def assert_is_definition(y: np.ndarray, spec: ConvSpec, x: np.ndarray, w: np.ndarray, bias: Any = None) -> None:
    """y is the definition's sum: exactly for integers, within the plan's stated bound for floats.

    The bound is |computed − exact| ≤ γ·Σ|w|·|x| for each output (Plan.error_bound); the
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
    gamma = choose(spec, numbers, 1).error_bound
    magnitudes = definition.apply(
        spec._replace(fill=abs(spec.fill)),
        np.abs(x).astype(float),
        np.abs(w).astype(float),
        None if bias is None else np.abs(bias).astype(float),
    ).astype(float)
    error = np.abs(y.astype(complex) - exact.astype(complex))
    tiny = float(np.finfo(numbers.y).smallest_subnormal)
    assert np.all(error <= 2 * gamma * magnitudes + spec.n_taps * tiny), np.max(error - 2 * gamma * magnitudes)
