"""One row that lies still, one that slides over it, and the sums that come out."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..show import Cell, Scene
from ..show.canvas import HEIGHT, Canvas, cell_width, text_width
from ..show.numbers import minus, number_text

__all__ = ["Slide", "draw_slide"]

FILLS = {"x": "x", "dy": "gradient", "w": "w", "flipped w": "w"}
TOPS = (36.0, 84.0, 164.0)


class Slide(NamedTuple):
    """What is drawn: numbers, where they lie on the ruler, and their names."""

    still_name: str
    still: list[Any]
    inside: range  # the places that are no padding
    moving_name: str
    moving: list[tuple[int, Any]]  # (place, number)
    title: str
    values: list[Any]
    names: list[str]  # under each value; "" for what lies outside
    known: list[int]
    now: int


def draw_slide(slide: Slide, sentence: str) -> Scene:
    """The window at one place."""
    texts = [minus(number_text(v)) for v in (*slide.still, *slide.values, *(v for _, v in slide.moving))]
    width, canvas = cell_width(texts), Canvas()
    left = 34 + max(text_width(name) for name in (slide.still_name, slide.moving_name, slide.title))
    names = slide.still_name, slide.moving_name, slide.title
    inks = f"{FILLS[slide.still_name]}-ink", f"{FILLS[slide.moving_name]}-ink", "gradient-ink"
    for top, name, ink in zip(TOPS, names, inks, strict=True):
        canvas.label(16, top + HEIGHT / 2, name, ink, bold=True)
    for i, value in enumerate(slide.still):
        role = FILLS[slide.still_name] if i in slide.inside else "padding"
        canvas.cell(left + i * width, TOPS[0], Cell(minus(number_text(value)), role), width)
    for i, value in slide.moving:
        canvas.cell(left + i * width, TOPS[1], Cell(minus(number_text(value)), FILLS[slide.moving_name]), width)
    _draw_window(canvas, slide, left, width)
    _draw_values(canvas, slide, left, width)
    canvas.reach(left + len(slide.still) * width, TOPS[2] + HEIGHT + 16)
    return canvas.scene(f"{slide.title} as a sliding sum", sentence)


def _draw_window(canvas: Canvas, slide: Slide, left: float, width: float) -> None:
    low, high = slide.moving[0][0], slide.moving[-1][0]
    height = TOPS[1] + HEIGHT - TOPS[0] + 6
    canvas.outline(left + low * width - 3, TOPS[0] - 3, (high - low + 1) * width + 6, height)
    middle, target = left + (low + high + 1) / 2 * width, left + (slide.now + 0.5) * width
    canvas.arrow(middle, TOPS[1] + HEIGHT + 6, target, TOPS[2] - 4)


def _draw_values(canvas: Canvas, slide: Slide, left: float, width: float) -> None:
    for i, (value, name) in enumerate(zip(slide.values, slide.names, strict=True)):
        text = minus(number_text(value)) if i in slide.known else ""
        role = "blank" if not text else "gradient" if name else "padding"
        canvas.cell(left + i * width, TOPS[2], Cell(text, role, i == slide.now), width)
        if name:
            canvas.label(left + (i + 0.5) * width, TOPS[2] + HEIGHT + 11, name, "faint", 11, "middle")
    canvas.outline(left + slide.now * width, TOPS[2], width, HEIGHT)
