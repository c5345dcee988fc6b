"""Nodes and edges: a number, what it was made from, and what flows back through it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..show.numbers import number_text, times_text


class Edge(NamedTuple):
    """From a node to one that it was made from; `name` spells the factor that `pull` applies.

    With complex numbers gradients live under ⟨a, b⟩ = Re Σ ā·b. If z = l·a, then
    Re(ḡ·l·da) = ⟨l̄·g, da⟩, and if z = l·ā, then Re(ḡ·l·dā) = Re(g·l̄·da) = ⟨l·ḡ, da⟩.
    """

    node: Node
    local: Any
    name: str
    conjugates: bool = False

    def pull(self, grad: Any) -> Any:
        """What this edge hands on of the gradient at its upper end."""
        return self.local * grad.conjugate() if self.conjugates else self.local.conjugate() * grad

    def spell(self, grad: Any) -> str:
        """The same as it is written."""
        return times_text(self.name, number_text(grad.conjugate() if self.conjugates else grad))


class Arrival(NamedTuple):
    """A gradient that came down one edge: from which node, as it is written, and its value."""

    source: Node
    text: str
    value: Any


class Node:
    """A number of the computation; its gradient is None until `backward` has run."""

    def __init__(self, kind: str, label: str, value: Any, parents: tuple[Edge, ...] = ()) -> None:
        self.kind = kind
        self.label = label
        self.value = value
        self.grad: Any = None
        self.parents = parents
        self.arrivals: list[Arrival] = []

    def __repr__(self) -> str:
        return f"Node({self.label}: {number_text(self.value)} / {number_text(self.grad)})"

    def reset(self) -> None:
        self.grad, self.arrivals = 0, []

    def receive(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        self.grad = self.grad + arrival.value

    def send(self) -> None:
        """Hand the gradient on to every node that this one was made from."""
        for edge in self.parents:
            edge.node.receive(Arrival(self, edge.spell(self.grad), edge.pull(self.grad)))
