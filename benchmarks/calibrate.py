"""Measure every constant of the cost formulas, for each instruction set, and write src/flipslide/costs.json.

    python benchmarks/calibrate.py [--sets avx2,baseline] [--methods reduction]

A method counts its steps (`count` in cpp/methods), and its cost is their prices times the counts. So the prices
of each method and sum type are those, none below 0, that come closest to the measured times of some calls, by
least squares of the relative error. To add a step is to name it in the method's `steps` and to have calls in
`CALLS` that show it.

All calls of an instruction set take turns, in rounds, so that a phase of a slower machine meets all; of each
the lower quartile counts.
Calls that the second-level cache holds run on one thread, the others on as many as choices are made for:
those share what lies behind. It takes half a minute for each instruction set.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from scipy.optimize import nnls

from flipslide import cache
from flipslide.arrays import Arithmetic
from flipslide.execute import Program, instruction_sets
from flipslide.methods import EXAMPLES as SUMS
from flipslide.methods import METHODS, USUAL_THREADS, Estimate, example_of
from flipslide.plan import Candidate, Plan
from flipslide.question import question_of
from flipslide.spec import ConvSpec

TARGET = Path(__file__).parent.parent / "src" / "flipslide" / "costs.json"
ROUNDS = 40
SHORTEST = 100e-6  # seconds: what takes less is repeated
DIGITS = 3

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

# ------------------------------------------------------------------------- what is measured


class Call(NamedTuple):
    """A call that a method is timed with. `sums` is in the place of its row's name."""

    x: Shape
    w: Shape
    tile: Shape = ()
    axes: Shape | None = None
    rank: int = 1
    sums: str = ""
    must_share: bool = False
    of_weights: bool = False  # the gradient of the taps of the layer

    def spec(self) -> ConvSpec:
        """Five axes of x are those of a layer."""
        if len(self.x) >= 4:
            n_axes = len(self.x) - 3
            axes = tuple(range(3, 3 + n_axes))
            layer = ConvSpec.layer(self.x, self.w, stride=1, padding="same", dilation=1, x_axes=axes)
            return layer.grad_weight() if self.of_weights else layer
        return ConvSpec.of(self.x, self.w, mode="same", axes=self.axes)


def square(n: int, k: int, tile: Shape = (), axes: int = 2, **words: Any) -> Call:
    return Call((n,) * axes, (k,) * axes, tile, **words)


def sizes(n: int, k: int, *tiles: int, **words: Any) -> list[Call]:
    """One axis, in tiles of several sizes."""
    return [Call((n,), (k,), (tile,), **words) for tile in tiles]


def layer(x: Shape, w: Shape) -> Call:
    """Of one group."""
    return Call((x[0], 1, *x[1:]), (1, *w))


def signals(*calls: tuple[int, int]) -> list[Call]:
    """Samples and taps."""
    return [Call((n,), (k,)) for n, k in calls]


def batches(*calls: tuple[int, int, int]) -> list[Call]:
    """Signals, samples and taps."""
    return [Call((m, n), (k,)) for m, n, k in calls]


def banks(*calls: tuple[int, int, int], tile: Shape = ()) -> list[Call]:
    """Samples, filters and taps."""
    return [Call((1, n), (m, k), tile, (1,)) for n, m, k in calls]


def layers(*calls: tuple[int, int, int, int]) -> list[Call]:
    """Channels, pixels a side, filters and taps a side, of two images."""
    return [layer((2, c, n, n), (m, c, k, k)) for c, n, m, k in calls]


def weight_gradients(*calls: tuple[int, int, int, int, int]) -> list[Call]:
    """Images, channels, pixels a side, filters and taps a side."""
    made = [layer((n, c, side, side), (m, c, k, k)) for n, c, side, m, k in calls]
    return [call._replace(of_weights=True) for call in made]


def depthwise(*calls: tuple[int, int, int, int], **words: Any) -> list[Call]:
    """Images, channels, pixels a side and taps a side: each channel is a group."""
    return [Call((n, c, 1, side, side), (c, 1, 1, k, k), **words) for n, c, side, k in calls]


def images(*calls: tuple[int, int], axes: int = 2) -> list[Call]:
    """Pixels and taps a side."""
    return [square(n, k, axes=axes) for n, k in calls]


CALLS: dict[str, list[Call]] = {
    "direct": [
        *signals((4, 2), (64, 5), (2_000, 3), (20_000, 3), (100_000, 5), (400_000, 5), (60_000, 9), (60_000, 16)),
        *signals((60_000, 7), (60_000, 24), (60_000, 40), (20_000, 101), (3_000, 60)),
        *batches((200, 100, 15), (50, 1_000, 16), (100, 300, 31), (20, 4_000, 5)),
        *images((16, 3), (64, 5), (256, 3), (512, 3), (1_000, 3), (256, 5), (200, 7), (200, 9), (150, 15)),
        *images((16, 3), (40, 3), (32, 5), axes=3),
        *layers(
            (3, 8, 5, 3), (8, 8, 16, 3), (16, 20, 4, 3), (8, 32, 4, 3), (32, 12, 32, 3), (64, 24, 4, 3), (3, 48, 4, 7)
        ),
        *depthwise((1, 64, 28, 3), (2, 96, 14, 5), (1, 48, 56, 3), (1, 64, 14, 7)),
        *depthwise((1, 64, 28, 3), (2, 96, 14, 5), (1, 32, 56, 3), of_weights=True),
        *(Call((n, m), (k,), axes=(0,)) for n, m, k in ((300, 800, 60), (1_000, 512, 16), (4_000, 32, 9))),
    ],
    "gemm": [
        *banks((4, 2, 2), (20_000, 32, 16), (20_000, 8, 5), (20_000, 3, 31)),
        layer((1, 4, 4, 4), (2, 4, 1, 1)),
        layer((2, 3, 8, 8), (5, 3, 3, 3)),
        *layers((8, 8, 16, 3), (16, 32, 2, 3), (64, 24, 4, 3), (32, 12, 32, 3)),
        layer((1, 64, 24, 24), (64, 64, 3, 3)),
        layer((2, 128, 14, 14), (64, 128, 1, 1)),
        layer((1, 3, 48, 48), (32, 3, 7, 7)),
        layer((1, 8, 32, 32), (4, 8, 3, 3)),
        layer((2, 16, 1_000), (32, 16, 9)),
        layer((1, 256, 28, 28), (128, 256, 1, 1)),
        layer((1, 64, 56, 56), (64, 64, 1, 1)),
        layer((4, 512, 7, 7), (256, 512, 1, 1)),
        layer((1, 32, 40, 40), (256, 32, 1, 1)),
        layer((1, 1_024, 14, 14), (64, 1_024, 1, 1)),
    ],
    "winograd": [
        tiled._replace(tile=(points, points))
        for tiled in (
            *layers((3, 8, 5, 3), (8, 8, 16, 3), (16, 32, 16, 3), (32, 28, 64, 3), (64, 28, 32, 3), (64, 56, 64, 3)),
            *layers((128, 14, 128, 3), (128, 28, 128, 3), (256, 14, 64, 3), (256, 7, 256, 3), (1, 64, 16, 3)),
        )
        for points in (4, 6)
    ],
    "reduction": [
        *weight_gradients(
            (1, 2, 4, 2, 2), (2, 4, 6, 40, 3), (1, 64, 28, 64, 1), (1, 256, 14, 128, 1), (4, 96, 7, 64, 3)
        ),
        *weight_gradients(
            (1, 32, 28, 64, 3), (2, 3, 56, 32, 5), (1, 16, 56, 16, 3), (1, 1, 28, 6, 5), (2, 1, 56, 1, 3)
        ),
        *weight_gradients((1, 1, 14, 1, 7), (2, 4, 28, 4, 3), (1, 1, 100, 2, 1), (8, 1, 7, 1, 3), (1, 256, 2, 256, 3)),
        *depthwise((1, 64, 28, 3), (2, 96, 14, 5), (1, 32, 56, 3), (1, 64, 14, 7), of_weights=True),
    ],
    "separable": [
        *images((16, 3), (64, 5), (240, 3), (240, 5), (240, 7), (240, 11), (240, 25), (240, 41)),
        *images((600, 5), (600, 7), (600, 13), (600, 25), (600, 61), (1_000, 9), (1_000, 7)),
        *images((40, 3), (40, 7), (60, 5), axes=3),
        *(square(n, k, rank=r) for n, k, r in ((240, 11, 2), (240, 25, 2), (600, 11, 2), (240, 11, 3), (600, 15, 3))),
    ],
    "box": [
        *images((16, 3), (64, 9), (240, 3), (240, 5), (240, 9), (240, 31), (600, 9), (600, 15), (600, 101)),
        *images((40, 3), (40, 9), (64, 5), axes=3),
        *signals((60_000, 16), (60_000, 101), (60_000, 1_000)),
    ],
    "overlap": [
        *sizes(500, 16, 64, 540),
        *sizes(40_000, 32, 128, 256, 512, 1_024, 2_048),
        *sizes(200_000, 64, 512, 1_024, 4_096, 16_384),
        *(c._replace(tile=(t,)) for c in batches((64, 1_000, 31)) for t in (256, 1_080)),
        *(c._replace(tile=(360,)) for c in batches((200, 300, 31))),
        *(square(240, 9, tile) for tile in ((32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256))),
        *(square(600, 25, tile) for tile in ((80, 80), (80, 160), (160, 160), (160, 320))),
        *(square(1_000, 15, tile) for tile in ((64, 144), (80, 192), (128, 128))),
        *(square(48, 5, tile, axes=3) for tile in ((16, 16, 16), (16, 16, 32), (16, 32, 64))),
        *banks((20_000, 4, 64), (20_000, 16, 64), tile=(512,)),
        Call((20_000, 3), (64,), (512,), (0,)),
        Call((600, 800, 3), (9, 9), (48, 96), (0, 1)),
        Call((1_000, 1_500, 3), (15, 15), (80, 144), (0, 1)),
    ],
    "fft": [
        *sizes(500, 16, 540),
        *sizes(900, 100, 1_000),
        *sizes(20_000, 500, 1_500, 2_048, 4_096, 8_192, 20_480),
        *sizes(90_000, 900, 8_192, 9_216, 24_000, must_share=True),
        *sizes(100_000, 4_000, 8_192, 16_384, 51_200, 104_000),
        *sizes(300_000, 20_000, 65_536, 327_680),
        *(square(240, 31, tile) for tile in ((72, 80), (96, 144), (144, 144), (256, 288), (270, 270))),
        *(square(600, 31, tile) for tile in ((128, 128), (160, 320), (320, 320), (600, 640))),
        *(square(1_000, 15, tile) for tile in ((540, 128), (128, 288), (256, 256), (270, 270), (1_024, 1_080))),
        *(square(60, 7, tile, axes=3) for tile in ((24, 24, 36), (36, 36, 64), (64, 64, 64), (64, 72, 64))),
        *banks((20_000, 4, 800), (20_000, 16, 800), tile=(4_096,)),
        *banks((90_000, 32, 101), tile=(1_440,)),
        Call((600, 800, 3), (15, 15), (216, 216), (0, 1)),
        Call((1_000, 1_500, 3), (15, 15), (128, 288), (0, 1)),
    ],
    "numpy": signals((9, 3), (100, 9), (20_000, 9)),
}

#: Complex numbers and whole ones are transformed as their parts, at some cost.
OTHERS: dict[str, list[Call]] = {
    "overlap": [*sizes(40_000, 32, 256, 1_024), square(240, 9, (64, 64))],
    "fft": [*sizes(20_000, 500, 4_096, 20_480), square(240, 31, (256, 288))],
}
PARTS = {"float32": ("complex64",), "float64": ("complex128", "int32", "int64")}

WHOLE_SUMS = tuple(name for name in SUMS if name != "int16")  # which only `direct` takes in pairs
REALS = tuple(name for name in WHOLE_SUMS if not name.startswith("complex"))


def rows() -> Iterator[tuple[str, str, list[Call]]]:
    """Each row of costs.json: a method, the name of its sums, and the calls that show its constants."""
    names = {"direct": tuple(SUMS), "gemm": WHOLE_SUMS, "reduction": REALS, "box": REALS, "numpy": ("any",)}
    for method, calls in CALLS.items():
        for name in names.get(method, ("float32", "float64")):
            others = [call._replace(sums=s) for s in PARTS.get(name, ()) for call in OTHERS.get(method, ())]
            yield method, name, calls + others


# ------------------------------------------------------------------------------- one call


class Ranked(Plan):
    """A plan whose taps are looked at for sums of products up to the largest rank."""

    @property
    def rank(self) -> int:
        return 8


def numbers_of(name: str, call: Call) -> Arithmetic:
    return example_of("float32" if name == "any" else call.sums or name)


def threads_of(name: str, call: Call) -> int:
    is_far = question_of(call.spec(), numbers_of(name, call)).is_far
    return USUAL_THREADS if is_far or call.must_share else 1


def job_of(method: str, name: str, call: Call) -> Callable[[], Any]:
    """The call as the core gets it, into a result that is there."""
    spec, numbers = call.spec(), numbers_of(name, call)
    chosen = Candidate(method, "", Estimate(0, 0, tile=call.tile), 1.0)
    x, w = small_numbers(spec.x_shape, numbers.x), taps_of(method, call.rank, spec.w_shape, numbers.w)
    if call.rank > 1:  # terms are looked for in the place of a transform
        tile = tuple(2 * (k + 1) for k in call.w)
        chosen = Candidate("overlap", "", Estimate(0, 0, tile=tile), 1.0)
        program = Program(Ranked(spec, numbers, False, 1, chosen, separates="products"))
    else:
        program = Program(Plan(spec, numbers, False, 1, chosen))
    threads = threads_of(name, call)
    core = program.core_call(x.dtype, w.dtype, threads)
    if core is None:
        return lambda: program(x, w, None, None, threads)
    y, run = np.empty(spec.y_shape, numbers.y), core.runner.run
    return lambda: run(x, w, None, y, threads, 0, False)


def small_numbers(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Random numbers whose sums fit in every type."""
    return np.random.default_rng(0).integers(-2, 3, shape).astype(dtype)


def taps_of(method: str, rank: int, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """All the same, or a sum of so many products of taps along the axes, or any; imaginary parts count."""
    if method == "box":
        return np.ones(shape, dtype)
    rng = np.random.default_rng(1)
    if method == "separable":
        terms = [reduce(np.multiply.outer, [rng.random(n) for n in shape]) for _ in range(rank)]
        return np.sum(terms, axis=0).astype(dtype)
    w = rng.integers(-2, 3, shape)
    return (w + 1j if dtype.kind == "c" else w).astype(dtype)


def steps_of(method: str, name: str, call: Call) -> list[float]:
    """How often each step of the method happens in a call, in nanoseconds of the call for one of its own."""
    spec, numbers, threads = call.spec(), numbers_of(name, call), threads_of(name, call)
    if method == "numpy":
        taps = math.prod(axis.w for axis in spec.axes)
        return [1.0, taps, math.prod(spec.y_shape) * max(spec.n_taps, 1)]
    *counts, tasks = question_of(spec, numbers).count(method, call.tile, call.rank)
    steps = range(len(METHODS[method].steps))
    return [Estimate(*(count[i] for count in counts), tasks=tasks).nanoseconds(threads) for i in steps]


# ------------------------------------------------------------------------------ measuring


def seconds_of(job: Callable[[], Any], repeats: int = 1) -> float:
    """With its arrays in the caches, which the others have emptied."""
    job()
    started = time.perf_counter()
    for _ in range(repeats):
        job()
    return (time.perf_counter() - started) / repeats


def measure(jobs: list[Callable[[], Any]], rounds: int = ROUNDS) -> Array:
    """Nanoseconds of each, of rounds in which all take turns."""
    first = [min(seconds_of(job) for _ in range(3)) for job in jobs]
    repeats = [max(1, int(SHORTEST / seconds)) for seconds in first]
    times = [[seconds_of(job, n) for job, n in zip(jobs, repeats, strict=True)] for _ in range(rounds)]
    return 1e9 * usual_times(np.array(times))


def usual_times(times: Array) -> Array:
    """The lower quartile over rounds (the first axis): the machine may be slower in more than half of them."""
    quartile: Array = np.quantile(times, 0.25, axis=0)
    return quartile


def fit(steps: Array, times: Array) -> Array:
    """Constants, none below 0, whose sums come closest to the times, relatively."""
    scaled = steps / times[:, None]
    # Columns of similar size, or the smallest constants would drown.
    sizes = np.maximum(np.abs(scaled).max(axis=0), 1e-30)
    found: Array = nnls(scaled / sizes, np.ones(len(times)))[0] / sizes
    return found


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def measure_section(methods: tuple[str, ...] = (), rounds: int = ROUNDS) -> dict[str, dict[str, dict[str, float]]]:
    """The constants of some methods (none: all) for the instruction set that runs; says how well they fit."""
    table = [row for row in rows() if not methods or row[0] in methods]
    jobs = [job_of(method, name, call) for method, name, calls in table for call in calls]
    times = iter(np.split(measure(jobs, rounds), np.cumsum([len(calls) for *_, calls in table])[:-1]))
    section: dict[str, dict[str, dict[str, float]]] = {method: {} for method, *_ in table}
    for (method, name, calls), taken in zip(table, times, strict=True):
        steps = np.array([steps_of(method, name, call) for call in calls])
        constants = fit(steps, taken)
        section[method][name] = dict(zip(METHODS[method].steps, map(rounded, constants.tolist()), strict=True))
        report(method, name, calls, steps @ constants / taken)
    return section


def report(method: str, name: str, calls: list[Call], ratios: Array) -> None:
    """Predicted over measured: quartiles, and the calls that are furthest off."""
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    worst = sorted(zip(np.abs(np.log(ratios)), ratios, calls, strict=True), key=lambda entry: -entry[0])[:3]
    said = "; ".join(f"{ratio:.2f} {call.x} by {call.w} {call.tile or ''}" for _, ratio, call in worst)
    print(f"{method:10}{name:12}{low:6.2f}{middle:6.2f}{high:6.2f}   {said}", file=sys.stderr, flush=True)


# ----------------------------------------------------------------------------------- main


def measure_elsewhere(isa: str, methods: str) -> dict[str, Any]:
    """The section of another instruction set, which a process has from its start."""
    environment = os.environ | {"FLIPSLIDE_ISA": isa, "FLIPSLIDE_CACHE": ""}
    command = [sys.executable, __file__, "--here", "--methods", methods]
    found: dict[str, Any] = json.loads(subprocess.run(command, env=environment, stdout=-1, check=True).stdout)
    return found


@click.command(help=__doc__)
@click.option("--sets", default="", help="Only these instruction sets; the others keep their constants.")
@click.option("--methods", default="", help="Only these methods.")
@click.option("--here", is_flag=True, help="Print the constants of the one that runs, and write nothing.")
def main(sets: str, methods: str, here: bool) -> None:
    if here:
        print(json.dumps(measure_section(tuple(filter(None, methods.split(","))))))
        return
    known = json.loads(TARGET.read_text("utf-8")).get("sets", {}) if TARGET.exists() else {}
    wanted = sets.split(",") if sets else instruction_sets()[1]
    for isa in wanted:
        print(f"{isa}: predicted over measured, quartiles and worst", file=sys.stderr)
        kept = known.get(isa, {}) if methods else {}
        known[isa] = kept | measure_elsewhere(isa, methods) | where()
    about = "Nanoseconds, one thread. Made by benchmarks/calibrate.py; see docs/performance.md."
    TARGET.write_text(written({"about": about, "sets": known}), "utf-8")


def where() -> dict[str, str]:
    """When and on what a section was measured; `flipslide doctor` compares the family with that of its processor."""
    return {
        "measured": str(date.today()),
        "processor": cache.processor(),
        "family": cache.family(),
        "widest": instruction_sets()[1][0],
    }


def written(table: dict[str, Any]) -> str:
    """JSON with a line for each row of constants."""
    parts = [f'{{\n  "about": {json.dumps(table["about"])},\n  "sets": {{']
    for isa, section in sorted(table["sets"].items()):
        methods = []
        for method, rows in section.items():
            if isinstance(rows, dict):
                lines = (f"        {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
                methods.append(f"      {json.dumps(method)}: {{\n" + ",\n".join(lines) + "\n      }")
            else:
                methods.append(f"      {json.dumps(method)}: {json.dumps(rows)}")
        parts.append(f"    {json.dumps(isa)}: {{\n" + ",\n".join(methods) + "\n    }")
    return parts[0] + "\n" + ",\n".join(parts[1:]) + "\n  }\n}\n"


if __name__ == "__main__":
    main()
