"""A trace as a document: arrays, sizes, every step, the answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..errors import ParameterError
from ..geometry import to_int
from ..graph.exact import Nested
from ..show import Block, Cell, Document, Formula, Frames, Grid, Grids, Heading, Table, Text, grid_of
from ..show.numbers import index_text, number_of, number_text
from ..spec import Shape
from .draw.steps import draw_steps, why_not
from .sentences import (
    by_channel,
    cell_text,
    length_formula,
    length_latex,
    name_of,
    other_name,
    piece_name,
    products_of,
    step_sentence,
    title_of,
    why_equal,
    window_name,
)
from .trace import Step, Term, Trace


def make_document(trace: Trace) -> Document:
    """Arrays, sizes, pictures, every step, the answers."""
    blocks = [
        *_inputs(trace),
        *_lengths(trace),
        *_pictures(trace),
        step_table(trace),
        *_legend(trace),
        *_results(trace),
    ]
    return Document(title_of(trace), tuple(blocks))


def _pictures(trace: Trace) -> Iterator[Block]:
    reason = why_not(trace)
    if not reason:
        yield Frames("steps", draw_steps(trace))
    elif trace.steps:
        yield Text(f"No pictures: {reason}.")


# ------------------------------------------------------------------------------ the arrays


def _inputs(trace: Trace) -> Iterator[Block]:
    if trace.operation == "layer":
        yield from _layer_inputs(trace)
    else:
        yield inputs_of(trace)


def inputs_of(trace: Trace) -> Grids:
    """x, w, and w as it lies over x."""
    grids = [grid_of(name_of(trace, "x"), trace.x, "x"), grid_of("w", trace.w, "w")]
    if trace.operation == "convolve" and trace.ndim == 2:
        grids.append(grid_of("left-right", tuple(row[::-1] for row in trace.w), "w"))
        grids.append(grid_of("and up-down = flipped w", trace.window_w, "w"))
    elif trace.window_w != trace.w or trace.operation == "convolve":
        grids.append(grid_of(window_name(trace), trace.window_w, "w"))
    return Grids(tuple(grids))


def _layer_inputs(trace: Trace) -> Iterator[Block]:
    yield Grids(tuple(_planes("x", trace.x, trace.x_origin, trace, "x")))
    for k, taps in enumerate(trace.w):
        bias = () if trace.bias is None else (grid_of(f"b[{k}]", (trace.bias[k],), "w"),)
        yield Grids((*(grid_of(f"w[{k},{c}]", plane, "w") for c, plane in enumerate(taps)), *bias))
    yield Text("A layer does not flip: each filter slides over all channels at once, and its products are added.")


def _lengths(trace: Trace) -> Iterator[Block]:
    names = ["length"] if trace.ndim == 1 else ["rows", "columns"]
    for name, length in zip(names, trace.lengths, strict=True):
        yield Formula(f"{name}: {length_formula(length)}", f"\\text{{{name}: }}{length_latex(length)}")


# ------------------------------------------------------------------------------- the steps


def step_table(trace: Trace) -> Table:
    """A row for each output: what stands in the window, the products, the sum."""
    if trace.operation == "layer":
        return _layer_table(trace)
    rows = tuple(
        (
            index_text(step.y),
            _window(trace, step),
            " + ".join(products_of(step)),
            f"= {number_text(step.value)}",
        )
        for step in trace.steps
    )
    name = "n" if trace.ndim == 1 else "m,n"
    return Table("", (name, "window of x", f"times {window_name(trace)}", "sum"), rows, "rlll")


def _window(trace: Trace, step: Step) -> str:
    cells = [cell_text(term) for term in step.terms]
    if trace.ndim == 1:
        return " ".join(cells)
    return " | ".join(" ".join(row) for row in itertools.zip_longest(*[iter(cells)] * trace.lengths[1].taps))


def _layer_table(trace: Trace) -> Table:
    """The sum of each channel, the bias, the output."""
    channels = len(trace.steps[0].partials) if trace.steps else 1
    of = "" if trace.groups == 1 else " of the group"
    heads = tuple(f"channel {c}{of}" for c in range(channels))
    bias = ("bias",) if trace.bias is not None else ()
    rows = tuple(
        (
            index_text(step.y),
            *map(number_text, step.partials),
            *(() if step.bias is None else (number_text(step.bias),)),
            f"= {number_text(step.value)}",
        )
        for step in trace.steps
    )
    index = "filter,m" if trace.ndim == 1 else "filter,m,n"
    header = (index, *heads, *bias, "sum")
    return Table("The sum of each channel, and the output", header, rows, "r" * (len(header) - 1) + "l")


def find_step(trace: Trace, n: object) -> Step:
    """Step n, counted from 0, or the step of the output with that index."""
    if isinstance(n, tuple | list):
        for step in trace.steps:
            if step.y == tuple(n):
                return step
        raise ParameterError(f"step({n!r}): no such output was explained; y has shape {trace.y_shape}")
    number = to_int(n, "step")
    if not -len(trace.steps) <= number < len(trace.steps):
        raise ParameterError(f"step({number}): the steps have the numbers 0 to {len(trace.steps) - 1}")
    return trace.steps[number]


def step_blocks(trace: Trace, step: Step) -> Iterator[Block]:
    """One output in full: its sentence, and each product with where it comes from."""
    yield Text(step_sentence(trace, step))
    if trace.operation != "layer":
        yield _terms_table(step.terms)
        yield from _legend(trace._replace(steps=(step,)))
        return
    for (channel, terms), partial in zip(by_channel(step), step.partials, strict=True):
        yield Heading(f"channel {channel}: {number_text(partial)}")
        yield Grids(tuple(_term_grids(trace, terms)))
    if any(term.source == "zero" for term in step.terms):
        yield Text("· is a zero of the padding.")


def _terms_table(terms: tuple[Term, ...]) -> Table:
    rows = tuple(
        (
            f"w[{index_text(term.w)}]",
            number_text(term.b),
            "padding" if term.source == "zero" else term.source if term.x is None else f"x[{index_text(term.x)}]",
            cell_text(term),
            "" if term.product is None else number_text(term.product),
        )
        for term in terms
    )
    return Table("", ("tap", "", "meets", "", "product"), rows, "lrlrr")


def _term_grids(trace: Trace, terms: tuple[Term, ...]) -> Iterator[Grid]:
    """The window, the taps and the products of one channel, each as it lies."""
    columns = trace.lengths[-1].taps
    for title, cells in (
        ("window of x", [Cell("·", "padding") if t.source == "zero" else Cell(cell_text(t), "x") for t in terms]),
        ("times w", [Cell(number_text(t.b), "w") for t in terms]),
        ("products", [Cell("·" if t.product is None else number_text(t.product)) for t in terms]),
    ):
        yield Grid(title, tuple(tuple(cells[i : i + columns]) for i in range(0, len(cells), columns)))


# ----------------------------------------------------------------------------- the answers


def _legend(trace: Trace) -> Iterator[Block]:
    yield from map(Text, legend_of(trace))


def legend_of(trace: Trace) -> list[str]:
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
    return isinstance(number, float) and number == number and number_of(number_text(number)) != number


def _results(trace: Trace) -> Iterator[Block]:
    if trace.operation == "layer":
        yield Grids(tuple(_planes("y", trace.y, trace.y_origin, trace, "y")))
    else:
        yield from answers_of(trace)


def answers_of(trace: Trace) -> tuple[Grids | Text, ...]:
    """y, and beside it what the other operation gives, or why that is the same."""
    assert trace.other is not None
    y = grid_of(name_of(trace, "y"), trace.y, "y", Cell("·"))
    if trace.other.differs:
        return (Grids((y, grid_of(other_name(trace), trace.other.y, "", Cell("·")))),)
    return Grids((y,)), Text(why_equal(trace))


def _planes(name: str, planes: Nested, origin: Shape, trace: Trace, role: str) -> Iterator[Grid]:
    """A grid for each channel, or for each filter."""
    for n, plane in enumerate(planes, origin[0]):
        title = f"{name}[{n}]" if trace.is_whole else piece_name(f"{name}[{n}]", plane, origin[1:])
        yield grid_of(title, plane, role, Cell("·"))
