"""The same call as a program: in NumPy, SciPy, MATLAB, PyTorch, JAX, C, or as plain loops.

`call.py` reads from a trace what every language needs; the other files write it down, the short
way where the library has one, else step by step: pad, flip, slide. The tests run them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...errors import unknown_word
from ...show import Code, Document, Shown
from ..trace import Trace
from . import c, jax, loops, matlab, numpy, pytorch, scipy
from .call import Call, read_call

__all__ = ["LANGUAGES", "Listing", "write_code"]

#: language: (how its listings are highlighted, its lines)
LANGUAGES: dict[str, tuple[str, Callable[[Call], Iterator[str]]]] = {
    "numpy": ("python", numpy.write),
    "scipy": ("python", scipy.write),
    "matlab": ("matlab", matlab.write),
    "pytorch": ("python", pytorch.write),
    "jax": ("python", jax.write),
    "c": ("c", c.write),
    "loops": ("python", loops.write),
}


class Listing(Shown):
    """A program: `print` it, or take `source`."""

    __slots__ = ("language", "source")

    def __init__(self, language: str, source: str) -> None:
        self.language = language
        self.source = source

    def document(self) -> Document:
        return Document("", (Code(LANGUAGES[self.language][0], self.source),))

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Listing: {self.language}, {len(self.source.splitlines())} lines>"


def write_code(trace: Trace, language: str) -> Listing:
    """The call of a trace in one language."""
    if language not in LANGUAGES:
        raise unknown_word("language", language, LANGUAGES)
    return Listing(language, "\n".join(LANGUAGES[language][1](read_call(trace))))
