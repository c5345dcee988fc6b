"""Every exception that flipslide raises.

    FlipslideError
    ├── ShapeError             ValueError      sizes or axes that do not fit together
    ├── ParameterError         ValueError      a word or number that means nothing here
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
    "unknown_word",
]


class FlipslideError(Exception):
    """Any error that flipslide raises on purpose."""


class ShapeError(FlipslideError, ValueError):
    """Sizes or axes that do not fit together."""


class ParameterError(FlipslideError, ValueError):
    """A word or a number that means nothing here."""


class DtypeError(FlipslideError, TypeError):
    """A dtype that cannot be convolved, or a result that cannot be returned in it."""


class IntegerOverflowError(FlipslideError, OverflowError):
    """Integers whose sum would not be exact in the result's dtype."""


class NotAConvolutionError(FlipslideError, AttributeError):
    """A filter that is no sum of products; the message says where to find it."""


class MissingExtraError(FlipslideError, ImportError):
    """An optional package that this call needs is not installed."""


def unknown_word(name: str, given: object, known: Iterable[str], hint: str = "") -> ParameterError:
    """The error for a word outside a list, naming the list."""
    words = ", ".join(repr(word) for word in known)
    return ParameterError(f"{name}={given!r} is not known; use one of {words}{hint}")
