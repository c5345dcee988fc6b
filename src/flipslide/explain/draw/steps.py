"""The flip, then the window at every output: one scene from the first picture to the last."""

from __future__ import annotations

from collections.abc import Iterator

from ...show import Frame
from ..trace import Step, Trace
from .common import MAX_STEPS, Pose, reach_of
from .layer import draw_layer, layer_why_not
from .line import draw_line
from .plane import draw_plane

#: The longest axis, with its padding, that still makes a legible picture.
MAX_DRAWN = {1: 32, 2: 16}


def why_not(trace: Trace) -> str:
    """Why there are no pictures of this trace, and what to ask for instead; nothing where there are some."""
    if not trace.steps:
        return "there is no output to draw"
    if len(trace.steps) > MAX_STEPS:
        return f"{len(trace.steps)} outputs are more than the {MAX_STEPS} that are drawn; {_ASK[trace.operation]}"
    longest = max(high - low for low, high in reach_of(trace))
    if longest > MAX_DRAWN[trace.ndim]:
        side = f"{MAX_DRAWN[trace.ndim]} samples{' a side' if trace.ndim == 2 else ''}"
        return f"x with its padding is {longest} long and pictures hold {side}; {_ASK[trace.operation]}"
    return layer_why_not(trace) if trace.operation == "layer" else ""


_SIGNAL = "around=n draws the outputs near one, cells=[…] those of a list"
_ASK = {"convolve": _SIGNAL, "correlate": _SIGNAL, "layer": "take a piece of x"}


def draw_steps(trace: Trace) -> tuple[Frame, ...]:
    """The flip and one frame for every output."""
    if why_not(trace):
        return ()
    return (*draw_flip(trace), *(draw_step(trace, step, n) for n, step in enumerate(trace.steps)))


def draw_step(trace: Trace, step: Step, number: int = 0) -> Frame:
    """One output."""
    return _frame(trace, Pose(step, (True,) * trace.ndim), number)


def draw_flip(trace: Trace) -> tuple[Frame, ...]:
    """w turning round where it will begin to slide; nothing for correlation and layers, which do not flip."""
    return tuple(_flip(trace)) if trace.operation == "convolve" and not why_not(trace) else ()


def _flip(trace: Trace) -> Iterator[Frame]:
    """w as it is, mirrored left-right, and with two axes also up-down."""
    n = trace.ndim
    for turned in range(n + 1):
        flipped = (False,) * (n - turned) + (True,) * turned
        yield _frame(trace, Pose(trace.steps[0], flipped, turned > 0, False), None)


def _frame(trace: Trace, pose: Pose, number: int | None) -> Frame:
    draw = draw_layer if trace.operation == "layer" else draw_line if trace.ndim == 1 else draw_plane
    return Frame(draw(trace, pose), pose.sentence(trace), step=number)
