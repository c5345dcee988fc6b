"""What a file says about its samples, in words that several formats share, and which of it a target keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["CENTIMETRES", "INCHES", "Marks", "left_out"]

#: Units of length in metres, for resolutions.
INCHES, CENTIMETRES = 0.0254, 0.01


#: The pieces of a sound that name samples by their number.
PLACES: dict[str, tuple[object, ...]] = {"wav": (b"cue ", b"smpl", b"plst"), "flac": (5,)}


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

    def thinned(self, strides: dict[int, int], axes: tuple[int, int]) -> Marks:
        """The marks of a picture of which every so many-th row and column is kept."""
        steps = strides.get(axes[1], 1), strides.get(axes[0], 1)
        density = self.density and (self.density[0] / steps[0], self.density[1] / steps[1])
        if self.native[0] != "tiff" or max(steps) == 1:
            return self._replace(density=density)
        said = self.native[2]
        lost = () if density or not said.get("resolution") else ("the resolution",)
        native = (*self.native[:2], {**said, "resolution": None})
        return self._replace(density=density, native=native, dropped=(*self.dropped, *lost))

    def without_places(self) -> Marks:
        """Without what names samples by their number: the result counts them otherwise."""
        kind, _, pieces = self.native
        if kind not in PLACES:
            return self
        kept = [piece for piece in pieces if piece[0] not in PLACES[kind]]
        lost = () if len(kept) == len(pieces) else ("cue points and loops",)
        names = tuple(name for name in self.native[1] if name not in ("cue points", "loops", "the cue sheet"))
        return self._replace(native=(kind, names, kept), dropped=(*self.dropped, *lost))

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
