"""Sums in the dtype that is wanted, and in whatever array they are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide.errors import DtypeError, IntegerOverflowError, ParameterError
from flipslide.storing import store

INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64", "longdouble")


def _half_away(value: Fraction) -> int:
    return math.floor(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


#: Python's own integers and fractions.
ROUNDED: dict[str, Callable[[Fraction], int]] = {
    "half_even": round,
    "half_away": _half_away,
    "toward_zero": math.trunc,
}

EDGES = [
    0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, -0.49999999999999994, 0.99999999999999989,
    127.5, 127.49, -128.5, -129.0, 255.5, 256.0, 2.0**31 - 0.5, 2.0**31, -(2.0**31) - 1, 2.0**32 - 0.5, 2.0**51 + 0.5,
    2.0**52 - 0.5, 2.0**52 + 1, 2.0**53 + 2, 2.0**63 - 1024, 2.0**63, -(2.0**63), 2.0**64 - 2048, 2.0**64, 3 * 2.0**62,
    -(2.0**64), 2.0**64 + 4096, 1e30, -1e30, 1e300, 5e-324,
]  # fmt: skip


def expected(value: float, dtype: str, rounding: str, overflow: str) -> int | None:
    """What becomes of a number; None where that is an error."""
    if math.isnan(value) or math.isinf(value):
        if overflow != "raise" and (dtype != "bool" and (math.isnan(value) or overflow == "wrap")):
            return 0
        whole = 0 if math.isnan(value) else (10**400 if value > 0 else -(10**400))
        if dtype == "bool":
            return 1
    else:
        whole = ROUNDED[rounding](Fraction(value))
    if dtype == "bool":
        return int(whole != 0)
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    if overflow == "wrap":
        return (whole - low) % 2**limits.bits + low
    if overflow == "raise":
        return whole if low <= whole <= high and not math.isnan(value) else None
    return min(max(whole, low), high)


@pytest.mark.parametrize("overflow", ["wrap", "saturate", "raise"])
@pytest.mark.parametrize("rounding", list(ROUNDED))
@pytest.mark.parametrize("source", FLOATS)
def test_each_number_becomes_the_integer_that_it_should(source: str, rounding: str, overflow: str) -> None:
    with np.errstate(over="ignore"):
        values = np.array([*EDGES, np.inf, -np.inf, np.nan]).astype(source)
    for dtype in INTEGERS:
        for value in values:
            want = expected(float(value), dtype, rounding, overflow)
            out = np.zeros(1, dtype)
            if want is None:
                with pytest.raises(IntegerOverflowError, match=f"which {dtype} cannot hold"):
                    store(value[None], out, rounding, overflow)
            else:
                store(value[None], out, rounding, overflow)
                assert int(out[0]) == want, (value, dtype)


@given(st.integers(0, 2**32), st.sampled_from(["float32", "float64"]), st.sampled_from(INTEGERS), st.data())
def test_arrays_of_any_layout_are_stored_number_by_number(
    seed: int, source: str, dtype: str, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    rounding, overflow = data.draw(st.sampled_from(list(ROUNDED))), data.draw(st.sampled_from(["wrap", "saturate"]))
    shape = data.draw(st.sampled_from([(), (0, 4), (5000,), (3, 700), (2, 3, 40), (1, 1)]))
    values = np.asarray(rng.standard_normal(shape) * 10.0 ** rng.integers(-1, 12, shape)).astype(source)
    halves = np.asarray(rng.integers(-600, 600, shape) / 2).astype(source)
    total = np.where(rng.random(shape) < 0.5, values, halves)
    flip = (slice(None, None, -1),) * len(shape)
    total = np.asarray(total)[flip] if data.draw(st.booleans()) else total
    out = np.zeros([2 * n for n in shape], dtype)[(..., *(slice(None, None, 2) for _ in shape))]
    store(np.asarray(total), out, rounding, overflow)
    flat = [expected(float(v), dtype, rounding, overflow) for v in total.ravel()]
    np.testing.assert_array_equal(out, np.array(flat, dtype).reshape(shape))


@given(st.integers(0, 2**32), st.sampled_from(["float32", "float64"]), st.sampled_from(INTEGERS[1:]))
def test_a_call_rounds_its_float_sum(seed: int, taps: str, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (9, 14)).astype(np.uint8)
    w = rng.standard_normal((3, 4)).astype(taps)
    for verb in (fs.convolve, fs.correlate):
        total = verb(x, w, "same", boundary="mirror")
        for rounding in ROUNDED:
            for overflow in ("wrap", "saturate"):
                words: dict[str, Any] = dict(mode="same", boundary="mirror", rounding=rounding, overflow=overflow)
                want = np.array([expected(float(v), dtype, rounding, overflow) for v in total.ravel()], dtype)
                got = verb(x, w, dtype=dtype, **words)
                np.testing.assert_array_equal(got, want.reshape(total.shape))
                assert got.dtype == dtype
                into = np.zeros(total.shape, np.dtype(dtype).newbyteorder(">"))
                assert verb(x, w, out=into, **words) is into
                np.testing.assert_array_equal(into, got)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32"])
@pytest.mark.parametrize("source", ["uint8", "int16", "float32", "float64"])
def test_ndimage_cuts_off_and_wraps(source: str, dtype: str) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(1)
    x = (rng.integers(0, 256, (20, 30)) / (1 if source in ("uint8", "int16") else 4)).astype(source)
    # Taps with few digits, so that no order of the sum changes it.
    w = rng.integers(-8, 9, (3, 5)) / 16
    want = ndimage.correlate(x, w, output=np.dtype(dtype))
    got = fs.correlate(
        x, w, "same", boundary="symmetric", dtype=dtype, rounding="toward_zero", overflow="wrap", method="direct"
    )
    np.testing.assert_array_equal(got, want)


def test_opencv_rounds_half_to_even_and_saturates() -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (31, 40)).astype(np.uint8)
    w = rng.integers(-8, 9, (3, 3)) / 4
    got = fs.correlate(x, w, "same", boundary="mirror", dtype="u1", rounding="half_even", overflow="saturate")
    np.testing.assert_array_equal(got, cv2.filter2D(x, -1, w))


def test_layers_round_their_sum_and_its_bias() -> None:
    x, w = np.full((1, 2, 6), 100, np.uint8), np.full((3, 2, 2), 0.25)
    bias = [0.5, 60.4, -200.0]
    for layer, taps in ((fs.nn.conv, w), (fs.nn.conv_transpose, np.full((2, 3, 2), 0.25))):
        total = layer(x, taps, bias)
        got = layer(x, taps, bias, dtype="u1", rounding="half_away", overflow="saturate")
        np.testing.assert_array_equal(got, np.clip(np.floor(total + 0.5), 0, 255))
        out = np.zeros(total.shape, np.uint8)
        assert layer(x, taps, bias, rounding="half_away", overflow="saturate", out=out) is out
        np.testing.assert_array_equal(out, got)


def test_half_precision_is_rounded_once() -> None:
    x, w = np.array([2049.0, 2.0], np.float16), np.array([1.0, 0.5], np.float16)
    assert (
        fs.convolve(np.array([2048.0, 1.5], np.float16), np.ones(2, np.float16), dtype="i4", rounding="half_away")[1]
        == 2050
    )
    assert fs.convolve(x, w, dtype="i4", rounding="toward_zero").tolist() == [2048, 1026, 1]


@pytest.mark.parametrize("words", [
    {"rounding": "nearest"},
    {"rounding": "half_even"},  # of a float
    {"rounding": "half_even", "dtype": "f4"},
])  # fmt: skip
def test_words_that_round_nothing_are_errors(words: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="rounding="):
        fs.convolve([1.0, 2.0], [1.0], **words)


def test_a_float_sum_becomes_no_integer_in_silence() -> None:
    with pytest.raises(DtypeError, match="rounding='half_even' or"):
        fs.convolve([1.0, 2.0], [0.5], dtype="u1")
    with pytest.raises(DtypeError, match="rounding='half_even' or"):
        fs.convolve([1.0, 2.0], [0.5], out=np.zeros(2, "u1"))
    with pytest.raises(DtypeError, match="would drop part of a complex128"):
        fs.convolve([1j, 2.0], [0.5], dtype="u1", rounding="half_even")
    with pytest.raises(IntegerOverflowError, match="a sum is 300, which uint8 cannot hold"):
        fs.convolve([300.0], [1.0], dtype="u1", rounding="half_even")


# ------------------------------------------------------------------------------------- out

WIDER = {"float32": "float64", "float16": "float32", "int16": "int64", "complex64": "complex128", "uint8": "int16"}


@pytest.mark.parametrize("dtype", list(WIDER))
def test_out_may_be_of_another_dtype(dtype: str) -> None:
    rng = np.random.default_rng(3)
    x, w = (rng.integers(0, 9, n).astype(dtype) for n in (40, 5))
    plain = fs.convolve(x, w)
    for other in (dtype, WIDER[dtype], np.dtype(WIDER[dtype]).newbyteorder(">")):
        out = np.zeros(plain.shape, other)
        assert fs.convolve(x, w, out=out) is out
        np.testing.assert_array_equal(out, plain)
    narrow = np.zeros(plain.shape, dtype)
    total = fs.convolve(x.astype(WIDER[dtype]), w)
    fs.convolve(x.astype(WIDER[dtype]), w, out=narrow)
    np.testing.assert_array_equal(narrow, total.astype(dtype))


def test_integers_that_do_not_fit_out_are_an_error() -> None:
    x = np.full(9, 100, np.int16)
    with pytest.raises(IntegerOverflowError):
        fs.convolve(x, x, out=np.zeros(17, np.int8))
    out = np.zeros(17, np.int8)
    fs.convolve(x, [1], "full", out=out[:9], overflow="saturate")
    assert out.tolist() == [100] * 9 + [0] * 8


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "complex128", "object"])
@pytest.mark.parametrize("where", ["same", "shifted", "reversed", "taps"])
def test_out_may_lie_over_an_input(dtype: str, where: str) -> None:
    rng = np.random.default_rng(4)
    memory = rng.integers(-9, 9, 300).astype(dtype)
    x, w = memory[:200], memory[200:203]
    out = {"same": x, "shifted": memory[50:250], "reversed": x[::-1], "taps": memory[100:]}[where]
    want = fs.convolve(x.copy(), w.copy(), "same")
    before = memory.copy()
    for _ in range(2):
        assert fs.convolve(x, w, "same", out=out) is out
        np.testing.assert_array_equal(out, want)
        memory[...] = before


def test_layers_may_write_over_their_input() -> None:
    rng = np.random.default_rng(5)
    for layout, shape in (("channels_first", (2, 4, 30)), ("channels_last", (2, 30, 4))):
        x, w = rng.standard_normal(shape), rng.standard_normal((4, 2, 3))
        words: dict[str, Any] = dict(padding="same", groups=2, layout=layout)
        want = fs.nn.conv(x, w, **words)
        assert fs.nn.conv(x, w, out=x, **words) is x
        np.testing.assert_array_equal(x, want)


def test_missing_samples_go_to_any_out() -> None:
    x, w = np.array([1.0, np.nan, 3.0, 4.0]), np.array([1.0, 1.0])
    want = fs.convolve(x, w, "same", nan="omit")
    out = np.zeros(4, np.float32)
    assert fs.convolve(x, w, "same", nan="omit", out=out) is out
    np.testing.assert_array_equal(out, want)
    whole = np.zeros(4, np.uint8)
    fs.convolve(x, w, "same", nan="zero", out=whole, rounding="half_even")
    assert whole.tolist() == [1, 1, 3, 7]
    fs.convolve(x, w, "same", nan="omit", out=x)
    np.testing.assert_array_equal(x, want)


def test_bfloat16_is_a_dtype_of_results() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    rng = np.random.default_rng(6)
    x, w = rng.standard_normal(50).astype("f4"), rng.standard_normal(5).astype("f4")
    want = fs.convolve(x, w).astype(bfloat16)
    np.testing.assert_array_equal(fs.convolve(x, w, dtype=bfloat16), want)
    out = np.zeros(want.shape, bfloat16)
    fs.convolve(x, w, out=out)
    np.testing.assert_array_equal(out, want)
    assert fs.convolve(x.astype(bfloat16), w.astype(bfloat16), dtype="f4").dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_the_same_bits_wherever_arrays_lie(dtype: str) -> None:
    """Of arrays whose convolved axes are the last; with others behind, sums may have another order."""
    rng = np.random.default_rng(7)
    for shape, taps in (
        ((97, 14), (15, 2)),
        ((3, 97, 14), (1, 15, 2)),
        ((300,), (9,)),
        ((40, 33), (5, 5)),
        ((64, 70), (1, 31)),
    ):
        x, w = rng.standard_normal(shape).astype(dtype), rng.standard_normal(taps).astype(dtype)
        words: dict[str, Any] = dict(mode="same", axes=tuple(range(len(taps))))
        want = fs.convolve(x, w, **words)
        wide = np.empty([2 * n + 1 for n in shape], dtype)[tuple(slice(1, None, 2) for _ in shape)]
        for out in (np.empty_like(want, order="F"), wide, np.empty_like(want)[::-1]):
            np.testing.assert_array_equal(fs.convolve(x, w, out=out, **words), want)
        wide[...] = x
        for other in (np.asfortranarray(x), wide, x[::-1].copy()[::-1]):
            np.testing.assert_array_equal(fs.convolve(other, w, **words), want)
