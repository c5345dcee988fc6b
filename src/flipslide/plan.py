"""Plan, then run: which method computes a spec, why, and what it costs.

Methods are rows of the core's registry (cpp/methods). The core asks each, cheap questions first, and takes the
cheapest (cpp/planner); printing a plan asks all, so that it shows what was weighed. Nothing here touches an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .accuracies import ACCURACIES
from .arrays import Arithmetic, Array
from .errors import ParameterError, unknown_word
from .methods import (
    IMPOSSIBLE,
    METHODS,
    SEPARATIONS,
    USUAL_THREADS,
    Estimate,
    estimate_numpy,
    load_prices,
)
from .question import question_of
from .spec import ConvSpec, Extension
from .wisdom import Choice, recall

__all__ = [
    "METHODS",
    "SEPARATIONS",
    "Candidate",
    "Plan",
    "choose",
    "forget_plans",
    "forgetters",
    "near_ties",
]

#: What the core can slide over at once (kMaxAxes in cpp/layout.hpp).
MAX_AXES = 16

#: `tune=True` times what is predicted within NEAR times the best, at most MOST_NEAR tilings of a method.
NEAR, MOST_NEAR = 1.5, 6


# ----------------------------------------------------------------------------------- asking


class Asked:
    """The core's question about a spec, as far as it has one, and the methods' answers."""

    def __init__(self, spec: ConvSpec, numbers: Arithmetic, exchanged: bool, accuracy: str) -> None:
        load_prices()
        self.spec, self.numbers, self.is_strict = spec, numbers.summed, accuracy == "strict"
        self.rounded = numbers
        self.barrier = _barrier(spec, numbers)
        self.question: Any = None if self.barrier else question_of(spec, self.numbers, exchanged)

    def refusal(self, method: str) -> str:
        if self.rounded.rounds_once and (method == "numpy" or METHODS[method].is_for_some_taps):
            return "accuracy='correct' needs the taps as they are, summed in double precision"
        if method == "numpy":
            return ""
        return self.barrier or str(self.question.refusal(method, self.is_strict))

    def estimates(self, method: str, most: int = 1) -> list[Estimate]:
        if method == "numpy":
            return [estimate_numpy(self.spec, self.numbers)]
        return [Estimate(*found) for found in self.question.estimates(method, most)]

    def weigh(self, method: str, most: int = 1) -> list[Candidate]:
        """A method with its cheapest tiles; one candidate that says why not, if it cannot be used."""
        refusal = self.refusal(method)
        estimates = [] if refusal else self.estimates(method, most)
        if not estimates:
            return [Candidate(method, refusal or "the taps are too long for its tiles", IMPOSSIBLE, math.inf)]
        return [self.candidate(method, estimate) for estimate in estimates]

    def candidate(self, method: str, estimate: Estimate) -> Candidate:
        if self.rounded.rounds_once:
            return Candidate(method, "", estimate, float(np.finfo(self.rounded.y).eps) / 2)
        # float16 results are summed in float32 and rounded once more.
        last_rounding = 2.0**-11 if self.numbers.y.name == "float16" else 0.0
        gamma = self.question.gamma(method, estimate.tile) if self.question and method != "numpy" else self._sum_gamma()
        return Candidate(method, "", estimate, gamma + last_rounding)

    def _sum_gamma(self) -> float:
        """As the core bounds its direct sums (cpp/methods/sum.hpp), for any arithmetic."""
        numbers = self.numbers
        rounding = (self.spec.n_taps + 2) * numbers.unit_roundoff * (4 if numbers.is_complex else 1)
        return math.inf if rounding >= 1 else rounding / (1 - rounding)

    def choose(self) -> tuple[Candidate, str]:
        """The cheapest method for any taps, and which taps would go axis by axis for less."""
        if self.question is not None:
            name, estimate, separates = self.question.choose(self.is_strict)
            if name is not None:
                return self.candidate(name, Estimate(*estimate)), SEPARATIONS[separates]
        if self.rounded.rounds_once:
            return self._choose_direct(), ""
        return self.weigh("numpy")[0], ""

    def _choose_direct(self) -> Candidate:
        """What is rounded once has no other way, so that a large window must find its memory."""
        if self.barrier:
            raise ParameterError(f"accuracy='correct' cannot do this: {self.barrier}; use accuracy='strict'")
        return self.candidate("direct", self.estimates("direct")[0])


def _barrier(spec: ConvSpec, numbers: Arithmetic) -> str:
    """Why no compiled method can be asked."""
    if not numbers.compiled:
        return f"no compiled arithmetic for {numbers.sum}"
    return f"more than {MAX_AXES} axes" if len(spec.axes) > MAX_AXES else ""


# ----------------------------------------------------------------------------------- plans


class Candidate(NamedTuple):
    """A method as it was weighed. `refusal` says why it cannot be used, if it cannot."""

    method: str
    refusal: str
    estimate: Estimate
    error_bound: float
    measured: float = 0.0  # nanoseconds of a run on arrays of these shapes; 0 if there was none


@dataclass(frozen=True)
class Plan:
    """What will be done, with which method, at what cost, and what else was possible.

    Call it on arrays of the planned shapes to run it: `plan(x)` when it was made with the
    taps themselves, else `plan(x, w)`.
    """

    spec: ConvSpec
    arithmetic: Arithmetic
    exchanged: bool
    threads: int
    chosen: Candidate
    accuracy: str = "default"
    times: tuple[tuple[str, float], ...] = ()  # nanoseconds of methods that were measured
    separates: str = ""  # which taps go axis by axis if their values allow: see SEPARATIONS
    extensions: tuple[Extension, ...] = ()  # what is written around x first; the spec is that of the array with it
    runs: str = field(default="", compare=False)  # the method for the taps that were given, where it is another
    run: Callable[..., Array] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<Plan: {self._verb} {self._arrays} by {self.runs or self.method}>"

    @property
    def _arrays(self) -> str:
        spec, numbers = self.spec, self.arithmetic
        return f"{spec.x_shape} {numbers.x} with {spec.w_shape} {numbers.w} -> {spec.y_shape} {numbers.result}"

    @property
    def _verb(self) -> str:
        return "convolve" if self.spec.axes and self.spec.axes[0].dilation < 0 else "correlate"

    def __call__(self, x: Any, w: Any = None, *, out: Any = None) -> Array:
        if self.run is None:
            raise ParameterError("this plan was not made to run; use fs.plan or fs.nn.plan")
        return self.run(x, w, out)

    @property
    def run_spec(self) -> ConvSpec:
        """The spec that is run: x and w exchanged where that is less work."""
        return self.spec.exchange() if self.exchanged else self.spec

    @property
    def method(self) -> str:
        return self.chosen.method

    @property
    def _asked(self) -> Asked:
        return Asked(self.run_spec, self.arithmetic, self.exchanged, self.accuracy)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every method as it is weighed; those that cannot win were not before somebody asked."""
        asked, times = self._asked, dict(self.times)
        weighed = (asked.weigh(name)[0] for name in METHODS if name != self.method)
        others = {c.method: c._replace(measured=times.get(c.method, 0.0)) for c in weighed}
        return tuple(others.get(name, self.chosen) for name in METHODS)

    @property
    def error_bound(self) -> float:
        """γ, the bound on |computed − exact| as a multiple of what `error_norm` names."""
        return self.chosen.error_bound

    @property
    def guarded(self) -> float:
        """τ: each output is within τ·Σ|w|·max|x| over its own window, as what a transform misses is summed again.

        2^-17 where sums are in single and 2^-44 where they are in double precision; 0 where nothing is guarded, as a
        direct sum bounds each output by its own terms.
        """
        if not self.tile or self.accuracy in ("normwise", "correct") or self.arithmetic.sum.kind == "i":
            return 0.0
        return 2.0**-17 if self.arithmetic.unit_roundoff > 2.0**-30 else 2.0**-44

    @property
    def error_norm(self) -> str:
        """What the error is bounded by: the terms of each output, the numbers of a tile, or the output itself."""
        if self.arithmetic.rounds_once:
            return "the exact sum itself, which is rounded once"
        return METHODS[self.method].bounded_by

    @property
    def rank(self) -> int:
        """Taps along two axes go axis by axis up to this rank; 0: only single products, each within its own roundings.

        A sum of products is bounded like a transform, so none is looked for where a direct sum is planned.
        """
        if self.separates != "products" or not self.tile or sum(axis.w > 1 for axis in self.spec.axes) != 2:
            return 0
        return int(self._asked.question.most_rank(_usual_time(self.chosen.estimate)))

    @property
    def tile(self) -> tuple[int, ...]:
        """Points of a transform along each axis; empty for direct sums."""
        return self.chosen.estimate.tile

    @property
    def most_reach(self) -> int:
        """Integers: the largest max|x|·Σ|w| of a call that is transformed; beyond, it is summed directly.

        0 where nothing is rounded to the nearest integer.
        """
        return int(self._asked.question.most_reach(self.method, self.tile)) if self.tile else 0

    def as_direct(self) -> Plan:
        """The direct sum in its place, as the call was given."""
        direct = Asked(self.spec, self.arithmetic, False, "default").weigh("direct")[0]
        return replace(self, exchanged=False, chosen=direct)

    @property
    def schedule(self) -> str:
        """How the method goes about the call, in words, for arrays that lie as they usually do."""
        question = self._asked.question
        return "" if question is None or self.method == "numpy" else str(question.describe(self.method, self.tile))

    @property
    def is_measured(self) -> bool:
        """Whether the choice was made by measuring, here or in an earlier process."""
        return self.chosen.measured > 0

    @property
    def workspace(self) -> int:
        """Scratch memory in bytes, beside the inputs and the result. What a transform's tile keeps of the samples that
        are looked at (``accuracy="default"``) comes on top: little for long taps, for short ones as much
        again or more.
        """
        return self.chosen.estimate.workspace(self.threads)

    def __str__(self) -> str:
        spec, numbers = self.spec, self.arithmetic
        products = f"{spec.n_products:,} products"
        lines = [
            f"{self._verb} {self._arrays}",
            f"{products}, {spec.n_taps:,} for each output, summed in {numbers.sum}; threads: {self.threads}",
            f"error: {self._describe_error()}",
        ]
        if self.runs:
            kind = "all the same" if self.runs == "box" else "a product along the axes, or a sum of few"
            lines.append(f"these taps are {kind}: {self.runs} runs")
        elif self.separates == "products":
            kind = f"of rank {self.rank} or less" if self.rank > 1 else "that are a product along the axes"
            lines.append(f"taps {kind} are applied axis by axis (separable, box)")
        elif self.separates == "boxes":
            lines.append("taps that are all the same are summed as they run (box)")
        for one in self.extensions:
            words = " and ".join(dict.fromkeys(one.sides[:2]))
            lines.append(f"axis {one.dim} of x is extended first, by {one.before} and {one.after} samples: {words}")
        if self.exchanged:
            lines.append("x is slid over w: the same sum with fewer products")
        if self.schedule:
            lines.append(self.schedule)
        if self.most_reach:
            lines.append("transformed in float64 and rounded to whole numbers, which is exact while")
            lines.append(f"max|x|·Σ|w| is at most {self.most_reach:,}; summed directly where it is more")
        if self.is_measured:
            lines.append("chosen by its measured time on arrays of these shapes")
        measured = f"{'measured':>12}" if self.is_measured else ""
        lines += ["", f"    {'method':<10}{'predicted':>12}{measured}{'scratch':>12}{'error':>12}"]
        lines += [self._describe(candidate) for candidate in self.candidates]
        return "\n".join(lines)

    def _describe_error(self) -> str:
        if self.error_bound == 0:
            return "none, the arithmetic is exact"
        return f"at most {self.error_bound:.2g} of {self.error_norm}"

    def _describe(self, candidate: Candidate) -> str:
        measured = _human_time(candidate.measured) if candidate.measured else "-"
        second = f"{measured:>12}" if self.is_measured else ""
        if candidate.refusal:
            return f"    {candidate.method:<10}{'-':>12}{second}{'-':>12}{'-':>12}  {candidate.refusal}"
        chosen = "  <- chosen" if not self.runs else "  <- chosen, for these taps"
        mark = chosen if candidate.method == (self.runs or self.method) else ""
        time = _human_time(candidate.estimate.nanoseconds(self.threads))
        scratch = _human_bytes(candidate.estimate.workspace(self.threads))
        return f"    {candidate.method:<10}{time:>12}{second}{scratch:>12}{candidate.error_bound:>12.2g}{mark}"


@lru_cache(maxsize=1024)
def choose(
    spec: ConvSpec, arithmetic: Arithmetic, threads: int, method: str = "auto", accuracy: str = "default"
) -> Plan:
    """The plan for a spec: the method that was measured to be fastest, else the cheapest, or the one that is named.

    The choice does not depend on `threads`: the same call gives the same bits on any number.

    accuracy="normwise" leaves a transform's outputs as they are, whatever stands beside them in their tile;
    accuracy="strict" admits only methods that bound the error of each output by its own terms; accuracy="correct"
    rounds the exact sum once, whatever the method.
    """
    if accuracy not in ACCURACIES:
        raise unknown_word("accuracy", accuracy, ACCURACIES)
    if method != "auto" and method not in METHODS:
        raise unknown_word("method", method, ("auto", *METHODS))
    exchanged = not (method in METHODS and METHODS[method].is_for_some_taps) and _is_exchange_cheaper(spec)
    arithmetic = arithmetic.exactly() if accuracy == "correct" else arithmetic
    asked = Asked(spec.exchange() if exchanged else spec, arithmetic, exchanged, accuracy)
    if method != "auto":
        return Plan(spec, arithmetic, exchanged, threads, _weigh_named(method, asked), accuracy)
    best, separates = asked.choose()
    separates = "" if exchanged or arithmetic.rounds_once else separates
    predicted = Plan(spec, arithmetic, exchanged, threads, best, accuracy, separates=separates)
    choice = recall(spec, arithmetic, accuracy)
    return predicted if choice is None else _follow(choice, predicted)


def _weigh_named(method: str, asked: Asked) -> Candidate:
    found = asked.weigh(method)[0]
    if found.refusal:
        usable = (name for name in METHODS if not asked.weigh(name)[0].refusal)
        raise ParameterError(
            f"method={method!r} cannot do this: {found.refusal}; use one of {', '.join(map(repr, usable))}"
        )
    return found


def near_ties(plan: Plan) -> list[Plan]:
    """Plans for the same call, by every method and tile predicted to take little longer than the best."""
    asked = plan._asked
    methods = [name for name in METHODS if not METHODS[name].is_for_some_taps]
    weighed = [c for name in methods for c in asked.weigh(name, MOST_NEAR)]
    usable = sorted((c for c in weighed if not c.refusal), key=lambda c: _usual_time(c.estimate))
    near = [c for c in usable if _usual_time(c.estimate) <= NEAR * _usual_time(usable[0].estimate)]
    return [replace(plan, chosen=candidate) for candidate in near]


def forget_plans() -> None:
    """Plan every call again: constants or choices are new."""
    for forget in forgetters:
        forget()


#: What forgets plans, and calls that remember theirs.
forgetters: list[Callable[[], None]] = [choose.cache_clear]


def _follow(choice: Choice, predicted: Plan) -> Plan:
    """The plan with what was measured, as long as that is among its near-ties."""
    if choice.method not in METHODS or METHODS[choice.method].is_for_some_taps:
        return predicted
    tilings = predicted._asked.weigh(choice.method, MOST_NEAR)
    found = [c for c in tilings if not c.refusal and c.estimate.tile == choice.tile]
    if not found:
        return predicted
    taken = found[0]._replace(measured=dict(choice.times).get(choice.method, 0.0))
    return replace(predicted, chosen=taken, times=choice.times)


def _usual_time(estimate: Estimate) -> float:
    return estimate.nanoseconds(USUAL_THREADS)


def _is_exchange_cheaper(spec: ConvSpec) -> bool:
    """Whether sliding x over w instead skips many products with zeros outside x.

    Not for layers: a kernel shares x among the output channels of w, and adds their bias.
    """
    if any(axis.boundary != "zero" for axis in spec.axes) or any(loop.y_dim < 0 for loop in spec.loops):
        return False
    samples, taps = math.prod(axis.x for axis in spec.axes), math.prod(axis.w for axis in spec.axes)
    return 0 < samples < taps


def _human_time(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def _human_bytes(count: int) -> str:
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
