"""`flip`: what the flip is, and why there is one."""

from __future__ import annotations

from collections.abc import Iterator

from ...arrays import Array
from ...graph.exact import reverse
from ...show import Block, Formula, Text, grid_of
from ...show.numbers import index_text, number_text
from ..draw.steps import draw_flip
from ..trace import Trace
from ..window import taps_of, window_of
from .chapter import Chapter, beside, check_signal, pictures

FORMULAS = {
    "convolve": ("y[n] = Σ_j w[j]·x[n − j]", "y[n] = \\sum_j w[j]\\,x[n-j]"),
    "correlate": ("y[n] = Σ_j w[j]·x[n + j]", "y[n] = \\sum_j w[j]\\,x[n+j]"),
}


def chapter(trace: Trace) -> Chapter:
    """w before, between and after."""
    window = window_of(trace)
    check_signal(window, "the flip")
    w = taps_of(trace, window)[0, 0]
    turned = reverse(w)
    return Chapter("flip", "The flip", _body(trace, w, turned), None, w=w, flipped=turned)


def _body(trace: Trace, w: Array, turned: Array) -> Iterator[Block]:
    flips = trace.operation == "convolve"
    steps = [("w", w), ("flipped left-right", w[..., ::-1]), ("and up-down: turned by 180°", turned)]
    shown = steps[: 1 + w.ndim] if flips else steps[:1]
    yield Formula(*FORMULAS[trace.operation])
    yield Text(_why(flips))
    yield beside(*(grid_of(name, array, "w") for name, array in shown))
    yield Text(_pairs(trace, flips))
    yield from pictures("the flip", draw_flip(trace))
    if not trace.flip_matters:
        yield Text("This w reads the same both ways, so here the flip changes nothing.")
    elif trace.other is not None:
        other = "Without the flip (correlation)" if flips else "With the flip (convolution)"
        yield Text(f"{other} the same numbers give another result:")
        yield beside(grid_of("y", trace.y, "y"), grid_of(other.lower(), trace.other.y, "padding"))


def _why(flips: bool) -> str:
    if not flips:
        return "Correlation slides w over x as it lies: j and the index into x grow together. There is no flip."
    return (
        "As j grows, n − j falls: the first tap meets the newest sample, the last tap the oldest. To lay w over x so "
        "that each tap stands under its sample, turn w round once; from then on it only slides. The flip is what makes "
        "order not matter, x * w = w * x, and what makes a single 1 in x give back w as it is."
    )


def _pairs(trace: Trace, flips: bool) -> str:
    """The first output's terms in the order of the taps: j up, and the sample down or up."""
    if not trace.steps:
        return "There is no output here to look at."
    step = trace.steps[0]
    terms = sorted((term for term in step.terms if term.product is not None), key=lambda term: term.w)
    pairs = ", ".join(
        f"w[{index_text(term.w)}]={number_text(term.b)} meets x[{index_text(term.x or term.position)}]"
        for term in terms[:4]
    )
    way = "down" if flips else "up"
    counted = f"The taps count up, the samples count {way}."
    return f"In y[{index_text(step.y)}]: {pairs or 'nothing but padding'}. {counted}"
