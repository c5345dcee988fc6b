"""Pictures: .png and .jpg through imagecodecs, .tif through tifffile.

Arrays come as the file holds them: 8 or 16 bits, grey, RGB or RGBA, float TIFFs too. Only
the pixels travel: profiles, resolutions and other tags do not.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from flipslide.arrays import Array

from .content import Content, ReadError, WriteError, missing

__all__ = ["decode_jpeg", "decode_png", "decode_tiff", "encode_jpeg", "encode_png", "encode_tiff"]

#: Out of 100. At 95 libjpeg's rounding is below what an 8-bit display shows.
JPEG_QUALITY = 95

#: TIFF compressions that give back what was put in: none, LZW, Deflate (two numbers), Zstandard.
LOSSLESS = (1, 5, 8, 32946, 50000)


def _imagecodecs() -> Any:
    try:
        import imagecodecs
    except ImportError:
        raise missing("image", "imagecodecs") from None
    return imagecodecs


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError:
        raise missing("image", "tifffile") from None
    return tifffile


# ----------------------------------------------------------------------------- PNG and JPEG


def decode_png(data: bytes) -> Content:
    codecs = _imagecodecs()
    try:
        array = codecs.png_decode(data)
    except (codecs.PngError, ValueError) as error:
        raise ReadError(f"not a readable PNG: {error}") from None
    return _content(array, array.ndim == 3 and array.shape[2] in (2, 4))


def encode_png(content: Content) -> bytes:
    array = _checked(content, "PNG", ("uint8", "uint16"), (1, 2, 3, 4))
    return bytes(_imagecodecs().png_encode(array))


def decode_jpeg(data: bytes) -> Content:
    codecs = _imagecodecs()
    try:
        return _content(codecs.jpeg8_decode(data), False)
    except (codecs.Jpeg8Error, ValueError) as error:
        raise ReadError(f"not a readable JPEG: {error}") from None


def encode_jpeg(content: Content) -> bytes:
    array = _checked(content, "JPEG", ("uint8",), (1, 3))
    return bytes(_imagecodecs().jpeg8_encode(array, level=JPEG_QUALITY))


def _content(array: Array, has_alpha: bool) -> Content:
    return Content(array, "image", {"dtype": array.dtype, "axes": (0, 1), "alpha": has_alpha})


def _checked(content: Content, name: str, dtypes: tuple[str, ...], channels: tuple[int, ...]) -> Array:
    array = content.array
    if array.dtype.name not in dtypes:
        raise WriteError(f"{name} holds {' or '.join(dtypes)} and the picture is {array.dtype}; write a .tif instead")
    if array.ndim not in (2, 3) or (array.shape[2] if array.ndim == 3 else 1) not in channels:
        counts = ", ".join(map(str, channels))
        raise WriteError(f"{name} holds {counts} channels, the picture's shape is {array.shape}; write a .tif")
    if 0 in array.shape:
        raise WriteError(f"{name} cannot hold a picture without pixels (shape {array.shape})")
    return np.ascontiguousarray(array)


# ------------------------------------------------------------------------------------- TIFF


def decode_tiff(data: bytes) -> Content:
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if len(file.series) != 1:
                raise ReadError(f"the TIFF holds {len(file.series)} pictures of different kinds; split it first")
            series = file.series[0]
            return _tiff_content(series.asarray(), series.axes, series.keyframe)
    except (tifffile.TiffFileError, IndexError, ValueError) as error:
        raise ReadError(f"not a readable TIFF: {error}") from None


def _tiff_content(array: Array, axes: str, page: Any) -> Content:
    if array.dtype.kind not in "iuf" or (array.dtype.kind in "iu" and array.dtype.itemsize > 4):
        raise ReadError(f"TIFF pixels of type {array.dtype} are not supported; convert them to 8, 16 or 32 bits")
    if page.photometric.name == "PALETTE":
        raise ReadError("the TIFF holds palette numbers, which cannot be added up; convert it to RGB")
    color = axes.find("S")
    details = {
        "dtype": array.dtype,
        "axes": (axes.index("Y"), axes.index("X")),
        "alpha": color == len(axes) - 1 and any(extra.name != "UNSPECIFIED" for extra in page.extrasamples),
        "photometric": page.photometric.name.lower(),
        "planar": page.planarconfig.name.lower() if color >= 0 else None,
        "extrasamples": [int(extra) for extra in page.extrasamples],
        "compression": int(page.compression) if page.compression in LOSSLESS else 1,
    }
    return Content(array, "image", details)


def encode_tiff(content: Content) -> bytes:
    details, array, stream = content.details, content.array, io.BytesIO()
    if 0 in array.shape:
        raise WriteError(f"TIFF cannot hold a picture without pixels (shape {array.shape})")
    options = {key: details[key] for key in ("compression", "extrasamples") if details.get(key)}
    is_color = array.ndim == 3 and array.shape[2] in (3, 4)
    photometric = details.get("photometric", "rgb" if is_color else "minisblack")
    options |= {"photometric": photometric, "planarconfig": details.get("planar"), "metadata": None}
    _tifffile().imwrite(stream, array, **options)
    return stream.getvalue()
