"""A small catalogue of taps, and the one grammar in which taps are written.

    1,-1,2                          one row: one axis
    0,-1,0; -1,5,-1; 0,-1,0         rows between `;` or line ends: two axes
    1/9                             a fraction, as the nearest float
    gaussian:sigma=1.5              a name, with parameters after the colon

Integers stay integers. All taps are meant for `convolve`, which flips them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array
from .carried import exact_array
from .errors import ParameterError, unknown_word

__all__ = ["CATALOGUE", "box", "gaussian", "laplacian", "motion", "parse", "sharpen", "sobel"]

#: Beyond this many taps a name is taken for a slip of the pen: they would fill 512 MiB.
MAX_TAPS = 1 << 26


# ------------------------------------------------------------------------------- the names


def gaussian(sigma: float = 1.0, *, ndim: int = 2, radius: int | None = None) -> Array:
    """Sampled Gaussian, summing to 1.

        w[i] = exp(−|i|²/2σ²) / Σ,   each entry of i in −r … r,  r = ⌈4σ⌉ unless given

    Beyond 4σ lies less than 7·10⁻⁵ of the area. Source: Gonzalez and Woods, *Digital Image
    Processing*, section 3.5.

    >>> gaussian(0.5, ndim=1, radius=1).round(4)
    array([0.1065, 0.787 , 0.1065])
    """
    if not 0 < sigma < MAX_TAPS:
        raise ParameterError(f"gaussian needs a sigma above 0 and below {MAX_TAPS}, not {sigma}")
    reach = math.ceil(4 * sigma) if radius is None else radius
    _check_size((2 * reach + 1,) * ndim, "gaussian")
    with np.errstate(over="ignore"):  # a sigma near 0 leaves the middle tap, exp(−∞) = 0 around it
        row = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps: Array = row / row.sum()
    for _ in range(ndim - 1):
        taps = np.multiply.outer(taps, row / row.sum())
    return taps


def box(size: tuple[int, ...] = (3, 3)) -> Array:
    """The moving average: Π size equal taps, w[i] = 1/Π size.

    >>> box((4,))
    array([0.25, 0.25, 0.25, 0.25])
    """
    _check_size(size, "box")
    return np.full(size, 1 / math.prod(size))


def sobel(axis: str = "x") -> Array:
    """Slope along x (columns) or y (rows), smoothed across it.

        w = (1, 2, 1)ᵀ ⊗ (1, 0, −1)   for "x",  its transpose for "y"

    Flipped by `convolve` it reads right minus left, so a picture growing brighter to the
    right (downwards for "y") answers with positive values: 8 per grey level and pixel.
    Source: Sobel and Feldman (1968), in Duda and Hart, *Pattern Classification and Scene
    Analysis*, p. 271.

    >>> sobel("x")
    array([[ 1,  0, -1],
           [ 2,  0, -2],
           [ 1,  0, -1]])
    """
    if axis not in ("x", "y"):
        raise unknown_word("axis", axis, ("x", "y"))
    taps = np.multiply.outer([1, 2, 1], [1, 0, -1])
    return taps if axis == "x" else taps.T.copy()


def laplacian() -> Array:
    """∂²/∂x² + ∂²/∂y² by second differences, each (1, −2, 1).

    Source: Abramowitz and Stegun, *Handbook of Mathematical Functions*, 25.3.30.

    >>> laplacian()
    array([[ 0,  1,  0],
           [ 1, -4,  1],
           [ 0,  1,  0]])
    """
    return np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def sharpen() -> Array:
    """The picture minus its Laplacian: δ − laplacian(), summing to 1.

    Source: Gonzalez and Woods, *Digital Image Processing*, section 3.6.

    >>> sharpen()
    array([[ 0, -1,  0],
           [-1,  5, -1],
           [ 0, -1,  0]])
    """
    return np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]) - laplacian()


def motion(length: float = 9.0, angle: float = 0.0) -> Array:
    """A straight smear `length` pixels long, `angle` degrees counter-clockwise; sums to 1.

        w[i] ∝ max(0, 1 − distance of pixel i from the segment),  the segment length − 1 long

    A line one pixel wide, its edge antialiased linearly. With (r, c) from the centre, rows
    downwards: along = c·cos − r·sin, across = c·sin + r·cos.

    >>> motion(4, 0).round(3)
    array([[0.125, 0.25 , 0.25 , 0.25 , 0.125]])
    """
    if not (1 <= length < MAX_TAPS and math.isfinite(angle)):
        raise ParameterError(
            f"motion needs a len in 1 … {MAX_TAPS} and a finite angle, not len={length}, angle={angle}"
        )
    half = (length - 1) / 2
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # A row further than ⌈half·|sin|⌉ from the centre is at least 1 away from the segment.
    rows, columns = (math.ceil(half * abs(part) - 1e-9) for part in (sin, cos))
    _check_size((2 * rows + 1, 2 * columns + 1), "motion")
    r, c = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    beyond = np.maximum(np.abs(c * cos - r * sin) - half, 0)
    taps = np.maximum(0, 1 - np.hypot(beyond, c * sin + r * cos))
    return np.asarray(taps / taps.sum())


def _check_size(size: tuple[int, ...], name: str) -> None:
    if not size or min(size) < 1:
        raise ParameterError(f"{name} needs at least one tap along each axis, not {_times(size)}")
    if math.prod(size) > MAX_TAPS:
        raise ParameterError(f"{name} would have {_times(size)} taps, more than {MAX_TAPS}; make it smaller")


def _times(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))


# ------------------------------------------------------------------- parameters of the names


def _read_size(text: str) -> tuple[int, ...]:
    return tuple(int(entry) for entry in text.split("x"))


class Entry(NamedTuple):
    """A name of the grammar. A parameter is a word of the text, its keyword and its reader."""

    make: Callable[..., Array]
    parameters: Mapping[str, tuple[str, Callable[[str], Any]]]
    example: str


#: What may stand before a colon. The first parameter may be given without its word.
CATALOGUE: dict[str, Entry] = {
    "box": Entry(box, {"size": ("size", _read_size)}, "box:5x5"),
    "gaussian": Entry(
        gaussian,
        {"sigma": ("sigma", float), "ndim": ("ndim", int), "radius": ("radius", int)},
        "gaussian:sigma=1.5",
    ),
    "laplacian": Entry(laplacian, {}, "laplacian"),
    "motion": Entry(motion, {"len": ("length", float), "angle": ("angle", float)}, "motion:len=15,angle=30"),
    "sharpen": Entry(sharpen, {}, "sharpen"),
    "sobel": Entry(sobel, {"axis": ("axis", str)}, "sobel:x"),
}


def _named(name: str, text: str) -> Array:
    if name not in CATALOGUE:
        raise unknown_word("kernel", name, CATALOGUE, ", or numbers such as 1,-1,2")
    entry = CATALOGUE[name]
    keywords: dict[str, Any] = {}
    for position, part in enumerate(text.split(",") if text.strip() else []):
        keyword, value = _parameter(name, entry, part.strip(), position)
        if keyword in keywords:
            raise ParameterError(f"kernel {name}:{text} says {part.strip()!r} after {keyword} was given already")
        keywords[keyword] = value
    return entry.make(**keywords)


def _parameter(name: str, entry: Entry, part: str, position: int) -> tuple[str, Any]:
    """(keyword, value) of one `word=value`, or of a bare first value."""
    word, equals, value = part.partition("=")
    if not equals and position == 0 and entry.parameters:
        word, value = next(iter(entry.parameters)), part
    if word not in entry.parameters or not value:
        known = ", ".join(f"{word}=" for word in entry.parameters) or "no parameters"
        raise ParameterError(f"{part!r} is not a parameter of {name}, which takes {known}; try {entry.example}")
    keyword, read = entry.parameters[word]
    try:
        return keyword, read(value)
    except ValueError:
        raise ParameterError(f"{value!r} is not a value for {word} of {name}; try {entry.example}") from None


# ------------------------------------------------------------------------------ the grammar


def parse(text: str) -> Array:
    """The taps that a text describes, as an array of one or two axes (names may have more).

    Raises
    ------
    ParameterError
        Naming the part that was not understood.

    Examples
    --------
    >>> parse("1,-1,2")
    array([ 1, -1,  2])
    >>> parse("0,1/2; 1,0")
    array([[0. , 0.5],
           [1. , 0. ]])
    >>> parse("box:2")
    array([0.5, 0.5])
    """
    text = text.strip()
    if not text:
        raise ParameterError("the kernel is empty; write numbers such as 1,-1,2 or a name such as gaussian:sigma=1.5")
    named = re.fullmatch(r"([A-Za-z_]\w*)\s*(?::(.*))?", text, re.DOTALL)
    return _named(named[1], named[2] or "") if named else _rows(text)


def _rows(text: str) -> Array:
    rows = [_row(row.strip(), number) for number, row in enumerate(re.split(r"[;\n]", text), 1)]
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ParameterError(f"row {number} has {len(row)} numbers, row 1 has {len(rows[0])}; rows must be as long")
    taps = exact_array(rows[0] if len(rows) == 1 else rows)
    if taps.dtype.kind == "O":
        raise ParameterError(f"{text!r} has an integer beyond 64 bits; write it as a float, 1e30")
    return taps


def _row(row: str, number: int) -> list[Any]:
    cells = row.split(",") if "," in row else row.split()
    if not cells:
        raise ParameterError(f"row {number} is empty; drop the `;` or write its numbers")
    return [_number(cell.strip()) for cell in cells]


def _number(cell: str) -> Any:
    """An int, a float, a fraction a/b as a float, or a complex number such as 1+2j."""
    for read in (int, float, lambda text: float(Fraction(text)), complex):
        try:
            return read(cell)
        except (ValueError, ZeroDivisionError, OverflowError):
            continue
    raise ParameterError(f"{cell!r} is not a number; write taps as 1,-1,2 or 0,-1,0; -1,5,-1; 0,-1,0")
