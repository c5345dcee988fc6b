"""One axis: rows over one ruler, so that a number stands under the samples it comes from."""

from __future__ import annotations

from itertools import pairwise

from ...show import Cell, Scene
from ...show.canvas import HEIGHT, Canvas, Sheet, cell_width
from ...show.numbers import index_text
from ...show.scene import Motion, text_width
from ..sentences import window_name
from ..trace import Step, Trace
from .common import Pose, middle_of, numbers_in, outside_text, reach_of, show

#: How far below x the other rows begin, in heights of a row.
ROWS = {"x": 0.0, "w": 1.7, "products": 3.0, "y": 4.5}


def draw_line(trace: Trace, pose: Pose) -> Scene:
    """x with its padding, the taps under their samples, the products, and y."""
    (low, high), *_ = reach_of(trace)
    canvas, width = Canvas(), cell_width(numbers_in(trace))
    names = ("x", window_name(trace) if all(pose.turned) else "w", "products", "y")
    start = 32 + round(max(text_width(name) for name in ("x", window_name(trace), "products")))
    # Columns of the ruler are positions in x.
    sheets = [Sheet(canvas, start - low * width, 40.0 + down * HEIGHT, width) for down in ROWS.values()]
    for name, sheet, ink in zip(names, sheets, ("x-ink", "w-ink", "faint", "y-ink"), strict=True):
        canvas.label(16, sheet.y(0.5), name, ink, bold=ink != "faint")
    x, w, products, y = sheets
    _draw_samples(trace, low, high, x)
    _draw_outputs(trace, pose, y)
    _draw_taps(pose, w)
    if pose.slides:
        _draw_products(pose.step, products, w)
        first, last = pose.step.terms[0].position[0], pose.step.terms[-1].position[0]
        x.frame(0, first, 2.7, last - first + 1, 3, key="window")
    canvas.reach(x.x(high), y.y(1))
    return canvas.scene(pose.title(trace), pose.sentence(trace))


def _draw_samples(trace: Trace, low: int, high: int, x: Sheet) -> None:
    outside = {term.position[0]: term for step in trace.steps for term in step.terms if term.source != "sample"}
    first = trace.x_origin[0]
    for position in range(low, high):
        if first <= position < first + len(trace.x):
            x.cell(0, position, Cell(show(trace.x[position - first]), "x"))
            x.under(0, position, str(position), -12)
        else:
            x.cell(0, position, Cell(outside_text(outside.get(position)), "padding"))


def _draw_taps(pose: Pose, w: Sheet) -> None:
    """The taps where they lie; while w is flipped they change places on a wheel about its middle."""
    terms, middle = pose.step.terms, middle_of(pose.step)
    places = [term.position[0] for term in terms]
    for term, place in zip(terms, places if all(pose.turned) else places[::-1], strict=True):
        # A wheel that is flat enough to stay between x and the products.
        lift = 0.7 * w.height * (place - middle) / max(places[-1] - middle, 1) if pose.turns else 0.0
        w.cell(0, place, Cell(show(term.b), "w"), Motion(f"w{index_text(term.w)}", lift=lift))


def _draw_products(step: Step, products: Sheet, w: Sheet) -> None:
    """Each product falls from its tap."""
    present = [term for term in step.terms if term.product is not None]
    name = index_text(step.y)
    for term in present:
        place = term.position[0]
        motion = Motion(f"product {name} {place}", 1, dy=w.top - products.top)
        products.word(0, place, show(term.product), motion=motion)
    for a, b in pairwise(present):
        middle = (a.position[0] + b.position[0]) / 2
        products.word(0, middle, "+", "faint", Motion(f"plus {name} {middle}", 2))


def _draw_outputs(trace: Trace, pose: Pose, y: Sheet) -> None:
    """y under the middles of its windows; what is still to come is blank. The sum flies in from the products."""
    for other in trace.steps:
        middle, known, now = middle_of(other), pose.knows(other), pose.makes(other)
        y.cell(0, middle, Cell(show(other.value) if known and not now else "", "y" if known else "blank"))
        y.under(1, middle, index_text(other.y), 12)
    if pose.slides:
        middle, name = middle_of(pose.step), index_text(pose.step.y)
        arrow = Motion(f"arrow {name}", 2)
        y.canvas.arrow(y.x(middle + 0.5), y.y(-0.42), y.x(middle + 0.5), y.top - 5, motion=arrow)
        y.frame(0, middle, key="result", phase=2)
        sum_ = Motion(f"sum {name}", 2, dy=-1.5 * y.height)
        y.word(0, middle, show(pose.step.value), motion=sum_, bold=True)
