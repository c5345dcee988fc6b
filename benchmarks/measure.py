"""Check, then time: all contestants of a case in turn, round by round, so that a noisy neighbour
meets them all. The figure is the median of the rounds."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .cases import Array, Case, flipslide_call, flipslide_plan, make_w, make_x
from .reference import Reference, make_reference, neighbourhood_norms, worst_ratio
from .rivals import Job, Rival
from .roofline import Roofline

OURS = "flipslide"

#: Worst |y − exact| on white noise of a rival that computes the same thing, as a part of the largest
#: Σ|w|·|x|: transforms err by the loudest output, also at the quiet ends. An output that is one
#: sample off differs by about 1/√taps.
TOLERANCE = {"f4": 3e-5, "f8": 1e-10, "c8": 3e-5}

HOPELESS = 20.0  # times the fastest: one run is enough
SLOW = 3.0  # times the fastest: three rounds are enough
LONG, VERY_LONG = 0.02, 0.5  # seconds, for one that is slow as well: one round is enough, or one run
ROUND_SECONDS = 0.002
FEWEST_ROUNDS, MOST_ROUNDS, COLD_ROUNDS, FIRST_ROUNDS = 5, 300, 7, 5
OURS_AT_MOST, OURS_ONCE = 10.0, 2.0  # predicted seconds: beyond them not run, or run once

#: Larger than the caches, read to empty them.
_EVICTOR = np.ones(1 << 23)


class Timing(NamedTuple):
    """Seconds: the median and the quartiles of the rounds."""

    median: float
    low: float
    high: float
    rounds: int


@dataclass
class Entry:
    """What is known about one contestant of a case. `error` is on loud beside quiet data."""

    error: float
    fresh: Timing | None = None
    into: Timing | None = None
    cold: Timing | None = None
    first: Timing | None = None  # ours alone, with taps that were not seen before


@dataclass
class Row:
    """One cell of the table: a case with some number of threads."""

    name: str
    group: str
    threads: int
    method: str
    products: float
    roof: float
    entries: dict[str, Entry] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    bound_used: float = 0.0  # our error as a part of the stated bound, the worse of both kinds of data
    drift: float = 0.0

    def best(self, figure: str) -> tuple[str, float] | None:
        """The fastest rival by "fresh", "into" or "cold"; without out= a fresh result must do."""
        known = {name: _seconds_of(entry, figure) for name, entry in self.entries.items() if name != OURS}
        timed = {name: seconds for name, seconds in known.items() if seconds < np.inf}
        return min(timed.items(), key=lambda item: item[1]) if timed else None

    def ours(self, figure: str) -> float | None:
        entry = self.entries.get(OURS)
        timing = getattr(entry, figure) if entry else None
        return timing.median if timing else None

    def ratio(self, figure: str) -> float | None:
        """The best rival's time over ours; a cell that we could not run at all is 0."""
        ours, best = self.ours(figure), self.best(figure)
        if best is None:
            return None
        if ours is None:
            return 0.0 if figure == "fresh" else None
        return best[1] / ours

    @property
    def is_lost(self) -> bool:
        ratio = self.ratio("fresh")
        return ratio is not None and ratio < 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _seconds_of(entry: Entry, figure: str) -> float:
    figures = ("into", "fresh") if figure == "into" else (figure,)
    return min((timing.median for f in figures if (timing := getattr(entry, f))), default=np.inf)


class Data(NamedTuple):
    """A case's arrays, both kinds of x, and what should come out."""

    w: Array
    x: dict[str, Array]
    references: dict[str, Reference]

    @classmethod
    def of(cls, case: Case) -> Data:
        w = make_w(case)
        x = {kind: make_x(case, kind) for kind in ("white", "wide")}
        return cls(w, x, {kind: make_reference(case, x[kind], w) for kind in x})


# --------------------------------------------------------------------------------- checking


class WrongResult(Exception):
    """A contestant computes something else."""


class Checked(NamedTuple):
    """The error on loud beside quiet data, and the results by kind of data."""

    error: float
    results: dict[str, Array]


def check(case: Case, job: Job, data: Data) -> Checked:
    """Raises WrongResult unless the results are the definition's, up to rounding."""
    results = {kind: job.finish(job.run(job.adapt(x))) for kind, x in data.x.items()}
    _agree(case, "run", results["white"], data)
    if job.into is not None:
        out = np.empty(case.y_shape, case.dtype)
        job.into(job.adapt(data.x["white"]), out)
        _agree(case, "out=", out, data)
    return Checked(data.references["wide"].error(results["wide"]), results)


def _agree(case: Case, what: str, y: Array, data: Data) -> None:
    if y.shape != case.y_shape or y.dtype != case.dtype:
        raise WrongResult(f"{what} gives {y.dtype} {y.shape}, not {case.dtype} {case.y_shape}")
    error = data.references["white"].disagreement(y)
    if not error <= TOLERANCE.get(case.dtype.str[1:], 0.0):
        raise WrongResult(f"{what} differs by {error:.1g} of the largest Σ|w|·|x|")


def bound_used(case: Case, plan: Any, results: dict[str, Array], data: Data) -> float:
    """The worst |y − exact| as a part of what the plan promises. Above 1 it is broken.

    Direct sums are bounded by their own terms, transforms by Σ|w| times the norm of a tile.
    """
    worst = 0.0
    for kind, reference in data.references.items():
        scales = reference.scales
        if tile := getattr(plan, "tile", ()):
            norms = neighbourhood_norms(case, data.x[kind], reference.places, tile)
            scales = np.abs(data.w).sum(axis=case.conv_axes if case.has_bank else None).max() * norms
        worst = max(worst, worst_ratio(reference.misses(results[kind]), plan.error_bound * scales))
    return worst


# ---------------------------------------------------------------------------------- timing


class Contestant(NamedTuple):
    name: str
    figure: str  # "fresh" or "into"
    call: Callable[[], Any]


def time_once(call: Callable[[], Any], repeats: int = 1) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def contestants(case: Case, name: str, job: Job, x: Array) -> list[Contestant]:
    own, run, into = job.adapt(x), job.run, job.into
    found = [Contestant(name, "fresh", lambda: run(own))]
    if into is not None:
        out = np.zeros(case.y_shape, case.dtype)
        found.append(Contestant(name, "into", lambda: into(own, out)))
    return found


def interleave(field: list[Contestant], seconds: float) -> dict[tuple[str, str], Timing]:
    """Rounds of all contestants in turn; those that are slow leave early."""
    firsts = {c: time_once(c.call) for c in field}
    repeats = {c: max(1, int(ROUND_SECONDS / max(first, 1e-7))) for c, first in firsts.items()}
    enough = {c: _enough_rounds(first, min(firsts.values())) for c, first in firsts.items()}
    times: dict[Contestant, list[float]] = {c: [] for c in field}
    ends = time.perf_counter() + seconds
    gc.disable()
    try:
        for done in range(MOST_ROUNDS):
            if done >= FEWEST_ROUNDS and time.perf_counter() > ends:
                break
            for c in field:
                if done < enough[c]:
                    times[c].append(time_once(c.call, repeats[c]))
    finally:
        gc.enable()
    return {(c.name, c.figure): summary(found) for c, found in times.items()}


def _enough_rounds(seconds: float, fastest: float) -> int:
    if seconds <= SLOW * fastest:
        return MOST_ROUNDS
    return 3 if seconds < LONG else 1


def cold(field: list[Contestant]) -> dict[str, Timing]:
    """One call at a time, the caches emptied before each."""
    times: dict[str, list[float]] = {c.name: [] for c in field}
    for _ in range(COLD_ROUNDS):
        for c in field:
            _EVICTOR.sum()
            times[c.name].append(time_once(c.call))
    return {name: summary(found) for name, found in times.items()}


def first_calls(case: Case, data: Data) -> Timing | None:
    """Calls with other taps each time; none where shifted taps are the same."""
    others = [np.roll(data.w, turn + 1, axis=-1) for turn in range(min(FIRST_ROUNDS, case.w_shape[-1] - 1))]
    calls = [partial(flipslide_call(case, w), data.x["white"]) for w in others if not np.array_equal(w, data.w)]
    return summary([time_once(call) for call in calls]) if calls else None


def summary(times: list[float]) -> Timing:
    low, _, high = statistics.quantiles(times, n=4) if len(times) > 1 else (times * 3)
    return Timing(statistics.median(times), low, high, len(times))


# --------------------------------------------------------------------------------- one case


def our_job(case: Case, w: Array) -> Job:
    call = flipslide_call(case, w)
    return Job(call, lambda x, out: call(x, out=out))


def measure(case: Case, data: Data, rivals: list[Rival], threads: int, roofline: Roofline, seconds: float) -> Row:
    plan = flipslide_plan(case, threads)
    row = Row(case.name, case.group, threads, plan.method, case.products, roofline.seconds(case))
    drift = roofline.drift()
    jobs = _ours(case, row, plan, data) | _theirs(case, row, rivals, data, threads)
    field = [c for name, job in jobs.items() for c in contestants(case, name, job, data.x["white"])]
    for (name, figure), timing in interleave(field, seconds).items() if field else ():
        setattr(row.entries[name], figure, timing)
    if OURS in jobs:
        row.entries[OURS].first = first_calls(case, data)
    row.drift = max(drift, roofline.drift())
    best = row.best("fresh")
    if case.n_bytes > _EVICTOR.nbytes or not best or best[1] > VERY_LONG:
        return row  # never in the caches
    pair = {OURS, best[0]}
    for name, timing in cold([c for c in field if c.figure == "fresh" and c.name in pair]).items():
        row.entries[name].cold = timing
    return row


def _ours(case: Case, row: Row, plan: Any, data: Data) -> dict[str, Job]:
    predicted = _predicted(plan)
    if predicted > OURS_AT_MOST:
        row.dropped[OURS] = f"not run: the plan predicts {predicted:.0f} s"
        return {}
    job = our_job(case, data.w)
    once = predicted > OURS_ONCE
    started = time.perf_counter()
    try:
        checked = check(case, job._replace(into=None) if once else job, data)
    except WrongResult as problem:
        row.dropped[OURS] = str(problem)
        return {}
    seconds = (time.perf_counter() - started) / len(checked.results)
    row.entries[OURS] = Entry(checked.error, fresh=summary([seconds]) if once else None)
    row.bound_used = bound_used(case, plan, checked.results, data)
    return {} if once else {OURS: job}


def _predicted(plan: Any) -> float:
    """Seconds."""
    chosen = next(c for c in plan.candidates if c.method == plan.method)
    nanoseconds = getattr(chosen, "estimate", chosen).nanoseconds
    return 1e-9 * float(nanoseconds(plan.threads) if callable(nanoseconds) else nanoseconds)


def _theirs(case: Case, row: Row, rivals: list[Rival], data: Data, threads: int) -> dict[str, Job]:
    """The rivals that can do it, do it right, and are worth timing."""
    jobs: dict[str, Job] = {}
    fastest = np.inf
    for rival in rivals:
        job = rival.prepare(case, data.w, threads)
        if job is None:
            continue
        at_least = case.products * (4 if case.dtype.kind == "c" else 1) / (rival.rate * threads)
        if at_least > min(_patience(fastest), OURS_AT_MOST):
            row.dropped[rival.name] = (
                f"not run: at {rival.rate * threads:.0e} products/s it would take {at_least:.1g} s"
            )
            continue
        own = job.adapt(data.x["white"])
        seconds = min(time_once(partial(job.run, own)) for _ in range(2 if case.products < 1e8 else 1))
        if seconds > _patience(fastest):
            row.dropped[rival.name] = f"one run took {seconds / fastest:.0f} times the fastest"
            continue
        try:
            row.entries[rival.name] = Entry(check(case, job, data).error)
        except WrongResult as problem:
            row.dropped[rival.name] = str(problem)
            continue
        fastest = min(fastest, time_once(partial(job.run, own)))
        jobs[rival.name] = job
    return jobs


def _patience(fastest: float) -> float:
    """The longest run that a rival may take to be measured further."""
    return min(HOPELESS * fastest, max(VERY_LONG, SLOW * fastest))
