"""The gradients of a convolution are convolutions again.

Along one axis y[m] = Σ_j w[j] · x̃[start + s·m − d·j], so with L = Σ dy·y

    dw[j] = Σ_m dy[m] · x̃[start − d·j + s·m]      dy slides over x̃, unflipped, read backwards
    dx̃[i] = Σ_j w[j] · u[i − start + d·j]         w slides over u, unflipped; it was flipped before

where u is dy with s − 1 zeros between its samples. Correlation and layers have + for the −:
there dw is read forwards, and w, which was not flipped, now is. dx is dx̃ cut to x, the
gradient of every copy that the boundary made added to the sample that it was a copy of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..geometry import extend_index
from ..show import Code, Document, Frame, Frames, Grids, Heading, Shown, Text, grids_of
from ..show.numbers import is_complex, number_text, times_text
from ..signal import convolve, correlate
from ..spec import Axis, Shape
from .computation import Computation
from .exact import conjugate, pack, reverse
from .slide import Slide, draw_slide

MAX_DRAWN = 24


class Fold(Shown):
    """Made by `graph.fold()` after `backward`: `dx` and `dw` by convolutions of the engine.

    They do not touch the graph, so that `check()` compares two ways to the same gradients.
    """

    __slots__ = ("dw", "dx", "graph", "spread", "wide_dx", "wide_x")

    def __init__(self, graph: Computation) -> None:
        self.graph = graph
        dx, dw = graph.dx, graph.dw  # an error before backward
        spec = graph.spec
        y_shape = spec.y_shape
        x, w, dy = (_numbers(a).reshape(shape) for a, shape in (
            (graph.array("x"), spec.x_shape), (graph.array("w"), spec.w_shape), (graph.dy, y_shape)))  # fmt: skip
        self.dx, self.dw = np.zeros(spec.x_shape, object), np.zeros(spec.w_shape, object)
        for loop_index in np.ndindex(*(loop.size for loop in spec.loops)):
            at = {name: _slices(spec, name, loop_index) for name in "xwy"}
            wide, spread = extend(x[at["x"]], spec.axes, spec.fill), spread_out(dy[at["y"]], spec.axes)
            self.dw[at["w"]] += self._weight_gradient(wide, spread)
            wide_dx = self._input_gradient(spread, w[at["w"]])
            self.dx[at["x"]] += add_back(wide_dx, spec.axes)
            self.wide_x, self.spread, self.wide_dx = wide, spread, wide_dx
        self.dx = pack(list(self.dx.flat), dx.shape)
        self.dw = pack(list(self.dw.flat), dw.shape)

    @property
    def flips(self) -> bool:
        """Whether the forward sum flipped w."""
        return any(axis.dilation < 0 for axis in self.graph.spec.axes)

    def _weight_gradient(self, wide: Array, spread: Array) -> Array:
        dilations = tuple(abs(axis.dilation) for axis in self.graph.spec.axes)
        dw = _exact(correlate, wide, spread, "valid", stride=dilations)
        dw = dw if self.graph.spec.conj_w else conjugate(dw)
        return reverse(dw) if self.flips else dw

    def _input_gradient(self, spread: Array, w: Array) -> Array:
        dilations = tuple(abs(axis.dilation) for axis in self.graph.spec.axes)
        if self.flips:
            return _exact(correlate, spread, w, "full", dilation=dilations)
        return _exact(convolve, spread, w if self.graph.spec.conj_w else conjugate(w), "full", dilation=dilations)

    def check(self) -> float:
        """The largest difference between these gradients and those of the graph.

        >>> from flipslide.graph import graph
        >>> graph([0, 1, 2, 3, 4], [1, -1, 2]).backward([1, 2, 3]).fold().check()
        0.0
        """
        pairs = [(self.dx, self.graph.dx), (self.dw, self.graph.dw)]
        return float(
            max((abs(a - b) for one, two in pairs for a, b in zip(one.flat, two.flat, strict=True)), default=0)
        )

    # --------------------------------------------------------------------------- shown

    def document(self) -> Document:
        frames = tuple(self._draw()) if self._is_drawable() else ()
        return Document(
            "",
            (
                Heading("It is a convolution again"),
                *(Text(line) for line in self._sentences()),
                Code("python", "\n".join(self._code())),
                Grids((*grids_of("dx", self.dx, "gradient"), *grids_of("dw", self.dw, "gradient"))),
                *([Frames("gradients as convolutions", frames)] if frames else []),
            ),
        )

    def _sentences(self) -> Iterator[str]:
        s, outer = self._spread_words(), self._x_words()
        if self.flips:
            yield f"dw: slide {s} over {outer} without flipping it, and read the sums backwards."
            yield f"dx: slide w over {s}, which has zeros around it, this time without the flip."
        else:
            yield f"dw: slide {s} over {outer} without flipping it."
            yield f"dx: slide the flipped w over {s}, which has zeros around it."
        yield (
            "Both agree with the sums over the graph's edges."
            if self.check() < 1e-9
            else (f"They differ from the graph's gradients by {self.check():.3g}.")
        )

    def _spread_words(self) -> str:
        strides = [axis.stride for axis in self.graph.spec.axes if axis.y > 1]
        zeros = max(strides, default=1) - 1
        return f"dy with {zeros} zero{'s' * (zeros > 1)} between its samples" if zeros else "dy"

    def _x_words(self) -> str:
        return "x with its padding" if any(axis.is_padded() for axis in self.graph.spec.axes) else "x"

    def _code(self) -> Iterator[str]:
        """The two calls, for one pair of channels where there are more."""
        spec = self.graph.spec
        n = len(spec.axes)
        dilation = _words("dilation", [abs(axis.dilation) for axis in spec.axes])
        stride = _words("stride", [abs(axis.dilation) for axis in spec.axes])
        x, dy = ("x_padded" if self._x_words() != "x" else "x"), ("dy" if self._spread_words() == "dy" else "dy_spread")
        back = f"[{', '.join(['::-1'] * n)}]" if self.flips else ""
        result = f"   # {_row(self.dw)}" if self.dw.ndim == 1 else ""
        yield f'dw = fs.correlate({x}, {dy}, "valid"{stride}){back}{result}'
        verb = "correlate" if self.flips else "convolve"
        result = f"   # {_row(self.wide_dx)}" if self.dx.ndim == 1 else ""
        yield f'd{x} = fs.{verb}({dy}, w, "full"{dilation}){result}'

    # --------------------------------------------------------------------------- drawn

    def _is_drawable(self) -> bool:
        spec = self.graph.spec
        is_line = len(spec.axes) == 1 == len(self.graph.y_shape)
        return is_line and not any(map(is_complex, self.wide_dx.flat)) and 0 < self.wide_x.size <= MAX_DRAWN

    def _draw(self) -> Iterator[Frame]:
        yield from self._draw_weight_gradient()
        yield from self._draw_input_gradient()

    def _draw_weight_gradient(self) -> Iterator[Frame]:
        (axis,) = self.graph.spec.axes
        step, low = abs(axis.dilation), min(axis.reach())
        taps = list(range(axis.w))[:: -1 if self.flips else 1]
        names = [f"dw{j}" for j in range(axis.w)]
        for n, j in enumerate(taps):
            moving = [(n * step + i, g) for i, g in enumerate(self.spread.tolist())]
            sentence = _sum_sentence(f"dw{j}", [(self.wide_x[i], g) for i, g in moving], self.dw[j])
            slide = Slide(
                "x", self.wide_x.tolist(), range(-low, axis.x - low), "dy", moving, "dw", self.dw.tolist(), names,
                taps[: n + 1], j,
            )  # fmt: skip
            yield Frame(draw_slide(slide, sentence), sentence)

    def _draw_input_gradient(self) -> Iterator[Frame]:
        (axis,) = self.graph.spec.axes
        step, low = abs(axis.dilation), min(axis.reach())
        around = [0] * (step * (axis.w - 1))
        padded = [*around, *self.spread.tolist(), *around]
        inside = range(len(around), len(around) + len(self.spread))
        w = self.graph.leaves("w")[:: 1 if self.flips else -1]
        values = self.wide_dx.tolist()
        names = [f"dx{i}" if 0 <= i < axis.x else "" for i in range(low, low + len(values))]
        for i, value in enumerate(values):
            moving = [(i + k * step, node.value) for k, node in enumerate(w)]
            name = names[i] or f"place {low + i}, outside x"
            sentence = _sum_sentence(name, [(tap, padded[at]) for at, tap in moving], value)
            label = "w" if self.flips else "flipped w"
            slide = Slide("dy", padded, inside, label, moving, "dx", values, names, list(range(i + 1)), i)
            yield Frame(draw_slide(slide, sentence), sentence)


def _sum_sentence(name: str, pairs: list[tuple[Any, Any]], value: Any) -> str:
    terms = " + ".join(times_text(number_text(a), number_text(b), n == 0) for n, (a, b) in enumerate(pairs))
    return f"{name} = {terms} = {number_text(value)}"


# ------------------------------------------------------------------------------ arithmetic


def extend(x: Array, axes: tuple[Axis, ...], fill: Any) -> Array:
    """x over every position that some window covers, as the boundary rules extend it."""
    for n, axis in enumerate(axes):
        low, high = axis.reach()
        indices = [extend_index(i, axis.x, axis.rule) for i in range(low, high + 1)]
        outside = np.full(np.delete(x.shape, n), fill if axis.boundary == "constant" else 0, dtype=object)
        x = np.stack([outside if i is None else np.take(x, i, n) for i in indices], n)
    return x


def spread_out(dy: Array, axes: tuple[Axis, ...]) -> Array:
    """dy with stride − 1 zeros between its samples."""
    spread = np.zeros([axis.stride * (axis.y - 1) + 1 for axis in axes], dtype=object)
    spread[tuple(slice(None, None, axis.stride) for axis in axes)] = dy
    return spread


def add_back(wide: Array, axes: tuple[Axis, ...]) -> Array:
    """The gradient at each position, added to the sample that stood there."""
    dx = np.zeros([axis.x for axis in axes], dtype=object)
    lows = [axis.reach()[0] for axis in axes]
    for at in np.ndindex(*wide.shape):
        index = [extend_index(i + low, axis.x, axis.rule) for i, low, axis in zip(at, lows, axes, strict=True)]
        if None not in index:
            dx[tuple(index)] += wide[at]
    return dx


def _exact(verb: Any, x: Array, w: Array, mode: str, **words: Any) -> Array:
    """The engine's answer on numbers that stay what they are."""
    return np.asarray(verb(_numbers(x), _numbers(w), mode, **words), dtype=object)


def _numbers(array: Any) -> Array:
    return np.asarray(array).astype(object)


def _slices(spec: Any, name: str, loop_index: Shape) -> tuple[Any, ...]:
    """Where one value of the loops lies in an array: its axes whole."""
    return spec.place(name, loop_index, [slice(None)] * len(spec.axes))  # type: ignore[no-any-return]


def _words(name: str, values: list[int]) -> str:
    if all(value == 1 for value in values):
        return ""
    return f", {name}={values[0] if len(values) == 1 else tuple(values)}"


def _row(array: Array) -> str:
    return " ".join(map(number_text, array))
