"""An explanation is data, not a picture: every number of a small call, and where it came from.

A `Trace` holds what was asked, the length formula of each axis with its numbers, and for
every output all taps in the order in which the window lies over x, so that any renderer
(text, table, drawing, page) shows the same arithmetic and none of them computes. The values
are sums over `ConvSpec.terms`; no kernel is involved.
"""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..arrays import enter
from ..errors import ShapeError
from ..geometry import span_of
from ..graph import correlates, numbers_of, settings_of
from ..spec import Axis, ConvSpec, Shape

__all__ = ["Length", "Other", "Step", "Term", "Trace", "make_trace", "to_plain"]

SCHEMA = "flipslide-trace/1"
MAX_CELLS = 512
MAX_TERMS = 64

Nested = tuple[Any, ...]


class Term(NamedTuple):
    """One tap of one output. What stands there (`source`) is

    "sample" of x, a "copy" of one that the boundary rule placed outside, the "fill" value,
    or a "zero" of the padding, which adds no product.
    """

    position: Shape  # in x, perhaps outside it
    source: str
    x: Shape | None
    w: Shape
    a: Any  # the value of x̃ there
    b: Any  # the tap, conjugated if the operation says so
    product: Any


class Step(NamedTuple):
    """One output: all its terms, in the order of the window, and their sum."""

    y: Shape
    terms: tuple[Term, ...]
    value: Any


class Length(NamedTuple):
    """⌊(n + before + after − span)/stride⌋ + 1 of one axis, part by part."""

    n: int
    taps: int
    dilation: int
    span: int
    before: int
    after: int
    stride: int
    room: int  # the numerator
    outputs: int


class Other(NamedTuple):
    """What the same call gives with the other operation."""

    operation: str
    y: Nested
    differs: bool


class Trace(NamedTuple):
    """Everything that `explain` knows about a call; immutable, and JSON through `to_json`."""

    schema: str
    operation: str
    mode: str
    boundary: tuple[str, ...]
    fill_value: Any
    stride: Shape
    dilation: Shape
    x: Nested
    w: Nested
    window_w: Nested  # the taps as they lie over x: flipped along every axis, or conjugated
    flip_matters: bool
    lengths: tuple[Length, ...]
    steps: tuple[Step, ...]
    y: Nested
    other: Other

    @property
    def ndim(self) -> int:
        return len(self.lengths)

    @property
    def y_shape(self) -> Shape:
        return tuple(length.outputs for length in self.lengths)

    def to_json(self, indent: int | None = None) -> str:
        """The trace as JSON. Fractions and whatever else JSON has no number for become strings.

        >>> from flipslide.explain.trace import make_trace
        >>> make_trace([1, 2], [3, 4]).to_json()[:52]
        '{"schema": "flipslide-trace/1", "operation": "convol'
        """
        return json.dumps(to_plain(self), indent=indent, ensure_ascii=False, allow_nan=False)


# ---------------------------------------------------------------------------------- making


def make_trace(
    x: Any,
    w: Any,
    mode: str = "valid",
    *,
    operation: str = "convolve",
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
) -> Trace:
    """The trace of a small call along one or two axes."""
    x, w = enter(x, "x"), enter(w, "w")
    _check_axes(x.shape, w.shape)
    words = settings_of(mode, boundary, fill_value, center, stride, dilation)
    flips = not correlates(operation)
    spec = ConvSpec.of(x.shape, w.shape, correlate=not flips, **words)
    _check_size(spec)
    x, taps, fill = numbers_of(x, "x"), numbers_of(w, "w"), numbers_of(spec.fill, "fill_value")[()]
    steps = _make_steps(spec, x, taps, fill)
    y = _fold([step.value for step in steps], spec.y_shape)
    opposite = ConvSpec.of(x.shape, w.shape, correlate=flips, **words)
    other = _fold([step.value for step in _make_steps(opposite, x, taps, fill)], opposite.y_shape)
    window = _turn(taps) if flips else _seen(spec, taps)
    return Trace(
        schema=SCHEMA,
        operation=operation,
        mode=mode,
        boundary=tuple(axis.boundary for axis in spec.axes),
        fill_value=fill,
        stride=tuple(axis.stride for axis in spec.axes),
        dilation=tuple(abs(axis.dilation) for axis in spec.axes),
        x=_freeze(x),
        w=_freeze(taps),
        window_w=_freeze(window),
        flip_matters=_freeze(_turn(taps)) != _freeze(_seen(spec if not flips else opposite, taps)),
        lengths=tuple(_measure(axis, mode) for axis in spec.axes),
        steps=steps,
        y=y,
        other=Other("correlate" if flips else "convolve", other, not _same(other, y)),
    )


def _check_axes(x_shape: Shape, w_shape: Shape) -> None:
    if len(x_shape) != len(w_shape) or len(x_shape) not in (1, 2):
        raise ShapeError(
            f"explain shows one axis or two, the same in x and w; x has shape {x_shape} and w has shape {w_shape}. "
            "Explain one element of the batch: x[0]"
        )


def _check_size(spec: ConvSpec) -> None:
    remedy = "take a smaller piece of x, a larger stride or a smaller w; fs.convolve itself has no such limit"
    if spec.n_taps > MAX_TERMS:
        raise ShapeError(f"each output would have {spec.n_taps} terms and explain shows at most {MAX_TERMS}; {remedy}")
    cells = max(spec.n_outputs, math.prod(spec.x_shape) // 2)
    if cells > MAX_CELLS:
        raise ShapeError(
            f"x has shape {spec.x_shape} and y would have {spec.y_shape}: explain shows at most "
            f"{MAX_CELLS} cells of y and {2 * MAX_CELLS} of x; {remedy}"
        )


def _make_steps(spec: ConvSpec, x: Any, w: Any, fill: Any) -> tuple[Step, ...]:
    taps = _seen(spec, w)
    return tuple(_make_step(spec, m, x, taps, fill) for m in np.ndindex(*spec.y_shape))


def _make_step(spec: ConvSpec, m: Shape, x: Any, w: Any, fill: Any) -> Step:
    sources = {w_index: x_index for x_index, w_index in spec.terms((), m)}
    orders = [range(axis.w)[:: 1 if axis.dilation > 0 else -1] for axis in spec.axes]
    terms = []
    for j in itertools.product(*orders):
        position = tuple(axis.position(i, k) for axis, i, k in zip(spec.axes, m, j, strict=True))
        terms.append(_make_term(position, j, sources, x, w, fill))
    return Step(m, tuple(terms), sum((term.product for term in terms if term.product is not None), 0))


def _make_term(position: Shape, j: Shape, sources: dict[Shape, Shape | None], x: Any, w: Any, fill: Any) -> Term:
    b = w[j]
    if j not in sources:
        return Term(position, "zero", None, j, 0, b, None)
    source = sources[j]
    if source is None:
        return Term(position, "fill", None, j, fill, b, b * fill)
    return Term(position, "sample" if source == position else "copy", source, j, x[source], b, b * x[source])


def _measure(axis: Axis, mode: str) -> Length:
    """The parts of the length formula.

    The modes are paddings: by 0, D − 1 or 2(D − 1) samples in all. The first window begins
    at start + min(0, (K − 1)·dilation), which says how many of them stand in front.
    """
    dilation = abs(axis.dilation)
    span = span_of(axis.w, dilation)
    padding = {"valid": 0, "same": span - 1, "full": 2 * (span - 1)}[mode]
    before = -axis.start + max(0, -axis.dilation * (axis.w - 1))
    room = axis.x + padding - span
    return Length(axis.x, axis.w, dilation, span, before, padding - before, axis.stride, room, axis.y)


# --------------------------------------------------------------------------------- helpers


def _seen(spec: ConvSpec, w: Any) -> Any:
    return np.frompyfunc(lambda tap: tap.conjugate(), 1, 1)(w) if spec.conj_w else w


def _turn(w: Any) -> Any:
    return w[(slice(None, None, -1),) * w.ndim]


def _fold(values: list[Any], shape: Shape) -> Nested:
    """A flat list of numbers as nested tuples."""
    if len(shape) == 1:
        return tuple(values)
    width = shape[1]
    return tuple(tuple(values[i * width : (i + 1) * width]) for i in range(shape[0]))


def _freeze(array: Any) -> Nested:
    return _fold(list(array.flat), array.shape)


def _same(a: Any, b: Any) -> bool:
    """Equality in which NaN equals NaN."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b or (a != a and b != b))


def to_plain(value: Any) -> Any:
    """Tuples as lists, named ones as dictionaries, and numbers as JSON can hold them."""
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is None:
            return [to_plain(entry) for entry in value]
        return {name: to_plain(entry) for name, entry in zip(fields, value, strict=True)}
    if isinstance(value, complex | np.complexfloating):
        return {"real": to_plain(float(value.real)), "imag": to_plain(float(value.imag))}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else str(value)
    return value if isinstance(value, str | int | None) and not isinstance(value, Fraction) else str(value)
