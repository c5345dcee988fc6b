"""Sound as bytes that come and go in pieces: raw samples, and WAV whose end is not known yet.

NumPy alone, and no seeking, so that pipes will do. Samples are float64 of shape (time, channels) in units of full
scale, as in `audio.py`: PCM of b bits holds k/2^(b−1).
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

import numpy as np

from flipslide.arrays import Array

from .audio import STREAMING
from .content import ReadError

__all__ = ["RAW", "Layout", "Wav", "chunk", "pack", "read_head", "unpack", "wav_end", "wav_head"]

#: The longest sound whose size a WAV can say.
MOST = 0xFFFFFFFF

#: What stands behind the number of the samples' form in a header that has room for speakers.
GUID = bytes.fromhex("000000001000800000aa00389b71")

EXTENSIBLE = 0xFFFE


class Layout(NamedTuple):
    """How a sample lies in bytes: u (unsigned), s (signed) or f, so many bits, the little or the big end first."""

    form: str
    bits: int
    end: str

    @property
    def size(self) -> int:
        return self.bits // 8

    @property
    def subtype(self) -> str:
        """libsndfile's name."""
        if self.form == "f":
            return "FLOAT" if self.bits == 32 else "DOUBLE"
        return "PCM_U8" if self.form == "u" else f"PCM_{self.bits}"


#: By the names that FFmpeg and SoX's users know.
RAW = {"u8": Layout("u", 8, "<")} | {
    f"{form}{bits}{word}": Layout(form, bits, end)
    for form, sizes in (("s", (16, 24, 32)), ("f", (32, 64)))
    for bits in sizes
    for word, end in (("le", "<"), ("be", ">"))
}

BY_SUBTYPE = {layout.subtype: layout for layout in RAW.values() if layout.end == "<"}


class Wav(NamedTuple):
    """What the head of a WAV says."""

    layout: Layout
    rate: int
    channels: int
    frames: int | None  # None: until it ends
    speakers: int | None


# --------------------------------------------------------------------------------- samples


def unpack(data: bytes, layout: Layout, channels: int) -> Array:
    """Whole frames as float64 in units of full scale.

    >>> unpack(bytes([0, 64, 0, 192]), RAW["s16le"], 2)
    array([[ 0.5, -0.5]])
    """
    flat = np.frombuffer(data, np.uint8)
    if layout.form == "f":
        values = flat.view(f"{layout.end}f{layout.size}").astype(np.float64)
    elif layout.form == "u":
        values = (flat.astype(np.float64) - 128) / 128
    else:
        values = _integers(flat, layout).astype(np.float64) / 2.0 ** (layout.bits - 1)
    return values.reshape(-1, channels)


def _integers(flat: Array, layout: Layout) -> Array:
    if layout.bits != 24:
        return flat.view(f"{layout.end}i{layout.size}")
    wide = np.zeros((len(flat) // 3, 4), np.uint8)
    wide[:, slice(1, 4) if layout.end == "<" else slice(0, 3)] = flat.reshape(-1, 3)
    return wide.view(f"{layout.end}i4")[:, 0] >> 8


def pack(values: Array, layout: Layout) -> bytes:
    """The bytes of samples that fit, `quantize` having rounded them.

    >>> pack(np.array([[0.5, -0.5]]), RAW["s24le"]).hex(" ")
    '00 00 40 00 00 c0'
    """
    if layout.form == "f":
        return values.astype(f"{layout.end}f{layout.size}").tobytes()
    whole = np.rint(values * 2.0 ** (layout.bits - 1)).astype(np.int64)
    if layout.form == "u":
        return (whole + 128).astype(np.uint8).tobytes()
    if layout.bits != 24:
        return whole.astype(f"{layout.end}i{layout.size}").tobytes()
    wide = whole.astype(f"{layout.end}i4").reshape(-1, 1).view(np.uint8)
    return wide[:, slice(0, 3) if layout.end == "<" else slice(1, 4)].tobytes()


# ----------------------------------------------------------------------------------- heads


def read_head(stream: BinaryIO) -> Wav:
    """The head of a WAV, up to the first sample."""
    start = _exactly(stream, 12)
    if start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        raise ReadError("this is no WAV; pipe other sound through a decoder, or say --raw s16le --rate 48000")
    form, large = b"", 0
    while True:
        name, size = struct.unpack("<4sI", _exactly(stream, 8))
        if name == b"data":
            return _wav(form, large if large and size == MOST else size)
        piece = _exactly(stream, size + size % 2)
        if name == b"fmt ":
            form = piece
        if name == b"ds64" and len(piece) >= 16:
            large = struct.unpack_from("<Q", piece, 8)[0]


def _exactly(stream: BinaryIO, n: int) -> bytes:
    data = bytearray()
    while len(data) < n:
        more = stream.read(min(n - len(data), 1 << 16))
        if not more:
            raise ReadError("the head of the WAV is cut off")
        data += more
    return bytes(data)


def _wav(form: bytes, size: int) -> Wav:
    if len(form) < 16:
        raise ReadError("the WAV does not say how its samples lie: it has no fmt chunk before them")
    tag, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", form)
    is_extensible = tag == EXTENSIBLE and len(form) >= 26
    if is_extensible:
        tag = struct.unpack_from("<H", form, 24)[0]
    layout = next((row for row in BY_SUBTYPE.values() if row.bits == bits and (row.form == "f") == (tag == 3)), None)
    if tag not in (1, 3) or layout is None or not channels or not rate or frame != channels * layout.size:
        raise ReadError(f"WAV samples of form {tag} with {bits} bits cannot be streamed; convert them to PCM or float")
    is_open = size == 0 or STREAMING <= size <= MOST
    speakers = struct.unpack_from("<I", form, 20)[0] if is_extensible else None
    return Wav(layout, rate, channels, None if is_open else size // frame, speakers)


def wav_head(wav: Wav, behind: int = 0) -> bytes:
    """A head, `behind` bytes of other chunks coming after the samples.

    Where the number of frames is not known it says the largest size, and a piece of 28 bytes that means nothing makes
    room for the sizes of `wav_end`. A size that a WAV cannot say makes an RF64.
    """
    form = chunk(b"fmt ", _form(wav))
    if wav.frames is None:
        extra = chunk(b"JUNK", bytes(28))
        return b"RIFF" + struct.pack("<I4s", MOST, b"WAVE") + extra + form + struct.pack("<4sI", b"data", MOST)
    size = wav.frames * wav.channels * wav.layout.size
    whole = 4 + len(form) + 8 + size + size % 2 + behind
    if whole <= MOST:
        return b"RIFF" + struct.pack("<I4s", whole, b"WAVE") + form + struct.pack("<4sI", b"data", size)
    extra = _large(size, whole + 36, wav.frames)
    return b"RF64" + struct.pack("<I4s", MOST, b"WAVE") + extra + form + struct.pack("<4sI", b"data", MOST)


def _form(wav: Wav) -> bytes:
    layout, frame = wav.layout, wav.channels * wav.layout.size
    tag = 3 if layout.form == "f" else 1
    rest = wav.channels, wav.rate, wav.rate * frame, frame, layout.bits
    if wav.speakers is None:
        return struct.pack("<HHIIHH", tag, *rest)
    return struct.pack("<HHIIHHHHIH", EXTENSIBLE, *rest, 22, layout.bits, wav.speakers, tag) + GUID


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data


def _large(size: int, whole: int, frames: int) -> bytes:
    return struct.pack("<4sIQQQI", b"ds64", 28, whole, size, frames, 0)


def wav_end(file: BinaryIO, wav: Wav, frames: int) -> None:
    """Put the sizes into a head that did not know them, once all is written to a file."""
    size = frames * wav.channels * wav.layout.size
    file.write(bytes(size % 2))
    before = 12 + 36 + 8 + len(_form(wav))  # up to the chunk of the samples
    whole = before + 8 + size + size % 2 - 8
    if whole > MOST:
        file.seek(0)
        file.write(b"RF64" + struct.pack("<I4s", MOST, b"WAVE") + _large(size, whole, frames))
        return
    for place, number in ((4, whole), (before + 4, size)):
        file.seek(place)
        file.write(struct.pack("<I", number))
