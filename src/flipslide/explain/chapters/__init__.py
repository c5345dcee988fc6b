"""One chapter for each way to see or to compute the sum.

An algorithm has one name: that of its kernel, its file here, its benchmark row and its page.
Each of these files holds a twin of the algorithm in plain Python, whose numbers are tested
against the definition, and the words and matrices that show it.
"""

from __future__ import annotations

from collections.abc import Callable

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

#: Ways to compute the result; each chapter's `y` is what its twin found.
ALGORITHMS: dict[str, Callable[[Trace], Chapter]] = {
    "direct": direct.chapter,
    "gemm": gemm.chapter,
    "reduction": reduction.chapter,
    "separable": separable.chapter,
    "box": box.chapter,
    "overlap": overlap.chapter,
    "fft": fft.chapter,
    "numpy": numpy.chapter,
    "im2col": im2col.chapter,
    "winograd": winograd.chapter,
    "matrix": matrix.chapter,
}

#: And ways to look at it.
CHAPTERS: dict[str, Callable[[Trace], Chapter]] = ALGORITHMS | {
    "flip": flip.chapter,
    "scatter": scatter.chapter,
    "col2im": col2im.chapter,
    "compare": compare.chapter,
}
