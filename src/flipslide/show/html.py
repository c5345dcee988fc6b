"""A document as HTML in three layers, each of which survives the loss of the next.

Real tables with the arithmetic as text; then the drawings, inline, colours as attributes;
then a small script that turns a series of drawings into a stepper for mouse, touch and
keyboard. Nothing is fetched from anywhere, and nothing moves until it is asked to.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from importlib import resources

from .document import Block, Cell, Code, Document, Formula, Frame, Frames, Grid, Grids, Heading, Table, Text
from .scene import grow, style_sheet, to_svg

__all__ = ["render_block", "render_fragment", "render_page"]

PAGE = (
    "body{margin:1.5rem auto;max-width:64rem;padding:0 1rem;background:#fff}"
    "@media (prefers-color-scheme:dark){:root:not([data-theme=light]) body{background:#14181f}}"
    "@media (max-width:30rem){body{padding:0 .25rem}}"
)


def render_page(document: Document) -> str:
    """A page of its own."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title or 'flipslide')}</title>\n"
        f"<style>{PAGE}</style>\n</head>\n<body>\n<main>\n"
        f"{render_fragment(document)}</main>\n</body>\n</html>\n"
    )


def render_fragment(document: Document) -> str:
    """What a notebook or another page takes in: a section with its own style and script."""
    title = f"<h2>{escape(document.title)}</h2>\n" if document.title else ""
    blocks = "".join(map(render_block, document.blocks))
    script = f"<script>{_asset('stepper.js')}</script>\n" if _needs_script(document) else ""
    return (
        f'<section class="fs">\n<style>{_asset("page.css")}{style_sheet()}</style>\n{title}{blocks}{script}</section>\n'
    )


@lru_cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8").strip()


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
        return f'<div class="fs-grids">\n{"".join(map(_grid, block.grids))}</div>\n'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        return f'<pre><code class="language-{escape(block.language)}">{escape(block.text.rstrip())}</code></pre>\n'
    return _frames(block)


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
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    rows = "".join(
        "<tr>"
        + "".join(f'<td align="{side}">{escape(text)}</td>' for text, side in zip(row, sides, strict=True))
        + "</tr>\n"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="fs-scroll"><table class="fs-table">{caption}\n<thead><tr>{header}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>\n"
    )


def _frames(block: Frames) -> str:
    if len(block.frames) == 1:
        return f'<figure class="fs-figure">\n{_frame(block.frames[0])}</figure>\n'
    # All as large as the largest, so that nothing jumps from step to step.
    width, height = (max(getattr(frame.scene, side) for frame in block.frames) for side in ("width", "height"))
    frames = (frame._replace(scene=grow(frame.scene, width, height)) for frame in block.frames)
    return (
        f'<figure class="fs-figure fs-frames" aria-label="{escape(block.name)}">\n'
        f"{''.join(map(_frame, frames))}</figure>\n"
    )


def _frame(frame: Frame) -> str:
    tween = " fs-tween" if frame.seconds < 0.5 else ""
    svg = to_svg(frame.scene, "light")
    return (
        f'<div class="fs-frame{tween}" data-seconds="{frame.seconds:g}"><div class="fs-scroll">{svg}</div>'
        f'<p class="fs-sentence">{escape(frame.sentence)}</p></div>\n'
    )
