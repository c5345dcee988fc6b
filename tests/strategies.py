"""Everything that Hypothesis draws: calls of convolve, layers, arrays in any memory layout."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from flipslide.geometry import BOUNDARIES, MODES

REAL = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
COMPILED = REAL + COMPLEX + INTEGERS
NARROW = ("bool", "int8", "uint8", "int16")


class Call(NamedTuple):
    """The arguments of one call: two arrays and the keywords."""

    x: np.ndarray
    w: np.ndarray
    keywords: dict[str, Any]


@st.composite
def in_memory(draw: st.DrawFn, array: np.ndarray) -> np.ndarray:
    """The same values behind other strides: contiguous, Fortran, reversed, every other, read-only."""
    form = draw(st.sampled_from(["C", "F", "reversed", "spread", "read-only", "unaligned"]))
    if form == "F":
        return np.asfortranarray(array)
    if form == "reversed":
        return np.ascontiguousarray(array[(slice(None, None, -1),) * array.ndim])[(slice(None, None, -1),) * array.ndim]
    if form == "spread":
        wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
        view = wide[tuple(slice(1, 1 + 2 * n, 2) for n in array.shape)]
        view[...] = array
        return view
    if form == "unaligned":
        shifted = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
        shifted[...] = array
        return shifted
    kept = array.copy()
    kept.flags.writeable = form != "read-only"
    return kept


@st.composite
def values(draw: st.DrawFn, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers whose sums are exact in every integer type, and of mixed sizes in the floats."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in INTEGERS:
        return rng.integers(0 if dtype.startswith("u") else -1, 2, shape).astype(dtype)
    scale = 10.0 ** rng.integers(-2, 2, shape)
    array = rng.standard_normal(shape) * scale
    if dtype in COMPLEX:
        array = array + 1j * rng.standard_normal(shape)
    return array.astype(dtype)


@st.composite
def windows(draw: st.DrawFn, sizes: list[int], spans: list[int]) -> tuple[tuple[int, int], ...]:
    """A window (start, count) of outputs for each axis: over x, beside it, or empty."""
    reaches = [n + span + 3 for n, span in zip(sizes, spans, strict=True)]
    return tuple((draw(st.integers(-reach, reach)), draw(st.integers(0, reach))) for reach in reaches)


@st.composite
def calls(draw: st.DrawFn, dtypes: tuple[str, ...] = COMPILED, correlate: bool = False) -> Call:
    """A call of convolve or correlate: up to three convolved axes, any batch, any keywords."""
    n_axes = draw(st.integers(1, 3))
    largest = (70, 14, 6)[n_axes - 1]
    sizes = [draw(st.integers(1, largest)) for _ in range(n_axes)]
    taps = [draw(st.integers(1, min(largest, 9))) for _ in range(n_axes)]
    n_batch = draw(st.integers(0, 2))
    batch = [draw(st.integers(0, 3)) for _ in range(n_batch)]
    order = draw(st.permutations(range(n_axes + n_batch)))
    axes = tuple(order.index(i) for i in range(n_axes))
    shape = [(sizes + batch)[i] for i in order]
    shared = n_batch > 0 and draw(st.booleans())
    if shared:
        w_shape = taps
    else:
        w_batch = [draw(st.sampled_from([1, n])) for n in batch]
        w_shape = [(taps + w_batch)[i] for i in order]
        shape = [1 if i >= n_axes and draw(st.booleans()) else n for i, n in zip(order, shape, strict=True)]
    strides = tuple(draw(st.integers(1, 3)) for _ in range(n_axes))
    dilations = tuple(draw(st.integers(1, 3)) for _ in range(n_axes))
    spans = [d * (k - 1) + 1 for k, d in zip(taps, dilations, strict=True)]
    mode = draw(st.one_of(st.sampled_from(MODES), windows(sizes, spans)))
    if mode == "valid" and any(span > n for span, n in zip(spans, sizes, strict=True)):
        mode = "full"
    keywords: dict[str, Any] = {
        "mode": mode,
        "axes": axes,
        "stride": strides,
        "dilation": dilations,
        "boundary": tuple(draw(st.sampled_from(BOUNDARIES)) for _ in range(n_axes)),
    }
    keywords["fill_value"] = draw(fills([0, 1, 2], keywords["boundary"]))
    if mode == "same":
        centers = st.sampled_from([None, "lower", "upper", 0, 2, -1])
        keywords["center"] = tuple(draw(centers) for _ in range(n_axes))
    x_dtype, w_dtype = draw(st.sampled_from(dtypes)), draw(st.sampled_from(dtypes))
    x = draw(values(tuple(shape), x_dtype))
    w = draw(values(tuple(w_shape), w_dtype))
    return Call(draw(in_memory(x)), draw(in_memory(w)), keywords)


def fills(values: list[int], boundaries: tuple[str, ...]) -> st.SearchStrategy[int]:
    """Fill values, where a rule puts them anywhere."""
    return st.sampled_from(values) if "constant" in boundaries else st.just(0)


@st.composite
def narrow_calls(draw: st.DrawFn) -> Call:
    """Calls of integers of up to 16 bits whose taps are neighbours, over their whole range and at its ends."""
    call = draw(calls(NARROW))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def stretch(array: np.ndarray) -> np.ndarray:
        if array.dtype == bool:
            return array
        limits = np.iinfo(array.dtype)
        most = draw(st.sampled_from([int(limits.max), 127]))
        low, high = max(int(limits.min), ~most), most
        ends = np.where(rng.random(array.shape) < draw(st.sampled_from([0, 0.5, 1])), low, high)
        some = rng.integers(low, high, array.shape, endpoint=True)
        return np.where(rng.random(array.shape) < draw(st.sampled_from([0, 0.5])), ends, some).astype(array.dtype)

    fill = draw(fills([0, 200, -5, 70_000], call.keywords["boundary"]))
    keywords = call.keywords | {"stride": 1, "dilation": 1, "fill_value": fill}
    if keywords["mode"] == "valid":
        keywords["mode"] = "full"
    return Call(draw(in_memory(stretch(call.x))), draw(in_memory(stretch(call.w))), keywords)


@st.composite
def layers(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float32", "float64", "int32", "complex64")) -> Call:
    """A call of nn.conv: up to three spatial axes, groups, any padding, both layouts."""
    n_axes = draw(st.integers(1, 3))
    largest = (40, 10, 5)[n_axes - 1]
    groups = draw(st.integers(1, 3))
    channels, filters = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 11))
    sizes = tuple(draw(st.integers(1, largest)) for _ in range(n_axes))
    taps = tuple(draw(st.integers(1, 4)) for _ in range(n_axes))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(n_axes))
    spans = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    pairs = tuple((draw(st.integers(0, 3)) + span, draw(st.integers(0, 3))) for span in spans)
    words: list[Any] = ["same", "same_lower", "causal", pairs]
    if all(span <= n for span, n in zip(spans, sizes, strict=True)):
        words += ["valid", 1]
    layout = draw(st.sampled_from(["channels_first", "channels_last"]))
    batch = draw(st.integers(0, 3))
    shape = (batch, *sizes, channels) if layout == "channels_last" else (batch, channels, *sizes)
    dtype = draw(st.sampled_from(dtypes))
    keywords = {
        "stride": tuple(draw(st.integers(1, 3)) for _ in range(n_axes)),
        "padding": draw(st.sampled_from(words)),
        "dilation": dilation,
        "groups": groups,
        "layout": layout,
    }
    x = draw(in_memory(draw(values(shape, dtype))))
    w = draw(in_memory(draw(values((filters, channels // groups, *taps), dtype))))
    return Call(x, w, keywords)
