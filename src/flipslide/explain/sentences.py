"""The words of a trace that every renderer shares."""

from __future__ import annotations

from collections.abc import Iterator

from ..graph.exact import Nested
from ..show.numbers import bracket, compact, index_text, join_sum, number_text, times_text
from ..spec import Shape
from .trace import Length, Step, Term, Trace


def window_name(trace: Trace) -> str:
    """What slides over x."""
    if trace.operation == "convolve":
        return "flipped w"
    return "w" if trace.window_w == trace.w else "conj(w)"


def title_of(trace: Trace) -> str:
    """The call in a line."""
    if trace.operation == "layer":
        padding = "no padding" if trace.mode == "valid" else f"padding {trace.mode}"
        bias = "with bias" if trace.bias is not None else "without bias"
        groups = f", {trace.groups} groups" if trace.groups > 1 else ""
        return f"A layer: stride {_per_axis(trace.stride)}, {padding}{groups}, {bias}"
    verb = {"convolve": "convolved", "correlate": "correlated"}[trace.operation]
    rules = [rule for rule in dict.fromkeys(trace.boundary) if rule != "zero"]
    extra = [f"stride {_per_axis(trace.stride)}"] if max(trace.stride, default=1) > 1 else []
    extra += [f"dilation {_per_axis(trace.dilation)}"] if max(trace.dilation, default=1) > 1 else []
    extra += [f"boundary {' and '.join(rules)}"] if rules else []
    return f"x {verb} with w, " + ", ".join([trace.mode, *extra])


def _per_axis(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else "×".join(map(str, values))


def cell_text(term: Term) -> str:
    """What stands in the window: "." for a zero of the padding, a quote after what is not x itself."""
    if term.source == "zero":
        return "."
    return compact(number_text(term.a)) + ("" if term.source == "sample" else "'")


def product_text(term: Term, first: bool = True) -> str:
    """tap·sample, with what is negative in brackets; a zero of the padding is 0."""
    sample = "0" if term.source == "zero" else number_text(term.a)
    return times_text(number_text(term.b), sample, first) + "'" * cell_text(term).endswith("'")


def products_of(step: Step) -> list[str]:
    """The terms of a sum, all of them."""
    return [product_text(term, n == 0) for n, term in enumerate(step.terms)]


def by_channel(step: Step) -> Iterator[tuple[int, tuple[Term, ...]]]:
    """The terms of each channel that a layer's output sums over: (channel of x, terms)."""
    n = len(step.terms) // len(step.partials)
    for c in range(len(step.partials)):
        terms = step.terms[c * n : (c + 1) * n]
        yield terms[0].position[0], terms


def piece_name(name: str, piece: Nested, origin: Shape) -> str:
    """x[3:9], or y[0:5, 2:7]: which part of an array is shown."""
    entries, level = [], piece
    for first in origin:
        entries.append(f"{first}:{first + len(level)}")
        level = level[0] if level else ()
    return f"{name}[{', '.join(entries)}]"


def name_of(trace: Trace, name: str) -> str:
    """x or y, or which part of it is shown."""
    return name if trace.is_whole else piece_name(name, getattr(trace, name), getattr(trace, f"{name}_origin"))


def step_sentence(trace: Trace, step: Step) -> str:
    """y[0] = 2·0 + (−1)·1 + 1·2 = 1; terms of the padding are said to be left out.

    A layer's sentence has the sum of each channel, in their order: y[0,1,1] = 7 + 3 + 1 + bias 1 = 12.
    """
    if trace.operation == "layer":
        return _layer_sentence(step)
    present = [term for term in step.terms if term.product is not None]
    terms = [product_text(term, n == 0) for n, term in enumerate(present)]
    missing = [product_text(term) for term in step.terms if term.product is None]
    zeros = f" ({', '.join(missing)} of the padding left out)" if missing else ""
    if not terms:
        return f"y[{index_text(step.y)}] = 0: the window lies on the padding alone"
    return f"y[{index_text(step.y)}] = {' + '.join(terms)} = {number_text(step.value)}" + zeros


def _layer_sentence(step: Step) -> str:
    name = f"y[{index_text(step.y)}]"
    if len(step.partials) == 1 and step.bias is None:
        return f"{name} = {number_text(step.value)}, the sum of the products"
    parts = join_sum(map(number_text, step.partials))
    bias = "" if step.bias is None else f" + bias {bracket(number_text(step.bias))}"
    return f"{name} = {parts}{bias} = {number_text(step.value)}"


# --------------------------------------------------------------------- formula and answers


def length_formula(length: Length) -> str:
    """The size formula with its numbers, the fraction that is floored, and the result."""
    inner = f"({length.n} + {length.before} + {length.after} − {length.span})/{length.stride}"
    return f"⌊{inner}⌋ + 1 = ⌊{length.room}/{length.stride}⌋ + 1 = {length.outputs}".replace("+ -", "− ")


def length_latex(length: Length) -> str:
    """The same in LaTeX."""
    inner = f"\\frac{{{length.n}+{length.before}+{length.after}-{length.span}}}{{{length.stride}}}".replace("+-", "-")
    return f"\\left\\lfloor {inner}\\right\\rfloor+1 = {length.outputs}"


def other_name(trace: Trace) -> str:
    """What the same call with the other operation is called."""
    if trace.other is not None and trace.other.operation == "convolve":
        return "with the flip (convolution)"
    if _is_real(trace.w):
        return "without the flip (correlation, what PyTorch calls conv)"
    return "without the flip, w conjugated (correlation)"


def why_equal(trace: Trace) -> str:
    """Why the other operation gives the same."""
    assert trace.other is not None
    other = "correlation" if trace.other.operation == "correlate" else "convolution"
    if trace.flip_matters or not _is_real(trace.w):
        return f"{other} gives the same here"
    itself = "w reads the same backwards" if trace.ndim == 1 else "w turned by 180° is w again"
    return f"{itself}: the flip changes nothing"


def _is_real(value: object) -> bool:
    return all(map(_is_real, value)) if isinstance(value, tuple) else not isinstance(value, complex)
