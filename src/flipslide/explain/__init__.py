"""How a small convolution gets its numbers: every step, and every way to compute it.

`trace.py` collects every number of a call and where it came from; everything else shows it.
`document.py` puts it into blocks, which `text.py` sets tightly for a signal; `sentences.py` has the
words of both. `window.py` has the call in the one form that all chapters compute with: `chapters/`
has one for each algorithm and each way to look at the sum. `draw/` draws, `code/` writes the call
down in other languages. `shape.py` counts sizes without any numbers in the arrays, `functions.py`
is about continuous time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chapters.pooling import explain_pool
    from .chapters.transposed import explain_transposed
    from .explanation import Explanation, explain, explain_layer
    from .functions import FunctionsReport, explain_functions
    from .shape import ShapeReport, explain_shape
    from .trace import Trace

# Loaded when they are first used: `flipslide shape` counts without NumPy.
_HOMES = {
    "explanation": ("Explanation", "explain", "explain_layer"),
    "chapters.pooling": ("explain_pool",),
    "chapters.transposed": ("explain_transposed",),
    "functions": ("FunctionsReport", "explain_functions"),
    "shape": ("ShapeReport", "explain_shape"),
    "trace": ("Trace",),
}

__all__ = [
    "Explanation", "FunctionsReport", "ShapeReport", "Trace", "explain", "explain_functions", "explain_layer",
    "explain_pool", "explain_shape", "explain_transposed",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
