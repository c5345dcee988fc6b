"""Measuring: the constants of the planner on this machine, and which of several near-ties is fastest.

Only when asked: a choice that changed by itself between two calls, or two processes, would give the
same call other bits.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import reduce
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

import numpy as np

from . import cache
from .arrays import Array
from .costs import costs, machine_key, scale_file
from .errors import ParameterError
from .execute import Program
from .methods import example_of
from .plan import Plan, choose, forget_plans, near_ties
from .spec import ConvSpec
from .wisdom import Choice, remember, take_over, write_all

__all__ = ["calibrate", "export_wisdom", "import_wisdom", "tune_plan"]

#: Held by whoever measures: two measurements at once would measure each other.
_measuring = threading.Lock()


def _forget_lock() -> None:
    """The child of a fork has none of the threads that may have held it."""
    global _measuring
    _measuring = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


# ------------------------------------------------------------------------------ constants


class Reference(NamedTuple):
    """Calls that a method's time is read from: a fraction of a millisecond each."""

    method: str
    sums: tuple[str, ...]
    shapes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]  # of x and w
    is_layer: bool = False


FLOATS, ALL = ("float32", "float64"), ("float32", "float64", "int32", "int64")

REFERENCES = (
    Reference("direct", (*ALL, "int16"), (((60_000,), (31,)), ((200, 200), (7, 7)))),
    Reference("gemm", ALL, (((1, 1, 64, 24, 24), (1, 64, 64, 3, 3)), ((2, 1, 128, 14, 14), (1, 64, 128, 1, 1))), True),
    Reference(
        "winograd", FLOATS, (((1, 1, 64, 28, 28), (1, 64, 64, 3, 3)), ((2, 1, 128, 14, 14), (1, 128, 128, 3, 3))), True
    ),
    Reference(
        "reduction", ALL, (((64, 1, 1, 30, 30), (1, 64, 1, 28, 28)), ((4, 1, 4, 30, 30), (1, 4, 4, 28, 28))), True
    ),
    Reference("separable", FLOATS, (((300, 300), (9, 9)), ((200, 400), (15, 15)))),
    Reference("box", ALL, (((300, 300), (9, 9)), ((200, 400), (15, 15)))),
    Reference("overlap", FLOATS, (((100_000,), (65,)), ((300, 300), (15, 15)))),
    Reference("fft", FLOATS, (((60_000,), (4_000,)), ((300, 300), (60, 60)))),
)

#: Runs of each, of which the fastest counts.
REFERENCE_RUNS = 4


def calibrate() -> dict[str, dict[str, float]]:
    """Measure how fast this machine is with each method, so that plans are made for it.

    Takes some 100 ms. Returns, by method and dtype of the sum, how much longer this machine takes
    than the constants that the library comes with say. The factors are kept in the user's cache
    directory ($FLIPSLIDE_CACHE, else $XDG_CACHE_HOME/flipslide, else ~/.cache/flipslide) and used by
    this process at once, and by every one that makes its first plan later. `flipslide doctor
    --calibrate` does the same.

    Nothing is measured without being asked: other factors may choose other methods, and so give a
    call other bits, within the stated error bounds.

    >>> import flipslide as fs
    >>> factors = fs.calibrate()
    >>> sorted(factors)
    ['box', 'direct', 'fft', 'gemm', 'overlap', 'reduction', 'separable', 'winograd']
    """
    with _measuring:
        scale = {r.method: {name: _measure(r, name) for name in r.sums} for r in REFERENCES}
    kept = {"machine": machine_key(), "date": str(date.today()), "scale": scale}
    cache.replace(scale_file(), json.dumps(kept, indent=2) + "\n")
    costs()["scale"] = scale
    forget_plans()
    return scale


def _measure(reference: Reference, name: str) -> float:
    """How much longer the calls take than the table says."""
    before = costs()["scale"].get(reference.method, {}).get(name, 1.0)
    ratios = [_compare(reference, x, w, name) for x, w in reference.shapes]
    return round(float(before * geometric_mean(ratios)), 3)


def _compare(reference: Reference, x: tuple[int, ...], w: tuple[int, ...], name: str) -> float:
    """Measured over predicted time of one call, on one thread."""
    plan = choose(_spec_of(reference, x, w), example_of(name), 1, reference.method)
    job = _job_of(plan, *_arrays_of(plan))
    times = [_seconds(job) for _ in range(1 + REFERENCE_RUNS)]
    return min(times[1:]) * 1e9 / plan.chosen.estimate.nanoseconds(1)


def _spec_of(reference: Reference, x: tuple[int, ...], w: tuple[int, ...]) -> ConvSpec:
    if reference.is_layer:
        return ConvSpec.layer(x, w, stride=1, padding="same", dilation=1, x_axes=(3, 4))
    return ConvSpec.of(x, w, mode="same")


# ---------------------------------------------------------------------------- near-ties

#: Rounds of measuring, and the seconds after which no run is begun but the first of the first two.
MOST_ROUNDS, MOST_SECONDS = 7, 1.0

#: What is measured must be this much faster than the best prediction to be preferred to it.
CLEAR = 0.97


def tune_plan(plan: Plan, method: str) -> None:
    """Run the near-ties of a call, made with this method=, and remember the fastest."""
    if method != "auto":
        raise ParameterError(f"tune=True chooses the method, and method={method!r} was given; use method='auto'")
    plans = near_ties(plan)
    if len(plans) < 2:
        return
    arrays = _arrays_of(plan)
    with _measuring:
        times = _time_in_turn([_job_of(near, *arrays) for near in plans])
    best = int(np.argmin([times[0] * CLEAR, *times[1:]]))
    measured = {near.method: 0.0 for near, seconds in zip(plans, times, strict=True) if seconds < math.inf}
    for method in measured:
        measured[method] = round(1e9 * min(t for near, t in zip(plans, times, strict=True) if near.method == method))
    chosen = plans[best]
    measured[chosen.method] = round(1e9 * times[best])
    remember(plan.spec, plan.arithmetic, plan.accuracy, Choice(chosen.method, chosen.tile, tuple(measured.items())))
    forget_plans()


def _time_in_turn(jobs: list[Callable[[], Any]]) -> list[float]:
    """The least seconds of each. They take turns, so that a disturbance meets all; infinite if there was no time."""
    deadline = time.perf_counter() + MOST_SECONDS
    least = [math.inf] * len(jobs)
    for turn in range(MOST_ROUNDS * len(jobs)):
        if turn >= 2 and time.perf_counter() > deadline:
            break
        at = turn % len(jobs)
        least[at] = min(least[at], _seconds(jobs[at]))
    return least


# ------------------------------------------------------------------------------- one call


def _seconds(job: Callable[[], Any]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def _job_of(plan: Plan, x: Array, w: Array) -> Callable[[], Array]:
    """The call, made as it is planned whatever its taps are."""
    program = Program(replace(plan, separates=""))
    return lambda: program(x, w, None, None, plan.threads)


def _arrays_of(plan: Plan) -> tuple[Array, Array]:
    """Arrays of small positive numbers; the taps are a product along the axes, or all the same, as the method wants."""
    spec, numbers = plan.spec, plan.arithmetic
    rows = [np.resize(PATTERN[:1] if plan.method == "box" else PATTERN, n) for n in spec.w_shape]
    return np.resize(PATTERN.astype(numbers.x), spec.x_shape), reduce(np.multiply.outer, rows).astype(numbers.w)


PATTERN = np.array([1, 2, 1, 3, 2, 2, 3], np.int64)


# --------------------------------------------------------------------- to and from a file


def export_wisdom(path: str | os.PathLike[str]) -> int:
    """Write what `plan(tune=True)` found on this machine to a file, a line of JSON for each call.

    Returns the number of lines.

    >>> import flipslide as fs, os
    >>> fs.export_wisdom(os.devnull) >= 0
    True
    """
    lines = write_all()
    Path(path).write_text("".join(line + "\n" for line in lines), "utf-8")
    return len(lines)


def import_wisdom(path: str | os.PathLike[str]) -> int:
    """Take over what `export_wisdom` wrote on a machine of the same kind, by the same version.

    Returns the number of lines that are from such a machine; others are passed over. Calls that are
    planned from now on use them; so do later processes, if the cache directory can be written.

    >>> import flipslide as fs, os
    >>> fs.import_wisdom(os.devnull)
    0
    """
    taken = take_over(Path(path).read_text("utf-8"))
    forget_plans()
    return taken
