"""Integers only: windows, sizes, pads and boundary rules, one axis at a time.

Everything follows from one line. With `D = dilation·(K − 1) + 1`, the span of the taps,

    y[m] = Σ_j w[j] · x̃[start + stride·m − dilation·j]        (convolution)
    y[m] = Σ_j w[j] · x̃[start + stride·m + dilation·j]        (correlation)

and a mode or a padding only chooses the window `(start, count)`, m = 0 … count − 1.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from numbers import Number
from typing import Any, Literal, NamedTuple, TypeGuard

from .errors import ParameterError, ShapeError, unknown_word

__all__ = [
    "AFFINE",
    "BOUNDARIES",
    "MODES",
    "RULES",
    "LayerAxis",
    "Sides",
    "check_boundary",
    "check_fill_used",
    "extend_index",
    "extend_terms",
    "fit_count",
    "ints_per_axis",
    "layer_axes",
    "layer_count",
    "layer_pads",
    "least_transposed",
    "listed",
    "mode_window",
    "normalize_axes",
    "output_window",
    "per_axis",
    "read_rules",
    "read_shape",
    "span_of",
    "split_modes",
    "split_padding",
    "split_sides",
    "to_int",
    "transposed_size",
]

MODES: tuple[Literal["full", "same", "valid"], ...] = ("full", "same", "valid")
PADDINGS = ("valid", "same", "same_lower", "causal")
CENTERS = ("lower", "upper")


# ------------------------------------------------------------------- arguments to integers


#: Positions are 64-bit integers; products of a step and an index must fit.
LARGEST = 2**40


def to_int(value: object, name: str, minimum: int | None = None) -> int:
    """`value` as an int; 2.0 is one too, 1.5 and "1" are not."""
    try:
        is_whole = isinstance(value, float) and value.is_integer()
        number = int(value) if is_whole else operator.index(value)  # type: ignore[call-overload, arg-type]
    except TypeError:
        raise ParameterError(f"{name} must be an integer, not {value!r}") from None
    if abs(number) > LARGEST:
        raise ParameterError(f"{name}={number} is out of all proportion; at most 2^40 in size is possible")
    if minimum is not None and number < minimum:
        raise ParameterError(f"{name} must be at least {minimum}, not {number}")
    return number


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def listed(value: Any) -> Any:
    """An array of integers or words as the list that it stands for; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def per_axis(value: Any, n_axes: int, name: str, read: Callable[[Any, str], Any]) -> tuple[Any, ...]:
    """One value per axis: a single value stands for all of them."""
    value = listed(value)
    if not is_sequence(value):
        return (read(value, name),) * n_axes
    if len(value) != n_axes:
        raise ParameterError(f"{name}={value!r} has {len(value)} entries for {n_axes} axes; give one, or one per axis")
    return tuple(read(entry, name) for entry in value)


def ints_per_axis(value: Any, n_axes: int, name: str, minimum: int) -> tuple[int, ...]:
    """One integer per axis, none below the minimum: strides, dilations, windows."""
    return per_axis(value, n_axes, name, lambda entry, name: to_int(entry, name, minimum))


def read_shape(shape: Any, name: str) -> tuple[int, ...]:
    """A shape as a tuple; a single number is the shape of one axis."""
    shape = listed(shape)
    entries = tuple(shape) if is_sequence(shape) else (shape,)
    return tuple(to_int(entry, name, 0) for entry in entries)


def normalize_axes(axes: object, ndim: int, name: str = "axes") -> tuple[int, ...]:
    """Axes as distinct integers in [0, ndim)."""
    axes = listed(axes)
    entries = tuple(axes) if is_sequence(axes) else (axes,)
    numbers = tuple(to_int(entry, name) for entry in entries)
    for number in numbers:
        if not -ndim <= number < ndim:
            raise ShapeError(f"{name}={axes!r} names axis {number} of an array with {ndim} axes")
    numbers = tuple(number % ndim for number in numbers)
    if len(set(numbers)) != len(numbers):
        raise ShapeError(f"{name}={axes!r} names an axis twice")
    return numbers


# ------------------------------------------------------------------------- boundary rules
#
# Each maps an index outside [0, n) to the sample that stands there; None: no sample.


def _edge(i: int, n: int) -> int:
    return 0 if i < 0 else n - 1


def _symmetric(i: int, n: int) -> int:
    i %= 2 * n
    return min(i, 2 * n - 1 - i)


def _mirror(i: int, n: int) -> int:
    if n == 1:
        return 0
    i %= 2 * (n - 1)
    return min(i, 2 * (n - 1) - i)


_EXTENSIONS: dict[str, Callable[[int, int], int | None]] = {
    "zero": lambda i, n: None,
    "constant": lambda i, n: None,
    "edge": _edge,
    "symmetric": _symmetric,
    "mirror": _mirror,
    "wrap": lambda i, n: i % n,
}

#: The order is the numbering of `cpp/spec.hpp`.
BOUNDARIES = tuple(_EXTENSIONS)

#: A sample that stands outside as a sum of others: (index, weight), …
Terms = list[tuple[int, int | Fraction]]


def _odd(place: int, period: int, n: int, turned: int) -> Terms:
    """2b − a about the last sample b, and twice the rise from the first to the last for each whole period."""
    straight: Terms = [(place, 1)] if place < n else [(n - 1, 2), (turned, -1)]
    return [*straight, (n - 1, 2 * period), (0, -2 * period)]


def _odd_symmetric(i: int, n: int) -> Terms:
    period, place = divmod(i, 2 * n)
    return _odd(place, period, n, _symmetric(place, n))


def _odd_mirror(i: int, n: int) -> Terms:
    if n == 1:
        return [(0, 1)]
    period, place = divmod(i, 2 * (n - 1))
    return _odd(place, period, n, _mirror(place, n))


def _antisymmetric(i: int, n: int) -> Terms:
    return [(_symmetric(i, n), -1 if i % (2 * n) >= n else 1)]


def _smooth(i: int, n: int) -> Terms:
    edge, inner = (0, min(1, n - 1)) if i < 0 else (n - 1, max(0, n - 2))
    return [(edge, 1 + abs(i - edge)), (inner, -abs(i - edge))]


def _line(i: int, n: int) -> Terms:
    part = Fraction(i, max(1, n - 1))
    return [(0, 1 - part), (n - 1, part)]


_AFFINE: dict[str, Callable[[int, int], Terms]] = {
    "odd_symmetric": _odd_symmetric,
    "odd_mirror": _odd_mirror,
    "antisymmetric": _antisymmetric,
    "smooth": _smooth,
    "line": _line,
}

#: Rules that count with samples. `convolve` writes their samples out before it starts.
AFFINE = tuple(_AFFINE)
RULES = (*BOUNDARIES, *AFFINE)


class Sides(NamedTuple):
    """The boundary of an axis whose samples outside are written out first: a rule, and a fill value, for each side."""

    before: str
    after: str
    fills: tuple[Any, Any] = (0, 0)

    def rule(self, i: int) -> str:
        return self.before if i < 0 else self.after


def extend_terms(i: int, n: int, rule: str) -> Terms:
    """The sample at index i as a sum of samples of the axis; none where it is zero or the fill value.

    >>> extend_terms(-2, 4, "mirror"), extend_terms(-2, 4, "odd_mirror"), extend_terms(-2, 4, "zero")
    ([(2, 1)], [(0, 2), (2, -1)], [])
    """
    if 0 <= i < n:
        return [(i, 1)]
    if rule in BOUNDARIES:
        index = _EXTENSIONS[rule](i, n)
        return [] if index is None else [(index, 1)]
    sums: dict[int, int | Fraction] = {}
    for index, weight in _AFFINE[rule](i, n):
        sums[index] = sums.get(index, 0) + weight
    return sorted((index, weight) for index, weight in sums.items() if weight)


_REFLECT = (
    "boundary='reflect' means two things: numpy.pad's is (d c b | a b c d | c b a), here 'mirror'; "
    "scipy.ndimage's is (d c b a | a b c d | d c b a), here 'symmetric'. Say which"
)


def check_boundary(word: object, name: str = "boundary", known: tuple[str, ...] = BOUNDARIES) -> str:
    """The word of a boundary rule, or an error that names them all."""
    if word == "reflect":
        raise ParameterError(_REFLECT)
    if not isinstance(word, str) or word not in known:
        raise unknown_word(name, word, known)
    return word


def split_sides(value: Any, n_axes: int, name: str, read: Callable[[Any, str], Any]) -> tuple[tuple[Any, Any], ...]:
    """(before, after) for each axis: one value for all, or per axis one or a pair; of a single axis, a pair alone.

    >>> split_sides(("edge", "zero"), 1, "boundary", check_boundary)
    (('edge', 'zero'),)
    >>> split_sides(("edge", ("wrap", "zero")), 2, "boundary", check_boundary)
    (('edge', 'edge'), ('wrap', 'zero'))
    """
    value = listed(value)
    if n_axes == 1 and is_sequence(value) and len(value) == 2 and not any(map(is_sequence, value)):
        value = (value,)

    def pair(entry: Any, name: str) -> tuple[Any, Any]:
        entry = listed(entry)
        if is_sequence(entry) and len(entry) != 2:
            raise ParameterError(f"{name}={entry!r} is neither one for both sides nor a pair (before, after)")
        before, after = entry if is_sequence(entry) else (entry, entry)
        return read(before, name), read(after, name)

    return per_axis(value, n_axes, name, pair)


def read_rules(boundary: Any, fill_value: Any, n_axes: int) -> tuple[tuple[str | Sides, ...], Any]:
    """The boundary of each axis and the fill value of those that the engine extends itself.

    That knows one of `BOUNDARIES` for both sides of an axis, and one fill value for all.
    """
    if type(boundary) is str and boundary in BOUNDARIES and type(fill_value) is int and fill_value == 0:
        return (boundary,) * n_axes, 0  # nearly every call
    rules = split_sides(boundary, n_axes, "boundary", lambda word, name: check_boundary(word, name, RULES))
    words = [word for pair in rules for word in pair]
    fills = split_sides(fill_value, n_axes, "fill_value", lambda fill, _: fill)
    for pair in fills:
        for fill in pair:
            check_fill_used(fill, words)
    used = [fill for pair, given in zip(rules, fills, strict=True)
            for word, fill in zip(pair, given, strict=True) if word == "constant"]  # fmt: skip
    is_one = all(fill is used[0] or (type(fill) is type(used[0]) and fill == used[0]) for fill in used)
    made: list[str | Sides] = []
    for (before, after), given in zip(rules, fills, strict=True):
        is_engines = before == after and before in BOUNDARIES and (before != "constant" or is_one)
        made.append(before if is_engines else Sides(before, after, given))
    return tuple(made), used[0] if used and is_one else 0


def check_fill_used(fill: object, rules: Sequence[str]) -> None:
    """An error for a fill value that no rule would put anywhere."""
    is_zero = fill is None or (isinstance(fill, Number) and fill == 0)  # type: ignore[comparison-overlap]
    if not is_zero and "constant" not in rules:
        words = " and ".join(map(repr, dict.fromkeys(rules)))
        raise ParameterError(
            f"fill_value={fill!r} goes with boundary='constant' and the boundary is {words}; "
            "pass boundary='constant', or leave the fill value out"
        )


def extend_index(i: int, n: int, boundary: str) -> int | None:
    """The sample of an n-sample axis that stands at index i; None where there is none.

    >>> [extend_index(i, 4, "mirror") for i in range(-3, 7)]
    [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    """
    return i if 0 <= i < n else _EXTENSIONS[boundary](i, n)


# -------------------------------------------------------------------------- output windows


def span_of(taps: int, dilation: int) -> int:
    """D, the number of samples that the taps span."""
    if taps == 0:
        raise ShapeError("w has no taps: a convolved axis of w has size 0")
    span = dilation * (taps - 1) + 1
    if span > 2**60:
        raise ParameterError(f"{taps} taps at dilation={dilation} span more samples than can be counted")
    return span


def read_center(center: int | str | None, span: int, correlate: bool) -> int:
    """Which position of the span lies over the output sample in mode="same".

    NumPy puts a flipped kernel's on (D − 1)//2 and an unflipped one's on D//2, so that
    correlating with w is convolving with w reversed.
    """
    if center is None:
        center = "upper" if correlate else "lower"
    if isinstance(center, str):
        if center not in CENTERS:
            raise unknown_word("center", center, CENTERS, " or an integer")
        return span // 2 if center == "upper" else (span - 1) // 2
    return to_int(center, "center")


def mode_window(mode: str, n: int, span: int, center: int | str | None, correlate: bool) -> tuple[int, int]:
    """(start, count) at stride 1 for full, same or valid.

    >>> [mode_window(mode, 5, 3, None, False) for mode in MODES]
    [(0, 7), (1, 5), (2, 3)]
    """
    if mode not in MODES:
        raise unknown_word("mode", mode, MODES, ", or a window (start, count)")
    if mode == "same":
        offset = read_center(center, span, correlate)
        return (-offset if correlate else offset), n
    if center is not None:
        raise ParameterError(f"center={center!r} only means something in mode='same', not in mode={mode!r}")
    if mode == "full":
        return (1 - span if correlate else 0), n + span - 1
    if span > n:
        raise ShapeError(
            f"mode='valid' needs w to fit in x: w spans {span} samples, x has {n}. "
            "Arguments are never swapped; put the longer one first, or use mode='full'"
            + ("; an axis of one sample broadcasts where it is not among axes=" if n == 1 else "")
        )
    return (0 if correlate else span - 1), n - span + 1


def output_window(
    mode: Any, n: int, span: int, stride: int, center: int | str | None, correlate: bool
) -> tuple[int, int]:
    """(start, count) of the outputs that a mode, or a window itself, asks for: at start + stride·m.

    >>> output_window("full", 5, 3, 2, None, False), output_window((-1, 2), 5, 3, 2, None, False)
    ((0, 4), (-1, 2))
    """
    if isinstance(mode, str) or not is_sequence(mode):
        start, count = mode_window(mode, n, span, center, correlate)
        return start, fit_count(count, stride)
    if center is not None:
        raise ParameterError(f"center={center!r} only means something in mode='same', not in a window {mode!r}")
    start, count = mode
    return to_int(start, "start of the window"), to_int(count, "count of the window", 0)


def split_modes(mode: Any, n_axes: int) -> tuple[Any, ...]:
    """One mode per axis: a word or a window (start, count) for all axes, or one of them per axis."""
    mode = listed(mode)
    if not is_sequence(mode) or _is_window(mode):
        return (mode,) * n_axes
    if len(mode) != n_axes or not all(isinstance(entry, str) or _is_window(entry) for entry in mode):
        raise ParameterError(
            f"mode={mode!r} does not say the outputs of {n_axes} convolved axes; give one of "
            f"{', '.join(map(repr, MODES))}, a window (start, count), or a tuple with one of these per axis"
        )
    return tuple(mode)


def _is_window(entry: Any) -> bool:
    return is_sequence(entry) and len(entry) == 2 and not any(isinstance(end, str) or is_sequence(end) for end in entry)


def fit_count(count: int, stride: int) -> int:
    """⌈count/stride⌉, the number of windows that remain of `count` when only every stride-th is kept."""
    return -(-count // stride)


def layer_pads(padding: object, n: int, span: int, stride: int) -> tuple[int, int]:
    """(lo, hi) zeros around an n-sample axis, from a number, a pair or a word.

    "same" gives ⌈n/stride⌉ outputs; an odd zero goes to the end ("same_lower": to the
    front). "causal" puts all span − 1 zeros in front. "valid" puts none.

    >>> layer_pads("same", 5, 4, 1), layer_pads("same_lower", 5, 4, 1), layer_pads(1, 5, 3, 2)
    ((1, 2), (2, 1), (1, 1))
    """
    if isinstance(padding, str):
        if padding not in PADDINGS:
            raise unknown_word("padding", padding, PADDINGS, ", an integer or (lo, hi) pairs")
        if padding == "valid":
            return 0, 0
        if padding == "causal":
            return span - 1, 0
        total = max((fit_count(n, stride) - 1) * stride + span - n, 0)
        small, large = total // 2, total - total // 2
        return (small, large) if padding == "same" else (large, small)
    if is_sequence(padding):
        if len(padding) != 2:
            raise ParameterError(f"padding={padding!r} is not a (lo, hi) pair")
        lo, hi = padding
        return to_int(lo, "padding", 0), to_int(hi, "padding", 0)
    both = to_int(padding, "padding", 0)
    return both, both


def split_padding(padding: Any, n_axes: int) -> tuple[Any, ...]:
    """One padding per axis: one value for all, one per axis, or one (lo, hi) pair per axis."""
    padding = listed(padding)
    if isinstance(padding, tuple | list):
        if n_axes == 1 and len(padding) == 2 and not any(isinstance(entry, tuple | list) for entry in padding):
            return (padding,)
        if len(padding) != n_axes:
            raise ParameterError(
                f"padding={padding!r} has {len(padding)} entries for {n_axes} axes; "
                "give a number, a word, or one number or (lo, hi) pair per axis"
            )
        return tuple(padding)
    return (padding,) * n_axes


# ---------------------------------------------------------------------- an axis of a layer


class LayerAxis(NamedTuple):
    """One axis of a layer: n samples between lo and hi zeros, over which dilated taps are slid.

    The same integers describe the transposed layer, which takes n samples to `transposed_outputs`.
    """

    n: int
    taps: int
    lo: int = 0
    hi: int = 0
    stride: int = 1
    dilation: int = 1
    output_padding: int = 0

    @property
    def span(self) -> int:
        """D = dilation·(taps − 1) + 1, the number of samples that the taps span."""
        return span_of(self.taps, self.dilation)

    @property
    def room(self) -> int:
        """n + lo + hi − D, how far the first window can move; negative where the taps do not fit."""
        return self.n + self.lo + self.hi - self.span

    @property
    def outputs(self) -> int:
        """⌊room/stride⌋ + 1, or an error when the taps do not fit once."""
        if self.room < 0:
            padded = f"{self.n} + {self.lo} + {self.hi} = {self.n + self.lo + self.hi}"
            raise ShapeError(
                f"the kernel spans {self.span} samples but the padded axis has {padded}; "
                "use more padding, a smaller kernel or less dilation"
            )
        return self.room // self.stride + 1

    @property
    def unused(self) -> int:
        """Samples of the padded axis behind the last window, which no window reads."""
        return self.room % self.stride

    @property
    def least_transposed(self) -> int:
        """(n − 1)·stride − lo − hi + D, the smallest axis that the layer maps to n outputs."""
        return (self.n - 1) * self.stride - self.lo - self.hi + self.span

    @property
    def transposed_outputs(self) -> int:
        """(n − 1)·stride − lo − hi + D + output_padding.

        A strided layer gives the same number of outputs for `stride` different input sizes;
        output_padding says which of them is meant. As in PyTorch and ONNX it may also be up to the dilation:
        outputs behind the last stamp, which are the bias alone.
        """
        extra = self.output_padding
        if not 0 <= extra < self._extras:
            raise ParameterError(
                f"output_padding={extra} must be at least 0 and below {self._extras}, the larger of stride and dilation"
            )
        size = self.least_transposed + extra
        if self.n < 1 or size < 1:
            raise ShapeError(
                f"a transposed layer of {self.n} samples with padding ({self.lo}, {self.hi}) would have {size} outputs"
            )
        return size

    @property
    def _extras(self) -> int:
        """The number of output paddings that are possible."""
        return max(self.stride, self.dilation)

    def transposed_to(self, size: int) -> LayerAxis:
        """The axis whose output padding makes the transposed layer's result `size` samples long."""
        least = self.least_transposed
        if not least <= size < least + self._extras:
            raise ShapeError(
                f"output_size={size} is not possible: {self.n} samples give {least} … {least + self._extras - 1}"
            )
        return self._replace(output_padding=size - least)

    @property
    def formula(self) -> str:
        """The number of outputs with this axis's integers, step by step.

        >>> LayerAxis(5, 3, 1, 1, stride=2).formula
        '⌊(5 + 1 + 1 − 1·(3 − 1) − 1)/2⌋ + 1 = ⌊4/2⌋ + 1 = 2 + 1 = 3'
        """
        inner = f"({self.n} + {self.lo} + {self.hi} − {self.dilation}·({self.taps} − 1) − 1)/{self.stride}"
        whole = self.room // self.stride
        return f"⌊{inner}⌋ + 1 = ⌊{self.room}/{self.stride}⌋ + 1 = {whole} + 1 = {whole + 1}"

    @property
    def transposed_formula(self) -> str:
        """The number of outputs of the transposed layer with this axis's integers.

        >>> LayerAxis(3, 3, 1, 1, stride=2, output_padding=1).transposed_formula
        '(3 − 1)·2 − 1 − 1 + 1·(3 − 1) + 1 + 1 = 6'
        """
        start = f"({self.n} − 1)·{self.stride} − {self.lo} − {self.hi}"
        size = self.least_transposed + self.output_padding
        return f"{start} + {self.dilation}·({self.taps} − 1) + 1 + {self.output_padding} = {size}"


def layer_axes(
    sizes: Sequence[int],
    taps: Sequence[int],
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    output_padding: Any = 0,
    transposed: bool = False,
) -> tuple[LayerAxis, ...]:
    """The axes of a layer from the words of a call: one value for all axes, or one per axis.

    Where the layer is transposed `sizes` are those of its input, and padding="same" makes
    `stride` outputs of each sample.

    >>> [(axis.lo, axis.hi, axis.outputs) for axis in layer_axes((5, 6), (3, 3), stride=2, padding=(1, "same"))]
    [(1, 1, 3), (0, 1, 3)]
    """
    n_axes = len(sizes)
    strides = ints_per_axis(stride, n_axes, "stride", 1)
    dilations = ints_per_axis(dilation, n_axes, "dilation", 1)
    extras = ints_per_axis(output_padding, n_axes, "output_padding", 0)
    if any(extras) and not transposed:
        raise ParameterError(f"output_padding={output_padding!r} only means something in a transposed layer")
    axes = []
    for n, k, s, d, extra, pads in zip(
        sizes, taps, strides, dilations, extras, split_padding(padding, n_axes), strict=True
    ):
        lo, hi = layer_pads(pads, n * s if transposed else n, span_of(k, d), s)
        axes.append(LayerAxis(n, k, lo, hi, s, d, extra))
    return tuple(axes)


def layer_count(n: int, lo: int, hi: int, span: int, stride: int) -> int:
    return LayerAxis(n, span, lo, hi, stride).outputs


def least_transposed(n: int, lo: int, hi: int, span: int, stride: int) -> int:
    return LayerAxis(n, span, lo, hi, stride).least_transposed


def transposed_size(n: int, lo: int, hi: int, span: int, stride: int, output_padding: int) -> int:
    return LayerAxis(n, span, lo, hi, stride, 1, output_padding).transposed_outputs
