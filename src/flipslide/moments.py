"""Sums and squared deviations of all windows of an array, and the scores that are made of them.

For a window of n samples, s = Σ x and m = Σ (x − s/n)². The core puts windows together from halves
(cpp/moments.hpp), so that m is never below 0, is 0 where all samples are equal, and knows nothing of
what lies outside its window.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from . import _core
from .arrays import Array
from .spec import Shape

__all__ = ["KINDS", "Moments", "Template", "find_moments", "score_windows"]

#: Numbered as FsScoreKind in cpp/microkernels/moments.hpp.
KINDS = ("zncc", "ncc", "ssd")

_TYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()

#: A window is flat if its standard deviation is below so many units roundoff of its mean.
FLAT_ROUNDOFFS = 8


class Moments(NamedTuple):
    """Sums of `samples` samples each, and their squared deviations (None: single samples)."""

    sums: Array
    deviations: Array | None
    samples: int


class Template(NamedTuple):
    """What a score must know of a template, and below which deviation of a window it is in doubt."""

    mean: float
    deviation: float
    doubt: float


def find_moments(moments: Moments, sizes: Shape, threads: int) -> Moments:
    """Of windows of these sizes along the last axes."""
    for axis in range(len(sizes)):
        moments = _slide_along(moments, axis - len(sizes), sizes[axis], threads)
    return moments


def score_windows(
    moments: Moments, sizes: Shape, correlations: Array, kind: str, templates: list[Template], threads: int
) -> int:
    """Scores in place of correlations, which are (templates, *other axes, *places).

    Returns how many scores are in doubt: those have the value `_core.DOUBT`.
    """
    for axis in range(-len(sizes), -2):
        moments = _slide_along(moments, axis, sizes[axis], threads)
    rows, columns = (1, *sizes)[-2:]
    n = moments.samples * rows * columns
    dtype = correlations.dtype
    planes, spread = _in_planes(moments.sums, len(sizes)), moments.deviations
    if spread is not None:
        planes, spread = planes.astype(dtype, copy=False), spread.astype(dtype, copy=False)
    flat = (FLAT_ROUNDOFFS * float(np.finfo(dtype).eps) / 2) ** 2
    words = [(float(n), t.mean, t.deviation, flat / n, t.doubt) for t in templates]
    return int(
        _core.window_scores(
            planes, spread, float(moments.samples), _type_of(planes), rows, columns,
            correlations, KINDS.index(kind), words, threads,
        )
    )  # fmt: skip


def _slide_along(moments: Moments, axis: int, size: int, threads: int) -> Moments:
    """Windows along one axis."""
    shape = list(moments.sums.shape)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis:][1:])
    planes = (outer, shape[axis], inner) if inner > 1 else (1, outer, shape[axis])
    x = moments.sums.reshape(planes)
    shape[axis] -= size - 1
    windows = (size, 1) if inner > 1 else (1, size)
    sums, deviations = np.empty(shape), np.empty(shape)
    _core.window_moments(
        x, moments.deviations, float(moments.samples), _type_of(x), *windows, sums, deviations, threads
    )
    return Moments(sums, deviations, moments.samples * size)


def _in_planes(x: Array, n_axes: int) -> Array:
    """(planes, height, width), for the last two axes that a window slides along."""
    width = x.shape[-1]
    return x.reshape(-1, x.shape[-2] if n_axes > 1 else 1, width)


def _type_of(x: Array) -> int:
    return _TYPES.index(x.dtype.name)
