"""flipslide: one convolution for signals, images and neural layers.

Flip, slide, multiply, add. `fs.convolve` flips its taps, `fs.correlate` and the layers of
`fs.nn` do not; `fs.explain` shows how any of them gets its numbers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: The public names by the module that defines them. A name is imported when it is first used, so that
#: the command line can answer `--help` without NumPy.
_HOMES = {
    "accuracies": "accuracy get_accuracy set_accuracy",
    "deconvolve": "deconvolve",
    "errors": "DtypeError FlipslideError IntegerOverflowError MissingExtraError NotAConvolutionError ParameterError "
    "ShapeError UnknownKeywordError",
    "execute": "outputs_redone release_memory",
    "explain": "Explanation FunctionsReport ShapeReport Trace explain explain_functions explain_layer explain_pool "
    "explain_shape explain_transposed",
    "graph": "Graph graph graph_layer",
    "match": "Match Matches match",
    "padding": "pad",
    "plan": "Plan",
    "register": "Shift shift_between",
    "resample": "resample upfirdn",
    "signal": "convolve convolve_grads correlate correlate_grads output_shape plan",
    "stream": "Stream",
    "threads": "get_num_threads register_threadpoolctl set_num_threads threads",
    "tuning": "calibrate export_wisdom import_wisdom",
    "xcorr": "Correlation autocorr xcorr",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
#: Modules that are public themselves; `fs.kernels` is another name of `fs.taps`.
_MODULES = {"ext": "ext", "filters": "filters", "nn": "nn", "taps": "taps", "kernels": "taps"}

__all__ = sorted({*_HOME_OF, *_MODULES.values(), "__version__"})

# The same names for type checkers and editors, which do not run the table; a test compares the two.
if TYPE_CHECKING:
    from . import ext as ext
    from . import filters as filters
    from . import nn as nn
    from . import taps as taps
    from .accuracies import accuracy as accuracy
    from .accuracies import get_accuracy as get_accuracy
    from .accuracies import set_accuracy as set_accuracy
    from .deconvolve import deconvolve as deconvolve
    from .errors import DtypeError as DtypeError
    from .errors import FlipslideError as FlipslideError
    from .errors import IntegerOverflowError as IntegerOverflowError
    from .errors import MissingExtraError as MissingExtraError
    from .errors import NotAConvolutionError as NotAConvolutionError
    from .errors import ParameterError as ParameterError
    from .errors import ShapeError as ShapeError
    from .errors import UnknownKeywordError as UnknownKeywordError
    from .execute import outputs_redone as outputs_redone
    from .execute import release_memory as release_memory
    from .explain import Explanation as Explanation
    from .explain import FunctionsReport as FunctionsReport
    from .explain import ShapeReport as ShapeReport
    from .explain import Trace as Trace
    from .explain import explain as explain
    from .explain import explain_functions as explain_functions
    from .explain import explain_layer as explain_layer
    from .explain import explain_pool as explain_pool
    from .explain import explain_shape as explain_shape
    from .explain import explain_transposed as explain_transposed
    from .graph import Graph as Graph
    from .graph import graph as graph
    from .graph import graph_layer as graph_layer
    from .match import Match as Match
    from .match import Matches as Matches
    from .match import match as match
    from .padding import pad as pad
    from .plan import Plan as Plan
    from .register import Shift as Shift
    from .register import shift_between as shift_between
    from .resample import resample as resample
    from .resample import upfirdn as upfirdn
    from .signal import convolve as convolve
    from .signal import convolve_grads as convolve_grads
    from .signal import correlate as correlate
    from .signal import correlate_grads as correlate_grads
    from .signal import output_shape as output_shape
    from .signal import plan as plan
    from .stream import Stream as Stream
    from .threads import get_num_threads as get_num_threads
    from .threads import register_threadpoolctl as register_threadpoolctl
    from .threads import set_num_threads as set_num_threads
    from .threads import threads as threads
    from .tuning import calibrate as calibrate
    from .tuning import export_wisdom as export_wisdom
    from .tuning import import_wisdom as import_wisdom
    from .xcorr import Correlation as Correlation
    from .xcorr import autocorr as autocorr
    from .xcorr import xcorr as xcorr


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module("." + _MODULES[name], __name__)
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
