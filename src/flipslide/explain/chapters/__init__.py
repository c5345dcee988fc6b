"""One chapter for each way to see or to compute the sum.

An algorithm has one name: that of its kernel, its file here, its benchmark row and its page.
Each of these files holds a twin of the algorithm in plain Python, whose numbers are tested
against the definition, and the words and matrices that show it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from ..trace import Trace
from . import (
    box,
    col2im,
    compare,
    direct,
    fft,
    flip,
    gemm,
    im2col,
    matrix,
    numpy,
    overlap,
    reduction,
    scatter,
    separable,
    winograd,
)
from .chapter import Chapter

__all__ = ["ALGORITHMS", "CHAPTERS", "Chapter"]

Chapters = dict[str, Callable[[Trace], Chapter]]


def _named(*modules: ModuleType) -> Chapters:
    return {module.__name__.rpartition(".")[2]: module.chapter for module in modules}


#: Ways to compute the result; each chapter's `y` is what its twin found.
ALGORITHMS = _named(direct, gemm, reduction, separable, box, overlap, fft, numpy, im2col, winograd, matrix)

#: And ways to look at it.
CHAPTERS = ALGORITHMS | _named(flip, scatter, col2im, compare)
