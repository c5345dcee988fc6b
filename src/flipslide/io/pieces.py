"""Files too long for memory: read by slices, written piece after piece.

`open_pieces` gives the same `Content` as `read`, except that its array is read when it is sliced. What a file says
about its samples is read in the same way, from its bytes mapped into memory.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from flipslide.arrays import Array

from . import audio, pcm, tiff
from .containers import flac_head, riff_chunks
from .content import Content, ReadError, WriteError
from .marks import Marks

__all__ = ["LONG", "Lazy", "can_write_pieces", "open_pieces", "write_pieces"]

#: Bytes of float64 that a file is read whole up to.
LONG = 1 << 27

#: How much of a FLAC is copied at once.
COPIED = 1 << 20


class Lazy:
    """A shape and a dtype; the values are read when it is sliced."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))

    def __getitem__(self, places: Any) -> Array:
        raise NotImplementedError


def open_pieces(path: str, extension: str) -> Content | None:
    """What a long file holds, its array to be read in pieces; None for a short one, or one that goes by no pieces."""
    opener = {".wav": _open_wav, ".flac": _open_sound, ".tif": _open_tiff, ".tiff": _open_tiff}.get(extension)
    if opener is None or not os.path.isfile(path) or not os.path.getsize(path):
        return None
    content = opener(path)
    return content if content is not None and content.array.size * 8 > LONG else None


def can_write_pieces(content: Content, extension: str) -> bool:
    """Whether a file of that kind takes the content piece by piece."""
    if extension == ".wav":
        return content.details.get("subtype") in pcm.BY_SUBTYPE
    return extension in {"audio": (".flac", ".npy"), "image": (".tif", ".tiff", ".npy")}.get(content.kind, ())


# ------------------------------------------------------------------------------------ sound


def _mapped(path: str) -> memoryview:
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class _Sound(Lazy):
    """What libsndfile reads, from any sample on."""

    def __init__(self, path: str) -> None:
        self._file = audio.soundfile_module().SoundFile(path)
        self.details = audio.details_of(self._file, _mapped(path))
        super().__init__((self._file.frames, self._file.channels), np.float64)

    def __getitem__(self, places: Any) -> Array:
        rows, columns = places
        first, end, _ = rows.indices(self.shape[0])
        self._file.seek(first)
        samples: Array = self._file.read(max(0, end - first), dtype="float64", always_2d=True)
        if len(samples) < end - first:
            raise ReadError(f"the sound is cut off: {first + len(samples)} of {self.shape[0]} samples are there")
        return samples[:, columns]


class _Pcm(Lazy):
    """The samples of a WAV, decoded from the bytes that they are."""

    def __init__(self, path: str, start: int, wav: pcm.Wav) -> None:
        self._file, self._start, self._wav = os.open(path, os.O_RDONLY), start, wav
        self._frame = wav.channels * wav.layout.size
        frames = (os.path.getsize(path) - start) // self._frame if wav.frames is None else wav.frames
        super().__init__((frames, wav.channels), np.float64)

    def __del__(self) -> None:
        os.close(self._file)

    def __getitem__(self, places: Any) -> Array:
        rows, columns = places
        first, end, _ = rows.indices(self.shape[0])
        data = os.pread(self._file, max(0, end - first) * self._frame, self._start + first * self._frame)
        if len(data) < (end - first) * self._frame:
            raise ReadError(f"the sound is cut off within its {self.shape[0]} samples")
        return pcm.unpack(data, self._wav.layout, self._wav.channels)[:, columns]


def _open_sound(path: str) -> Content | None:
    try:
        sound: Any = _Sound(path)
    except audio.soundfile_module().LibsndfileError:
        return None  # whoever reads it whole says what is wrong
    return Content(sound, "audio", sound.details)


def _open_wav(path: str) -> Content | None:
    """Read by its bytes where these are plain samples, else by libsndfile."""
    content = _open_sound(path)
    try:
        with open(path, "rb") as file:
            wav, start = pcm.read_head(file), file.tell()
    except ReadError:
        return content
    lazy: Any = _Pcm(path, start, wav)
    return content and (content._replace(array=lazy) if lazy.shape == content.array.shape else content)


# ------------------------------------------------------------------------------------- TIFF


class _Pages(Lazy):
    """The pages of a TIFF; the one that was read last is kept."""

    def __init__(self, series: Any, file: Any, handle: BinaryIO) -> None:
        super().__init__(series.shape, series.dtype)
        self._series, self._file, self._handle = series, file, handle
        self._inner = series.keyframe.ndim
        self._kept: tuple[int, Array] = (-1, np.empty(0))

    def __del__(self) -> None:
        self._handle.close()

    def __getitem__(self, places: Any) -> Array:
        outer, inner = places[: -self._inner], places[-self._inner :]
        ranges = [range(*part.indices(n)) for part, n in zip(outer, self.shape, strict=False)]
        numbers = np.arange(len(self._series.pages)).reshape(self.shape[: -self._inner])[np.ix_(*ranges)]
        pages = [self._page(int(number))[inner] for number in numbers.ravel()]
        return np.stack(pages).reshape(numbers.shape + pages[0].shape) if pages else np.empty((0, *self.shape[1:]))

    def _page(self, number: int) -> Array:
        if self._kept[0] != number:
            self._kept = number, np.asarray(self._series.pages[number].asarray())
        return self._kept[1]


class _Mapped(Lazy):
    """Pixels that lie in the file as in an array."""

    def __init__(self, path: str, series: Any, order: str) -> None:
        super().__init__(series.shape, series.dtype)
        self._path, self._offset, self._stored = path, series.dataoffset, series.dtype.newbyteorder(order)

    def __getitem__(self, places: Any) -> Array:
        # Mapped anew each time, so that pages of the file that were read do not count as memory.
        pixels: Any = np.memmap(self._path, self._stored, "r", self._offset, self.shape)
        return np.array(pixels[places], dtype=self.dtype)


def _open_tiff(path: str) -> Content | None:
    handle = open(path, "rb")  # noqa: SIM115
    try:
        content = _read_tiff(path, handle)
    except Exception:  # noqa: BLE001
        content = None  # whoever reads it whole says what is wrong
    if content is None or not isinstance(content.array, _Pages):
        handle.close()
    return content


def _read_tiff(path: str, handle: BinaryIO) -> Content | None:
    file = tiff.tifffile_module().TiffFile(handle)
    series = file.series[0]
    tiff.check_pages(series, os.path.getsize(path))
    is_plain = len(file.series) == 1 and int(series.keyframe.tags.valueof(274, 1)) == 1
    is_contiguous = series.dataoffset is not None and series.keyframe.is_memmappable
    is_paged = len(series.pages) * int(np.prod(series.keyframe.shape)) == int(np.prod(series.shape, dtype=object))
    if not is_plain or not (is_contiguous or is_paged):
        return None
    lazy: Any = _Mapped(path, series, file.byteorder) if is_contiguous else _Pages(series, file, handle)
    return Content(lazy, "image", tiff.details_of(lazy, series, file))


# ---------------------------------------------------------------------------------- writing


def write_pieces(stream: BinaryIO, content: Content, extension: str, pieces: Iterable[Array]) -> None:
    """A file of the content's shape, dtype and details, whose values come in pieces, in the order of memory."""
    writers = {".wav": _write_wav, ".flac": _write_flac, ".tif": _write_tiff, ".tiff": _write_tiff, ".npy": _write_npy}
    writers[extension](stream, content, pieces)


def _write_wav(stream: BinaryIO, content: Content, pieces: Iterable[Array]) -> None:
    details, (frames, channels) = content.details, content.array.shape
    layout = pcm.BY_SUBTYPE[details["subtype"]]
    chunks = _chunks_of(content)
    behind = sum(8 + len(data) + len(data) % 2 for _, data in chunks)
    stream.write(pcm.wav_head(pcm.Wav(layout, details["rate"], channels, frames, details.get("speakers")), behind))
    for piece in pieces:
        stream.write(pcm.pack(piece, layout))
    stream.write(bytes(frames * channels * layout.size % 2))
    for name, data in chunks:
        stream.write(pcm.chunk(name, data) + bytes(len(data) % 2))


def _chunks_of(content: Content) -> list[tuple[bytes, bytes]]:
    """What a WAV said, or what libsndfile makes of the tags of another file."""
    marks = content.details.get("marks", Marks())
    if marks.native[0] != "wav" and marks.tags:
        silent = audio.encode_wav(content._replace(array=np.zeros((0, content.array.shape[1]))))
        return [(part.name, part.data) for part in riff_chunks(silent) if part.name in audio.WAV_KEPT]
    return marks.native[2] or [] if marks.native[0] == "wav" else []


def _write_flac(stream: BinaryIO, content: Content, pieces: Iterable[Array]) -> None:
    """libsndfile writes the sound beside, and what the file said goes before it."""
    with tempfile.TemporaryFile(dir=_folder_of(stream)) as beside:
        audio.write_sound(beside, content, "FLAC", content.array.shape[1], pieces)
        beside.seek(0)
        blocks = audio.flac_marks(content)
        with mmap.mmap(beside.fileno(), 0, access=mmap.ACCESS_READ) as data:
            head, start = flac_head(data, blocks) if blocks else (b"", 0)
        stream.write(head)
        beside.seek(start)
        shutil.copyfileobj(beside, stream, COPIED)


def _folder_of(stream: BinaryIO) -> Path | None:
    """Where a file lies that is being written; None for a pipe."""
    return None if not isinstance(getattr(stream, "name", None), str) else Path(stream.name).parent


def _write_tiff(stream: BinaryIO, content: Content, pieces: Iterable[Array]) -> None:
    shape, dtype = content.array.shape, content.array.dtype
    if 0 in shape:
        raise WriteError(f"TIFF cannot hold a picture without pixels (shape {shape})")
    options = tiff.writing_options(content)
    n_inner = 3 if content.details.get("color") is not None else 2
    pages = _paged(pieces, shape[-n_inner:], dtype)
    tiff.tifffile_module().imwrite(stream, pages, shape=shape, dtype=dtype, **options)


def _paged(pieces: Iterable[Array], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Array]:
    """The values of all pieces in pages of one shape."""
    page, filled = np.empty(shape, dtype), 0
    for piece in pieces:
        values, start = piece.ravel(), 0
        while start < len(values):
            n = min(page.size - filled, len(values) - start)
            page.ravel()[filled : filled + n] = values[start : start + n]
            filled, start = filled + n, start + n
            if filled == page.size:
                yield page
                page, filled = np.empty(shape, dtype), 0


def _write_npy(stream: BinaryIO, content: Content, pieces: Iterable[Array]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(content.array.dtype), "fortran_order": False}
    np.lib.format.write_array_header_2_0(stream, header | {"shape": content.array.shape})
    for piece in pieces:
        stream.write(np.ascontiguousarray(piece, content.array.dtype).tobytes())
