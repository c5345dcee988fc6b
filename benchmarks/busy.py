"""How long a call of 0.1 ms takes beside processes that do nothing but compute.

    python -m benchmarks.busy

The table is in docs/performance.md. A pool that waits for workers without a core shows here.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

import flipslide as fs
from flipslide.plan import Plan

SECONDS = 2.0
PERCENTILES = (50, 90, 99, 99.9)

X, W = np.ones(600_000, np.float32), np.ones(5, np.float32)

BUSY = f"import time; end = time.time() + {2 * SECONDS + 2}\nwhile time.time() < end: pass"


@contextmanager
def busy_processes(n: int) -> Iterator[None]:
    """Processes that end by themselves, or when the block does."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(n)]
    time.sleep(0.3)
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def time_calls(plan: Plan) -> list[float]:
    """Microseconds of one call after the other."""
    out = np.empty_like(X)
    times, end = [], time.perf_counter() + SECONDS
    while (started := time.perf_counter()) < end:
        plan(X, out=out)
        times.append(1e6 * (time.perf_counter() - started))
    return times[50:]


def main() -> None:
    plans = [fs.plan(X.shape, W, X.dtype, "same", method="direct", threads=n) for n in (1, 2)]
    print("| busy | threads |", *(f"{p}% |" for p in PERCENTILES), "mean |")
    for n in (0, 1, 2):
        with busy_processes(n):
            for plan in plans:
                times = time_calls(plan)
                row = (*np.percentile(times, PERCENTILES), np.mean(times))
                print(f"| {n} | {plan.threads} |", *(f"{value:.0f} |" for value in row), flush=True)


if __name__ == "__main__":
    main()
