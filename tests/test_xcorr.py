"""Cross-correlation by lag, against its formula in loops, NumPy and SciPy."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from strategies import in_memory, values

import flipslide as fs


def count_and_sum(x: np.ndarray, y: np.ndarray, lag: int, there: np.ndarray, y_there: np.ndarray) -> tuple[int, Any]:
    """(pairs, Σ_n x[n + lag]·y[n]*) over the samples that are there."""
    total, pairs = 0, 0
    for n in range(len(y)):
        if 0 <= n + lag < len(x) and there[n + lag] and y_there[n]:
            total, pairs = total + x[n + lag].item() * np.conj(y[n]).item(), pairs + 1
    return pairs, total


@st.composite
def pairs(draw: st.DrawFn, dtypes: tuple[str, ...] = ("int8", "uint16", "float32", "float64", "complex128")) -> Any:
    n, k = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return tuple(draw(in_memory(draw(values((size,), draw(st.sampled_from(dtypes)))))) for size in (n, k))


@given(pairs(), st.data())
def test_formula(arrays: Any, data: st.DataObject) -> None:
    x, y = arrays
    lags = data.draw(st.lists(st.integers(-60, 60), max_size=8))
    seen = [np.array(data.draw(st.lists(st.booleans(), min_size=a.size, max_size=a.size))) for a in arrays]
    expected = [count_and_sum(x, y, lag, *seen) for lag in lags]
    got = fs.xcorr(x, y, lags=lags, mask=~seen[0], y_mask=~seen[1])
    assert got.pairs.tolist() == [count for count, _ in expected]
    # A transform's error is relative to the norms, with float32 in the pair as large as 1e-5 of them.
    size = float(np.linalg.norm(x.astype(complex)) * np.linalg.norm(y.astype(complex)))
    exact = all(a.dtype.kind in "iu" for a in arrays)
    for value, (_, total) in zip(got.values, expected, strict=True):
        assert abs(value - total) <= (0 if exact else 1e-5 * size)


@given(pairs(), st.sampled_from(["full", "maxlag"]))
def test_as_scipy(arrays: Any, which: str) -> None:
    x, y = arrays
    wide = [a.astype(np.complex128) for a in arrays]
    full, lags = scipy.signal.correlate(*wide, method="direct"), scipy.signal.correlation_lags(x.size, y.size)
    if which == "full":
        got = fs.xcorr(x, y)
        np.testing.assert_array_equal(got.lags, lags)
        np.testing.assert_allclose(got.values, full, rtol=0, atol=1e-5 * max(1.0, np.abs(full).max()))
    else:
        got = fs.xcorr(x, y, maxlag=7)
        assert got.lags.tolist() == list(range(-7, 8))
        padded = dict(zip(lags.tolist(), full, strict=True))
        expected = [padded.get(lag, 0) for lag in range(-7, 8)]
        np.testing.assert_allclose(got.values, expected, rtol=0, atol=1e-5 * max(1.0, np.abs(full).max()))


@given(pairs(("int16", "float64", "complex64")), st.sampled_from(["biased", "unbiased", "coeff"]))
def test_scales(arrays: Any, scale: str) -> None:
    x, y = arrays
    raw, scaled = fs.xcorr(x, y), fs.xcorr(x, y, scale=scale)
    energy = [float((np.abs(a.astype(complex)) ** 2).sum()) for a in arrays]
    pairs = np.minimum(x.size, y.size + raw.lags) - np.maximum(raw.lags, 0)
    divisor = {"biased": max(x.size, y.size), "unbiased": pairs, "coeff": math.sqrt(energy[0]) * math.sqrt(energy[1])}
    expected = raw.values / divisor[scale] if np.all(divisor[scale]) else np.zeros(raw.lags.size)
    np.testing.assert_allclose(scaled.values, expected, rtol=1e-4, atol=1e-5)
    assert scaled.values.dtype == (np.float64 if raw.values.dtype == np.int64 else np.result_type(x, y))


@given(pairs(("float64", "complex128", "int8")))
def test_coefficients_stay_within_one(arrays: Any) -> None:
    x, y = arrays
    for scaled in (fs.xcorr(x, y, scale="coeff"), fs.autocorr(x, scale="coeff")):
        assert (np.abs(scaled.values) <= 1).all()
    middle = fs.autocorr(x, scale="coeff", lags=0).values[0]
    assert middle == pytest.approx(1) if x.any() else middle == 0


@pytest.mark.parametrize(
    "dtype, size", [("float64", 1e300), ("float64", 1e-300), ("float32", 1e30), ("complex64", 1e-30)]
)
def test_coefficients_of_very_large_and_small_signals(dtype: str, size: float) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 40))
    expected = fs.xcorr(x, y, scale="coeff").values
    got = fs.xcorr((x * size).astype(dtype), y.astype(dtype), scale="coeff").values
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_rows_of_a_batch_have_their_own_scale() -> None:
    x = np.array([[1e200, 2e200, 3e200], [1, 2, 3], [0, 0, 0]])
    np.testing.assert_allclose(fs.autocorr(x, scale="coeff", lags=0).values[:, 0], [1, 1, 0])


def test_integers_are_exact_or_refused() -> None:
    x = np.full(1000, 32767, np.int16)
    assert fs.autocorr(x, lags=0).values.tolist() == [1000 * 32767**2]
    huge = np.full(10, 2**40)
    with pytest.raises(fs.IntegerOverflowError, match="64 bits"):
        fs.autocorr(huge)
    np.testing.assert_allclose(fs.autocorr(huge, lags=[0], scale="biased").values, 2.0**80)
    assert fs.autocorr(huge.astype(object), lags=[0]).values.tolist() == [10 * 2**80]
    assert fs.xcorr([True, True], [True, True]).values.tolist() == [1, 2, 1]


def test_fractions() -> None:
    thirds = np.array([Fraction(1, 3), Fraction(2, 3)], dtype=object)
    assert fs.autocorr(thirds).values.tolist() == [Fraction(2, 9), Fraction(5, 9), Fraction(2, 9)]
    assert fs.autocorr(thirds, scale="coeff").values.tolist() == pytest.approx([0.4, 1, 0.4])


def test_half_precision_is_returned_in_single() -> None:
    x = np.full(1000, 100, np.float16)
    assert fs.autocorr(x, lags=0).values == np.array([1e7], np.float32)
    assert fs.autocorr(x).values.dtype == np.float32


def test_not_a_number_reaches_the_lags_that_see_it() -> None:
    x = np.ones(6)
    x[5] = np.nan
    assert np.isnan(fs.xcorr(x, np.ones(3)).values).tolist() == [False] * 5 + [True] * 3
    assert fs.xcorr(x, np.ones(3)).peak.lag == 0
    assert not np.isnan(fs.xcorr(np.ma.masked_invalid(x), np.ones(3)).values).any()


def test_missing_samples() -> None:
    x = np.ma.array([1.0, 2.0, 99.0, 4.0], mask=[0, 0, 1, 0])
    y = [1.0, 1.0]
    got = fs.xcorr(x, y, scale="unbiased")
    np.testing.assert_allclose(got.values, [1, 1.5, 2, 4, 4])
    np.testing.assert_array_equal(got.pairs, [1, 2, 1, 1, 1])
    np.testing.assert_array_equal(fs.xcorr(x.data, y, mask=x.mask, scale="unbiased").values, got.values)
    nothing = fs.xcorr(x.data, y, mask=True, scale="coeff")
    assert not nothing.values.any()
    assert not nothing.bound().any()


# ------------------------------------------------------------------------------ more axes


def test_batch_broadcasts() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((3, 1, 20)), rng.standard_normal((4, 9))
    got = fs.xcorr(x, y, scale="coeff", maxlag=4)
    assert got.values.shape == (3, 4, 9)
    assert got.peak.lag.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        one = fs.xcorr(x[i, 0], y[j], scale="coeff", maxlag=4)
        np.testing.assert_allclose(got.values[i, j], one.values, atol=1e-14)
        assert got.peak.lag[i, j] == one.peak.lag
        assert got.peak.exact[i, j] == pytest.approx(one.peak.exact)
        np.testing.assert_allclose(got.bound()[i, j], one.bound())


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axis(axis: int) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(-9, 9, (6, 7)), rng.integers(-9, 9, 5)
    got = fs.xcorr(x, y, axis=axis)
    expected = np.apply_along_axis(np.correlate, axis, x, y, "full")
    np.testing.assert_array_equal(got.values, expected)
    np.testing.assert_array_equal(fs.xcorr(y, x, axis=axis).values, np.flip(expected, axis))


@given(st.integers(0, 2**32 - 1))
def test_several_axes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, *rng.integers(1, 9, 2))), rng.standard_normal(rng.integers(1, 9, 2))
    expected = np.stack([scipy.signal.correlate(part, y) for part in x])
    got = fs.xcorr(x, y, axes=(1, 2))
    np.testing.assert_allclose(got.values, expected, atol=1e-12)
    rows, columns = ([*rng.integers(-10, 10, 5)] for _ in range(2))
    some = fs.xcorr(x, y, axes=(-2, -1), lags=(rows, columns))
    known = [dict(zip(lags.tolist(), range(lags.size), strict=True)) for lags in got.lags]
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            inside = row in known[0] and column in known[1]
            wanted = expected[:, known[0][row], known[1][column]] if inside else 0
            np.testing.assert_allclose(some.values[:, i, j], wanted, atol=1e-12)
    peak = got.peak.lag[0]
    assert expected[0].max() == pytest.approx(expected[0, known[0][peak[0]], known[1][peak[1]]])


# ------------------------------------------------------------------------- which lags


def test_lags_far_apart_are_computed_alone() -> None:
    rng = np.random.default_rng(5)
    x = rng.integers(-9, 9, 5000)
    lags = np.array([4000, -4999, -3, 17, 18, 4999, 17, 10**9])
    full = np.correlate(x, x, "full")
    expected = [full[lag + 4999] if abs(lag) < 5000 else 0 for lag in lags]
    assert fs.autocorr(x, lags=lags).values.tolist() == expected
    scattered = rng.integers(-4999, 5000, 200)
    assert fs.autocorr(x, lags=scattered).values.tolist() == full[scattered + 4999].tolist()
    assert fs.autocorr(x, lags=range(-4999, 5000, 7)).values.tolist() == full[::7].tolist()


def test_asked_lags_do_not_cost_all_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    from flipslide import windows

    computed = []
    original = windows.correlate_window
    monkeypatch.setattr(windows, "correlate_window", lambda *args: computed.append(args[3]) or original(*args))
    fs.autocorr(np.ones(100_000), maxlag=100)
    fs.autocorr(np.ones(100_000), lags=[-90_000, 5, 6, 90_000])
    assert sum(window.number for (window,) in computed) == 201 + 4


# -------------------------------------------------------------------------------- peaks


@pytest.mark.parametrize("shift", [0.0, 3.4, -2.25, 7.5, 0.1])
def test_sub_sample_peak(shift: float) -> None:
    rng = np.random.default_rng(6)
    spectrum = rng.standard_normal(257) + 1j * rng.standard_normal(257)
    spectrum[150:] = 0  # the signals fill 0.6 of the band
    delay = np.exp(-2j * np.pi * np.arange(257) * shift / 512)
    x, y = np.fft.irfft(spectrum * delay), np.fft.irfft(spectrum)
    peak = fs.xcorr(x, y, maxlag=20).peak
    assert peak.exact == pytest.approx(shift, abs=0.05)
    assert peak.lag == round(peak.exact) or abs(abs(peak.exact) % 1 - 0.5) < 0.05


def test_peak_of_a_parabola_is_exact() -> None:
    top = fs.xcorr([0.0, 3.0, 4.0, 3.5, 0.0], [1.0], lags=range(1, 4)).peak
    assert top.lag == 2
    assert top.exact == pytest.approx(2 + 1 / 6)
    assert fs.xcorr([0.0, 3.0, 4.0, 3.5], [1.0], lags=[1, 3]).peak.exact == 3


def test_peak_of_complex_signals_is_the_largest_magnitude() -> None:
    chirp = np.exp(1j * np.pi * np.arange(32) ** 2 / 32)
    heard = np.concatenate([np.zeros(10), 0.5j * chirp, np.zeros(8)])
    peak = fs.xcorr(heard, chirp).peak
    assert peak.lag == 10
    assert peak.value == pytest.approx(16j)


# ------------------------------------------------------------------ detrend and bounds


@given(st.integers(0, 2**32 - 1), st.sampled_from(["constant", "linear"]), st.booleans())
def test_detrend(seed: int, kind: str, is_masked: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, rng.integers(2, 30))) + 1e9 * rng.standard_normal((2, 1))
    there = rng.random(x.shape) < 0.8 if is_masked else np.ones(x.shape, bool)
    degree = {"constant": 0, "linear": 1}[kind]
    t = np.linspace(-1, 1, x.shape[1])
    flat = []
    for row, seen in zip(x, there, strict=True):
        basis = np.vander(t, degree + 1)
        row = row - row[seen].mean() if seen.any() else row
        fit = basis @ np.linalg.lstsq(basis[seen], row[seen])[0] if seen.any() else 0 * row
        flat.append(np.where(seen, row - fit, 0))
    expected = [np.correlate(row, row, "full") for row in flat]
    got = fs.autocorr(x, detrend=kind, mask=~there).values
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_detrend_leaves_no_plane() -> None:
    rows, columns = np.mgrid[:7, :9]
    assert np.abs(fs.autocorr(3 + 2 * rows - columns, axes=(0, 1), detrend="linear").values).max() < 1e-20


@pytest.mark.parametrize("scale", [None, "biased", "unbiased", "coeff"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_bound_holds_as_often_as_it_says(scale: str | None, is_complex: bool) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((2, 400, 200)) + (1j * rng.standard_normal((2, 400, 200)) if is_complex else 0)
    r = fs.xcorr(x, y, maxlag=50, scale=scale)
    for confidence in (0.8, 0.95):
        assert np.mean(np.abs(r.values) < r.bound(confidence)) == pytest.approx(confidence, abs=0.01)


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "keywords, message",
    [
        (dict(scale="none"), "scale='none'"),
        (dict(detrend="mean"), "detrend='mean'"),
        (dict(maxlag=1, lags=[0]), "not both"),
        (dict(maxlag=-1), "at least 0"),
        (dict(lags=[0.5]), "must be integers"),
        (dict(lags=[[0]]), "along one axis"),
        (dict(mask=[True, False]), "mask has shape"),
        (dict(y_mask=[1, 0]), "array of bool"),
        (dict(axes=(0, 1)), "axis 1"),
    ],
)
def test_refusals(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(fs.FlipslideError, match=message):
        fs.xcorr([1, 2, 3], [1, 2], **keywords)


def test_nothing_to_correlate() -> None:
    for x, y in (([], [1]), ([1], []), (1, [1])):
        with pytest.raises(fs.ShapeError):
            fs.xcorr(x, y)
    with pytest.raises(fs.ShapeError, match="no peak"):
        _ = fs.xcorr([1], [1], lags=[]).peak
    assert fs.xcorr([1], [1], lags=[]).values.shape == (0,)


@pytest.mark.parametrize("n", [1, 5])
def test_batches_that_do_not_broadcast(n: int) -> None:
    with pytest.raises(fs.ShapeError, match="broadcast"):
        fs.xcorr(np.ones((12, n)), np.ones((3, n)), maxlag=2)
