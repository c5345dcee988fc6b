"""The pieces that PNG, JPEG, RIFF and FLAC files are made of, found by their lengths and put together again.

Nothing here is decoded. Every length is checked against the bytes that are there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from .content import ReadError

__all__ = [
    "Block", "Chunk", "Segment", "flac_blocks", "flac_head", "jpeg_segments", "join_flac", "join_png", "join_riff",
    "png_chunks", "riff_chunks",
]  # fmt: skip


class Chunk(NamedTuple):
    """A named piece of a PNG or RIFF file, and how long its header says it is."""

    name: bytes
    data: bytes
    stated: int

    @property
    def is_cut(self) -> bool:
        return len(self.data) < self.stated


# ------------------------------------------------------------------------------------- PNG

PNG_START = b"\x89PNG\r\n\x1a\n"


def png_chunks(data: bytes) -> list[Chunk]:
    """The chunks of a PNG, as far as they go."""
    return list(_walk_png(data))


def _walk_png(data: bytes) -> Iterator[Chunk]:
    place = len(PNG_START)
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        yield Chunk(name, data[place + 8 : place + 8 + size], size)
        place += 12 + size


def join_png(data: bytes, extra: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG with more chunks behind its header."""
    end = len(PNG_START) + 12 + 13
    return data[:end] + b"".join(_png_chunk(*chunk) for chunk in extra) + data[end:]


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# ------------------------------------------------------------------------------------ JPEG


class Segment(NamedTuple):
    """A marker of a JPEG, 0xE1 for APP1, and what it holds."""

    marker: int
    data: bytes


#: Markers without a length: TEM, RST0 … RST7, SOI.
_BARE = {0x01, *range(0xD0, 0xD9)}


def jpeg_segments(data: bytes) -> list[Segment]:
    """The segments of a JPEG up to its end mark.

    Raises
    ------
    ReadError
        The end mark is not there: the file is cut off.
    """
    found: list[Segment] = []
    place = 2
    while place + 2 <= len(data):
        marker = data[place + 1]
        if data[place] != 0xFF or marker in (0x00, 0xFF) or marker in _BARE:
            place = _next_marker(data, place + (2 if data[place] == 0xFF and marker in _BARE else 1))
            continue
        if marker == 0xD9:
            return found
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        if size < 2:
            raise ReadError("a segment of the JPEG is damaged")
        found.append(Segment(marker, data[place + 4 : place + 2 + size]))
        place = _next_marker(data, place + 2 + size) if marker == 0xDA else place + 2 + size
    raise ReadError("the JPEG is cut off: its end is missing")


def _next_marker(data: bytes, place: int) -> int:
    """Where the compressed samples end: at 0xFF, unless 0x00 or a restart follows."""
    while (place := data.find(b"\xff", place)) >= 0:
        if place + 1 < len(data) and data[place + 1] not in (0x00, 0xFF) and data[place + 1] not in _BARE:
            return place
        place += 1
    return len(data)


# ------------------------------------------------------------------------------------ RIFF


def riff_chunks(data: Any) -> list[Chunk]:
    """The chunks of a little-endian RIFF file, as far as they go; none of another file."""
    return list(_walk_riff(data)) if data[:4] == b"RIFF" else []


def _walk_riff(data: Any) -> Iterator[Chunk]:
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        yield Chunk(name, data[place + 8 : place + 8 + size], size)
        place += 8 + size + size % 2


def join_riff(data: bytes, extra: list[tuple[bytes, bytes]]) -> bytes:
    """A RIFF file with more chunks at its end."""
    padded = data + b"\0" * (len(data) % 2)
    for name, piece in extra:
        padded += struct.pack("<4sI", name, len(piece)) + piece + b"\0" * (len(piece) % 2)
    return padded[:4] + struct.pack("<I", len(padded) - 8) + padded[8:]


# ------------------------------------------------------------------------------------ FLAC


class Block(NamedTuple):
    """A metadata block of a FLAC file: 0 is the stream's own, 4 are comments, 6 a picture."""

    kind: int
    data: bytes


def flac_blocks(data: Any) -> tuple[list[Block], int]:
    """The metadata blocks, and where the sound begins."""
    blocks, place, is_last = [], 4, data[:4] != b"fLaC"
    while not is_last and place + 4 <= len(data):
        is_last, kind = bool(data[place] & 0x80), data[place] & 0x7F
        size = int.from_bytes(data[place + 1 : place + 4], "big")
        blocks.append(Block(kind, data[place + 4 : place + 4 + size]))
        place += 4 + size
    return blocks, place


def join_flac(data: bytes, extra: list[Block]) -> bytes:
    """A FLAC file with these blocks in the place of its own of the same kinds."""
    head, start = flac_head(data, extra)
    return head + data[start:]


def flac_head(data: Any, extra: list[Block]) -> tuple[bytes, int]:
    """Its head with these blocks, and where the sound begins in `data`."""
    blocks, start = flac_blocks(data)
    kinds = {block.kind for block in extra}
    kept = [block for block in blocks if block.kind == 0 or block.kind not in kinds | {1}] + extra
    heads = (bytes([block.kind | (0x80 if block is kept[-1] else 0)]) for block in kept)
    pieces = (
        head + len(block.data).to_bytes(3, "big") + bytes(block.data) for head, block in zip(heads, kept, strict=True)
    )
    return b"fLaC" + b"".join(pieces), start
