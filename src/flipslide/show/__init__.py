"""What is shown to people: documents made of blocks, and one renderer for each format.

`document.py` says what a document is made of, `scene.py` what a drawing is made of; the
other files turn them into text, Markdown, LaTeX, SVG, HTML and pictures. Nothing here knows
what a convolution is, and nothing here computes.
"""

from __future__ import annotations

from .document import (
    Block,
    Cell,
    Code,
    Document,
    Formula,
    Frame,
    Frames,
    Grid,
    Grids,
    Heading,
    Table,
    Text,
    grid_of,
    grids_of,
)  # fmt: skip
from .scene import Label, Line, Path, Rect, Scene
from .shown import FORMATS, Shown

__all__ = [
    "FORMATS", "Block", "Cell", "Code", "Document", "Formula", "Frame", "Frames", "Grid", "Grids", "Heading", "Label",
    "Line", "Path", "Rect", "Scene", "Shown", "Table", "Text", "grid_of", "grids_of",
]  # fmt: skip
