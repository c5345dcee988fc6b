"""Plan, then run: which method computes a spec, why, and what it costs.

A method is a row of `METHODS`: what it supports, its cost, its error bound, its scratch
memory. `choose` asks each, takes the cheapest and keeps the others, so that printing a plan
shows what was weighed. Nothing here touches an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .arrays import Arithmetic, Array
from .costs import costs
from .errors import ParameterError, unknown_word
from .spec import ConvSpec
from .tiles import USUAL_THREADS, Estimate, Machine, rank_tiles
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

ACCURACIES = ("default", "strict", "fast")

#: What cpp/driver.cpp can slide over at once.
MAX_AXES = 16

#: Predictions within this factor of the best are near-ties; so many tiles of one method at most.
NEAR, MOST_NEAR = 1.5, 6

#: Taps of a higher rank are not looked for; looking costs so many nanoseconds for each tap and rank.
MOST_RANK, RANK_TAP = 8, 1.0

#: What the passes of a further term cost beside those of the first: 0.55 to 0.6 were measured in float32, 0.7 to
#: 1.2 in float64, for ranks of two; more do not fit the second-level cache as well (2026-11, AVX-512, 2 cores).
TERM_SHARE = {"float32": 0.7, "float64": 0.9}

#: Rows that a stencil works on at once; what a multiply-add costs beside one with a load of its own; and
#: what storing an output and packing what it reads costs, in products; and that of a pass along one axis.
STENCIL_ROWS, LEAST_SHARE, OUTPUT_PRODUCTS, PASS_PRODUCTS = 8, 0.6, 2, 8

#: Integers that 16 bits with a sign hold; and what pairs of them cost where several input channels do not stay in
#: the first-level cache: 1.4 to 1.5 were measured in layers of 3 x 3 to 7 x 7, 1.1 in those of 1 x 1, which `gemm`
#: does better (2026-11, AVX-512, 2 cores).
NARROW, CHANNELS_SHARE = ("bool", "int8", "uint8", "int16"), 1.6


# --------------------------------------------------------------------------------- methods


class Method(NamedTuple):
    """One way to compute any spec it supports."""

    supports: Callable[[ConvSpec, Arithmetic], str]  # "" or why not
    estimates: Callable[[ConvSpec, Arithmetic], list[Estimate]]  # the cheapest first; empty: no room
    bound: ErrorBound


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


def _compiled(spec: ConvSpec, arithmetic: Arithmetic) -> str:
    if not arithmetic.compiled:
        return f"no compiled arithmetic for {arithmetic.sum}"
    if len(spec.axes) > MAX_AXES:
        return f"more than {MAX_AXES} axes"
    window = math.prod(1 + abs(axis.dilation) * (axis.w - 1) for axis in spec.axes) * arithmetic.sum.itemsize
    arrays = (math.prod(spec.x_shape) + math.prod(spec.y_shape)) * arithmetic.sum.itemsize
    allowed = max(64 << 20, 2 * arrays)
    return f"one window of x would take {_human_bytes(window)} of scratch" if window > allowed else ""


def _compiled_gemm(spec: ConvSpec, arithmetic: Arithmetic) -> str:
    if spec.loop_size("out") < 2:
        return "one output channel, nothing to share"
    return _compiled(spec, arithmetic)


def _compiled_transform(spec: ConvSpec, arithmetic: Arithmetic) -> str:
    if arithmetic.sum.kind == "f" and arithmetic.checks_bound:
        return f"transforms round, and integers are exact also in {arithmetic.y}"
    if any(abs(axis.stride) != 1 or axis.up != 1 for axis in spec.axes):
        return "strides other than 1"
    if spec.loop_size("in") > 1:
        return "several input channels"
    if spec.conj_x:
        return "x is conjugated"
    return _compiled(spec, arithmetic)


def _compiled_separable(spec: ConvSpec, arithmetic: Arithmetic) -> str:
    if arithmetic.sum.kind != "f":
        return "only for real numbers"
    if sum(axis.w > 1 for axis in spec.axes) < 2:
        return "one axis"
    return _compiled_box(spec, arithmetic)


def _compiled_box(spec: ConvSpec, arithmetic: Arithmetic) -> str:
    if arithmetic.is_complex:
        return "only for real numbers"
    if any(abs(axis.stride) != 1 or axis.up != 1 for axis in spec.axes):
        return "strides other than 1"
    if spec.loop_size("in") > 1:
        return "several input channels"
    return _compiled(spec, arithmetic)


def _separable_cost(spec: ConvSpec, arithmetic: Arithmetic) -> list[Estimate]:
    return [_passes_cost(spec, arithmetic, 1)]


def _passes_cost(spec: ConvSpec, arithmetic: Arithmetic, rank: int) -> Estimate:
    table = costs()
    # Passes for each axis; what they leave goes through the second-level cache. Terms share what they load.
    terms = 1 + TERM_SHARE[_part_name(arithmetic.sum)] * (rank - 1)
    products = spec.n_outputs * sum(terms * axis.w + PASS_PRODUCTS for axis in spec.axes)
    work = products * table["product"]["direct"][_part_name(arithmetic.sum)]
    return Estimate(float(table["call"]["direct"]), work, spec.n_outputs, rank * 3 << 20)


def _box_cost(spec: ConvSpec, arithmetic: Arithmetic) -> list[Estimate]:
    table = costs()
    across, along = table["box"][_part_name(arithmetic.sum)]
    # The longer the taps, the more numbers tiles have in common.
    passes = [across * min(axis.w, 8) / 8 for axis in spec.axes[:-1] if axis.w > 1]
    passes.append(along * (1 + spec.axes[-1].w / 512))
    return [Estimate(float(table["call"]["direct"]), spec.n_outputs * sum(passes), spec.n_outputs, 3 << 20)]


def _direct_cost(spec: ConvSpec, arithmetic: Arithmetic) -> list[Estimate]:
    if _sums_pairs(spec, arithmetic):
        return [_product_cost("direct", spec, arithmetic, _pair_share(spec), "int16")]
    return [_product_cost("direct", spec, arithmetic, _load_share(spec, arithmetic))]


def _gemm_cost(spec: ConvSpec, arithmetic: Arithmetic) -> list[Estimate]:
    return [_product_cost("gemm", spec, arithmetic, 1)]


def _product_cost(method: str, spec: ConvSpec, arithmetic: Arithmetic, share: float, kind: str = "") -> Estimate:
    table = costs()
    products = spec.n_products * share + spec.n_outputs * OUTPUT_PRODUCTS
    work = products * table["product"][method][kind or arithmetic.sum.name]
    # The taps, and per thread a window of x and a tile of y (cpp/tiles).
    taps = math.prod(spec.w_shape) * arithmetic.sum.itemsize
    return Estimate(float(table["call"][method]), work, spec.n_outputs, taps + (1 << 19))


def _sums_pairs(spec: ConvSpec, arithmetic: Arithmetic) -> bool:
    """Whether samples and taps are summed in pairs: see `can_sum_pairs` in cpp/driver.cpp.

    Channels that lie last make neighbours along an axis stand apart.
    """
    last = spec.axes[-1]
    are_neighbours = abs(last.stride) == abs(last.dilation) == 1 and last.x_dim == len(spec.x_shape) - 1
    is_narrow = arithmetic.x.name in NARROW and arithmetic.w.name in NARROW
    return is_narrow and arithmetic.sum.name == "int32" and are_neighbours


def _pair_share(spec: ConvSpec) -> float:
    """Pairs of taps for each product. Of K taps, even and odd outputs take K // 2 + 1 each."""
    pairs = (spec.axes[-1].w // 2 + 1) / max(1, spec.axes[-1].w)
    return pairs * (CHANNELS_SHARE if spec.loop_size("in") > 1 else 1)


def _load_share(spec: ConvSpec, arithmetic: Arithmetic) -> float:
    """What a product costs beside one that loads its own x: loads are shared by rows (cpp/kernels/stencil.hpp).

    R rows of outputs and Q of taps have (R + Q − 1)/(R·Q) loads for each product. Rows are those of the
    last axis but one, or the vectors of a row.
    """
    if spec.loop_size("in") > 1:
        return 1.0  # whose sums do not stay in registers
    if arithmetic.is_complex:
        return 1.0  # whose two products share a load already
    rows, vectors, last = 1.0, 1.0, spec.axes[-1]
    if len(spec.axes) > 1 and abs(spec.axes[-2].stride) == abs(spec.axes[-2].dilation) == spec.axes[-2].up == 1:
        rows = spec.axes[-2].w
    if abs(last.stride) == last.up == 1:
        vectors = last.w * abs(last.dilation) * arithmetic.sum.itemsize / costs()["vector_bytes"]
    shared = min(max(rows, vectors, 1.0), STENCIL_ROWS)
    return max(LEAST_SHARE, (STENCIL_ROWS + shared - 1) / (STENCIL_ROWS * shared))


def _array_bytes(spec: ConvSpec, arithmetic: Arithmetic) -> int:
    """Of both inputs and the result. Integers count as they are, which may be far less than as doubles."""
    is_rounded = arithmetic.sum.kind == "i"
    x, w, y = (arithmetic.x, arithmetic.w, arithmetic.y) if is_rounded else (arithmetic.sum,) * 3
    inputs = (math.prod(spec.x_shape) + math.prod(spec.w_shape)) * min(x.itemsize, w.itemsize)
    return inputs + math.prod(spec.y_shape) * y.itemsize


def _part_of(method: str, arithmetic: Arithmetic) -> str:
    """The dtype that a method computes in: of a sum, or of its parts. Integers are transformed as doubles."""
    is_rounded = arithmetic.sum.kind == "i" and method in _TRANSFORMS
    return "float64" if is_rounded else _part_name(arithmetic.sum)


@lru_cache(maxsize=64)
def _part_name(total: np.dtype[Any]) -> str:
    """The dtype of a sum, or of its parts."""
    return total.name.replace("complex128", "float64").replace("complex64", "float32")


def _transform_cost(method: str) -> Callable[[ConvSpec, Arithmetic], list[Estimate]]:
    def estimate(spec: ConvSpec, arithmetic: Arithmetic) -> list[Estimate]:
        table = costs()
        part = np.dtype(_part_of(method, arithmetic))
        machine = Machine(table["vector_bytes"] // part.itemsize, *table["transform"][part.name])
        if arithmetic.sum.kind == "i":
            machine = machine._replace(move=machine.move + table["transform"]["integers"])
        is_converted = not arithmetic.x == arithmetic.y == arithmetic.sum or arithmetic.sum.kind == "i"
        bytes_ = _array_bytes(spec, arithmetic)
        return rank_tiles(method, spec, part.itemsize, machine, arithmetic.is_complex, bytes_, is_converted)

    return estimate


def _numpy_cost(spec: ConvSpec, arithmetic: Arithmetic) -> list[Estimate]:
    table = costs()
    per_product = table["product"]["numpy"].get(arithmetic.sum.name, 60.0)
    taps = math.prod(axis.w for axis in spec.axes)
    nanoseconds = float(table["call"]["numpy"] + taps * table["numpy_tap"] + spec.n_products * per_product)
    return [Estimate(nanoseconds, 0.0, 1, 2 * spec.n_outputs * spec.loop_size("in") * arithmetic.sum.itemsize)]


#: The name of a compiled method is that of its kernel or transform in cpp.
METHODS: dict[str, Method] = {
    "direct": Method(_compiled, _direct_cost, _BY_TERMS),
    "gemm": Method(_compiled_gemm, _gemm_cost, _BY_TERMS),
    "separable": Method(_compiled_separable, _separable_cost, _BY_TERMS),
    "box": Method(_compiled_box, _box_cost, _BY_TERMS),
    "overlap": Method(_compiled_transform, _transform_cost("overlap"), _BY_TILE),
    "fft": Method(_compiled_transform, _transform_cost("fft"), _BY_TILE),
    "numpy": Method(lambda spec, arithmetic: "", _numpy_cost, _BY_TERMS),
}


#: What the core looks for in the values of the taps, in the order of its `Separate`.
SEPARATIONS = ("", "boxes", "products")
_TRANSFORMS = ("overlap", "fft")
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
    method: str
    exchanged: bool
    threads: int
    candidates: tuple[Candidate, ...]
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
    def chosen(self) -> Candidate:
        return next(c for c in self.candidates if c.method == self.method)

    @property
    def error_bound(self) -> float:
        """γ, the bound on |computed − exact| as a multiple of what `error_norm` names."""
        return self.chosen.error_bound

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
        scale, best = _scale_of("separable", self.arithmetic), _usual_time(self.chosen)

        def pays(rank: int) -> bool:
            passes = _passes_cost(self.spec, self.arithmetic, rank).scaled(scale)
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

    accuracy="strict" admits only methods that bound the error of each output by its own terms.
    """
    if accuracy not in ACCURACIES:
        raise unknown_word("accuracy", accuracy, ACCURACIES)
    if method != "auto" and method not in METHODS:
        raise unknown_word("method", method, ("auto", *METHODS))
    exchanged = method not in _BY_VALUES and _is_exchange_cheaper(spec)
    run_spec = spec.exchange() if exchanged else spec
    candidates = tuple(_weigh(name, run_spec, arithmetic, accuracy)[0] for name in METHODS)
    usable = [c for c in candidates if not c.refusal and method in ("auto", c.method)]
    if not usable:
        refused = next(c for c in candidates if c.method == method)
        raise ParameterError(
            f"method={method!r} cannot do this: {refused.refusal}; "
            f"use one of {', '.join(repr(c.method) for c in candidates if not c.refusal)}"
        )
    if method != "auto":
        return Plan(spec, arithmetic, method, exchanged, threads, candidates)
    best = min((c for c in usable if c.method not in _BY_VALUES), key=_usual_time)
    cheaper = [c.method for c in usable if c.method in _BY_VALUES and _usual_time(c) < _usual_time(best)]
    separates = "" if exchanged else _separation_of(cheaper)
    predicted = Plan(spec, arithmetic, best.method, exchanged, threads, candidates, separates)
    choice = recall(spec, arithmetic, accuracy)
    return predicted if choice is None else _follow(choice, predicted, accuracy)


def _separation_of(cheaper: list[str]) -> str:
    return "products" if "separable" in cheaper else "boxes" if "box" in cheaper else ""


def near_ties(plan: Plan, accuracy: str) -> list[Plan]:
    """Plans for the same call, by every method and tile predicted to take little longer than the best."""
    methods = [name for name in METHODS if name not in _BY_VALUES]
    weighed = [c for name in methods for c in _weigh(name, plan.run_spec, plan.arithmetic, accuracy, MOST_NEAR)]
    usable = sorted((c for c in weighed if not c.refusal), key=_usual_time)
    near = [c for c in usable if _usual_time(c) <= NEAR * _usual_time(usable[0])]
    return [_take(plan, candidate) for candidate in near]


def forget_plans() -> None:
    """Plan every call again: constants or choices are new."""
    for forget in forgetters:
        forget()


#: What forgets plans, and calls that remember theirs.
forgetters: list[Callable[[], None]] = [choose.cache_clear]


def _follow(choice: Choice, predicted: Plan, accuracy: str) -> Plan:
    """The plan with what was measured, as long as that is among its near-ties."""
    if choice.method not in METHODS or choice.method in _BY_VALUES:
        return predicted
    tilings = _weigh(choice.method, predicted.run_spec, predicted.arithmetic, accuracy, MOST_NEAR)
    found = [c for c in tilings if not c.refusal and c.estimate.tile == choice.tile]
    if not found:
        return predicted
    times = dict(choice.times)
    timed = tuple(c._replace(measured=times.get(c.method, 0.0)) for c in predicted.candidates)
    taken = found[0]._replace(measured=times.get(choice.method, 0.0))
    return _take(replace(predicted, candidates=timed), taken)


def _take(plan: Plan, candidate: Candidate) -> Plan:
    """The plan, with this candidate in the place of its method's and chosen."""
    candidates = tuple(candidate if c.method == candidate.method else c for c in plan.candidates)
    return replace(plan, method=candidate.method, candidates=candidates)


def _usual_time(candidate: Candidate) -> float:
    return candidate.estimate.nanoseconds(USUAL_THREADS)


def _weigh(name: str, spec: ConvSpec, arithmetic: Arithmetic, accuracy: str, most: int = 1) -> list[Candidate]:
    """A method with its cheapest tiles; one candidate that says why not, if it cannot be used."""
    method = METHODS[name]
    refusal = method.supports(spec, arithmetic)
    is_exact = arithmetic.unit_roundoff == 0
    if not refusal and accuracy == "strict" and not (method.bound.is_strict or is_exact):
        refusal = "its error is not bounded output by output"
    estimates = [] if refusal else method.estimates(spec, arithmetic)
    if not estimates:
        return [
            Candidate(name, refusal or "the taps are too long for its tiles", Estimate(math.inf, 0, 1, 0), math.inf)
        ]
    scale = _scale_of(name, arithmetic)
    # float16 results are summed in float32 and rounded once more.
    last_rounding = 2.0**-11 if arithmetic.y.name == "float16" else 0.0
    return [
        Candidate(name, "", e.scaled(scale), method.bound.gamma(spec, arithmetic, e.tile) + last_rounding)
        for e in estimates[:most]
    ]


def _scale_of(name: str, arithmetic: Arithmetic) -> float:
    """How much longer this machine takes than the constants say."""
    return float(costs()["scale"].get(name, {}).get(_part_of(name, arithmetic), 1.0))


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
