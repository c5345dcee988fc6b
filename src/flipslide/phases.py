"""Sums over samples with zeros between them, as sums without: transposed layers and gradients of strided ones.

Outputs m = period·q + s of an axis whose samples stand `up` apart meet samples at every step-th tap only
(`spec.Axis.phases`), so that each phase s is an ordinary layer on some of the taps. Neighbouring phases that have as
many taps and the same first sample differ in their taps alone: they are output channels of one layer.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .arrays import Arithmetic, Array, check_out, overlaps
from .execute import Program, new_result, program_of
from .plan import choose, forgetters
from .spec import Axis, ConvSpec, Loop, loop_kind

__all__ = ["Phases", "layer_program"]

#: Below so many products a call takes less time than finding its phases.
_FEWEST_PRODUCTS = 200_000


class Run(NamedTuple):
    """Neighbouring phases of an axis, which differ in their first tap alone."""

    one: Axis | None  # none: no sample meets a tap, and the sums are 0
    first_tap: int
    tap_step: int
    first_output: int
    output_step: int
    width: int = 1
    turn: int = 0  # how far the first tap moves from phase to phase

    @classmethod
    def of(cls, one: Axis | None, taps: slice, outputs: slice) -> Self:
        return cls(one, taps.start or 0, taps.step or 1, outputs.start, outputs.step)

    def taken_on(self, other: Run) -> Run | None:
        """Both as one, where `other` follows."""
        turn = other.first_tap - (self.first_tap + self.turn * (self.width - 1))
        if self.one is None or self.one != other.one or abs(turn) != 1 or (self.width > 1 and turn != self.turn):
            return None
        return self._replace(width=self.width + 1, turn=turn)


def runs_of(axis: Axis) -> list[Run]:
    """The phases of an axis, neighbours together."""
    runs: list[Run] = []
    for phase in axis.phases():
        run = Run.of(*phase)
        longer = runs[-1].taken_on(run) if runs else None
        runs[-1:] = [longer] if longer else [*runs[-1:], run]
    return runs


class Part(NamedTuple):
    """A layer of its own, and where its taps and outputs lie: a run for each axis."""

    program: Program
    runs: tuple[Run, ...]

    def taps(self, w: Array) -> Array:
        steps = [(axis.w_dim, run.first_tap, axis.w, run.tap_step, run.width, run.turn) for axis, run in self._axes()]
        return _view(w, steps)

    def outputs(self, y: Array) -> Array:
        steps = [(axis.y_dim, run.first_output, axis.y, run.output_step, run.width, 1) for axis, run in self._axes()]
        return _view(y, steps)

    def _axes(self) -> list[tuple[Axis, Run]]:
        return [(run.one, run) for run in self.runs if run.one is not None]


def _view(array: Array, steps: list[tuple[int, int, int, int, int, int]]) -> Array:
    """Every step-th element of some dimensions; a last dimension for each that has neighbours."""
    index: list[slice] = [slice(None)] * array.ndim
    shape, strides = list(array.shape), list(array.strides)
    for dim, first, n, step, count, turn in steps:
        index[dim] = slice(first, None)
        shape[dim], strides[dim] = n, array.strides[dim] * step
        if count > 1:
            shape.append(count)
            strides.append(array.strides[dim] * turn)
    view: Array = as_strided(array[tuple(index)], shape, strides)
    return view


def _spec_of(spec: ConvSpec, runs: tuple[Run, ...]) -> ConvSpec:
    """The layer of some runs: neighbouring phases are output channels, in dimensions behind those of w and y."""
    axes = tuple(run.one for run in runs if run.one is not None)
    wide = [run.width for run in runs if run.width > 1]
    loops = tuple(Loop(count, -1, spec.w_ndim + i, spec.y_ndim + i) for i, count in enumerate(wide))
    return spec._replace(
        axes=axes, loops=spec.loops + loops, w_ndim=spec.w_ndim + len(wide), y_ndim=spec.y_ndim + len(wide)
    )


class Phases:
    """What `execute.Program` is, of a sum with zeros between its samples."""

    def __init__(self, spec: ConvSpec, numbers: Arithmetic, threads: int, accuracy: str) -> None:
        self.spec = spec
        self.x_shape, self.w_shape, self.y_shape = spec.x_shape, spec.w_shape, spec.y_shape
        self.y_dtype, self.result_dtype = numbers.y, numbers.result
        chosen = list(itertools.product(*(runs_of(axis) for axis in spec.axes)))
        made = [runs for runs in chosen if all(run.one is not None for run in runs)]
        self.parts = tuple(
            Part(program_of(choose(_spec_of(spec, runs), numbers, threads, "auto", accuracy)), runs) for runs in made
        )
        self.has_gaps = len(made) < len(chosen)

    def __call__(self, x: Array, w: Array, bias: Array | None = None, out: Any = None, threads: int = 0) -> Array:
        if out is not None:
            check_out(out, self.y_shape, self.result_dtype)
        y: Array = new_result(self.y_shape, self.result_dtype) if out is None or overlaps(out, (x, w, bias)) else out
        if self.has_gaps:
            y[...] = 0 if bias is None else self._along_channels(bias)
        for part in self.parts:
            taps, outputs = part.taps(w), part.outputs(y)
            part.program(x, taps, _repeated(bias, part.runs), outputs, threads)
        if out is None or out is y:
            return y
        out[...] = y
        return np.asarray(out)

    def _along_channels(self, bias: Array) -> Array:
        """The bias as y has its channels."""
        shape = [1] * self.spec.y_ndim
        for loop in self.spec.loops:
            if loop_kind(loop) in ("group", "out"):
                shape[loop.y_dim] = loop.size
        return bias.reshape(shape)


def _repeated(bias: Array | None, runs: tuple[Run, ...]) -> Array | None:
    if bias is None:
        return None
    repeated: Array = np.repeat(bias, np.prod([run.width for run in runs]))
    return repeated


@lru_cache(maxsize=1024)
def layer_program(spec: ConvSpec, numbers: Arithmetic, threads: int, method: str, accuracy: str) -> Program | Phases:
    """What computes a layer, by phases where that saves products and takes longer than finding them."""
    has_zeros = any(axis.up > 1 for axis in spec.axes)
    if has_zeros and method == "auto" and numbers.sum.kind in "fc" and spec.n_products >= _FEWEST_PRODUCTS:
        return Phases(spec, numbers, threads, accuracy)
    return program_of(choose(spec, numbers, threads, method, accuracy))


forgetters.append(layer_program.cache_clear)
