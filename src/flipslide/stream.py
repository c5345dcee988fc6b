"""Convolution of samples that come in pieces.

`partitions.py` says how taps are cut and which frames samples make; the core (cpp/stream) holds the
state and does the work. Here words and arrays become its integers.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import _core
from .arrays import Arithmetic, Array, arithmetic_of, check_out, enter, overflow_error, overlaps
from .errors import DtypeError, ParameterError, ShapeError, unknown_word
from .partitions import Partitions, Work, cut_taps, make_paths

__all__ = ["Stream"]

_TYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
#: Numbered as FsCompute in cpp/microkernels/microkernel.hpp.
_COMPUTE = {"float32": 0, "float64": 1, "int64": 3}
_ACCURACIES = ("default", "strict")
_MAGIC = b"flipslide stream 1\n"

#: Doubles hold integers below this, and the core rounds sums below it to the nearest one.
_MOST_IN_DOUBLES = 1 << 50


class Stream:
    """Convolve samples that come in pieces; what was is remembered from call to call.

        y[m] = Σ_j w[j] · x̂[stride·m − latency·upsample − j],   x̂[upsample·i] = x[i], 0 elsewhere and before the start

    `y = stream(chunk)` takes chunks of any length and returns the outputs that belong to them. For every way of
    cutting x into chunks the outputs, put together, have the same bits. With `stream.tail()` at the end they are
    what `fs.convolve(x, w, "full")` gives, up to rounding.

    Parameters
    ----------
    w : array_like
        Taps along `axis`. One row of taps is for every row of samples; with more, the other axes of w and
        of the samples broadcast as in NumPy: (2, K) are the responses of two channels, or make two of one.
        With `matrix` it has the shape (outputs, inputs, K), whatever `axis` is.
    channels : int or tuple of int, optional
        The sizes of the samples' other axes. By default the first chunk tells; given here, everything is
        prepared before it comes.
    axis : int
        The axis of time: -1 for (channels, samples), 0 for (samples, channels) as sound cards have them, and for
        lines of an image, (lines, columns).
    block : int, optional
        About how many samples a chunk will have (64): larger ones are cheaper. No promise; other chunks only
        take longer.
    latency : int
        Samples by which the outputs come later, so that fewer taps are summed directly and blocks are larger.
    stride : int
        Only every stride-th output.
    upsample : int
        Samples are so far apart, with zeros between them that nothing is multiplied by.
    matrix : bool
        Each output channel is the sum of all input channels, each through its own taps.
    dtype : dtype, optional
        Of the sums and the result, as in `fs.convolve`.
    overflow : {"raise", "wrap", "saturate"}
        What becomes of integers beyond their type, as in `fs.convolve`.
    accuracy : {"default", "strict"}
        "strict" sums directly and bounds each output by its own terms, at a price of K products an output.

    Notes
    -----
    Integers are exact. For floats |error| ≤ τ·Σ|w|·max|x|, with τ = 2⁻¹⁷ for single and 2⁻⁴⁴ for double
    precision, and max|x| over the output's own window made longer by `reach` older samples (and, with a latency,
    by the newer ones that are there); where all of these are 0, so is y. NaN and infinity reach exactly
    the outputs that see them. Numbers below the smallest normal one may count as 0.

    The nearest taps are summed directly, the others by transforms of growing size (Gardner, "Efficient
    convolution without input-output delay", 1995; García, "Optimal filter partition for efficient convolution
    with short input/output delay", 2002), whose work is spread evenly over the calls. Nothing is allocated,
    and no Python runs, inside a call of the core.

    Raises
    ------
    ShapeError
        Channels that do not fit w, or that change from chunk to chunk.
    ParameterError
        Taps that are not finite, a word or a number that means nothing here.
    IntegerOverflowError
        A chunk of integers whose sums might not fit the result's type; the stream is as it was before.

    Examples
    --------
    >>> import flipslide as fs
    >>> smooth = fs.Stream([0.25, 0.5, 0.25])
    >>> smooth([4.0, 0.0]), smooth([0.0, 8.0]), smooth.tail()
    (array([1., 2.]), array([1., 2.]), array([4., 2.]))
    >>> halves = fs.Stream([1, 1], stride=2)
    >>> halves([1, 2, 3]), halves([4, 5])
    (array([1, 5]), array([9]))
    """

    def __init__(
        self,
        w: Any,
        *,
        channels: int | tuple[int, ...] | None = None,
        axis: int = -1,
        block: int | None = None,
        latency: int = 0,
        stride: int = 1,
        upsample: int = 1,
        matrix: bool = False,
        dtype: Any = None,
        overflow: str = "raise",
        accuracy: str = "default",
    ) -> None:
        if accuracy not in _ACCURACIES:
            raise unknown_word("accuracy", accuracy, _ACCURACIES)
        counts = {"latency": (latency, 0), "stride": (stride, 1), "upsample": (upsample, 1), "block": (block or 1, 1)}
        for name, (value, least) in counts.items():
            _check_count(name, value, least)
        if latency * upsample % stride:
            raise ParameterError(
                f"latency={latency} is no whole number of outputs with stride={stride}; use a multiple of {stride}"
            )
        self._settings = _Settings(
            int(axis), int(block or 64), int(latency), int(stride), int(upsample), bool(matrix), accuracy == "strict"
        )
        self._dtype, self._overflow = dtype, overflow
        self._w = _read_taps(w, self._settings)
        self._room = self._w.shape[-1]
        self._made: _Made | None = None
        self._fade: _Fade | None = None
        self._fading_taps = 0
        if channels is not None:
            others = (channels,) if isinstance(channels, int | np.integer) else tuple(channels)
            self._made = self._make(self._shape_with(others), np.dtype(dtype or self._w.dtype))

    # ------------------------------------------------------------------------------ calls

    def __call__(self, x: Any) -> Array:
        """The outputs that belong to the next samples."""
        made, chunk = self._enter(x)
        y = np.empty(made.result_shape(made.core.outputs_for(chunk.shape[-1])), made.arithmetic.y)
        self._process(made, chunk, _time_last(y, made.y_axis))
        return y

    def process_into(self, x: Any, out: Array) -> Array:
        """The same, written to `out`, which is returned."""
        made, chunk = self._enter(x)
        shape = made.result_shape(made.core.outputs_for(chunk.shape[-1]))
        check_out(out, shape, made.arithmetic.y)
        if overlaps(out, (chunk,)) or not out.dtype.isnative:
            out[...] = self(x)
        else:
            self._process(made, chunk, _time_last(out, made.y_axis))
        return out

    def tail(self) -> Array:
        """The outputs that are left when no more samples come. The stream begins anew."""
        made = self._ready()
        n = made.core.position
        left = self._outputs_in_all(n) - -(-n * made.up // made.stride) if n else 0
        left = max(left, 0)
        silence = np.zeros((*made.x_shape, -(-left * made.stride // made.up) + 1 if left else 0), made.x_dtype)
        y = np.empty((*made.y_shape, made.core.outputs_for(silence.shape[-1])), made.arithmetic.y)
        self._process(made, silence, y)
        self.reset()
        return np.moveaxis(y[..., :left], -1, made.y_axis)

    def _outputs_in_all(self, n: int) -> int:
        s = self._settings
        last = (n - 1 + s.latency) * s.up + max(int(self._w.shape[-1]), self._fading_taps)
        return -(-last // s.stride)

    def reset(self) -> None:
        """Forget all samples. A fade that is going on ends with its new taps."""
        if self._made is None:
            return
        if self._fade is not None:
            self._made, self._fade, self._fading_taps = self._fade.made, None, 0
        self._made.core.reset()

    def swap(self, w: Any, *, fade: int = 0) -> None:
        """Go on with other taps, over `fade` outputs: y = (1 − a)·y_old + a·y_new, a = 1/fade … 1.

        The new taps know all samples that came before. They are as many as the old ones, or fewer. This prepares
        them, which takes some time: call it on another thread than the one that may not wait.
        """
        _check_count("fade", fade, 0)
        if self._fade is not None:
            raise ParameterError(f"a fade goes on for {self._fade.left} more outputs; swap after it")
        taps = _read_taps(w, self._settings)
        room = (*self._w.shape[:-1], self._room)
        if taps.shape[:-1] != room[:-1] or taps.shape[-1] > room[-1]:
            raise ShapeError(
                f"w has shape {taps.shape} and the stream was made for {room} (taps last); "
                "make it with zeros behind its taps to have room for more"
            )
        if not np.can_cast(taps.dtype, self._w.dtype, "same_kind"):
            raise DtypeError(f"w has dtype {taps.dtype} and the stream's taps have {self._w.dtype}; convert w")
        taps = taps.astype(self._w.dtype)
        old = self._made
        if old is None:
            self._w = taps
            return
        if fade and old.arithmetic.y.kind not in "fc":
            raise ParameterError(f"fade={fade} would need fractions of {old.arithmetic.y}; use fade=0 or dtype=float")
        new = old.with_taps(taps, self._settings, self._room)
        new.core.follow(old.core)
        n_before, self._w = self._w.shape[-1], taps
        if fade:
            self._fade, self._fading_taps = _Fade(new, np.arange(1, fade + 1) / fade), n_before
        else:
            self._made = new

    # ------------------------------------------------------------------------------ state

    @property
    def state(self) -> bytes:
        """All that the stream remembers, for `restore` of a stream that was made with the same arguments."""
        made = self._ready()
        if self._fade is not None:
            raise ParameterError(f"a fade goes on for {self._fade.left} more outputs; take the state after it")
        return b"".join([_MAGIC, made.fingerprint(self._settings), made.core.state()])

    def restore(self, state: bytes) -> None:
        """Go on from where `state` was taken."""
        made = self._ready()
        start = _MAGIC + made.fingerprint(self._settings)
        self._fade = None
        if not bytes(state[: len(start)]) == start or not made.core.restore(bytes(state[len(start) :])):
            raise ParameterError(
                "this is not the state of a stream with the same taps and settings on this instruction set"
            )

    @property
    def position(self) -> int:
        """How many samples of each channel there have been."""
        return self._made.core.position if self._made else 0

    @property
    def latency(self) -> int:
        """Samples by which outputs come later."""
        return self._settings.latency

    @property
    def reach(self) -> int:
        """Samples before an output's own window that its error may depend on; 0 where all is summed directly."""
        levels = self._ready().partitions.levels
        return 2 * max((level.size for level in levels), default=0) * self._settings.stride

    @property
    def partitions(self) -> Partitions:
        """How the taps are cut: those that are summed directly, and the levels of transforms."""
        return self._ready().partitions

    def __repr__(self) -> str:
        taps = "×".join(map(str, self._w.shape))
        cut = f", {self._made.partitions}" if self._made else ""
        return f"Stream({taps} taps, latency={self.latency}, position={self.position}{cut})"

    # ----------------------------------------------------------------------------- inside

    def _ready(self) -> _Made:
        if self._made is None:
            raise ParameterError("the stream does not know its channels before the first chunk; say channels=")
        return self._made

    def _shape_with(self, others: tuple[int, ...]) -> tuple[int, ...]:
        axis = self._settings.axis
        at = axis if axis >= 0 else len(others) + 1 + axis
        if not 0 <= at <= len(others):
            raise ShapeError(f"axis={axis} does not exist beside channels={others}")
        return (*others[:at], 0, *others[at:])

    def _enter(self, x: Any) -> tuple[_Made, Array]:
        """The chunk with time as its last axis, once it is known to fit."""
        array = enter(x, "x")
        made = self._made
        if made is None or (array.dtype != made.x_dtype and made.core.position == 0):
            made = self._made = self._make(array.shape, array.dtype)
        if array.dtype != made.x_dtype:
            array = _as_before(array, made.x_dtype)
        chunk = _time_last(array, self._settings.axis)
        if chunk.shape[:-1] != made.x_shape:
            raise ShapeError(f"x has shape {array.shape}; its axes but axis {self._settings.axis} were {made.x_shape}")
        if made.checks_bound:
            made.check_bound(chunk)
        return made, chunk.astype(made.arithmetic.x, copy=False)

    def _make(self, shape: tuple[int, ...], x_dtype: np.dtype[Any]) -> _Made:
        if not shape:
            raise ShapeError("x is a single number; a chunk has an axis of time: pass [x]")
        others = _time_last(np.broadcast_to(np.empty(()), shape), self._settings.axis).shape[:-1]
        arithmetic = arithmetic_of(x_dtype, self._w.dtype, self._dtype, self._overflow)
        if not arithmetic.compiled:
            raise DtypeError(f"a stream sums in float64 at most, not in {arithmetic.y}; convert x and w")
        return _Made.of(self._w, others, x_dtype, arithmetic, self._settings, self._room)

    def _process(self, made: _Made, chunk: Array, y: Array) -> None:
        fade = self._fade
        if fade is None:
            made.core.process(chunk, y)
            return
        made.core.process(chunk, y)
        new = np.empty(y.shape, y.dtype)
        fade.made.core.process(chunk, new)
        if fade.blend(y, new):
            self._made, self._fade, self._fading_taps = fade.made, None, 0


# ------------------------------------------------------------------------------ preparing


class _Settings(NamedTuple):
    axis: int
    block: int
    latency: int
    stride: int
    up: int
    is_matrix: bool
    is_direct: bool

    @property
    def common(self) -> int:
        """Only every so many taps meet a sample in an output that is asked for."""
        return math.gcd(self.up, self.stride)

    def reduced_taps(self, n_taps: int) -> int:
        return -(-n_taps // self.common)

    def reduced(self, w: Array) -> tuple[int, int, int, Array]:
        """up and stride without a common factor, the zeros before the taps, and these with the zeros."""
        lead = self.latency * self.up // self.common
        kept = w[..., :: self.common]
        taps = np.concatenate([np.zeros((*w.shape[:-1], lead), w.dtype), kept], -1)
        return self.up // self.common, self.stride // self.common, lead, taps


@dataclass
class _Made:
    """A stream of the core, with what its calls must know."""

    core: Any
    partitions: Partitions
    arithmetic: Arithmetic
    x_dtype: np.dtype[Any]
    x_shape: tuple[int, ...]  # without time
    y_shape: tuple[int, ...]
    y_axis: int
    up: int
    stride: int
    reach: int  # Σ|w| of the channel that has the largest; integers only
    digest: bytes

    @classmethod
    def of(
        cls,
        w: Array,
        others: tuple[int, ...],
        x_dtype: np.dtype[Any],
        arithmetic: Arithmetic,
        s: _Settings,
        n_room: int,
        partitions: Partitions | None = None,
    ) -> _Made:
        y_shape, routes = _route(w, others, s.is_matrix)
        reach = _sum_magnitudes(w, s.is_matrix) if w.dtype.kind in "biu" else 0
        number = _Number.of(arithmetic, x_dtype, reach)
        wiring = _Wiring.of(w, n_room, routes, s, arithmetic, math.prod(others), math.prod(y_shape))
        if partitions is None:
            partitions = wiring.cut(number, s, _largest(x_dtype) * reach if number.rounds else 0)
        sums = _COMPUTE[number.name], number.rounds, number.saturates
        types = (*sums, _part_type(arithmetic.x), _part_type(arithmetic.y))
        rows = np.ascontiguousarray(wiring.rows.astype(number.name, casting="unsafe"))
        core = _core.Stream(types, wiring.counts, partitions, wiring.paths, rows)
        y_axis = s.axis if s.axis < 0 else min(s.axis, len(y_shape))
        digest = hashlib.sha256(rows.tobytes() + repr((wiring.paths, wiring.counts, types)).encode()).digest()
        return cls(core, partitions, arithmetic, x_dtype, others, y_shape, y_axis, *wiring.counts[:3:-1], reach, digest)

    def with_taps(self, w: Array, s: _Settings, n_room: int) -> _Made:
        """The same with other taps."""
        made = _Made.of(w, self.x_shape, self.x_dtype, self.arithmetic, s, n_room, self.partitions)
        if made.reach > self.reach and made.arithmetic.y.kind in "biu" and self.partitions.levels:
            raise ParameterError(
                f"Σ|w| = {made.reach} is more than the {self.reach} that this stream of integers was made for; "
                "make a new one"
            )
        return made

    def result_shape(self, n: int) -> tuple[int, ...]:
        at = self.y_axis if self.y_axis >= 0 else len(self.y_shape) + 1 + self.y_axis
        return (*self.y_shape[:at], n, *self.y_shape[at:])

    @property
    def checks_bound(self) -> bool:
        return self.arithmetic.checks_bound

    def check_bound(self, chunk: Array) -> None:
        """An error for integers whose sums might not fit, as `convolve` has it."""
        if not chunk.size:
            return
        low, high = int(chunk.min()), int(chunk.max())
        bound = max(-low, high) * self.reach
        y = self.arithmetic.y
        most = np.iinfo(y).max if y.kind in "iu" else 2 ** (np.finfo(y).nmant + 1)
        if bound > (np.iinfo(np.int64).max if self.arithmetic.overflow == "saturate" else most):
            raise overflow_error(self.arithmetic, bound, low < 0 or y.kind == "i")

    def fingerprint(self, s: _Settings) -> bytes:
        return hashlib.sha256(self.digest + repr((s, self.partitions, _core.isa())).encode()).digest()


class _Wiring(NamedTuple):
    """Rows of taps, and which input meets which output through which of them."""

    rows: Array
    paths: list[tuple[int, int, int, int, int]]
    counts: tuple[int, int, int, int, int, int]
    lead: int  # taps before the first, which are 0

    @classmethod
    def of(
        cls,
        w: Array,
        n_room: int,
        routes: list[tuple[int, int, int]],
        s: _Settings,
        arithmetic: Arithmetic,
        n_x: int,
        n_y: int,
    ) -> _Wiring:
        up, stride, lead, taps = s.reduced(w)
        phases = make_paths(lead, taps.shape[-1], up, stride)
        width = max((path.end for path in make_paths(lead, lead + s.reduced_taps(n_room), up, stride)), default=0)
        parts = _parts_of(taps.reshape(-1, taps.shape[-1]), arithmetic)
        rows = np.zeros((len(parts), len(phases), max(width, 1)), taps.real.dtype)
        for number, part in enumerate(parts.values()):
            for index, path in enumerate(phases):
                found = part[path.start + path.begin * up * stride :: up * stride]
                rows[number, index, path.begin : path.end] = found[: path.end - path.begin]
        numbers = {key: number for number, key in enumerate(parts)}
        y_parts, x_parts = (2 if dtype.kind == "c" else 1 for dtype in (arithmetic.y, arithmetic.x))
        paths = [
            ((out * y_parts + y_part) * up + path.out, (into * x_parts + x_part) * stride + path.into)
            + (numbers[row, y_part, x_part] * len(phases) + index, path.begin, path.end)
            for out, into, row in routes
            for y_part in range(y_parts)
            for x_part in range(x_parts)
            for index, path in enumerate(phases)
            if (row, y_part, x_part) in numbers
        ]
        return cls(rows.reshape(-1, rows.shape[-1]), paths, (n_x, x_parts, n_y, y_parts, stride, up), lead)

    def cut(self, number: _Number, s: _Settings, reach: int) -> Partitions:
        n_x, x_parts, n_y, y_parts, stride, up = self.counts
        n_taps = self.rows.shape[-1]
        work = Work(n_x * x_parts * stride, n_y * y_parts * up, len(self.paths), number.name, reach)
        first = min(self.lead // (up * stride), n_taps)
        is_direct = s.is_direct or number.is_direct
        return cut_taps(n_taps, first, max(s.block // stride, 1), work, is_direct=is_direct)


def _parts_of(flat: Array, arithmetic: Arithmetic) -> dict[tuple[int, int, int], Array]:
    """Real taps between real parts: (row, part of y, part of x) → taps, as (a + ib)(c + id) has them."""
    if arithmetic.y.kind != "c":
        return {(row, 0, 0): taps for row, taps in enumerate(flat)}
    found = {}
    for row, taps in enumerate(flat):
        for y_part in range(2):
            for x_part in range(2 if arithmetic.x.kind == "c" else 1):
                part = taps.real if y_part == x_part else taps.imag
                found[row, y_part, x_part] = -part if (y_part, x_part) == (0, 1) else part
    return found


def _route(w: Array, others: tuple[int, ...], is_matrix: bool) -> tuple[tuple[int, ...], list[tuple[int, int, int]]]:
    """The shape of an output without time, and (output, input, row of taps)."""
    if is_matrix:
        outputs, inputs = w.shape[:2]
        if others != (inputs,):
            raise ShapeError(f"w has {inputs} inputs, in the shape {w.shape}; the samples' channels are {others}")
        return (outputs,), [(o, i, o * inputs + i) for o in range(outputs) for i in range(inputs)]
    try:
        shape = np.broadcast_shapes(others, w.shape[:-1])
    except ValueError:
        raise ShapeError(
            f"channels {others} of the samples do not broadcast with {w.shape[:-1]} of the taps (time apart); "
            "use axis= for the axis of time"
        ) from None
    into = np.broadcast_to(np.arange(math.prod(others)).reshape(others), shape).ravel().tolist()
    rows = np.broadcast_to(np.arange(math.prod(w.shape[:-1])).reshape(w.shape[:-1]), shape).ravel().tolist()
    return shape, [(out, i, row) for out, (i, row) in enumerate(zip(into, rows, strict=True))]


def _read_taps(w: Any, s: _Settings) -> Array:
    taps = enter(w, "w")
    if s.is_matrix and taps.ndim != 3:
        raise ShapeError(f"w has shape {taps.shape}; with matrix=True it is (outputs, inputs, taps)")
    if taps.ndim == 0:
        raise ShapeError("w is a single number; pass [w] for one tap")
    taps = taps if s.is_matrix or taps.ndim == 1 else _time_last(taps, s.axis)
    if taps.shape[-1] == 0:
        raise ShapeError("w has no taps")
    if taps.dtype.kind == "O":
        raise DtypeError("a stream sums in float64 at most, not in object; convert w")
    if taps.dtype.kind in "fc" and not np.isfinite(taps).all():
        raise ParameterError("w has taps that are not finite, which no stream sums; replace them")
    return taps.copy()


def _time_last(array: Array, axis: int) -> Array:
    n = array.ndim
    if not -n <= axis < n:
        raise ShapeError(f"axis={axis} does not exist in an array of shape {array.shape}")
    return array if axis in (-1, n - 1) else array.transpose([*(dim for dim in range(n) if dim != axis % n), axis % n])


def _as_before(array: Array, dtype: np.dtype[Any]) -> Array:
    if not np.can_cast(array.dtype, dtype, "safe"):
        raise DtypeError(f"x has dtype {array.dtype} and the first chunk had {dtype}; convert x")
    return array.astype(dtype)


def _check_count(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(f"{name}={value!r} must be an integer of at least {least}")


def _largest(dtype: np.dtype[Any]) -> int:
    """The largest magnitude of an integer type."""
    return 1 if dtype.kind == "b" else max(-int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _sum_magnitudes(w: Array, is_matrix: bool) -> int:
    sums = [sum(abs(int(tap)) for tap in row) for row in w.reshape(-1, w.shape[-1]).tolist()]
    per_output = w.shape[1] if is_matrix else 1
    return max(sum(sums[at : at + per_output]) for at in range(0, len(sums), per_output)) if sums else 0


class _Number(NamedTuple):
    """What sums are made in: the type in the core, integers in doubles, clipped, no transform."""

    name: str
    rounds: bool = False
    saturates: bool = False
    is_direct: bool = False

    @classmethod
    def of(cls, arithmetic: Arithmetic, x_dtype: np.dtype[Any], reach: int) -> _Number:
        if arithmetic.sum.kind in "fc":
            name = "float64" if arithmetic.unit_roundoff < 2.0**-30 else "float32"
            return cls(name, is_direct=arithmetic.checks_bound)
        if arithmetic.overflow != "saturate" and reach * _largest(x_dtype) < _MOST_IN_DOUBLES:
            return cls("float64", rounds=True)
        return cls("int64", saturates=arithmetic.overflow == "saturate", is_direct=True)


def _part_type(dtype: np.dtype[Any]) -> int:
    return _TYPES.index(np.empty(0, dtype).real.dtype.name)


# --------------------------------------------------------------------------------- fading


class _Fade:
    """From one stream to another, over so many outputs."""

    def __init__(self, made: _Made, weights: Array) -> None:
        self.made = made
        self._weights = weights

    @property
    def left(self) -> int:
        return len(self._weights)

    def blend(self, y: Array, new: Array) -> bool:
        """y becomes the mixture; True when the fade is over."""
        n = min(self.left, y.shape[-1])
        weights = self._weights[:n].astype(y.real.dtype)
        y[..., :n] += weights * (new[..., :n] - y[..., :n])
        y[..., n:] = new[..., n:]
        self._weights = self._weights[n:]
        return not self.left
