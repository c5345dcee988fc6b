"""`im2col`: every window as a column, so that the layer is one product of matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...arrays import Array
from ...show import Block, Cell, Grid, Text, grid_of
from ...show.numbers import index_text
from ..draw.columns import draw_im2col
from ..trace import Trace
from ..window import Window, columns_of, indices, window_of
from .chapter import Chapter, answer, beside, pictures, result_grids, written_down


def rows_of(window: Window) -> Array:
    """(filters, channels·taps): each filter as a row, with zeros for the channels that it does not see."""
    size = int(np.prod(window.taps))
    rows = np.full((window.filters, window.x.shape[0] * size), 0, dtype=object)
    for k in range(window.filters):
        seen = window.channels(k)
        rows[k, seen.start * size : seen.stop * size] = window.v[k].reshape(-1)
    return rows


def convolve(window: Window) -> Array:
    """y = W_row · X_col."""
    rows, columns = rows_of(window), columns_of(window)
    sums = window.empty().reshape(window.filters, -1)
    size = int(np.prod(window.taps))
    for k in range(window.filters):
        seen = window.channels(k)
        for n in range(columns.shape[1]):
            terms = range(seen.start * size, seen.stop * size)
            sums[k, n] = sum((rows[k, r] * columns[r, n] for r in terms if columns[r, n] is not None), 0)
    return sums.reshape(window.filters, *window.outputs)


def copies_of(window: Window) -> Array:
    """How many columns each sample of one channel stands in."""
    copies = np.full(window.x.shape[1:], 0, dtype=object)
    for m in indices(window.outputs):
        for j in indices(window.taps):
            source = window.sources[window.at(m, j)]
            if isinstance(source, tuple):
                copies[source] += 1
    return copies


def chapter(trace: Trace) -> Chapter:
    """The two matrices, their product, and what the copies cost."""
    window = window_of(trace)
    columns, rows, copies = columns_of(window), rows_of(window), copies_of(window)
    sums = convolve(window)
    y = answer(window, sums)
    product = sums.reshape(window.filters, -1)
    title = "im2col: loops become one product of matrices"
    body = [*_body(window, columns, rows, product, copies, y), *pictures("columns", draw_im2col(trace))]
    return Chapter("im2col", title, body, y, columns=columns, rows=rows, copies=copies)


def _body(window: Window, columns: Array, rows: Array, product: Array, copies: Array, y: Array) -> Iterator[Block]:
    n_rows, n_columns = columns.shape
    by_channel, in_channel = (" and channel by channel", " in a channel") if window.x.shape[0] > 1 else ("", "")
    yield Text(
        f"Each window of x, read row by row{by_channel}, becomes a column: {n_columns} windows of {n_rows} numbers. "
        f"Each filter, as it lies over x, becomes a row. Row times column is one output"
        f"{' plus the bias' if window.bias else ''}."
    )
    yield written_down([_labelled(window, columns)])
    yield written_down([grid_of(f"W_row ({rows.shape[0]}×{rows.shape[1]})", rows, "w")])
    yield written_down([grid_of(f"Y = W_row · X_col ({product.shape[0]}×{n_columns})", product, "y")])
    yield Text(
        f"{columns.size} numbers stand for {window.x.size} samples, {columns.size / max(window.x.size, 1):.3g} times "
        "as many: a sample is copied into every window that covers it."
    )
    yield beside(grid_of(f"copies of each sample{in_channel}", copies, "x"))
    yield Text("Cut into rows again, Y is the result." if len(window.axes) > 1 or window.bias else "Y is the result.")
    yield result_grids(window, y)


def _labelled(window: Window, columns: Array) -> Grid:
    """X_col with the index of its output above each column."""
    title = f"X_col ({columns.shape[0]}×{columns.shape[1]}), a column for each y; · is a zero of the padding"
    heads = tuple(Cell(index_text(m), "", True) for m in indices(window.outputs))
    return Grid(title, (heads, *grid_of("", columns, "x").rows))
