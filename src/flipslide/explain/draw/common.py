"""What several pictures share."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...graph.exact import shape_of
from ...show import Cell, Grid
from ...show.numbers import index_text, number_text
from ..sentences import cell_text, step_sentence
from ..trace import Step, Term, Trace

#: The most frames of one series.
MAX_STEPS = 80


def show(value: Any) -> str:
    """A number as it is written in pictures; a zero of the padding is 0."""
    return number_text(0 if value is None else value)


def reach_of(trace: Trace) -> list[tuple[int, int]]:
    """On each axis the positions [low, high) that are x, its padding, or covered by some window."""
    shape = shape_of(trace.x)[-trace.ndim :]
    reach = []
    for axis, length in enumerate(trace.lengths):
        covered = [term.position[axis - trace.ndim] for step in trace.steps for term in step.terms]
        low = trace.x_origin[axis - trace.ndim]
        high = low + (shape[axis] if axis < len(shape) else 0)
        if trace.is_whole:
            # Padding that no window reads is there all the same.
            low, high = min(low, -length.before), max(high, length.n + length.after)
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
    return "0" if term.source == "zero" else cell_text(term).rstrip("'")


def plane_of(array: Any) -> Any:
    """An array of one axis or two as a matrix."""
    return array.reshape((1, *array.shape)[-2:])


def grid_over(name: str, array: Any, x: Any, role: str) -> Grid:
    """Numbers over x̃, hatched where `x` has nothing: a zero of the padding, or no sample of its own."""
    pairs = (zip(row, beside, strict=True) for row, beside in zip(plane_of(array), plane_of(x), strict=True))
    return Grid(name, tuple(tuple(Cell(show(v), "padding" if x is None else role) for v, x in row) for row in pairs))


def middle_of(step: Step) -> float:
    """The middle of a window along one axis."""
    return (step.terms[0].position[0] + step.terms[-1].position[0]) / 2


class Pose(NamedTuple):
    """How far the story of a call has come: w lies at `step`, and perhaps it is still being flipped there.

    `turned` says for each axis whether w is flipped along it, `turns` whether that happens on the way to this
    picture, `slides` whether the sum of the step is made.
    """

    step: Step
    turned: tuple[bool, ...] = ()
    turns: bool = False
    slides: bool = True

    def knows(self, step: Step) -> bool:
        """Whether that output has been computed."""
        return self.slides and step.y <= self.step.y

    def makes(self, step: Step) -> bool:
        """Whether that output is computed now."""
        return self.slides and step is self.step

    def title(self, trace: Trace) -> str:
        verb = {"convolve": "Convolution", "correlate": "Correlation", "layer": "Layer"}[trace.operation]
        return f"{verb}, output {index_text(self.step.y)}" if self.slides else f"{verb}, the flip of w"

    def sentence(self, trace: Trace) -> str:
        if self.slides:
            return step_sentence(trace, self.step)
        if not any(self.turned):
            return f"Before it slides, w is flipped: {'reverse it' if trace.ndim == 1 else 'turn it by 180°'}."
        if not all(self.turned):
            return "Mirrored left-right; now up-down."
        same = "" if trace.flip_matters else " Here that changes nothing: w reads the same both ways."
        return f"w is flipped once; from here on it only slides.{same}"
