"""Pictures and stacks: .tif through tifffile.

Arrays come as the file holds them, with all pages. Axes, pixel sizes, descriptions, ImageJ's and
OME's metadata and tags, a map's among them, are written again as they were.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from flipslide.arrays import Array

from .content import Content, ReadError, WriteError, check_size, missing
from .exif import turn
from .marks import CENTIMETRES, INCHES, Marks

__all__ = ["check_pages", "decode_tiff", "details_of", "encode_tiff", "tifffile_module", "writing_options"]

#: Compressions that give back what was put in: none, LZW, Deflate (two numbers), Zstandard.
LOSSLESS = (1, 5, 8, 32946, 50000)

#: Tags that say how the pixels lie, which the writer decides, that were read by name, or that are no longer true:
#: sizes, strips, tiles, sample formats, extremes, directories below this one, ImageJ's own.
STRUCTURAL = {
    *range(254, 260), 262, 263, 264, 265, 266, 270, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 296, 305, 317,
    320, *range(322, 326), 330, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), 700, 34665, 34675, 34853,
    40965, 50838, 50839,
}  # fmt: skip

#: Tags that place pixels on a map: true while the picture keeps its size.
GEO = {33550, 33922, 34264, 34735, 34736, 34737}
NODATA = 42113

#: Dialects that are written again (or say nothing more), as tifffile calls them.
DIALECTS = {"imagej", "ome", "shaped", "geotiff", "gdal", "uniform", "bigtiff", "classictiff", "tiled", "reduced",
            "multipage", "mask", "final", "memmappable", "contiguous", "rgb", "subsampled", "jfif"}  # fmt: skip


def tifffile_module() -> Any:
    try:
        import tifffile
    except ImportError:
        raise missing("image", "tifffile") from None
    return tifffile


# --------------------------------------------------------------------------------- reading


def decode_tiff(data: bytes) -> Content:
    with tifffile_module().TiffFile(io.BytesIO(data)) as file:
        if len(file.series) != 1:
            raise ReadError(f"the TIFF holds {len(file.series)} pictures of different kinds; split it first")
        series = file.series[0]
        check_pages(series, len(data))
        return _content(series.asarray(maxworkers=1), series, file)


def check_pages(series: Any, size: int) -> None:
    """The file is as large as its pixels need, and every strip and tile lies inside."""
    check_size(int(np.prod(series.shape, dtype=object)) * series.dtype.itemsize, size)
    for page in series.pages:
        if page is None:
            raise ReadError("a page of the TIFF is missing")
        ends = zip(page.dataoffsets, page.databytecounts, strict=False)
        if any(offset + count > size for offset, count in ends):
            raise ReadError("the TIFF is cut off: pixels of it lie beyond its end")


def _content(array: Array, series: Any, file: Any) -> Content:
    details = details_of(array, series, file)
    orientation = int(series.keyframe.tags.valueof(274, 1))
    return Content(turn(array, orientation, details["axes"]), "image", details)


def details_of(array: Any, series: Any, file: Any) -> dict[str, Any]:
    """What the file says about its pixels; an error for those that cannot be summed."""
    page, axes = series.keyframe, series.axes
    _check_pixels(array, page, axes)
    rows, columns = axes.index("Y"), axes.index("X")
    color = axes.find("S") if "S" in axes else None
    return {
        "dtype": array.dtype,
        "axes": (rows, columns),
        "color": color,
        "alpha": None if color is None else _alpha(page),
        "premultiplied": any(extra.name == "ASSOCALPHA" for extra in page.extrasamples),
        "photometric": _photometric(page),
        "planar": page.planarconfig.name.lower() if color is not None else None,
        "extrasamples": [int(extra) for extra in page.extrasamples],
        "compression": int(page.compression) if page.compression in LOSSLESS else 1,
        "marks": _marks(file, series, page),
        "nodata": _nodata(page, array.dtype),
    }


def _check_pixels(array: Array, page: Any, axes: str) -> None:
    if array.dtype.kind not in "iuf" or (array.dtype.kind in "iu" and array.dtype.itemsize > 4):
        raise ReadError(f"TIFF pixels of type {array.dtype} are not supported; convert them to 8, 16 or 32 bits")
    if page.photometric.name == "PALETTE":
        raise ReadError("the TIFF holds palette numbers, which cannot be added up; convert it to RGB")
    if page.photometric.name == "YCBCR" and page.compression.name not in ("JPEG", "OJPEG", "JPEG_LOSSY"):
        raise ReadError("the TIFF holds YCbCr colours; convert it to RGB")
    if "Y" not in axes or "X" not in axes:
        raise ReadError(f"the TIFF has the axes {axes}, which are no rows and columns")


def _photometric(page: Any) -> str:
    name = page.photometric.name.lower()
    return "rgb" if name == "ycbcr" else str(name)


def _alpha(page: Any) -> int | None:
    """Which sample of a pixel is its opacity."""
    first = page.samplesperpixel - len(page.extrasamples)
    kinds = [extra.name for extra in page.extrasamples]
    return next((first + i for i, kind in enumerate(kinds) if kind != "UNSPECIFIED"), None)


def _nodata(page: Any, dtype: np.dtype[Any]) -> Any:
    """The number that stands where there is no sample, as GDAL writes it; None if there is none."""
    text = page.tags.valueof(NODATA)
    try:
        number = float(str(text).strip().strip("\0"))
        return dtype.type(number) if dtype.type(number) == number or np.isnan(number) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _marks(file: Any, series: Any, page: Any) -> Marks:
    tags, valueof = page.tags, page.tags.valueof
    kept = tuple(
        (tag.code, int(tag.dtype), tag.count, tag.value, True)
        for tag in tags.values()
        if tag.code not in STRUCTURAL and _is_plain(tag.value)
    )
    names = tuple(tag.name for tag in tags.values() if tag.code not in STRUCTURAL)
    native = {
        "axes": series.axes,
        "sizes": series.shape,
        "tags": kept,
        "description": "" if file.is_imagej or file.is_shaped else page.description,
        "software": valueof(305, ""),
        "imagej": dict(file.imagej_metadata or {}) if file.is_imagej else None,
        "shaped": dict(file.shaped_metadata[0]) if file.is_shaped and file.shaped_metadata else None,
        "resolution": (valueof(282), valueof(283), int(valueof(296, 2))) if valueof(282) and valueof(283) else None,
    }
    says = (*names, *(["axes"] if len(series.axes) > 3 else []), *(["ImageJ's metadata"] if native["imagej"] else []),
            *(["the description"] if native["description"] else []))  # fmt: skip
    return Marks(
        icc=bytes(valueof(34675, b"")),
        xmp=bytes(valueof(700, b"")),
        density=_density(page),
        native=("tiff", says, native),
        dropped=tuple(_dropped(file, series, tags)),
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str | bytes) or (
        isinstance(value, tuple) and all(isinstance(entry, int | float) for entry in value)
    )


def _dropped(file: Any, series: Any, tags: Any) -> list[str]:
    names = {34665: "EXIF", 34853: "GPS data"}
    lost = [name for code, name in names.items() if code in tags]
    lost += ["the smaller copies of the picture"] if len(series.levels) > 1 else []
    dialects = {str(flag).removeprefix("is_") for flag in getattr(file, "flags", ())} - DIALECTS
    return lost + [f"{dialect} metadata" for dialect in sorted(dialects)]


def _density(page: Any) -> tuple[float, float] | None:
    unit = {2: INCHES, 3: CENTIMETRES}.get(int(page.tags.valueof(296, 2)))
    ratios = page.tags.valueof(282), page.tags.valueof(283)
    if unit is None or not all(isinstance(ratio, tuple) and all(ratio) for ratio in ratios):
        return None
    x, y = (top / bottom / unit for top, bottom in ratios)
    return x, y


# --------------------------------------------------------------------------------- writing


def encode_tiff(content: Content) -> bytes:
    stream = io.BytesIO()
    if 0 in content.array.shape:
        raise WriteError(f"TIFF cannot hold a picture without pixels (shape {content.array.shape})")
    tifffile_module().imwrite(stream, content.array, **writing_options(content))
    return stream.getvalue()


def writing_options(content: Content) -> dict[str, Any]:
    """What tifffile is told about pixels of this shape and dtype."""
    marks = content.details.get("marks", Marks())
    native: Mapping[str, Any] = marks.native[2] if marks.native[0] == "tiff" else {}
    return _layout(content) | _resolution(marks, native) | _words(content, marks, native)


def _layout(content: Content) -> dict[str, Any]:
    details, array = content.details, content.array
    options = {key: details[key] for key in ("compression", "extrasamples") if details.get(key)}
    is_color = array.ndim == 3 and array.shape[2] in (3, 4)
    photometric = details.get("photometric", "rgb" if is_color else "minisblack")
    return options | {"photometric": photometric, "planarconfig": details.get("planar"), "metadata": None}


def _resolution(marks: Marks, native: Mapping[str, Any]) -> dict[str, Any]:
    if native.get("resolution"):
        x, y, unit = native["resolution"]
        return {"resolution": (x, y), "resolutionunit": unit}
    if marks.density:
        return {"resolution": tuple(n * CENTIMETRES for n in marks.density), "resolutionunit": 3}
    return {}


def _words(content: Content, marks: Marks, native: Mapping[str, Any]) -> dict[str, Any]:
    """Descriptions and tags, of which ImageJ and OME each have their own kind."""
    tags = [tag for tag in native.get("tags", ()) if tag[0] not in GEO or _keeps_size(content.array, native)]
    tags += [(700, 1, len(marks.xmp), marks.xmp, True)] if marks.xmp else []
    words: dict[str, Any] = {"extratags": tags, "software": native.get("software") or None}
    words |= {"iccprofile": marks.icc} if marks.icc else {}
    if native.get("imagej") is not None and content.array.dtype.name in ("uint8", "uint16", "float32"):
        kept = {key: value for key, value in native["imagej"].items() if key not in IMAGEJ_COUNTS}
        return words | {"imagej": True, "metadata": {"axes": native["axes"], **kept}, "planarconfig": None}
    if native.get("shaped") is not None:
        kept = {key: value for key, value in native["shaped"].items() if key != "shape"}
        return words | {"metadata": {"axes": native["axes"], **kept}}
    if native.get("description"):
        words |= {"description": _resized(native["description"], content.array, native["axes"]).encode()}
    return words


#: What tifffile counts for itself.
IMAGEJ_COUNTS = ("ImageJ", "images", "channels", "slices", "frames", "hyperstack", "axes", "shape")


def _keeps_size(array: Array, native: Mapping[str, Any]) -> bool:
    return array.shape == tuple(native.get("sizes", ()))


def _resized(description: str, array: Array, axes: str) -> str:
    """OME's description with the sizes of the result."""
    if "<OME" not in description:
        return description
    for axis, size in zip(axes, array.shape, strict=False):
        if axis in "XY":
            description = re.sub(rf'\bSize{axis}="\d+"', f'Size{axis}="{size}"', description)
    return description
