"""The flip, then the window at every output."""

from __future__ import annotations

from ...show import Frame
from ..sentences import step_sentence
from ..trace import Step, Trace
from .common import MAX_STEPS, reach_of
from .flip import draw_turning
from .layer import draw_layer, is_layer_drawable
from .line import draw_line
from .plane import draw_plane

__all__ = ["draw_flip", "draw_step", "draw_steps", "is_drawable"]

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
    return (*draw_flip(trace), *(draw_step(trace, step) for step in trace.steps))


def draw_step(trace: Trace, step: Step) -> Frame:
    """One output."""
    draw = draw_layer if trace.operation == "layer" else draw_line if trace.ndim == 1 else draw_plane
    return Frame(draw(trace, step), step_sentence(trace, step))


def draw_flip(trace: Trace) -> tuple[Frame, ...]:
    """w turning round; nothing for correlation and layers, which do not flip."""
    return tuple(draw_turning(trace)) if trace.operation == "convolve" and trace.ndim in MAX_DRAWN else ()
