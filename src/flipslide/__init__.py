"""flipslide: one convolution for signals, images and neural layers.

Flip, slide, multiply, add. `fs.convolve` flips its taps, `fs.correlate` and the layers of
`fs.nn` do not; `fs.explain` shows how any of them gets its numbers.
"""

from . import nn
from .errors import (
    DtypeError,
    FlipslideError,
    IntegerOverflowError,
    MissingExtraError,
    ParameterError,
    ShapeError,
)
from .explain import Explanation, explain
from .graph import Graph, graph
from .padding import pad
from .plan import Plan
from .signal import convolve, convolve_grads, correlate, correlate_grads, output_shape, plan
from .threads import get_num_threads, set_num_threads, threads

__version__ = "0.1.0"

__all__ = [
    "DtypeError",
    "Explanation",
    "FlipslideError",
    "Graph",
    "IntegerOverflowError",
    "MissingExtraError",
    "ParameterError",
    "Plan",
    "ShapeError",
    "__version__",
    "convolve",
    "convolve_grads",
    "correlate",
    "correlate_grads",
    "explain",
    "get_num_threads",
    "graph",
    "nn",
    "output_shape",
    "pad",
    "plan",
    "set_num_threads",
    "threads",
]
