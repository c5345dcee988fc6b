"""Plan, then run: which method computes a spec, why, and what it costs.

A method is a row of `METHODS`: what it supports, its cost, its error bound, its scratch
memory. `choose` asks each, takes the cheapest and keeps the others, so that printing a plan
shows what was weighed. Nothing here touches an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

from .arrays import Arithmetic, Array
from .costs import costs
from .errors import ParameterError, unknown_word
from .estimate import IMPOSSIBLE, USUAL_THREADS, Constants, Estimate, Problem, direct_sum_of, part_of, sum_of
from .spec import ConvSpec
from .sums import estimate_box, estimate_direct, estimate_gemm, estimate_numpy, estimate_separable
from .tiles import least_time, rank_tiles
from .wisdom import Choice, recall

__all__ = [
    "ACCURACIES",
    "METHODS",
    "SEPARATIONS",
    "Candidate",
    "Plan",
    "choose",
    "forget_plans",
    "forgetters",
    "near_ties",
]

ACCURACIES = ("default", "normwise", "strict", "fast")

#: What cpp/convolution.cpp can slide over at once.
MAX_AXES = 16

#: Predictions within this factor of the best are near-ties; so many tiles of one method at most.
NEAR, MOST_NEAR = 1.5, 6

#: A window of x that is never too large, in bytes.
MOST_WINDOW = 64 << 20

#: Taps of a higher rank are not looked for; looking costs so many nanoseconds for each tap and rank.
MOST_RANK, RANK_TAP = 8, 1.0


# --------------------------------------------------------------------------------- methods


class Method(NamedTuple):
    """One way to compute any spec it supports."""

    supports: Callable[[Problem], str]  # "" or why not
    estimates: Callable[[Problem, Constants, int], list[Estimate]]  # at most so many, the cheapest first
    constants_of: Callable[[Problem], str]  # which row of costs.json
    bound: ErrorBound
    least: Callable[[Problem, Constants], float] = lambda problem, k: k["call"]  # nanoseconds, quickly told


class ErrorBound(NamedTuple):
    """|computed − exact| is at most `gamma` times `of`."""

    gamma: Callable[[ConvSpec, Arithmetic, tuple[int, ...]], float]
    of: str
    is_strict: bool  # a bound of each output by its own terms


def _sum_gamma(spec: ConvSpec, arithmetic: Arithmetic, tile: tuple[int, ...]) -> float:
    """Any order of n products and sums, each rounded once or twice, stays within n·u/(1 − n·u).

    u is the unit roundoff (Higham 2002, section 3.1). A complex product counts four roundings.
    """
    rounding = (spec.n_taps + 2) * arithmetic.unit_roundoff * (4 if arithmetic.is_complex else 1)
    return math.inf if rounding >= 1 else rounding / (1 - rounding)


def _transform_gamma(spec: ConvSpec, arithmetic: Arithmetic, tile: tuple[int, ...]) -> float:
    """Three transforms of log2(n) levels, of at most 7 roundings each (Higham 2002, section 24.1).

    A real tile is transformed as half as many complex numbers: the level that this saves pays for
    their turn by the angle e^(πi·k/n).
    """
    levels = sum(math.log2(n) for n in tile)
    return (21 * levels + 8) * arithmetic.unit_roundoff


def _most_reach(tile: tuple[int, ...]) -> int:
    """Up to which max|x|·Σ|w| the integer nearest to each transformed sum is the sum itself.

    The norm of a tile of n samples is at most √n·max|x|, so γ·√n·max|x|·Σ|w| bounds the error; a half
    would do, a quarter leaves room for what γ neglects. No sum is beyond 2^48 then, and none is cut.
    """
    gamma = (21 * sum(math.log2(n) for n in tile) + 8) * 2.0**-53
    return int(0.25 / (gamma * math.sqrt(math.prod(tile))))


_BY_TERMS = ErrorBound(_sum_gamma, "the sum of |w|·|x|, for each output", True)
_BY_TILE = ErrorBound(_transform_gamma, "Σ|w| times the norm √Σ|x|² of the tile", False)


def _compiled(problem: Problem) -> str:
    spec, numbers = problem.spec, problem.arithmetic
    if not numbers.compiled:
        return f"no compiled arithmetic for {numbers.sum}"
    if len(spec.axes) > MAX_AXES:
        return f"more than {MAX_AXES} axes"
    window = math.prod(1 + abs(axis.dilation) * (axis.w - 1) for axis in spec.axes) * numbers.sum.itemsize
    if window <= MOST_WINDOW:
        return ""
    arrays = (math.prod(spec.x_shape) + problem.outputs) * numbers.sum.itemsize
    return f"one window of x would take {_human_bytes(window)} of scratch" if window > 2 * arrays else ""


def _compiled_gemm(problem: Problem) -> str:
    return "one output channel, nothing to share" if problem.out < 2 else _compiled(problem)


def _compiled_transform(problem: Problem) -> str:
    numbers = problem.arithmetic
    if numbers.sum.kind == "f" and numbers.checks_bound:
        return f"transforms round, and integers are exact also in {numbers.y}"
    if problem.spec.conj_x:
        return "x is conjugated"
    return _compiled_lattice(problem)


def _compiled_separable(problem: Problem) -> str:
    if problem.arithmetic.sum.kind != "f":
        return "only for real numbers"
    if sum(axis.w > 1 for axis in problem.spec.axes) < 2:
        return "one axis"
    return _compiled_lattice(problem)


def _compiled_box(problem: Problem) -> str:
    return "only for real numbers" if problem.arithmetic.is_complex else _compiled_lattice(problem)


def _compiled_lattice(problem: Problem) -> str:
    if not problem.has_lattice:
        return "strides other than 1"
    return "several input channels" if problem.into > 1 else _compiled(problem)


def _single(estimate: Callable[[Problem, Constants], Estimate]) -> Callable[[Problem, Constants, int], list[Estimate]]:
    return lambda problem, k, most: [estimate(problem, k)]


def _transform_part(problem: Problem) -> str:
    """Integers are transformed as doubles."""
    return "float64" if problem.arithmetic.sum.kind == "i" else part_of(problem)


#: The name of a compiled method is that of its kernel or transform in cpp.
METHODS: dict[str, Method] = {
    "direct": Method(_compiled, _single(estimate_direct), direct_sum_of, _BY_TERMS),
    "gemm": Method(_compiled_gemm, _single(estimate_gemm), sum_of, _BY_TERMS),
    "separable": Method(_compiled_separable, _single(estimate_separable), part_of, _BY_TERMS),
    "box": Method(_compiled_box, _single(estimate_box), part_of, _BY_TERMS),
    "overlap": Method(_compiled_transform, partial(rank_tiles, "overlap"), _transform_part, _BY_TILE, least_time),
    "fft": Method(_compiled_transform, partial(rank_tiles, "fft"), _transform_part, _BY_TILE, least_time),
    "numpy": Method(lambda problem: "", _single(estimate_numpy), lambda problem: "any", _BY_TERMS),
}

#: What the core looks for in the values of the taps, in the order of its `Separate`.
SEPARATIONS = ("", "boxes", "products")
_SUMS, _TRANSFORMS = ("direct", "gemm"), ("overlap", "fft")
#: Methods for some values of the taps; whether these are such shows when they are there.
_BY_VALUES = ("separable", "box")


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
    run: Callable[..., Array] | None = field(default=None, compare=False, repr=False)

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
    def candidates(self) -> tuple[Candidate, ...]:
        """Every method as it is weighed; those that cannot win were not before somebody asked."""
        problem, times = Problem.of(self.run_spec, self.arithmetic), dict(self.times)
        weighed = (_weigh(name, problem, self.accuracy)[0] for name in METHODS if name != self.method)
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
        if not self.tile or self.accuracy == "normwise" or self.arithmetic.sum.kind == "i":
            return 0.0
        return 2.0**-17 if self.arithmetic.unit_roundoff > 2.0**-30 else 2.0**-44

    @property
    def error_norm(self) -> str:
        """What the error is bounded by: the terms of each output, or the numbers of a tile."""
        return METHODS[self.method].bound.of

    @property
    def rank(self) -> int:
        """Taps along two axes go axis by axis up to this rank; 0: only single products, each within its own roundings.

        A sum of products is bounded like a transform, so none is looked for where a direct sum is planned.
        """
        taps = [axis.w for axis in self.spec.axes if axis.w > 1]
        if self.separates != "products" or not self.tile or len(taps) != 2:
            return 0
        problem, best = Problem.of(self.spec, self.arithmetic), _usual_time(self.chosen.estimate)
        scale, k = _scale_of("separable", problem), _constants_of("separable", problem)

        def pays(rank: int) -> bool:
            passes = estimate_separable(problem, k, rank).scaled(scale)
            return passes.nanoseconds(USUAL_THREADS) + RANK_TAP * rank * math.prod(taps) < best

        return max(filter(pays, range(1, MOST_RANK + 1)), default=0)

    @property
    def tile(self) -> tuple[int, ...]:
        """Points of a transform along each axis; empty for direct sums."""
        return self.chosen.estimate.tile

    @property
    def most_reach(self) -> int:
        """Integers: the largest max|x|·Σ|w| of a call that is transformed; beyond, it is summed directly.

        0 where nothing is rounded to the nearest integer.
        """
        return _most_reach(self.tile) if self.tile and self.arithmetic.sum.kind == "i" else 0

    def as_direct(self) -> Plan:
        """The direct sum in its place, as the call was given."""
        direct = _weigh("direct", Problem.of(self.spec, self.arithmetic), "default")[0]
        return replace(self, exchanged=False, chosen=direct)

    @property
    def is_measured(self) -> bool:
        """Whether the choice was made by measuring, here or in an earlier process."""
        return self.chosen.measured > 0

    @property
    def workspace(self) -> int:
        """Scratch memory in bytes, beside the inputs and the result."""
        return self.chosen.estimate.workspace(self.threads)

    def __str__(self) -> str:
        spec, numbers = self.spec, self.arithmetic
        verb = "convolve" if spec.axes[0].dilation < 0 else "correlate"
        products = f"{spec.n_products:,} products"
        lines = [
            f"{verb} {spec.x_shape} {numbers.x} with {spec.w_shape} {numbers.w} -> {spec.y_shape} {numbers.y}",
            f"{products}, {spec.n_taps:,} for each output, summed in {numbers.sum}; threads: {self.threads}",
            f"error: {self._describe_error()}",
        ]
        if self.separates == "products":
            kind = f"of rank {self.rank} or less" if self.rank > 1 else "that are a product along the axes"
            lines.append(f"taps {kind} are applied axis by axis (separable, box)")
        if self.separates == "boxes":
            lines.append("taps that are all the same are summed as they run (box)")
        if self.exchanged:
            lines.append("x is slid over w: the same sum with fewer products")
        if self.guarded:
            lines.append(
                f"guarded: outputs beyond {self.guarded:.1g} of Σ|w|·max|x| over their own window are summed again"
            )
        if self.tile:
            lines.append(f"tiles of {' by '.join(map(str, self.tile))} points")
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
        mark = "  <- chosen" if candidate.method == self.method else ""
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
    accuracy="strict" admits only methods that bound the error of each output by its own terms.
    """
    if accuracy not in ACCURACIES:
        raise unknown_word("accuracy", accuracy, ACCURACIES)
    if method != "auto" and method not in METHODS:
        raise unknown_word("method", method, ("auto", *METHODS))
    exchanged = method not in _BY_VALUES and _is_exchange_cheaper(spec)
    problem = Problem.of(spec.exchange() if exchanged else spec, arithmetic)
    if method != "auto":
        return Plan(spec, arithmetic, exchanged, threads, _weigh_named(method, problem, accuracy), accuracy)
    name, estimate = _find_best(problem, accuracy)
    separates = "" if exchanged else _separation_of(_find_cheaper(problem, accuracy, _usual_time(estimate)))
    best = _candidate(name, problem, estimate)
    predicted = Plan(spec, arithmetic, exchanged, threads, best, accuracy, separates=separates)
    choice = recall(spec, arithmetic, accuracy)
    return predicted if choice is None else _follow(choice, predicted)


def _weigh_named(method: str, problem: Problem, accuracy: str) -> Candidate:
    found = _weigh(method, problem, accuracy)[0]
    if found.refusal:
        usable = (name for name in METHODS if not _weigh(name, problem, accuracy)[0].refusal)
        raise ParameterError(
            f"method={method!r} cannot do this: {found.refusal}; use one of {', '.join(map(repr, usable))}"
        )
    return found


def _find_best(problem: Problem, accuracy: str) -> tuple[str, Estimate]:
    """Of the methods that work for all taps. Looking for tiles is what takes long, so that comes last."""
    best, found = "numpy", IMPOSSIBLE
    for name in (*_SUMS, *_TRANSFORMS):
        estimate = _estimate(name, problem, accuracy, _usual_time(found))
        if _usual_time(estimate) < _usual_time(found):
            best, found = name, estimate
    return best, _estimate(best, problem, accuracy) if found is IMPOSSIBLE else found


def _find_cheaper(problem: Problem, accuracy: str, time: float) -> list[str]:
    """Methods for some values of the taps that would cost less than the best for all."""
    return [name for name in _BY_VALUES if _usual_time(_estimate(name, problem, accuracy, time)) < time]


def _separation_of(cheaper: list[str]) -> str:
    return "products" if "separable" in cheaper else "boxes" if "box" in cheaper else ""


def near_ties(plan: Plan) -> list[Plan]:
    """Plans for the same call, by every method and tile predicted to take little longer than the best."""
    problem = Problem.of(plan.run_spec, plan.arithmetic)
    methods = [name for name in METHODS if name not in _BY_VALUES]
    weighed = [c for name in methods for c in _weigh(name, problem, plan.accuracy, MOST_NEAR)]
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
    if choice.method not in METHODS or choice.method in _BY_VALUES:
        return predicted
    problem = Problem.of(predicted.run_spec, predicted.arithmetic)
    tilings = _weigh(choice.method, problem, predicted.accuracy, MOST_NEAR)
    found = [c for c in tilings if not c.refusal and c.estimate.tile == choice.tile]
    if not found:
        return predicted
    taken = found[0]._replace(measured=dict(choice.times).get(choice.method, 0.0))
    return replace(predicted, chosen=taken, times=choice.times)


def _usual_time(estimate: Estimate) -> float:
    return estimate.nanoseconds(USUAL_THREADS)


def _weigh(name: str, problem: Problem, accuracy: str, most: int = 1) -> list[Candidate]:
    """A method with its cheapest tiles; one candidate that says why not, if it cannot be used."""
    refusal = _refusal(name, problem, accuracy)
    estimates = [] if refusal else _estimates(name, problem, most)
    if not estimates:
        return [Candidate(name, refusal or "the taps are too long for its tiles", IMPOSSIBLE, math.inf)]
    return [_candidate(name, problem, estimate) for estimate in estimates]


def _candidate(name: str, problem: Problem, estimate: Estimate) -> Candidate:
    arithmetic = problem.arithmetic
    # float16 results are summed in float32 and rounded once more.
    last_rounding = 2.0**-11 if arithmetic.y.name == "float16" else 0.0
    bound = METHODS[name].bound.gamma(problem.spec, arithmetic, estimate.tile)
    return Candidate(name, "", estimate, bound + last_rounding)


def _estimate(name: str, problem: Problem, accuracy: str, limit: float = math.inf) -> Estimate:
    """The cheapest, without the rest of a candidate; IMPOSSIBLE as well if it cannot be below the limit."""
    if _refusal(name, problem, accuracy):
        return IMPOSSIBLE
    k, allowed = _constants_of(name, problem), limit / _scale_of(name, problem)
    if k["call"] >= allowed or METHODS[name].least(problem, k) >= allowed:
        return IMPOSSIBLE
    estimates = _estimates(name, problem, 1)
    return estimates[0] if estimates else IMPOSSIBLE


def _refusal(name: str, problem: Problem, accuracy: str) -> str:
    method = METHODS[name]
    refusal = method.supports(problem)
    if refusal or accuracy != "strict" or method.bound.is_strict or problem.arithmetic.unit_roundoff == 0:
        return refusal
    return "its error is not bounded output by output"


def _estimates(name: str, problem: Problem, most: int) -> list[Estimate]:
    scale = _scale_of(name, problem)
    k = _constants_of(name, problem)
    return [estimate.scaled(scale) for estimate in METHODS[name].estimates(problem, k, most)]


def _constants_of(name: str, problem: Problem) -> Constants:
    """The row of costs.json, which has none for what no kernel sums."""
    rows: dict[str, Constants] = costs()[name]
    return rows[METHODS[name].constants_of(problem)]


def _scale_of(name: str, problem: Problem) -> float:
    """How much longer this machine takes than the constants say."""
    factors = costs()["scale"].get(name)
    return float(factors.get(METHODS[name].constants_of(problem), 1.0)) if factors else 1.0


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
