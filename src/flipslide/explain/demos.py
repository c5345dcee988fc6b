"""The storyboards: eight calls that show one thing each, as data.

Whoever shows them (the command line, the documentation) makes the call and opens the view.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from ..show import Shown


class Demo(NamedTuple):
    """A call of this package by name, its arguments, and which of its methods shows the point."""

    title: str
    call: str
    arguments: dict[str, Any]
    view: str = ""


SIGNAL = {"x": [0, 1, 2, 3, 4], "w": [1, -1, 2]}
PICTURE = {"x": [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]], "w": [[1, 2], [3, 4]]}
#: Drawn once from NumPy's default_rng(231): integers(0, 3) for x, integers(-1, 2) for w.
LAYER = {
    "x": [
        [[0, 1, 0, 2, 1], [0, 0, 1, 0, 1], [2, 1, 2, 1, 2], [0, 1, 2, 2, 0], [2, 1, 1, 2, 0]],
        [[0, 0, 0, 0, 2], [0, 1, 0, 0, 1], [2, 2, 1, 2, 2], [1, 2, 1, 1, 2], [0, 2, 0, 2, 1]],
        [[0, 1, 1, 2, 0], [2, 0, 1, 2, 1], [1, 1, 2, 1, 2], [2, 1, 2, 1, 1], [2, 1, 1, 0, 1]],
    ],
    "w": [
        [[[1, 0, 0], [1, 1, 0], [0, 1, 1]], [[0, 1, 0], [1, 1, 0], [-1, 1, 1]], [[0, 0, 0], [0, 1, 1], [1, -1, -1]]],
        [
            [[0, 1, 1], [0, 1, 0], [0, -1, 0]],
            [[0, -1, -1], [-1, 1, 0], [-1, 0, 1]],
            [[-1, -1, -1], [0, 0, 1], [0, 0, 0]],
        ],
    ],
    "bias": [1, 0],
    "stride": 2,
    "padding": 1,
}  # fmt: skip

DEMOS = {
    "1d": Demo("Flip, slide, multiply, add", "explain", SIGNAL),
    "padding": Demo("Padding and the three lengths", "explain", SIGNAL, "compare"),
    "stride": Demo("The size formula as a count", "explain_shape", {"size": 5, "kernel": 3, "stride": 2, "padding": 1}),
    "graph": Demo("The computation graph, walked back", "explain", SIGNAL, "grad"),
    "2d": Demo("Two dimensions by hand", "explain", PICTURE),
    "cs231n": Demo("A layer: 5×5×3, two 3×3×3 filters, stride 2, padding 1, bias", "explain_layer", LAYER),
    "im2col": Demo("Loops become one product of matrices", "explain_layer", LAYER, "im2col"),
    "functions": Demo("The area under a product of functions", "explain_functions", {}),
}


def make_demo(name: str) -> Any:
    """What the call of a demo returns, before its view is opened."""
    demo = DEMOS[name]
    # By name: `flipslide.explain` is this package to the importer and a function to everybody else.
    return getattr(import_module("flipslide.explain"), demo.call)(**demo.arguments)


def open_demo(name: str) -> Shown:
    """The demo as it is meant to be seen."""
    made, view = make_demo(name), DEMOS[name].view
    shown: Shown = getattr(made, view)() if view else made
    return shown
