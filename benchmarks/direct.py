"""The share of the measured peak, for each microkernel and instruction set: `make bench-direct`.

A microkernel that is tuned for one set and slow on another shows at once. The peak is a loop of independent
multiply-adds (`roofline.c`); the loop and the cell take turns, so that both meet the same machine, and the middle one
of the turns' shares counts. One thread, a method by name, out=: nothing is chosen and nothing is allocated. Of sums
without multiply-add (baseline on x86) the peak is that of a multiplication and an addition.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import click
import numpy as np

import flipslide as fs
from flipslide.execute import instruction_sets

from .roofline import fma_runner

ROUNDS = 7
TURN_SECONDS = 0.004


class Cell(NamedTuple):
    """Sizes of x and w, two axes of channels before those of a layer, and the share that is wanted."""

    name: str
    method: str
    x: tuple[int, ...]
    w: tuple[int, ...]
    dtype: str = "float32"
    wanted: float = 0.6

    @property
    def is_layer(self) -> bool:
        return self.method == "gemm"

    @property
    def products(self) -> float:
        """Those that need a place in x: of taps that hang over its edge nothing is summed."""
        channels, sizes, taps = (2, self.x[2:], self.w[2:]) if self.is_layer else (0, self.x, self.w)
        inside = [n * k - (k // 2) * (k - k // 2) for n, k in zip(sizes, taps, strict=True)]
        return float(np.prod(inside) * (self.x[0] * self.w[0] * self.w[1] if channels else 1))


def signal(n: int, k: int, **words: Any) -> Cell:
    return Cell(f"{n} × {k}", "direct", (n,), (k,), **words)


def image(n: int, k: int, **words: Any) -> Cell:
    return Cell(f"{n}² × {k}²", "direct", (n, n), (k, k), **words)


def volume(n: int, k: int, **words: Any) -> Cell:
    return Cell(f"{n}³ × {k}³", "direct", (n,) * 3, (k,) * 3, **words)


def layer(c: int, n: int, m: int, k: int) -> Cell:
    return Cell(f"(2, {c}, {n}, {n}) by ({m}, {c}, {k}, {k})", "gemm", (2, c, n, n), (m, c, k, k), wanted=0.75)


FEW = dict(wanted=0.4)
SIGNALS = ((20_000, 16), (100_000, 16), (100_000, 31), (20_000, 101), (1_000, 31))
IMAGES = ((250, 5), (250, 7), (256, 7), (500, 5), (500, 9), (1000, 5), (1000, 7), (1024, 7), (1000, 15))
DOUBLES = (signal(20_000, 31), image(250, 5), image(500, 9))
LAYERS = ((64, 28, 64, 3), (128, 14, 128, 3), (256, 14, 256, 1), (3, 64, 32, 7))
CELLS = [
    *(signal(20_000, k, **FEW) for k in (3, 5)),
    *(signal(*sizes) for sizes in SIGNALS),
    *(image(n, 3, **FEW) for n in (64, 250, 256)),
    *(image(*sizes) for sizes in IMAGES),
    volume(40, 3, **FEW),
    *(volume(*sizes) for sizes in ((40, 5), (64, 7))),
    *(cell._replace(name=f"{cell.name} float64", dtype="float64") for cell in DOUBLES),
    *(layer(*sizes) for sizes in LAYERS),
]


def call_of(cell: Cell) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(cell.dtype) for shape in (cell.x, cell.w))
    out: np.ndarray[Any, Any]
    if cell.is_layer:
        out = np.empty((cell.x[0], cell.w[0], *cell.x[2:]), cell.dtype)
        return lambda: fs.nn.conv(x, w, padding="same", method=cell.method, threads=1, out=out)
    out = np.empty_like(x)
    return lambda: fs.convolve(x, w, "same", method=cell.method, threads=1, out=out)


def repeats_for(run: Callable[[int], Any]) -> int:
    """How often, for a turn of the usual length."""
    n = 1
    while (seconds := seconds_of(run, n)) < TURN_SECONDS:
        n *= max(2, min(100, int(TURN_SECONDS / max(seconds, 1e-9))))
    return n


def seconds_of(run: Callable[[int], Any], n: int) -> float:
    started = time.perf_counter()
    run(n)
    return time.perf_counter() - started


def turns_of(cell: Cell) -> Callable[[], tuple[float, float]]:
    """A turn: the seconds of the cell's call, and the multiply-adds a second of the loop right after it."""
    call, loop = call_of(cell), fma_runner(cell.dtype)

    def repeat(n: int) -> None:
        for _ in range(n):
            call()

    n_calls, n_loops = repeats_for(repeat), repeats_for(loop)
    return lambda: (seconds_of(repeat, n_calls) / n_calls, loop(n_loops) / seconds_of(loop, n_loops))


def share(cell: Cell, turn: Callable[[], tuple[float, float]]) -> float:
    turns = [turn() for _ in range(ROUNDS)]
    return statistics.median(cell.products / (seconds * rate) for seconds, rate in turns)


def measure_here() -> dict[str, float]:
    return {cell.name: share(cell, turns_of(cell)) for cell in CELLS}


def measure_elsewhere(isa: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.direct", "--here"]
    done = subprocess.run(command, env=os.environ | {"FLIPSLIDE_ISA": isa}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table_of(shares: dict[str, dict[str, float]]) -> str:
    """A line for each cell; what is below the wanted share has a mark."""
    lines = [f"{'':40}" + "".join(f"{isa:>10}" for isa in shares) + f"{'wanted':>10}"]
    for cell in CELLS:
        found = [shares[isa][cell.name] for isa in shares]
        marked = (f"{100 * value:.0f} %{'!' if value < cell.wanted else ' '}" for value in found)
        lines.append(f"{cell.name:40}" + "".join(f"{text:>10}" for text in marked) + f"{100 * cell.wanted:8.0f} %")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--sets", default="", help="Only these instruction sets.")
@click.option("--here", is_flag=True, help="Print the shares of the one that runs, as JSON.")
def main(sets: str, here: bool) -> None:
    if here:
        click.echo(json.dumps(measure_here()))
        return
    wanted = sets.split(",") if sets else instruction_sets()[1]
    click.echo(table_of({isa: measure_elsewhere(isa) for isa in wanted}))


if __name__ == "__main__":
    main()
