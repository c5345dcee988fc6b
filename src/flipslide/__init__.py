"""flipslide: one convolution for signals, images and neural layers.

Flip, slide, multiply, add. `fs.convolve` flips its taps, `fs.correlate` and the layers of
`fs.nn` do not; `fs.explain` shows how any of them gets its numbers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import nn
    from .errors import (
        DtypeError,
        FlipslideError,
        IntegerOverflowError,
        MissingExtraError,
        ParameterError,
        ShapeError,
    )
    from .explain import (
        Explanation,
        FunctionsReport,
        ShapeReport,
        Trace,
        explain,
        explain_functions,
        explain_layer,
        explain_shape,
    )
    from .graph import Graph, graph, graph_layer
    from .padding import pad
    from .plan import Plan
    from .signal import convolve, convolve_grads, correlate, correlate_grads, output_shape, plan
    from .threads import get_num_threads, register_threadpoolctl, set_num_threads, threads
    from .tuning import calibrate, export_wisdom, import_wisdom

__version__ = "0.1.0"

__all__ = [
    "DtypeError",
    "Explanation",
    "FlipslideError",
    "FunctionsReport",
    "Graph",
    "IntegerOverflowError",
    "MissingExtraError",
    "ParameterError",
    "Plan",
    "ShapeError",
    "ShapeReport",
    "Trace",
    "__version__",
    "calibrate",
    "convolve",
    "convolve_grads",
    "correlate",
    "correlate_grads",
    "explain",
    "explain_functions",
    "explain_layer",
    "explain_shape",
    "export_wisdom",
    "get_num_threads",
    "graph",
    "graph_layer",
    "import_wisdom",
    "nn",
    "output_shape",
    "pad",
    "plan",
    "register_threadpoolctl",
    "set_num_threads",
    "threads",
]

# Names are loaded when they are first used, so that the command line can answer `--help`
# without NumPy.
_HOMES = {
    "execute": ["release_memory"],
    "errors": [
        "DtypeError",
        "FlipslideError",
        "IntegerOverflowError",
        "MissingExtraError",
        "ParameterError",
        "ShapeError",
    ],
    "explain": [
        "Explanation",
        "FunctionsReport",
        "ShapeReport",
        "Trace",
        "explain",
        "explain_functions",
        "explain_layer",
        "explain_shape",
    ],
    "graph": ["Graph", "graph", "graph_layer"],
    "padding": ["pad"],
    "plan": ["Plan"],
    "signal": ["convolve", "convolve_grads", "correlate", "correlate_grads", "output_shape", "plan"],
    "threads": ["get_num_threads", "register_threadpoolctl", "set_num_threads", "threads"],
    "tuning": ["calibrate", "export_wisdom", "import_wisdom"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "nn":
        return import_module(".nn", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("." + _HOME_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Facade(ModuleType):
    """`fs.explain` is the function, also after somebody has imported the module of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _HOME_OF or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Facade
