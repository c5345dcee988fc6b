"""Continuous functions: the integral of the product of two of them, one flipped.

    (f * g)(t) = ∫ f(τ)·g(t − τ) dτ  ≈  dt · Σ_k f[k]·g[n − k]

The sum is `fs.convolve`; the factor dt, the width of each slice of the area, is all that the
integral adds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, enter
from ..errors import DtypeError, ParameterError, ShapeError, unknown_word
from ..show import Block, Document, Formula, Frame, Frames, Shown, Table, Text
from ..show.numbers import number_text
from ..show.plot import Curve, Panel, draw_plot
from ..signal import convolve

SCHEMA = "flipslide-functions/1"
MAX_SAMPLES = 20_000
#: Pictures in a series, rows of the table, and points of a drawn curve.
N_FRAMES, N_ROWS, N_POINTS = 25, 9, 320

#: Functions that have a name, of area 1.
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "box": lambda t: 1.0 if 0 <= t < 1 else 0.0,
    "triangle": lambda t: max(0.0, 1 - abs(t)),
    "gaussian": lambda t: math.exp(-t * t / 2) / math.sqrt(2 * math.pi),
    "exponential": lambda t: math.exp(-t) if t >= 0 else 0.0,
}


class Sampled(NamedTuple):
    """A function by its values at start, start + dt, …; outside them it is zero."""

    name: str
    start: float
    dt: float
    values: Array

    @property
    def times(self) -> Array:
        return self.start + self.dt * np.arange(len(self.values))

    @property
    def area(self) -> float:
        """dt · Σ values, the integral over everything."""
        return float(self.dt * self.values.sum())


class FunctionsReport(Shown):
    """f, g and f * g, sampled; made by `fs.explain_functions`.

    `f`, `g` and `result` have `times`, `values` and `area`; `product(t)` is the curve whose area
    is the result at t. `halved` says how far the result moves when dt is halved: None for
    sampled arrays, of which nothing is known between the samples.
    """

    __slots__ = ("f", "g", "halved", "result")

    def __init__(self, f: Sampled, g: Sampled, result: Sampled, halved: float | None) -> None:
        self.f, self.g, self.result, self.halved = f, g, result, halved

    # --------------------------------------------------------------------------- numbers

    def flipped(self, t: float) -> Sampled:
        """τ ↦ g(t − τ) at the samples of g: the curve mirrored, then moved to t."""
        values = self.g.values[::-1]
        return Sampled("g(t − τ)", t - float(self.g.times[-1]), self.g.dt, values)

    def product(self, t: float) -> Sampled:
        """τ ↦ f(τ)·g(t − τ) at the samples of f; its area is the result at t."""
        n = self._place(t)
        k = np.arange(len(self.f.values))
        inside = (n - k >= 0) & (n - k < len(self.g.values))
        values = np.where(inside, self.f.values * self.g.values[np.clip(n - k, 0, len(self.g.values) - 1)], 0.0)
        return Sampled("f(τ)·g(t − τ)", self.f.start, self.f.dt, values)

    def value(self, t: float) -> float:
        """(f * g)(t) at the sample nearest to t; 0 where nothing overlaps."""
        n = self._place(t)
        return float(self.result.values[n]) if 0 <= n < len(self.result.values) else 0.0

    def _place(self, t: float) -> int:
        return round((t - self.result.start) / self.result.dt)

    # ----------------------------------------------------------------------------- shown

    def document(self) -> Document:
        return Document("", (*self._blocks(), Frames("sliding area", tuple(self._pictures()))))

    def to_json(self, indent: int | None = None) -> str:
        """The curves as JSON, schema "flipslide-functions/1"."""
        curves = {
            name: {"start": curve.start, "dt": curve.dt, "area": curve.area, "values": curve.values.tolist()}
            for name, curve in (("f", self.f), ("g", self.g), ("result", self.result))
        }
        return json.dumps({"schema": SCHEMA, **curves, "halved": self.halved}, indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        return f"<FunctionsReport: {self.f.name} * {self.g.name}, dt = {self.f.dt:g}>"

    def _blocks(self) -> Iterator[Block]:
        dt = f"{self.f.dt:g}"
        peak = int(np.argmax(np.abs(self.result.values)))
        total = self.result.values[peak] / self.f.dt
        yield Formula(
            "(f * g)(t) = ∫ f(τ)·g(t − τ) dτ ≈ dt · Σ f[k]·g[n − k]",
            "(f*g)(t)=\\int f(\\tau)\\,g(t-\\tau)\\,d\\tau\\approx dt\\sum_k f[k]\\,g[n-k]",
        )
        yield Text(
            f"Mirror g, move it to t, multiply with f: the area under the product is the result at t, here the sum of "
            f"slices dt = {dt} wide. The largest area is {_brief(self.result.values[peak])}, at "
            f"t = {_brief(self.result.times[peak])} ({_brief(total)}, the largest number of fs.convolve(f, g), × dt)."
        )
        rows = tuple((_brief(t), _overlap(self.product(t)), _brief(self.value(t))) for t in self._stops(N_ROWS))
        yield Table("", ("t", "f and g(t − τ) overlap for τ in", "area of the product"), rows, "rlr")
        yield Text(
            f"Areas multiply: ∫f = {_brief(self.f.area)}, ∫g = {_brief(self.g.area)}, and ∫(f * g) = "
            f"{_brief(self.result.area)}."
        )
        yield Text(self._accuracy())

    def _accuracy(self) -> str:
        ends = [curve.name for curve in (self.f, self.g) if _is_cut(curve)]
        verb = "is" if len(ends) == 1 else "are"
        cut = f" {' and '.join(ends)} {verb} not 0 at the ends of the samples; outside them 0 counts." if ends else ""
        if self.halved is None:
            return "Of arrays nothing is known between the samples; they count as slices of width dt." + cut
        return f"With half the dt the result moves by at most {self.halved:.1g}." + cut

    def _stops(self, n: int) -> list[float]:
        """Times from where the overlap begins to where it ends."""
        y = np.flatnonzero(np.abs(self.result.values) > 1e-3 * np.abs(self.result.values).max())
        first, last = (int(y[0]), int(y[-1])) if len(y) else (0, len(self.result.values) - 1)
        places = sorted({round(first + (last - first) * i / max(n - 1, 1)) for i in range(n)})
        return [float(self.result.times[place]) for place in places]

    def _pictures(self) -> Iterator[Frame]:
        stops, (first, last), (begin, end) = self._stops(N_FRAMES), _support(self.g), _support(self.f)
        low, high = min(begin, stops[0], stops[0] - last), max(end, stops[-1], stops[-1] - first)
        for t in stops:
            area = f"t = {_brief(t)}: the area under f(τ)·g(t − τ) is {_brief(self.value(t))}."
            yield self._picture(t, low, high, area)
        peak = float(self.result.times[int(np.argmax(np.abs(self.result.values)))])
        largest = f"It is largest, {_brief(self.value(peak))}, at t = {_brief(peak)}."
        yield self._picture(peak, low, high, largest, math.inf, 2.5)

    def _picture(
        self, t: float, low: float, high: float, sentence: str, until: float | None = None, seconds: float = 0.5
    ) -> Frame:
        """Both panels at one t; the result is drawn up to there, or further."""
        until = t + self.result.dt / 2 if until is None else until
        product = _curve(self.product(t), "gradient-ink", "gradient")
        above = product, _curve(self.f, "x-ink"), _curve(self.flipped(t), "w-ink")
        below = _curve(self.result, "grid"), _curve(self.result, "y-ink", until=until)
        panels = (
            Panel("f, and g mirrored and moved to t", above, t),
            Panel("f * g: the area, as t moves", below, t, (t, self.value(t))),
        )
        scene = draw_plot(panels, "Convolution of functions", sentence, low, high, "τ, t")
        return Frame(scene, sentence, seconds)


def _brief(value: float) -> str:
    return number_text(round(float(value), 4) + 0.0).removesuffix(".0")


def _is_cut(curve: Sampled) -> bool:
    """Whether it is far from 0 where the samples begin or end."""
    size = np.abs(curve.values)
    return bool(max(size[0], size[-1]) > 1e-3 * size.max())


def _overlap(product: Sampled) -> str:
    times = product.times[product.values != 0]
    return f"{_brief(times[0])} … {_brief(times[-1])}" if len(times) else "nowhere"


def _support(curve: Sampled) -> tuple[float, float]:
    """Where the curve is more than a thousandth of its largest value."""
    size = np.abs(curve.values)
    times = curve.times[size > 1e-3 * size.max()] if size.any() else curve.times
    return float(times[0]), float(times[-1])


def _curve(curve: Sampled, ink: str, fill: str = "", until: float = math.inf) -> Curve:
    """The curve as points: as many as a drawing can show, its summit, and both ends of every jump."""
    size = np.abs(np.diff(curve.values))
    jumps = np.flatnonzero(size > 0.05 * max(float(np.abs(curve.values).max()), 1e-300))
    step, summit = -(-len(curve.values) // N_POINTS), int(np.argmax(np.abs(curve.values)))
    kept = np.unique(np.concatenate([np.arange(0, len(curve.values), step), jumps, jumps + 1, [summit]]))
    kept = kept[curve.times[kept] <= until]
    points = tuple(zip(curve.times[kept].tolist(), curve.values[kept].tolist(), strict=True))
    return Curve(points, ink, "" if ink == "grid" else curve.name, fill)


# -------------------------------------------------------------------------------- making


def explain_functions(
    f: Any = "box", g: Any = "exponential", t: Any = None, *, dt: float | None = None, start: float = 0.0
) -> FunctionsReport:
    """Show the convolution of two functions: the area under their product, one of them flipped.

        (f * g)(t) = ∫ f(τ)·g(t − τ) dτ  ≈  dt · Σ_k f[k]·g[n − k]

    Parameters
    ----------
    f, g : callable, array_like or str
        Functions of one number; or samples dt apart, the first at `start`; or one of "box",
        "triangle", "gaussian", "exponential". Outside the samples both are zero.
    t : array_like, optional
        Equally spaced times: the ends of the slices in whose middles functions are sampled, in
        your unit of time; by default 501 from −2 to 8.
    dt : float
        The spacing of sampled arrays, in the same unit.
    start : float
        The time of their first samples.

    Returns
    -------
    FunctionsReport
        `print` it; `.result.times` and `.result.values` are the convolution, in the units of f
        times those of g times that of t; `.value(t)`, `.product(t)`, `.svg()`, `.animation()`.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> report = fs.explain_functions("box", "box", [i / 100 for i in range(-100, 301)])
    >>> [round(report.value(time), 6) for time in (0.5, 1.0, 1.5)]
    [0.5, 1.0, 0.5]
    >>> fs.explain_functions([1, 1, 1], [1, 1, 1], dt=0.5).result.values
    array([0.5, 1. , 1.5, 1. , 0.5])
    """
    sampled = [_is_sampled(value) for value in (f, g)]
    if all(sampled):
        return _from_samples(f, g, t, dt, start)
    if any(sampled):
        raise ParameterError("give two functions, or two sampled arrays with dt=; sample the function first")
    if dt is not None:
        raise ParameterError("dt= is the spacing of sampled arrays; functions are sampled at the times t")
    times = _read_times(np.linspace(-2.0, 8.0, 501) if t is None else t)
    n = len(times) - 1
    pair, finer = ([_sample(value, name, times, parts * n) for value, name in ((f, "f"), (g, "g"))] for parts in (1, 2))
    result = _combine(*pair)
    moved = np.abs(_combine(*finer).values[1::2] - result.values)
    return FunctionsReport(pair[0], pair[1], result, float(moved.max()))


def _is_sampled(value: Any) -> bool:
    return not callable(value) and not isinstance(value, str)


def _from_samples(f: Any, g: Any, t: Any, dt: float | None, start: float) -> FunctionsReport:
    if t is not None:
        raise ParameterError("t= says where functions are sampled; sampled arrays have dt= and start=")
    if dt is None or not 0 < dt < math.inf:
        raise ParameterError(f"dt={dt!r}: sampled arrays need their spacing, a number above 0")
    pair = [Sampled(name, float(start), float(dt), _check(value, name)) for value, name in ((f, "f"), (g, "g"))]
    return FunctionsReport(pair[0], pair[1], _combine(pair[0], pair[1]), None)


def _read_times(t: Any) -> Array:
    times = _check(t, "t")
    steps = np.diff(times)
    if len(times) < 2 or steps[0] <= 0 or np.abs(steps - steps[0]).max() > 1e-6 * steps[0]:
        raise ParameterError("t must be at least two equally spaced, growing times; try np.linspace(-1, 4, 501)")
    return times


def _check(values: Any, name: str) -> Array:
    array = enter(values, name)
    if array.ndim != 1 or not 0 < array.size <= MAX_SAMPLES:
        raise ShapeError(f"{name} must be one row of 1 to {MAX_SAMPLES} numbers, not of shape {array.shape}")
    if array.dtype.kind == "c":
        raise DtypeError(f"{name} is complex; explain its real and imaginary parts one after the other")
    array = array.astype(float)
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} is infinite or not a number somewhere; an area needs finite values")
    return array


def _sample(function: Any, name: str, times: Array, slices: int) -> Sampled:
    """The function in the middle of each slice of the times: jumps at their ends cost nothing.

    With f at (k + ½)·dt and g at (n − k + ½)·dt the sum over k belongs to t = (n + 1)·dt, and
    errs by O(dt²) where both are smooth between the ends.
    """
    if isinstance(function, str):
        if function not in FUNCTIONS:
            raise unknown_word(name, function, FUNCTIONS, ", or a function of one number")
        function = FUNCTIONS[function]
    dt = float(times[-1] - times[0]) / slices
    middles = float(times[0]) + dt * (np.arange(slices) + 0.5)
    return Sampled(name, float(middles[0]), dt, _check([function(float(time)) for time in middles], name))


def _combine(f: Sampled, g: Sampled) -> Sampled:
    """The sum of the engine, times dt."""
    return Sampled("f * g", f.start + g.start, f.dt, f.dt * convolve(f.values, g.values))
