"""Time every case with two states of flipslide, in turn: before a change and after it.

    python -m benchmarks.turns BEFORE [--only REGEX] [--threads 1,2]

BEFORE is a clone that holds the other state, with its `.venv` and this file (copied there if it is older). Each
state runs in a process of its own. Round by round they take turns, so that a phase of a slower machine meets
both; a cell's figure is the median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import click
import numpy as np

import flipslide as fs

from .cases import Case, all_cases, flipslide_call, make_w, make_x
from .measure import ROUND_SECONDS, time_once

ROOT = Path(__file__).parent.parent
FEWEST_ROUNDS, MOST_ROUNDS = 9, 400
NOTABLE = 1.05  # times slower than before: named at the end

# ------------------------------------------------------------------------- in each process


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Answer each line, `[case, threads]` or `null` for one more round, with seconds."""
    cases = {case.name: case for case in all_cases()}
    call, repeats = None, 1
    for line in commands:
        wanted = json.loads(line)
        if wanted is not None:
            call = prepared(cases[wanted[0]], wanted[1])
            repeats = max(1, int(ROUND_SECONDS / max(min(time_once(call) for _ in range(3)), 1e-7)))
        answers.write(json.dumps(time_once(call, repeats)) + "\n")
        answers.flush()


def prepared(case: Case, threads: int) -> Callable[[], Any]:
    """The call into a result that is there, which has run before: its taps are kept."""
    fs.set_num_threads(threads)
    call, x, out = flipslide_call(case, make_w(case)), make_x(case, "white"), np.zeros(case.y_shape, case.dtype)
    return lambda: call(x, out=out)


# -------------------------------------------------------------------------------- the turns


class State:
    """A process that times one state of the library."""

    def __init__(self, clone: Path) -> None:
        command = [clone.absolute() / ".venv/bin/python", "-m", "benchmarks.turns", "--serve"]
        self.process = subprocess.Popen(command, cwd=clone, text=True, stdin=-1, stdout=-1)

    def seconds(self, wanted: tuple[str, int] | None = None) -> float:
        commands, answers = self.process.stdin, self.process.stdout
        assert commands is not None
        assert answers is not None
        commands.write(json.dumps(wanted) + "\n")
        commands.flush()
        return float(json.loads(answers.readline()))


def ratio(before: State, after: State, case: Case, threads: int, seconds: float) -> tuple[float, float]:
    """Time after over time before, and the seconds after."""
    for state in (before, after):
        state.seconds((case.name, threads))
    rounds: list[tuple[float, float]] = []
    ends = time.perf_counter() + seconds
    while len(rounds) < FEWEST_ROUNDS or (time.perf_counter() < ends and len(rounds) < MOST_ROUNDS):
        turns = (before, after) if len(rounds) % 2 else (after, before)
        found = {state: state.seconds() for state in turns}
        rounds.append((found[before], found[after]))
    return statistics.median(b / a for a, b in rounds), statistics.median(b for _, b in rounds)


def print_summary(ratios: dict[str, float]) -> None:
    middle = statistics.geometric_mean(ratios.values())
    slower = {name: r for name, r in ratios.items() if r > NOTABLE}
    print(f"\n{len(ratios)} cells, geometric mean {middle:.3f}, {len(slower)} more than 5 % slower")
    for name, r in sorted(slower.items(), key=lambda item: -item[1]):
        print(f"{r:6.2f}  {name}")


@click.command(help=__doc__)
@click.argument("clone", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--only", default="", help="Cases whose name matches this regular expression.")
@click.option("--threads", default="1,2", help="For example 1,2.")
@click.option("--seconds", default=0.5, help="Of the rounds of a cell.")
@click.option("--serve", "is_server", is_flag=True, hidden=True)
def main(clone: Path | None, only: str, threads: str, seconds: float, is_server: bool) -> None:
    if is_server:
        serve(sys.stdin, sys.stdout)
        return
    if clone is None:
        sys.exit("Name the clone that holds the other state.")
    before, after, ratios = State(clone), State(ROOT), dict[str, float]()
    for case in (case for case in all_cases() if re.search(only, case.name)):
        for count in map(int, threads.split(",")):
            name = f"{case.name}, {count} thread" + "s" * (count > 1)
            ratios[name], after_seconds = ratio(before, after, case, count, seconds)
            print(f"{ratios[name]:6.3f}  {1e6 * after_seconds:10.1f} us  {name}", flush=True)
    print_summary(ratios)


if __name__ == "__main__":
    main()
