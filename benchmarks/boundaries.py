"""What the rule for samples outside of x costs: the boundaries of a case take turns.

    python -m benchmarks.boundaries [--only 2-D] [--seconds 4]

Times of different cells of the benchmark tell little about each other, because the machine is slower in
one minute than in the next. Here every round has one run under each rule, one after the other, and the
figure is the median of the rounds' own ratios to "zero", with its quartiles. "zero again" is a second run
under the same rule: what differs from 1 no more than that differs by chance.
"""

from __future__ import annotations

import gc
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import click

import flipslide as fs

from .cases import Case, flipslide_call, make_w, make_x
from .measure import time_once

RULES = ("zero", "edge", "mirror", "wrap")
AGAIN = "zero again"
#: Seconds that a short call is repeated for in each round.
ROUND_SECONDS = 0.001
FEWEST_ROUNDS = 20
#: Rules are said to cost as much if they are this close.
ALIKE = 0.1

CASES = (
    Case("1-D", (10**6,), (31,)),
    Case("1-D", (10**6,), (301,)),
    Case("2-D", (512, 512), (5, 5)),
    Case("2-D", (1024, 1024), (15, 15)),
    Case("RGB", (1024, 1024, 3), (7, 7), axes=(0, 1)),
    Case("3-D", (64, 64, 64), (3, 3, 3)),
    Case("batch", (64, 48_000), (101,)),
    Case("2-D", (1024, 1024), (13, 13), taps="gaussian"),
)


class Cost(NamedTuple):
    """The median seconds of one rule, and the quartiles of its ratio to "zero" in the same round."""

    seconds: float
    low: float
    ratio: float
    high: float


def measure(case: Case, seconds: float) -> dict[str, Cost]:
    """Each rule, and "zero" a second time."""
    x, w = make_x(case, "white"), make_w(case)
    calls = {rule: _call_of(replace(case, boundary=rule), x, w) for rule in RULES}
    times = run_rounds(calls | {AGAIN: calls["zero"]}, seconds)
    return {rule: compare(found, times["zero"]) for rule, found in times.items()}


def _call_of(case: Case, x: Any, w: Any) -> Callable[[], Any]:
    call = flipslide_call(case, w)
    return lambda: call(x)


def run_rounds(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Seconds of each call in every round. Whose turn is first changes from round to round."""
    repeats = max(1, int(ROUND_SECONDS / min(time_once(call) for call in (*calls.values(), *calls.values()))))
    times: dict[str, list[float]] = {rule: [] for rule in calls}
    order, ends, done = list(calls), time.perf_counter() + seconds, 0
    gc.disable()
    try:
        while done < FEWEST_ROUNDS or time.perf_counter() < ends:
            for rule in order:
                times[rule].append(time_once(calls[rule], repeats))
            order.append(order.pop(0))
            done += 1
    finally:
        gc.enable()
    return times


def compare(times: list[float], zero: list[float]) -> Cost:
    low, middle, high = statistics.quantiles([a / b for a, b in zip(times, zero, strict=True)], n=4)
    return Cost(statistics.median(times), low, middle, high)


def describe(case: Case, costs: dict[str, Cost]) -> str:
    """A row of the table. Rules that cost more, or less, than "zero" by more than a tenth are in bold."""
    cells = [f"{1e6 * costs['zero'].seconds:.0f} µs"]
    for rule in (*RULES[1:], AGAIN):
        _, low, ratio, high = costs[rule]
        text = f"{ratio:.2f}"
        mark = "**" if abs(ratio - 1) > ALIKE else ""
        cells.append(f"{mark}{text}{mark} ({low:.2f} to {high:.2f})")
    return f"| {case.name} | " + " | ".join(cells) + " |"


@click.command(help=__doc__)
@click.option("--only", default="", help="Cases whose name matches this regular expression.")
@click.option("--seconds", default=4.0, help="Of each case.")
@click.option("--threads", default=0, help="All of them by default.")
def main(only: str, seconds: float, threads: int) -> None:
    with fs.threads(threads or fs.get_num_threads()):
        print(f"| {fs.get_num_threads()} threads | zero | edge | mirror | wrap | zero again |\n|{' --- |' * 6}")
        for case in CASES:
            if re.search(only, case.name):
                print(describe(case, measure(case, seconds)), flush=True)


if __name__ == "__main__":
    main()
