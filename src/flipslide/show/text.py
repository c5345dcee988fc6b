"""A document as plain text, 72 columns wide where its tables allow."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence

from .document import Block, Code, Document, Formula, Frames, Grid, Grids, Heading, Table, Text
from .numbers import compact

WIDTH = 72
GAP = " " * 6

Lines = list[str]


def render_text(document: Document) -> str:
    """The whole document. Pictures are left out: the tables beside them say the same."""
    parts = [lines for lines in map(_render, document.blocks) if lines]
    title = [document.title] if document.title else []
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in [title, *parts] if part)


def _render(block: Block) -> Lines:
    if isinstance(block, Text | Formula):
        return wrap(block.text)
    if isinstance(block, Heading):
        return [block.text, "-" * len(block.text)]
    if isinstance(block, Grids):
        room = WIDTH if len(block.grids) == 1 else WIDTH // 3
        return beside([_grid(grid, room) for grid in block.grids])
    if isinstance(block, Table):
        return wrap(block.caption) + [""] * bool(block.caption) + _table(block)
    if isinstance(block, Code):
        return ["    " + line for line in block.text.splitlines()]
    assert isinstance(block, Frames)
    return []


def _table(table: Table) -> Lines:
    """Columns as wide as they need to be; the last one wraps where the line would be too long."""
    *entries, last = zip(table.header, *table.rows, strict=True)
    left = columns(entries, table.align[:-1])
    room = WIDTH - max(map(len, left)) - 4
    width = max(map(len, last))
    if width <= room or room < 24:
        right = [_justify(entry, width, table.align[-1]) for entry in last]
        return [" " + "   ".join(pair) for pair in zip(left, right, strict=True)]
    lines = []
    for start, entry in zip(left, last, strict=True):
        first, *rest = wrap(entry, room) or [""]
        lines += [f" {start}   {first}", *(" " * (len(start) + 4) + line for line in rest)]
    return lines


def columns(entries: list[tuple[str, ...]], align: str) -> Lines:
    """Rows of entries joined, each column as wide as its widest entry.

    >>> columns([("n", "10"), ("sum", "7")], "rl")
    [' n   sum', '10   7  ']
    """
    if not entries:
        return []
    padded = [
        [_justify(entry, max(map(len, column)), side) for entry in column]
        for column, side in zip(entries, align, strict=True)
    ]
    return ["   ".join(row) for row in zip(*padded, strict=True)]


def _justify(text: str, width: int, side: str) -> str:
    return {"l": text.ljust, "r": text.rjust, "c": text.center}[side](width)


def _grid(grid: Grid, room: int) -> Lines:
    """The title over the rows, no wider than they are unless there is room."""
    texts = [[compact(cell.text) for cell in row] for row in grid.rows]
    if not any(texts):
        return [grid.title, "(empty)"]
    widths = [max(map(len, column)) for column in itertools.zip_longest(*texts, fillvalue="")]
    rows = [" ".join(text.rjust(width) for text, width in zip(row, widths, strict=False)) for row in texts]
    return [*wrap(grid.title, max(room, *map(len, rows))), *rows]


def tight_rows(grids: Sequence[Grid]) -> Lines:
    """Vectors as "name = numbers", in one line if they fit."""
    lines = [f"{grid.title} = {row_text(grid)}" for grid in grids]
    joined = GAP.join(lines)
    return [joined] if len(joined) <= WIDTH else [line for row in lines for line in wrap_behind(row)]


def row_text(grid: Grid) -> str:
    """The numbers of a vector."""
    return " ".join(compact(cell.text) for cell in grid.rows[0]) or "(empty)"


def wrap_behind(text: str) -> Lines:
    """The text in lines; those after the first stand behind its equals sign."""
    return wrap(text, WIDTH, " " * (text.find("=") + 2 if " = " in text[:16] else 4))


def tight_grids(grids: Sequence[Grid]) -> Lines:
    """Matrices side by side, all columns of one as wide as its widest, cut into panels where that is too wide."""
    return beside([_panels(grid) for grid in grids])


def _panels(grid: Grid) -> Lines:
    texts = [[compact(cell.text) for cell in row] for row in grid.rows]
    if not any(texts):
        return [grid.title, "(empty)"]
    width = max(len(text) for row in texts for text in row)
    n, fits = len(texts[0]), max((WIDTH + 1) // (width + 1), 1)
    lines = []
    for i in range(0, n, fits):
        title = f"and columns {i} to {min(i + fits, n) - 1}" if i else grid.title
        lines += ["", title, *(" ".join(text.rjust(width) for text in row[i : i + fits]) for row in texts)]
    return lines[1:]


def beside(blocks: list[Lines]) -> Lines:
    """Blocks side by side, as many in a row as fit."""
    rows: list[list[Lines]] = []
    for block in blocks:
        if rows and _width_of([*rows[-1], block]) <= WIDTH:
            rows[-1].append(block)
        else:
            rows.append([block])
    return [line for row in rows for line in ["", *_join(row)]][1:]


def _width_of(blocks: list[Lines]) -> int:
    return sum(max(map(len, block)) for block in blocks) + len(GAP) * (len(blocks) - 1)


def _join(blocks: list[Lines]) -> Lines:
    widths = [max(map(len, block)) for block in blocks]
    rows = itertools.zip_longest(*blocks, fillvalue="")
    return [GAP.join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)) for row in rows]


def wrap(text: str, width: int = WIDTH, indent: str = "", start: str = "") -> Lines:
    """The text in lines of at most that width, the first behind `start`; words and numbers are never cut."""
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


_PLAIN = {
    "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "−": "-", "·": "*", "×": "x", "Σ": "sum", "∂": "d",
    "∫": "integral", "→": "->", "←": "<-", "…": "...", "≤": "<=", "≥": ">=", "≈": "~", "τ": "tau", "°": " degrees",
    "⁻¹": "^-1", "⊙": "*", "₀": "0", "₁": "1", "₂": "2", "ᵣ": "r",
    "x̃": "x~", "ᵀ": "^T", "²": "^2", "³": "^3", "—": "-", "–": "-", "⟨": "<", "⟩": ">", "′": "'", "∗": "*", "⌿": "/",
}  # fmt: skip


def to_ascii(text: str) -> str:
    """The text in ASCII: each sign of the documents in the words that programmers use for it.

    >>> to_ascii("⌊4/2⌋ + 1 = 3, 2·x − 1")
    'floor(4/2) + 1 = 3, 2*x - 1'
    """
    for sign, plain in _PLAIN.items():
        text = text.replace(sign, plain)
    return text.encode("ascii", "replace").decode()
