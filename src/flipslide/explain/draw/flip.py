"""The flip of w as a motion: along each axis half a turn about the middle."""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, pi, sin

from ...show import Cell, Frame, Scene
from ...show.canvas import HEIGHT, Canvas, cell_width, text_width
from ..trace import Nested, Trace
from .common import show

__all__ = ["draw_turning"]

#: How far the flip along rows and along columns has come, in half turns, frame by frame.
ONE_AXIS = ((0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (1.0, 0.0))
TWO_AXES = (*ONE_AXIS, (1.0, 0.25), (1.0, 0.5), (1.0, 0.75), (1.0, 1.0))


def draw_turning(trace: Trace) -> Iterator[Frame]:
    """w, mirrored left-right, and with two axes also up-down."""
    rows = trace.w if trace.ndim == 2 else (trace.w,)
    for turned in TWO_AXES if trace.ndim == 2 else ONE_AXIS:
        sentence = _sentence(trace, turned)
        still = all(part in (0.0, 1.0) for part in turned)
        yield Frame(_draw(rows, turned, sentence, trace.ndim), sentence, 1.4 if still else 0.18)


def _sentence(trace: Trace, turned: tuple[float, float]) -> str:
    same = "" if trace.flip_matters else " Here that changes nothing: w reads the same both ways."
    if turned == (0.0, 0.0):
        return f"Before it slides, w is flipped: {'reverse it' if trace.ndim == 1 else 'turn it by 180°'}."
    if turned == (1.0, float(trace.ndim == 2)):
        return f"w is flipped once; from here on it only slides.{same}"
    if turned == (1.0, 0.0):
        return "Mirrored left-right; now up-down."
    return "w is flipped left-right." if turned[1] == 0 else "w is flipped up-down."


def _draw(rows: Nested, turned: tuple[float, float], sentence: str, n_axes: int) -> Scene:
    texts = [[show(tap) for tap in row] for row in rows]
    width = cell_width([text for row in texts for text in row])
    n_rows, n_columns = len(rows), len(rows[0])
    done = turned == (1.0, float(n_axes == 2))
    label = "w" if turned == (0.0, 0.0) else "flipped w" if done else "flipping w"
    # One row turns as a wheel; a matrix turns over like a card, about one of its middles after the other.
    rise = float(n_rows == 1)
    squeeze = tuple(1.0 if rise else max(abs(cos(pi * part)), 0.04) for part in turned)
    room_x, room_y = n_columns * width / 2, max(n_rows * HEIGHT / 2, rise * n_columns * width / 2)
    x0, y0 = 48 + text_width("flipping w") + room_x, 20 + room_y
    canvas = Canvas()
    canvas.label(16, y0, label, "w-ink", bold=True)
    cells = [(i, j, text) for i, row in enumerate(texts) for j, text in enumerate(row)]
    for i, j, text in cells:
        u, v = (j - (n_columns - 1) / 2) * width, (i - (n_rows - 1) / 2) * HEIGHT
        x, y = x0 + u * cos(pi * turned[0]), y0 + v * cos(pi * turned[1]) + rise * u * sin(pi * turned[0])
        shown = text if min(squeeze) > 0.6 else ""
        wide, high = width * squeeze[0], HEIGHT * squeeze[1]
        canvas.cell(x - wide / 2, y - high / 2, Cell(shown, "w"), wide, high)
    canvas.reach(x0 + room_x, y0 + room_y)
    return canvas.scene("The flip of w", sentence)
