"""What several pictures share."""

from __future__ import annotations

from typing import Any

from ...graph.exact import shape_of
from ...show.numbers import index_text, minus, number_text
from ..sentences import cell_text
from ..trace import Step, Term, Trace

__all__ = ["MAX_STEPS", "middle_of", "numbers_in", "plane_of", "outside_text", "reach_of", "show", "title_of"]

#: The most frames of one series.
MAX_STEPS = 80


def show(value: Any) -> str:
    """A number as it is written in pictures; a zero of the padding is 0."""
    return minus(number_text(0 if value is None else value))


def reach_of(trace: Trace) -> list[tuple[int, int]]:
    """On each axis the positions [low, high) that are x or that some window covers."""
    shape = shape_of(trace.x)[-trace.ndim :]
    reach = []
    for axis in range(trace.ndim):
        covered = [term.position[axis - trace.ndim] for step in trace.steps for term in step.terms]
        low = trace.x_origin[axis - trace.ndim]
        high = low + (shape[axis] if axis < len(shape) else 0)
        reach.append((min([low, *covered]), max([high, *(i + 1 for i in covered)])))
    return reach


def numbers_in(trace: Trace) -> list[str]:
    """Every number of the pictures, to find how wide cells must be."""
    terms = [term for step in trace.steps for term in step.terms]
    numbers = [show(n) for term in terms for n in (term.a, term.b)] + [show(step.value) for step in trace.steps]
    return numbers + [show(term.product) for term in terms if term.product is not None]


def outside_text(term: Term | None) -> str:
    """What is written in a cell of the padding."""
    if term is None:
        return ""
    return "0" if term.source == "zero" else minus(cell_text(term).rstrip("'"))


def plane_of(array: Any) -> Any:
    """An array of one axis or two as a matrix."""
    return array.reshape((1, *array.shape)[-2:])


def middle_of(step: Step) -> float:
    """The middle of a window along one axis."""
    return (step.terms[0].position[0] + step.terms[-1].position[0]) / 2


def title_of(trace: Trace, step: Step) -> str:
    verb = {"convolve": "Convolution", "correlate": "Correlation", "layer": "Layer"}[trace.operation]
    return f"{verb}, output {index_text(step.y)}"
