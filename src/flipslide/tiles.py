"""Which tiles a transform should use, and what they cost.

A tile of n samples along an axis gives n − D + 1 outputs, where D is the span of the taps: a
large tile wastes little, a small one stays in the cache and needs fewer levels. A real tile is
transformed as half as many complex points, so its last axis is even (cpp/fft/transform.hpp).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np

from .spec import Axis, ConvSpec

__all__ = ["USUAL_THREADS", "Estimate", "Machine", "rank_tiles"]

#: Choices are made for this many threads, whatever number a call has.
USUAL_THREADS = 2

#: What a level of `fft` costs beside one of `overlap`: pieces of a tile come from further away.
FFT_LEVELS = 1.25

#: Nanoseconds of a call that transforms next to nothing.
CALL, FFT_CALL = 4000.0, 3000.0

#: Largest tile along an axis, in points: of many tiles at once, and of one.
MOST_POINTS = {"overlap": 1 << 15, "fft": 1 << 28}

#: Bytes of a group of tiles. Beyond the second-level cache every level costs a trip to the next.
CACHE_BYTES = 1 << 20
MOST_BYTES = 1 << 26

#: How many tiles are weighed in full, and the levels of a transform that moving its points costs.
MOST_WEIGHED, MOVE_LEVELS = 32, 5


class Machine(NamedTuple):
    """What a transform's time depends on: lanes of a vector, and nanoseconds for one vector of points."""

    lanes: int
    level: float  # forward and inverse, for each doubling of the points
    move: float  # from rows to lanes and back, with the product
    row: float  # for each row of each tile: finding it


class Loops(NamedTuple):
    """How often a plane is transformed: for each batch element, group and output channel."""

    batch: int
    group: int
    out: int


class Estimate(NamedTuple):
    """What a method would cost for a spec."""

    call: float  # nanoseconds that are not shared
    work: float  # nanoseconds that threads share
    tasks: int  # among how many
    scratch: int  # bytes of each thread that has a tile of its own
    tile: tuple[int, ...] = ()  # points of a transform along each axis
    shared: int = 0  # bytes of all threads together
    holders: int = 1 << 30  # how many threads can have a tile of their own
    piece: int = 0  # bytes of each thread for the piece of a tile that it works on

    def scaled(self, factor: float) -> Estimate:
        """The same on a machine that takes `factor` times as long."""
        return self if factor == 1 else self._replace(call=self.call * factor, work=self.work * factor)

    def workspace(self, threads: int) -> int:
        return self.shared + self.scratch * min(threads, self.holders) + self.piece * threads

    def nanoseconds(self, threads: int) -> float:
        if threads == 1 or self.work < 30_000:
            return self.call + self.work
        return self.call + self.work * -(-self.tasks // threads) / self.tasks


@lru_cache(maxsize=1)
def _sizes() -> tuple[int, ...]:
    """Products of 2, 3 and 5 with few odd factors."""
    return tuple(sorted(odd << twos for odd in (1, 3, 5, 9, 15, 25) for twos in range(29)))


def _candidates(axis: Axis, most: int, unit: int, lanes: int) -> tuple[int, ...]:
    """Sizes that are `unit` times products of 2, 3 and 5."""
    if axis.w == 1:
        return (unit,)
    span = abs(axis.dilation) * (axis.w - 1) + 1
    # All outputs in one tile, also one that fills the lanes, or in two or three.
    whole = -(-max(span, _whole(axis)) // unit)
    full = (k * _next_size(-(-whole // k)) for k in (1, lanes, lanes**2) if whole >= 4 * k)
    parts = (_next_size(-(-(-(-axis.y // n) + span - 1) // unit)) for n in (2, 3))
    sizes = _sizes()
    good = sizes[bisect_left(sizes, span * 5 // 4 // unit + 1) : bisect_left(sizes, min(whole, 24 * span // unit + 64))]
    found = {*good[:: 1 + len(good) // 10], *parts, *full, _next_size(whole)}
    return tuple(unit * n for n in sorted(found) if span <= unit * n <= most)


@lru_cache(maxsize=1)
def _all_sizes() -> tuple[int, ...]:
    """Every product of 2, 3 and 5 up to the largest tile."""
    most = max(MOST_POINTS.values())
    odd = [3**i * 5**j for i in range(18) for j in range(13) if 3**i * 5**j <= most]
    return tuple(sorted(n << twos for n in odd for twos in range(29) if n << twos <= most))


def _next_size(n: int) -> int:
    sizes = _all_sizes()
    return sizes[min(bisect_left(sizes, n), len(sizes) - 1)]


def rank_tiles(
    method: str,
    spec: ConvSpec,
    item_bytes: int,
    machine: Machine,
    is_complex: bool,
    array_bytes: int,
    is_converted: bool,
) -> list[Estimate]:
    """Tiles for a transform, the cheapest first; empty if none of a bearable size holds the taps.

    `is_converted`: x or y is not of the type that is transformed.
    """
    loops = Loops(*(spec.loop_size(kind) for kind in Loops._fields))
    allowed = max(MOST_BYTES, 2 * array_bytes)
    units = (1,) * (len(spec.axes) - 1) + (1 if is_complex else 2,)
    most, lanes = MOST_POINTS[method], machine.lanes
    options = [_candidates(axis, most, unit, lanes) for axis, unit in zip(spec.axes, units, strict=True)]
    tiles = _list_promising(spec.axes, options, loops.batch / (lanes if method == "overlap" else 1))
    staged = item_bytes * (2 if is_complex else 1) if is_converted and method == "fft" and len(spec.axes) == 1 else 0
    weighed = (
        _stage(_WEIGH[method](loops, tile, blocks, item_bytes, machine, units[-1]), tile[0] * staged)
        for tile, blocks in tiles
    )
    bearable = islice((e for e in weighed if e.workspace(USUAL_THREADS) <= allowed), MOST_WEIGHED)
    return sorted(bearable, key=lambda estimate: estimate.nanoseconds(USUAL_THREADS))


def _list_promising(
    axes: tuple[Axis, ...], options: list[tuple[int, ...]], planes: float
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Tiles, and how many of them one plane has; those first whose points cost least.

    That leaves out caches and the finding of rows: over 300 random calls of one to three axes, the
    best of the first MOST_WEIGHED costs 0.1% more than the best of all, and at most 10%.
    """
    # 4000 tiles are listed in some 0.2 ms.
    options = [sizes[-int(4_000 ** (1 / len(axes))) :] for sizes in options]
    points, blocks = np.ones(1), np.ones(1, np.int64)
    for axis, sizes in zip(axes, options, strict=True):
        n = np.array(sizes, np.int64)
        points = np.multiply.outer(points, n).ravel()
        pieces = -(-axis.y // (n - abs(axis.dilation) * (axis.w - 1)))
        blocks = np.multiply.outer(blocks, np.where(n >= _whole(axis), 1, pieces)).ravel()
    cost = points * np.ceil(blocks * planes) * (np.log2(points) + MOVE_LEVELS)
    for at in np.argsort(cost, kind="stable").tolist():
        yield _pick(options, at), int(blocks[at])


def _pick(options: list[tuple[int, ...]], at: int) -> tuple[int, ...]:
    """The entry of that number in the product of some options."""
    picked = []
    for sizes in reversed(options):
        at, place = divmod(at, len(sizes))
        picked.append(sizes[place])
    return tuple(reversed(picked))


def _whole(axis: Axis) -> int:
    """Samples of a tile that gives all outputs: their window, of which those that come again as zeros at
    the tile's beginning may be left out beyond the end of x (cpp/fft/transform.cpp).
    """
    overhang = abs(axis.dilation) * (axis.w - 1)
    window = axis.y + overhang
    start = axis.start - (overhang if axis.dilation < 0 else 0) - (axis.y - 1 if axis.stride < 0 else 0)
    zeros = min(max(-start, 0), overhang) if axis.boundary == "zero" else 0
    return max(window - zeros, min(window, axis.x - start))


def _weigh_overlap(
    loops: Loops, tile: tuple[int, ...], blocks: int, item_bytes: int, machine: Machine, unit: int
) -> Estimate:
    """Each lane has a tile of its own."""
    points = math.prod(tile) // unit
    groups, channels = loops.group, loops.out
    held = points * 2 * machine.lanes * item_bytes * (2 if channels > 1 else 1)
    tasks = groups * -(-blocks * loops.batch // machine.lanes)
    # Only the last axis is contiguous, the others work across the cache.
    steps = (1 if len(tile) == 1 else 1.3) * (1 if held <= CACHE_BYTES else 1.3)
    levels = machine.level * (math.log2(max(points, 2)) + 1) * steps
    each = points * (levels + machine.move) * (1 + channels) / 2
    rows = points * unit // tile[-1] * machine.lanes * machine.row
    spectra = -(-groups * channels // machine.lanes) * points * levels / 2
    taps = groups * channels * points * 2 * item_bytes
    return Estimate(CALL + spectra, tasks * (each + rows), tasks, held, tile, taps, tasks)


def _weigh_fft(
    loops: Loops, tile: tuple[int, ...], blocks: int, item_bytes: int, machine: Machine, unit: int
) -> Estimate:
    """One tile, whose lanes are neighbours."""
    points = math.prod(tile) // unit
    groups, channels = loops.group, loops.out
    vectors = _fft_vectors(points, tile[-1] // unit, len(tile), machine.lanes)
    whole = math.ceil(vectors) * machine.lanes * 2 * item_bytes
    held = whole * (1 + (channels > 1))
    tiles = groups * blocks * loops.batch
    # Between the two transforms, squares are turned over and back.
    levels = FFT_LEVELS * machine.level * (math.log2(max(points, 2)) + 1) * (1 if held <= CACHE_BYTES else 1.3)
    each = vectors * (levels + 2 * machine.move) * (1 + channels) / 2
    rows = points * unit // tile[-1] * machine.row
    spectra = groups * channels * vectors * (levels / 2 + machine.move)
    # Points across and rows of taps in the lanes; of a tile of one axis, its taps once.
    rows_of_taps = machine.lanes * tile[-1] if len(tile) > 1 else 0
    across = points * unit // tile[-1] if len(tile) > 1 else math.isqrt(points)
    piece = (machine.lanes * across * 2 + rows_of_taps) * item_bytes
    taps = groups * channels * whole + (tile[0] * item_bytes if len(tile) == 1 else 0)
    # Fewer tiles than threads are shared as well, in pieces.
    holders = tiles if tiles >= USUAL_THREADS else 1
    return Estimate(FFT_CALL, tiles * (each + rows) + spectra, max(tiles, 64), held, tile, taps, holders, piece)


def _stage(estimate: Estimate, n_bytes: int) -> Estimate:
    """With room beside each tile, where samples and outputs are converted (cpp/fft/fft.cpp)."""
    return estimate._replace(scratch=estimate.scratch + n_bytes)


def _fft_vectors(points: int, last: int, n_axes: int, lanes: int) -> float:
    """Vectors of a matrix whose both sides are filled up to whole vectors (cpp/fft/fft.cpp)."""
    if n_axes > 1:
        return -(-points // last // lanes) * -(-last // lanes) * lanes
    # As square as the factors allow; half a vector too much on each side, on average.
    return points / lanes * (1 if points % lanes**2 == 0 else (1 + lanes / 2 / math.sqrt(points)) ** 2)


_WEIGH = {"overlap": _weigh_overlap, "fft": _weigh_fft}
