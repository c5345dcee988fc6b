"""The registry of methods, and what each would cost.

The rows come from the core (cpp/methods), which decides how a sum runs and therefore counts its steps;
"numpy" is the row of numpy_kernel.py. A cost is a method's counts times the prices of its steps (costs.json).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import _core
from .arrays import Arithmetic, arithmetic_of
from .costs import costs
from .spec import ConvSpec

__all__ = [
    "COMPILED",
    "EXAMPLES",
    "IMPOSSIBLE",
    "METHODS",
    "SEPARATIONS",
    "USUAL_THREADS",
    "Estimate",
    "Method",
    "estimate_numpy",
    "example_of",
    "load_prices",
]

#: Choices are made for this many threads, whatever number a call has.
USUAL_THREADS: int = _core.USUAL_THREADS

#: Values of taps that a method may ask for: see `Separate` in cpp/convolution.hpp.
SEPARATIONS = ("", "boxes", "products")


class Method(NamedTuple):
    """A row of the registry."""

    name: str
    steps: list[str]  # what its counts count
    separates: int  # the values that taps must have, in SEPARATIONS
    transforms: bool
    bounded_by: str  # |computed − exact| is at most gamma times this
    bounds_each_output: bool  # by its own terms

    @property
    def is_for_some_taps(self) -> bool:
        """Whether these are such taps shows when their values are there."""
        return self.separates > 0


_NUMPY = Method("numpy", ["call", "tap", "product"], 0, False, "the sum of |w|·|x|, for each output", True)

COMPILED = {row[0]: Method(*row) for row in _core.methods()}
METHODS = COMPILED | {"numpy": _NUMPY}


class Estimate(NamedTuple):
    """What a method would cost for a call."""

    call: float  # nanoseconds that are not shared
    work: float  # nanoseconds that threads share
    joint: float = 0.0  # nanoseconds of threads that wait for each other
    tasks: float = 1.0  # among how many the work is shared
    shared: float = 0.0  # bytes of all threads together
    scratch: float = 0.0  # bytes of each thread that has a tile of its own
    holders: int = 1  # how many threads can have a tile of their own
    piece: float = 0.0  # bytes of each thread for the piece of a tile that it works on
    tile: tuple[int, ...] = ()  # points of a transform along each axis

    def workspace(self, threads: int) -> int:
        return int(self.shared + self.scratch * min(threads, self.holders) + self.piece * threads)

    def nanoseconds(self, threads: int) -> float:
        if threads == 1 or self.tasks <= 1:
            return self.call + self.work
        return self.call + self.joint + self.work * -(-self.tasks // threads) / self.tasks


#: In the place of a method that cannot be used.
IMPOSSIBLE = Estimate(math.inf, 0)


def estimate_numpy(spec: ConvSpec, numbers: Arithmetic) -> Estimate:
    prices = costs()["numpy"]["any"]
    outputs, taps = math.prod(spec.y_shape), math.prod(axis.w for axis in spec.axes)
    products = outputs * max(spec.n_taps, 1)
    call = prices["call"] + taps * prices["tap"] + products * prices["product"]
    return Estimate(call, 0.0, scratch=2.0 * products / max(taps, 1) * numbers.sum.itemsize)


# ------------------------------------------------------------------------------- prices

#: What products are summed in (the rows of costs.json), and dtypes of x, w and y that are summed so.
EXAMPLES = {name: (name, name, name) for name in _core.sums()} | {"int16": ("int16", "int16", "int32")}

_loaded: dict[str, Any] | None = None


def example_of(name: str) -> Arithmetic:
    """An arithmetic with such sums."""
    x, w, y = (np.dtype(dtype) for dtype in EXAMPLES[name])
    return arithmetic_of(x, w, y)


def load_prices() -> None:
    """Give the core the prices of all steps, as this machine has them."""
    global _loaded
    table = costs()
    if table is _loaded:
        return
    for method in COMPILED.values():
        for row, prices in table.get(method.name, {}).items():
            scale = table["scale"].get(method.name, {}).get(row, 1.0)
            _core.set_prices(method.name, row, [scale * prices.get(step, 0.0) for step in method.steps])
    _loaded = table
