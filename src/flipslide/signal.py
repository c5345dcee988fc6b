"""Convolution and correlation of signals, images and volumes, and their gradients."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar, Unpack, overload

import numpy as np
import numpy.typing as npt

from .accuracies import read_accuracy
from .arrays import (
    Arithmetic,
    Array,
    arithmetic_of,
    check_fill_fits,
    check_out,
    enter,
    freeze,
    narrow,
    out_dtype,
    widen,
)
from .blocks import run_blocks
from .carried import axes_of, check_fill, leave, own_dtype
from .errors import DtypeError, FlipslideError, IntegerOverflowError, ParameterError, ShapeError, unknown_word
from .execute import (
    CoreCall,
    Program,
    bind,
    check_cotangent,
    check_planned,
    count_threads,
    program_of,
    read_threads,
    remember,
    run_spec,
)
from .extension import write_out, written_in
from .geometry import BOUNDARIES, Sides, extend_terms, is_sequence, layer_axes, read_shape
from .missing import MissingWords, Rules, are_asked_for, convolve_present, read_rules
from .options import Mode, Overflow, Rounding, SignalOptions, SignalWords, frozen
from .plan import Plan, choose, forgetters
from .spec import ConvSpec, Extension, Shape
from .tuning import tune_plan

__all__ = ["convolve", "convolve_grads", "correlate", "correlate_grads", "output_shape", "plan"]

#: Two arrays of one dtype have a result of it.
Number = TypeVar("Number", bound=np.generic)


class RareWords(MissingWords, total=False):
    """The keywords of a call in blocks, and of one with missing samples."""

    memory: int | str | None
    progress: Any


class AllSignalWords(SignalWords, RareWords, total=False):
    """All keywords of `convolve` and `correlate`."""

    dtype: Any
    out: Array | None


@overload
def convolve(
    x: npt.NDArray[Number], w: npt.NDArray[Number], mode: Mode = "full", **words: Unpack[SignalWords]
) -> npt.NDArray[Number]: ...
@overload
def convolve(x: Any, w: Any, mode: Mode = "full", **words: Unpack[AllSignalWords]) -> Array: ...
def convolve(
    x: Any,
    w: Any,
    mode: Mode = "full",
    *,
    axes: Any = None,
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    upsample: Any = 1,
    method: str = "auto",
    accuracy: str = "default",
    overflow: Overflow = "raise",
    dtype: Any = None,
    rounding: Rounding | None = None,
    threads: int | None = None,
    out: Array | None = None,
    **missing: Unpack[RareWords],
) -> Array:
    """Convolve x with w: flip w, slide it over x, multiply and add.

        y[m] = Σ_j w[j] · x̃[start + stride·m − dilation·j]

    along each convolved axis. `mode` chooses the window: with N samples and taps that span
    D = dilation·(K − 1) + 1,

        "full"   start 0,      N + D − 1 outputs, every overlap
        "same"   start center, N outputs, always the size of x
        "valid"  start D − 1,  N − D + 1 outputs, only complete overlaps

    of which every stride-th is computed. A window (start, count) in place of the word asks for just these
    outputs: y[m] for m = 0 … count − 1, which may lie anywhere. Outside its samples x is `boundary`: "zero",
    "constant" (fill_value), "edge", "symmetric" (d c b a | a b c d | d c b a), "mirror"
    (d c b | a b c d | c b a) or "wrap". Rules that count with samples are written out around x first:
    "odd_symmetric" and "odd_mirror" (2a − b, 2a − c, … about the first and the last sample), "antisymmetric"
    (−b −a | a b c d | −d −c), "smooth" (on through the last two samples), "line" (through the first and the last).
    With "renormalize" nothing stands there: an output is Σ w·x / Σ w over the samples in its window.

    Parameters
    ----------
    x : array_like
        Samples. All axes that are not convolved are a batch.
    w : array_like
        Taps: either only the convolved axes, one kernel for the whole batch, or all axes
        of x, the others broadcasting as in NumPy.
    mode : {"full", "same", "valid"} or (int, int)
        One for all axes, or a tuple with one per axis.
    axes : int or tuple of int, optional
        The convolved axes of x; by default the last w.ndim.
    boundary : str, or per axis a str or a pair (before, after)
        Along a single axis a pair alone is its two sides.
    fill_value : number, or per axis a number or a pair (before, after)
        For boundary="constant".
    center : {"lower", "upper"} or int, optional
        In mode "same", the position in the span that lies over the output: (D − 1)//2
        ("lower", the default, as NumPy), D//2 ("upper", as MATLAB and scipy.ndimage),
        0 for a causal filter.
    stride, dilation, upsample : int or tuple of int
        Of the outputs every stride-th is made; neighbouring taps are `dilation` samples apart; upsample − 1 zeros stand
        between neighbouring samples of x, none of which is multiplied, so that x̂[up·n] = x̃[n] takes the place of x̃.
    method : str
        "auto", or a method that `print(fs.plan(...))` lists. Never changes the meaning.
    accuracy : {"default", "normwise", "strict", "correct", "fast"}
        Which error bounds are good enough: of each output by the samples it sees, by its tile, or by its own terms;
        "correct" is the exact sum rounded once, with the same bits on every processor. See Plan.error_bound;
        `set_accuracy` says what "default" stands for.
    overflow : {"raise", "wrap", "saturate"}
        What to do when an integer sum might not fit the result's dtype.
    dtype : dtype, optional
        Of the sum and the result; by default NumPy's promotion of x and w. With `rounding`, integers that a float
        sum is rounded to.
    rounding : {"half_even", "half_away", "toward_zero"}, optional
        How a float sum becomes an integer of `dtype` or `out`, as in OpenCV, in MATLAB, and in C, NumPy and
        scipy.ndimage; `overflow` says what becomes of one beyond its range, and NaN counts as 0 where that does not
        raise.
    threads : int, optional
    out : ndarray, optional
        Where to write the result. It may be of another dtype that the result can be cast to, or lie over an input.
    nan : {"propagate", "omit", "zero", "raise"}
        What a NaN does, and a sample that x's own mask hides: reach every output whose window it is in (a
        masked result, where x is masked), be left out of the sums, count as 0, or be an error.
    mask : array of bool, optional
        True where a sample is not there; it is left out (or counts as 0). Of any shape that broadcasts to x's.
        With nan="omit", mask= or boundary="renormalize" an output is Σ w·x / Σ w over what is there, and NaN
        where nothing is.
    min_weight : float
        The part of Σ|w| that must be there, else the output is NaN.
    memory : int or str, optional
        Bytes, or text such as "512MB": work block by block, with no more memory than that. x and `out` may then be
        anything with a shape, a dtype and slices: files in NumPy's memmap, HDF5 and Zarr, dask arrays. The error
        bound is the same, the bits are those of this block size.
    progress : bool or callable
        With `memory`: a bar on stderr, or progress(blocks_done, blocks).

    Returns
    -------
    ndarray
        A masked array where x is one; a Series, DataFrame or DataArray where x is one and the labels still fit.

    Raises
    ------
    ShapeError
        Axes that do not fit, or mode="valid" with w longer than x.
    ParameterError
        An unknown word or an impossible number.
    DtypeError
        Arrays that are not numbers, or a dtype that would drop part of the result.
    IntegerOverflowError
        An integer sum that may exceed the dtype: max|x|·Σ|w| does.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.convolve([0, 1, 2, 3, 4], [1, -1, 2])
    array([0, 1, 1, 3, 5, 2, 8])
    >>> fs.convolve([0, 1, 2, 3, 4], [1, -1, 2], "valid")
    array([1, 3, 5])
    >>> fs.convolve([0, 1, 2, 3, 4], [1, -1, 2], (3, 2))
    array([3, 5])
    >>> fs.convolve([1.0, float("nan"), 3.0], [1, 2, 1], "same", nan="omit")
    array([0.66666667, 2.        , 2.        ])
    >>> fs.convolve([1, 2, 250], [0.5, 1.0, 0.5], "same", dtype="uint8", rounding="half_even", overflow="saturate")
    array([  2, 128, 251], dtype=uint8)
    >>> fs.convolve([1, 2, 3], [1, 1, 1], upsample=2, stride=3)
    array([1, 2, 3])

    Notes
    -----
    Oppenheim and Schafer, *Discrete-Time Signal Processing*, section 2.3.
    """
    if missing:
        return _call_rarely(
            False, x, w, out, missing,
            mode, axes, boundary, fill_value, center, stride, dilation, method, accuracy, overflow, dtype, threads,
            rounding, upsample,
        )  # fmt: skip
    return _convolve(
        x, w, None, out,
        mode, axes, boundary, fill_value, center, stride, dilation, method, accuracy, overflow, dtype, threads,
        rounding, upsample,
    )  # fmt: skip


def _call_rarely(correlated: bool, x: Any, w: Any, out: Any, rare: Any, *given: Any) -> Array:
    """A call with one of the rare words."""
    options, verb = SignalOptions(*given), "correlate" if correlated else "convolve"
    if rare.get("memory") is not None:
        y: Array = _sum_in_blocks(correlated, x, w, out, options, rare)
    else:
        y = _sum_present(correlated, x, w, out, read_rules(verb, rare), options)
    return y


def _sum_in_blocks(correlated: bool, x: Any, w: Any, out: Any, options: SignalOptions, rare: dict[str, Any]) -> Any:
    memory, progress = rare.pop("memory"), rare.pop("progress", False)
    if rare:
        raise ParameterError(
            f"{', '.join(rare)} and memory= do not go together; convolve what is there in blocks of yours"
        )
    if options.upsample != 1:
        raise ParameterError(
            f"upsample={options.upsample!r} and memory= do not go together; fs.Stream upsamples x in pieces"
        )
    if not all(hasattr(x, name) for name in ("shape", "dtype", "__getitem__")):
        x = enter(x, "x")
    taps = enter(w, "w")
    spec = frozen(options).spec(tuple(x.shape), taps.shape, correlated)
    kept = ("stride", "dilation", "method", "accuracy", "overflow", "dtype", "threads", "rounding", "fill_value")
    words = {name: getattr(options, name) for name in kept}
    return run_blocks(correlate if correlated else convolve, x, taps, spec, memory, progress, out, words)


@overload
def correlate(
    x: npt.NDArray[Number], w: npt.NDArray[Number], mode: Mode = "valid", **words: Unpack[SignalWords]
) -> npt.NDArray[Number]: ...
@overload
def correlate(x: Any, w: Any, mode: Mode = "valid", **words: Unpack[AllSignalWords]) -> Array: ...
def correlate(
    x: Any,
    w: Any,
    mode: Mode = "valid",
    *,
    axes: Any = None,
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    upsample: Any = 1,
    method: str = "auto",
    accuracy: str = "default",
    overflow: Overflow = "raise",
    dtype: Any = None,
    rounding: Rounding | None = None,
    threads: int | None = None,
    out: Array | None = None,
    **missing: Unpack[RareWords],
) -> Array:
    """Correlate x with w: slide w over x as it is, multiply by its conjugate and add.

        y[m] = Σ_j w[j]* · x̃[start + stride·m + dilation·j]

    Not flipped, and w is conjugated, as numpy.correlate does. The window starts at
    −(D − 1) for "full", at −center for "same" and at 0 for "valid", so a window (start, count) is
    one of lags: its first output has w's first tap over x[start]. In mode "same" the
    default center is D//2, so that correlating with w equals convolving with w reversed.

    All parameters, errors and promises are those of `convolve`.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.correlate([0, 1, 2, 3, 4], [1, -1, 2])
    array([3, 5, 7])
    >>> fs.correlate([0, 1, 2, 3, 4], [1, -1, 2], (-1, 3))  # lags −1, 0 and 1
    array([2, 3, 5])
    """
    if missing:
        return _call_rarely(
            True, x, w, out, missing,
            mode, axes, boundary, fill_value, center, stride, dilation, method, accuracy, overflow, dtype, threads,
            rounding, upsample,
        )  # fmt: skip
    return _correlate(
        x, w, None, out,
        mode, axes, boundary, fill_value, center, stride, dilation, method, accuracy, overflow, dtype, threads,
        rounding, upsample,
    )  # fmt: skip


def convolve_grads(
    dy: Any,
    x: Any,
    w: Any,
    mode: Mode = "full",
    *,
    axes: Any = None,
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    upsample: Any = 1,
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
) -> tuple[Array, Array]:
    """The gradients (dx, dw) of Σ y·dy, with y = convolve(x, w, …).

    Both are the exact adjoints ⟨dy, convolve(dx, w)⟩ = ⟨dx, …⟩ of the two linear maps that
    a convolution is, computed as convolutions again (for complex arrays under
    ⟨a, b⟩ = Re Σ ā·b, the convention of PyTorch).

    Shapes: dy as the result of the same call of `convolve`, dx as x, dw as w. accuracy="correct" is for
    boundary="zero": the others add up gradients after they are rounded.

    Examples
    --------
    >>> import flipslide as fs
    >>> dx, dw = fs.convolve_grads([1, 1, 1], [0, 1, 2, 3, 4], [1, -1, 2], "valid")
    >>> dx, dw
    (array([2, 1, 2, 0, 1]), array([9, 6, 3]))
    """
    options = SignalOptions(
        mode,
        axes,
        boundary,
        fill_value,
        center,
        stride,
        dilation,
        method,
        accuracy,
        threads=threads,
        upsample=upsample,
    )
    return _grads(False, dy, x, w, frozen(options))


def correlate_grads(
    dy: Any,
    x: Any,
    w: Any,
    mode: Mode = "valid",
    *,
    axes: Any = None,
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    upsample: Any = 1,
    method: str = "auto",
    accuracy: str = "default",
    threads: int | None = None,
) -> tuple[Array, Array]:
    """The gradients (dx, dw) of Σ y·dy, with y = correlate(x, w, …). As `convolve_grads`.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.correlate_grads([1, 1, 1], [0, 1, 2, 3, 4], [1, -1, 2])
    (array([1, 0, 2, 1, 2]), array([3, 6, 9]))
    """
    options = SignalOptions(
        mode,
        axes,
        boundary,
        fill_value,
        center,
        stride,
        dilation,
        method,
        accuracy,
        threads=threads,
        upsample=upsample,
    )
    return _grads(True, dy, x, w, frozen(options))


def plan(
    x_shape: Any,
    w: Any,
    dtype: Any = np.float64,
    mode: Mode = "full",
    *,
    operation: str = "convolve",
    axes: Any = None,
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    method: str = "auto",
    accuracy: str = "default",
    overflow: Overflow = "raise",
    threads: int | None = None,
    tune: bool = False,
) -> Plan:
    """What `convolve` (or operation="correlate") would do: print it, or call it.

    w is a shape (a tuple) or the taps themselves (an array), which are then packed once:
    `plan(x)` convolves x with them. dtype is that of x, and of w where w is only a shape.

    With tune=True the methods and tiles whose predicted times are close are run on arrays of these
    shapes, for a second at most or twice each, and the fastest is remembered: by this process at
    once and, in the user's cache directory, for later ones. Calls of `convolve` and `correlate` with
    the same shapes, dtypes and settings, and method="auto", use it from then on. Their results may
    differ from those before within the error bounds.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> smooth = fs.plan((5,), np.array([1.0, -1.0, 2.0]), mode="valid")
    >>> smooth(np.arange(5.0))
    array([1., 3., 5.])
    >>> smooth.method
    'direct'
    """
    operations = {"convolve": False, "correlate": True}
    if operation not in operations:
        raise unknown_word("operation", operation, operations)
    taps = None if isinstance(w, tuple) else enter(w, "w")
    w_shape = read_shape(w, "w") if taps is None else taps.shape
    x_dtype = np.dtype(dtype).newbyteorder("=")
    w_dtype = np.dtype(dtype) if taps is None else taps.dtype
    options = SignalOptions(
        mode, axes, boundary, fill_value, center, stride, dilation, method, accuracy, overflow, None, threads
    )
    shapes = read_shape(x_shape, "x_shape"), w_shape
    program, _, extensions = _program_for(operations[operation], shapes, (x_dtype, w_dtype), options)
    if tune:
        tune_plan(program.plan, method)
        program, _, _ = _program_for(operations[operation], shapes, (x_dtype, w_dtype), options)
    if not extensions:
        return bind(program, taps, threads)
    made = bind(program, taps, threads, _Extend(shapes[0], x_dtype, program.x_dtype, extensions), before_out=np.asarray)
    return replace(made, extensions=extensions)


@dataclass(frozen=True)
class _Extend:
    """What a plan does to x before its program runs."""

    shape: Shape
    dtype: Any
    wanted: Any
    extensions: tuple[Extension, ...]

    def __call__(self, x: Array) -> Array:
        check_planned("x", x, self.shape, self.dtype)
        return _extended(x, self.wanted, self.extensions)


def output_shape(
    x_shape: Any,
    w_shape: Any,
    *,
    mode: Any = None,
    padding: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    upsample: Any = 1,
    transposed: bool = False,
    output_padding: Any = 0,
) -> Shape:
    """The size of the result along the convolved axes.

    With `mode` (signals), of ⌈count/stride⌉ outputs: N + D − 1 for "full", N for "same",
    N − D + 1 for "valid", where N is upsample·(N − 1) + 1 of x that is upsampled. With `padding` (layers, the
    default is 0):

        ⌊(N + lo + hi − D)/stride⌋ + 1
        (N − 1)·stride − lo − hi + D + output_padding      when transposed

    where D = dilation·(K − 1) + 1. Shapes are of the convolved axes only.

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.output_shape((5, 5), (3, 3), stride=2, padding=1)
    (3, 3)
    >>> fs.output_shape(5, 3, mode="full")
    (7,)
    """
    sizes, taps = read_shape(x_shape, "x_shape"), read_shape(w_shape, "w_shape")
    if len(sizes) != len(taps):
        raise ShapeError(
            f"x_shape={x_shape!r} and w_shape={w_shape!r} must have the same number of entries, one per convolved axis"
        )
    stride, padding, dilation, output_padding = freeze((stride, padding, dilation, output_padding))
    if mode is not None:
        if padding is not None or transposed:
            raise ShapeError("give either mode= (signals) or padding= and transposed= (layers), not both")
        words = dict(mode=freeze(mode), stride=stride, dilation=dilation, upsample=freeze(upsample))
        return ConvSpec.of(sizes, taps, **words).y_shape
    if is_upsampled(upsample):
        raise ShapeError("upsample= goes with mode= (signals); a transposed layer has the stride in its place")
    axes = layer_axes(
        sizes,
        taps,
        stride=stride,
        padding=0 if padding is None else padding,
        dilation=dilation,
        output_padding=output_padding,
        transposed=transposed,
    )
    return tuple(axis.transposed_outputs if transposed else axis.outputs for axis in axes)


# ------------------------------------------------------------------------------ one call


def _call(correlated: bool, x: Any, w: Any, bias: None, given: tuple[Any, ...], out: Any) -> Array:
    """Any call at all. Those that the core knows already do not come here (see `remember`)."""
    options = SignalOptions(*given)
    if are_asked_for(x, options.boundary):
        present: Array = _sum_present(correlated, x, w, out, Rules(), options)
        return present
    if _is_swapped_file(x, w, options):
        turned: Array = _sum_in_blocks(correlated, x, w, out, options, {"memory": SWAPPED_MEMORY})
        return turned
    plain_x, plain_w = enter(x, "x"), enter(w, "w")
    if plain_x is not x or plain_w is not w:
        options = options._replace(axes=axes_of(x, options.axes))
        if out is None and options.dtype is None:
            options = options._replace(dtype=own_dtype(x, w))
        y = (_correlate if correlated else _convolve)(plain_x, plain_w, bias, out, *options)
        labelled: Array = leave(y, x, w, out)
        return labelled
    if _slides_nothing(w, options.axes):
        return _scale(correlated, x, w, out, options)
    if is_upsampled(options.upsample):
        return _sum_phases(correlated, x, w, out, options)
    dtypes, into = (x.dtype, w.dtype), out_dtype(out)
    program, n_threads, extensions = _program_for(correlated, (x.shape, w.shape), dtypes, options, into)
    result: Array = program(_extended(x, program.x_dtype, extensions), w, bias, out, n_threads)
    return result


#: Bytes that a mapped file in the other byte order may take at once; a larger one is turned block by block.
SWAPPED_MEMORY = 64_000_000


def _is_swapped_file(x: Any, w: Any, options: SignalOptions) -> bool:
    """Whether x is a file that would be copied to turn its bytes, and w is small beside the blocks that it may take."""
    if not isinstance(x, np.memmap) or x.dtype.isnative or x.nbytes <= SWAPPED_MEMORY:
        return False
    is_plain = isinstance(options.boundary, str) and options.boundary in BOUNDARIES
    is_plain = is_plain and 32 * enter(w, "w").size * x.itemsize <= SWAPPED_MEMORY
    return is_plain and options.axes != () and not is_upsampled(options.upsample)


def _prepare(correlated: bool, x: Array, w: Array, given: tuple[Any, ...]) -> CoreCall | None:
    """For the core: what it needs to do this call and its like alone, or None if it cannot."""
    options = SignalOptions(*given)
    if are_asked_for(x, options.boundary) or _slides_nothing(w, options.axes) or options.rounding is not None:
        return None
    if is_upsampled(options.upsample):
        return None
    program, n_threads, extensions = _program_for(correlated, (x.shape, w.shape), (x.dtype, w.dtype), options)
    return None if extensions else program.core_call(x.dtype, w.dtype, n_threads)


def _written_out(
    spec: ConvSpec, numbers: Arithmetic, x_dtype: Any
) -> tuple[ConvSpec, Arithmetic, tuple[Extension, ...]]:
    """The sum that the engine does, in which numbers, and what is written around x before."""
    extensions = spec.extensions
    if not extensions:
        return spec, numbers, ()
    return spec.written_out(), numbers._replace(x=written_in(extensions, x_dtype, numbers)), extensions


def _extended(x: Array, dtype: Any, extensions: tuple[Extension, ...]) -> Array:
    return write_out(x.astype(dtype, copy=False), extensions) if extensions else x


_convolve = remember(partial(_prepare, False), partial(_call, False), len(SignalOptions._fields))
_correlate = remember(partial(_prepare, True), partial(_call, True), len(SignalOptions._fields))


def _slides_nothing(w: Array, axes: Any) -> bool:
    """Whether no axis is convolved: one tap without axes, or `axes=()`."""
    return w.ndim == 0 or (axes is not None and is_sequence(axes) and len(axes) == 0)


def _scale(correlated: bool, x: Array, w: Array, out: Any, options: SignalOptions) -> Array:
    """The sum over no axis, which is one product for each output: a convolution with one tap along a new axis."""
    if w.ndim not in (0, x.ndim) or any(n != k and 1 not in (n, k) for n, k in zip(x.shape, w.shape, strict=False)):
        raise ShapeError(
            f"axes=() convolves nothing and multiplies, and w of shape {w.shape} does not broadcast with x of {x.shape}"
        )
    given = options._asdict()
    words = {name: given[name] for name in SLIDING if given[name] != ()}
    ConvSpec.of((1,), (1,), **words)  # words that mean nothing are errors here as well
    options = options._replace(**(SLIDING | {"mode": "valid", "axes": -1}))
    verb = _correlate if correlated else _convolve
    into = out[..., None] if isinstance(out, np.ndarray) else out
    y: Array = verb(x[..., None], w[..., None] if w.ndim else w[None], None, into, *options)
    return y[..., 0] if out is None else out


#: The words that say how an axis is slid over, and what they are where there is none.
SLIDING: dict[str, Any] = dict(
    mode="full", boundary="zero", fill_value=0, center=None, stride=1, dilation=1, upsample=1
)


def is_upsampled(upsample: Any) -> bool:
    return not (isinstance(upsample, int) and upsample == 1)


class Phase(NamedTuple):
    """Outputs that meet samples at the same taps."""

    program: Program | None  # none: they are 0
    w_index: tuple[slice, ...]
    y_index: tuple[slice, ...]


class Phases(NamedTuple):
    """A sum over samples with zeros between them, as sums without."""

    phases: tuple[Phase, ...]
    extensions: tuple[Extension, ...]
    numbers: Arithmetic
    y_shape: Shape


def _sum_phases(correlated: bool, x: Array, w: Array, out: Any, options: SignalOptions) -> Array:
    options, fill_type = _as_key(options)
    given = (x.shape, w.shape), (x.dtype, w.dtype), correlated, frozen(options), fill_type, out_dtype(out)
    made = _phases(*given)
    into = None if out is None else check_out(out, made.y_shape, made.numbers.result)
    x = _extended(x, made.numbers.x, made.extensions)
    y = np.zeros(made.y_shape, made.numbers.result)
    for program, w_index, y_index in made.phases if y.size else ():
        if program is not None:
            program(x, w[w_index], None, y[y_index], count_threads(options.threads))
    if into is None:
        return y
    into[...] = y
    return into


@lru_cache(maxsize=256)
def _phases(
    shapes: tuple[Shape, Shape], dtypes: tuple[Any, Any], correlated: bool, options: SignalOptions, fill_type: Any,
    into: Any,
) -> Phases:  # fmt: skip
    spec = options.spec(*shapes, correlated)
    numbers = arithmetic_of(*dtypes, options.dtype, options.overflow, options.rounding, into)
    check_fill_fits(spec.fill, numbers.y)
    y_shape = spec.y_shape
    spec, numbers, extensions = _written_out(spec, numbers, dtypes[0])
    how = numbers, read_threads(options.threads), options.method, options.accuracy
    phases = tuple(
        Phase(None if one is None else program_of(choose(one, *how)), w_index, y_index)
        for one, w_index, y_index in spec.phases()
    )
    return Phases(phases, extensions, numbers, y_shape)


forgetters.append(_phases.cache_clear)


class Prepared(NamedTuple):
    """All of a call but its arrays."""

    program: Program
    threads: int
    extensions: tuple[Extension, ...]  # what is written around x before the program can run


def _sum_present(correlated: bool, x: Any, w: Any, out: Any, rules: Rules, options: SignalOptions) -> Any:
    """A call over the samples that are there, made of plain ones."""
    verb = _correlate if correlated else _convolve

    def total(x: Array, w: Array, options: SignalOptions) -> Array:
        return verb(x, w, None, None, *options)

    return convolve_present(total, correlated, x, w, options, rules, out)


def _as_key(options: SignalOptions) -> tuple[SignalOptions, Any]:
    """Options that mean the same anywhere, and the type of their fill value: see `_program`."""
    check_fill(options.fill_value)
    return options._replace(accuracy=read_accuracy(options.accuracy)), type(options.fill_value)


def _program_for(
    correlated: bool, shapes: tuple[Shape, Shape], dtypes: tuple[Any, Any], options: SignalOptions, into: Any = None
) -> Prepared:
    options, fill_type = _as_key(options)
    try:
        return _program(correlated, shapes, dtypes, fill_type, options, into)
    except TypeError as error:
        if isinstance(error, FlipslideError):
            raise
    # A list among the options cannot be remembered; a tuple can.
    return _program(correlated, shapes, dtypes, fill_type, frozen(options), into)


@lru_cache(maxsize=1024)
def _program(
    correlated: bool,
    shapes: tuple[Shape, Shape],
    dtypes: tuple[Any, Any],
    fill_type: Any,
    options: SignalOptions,
    into: Any,
) -> Prepared:
    """Everything about a call that does not depend on the values in its arrays, and the number of threads.

    0 threads stand for this thread's setting; `into` is the dtype of `out`.

    The type of the fill value belongs to the key: 1 and 1.0 are equal, but not in a sum of
    fractions. All other options mean the same when they are equal.
    """
    spec = options.spec(*shapes, correlated)
    _warn_of_another_axis(*shapes, options)
    arithmetic = arithmetic_of(*dtypes, options.dtype, options.overflow, options.rounding, into)
    check_fill_fits(spec.fill, arithmetic.y)
    spec, arithmetic, extensions = _written_out(spec, arithmetic, dtypes[0])
    plan = choose(spec, arithmetic, read_threads(options.threads), options.method, options.accuracy)
    return Prepared(program_of(plan), count_threads(options.threads), extensions)


forgetters.append(_program.cache_clear)


def _warn_of_another_axis(x_shape: Shape, w_shape: Shape, options: SignalOptions) -> None:
    """A word where one row of taps is longer than the last axis, and another axis would hold it."""
    if options.axes is not None or len(w_shape) != 1 or len(x_shape) < 2 or x_shape[-1] < 2:
        return
    longer = [axis for axis, n in enumerate(x_shape[:-1]) if n >= w_shape[0] > x_shape[-1]]
    if longer:
        warnings.warn(
            f"w has {w_shape[0]} taps and slides along the last axis of x, which has {x_shape[-1]} samples "
            f"(x has shape {x_shape}); axes={longer[0]} slides along the axis that is long enough, and axes=-1 says "
            "that the last one is meant",
            stacklevel=6,
        )


# ------------------------------------------------------------------------------ gradients


def _grads(correlated: bool, dy: Any, x: Any, w: Any, options: SignalOptions) -> tuple[Array, Array]:
    dy, x, w = enter(dy, "dy"), enter(x, "x"), enter(w, "w")
    spec = options.spec(x.shape, w.shape, correlated)
    how = options.method, options.threads, read_accuracy(options.accuracy)
    check_cotangent(dy, spec)
    return grad_input(spec, dy, w, *how), _grad_weight(spec, dy, x, *how)


def _grad_weight(spec: ConvSpec, dy: Array, x: Array, method: str, threads: int | None, accuracy: str) -> Array:
    """dw. Without outputs it is a sum of nothing, and there is no window to slide over x."""
    numbers = arithmetic_of(x.dtype, dy.dtype)
    if not spec.n_outputs:
        return np.zeros(spec.w_shape, numbers.y)
    spec, numbers, extensions = _written_out(spec, numbers, x.dtype)
    return run_spec(spec.grad_weight(), _extended(x, numbers.x, extensions), dy, method, threads, numbers, accuracy)


def grad_input(
    spec: ConvSpec, dy: Array, w: Array, method: str, threads: int | None, accuracy: str = "default"
) -> Array:
    """dx. Where the boundary read samples of x again, their gradients are added up there."""
    if all(axis.boundary == "zero" for axis in spec.axes):
        return run_spec(spec.grad_input(), dy, w, method, threads, None, accuracy)
    if accuracy == "correct" and dy.dtype.kind in "fc":
        raise ParameterError(
            "accuracy='correct' of dx needs boundary='zero': where a boundary reads samples of x again, gradients are "
            "added up after they are rounded; pad x yourself (fs.pad) and use boundary='zero', or accuracy='strict'"
        )
    extended, lows = _extend(spec)
    dx = run_spec(extended.grad_input(), dy, w, method, threads, None, accuracy)
    for axis, low in zip(spec.axes, lows, strict=True):
        dx = _fold(dx, axis.x_dim, axis.x, low, axis.boundary)
    return dx


def _extend(spec: ConvSpec) -> tuple[ConvSpec, list[int]]:
    """The spec on x with its boundary written out, and how many samples went in front."""
    axes, lows = [], []
    for axis in spec.axes:
        first, last = axis.reach() if axis.y else (0, axis.up * (axis.x - 1))
        low, high = max(0, -(first // axis.up)), max(0, last // axis.up - (axis.x - 1))
        axes.append(axis._replace(x=axis.x + low + high, start=axis.start + axis.up * low, boundary="zero"))
        lows.append(low)
    return spec._replace(axes=tuple(axes), fill=0), lows


def _fold(dx: Array, dim: int, n: int, low: int, boundary: str | Sides) -> Array:
    """The adjoint of extending one axis: every place adds to the samples it was made of."""
    sides = boundary if isinstance(boundary, Sides) else Sides(boundary, boundary)
    counts = isinstance(boundary, Sides) and dx.dtype.kind in "iu"
    moved = np.moveaxis(dx.astype(object) if counts else widen(dx), dim, 0)
    folded = moved[low : low + n].copy()
    for i in (*range(-low, 0), *range(n, dx.shape[dim] - low)):
        for sample, weight in extend_terms(i, n, sides.rule(i)):
            folded[sample] += moved[low + i] * (weight if isinstance(weight, int) or counts else float(weight))
    if counts:
        return _whole(np.moveaxis(folded, 0, dim), dx.dtype)
    return narrow(np.moveaxis(folded, 0, dim), dx, dx.shape[dim])


def _whole(values: Array, dtype: np.dtype[Any]) -> Array:
    """Python's numbers as integers of a dtype, or an error."""
    limits = np.iinfo(dtype)
    for value in values.flat:
        if value != int(value):
            raise DtypeError(f"a gradient is {value}, which {dtype} cannot hold; convert the arrays to a float dtype")
        if not limits.min <= value <= limits.max:
            raise IntegerOverflowError(f"a gradient is {value}, beyond {dtype}; convert the arrays to a wider dtype")
    return values.astype(dtype)
