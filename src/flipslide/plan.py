"""Plan, then run: which method computes a spec, why, and what it costs.

A method is a row of `METHODS`: what it supports, its cost, its error bound, its scratch
memory. `choose` asks each, takes the cheapest and keeps the others, so that printing a plan
shows what was weighed. Nothing here touches an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from .arrays import Arithmetic, Array
from .costs import costs
from .errors import ParameterError, unknown_word
from .spec import ConvSpec

__all__ = ["ACCURACIES", "METHODS", "Candidate", "Plan", "choose"]

ACCURACIES = ("default", "strict", "fast")

#: What cpp/driver.cpp can slide over at once.
MAX_AXES = 16


# --------------------------------------------------------------------------------- methods


class Method(NamedTuple):
    """One way to compute any spec it supports."""

    supports: Callable[[ConvSpec, Arithmetic], str]  # "" or why not
    nanoseconds: Callable[[ConvSpec, Arithmetic, int], float]
    workspace: Callable[[ConvSpec, Arithmetic, int], int]


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
    if spec.loop_size("out") < 2 and not arithmetic.is_complex:
        return "one output channel, nothing to share"
    return _compiled(spec, arithmetic)


def _product_cost(method: str) -> Callable[[ConvSpec, Arithmetic, int], float]:
    def nanoseconds(spec: ConvSpec, arithmetic: Arithmetic, threads: int) -> float:
        table = costs()
        part = arithmetic.sum.name.replace("complex128", "float64").replace("complex64", "float32")
        products = spec.n_products * (4 if arithmetic.is_complex else 1)
        work = products * table["product"][method][part]
        shared: float = work / threads if work > 30_000 else work
        return float(table["call"][method]) + shared

    return nanoseconds


def _tile_bytes(spec: ConvSpec, arithmetic: Arithmetic, threads: int) -> int:
    """The taps once, and per thread a window of x and a tile of y (cpp/driver.cpp)."""
    taps = math.prod(spec.w_shape) * arithmetic.sum.itemsize
    return taps + threads * (1 << 19)


def _numpy_cost(spec: ConvSpec, arithmetic: Arithmetic, threads: int) -> float:
    table = costs()
    per_product = table["product"]["numpy"].get(arithmetic.sum.name, 60.0)
    taps = math.prod(axis.w for axis in spec.axes)
    return float(table["call"]["numpy"] + taps * table["numpy_tap"] + spec.n_products * per_product)


def _numpy_bytes(spec: ConvSpec, arithmetic: Arithmetic, threads: int) -> int:
    return 2 * spec.n_outputs * spec.loop_size("in") * arithmetic.sum.itemsize


#: The name of a compiled method is that of its file in cpp/kernels.
METHODS: dict[str, Method] = {
    "direct": Method(_compiled, _product_cost("direct"), _tile_bytes),
    "gemm": Method(_compiled_gemm, _product_cost("gemm"), _tile_bytes),
    "numpy": Method(lambda spec, arithmetic: "", _numpy_cost, _numpy_bytes),
}


# ----------------------------------------------------------------------------------- plans


class Candidate(NamedTuple):
    """A method as it was weighed. `refusal` says why it cannot be used, if it cannot."""

    method: str
    nanoseconds: float
    workspace: int
    refusal: str


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
    def error_bound(self) -> float:
        """γ, the bound on |computed − exact| as a multiple of Σ|w|·|x|, for each output.

        Any order of n products and sums, each rounded once or twice, stays within
        γ = n·u/(1 − n·u), with u the unit roundoff (Higham 2002, section 3.1). A complex
        product counts four roundings.
        """
        n, u = self.spec.n_taps + 2, self.arithmetic.unit_roundoff
        rounding = n * u * (4 if self.arithmetic.is_complex else 1)
        own = self._result_roundoff()
        return (math.inf if rounding >= 1 else rounding / (1 - rounding)) + own

    def _result_roundoff(self) -> float:
        """float16 results are summed in float32 and rounded once more."""
        return 2.0**-11 if self.arithmetic.y.name == "float16" else 0.0

    @property
    def workspace(self) -> int:
        """Scratch memory in bytes, beside the inputs and the result."""
        return next(c.workspace for c in self.candidates if c.method == self.method)

    def __str__(self) -> str:
        spec, numbers = self.spec, self.arithmetic
        verb = "convolve" if spec.axes[0].dilation < 0 else "correlate"
        products = f"{spec.n_products:,} products"
        lines = [
            f"{verb} {spec.x_shape} {numbers.x} with {spec.w_shape} {numbers.w} -> {spec.y_shape} {numbers.y}",
            f"{products}, {spec.n_taps:,} for each output, summed in {numbers.sum}; threads: {self.threads}",
            f"error: {self._describe_error()}",
        ]
        if self.exchanged:
            lines.append("x is slid over w: the same sum with fewer products")
        lines += ["", f"    {'method':<10}{'predicted':>12}{'scratch':>12}"]
        lines += [self._describe(candidate) for candidate in self.candidates]
        return "\n".join(lines)

    def _describe_error(self) -> str:
        if self.error_bound == 0:
            return "none, the arithmetic is exact"
        return f"at most {self.error_bound:.2g} of the sum of |w|·|x|, for each output"

    def _describe(self, candidate: Candidate) -> str:
        if candidate.refusal:
            return f"    {candidate.method:<10}{'-':>12}{'-':>12}  {candidate.refusal}"
        mark = "  <- chosen" if candidate.method == self.method else ""
        time, scratch = _human_time(candidate.nanoseconds), _human_bytes(candidate.workspace)
        return f"    {candidate.method:<10}{time:>12}{scratch:>12}{mark}"


@lru_cache(maxsize=1024)
def choose(
    spec: ConvSpec, arithmetic: Arithmetic, threads: int, method: str = "auto", accuracy: str = "default"
) -> Plan:
    """The plan for a spec: the cheapest method, or the one that is named.

    Every method here is a direct sum, within the strictest error bound, so `accuracy`
    rules none of them out.
    """
    if accuracy not in ACCURACIES:
        raise unknown_word("accuracy", accuracy, ACCURACIES)
    if method != "auto" and method not in METHODS:
        raise unknown_word("method", method, ("auto", *METHODS))
    exchanged = _is_exchange_cheaper(spec)
    run_spec = spec.exchange() if exchanged else spec
    candidates = tuple(_weigh(name, run_spec, arithmetic, threads) for name in METHODS)
    usable = [c for c in candidates if not c.refusal and method in ("auto", c.method)]
    if not usable:
        refused = next(c for c in candidates if c.method == method)
        raise ParameterError(
            f"method={method!r} cannot do this: {refused.refusal}; "
            f"use one of {', '.join(repr(c.method) for c in candidates if not c.refusal)}"
        )
    best = min(usable, key=lambda candidate: candidate.nanoseconds)
    return Plan(spec, arithmetic, best.method, exchanged, threads, candidates)


def _weigh(name: str, spec: ConvSpec, arithmetic: Arithmetic, threads: int) -> Candidate:
    method = METHODS[name]
    refusal = method.supports(spec, arithmetic)
    if refusal:
        return Candidate(name, math.inf, 0, refusal)
    nanoseconds = method.nanoseconds(spec, arithmetic, threads)
    return Candidate(name, nanoseconds, method.workspace(spec, arithmetic, threads), "")


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
