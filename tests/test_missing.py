"""Sums over what is there: every method, boundary, dimension and dtype by the same rule, held against plain loops."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import DtypeError, ParameterError, ShapeError
from flipslide.geometry import extend_index

RULES = ("zero", "constant", "edge", "symmetric", "mirror", "wrap", "renormalize")
FILL = 3.0


def brute(
    x: np.ndarray, w: np.ndarray, there: np.ndarray, mode: str, boundary: Any, correlate: bool, fill: float = FILL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(Σ w·x, Σ w, Σ |w|) over what is there, tap by tap."""
    words = boundary if isinstance(boundary, tuple) else (boundary,) * x.ndim
    windows = []
    for n, k in zip(x.shape, w.shape, strict=True):
        middle = k // 2 if correlate else (k - 1) // 2
        start, count = {"full": (0, n + k - 1), "same": (middle, n), "valid": (k - 1, n - k + 1)}[mode]
        windows.append((start - (k - 1) if correlate and mode != "same" else -start if correlate else start, count))
    shape = tuple(count for _, count in windows)
    sums = [np.zeros(shape, np.result_type(x, w, float)) for _ in range(3)]
    for m in np.ndindex(shape):
        for j in np.ndindex(w.shape):
            places = [start + i + (t if correlate else -t) for (start, _), i, t in zip(windows, m, j, strict=True)]
            value, weight = _sample(x, there, places, words, fill)
            tap = np.conj(w[j]) if correlate else w[j]
            for total, term in zip(sums, (tap * value if weight else 0, tap * weight, abs(tap) * weight), strict=True):
                total[m] += term
    return sums[0], sums[1], sums[2]


def _sample(
    x: np.ndarray, there: np.ndarray, places: list[int], words: tuple[str, ...], fill: float
) -> tuple[Any, int]:
    index = []
    outside = {word for i, n, word in zip(places, x.shape, words, strict=True) if not 0 <= i < n}
    if "renormalize" in outside:
        return 0, 0
    if outside & {"zero", "constant"}:
        return (0 if "zero" in outside else fill), 1
    for i, n, word in zip(places, x.shape, words, strict=True):
        index.append(i if 0 <= i < n else extend_index(i, n, word))
    return x[tuple(index)], int(there[tuple(index)])


def quotient(sums: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    top, weight, size = sums
    with np.errstate(all="ignore"):
        return np.where(size == 0, np.nan, top / weight)


def holes(x: np.ndarray, rng: np.random.Generator, part: float) -> np.ndarray:
    return rng.random(x.shape) >= part


@pytest.mark.parametrize("verb", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("boundary", RULES)
@pytest.mark.parametrize("shapes", [((11,), (4,)), ((5, 6), (3, 2)), ((3, 4, 3), (2, 2, 3))], ids=["1-D", "2-D", "3-D"])
def test_the_same_rule_everywhere(verb: str, mode: str, boundary: str, shapes: Any) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=shapes[0]), rng.random(shapes[1]) + 0.1
    fill = FILL if boundary == "constant" else 0
    call = getattr(fs, verb)
    for part in (0.0, 0.4, 1.0):
        there = holes(x, rng, part)
        wanted = quotient(brute(x, w, there, mode, boundary, verb == "correlate", fill))
        words = dict(boundary=boundary, fill_value=fill)
        y = call(x, w, mode, mask=~there, **words)
        np.testing.assert_allclose(y, wanted, rtol=1e-12, atol=1e-12)
        by_nan = call(np.where(there, x, np.nan), w, mode, nan="omit", **words)
        np.testing.assert_array_equal(by_nan, y)
        masked = call(np.ma.array(x, mask=~there), w, mode, nan="omit", **words)
        np.testing.assert_array_equal(np.ma.getmaskarray(masked), np.isnan(wanted))
        np.testing.assert_array_equal(masked.filled(np.nan), y)


def test_rules_of_each_axis() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(3, 4)), rng.random((3, 2)) + 0.1
    there = holes(x, rng, 0.3)
    for pair in itertools.product(RULES, repeat=2):
        fill = FILL if "constant" in pair else 0
        wanted = quotient(brute(x, w, there, "full", pair, False, fill))
        y = fs.convolve(x, w, mask=~there, boundary=pair, fill_value=fill)
        np.testing.assert_allclose(y, wanted, rtol=1e-12, atol=1e-12, err_msg=str(pair))


@pytest.mark.parametrize("method", ["direct", "fft", "overlap", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_hole_wider_than_the_taps_has_no_number_in_it(method: str, dtype: str) -> None:
    x = np.ones((40, 40), dtype)
    row = np.exp(-0.5 * (np.arange(-6, 7) / 2) ** 2)
    w = np.outer(row, row).astype(dtype)
    there = np.ones(x.shape, bool)
    there[10:30, 10:30] = False
    words: dict[str, Any] = {} if method == "direct" else {"method": method}
    y = fs.convolve(np.where(there, x, np.nan).astype(dtype), w, "same", boundary="renormalize", nan="omit", **words)
    assert y.dtype == dtype
    empty = fs.convolve(there.astype(int), np.ones(w.shape, int), "same") == 0
    assert empty.sum() == 8 * 8
    np.testing.assert_array_equal(np.isnan(y), empty)
    np.testing.assert_allclose(y[~empty], 1, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "complex128", "int8", "int64", "uint8", "bool"])
def test_every_dtype(dtype: str) -> None:
    rng = np.random.default_rng(3)
    x, w = (rng.random(30) * 9).astype(dtype), np.array([1, 2, 3, 1]).astype(dtype)
    there = holes(x, rng, 0.4)
    y = fs.correlate(x, w, "same", mask=~there, boundary="edge")
    assert y.dtype == (np.result_type(x, w) if np.dtype(dtype).kind in "fc" else np.float64)
    wanted = quotient(brute(x.astype(complex), w.astype(complex), there, "same", "edge", True))
    wanted = wanted if np.dtype(dtype).kind == "c" else wanted.real
    np.testing.assert_allclose(y, wanted, rtol=4e-3 if dtype == "float16" else 1e-5)


def test_complex_taps_and_fractions() -> None:
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=9) * (1 + 2j), np.array([1 + 1j, 2, 1 - 3j])
    there = holes(x, rng, 0.3)
    for correlate, verb in ((False, fs.convolve), (True, fs.correlate)):
        wanted = quotient(brute(x, w, there, "same", "mirror", correlate))
        np.testing.assert_allclose(verb(x, w, "same", mask=~there, boundary="mirror"), wanted, rtol=1e-12)
    thirds = np.array([Fraction(1, 3), Fraction(2, 3), Fraction(1)], object)
    y = fs.convolve(thirds, np.array([Fraction(1), Fraction(1)], object), "valid", mask=[False, True, False])
    assert y.tolist() == [Fraction(1, 3), Fraction(1)]


def test_the_plain_sum_over_what_is_there() -> None:
    x, w = np.array([1, 2, 3, 4]), np.array([1, 0, -1])
    y = fs.convolve(x, w, mask=[0, 1, 0, 0], nan="zero")
    np.testing.assert_array_equal(y, np.convolve([1, 0, 3, 4], w))
    assert y.dtype == int
    big = fs.convolve([2**62, 7], [1], mask=[False, True], nan="zero")
    assert big.tolist() == [2**62, 0]
    gaps = fs.correlate([1.0, np.nan, 3.0], [1, -1], "same", nan="zero", boundary="edge")
    np.testing.assert_array_equal(gaps, fs.correlate([1.0, 0, 3.0], [1, -1], "same", boundary="edge"))
    masked = fs.convolve(np.ma.array(x, mask=[0, 1, 0, 0]), w, nan="zero")
    np.testing.assert_array_equal(masked, y)
    assert not masked.mask.any()
    with pytest.raises(ParameterError, match="add up to 0"):
        fs.convolve(x, w, mask=[0, 1, 0, 0])
    with pytest.raises(ParameterError, match="min_weight=0.5 goes with"):
        fs.convolve(x, w, min_weight=0.5)


def test_the_least_weight() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=60), np.array([0.1, 0.5, 0.4, 0.7])
    there = holes(x, rng, 0.5)
    sums = brute(x, w, there, "same", "renormalize", False)
    for least in (0.0, 0.3, 0.75, 1.0):
        y = fs.convolve(x, w, "same", mask=~there, boundary="renormalize", min_weight=least)
        share = sums[2] / w.sum()
        wanted = np.where(share < least - 1e-9, np.nan, quotient(sums))
        np.testing.assert_allclose(y, wanted, rtol=1e-12)
    for bad in (-0.1, 1.5, "half", np.nan):
        with pytest.raises(ParameterError, match="min_weight"):
            fs.convolve(x, w, mask=~there, min_weight=bad)


def test_nothing_missing_is_the_weighted_mean() -> None:
    x, w = np.random.default_rng(6).normal(size=(2, 30))
    w = np.abs(w[:5])
    np.testing.assert_allclose(fs.convolve(x, w, "valid", nan="omit"), np.convolve(x, w, "valid") / w.sum(), rtol=1e-12)
    assert fs.convolve(x, w, nan="raise").tolist() == fs.convolve(x, w).tolist()
    np.testing.assert_array_equal(fs.convolve([1, 2], [1, 1], nan="propagate"), [1, 3, 2])


def test_nan_raises_and_says_where() -> None:
    x = np.zeros((3, 4))
    x[1, 2] = x[2, 2] = np.nan
    with pytest.raises(ParameterError, match=r"2 of 12 samples of x are missing, the first at \[1, 2\]"):
        fs.convolve(x, np.ones((2, 2)), nan="raise")
    with pytest.raises(ParameterError, match="nan='skip' is not known"):
        fs.convolve(x, np.ones((2, 2)), nan="skip")


def test_masks_that_come_in_go_out() -> None:
    x = np.ma.array([1, 99, 3, 4], mask=[0, 1, 0, 0])
    y = fs.convolve(x, [1, 1])
    assert y.dtype == int
    assert y.mask.tolist() == [False, True, True, False, False]
    assert y.tolist() == [1, None, None, 7, 4]
    wanted = np.ma.convolve(x, [1, 1])
    np.testing.assert_array_equal(y.mask, wanted.mask)
    whole = fs.convolve(np.ma.array([1, 2]), [1, 1])
    assert isinstance(whole, np.ma.MaskedArray)
    assert not whole.mask.any()
    with pytest.raises(ParameterError, match="out cannot hold the mask"):
        fs.convolve(x, [1, 1], out=np.zeros(5, int))
    with pytest.raises(ParameterError, match="are missing"):
        fs.convolve(x, [1, 1], nan="raise")
    assert x.tolist() == [1, None, 3, 4]


def test_masks_of_other_shapes_and_kinds() -> None:
    x, w = np.arange(12.0).reshape(3, 4), np.ones((1, 2))
    column = fs.convolve(x, w, "same", mask=[[True], [False], [False]])
    assert np.isnan(column[0, 1:]).all()
    assert np.isfinite(column[1:]).all()
    np.testing.assert_array_equal(fs.convolve(x, w, mask=np.zeros((3, 4), int)), fs.convolve(x, w, nan="omit"))
    with pytest.raises(ShapeError, match="mask has shape"):
        fs.convolve(x, w, mask=np.zeros(5, bool))
    with pytest.raises(DtypeError, match="mask has dtype float64"):
        fs.convolve(x, w, mask=np.zeros((3, 4)))


def test_banks_batches_strides_and_out() -> None:
    rng = np.random.default_rng(7)
    x, bank = rng.normal(size=(1, 20)), rng.random((3, 4)) + 0.1
    there = holes(x, rng, 0.4)
    y = fs.convolve(x, bank, "same", axes=-1, mask=~there)
    for row, w in zip(y, bank, strict=True):
        np.testing.assert_allclose(row, quotient(brute(x[0], w, there[0], "same", "zero", False, 0)), rtol=1e-12)
    strided = fs.convolve(x, bank, "same", axes=-1, mask=~there, stride=3)
    np.testing.assert_allclose(strided, y[:, ::3], rtol=1e-12)
    out = np.zeros((3, 20))
    assert fs.convolve(x, bank, "same", axes=-1, mask=~there, out=out) is out
    np.testing.assert_array_equal(out, y)
    assert fs.convolve(np.zeros((0, 5)), [1.0, 2], axes=-1, nan="omit").shape == (0, 6)


def test_infinities_are_there() -> None:
    y = fs.convolve([1.0, np.inf, np.nan, 4.0, 5.0], [1, 1], "valid", nan="omit")
    assert y.tolist() == [np.inf, np.inf, 4.0, 4.5]


def test_series_with_gaps() -> None:
    pandas = pytest.importorskip("pandas")
    s = pandas.Series([1.0, np.nan, np.nan, np.nan, np.nan, np.nan, 3.0, 4.0], name="rate")
    y = fs.convolve(s, np.ones(3), "same", nan="omit", boundary="renormalize")
    pandas.testing.assert_series_equal(y, s.rolling(3, center=True, min_periods=1).mean())
    half = fs.convolve(s, np.ones(3), "same", nan="omit", boundary="renormalize", min_weight=0.6)
    pandas.testing.assert_series_equal(half, s.rolling(3, center=True, min_periods=2).mean())


def test_astropy() -> None:
    convolution = pytest.importorskip("astropy.convolution")
    from astropy.nddata import NDData
    from astropy.utils.masked import Masked

    rng = np.random.default_rng(8)
    x = rng.normal(size=(20, 21))
    x[rng.random(x.shape) < 0.2] = np.nan
    kernel = rng.random((5, 3)) + 0.1
    for boundary, ours in (("fill", "zero"), ("extend", "edge"), ("wrap", "wrap")):
        wanted = convolution.convolve(x, kernel, boundary=boundary, nan_treatment="interpolate", normalize_kernel=True)
        np.testing.assert_allclose(fs.convolve(x, kernel, "same", nan="omit", boundary=ours), wanted, rtol=1e-12)
    masked = fs.convolve(Masked(np.array([1.0, 99, 3]), mask=[0, 1, 0]), [1.0, 1])
    assert type(masked).__name__ == "MaskedNDArray"
    assert masked.mask.tolist() == [False, True, True, False]
    data = fs.convolve(NDData(np.array([1.0, 99, 3]), mask=np.array([False, True, False])), [1.0, 1])
    assert type(data) is NDData
    assert data.mask.tolist() == [False, True, True, False]
