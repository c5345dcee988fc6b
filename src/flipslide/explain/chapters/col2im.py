"""`col2im`: columns added back onto x; the adjoint of im2col."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...arrays import Array
from ...graph.exact import conjugate
from ...show import Block, Formula, Grid, Grids, Text, grid_of
from ...show.numbers import join_sum
from ..draw.columns import draw_col2im
from ..trace import Trace
from ..window import Window, columns_of, dy_of, fill_zeros, indices, like_x, window_of, zeros
from .chapter import Chapter, beside, pictures, texts_of, written_down
from .im2col import copies_of, rows_of


def add_back(window: Window, columns: Array) -> Array:
    """x-shaped: every entry of every column added onto the sample that it stands for."""
    total = zeros(window.x.shape)
    for row, (c, *j) in enumerate(indices((window.x.shape[0], *window.taps))):
        for column, m in enumerate(indices(window.outputs)):
            source = window.sources[window.at(m, tuple(j))]
            if isinstance(source, tuple):
                total[(c, *source)] = total[(c, *source)] + columns[row, column]
    return total


def chapter(trace: Trace) -> Chapter:
    """Coverage, copies and the gradient of x."""
    window = window_of(trace)
    columns = columns_of(window)
    again = add_back(window, fill_zeros(columns))
    dy = dy_of(trace, window)
    back = conjugate(rows_of(window)).T.dot(dy)
    dx = add_back(window, back)
    coverage = copies_of(window)
    return Chapter(
        "col2im",
        "col2im: columns are added back",
        [*_body(trace, coverage, again, back, dx), *pictures("adding back", draw_col2im(trace))],
        None,
        coverage=like_x(window, np.broadcast_to(coverage, window.x.shape)),
        again=like_x(window, again),
        columns=back,
        dx=like_x(window, dx),
    )


def _body(trace: Trace, coverage: Array, again: Array, back: Array, dx: Array) -> Iterator[Block]:
    weights = "dy" if trace.gradients is not None else "dy = 1 everywhere"
    yield Text(
        "im2col copies a sample into every window that covers it. Going back, all these copies are the same "
        "sample, so what comes back to it is added, never overwritten: += and not =."
    )
    yield beside(grid_of("columns of ones add up to the coverage", coverage, "gradient"))
    yield _question(coverage)
    yield Grids(_planes("col2im(im2col(x)) = coverage · x", again, "x"))
    yield Formula("dx = col2im(W_rowᵀ · dY)", "dx = \\operatorname{col2im}(W_{row}^{\\mathsf T}\\,dY)")
    yield Text(f"The same sum is the gradient of x, with {weights}: the columns W_rowᵀ·dY,")
    yield written_down([grid_of(f"W_rowᵀ·dY ({back.shape[0]}×{back.shape[1]})", back, "gradient")])
    yield Text("added back:")
    yield Grids(_planes("dx", dx, "gradient"))


def _planes(title: str, array: Array, role: str) -> tuple[Grid, ...]:
    if array.shape[0] == 1:
        return (grid_of(title, array[0], role),)
    return tuple(grid_of(f"{title if c == 0 else ''} [{c}]".strip(), plane, role) for c, plane in enumerate(array))


def _question(coverage: Array) -> Text:
    """Why +=: one sample that several windows cover, spelled out."""
    counts = [int(count) for count in coverage.flat]
    if not counts or max(counts) < 2:
        return Text("Here no two windows overlap, so each sample comes back once.")
    most = max(counts)
    ones = f"{join_sum(['1'] * most)} = {most}"
    if len(counts) > 16:
        return Text(
            f"A sample in the middle stands in {most} columns: {ones}; with = instead of += the last one would win "
            f"and {most - 1} would be lost."
        )
    return Text(
        f"Sample {counts.index(most)} of {texts_of(range(len(counts)))} stands in {most} columns: {ones}. "
        f"With = instead of += the last one would win and {most - 1} would be lost."
    )
