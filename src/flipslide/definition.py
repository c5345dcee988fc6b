"""What flipslide means, as loops in plain Python.

    y[m] = Σ_c Σ_j w[c, j] · x̃[c, start + stride·m ± dilation·j]  +  bias

Every method is tested against `apply`, which imports none of them. It is slow and
exact: integers are Python integers, `Fraction` stays `Fraction`, narrow floats are
summed in double. With boundary="zero" a tap that meets no sample adds nothing at all,
so an infinite tap does not turn into NaN where it hangs over the edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .spec import ConvSpec, Extension

__all__ = ["apply", "pad"]

from .geometry import extend_index, extend_terms


def apply(spec: ConvSpec, x: Any, w: Any, bias: Any = None) -> np.ndarray:
    """The sum that `spec` describes, as an array of Python numbers.

    `bias`, when given, has one entry per output channel (group by group).

    >>> from flipslide.spec import ConvSpec
    >>> apply(ConvSpec.of((5,), (3,), mode="valid"), [0, 1, 2, 3, 4], [1, -1, 2]).tolist()
    [1, 3, 5]
    """
    x, w = _exact(x, spec.conj_x), _exact(w, spec.conj_w)
    for one in spec.extensions:
        x = _written_out(x, one)
    spec = spec.written_out()
    y = np.full(spec.y_shape, 0, dtype=object)
    for loop_index in np.ndindex(*(loop.size for loop in spec.loops)):
        for m in np.ndindex(*(axis.y for axis in spec.axes)):
            at = spec.place("y", loop_index, m)
            for x_index, w_index in spec.terms(loop_index, m):
                sample = spec.fill if x_index is None else x[x_index]
                y[at] = y[at] + w[w_index] * sample
    if bias is not None:
        y = y + _exact(bias, False).reshape(_bias_shape(spec))
    return y


def pad(x: Any, width: list[tuple[int, int]], boundary: list[str], fill_value: Any = 0) -> np.ndarray:
    """x with (lo, hi) more samples on each axis, element by element."""
    x = _exact(x, False)
    y = np.empty([n + lo + hi for n, (lo, hi) in zip(x.shape, width, strict=True)], dtype=object)
    for index in np.ndindex(*y.shape):
        source = [
            extend_index(i - lo, n, rule) for i, n, (lo, _), rule in zip(index, x.shape, width, boundary, strict=True)
        ]
        y[index] = fill_value if None in source else x[tuple(source)]
    return y


def _written_out(x: np.ndarray, one: Extension) -> np.ndarray:
    """x with samples before and after those along one dimension, each as a sum of samples or the fill value."""
    moved = np.moveaxis(x, one.dim, 0)
    y = np.full((one.before + one.n + one.after, *moved.shape[1:]), 0, dtype=object)
    for at in range(len(y)):
        i, rule = at - one.before, one.sides.rule(at - one.before)
        if rule == "constant" and not 0 <= i < one.n:
            y[at] = one.sides.fills[i >= 0]
        for sample, weight in extend_terms(i, one.n, rule):
            y[at] = y[at] + moved[sample] * weight
    return np.moveaxis(y, 0, one.dim)


def _exact(values: Any, conjugate: bool) -> np.ndarray:
    """An array of Python numbers, conjugated or not."""
    array = np.asarray(values)
    return np.asarray((np.conj(array) if conjugate else array).astype(object))


def _bias_shape(spec: ConvSpec) -> list[int]:
    """Where in y the output channels lie: their sizes there, 1 elsewhere."""
    shape = [1] * spec.y_ndim
    for loop in spec.loops:
        if loop.w_dim >= 0 and loop.y_dim >= 0:
            shape[loop.y_dim] = loop.size
    return shape
