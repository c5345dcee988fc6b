"""What a cost formula is asked and what it answers.

A formula is linear in its constants: nanoseconds times how often each step happens. That is how
benchmarks/calibrate.py can fit the constants of any formula to measured times, without knowing it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .arrays import Arithmetic, arithmetic_of
from .spec import ConvSpec, loop_kind

__all__ = [
    "CACHE_BYTES",
    "IMPOSSIBLE",
    "SUMS",
    "USUAL_THREADS",
    "Constants",
    "Estimate",
    "Problem",
    "example_of",
    "direct_sum_of",
    "part_of",
    "sum_of",
]

#: Choices are made for this many threads, whatever number a call has.
USUAL_THREADS = 2

#: Fewer products of real numbers run on one thread (cpp/layout.hpp).
WORTH_SHARING = 0.5e6

#: The second-level cache of a core.
CACHE_BYTES = 1 << 20

#: Of one formula, by name.
Constants = dict[str, float]

#: Integers that 16 bits with a sign hold.
NARROW = ("bool", "int8", "uint8", "int16")

#: What products are summed in, and dtypes of x, w and y that are summed so.
SUMS = {
    "float32": ("float32", "float32", "float32"),
    "float64": ("float64", "float64", "float64"),
    "int16": ("int16", "int16", "int32"),  # in pairs
    "int32": ("int32", "int32", "int32"),
    "int64": ("int64", "int64", "int64"),
    "complex64": ("complex64", "complex64", "complex64"),
    "complex128": ("complex128", "complex128", "complex128"),
}


class Problem(NamedTuple):
    """A spec and its arithmetic, with the numbers that formulas ask for again and again.

    None of the sizes is 0, for the sake of who divides by them; there may be no outputs.
    """

    spec: ConvSpec
    arithmetic: Arithmetic
    batch: int
    group: int
    out: int  # output channels
    into: int  # input channels
    taps: int  # of one channel
    outputs: int  # of all

    @classmethod
    def of(cls, spec: ConvSpec, arithmetic: Arithmetic) -> Problem:
        sizes = {"batch": 1, "group": 1, "out": 1, "in": 1}
        for loop in spec.loops:
            sizes[loop_kind(loop)] *= loop.size
        taps, outputs = 1, sizes["batch"] * sizes["group"] * sizes["out"]
        for axis in spec.axes:
            taps *= axis.w
            outputs *= axis.y
        batch, group, out, into = (size or 1 for size in sizes.values())
        return cls(spec, arithmetic, batch, group, out, into, taps or 1, outputs)

    @property
    def products(self) -> int:
        return self.outputs * self.taps * self.into

    @property
    def is_shared(self) -> bool:
        """Whether direct sums are worth a second thread."""
        return self.products * (4 if self.arithmetic.is_complex else 1) >= WORTH_SHARING

    @property
    def is_far(self) -> bool:
        """Whether x and y come from beyond the second-level cache."""
        return self.outputs * (1 + self.into / self.out) * self.arithmetic.sum.itemsize > CACHE_BYTES

    @property
    def has_lattice(self) -> bool:
        """Whether outputs and samples are neighbours alike."""
        return all(axis.stride in (1, -1) and axis.up == 1 for axis in self.spec.axes)


def example_of(name: str) -> Arithmetic:
    """An arithmetic with such sums."""
    x, w, y = (np.dtype(dtype) for dtype in SUMS[name])
    return arithmetic_of(x, w, y)


def sum_of(problem: Problem) -> str:
    """The name in SUMS of what products are summed in."""
    return _names_of(problem.arithmetic.sum)[0]


def direct_sum_of(problem: Problem) -> str:
    """The same of a direct sum, which takes narrow integers in pairs: see `can_sum_pairs` in cpp/convolution.cpp.

    Channels that lie last make neighbours along an axis stand apart.
    """
    numbers, last = problem.arithmetic, problem.spec.axes[-1]
    if numbers.sum.name != "int32" or numbers.x.name not in NARROW or numbers.w.name not in NARROW:
        return sum_of(problem)
    are_neighbours = abs(last.stride) == abs(last.dilation) == 1 and last.x_dim == problem.spec.x_ndim - 1
    return "int16" if are_neighbours else "int32"


def part_of(problem: Problem) -> str:
    """The dtype of a sum, or of its parts."""
    return _names_of(problem.arithmetic.sum)[1]


@lru_cache(maxsize=64)
def _names_of(total: np.dtype[Any]) -> tuple[str, str]:
    return total.name, total.name.replace("complex128", "float64").replace("complex64", "float32")


class Estimate(NamedTuple):
    """What a method would cost for a problem."""

    call: float  # nanoseconds that are not shared
    work: float  # nanoseconds that threads share
    tasks: int  # among how many
    scratch: int  # bytes of each thread that has a tile of its own
    tile: tuple[int, ...] = ()  # points of a transform along each axis
    shared: int = 0  # bytes of all threads together
    holders: int = 1 << 30  # how many threads can have a tile of their own
    piece: int = 0  # bytes of each thread for the piece of a tile that it works on
    joint: float = 0.0  # nanoseconds of threads that wait for each other

    def scaled(self, factor: float) -> Estimate:
        """The same on a machine that takes `factor` times as long."""
        if factor == 1:
            return self
        return self._replace(call=self.call * factor, work=self.work * factor, joint=self.joint * factor)

    def workspace(self, threads: int) -> int:
        return self.shared + self.scratch * min(threads, self.holders) + self.piece * threads

    def nanoseconds(self, threads: int) -> float:
        if threads == 1 or self.tasks == 1:
            return self.call + self.work
        return self.call + self.joint + self.work * -(-self.tasks // threads) / self.tasks


#: In the place of a method that cannot be used.
IMPOSSIBLE = Estimate(math.inf, 0, 1, 0)
