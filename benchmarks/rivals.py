"""The rivals: name ↦ how it does a case with its best options, or None where it cannot.

A rival may prepare whatever does not depend on x (flipped taps, spectra, plans, buffers) outside
of the timed call, and gets x in its own kind of array. `measure.py` drops one whose result
differs from the reference. flipslide prepares nothing; that it keeps taps is said in `report.py`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
import scipy.signal

import flipslide as fs

from .cases import Array, Case, line, sigma_of
from .spectral import ENGINES, MakeEngine, OverlapSave


class Job(NamedTuple):
    """`run(x)` makes a fresh result, `into(x, out)` fills one; both of what `adapt` makes of x."""

    run: Callable[[Any], Any]
    into: Callable[[Any, Array], Any] | None = None
    adapt: Callable[[Array], Any] = np.asarray
    finish: Callable[[Any], Array] = np.asarray


class Rival(NamedTuple):
    """`rate` is a generous guess of products a second and thread, of those that do all of them."""

    name: str
    prepare: Callable[[Case, Array, int], Job | None]
    rate: float = np.inf


@cache
def load(name: str) -> Any:
    """A module, or None where it is not installed. Some warn while they are loaded."""
    flags = sys.getdlopenflags()
    # MKL exports functions of FFTW's names, and pyfftw would call those.
    sys.setdlopenflags(os.RTLD_NOW | getattr(os, "RTLD_DEEPBIND", 0) if name == "pyfftw" else flags)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return import_module(name)
        except ImportError:
            return None
        finally:
            sys.setdlopenflags(flags)


def flip(w: Array) -> Array:
    return np.ascontiguousarray(w[(slice(None, None, -1),) * w.ndim])


def as_wide(case: Case, w: Array) -> Array:
    """w with all axes of x."""
    if case.has_bank or w.ndim == len(case.x_shape):
        return w
    return np.expand_dims(w, [a for a in range(len(case.x_shape)) if a not in case.conv_axes])


def is_plain(case: Case) -> bool:
    """One kernel, no boundary, not a layer."""
    return case.boundary == "zero" and not case.is_layer and not case.has_bank


# ----------------------------------------------------------------------------- numpy, scipy


def numpy_convolve(case: Case, w: Array, threads: int) -> Job | None:
    if len(case.x_shape) > 1 and not (case.has_bank and case.group == "bank"):
        return None
    if case.boundary != "zero":
        return None
    mode: Any = case.mode
    if case.has_bank:
        return Job(lambda x: np.stack([np.convolve(x[0], row, mode) for row in w]))
    if case.dtype.kind == "i":
        w = w.astype(case.dtype)
        return Job(lambda x: np.convolve(x.astype(w.dtype), w, mode))
    return Job(lambda x: np.convolve(x, w, mode))


def scipy_convolve(name: str, case: Case, w: Array, threads: int) -> Job | None:
    if case.boundary != "zero" or case.is_layer:
        return None
    function, w = getattr(scipy.signal, name), as_wide(case, w)
    words = dict(axes=case.conv_axes) if name != "convolve" else {}
    if not words and (case.has_bank or len(case.conv_axes) < len(case.x_shape)):
        return None
    if case.dtype.kind == "i":  # exact after rounding: these sums are far below 2⁵³
        exact = w.astype(np.float64)
        return Job(lambda x: np.rint(function(x.astype(np.float64), exact, case.mode, **words)).astype(case.dtype))
    if case.has_bank:  # "same" would be the size of one row
        kept = (..., slice(case.starts[0], case.starts[0] + case.x_shape[-1]))
        return Job(lambda x: function(x, w, "full", **words)[kept])
    if case.x_dtype == "uint8":
        return Job(lambda x: function(x.astype(w.dtype), w, case.mode, **words))
    return Job(lambda x: function(x, w, case.mode, **words))


def scipy_convolve2d(case: Case, w: Array, threads: int) -> Job | None:
    boundary = {"zero": "fill", "wrap": "wrap"}.get(case.boundary)
    if boundary is None or len(case.x_shape) != 2 or w.ndim != 2 or case.has_bank or case.dtype.kind == "i":
        return None
    return Job(lambda x: scipy.signal.convolve2d(x, w, case.mode, boundary))


NDIMAGE_MODES = {"zero": "constant", "edge": "nearest", "mirror": "mirror", "wrap": "grid-wrap"}


def ndimage_convolve(case: Case, w: Array, threads: int) -> Job | None:
    if case.mode != "same" or case.has_bank:
        return None
    words: dict[str, Any] = dict(mode=NDIMAGE_MODES[case.boundary])
    function = scipy.ndimage.convolve
    if len(case.conv_axes) == 1:
        words |= dict(axis=case.conv_axes[0], origin=k_origin(len(w)))
        function = scipy.ndimage.convolve1d
    else:
        w = as_wide(case, w)
        words |= dict(origin=tuple(map(k_origin, w.shape)))
    dtype = case.dtype
    return Job(
        lambda x: function(x, w, output=dtype, **words),
        lambda x, out: function(x, w, output=out, **words),
    )


def k_origin(k: int) -> int:
    """SciPy puts the centre of an even kernel at k/2, the case wants k/2 − 1."""
    return -1 if k % 2 == 0 else 0


def ndimage_separable(case: Case, w: Array, threads: int) -> Job | None:
    if case.taps == "random" or case.n_taps[0] % 2 == 0:
        return None
    k, words = case.n_taps[0], dict(mode=NDIMAGE_MODES[case.boundary], axes=case.conv_axes)
    if case.taps == "box":
        run = partial(scipy.ndimage.uniform_filter, size=k, **words)
    else:
        run = partial(scipy.ndimage.gaussian_filter, sigma=sigma_of(k), radius=k // 2, **words)
    return Job(run, lambda x, out: run(x, output=out))


# ---------------------------------------------------------------------------------- opencv

CV_DTYPES = ("uint8", "int16", "float32", "float64")


def _cv_words(case: Case) -> dict[str, int] | None:
    """Also of a batch of signals, which is an image with a kernel of one row."""
    cv2 = load("cv2")
    borders = dict(zero="BORDER_CONSTANT", edge="BORDER_REPLICATE", mirror="BORDER_REFLECT_101")
    if cv2 is None or case.boundary not in borders or case.has_bank or case.is_layer:
        return None
    if case.mode == "full" and len(case.x_shape) > 1:
        return None
    channels_last = case.conv_axes == (0, 1)
    if not channels_last and (len(case.x_shape) > 2 or case.conv_axes[-1] != len(case.x_shape) - 1):
        return None
    return dict(borderType=getattr(cv2, borders[case.boundary]))


def _cv_row(case: Case, x: Array) -> Array:
    return x[None] if len(case.x_shape) == 1 else x


def _cv_job(case: Case, run: Callable[..., Any]) -> Job:
    if case.mode == "full":  # of a signal with zeros behind it, in a buffer that stays
        longer = np.zeros((1, *case.y_shape), case.x_dtype)

        def extend(x: Array) -> Array:
            longer[:, : x.shape[-1]] = x
            return longer

        run = partial(lambda same, x, **out: same(extend(x), **out), run)
    return Job(
        run,
        lambda x, out: run(x, dst=_cv_row(case, out)),
        partial(_cv_row, case),
        lambda y: np.asarray(y).reshape(case.y_shape),
    )


def cv_filter2d(case: Case, w: Array, threads: int) -> Job | None:
    words = _cv_words(case)
    if words is None or case.x_dtype not in CV_DTYPES or case.dtype.name not in CV_DTYPES:
        return None
    cv2 = load("cv2")
    taps = flip(w if w.ndim == 2 else w[None])
    if taps.dtype.kind == "i":
        taps = taps.astype(np.float32)  # exact: whole numbers below 2²⁴
    depth = {"int16": cv2.CV_16S, "float32": cv2.CV_32F, "float64": cv2.CV_64F}[case.dtype.name]
    starts = (0, *case.starts)[-2:]
    anchor = tuple(k - 1 - c for k, c in zip(taps.shape, starts, strict=True))[::-1]  # of the flipped taps
    return _cv_job(case, lambda x, **out: cv2.filter2D(x, depth, taps, anchor=anchor, **words, **out))


def cv_separable(name: str, case: Case, w: Array, threads: int) -> Job | None:
    words = _cv_words(case)
    if words is None or case.taps == "random" or len(case.n_taps) != 2 or case.n_taps[0] % 2 == 0:
        return None
    cv2, k = load("cv2"), case.n_taps[0]
    row = line(case.taps, k).astype(np.float32)
    calls = {
        "gaussian sepFilter2D": lambda x, **out: cv2.sepFilter2D(x, -1, row, row, **words, **out),
        "box sepFilter2D": lambda x, **out: cv2.sepFilter2D(x, -1, row, row, **words, **out),
        "gaussian GaussianBlur": lambda x, **out: cv2.GaussianBlur(x, (k, k), sigma_of(k), **words, **out),
        "box blur": lambda x, **out: cv2.blur(x, (k, k), **words, **out),
    }
    call = calls.get(f"{case.taps} {name}")
    return None if call is None else _cv_job(case, call)


# ----------------------------------------------------------------------------------- torch

TORCH_PADS = {"edge": "replicate", "mirror": "reflect", "wrap": "circular"}


def torch_conv(case: Case, w: Array, threads: int) -> Job | None:
    torch = load("torch")
    if torch is None or case.dtype.kind == "i" or case.x_dtype == "uint8" or case.is_layer:
        return None
    functional = torch.nn.functional
    run, d = getattr(functional, f"conv{len(case.n_taps)}d"), len(case.n_taps)
    filters, flipped = w if case.has_bank else w[None], (slice(None, None, -1),) * d
    taps = torch.from_numpy(np.ascontiguousarray(filters[:, *flipped])[:, None])
    pads = [(k - 1, k - 1) if case.mode == "full" else (k // 2, (k - 1) // 2) for k in case.n_taps]
    even = any(lo != hi for lo, hi in pads)
    rule = TORCH_PADS.get(case.boundary)

    def call(x: Any) -> Any:
        if even or rule:
            flat = [n for pair in reversed(pads) for n in pair]
            return run(functional.pad(x, flat, mode=rule or "constant"), taps)
        return run(x, taps, padding=[lo for lo, _ in pads])

    return Job(call, None, partial(_torch_enter, case), partial(_torch_leave, case))


def _torch_enter(case: Case, x: Array) -> Any:
    """(batch, 1, *convolved)."""
    moved = np.moveaxis(x, case.conv_axes, range(-len(case.conv_axes), 0))
    sizes = moved.shape[moved.ndim - len(case.conv_axes) :]
    return load("torch").from_numpy(np.ascontiguousarray(moved).reshape(-1, 1, *sizes))


def _torch_leave(case: Case, y: Any) -> Array:
    array = np.asarray(y.numpy())
    if len(case.conv_axes) == len(case.x_shape):
        return array.reshape(case.y_shape)
    kept = array[0] if case.has_bank else array[:, 0]
    return np.moveaxis(kept, range(-len(case.conv_axes), 0), case.conv_axes)


def torch_layer(layout: str, case: Case, w: Array, threads: int) -> Job | None:
    torch = load("torch")
    if torch is None or not case.is_layer or (layout == "channels_last" and len(case.n_taps) != 2):
        return None
    words = dict(memory_format=torch.channels_last) if layout == "channels_last" else {}
    taps = torch.from_numpy(w).contiguous(**words)
    run = getattr(torch.nn.functional, f"conv{len(case.n_taps)}d")
    return Job(
        lambda x: run(x, taps, padding=case.padding),
        None,
        lambda x: torch.from_numpy(x).contiguous(**words),
        lambda y: np.asarray(y.numpy()),
    )


# ---------------------------------------------------------------------------- numba and FFTs


def numba_loops(case: Case, w: Array, threads: int) -> Job | None:
    if load("numba") is None or not is_plain(case) or case.conv_axes[-1] != len(case.x_shape) - 1:
        return None
    loops, fresh = load("benchmarks.loops"), partial(np.empty, case.y_shape, case.dtype)
    taps = w.astype(case.dtype)
    one = (1,) * len(case.x_shape)  # compiles
    loops.run(case, np.zeros(one, case.x_dtype), taps, np.zeros(one, case.dtype))
    return Job(lambda x: loops.run(case, x, taps, fresh()), lambda x, out: loops.run(case, x, taps, out))


def overlap_save(name: str, make_engine: MakeEngine, case: Case, w: Array, threads: int) -> Job | None:
    module = name.split(".")[0]
    if load(module) is None or case.boundary != "zero" or case.is_layer:
        return None
    if case.dtype.kind not in "fc" or case.x_dtype == "uint8":
        return None
    return Job(OverlapSave(case, w, make_engine, threads))


#: Transforms come first: their time says which direct sums cannot be worth a try.
RIVALS: list[Rival] = [
    *(Rival(name, partial(overlap_save, name, make)) for name, make in ENGINES.items()),
    Rival("scipy.oaconvolve", partial(scipy_convolve, "oaconvolve")),
    Rival("scipy.fftconvolve", partial(scipy_convolve, "fftconvolve")),
    Rival("cv2.filter2D", cv_filter2d),
    Rival("cv2.sepFilter2D", partial(cv_separable, "sepFilter2D")),
    Rival("cv2.GaussianBlur", partial(cv_separable, "GaussianBlur")),
    Rival("cv2.blur", partial(cv_separable, "blur")),
    Rival("ndimage filter", ndimage_separable),
    Rival("torch layer", partial(torch_layer, "channels_first")),
    Rival("torch channels_last", partial(torch_layer, "channels_last")),
    Rival("numpy.convolve", numpy_convolve, 2e10),
    Rival("numba", numba_loops, 3e10),
    Rival("torch.conv", torch_conv, 1e10),
    Rival("scipy.convolve", partial(scipy_convolve, "convolve"), 2e10),
    Rival("ndimage.convolve", ndimage_convolve, 2e9),
    Rival("scipy.convolve2d", scipy_convolve2d, 5e8),
]


def set_threads(n: int) -> None:
    """The same number for everybody; SciPy's, ducc0's and FFTW's are said in their calls."""
    fs.set_num_threads(n)
    setters = dict(cv2="setNumThreads", torch="set_num_threads", numba="set_num_threads", mkl="set_num_threads")
    for name, setter in setters.items():
        if (module := load(name)) is not None:
            getattr(module, setter)(n)
    if (limits := load("threadpoolctl")) is not None:
        limits.threadpool_limits(n)
