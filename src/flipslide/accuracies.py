"""Which error bounds are good enough, for calls that do not say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import _core
from .errors import unknown_word

__all__ = ["ACCURACIES", "accuracy", "get_accuracy", "read_accuracy", "set_accuracy"]

#: The core knows a setting by its place here.
ACCURACIES = ("default", "normwise", "strict", "correct", "fast")


def get_accuracy() -> str:
    """The accuracy of a call made here and now that does not name one.

    >>> import flipslide as fs
    >>> fs.get_accuracy()
    'default'
    >>> with fs.accuracy("strict"):
    ...     fs.get_accuracy()
    'strict'
    """
    return ACCURACIES[_core.accuracy()]


def set_accuracy(word: str) -> None:
    """Set the accuracy for the whole process: "default", "normwise", "strict", "correct" or "fast".

    It holds for calls whose own accuracy is "default", in all threads but those inside a block of `fs.accuracy`.

    >>> import flipslide as fs
    >>> fs.set_accuracy("default")
    """
    _core.set_process_accuracy(_code_of(word))


@contextmanager
def accuracy(word: str) -> Iterator[None]:
    """Use an accuracy inside the block, for calls made from this thread.

    >>> import flipslide as fs, numpy as np
    >>> x, w = np.float32([1, 1e8, -1e8]), np.float32([1, 1, 1])
    >>> fs.convolve(x, w, "valid")
    array([0.], dtype=float32)
    >>> with fs.accuracy("correct"):
    ...     fs.convolve(x, w, "valid")
    array([1.], dtype=float32)
    """
    before = _core.set_own_accuracy(_code_of(word))
    try:
        yield
    finally:
        _core.set_own_accuracy(before)


def read_accuracy(word: str) -> str:
    """A call's `accuracy=`: "default" stands for this thread's setting."""
    return get_accuracy() if word == "default" else word


def _code_of(word: str) -> int:
    if word not in ACCURACIES:
        raise unknown_word("accuracy", word, ACCURACIES)
    return ACCURACIES.index(word)
