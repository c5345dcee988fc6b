"""Two axes: x with the window and the taps in its cells, the taps, the products, y."""

from __future__ import annotations

from ...show import Cell, Grid, Scene
from ...show.canvas import Canvas, Sheet, cell_width
from ...show.numbers import index_text
from ...show.scene import Label, Motion
from ..sentences import window_name
from ..trace import Trace
from .common import Pose, numbers_in, outside_text, reach_of, show

LEFT, TOP, GAP = 34.0, 60.0, 44.0
#: More taps than this are not written into the cells that they meet.
MAX_NOTES = 9

Rows = tuple[tuple[Cell, ...], ...]


def draw_plane(trace: Trace, pose: Pose) -> Scene:
    """x with the window and the taps in its cells, the taps, the products, y."""
    canvas, width, step = Canvas(), cell_width(numbers_in(trace)), pose.step
    (low0, high0), (low1, high1) = reach_of(trace)
    # Names stand above the numbers of the columns.
    x = canvas.grid(LEFT, TOP, Grid("x", _rows_of_x(trace)), width, ink="x-ink", above=27)
    x.numbers(range(low0, high0), range(low1, high1))
    rows, columns = (length.taps for length in trace.lengths)
    left = x.x(high1 - low1) + 40.0
    name = window_name(trace) if all(pose.turned) else "w" if not any(pose.turned) else "flipping w"
    w = canvas.grid(left, TOP, Grid(name, ()), width, ink="w-ink")
    _draw_taps(pose, w, (rows, columns))
    products = canvas.grid(left, w.y(rows) + GAP, Grid("products", ()), width)
    right = left + max(columns * width, 90) + 62
    y = canvas.grid(right, TOP, Grid("y", _rows_of_y(trace, pose)), width, ink="y-ink", above=27)
    shape = len(trace.y), len(trace.y[0]) if trace.y else 0
    y.numbers(*(range(first, first + n) for first, n in zip(trace.y_origin, shape, strict=True)))
    if pose.slides:
        (a0, a1), (b0, b1) = step.terms[0].position, step.terms[-1].position
        x.frame(a0 - low0, a1 - low1, b0 - a0 + 1, b1 - a1 + 1, 2, key="window")
        for n, term in enumerate(step.terms if rows * columns <= MAX_NOTES else ()):
            at = x.x(term.position[1] - low1 + 0.5), x.y(term.position[0] - low0 + 1) - 6
            canvas.add(Label(*at, f"×{show(term.b)}", "w-ink", 10, bold=True, motion=Motion(f"tap {n}")))
        _draw_products(pose, products, columns)
        i, j = step.y[0] - trace.y_origin[0], step.y[1] - trace.y_origin[1]
        y.frame(i, j, key="result", phase=2)
        middle = products.x(columns / 2) - y.x(j + 0.5), products.y(rows / 2) - y.y(i + 0.5)
        motion = Motion(f"sum {index_text(step.y)}", 2, *middle)
        y.word(i, j, show(step.value), motion=motion, bold=True)
    canvas.reach(0, products.y(rows))
    return canvas.scene(pose.title(trace), pose.sentence(trace))


def _draw_taps(pose: Pose, w: Sheet, shape: tuple[int, int]) -> None:
    """The taps as they lie over x, or on their way there: mirrored along the axes that are not flipped yet."""
    for n, term in enumerate(pose.step.terms):
        place = divmod(n, shape[1])
        i, j = (at if turned else size - 1 - at for at, size, turned in zip(place, shape, pose.turned, strict=True))
        w.cell(i, j, Cell(show(term.b), "w"), Motion(f"w{index_text(term.w)}"))


def _draw_products(pose: Pose, sheet: Sheet, columns: int) -> None:
    """The products, each falling from its tap."""
    name = index_text(pose.step.y)
    for n, term in enumerate(pose.step.terms):
        i, j = divmod(n, columns)
        sheet.cell(i, j, Cell(""))
        if term.product is not None:
            motion = Motion(f"product {name} {n}", 1, dy=-(sheet.height + 8))
            sheet.word(i, j, show(term.product), motion=motion)


def _rows_of_y(trace: Trace, pose: Pose) -> Rows:
    known = {other.y for other in trace.steps if pose.knows(other)}
    first0, first1 = trace.y_origin
    return tuple(
        tuple(
            Cell("" if (i, j) == pose.step.y else show(value), "y") if (i, j) in known else Cell("")
            for j, value in enumerate(row, first1)
        )
        for i, row in enumerate(trace.y, first0)
    )


def _rows_of_x(trace: Trace) -> Rows:
    """x and its padding."""
    outside = {term.position: term for other in trace.steps for term in other.terms if term.source != "sample"}
    rows, columns = (range(low, high) for low, high in reach_of(trace))
    cells = {(i, j): Cell(outside_text(outside.get((i, j))), "padding") for i in rows for j in columns}
    for i, row in enumerate(trace.x, trace.x_origin[0]):
        cells |= {(i, j): Cell(show(value), "x") for j, value in enumerate(row, trace.x_origin[1])}
    return tuple(tuple(cells[i, j] for j in columns) for i in rows)
