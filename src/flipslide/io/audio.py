"""Sound: .wav and .flac, through libsndfile. Samples are float64 of shape (time, channels).

PCM of b bits holds k/2^(b−1) for the integers −2^(b−1) … 2^(b−1) − 1. It is quantised here,
half to even, and handed over as the integers themselves: libsndfile's own conversion from
floats multiplies by 2^(b−1) − 1, so that a file read and written would not be the same file.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from flipslide.arrays import Array

from .content import Content, RangeError, ReadError, WriteError, fit, missing

__all__ = ["decode", "encode_flac", "encode_wav", "quantize"]

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FLOATS: dict[str, np.dtype[Any]] = {"FLOAT": np.dtype(np.float32), "DOUBLE": np.dtype(np.float64)}


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError:
        raise missing("audio", "soundfile") from None
    return soundfile


def decode(data: bytes) -> Content:
    """(time, channels) in units of full scale, with "rate" and "subtype" as the file says."""
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            details = {"rate": file.samplerate, "subtype": file.subtype}
            return Content(file.read(dtype="float64", always_2d=True), "audio", details)
    except soundfile.LibsndfileError as error:
        raise ReadError(f"not a readable sound: {error.error_string}") from None


def quantize(values: Array, subtype: str, policy: str) -> tuple[Array, str]:
    """`values` as the subtype holds them, still in units of full scale, and what was lost.

    >>> quantize(np.array([0.5, 2.0]), "PCM_16", "clip")[0]
    array([0.5       , 0.99996948])
    """
    if subtype in FLOATS:
        fitted, lost = fit(values, FLOATS[subtype], policy)
        return fitted.astype(np.float64), lost
    _refuse_nan(values)
    scale = float(2 ** (BITS[subtype] - 1)) if subtype in BITS else 1.0
    whole = np.rint(values * scale) if subtype in BITS else values
    top = scale - 1 if subtype in BITS else 1.0
    return np.clip(whole, -scale, top) / scale, _too_loud(whole, -scale, top, scale, policy)


def _refuse_nan(values: Array) -> None:
    if np.isnan(values).any():
        raise RangeError(f"{int(np.isnan(values).sum())} of {values.size} samples are NaN, which a sound cannot hold")


def _too_loud(whole: Array, low: float, top: float, scale: float, policy: str) -> str:
    count = int(np.count_nonzero((whole < low) | (whole > top)))
    if not count:
        return ""
    peak = float(np.max(np.abs(whole))) / scale
    found = f"{count} of {whole.size} samples exceed full scale (peak {peak:.3g}, {20 * np.log10(peak):+.1f} dB)"
    if policy == "error":
        raise RangeError(f"{found}; multiply the kernel by {top / scale / peak:.3g} or less")
    return f"{found} and were clipped"


def encode_wav(content: Content) -> bytes:
    return _encode(content, "WAV")


def encode_flac(content: Content) -> bytes:
    return _encode(content, "FLAC")


def _encode(content: Content, container: str) -> bytes:
    soundfile = _soundfile()
    subtype, rate = content.details["subtype"], content.details["rate"]
    if not soundfile.check_format(container, subtype):
        raise WriteError(f".{container.lower()} cannot hold samples of subtype {subtype}; write to the source's format")
    stream = io.BytesIO()
    soundfile.write(stream, _as_stored(content.array, subtype), rate, subtype=subtype, format=container)
    return stream.getvalue()


def _as_stored(values: Array, subtype: str) -> Array:
    """PCM as the top bits of 32-bit integers, which libsndfile stores without touching them."""
    if subtype not in BITS:
        return values
    whole = np.rint(values * float(2 ** (BITS[subtype] - 1))).astype(np.int32)
    return np.asarray(whole << np.int32(32 - BITS[subtype]))
