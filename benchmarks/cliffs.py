"""Look for cliffs: calls that are more than 1.5 times slower per product than calls of nearly the same size.

    python -m benchmarks.cliffs [--sets avx512,avx2] [--only images] [--threads 1,2] [--method direct]

A walk is a grid of sizes and taps. Along either, a call should cost, per product, what the power law through its two
neighbours says; one beyond 1.5 times that is measured again, in turn with both, and told if that holds. A smooth
slope is no cliff, however steep.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click
import numpy as np

import flipslide as fs
from flipslide.execute import instruction_sets

STEEP = 1.5
ROUNDS, AGAIN = 3, 9
TURN_SECONDS = 0.002


class Cell(NamedTuple):
    """A call: what it is part of, a size, and taps (channels, for layers of one size)."""

    walk: str
    size: int
    taps: int

    @property
    def name(self) -> str:
        return f"{self.walk}: {self.size} by {self.taps}"


class Walk(NamedTuple):
    """Its grid, and the shapes of a call's x and w."""

    sizes: tuple[int, ...]
    taps: tuple[int, ...]
    shapes: Callable[[int, int], tuple[tuple[int, ...], tuple[int, ...]]]
    words: dict[str, Any]
    dtype: str = "float32"

    @property
    def is_layer(self) -> bool:
        return "padding" in self.words


def square(n: int, k: int, axes: int = 2) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (n,) * axes, (k,) * axes


def layer(n: int, c: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of as many filters as channels."""
    return (2, c, n, n), (c, c, 3, 3)


SIDES = (31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 192, 250, 255, 256, 257, 320, 500, 511, 512, 513, 768, 1000, 1023)
TAPS = tuple(range(1, 17)) + (19, 22, 25, 28, 31, 35, 40)
LENGTHS = (
    100,
    255,
    256,
    257,
    500,
    1000,
    1023,
    1024,
    1025,
    3000,
    4095,
    4096,
    4097,
    10_000,
    16_384,
    30_000,
    65_536,
    100_000,
)
DEPTHS = (15, 16, 17, 24, 31, 32, 33, 40, 48, 63, 64, 65, 80)
MAPS = (7, 8, 14, 15, 16, 17, 28, 32, 33, 56, 64)
CHANNELS = (3, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
WALKS = {
    "signals": Walk(LENGTHS, TAPS, lambda n, k: ((n,), (k,)), {}),
    "signals float64": Walk(LENGTHS, TAPS, lambda n, k: ((n,), (k,)), {}, "float64"),
    "batches": Walk(LENGTHS[:-3], TAPS, lambda n, k: ((30, n), (k,)), {}),
    "images": Walk((*SIDES, 1024, 1025), TAPS[:21:2], square, {}),
    "images float64": Walk(SIDES[:-3], TAPS[:12:2], square, {}, "float64"),
    "strided images": Walk(SIDES[:-3], TAPS[:16:2], square, dict(stride=2)),
    "photographs": Walk(SIDES[3:-4], TAPS[:16:2], lambda n, k: ((n, n, 3), (k, k)), dict(axes=(0, 1))),
    "volumes": Walk(DEPTHS, (1, 2, 3, 4, 5, 6, 7), lambda n, k: square(n, k, 3), {}),
    "layers": Walk(MAPS, CHANNELS, layer, dict(padding="same")),
}  # fmt: skip


# ------------------------------------------------------------------------------ measuring


def call_of(cell: Cell, method: str, threads: int) -> tuple[Callable[[], Any], float]:
    """The call, and its products."""
    walk = WALKS[cell.walk]
    x_shape, w_shape = walk.shapes(cell.size, cell.taps)
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(walk.dtype) for shape in (x_shape, w_shape))
    words = dict(walk.words, method=method, threads=threads)
    if walk.is_layer:
        out = fs.nn.conv(x, w, **words)
        return (lambda: fs.nn.conv(x, w, out=out, **words)), float(out.size * w[0].size)
    out = fs.convolve(x, w, "same", **words)
    return (lambda: fs.convolve(x, w, "same", out=out, **words)), float(out.size * w.size)


def nanoseconds(cells: list[Cell], method: str, threads: int, rounds: int) -> dict[Cell, float]:
    """For each product: the median of rounds in which all take turns."""
    calls = {cell: call_of(cell, method, threads) for cell in cells}
    repeats = {cell: _repeats(call) for cell, (call, _) in calls.items()}
    times: dict[Cell, list[float]] = {cell: [] for cell in cells}
    for _ in range(rounds):
        for cell, (call, products) in calls.items():
            times[cell].append(1e9 * _seconds(call, repeats[cell]) / products)
    return {cell: statistics.median(found) for cell, found in times.items()}


def _repeats(call: Callable[[], Any]) -> int:
    call()  # the first notes its steps, the second follows them
    call()
    return max(1, int(TURN_SECONDS / max(_seconds(call, 1), 1e-7)))


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


# -------------------------------------------------------------------------------- finding


class Cliff(NamedTuple):
    cell: Cell
    neighbours: tuple[Cell, Cell]
    steepness: float


def triples(cells: dict[Cell, float]) -> Iterator[tuple[Cell, Cell, Cell]]:
    """Each cell between its neighbours, along sizes and along taps."""
    for axis, other in ((1, 2), (2, 1)):
        lines: dict[tuple[Any, Any], list[Cell]] = {}
        for cell in cells:
            lines.setdefault((cell.walk, cell[other]), []).append(cell)
        for line in lines.values():
            line.sort(key=lambda cell: cell[axis])
            yield from zip(line, line[1:], line[2:], strict=False)


def steepness(times: dict[Cell, float], below: Cell, cell: Cell, above: Cell) -> float:
    """The time over that between its neighbours, on straight lines of logarithms."""
    place = [math.log(at.size * at.taps) for at in (below, cell, above)]
    part = (place[1] - place[0]) / (place[2] - place[0])
    return times[cell] / (times[below] ** (1 - part) * times[above] ** part)


def find_cliffs(times: dict[Cell, float]) -> list[Cliff]:
    found = [Cliff(at, (below, above), steepness(times, below, at, above)) for below, at, above in triples(times)]
    return sorted((cliff for cliff in found if cliff.steepness > STEEP), key=lambda cliff: -cliff.steepness)


def confirmed(cliffs: list[Cliff], method: str, threads: int) -> Iterator[Cliff]:
    for cliff in cliffs:
        below, above = cliff.neighbours
        again = nanoseconds([below, cliff.cell, above], method, threads, AGAIN)
        if (now := steepness(again, below, cliff.cell, above)) > STEEP:
            yield cliff._replace(steepness=now)


def method_of(cell: Cell, method: str, threads: int) -> str:
    walk = WALKS[cell.walk]
    x_shape, w_shape = walk.shapes(cell.size, cell.taps)
    plan = fs.nn.plan if walk.is_layer else fs.plan
    words = dict(walk.words) if walk.is_layer else dict(walk.words, mode="same")
    return str(plan(x_shape, w_shape, walk.dtype, method=method, threads=threads, **words).method)


def describe(cliff: Cliff, method: str, threads: int) -> str:
    cells = (cliff.neighbours[0], cliff.cell, cliff.neighbours[1])
    told = ", ".join(f"{cell.size} by {cell.taps} {method_of(cell, method, threads)}" for cell in cells)
    return f"{cliff.steepness:5.2f}  {cliff.cell.walk}, {threads} threads: {told}"


def search_here(only: str, counts: list[int], method: str) -> None:
    for name, walk in WALKS.items():
        if only not in name:
            continue
        cells = [Cell(name, n, k) for n in walk.sizes for k in walk.taps]
        for threads in counts:
            times = {}
            for start in range(0, len(cells), 50):  # arrays of so many are held at once
                times |= nanoseconds(cells[start : start + 50], method, threads, ROUNDS)
            for cliff in confirmed(find_cliffs(times), method, threads):
                print(describe(cliff, method, threads), flush=True)


@click.command(help=__doc__)
@click.option("--sets", default="", help="Only these instruction sets.")
@click.option("--only", default="", help="Walks whose name has this in it.")
@click.option("--threads", default="1,2")
@click.option("--method", default="auto")
def main(sets: str, only: str, threads: str, method: str) -> None:
    wanted = sets.split(",") if sets else instruction_sets()[1]
    if wanted == [instruction_sets()[0]]:
        search_here(only, [int(n) for n in threads.split(",")], method)
        return
    for isa in wanted:
        print(isa, flush=True)
        words = ["--sets", isa, "--only", only, "--threads", threads, "--method", method]
        command = [sys.executable, "-m", "benchmarks.cliffs", *words]
        subprocess.run(command, env=os.environ | {"FLIPSLIDE_ISA": isa}, check=True)


if __name__ == "__main__":
    main()
