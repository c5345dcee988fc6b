"""A layer: every channel of x with its window, the filter's slice beside it, the products and
their sum; the sums and the bias make one number of y.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...show import Cell, Grid, Scene, grid_of
from ...show.canvas import Canvas, Sheet, cell_width, lay_out
from ...show.numbers import index_text
from ...show.scene import Motion, text_width
from ...spec import Shape
from ..trace import Step, Trace
from ..window import Window, indices, window_of
from .common import Pose, grid_over, numbers_in, plane_of, show

#: Rows of cells under one another, with the names between them.
MAX_ROWS = 60
HEIGHT, GAP, TOP = 28.0, 36.0, 62.0


class Sizes(NamedTuple):
    """Rows and columns of x̃, of the taps and of the outputs, and how wide cells are."""

    x: tuple[int, int]
    taps: tuple[int, int]
    y: tuple[int, int]
    width: float


def layer_why_not(trace: Trace) -> str:
    """Why a layer has no picture: its channels and its filters stand under one another."""
    if not trace.is_whole:
        return "layers are drawn as a whole; leave out around= and cells=, and take a piece of x"
    window = window_of(trace)
    heights = [max(plane_of(array).shape[0] for array in (window.extended[0], window.v[0, 0])), window.outputs[0]]
    rows = [
        n * ((1 if trace.ndim == 1 else height) + 1.3)
        for n, height in zip((len(window.x), window.filters), heights, strict=True)
    ]
    if max(rows) <= MAX_ROWS:
        return ""
    return f"{len(window.x)} channels and {window.filters} filters of this size are too many to stand under one another"


def draw_layer(trace: Trace, pose: Pose) -> Scene:
    """One output of one filter."""
    window, canvas, step = window_of(trace), Canvas(), pose.step
    shapes = window.extended.shape[1:], window.taps, window.outputs
    x, taps, y = ((1, *shape)[-2:] for shape in shapes)
    sizes = Sizes(x, taps, y, cell_width(numbers_in(trace), 28))
    k, *m = step.y
    pitch = max(sizes.x[0], sizes.taps[0]) * HEIGHT + GAP
    lefts = _lefts(sizes)
    padded = any(axis.before or axis.after for axis in window.axes)
    heads = "x, padded" if padded else "x", f"filter w[{k}]", "products", "sums", "y"
    for left, name, ink in zip(lefts, heads, ("x-ink", "w-ink", "faint", "faint", "y-ink"), strict=True):
        canvas.label(left, 22, name, ink, 15, bold=ink != "faint")
    seen = window.channels(k)
    for c in range(window.x.shape[0]):
        place = TOP + c * pitch
        _draw_channel(canvas, window, c, lefts[0], place, sizes)
        if c in seen:
            _draw_window(canvas, window, (k, c), tuple(m), (lefts, place), sizes)
    _draw_sums(canvas, step, lefts, pitch, sizes)
    _draw_outputs(canvas, trace, step, lefts[4], sizes)
    return canvas.scene(pose.title(trace), pose.sentence(trace))


def _lefts(sizes: Sizes) -> list[float]:
    """Where the columns of the picture begin."""
    grid = max(sizes.taps[1] * sizes.width, text_width("filter w[0]"))
    widths = max(sizes.x[1] * sizes.width, 70), grid, max(sizes.taps[1] * sizes.width, 62), 96.0, 0.0
    return lay_out(16.0, (0, 34, 34, 34, 34), widths)


def _draw_channel(canvas: Canvas, window: Window, c: int, left: float, top: float, sizes: Sizes) -> None:
    own = np.full(window.sources.shape, None, dtype=object)  # None where x̃ is not x itself
    own[tuple(slice(max(axis.before, 0), max(axis.before + axis.n, 0)) for axis in window.axes)] = True
    canvas.grid(left, top, grid_over(f"channel {c}", window.extended[c], own, "x"), sizes.width, HEIGHT)


def _draw_window(
    canvas: Canvas, window: Window, at: tuple[int, int], m: Shape, where: tuple[list[float], float], sizes: Sizes
) -> None:
    """The window over one channel, the taps that lie there, and the products."""
    (lefts, top), (k, c) = where, at
    taps = plane_of(window.v[k, c - window.channels(k).start])
    strides, dilations = ((0, *(getattr(a, name) for a in window.axes))[-2:] for name in ("stride", "dilation"))
    first = tuple(i * s for i, s in zip((0, *m)[-2:], strides, strict=True))
    span = tuple(d * (n - 1) + 1 for d, n in zip(dilations, sizes.taps, strict=True))
    x = Sheet(canvas, lefts[0], top, sizes.width, HEIGHT)
    x.frame(first[0], first[1], span[0], span[1], 2, key=f"window {c}")
    if max(dilations) > 1:
        # The outline holds more cells than the taps read.
        for i, j in indices(sizes.taps):
            x.frame(first[0] + i * dilations[0], first[1] + j * dilations[1], margin=-3, key=f"tap {c} {i} {j}")
    samples = plane_of(window.extended[c])[
        first[0] : first[0] + span[0] : max(dilations[0], 1), first[1] : first[1] + span[1] : max(dilations[1], 1)
    ]
    # The slices of the filter stand as high as the middle of the channel that they belong to.
    drop = (max(sizes.x[0], sizes.taps[0]) - sizes.taps[0]) * HEIGHT / 2
    canvas.grid(lefts[1], top + drop, grid_of("", taps, "w"), sizes.width, HEIGHT)
    products = Sheet(canvas, lefts[2], top + drop, sizes.width, HEIGHT)
    for i, j in indices(sizes.taps):
        padded = samples[i, j] is None
        products.cell(i, j, Cell("", "padding" if padded else ""))
        if not padded:
            motion = Motion(f"product {k} {m} {c} {i} {j}", 1, dx=lefts[1] - lefts[2])
            products.word(i, j, show(taps[i, j] * samples[i, j]), motion=motion)
    middle = top + drop + sizes.taps[0] * HEIGHT / 2
    canvas.label(lefts[1] - 22, middle, "×", "faint", 15)
    canvas.label(lefts[2] - 20, middle, "=", "faint", 15)


def _draw_sums(canvas: Canvas, step: Step, lefts: list[float], pitch: float, sizes: Sizes) -> None:
    """The sum of each channel, the bias, and what they make."""
    left, middles = lefts[3] + 24, []
    seen = sorted({term.position[0] for term in step.terms})
    half = max(sizes.x[0], sizes.taps[0]) * HEIGHT / 2
    for c, partial in zip(seen, step.partials, strict=True):
        middle = TOP + c * pitch + half
        canvas.arrow(lefts[2] + sizes.taps[1] * sizes.width + 6, middle, left - 6, middle)
        canvas.cell(left, middle - HEIGHT / 2, Cell("", "blank"), 52, HEIGHT)
        motion = Motion(f"partial {step.y} {c}", 2)
        canvas.label(left + 26, middle, show(partial), anchor="middle", motion=motion)
        middles.append(middle)
    if step.bias is not None:
        middle = middles[-1] + max(half, 24) + 30
        canvas.cell(left, middle - HEIGHT / 2, Cell(show(step.bias), "w"), 52, HEIGHT)
        canvas.label(left - 10, middle, "bias", "w-ink", 13, "end")
        middles.append(middle)
    for above, below in pairwise(middles):
        canvas.label(left + 26, (above + below) / 2, "+", "faint", 16, "middle")
    rail = left + 52 + 14
    for middle in middles:
        canvas.wire(left + 52, middle, rail, middle, "faint", 1.5)
    # As high as the output that is being made.
    target = TOP + step.y[0] * (sizes.y[0] * HEIGHT + GAP) + ((0, *step.y[1:])[-2] + 0.5) * HEIGHT
    canvas.wire(rail, min(middles[0], target), rail, middles[-1], "faint", 1.5)
    canvas.arrow(rail, target, lefts[4] - 4, target, "window", 2)


def _draw_outputs(canvas: Canvas, trace: Trace, step: Step, left: float, sizes: Sizes) -> None:
    """What is known of y so far, one grid for each filter."""
    values = {other.y: other.value for other in trace.steps if other.y <= step.y}
    for k in range(trace.y_shape[0]):
        top = TOP + k * (sizes.y[0] * HEIGHT + GAP)
        rows = tuple(
            tuple(_output_cell(values, (k, *(i, j)[-trace.ndim :]), step) for j in range(sizes.y[1]))
            for i in range(sizes.y[0])
        )
        y = canvas.grid(left, top, Grid(f"y[{k}]", rows), sizes.width, HEIGHT)
        if step.y[0] == k:
            i, j = (0, *step.y[1:])[-2:]
            y.frame(i, j, key="result", phase=2)
            motion = Motion(f"sum {index_text(step.y)}", 2, dx=-60)
            y.word(i, j, show(step.value), motion=motion, bold=True)


def _output_cell(values: dict[Any, Any], at: tuple[int, ...], step: Step) -> Cell:
    return Cell("" if at == step.y else show(values[at]), "y") if at in values else Cell("", "blank")
