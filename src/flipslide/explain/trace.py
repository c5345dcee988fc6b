"""An explanation is data, not a picture: every number of a small call, and where it came from.

A `Trace` holds what was asked, the length formula of each axis with its numbers, and for
every output all taps in the order in which the window lies over x, so that any renderer
(text, table, drawing, page) shows the same arithmetic and none of them computes. The values
come from the rules of `spec.Axis`, tap by tap; no kernel is involved.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, enter, freeze
from ..errors import ParameterError, ShapeError, unknown_word
from ..geometry import MODES, LayerAxis, is_sequence, layer_axes, span_of, to_int
from ..graph import Graph, GraphEdge, GraphNode, correlates, enter_layer, settings_of
from ..graph.exact import Nested, conjugate, flatten, freeze_array, numbers_of, reverse
from ..show.numbers import to_plain
from ..spec import Axis, ConvSpec, Shape

SCHEMA = "flipslide-trace/1"
MAX_CELLS = 512
MAX_TERMS = 64
#: How far `around=` looks to each side: nine outputs on one axis, five by five on two.
REACH = {1: 4, 2: 2}


class Term(NamedTuple):
    """One tap of one output. What stands there (`source`) is

    "sample" of x, a "copy" of one that the boundary rule placed outside, the "fill" value,
    or a "zero" of the padding, which adds no product. In a layer each index begins with a
    channel.
    """

    position: Shape  # in x, perhaps outside it
    source: str
    x: Shape | None
    w: Shape
    a: Any  # the value of x̃ there
    b: Any  # the tap, conjugated if the operation says so
    product: Any


class Step(NamedTuple):
    """One output: all its terms, in the order of the window, and their sum.

    A layer's outputs also have the sum of each input channel, and a bias where there is one:
    value = Σ partials + bias.
    """

    y: Shape
    terms: tuple[Term, ...]
    partials: Nested
    bias: Any
    value: Any


class Length(NamedTuple):
    """⌊(n + before + after − span)/stride⌋ + 1 of one axis, part by part.

    `n` samples; `taps` that span dilation·(taps − 1) + 1 = `span`; `before` and `after` say how
    far the windows reach beyond x (negative: they leave samples out); `room` is the numerator.
    """

    n: int
    taps: int
    dilation: int
    span: int
    before: int
    after: int
    stride: int
    room: int
    outputs: int

    @classmethod
    def of(cls, axis: LayerAxis, outputs: int) -> Length:
        """The same of an axis between pads, which may be negative."""
        return cls(axis.n, axis.taps, axis.dilation, axis.span, axis.lo, axis.hi, axis.stride, axis.room, outputs)


class Other(NamedTuple):
    """What the same call gives with the other operation."""

    operation: str
    y: Nested
    differs: bool


class Gradients(NamedTuple):
    """Of L = Σ dy·y: dx, dw and db (null without a bias), shaped as x, w and bias.

    `nodes` and `edges` are the graph that they were walked back through: a node has a label, a
    kind (x, w, b, fill, ×, +, y, L), a value and its gradient; an edge the labels of its ends and
    the local derivative of the target with respect to the source.
    """

    dy: Nested
    loss: Any
    dx: Nested
    dw: Nested
    db: Nested | None
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


class Trace(NamedTuple):
    """Everything that `explain` knows about a call; immutable, and JSON through `to_json`.

    Its fields, which are the keys of the JSON object (tuples are arrays there, records objects):

        schema          "flipslide-trace/1"; a field that changes its meaning changes the number
        operation       "convolve", "correlate" or "layer"
        mode            "full", "same" or "valid"; of a layer its padding in words
        boundary        the rule of each axis; fill_value belongs to "constant"
        stride, dilation, groups
        x, w, bias      the arrays as nested rows; bias is null where there is none
        x_origin        where the piece of x that is shown begins
        window_w        the taps as they lie over x: flipped along every axis, or conjugated
        flip_matters    whether turned taps differ from the taps
        lengths         one `Length` for each axis
        steps           one `Step` for each output, in the order of y
        y, y_origin     the result, or the piece of it that was asked for
        other           what the other operation gives, an `Other`; null for a layer
        gradients       `Gradients`, when dy was given

    A layer's x is (channels, *axes), its w (filters, channels of a group, *axes) and its y
    (filters, *axes). Where only some outputs were asked for, x and y are the pieces around them,
    and the outputs of the piece that were not asked for are null. Integers are integers; a
    fraction is a string "1/3", a float that is not finite a string "nan", "inf" or "-inf", a
    complex number {"real": …, "imag": …}.
    """

    schema: str
    operation: str
    mode: str
    boundary: tuple[str, ...]
    fill_value: Any
    stride: Shape
    dilation: Shape
    groups: int
    x: Nested
    x_origin: Shape
    w: Nested
    bias: Nested | None
    window_w: Nested
    flip_matters: bool
    lengths: tuple[Length, ...]
    steps: tuple[Step, ...]
    y: Nested
    y_origin: Shape
    other: Other | None
    gradients: Gradients | None

    @property
    def ndim(self) -> int:
        return len(self.lengths)

    @property
    def y_shape(self) -> Shape:
        """The shape of the whole result."""
        outputs = tuple(length.outputs for length in self.lengths)
        return (len(self.w), *outputs) if self.operation == "layer" else outputs

    @property
    def is_whole(self) -> bool:
        """Whether every output is explained, and all of x is here."""
        samples = math.prod(length.n for length in self.lengths)
        channels = len(self.w[0]) * self.groups if self.operation == "layer" else 1
        return len(self.steps) == math.prod(self.y_shape) and sum(1 for _ in flatten(self.x)) == channels * samples

    def to_json(self, indent: int | None = None) -> str:
        """The trace as JSON. Fractions and whatever else JSON has no number for become strings.

        >>> from flipslide.explain.trace import make_trace
        >>> make_trace([1, 2], [3, 4]).to_json()[:52]
        '{"schema": "flipslide-trace/1", "operation": "convol'
        """
        return json.dumps(to_plain(self), indent=indent, ensure_ascii=False, allow_nan=False)


# ---------------------------------------------------------------------------------- making


class _Call(NamedTuple):
    """A call as the sum that it is; `opposite` is the sum of the other operation, which a layer has not."""

    operation: str
    mode: str
    spec: ConvSpec
    opposite: ConvSpec | None
    x: Array
    w: Array
    bias: Array | None
    y_shape: Shape
    lengths: tuple[Length, ...]

    @property
    def flips(self) -> bool:
        return self.operation == "convolve"


def make_trace(
    x: Any,
    w: Any,
    mode: str = "valid",
    *,
    operation: str = "convolve",
    around: Any = None,
    cells: Any = None,
    dy: Any = None,
    **words: Any,
) -> Trace:
    """The trace of a small call along one or two axes; `words` as in `fs.convolve`."""
    x, w = enter(x, "x"), enter(w, "w")
    if x.ndim != w.ndim or x.ndim not in (1, 2):
        raise ShapeError(
            f"explain shows one axis or two, the same in x and w; x has shape {x.shape} and w has shape {w.shape}. "
            "Explain one element of the batch: x[0]"
        )
    if str(mode) not in MODES:
        raise unknown_word("mode", mode, MODES)
    options = settings_of(mode, **words)
    correlate = correlates(operation)
    spec, opposite = (ConvSpec.of(x.shape, w.shape, correlate=flag, **options) for flag in (correlate, not correlate))
    spec.check_repeated("explain")
    lengths = tuple(_measure(axis, mode) for axis in spec.axes)
    return _trace(_Call(operation, mode, spec, opposite, x, w, None, spec.y_shape, lengths), around, cells, dy)


def make_layer_trace(
    x: Any, w: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int,
    around: Any = None, cells: Any = None, dy: Any = None,
) -> Trace:  # fmt: skip
    """The trace of one example of a small layer with one spatial axis or two."""
    x, w, bias, spec = enter_layer(x, w, bias, stride, padding, dilation, groups)
    if len(spec.axes) > 2:
        raise ShapeError(
            f"explain shows layers with one spatial axis or two; x has shape {x.shape}. Take a slice: x[:, 0]"
        )
    axes = layer_axes(
        x.shape[1:], w.shape[2:], stride=freeze(stride), padding=freeze(padding), dilation=freeze(dilation)
    )
    y_shape = (w.shape[0], *(axis.y for axis in spec.axes))
    mode = "valid" if padding == 0 else str(padding)
    call = _Call("layer", mode, spec, None, x, w, bias, y_shape, tuple(Length.of(axis, axis.outputs) for axis in axes))
    return _trace(call, around, cells, dy)


def _trace(call: _Call, around: Any, cells: Any, dy: Any) -> Trace:
    """A signal is traced as a layer of one channel and one filter, whose indices are left out."""
    spec = call.spec
    check_terms(spec.n_taps)
    chosen = choose_cells(call.y_shape, spec.axes, around, cells)
    if dy is not None and not chosen.are_all:
        raise ParameterError("dy= needs every output; leave out around= and cells=")
    piece = Piece(call.x, chosen.piece_of_x(spec.axes))
    w, fill = numbers_of(call.w, "w"), numbers_of(spec.fill, "fill_value")[()]
    bias = None if call.bias is None else numbers_of(call.bias, "bias")
    steps = tuple(_make_step(spec, cell, piece, w, bias, fill) for cell in chosen.cells)
    y = chosen.arrange([step.value for step in steps])
    reversed_, as_it_is = reverse(w, len(spec.axes)), _seen((call.opposite or spec) if call.flips else spec, w)
    return Trace(
        schema=SCHEMA,
        operation=call.operation,
        mode=call.mode,
        boundary=tuple(axis.rule for axis in spec.axes),
        fill_value=fill,
        stride=tuple(axis.stride for axis in spec.axes),
        dilation=tuple(abs(axis.dilation) for axis in spec.axes),
        groups=spec.loop_size("group"),
        x=freeze_array(piece.numbers),
        x_origin=piece.origin,
        w=freeze_array(w),
        bias=None if bias is None else freeze_array(bias),
        window_w=freeze_array(reversed_ if call.flips else as_it_is),
        flip_matters=freeze_array(reversed_) != freeze_array(as_it_is),
        lengths=call.lengths,
        steps=steps,
        y=y,
        y_origin=chosen.low,
        other=_other(call, chosen, piece, y),
        gradients=None if dy is None else _gradients(call, dy),
    )


def _other(call: _Call, chosen: Cells, piece: Piece, y: Nested) -> Other | None:
    if call.opposite is None:
        return None
    # The other operation looks at other samples of a piece; a whole x has them all.
    if not chosen.are_all:
        piece = Piece(call.x, chosen.piece_of_x(call.opposite.axes))
    w, fill = numbers_of(call.w, "w"), numbers_of(call.spec.fill, "fill_value")[()]
    values = [_make_step(call.opposite, cell, piece, w, None, fill).value for cell in chosen.cells]
    other = chosen.arrange(values)
    return Other("correlate" if call.flips else "convolve", other, not _same(other, y))


def _gradients(call: _Call, dy: Any) -> Gradients:
    graph = Graph(call.spec, call.x, call.w, call.operation, call.mode, call.bias, call.y_shape).backward(dy)
    nodes, edges = graph.record()
    db = None if graph.db is None else freeze_array(numbers_of(graph.db, "db"))
    given, dx, dw = (freeze_array(numbers_of(array, "d")) for array in (graph.dy, graph.dx, graph.dw))
    return Gradients(given, graph.loss, dx, dw, db, nodes, edges)


def check_terms(n_taps: int) -> None:
    """Whether so many terms of one output can be shown."""
    if n_taps > MAX_TERMS:
        raise ShapeError(
            f"each output would have {n_taps} terms and explain shows at most {MAX_TERMS}; take a smaller w. "
            "fs.convolve itself has no such limit"
        )


# ------------------------------------------------------------------------ which outputs


class Cells(NamedTuple):
    """The outputs to be explained, in order, and the box [low, high) around them."""

    cells: tuple[Shape, ...]
    low: Shape
    high: Shape
    are_all: bool

    def piece_of_x(self, axes: tuple[Axis, ...]) -> tuple[slice, ...]:
        """The samples that the outputs of the box read, and everything between them."""
        ranges = zip(axes, self.low[-len(axes) :], self.high[-len(axes) :], strict=True)
        return tuple(slice(0, axis.x) if self.are_all else _read_by(axis, low, high) for axis, low, high in ranges)

    def arrange(self, values: list[Any]) -> Nested:
        """One value for each output, as nested tuples over the box; None for the others."""
        box = np.full([high - low for low, high in zip(self.low, self.high, strict=True)], None, dtype=object)
        for cell, value in zip(self.cells, values, strict=True):
            box[tuple(i - low for i, low in zip(cell, self.low, strict=True))] = value
        return freeze_array(box)


def _read_by(axis: Axis, low: int, high: int) -> slice:
    sources = [axis.source(m, j)[1] for m in range(low, high) for j in range(axis.w)]
    read = [source for source in sources if source is not None]
    return slice(min(read), max(read) + 1) if read else slice(0, 0)


def choose_cells(y_shape: Shape, axes: tuple[Axis, ...], around: Any, cells: Any) -> Cells:
    """All outputs, those `around` one, or the `cells` of a list."""
    if around is not None and cells is not None:
        raise ParameterError("around= and cells= both choose outputs; give one of them")
    if around is not None:
        center = _read_cell(around, y_shape, "around")
        reach = (0,) * (len(y_shape) - len(axes)) + (REACH[len(axes)],) * len(axes)
        low = tuple(max(c - r, 0) for c, r in zip(center, reach, strict=True))
        high = tuple(min(c + r + 1, n) for c, r, n in zip(center, reach, y_shape, strict=True))
        return Cells(_box(low, high), low, high, False)
    if cells is not None:
        return _choose_listed(y_shape, cells)
    if max(math.prod(y_shape), math.prod(axis.x for axis in axes) // 2) > MAX_CELLS:
        raise ShapeError(
            f"y would have shape {y_shape}: explain shows at most {MAX_CELLS} outputs, and {2 * MAX_CELLS} samples of "
            "x. Ask for some of the outputs: around=n for those near one, cells=[…] for a list"
        )
    low = (0,) * len(y_shape)
    return Cells(_box(low, y_shape), low, y_shape, True)


def _box(low: Shape, high: Shape) -> tuple[Shape, ...]:
    return tuple(itertools.product(*map(range, low, high)))


def _choose_listed(y_shape: Shape, cells: Any) -> Cells:
    listed = tuple(sorted({_read_cell(cell, y_shape, "cells") for cell in cells}))
    if not listed:
        raise ParameterError("cells=[] names no output")
    low = tuple(min(column) for column in zip(*listed, strict=True))
    high = tuple(max(column) + 1 for column in zip(*listed, strict=True))
    if math.prod(b - a for a, b in zip(low, high, strict=True)) > MAX_CELLS:
        raise ShapeError(f"cells= lie too far apart: the box around them has more than {MAX_CELLS} outputs")
    return Cells(listed, low, high, False)


def _read_cell(value: Any, y_shape: Shape, name: str) -> Shape:
    entries = tuple(value) if is_sequence(value) else (value,)
    index = tuple(to_int(entry, name) for entry in entries)
    if len(index) != len(y_shape):
        raise ParameterError(f"{name}={value!r} has {len(index)} numbers, and y has {len(y_shape)} axes: {y_shape}")
    index = tuple(i + n if i < 0 else i for i, n in zip(index, y_shape, strict=True))
    if not all(0 <= i < n for i, n in zip(index, y_shape, strict=True)):
        raise ParameterError(f"{name}={value!r} lies outside y, whose shape is {y_shape}")
    return index


class Piece:
    """The piece of x that is shown, read with the indices of the whole."""

    def __init__(self, array: Array, piece: tuple[slice, ...]) -> None:
        whole = (slice(None),) * (array.ndim - len(piece))
        self.numbers = numbers_of(array[whole + piece], "x")
        self.origin = (0,) * len(whole) + tuple(part.start for part in piece)

    def __getitem__(self, index: Shape) -> Any:
        return self.numbers[tuple(i - first for i, first in zip(index, self.origin, strict=True))]


# ------------------------------------------------------------------------------ one output


def _make_step(spec: ConvSpec, cell: Shape, x: Piece, w: Any, bias: Any, fill: Any) -> Step:
    """One output: the sum of each channel of its group, and the bias; a signal has one channel and no bias."""
    split = len(cell) - len(spec.axes)
    lead, m = cell[:split], cell[split:]
    taps = _seen(spec, w)[lead]
    by_channel = [tuple(make_terms(spec.axes, m, x, taps, fill, *at)) for at in _channels(spec, lead)]
    sums = tuple(map(sum_of, by_channel))
    offset = None if bias is None else bias[lead]
    value = sum(sums, 0) + (0 if offset is None else offset)
    return Step(cell, tuple(itertools.chain(*by_channel)), sums if lead else (), offset, value)


def _channels(spec: ConvSpec, lead: Shape) -> list[tuple[Shape, Shape]]:
    """The channels that a filter sees, as they begin an index of x and one of its taps."""
    if not lead:
        return [((), ())]
    channels = spec.loop_size("in")
    first = lead[0] // spec.loop_size("out") * channels
    return [((first + c,), (c,)) for c in range(channels)]


def sum_of(terms: tuple[Term, ...]) -> Any:
    """The sum of the products."""
    return sum((term.product for term in terms if term.product is not None), 0)


def make_terms(
    axes: tuple[Axis, ...], m: Shape, x: Any, w: Any, fill: Any, x_front: Shape = (), w_front: Shape = ()
) -> Iterator[Term]:
    """All taps of one output as the window lies over x; the fronts are a layer's channels."""
    orders = [range(axis.w)[:: 1 if axis.dilation > 0 else -1] for axis in axes]
    for j in itertools.product(*orders):
        position = x_front + tuple(axis.position(i, k) for axis, i, k in zip(axes, m, j, strict=True))
        sources = [axis.source(i, k) for axis, i, k in zip(axes, m, j, strict=True)]
        tap, b = w_front + j, w[w_front + j]
        index = x_front + tuple(-1 if sample is None else sample for _, sample in sources)
        if not all(exists for exists, _ in sources):
            yield Term(position, "zero", None, tap, 0, b, None)
        elif any(sample is None for _, sample in sources):
            yield Term(position, "fill", None, tap, fill, b, b * fill)
        else:
            yield Term(position, "sample" if index == position else "copy", index, tap, x[index], b, b * x[index])


def _measure(axis: Axis, mode: str) -> Length:
    """The parts of the length formula.

    The modes are paddings: by 0, D − 1 or 2(D − 1) samples in all. The first window begins
    at start + min(0, (K − 1)·dilation), which says how many of them stand in front.
    """
    dilation = abs(axis.dilation)
    span = span_of(axis.w, dilation)
    padding = {"valid": 0, "same": span - 1, "full": 2 * (span - 1)}[mode]
    before = -axis.start + max(0, -axis.dilation * (axis.w - 1))
    return Length.of(LayerAxis(axis.x, axis.w, before, padding - before, axis.stride, dilation), axis.y)


# --------------------------------------------------------------------------------- helpers


def _seen(spec: ConvSpec, w: Any) -> Any:
    return conjugate(w) if spec.conj_w else w


def _same(a: Any, b: Any) -> bool:
    """Equality in which NaN equals NaN."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b or (a != a and b != b))
