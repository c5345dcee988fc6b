"""The flip, then the window at every output: one scene from the first picture to the last."""

from __future__ import annotations

from collections.abc import Iterator

from ...show import Frame
from ..trace import Step, Trace
from .common import MAX_STEPS, Pose, reach_of
from .layer import draw_layer, is_layer_drawable
from .line import draw_line
from .plane import draw_plane

#: The longest axis, with its padding, that still makes a legible picture.
MAX_DRAWN = {1: 32, 2: 16}


def is_drawable(trace: Trace) -> bool:
    """Whether pictures of this trace could be read."""
    if not 0 < len(trace.steps) <= MAX_STEPS or trace.ndim not in MAX_DRAWN:
        return False
    legible = all(high - low <= MAX_DRAWN[trace.ndim] for low, high in reach_of(trace))
    return legible and (trace.operation != "layer" or is_layer_drawable(trace))


def draw_steps(trace: Trace) -> tuple[Frame, ...]:
    """The flip and one frame for every output."""
    if not is_drawable(trace):
        return ()
    return (*draw_flip(trace), *(draw_step(trace, step, n) for n, step in enumerate(trace.steps)))


def draw_step(trace: Trace, step: Step, number: int = 0) -> Frame:
    """One output."""
    return _frame(trace, Pose(step, (True,) * trace.ndim), number)


def draw_flip(trace: Trace) -> tuple[Frame, ...]:
    """w turning round where it will begin to slide; nothing for correlation and layers, which do not flip."""
    return tuple(_flip(trace)) if trace.operation == "convolve" and is_drawable(trace) else ()


def _flip(trace: Trace) -> Iterator[Frame]:
    """w as it is, mirrored left-right, and with two axes also up-down."""
    n = trace.ndim
    for turned in range(n + 1):
        flipped = (False,) * (n - turned) + (True,) * turned
        yield _frame(trace, Pose(trace.steps[0], flipped, turned > 0, False), None)


def _frame(trace: Trace, pose: Pose, number: int | None) -> Frame:
    draw = draw_layer if trace.operation == "layer" else draw_line if trace.ndim == 1 else draw_plane
    return Frame(draw(trace, pose), pose.sentence(trace), step=number)
