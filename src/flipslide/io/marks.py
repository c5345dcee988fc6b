"""What a file says about its samples, in words that several formats share, and which of it a target keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["CENTIMETRES", "INCHES", "Marks", "left_out"]

#: Units of length in metres, for resolutions.
INCHES, CENTIMETRES = 0.0254, 0.01


class Marks(NamedTuple):
    """Empty where the file said nothing."""

    icc: bytes = b""  # a colour profile
    exif: bytes = b""  # as a TIFF structure, upright
    xmp: bytes = b""
    density: tuple[float, float] | None = None  # (x, y) in pixels per metre
    tags: tuple[tuple[str, str], ...] = ()  # title, artist, …, as libsndfile names them
    #: What only files of the same kind can hold: (the kind, its names for a person, the data).
    native: tuple[str, tuple[str, ...], Any] = ("", (), None)
    dropped: tuple[str, ...] = ()  # what was left out while reading

    def named(self) -> dict[str, str]:
        """Each mark that is there: its field and what a person calls it."""
        names = {
            "icc": "the colour profile",
            "exif": "EXIF",
            "xmp": "XMP",
            "density": "the resolution",
            "tags": "the tags",
        }
        return {field: name for field, name in names.items() if getattr(self, field)}


#: Which fields a kind of file keeps.
KEEPS = {
    "png": {"icc", "exif", "xmp", "density"},
    "jpeg": {"icc", "exif", "xmp", "density"},
    "tiff": {"icc", "xmp", "density"},
    "wav": {"tags"},
    "flac": {"tags"},
}


def left_out(marks: Marks, kind: str) -> str:
    """What a file of that kind cannot keep, as one line; "" if nothing."""
    names = [name for field, name in marks.named().items() if field not in KEEPS.get(kind, ())]
    if marks.native[0] != kind:
        names += _few(marks.native[1])
    return ", ".join([*names, *marks.dropped])


def _few(names: Iterable[str], most: int = 6) -> list[str]:
    names = list(dict.fromkeys(names))
    return names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
