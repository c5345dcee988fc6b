"""What a document is made of.

Blocks hold text and the roles of cells, no colours and no markup, so that every renderer
can show each of them in its own way. All of it is immutable and becomes JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from .numbers import index_text, number_text, to_plain
from .scene import Scene

SCHEMA = "flipslide-document/1"


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Heading(NamedTuple):
    """The title of what follows."""

    text: str


class Formula(NamedTuple):
    """One formula, as a line of text and as LaTeX."""

    text: str
    latex: str


class Cell(NamedTuple):
    """One number of a grid. The role is a colour's name in `scene.py`, or "" for plain;

    `note` is a small number in the corner of its picture.
    """

    text: str
    role: str = ""
    strong: bool = False
    note: str = ""


#: Where there is no number.
EMPTY = Cell("·", "padding")


class Grid(NamedTuple):
    """A matrix with a name; a vector is one row."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


def grid_of(title: str, array: Any, role: str = "", empty: Cell = EMPTY) -> Grid:
    """Numbers as a matrix, a vector as one row; `empty` stands where there is none."""
    rows = array.tolist() if hasattr(array, "tolist") else array
    rows = rows if rows and isinstance(rows[0], list | tuple) else [rows]
    return Grid(title, tuple(tuple(empty if n is None else Cell(number_text(n), role) for n in row) for row in rows))


def grids_of(name: str, array: Any, role: str) -> Iterator[Grid]:
    """A vector, a matrix, or one matrix for each index in front of the last two."""
    fronts = list(product(*map(range, array.shape[:-2])))
    for front in fronts:
        yield grid_of(f"{name}[{index_text(front)}]" if len(fronts) > 1 else name, array[front], role)


class Grids(NamedTuple):
    """Matrices that belong side by side."""

    grids: tuple[Grid, ...]


class Table(NamedTuple):
    """A table with a header; `align` has one of "l", "r", "c" for each column."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str


class Code(NamedTuple):
    """Lines to be copied."""

    language: str
    text: str


class Frame(NamedTuple):
    """One picture of a series, the sentence under it, how long it stays in an animation, and the step that it shows."""

    scene: Scene
    sentence: str
    seconds: float = 1.6
    step: int | None = None


class Frames(NamedTuple):
    """Pictures to be stepped through; a single one is a plain picture."""

    name: str
    frames: tuple[Frame, ...]


Block = Text | Heading | Formula | Grids | Table | Code | Frames


class Document(NamedTuple):
    """A title and blocks."""

    title: str
    blocks: tuple[Block, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document as dictionaries and lists."""
        blocks = [{"kind": type(block).__name__.lower(), **to_plain(block)} for block in self.blocks]
        return {"schema": SCHEMA, "title": self.title, "blocks": blocks}
