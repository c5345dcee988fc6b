"""Files in, files out: one table from an extension to the pair that decodes and encodes it.

A codec turns bytes into a `Content` and back, so that pipes and files are the same thing,
and so that nothing is written before all of it is known to fit. Packages outside the base
install are imported on first use.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from flipslide.errors import FlipslideError

from . import audio, image, table, tiff
from .content import Content, Fitter, RangeError, ReadError, WriteError, fit
from .marks import Marks
from .marks import left_out as _left_out
from .pieces import Lazy, can_write_pieces, open_pieces, write_pieces

__all__ = [
    "FORMATS", "Content", "Fitter", "Format", "Lazy", "Marks", "RangeError", "ReadError", "WriteError",
    "can_write_pieces", "check_writable", "decode", "encode", "extension_of", "fit", "left_out", "open_part",
    "open_pieces", "read", "sniff", "write", "write_pieces",
]  # fmt: skip


class Format(NamedTuple):
    """One kind of file."""

    kind: str
    decode: Callable[[bytes], Content]
    encode: Callable[[Content], bytes]
    is_text: bool = False
    name: str = ""  # of the rows of `marks.KEEPS`


_JPEG = Format("image", image.decode_jpeg, image.encode_jpeg, name="jpeg")
_TIFF = Format("image", tiff.decode_tiff, tiff.encode_tiff, name="tiff")

FORMATS: dict[str, Format] = {
    ".wav": Format("audio", audio.decode, audio.encode_wav, name="wav"),
    ".flac": Format("audio", audio.decode, audio.encode_flac, name="flac"),
    ".png": Format("image", image.decode_png, image.encode_png, name="png"),
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
    """What the bytes of a file hold.

    Whatever a decoder of another package raises about a damaged file is a ReadError here.
    """
    try:
        return FORMATS[extension].decode(data)
    except FlipslideError:
        raise
    except Exception as error:  # noqa: BLE001
        raise ReadError(f"not a readable {extension} file: {_words_of(error) if data else 'it is empty'}") from None


def encode(content: Content, extension: str) -> bytes:
    """The bytes of a file; a WriteError where it cannot hold the content."""
    try:
        return FORMATS[extension].encode(content)
    except FlipslideError:
        raise
    except Exception as error:  # noqa: BLE001
        raise WriteError(f"{extension} cannot hold this {content.kind}: {_words_of(error)}") from None


def _words_of(error: Exception) -> str:
    """An exception of another package as one line."""
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__


def check_writable(content: Content, extension: str) -> None:
    """Refuse before the work what a format cannot hold: one sample of it is encoded."""
    encode(content._replace(array=_one_sample(content)), extension)


def _one_sample(content: Content) -> np.ndarray:
    """A picture of one pixel, or a sound of one sample, with all channels and pages."""
    array, details = content.array, content.details
    kept = {details.get("color")} if content.kind == "image" else {1} if content.kind == "audio" else set()
    shape = [n if dim in kept else min(n, 1) for dim, n in enumerate(array.shape)]
    return np.zeros(shape, details.get("dtype", array.dtype) if content.kind == "image" else array.dtype)


def left_out(content: Content, extension: str) -> str:
    """What the file said about its samples and one with that extension cannot keep; "" if nothing."""
    return _left_out(content.details.get("marks", Marks()), FORMATS[extension].name)


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
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def write(path: str, data: bytes, *, force: bool = False, like: str | None = None) -> None:
    """Write a whole file or none of it; an existing one only with force.

    The file is as private as `like`, the one that it was made from.
    """
    with open_part(path, force=force, like=like) as part:
        part.write(data)


@contextmanager
def open_part(path: str, *, force: bool = False, like: str | None = None) -> Iterator[BinaryIO]:
    """A file under another name, which takes the place of `path` once all is written, and is gone after an error."""
    try:
        target = Path(path).resolve()  # through a link, to the file itself
        if target.exists() and not force:
            raise WriteError(f"{path} exists; choose another name, or overwrite it with --force (-f)")
        # A device or a pipe is written to; a name that is or will be a file is replaced whole.
        is_file = target.is_file() or not target.exists()
    except ValueError as error:
        raise WriteError(f"{path}: {error}") from None
    try:
        with _replacing(target, like) if is_file else open(target, "wb") as part:
            yield part
    except FlipslideError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}") from None


@contextmanager
def _replacing(target: Path, like: str | None) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(prefix=".flipslide-", dir=target.parent)
    try:
        os.close(handle)
        with open(name, "w+b") as part:
            yield part
        os.chmod(name, _mode_of(target, like))
        os.replace(name, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _mode_of(target: Path, like: str | None) -> int:
    """An existing file's own permissions; else those of a new file, without any that `like` does not give."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    given = os.stat(like).st_mode & 0o777 | 0o600 if like and os.path.exists(like) else 0o666
    return 0o666 & ~mask & given
