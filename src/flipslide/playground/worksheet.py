"""A sheet of exercises to be printed, and its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from typing import Any

import numpy as np

from ..show import Block, Cell, Document, Grid, Grids, Heading, Shown, Text
from ..show.pdf import write_pdf
from .exercises import Question, level_names, make_question

__all__ = ["Worksheet"]

#: Where an answer is to be written.
BLANK = "____"

#: What of a call is printed, by its kind: the name in the call, the name on the sheet, its colour.
ARRAYS = {
    "signal": (("x", "x", "x"), ("w", "w", "w")),
    "layer": (("x", "x", "x"), ("w", "w", "w"), ("bias", "bias", "w")),
    "gradient": (("x", "x", "x"), ("w", "w", "w"), ("dy", "dy", "gradient")),
    "size": (),
    "col2im": (("x", "C", "x"),),
}


class Worksheet(Shown):
    """`count` exercises from `seed` on, the levels in turn, with a key on the last page.

    >>> sheet = Worksheet(7, 2, ["flip"])
    >>> [question.level for question in sheet.questions]
    ['flip', 'flip']
    """

    __slots__ = ("questions", "seed")

    def __init__(self, seed: int, count: int, levels: Iterable[str] = ()) -> None:
        names = tuple(levels) or level_names()
        self.seed = seed
        self.questions = tuple(make_question(name, seed + i) for i, name in enumerate(islice(cycle(names), count)))

    def document(self) -> Document:
        """The questions with room for the answers, then the key."""
        asked = [block for number, question in enumerate(self.questions, 1) for block in _ask(number, question)]
        key = [block for number, question in enumerate(self.questions, 1) for block in _answer(number, question)]
        title = f"Convolution: {len(self.questions)} exercises"
        return Document(
            title,
            (Text(f"Name: ____________________   Sheet {self.seed}"), *asked, Heading("Key"), *key),
        )

    def pdf(self) -> bytes:
        """The sheet as PDF, on A4; the key begins a page."""
        return write_pdf(self.document())

    def render(self, kind: str, theme: str = "", speed: float = 1, width: float | None = None) -> str | bytes:
        """As `Shown.render`, with the key on a page of its own."""
        rendered = super().render(kind, theme, speed, width)
        return _on_a_new_page(kind, rendered) if isinstance(rendered, str) else rendered

    @property
    def formats(self) -> tuple[str, ...]:
        """The endings that `save` knows here."""
        return ("txt", "md", "tex", "html", "json", "pdf")


#: How a format begins a page before the key.
BREAKS = {
    "tex": (r"\subsection*{Key}", "\\newpage\n\\subsection*{Key}"),
    "html": ("<h3>Key</h3>", '<h3 style="break-before:page">Key</h3>'),
}


def _on_a_new_page(kind: str, text: str) -> str:
    old, new = BREAKS.get(kind, ("", ""))
    return text.replace(old, new, 1) if old else text


# --------------------------------------------------------------------------------- blocks


def _ask(number: int, question: Question) -> Iterator[Block]:
    yield Heading(f"{number}.")
    yield Text(question.text)
    grids = tuple(grid for row in ARRAYS[question.call["kind"]] for grid in _grids_of(question, *row))
    if grids:
        yield Grids(grids)
    yield Grids((_make_grid(_asked(question), np.full(_answer_shape(question), BLANK), "y"),))


def _answer(number: int, question: Question) -> Iterator[Block]:
    values = np.array(question.answer).reshape(_answer_shape(question))
    yield Heading(f"{number}.")
    yield Grids((_make_grid(_asked(question), values, "y"),))
    for mistake in question.mistakes:
        yield Text(f"{_number_row(mistake.values)}: {mistake.say}")


def _number_row(values: tuple[int, ...]) -> str:
    return ", ".join(map(_number, values))


def _number(value: Any) -> str:
    return str(value).replace("-", "−")


def _asked(question: Question) -> str:
    kind = question.call["kind"]
    names: dict[str, str] = {"gradient": question.call["ask"], "size": "results", "col2im": "the row"}
    return names.get(kind, "y")


def _answer_shape(question: Question) -> tuple[int, ...]:
    """Pictures have a picture for an answer, and as many rows as columns here."""
    x, w = np.array(question.call["x"]), np.array(question.call["w"])
    if question.call["kind"] == "signal" and x.ndim == 2:
        return (x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1)
    if question.call["kind"] == "layer":
        return (2, 2)
    return (1, len(question.answer))


def _grids_of(question: Question, name: str, title: str, role: str) -> Iterator[Grid]:
    """An array as a grid; of a layer one for each channel."""
    array = np.array(question.call[name])
    if name == "dy":
        array = array[: len(question.call["x"]) - len(question.call["w"]) + 1]
    if array.ndim <= 2:
        yield _make_grid(title, np.atleast_2d(array), role)
    else:
        for channel, plane in enumerate(array.reshape(-1, *array.shape[-2:])):
            yield _make_grid(f"{title}, channel {channel}", plane, role)


def _make_grid(title: str, array: Any, role: str) -> Grid:
    return Grid(title, tuple(tuple(Cell(_number(value), role) for value in row) for row in array.tolist()))
