"""The words of a trace that every renderer shares."""

from __future__ import annotations

from ..exact import number_text
from ..show.board import minus
from .trace import Step, Term, Trace

__all__ = ["cell_text", "index_text", "product_text", "step_sentence", "window_name"]


def window_name(trace: Trace) -> str:
    """What slides over x."""
    if trace.operation == "convolve":
        return "flipped w"
    return "w" if trace.window_w == trace.w else "conj(w)"


def cell_text(term: Term) -> str:
    """What stands in the window: "." for a zero of the padding, a quote after what is not x itself."""
    if term.source == "zero":
        return "."
    return number_text(term.a) + ("" if term.source == "sample" else "'")


def product_text(term: Term) -> str:
    """tap·sample, a negative sample in brackets."""
    cell = cell_text(term)
    number, mark = cell.rstrip("'"), "'" * cell.endswith("'")
    return f"{number_text(term.b)}·" + (f"({number})" if number[0] == "-" else number) + mark


def index_text(index: tuple[int, ...]) -> str:
    """2, or 1,0."""
    return ",".join(map(str, index))


def step_sentence(trace: Trace, step: Step) -> str:
    """y[0] = 2·0 + −1·1 + 1·2 = 1; terms of the padding are said to be left out."""
    terms = [product_text(term) for term in step.terms if term.product is not None]
    left_out = len(step.terms) - len(terms)
    zeros = f" ({left_out} on the zeros of the padding)" if left_out else ""
    if not terms:
        return f"y[{index_text(step.y)}] = 0: the window lies on the padding alone"
    return minus(f"y[{index_text(step.y)}] = {' + '.join(terms)} = {number_text(step.value)}") + zeros
