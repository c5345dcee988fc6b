"""`scatter`: the same sum from the side of x: every sample stamps a copy of w."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...arrays import Array
from ...show import Block, Cell, Formula, Grid, Grids, Table, Text
from ...show.numbers import index_text, number_text
from ..draw.scatter import draw_scatter
from ..trace import Trace
from ..window import Stamp, Window, add_stamps, full_sums, kept_of, ruler_of, stamps_of, window_of
from .chapter import Chapter, answer, check_signal, pictures, solve, texts_of, written_down

#: Samples of a picture whose stamps are listed.
MAX_STAMPS = 144


def chapter(trace: Trace) -> Chapter:
    """The copies, their sum, and the outputs among it."""
    window = window_of(trace)
    check_signal(window, "stamping")
    stamps = stamps_of(window)
    full = add_stamps(window, stamps)
    y = answer(window, full[kept_of(window)][None])
    rows = _rows if len(window.axes) == 1 else _planes
    body = [Text(WHY[trace.operation]), *rows(window, stamps, full), *_polynomials(trace, window)]
    body += pictures("stamping", draw_scatter(trace) if stamps else ())
    return solve("scatter", "Every sample stamps a copy of w", window, y, body, stamps=stamps, full=full)


WHY = {
    "convolve": "Look at one sample of x instead of one output: it stamps a copy of w, times its value, beginning at "
    "its own place. Where copies overlap they add. Nobody flips anything here: read one column from top to bottom and "
    "the taps appear in reverse. That is the flip.",
    "correlate": "Look at one sample of x instead of one output: it stamps a copy of w turned round, times its value. "
    "Where copies overlap they add. Without a flip in the window there is one in the stamp.",
}


# ------------------------------------------------------------------------------- one axis


def _rows(window: Window, stamps: list[Stamp], full: Array) -> Iterator[Block]:
    title = "x̃ and its stamps, over the places of the full result"
    yield written_down([Grid(title, tuple(_ruler(window, stamps, full)))])
    yield Text("The sum of each column; the outputs that were asked for are marked.")


def _ruler(window: Window, stamps: list[Stamp], full: Array) -> Iterator[tuple[Cell, ...]]:
    columns, before = ruler_of(window, stamps), window.axes[0].before
    yield (Cell("x"), Cell(""), *(Cell(str(n - before), "", True) for n in columns))
    for stamp in stamps:
        values = dict(enumerate(stamp.copy, stamp.first[0]))
        cells = (Cell(number_text(values[n]), "w") if n in values else Cell("") for n in columns)
        yield (Cell(number_text(stamp.value), "x"), Cell("→"), *cells)
    kept = set(range(len(full))[kept_of(window)[0]])
    yield (Cell(""), Cell("="), *(Cell(number_text(full[n]), "y" if n in kept else "", n in kept) for n in columns))


def _polynomials(trace: Trace, window: Window) -> Iterator[Block]:
    """The same as a product of polynomials, where it is small and plain."""
    axes, x = window.axes, window.x[0]
    plain = len(axes) == 1 and trace.operation == "convolve" and axes[0].dilation == 1 and len(x) <= 8
    if not plain or axes[0].taps > 6 or trace.boundary != ("zero",) or not len(x):
        return
    w = window.v[0, 0][::-1]
    total = full_sums(x, w)
    text = f"({_polynomial(x)})·({_polynomial(w)}) = {_polynomial(total)}"
    yield Text("With z to the power of its place for each number, it is the product of two polynomials:")
    yield Formula(text, text.replace("·", "\\cdot ").replace("−", "-").replace("²", "^2"))


def _polynomial(numbers: Iterable[Any]) -> str:
    """1 − z + 2·z^2; terms of 0 are left out.

    >>> _polynomial([0, 1, -2])
    'z − 2·z^2'
    """
    parts: list[str] = []
    for value, power in ((value, _power(n)) for n, value in enumerate(numbers) if value != 0):
        negative = not isinstance(value, complex) and value < 0
        size = number_text(-value if negative else value)
        body = power if size == "1" and power else "·".join(filter(None, (size, power)))
        sign = ("− " if parts else "−") if negative else ("+ " if parts else "")
        parts.append(sign + body)
    return " ".join(parts) or "0"


def _power(n: int) -> str:
    return "" if n == 0 else "z" if n == 1 else f"z^{n}" if n < 10 else f"z^{{{n}}}"


# ------------------------------------------------------------------------------- two axes


def _planes(window: Window, stamps: list[Stamp], full: Array) -> Iterator[Block]:
    if len(stamps) > MAX_STAMPS:
        yield Text(f"{len(stamps)} samples are too many to be read one by one; their stamps are in .parts.")
    else:
        yield _stamp_table(stamps)
    yield Grids((_marked(window, full),))


def _stamp_table(stamps: list[Stamp]) -> Table:
    rows = tuple(
        (number_text(stamp.value), index_text(stamp.first), " | ".join(texts_of(row) for row in stamp.copy))
        for stamp in stamps
    )
    caption = "Each sample, where its copy begins on the plane of the full result, and the copy row by row"
    return Table(caption, ("x̃", "at", "stamps"), rows, "rll")


def _marked(window: Window, full: Array) -> Grid:
    kept = np.zeros(full.shape, bool)
    kept[kept_of(window)] = True
    rows = tuple(
        tuple(Cell(number_text(value), "y" if is_y else "", bool(is_y)) for value, is_y in zip(*pair, strict=True))
        for pair in zip(full, kept, strict=True)
    )
    return Grid("all copies added; the outputs that were asked for are marked", rows)
