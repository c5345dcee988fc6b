"""The pictures of a trace: the flip, then the window at every output.

One axis is drawn as rows over one ruler, so that a number stands under the samples it comes
from; two axes as grids side by side. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, pi, sin

from ..exact import number_text
from ..show import Cell, Frame, Grid, Scene
from ..show.board import HEIGHT, Board, cell_width, minus
from .trace import Nested, Step, Term, Trace
from .words import cell_text, index_text, step_sentence, window_name

__all__ = ["MAX_DRAWN", "draw_steps", "is_drawable"]

#: The longest axis, with its padding, that still makes a legible picture; and the most steps.
MAX_DRAWN = {1: 32, 2: 16}
MAX_STEPS = 80
LEFT = 104


def is_drawable(trace: Trace) -> bool:
    """Whether pictures of this trace could be read."""
    if not 0 < len(trace.steps) <= MAX_STEPS:
        return False
    limit = MAX_DRAWN[trace.ndim]
    return all(high - low <= limit for low, high in _reach(trace))


def draw_steps(trace: Trace) -> tuple[Frame, ...]:
    """The flip and one frame for every output."""
    flip = _draw_flip(trace) if trace.operation == "convolve" else ()
    draw = _draw_line if trace.ndim == 1 else _draw_plane
    return (*flip, *(Frame(draw(trace, step), step_sentence(trace, step)) for step in trace.steps))


def _reach(trace: Trace) -> list[tuple[int, int]]:
    """On each axis the positions [low, high) that are x or that some window covers."""
    shape = _shape(trace.x)
    reach = []
    for axis in range(trace.ndim):
        covered = [term.position[axis] for step in trace.steps for term in step.terms]
        low, high = trace.x_origin[axis], trace.x_origin[axis] + shape[axis]
        reach.append((min([low, *covered]), max([high, *(i + 1 for i in covered)])))
    return reach


def _shape(nested: Nested) -> tuple[int, ...]:
    shape: tuple[int, ...] = ()
    level: object = nested
    while isinstance(level, tuple):
        shape += (len(level),)
        level = level[0] if level else None
    return shape


def _texts(trace: Trace) -> list[str]:
    """Every number of the pictures, to find how wide cells must be."""
    terms = [term for step in trace.steps for term in step.terms]
    numbers = [number_text(n) for term in terms for n in (term.a, term.b)]
    numbers += [number_text(step.value) for step in trace.steps]
    return numbers + [number_text(term.product) for term in terms if term.product is not None]


# ------------------------------------------------------------------------------- the flip


def _draw_flip(trace: Trace) -> Iterator[Frame]:
    """w, its half turn, and w flipped: half a turn about its middle is a flip along every axis."""
    rows = trace.w if trace.ndim == 2 else (trace.w,)
    still = "" if trace.flip_matters else " Here the flip changes nothing: w reads the same both ways."
    about = "reverse it" if trace.ndim == 1 else "turn it by 180°: left-right, then up-down"
    for turned in (0.0, 0.25, 0.5, 0.75, 1.0):
        sentence = {
            0.0: f"Before it slides, w is flipped: {about}.",
            1.0: f"w is flipped once; from here on it only slides.{still}",
        }.get(turned, "w turns about its middle.")
        yield Frame(_draw_turn(rows, turned, sentence), sentence, 1.2 if turned in (0.0, 1.0) else 0.18)


def _draw_turn(rows: Nested, turned: float, sentence: str) -> Scene:
    texts = [[minus(number_text(tap)) for tap in row] for row in rows]
    width = cell_width([text for row in texts for text in row])
    n_rows, n_columns = len(rows), len(rows[0])
    radius = ((n_rows * HEIGHT) ** 2 + (n_columns * width) ** 2) ** 0.5 / 2
    # The middle of w stays where it is; each cell goes half a circle around it, upright.
    x0, y0 = LEFT + max(radius, 60.0), 24 + max(radius, 60.0)
    board = Board()
    board.label(16, y0, "w" if turned == 0 else "flipped w" if turned == 1 else "flipping w", "w-ink", bold=True)
    c, s = cos(pi * turned), sin(pi * turned)
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            u, v = (j - (n_columns - 1) / 2) * width, (i - (n_rows - 1) / 2) * HEIGHT
            u, v = u * c - v * s, u * s + v * c
            board.cell(x0 + u - width / 2, y0 + v - HEIGHT / 2, Cell(text, "w"), width)
    board.reach(x0 + radius, y0 + max(radius, 60.0))
    return board.scene("The flip of w", sentence)


# ------------------------------------------------------------------------------- one axis


def _draw_line(trace: Trace, step: Step) -> Scene:
    """x with its padding, the taps under their samples, the products, and y."""
    (low, high), *_ = _reach(trace)
    width = cell_width(_texts(trace))
    board = Board()

    def left_of(position: float) -> float:
        return LEFT + (position - low) * width

    rows = {"x": 40.0, "w": 40.0 + 1.6 * HEIGHT, "products": 40.0 + 2.9 * HEIGHT, "y": 40.0 + 4.4 * HEIGHT}
    inks = {"x": "x-ink", "w": "w-ink", "products": "faint", "y": "y-ink"}
    for name, top in rows.items():
        board.label(16, top + HEIGHT / 2, window_name(trace) if name == "w" else name, inks[name], bold=name != "products")
    _draw_samples(board, trace, low, high, left_of, rows["x"], width)
    for term in step.terms:
        left = left_of(term.position[0])
        board.cell(left, rows["w"], Cell(minus(number_text(term.b)), "w"), width)
        if term.product is not None:
            text = minus(number_text(term.product))
            board.label(left + width / 2, rows["products"] + HEIGHT / 2, text, anchor="middle")
    _draw_signs(board, step, left_of, rows["products"] + HEIGHT / 2, width)
    _draw_outputs(board, trace, step, left_of, rows["y"], width)
    first, last = step.terms[0].position[0], step.terms[-1].position[0]
    board.outline(left_of(first) - 3, rows["x"] - 3, (last - first + 1) * width + 6, 2.6 * HEIGHT + 6)
    board.reach(left_of(high), rows["y"] + HEIGHT)
    return board.scene(_title(trace, step), step_sentence(trace, step))


def _draw_samples(board: Board, trace: Trace, low: int, high: int, left_of, top: float, width: float) -> None:  # type: ignore[no-untyped-def]
    outside = {term.position[0]: term for step in trace.steps for term in step.terms if term.source != "sample"}
    first = trace.x_origin[0]
    for position in range(low, high):
        left = left_of(position)
        if first <= position < first + len(trace.x):
            board.cell(left, top, Cell(minus(number_text(trace.x[position - first])), "x"), width)
            board.label(left + width / 2, top - 12, str(position), "faint", 11, "middle")
        else:
            board.cell(left, top, Cell(_outside(outside.get(position)), "padding"), width)


def _outside(term: Term | None) -> str:
    """What is written in a cell of the padding."""
    return minus(cell_text(term).replace(".", "0", 1) if term and term.source == "zero" else number_text(term.a)) if term else ""


def _draw_signs(board: Board, step: Step, left_of, middle: float, width: float) -> None:  # type: ignore[no-untyped-def]
    """A plus between products."""
    present = [term.position[0] for term in step.terms if term.product is not None]
    for a, b in zip(present, present[1:], strict=False):
        board.label((left_of(a) + left_of(b) + width) / 2, middle, "+", "faint", anchor="middle")


def _draw_outputs(board: Board, trace: Trace, step: Step, left_of, top: float, width: float) -> None:  # type: ignore[no-untyped-def]
    """y under the middles of its windows; what is still to come is blank."""
    for other in trace.steps:
        middle = (other.terms[0].position[0] + other.terms[-1].position[0]) / 2
        known = other.y <= step.y
        cell = Cell(minus(number_text(other.value)) if known else "", "y" if known else "blank", other is step)
        board.cell(left_of(middle), top, cell, width)
        board.label(left_of(middle) + width / 2, top + HEIGHT + 12, index_text(other.y), "faint", 11, "middle")
        if other is step:
            board.outline(left_of(middle), top, width, HEIGHT)
            board.arrow(left_of(middle) + width / 2, top - 0.42 * HEIGHT, left_of(middle) + width / 2, top - 5)


# ------------------------------------------------------------------------------- two axes


def _draw_plane(trace: Trace, step: Step) -> Scene:
    """x with the window, the taps in it and in the corners of its cells, the products, y."""
    texts = _texts(trace)
    width = cell_width(texts)
    board = Board()
    top = 48.0
    x_width = _draw_plane_x(board, trace, step, 16, top, width)
    left = 16 + x_width + 40
    names = (window_name(trace), "products")
    taps = {term.position: Cell(minus(number_text(term.b)), "w") for term in step.terms}
    products = {
        term.position: Cell("" if term.product is None else minus(number_text(term.product)), "") for term in step.terms
    }
    columns = len({position[1] for position in taps})
    rows = len(taps) // columns
    side_top = top
    for name, cells in zip(names, (taps, products), strict=True):
        grid = Grid(name, _grid_rows(list(cells.values()), columns))
        board.grid(left, side_top, grid, width)
        side_top += rows * HEIGHT + 44
    y_left = left + max(columns * width, 90) + 40
    board.grid(y_left, top, Grid("y", _rows_of_y(trace, step)), width)
    at = tuple(i - low for i, low in zip(step.y, trace.y_origin, strict=True))
    board.outline(y_left + at[1] * width, top + at[0] * HEIGHT, width, HEIGHT)
    return board.scene(_title(trace, step), step_sentence(trace, step))


def _grid_rows(cells: list[Cell], columns: int) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(cells[i : i + columns]) for i in range(0, len(cells), columns))


def _rows_of_y(trace: Trace, step: Step) -> tuple[tuple[Cell, ...], ...]:
    known = {other.y for other in trace.steps if other.y <= step.y}
    return tuple(
        tuple(
            Cell(minus(number_text(value)), "y", at == step.y) if at in known else Cell("")
            for j, value in enumerate(row)
            for at in [(i + trace.y_origin[0], j + trace.y_origin[1])]
        )
        for i, row in enumerate(trace.y)
    )


def _draw_plane_x(board: Board, trace: Trace, step: Step, left: float, top: float, width: float) -> float:
    """x and its padding; gives the width."""
    (low0, high0), (low1, high1) = _reach(trace)
    outside = {term.position: term for other in trace.steps for term in other.terms if term.source != "sample"}
    taps = {term.position: minus(number_text(term.b)) for term in step.terms}
    first0, first1 = trace.x_origin
    rows = []
    for i in range(low0, high0):
        row = []
        for j in range(low1, high1):
            inside = 0 <= i - first0 < len(trace.x) and 0 <= j - first1 < len(trace.x[0])
            text = minus(number_text(trace.x[i - first0][j - first1])) if inside else _outside(outside.get((i, j)))
            row.append(Cell(text, "x" if inside else "padding", note=taps.get((i, j), "")))
        rows.append(tuple(row))
    board.grid(left, top, Grid("x", tuple(rows)), width)
    (a0, a1), (b0, b1) = step.terms[0].position, step.terms[-1].position
    board.outline(
        left + (a1 - low1) * width - 2, top + (a0 - low0) * HEIGHT - 2,
        (b1 - a1 + 1) * width + 4, (b0 - a0 + 1) * HEIGHT + 4,
    )  # fmt: skip
    return (high1 - low1) * width


def _title(trace: Trace, step: Step) -> str:
    verb = {"convolve": "Convolution", "correlate": "Correlation"}[trace.operation]
    return f"{verb}, output {index_text(step.y)}"
