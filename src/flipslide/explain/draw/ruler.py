"""Lengths as counts: how many windows fit on the ruler, and which modes keep which of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...show import Cell, Frame, Scene
from ...show.canvas import HEIGHT, Canvas, Sheet, cell_width
from ...show.scene import text_width
from ..shape import LayerShape
from ..trace import Length, Trace
from .common import middle_of, reach_of, show

MAX_CELLS, MAX_WINDOWS = 40, 24
ROW = 24.0


# ------------------------------------------------------------------------------ one length


def draw_ruler(lengths: Sequence[Length]) -> tuple[Frame, ...]:
    """For every axis: windows laid down one after another, and what is left over at the end."""
    return tuple(frame for n, length in enumerate(lengths) for frame in _ruler(length, n, len(lengths)))


def _ruler(length: Length, axis: int, n_axes: int) -> Iterator[Frame]:
    cells = length.before + length.n + length.after
    if cells > MAX_CELLS or not 0 < length.outputs <= MAX_WINDOWS or length.before < 0 or length.after < 0:
        return
    name = f"Axis {axis}: " if n_axes > 1 else ""
    for m in range(length.outputs):
        first = m * length.stride
        window = f"window {m}" if name else f"Window {m}"
        sentence = f"{name}{window} begins at place {first} and covers {length.span} of {cells} places."
        if m == length.outputs - 1:
            sentence = name + _counted(length, cells)
        yield Frame(_draw_ruler(length, m, sentence), sentence, 0.9 if m < length.outputs - 1 else 2.5)


def _counted(length: Length, cells: int) -> str:
    unused = length.room - length.stride * (length.outputs - 1)
    over = f" {unused} {'place is' if unused == 1 else 'places are'} left over, never used." if unused else ""
    steps = f"⌊{length.room}/{length.stride}⌋" if length.stride > 1 else str(length.room)
    return (
        f"({cells} − {length.span}) = {length.room} places to go, {length.stride} at a time: "
        f"{steps} + 1 = {length.outputs} windows.{over}"
    )


def _draw_ruler(length: Length, now: int, sentence: str) -> Scene:
    canvas, cells = Canvas(), length.before + length.n + length.after
    x = Sheet(canvas, 32 + text_width("window 00", 13), 40, 34.0)
    canvas.label(16, x.y(0.5), "x", "x-ink", bold=True)
    end = (length.outputs - 1) * length.stride + length.span
    for i in range(cells):
        inside = length.before <= i < length.before + length.n
        used = i < end or now < length.outputs - 1
        x.cell(0, i, Cell("" if inside or not used else "0", ("x" if used else "blank") if inside else "padding"))
        x.under(0, i, str(i), -12)
        if not used:
            x.word(0, i, "×", "faint")
    for m in range(now + 1):
        w = x._replace(top=x.y(1) + 12 + m * ROW, height=18)
        canvas.label(16, w.top + ROW / 2 - 2, f"window {m}", "w-ink" if m == now else "faint", 13, bold=m == now)
        first = m * length.stride
        if length.dilation > 1:
            canvas.wire(w.x(first), w.y(0.5), w.x(first + length.span), w.y(0.5), "w-line", 1.5)
        w.row(0, [Cell("", "w")] * length.taps, first, length.dilation)
        if m == now:
            w.frame(0, first, 1, length.span, 1, key="window")
    if end < cells and now == length.outputs - 1:
        canvas.label(x.x((end + cells) / 2), x.y(1) + 16, "never used", "faint", 12, "middle")
    canvas.reach(x.x(cells) + 20, x.y(1) + 12 + length.outputs * ROW)
    return canvas.scene("How many windows fit", sentence)


# -------------------------------------------------------------------------------- chains


def draw_chain(layers: Sequence[LayerShape]) -> tuple[Frame, ...]:
    """For outputs of the last layer what they see of each layer below, along the last axis.

    Where all samples are too many it is the middle output, with the samples around its field.
    """
    outputs, samples = layers[-1].axes[-1].outputs, layers[0].axes[-1].size
    if layers[-1].field[-1] > MAX_CELLS or any(layer.axes[-1].transposed for layer in layers):
        return ()
    every = range(outputs) if outputs <= MAX_WINDOWS and samples <= MAX_CELLS else (outputs // 2,)
    seen = [_seen(layers, m) for m in every]
    low = min(0 if len(seen) > 1 else max(seen[0][0][0] - 2, 0), *(fields[0][0] for fields in seen), samples)
    high = max(samples if len(seen) > 1 else seen[0][0][-1] + 3, *(fields[0][-1] + 1 for fields in seen))
    if high - low > MAX_CELLS + 4:
        return ()
    return tuple(_chain(layers, fields, low, high) for fields in seen)


def _seen(layers: Sequence[LayerShape], m: int) -> list[list[int]]:
    """The places of x, and of what each layer makes, that output m of the last one depends on."""
    fields = [[m]]
    for layer in reversed(layers):
        axis = layer.axes[-1]
        below = {axis.stride * i - axis.lo + axis.dilation * j for i in fields[0] for j in range(axis.taps)}
        # Padding has nothing below it.
        fields.insert(0, sorted(below if len(fields) == len(layers) else {i for i in below if 0 <= i < axis.size}))
    return fields


def _chain(layers: Sequence[LayerShape], fields: list[list[int]], low: int, high: int) -> Frame:
    own = [i for i in fields[0] if 0 <= i < layers[0].axes[-1].size]
    zeros = len(fields[0]) - len(own)
    sentence = (
        f"Output {fields[-1][0]} of layer {len(layers)} depends on {len(own)} samples"
        + (f", {own[0]} to {own[-1]}" if own else "")
        + (f", and on {zeros} zeros of the padding." if zeros else ".")
    )
    canvas, width = Canvas(), 24.0
    left = 40 + text_width(f"layer {len(layers)}") - low * width
    places = [(0.0, 1, layers[0].axes[-1].size)]
    places += [(layer.first[-1], layer.step[-1], layer.axes[-1].outputs) for layer in layers]
    rows = [Sheet(canvas, left + first * width, 40.0 + 66 * n, width, 24.0) for n, (first, _, _) in enumerate(places)]
    for n, (sheet, (first, step, count), field) in enumerate(zip(rows, places, fields, strict=True)):
        role = "y" if n == len(layers) else "x" if n == 0 else "w"
        canvas.label(16, sheet.y(0.5), f"layer {n}" if n else "x", f"{role}-ink", bold=True)
        shown = {i for i in range(count) if low <= first + step * i < high} | set(field)
        for i in sorted(shown):
            inside = 0 <= i < count
            sheet.cell(0, step * i, Cell("", (role if i in field else "blank") if inside else "padding"))
            if n == 0 and inside and i % 5 == 0:
                sheet.under(0, i, str(i), -10)
        if n:
            below, at = rows[n - 1], places[n - 1][1]
            for end, side in ((0, 0), (-1, 1)):
                top = below.x(at * fields[n - 1][end] + side), below.y(1) + 2
                canvas.wire(*top, sheet.x(step * field[end] + side), sheet.y(0) - 2, "window", 1.5)
    rows[-1].frame(0, places[-1][1] * fields[-1][0], key="output")
    return Frame(canvas.scene("How far one output sees", sentence), sentence, 1.0)


# ------------------------------------------------------------------------- three modes


def draw_compare(traces: Sequence[Trace]) -> tuple[Frame, ...]:
    """Traces of one call in several modes, shortest first, each y under the ruler of the longest."""
    if not traces or any(not trace.is_whole or not trace.steps for trace in traces):
        return ()
    low, high = (f(reach_of(trace)[0][end] for trace in traces) for end, f in enumerate((min, max)))
    if high - low > MAX_CELLS:
        return ()
    return tuple(_compare(traces, low, high))


_KEEPS = {
    "valid": "valid keeps only complete overlaps",
    "same": "same keeps as many as x has",
    "full": "full keeps every overlap",
}


def _compare(traces: Sequence[Trace], low: int, high: int) -> Iterator[Frame]:
    for n in range(len(traces)):
        sentence = "; ".join(f"{_KEEPS[t.mode]}: {len(t.steps)}" for t in traces[: n + 1]) + "."
        yield Frame(_draw_compare(traces, n, low, high, sentence), sentence, 2.0)


def _draw_compare(traces: Sequence[Trace], now: int, low: int, high: int, sentence: str) -> Scene:
    canvas, samples = Canvas(), traces[0].x
    width = cell_width([show(v) for v in (*samples, *(step.value for trace in traces for step in trace.steps))])
    # Columns of the ruler are positions in x.
    x = Sheet(canvas, 32 + text_width("valid") - low * width, 40, width)
    canvas.label(16, x.y(0.5), "x", "x-ink", bold=True)
    for position in range(*reach_of(traces[now])[0]):
        inside = 0 <= position < len(samples)
        x.cell(0, position, Cell(show(samples[position]), "x") if inside else Cell("0", "padding"))
        if inside:
            x.under(0, position, str(position), -12)
    for n, trace in enumerate(traces):
        y = x._replace(top=40 + (n + 1) * (HEIGHT + 16))
        canvas.label(16, y.y(0.5), trace.mode, "y-ink" if n <= now else "faint", bold=n == now)
        for step in trace.steps if n <= now else ():
            y.cell(0, middle_of(step), Cell(show(step.value), "y"))
        if n == now:
            first, last = middle_of(trace.steps[0]), middle_of(trace.steps[-1])
            y.frame(0, first, 1, last - first + 1, key="kept")
    canvas.reach(x.x(high), 40 + (len(traces) + 1) * (HEIGHT + 16))
    return canvas.scene("Valid, same and full on one ruler", sentence)
