"""A graph in other languages: Graphviz, Mermaid, JSON. All of them are text; no program runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..show.numbers import number_text
from .computation import Computation

SCHEMA = "flipslide-graph/1"
_FILLS = {"x": "#d3e8f7", "w": "#fde8bb", "b": "#fde8bb", "y": "#c9eee1", "L": "#c9eee1"}


def to_dot(graph: Computation) -> str:
    """The graph in Graphviz's language, leaves on the left; an edge's label is the derivative along it."""
    head = ["digraph convolution {", "  rankdir=LR;", '  node [shape=box, style="filled,rounded", fillcolor=white];']
    fills = {kind: f', fillcolor="{fill}"' for kind, fill in _FILLS.items()}
    lines = _lines(graph, '  {name} [label="{label}\\n{worth}"{fill}];', '  {a} -> {b} [label="{local}"];', fills)
    return "\n".join([*head, *lines, "}"]) + "\n"


def to_mermaid(graph: Computation) -> str:
    """The graph in Mermaid's language, which Markdown on many sites draws."""
    lines = ["flowchart LR", *_lines(graph, '  {name}["{label}<br/>{worth}"]', '  {a} -->|"{local}"| {b}', {})]
    names = _names(graph)
    for kind, fill in _FILLS.items():
        members = [names[id(node)] for node in graph.nodes if node.kind == kind]
        if len(members) == 1:
            lines.append(f"  style {members[0]} fill:{fill}")
        elif members:
            name = f"kind{kind.upper()}"
            lines += [f"  class {','.join(members)} {name}", f"  classDef {name} fill:{fill}"]
    return "\n".join(lines) + "\n"


def _names(graph: Computation) -> dict[int, str]:
    return {id(node): f"n{i}" for i, node in enumerate(graph.nodes)}


def _lines(graph: Computation, node: str, edge: str, fills: dict[str, str]) -> Iterator[str]:
    """All nodes, then all edges, by a template for each; a node's worth is value / gradient."""
    names = _names(graph)
    for one in graph.nodes:
        worth = f"{number_text(one.value)} / {number_text(one.grad)}"
        yield node.format(name=names[id(one)], label=one.label, worth=worth, fill=fills.get(one.kind, ""))
    for one in graph.nodes:
        for parent in one.parents:
            yield edge.format(a=names[id(parent.node)], b=names[id(one)], local=number_text(parent.local))


def to_json(graph: Computation, indent: int | None = None) -> str:
    """Nodes and edges, schema "flipslide-graph/1"."""
    nodes, edges = graph.record()
    record = {
        "schema": SCHEMA,
        "operation": graph.operation,
        "mode": graph.mode,
        "nodes": [{**node._asdict(), "value": _plain(node.value), "grad": _plain(node.grad)} for node in nodes],
        "edges": [{**edge._asdict(), "local": _plain(edge.local)} for edge in edges],
    }
    return json.dumps(record, indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    return value if isinstance(value, int | None) else number_text(value)
