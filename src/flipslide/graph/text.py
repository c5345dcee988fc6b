"""A graph in words: every output as the sum of its products, every gradient as the sum of
what came down to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..show.numbers import is_complex, join_sum, number_text, times_text
from ..show.text import WIDTH, wrap
from .computation import Computation
from .nodes import Node

Terms = list[tuple[str, Any]]


def render_text(graph: Computation) -> str:
    """The whole graph."""
    return "\n".join([*_heading(graph), "", *forward_lines(graph), "", *backward_lines(graph)])


def _heading(graph: Computation) -> Iterator[str]:
    x, w, b = (graph.leaves(name) for name in "xwb")
    n_products = sum(len(factors) for _, factors, _ in graph.outputs())
    n_outputs = len(graph.outputs())
    biases = f" {len(b)} b," if b else ""
    yield f"graph of {graph.operation}(x, w), mode {graph.mode!r}"
    yield f"nodes: {len(x)} x, {len(w)} w,{biases} {n_products} ×, {n_outputs} +, {n_outputs} y, L"
    for name in "xwb":
        array = graph.array(name)
        if array is not None:
            note = f"   (shape {array.shape})" if array.ndim > 1 else ""
            yield from _wrap_behind(f"{name} = ", " ".join(map(number_text, array.flat)) + note)


def forward_lines(graph: Computation) -> Iterator[str]:
    """y0 = w0·x2 + … = 1, one after another, and L."""
    width = max((len(y.label) for _, _, y in graph.outputs()), default=1)
    for total, _, y in graph.outputs():
        yield from _spell(y.label.ljust(width), _terms_of(total), y.value)
    yield from _spell("L".ljust(width), _loss_terms(graph), graph.loss)


def backward_lines(graph: Computation) -> Iterator[str]:
    """dw0 = x2·1 + … = 9, for every entry of w, the bias and x."""
    leaves = [node for name in "wbx" for node in graph.leaves(name)]
    width = max((len(node.label) for node in leaves), default=1) + 1
    if not graph.has_gradients:
        yield "dw = · and dx = ·        (unknown until backward() has run)"
        return
    for node in leaves:
        yield from _spell(("d" + node.label).ljust(width), _arrivals(node), node.grad, "   (it feeds no output)")


def spell_output(total: Node, y: Node) -> str:
    """One output as one line, however long."""
    return " = ".join([y.label, *_sides(_terms_of(total), y.value)])


def spell_loss(graph: Computation) -> str:
    """L as one line."""
    return " = ".join(["L", *_sides(_loss_terms(graph), graph.loss)])


def spell_gradient(node: Node) -> str:
    """The gradient of a leaf as one line."""
    if not node.arrivals:
        return f"d{node.label} = 0: it feeds no output"
    return " = ".join(["d" + node.label, *_sides(_arrivals(node), node.grad)])


def _terms_of(total: Node) -> Terms:
    return [(edge.node.label, edge.node.value) for edge in total.parents]


def _arrivals(node: Node) -> Terms:
    return [(arrival.text, arrival.value) for arrival in node.arrivals]


def _loss_terms(graph: Computation) -> Terms:
    return [_weighted(g, y) for g, (_, _, y) in zip(graph.dy.flat, graph.outputs(), strict=True)]


def _weighted(weight: Any, y: Node) -> tuple[str, Any]:
    """A term of L = Re Σ conj(dy)·y, as it is written and its value."""
    text = y.label if weight == 1 else times_text(y.label, number_text(weight.conjugate()))
    term = weight.conjugate() * y.value
    return (f"Re {text}" if is_complex(term) else text), term.real


def _sides(terms: Terms, total: Any) -> list[str]:
    """Symbols, numbers, total; without the numbers where there is one term."""
    sides = [" + ".join(text for text, _ in terms), join_sum(number_text(value) for _, value in terms)] if terms else []
    if len(terms) == 1:
        del sides[1]
    return [*sides, number_text(total)]


def _spell(name: str, terms: Terms, total: Any, unused: str = "") -> list[str]:
    """name = symbols = numbers = total, over as many lines as it takes."""
    if not terms:
        return [f"{name} = {number_text(total)}{unused}"]
    sides = _sides(terms, total)
    line = " = ".join([name, *sides])
    if len(line) <= WIDTH:
        return [line]
    starts = [f"{name} = ", *[" " * len(name) + " = "] * (len(sides) - 1)]
    return [line for start, side in zip(starts, sides, strict=True) for line in _wrap_behind(start, side)]


def _wrap_behind(start: str, text: str) -> list[str]:
    return wrap(text, WIDTH, " " * len(start), start) or [start]
