"""Bad calls, each with the message it must give, and calls that look bad and are not."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import DtypeError, IntegerOverflowError, ParameterError, ShapeError

ONES = np.ones
X = np.arange(5.0)
W = np.array([1.0, -1.0, 2.0])

# name: (call, exception, the whole message)
BAD_CALLS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "scalar": (
        lambda: fs.convolve(3.0, W),
        ShapeError,
        "x and w need at least one axis; x has shape () and w has shape (3,)",
    ),
    "w has more axes": (
        lambda: fs.convolve(X, ONES((2, 2))),
        ShapeError,
        "w has more axes than x: (2, 2) against (5,). Arguments are never swapped; "
        "give x the missing axes (x[None]) or pass axes=",
    ),
    "axes do not fit w": (
        lambda: fs.convolve(ONES((2, 3, 4)), ONES((2, 2)), axes=0),
        ShapeError,
        "w of shape (2, 2) must have either the 1 axes=0 alone, or all 3 axes of x, whose shape is (2, 3, 4)",
    ),
    "axis out of range": (
        lambda: fs.convolve(X, W, axes=1),
        ShapeError,
        "axes=1 names axis 1 of an array with 1 axes",
    ),
    "axis twice": (
        lambda: fs.convolve(ONES((3, 3)), ONES((2, 2)), axes=(0, -2)),
        ShapeError,
        "axes=(0, -2) names an axis twice",
    ),
    "no axes": (
        lambda: fs.convolve(X, W, axes=()),
        ShapeError,
        "axes=() convolves nothing and multiplies, and w of shape (3,) does not broadcast with x of (5,)",
    ),
    "batch does not broadcast": (
        lambda: fs.convolve(ONES((2, 5)), ONES((3, 2)), axes=-1),
        ShapeError,
        "axis 0 is not convolved and does not broadcast: x (2, 5), w (3, 2)",
    ),
    "no taps": (
        lambda: fs.convolve(X, ONES(0)),
        ShapeError,
        "w has no taps: a convolved axis of w has size 0",
    ),
    "no samples to extend": (
        lambda: fs.convolve(ONES(0), W, boundary="edge"),
        ShapeError,
        "boundary='edge' cannot extend an axis of x that has no samples",
    ),
    "kernel larger than input in valid": (
        lambda: fs.convolve(W, X, "valid"),
        ShapeError,
        "mode='valid' needs w to fit in x: w spans 5 samples, x has 3. "
        "Arguments are never swapped; put the longer one first, or use mode='full'",
    ),
    "unknown mode": (
        lambda: fs.convolve(X, W, "circular"),
        ParameterError,
        "mode='circular' is not known; use one of 'full', 'same', 'valid', or a window (start, count); "
        "'circular' is mode='same' with boundary='wrap' here",
    ),
    "unknown boundary": (
        lambda: fs.convolve(X, W, boundary="nearest"),
        ParameterError,
        "boundary='nearest' is not known; use one of 'zero', 'constant', 'edge', 'symmetric', 'mirror', 'wrap', "
        "'odd_symmetric', 'odd_mirror', 'antisymmetric', 'smooth', 'line'; 'nearest' is 'edge' here",
    ),
    "ambiguous reflect": (
        lambda: fs.convolve(X, W, boundary="reflect"),
        ParameterError,
        "boundary='reflect' means two things: numpy.pad's is (d c b | a b c d | c b a), here 'mirror'; "
        "scipy.ndimage's is (d c b a | a b c d | d c b a), here 'symmetric'. Say which",
    ),
    "stride 0": (
        lambda: fs.convolve(X, W, stride=0),
        ParameterError,
        "stride must be at least 1, not 0",
    ),
    "stride 1.5": (
        lambda: fs.convolve(X, W, stride=1.5),
        ParameterError,
        "stride must be an integer, not 1.5",
    ),
    "dilation 0": (
        lambda: fs.convolve(X, W, dilation=0),
        ParameterError,
        "dilation must be at least 1, not 0",
    ),
    "too many strides": (
        lambda: fs.convolve(X, W, stride=(1, 2)),
        ParameterError,
        "stride=(1, 2) has 2 entries for 1 axes; give one, or one per axis",
    ),
    "center without same": (
        lambda: fs.convolve(X, W, "full", center=0),
        ParameterError,
        "center=0 only means something in mode='same', not in mode='full'",
    ),
    "unknown center": (
        lambda: fs.convolve(X, W, "same", center="middle"),
        ParameterError,
        "center='middle' is not known; use one of 'lower', 'upper' or an integer; 'middle' is 'lower' or 'upper' here",
    ),
    "unknown method": (
        lambda: fs.convolve(X, W, method="magic"),
        ParameterError,
        "method='magic' is not known; "
        "use one of 'auto', 'direct', 'gemm', 'winograd', 'reduction', 'separable', 'box', "
        "'overlap', 'fft', 'numpy'",
    ),
    "method that does not apply": (
        lambda: fs.convolve(X, W, method="gemm"),
        ParameterError,
        "method='gemm' cannot do this: one output channel, nothing to share; "
        "use one of 'direct', 'reduction', 'box', 'overlap', 'fft', 'numpy'",
    ),
    "unknown accuracy": (
        lambda: fs.convolve(X, W, accuracy="high"),
        ParameterError,
        "accuracy='high' is not known; use one of 'default', 'normwise', 'strict', 'correct', 'fast'; "
        "'high' is 'strict' here",
    ),
    "unknown overflow": (
        lambda: fs.convolve([1], [1], overflow="clip"),
        ParameterError,
        "overflow='clip' is not known; use one of 'raise', 'wrap', 'saturate'; 'clip' is 'saturate' here",
    ),
    "no threads": (
        lambda: fs.convolve(X, W, threads=0),
        ParameterError,
        "threads must be at least 1, not 0",
    ),
    "text": (
        lambda: fs.convolve(["a", "b"], W),
        DtypeError,
        "x has dtype <U1, which cannot be multiplied and added; use numbers",
    ),
    "ragged": (
        lambda: fs.convolve([[1, 2], [3]], W),
        ShapeError,
        "x is not a rectangular array: setting an array element with a sequence. The requested array has an "
        "inhomogeneous shape after 1 dimensions. The detected shape was (2,) + inhomogeneous part.",
    ),
    "masked": (
        lambda: fs.pad(np.ma.masked_less(X, 2), 1),
        DtypeError,
        "x is a masked array and its mask would be ignored; pass x.filled(value) to say what stands there",
    ),
    "complex into real": (
        lambda: fs.convolve(X + 1j, W, dtype=float),
        DtypeError,
        "dtype=float64 would drop part of a complex128 result; convert the inputs or the result yourself",
    ),
    "float into integer": (
        lambda: fs.convolve(X, W, dtype=int),
        DtypeError,
        "dtype=int64 would drop part of a float64 result; say how it is rounded, rounding='half_even' or 'half_away' "
        "or 'toward_zero'",
    ),
    "not a dtype": (
        lambda: fs.convolve(X, W, dtype="quaternion"),
        DtypeError,
        "dtype='quaternion' is not a dtype",
    ),
    "integer overflow": (
        lambda: fs.convolve(np.full(3, 100, np.int8), np.full(3, 2, np.int8)),
        IntegerOverflowError,
        "the sum can reach max|x|·Σ|w| = 600, beyond 127, the largest exact int8; "
        "pass dtype=np.int16, or overflow='wrap' or 'saturate'",
    ),
    "int64 overflow": (
        lambda: fs.convolve(np.full(4, 2**62), np.full(4, 2)),
        IntegerOverflowError,
        "the sum can reach max|x|·Σ|w| ≥ 18446744073709551615, beyond 9223372036854775807, the largest exact int64; "
        "pass dtype=object (exact, slow), or overflow='wrap' or 'saturate'",
    ),
    "negative into unsigned": (
        lambda: fs.convolve(np.array([1, 2], np.uint8), np.array([1, -1], np.int8), dtype=np.uint8),
        IntegerOverflowError,
        "the sum can be negative and uint8 cannot; pass dtype=np.int16, or overflow='wrap' or 'saturate'",
    ),
    "uint64 with int64 beyond 2^53": (
        lambda: fs.convolve(np.array([2**53], np.uint64), np.array([3], np.int64)),
        IntegerOverflowError,
        "the sum can reach max|x|·Σ|w| = 27021597764222976, beyond 9007199254740992, the largest exact float64; "
        "pass dtype=np.int64, or overflow='wrap' or 'saturate'",
    ),
    "NaN fill for integers": (
        lambda: fs.convolve([1, 2], [1, 1], boundary="constant", fill_value=np.nan),
        DtypeError,
        "fill_value=nan is not an integer of 64 bits and the arrays are integers; convert x to a float dtype first",
    ),
    "complex fill for reals": (
        lambda: fs.convolve(X, W, boundary="constant", fill_value=1j),
        DtypeError,
        "fill_value=1j is complex and the arrays are not; convert x to a complex dtype first",
    ),
    "fill that is no number": (
        lambda: fs.convolve(X, W, boundary="constant", fill_value="a"),
        ParameterError,
        "fill_value='a' is not a number",
    ),
    "fill that goes nowhere": (
        lambda: fs.convolve(X, W, "same", fill_value=9),
        ParameterError,
        "fill_value=9 goes with boundary='constant' and the boundary is 'zero'; "
        "pass boundary='constant', or leave the fill value out",
    ),
    "pad with a fill that goes nowhere": (
        lambda: fs.pad(X, 1, "edge", fill_value=9),
        ParameterError,
        "fill_value=9 goes with boundary='constant' and the boundary is 'edge'; "
        "pass boundary='constant', or leave the fill value out",
    ),
    "out of another shape": (
        lambda: fs.convolve(X, W, out=np.empty(5)),
        ShapeError,
        "out has shape (5,), the result has shape (7,)",
    ),
    "out of another dtype": (
        lambda: fs.convolve(X, W, out=np.empty(7, np.int32)),
        DtypeError,
        "out has dtype int32, which would drop part of a float64 result; say how it is rounded, "
        "rounding='half_even' or 'half_away' or 'toward_zero'",
    ),
    "out is a list": (
        lambda: fs.convolve(X, W, out=[0.0] * 7),  # type: ignore[arg-type]
        DtypeError,
        "out must be a NumPy array, not list",
    ),
    "groups that do not divide": (
        lambda: fs.nn.conv(ONES((1, 3, 5)), ONES((4, 1, 3)), groups=2),
        ShapeError,
        "groups=2 must divide the 3 channels of x and the 4 filters of w",
    ),
    "channels that do not match": (
        lambda: fs.nn.conv(ONES((1, 4, 5)), ONES((4, 3, 3))),
        ShapeError,
        "each filter of w takes 3 channels, which with groups=1 makes 3; x has 4 channels",
    ),
    "layer of wrong rank": (
        lambda: fs.nn.conv(ONES((4, 5)), ONES((4, 3, 3))),
        ShapeError,
        "a layer wants x (N, C, *spatial) and w (K, C/groups, *taps), both with the same number of axes; "
        "x has shape (4, 5), w has shape (4, 3, 3)",
    ),
    "layer with a kernel too large": (
        lambda: fs.nn.conv(ONES((1, 1, 3)), ONES((1, 1, 5))),
        ShapeError,
        "the kernel spans 5 samples but the padded axis has 3 + 0 + 0 = 3; "
        "use more padding, a smaller kernel or less dilation",
    ),
    "negative padding": (
        lambda: fs.nn.conv(ONES((1, 1, 3)), ONES((1, 1, 1)), padding=-1),
        ParameterError,
        "padding must be at least 0, not -1",
    ),
    "unknown padding": (
        lambda: fs.nn.conv(ONES((1, 1, 3)), ONES((1, 1, 1)), padding="full"),
        ParameterError,
        "padding='full' is not known; use one of 'valid', 'same', 'same_lower', 'causal', an integer or "
        "(lo, hi) pairs; 'full' is padding=D − 1, with D the span of the taps here",
    ),
    "unknown layout": (
        lambda: fs.nn.conv(ONES((1, 1, 3)), ONES((1, 1, 1)), layout="NHWC"),
        ParameterError,
        "layout='NHWC' is not known; use one of 'channels_first', 'channels_last'; 'NHWC' is 'channels_last' here",
    ),
    "bias of another size": (
        lambda: fs.nn.conv(ONES((1, 1, 3)), ONES((2, 1, 1)), [1.0]),
        ShapeError,
        "bias has shape (1,); one number per output channel, (2,), was wanted",
    ),
    "output_padding not below the stride": (
        lambda: fs.nn.conv_transpose(ONES((1, 1, 3)), ONES((1, 1, 3)), stride=2, output_padding=2),
        ParameterError,
        "output_padding=2 must be at least 0 and below 2, the larger of stride and dilation",
    ),
    "impossible output_size": (
        lambda: fs.nn.conv_transpose(ONES((1, 1, 3)), ONES((1, 1, 3)), stride=2, output_size=9),
        ShapeError,
        "output_size=9 is not possible: 3 samples give 7 … 8",
    ),
    "dy of another shape": (
        lambda: fs.convolve_grads(ONES(3), X, W),
        ShapeError,
        "dy has shape (3,), the result that it is the gradient of has shape (7,)",
    ),
    "pad by less than nothing": (
        lambda: fs.pad(X, -3),
        ShapeError,
        "width=(-3, -3) cuts more off than the 5 samples of the axis",
    ),
    "pad with a fill that does not fit": (
        lambda: fs.pad(np.zeros(3, np.uint8), 1, "constant", fill_value=300),
        DtypeError,
        "fill_value=300 cannot be a sample of uint8; convert x first",
    ),
    "pad an unknown side": (
        lambda: fs.pad(X, 1, side="left"),
        ParameterError,
        "side='left' is not known; use one of 'both', 'pre', 'post'; 'left' is 'pre' here",
    ),
    "plan called without taps": (
        lambda: fs.plan((5,), (3,))(X),
        ShapeError,
        "this plan was made from shapes; call it with both arrays, plan(x, w)",
    ),
    "plan called with another shape": (
        lambda: fs.plan((5,), W)(ONES(6)),
        ShapeError,
        "x has shape (6,), the plan is for (5,)",
    ),
}


@pytest.mark.parametrize("name", list(BAD_CALLS))
def test_bad_call(name: str) -> None:
    call, kind, message = BAD_CALLS[name]
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()


def test_every_error_is_a_builtin_too() -> None:
    for error, builtin in ((ShapeError, ValueError), (DtypeError, TypeError), (IntegerOverflowError, OverflowError)):
        assert issubclass(error, builtin)
        assert issubclass(error, fs.FlipslideError)


def test_lists_and_tuples_mean_the_same() -> None:
    x = np.arange(12.0).reshape(3, 4)
    listed = fs.convolve(x, [[1.0]], stride=[2, 1], axes=[0, 1], boundary=["zero", "wrap"])
    np.testing.assert_array_equal(
        listed, fs.convolve(x, [[1.0]], stride=(2, 1), axes=(0, 1), boundary=("zero", "wrap"))
    )


def test_empty_inputs() -> None:
    assert fs.convolve(ONES(0), W, "same").shape == (0,)
    assert fs.convolve(ONES(0), W).tolist() == [0.0, 0.0]
    assert fs.convolve(ONES((0, 5)), W).shape == (0, 7)
    assert fs.nn.conv(ONES((0, 2, 5)), ONES((3, 2, 3))).shape == (0, 3, 3)
    assert fs.nn.conv(ONES((2, 0, 5)), ONES((3, 0, 3)), [1.0, 2.0, 3.0])[1, :, 0].tolist() == [1.0, 2.0, 3.0]


def test_arguments_are_never_changed() -> None:
    x, w = np.arange(50.0)[::-2], np.arange(6.0)[::2]
    kept = x.copy(), w.copy()
    fs.convolve(x, w, "same", boundary="wrap")
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(w, kept[1])


def test_refused_overflow_leaves_out_alone() -> None:
    out = np.full(3, 7, np.int8)
    with pytest.raises(IntegerOverflowError):
        fs.convolve(np.full(3, 100, np.int8), np.full(3, 2, np.int8), "same", out=out)
    assert out.tolist() == [7, 7, 7]


def test_overflow_rules() -> None:
    x, w = np.array([100, 100, -100], np.int8), np.array([1, 2, -2], np.int8)
    exact = np.convolve(x.astype(int), w.astype(int))
    np.testing.assert_array_equal(fs.convolve(x, w, overflow="wrap"), exact.astype(np.int8))
    np.testing.assert_array_equal(fs.convolve(x, w, overflow="saturate"), np.clip(exact, -128, 127))
    np.testing.assert_array_equal(fs.convolve(x, w, dtype=np.int32), exact)
    image = np.array([[0, 250], [255, 3]], np.uint8)
    sharpen = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.int8)
    saturated = fs.convolve(image, sharpen, "same", boundary="edge", dtype=np.uint8, overflow="saturate")
    exact = fs.convolve(image.astype(int), sharpen, "same", boundary="edge")
    np.testing.assert_array_equal(saturated, np.clip(exact, 0, 255))


def test_values_decide_where_the_dtype_does_not() -> None:
    """max|x| is that of the array: small numbers in a narrow type are fine."""
    y = fs.convolve(np.array([1, 2, 3], np.int8), np.array([1, 1], np.int8))
    assert y.tolist() == [1, 3, 5, 3]
    assert y.dtype == np.int8


@pytest.mark.parametrize("method", ["direct", "numpy"])
def test_int64_is_exact_beyond_double(method: str) -> None:
    y = fs.convolve(np.array([2**53 + 1, 1]), np.array([1, 1]), method=method)
    assert y.tolist() == [2**53 + 1, 2**53 + 2, 1]


@pytest.mark.parametrize("n", [40, 5000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_samples_reach_their_own_outputs_only(n: int, bad: float) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(n), rng.standard_normal(7)
    clean = fs.convolve(x, w)
    x[n // 2] = bad
    y = fs.convolve(x, w)
    touched = np.zeros(n + 6, bool)
    touched[n // 2 : n // 2 + 7] = True
    assert not np.isfinite(y[touched]).any()
    np.testing.assert_array_equal(y[~touched], clean[~touched])


def test_infinite_taps_do_not_meet_zeros_that_are_not_there() -> None:
    x, w = np.array([1.0, 2.0, 3.0]), np.array([np.inf, 1.0])
    np.testing.assert_array_equal(fs.convolve(x, w), np.convolve(x, w))
    long = np.ones(3000)
    np.testing.assert_array_equal(fs.convolve(long, w), np.convolve(long, w))
    # The shorter array is slid, whichever it is: an infinite sample is then an infinite tap.
    np.testing.assert_array_equal(fs.convolve(w, x), np.convolve(w, x))


def test_float16_is_summed_in_single() -> None:
    y = fs.convolve(np.full(5000, 0.1, np.float16), np.ones(3000, np.float16), "valid")
    assert y.dtype == np.float16
    assert np.abs(y.astype(float) - 3000 * float(np.float16(0.1))).max() < 0.2


def test_decimals_keep_their_digits() -> None:
    assert fs.convolve([Decimal("0.1"), Decimal("0.2")], [Decimal("1"), Decimal("3")]).tolist() == [
        Decimal("0.1"),
        Decimal("0.5"),
        Decimal("0.6"),
    ]


def test_foreign_byte_order_and_memory_maps(tmp_path: Any) -> None:
    x = np.arange(20, dtype=">f8")
    np.testing.assert_array_equal(fs.convolve(x, W), np.convolve(x.astype(float), W))
    np.save(tmp_path / "x.npy", np.arange(20.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(fs.convolve(mapped, W), np.convolve(np.arange(20.0), W))


def test_out_is_written_in_place_through_any_strides() -> None:
    x = np.random.default_rng(1).standard_normal((6, 40))
    space = np.zeros((6, 84))
    out = space[::-1, ::2]
    returned = fs.convolve(x, W, out=out)
    assert returned is out
    np.testing.assert_array_equal(out, fs.convolve(x, W))
    layer = np.zeros((2, 4, 9))
    assert fs.nn.conv(ONES((2, 2, 9)), ONES((4, 2, 3)), padding=1, out=layer) is layer
    assert layer[0, 0].tolist() == [4.0] + [6.0] * 7 + [4.0]


@pytest.mark.parametrize("w_dtype", [np.uint8, np.uint64])
def test_uint64_is_exact_or_an_error(w_dtype: Any) -> None:
    with pytest.raises(IntegerOverflowError, match="beyond 18446744073709551615"):
        fs.convolve(np.array([2**64 - 1, 2**63, 5], np.uint64), np.array([3], w_dtype))
    assert fs.convolve(np.array([2**64 - 1], np.uint64), np.array([1], w_dtype)).tolist() == [2**64 - 1]


def test_integer_gradients_are_exact_or_an_error() -> None:
    with pytest.raises(IntegerOverflowError, match="a sum reaches 405"):
        fs.convolve_grads(np.ones(9, np.uint8), np.ones(1, np.uint8), np.full(9, 5, np.uint8), boundary="edge")
    with pytest.raises(IntegerOverflowError, match="a sum reaches 300"):
        fs.nn.conv_grads(np.full((1, 1, 3), 100, np.int8), np.zeros((1, 1, 3), np.int8), np.zeros((1, 1, 1), np.int8))
    with pytest.raises(IntegerOverflowError, match="a sum reaches 300"):
        fs.nn.col2im(np.full((1, 3, 3), 100, np.int8), 5, 3)


def test_fill_values_do_not_borrow_each_others_plans() -> None:
    third = np.array([Fraction(1, 3)], object)
    for fill in (0.5, Fraction(1, 2)):
        y = fs.convolve(third, np.array([Fraction(1)] * 2, object), boundary="constant", fill_value=fill)
        assert type(y[0]) is type(Fraction(1, 3) + fill)
    fs.convolve([1, 2], [1, 1], boundary="constant", fill_value=7)
    with pytest.raises(DtypeError, match="is complex and the arrays are not"):
        fs.convolve([1, 2], [1, 1], boundary="constant", fill_value=7 + 0j)


def test_fill_values_of_any_size() -> None:
    x, w = np.array([1, 2], np.int32), np.array([1, 1], np.int32)
    with pytest.raises(IntegerOverflowError):
        fs.convolve(x, w, boundary="constant", fill_value=2**31)
    wrapped = fs.convolve(x, w, boundary="constant", fill_value=2**32 + 1, overflow="wrap")
    assert wrapped.tolist() == [2, 3, 3]
    pair = np.array([1, 2], np.uint64), np.array([1, 1], np.int64)
    assert np.isnan(fs.convolve(*pair, boundary="constant", fill_value=np.nan)).tolist() == [True, False, True]
    for bad in (None, 10**400):
        with pytest.raises(ParameterError, match="is not a number that the arrays can hold"):
            fs.convolve(X, W, boundary="constant", fill_value=bad)


def test_plans_keep_their_own_taps() -> None:
    for n, k in ((5, 3), (5, 9)):
        w = np.ones(k)
        plan = fs.plan(n, w)
        expected = plan(ONES(n))
        w.fill(0)
        np.testing.assert_array_equal(plan(ONES(n)), expected)


def test_pad_never_returns_its_argument() -> None:
    x = np.zeros(3)
    fs.pad(x, 0)[0] = 1
    assert x[0] == 0


def test_wide_dilation_needs_no_wide_scratch() -> None:
    plan = fs.plan((5,), (3,), mode="same", dilation=6 * 10**7)
    assert plan.method == "numpy"
    assert fs.convolve(np.arange(5.0), ONES(3), "same", dilation=2**39).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", ["stride", "dilation", "center"])
def test_numbers_out_of_proportion(name: str) -> None:
    with pytest.raises(ParameterError, match="out of all proportion"):
        fs.convolve(X, W, "same", **{name: 2**63})
    assert fs.convolve(X, W, threads=2.0).shape == (7,)  # type: ignore[arg-type]


def test_taps_longer_than_the_last_axis_are_pointed_out() -> None:
    time_first = ONES((600, 4))
    with pytest.warns(UserWarning, match=r"axes=0 slides along the axis that is long enough") as caught:
        fs.convolve(time_first, ONES(51), "same")
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fs.convolve(time_first, ONES(52), "same", axes=0)
        fs.convolve(time_first, ONES(52), "same", axes=-1)
        fs.convolve(time_first, ONES(3), "same")
        fs.convolve(ONES((3, 4)), ONES(7))


@pytest.mark.parametrize("verb", [fs.convolve, fs.correlate])
def test_keywords_of_other_libraries_are_answered(verb: Any) -> None:
    for word, answer in (("axis", "write axes="), ("cval", "fill_value="), ("nan_treatment", "nan='omit'")):
        with pytest.raises(fs.UnknownKeywordError, match=rf"^{verb.__name__}\(\) has no keyword {word}=.*{answer}"):
            verb(X, W, **{word: 0})
    with pytest.raises(TypeError, match="has no keyword modus="):
        verb(X, W, modus="full")
