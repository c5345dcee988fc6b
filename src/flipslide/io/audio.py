"""Sound: .wav and .flac, through libsndfile. Samples are float64 of shape (time, channels).

PCM of b bits holds k/2^(b−1) for the integers −2^(b−1) … 2^(b−1) − 1. It is quantised here,
half to even, and handed over as the integers themselves: libsndfile's own conversion from
floats multiplies by 2^(b−1) − 1, so that a file read and written would not be the same file.

Tags, cue points, broadcast data, pictures and speaker positions are put into the result as they were.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from flipslide.arrays import Array

from .containers import Block, Chunk, flac_blocks, join_flac, join_riff, riff_chunks
from .content import Content, RangeError, ReadError, WriteError, check_size, fit, missing
from .marks import Marks

__all__ = [
    "Quantizer", "decode", "details_of", "encode_flac", "encode_wav", "flac_marks", "quantize", "soundfile_module",
    "write_sound",
]  # fmt: skip

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FLOATS: dict[str, np.dtype[Any]] = {"FLOAT": np.dtype(np.float32), "DOUBLE": np.dtype(np.float64)}

#: Chunks of a RIFF file that say something about the sound, and what a person calls them.
WAV_KEPT = {
    b"LIST": "INFO tags", b"cue ": "cue points", b"bext": "broadcast data", b"smpl": "loops", b"inst": "the instrument",
    b"iXML": "iXML", b"axml": "axml", b"id3 ": "ID3 tags", b"ID3 ": "ID3 tags", b"acid": "acid data", b"chna": "chna",
    b"cart": "cart data", b"plst": "the playlist", b"note": "notes", b"labl": "labels", b"_PMX": "XMP",
}  # fmt: skip

#: Metadata blocks of a FLAC file: application data, comments, the cue sheet, pictures.
FLAC_KEPT = {2: "application data", 4: "comments", 5: "the cue sheet", 6: "pictures"}

#: libsndfile's names of tags that both formats have.
TAGS = ("title", "copyright", "artist", "comment", "date", "album", "license", "tracknumber", "genre")

#: Sizes that programs write while they do not know how long a stream will be; these are no promise.
STREAMING = 0x7FFF0000


def soundfile_module() -> Any:
    try:
        import soundfile
    except ImportError:
        raise missing("audio", "soundfile") from None
    return soundfile


# --------------------------------------------------------------------------------- reading


def decode(data: bytes) -> Content:
    """(time, channels) in units of full scale, with "rate" and "subtype" as the file says."""
    with soundfile_module().SoundFile(io.BytesIO(data)) as file:
        check_size(8 * file.frames * file.channels, len(data))
        return Content(_read(file), "audio", details_of(file, data))


def details_of(file: Any, data: Any) -> dict[str, Any]:
    """What the file says about its samples; an error where some are missing. `data` are its bytes."""
    chunks = riff_chunks(data)
    _check_complete(chunks)
    tags = tuple((name, text) for name in TAGS if (text := getattr(file, name)))
    details = {"rate": file.samplerate, "subtype": file.subtype, "marks": _marks(data, chunks, tags)}
    return details | {"speakers": _speakers(chunks)}


def _check_complete(chunks: list[Chunk]) -> None:
    """No samples are missing that the header promises."""
    for chunk in chunks:
        if chunk.name == b"data":
            if chunk.is_cut and chunk.stated < STREAMING:
                raise ReadError(f"the sound is cut off: {len(chunk.data)} of {chunk.stated} bytes of samples are there")
            if not chunk.stated and chunk is not chunks[-1]:
                raise ReadError("the header says that there are no samples, and more follows: it was never finished")
            return


def _read(file: Any) -> Array:
    samples: Array = file.read(file.frames, dtype="float64", always_2d=True)
    if len(samples) < file.frames and file.frames < STREAMING:
        raise ReadError(f"the sound is cut off: {len(samples)} of {file.frames} samples are there")
    return samples


def _marks(data: bytes, chunks: list[Chunk], tags: tuple[tuple[str, str], ...]) -> Marks:
    if data[:4] == b"fLaC":
        blocks = [Block(kind, bytes(piece)) for kind, piece in flac_blocks(data)[0] if kind in FLAC_KEPT]
        named = tuple(FLAC_KEPT[block.kind] for block in blocks if block.kind != 4)
        return Marks(tags=tags, native=("flac", named, blocks))
    kept = [(chunk.name, bytes(chunk.data)) for chunk in chunks if chunk.name in WAV_KEPT and not chunk.is_cut]
    named = tuple(WAV_KEPT[name] for name, piece in kept if not piece.startswith(b"INFO"))
    return Marks(tags=tags, native=("wav", named, kept))


def _speakers(chunks: list[Chunk]) -> int | None:
    """Which channel belongs to which speaker, as bits; None where the file does not say."""
    head = next((chunk.data for chunk in chunks if chunk.name == b"fmt "), b"")
    is_extensible = len(head) >= 40 and head[:2] == b"\xfe\xff"
    return int(struct.unpack_from("<I", head, 20)[0]) if is_extensible else None


# -------------------------------------------------------------------------------- fitting


def quantize(values: Array, subtype: str, policy: str) -> tuple[Array, str]:
    """`values` as the subtype holds them, still in units of full scale, and what was lost.

    >>> quantize(np.array([0.5, 2.0]), "PCM_16", "clip")[0]
    array([0.5       , 0.99996948])
    """
    quantizer = Quantizer(subtype, policy)
    return quantizer(values), quantizer.lost()


class Quantizer:
    """The same for samples that come in pieces; what was lost is told of all of them."""

    def __init__(self, subtype: str, policy: str) -> None:
        self._subtype, self.policy = subtype, policy
        self._bits = BITS.get(subtype, 0)
        self._scale = 2.0 ** (self._bits - 1) if self._bits else 1.0
        self._top = self._scale - 1 if self._bits else 1.0
        self._count, self._size, self._peak, self._lost = 0, 0, 0.0, ""

    def __call__(self, values: Array) -> Array:
        if self._subtype in FLOATS:
            fitted, lost = fit(values, FLOATS[self._subtype], self.policy)
            self._lost = lost or self._lost
            return fitted.astype(np.float64)
        _refuse_nan(values)
        whole = np.rint(values * self._scale) if self._bits else values
        self._count += int(np.count_nonzero((whole < -self._scale) | (whole > self._top)))
        self._size += whole.size
        self._peak = max(self._peak, float(np.max(np.abs(whole), initial=0)) / self._scale)
        return np.clip(whole, -self._scale, self._top) / self._scale

    def lost(self) -> str:
        """How many samples exceeded full scale, and by how much; an error if that is not allowed."""
        if not self._count:
            return self._lost
        peak = self._peak
        level = f"peak {peak:.3g}, {20 * np.log10(peak):+.1f} dB"
        found = f"{self._count} of {self._size} samples exceed full scale ({level})"
        if self.policy == "error":
            raise RangeError(
                f"{found}; multiply the kernel by {self._top / self._scale / peak:.3g} or less, or pass --normalize. "
                "--range clip cuts them off, -o OUT.npy keeps them"
            )
        return f"{found} and were clipped"


def _refuse_nan(values: Array) -> None:
    if np.isnan(values).any():
        count = int(np.isnan(values).sum())
        raise RangeError(f"{count} of {values.size} samples are NaN, which a sound cannot hold; -o OUT.npy keeps them")


# -------------------------------------------------------------------------------- writing


def encode_wav(content: Content) -> bytes:
    details = content.details
    is_extensible = details.get("speakers") is not None
    data = _encode(content, "WAVEX" if is_extensible and details["subtype"] in _wavex_subtypes() else "WAV")
    if is_extensible:
        data = _with_speakers(data, details["speakers"])
    marks = details.get("marks", Marks())
    return join_riff(data, marks.native[2]) if marks.native[0] == "wav" and marks.native[2] else data


def _wavex_subtypes() -> Any:
    return soundfile_module().available_subtypes("WAVEX")


def _with_speakers(data: bytes, speakers: int) -> bytes:
    """The bits of the speakers at their place in the header."""
    place = data.find(b"fmt ") + 8
    if data[place : place + 2] != b"\xfe\xff":
        return data
    return data[: place + 20] + struct.pack("<I", speakers) + data[place + 24 :]


def encode_flac(content: Content) -> bytes:
    data = _encode(content, "FLAC")
    blocks = flac_marks(content)
    return join_flac(data, blocks) if blocks else data


def flac_marks(content: Content) -> list[Block]:
    """The metadata blocks of a FLAC that the content was read from."""
    marks = content.details.get("marks", Marks())
    blocks: list[Block] = marks.native[2] if marks.native[0] == "flac" else []
    return blocks


def _encode(content: Content, container: str) -> bytes:
    stream = io.BytesIO()
    write_sound(stream, content, container, content.array.shape[1], [content.array])
    return stream.getvalue()


def write_sound(stream: BinaryIO, content: Content, container: str, channels: int, pieces: Iterable[Array]) -> None:
    """The pieces, put together, in one of libsndfile's containers."""
    soundfile = soundfile_module()
    subtype, rate = content.details["subtype"], content.details["rate"]
    name = container.removesuffix("EX").lower()
    if not soundfile.check_format(container, subtype):
        raise WriteError(f".{name} cannot hold samples of subtype {subtype}; write to the source's format")
    try:
        with soundfile.SoundFile(stream, "w", rate, channels, subtype, format=container) as file:
            _write_tags(file, content.details.get("marks", Marks()), name)
            for piece in pieces:
                file.write(_as_stored(piece, subtype))
    except soundfile.LibsndfileError as error:
        raise WriteError(
            f".{name} cannot hold {channels} channels of {subtype} at {rate} samples a second: {error.error_string}"
        ) from None


def _write_tags(file: Any, marks: Marks, name: str) -> None:
    """Tags of a file of the other kind; those of the same kind are put in as they were."""
    if marks.native[0] != name:
        for tag, text in marks.tags:
            setattr(file, tag, text)


def _as_stored(values: Array, subtype: str) -> Array:
    """PCM as the top bits of 32-bit integers, which libsndfile stores without touching them."""
    if subtype not in BITS:
        return values
    whole = np.rint(values * float(2 ** (BITS[subtype] - 1))).astype(np.int32)
    return np.asarray(whole << np.int32(32 - BITS[subtype]))
