"""One row that lies still, one that slides over it, and the sums that come out."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..show import Cell, Scene
from ..show.canvas import Canvas, Sheet, cell_width
from ..show.numbers import number_text
from ..show.scene import Motion, text_width

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
    canvas, names = Canvas(), (slide.still_name, slide.moving_name, slide.title)
    width = cell_width([number_text(v) for v in (*slide.still, *slide.values, *(v for _, v in slide.moving))])
    left = 34 + max(map(text_width, names))
    sheets = [Sheet(canvas, left, top, width) for top in TOPS]
    still, moving, values = sheets
    inks = f"{FILLS[slide.still_name]}-ink", f"{FILLS[slide.moving_name]}-ink", "gradient-ink"
    for sheet, name, ink in zip(sheets, names, inks, strict=True):
        canvas.label(16, sheet.y(0.5), name, ink, bold=True)
    for i, value in enumerate(slide.still):
        still.cell(0, i, Cell(number_text(value), FILLS[slide.still_name] if i in slide.inside else "padding"))
    for n, (i, value) in enumerate(slide.moving):
        moving.cell(0, i, Cell(number_text(value), FILLS[slide.moving_name]), Motion(f"tap {n}"))
    low, high = slide.moving[0][0], slide.moving[-1][0]
    canvas.outline(still.x(low) - 3, TOPS[0] - 3, (high - low + 1) * width + 6, moving.y(1) - TOPS[0] + 6,
                   key="window")  # fmt: skip
    canvas.arrow(still.x((low + high + 1) / 2), moving.y(1) + 6, values.x(slide.now + 0.5), TOPS[2] - 4)
    _draw_values(slide, values)
    canvas.reach(still.x(len(slide.still)), values.y(1) + 16)
    return canvas.scene(f"{slide.title} as a sliding sum", sentence)


def _draw_values(slide: Slide, sheet: Sheet) -> None:
    for i, (value, name) in enumerate(zip(slide.values, slide.names, strict=True)):
        known = i in slide.known
        role = "blank" if not known else "gradient" if name else "padding"
        sheet.cell(0, i, Cell(number_text(value) if known else "", role, i == slide.now))
        if name:
            sheet.under(1, i, name, 11)
    sheet.frame(0, slide.now, key="result", phase=1)
