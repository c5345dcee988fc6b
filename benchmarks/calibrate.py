"""Measure the constants of the cost formulas and write src/flipslide/costs.json.

Each is a median over several shapes of the same kind, one thread, so that one lucky size does
not decide. The optimum is flat: a constant that is off by a quarter changes no choice between
the methods there are today, since `direct` and `gemm` differ by a factor of two or more
wherever both apply and there are eight output channels.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import flipslide as fs
from flipslide.arrays import arithmetic_of
from flipslide.costs import costs
from flipslide.execute import Program, instruction_sets
from flipslide.plan import Plan, choose
from flipslide.spec import ConvSpec

SUMS = ("float32", "float64", "int32", "int64")
COMPLEX_SUMS = ("complex64", "complex128")
TARGET = Path(__file__).parent.parent / "src" / "flipslide" / "costs.json"


def median_seconds(job: Callable[[], Any], rounds: int = 9) -> float:
    job()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        job()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def small(shape: Any, dtype: str) -> np.ndarray:
    """Random numbers whose sums fit in every type."""
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, shape)
    return (x + 1j * rng.integers(-2, 3, shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def direct_product(dtype: str) -> float:
    """Nanoseconds a product: a long signal, an image, a batch of short ones."""
    jobs = [((200_000,), (101,)), ((600, 600), (7, 7)), ((400, 500), (15,))]
    return statistics.median(
        median_seconds(lambda x=small(n, dtype), w=small(k, dtype): fs.convolve(x, w, "same", method="direct"))
        * 1e9
        / (np.prod(n) * np.prod(k))
        for n, k in jobs
    )


def pair_product() -> float:
    """Nanoseconds of a pair of taps of 16 bits, of which K taps along a row have K // 2 + 1."""
    jobs = [((200_000,), (101,)), ((600, 600), (7, 7)), ((400, 500), (15,))]
    return statistics.median(
        median_seconds(lambda x=small(n, "int16"), w=small(k, "int16"): fs.convolve(x, w, "same", method="direct"))
        * 1e9
        / (np.prod(n) * np.prod(k[:-1]) * (k[-1] // 2 + 1))
        for n, k in jobs
    )


def gemm_product(dtype: str) -> float:
    jobs = [((1, 64, 28, 28), (64, 64, 3, 3)), ((1, 32, 40, 40), (48, 32, 3, 3)), ((2, 128, 14, 14), (64, 128, 1, 1))]
    return statistics.median(
        median_seconds(lambda x=small(n, dtype), w=small(k, dtype): fs.nn.conv(x, w, padding="same", method="gemm"))
        * 1e9
        / (np.prod(n) / n[1] * np.prod(k))
        for n, k in jobs
    )


def numpy_cost() -> tuple[float, float]:
    """Nanoseconds a tap and a product, from two sizes of the same call."""
    w = small(9, "float32")
    times = [
        median_seconds(lambda x=small(n, "float32"): fs.convolve(x, w, "same", method="numpy")) * 1e9
        for n in (100, 50_000)
    ]
    per_product = (times[1] - times[0]) / (9 * 49_900)
    return times[0] / 9, per_product


def transform_costs(dtype: str) -> list[float]:
    """Nanoseconds of a vector of points: for each doubling of the tile, and to move it in and out.

    A straight line through the times of one signal in tiles of several sizes; the cost of a row of a
    tile, the third constant, is what its smallest tiles take beyond that line and is kept as it is.
    """
    sizes = (512, 1024, 2048, 4096)
    level, move = np.polyfit(np.log2(sizes), [vector_cost(dtype, n) for n in sizes], 1)
    return [round(float(level), 2), round(float(move), 2), costs()["transform"][dtype][2]]


def vector_cost(dtype: str, n: int) -> float:
    """Nanoseconds of a vector of complex points in tiles of n samples, without finding their rows."""
    x, w = small(1_000_000, dtype), small(64, dtype)
    spec, numbers = ConvSpec.of(x.shape, w.shape, mode="same"), arithmetic_of(x.dtype, w.dtype)
    part = np.dtype("float32" if dtype == "float32" else "float64")
    program = Program(with_tile(choose(spec, numbers, 1, "overlap"), (n,)))
    tiles = -(-x.size // (n - w.size + 1))
    rows = tiles * costs()["transform"][part.name][2]
    seconds = median_seconds(lambda: program(x, w, None, None, 1))
    return (seconds * 1e9 - rows) * 2 * (costs()["vector_bytes"] // part.itemsize) / (tiles * n)


def integer_cost() -> float:
    """Nanoseconds that such a vector takes longer where samples are integers and outputs are rounded to some."""
    return round(vector_cost("int32", 2048) - vector_cost("float64", 2048), 2)


def with_tile(plan: Plan, tile: tuple[int, ...]) -> Plan:
    """A transform's plan, with tiles of another size."""
    candidates = tuple(
        c._replace(estimate=c.estimate._replace(tile=tile)) if c.method == plan.method else c for c in plan.candidates
    )
    return replace(plan, candidates=candidates)


def call_cost(method: str) -> float:
    """Nanoseconds of a call that computes next to nothing."""
    x, w = small((1, 4), "float32"), small((2, 2), "float32")
    return median_seconds(lambda: [fs.convolve(x, w, axes=-1, method=method) for _ in range(500)]) * 2e6


def main() -> None:
    with fs.threads(1):
        per_tap, per_product = numpy_cost()
        table = {
            "about": "Nanoseconds, one thread. Made by benchmarks/calibrate.py; see docs/performance.md.",
            "machine": f"{platform.machine()}, {instruction_sets()[0]}, {date.today()}",
            "call": {method: round(call_cost(method)) for method in ("direct", "gemm", "numpy")},
            "product": {
                "direct": {dtype: round(direct_product(dtype), 4) for dtype in (*SUMS, *COMPLEX_SUMS)}
                | {"int16": round(pair_product(), 4)},
                "gemm": {dtype: round(gemm_product(dtype), 4) for dtype in (*SUMS, *COMPLEX_SUMS)},
                "numpy": dict.fromkeys(SUMS, round(per_product, 2)),
            },
            "transform": {dtype: transform_costs(dtype) for dtype in ("float32", "float64")}
            | {"integers": integer_cost()},
            "numpy_tap": round(per_tap),
        }
    TARGET.write_text(json.dumps(table, indent=2) + "\n")
    print(TARGET.read_text())


if __name__ == "__main__":
    main()
