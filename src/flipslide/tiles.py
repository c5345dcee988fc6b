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
from itertools import product
from typing import NamedTuple

from .spec import Axis, ConvSpec

__all__ = ["USUAL_THREADS", "Estimate", "Machine", "choose_tiles"]

#: Choices are made for this many threads, whatever number a call has.
USUAL_THREADS = 2

#: Nanoseconds of a call that transforms next to nothing.
CALL, FFT_CALL = 4000.0, 3000.0

#: Largest tile along an axis, in points: of many tiles at once, and of one.
MOST_POINTS = {"overlap": 1 << 15, "fft": 1 << 28}

#: Bytes of a group of tiles. Beyond the second-level cache every level costs a trip to the next.
CACHE_BYTES = 1 << 20
MOST_BYTES = 1 << 26


class Machine(NamedTuple):
    """What a transform's time depends on: lanes of a vector, and nanoseconds for one vector of points."""

    lanes: int
    level: float  # forward and inverse, for each doubling of the points
    move: float  # from rows to lanes and back, with the product
    row: float  # for each row of each tile: finding it


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
    return tuple(unit * n for n in sorted(found) if unit * n <= most)


@lru_cache(maxsize=1)
def _all_sizes() -> tuple[int, ...]:
    """Every product of 2, 3 and 5 up to the largest tile."""
    most = max(MOST_POINTS.values())
    odd = [3**i * 5**j for i in range(18) for j in range(13) if 3**i * 5**j <= most]
    return tuple(sorted(n << twos for n in odd for twos in range(29) if n << twos <= most))


def _next_size(n: int) -> int:
    sizes = _all_sizes()
    return sizes[min(bisect_left(sizes, n), len(sizes) - 1)]


def choose_tiles(method: str, spec: ConvSpec, item_bytes: int, machine: Machine, is_complex: bool) -> Estimate | None:
    """The cheapest tiles for a transform; None if none of a bearable size holds the taps."""
    tilings = _weigh_all(method, spec, item_bytes, machine, is_complex)
    return min(tilings, key=lambda tiling: tiling.nanoseconds(USUAL_THREADS), default=None)


def _weigh_all(method: str, spec: ConvSpec, item_bytes: int, machine: Machine, is_complex: bool) -> Iterator[Estimate]:
    arrays = (math.prod(spec.x_shape) + math.prod(spec.w_shape) + math.prod(spec.y_shape)) * item_bytes
    allowed = max(MOST_BYTES, 2 * arrays)
    units = (1,) * (len(spec.axes) - 1) + (1 if is_complex else 2,)
    axes = zip(spec.axes, units, strict=True)
    for tile in product(*(_candidates(axis, MOST_POINTS[method], unit, machine.lanes) for axis, unit in axes)):
        blocks = _count_blocks(spec, tile)
        if blocks:
            estimate = _WEIGH[method](spec, tile, blocks, item_bytes, machine, units[-1])
            if estimate.workspace(USUAL_THREADS) <= allowed:
                yield estimate


def _count_blocks(spec: ConvSpec, tile: tuple[int, ...]) -> int:
    """Tiles of one plane; 0 where the taps do not fit."""
    blocks = 1
    for n, axis in zip(tile, spec.axes, strict=True):
        step = n - abs(axis.dilation) * (axis.w - 1)
        if step < 1:
            return 0
        blocks *= 1 if n >= _whole(axis) else -(-axis.y // step)
    return blocks


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
    spec: ConvSpec, tile: tuple[int, ...], blocks: int, item_bytes: int, machine: Machine, unit: int
) -> Estimate:
    """Each lane has a tile of its own."""
    points = math.prod(tile) // unit
    groups, channels = spec.loop_size("group"), spec.loop_size("out")
    held = points * 2 * machine.lanes * item_bytes * (2 if channels > 1 else 1)
    tasks = groups * -(-blocks * spec.loop_size("batch") // machine.lanes)
    # Only the last axis is contiguous, the others work across the cache.
    steps = (1 if len(tile) == 1 else 1.5) * (1 if held <= CACHE_BYTES else 1.3)
    levels = machine.level * (math.log2(max(points, 2)) + 1) * steps
    each = points * (levels + machine.move) * (1 + channels) / 2
    rows = points * unit // tile[-1] * machine.lanes * machine.row
    spectra = -(-groups * channels // machine.lanes) * points * levels / 2
    taps = groups * channels * points * 2 * item_bytes
    return Estimate(CALL + spectra, tasks * (each + rows), tasks, held, tile, taps, tasks)


def _weigh_fft(
    spec: ConvSpec, tile: tuple[int, ...], blocks: int, item_bytes: int, machine: Machine, unit: int
) -> Estimate:
    """One tile, whose lanes are neighbours."""
    points = math.prod(tile) // unit
    groups, channels = spec.loop_size("group"), spec.loop_size("out")
    vectors = _fft_vectors(points, tile[-1] // unit, len(tile), machine.lanes)
    whole = math.ceil(vectors) * machine.lanes * 2 * item_bytes
    held = whole * (1 + (channels > 1))
    tiles = groups * blocks * spec.loop_size("batch")
    # Between the two transforms, squares are turned over and back.
    levels = machine.level * (math.log2(max(points, 2)) + 1) * (1 if held <= CACHE_BYTES else 1.3)
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


def _fft_vectors(points: int, last: int, n_axes: int, lanes: int) -> float:
    """Vectors of a matrix whose both sides are filled up to whole vectors (cpp/fft/fft.cpp)."""
    if n_axes > 1:
        return -(-points // last // lanes) * -(-last // lanes) * lanes
    # As square as the factors allow; half a vector too much on each side, on average.
    return points / lanes * (1 if points % lanes**2 == 0 else (1 + lanes / 2 / math.sqrt(points)) ** 2)


_WEIGH = {"overlap": _weigh_overlap, "fft": _weigh_fft}
