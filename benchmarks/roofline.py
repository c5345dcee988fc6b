"""How fast this machine could do a case: the larger of arithmetic over its measured rate of
multiply-adds and bytes over its measured bandwidth.

Both rates are measured here, by a few lines of C (`roofline.c`) where there is a compiler and by
NumPy where there is none. The arithmetic of a case is the least that a known algorithm needs:
direct, separable, or transforms of the best size.
"""

from __future__ import annotations

import ctypes
import math
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from flipslide.execute import instruction_sets

from .cases import Case

#: Bytes of both arrays, over all threads, at which copies are timed: the caches, then memory.
SIZES = (1 << 15, 1 << 18, 1 << 20, 1 << 23, 1 << 26, 1 << 28)
Runner = Callable[[int], float]  # the number of rounds ↦ the operations or bytes of all of them
TRIAL_SECONDS = 0.006
#: So that the roof is that of the instruction set that flipslide is held to.
MARCH = {"avx512": "native", "avx2": "haswell", "baseline": "x86-64"}


class Roofline:
    """The rates with some number of threads."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.fma = {dtype: self.measure_fma(dtype) for dtype in ("float32", "float64")}
        self.bandwidth = {size: self.measure_copy(size) for size in SIZES}
        self._far = copy_runners(SIZES[-1], threads)
        self.seen = [self.sentinel() for _ in range(3)]

    def measure_fma(self, dtype: str) -> float:
        """Multiply-adds a second."""
        return best_rate([fma_runner(dtype) for _ in range(self.threads)])

    def measure_copy(self, size: int) -> float:
        """Bytes a second, read and written."""
        return best_rate(copy_runners(size, self.threads))

    def sentinel(self) -> tuple[float, float]:
        """Both rates, measured quickly, to notice that the machine is another one now."""
        return self.measure_fma("float32"), best_rate(self._far)

    def drift(self) -> float:
        """How far either rate is now from its usual value, as a part of it."""
        self.seen.append(self.sentinel())
        return float(
            max(abs(found[-1] / statistics.median(found) - 1) for found in map(list, zip(*self.seen, strict=True)))
        )

    def seconds(self, case: Case) -> float:
        """The roof of a case."""
        return max(multiply_adds(case) / self.fma[_part(case)], case.n_bytes / self._bandwidth_at(case.n_bytes))

    def _bandwidth_at(self, n_bytes: int) -> float:
        return self.bandwidth[min(SIZES, key=lambda size: abs(math.log(size / n_bytes)))]

    def __str__(self) -> str:
        fma = ", ".join(f"{rate / 1e9:.0f} G multiply-adds/s in {dtype}" for dtype, rate in self.fma.items())
        copies = ", ".join(f"{rate / 1e9:.0f}" for rate in self.bandwidth.values())
        sizes = ", ".join(f"{size >> 10} KB" for size in SIZES)
        return f"{self.threads} threads: {fma}; copies {copies} GB/s at {sizes}"


# ------------------------------------------------------------------------- what a case needs


def multiply_adds(case: Case) -> float:
    """The operations of the cheapest way: every product, one axis after the other, or transforms."""
    parts = 4 if np.dtype(case.x_dtype).kind == "c" else 1
    outputs = math.prod(case.y_shape)
    ways = [case.products * parts]
    if case.taps == "gaussian":
        ways.append(float(outputs * sum(case.n_taps)))
    if case.taps == "box":  # one sum in, one out, along each axis
        ways.append(float(outputs * 2 * len(case.n_taps)))
    if not case.is_layer and case.dtype.kind in "fc":
        ways.append(outputs * parts**0.5 * transform_cost(case))
    return min(ways)


def transform_cost(case: Case) -> float:
    """Multiply-adds an output of overlapping tiles: 2.5·L·log₂L flops a real transform, two a
    multiply-add, there and back, and 2 products a point between."""
    best = math.inf
    for scale in (2, 4, 8, 16):
        tile = [min(scale * k, n + k) for k, n in zip(case.n_taps, _sizes(case), strict=True)]
        points = math.prod(tile)
        useful = math.prod(t - k + 1 for t, k in zip(tile, case.n_taps, strict=True))
        best = min(best, (2.5 * points * math.log2(points) + 2 * points) / useful)
    return best


def _sizes(case: Case) -> list[int]:
    return [case.x_shape[axis] for axis in case.conv_axes]


def _part(case: Case) -> str:
    return "float64" if case.dtype in (np.float64, np.complex128) else "float32"


# ------------------------------------------------------------------------------ measuring


def fma_runner(dtype: str) -> Runner:
    library = _library()
    if library is None:  # what the linear algebra of NumPy reaches
        square = np.ones((256, 256), dtype)
        return lambda rounds: sum((square @ square).size * 256 for _ in range(rounds))
    run = getattr(library, f"fma_{dtype}")
    lanes = library.chains() * library.vector_bytes() // np.dtype(dtype).itemsize

    def count(rounds: int) -> float:
        run(ctypes.c_long(100 * rounds))
        return float(100 * rounds * lanes)

    return count


def copy_runners(size: int, threads: int) -> list[Runner]:
    return [copy_runner(size // 16 // threads) for _ in range(threads)]


def copy_runner(doubles: int) -> Runner:
    source, target = np.ones(doubles), np.ones(doubles)
    library = _library()

    def count(rounds: int) -> float:
        if library is None:
            for _ in range(rounds):
                np.copyto(target, source)
        else:
            pointers = (ctypes.c_void_p(target.ctypes.data), ctypes.c_void_p(source.ctypes.data))
            library.copy(*pointers, ctypes.c_long(doubles), ctypes.c_long(rounds))
        return rounds * 16 * doubles

    return count


def best_rate(runners: list[Runner], trials: int = 5) -> float:
    """What all runners do a second, each in its own thread: the best trial, since this is a roof."""
    rounds = 1
    while (seconds := min(_timed(runners, rounds)[0] for _ in range(2))) < TRIAL_SECONDS:
        rounds *= max(2, min(100, int(TRIAL_SECONDS / seconds)))
    rates = []
    for _ in range(trials):
        seconds, done = _timed(runners, rounds)
        rates.append(done / seconds)
    return max(rates)


def _timed(runners: list[Runner], rounds: int) -> tuple[float, float]:
    done: list[float] = []
    workers = [Thread(target=lambda run=run: done.append(run(rounds))) for run in runners]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started, sum(done)


@cache
def _library() -> Any:
    """The compiled C, or None."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    folder = tempfile.mkdtemp(prefix="roofline")
    target = Path(folder) / "roofline.so"
    source = Path(__file__).with_suffix(".c")
    flags = ["-O3", f"-march={MARCH.get(instruction_sets()[0], 'native')}", "-ffp-contract=fast", "-shared", "-fPIC"]
    done = subprocess.run([compiler, *flags, str(source), "-o", str(target)], capture_output=True, check=False)
    library = ctypes.CDLL(str(target)) if done.returncode == 0 else None
    shutil.rmtree(folder)
    return library
