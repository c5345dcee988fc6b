"""How the taps of a stream are cut into pieces, and its samples into frames: integers alone.

    y[n] = Σ_j w[j] · x[n − j]

The nearest taps are summed directly: their outputs are due at once. The others go in *levels*: `count`
partitions of `size` taps, each a transform of 2·size samples, which is cheaper the larger it is. A block of
`size` samples must be complete before it is transformed, so the taps of a level begin at `size` (all of its
work is done at once, when the block is complete) or at 2·size (the work is spread over the next block).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from .costs import costs

__all__ = ["Level", "Partitions", "Path", "cut_taps", "make_paths"]

#: Blocks of less are not worth a transform.
LEAST_SIZE = 32
MOST_SIZE = 1 << 16
USUAL_STEP = 64

#: Nanoseconds for one point of a product of spectra, where all spectra of a level are in the second-level cache, in the
#: third, or in memory: two loads of 8 bytes at 64, 27 and 11 GB/s. Reckoned from these rates, not fitted to streams;
#: benchmarks/streams.py shows what the choice takes.
PRODUCT_PRICES = ((1 << 19, 0.25), (1 << 24, 0.6), (1 << 62, 1.5))


class Level(NamedTuple):
    """Partitions of `size` taps, `count` of them, from tap `offset` on."""

    size: int
    offset: int
    count: int  # type: ignore[assignment]  # shadows tuple.count, which nobody wants here
    is_spread: bool

    @property
    def end(self) -> int:
        return self.offset + self.count * self.size


class Partitions(NamedTuple):
    """Taps [first, head) are summed directly; work is done whenever `step` frames are complete."""

    step: int
    first: int
    head: int
    levels: tuple[Level, ...]

    def __str__(self) -> str:
        parts = [f"{self.head - self.first} direct"] if self.head > self.first else []
        return " + ".join(parts + [f"{level.count} × {level.size}" for level in self.levels]) or "no taps"


class Work(NamedTuple):
    """What the prices are multiplied by."""

    inputs: int
    outputs: int
    paths: int
    number: str  # the name of the type of sums in costs.json
    reach: int = 0  # max|x|·Σ|w| of integers, which transforms must round to the right ones; 0: floats


# ------------------------------------------------------------------------------ partitions


@lru_cache(maxsize=256)
def cut_taps(n_taps: int, first: int, block: int, work: Work, *, is_direct: bool = False) -> Partitions:
    """The cheapest partitions of taps first … n_taps − 1, for calls of about `block` frames.

    Levels of more than a block are spread, so that no call does much more than the others.
    """
    direct = Partitions(USUAL_STEP, first, n_taps, ())
    if is_direct or first >= n_taps:
        return direct
    found, least = direct, (n_taps - first) * work.paths * _price(work, "direct", "product")
    for size in _sizes(work, n_taps):
        if size > max(block, 2 * LEAST_SIZE) and size > first:
            break
        offset = max(size, first // size * size)
        if offset >= n_taps:
            break
        price, levels = _continue(size, size, offset, n_taps, block, work)
        head = max(first, offset)
        price += (head - first) * work.paths * _price(work, "direct", "product") + _step_price(size, work)
        if price < least:
            found, least = Partitions(size, first, head, levels), price
    return found


def _sizes(work: Work, n_taps: int) -> Iterator[int]:
    size = LEAST_SIZE
    while size <= MOST_SIZE and (size == LEAST_SIZE or size < n_taps) and _rounds_right(size, work, n_taps):
        yield size
        size *= 2


def _rounds_right(size: int, work: Work, n_taps: int) -> bool:
    """Whether each sum is less than 1/2 off, by the bound of cpp/methods/transform.cpp and a rounding for each term."""
    points, terms = 2 * size, work.inputs * (n_taps // size + 1)
    return work.reach * math.sqrt(points) * (21 * math.log2(points) + 8 + terms) * 2.0**-53 < 0.25


@lru_cache(maxsize=4096)
def _continue(
    step: int, size: int, offset: int, n_taps: int, block: int, work: Work
) -> tuple[float, tuple[Level, ...]]:
    """The cheapest levels from `offset` on, the first of this size, and their price for a frame."""
    is_spread = size > max(step, block)
    count = -(-(n_taps - offset) // size)
    best: tuple[float, tuple[Level, ...]] = (
        _level_price(size, count, work),
        (Level(size, offset, count, is_spread),),
    )
    for larger in _sizes(work, n_taps):
        at = 2 * larger if larger > max(step, block) else larger
        if larger <= size or at <= offset or at >= n_taps:
            continue
        count = (at - offset) // size
        price, levels = _continue(step, larger, at, n_taps, block, work)
        price += _level_price(size, count, work)
        if price < best[0]:
            best = price, (Level(size, offset, count, is_spread), *levels)
    return best


def _level_price(size: int, count: int, work: Work) -> float:
    lanes = costs()["vector_bytes"] / _bytes(work)
    chains = math.log2(size) / 3 + 1
    transforms = (work.inputs + work.outputs) / 2 * (_price(work, "fft", "level") / lanes * chains)
    tiles = (work.inputs + work.outputs) / 2 * _price(work, "fft", "tile") / size
    spectra = 2 * _bytes(work) * size * count * (work.inputs + work.paths)
    product = next(price for most, price in PRODUCT_PRICES if spectra <= most) * _bytes(work) / 4
    return float(transforms + tiles + count * work.paths * product)


def _step_price(size: int, work: Work) -> float:
    """Of what happens once a step for each channel: about 40 ns."""
    return 40.0 * (work.inputs + work.outputs) / size


def _price(work: Work, method: str, step: str) -> float:
    rows: dict[str, Any] = costs()[method]
    return float(rows.get(work.number, rows["float64"]).get(step, 0.0))


def _bytes(work: Work) -> int:
    return 4 if work.number == "float32" else 8


# ---------------------------------------------------------------------------------- frames


class Path(NamedTuple):
    """Taps w[start], w[start + every], … between a phase of the samples and one of the outputs.

    Tap j of the path is tap start + every·j; those from `begin` to `end` exist.
    """

    out: int
    into: int
    start: int
    begin: int
    end: int


def make_paths(first: int, n_taps: int, up: int, stride: int) -> list[Path]:
    """The taps first … n_taps − 1 in frames of `stride` samples and `up` outputs.

    With n = stride·m of output m and up·i of sample i, in frames t and s, m = up·t + b and i = stride·s + a:
    n − up·i = up·stride·(t − s) + stride·b − up·a.
    """
    every, paths = up * stride, []
    for b in range(up):
        for a in range(stride):
            start = stride * b - up * a
            begin, end = max(0, -((start - first) // every)), (n_taps - 1 - start) // every + 1
            if begin < end:
                paths.append(Path(b, a, start, begin, end))
    return paths
