"""A catalogue of taps, and the one grammar in which taps are written.

    1,-1,2                          one row: one axis
    0,-1,0; -1,5,-1; 0,-1,0         rows between `;` or line ends: two axes
    1/9                             a fraction, as the nearest float
    gaussian:sigma=1.5              a name, with parameters after the colon

Integers stay integers. All taps are meant for `convolve`, which flips them. Taps that smooth sum to 1,
along each axis to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from .arrays import Array
from .carried import exact_array
from .catalogue.bands import bandpass, bandstop, frequency_response, highpass, lowpass
from .catalogue.edges import dog, gaussian_laplace, laplacian, prewitt, scharr, sharpen, sobel
from .catalogue.fitting import savgol
from .catalogue.refused import refusal
from .catalogue.smoothing import blackman, box, disk, gaussian, hamming, hann, motion, unit_sum
from .catalogue.waves import gabor
from .errors import ParameterError, unknown_word

__all__ = [
    "CATALOGUE", "bandpass", "bandstop", "blackman", "box", "disk", "dog", "frequency_response", "gabor", "gaussian",
    "gaussian_laplace", "hamming", "hann", "highpass", "laplacian", "log", "lowpass", "motion", "parse", "prewitt",
    "savgol", "scharr", "sharpen", "sobel", "unit_sum",
]  # fmt: skip

log = gaussian_laplace


# ------------------------------------------------------------------- parameters of the names


def read_size(text: str) -> tuple[int, ...]:
    return tuple(int(entry) for entry in text.split("x"))


def read_numbers(text: str) -> Any:
    """1.5, or one number per axis with x between them: 1x2x2."""
    entries = [float(entry) for entry in text.split("x")]
    return entries[0] if len(entries) == 1 else tuple(entries)


def _read_orders(text: str) -> Any:
    entries = read_size(text)
    return entries[0] if len(entries) == 1 else entries


class Entry(NamedTuple):
    """A name of the grammar. A parameter is a word of the text, its keyword and its reader."""

    make: Callable[..., Array]
    parameters: Mapping[str, tuple[str, Callable[[str], Any]]]
    example: str
    bare: int = 1  # how many of the first parameters may be given without their words


_SIZES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ndim": ("ndim", int), "truncate": ("truncate", float), "spacing": ("spacing", read_numbers),
}  # fmt: skip
_SIGMA = {"sigma": ("sigma", read_numbers)}
_DESIGN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "rate": ("rate", float), "taps": ("taps", int), "width": ("width", float), "attenuation": ("attenuation", float),
}  # fmt: skip
_CUTOFF = {"cutoff": ("cutoff", float)}
_EDGES = {"low": ("low", float), "high": ("high", float)}

#: What may stand before a colon. The first parameters may be given without their words.
CATALOGUE: dict[str, Entry] = {
    "bandpass": Entry(bandpass, _EDGES | _DESIGN, "bandpass:0.1,0.2", 2),
    "bandstop": Entry(bandstop, _EDGES | _DESIGN, "bandstop:0.1,0.2", 2),
    "blackman": Entry(blackman, {"size": ("size", int)}, "blackman:9"),
    "box": Entry(box, {"size": ("size", read_size)}, "box:5x5"),
    "disk": Entry(disk, {"radius": ("radius", float)}, "disk:3"),
    "dog": Entry(dog, {"low": ("low", read_numbers), "high": ("high", read_numbers)} | _SIZES, "dog:1,1.6", 2),
    "gabor": Entry(
        gabor,
        {
            "frequency": ("frequency", float), "angle": ("angle", float), "sigma": ("sigma", float),
            "bandwidth": ("bandwidth", float), "phase": ("phase", float), "truncate": ("truncate", float),
        },
        "gabor:0.1,45",
        2,
    ),
    "gaussian": Entry(
        gaussian, _SIGMA | {"radius": ("radius", _read_orders), "order": ("order", _read_orders)} | _SIZES,
        "gaussian:sigma=1.5",
    ),
    "hamming": Entry(hamming, {"size": ("size", int)}, "hamming:9"),
    "hann": Entry(hann, {"size": ("size", int)}, "hann:9"),
    "highpass": Entry(highpass, _CUTOFF | _DESIGN, "highpass:0.2"),
    "laplacian": Entry(laplacian, {"ndim": ("ndim", int)}, "laplacian"),
    "log": Entry(gaussian_laplace, _SIGMA | _SIZES, "log:2"),
    "lowpass": Entry(lowpass, _CUTOFF | _DESIGN, "lowpass:0.2"),
    "motion": Entry(motion, {"len": ("length", float), "angle": ("angle", float)}, "motion:len=15,angle=30"),
    "prewitt": Entry(prewitt, {"axis": ("axis", str)}, "prewitt:x"),
    "savgol": Entry(
        savgol,
        {
            "window": ("window", int), "polyorder": ("polyorder", int), "deriv": ("deriv", int),
            "spacing": ("spacing", float),
        },
        "savgol:11,3",
        2,
    ),
    "scharr": Entry(scharr, {"axis": ("axis", str)}, "scharr:x"),
    "sharpen": Entry(sharpen, {}, "sharpen"),
    "sobel": Entry(sobel, {"axis": ("axis", str)}, "sobel:x"),
}  # fmt: skip


def read_named(name: str, text: str, context: Mapping[str, Any] = {}) -> Array:
    """The taps of one name. What the text leaves open is taken from the context, as far as the name has it."""
    if name not in CATALOGUE:
        raise refusal(name) or unknown_word("kernel", name, CATALOGUE, ", or numbers such as 1,-1,2")
    entry = CATALOGUE[name]
    keywords = read_keywords(name, entry, text)
    known = {keyword for keyword, _ in entry.parameters.values()}
    keywords = {word: value for word, value in context.items() if word in known and value is not None} | keywords
    if "ndim" in keywords and any(isinstance(value, tuple) for value in keywords.values()):
        keywords.pop("ndim", None)  # as many axes as the tuple has entries
    return _make(name, entry, keywords)


def read_keywords(name: str, entry: Any, text: str) -> dict[str, Any]:
    """The keywords that a text such as `1.5,radius=4` gives."""
    keywords: dict[str, Any] = {}
    for position, part in enumerate(text.split(",") if text.strip() else []):
        keyword, value = _parameter(name, entry, part.strip(), position)
        if keyword in keywords:
            raise ParameterError(f"kernel {name}:{text} says {part.strip()!r} after {keyword} was given already")
        keywords[keyword] = value
    return keywords


def _make(name: str, entry: Entry, keywords: dict[str, Any]) -> Array:
    try:
        return entry.make(**keywords)
    except TypeError as error:
        if "missing" not in str(error):
            raise
        raise ParameterError(f"{name} needs more than its name; try {entry.example}") from None


def _parameter(name: str, entry: Any, part: str, position: int) -> tuple[str, Any]:
    """(keyword, value) of one `word=value`, or of a bare first value."""
    word, equals, value = part.partition("=")
    if not equals and position < min(entry.bare, len(entry.parameters)):
        word, value = list(entry.parameters)[position], part
    if word not in entry.parameters or not value:
        known = ", ".join(f"{word}=" for word in entry.parameters) or "no parameters"
        raise ParameterError(f"{part!r} is not a parameter of {name}, which takes {known}; try {entry.example}")
    keyword, read = entry.parameters[word]
    try:
        return keyword, read(value)
    except ValueError:
        raise ParameterError(f"{value!r} is not a value for {word} of {name}; try {entry.example}") from None


# ------------------------------------------------------------------------------ the grammar


def parse(text: str, *, rate: float | None = None, ndim: int | None = None) -> Array:
    """The taps that a text describes, as an array of one or two axes (names may have more).

    rate and ndim are of what will be convolved: names that have these parameters take them from there,
    unless the text says otherwise.

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
    >>> parse("lowpass:4000", rate=48000).size
    123
    """
    text = text.strip()
    if not text:
        raise ParameterError("the kernel is empty; write numbers such as 1,-1,2 or a name such as gaussian:sigma=1.5")
    named = re.fullmatch(r"([A-Za-z_]\w*)\s*(?::(.*))?", text, re.DOTALL)
    return read_named(named[1], named[2] or "", dict(rate=rate, ndim=ndim)) if named else _rows(text)


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
