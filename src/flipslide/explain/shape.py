"""How large the result of a layer is, counted out, and what the layer costs.

    o = ⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1
    o = (i − 1)·s − lo − hi + d·(k − 1) + 1 + output_padding      transposed

Integers only: nothing here needs NumPy before a picture is drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ParameterError, ShapeError, unknown_word
from ..geometry import MODES, LayerAxis, ints_per_axis, layer_axes, read_shape, span_of, to_int
from ..show import Block, Document, Formula, Frames, Heading, Shown, Table, Text
from ..show.numbers import bytes_text, to_plain
from ..show.text import WIDTH, render_text, wrap

SCHEMA = "flipslide-shape/1"
FORMULA = Formula(
    "o = ⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1",
    "o = \\left\\lfloor\\frac{i+p_{lo}+p_{hi}-d\\,(k-1)-1}{s}\\right\\rfloor+1",
)
TRANSPOSED = Formula(
    "o = (i − 1)·s − lo − hi + d·(k − 1) + 1 + output_padding",
    "o = (i-1)\\,s-p_{lo}-p_{hi}+d\\,(k-1)+1+p_{out}",
)


class AxisShape(NamedTuple):
    """One axis: what goes into the formula, and what comes out."""

    size: int
    taps: int
    stride: int
    dilation: int
    lo: int
    hi: int
    output_padding: int
    transposed: bool
    outputs: int

    @property
    def layer(self) -> LayerAxis:
        return LayerAxis(self.size, self.taps, self.lo, self.hi, self.stride, self.dilation, self.output_padding)

    @property
    def span(self) -> int:
        """D = d·(k − 1) + 1, how many samples the taps span."""
        return self.layer.span

    @property
    def room(self) -> int:
        """The numerator: how far the first window can move."""
        return self.layer.room

    @property
    def unused(self) -> int:
        """Samples of the padded axis behind the last window, which none of them reads."""
        return 0 if self.transposed else self.layer.unused

    @property
    def formula(self) -> str:
        """The formula with this axis's numbers, step by step."""
        if not self.outputs:
            return "0, for there are no samples"
        return self.layer.transposed_formula if self.transposed else self.layer.formula


class LayerShape(NamedTuple):
    """One layer of a chain; the field and its step are in samples of the first input."""

    axes: tuple[AxisShape, ...]
    field: tuple[int, ...]  # how many samples of the input one output sees
    step: tuple[int, ...]  # how far apart neighbouring outputs look
    first: tuple[float, ...]  # where the middle of the first output's field lies


class ShapeReport(Shown):
    """The sizes of one layer or of a chain, and what it costs; made by `fs.explain_shape`.

    `outputs` is the size of the result along each axis; `parameters`, `multiply_adds` and
    `columns` (the numbers of the im2col matrix) count one example through one layer;
    `receptive_field` is how many samples one output sees.
    """

    __slots__ = ("bias", "channels", "filters", "groups", "layers")

    def __init__(self, layers: tuple[LayerShape, ...], channels: int, filters: int, groups: int, bias: bool) -> None:
        self.layers, self.bias = layers, bias
        self.channels, self.filters, self.groups = channels, filters, groups

    # --------------------------------------------------------------------------- numbers

    @property
    def axes(self) -> tuple[AxisShape, ...]:
        """The axes of the (last) layer."""
        return self.layers[-1].axes

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(axis.outputs for axis in self.axes)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        return self.layers[-1].field

    @property
    def taps(self) -> int:
        """Products in one output: taps times channels of a group."""
        return math.prod(axis.taps for axis in self.axes) * self.channels // self.groups

    @property
    def parameters(self) -> int:
        """Taps of all filters, and their biases."""
        return self.filters * self.taps + self.filters * self.bias

    @property
    def places(self) -> int:
        """Where the taps are laid: at each output, in a transposed layer at each sample."""
        return math.prod(axis.size if axis.transposed else axis.outputs for axis in self.axes)

    @property
    def multiply_adds(self) -> int:
        """Products of one example."""
        return self.places * self.filters * self.taps

    @property
    def columns(self) -> int:
        """Numbers in the matrix of im2col, for one example."""
        return self.taps * self.groups * self.places

    @property
    def samples(self) -> int:
        """Numbers in one example."""
        return self.channels * math.prod(axis.size for axis in self.axes)

    # ----------------------------------------------------------------------------- shown

    def document(self) -> Document:
        return Document("", (*self._blocks(), *self._pictures()))

    def __str__(self) -> str:
        if len(self.layers) > 1:
            return render_text(Document("", tuple(self._blocks())))
        return "\n".join(self.lines()) + "\n\n" + render_text(Document("", (self._costs(),))).lstrip("\n")

    def lines(self) -> list[str]:
        """The formula, then with its numbers for each axis and what there is to say, then the sizes.

        >>> from flipslide.explain.shape import explain_shape
        >>> explain_shape(5, 3, stride=2, padding=1).lines()[-1]
        '5 -> 3'
        """
        lines = []
        for block in self.formulas():
            lines += [block.text] if isinstance(block, Formula) else wrap("    " + block.text, WIDTH, "    ")
        return [*lines, self._sizes()]

    def formulas(self) -> Iterator[Formula | Text]:
        """The formula, then with the numbers of each axis, and what there is to say of it."""
        yield TRANSPOSED if self.axes[0].transposed else FORMULA
        for number, (name, axis) in enumerate(zip(self._names(), self.axes, strict=True)):
            yield Formula(name + axis.formula, _latex(axis, number if len(self.axes) > 1 else None))
            yield from map(Text, _remarks(axis))

    def _names(self) -> list[str]:
        return [f"axis {number}: " for number in range(len(self.axes))] if len(self.axes) > 1 else ["o = "]

    def _sizes(self) -> str:
        return f"{_times(axis.size for axis in self.axes)} -> {_times(self.outputs)}"

    def __repr__(self) -> str:
        return f"<ShapeReport: {_times(a.size for a in self.layers[0].axes)} -> {_times(self.outputs)}>"

    def to_json(self, indent: int | None = None) -> str:
        """The report as JSON, schema "flipslide-shape/1"."""
        counts = {name: getattr(self, name) for name in ("parameters", "multiply_adds", "columns", "samples")}
        layers = [to_plain(layer) for layer in self.layers]
        record = {"schema": SCHEMA, "outputs": list(self.outputs), "layers": layers}
        return json.dumps(record | (counts if len(self.layers) == 1 else {}), indent=indent, ensure_ascii=False)

    def _blocks(self) -> Iterator[Block]:
        if len(self.layers) > 1:
            yield from _chain_blocks(self.layers)
            return
        yield from self.formulas()
        yield Text(self._sizes())
        yield self._costs()

    def _costs(self) -> Table:
        bias = " + 1" if self.bias else ""
        each = "×".join(str(axis.taps) for axis in self.axes)
        ratio = self.columns / self.samples if self.samples else 0.0
        copied = f"{ratio:.3g} times the {self.samples:,} samples"
        counts = (("place", self.places), ("filter", self.filters), ("tap", self.taps))
        factors = " · ".join(f"{n:,} {word if n == 1 else word + 's'}" for word, n in counts)
        rows: tuple[tuple[str, str, str], ...] = (
            ("parameters", f"{self.parameters:,}", f"{self.filters} · ({each}·{self.channels // self.groups}{bias})"),
            ("multiply-adds", f"{self.multiply_adds:,}", factors),
            ("im2col", f"{self.columns:,} numbers", f"{self.taps * self.groups} · {self.places}, {copied}"),
            ("im2col in float32", bytes_text(4 * self.columns), ""),
        )
        if not self.axes[0].transposed:
            apart = f"samples; its neighbours' are {_times(self.layers[0].step)} further"
            rows += (("one output reads", _times(self.receptive_field), apart),)
        return Table("", ("", "", ""), rows, "lrl")

    def _pictures(self) -> Iterator[Block]:
        """Windows laid on a ruler, of a chain how far an output sees."""
        from .draw.ruler import draw_chain, draw_ruler
        from .trace import Length

        if self.axes[0].transposed:
            return
        if len(self.layers) > 1:
            name, frames = "receptive field", draw_chain(self.layers)
        else:
            name, frames = "counting windows", draw_ruler([Length.of(a.layer, a.outputs) for a in self.axes])
        if frames:
            yield Frames(name, frames)


# ------------------------------------------------------------------------------- remarks


def _latex(axis: AxisShape, number: int | None) -> str:
    name = "o" if number is None else f"o_{number}"
    if not axis.outputs:
        return f"{name} = 0"
    if axis.transposed:
        return f"{name} = {axis.formula}".replace("·", "\\cdot ").replace("−", "-")
    inner = f"{axis.size}+{axis.lo}+{axis.hi}-{axis.dilation}\\cdot({axis.taps}-1)-1"
    return (
        f"{name} = \\left\\lfloor\\frac{{{inner}}}{{{axis.stride}}}\\right\\rfloor+1 = "
        f"\\left\\lfloor\\frac{{{axis.room}}}{{{axis.stride}}}\\right\\rfloor+1 = {axis.outputs}"
    )


def _remarks(axis: AxisShape) -> Iterator[str]:
    if axis.transposed:
        yield _which_size(axis)
    elif axis.unused:
        settings = f" {'It' if axis.unused == 1 else 'They'} would be with {_or(list(even_settings(axis)))}."
        lost = axis.unused > axis.hi
        yield f"{axis.room}/{axis.stride} is not whole, so {_left_over(axis)}.{settings if lost else ''}"


def _left_over(axis: AxisShape) -> str:
    """What the floor drops: zeros of the padding behind x, and samples before them."""
    zeros, samples = min(axis.unused, axis.hi), max(axis.unused - axis.hi, 0)
    of_padding = _counted(zeros, "zero of the padding", "zeros of the padding")
    dropped = " and ".join(filter(None, (_counted(samples, "sample", "samples"), of_padding)))
    verb = "is" if axis.unused == 1 else "are"
    return f"the last {dropped} {verb} never used"


def _counted(n: int, one: str, many: str) -> str:
    return "" if n == 0 else one if n == 1 else f"{n} {many}"


def even_settings(axis: AxisShape) -> Iterator[str]:
    """The nearest settings with which no sample is left over, each by changing one thing.

    >>> list(even_settings(AxisShape(7, 3, 3, 1, 0, 0, 0, False, 2)))
    ['stride 2 or 4', 'padding 0:2', '6 or 9 samples', '4 taps']
    """
    strides = [s for s in range(1, axis.room + 1) if axis.room % s == 0 and axis.stride <= 2 * s <= 4 * axis.stride]
    lower, higher = [s for s in strides if s < axis.stride], [s for s in strides if s > axis.stride]
    near = [*lower[-1:], *higher[:1]]
    if near:
        yield "stride " + _or([str(s) for s in near])
    missing = axis.stride - axis.unused
    yield f"padding {axis.lo}:{axis.hi + missing}"
    yield f"{_or([str(n) for n in (axis.size - axis.unused, axis.size + missing) if n > 0])} samples"
    padded = axis.size + axis.lo + axis.hi
    rooms = {k: padded - span_of(k, axis.dilation) for k in range(1, axis.taps + axis.room + 1)}
    taps = [k for k, room in rooms.items() if room >= 0 and room % axis.stride == 0]
    if taps:
        yield f"{min(taps, key=lambda k: (abs(k - axis.taps), k))} taps"


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + (", or " if len(words) > 2 else " or ") + words[-1]


def _which_size(axis: AxisShape) -> str:
    """Why there is an output_padding: several inputs of the layer have this size as their output."""
    least = axis.layer.least_transposed
    sizes = [str(least + extra) for extra in range(axis.stride)]
    if len(sizes) == 1:
        return f"with stride 1 only an axis of {sizes[0]} gives {axis.size}, so there is nothing to choose"
    return (
        f"the layer with these settings gives {axis.size} for an axis of {_or(sizes)}: its floor drops the rest. "
        f"Going back, output_padding (0 to {axis.stride - 1}) says which of them is meant; here {axis.output_padding}, "
        f"so {axis.outputs}. It is no padding with zeros: the last places get what the stamps leave there"
    )


def _chain_blocks(layers: tuple[LayerShape, ...]) -> Iterator[Block]:
    yield FORMULA
    rows = tuple(
        (
            str(number),
            _times(axis.size for axis in layer.axes),
            _times(axis.taps for axis in layer.axes),
            _times(axis.stride for axis in layer.axes),
            _times(axis.outputs for axis in layer.axes),
            _times(layer.field),
            _times(layer.step),
            ", ".join(f"{first:g}" for first in layer.first),
        )
        for number, layer in enumerate(layers, 1)
    )
    header = ("layer", "in", "kernel", "stride", "out", "sees", "step", "first at")
    yield Table("", header, rows, "rrrrrrrr")
    yield Heading("How far one output sees")
    yield Formula("field = field before + (D − 1)·step before", "r_l = r_{l-1}+(D_l-1)\\,j_{l-1}")
    yield Formula("step = step before · stride", "j_l = j_{l-1}\\,s_l")
    last = layers[-1]
    yield Text(
        f"One output of the last layer depends on {_times(last.field)} samples of the input; its neighbour's are "
        f"{_times(last.step)} further. The middle of the first one's field lies at {_places(last.first)}"
        + (", outside the samples where padding is seen." if any(first < 0 for first in last.first) else ".")
    )
    for number, layer in enumerate(layers, 1):
        for axis in layer.axes:
            if axis.unused:
                yield Text(f"Layer {number}: {_left_over(axis)}.")


def _places(first: tuple[float, ...]) -> str:
    return "place " + ", ".join(f"{entry:g}" for entry in first)


def _times(sizes: Any) -> str:
    return "×".join(map(str, sizes))


# -------------------------------------------------------------------------------- making


def explain_shape(
    size: Any,
    kernel: Any = None,
    *,
    stride: Any = 1,
    padding: Any = None,
    dilation: Any = 1,
    mode: str | None = None,
    transposed: bool = False,
    output_padding: Any = 0,
    channels: int = 1,
    filters: int = 1,
    groups: int = 1,
    bias: bool = True,
    layers: Sequence[Mapping[str, Any]] | None = None,
) -> ShapeReport:
    """Count out how large the result of a layer is, and what the layer costs.

        o = ⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1
        o = (i − 1)·s − lo − hi + d·(k − 1) + 1 + output_padding      transposed

    Parameters
    ----------
    size : int or tuple of int
        Samples along each spatial axis.
    kernel : int or tuple of int
        Taps along each axis.
    stride, dilation : int or tuple of int
    padding : int, tuple or str
        As in `fs.nn.conv`.
    mode : {"full", "same", "valid"}, optional
        In place of the padding: the modes of `fs.convolve`.
    transposed : bool
        The size of `fs.nn.conv_transpose`; `output_padding` is explained.
    channels, filters, groups, bias
        For the counts of parameters and products.
    layers : list of dict, optional
        A chain in place of `kernel`: each with "kernel" and, if needed, "stride", "padding" and
        "dilation". The report then follows the receptive field through it.

    Returns
    -------
    ShapeReport
        `print` it; `.outputs`, `.parameters`, `.multiply_adds`, `.columns`, `.receptive_field`.

    Raises
    ------
    ShapeError
        The kernel does not fit; the message says by how much.
    ParameterError

    Examples
    --------
    >>> import flipslide as fs
    >>> print(fs.explain_shape(7, 3, stride=3))
    o = ⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1
    o = ⌊(7 + 0 + 0 − 1·(3 − 1) − 1)/3⌋ + 1 = ⌊4/3⌋ + 1 = 1 + 1 = 2
        4/3 is not whole, so the last sample is never used. It would be with
        stride 2 or 4, padding 0:2, 6 or 9 samples, or 4 taps.
    7 -> 2
    <BLANKLINE>
     parameters                  4   1 · (3·1 + 1)
     multiply-adds               6   2 places · 1 filter · 3 taps
     im2col              6 numbers   3 · 2, 0.857 times the 7 samples
     im2col in float32    24 bytes
     one output reads            3   samples; its neighbours' are 3 further
    >>> fs.explain_shape((5, 5), (3, 3), stride=2, padding=1, channels=3, filters=2).parameters
    56
    """
    sizes = read_shape(size, "size")
    channels, filters, n_groups = (
        to_int(n, name, 1) for n, name in ((channels, "channels"), (filters, "filters"), (groups, "groups"))
    )
    if channels % n_groups or filters % n_groups:
        raise ShapeError(f"groups={n_groups} must divide the {channels} channels and the {filters} filters")
    if layers is not None:
        if kernel is not None:
            raise ParameterError("give kernel= (one layer) or layers= (a chain), not both")
        return ShapeReport(_follow(sizes, layers), channels, filters, n_groups, bias)
    if kernel is None:
        raise ParameterError("give kernel=, the taps along each axis, or layers=, a chain of them")
    axes = _measure(sizes, kernel, stride, padding, dilation, mode, transposed, output_padding)
    return ShapeReport((_see(axes, None),), channels, filters, n_groups, bool(bias))


def _measure(
    sizes: tuple[int, ...],
    kernel: Any,
    stride: Any = 1,
    padding: Any = None,
    dilation: Any = 1,
    mode: str | None = None,
    transposed: bool = False,
    output_padding: Any = 0,
) -> tuple[AxisShape, ...]:
    taps = ints_per_axis(kernel, len(sizes), "kernel", 1)
    extras = [extra for extra in ints_per_axis(output_padding, len(sizes), "output_padding", 0) if extra]
    if extras and not transposed:
        raise ParameterError(f"output_padding={extras[0]} only means something with transposed=True")
    if mode is not None:
        if padding is not None or transposed:
            raise ParameterError("give mode= (signals) or padding= and transposed= (layers), not both")
        padding = _mode_pads(mode, taps, ints_per_axis(dilation, len(sizes), "dilation", 1))
    axes = layer_axes(
        sizes, taps, stride=stride, padding=0 if padding is None else padding, dilation=dilation,
        output_padding=output_padding, transposed=transposed,
    )  # fmt: skip
    return tuple(_measure_axis(axis, transposed, mode in ("full", "same")) for axis in axes)


def _mode_pads(mode: str, taps: tuple[int, ...], dilations: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """A mode as a padding; that of "same" starts D//2 before x: geometry.mode_window with its default centre."""
    if mode not in MODES:
        raise unknown_word("mode", mode, MODES)
    spans = [span_of(k, d) for k, d in zip(taps, dilations, strict=True)]
    pads = {"full": lambda span: (span - 1, span - 1), "same": lambda span: (span // 2, (span - 1) // 2)}
    return tuple(pads[mode](span) if mode in pads else (0, 0) for span in spans)


def _measure_axis(axis: LayerAxis, transposed: bool, always_fits: bool) -> AxisShape:
    """`always_fits`: full and same have max(N + D − 1, 0) and N outputs also where the taps are the longer ones."""
    if transposed:
        outputs = axis.transposed_outputs
    else:
        outputs = axis.room // axis.stride + 1 if always_fits else axis.outputs
    given = axis.n, axis.taps, axis.stride, axis.dilation, axis.lo, axis.hi, axis.output_padding
    return AxisShape(*given, transposed, outputs)


def _follow(sizes: tuple[int, ...], layers: Sequence[Mapping[str, Any]]) -> tuple[LayerShape, ...]:
    """The layers of a chain, each on the outputs of the one before."""
    followed: list[LayerShape] = []
    for number, words in enumerate(layers, 1):
        unknown = set(words) - {"kernel", "stride", "padding", "dilation"}
        if unknown or "kernel" not in words:
            raise ParameterError(
                f"layer {number} is {dict(words)!r}; it needs kernel and may have stride, padding and dilation"
            )
        try:
            axes = _measure(sizes, **words)
        except ShapeError as error:
            raise ShapeError(f"layer {number}: {error}") from None
        followed.append(_see(axes, followed[-1] if followed else None))
        sizes = tuple(axis.outputs for axis in axes)
    if not followed:
        raise ParameterError("layers=[] is no chain; give at least one layer")
    return tuple(followed)


def _see(axes: tuple[AxisShape, ...], before: LayerShape | None) -> LayerShape:
    """The receptive field after one more layer.

    An output sees D neighbours, whose fields lie `step` apart; the middle of the first moves by
    half of that, less the padding in front.
    """
    n = len(axes)
    field, step, first = (before.field, before.step, before.first) if before else ((1,) * n, (1,) * n, (0.0,) * n)
    if axes[0].transposed:
        return LayerShape(axes, tuple((axis.span - 1) // axis.stride + 1 for axis in axes), step, first)
    return LayerShape(
        axes,
        tuple(r + (axis.span - 1) * j for r, j, axis in zip(field, step, axes, strict=True)),
        tuple(j * axis.stride for j, axis in zip(step, axes, strict=True)),
        tuple(f + ((axis.span - 1) / 2 - axis.lo) * j for f, j, axis in zip(first, step, axes, strict=True)),
    )
