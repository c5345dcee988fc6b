"""Curves over one axis: panels under one another, ticks, shaded areas, a dot, a moving line.

Only points come in; whoever makes them says what they mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .canvas import Canvas
from .numbers import minus
from .scene import Label, Line, Path, Rect, Scene, text_width

Points = Sequence[tuple[float, float]]


class Curve(NamedTuple):
    """A line through points, in a colour's name such as "x-ink". With `fill` the area down to 0 is shaded."""

    points: Points
    ink: str = "x-ink"
    name: str = ""
    fill: str = ""
    dots: bool = False  # one dot at each point, joined to 0: for samples


class Panel(NamedTuple):
    """Curves over the same two axes. `marker` is an x at which a dashed line stands, `dot` one point."""

    title: str
    curves: tuple[Curve, ...]
    marker: float | None = None
    dot: tuple[float, float] | None = None
    height: float = 130.0


def draw_plot(
    panels: Sequence[Panel], title: str, desc: str, low: float, high: float, axis: str = "t", width: float = 560.0
) -> Scene:
    """The panels over the axis from `low` to `high`."""
    canvas, top = Canvas(), 30.0
    left = 28 + max((text_width(text, 12) for panel in panels for text in map(_tick, _levels(panel))), default=0.0)
    for panel in panels:
        _Frame(canvas, panel, left, top, width, low, high).draw()
        top += panel.height + 52
    canvas.label(left + width + 10, top - 39, axis, "faint", 13)
    canvas.reach(left + width + 16, top - 26)
    return canvas.scene(title, desc)


class _Frame:
    """One panel, and where its numbers lie on the drawing."""

    def __init__(
        self, canvas: Canvas, panel: Panel, left: float, top: float, width: float, low: float, high: float
    ) -> None:
        self.canvas, self.panel = canvas, panel
        self.left, self.top, self.width = left, top, width
        self.low, self.high = low, high if high > low else low + 1.0
        levels = _levels(panel)
        self.floor, self.ceiling = levels[0], levels[-1]

    def x(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * self.width

    def y(self, value: float) -> float:
        share = (value - self.floor) / (self.ceiling - self.floor)
        return self.top + (1 - share) * self.panel.height

    def draw(self) -> None:
        panel, canvas = self.panel, self.canvas
        canvas.label(self.left, self.top - 14, panel.title, "ink", 13, bold=True)
        canvas.add(Rect(self.left, self.top, self.width, panel.height, "blank", "grid", 1, radius=0))
        self._draw_ticks()
        for curve in panel.curves:
            self._draw_area(curve)
        canvas.wire(self.left, self.y(0), self.left + self.width, self.y(0), "faint", 1)
        for curve in panel.curves:
            self._draw_curve(curve)
        self._draw_legend()
        if panel.marker is not None and self.low <= panel.marker <= self.high:
            at = self.x(panel.marker)
            canvas.add(Line(at, self.top, at, self.top + panel.height, "window", 1.5, dashed=True))
        if panel.dot is not None:
            self._draw_dot(*panel.dot, "window", 4.5)

    def _draw_ticks(self) -> None:
        for value in _levels(self.panel):
            self.canvas.wire(self.left, self.y(value), self.left + self.width, self.y(value), "padding", 1)
            self.canvas.add(Label(self.left - 6, self.y(value), _tick(value), "faint", 12, "end"))
        for value in ticks(self.low, self.high, 8):
            if self.low <= value <= self.high:
                at, bottom = self.x(value), self.top + self.panel.height
                self.canvas.wire(at, bottom, at, bottom + 4, "faint", 1)
                self.canvas.add(Label(at, bottom + 13, _tick(value), "faint", 12))

    def _places(self, curve: Curve) -> tuple[tuple[float, float], ...]:
        return thin([(self.x(x), self.y(y)) for x, y in curve.points if self.low <= x <= self.high])

    def _draw_area(self, curve: Curve) -> None:
        places = self._places(curve)
        if curve.fill and len(places) > 1:
            base = self.y(0)
            self.canvas.add(Path(((places[0][0], base), *places, (places[-1][0], base)), "", 0, curve.fill))

    def _draw_curve(self, curve: Curve) -> None:
        if curve.dots:
            for x, y in _within(curve, self.low, self.high):
                self.canvas.wire(self.x(x), self.y(0), self.x(x), self.y(y), curve.ink, 1.5)
                self._draw_dot(x, y, curve.ink, 3)
        elif len(places := self._places(curve)) > 1:
            self.canvas.add(Path(places, curve.ink, 2))

    def _draw_dot(self, x: float, y: float, ink: str, radius: float) -> None:
        self.canvas.add(Rect(self.x(x) - radius, self.y(y) - radius, 2 * radius, 2 * radius, ink, "", 0, radius=radius))

    def _draw_legend(self) -> None:
        at = self.left + self.width
        for curve in reversed([curve for curve in self.panel.curves if curve.name]):
            self.canvas.add(Label(at, self.top - 14, curve.name, curve.ink, 13, "end", True))
            # Bold, and room for a font that is wider than ours.
            at -= 1.12 * text_width(curve.name, 13) + 8
            self.canvas.wire(at - 20, self.top - 14, at, self.top - 14, curve.ink, 2.5)
            at -= 36


def _within(curve: Curve, low: float, high: float) -> list[tuple[float, float]]:
    return [(x, y) for x, y in curve.points if low <= x <= high]


def thin(places: Sequence[tuple[float, float]], reach: float = 0.1) -> tuple[tuple[float, float], ...]:
    """The points without which a line would pass one of them at more than `reach` above or below.

    From each point that is kept, the slopes that pass all later points closely enough are an interval; the first
    point outside of it begins anew.

    >>> thin([(0, 0), (1, 1), (2, 2), (3, 0), (4, 0)])
    ((0, 0), (2, 2), (3, 0), (4, 0))
    """
    kept, low, high = list(places[:1]), -math.inf, math.inf
    for before, (x, y) in pairwise(places):
        if not low <= _slope(kept[-1], x, y) <= high:
            kept.append(before)
            low, high = -math.inf, math.inf
        low = max(low, _slope(kept[-1], x, y - reach))
        high = min(high, _slope(kept[-1], x, y + reach))
    return (*kept, *places[1:][-1:])


def _slope(start: tuple[float, float], x: float, y: float) -> float:
    return (y - start[1]) / max(x - start[0], 1e-9)


def _levels(panel: Panel) -> list[float]:
    """The marks of the upright axis: 0 is always among them."""
    values = [y for curve in panel.curves for _, y in curve.points if math.isfinite(y)]
    return ticks(min([0.0, *values]), max([0.0, *values]), 4)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about so many.

    >>> ticks(0, 1, 4), ticks(-1.2, 3, 4)
    ([0.0, 0.5, 1.0], [-2.0, 0.0, 2.0, 4.0])
    """
    room = high - low if high > low else 1.0
    rough = room / most
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]


def _tick(value: float) -> str:
    return minus(f"{value:g}")
