"""Which tiles a transform should use, and what they cost.

A tile of n samples along an axis gives n − D + 1 outputs, where D is the span of the taps: a
large tile wastes little, a small one stays in the cache and needs fewer levels. A real tile is
transformed as half as many complex points, so its last axis is even (cpp/fft/transform.hpp).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, reduce
from itertools import islice
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from .costs import costs
from .estimate import CACHE_BYTES, USUAL_THREADS, Constants, Estimate, Problem, part_of
from .spec import Axis

__all__ = ["estimate_tile", "least_time", "rank_tiles"]

#: Largest tile along an axis, in points: of many tiles at once, and of one.
MOST_POINTS = {"overlap": 1 << 15, "fft": 1 << 28}

#: Bytes of a group of tiles that any call may have.
MOST_BYTES = 1 << 26

#: Less is not shared among threads: vectors of points, and samples (cpp/fft).
WORTH_SHARING = {"overlap": 2500, "fft": 16e3}

#: Of a tile that threads share.
PIECES = 64

#: How many tiles are weighed, of one axis and of several: of 450 random calls none lost anything by these, some up
#: to 20% by half as many. And the levels of a transform that moving its points costs, to choose them by.
MOST_SINGLE, MOST_LISTED, MOVE_LEVELS = 10, 600, 5


class Setting(NamedTuple):
    """What the tiles of a problem have in common."""

    lanes: int
    item: int  # bytes of a real number
    unit: int  # samples of a point: a real tile is folded
    n_axes: int
    batch: int
    group: int
    out: int
    move: float  # nanoseconds of a vector of points: from rows to lanes and back, with the product
    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, problem: Problem, k: Constants) -> Setting:
        spec, numbers = problem.spec, problem.arithmetic
        is_rounded = numbers.sum.kind == "i"
        item = 8 if is_rounded else np.dtype(part_of(problem)).itemsize
        move = k["move"] + is_rounded * k["whole"]
        move += _is_strided(problem) * k["strided"]
        # Rows of a tile of several axes begin on pages of their own.
        move += problem.is_far * (k["pages"] if len(spec.axes) > 1 else k["stream"])
        lanes = costs()["vector_bytes"] // item
        unit = 1 if numbers.is_complex else 2
        return cls(lanes, item, unit, len(spec.axes), problem.batch, problem.group, problem.out, move, spec.axes)


def _is_strided(problem: Problem) -> bool:
    """Whether neighbours along the last axis are not neighbours in memory, as arrays usually lie."""
    spec = problem.spec
    last = spec.axes[-1].x_dim
    return any(loop.x_dim > last for loop in spec.loops) or any(axis.x_dim > last for axis in spec.axes)


# ------------------------------------------------------------------------------ formulas
#
# Taps usually come again, and then their spectra are kept (cpp/taps_cache.hpp): a call that has new ones takes
# longer, by up to half of what a tile takes.


#: Of a number, or of an array.
Log2 = Callable[[Any], Any]


class Work(NamedTuple):
    """Of a tiling: the fields of an `Estimate`, as numbers or as arrays of many tilings."""

    call: Any
    work: Any
    tasks: Any
    joint: Any = 0.0


def _levels(points: Any, log2: Log2) -> tuple[Any, Any]:
    """How often points double in a tile, and how much of that are factors of 3 and 5, which take longer."""
    return log2(points) + 1, log2(points // (points & -points))


def _weigh_overlap(s: Setting, k: Constants, tile: Sequence[Any], points: Any, blocks: Any, log2: Log2) -> Work:
    """Each lane has a tile of its own."""
    levels, odd = _levels(points, log2)
    tasks = s.group * -(-blocks * s.batch // s.lanes)
    held = points * (2 * s.lanes * s.item * (2 if s.out > 1 else 1))
    # Only the last axis is contiguous, the others work across the cache.
    level = k["level"] + (s.n_axes > 1) * k["across"] + (held > CACHE_BYTES) * k["far"]
    each = (
        points * (levels * level + odd * k["odd"] + s.move) + points * s.unit // tile[-1] * (s.lanes * k["row"])
    ) * ((1 + s.out) / 2)
    again = points * (s.out * k["again"]) if s.out > 1 else 0
    work = tasks * (each + again + k["tile"])
    return Work(k["call"], work, 1 + (tasks - 1) * (tasks * points * s.out >= WORTH_SHARING["overlap"]))


def _weigh_fft(s: Setting, k: Constants, tile: Sequence[Any], points: Any, blocks: Any, log2: Log2) -> Work:
    """One tile, whose lanes are neighbours."""
    levels, odd = _levels(points, log2)
    tiles = s.group * s.batch * blocks
    vectors = _fft_vectors(s, points, tile[-1])
    held = vectors * (2 * s.lanes * s.item * (2 if s.out > 1 else 1))
    # Between the two transforms squares are turned over and back.
    move = s.move + (held > CACHE_BYTES) * k["far"]
    if s.n_axes > 2:  # rows a multiple of 4 KB apart meet in the first-level cache
        move = move + (tile[-2] * (2 * s.lanes * s.item) % 4096 == 0) * k["collide"]
    move = move + odd * k["odd"]
    each = vectors * (levels * (k["level"] + (s.n_axes > 2) * k["across"]) + move)
    rows = points * s.unit // tile[-1] * k["row"] if s.n_axes > 1 else 0
    again = vectors * (s.out * k["again"]) if s.out > 1 else 0
    work = tiles * ((each + rows) * ((1 + s.out) / 2) + again + k["tile"])
    # The last tile is shared as well where a thread would have none (cpp/fft/fft.cpp).
    in_pieces = (tiles % USUAL_THREADS != 0) & (tiles < 8 * USUAL_THREADS)
    joint = in_pieces * ((1 + 2 * s.out) * k["join"])
    tasks = tiles + in_pieces * (PIECES - tiles)
    return Work(k["call"], work, 1 + (tasks - 1) * (tiles * points * s.unit >= WORTH_SHARING["fft"]), joint)


def _fft_vectors(s: Setting, points: Any, last: Any) -> Any:
    """Vectors of a matrix whose both sides are filled up to whole vectors (cpp/fft/fft.cpp)."""
    if s.n_axes > 1:
        along = last // s.unit
        return -(-points // along // s.lanes) * -(-along // s.lanes) * s.lanes
    # As square as the factors allow; half a vector too much on each side, on average.
    return points / s.lanes * (1 + (points % s.lanes**2 != 0) * (s.lanes / 2) / points**0.5) ** 2


FORMULAS: dict[str, Callable[[Setting, Constants, Sequence[Any], Any, Any, Log2], Work]] = {
    "overlap": _weigh_overlap,
    "fft": _weigh_fft,
}


def _usual_time(found: Work) -> Any:
    """As `Estimate.nanoseconds` has it, also of arrays."""
    return found.call + found.joint * (found.tasks > 1) + found.work * (-(-found.tasks // USUAL_THREADS) / found.tasks)


# --------------------------------------------------------------------------------- tiles


class Sizes(NamedTuple):
    """What one axis of a tile may have: points, and how many tiles the axis then needs."""

    points: tuple[int, ...]
    pieces: tuple[int, ...]


def rank_tiles(method: str, problem: Problem, k: Constants, most: int = 1) -> list[Estimate]:
    """The cheapest tiles for a transform; empty if none of a bearable size holds the taps."""
    s = Setting.of(problem, k)
    options = [_cut(sizes, MOST_POINTS[method]) for sizes in _options_of(s)]
    listed = (_list_single if s.n_axes == 1 else _list_products)(s, method, k, options)
    allowed = max(MOST_BYTES, 2 * _array_bytes(problem))
    tiles = (estimate_tile(method, problem, k, tile) for tile in listed)
    return list(islice((e for e in tiles if e.workspace(USUAL_THREADS) <= allowed), most))


def least_time(problem: Problem, k: Constants) -> float:
    """What no tiling can be faster than: along one axis the best size, along the others as few points as any size
    needs and as few levels as any has; nothing but points and levels counts.

    Most small calls need not look for tiles: they are summed before that.
    """
    s, level = Setting.of(problem, k), k["level"]
    options = _options_of(s)
    if not all(sizes.points for sizes in options):
        return math.inf
    fewest = [min(map(mul, *sizes)) for sizes in options]
    smallest, all_points = math.prod(sizes.points[0] for sizes in options), math.prod(fewest)
    best = 0.0
    for sizes, few in zip(options, fewest, strict=True):
        beside = s.move + level * (math.log2(smallest // sizes.points[0] / s.unit) + 1)
        along = min(n * p * (beside + level * math.log2(n)) for n, p in zip(*sizes, strict=True))
        best = max(best, along * (all_points // few))
    each = s.group * s.batch * (1 + s.out) / 2 / (s.unit * s.lanes)
    return k["call"] + best * each / USUAL_THREADS


def _options_of(s: Setting) -> list[Sizes]:
    """Of one axis more than of several."""
    units = (1,) * (s.n_axes - 1) + (s.unit,)
    most = MOST_SINGLE if s.n_axes == 1 else int(MOST_LISTED ** (1 / s.n_axes))
    return [_sizes_of(axis, unit, s.lanes, most) for axis, unit in zip(s.axes, units, strict=True)]


def _cut(sizes: Sizes, most: int) -> Sizes:
    """Those of at most so many points."""
    n = bisect_right(sizes.points, most)
    return Sizes(sizes.points[:n], sizes.pieces[:n])


def _list_single(s: Setting, method: str, k: Constants, options: list[Sizes]) -> list[tuple[int, ...]]:
    """Tiles of one axis, the fastest first."""
    weigh, times = FORMULAS[method], []
    for n, pieces in zip(*options[0], strict=True):
        points = n // s.unit
        times.append((_usual_time(weigh(s, k, (n,), points, pieces, math.log2)), n))
    return [(n,) for _, n in sorted(times)]


def _list_products(s: Setting, method: str, k: Constants, options: list[Sizes]) -> Iterator[tuple[int, ...]]:
    """Tiles of several axes, the fastest first."""
    shape = [len(sizes.points) for sizes in options]
    ones = [tuple(-1 if a == b else 1 for b in range(s.n_axes)) for a in range(s.n_axes)]
    tile = [np.array(sizes.points).reshape(one) for sizes, one in zip(options, ones, strict=True)]
    pieces = [np.array(sizes.pieces).reshape(one) for sizes, one in zip(options, ones, strict=True)]
    points, blocks = reduce(mul, tile) // s.unit, reduce(mul, pieces)
    times = _usual_time(FORMULAS[method](s, k, tile, points, blocks, np.log2)).ravel()
    for at in np.argsort(times, kind="stable").tolist():
        places = np.unravel_index(at, shape)
        yield tuple(sizes.points[place] for sizes, place in zip(options, places, strict=True))


def _pieces(axis: Axis, n: int, whole: int) -> int:
    """How many tiles of n samples an axis needs."""
    return 1 if n >= whole else max(1, -(-axis.y // (n - abs(axis.dilation) * (axis.w - 1))))


def estimate_tile(method: str, problem: Problem, k: Constants, tile: tuple[int, ...]) -> Estimate:
    """One tiling: what it costs, and its memory."""
    s = Setting.of(problem, k)
    points, blocks = math.prod(tile) // s.unit, math.prod(map(_pieces, s.axes, tile, map(_whole, s.axes)))
    found = FORMULAS[method](s, k, tile, points, blocks, math.log2)
    memory = (_overlap_memory if method == "overlap" else _fft_memory)(s, points, tile, blocks, _is_converted(problem))
    return Estimate(found.call, found.work, max(found.tasks, 1), tile=tile, joint=found.joint, **memory)


def _overlap_memory(s: Setting, points: int, tile: tuple[int, ...], blocks: int, is_converted: bool) -> dict[str, int]:
    held = points * 2 * s.lanes * s.item * (2 if s.out > 1 else 1)
    tasks = s.group * -(-blocks * s.batch // s.lanes)
    return {"scratch": held, "shared": s.group * s.out * points * 2 * s.item, "holders": tasks}


def _fft_memory(s: Setting, points: int, tile: tuple[int, ...], blocks: int, is_converted: bool) -> dict[str, int]:
    whole = math.ceil(_fft_vectors(s, points, tile[-1])) * s.lanes * 2 * s.item
    # Room beside a tile of one axis, where samples and outputs are converted (cpp/fft/fft.cpp).
    staged = tile[0] * s.item * (2 // s.unit) if is_converted and s.n_axes == 1 else 0
    # Points across and rows of taps in the lanes; of a tile of one axis, its taps once.
    rows_of_taps = s.lanes * tile[-1] if s.n_axes > 1 else 0
    across = points * s.unit // tile[-1] if s.n_axes > 1 else math.isqrt(points)
    tiles = s.group * blocks * s.batch
    return {
        "scratch": whole * (2 if s.out > 1 else 1) + staged,
        "shared": s.group * s.out * whole + (tile[0] * s.item if s.n_axes == 1 else 0),
        "holders": tiles if tiles >= USUAL_THREADS else 1,
        "piece": (s.lanes * across * 2 + rows_of_taps) * s.item,
    }


def _array_bytes(problem: Problem) -> int:
    """Of both inputs and the result. Integers count as they are, which may be far less than as doubles."""
    spec, numbers = problem.spec, problem.arithmetic
    is_rounded = numbers.sum.kind == "i"
    x, w, y = (numbers.x, numbers.w, numbers.y) if is_rounded else (numbers.sum,) * 3
    inputs = (math.prod(spec.x_shape) + math.prod(spec.w_shape)) * min(x.itemsize, w.itemsize)
    return inputs + problem.outputs * y.itemsize


def _is_converted(problem: Problem) -> bool:
    """Whether x or y is not of the type that is transformed."""
    numbers = problem.arithmetic
    return not numbers.x == numbers.y == numbers.sum or numbers.sum.kind == "i"


@lru_cache(maxsize=1)
def _good_sizes() -> tuple[int, ...]:
    """Products of 2, 3 and 5 with few odd factors."""
    return tuple(sorted(odd << twos for odd in (1, 3, 5, 9, 15, 25) for twos in range(29)))


@lru_cache(maxsize=4096)
def _sizes_of(axis: Axis, unit: int, lanes: int, most: int) -> Sizes:
    """Sizes that are `unit` times products of 2, 3 and 5; the `most` of them that promise most."""
    if axis.w == 1:
        return Sizes((unit,), (_pieces(axis, unit, _whole(axis)),))
    span = abs(axis.dilation) * (axis.w - 1) + 1
    # All outputs in one tile, also one that fills the lanes, or in two or three.
    window = _whole(axis)
    whole = -(-max(span, window) // unit)
    full = (k * _next_size(-(-whole // k)) for k in (1, lanes, lanes**2) if whole >= 4 * k)
    parts = (_next_size(-(-(-(-axis.y // n) + span - 1) // unit)) for n in (2, 3))
    sizes = _good_sizes()
    good = sizes[bisect_left(sizes, span * 5 // 4 // unit + 1) : bisect_left(sizes, min(whole, 24 * span // unit + 64))]
    found = {*good[:: 1 + len(good) // 10], *parts, *full, _next_size(whole)}
    points = [n * unit for n in sorted(found) if span <= n * unit <= max(MOST_POINTS.values())]
    pieces = [_pieces(axis, n, window) for n in points]
    # What moving a point costs is that of some levels. The smallest is kept, for the memory's sake.
    promise = [n * p * (math.log2(n) + MOVE_LEVELS) for n, p in zip(points, pieces, strict=True)]
    kept = sorted({0, *sorted(range(len(points)), key=promise.__getitem__)[:most]} if points else ())
    return Sizes(tuple(points[i] for i in kept), tuple(pieces[i] for i in kept))


@lru_cache(maxsize=1)
def _all_sizes() -> tuple[int, ...]:
    """Every product of 2, 3 and 5 up to the largest tile."""
    most = max(MOST_POINTS.values())
    odd = [3**i * 5**j for i in range(18) for j in range(13) if 3**i * 5**j <= most]
    return tuple(sorted(n << twos for n in odd for twos in range(29) if n << twos <= most))


def _next_size(n: int) -> int:
    sizes = _all_sizes()
    return sizes[min(bisect_left(sizes, n), len(sizes) - 1)]


def _whole(axis: Axis) -> int:
    """Samples of a tile that gives all outputs: their window, of which those that come again as zeros at
    the tile's beginning may be left out beyond the end of x (cpp/fft/transform.cpp).
    """
    overhang = abs(axis.dilation) * (axis.w - 1)
    window = axis.y + overhang
    start = axis.start - (overhang if axis.dilation < 0 else 0) - (axis.y - 1 if axis.stride < 0 else 0)
    zeros = min(max(-start, 0), overhang) if axis.boundary == "zero" else 0
    return max(window - zeros, min(window, axis.x - start))
