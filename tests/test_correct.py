"""accuracy="correct": each output is the exact sum rounded once; and the accuracy of calls that do not say."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Call, calls, layers

import flipslide as fs
from flipslide import _core, definition
from flipslide.errors import ParameterError
from flipslide.nn import Channels
from flipslide.options import LayerOptions, frozen
from flipslide.spec import ConvSpec

FLOATS = ("float16", "float32", "float64", "complex64", "complex128")

#: Every number of a dtype is a multiple of 2^-SCALE, and every product of two of 2^-(2·SCALE).
SCALE = {2: 24, 4: 149, 8: 1074}


def scale_of(dtype: np.dtype[Any]) -> int:
    return SCALE[dtype.itemsize // (2 if dtype.kind == "c" else 1)]


def whole(array: Any, scale: int) -> np.ndarray:
    """Numbers as Python integers, 2^scale times as large."""
    flat = [_whole(value, scale) for value in np.asarray(array, float).ravel()]
    return np.array([*flat, None], object)[:-1].reshape(np.shape(array))


def _whole(value: float, scale: int) -> int:
    numerator, denominator = float(value).as_integer_ratio()
    return (numerator << scale) // denominator


def nearest(total: int, dtype: np.dtype[Any], scale: int) -> Any:
    """The number of a dtype nearest to total / 2^scale, of two the even one."""
    limits = np.finfo(dtype)
    size = abs(total)
    drop = max(size.bit_length() - (limits.nmant + 1), scale + limits.minexp - limits.nmant)
    significand, rest = (size >> drop, size & ((1 << drop) - 1)) if drop > 0 else (size << -drop, 0)
    half = 1 << (drop - 1) if drop > 0 else 1
    significand += rest > half or (rest == half and significand & 1)
    value = np.inf if significand.bit_length() + drop - scale > limits.maxexp else np.ldexp(significand, drop - scale)
    return dtype.type(-value if total < 0 else value)


def round_once(totals: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    scale = 2 * scale_of(dtype)
    with np.errstate(over="ignore"):
        rounded = [nearest(total, dtype, scale) for total in totals.ravel()]
    return np.array(rounded, dtype).reshape(totals.shape)


def exact(spec: ConvSpec, x: np.ndarray, w: np.ndarray, bias: Any = None) -> np.ndarray:
    """The definition in integers, rounded once."""
    dtype = np.result_type(x, w)
    scale = scale_of(dtype)
    plain = spec._replace(conj_x=False, conj_w=False, fill=_whole(spec.fill, scale))
    real, imaginary = (None if bias is None else whole(part(bias), 2 * scale) for part in (np.real, np.imag))
    if dtype.kind != "c":
        return round_once(definition.apply(plain, whole(x, scale), whole(w, scale), real), dtype)
    x_re, x_im = whole(x.real, scale), whole(np.imag(x), scale) * (-1 if spec.conj_x else 1)
    w_re, w_im = whole(w.real, scale), whole(np.imag(w), scale) * (-1 if spec.conj_w else 1)
    still = plain._replace(fill=0)
    real = definition.apply(plain, x_re, w_re, real) - definition.apply(still, x_im, w_im)
    imaginary = definition.apply(plain, x_re, w_im) + definition.apply(still, x_im, w_re, imaginary)
    part = np.dtype(f"f{dtype.itemsize // 2}")
    y = np.empty(real.shape, dtype)
    y.real, y.imag = round_once(real, part), round_once(imaginary, part)
    return y


def exact_full(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The same of a convolution along one axis, tap by tap."""
    totals = np.zeros(len(x) + len(w) - 1, object)
    whole_x = whole(x, scale_of(x.dtype))
    for j, tap in enumerate(whole(w, scale_of(w.dtype))):
        totals[j : j + len(x)] += tap * whole_x
    return round_once(totals, x.dtype)


def assert_same_bits(y: np.ndarray, wanted: np.ndarray) -> None:
    assert y.dtype == wanted.dtype
    assert y.shape == wanted.shape
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(np.signbit(y.real), np.signbit(wanted.real))
    np.testing.assert_array_equal(np.signbit(y.imag), np.signbit(wanted.imag))


def methods_for(call: Call, correlate: bool) -> list[str]:
    verb = fs.correlate if correlate else fs.convolve
    found = []
    for method in ("direct", "overlap", "fft"):
        try:
            verb(call.x, call.w, method=method, accuracy="correct", **call.keywords)
        except ParameterError:
            continue
        found.append(method)
    return [*found, "auto"]


# ------------------------------------------------------------------------------- the sum


@settings(max_examples=12)
@given(calls(FLOATS), st.booleans(), st.data())
def test_calls_are_rounded_once(call: Call, correlate: bool, data: st.DataObject) -> None:
    verb = fs.correlate if correlate else fs.convolve
    spec = ConvSpec.of(call.x.shape, call.w.shape, correlate=correlate, **call.keywords)
    method = data.draw(st.sampled_from(methods_for(call, correlate)))
    y = verb(call.x, call.w, method=method, accuracy="correct", **call.keywords)
    assert_same_bits(y, exact(spec, call.x, call.w))


@given(layers(("float32", "float64", "complex64")), st.booleans())
def test_layers_are_rounded_once(call: Call, has_bias: bool) -> None:
    options = frozen(LayerOptions(**call.keywords))
    channels, spec = Channels.of(options), options.spec(call.x.shape, call.w.shape)
    bias = np.random.default_rng(call.x.size).standard_normal(len(call.w)).astype(call.w.dtype) if has_bias else None
    y = fs.nn.conv(call.x, call.w, bias, accuracy="correct", **call.keywords)
    wanted = exact(spec, channels.split(call.x), channels.split_taps(call.w), bias)
    assert_same_bits(y, wanted.reshape(y.shape))


NASTY = {
    "noise": lambda rng, n: rng.standard_normal(n),
    "wide": lambda rng, n: rng.standard_normal(n) * 10.0 ** rng.integers(-18, 18, n),
    "pixels": lambda rng, n: rng.integers(0, 256, n),
    "audio": lambda rng, n: rng.integers(-(2**15), 2**15, n) / 2.0**11,
    "halves": lambda rng, n: rng.choice([1, 2.0**-24, 2.0**-25, -1, 2.0**12, 2.0**-12, 0], n),
    "subnormal": lambda rng, n: rng.choice([1e-40, -1e-42, 1e-30, 3e-45, -2e-20], n),
    "huge": lambda rng, n: rng.choice([3e38, -3e38, 1, 1e-3], n),
    "constant": lambda rng, n: np.full(n, 0.1),
    "clicks": lambda rng, n: rng.standard_normal(n) * 1e-3 + 1e6 * (rng.random(n) < 0.02),
    "nothing": lambda rng, n: np.zeros(n),
    "signs": lambda rng, n: rng.choice([-1.0, 1.0], n) * 0.7,
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("taps", NASTY)
@pytest.mark.parametrize("samples", NASTY)
def test_nasty_numbers(samples: str, taps: str, dtype: str) -> None:
    rng = np.random.default_rng(len(samples) * 31 + len(taps))
    with np.errstate(over="ignore"):
        x, w = NASTY[samples](rng, 150).astype(dtype), NASTY[taps](rng, 9).astype(dtype)
    x, w = np.where(np.isfinite(x), x, 60000).astype(dtype), np.where(np.isfinite(w), w, -60000).astype(dtype)
    wanted = exact_full(x, w)
    for method in ("direct", "overlap", "fft"):
        assert_same_bits(fs.convolve(x, w, method=method, accuracy="correct"), wanted)


def test_ties_go_to_the_even_neighbour() -> None:
    x = np.float32([1, 2.0**-24, 0, 1 + 2.0**-23, 2.0**-24, 0, 1, 2.0**-24, 2.0**-60])
    y = fs.correlate(x, np.float32([1, 1, 1]), stride=3, accuracy="correct")
    np.testing.assert_array_equal(y, np.float32([1, 1 + 2.0**-22, 1 + 2.0**-23]))


def test_long_taps_through_a_transform() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal(3000).astype("f4"), rng.standard_normal(700).astype("f4")
    wanted = exact_full(x, w)[699:3000]
    assert fs.plan(x.shape, w.shape, "f4", "valid", method="fft", accuracy="correct").tile
    for method in ("direct", "overlap", "fft"):
        assert_same_bits(fs.convolve(x, w, "valid", method=method, accuracy="correct"), wanted)


def test_negative_zero_is_a_sum_that_is_rounded_to_it() -> None:
    tiny = np.float32([1e-30])
    assert np.signbit(fs.convolve(tiny, -tiny, accuracy="correct"))[0]
    assert not np.signbit(fs.convolve(np.float32([-0.0]), np.float32([1]), accuracy="correct"))[0]
    assert not np.signbit(fs.convolve(np.float32([1, -1]), np.float32([1, 1]), "valid", accuracy="correct"))[0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("method", ["direct", "overlap", "fft", "auto"])
def test_numbers_that_are_not_finite_are_where_the_definition_has_them(dtype: str, method: str) -> None:
    rng = np.random.default_rng(2)
    for hole in (np.nan, np.inf, -np.inf):
        x, w = rng.standard_normal(300).astype(dtype), rng.standard_normal(20).astype(dtype)
        clean = fs.convolve(x, w, accuracy="correct")
        x[100] = x[200] = hole
        y = fs.convolve(x, w, method=method, accuracy="correct")
        sees = np.zeros(len(y), bool)
        sees[100:120] = sees[200:220] = True
        assert_same_bits(y[~sees], clean[~sees])
        strict = fs.convolve(x, w, accuracy="strict")
        np.testing.assert_array_equal(y[sees], strict[sees])


def test_taps_that_are_not_finite_touch_what_they_meet() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal(50).astype("f4"), rng.standard_normal(5).astype("f4")
    clean = fs.convolve(x, w, accuracy="correct")
    w[1] = np.inf
    y = fs.convolve(x, w, accuracy="correct")
    np.testing.assert_array_equal(y[1:51], np.copysign(np.inf, x))
    assert_same_bits(y[[0, 51, 52, 53]], clean[[0, 51, 52, 53]])


def test_largest_numbers_and_beyond() -> None:
    big = np.float32(3e38)
    np.testing.assert_array_equal(
        fs.correlate(np.float32([big, big, -big, 1]), np.float32([1, 1, 1]), accuracy="correct"), [big, 1]
    )
    most = np.finfo("f8").max
    np.testing.assert_array_equal(fs.correlate([most, most, -most, 1], [1.0, 1, 1], accuracy="correct"), [most, 1])
    np.testing.assert_array_equal(fs.correlate([most, most], [1.0, 1], accuracy="correct"), [np.inf])


def test_packed_taps_and_strided_results() -> None:
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((40, 50)).astype("f4"), rng.standard_normal((3, 4)).astype("f4")
    wanted = fs.convolve(x, w, "same", accuracy="correct")
    planned = fs.plan(x.shape, w, "f4", "same", accuracy="correct")
    assert_same_bits(planned(x), wanted)
    out = np.zeros((50, 40), "f4").T
    assert_same_bits(fs.convolve(x, w, "same", accuracy="correct", out=out), wanted)
    every = np.zeros((80, 150), "f4")[::2, ::3]
    assert_same_bits(fs.convolve(np.asfortranarray(x), w[::-1][::-1], "same", accuracy="correct", out=every), wanted)


def test_a_piece_of_a_result_is_that_piece() -> None:
    rng = np.random.default_rng(6)
    x, w = rng.standard_normal(5000).astype("f4"), rng.standard_normal(300).astype("f4")
    y = fs.convolve(x, w, accuracy="correct")
    for start, count in ((0, 10), (700, 1000), (4990, 309)):
        assert_same_bits(fs.convolve(x, w, (start, count), accuracy="correct"), y[start : start + count])


# ----------------------------------------------------------------------------- gradients


def test_gradients_are_rounded_once() -> None:
    rng = np.random.default_rng(7)
    keywords: dict[str, Any] = {"stride": (2, 1), "padding": 1, "dilation": (1, 2), "groups": 2}
    x, w = rng.standard_normal((2, 4, 9, 8)).astype("f4"), rng.standard_normal((6, 2, 3, 2)).astype("f4")
    options = frozen(LayerOptions(**keywords))
    channels, spec = Channels.of(options), options.spec(x.shape, w.shape)
    dy = rng.standard_normal(channels.joined(spec.y_shape)).astype("f4")
    dx, dw, db = fs.nn.conv_grads(dy, x, w, accuracy="correct", **keywords)
    split = channels.split(dy)
    assert_same_bits(dx, exact(spec.grad_input(), split, channels.split_taps(w)).reshape(x.shape))
    assert_same_bits(dw, exact(spec.grad_weight(), channels.split(x), split).reshape(w.shape))
    assert_same_bits(db, round_once(np.array([whole(dy[:, k], 298).sum() for k in range(6)]), dy.dtype))
    back = fs.nn.conv_transpose(dy, w, accuracy="correct", output_size=x.shape[2:], **keywords)
    assert_same_bits(back, dx)


def test_gradients_of_signals_are_rounded_once() -> None:
    rng = np.random.default_rng(8)
    x, w, dy = (rng.standard_normal(n).astype("f4") for n in (40, 5, 44))
    spec = ConvSpec.of(x.shape, w.shape)
    dx, dw = fs.convolve_grads(dy, x, w, accuracy="correct")
    assert_same_bits(dx, exact(spec.grad_input(), dy, w))
    assert_same_bits(dw, exact(spec.grad_weight(), x, dy))
    with pytest.raises(ParameterError, match="added up after they are rounded"):
        fs.convolve_grads(dy, x, w, boundary="edge", accuracy="correct")


# ------------------------------------------------------------------------- what is refused


def test_what_cannot_be_rounded_once_is_refused() -> None:
    long = np.ones(3, np.longdouble)
    with pytest.raises(ParameterError, match="float16, float32, float64"):
        fs.convolve(long, long, accuracy="correct")
    for method in ("separable", "box", "numpy"):
        with pytest.raises(ParameterError, match="needs the taps as they are"):
            fs.convolve(np.ones((9, 9), "f4"), np.ones((3, 3), "f4"), method=method, accuracy="correct")


def test_exact_types_stay_as_they_are() -> None:
    np.testing.assert_array_equal(fs.convolve([1, 2], [3, 4], accuracy="correct"), [3, 10, 8])
    third = Fraction(1, 3)
    assert fs.convolve([third, 1], [third], accuracy="correct").tolist() == [Fraction(1, 9), third]


# ---------------------------------------------------------------------- the usual accuracy


X, W = np.float32([1, 1e8, -1e8]), np.float32([1, 1, 1])


def is_correct() -> bool:
    return bool(fs.convolve(X, W, "valid")[0] == 1)


def test_calls_follow_the_setting_of_their_thread() -> None:
    found = []
    assert not is_correct()
    with fs.accuracy("correct"):
        assert is_correct()
        worker = threading.Thread(target=lambda: found.append(is_correct()))
        worker.start()
        worker.join()
        with fs.accuracy("strict"):
            assert not is_correct()
        assert is_correct()
        layer = fs.nn.conv(X[None, None], W[None, None])
        assert layer[0, 0, 0] == 1
        assert fs.plan((3,), (3,), "f4").accuracy == "correct"
    assert found == [False]
    assert not is_correct()


def test_calls_follow_the_setting_of_the_process() -> None:
    found = []
    try:
        fs.set_accuracy("correct")
        assert fs.get_accuracy() == "correct"
        worker = threading.Thread(target=lambda: found.append(is_correct()))
        worker.start()
        worker.join()
        assert is_correct()
        with fs.accuracy("default"):
            assert not is_correct()
    finally:
        fs.set_accuracy("default")
    assert found == [True]
    assert not is_correct()


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ParameterError, match="accuracy='exactly' is not known"):
        fs.set_accuracy("exactly")
    with pytest.raises(ParameterError, match="accuracy='exactly' is not known"), fs.accuracy("exactly"):
        pass


# ------------------------------------------------------------------- proofs that take long


@pytest.mark.slow
def test_a_million_outputs() -> None:
    rng = np.random.default_rng(9)
    for draw in (rng.standard_normal, lambda n: rng.integers(-(2**15), 2**15, n) / 2.0**15):
        x, w = draw(500_000).astype("f4"), draw(5).astype("f4")
        assert_same_bits(fs.convolve(x, w, accuracy="correct"), exact_full(x, w))


def digest_of_many_calls(n: int) -> str:
    """Of calls and layers of random shapes, dtypes and data."""
    rng, digest = np.random.default_rng(10), hashlib.sha256()
    names, dtypes = list(NASTY), ["float16", "float32", "float64", "complex64"]
    for _ in range(n):
        n_axes = int(rng.integers(1, 4))
        shape = tuple(int(k) for k in rng.integers(3, (3000, 60, 16)[n_axes - 1], n_axes))
        taps = tuple(int(rng.integers(1, min(k, (400, 6, 6)[n_axes - 1]) + 1)) for k in shape)
        dtype = dtypes[rng.integers(4)]
        with np.errstate(all="ignore"):
            x = NASTY[names[rng.integers(len(names))]](rng, int(np.prod(shape))).astype(dtype).reshape(shape)
            w = NASTY[names[rng.integers(len(names))]](rng, int(np.prod(taps))).astype(dtype).reshape(taps)
        digest.update(fs.convolve(x, w, "same", boundary="mirror", accuracy="correct").tobytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_bits_are_the_same_on_every_instruction_set_and_any_number_of_threads() -> None:
    code = "import test_correct; print(test_correct.digest_of_many_calls(10_000))"
    found = set()
    for isa in _core.isas():
        for threads in ("1", "2"):
            env = {**os.environ, "FLIPSLIDE_ISA": isa, "FLIPSLIDE_NUM_THREADS": threads}
            command, here = [sys.executable, "-c", code], os.path.dirname(__file__)
            done = subprocess.run(command, env=env, cwd=here, capture_output=True, text=True, check=True)
            found.add(done.stdout)
    assert len(found) == 1
