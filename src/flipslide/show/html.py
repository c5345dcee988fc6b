"""A document as HTML in three layers, each of which survives the loss of the next.

Real tables with the arithmetic as text; then the drawings, inline, colours as attributes; then a small script
that turns a series of drawings into a stepper for mouse, touch and keyboard. Of a series the
last drawing is there and all sentences; the script has each item of the others once, with the drawings
that show it. Nothing is fetched from anywhere, and nothing moves until it is asked to.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from importlib import resources
from typing import Any

from .document import Block, Cell, Code, Document, Formula, Frames, Grid, Grids, Heading, Table, Text
from .motion import Span, spans_of
from .scene import Label, Line, Motion, Rect, Scene, grow
from .svg import page_sheet, to_svg

PAGE = (
    "body{margin:1.5rem auto;max-width:64rem;padding:0 1rem;background:#fff}"
    "@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]) body{background:#14181f}}"
    "@media (max-width:30rem){body{padding:0 .25rem}}"
)


def render_page(document: Document) -> str:
    """A page of its own."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title or 'flipslide')}</title>\n"
        f"<style>{PAGE}</style>\n</head>\n<body>\n<main>\n"
        f"{render_fragment(document, 'h1')}</main>\n</body>\n</html>\n"
    )


def render_fragment(document: Document, heading: str = "h2") -> str:
    """What a notebook or another page takes in: a section with its own style and script."""
    name = document.title or ("flipslide" if heading == "h1" else "")
    title = f"<{heading}>{escape(name)}</{heading}>\n" if name else ""
    blocks = "".join(map(render_block, document.blocks))
    script = f"<script>{_asset('stepper.js')}</script>\n" if _needs_script(document) else ""
    return f'<section class="fs">\n<style>{style()}</style>\n{title}{blocks}{script}</section>\n'


def style() -> str:
    """The rules of sections and drawings, light and dark."""
    return page_sheet() + _asset("page.css")


@lru_cache
def _asset(name: str) -> str:
    """A file beside this one, without what only its readers need."""
    text = resources.files(__package__).joinpath(name).read_text("utf-8")
    return re.sub(r"^\s*(//.*)?\n?", "", text, flags=re.M).strip()


def _needs_script(document: Document) -> bool:
    return any(isinstance(block, Frames) and len(block.frames) > 1 for block in document.blocks)


def render_block(block: Block) -> str:
    """One block of a section."""
    if isinstance(block, Text):
        return f"<p>{escape(block.text)}</p>\n"
    if isinstance(block, Formula):
        return f'<p class="fs-formula">{escape(block.text)}</p>\n'
    if isinstance(block, Heading):
        return f"<h3>{escape(block.text)}</h3>\n"
    if isinstance(block, Grids):
        name = escape(", ".join(grid.title for grid in block.grids))
        return f'<div class="fs-grids" {_scrolls(name)}>\n{"".join(map(_grid, block.grids))}</div>\n'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        return f'<pre><code class="language-{escape(block.language)}">{escape(block.text.rstrip())}</code></pre>\n'
    return _frames(block)


def _scrolls(name: str) -> str:
    """What a region that may have to be scrolled needs, for those who have no pointer."""
    return f'tabindex="0" role="group" aria-label="{name}"'


def _grid(grid: Grid) -> str:
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in grid.rows if row)
    # A caption of the table itself would be folded to the width of the matrix.
    title = escape(grid.title)
    table = f'<table class="fs-grid" aria-label="{title}"><tbody>{rows}</tbody></table>'
    return f'<figure class="fs-matrix"><figcaption>{title}</figcaption>{table}</figure>\n'


def _cell(cell: Cell) -> str:
    """A cell keeps its colour as an attribute where style sheets are removed."""
    text = f"<b>{escape(cell.text)}</b>" if cell.strong else escape(cell.text)
    return f'<td class="fs-c-{cell.role or "plain"}">{text}</td>'


def _table(table: Table) -> str:
    sides = [{"l": "left", "r": "right", "c": "center"}[side] for side in table.align]
    cells = (f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in table.header)
    header = f"<thead><tr>{''.join(cells)}</tr></thead>\n" if any(table.header) else ""
    rows = "".join(
        "<tr>"
        + "".join(f'<td align="{side}">{escape(text)}</td>' for text, side in zip(row, sides, strict=True))
        + "</tr>\n"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="fs-scroll" {_scrolls(escape(table.caption or "table"))}><table class="fs-table">{caption}\n'
        f"{header}<tbody>\n{rows}</tbody></table></div>\n"
    )


def _frames(block: Frames) -> str:
    # All as large as the largest, so that nothing jumps from step to step.
    width, height = (max(getattr(frame.scene, side) for frame in block.frames) for side in ("width", "height"))
    scenes = [grow(frame.scene, width, height) for frame in block.frames]
    name, last = escape(block.name), block.frames[-1]
    picture = f'<div class="fs-scroll" {_scrolls(f"picture: {name}")}>{to_svg(scenes[-1], "page")}</div>\n'
    if len(scenes) == 1:
        sentence = f'<p class="fs-sentence">{escape(last.sentence)}</p>\n' if last.sentence else ""
        return f'<figure class="fs-figure">\n{picture}{sentence}</figure>\n'
    sentences = "".join(f'<li data-seconds="{f.seconds:g}">{escape(f.sentence)}</li>\n' for f in block.frames)
    return (
        f'<figure class="fs-figure fs-frames" aria-label="{name}, step by step">\n{picture}'
        f'<ol class="fs-all">\n{sentences}</ol>\n'
        f'<script type="application/json">{_changes(scenes)}</script>\n</figure>\n'
    )


# ------------------------------------------------------------------ a series, as what changes


def _changes(scenes: Sequence[Scene]) -> str:
    """JSON: `styles`, and for each item [style, first scene, last scene, where it is, what it says, its key]."""
    styles: dict[tuple[Any, ...], int] = {}
    spans = spans_of(scenes)
    uses = Counter(_key(span) for span in spans)
    keys = {key: n for n, key in enumerate((key for key, count in uses.items() if key and count > 1), 1)}
    items = []
    for span in spans:
        style, place = _parts(span)
        key = _key(span)
        items.append([
            styles.setdefault(style, len(styles)), span.first, span.last, *place, *([keys[key]] if key in keys else [])
        ])  # fmt: skip
    text = json.dumps({"styles": list(styles), "items": items}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("</", "<\\/")


def _key(span: Span) -> tuple[type, str] | None:
    motion: Motion | None = getattr(span.item, "motion", None)
    return (type(span.item), motion.key) if motion else None


def _parts(span: Span) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What items have in common, beginning with their kind, and what is each one's own."""
    item = span.item
    if isinstance(item, Rect):
        sides = _short(item.width), _short(item.height)
        style = "r", _motion(item.motion), *sides, item.fill, item.line, item.weight, int(item.hatched), item.radius
        return style, _at(item.x, item.y)
    if isinstance(item, Label):
        look = "t", _motion(item.motion), item.ink, _short(item.size), item.anchor, int(item.bold)
        return look, (*_at(item.x, item.y), item.text)
    if isinstance(item, Line):
        ends = (*_at(item.x1, item.y1), *_at(item.x2, item.y2))
        return ("l", _motion(item.motion), item.ink, item.weight, int(item.arrow), int(item.dashed)), ends
    points = " ".join(f"{_short(x)},{_short(y)}" for x, y in item.points)
    return ("p", None, item.ink, item.weight, item.fill), (points,)


def _motion(motion: Motion | None) -> tuple[float, ...] | None:
    """[phase, dx, dy, lift]."""
    return tuple(map(_short, motion[1:])) if motion else None


def _at(*places: float) -> tuple[float, ...]:
    return tuple(map(_short, places))


def _short(number: float) -> float:
    """One decimal at most, and none that is a zero."""
    rounded = round(number, 1)
    return int(rounded) if rounded == int(rounded) else rounded
