"""Every exception that flipslide raises.

    FlipslideError
    ├── ShapeError             ValueError      sizes or axes that do not fit together
    ├── ParameterError         ValueError      a word or number that means nothing here
    │   └── UnknownKeywordError  TypeError      a keyword that a function does not have
    ├── DtypeError             TypeError       a dtype that cannot be convolved or returned
    ├── IntegerOverflowError   OverflowError   integers that would not be exact
    ├── NotAConvolutionError   AttributeError  a filter that is no sum of products, and where it is
    └── MissingExtraError      ImportError     an optional package is not installed

Each is also the built-in exception that a NumPy user would catch. A message says
what was given, what was wanted and what to try.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "DtypeError",
    "FlipslideError",
    "IntegerOverflowError",
    "MissingExtraError",
    "NotAConvolutionError",
    "ParameterError",
    "ShapeError",
    "UnknownKeywordError",
    "unknown_word",
]


class FlipslideError(Exception):
    """Any error that flipslide raises on purpose."""


class ShapeError(FlipslideError, ValueError):
    """Sizes or axes that do not fit together."""


class ParameterError(FlipslideError, ValueError):
    """A word or a number that means nothing here."""


class UnknownKeywordError(ParameterError, TypeError):
    """A keyword that a function does not have."""


class DtypeError(FlipslideError, TypeError):
    """A dtype that cannot be convolved, or a result that cannot be returned in it."""


class IntegerOverflowError(FlipslideError, OverflowError):
    """Integers whose sum would not be exact in the result's dtype."""


class NotAConvolutionError(FlipslideError, AttributeError):
    """A filter that is no sum of products; the message says where to find it."""


class MissingExtraError(FlipslideError, ImportError):
    """An optional package that this call needs is not installed."""


#: Words of other libraries, and what they are here, for each option.
_SYNONYMS: dict[str, dict[str, str]] = {
    "boundary": {
        **dict.fromkeys(("nearest", "replicate", "extend", "clamp", "nearest-neighbor"), "'edge'"),
        **dict.fromkeys(("periodic", "circular", "circ", "cyclic", "grid-wrap", "periodization"), "'wrap'"),
        **dict.fromkeys(("grid-mirror", "symm", "half-sample", "half-symmetric"), "'symmetric'"),
        **dict.fromkeys(("whole-sample", "reflect101", "reflect-101"), "'mirror'"),
        **dict.fromkeys(("fill", "grid-constant", "value"), "'constant'"),
        **dict.fromkeys(("zeros", "pad", "none"), "'zero'"),
        **dict.fromkeys(("linear-ramp", "linear"), "'ramp' of fs.pad"),
        **dict.fromkeys(("antireflect", "odd-reflect"), "'odd_mirror'"),
        **{word: f"mode={word!r}" for word in ("same", "full", "valid")},
        "causal": "center=0 with mode='same'",
        **{word: f"{word!r} of fs.pad" for word in ("mean", "median", "minimum", "maximum", "empty", "smooth", "line")},
    },
    "mode": {
        "causal": "mode='same' with center=0",
        "circular": "mode='same' with boundary='wrap'",
        "linear": "'full'",
        **{word: f"boundary={word!r}" for word in ("zero", "constant", "edge", "symmetric", "mirror", "wrap")},
        **dict.fromkeys(("nearest", "replicate"), "boundary='edge'"),
    },
    "center": {
        "causal": "center=0",
        "left": "center=0",
        "middle": "'lower' or 'upper'",
        "center": "'lower' or 'upper'",
    },
    "padding": {
        **dict.fromkeys(("circular", "wrap", "periodic"), "fs.pad(x, width, 'wrap') before a layer with padding=0"),
        **dict.fromkeys(("replicate", "edge", "nearest"), "fs.pad(x, width, 'edge') before a layer with padding=0"),
        **dict.fromkeys(("reflect", "mirror"), "fs.pad(x, width, 'mirror') before a layer with padding=0"),
        "same-upper": "'same'",
        "zeros": "an integer",
        "full": "padding=D − 1, with D the span of the taps",
    },
    "layout": {
        **dict.fromkeys(("nchw", "ncw", "ncl", "ncdhw", "first"), "'channels_first'"),
        **dict.fromkeys(("nhwc", "nwc", "nlc", "ndhwc", "last"), "'channels_last'"),
    },
    "overflow": {
        **dict.fromkeys(("clip", "clamp"), "'saturate'"),
        **dict.fromkeys(("ignore", "modulo"), "'wrap'"),
        **dict.fromkeys(("error", "exact"), "'raise'"),
    },
    "method": {"fftconvolve": "'fft'", **dict.fromkeys(("oaconvolve", "overlap-add", "overlap-save"), "'overlap'")},
    "accuracy": {"high": "'strict'", "exact": "'correct'", "low": "'fast'"},
    "side": {**dict.fromkeys(("left", "before"), "'pre'"), **dict.fromkeys(("right", "after"), "'post'")},
}


def unknown_word(name: str, given: object, known: Iterable[str], hint: str = "") -> ParameterError:
    """The error for a word outside a list, naming the list, and ours for a word of another library."""
    known = tuple(known)
    words = ", ".join(repr(word) for word in known)
    ours = _ours(name, given, known)
    here = f"; {given!r} is {ours} here" if ours else ""
    return ParameterError(f"{name}={given!r} is not known; use one of {words}{hint}{here}")


def _ours(name: str, given: object, known: tuple[str, ...]) -> str:
    """Our word for a word of another library, or for the same one in other letters."""
    if not isinstance(given, str):
        return ""
    word = given.strip().lower().replace("_", "-")
    same = next((ours for ours in known if ours.replace("_", "-") == word), "")
    return repr(same) if same else _SYNONYMS.get(name, {}).get(word, "")
