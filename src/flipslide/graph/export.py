"""A graph in other languages: Graphviz, Mermaid, JSON. All of them are text; no program runs."""

from __future__ import annotations

import json

from ..show.numbers import number_text
from .computation import Computation
from .nodes import Node

SCHEMA = "flipslide-graph/1"
_FILLS = {"x": "#d3e8f7", "w": "#fde8bb", "b": "#fde8bb", "y": "#c9eee1", "L": "#c9eee1"}


def to_dot(graph: Computation) -> str:
    """`digraph`, leaves on the left; an edge's label is the derivative along it."""
    names = {id(node): f"n{i}" for i, node in enumerate(graph.nodes)}
    lines = ["digraph convolution {", "  rankdir=LR;", '  node [shape=box, style="filled,rounded", fillcolor=white];']
    for node in graph.nodes:
        fill = f', fillcolor="{_FILLS[node.kind]}"' if node.kind in _FILLS else ""
        lines.append(f'  {names[id(node)]} [label="{node.label}\\n{_worth(node)}"{fill}];')
    for node in graph.nodes:
        for edge in node.parents:
            local = number_text(edge.local)
            lines.append(f'  {names[id(edge.node)]} -> {names[id(node)]} [label="{local}"];')
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(graph: Computation) -> str:
    """`flowchart LR` with the same nodes and labels."""
    names = {id(node): f"n{i}" for i, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        lines.append(f'  {names[id(node)]}["{node.label}<br/>{_worth(node)}"]')
    for node in graph.nodes:
        for edge in node.parents:
            lines.append(f'  {names[id(edge.node)]} -->|"{number_text(edge.local)}"| {names[id(node)]}')
    for kind, fill in _FILLS.items():
        members = ",".join(names[id(node)] for node in graph.nodes if node.kind == kind)
        if members:
            lines.append(
                f"  style {members} fill:{fill}" if "," not in members else f"  class {members} {_class(kind)}"
            )
            lines += [f"  classDef {_class(kind)} fill:{fill}"] if "," in members else []
    return "\n".join(lines) + "\n"


def _class(kind: str) -> str:
    return f"kind{kind.upper()}"


def _worth(node: Node) -> str:
    """value / gradient; a dot where there is no gradient yet."""
    return f"{number_text(node.value)} / {number_text(node.grad)}"


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
