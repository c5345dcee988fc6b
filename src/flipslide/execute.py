"""Run a plan on arrays with the compiled core, or with NumPy where the core has no such dtype."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _core, numpy_kernel
from .accuracies import read_accuracy
from .arrays import Arithmetic, Array, arithmetic_of, check_out, enter, overflow_error, overlaps
from .errors import DtypeError, ParameterError, ShapeError
from .geometry import to_int
from .plan import SEPARATIONS, Plan, choose, forget_plans, forgetters
from .question import extent_of, question_of, read_fill
from .spec import ConvSpec
from .storing import store
from .threads import MOST_THREADS, get_num_threads

__all__ = [
    "CoreCall",
    "Program",
    "bind",
    "check_cotangent",
    "check_planned",
    "count_threads",
    "instruction_sets",
    "new_result",
    "outputs_redone",
    "program_of",
    "read_threads",
    "release_memory",
    "remember",
    "run_spec",
]


class CoreCall(NamedTuple):
    """All that the core needs to do a call alone: read by cpp/bindings/calls.cpp, by position."""

    runner: Any
    y_shape: tuple[int, ...]
    y_dtype: np.dtype[Any]
    exchanged: bool
    threads: int
    bias_dtype: np.dtype[Any] | None  # of a bias that need not be looked at
    groups: int = 0  # not 0: the axis `channels` of x and y, and the first of w, are split in groups
    channels: int = 0


class Program:
    """A plan with everything prepared that does not depend on the arrays' values."""

    __slots__ = (
        "_fallback",
        "_runner",
        "plan",
        "x_dtype",
        "w_dtype",
        "x_shape",
        "w_shape",
        "y_dtype",
        "y_shape",
        "result_dtype",
    )

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        numbers = plan.arithmetic
        self.x_shape, self.w_shape, self.y_shape = plan.spec.x_shape, plan.spec.w_shape, plan.spec.y_shape
        self.x_dtype, self.w_dtype, self.y_dtype = numbers.x, numbers.w, numbers.y
        self.result_dtype = numbers.result
        self._runner = None if plan.method == "numpy" else _runner(plan)
        # For taps that are not finite, see `_other`.
        self._fallback: Program | None = None

    def __call__(self, x: Array, w: Any, bias: Array | None = None, out: Any = None, threads: int = 0) -> Array:
        """The result for x and w of the planned shapes. w may be packed taps.

        Sums that `out` cannot take as they come, as it is of another dtype or an input, are made beside it first.
        """
        if out is not None:
            check_out(out, self.y_shape, self.result_dtype)
        in_place = out is not None and out.dtype == self.y_dtype and not overlaps(out, (x, w, bias))
        y = self._sum(x, w, bias, out if in_place else new_result(self.y_shape, self.y_dtype), threads)
        if in_place or (out is None and self.result_dtype == self.y_dtype):
            return y
        stored = np.empty(self.y_shape, self.result_dtype) if out is None else out
        store(y, stored, self.plan.arithmetic.rounding, self.plan.arithmetic.overflow, threads)
        return stored

    def _sum(self, x: Array, w: Any, bias: Array | None, y: Array, threads: int) -> Array:
        """The sums, in y, which is of their type."""
        if x.dtype != self.x_dtype:
            x = x.astype(self.x_dtype)
        if isinstance(w, np.ndarray) and w.dtype != self.w_dtype:
            w = w.astype(self.w_dtype)
        numbers = self.plan.arithmetic
        if self._runner is None:
            _assign(y, _run_numpy(self.plan, x, w, bias))
            return y
        magnitude, negative = 0, False
        if bias is not None:
            magnitude, negative = extent_of(bias) if numbers.checks_bound else (0, False)
            bias = np.ascontiguousarray(bias.astype(numbers.sum, copy=False))
        first, second = (w, x) if self.plan.exchanged else (x, w)
        problem = self._runner.run(first, second, bias, y, count_threads(threads), magnitude, negative)
        if problem is None:
            return y
        if problem[0] == "bound":
            raise overflow_error(numbers, problem[1], problem[2])
        if problem[0] == "product":
            wanted = {"separable": "a product of taps along single axes", "box": "all the same"}[self.plan.method]
            raise ParameterError(
                f"method={self.plan.method!r} cannot do this: the taps are not {wanted}; use method='auto'"
            )
        if isinstance(w, _core.Taps):
            raise ParameterError(
                "packed taps must be finite where they can reach outside x; pass the taps with each call"
            )
        if self.plan.exchanged or self.plan.tile:
            return self._other()._sum(x, w, bias, y, threads)
        _assign(y, _run_numpy(self.plan, x, w, bias))
        return y

    def pack(self, w: Array, threads: int = 0) -> Any:
        """The taps as the kernel wants them, for many calls; w itself where that does not apply."""
        if self._runner is None or self.plan.exchanged or (_needs_finite_taps(self.plan) and not _is_finite(w)):
            return w.copy()
        return self._runner.pack(w.astype(self.w_dtype, copy=False), threads)

    def core_call(self, x_dtype: np.dtype[Any], w_dtype: np.dtype[Any], n_threads: int) -> CoreCall | None:
        """For arrays of dtypes that the core reads as they are; None otherwise."""
        if self._runner is None or (x_dtype, w_dtype) != (self.x_dtype, self.w_dtype):
            return None
        if self.result_dtype != self.y_dtype:
            return None
        total = self.plan.arithmetic.sum
        bias_dtype = total if total.kind in "fc" else None
        return CoreCall(self._runner, self.y_shape, self.y_dtype, self.plan.exchanged, n_threads, bias_dtype)

    def _other(self) -> Program:
        """The direct sum, as the call was given: an infinite tap would spoil a whole spectrum.

        Where x is slid over w, an infinite sample plays the part of an infinite tap.
        """
        if self._fallback is None:
            self._fallback = Program(self.plan.as_direct())
        return self._fallback


def new_result(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Memory for a result: of a result that is gone, if it is large (cpp/arena.hpp)."""
    fresh: Array = _core.new_result(shape, dtype)
    return fresh


@lru_cache(maxsize=1024)
def program_of(plan: Plan) -> Program:
    return Program(plan)


def remember(
    prepare: Callable[[Array, Array, tuple[Any, ...]], CoreCall | None], otherwise: Callable[..., Array], n_words: int
) -> Callable[..., Array]:
    """call(x, w, bias, out, *words), which the core answers alone when it was made before.

    `prepare(x, w, words)` is asked once for plain arrays of such dtypes and shapes and such words.
    `otherwise(x, w, bias, words, out)` does every other call, and those that have something to complain about.
    """
    call: Callable[..., Array] = _core.remember(prepare, otherwise, n_words)
    return call


forgetters += [program_of.cache_clear, _core.forget_calls]


def release_memory() -> int:
    """Give the memory that is kept for later calls back to the system.

    Returns the number of bytes. At most 256 MB are kept for results, 64 MB of taps that came
    more than once, with their spectra or factors, 32 MB of tables of transforms, 32 MB of noted steps of small
    calls, and the plans of the last few thousand shapes, which are made again. Memory of arrays that are in use is
    not touched.

    >>> import flipslide as fs
    >>> y = fs.convolve([0.0] * 200_000, [1.0, 2.0])
    >>> del y
    >>> fs.release_memory() > 0
    True
    >>> fs.release_memory()
    0
    """
    released = int(_core.release_memory())
    forget_plans()
    return released + int(_core.release_memory())


def outputs_redone() -> int:
    """How many outputs the last call of this thread summed again, directly.

    A transform bounds the error of each output by the samples in its own window, and sums those again that
    it could not bound so, or that are not finite; `accuracy="normwise"` leaves the former as they are.

    >>> import flipslide as fs
    >>> y = fs.convolve([0.0] * 5000 + [1.0], [1.0] * 100, method="overlap")
    >>> fs.outputs_redone() < 1000
    True
    """
    return int(_core.outputs_redone())


def instruction_sets() -> tuple[str, list[str]]:
    """The instruction set in use, and all that this build and processor can run, best first."""
    return _core.isa(), _core.isas()


def run_spec(
    spec: ConvSpec,
    x: Array,
    w: Array,
    method: str,
    threads: int | None,
    numbers: Arithmetic | None = None,
    accuracy: str = "default",
) -> Array:
    """Any spec on two arrays, in NumPy's promotion of their dtypes unless `numbers` says in which."""
    numbers = arithmetic_of(x.dtype, w.dtype) if numbers is None else numbers
    plan = choose(spec, numbers, read_threads(threads), method, read_accuracy(accuracy))
    return program_of(plan)(x, w, None, None, threads or 0)


def _same(array: Array) -> Array:
    return array


class Bound:
    """What a plan calls: its program, with taps packed now, or with the ones it is called with.

    `before`, `before_taps` and `after` turn a caller's arrays into the program's and back; an `out` is turned as x is
    unless `before_out` says otherwise. It is pickled as what it is made of, and packs its taps again.
    """

    def __init__(self, plan: Plan, taps: Array | None, threads: int, turns: tuple[Callable[[Array], Array], ...]):
        self.given = plan, taps, threads, turns
        self.program = program_of(plan)
        self.before, self.before_taps, self.after, self.before_out = turns
        self.packed = None if taps is None else self.program.pack(self.before_taps(taps), threads)

    def __reduce__(self) -> tuple[Any, ...]:
        return Bound, self.given

    def __call__(self, x: Any, w: Any, out: Any) -> Array:
        given = self.before(enter(x, "x"))
        other = self.packed if w is None else self.before_taps(enter(w, "w"))
        if other is None:
            raise ShapeError("this plan was made from shapes; call it with both arrays, plan(x, w)")
        check_planned("x", given, self.program.x_shape, self.program.x_dtype)
        check_planned("w", other, self.program.w_shape, self.program.w_dtype)
        into = None if out is None else self.before_out(out)
        return self.after(self.program(given, other, None, into, self.given[2]))

    @property
    def runs(self) -> str:
        """The method that runs, where the taps are known to be for another than the plan's; else nothing."""
        if not isinstance(self.packed, _core.Taps) or not self.packed.terms:
            return ""
        taps = self.given[1]
        if taps is None or taps.dtype.kind == "c" or not taps.size:
            return "separable"
        return "box" if bool((taps == taps.flat[0]).all()) else "separable"


def bind(
    program: Program,
    taps: Array | None,
    threads: int | None,
    before: Callable[[Array], Array] = _same,
    before_taps: Callable[[Array], Array] = _same,
    after: Callable[[Array], Array] = _same,
    before_out: Callable[[Array], Array] | None = None,
) -> Plan:
    """A plan that runs: see `Bound`."""
    turns = before, before_taps, after, before if before_out is None else before_out
    bound = Bound(program.plan, None if taps is None else taps.copy(), threads or 0, turns)
    return dataclasses.replace(program.plan, run=bound, runs=bound.runs)


def read_threads(threads: Any) -> int:
    """A call's `threads=`: the number, or this thread's setting."""
    return get_num_threads() if threads is None else min(to_int(threads, "threads", 1), MOST_THREADS)


def count_threads(threads: Any) -> int:
    """For the core: 0 stands for this thread's setting."""
    return read_threads(threads) if threads else 0


def check_cotangent(dy: Array, spec: ConvSpec) -> None:
    """dy has the shape of the result that it is the gradient of."""
    if dy.shape != spec.y_shape:
        raise ShapeError(f"dy has shape {dy.shape}, the result that it is the gradient of has shape {spec.y_shape}")


def check_planned(name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Plans are called by users, with whatever arrays they have then."""
    if isinstance(array, np.ndarray) and array.shape != shape:
        raise ShapeError(f"{name} has shape {array.shape}, the plan is for {shape}")
    if isinstance(array, np.ndarray) and not np.can_cast(array.dtype, dtype, "safe"):
        raise DtypeError(f"{name} has dtype {array.dtype}, the plan is for {dtype}")


def _runner(plan: Plan) -> Any:
    return _core.Runner(
        question=question_of(plan.run_spec, plan.arithmetic.summed, plan.exchanged),
        method=plan.method,
        tile=plan.tile,
        separates=SEPARATIONS.index(plan.separates),
        rank=plan.rank,
        needs_finite=_needs_finite_taps(plan),
        guards=plan.accuracy not in ("normwise", "correct"),
        rounds_to=plan.arithmetic.y.name if plan.arithmetic.rounds_once else "",
    )


def _needs_finite_taps(plan: Plan) -> bool:
    """Whether an infinite tap would spoil outputs that it has no part in."""
    return plan.arithmetic.sum.kind in "fc" and (plan.run_spec.has_gaps or bool(plan.tile))


def _is_finite(array: Array) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


# --------------------------------------------------------------------- the method "numpy"


def _assign(y: Array, total: Array) -> None:
    """Rounded to y's type; what is beyond its range becomes an infinity without a word, as in the compiled kernels."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        y[...] = total


def _run_numpy(plan: Plan, x: Array, w: Array, bias: Array | None) -> Array:
    """The spec as given, in NumPy's arithmetic; integers as Python integers."""
    numbers = plan.arithmetic
    spec = plan.spec._replace(fill=read_fill(plan.spec.fill, numbers))
    if numbers.sum.kind != "i":
        return numpy_kernel.apply(spec, x, w, bias, numbers.sum)
    if numbers.checks_bound:
        _check_bound(spec, numbers, x, w, bias)
    total = numpy_kernel.apply(spec, x, w, bias, np.dtype(object))
    if numbers.y.kind == "b":
        nonzero: Array = total != 0
        return nonzero
    if numbers.overflow == "saturate":
        limits = np.iinfo(numbers.y)
        clipped: Array = np.clip(total, limits.min, limits.max).astype(numbers.y)
        return clipped
    return (total & (2**64 - 1)).astype(np.uint64).astype(numbers.y)


def _check_bound(spec: ConvSpec, numbers: Arithmetic, x: Array, w: Array, bias: Array | None) -> None:
    """max|x|·Σ|w| + |bias| against the result's dtype, as cpp/convolution.cpp bounds it."""
    kept = [loop.w_dim for loop in spec.loops if loop.w_dim >= 0 and loop.y_dim >= 0]
    summed = tuple(dim for dim in range(w.ndim) if dim not in kept)
    sums = np.abs(w.astype(object)).sum(axis=summed) if w.size else np.zeros(1, dtype=object)
    extents = [extent_of(x), extent_of(np.atleast_1d(spec.fill)), extent_of(w), extent_of(bias)]
    magnitude = max(extents[0][0], extents[1][0]) * int(np.max(sums)) + extents[3][0]
    limits = np.iinfo(np.int64 if numbers.overflow == "saturate" else numbers.y)
    below_zero = limits.min == 0 and any(negative for _, negative in extents)
    if magnitude > limits.max or below_zero:
        raise overflow_error(numbers, min(magnitude, 2**64 - 1), below_zero)
