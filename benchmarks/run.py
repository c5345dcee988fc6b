"""Time every case of `cases.py` beside its rivals: `make bench`.

All contestants of a case run in one process, one after another in turn, so that a noisy
neighbour meets them all; the figure is the median of the rounds. Everybody has the same
number of threads. OMP_WAIT_POLICY is passive, since other libraries' workers would
otherwise spin on the second core while it is our turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from cases import Case, Job, all_cases

import flipslide as fs
from flipslide import _core

ROUND_SECONDS = 0.02
CASE_SECONDS = 3.0


def time_once(job: Job, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        job()
    return (time.perf_counter() - started) / repeats


def repeats_for(job: Job) -> int:
    return max(1, int(ROUND_SECONDS / max(time_once(job, 1), 1e-7)))


def check_agreement(case: Case) -> None:
    ours = case.ours()
    for name, job in case.rivals.items():
        theirs = job()
        worst = np.abs(ours - theirs).max() / np.abs(theirs).max()
        if worst > 1e-4:
            raise SystemExit(f"{case.name}: {name} computes something else ({worst:.2g})")


def measure(case: Case) -> dict[str, float]:
    """Median seconds of each contestant, interleaved."""
    jobs = {"flipslide": case.ours, **case.rivals}
    repeats = {name: repeats_for(job) for name, job in jobs.items()}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    ends = time.perf_counter() + CASE_SECONDS
    while time.perf_counter() < ends or len(times["flipslide"]) < 7:
        for name, job in jobs.items():
            times[name].append(time_once(job, repeats[name]))
    return {name: statistics.median(found) for name, found in times.items()}


def human(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def row(case: Case, times: dict[str, float]) -> str:
    ours = times.pop("flipslide")
    rate = f"{case.products / ours / 1e9:.1f}"
    if not times:
        return f"| {case.name} | {human(ours)} | {rate} | (none installed) | | |"
    best = min(times, key=lambda name: times[name])
    return f"| {case.name} | {human(ours)} | {rate} | {best} | {human(times[best])} | {times[best] / ours:.2f} |"


def header() -> str:
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Median times, fresh result each call, interleaved in one process. The ratio is the best rival's",
            "time over flipslide's: above 1 flipslide is faster. Made by `make bench`.",
            "",
            f"{platform.machine()}, {fs.get_num_threads()} threads, {_core.isa()}; "
            f"Python {platform.python_version()}, NumPy {np.__version__}.",
            "",
            "| case | flipslide | products/ns | best rival | its time | ratio |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
    )


def set_rivals_threads() -> None:
    if "cv2" in sys.modules or _can_import("cv2"):
        import cv2

        cv2.setNumThreads(fs.get_num_threads())
    if _can_import("torch"):
        import torch

        torch.set_num_threads(fs.get_num_threads())


def _can_import(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def main() -> None:
    set_rivals_threads()
    lines = [header()]
    print(lines[0])
    for case in all_cases():
        check_agreement(case)
        lines.append(row(case, measure(case)))
        print(lines[-1], flush=True)
    page = Path(__file__).parent.parent / "docs" / "benchmarks.md"
    page.write_text("\n".join(lines) + "\n")
    print(f"\nwritten to docs/{page.name}")


if __name__ == "__main__":
    main()
