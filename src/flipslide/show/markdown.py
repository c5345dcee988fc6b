"""A document as Markdown: tables, fenced code, and the sentences of the pictures as a list."""

from __future__ import annotations

from .document import Block, Code, Document, Formula, Frames, Grid, Grids, Heading, Table, Text


def render_markdown(document: Document) -> str:
    """The whole document, in the tables that GitHub and MyST read."""
    title = [f"## {_escape(document.title)}"] if document.title else []
    return "\n\n".join([*title, *(text for text in map(_render, document.blocks) if text)]) + "\n"


def _render(block: Block) -> str:
    if isinstance(block, Text):
        return _escape(block.text)
    if isinstance(block, Formula):
        return f"$$\n{block.latex}\n$$"
    if isinstance(block, Heading):
        return f"### {_escape(block.text)}"
    if isinstance(block, Grids):
        return "\n\n".join(map(_grid, block.grids))
    if isinstance(block, Table):
        return _table(block.caption, block.header, block.rows, block.align)
    if isinstance(block, Code):
        return f"```{block.language}\n{block.text.rstrip()}\n```"
    assert isinstance(block, Frames)
    return "\n".join(f"{n}. {_escape(frame.sentence)}" for n, frame in enumerate(block.frames, 1))


def _grid(grid: Grid) -> str:
    width = max(map(len, grid.rows), default=0)
    if width == 0:
        return f"**{_escape(grid.title)}**: empty"
    rows = tuple(
        tuple(f"**{_escape(cell.text)}**" if cell.strong else _escape(cell.text) for cell in row)
        + ("",) * (width - len(row))
        for row in grid.rows
    )
    lines = [
        "| " + " | ".join([""] * width) + " |",
        "|" + "--:|" * width,
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    return f"**{_escape(grid.title)}**\n\n" + "\n".join(lines)


def _table(caption: str, header: tuple[str, ...], rows: tuple[tuple[str, ...], ...], align: str) -> str:
    rules = {"l": ":--", "r": "--:", "c": ":-:"}
    lines = [
        "| " + " | ".join(map(_escape, header)) + " |",
        "|" + "|".join(rules[side] for side in align) + "|",
        *("| " + " | ".join(map(_escape, row)) + " |" for row in rows),
    ]
    return (f"{_escape(caption)}\n\n" if caption else "") + "\n".join(lines)


def _escape(text: str) -> str:
    """The text with everything that Markdown would take for itself."""
    for sign in "\\`*_[]|<$":
        text = text.replace(sign, "\\" + sign)
    return text
