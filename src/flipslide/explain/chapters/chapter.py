"""What a chapter is, and the blocks that chapters share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...arrays import Array
from ...errors import ParameterError
from ...graph.exact import pack
from ...show import Block, Document, Frame, Frames, Grid, Grids, Shown, Table, Text, grid_of
from ...show.numbers import number_text
from ..window import Window, is_finite

#: The largest matrix that is written down.
MAX_ENTRIES = 2048


class Chapter(Shown):
    """One way to see a call: `print` it, `save` it, or read its numbers.

    `y` is the result as this way computes it, None where it computes none; `parts` holds the
    arrays that it shows, by name.
    """

    __slots__ = ("name", "parts", "y", "_document")

    def __init__(self, name: str, title: str, blocks: Iterable[Block], y: Array | None = None, **parts: Any) -> None:
        self.name = name
        self.y = y
        self.parts: Mapping[str, Any] = parts
        self._document = Document(title, tuple(blocks))

    def document(self) -> Document:
        return self._document

    def __repr__(self) -> str:
        return f"<Chapter {self.name!r}: {self._document.title}>"


def answer(window: Window, sums: Array) -> Array:
    """The sums of each filter as the result, of exact numbers where they are exact."""
    y = window.close(sums)
    return pack(list(y.flat), y.shape)


def solve(name: str, title: str, window: Window, y: Array, blocks: Iterable[Block], **parts: Any) -> Chapter:
    """The chapter of an algorithm, which ends with the result."""
    return Chapter(name, title, [*blocks, result_grids(window, y)], y, **parts)


def beside(*grids: Grid) -> Grids:
    """Matrices side by side."""
    return Grids(grids)


#: One number, the numbers that it is multiplied with, and the sums of these products so far.
History = list[tuple[Any, list[Any], list[Any]]]


def run_sums(pairs: Iterable[tuple[Any, list[Any]]], n_sums: int) -> History:
    """One sum for each of the numbers beside the first; None is a zero of the padding and adds nothing."""
    history: History = []
    sums: list[Any] = [0] * n_sums
    for one, many in pairs:
        products = [0 if one is None or other is None else one * other for other in many]
        sums = [total + product for total, product in zip(sums, products, strict=True)]
        history.append((one, many, sums))
    return history


def history_table(caption: str, header: tuple[str, str, str], history: History) -> Table:
    """A row for each of the numbers that meet all the others."""
    ones, many, sums = zip(*history, strict=True)
    rows = zip(map(_text, ones), align_texts(many), align_texts(sums), strict=True)
    return Table(caption, header, tuple(rows), "rll")


def result_grids(window: Window, y: Array, title: str = "y") -> Grids:
    """The result: one grid, or one for each filter of a layer."""
    if not window.is_layer:
        return Grids((grid_of(title, y, "y"),))
    return Grids(tuple(grid_of(f"{title}[{k}]", plane, "y") for k, plane in enumerate(y)))


def texts_of(numbers: Iterable[Any]) -> str:
    """Numbers in one line."""
    return " ".join(map(_text, numbers))


def _text(number: Any) -> str:
    return "." if number is None else number_text(number)


def align_texts(rows: Sequence[Iterable[Any]]) -> list[str]:
    """Rows of numbers as lines in which the columns stand under one another."""
    texts = [list(map(_text, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [" ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in texts]


def pictures(name: str, frames: Sequence[Frame]) -> tuple[Frames, ...]:
    """A series of drawings, if there is one that can be read."""
    return (Frames(name, tuple(frames)),) if frames else ()


def written_down(grids: Sequence[Grid]) -> Block:
    """Matrices side by side, or how to get at those that are too large to be read."""
    for grid in grids:
        rows, columns = len(grid.rows), len(grid.rows[0]) if grid.rows else 0
        if rows * columns > MAX_ENTRIES:
            return Text(f"{grid.title}: {rows} rows and {columns} columns are too many to be read; they are in .parts.")
    return Grids(tuple(grids))


def check_signal(window: Window, what: str) -> None:
    """Whether the call is one of a signal or picture."""
    if window.is_layer:
        raise ParameterError(f"{what} is about fs.convolve and fs.correlate; a layer never flips its taps: fs.explain")


def check_finite(window: Window, name: str) -> None:
    """Whether sums may mix samples and taps that do not belong together."""
    if not is_finite(window.x, window.v, window.extended):
        raise ParameterError(
            f"{name} adds numbers that cancel again, and those that are infinite or not a number do not: "
            "the engine does such places by 'direct'; ask for .chapter('direct')"
        )
