"""The document of a graph: arrays, the pictures of both passes, every sum, and the two convolutions."""

from __future__ import annotations

from collections.abc import Iterator

from ..show import Block, Document, Frame, Frames, Grid, Grids, Table, Text, grids_of
from .computation import Computation
from .draw import draw_passes
from .exact import thaw
from .gradients import Fold
from .subgraph import draw_part
from .text import spell_gradient, spell_loss, spell_output

#: A graph with more products than this is drawn in parts.
MAX_WHOLE = 20
MAX_FRAMES = 96


def make_document(graph: Computation) -> Document:
    """Arrays, the pictures of both passes, every sum, and the convolutions that they are."""
    frames = draw_frames(graph)
    picture: list[Block] = [Frames("graph", frames)] if frames else []
    if not is_small(graph):
        is_all = len(frames) == len(graph.outputs()) + len(graph.layers()[0])
        left_out = "" if is_all else "Not every node is drawn here. "
        picture.append(Text(f"{left_out}graph.focus({graph.nodes[0].label!r}) draws what one node takes part in."))
    blocks: list[Block] = [
        Text("Every × and every + is a node. Forward, values flow to the right; backward, gradients flow to the left."),
        Grids(tuple(_grids(graph))),
        *picture,
        Table("Forward", ("node", "= its sum"), _forward_rows(graph), "ll"),
    ]
    if not graph.has_gradients:
        return Document(_title(graph), (*blocks, Text("No gradient is known before backward() has run.")))
    backward = Table("Backward: + copies, × swaps, and where edges meet, gradients add", ("gradient", "= its sum"),
                     _backward_rows(graph), "ll")  # fmt: skip
    return Document(_title(graph), (*blocks, backward, *Fold(graph).document().blocks))


def draw_frames(graph: Computation) -> tuple[Frame, ...]:
    """The forward pass and, once `backward` has run, the backward pass; in parts if it is large."""
    if is_small(graph):
        return tuple(draw_passes(graph))
    return tuple(draw_part(graph, label) for label in _drawn_labels(graph))


def is_small(graph: Computation) -> bool:
    """Whether the whole graph makes one legible picture."""
    n_products = sum(len(factors) for _, factors, _ in graph.outputs())
    return n_products <= MAX_WHOLE and len(graph.layers()[0]) <= MAX_WHOLE


def _drawn_labels(graph: Computation) -> list[str]:
    """The parts that are drawn of a large graph: y, then w and the bias, then x, while there is room."""
    labels: list[str] = []
    groups = [[y for _, _, y in graph.outputs()]]
    groups += [[*graph.leaves("w"), *graph.leaves("b")], graph.leaves("x")] if graph.has_gradients else []
    for group in groups:
        if len(labels) + len(group) > MAX_FRAMES:
            break
        labels += [node.label for node in group]
    return labels


def _title(graph: Computation) -> str:
    return f"Computation graph of {graph.operation}(x, w), mode {graph.mode!r}"


def _forward_rows(graph: Computation) -> tuple[tuple[str, str], ...]:
    spelled = [spell_output(total, y) for total, _, y in graph.outputs()]
    return tuple(map(_split, [*spelled, spell_loss(graph)]))


def _backward_rows(graph: Computation) -> tuple[tuple[str, str], ...]:
    return tuple(_split(spell_gradient(node)) for name in "wbx" for node in graph.leaves(name))


def _split(line: str) -> tuple[str, str]:
    name, _, rest = line.partition(" = ")
    return name, rest


def _grids(graph: Computation) -> Iterator[Grid]:
    for name in "xwb":
        array = graph.array(name)
        if array is not None and array.size:
            yield from grids_of(name, array, "w" if name == "b" else name)
    yield from grids_of("y", thaw(tuple(y.value for _, _, y in graph.outputs()), graph.y_shape), "y")
