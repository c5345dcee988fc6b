"""Small results as text: CSV for other programs, JSON, or lines for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["FORMAT", "picture_of", "show_rows", "signal_of"]

FORMAT = click.option("-F", "--format", "kind", type=click.Choice(["csv", "json"]), default="csv", show_default=True)


def show_rows(header: Sequence[str], rows: Sequence[Sequence[Any]], kind: str) -> str:
    """Rows under their header as CSV, or a list of objects as JSON.

    >>> show_rows(["lag", "value"], [[2, 0.5]], "csv")
    'lag,value\\n2,0.5\\n'
    """
    if kind == "json":
        return json.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=1) + "\n"
    return "".join(",".join(map(str, row)) + "\n" for row in [header, *rows])


def picture_of(content: Content, name: str) -> tuple[Array, Array | None]:
    """(grey or coloured pixels of one picture, where it is transparent)."""
    from flipslide.errors import ShapeError

    pixels = content.array
    if content.kind == "audio" or pixels.ndim not in (2, 3) or (content.kind == "image" and _is_stack(content)):
        raise ShapeError(f"{name} has shape {pixels.shape}; this takes one picture, or a table of two axes")
    if content.details.get("alpha"):
        return pixels[..., :-1], pixels[..., -1] == 0
    return pixels, None


def _is_stack(content: Content) -> bool:
    return tuple(content.details.get("axes", (0, 1))) != (0, 1)


def signal_of(content: Content, channel: int, name: str) -> Array:
    """One channel of a sound, or one column of a table."""
    from flipslide.errors import ShapeError

    array = content.array
    if content.kind == "image" or array.ndim not in (1, 2):
        raise ShapeError(f"{name} has shape {array.shape}; this takes a sound or a table, and shift takes pictures")
    columns = array[:, None] if array.ndim == 1 else array
    if not 0 <= channel < columns.shape[1]:
        raise ShapeError(f"{name} has {columns.shape[1]} channels, numbered from 0; there is no channel {channel}")
    return columns[:, channel]
