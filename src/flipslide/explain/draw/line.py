"""One axis: rows over one ruler, so that a number stands under the samples it comes from."""

from __future__ import annotations

from itertools import pairwise

from ...show import Cell, Scene
from ...show.canvas import HEIGHT, Canvas, Sheet, cell_width, text_width
from ...show.numbers import index_text
from ..sentences import step_sentence, window_name
from ..trace import Step, Trace
from .common import middle_of, numbers_in, outside_text, reach_of, show, title_of

__all__ = ["draw_line"]

#: How far below x the other rows begin, in heights of a row.
ROWS = {"x": 0.0, "w": 1.6, "products": 2.9, "y": 4.4}


def draw_line(trace: Trace, step: Step) -> Scene:
    """x with its padding, the taps under their samples, the products, and y."""
    (low, high), *_ = reach_of(trace)
    canvas, width = Canvas(), cell_width(numbers_in(trace))
    names = ("x", window_name(trace), "products", "y")
    start = 32 + max(text_width(name) for name in names)
    # Columns of the ruler are positions in x.
    sheets = [Sheet(canvas, start - low * width, 40.0 + down * HEIGHT, width) for down in ROWS.values()]
    for name, sheet, ink in zip(names, sheets, ("x-ink", "w-ink", "faint", "y-ink"), strict=True):
        canvas.label(16, sheet.y(0.5), name, ink, bold=ink != "faint")
    x, w, products, y = sheets
    _draw_samples(trace, low, high, x)
    for term in step.terms:
        w.cell(0, term.position[0], Cell(show(term.b), "w"))
        if term.product is not None:
            canvas.label(products.x(term.position[0] + 0.5), products.y(0.5), show(term.product), anchor="middle")
    present = [term.position[0] for term in step.terms if term.product is not None]
    for a, b in pairwise(present):
        canvas.label(products.x((a + b + 1) / 2), products.y(0.5), "+", "faint", anchor="middle")
    _draw_outputs(trace, step, y)
    first, last = step.terms[0].position[0], step.terms[-1].position[0]
    canvas.outline(x.x(first) - 3, x.top - 3, (last - first + 1) * width + 6, 2.6 * HEIGHT + 6)
    canvas.reach(x.x(high), y.y(1))
    return canvas.scene(title_of(trace, step), step_sentence(trace, step))


def _draw_samples(trace: Trace, low: int, high: int, x: Sheet) -> None:
    outside = {term.position[0]: term for step in trace.steps for term in step.terms if term.source != "sample"}
    first = trace.x_origin[0]
    for position in range(low, high):
        if first <= position < first + len(trace.x):
            x.cell(0, position, Cell(show(trace.x[position - first]), "x"))
            x.under(0, position, str(position), -12)
        else:
            x.cell(0, position, Cell(outside_text(outside.get(position)), "padding"))


def _draw_outputs(trace: Trace, step: Step, y: Sheet) -> None:
    """y under the middles of its windows; what is still to come is blank."""
    for other in trace.steps:
        middle, known = middle_of(other), other.y <= step.y
        y.cell(0, middle, Cell(show(other.value) if known else "", "y" if known else "blank", other is step))
        y.under(1, middle, index_text(other.y), 12)
        if other is step:
            y.frame(0, middle)
            y.canvas.arrow(y.x(middle + 0.5), y.y(-0.42), y.x(middle + 0.5), y.top - 5)
