"""A trace as plain text, 72 columns wide: the arrays, the flip, the formula, each sum.

Three layouts of the same lines, the first that fits: a table with the window beside the
arithmetic, the arithmetic alone, or one small block for each output.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from ..show.numbers import index_text, number_text
from ..show.text import GAP, WIDTH, beside, wrap
from .sentences import cell_text, other_name, piece_name, product_text, why_equal, window_name
from .trace import Length, Nested, Trace

__all__ = ["legend_of", "render_text"]

Lines = list[str]


def render_text(trace: Trace) -> str:
    """The whole explanation.

    >>> from flipslide.explain.trace import make_trace
    >>> print(render_text(make_trace([0, 1, 2], [1, 2], "same")))
    x = 0 1 2      w = 1 2      flipped w = 2 1
    length: floor((3 + 1 - 2)/1) + 1 = 3    (same: pads 1 before, 0 after)
    <BLANKLINE>
     n   window of x   times flipped w     sum
     0   .  0          2·. + 1·0         =   0
     1   0  1          2·0 + 1·1         =   1
     2   1  2          2·1 + 1·2         =   4
    <BLANKLINE>
    . is a zero of the padding
    <BLANKLINE>
    y = 0 1 4
    without the flip (correlation, what PyTorch calls conv): 0 2 5
    """
    parts = [_show_inputs(trace) + _show_lengths(trace), _show_steps(trace), legend_of(trace), _show_answers(trace)]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts if part)


# ----------------------------------------------------------------------------- the arrays


def _show_inputs(trace: Trace) -> Lines:
    if trace.ndim == 2:
        return beside(_input_blocks(trace)) + [""]
    arrays = [f"{_x_name(trace)} = {_row(trace.x)}", f"w = {_row(trace.w)}"]
    if trace.operation == "convolve" or trace.window_w != trace.w:
        arrays.append(f"{window_name(trace)} = {_row(trace.window_w)}")
    joined = GAP.join(arrays)
    return [joined] if len(joined) <= WIDTH else [line for array in arrays for line in _wrap(array)]


def _input_blocks(trace: Trace) -> list[Lines]:
    blocks = [_block(_x_name(trace), trace.x), _block("w", trace.w)]
    if trace.operation == "convolve":
        mirrored = tuple(row[::-1] for row in trace.w)
        blocks += [_block("left-right", mirrored), _block("and up-down = flipped w", trace.window_w)]
    elif trace.window_w != trace.w:
        blocks.append(_block(window_name(trace), trace.window_w))
    return blocks


def _x_name(trace: Trace) -> str:
    return "x" if trace.is_whole else piece_name("x", trace.x, trace.x_origin)


def _y_name(trace: Trace) -> str:
    return "y" if trace.is_whole else piece_name("y", trace.y, trace.y_origin)


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
    formula = f"{name} floor(({length.n} + {padding} - {length.span})/{length.stride}) + 1 = {length.outputs}"
    remark = f"({note.format(before=length.before, after=length.after)})"
    together = f"{formula}    {remark}"
    yield from [together] if len(together) <= WIDTH else [formula, " " * (len(name) + 1) + remark]
    if length.dilation > 1:
        yield " " * (len(name) + 1) + (
            f"(w spans {length.dilation}·({length.taps} - 1) + 1 = {length.span}: dilation {length.dilation})"
        )


# ------------------------------------------------------------------------------ the steps


def _show_steps(trace: Trace) -> Lines:
    if not trace.steps:
        return []
    for layout in (_table, _narrow_table):
        lines = layout(trace)
        if max(map(len, lines)) <= WIDTH:
            return lines
    return _blocks(trace)


def _table(trace: Trace) -> Lines:
    windows = _align([[cell_text(term) for term in step.terms] for step in trace.steps])
    columns = [
        _column("n" if trace.ndim == 1 else "m,n", [index_text(step.y) for step in trace.steps], str.rjust),
        _column("window of x", [_join_window(row, trace) for row in windows], str.ljust),
        *_sum_columns(trace),
    ]
    return [" " + "   ".join(row) for row in zip(*columns, strict=True)]


def _narrow_table(trace: Trace) -> Lines:
    indices = _column("n" if trace.ndim == 1 else "m,n", [index_text(step.y) for step in trace.steps], str.rjust)
    return [" " + "   ".join(row) for row in zip(indices, *_sum_columns(trace), strict=True)]


def _sum_columns(trace: Trace) -> list[Lines]:
    products = [
        " + ".join(row) for row in _align([[product_text(term) for term in step.terms] for step in trace.steps])
    ]
    sums = _column("sum", [number_text(step.value) for step in trace.steps], str.rjust)
    equals = [" ", *"=" * len(trace.steps)]
    totals = [f"{sign} {total}" for sign, total in zip(equals, sums, strict=True)]
    return [_column(f"times {window_name(trace)}", products, str.ljust), totals]


def _blocks(trace: Trace) -> Lines:
    products = _align([[product_text(term) for term in step.terms] for step in trace.steps])
    width = max(len(entry) for row in products for entry in row)
    products = [[entry.rjust(width) for entry in row] for row in products]
    sums = _column("", [number_text(step.value) for step in trace.steps], str.rjust)[1:]
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


# ------------------------------------------------------------------- legend and the answers


def legend_of(trace: Trace) -> Lines:
    """A line for every sign in use."""
    terms = [term for step in trace.steps for term in step.terms]
    sources = {term.source for term in terms}
    rules = " and ".join(repr(rule) for rule in dict.fromkeys(trace.boundary) if rule not in ("zero", "constant"))
    legend = {
        "zero": ". is a zero of the padding",
        "copy": f"' marks a copy of a sample of x, by boundary {rules}",
        "fill": f"' marks the fill value {number_text(trace.fill_value)} outside x",
    }
    lines = [line for source, line in legend.items() if source in sources]
    numbers = itertools.chain((step.value for step in trace.steps), (n for term in terms for n in (term.a, term.b)))
    return lines + ["numbers are shown to 6 digits"] * any(map(_is_rounded, numbers))


def _is_rounded(number: object) -> bool:
    if isinstance(number, complex):
        return _is_rounded(number.real) or _is_rounded(number.imag)
    return isinstance(number, float) and number == number and float(number_text(number)) != number


def _show_answers(trace: Trace) -> Lines:
    name = _y_name(trace)
    assert trace.other is not None
    if not trace.other.differs:
        answer = beside([_block(name, trace.y)]) if trace.ndim == 2 else _wrap(f"{name} = {_row(trace.y)}")
        return answer + [why_equal(trace)]
    if trace.ndim == 2:
        return beside([_block(name, trace.y), _block(other_name(trace), trace.other.y)])
    return _wrap(f"{name} = {_row(trace.y)}") + _wrap(f"{other_name(trace)}: {_row(trace.other.y)}")


# ------------------------------------------------------------------------------ alignment


def _row(numbers: Iterable[object]) -> str:
    return " ".join(map(number_text, numbers)) or "(empty)"


def _wrap(text: str) -> Lines:
    indent = " " * (text.find("=") + 2 if " = " in text[:16] else 4)
    return wrap(text, WIDTH, indent)


def _column(title: str, entries: Lines, justify: Callable[[str, int], str]) -> Lines:
    width = max(map(len, [title, *entries]))
    return [justify(entry, width) for entry in [title, *entries]]


def _align(rows: list[Lines]) -> list[Lines]:
    """Every entry as wide as the widest; a quote hangs behind the number."""
    quoted = any(entry.endswith("'") for row in rows for entry in row)
    hung = [[entry if entry.endswith("'") or not quoted else entry + " " for entry in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*hung, strict=True)]
    return [[entry.rjust(width) for entry, width in zip(row, widths, strict=True)] for row in hung]


def _block(title: str, rows: Nested) -> Lines:
    """A title over a matrix with right-aligned columns, cut into panels where it is too wide."""
    texts = [[number_text(entry) for entry in row] for row in rows]
    if not any(texts):
        return [title, "(empty)"]
    width = max(len(text) for row in texts for text in row)
    n_columns, fits = len(texts[0]), max((WIDTH + 1) // (width + 1), 1)
    if n_columns <= fits:
        return _panel(title, texts, width)
    titles = [title, *(f"and columns {i} to {min(i + fits, n_columns) - 1}" for i in range(fits, n_columns, fits))]
    panels = [
        _panel(name, [row[i : i + fits] for row in texts], width)
        for name, i in zip(titles, range(0, n_columns, fits), strict=True)
    ]
    return [line for panel in panels for line in ["", *panel]][1:]


def _panel(title: str, texts: list[Lines], width: int) -> Lines:
    return [title, *(" ".join(text.rjust(width) for text in row) for row in texts)]
