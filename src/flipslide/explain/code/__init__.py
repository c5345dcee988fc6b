"""The same call as a program: in NumPy, SciPy, MATLAB, PyTorch, JAX, C, or as plain loops.

`call.py` lowers a trace to what every language needs: pads, dilation, flip, strides, bias. The
other files write it down, the short way where the library has one, else step by step: `python.py`
for the libraries of Python, `nest.py` as loops. The tests run them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...errors import unknown_word
from ...show import Code, Document, Shown
from ..trace import Trace
from .call import Call
from .matlab import write_matlab
from .nest import write_c, write_loops
from .python import PROGRAMS

__all__ = ["LANGUAGES", "Listing", "write_code"]

#: language: (how its listings are highlighted, its lines)
LANGUAGES: dict[str, tuple[str, Callable[[Call], Iterator[str]]]] = {
    "numpy": ("python", PROGRAMS["numpy"]),
    "scipy": ("python", PROGRAMS["scipy"]),
    "matlab": ("matlab", write_matlab),
    "pytorch": ("python", PROGRAMS["pytorch"]),
    "jax": ("python", PROGRAMS["jax"]),
    "c": ("c", write_c),
    "loops": ("python", write_loops),
}


class Listing(Shown):
    """A program: `print` it, or take `source`."""

    __slots__ = ("language", "source")

    def __init__(self, language: str, source: str) -> None:
        self.language, self.source = language, source

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
    return Listing(language, "\n".join(LANGUAGES[language][1](Call(trace))))
