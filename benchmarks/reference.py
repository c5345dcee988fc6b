"""What a case should give: the definition, in longdouble, at some outputs.

Written out here once more, with its own boundaries, so that a mistake of the library cannot
hide in both. Each output comes with Σ|w|·|x| over its own terms, the unit of the errors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .cases import Array, Case, Shape

#: Products that the reference of one case may cost, and how many outputs it looks at.
PRODUCTS, FEWEST, MOST = 2_000_000, 8, 256


class Reference(NamedTuple):
    """Outputs at `places`, their exact values, and Σ|w|·|x| of each."""

    places: tuple[Array, ...]
    values: Array
    scales: Array

    def error(self, y: Array) -> float:
        """The worst |y − exact| / Σ|w|·|x|."""
        return worst_ratio(self.misses(y), self.scales)

    def disagreement(self, y: Array) -> float:
        """The worst |y − exact| as a part of the largest Σ|w|·|x|."""
        return worst_ratio(self.misses(y), np.max(self.scales))

    def misses(self, y: Array) -> Array:
        return np.asarray(np.abs(y[self.places] - self.values))


def worst_ratio(misses: Array, scales: Array) -> float:
    ratio = np.where(misses == 0, 0.0, misses / np.where(scales == 0, np.finfo(float).tiny, scales))
    return float(np.nan_to_num(ratio, nan=np.inf).max(initial=0.0))


def make_reference(case: Case, x: Array, w: Array, positions: list[Shape] | None = None) -> Reference:
    positions = sample_positions(case) if positions is None else positions
    terms = [_terms(case, x, w, position) for position in positions]
    values, scales = np.array([t[0] for t in terms]), np.array([t[1] for t in terms])
    return Reference(tuple(np.array(positions).T), values, scales)


def sample_positions(case: Case) -> list[Shape]:
    """Both corners and random outputs; every edge is near some of them."""
    shape = np.array(case.y_shape)
    count = int(np.clip(PRODUCTS // case.products_per_output, FEWEST, MOST))
    found = np.random.default_rng(5).integers(0, shape, (count, len(shape)))
    found[0], found[1] = 0, shape - 1
    found[2 : count // 4, -1] = 0
    found[count // 4 : count // 2, -1] = shape[-1] - 1 - found[count // 4 : count // 2, -1] % 7
    return [tuple(map(int, position)) for position in found]


def _terms(case: Case, x: Array, w: Array, position: Shape) -> tuple[np.generic, np.generic]:
    """The sum of one output, and the sum of the absolute values of its terms."""
    patch, taps = x[_batch_index(case, position)], _own_taps(case, w, position)
    exact = np.clongdouble if x.dtype.kind == "c" else np.longdouble
    samples = [
        sample_index(position[axis] + start, k, n, case.boundary, 1 if case.is_layer else -1)
        for axis, start, k, n in zip(
            case.conv_axes, case.starts, case.n_taps, (x.shape[a] for a in case.conv_axes), strict=True
        )
    ]
    lead = (slice(None),) if case.is_layer else ()
    reach = tuple(slice(max(0, int(s.min())), int(s.max()) + 1) for s in samples)
    patch = patch[lead + reach].astype(exact)
    for axis, (s, r) in enumerate(zip(samples, reach, strict=True), start=len(lead)):
        patch = np.take(patch, np.maximum(s - r.start, 0), axis)
        patch = patch * np.expand_dims(s >= 0, [a for a in range(patch.ndim) if a != axis])
    products = patch * taps
    return products.sum(), np.abs(products).sum()


def _batch_index(case: Case, position: Shape) -> tuple[int | slice, ...]:
    """Where in x the samples of an output lie: all of the convolved axes, one place of the others."""
    if case.is_layer:
        return (position[0],)
    shape = zip(position, case.x_shape, strict=True)
    return tuple(slice(None) if a in case.conv_axes else min(p, n - 1) for a, (p, n) in enumerate(shape))


def _own_taps(case: Case, w: Array, position: Shape) -> Array:
    if case.is_layer:
        return np.asarray(w[position[1]])
    if not case.has_bank:
        return w
    return w[tuple(slice(None) if a in case.conv_axes else p for a, p in enumerate(position))]


def sample_index(m: int, k: int, n: int, boundary: str, sign: int) -> Array:
    """Which samples meet the taps 0 … k−1 at place m of an axis of n; −1 for none."""
    at = m + sign * np.arange(k)
    if boundary == "edge":
        return np.asarray(np.clip(at, 0, n - 1))
    if boundary == "wrap":
        return at % n
    if boundary == "mirror":
        at = at % max(1, 2 * n - 2)
        return np.where(at < n, at, 2 * n - 2 - at)
    return np.where((at >= 0) & (at < n), at, -1)


def neighbourhood_norms(case: Case, x: Array, places: tuple[Array, ...], tile: Shape) -> Array:
    """√Σ|x|² of the samples within two tiles of each output: no tile that made it reaches further.

    Neighbours in a batch may share a transform, so all of them count.
    """
    norms = []
    for position in zip(*places, strict=True):
        place: list[slice] = [slice(None)] * x.ndim
        for axis, start, length in zip(case.conv_axes, case.starts, tile, strict=True):
            middle = int(position[axis]) + start
            place[axis] = slice(max(0, middle - 2 * length), middle + 2 * length)
        norms.append(math.sqrt(float(np.sum(np.abs(x[tuple(place)].astype(np.complex128)) ** 2))))
    return np.array(norms)
