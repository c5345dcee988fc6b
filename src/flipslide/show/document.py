"""What a document is made of.

Blocks hold text and the roles of cells, no colours and no markup, so that every renderer
can show each of them in its own way. All of it is immutable and becomes JSON.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .numbers import to_plain
from .scene import Scene

__all__ = [
    "Block",
    "Cell",
    "Code",
    "Document",
    "Formula",
    "Frame",
    "Frames",
    "Grid",
    "Grids",
    "Heading",
    "Table",
    "Text",
]

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


class Grid(NamedTuple):
    """A matrix with a name; a vector is one row."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


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
