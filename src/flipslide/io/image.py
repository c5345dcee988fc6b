"""Pictures: .png and .jpg through imagecodecs (`tiff.py` has .tif).

Arrays come as the file holds them: 8 or 16 bits, grey, RGB or RGBA, and upright: an orientation in
the EXIF block is applied to the pixels. Colour profiles, EXIF, XMP, resolutions and what else the
file says travel as `Marks`.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np

from flipslide.arrays import Array

from .containers import Chunk, Segment, join_png, jpeg_segments, png_chunks
from .content import Content, ReadError, WriteError, check_size, missing
from .exif import TURNS, orientation_of, turn, upright
from .marks import CENTIMETRES, INCHES, Marks

__all__ = ["as_shown", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png"]

#: Out of 100. At 95 libjpeg's rounding is below what an 8-bit display shows.
JPEG_QUALITY = 95

#: Chunks of a PNG that are true of the result as well. Those with colours in the samples' own format, the
#: time of the last change and what shows single pixels are not.
PNG_KEPT = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt", b"iCCP")

XMP_KEYWORD = b"XML:com.adobe.xmp\0\0\0\0\0"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
EXIF_HEAD = b"Exif\0\0"
ICC_HEAD = b"ICC_PROFILE\0"

#: Bytes of a profile in one segment of a JPEG, whose length is 16 bits.
ICC_PIECE = 65519


def _imagecodecs() -> Any:
    try:
        import imagecodecs
    except ImportError:
        raise missing("image", "imagecodecs") from None
    return imagecodecs


def _content(array: Array, has_alpha: bool, marks: Marks, orientation: int) -> Content:
    array = turn(array, orientation)
    if marks.density and TURNS.get(orientation, (False,))[0]:
        marks = marks._replace(density=marks.density[::-1])
    alpha, color = array.shape[2] - 1 if has_alpha else None, 2 if array.ndim == 3 else None
    details = {"dtype": array.dtype, "axes": (0, 1), "alpha": alpha, "color": color, "marks": marks}
    return Content(array, "image", details)


def as_shown(content: Content) -> Array:
    """The pixels as PNG and JPEG count them, the darkest 0."""
    if content.details.get("photometric") == "miniswhite":
        return np.asarray(np.iinfo(content.array.dtype).max - content.array)
    return content.array


def _checked(content: Content, name: str, dtypes: tuple[str, ...], channels: tuple[int, ...], most: int) -> Array:
    array = content.array
    if array.dtype.name not in dtypes:
        raise WriteError(f"{name} holds {' or '.join(dtypes)} and the picture is {array.dtype}; write a .tif instead")
    photometric = content.details.get("photometric", "rgb")
    if photometric not in ("rgb", "minisblack", "miniswhite"):
        raise WriteError(f"{name} holds grey and RGB and the picture is {photometric}; write a .tif instead")
    if content.details.get("planar") == "separate":
        array = np.moveaxis(array, content.details["color"], -1)
    if array.ndim == 3 and content.details.get("color", 2) is None:
        raise WriteError(f"{name} holds one picture and this is a stack of shape {array.shape}; write a .tif")
    if array.ndim not in (2, 3) or (array.shape[2] if array.ndim == 3 else 1) not in channels:
        counts = ", ".join(map(str, channels))
        raise WriteError(f"{name} holds {counts} channels, the picture's shape is {array.shape}; write a .tif")
    if 0 in array.shape:
        raise WriteError(f"{name} cannot hold a picture without pixels (shape {array.shape})")
    if max(array.shape[:2]) > most:
        raise WriteError(f"{name} holds at most {most} rows and columns, the picture's shape is {array.shape}")
    return np.ascontiguousarray(as_shown(content._replace(array=array)))


# ------------------------------------------------------------------------------------- PNG


def decode_png(data: bytes) -> Content:
    codecs, chunks = _imagecodecs(), png_chunks(data)
    head = next((chunk.data for chunk in chunks if chunk.name == b"IHDR"), b"")
    if len(head) == 13:
        width, height, depth, color = struct.unpack_from(">IIBB", head)
        check_size(width * height * (2 if depth == 16 else 1) * (1, 1, 3, 4, 2, 1, 4)[color % 7], len(data))
    array = codecs.png_decode(data)
    marks, orientation = _png_marks(chunks)
    return _content(array, array.ndim == 3 and array.shape[2] in (2, 4), marks, orientation)


def _png_marks(chunks: list[Chunk]) -> tuple[Marks, int]:
    first = {chunk.name: chunk.data for chunk in reversed(chunks)}
    exif = first.get(b"eXIf", b"")
    texts = [chunk.data for chunk in chunks if chunk.name == b"iTXt"]
    native = tuple(
        (chunk.name, chunk.data)
        for chunk in chunks
        if chunk.name in PNG_KEPT and chunk.name != b"iCCP" and not chunk.data.startswith(XMP_KEYWORD)
    )
    frames = struct.unpack_from(">I", first[b"acTL"])[0] if len(first.get(b"acTL", b"")) >= 4 else 1
    marks = Marks(
        icc=_png_profile(first.get(b"iCCP", b"")),
        exif=upright(exif),
        xmp=next((text[len(XMP_KEYWORD) :] for text in texts if text.startswith(XMP_KEYWORD)), b""),
        density=_png_density(first.get(b"pHYs", b"")),
        native=("png", tuple(name.decode("latin-1") for name, _ in native), native),
        dropped=(f"all but the first of {frames} frames",) if frames > 1 else (),
    )
    return marks, orientation_of(exif)


def _png_profile(data: bytes) -> bytes:
    _, _, packed = data.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        return inflater.decompress(packed[1:], 1 << 26) if packed else b""
    except zlib.error:
        return b""


def _png_density(data: bytes) -> tuple[float, float] | None:
    if len(data) != 9 or data[8] != 1:
        return None
    x, y = struct.unpack_from(">II", data)
    return (float(x), float(y)) if x and y else None


def encode_png(content: Content) -> bytes:
    array = _checked(content, "PNG", ("uint8", "uint16"), (1, 2, 3, 4), 2**31 - 1)
    return join_png(bytes(_imagecodecs().png_encode(array)), _png_extra(content.details.get("marks", Marks())))


def _png_extra(marks: Marks) -> list[tuple[bytes, bytes]]:
    extra: list[tuple[bytes, bytes]] = []
    if marks.icc:
        extra.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(marks.icc)))
    if marks.native[0] == "png":
        extra += marks.native[2]
    if marks.density:
        x, y = (round(per_metre) for per_metre in marks.density)
        extra.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if marks.exif:
        extra.append((b"eXIf", marks.exif))
    if marks.xmp:
        extra.append((b"iTXt", XMP_KEYWORD + marks.xmp))
    return extra


# ------------------------------------------------------------------------------------ JPEG

#: Start-of-frame markers: they hold the sizes.
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


def decode_jpeg(data: bytes) -> Content:
    codecs, segments = _imagecodecs(), jpeg_segments(data)
    frame = next((segment.data for segment in segments if segment.marker in FRAMES), b"")
    if len(frame) < 6:
        raise ReadError("not a readable JPEG: it has no picture")
    height, width, channels = struct.unpack_from(">HHB", frame, 1)
    if channels == 4:
        raise ReadError("the JPEG holds CMYK inks, whose colours depend on a printer; convert it to RGB first")
    check_size(width * height * channels, len(data))
    marks, orientation = _jpeg_marks(segments)
    return _content(codecs.jpeg8_decode(data), False, marks, orientation)


def _jpeg_marks(segments: list[Segment]) -> tuple[Marks, int]:
    exif = _first(segments, 0xE1, EXIF_HEAD)
    known = (XMP_HEAD, EXIF_HEAD, ICC_HEAD, b"JFIF\0", b"JFXX\0", b"Adobe", b"MPF\0")
    native = tuple(
        segment
        for segment in segments
        if (0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE) and not segment.data.startswith(known)
    )
    marks = Marks(
        icc=_jpeg_profile(segments),
        exif=upright(exif),
        xmp=_first(segments, 0xE1, XMP_HEAD),
        density=_jpeg_density(_first(segments, 0xE0, b"JFIF\0")),
        native=("jpeg", tuple(map(_segment_name, native)), native),
        dropped=("the further pictures of the file",) if _first(segments, 0xE2, b"MPF\0") else (),
    )
    return marks, orientation_of(exif)


def _first(segments: list[Segment], marker: int, head: bytes) -> bytes:
    found = (s.data[len(head) :] for s in segments if s.marker == marker and s.data.startswith(head))
    return next(found, b"")


def _segment_name(segment: Segment) -> str:
    return "comments" if segment.marker == 0xFE else f"APP{segment.marker - 0xE0}"


def _jpeg_profile(segments: list[Segment]) -> bytes:
    """The pieces in the order of their numbers."""
    pieces = [s.data[len(ICC_HEAD) :] for s in segments if s.marker == 0xE2 and s.data.startswith(ICC_HEAD)]
    return b"".join(piece[2:] for piece in sorted(pieces))


def _jpeg_density(data: bytes) -> tuple[float, float] | None:
    if len(data) < 7 or data[2] not in (1, 2):
        return None
    length = INCHES if data[2] == 1 else CENTIMETRES
    x, y = struct.unpack_from(">HH", data, 3)
    return (x / length, y / length) if x and y else None


def encode_jpeg(content: Content) -> bytes:
    array = _checked(content, "JPEG", ("uint8",), (1, 3), 65500)
    data = bytes(_imagecodecs().jpeg8_encode(array, level=JPEG_QUALITY))
    head, rest = data[:2], data[2:]
    if rest[:2] == b"\xff\xe0":
        rest = rest[2 + int.from_bytes(rest[2:4], "big") :]
    extra = _jpeg_extra(content.details.get("marks", Marks()))
    return head + b"".join(_segment(marker, piece) for marker, piece in extra) + rest


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data


def _jpeg_extra(marks: Marks) -> list[tuple[int, bytes]]:
    x, y = (max(1, min(65535, round(n * INCHES))) for n in marks.density or (0, 0))
    extra = [(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", 1 if marks.density else 0, x, y, 0, 0))]
    extra += [(0xE1, head + data) for head, data in ((EXIF_HEAD, marks.exif), (XMP_HEAD, marks.xmp)) if data]
    count = math.ceil(len(marks.icc) / ICC_PIECE)
    for number in range(count):
        piece = marks.icc[number * ICC_PIECE : (number + 1) * ICC_PIECE]
        extra.append((0xE2, ICC_HEAD + bytes([number + 1, count]) + piece))
    extra += marks.native[2] if marks.native[0] == "jpeg" else []
    return [(marker, data) for marker, data in extra if len(data) <= 65533]
