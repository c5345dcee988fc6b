"""One axis: rows over one ruler, so that a number stands under the samples it comes from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from ...show import Cell, Scene
from ...show.canvas import HEIGHT, Canvas, cell_width, text_width
from ...show.numbers import index_text
from ..sentences import step_sentence, window_name
from ..trace import Step, Trace
from .common import numbers_in, outside_text, reach_of, show, title_of

__all__ = ["draw_line"]

Ruler = Callable[[float], float]


def draw_line(trace: Trace, step: Step) -> Scene:
    """x with its padding, the taps under their samples, the products, and y."""
    (low, high), *_ = reach_of(trace)
    width = cell_width(numbers_in(trace))
    canvas = Canvas()

    names = ("x", window_name(trace), "products", "y")
    start = 32 + max(text_width(name) for name in names)

    def left_of(position: float) -> float:
        return start + (position - low) * width

    rows = {"x": 40.0, "w": 40.0 + 1.6 * HEIGHT, "products": 40.0 + 2.9 * HEIGHT, "y": 40.0 + 4.4 * HEIGHT}
    inks = {"x": "x-ink", "w": "w-ink", "products": "faint", "y": "y-ink"}
    for name, (key, top) in zip(names, rows.items(), strict=True):
        canvas.label(16, top + HEIGHT / 2, name, inks[key], bold=key != "products")
    _draw_samples(canvas, trace, low, high, left_of, rows["x"], width)
    for term in step.terms:
        left = left_of(term.position[0])
        canvas.cell(left, rows["w"], Cell(show(term.b), "w"), width)
        if term.product is not None:
            text = show(term.product)
            canvas.label(left + width / 2, rows["products"] + HEIGHT / 2, text, anchor="middle")
    _draw_signs(canvas, step, left_of, rows["products"] + HEIGHT / 2, width)
    _draw_outputs(canvas, trace, step, left_of, rows["y"], width)
    first, last = step.terms[0].position[0], step.terms[-1].position[0]
    canvas.outline(left_of(first) - 3, rows["x"] - 3, (last - first + 1) * width + 6, 2.6 * HEIGHT + 6)
    canvas.reach(left_of(high), rows["y"] + HEIGHT)
    return canvas.scene(title_of(trace, step), step_sentence(trace, step))


def _draw_samples(canvas: Canvas, trace: Trace, low: int, high: int, left_of: Ruler, top: float, width: float) -> None:
    outside = {term.position[0]: term for step in trace.steps for term in step.terms if term.source != "sample"}
    first = trace.x_origin[0]
    for position in range(low, high):
        left = left_of(position)
        if first <= position < first + len(trace.x):
            canvas.cell(left, top, Cell(show(trace.x[position - first]), "x"), width)
            canvas.label(left + width / 2, top - 12, str(position), "faint", 11, "middle")
        else:
            canvas.cell(left, top, Cell(outside_text(outside.get(position)), "padding"), width)


def _draw_signs(canvas: Canvas, step: Step, left_of: Ruler, middle: float, width: float) -> None:
    """A plus between products."""
    present = [term.position[0] for term in step.terms if term.product is not None]
    for a, b in pairwise(present):
        canvas.label((left_of(a) + left_of(b) + width) / 2, middle, "+", "faint", anchor="middle")


def _draw_outputs(canvas: Canvas, trace: Trace, step: Step, left_of: Ruler, top: float, width: float) -> None:
    """y under the middles of its windows; what is still to come is blank."""
    for other in trace.steps:
        middle = (other.terms[0].position[0] + other.terms[-1].position[0]) / 2
        known = other.y <= step.y
        cell = Cell(show(other.value) if known else "", "y" if known else "blank", other is step)
        canvas.cell(left_of(middle), top, cell, width)
        canvas.label(left_of(middle) + width / 2, top + HEIGHT + 12, index_text(other.y), "faint", 11, "middle")
        if other is step:
            canvas.outline(left_of(middle), top, width, HEIGHT)
            canvas.arrow(left_of(middle) + width / 2, top - 0.42 * HEIGHT, left_of(middle) + width / 2, top - 5)
