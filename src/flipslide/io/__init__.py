"""Files in, files out: one table from an extension to the pair that decodes and encodes it.

A codec turns bytes into a `Content` and back, so that pipes and files are the same thing,
and so that nothing is written before all of it is known to fit. Packages outside the base
install are imported on first use.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import audio, image, table
from .content import Content, RangeError, ReadError, WriteError, fit

__all__ = [
    "FORMATS", "Content", "Format", "RangeError", "ReadError", "WriteError",
    "decode", "encode", "extension_of", "fit", "read", "sniff", "write",
]  # fmt: skip


class Format(NamedTuple):
    """One kind of file."""

    kind: str
    decode: Callable[[bytes], Content]
    encode: Callable[[Content], bytes]
    is_text: bool = False


_JPEG = Format("image", image.decode_jpeg, image.encode_jpeg)
_TIFF = Format("image", image.decode_tiff, image.encode_tiff)

FORMATS: dict[str, Format] = {
    ".wav": Format("audio", audio.decode, audio.encode_wav),
    ".flac": Format("audio", audio.decode, audio.encode_flac),
    ".png": Format("image", image.decode_png, image.encode_png),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".npy": Format("table", table.decode_npy, table.encode_npy),
    ".csv": Format("table", table.decode_csv, table.encode_csv, is_text=True),
    ".tsv": Format("table", table.decode_tsv, table.encode_tsv, is_text=True),
}

#: How a stream without a name begins. Anything else is taken for a table in text.
_BEGINNINGS = (
    (b"\x93NUMPY", ".npy"), (b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"),
    (b"II*\x00", ".tif"), (b"MM\x00*", ".tif"), (b"II+\x00", ".tif"), (b"MM\x00+", ".tif"),
)  # fmt: skip


def extension_of(path: str) -> str:
    """The extension of a path, in lower case, if the table has it."""
    extension = Path(path).suffix.lower()
    if extension not in FORMATS:
        raise ReadError(f"{path}: files ending in {extension!r} are not known; use one of {', '.join(FORMATS)}")
    return extension


def sniff(data: bytes) -> str:
    """The extension that a stream would have had.

    >>> sniff(b"fLaC..."), sniff(b"1,2,3")
    ('.flac', '.csv')
    """
    return next((extension for begin, extension in _BEGINNINGS if data.startswith(begin)), ".csv")


def decode(data: bytes, extension: str) -> Content:
    return FORMATS[extension].decode(data)


def encode(content: Content, extension: str) -> bytes:
    return FORMATS[extension].encode(content)


def read(path: str) -> Content:
    """What a file holds.

    Raises
    ------
    ReadError
        It cannot be opened or decoded; the message begins with its path.
    MissingExtraError
    """
    extension = extension_of(path)
    try:
        return decode(Path(path).read_bytes(), extension)
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from None
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from None


def write(path: str, data: bytes, *, force: bool = False) -> None:
    """Write a whole file or none of it; an existing one only with force."""
    target = Path(path).resolve()  # through a link, to the file itself
    try:
        if target.exists() and not force:
            raise WriteError(f"{path} exists; choose another name, or overwrite it with --force (-f)")
        # A device or a pipe is written to; a name that is or will be a file is replaced whole.
        _replace(target, data) if target.is_file() or not target.exists() else target.write_bytes(data)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}") from None


def _replace(target: Path, data: bytes) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
