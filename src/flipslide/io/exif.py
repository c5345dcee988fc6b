"""The orientation of a photograph: read from its EXIF block, applied to the pixels, and set upright in the block."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from flipslide.arrays import Array

__all__ = ["orientation_of", "turn", "upright"]

ORIENTATION = 0x0112

#: By the number in the tag: whether rows and columns change places, then which of them run backwards.
TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def turn(array: Array, orientation: int, axes: tuple[int, int] = (0, 1)) -> Array:
    """The picture as it is to be seen. `axes` are its rows and columns.

    >>> turn(np.array([[1, 2, 3], [4, 5, 6]]), 6)
    array([[4, 1],
           [5, 2],
           [6, 3]])
    """
    if orientation not in TURNS:
        return array
    exchanged, *backwards = TURNS[orientation]
    array = np.swapaxes(array, *axes) if exchanged else array
    flipped = tuple(axis for axis, is_backward in zip(axes, backwards, strict=True) if is_backward)
    return np.flip(array, flipped)


class _Place(NamedTuple):
    """Where the first directory of an EXIF block keeps what is changed here."""

    order: str  # of bytes: "<" or ">"
    value: int  # of the orientation; 0 if there is none
    following: int  # the offset of the next directory, which has the thumbnail


def _find(exif: bytes) -> _Place | None:
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(order + "H", exif, start)
    end = start + 2 + 12 * count
    if end + 4 > len(exif):
        return None
    entries = range(start + 2, end, 12)
    tagged = (place for place in entries if struct.unpack_from(order + "H", exif, place)[0] == ORIENTATION)
    return _Place(order, next(tagged, -8) + 8, end)


def orientation_of(exif: bytes) -> int:
    """1 … 8; 1, upright, where the block does not say or is damaged."""
    place = _find(exif)
    if place is None or not place.value:
        return 1
    number = int(struct.unpack_from(place.order + "H", exif, place.value)[0])
    return number if number in TURNS else 1


def upright(exif: bytes) -> bytes:
    """The block with orientation 1 and without its thumbnail, which would show the picture as it was."""
    place = _find(exif)
    if place is None:
        return b""
    changed = bytearray(exif)
    if place.value:
        struct.pack_into(place.order + "H", changed, place.value, 1)
    struct.pack_into(place.order + "I", changed, place.following, 0)
    return bytes(changed)
