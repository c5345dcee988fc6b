"""A trace as plain text, 72 columns wide: the arrays, the flip, the formula, each sum.

Three layouts of the same lines, the first that fits: a table with the window beside the
arithmetic, the arithmetic alone, or one small block for each output.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..show import Text
from ..show.numbers import index_text, number_text
from ..show.text import WIDTH, columns, row_text, tight_grids, tight_rows, wrap_behind
from .document import answers_of, inputs_of, legend_of
from .sentences import cell_text, products_of, window_name
from .trace import Length, Trace

Lines = list[str]


def render_text(trace: Trace) -> str:
    """The whole explanation.

    >>> from flipslide.explain.trace import make_trace
    >>> print(render_text(make_trace([0, 1, 2], [1, 2], "same")))
    x = 0 1 2      w = 1 2      flipped w = 2 1
    length: floor((3 + 1 − 2)/1) + 1 = 3    (same: pads 1 before, 0 after)
    <BLANKLINE>
     n   window of x   times flipped w     sum
     0   .  0          2·0 + 1·0         =   0
     1   0  1          2·0 + 1·1         =   1
     2   1  2          2·1 + 1·2         =   4
    <BLANKLINE>
    . is a zero of the padding
    <BLANKLINE>
    y = 0 1 4
    without the flip (correlation, what PyTorch calls conv): 0 2 5
    """
    inputs = inputs_of(trace).grids
    arrays = tight_rows(inputs) if trace.ndim == 1 else [*tight_grids(inputs), ""]
    steps = _show_steps(trace)
    # The padding is marked in the windows, which are left out where there is no room for them.
    legend = [line for line in legend_of(trace) if not line.startswith(". ") or "window of x" in steps[0]]
    parts = [arrays + _show_lengths(trace), steps, legend, _show_answers(trace)]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts if part)


def _show_answers(trace: Trace) -> Lines:
    lines: Lines = []
    for block in answers_of(trace):
        if isinstance(block, Text):
            lines.append(block.text)
        elif trace.ndim == 2:
            lines += tight_grids(block.grids)
        else:
            y, *other = block.grids
            lines += wrap_behind(f"{y.title} = {row_text(y)}")
            lines += [line for grid in other for line in wrap_behind(f"{grid.title}: {row_text(grid)}")]
    return lines


# ---------------------------------------------------------------------------- the formula

_MODE_NOTES = {
    "valid": "valid: only full overlaps",
    "same": "same: pads {before} before, {after} after",
    "full": "full: pads {before} before, {after} after",
}


def _show_lengths(trace: Trace) -> Lines:
    names = ["length:"] if trace.ndim == 1 else ["rows:   ", "columns:"]
    return [
        line
        for name, length in zip(names, trace.lengths, strict=True)
        for line in _show_length(name, length, _MODE_NOTES[trace.mode])
    ]


def _show_length(name: str, length: Length, note: str) -> Iterator[str]:
    padding = length.before + length.after
    formula = f"{name} floor(({length.n} + {padding} − {length.span})/{length.stride}) + 1 = {length.outputs}"
    remark = f"({note.format(before=length.before, after=length.after)})"
    together = f"{formula}    {remark}"
    yield from [together] if len(together) <= WIDTH else [formula, " " * (len(name) + 1) + remark]
    if length.dilation > 1:
        yield " " * (len(name) + 1) + (
            f"(w spans {length.dilation}·({length.taps} − 1) + 1 = {length.span}: dilation {length.dilation})"
        )


# ------------------------------------------------------------------------------ the steps


def _show_steps(trace: Trace) -> Lines:
    if not trace.steps:
        return []
    windows = _align([[cell_text(term) for term in step.terms] for step in trace.steps])
    column = "window of x", *(_join_window(row, trace) for row in windows)
    for shown in ([column], []):
        lines = _lines_of(trace, *shown)
        if max(map(len, lines)) <= WIDTH:
            return lines
    return _blocks(trace)


def _lines_of(trace: Trace, *windows: tuple[str, ...]) -> Lines:
    """A line for each output: its index, its window if there is room, its products, their sum."""
    products = _align([products_of(step) for step in trace.steps])
    sums = columns([("sum", *(number_text(step.value) for step in trace.steps))], "r")
    entries = [
        ("n" if trace.ndim == 1 else "m,n", *(index_text(step.y) for step in trace.steps)),
        *windows,
        (f"times {window_name(trace)}", *map(" + ".join, products)),
        tuple(f"{sign} {total}" for sign, total in zip([" ", *"=" * len(products)], sums, strict=True)),
    ]
    return [" " + line for line in columns(entries, "rlll"[: 3 + len(windows)])]


def _blocks(trace: Trace) -> Lines:
    products = _align([products_of(step) for step in trace.steps])
    width = max(len(entry) for row in products for entry in row)
    products = [[entry.rjust(width) for entry in row] for row in products]
    sums = columns([tuple(number_text(step.value) for step in trace.steps)], "r")
    name_width = max(len(index_text(step.y)) for step in trace.steps) + 3
    fits = max((WIDTH - name_width - len(sums[0]) - 6) // (len(products[0][0]) + 3), 1)
    chunk = min(fits, len(trace.w[0]) if trace.ndim == 2 else len(trace.w))
    blocks = [
        _block_of(f"y[{index_text(step.y)}]".ljust(name_width), row, total, chunk)
        for step, row, total in zip(trace.steps, products, sums, strict=True)
    ]
    return [line for block in blocks for line in ["", *block]][1:]


def _block_of(name: str, products: Lines, total: str, chunk: int) -> Iterator[str]:
    """y[n] = a row of products, then more of them, behind the last one their sum."""
    rows = [" + ".join(products[i : i + chunk]) for i in range(0, len(products), chunk)]
    starts = [f"{name} = ", *[" " * len(name) + " + "] * (len(rows) - 1)]
    *lines, last = [start + row.ljust(len(rows[0])) for start, row in zip(starts, rows, strict=True)]
    yield from [*lines, f"{last}   = {total}"]


def _join_window(cells: list[str], trace: Trace) -> str:
    if trace.ndim == 1:
        return "  ".join(cells)
    return " | ".join(" ".join(row) for row in itertools.zip_longest(*[iter(cells)] * len(trace.w[0])))


def _align(rows: list[Lines]) -> list[Lines]:
    """Every entry as wide as the widest; a quote hangs behind the number."""
    quoted = any(entry.endswith("'") for row in rows for entry in row)
    hung = [[entry if entry.endswith("'") or not quoted else entry + " " for entry in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*hung, strict=True)]
    return [[entry.rjust(width) for entry, width in zip(row, widths, strict=True)] for row in hung]
