"""`fs.resample` and `fs.upfirdn` against the definition, scipy.signal, and what a low-pass promises."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
import pytest
import scipy.signal as ss
from hypothesis import given
from hypothesis import strategies as st
from strategies import in_memory, values

import flipslide as fs
from flipslide import definition
from flipslide.errors import FlipslideError
from flipslide.geometry import BOUNDARIES
from flipslide.resample import resample_taps
from flipslide.spec import Axis, ConvSpec

RNG = np.random.default_rng(3)


@st.composite
def signals(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float64",)) -> tuple[np.ndarray, int]:
    shape = tuple(draw(st.lists(st.integers(1, 5), max_size=2)))
    at = draw(st.integers(0, len(shape)))
    shape = (*shape[:at], draw(st.integers(1, 40)), *shape[at:])
    array: np.ndarray = draw(in_memory(draw(values(shape, draw(st.sampled_from(dtypes))))))
    return array, at


RATES = st.integers(1, 12)


@given(signals(), st.integers(1, 40), RATES, RATES)
def test_upfirdn_of_scipy(signal: tuple[np.ndarray, int], n_taps: int, up: int, down: int) -> None:
    x, axis = signal
    w = RNG.normal(size=n_taps)
    y = fs.upfirdn(x, w, up, down, axis=axis)
    wanted = ss.upfirdn(w, x, up, down, axis)
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y, wanted, rtol=1e-11, atol=1e-11 * (1 + np.abs(x).max()))


@pytest.mark.parametrize(("up", "down"), [(1, 2), (1, 7), (2, 3), (3, 2), (5, 4), (1, 40)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_many_taps_on_many_samples(up: int, down: int, dtype: str) -> None:
    rng = np.random.default_rng(up)
    x = (rng.normal(size=(20_000, 2)) + (1j * rng.normal(size=(20_000, 2)) if dtype == "complex64" else 0)).astype(
        dtype
    )
    w = fs.taps.lowpass(0.4 / max(up, down), taps=1201).astype(x.real.dtype)
    y = fs.upfirdn(x, w, up, down, axis=0)
    tolerance = 1e-11 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(y, ss.upfirdn(w, x, up, down, 0), atol=tolerance)
    x[5000, 1] = np.nan
    bad = np.isnan(fs.upfirdn(x, w, up, down, axis=0))
    assert not bad[:, 0].any()
    places = np.flatnonzero(bad[:, 1]) * down - 5000 * up
    assert 0 <= places.min() < down
    assert w.size - down <= places.max() < w.size


@given(
    signals(("int16", "float32", "complex64", "uint8")),
    st.lists(st.integers(-3, 3), min_size=1, max_size=20),
    RATES,
    RATES,
    st.sampled_from(BOUNDARIES),
)
def test_upfirdn_is_the_definition(
    signal: tuple[np.ndarray, int], taps: list[int], up: int, down: int, rule: str
) -> None:
    x, axis = np.moveaxis(*signal, -1).reshape(-1, signal[0].shape[signal[1]])[0], 0
    w = np.array(taps, np.int64)
    n = -(-((x.size - 1) * up + w.size) // down)
    place = Axis(x.size, w.size, n, 0, down, -1, up, rule, 0, 0, 0)
    spec = ConvSpec((place,), (), 1, 1, 1, fill=2 if rule == "constant" else 0)
    wanted = definition.apply(spec, x, w)
    y = fs.upfirdn(x, w, up, down, axis=axis, boundary=rule, fill_value=2 if rule == "constant" else 0)
    np.testing.assert_allclose(y, np.array(wanted, y.dtype), rtol=1e-5, atol=1e-4)
    if x.dtype.kind in "iu":
        np.testing.assert_array_equal(y, np.array(wanted, np.int64))


@given(signals(), RATES, RATES)
def test_resample_poly_with_the_same_taps(signal: tuple[np.ndarray, int], up: int, down: int) -> None:
    x, axis = signal
    common = gcd(up, down)
    half = 10 * max(up, down) // common
    w = ss.firwin(2 * half + 1, 1 / max(up // common, down // common, 1.0001), window=("kaiser", 5.0))
    y = fs.resample(x, up, down, axis=axis, taps=w, boundary="zero")
    wanted = ss.resample_poly(x, up, down, axis, window=w)
    assert y.shape == wanted.shape
    if up == down:
        return  # SciPy returns x as it is
    np.testing.assert_allclose(y, wanted, rtol=1e-10, atol=1e-10 * (1 + np.abs(x).max()))


@pytest.mark.parametrize(("up", "down"), [(160, 147), (147, 160), (2, 1), (1, 3), (3, 2), (441, 80), (1, 1), (6, 4)])
def test_a_wave_below_the_band_s_end_is_the_same_wave(up: int, down: int) -> None:
    n = 2000
    f = 0.4 * min(1, up / down)
    y = fs.resample(np.sin(2 * np.pi * f * np.arange(n) + 0.3), up, down)
    assert y.size == -(-n * up // down)
    wanted = np.sin(2 * np.pi * f * np.arange(y.size) * down / up + 0.3)
    edge = y.size // 4
    assert np.abs(y - wanted)[edge:-edge].max() < 5e-5


@pytest.mark.parametrize(("up", "down"), [(1, 2), (2, 3), (147, 160)])
@pytest.mark.parametrize("attenuation", [60.0, 100.0])
def test_what_the_new_rate_cannot_hold_is_gone(up: int, down: int, attenuation: float) -> None:
    n = 4000
    y = fs.resample(np.sin(2 * np.pi * 0.501 * up / down * np.arange(n)), up, down, attenuation=attenuation)
    edge = y.size // 4
    assert np.abs(y)[edge:-edge].max() < 2 * 10 ** (-attenuation / 20)


def test_the_low_pass_has_its_bands() -> None:
    for up, down in ((3, 2), (1, 4), (7, 8)):
        w = resample_taps(up, down, 90, 0.85)
        nyquist = 0.5 / max(up, down)
        stop = fs.taps.frequency_response(w, at=np.linspace(nyquist, 0.5, 4000)).decibels
        passed = fs.taps.frequency_response(w, at=np.linspace(0, 0.85 * nyquist, 400)).value
        assert stop.max() < -88
        assert np.abs(np.abs(passed) - 1).max() < 2 * 10 ** (-88 / 20)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int16", "uint8"])
def test_flat_stays_flat_to_the_last_bit(dtype: str) -> None:
    for rates in ((3, 2), (2, 3), (160, 147), (5, 1), (1, 5), (1, 1)):
        x = np.full((2, 90), 77 if dtype in ("int16", "uint8") else 0.1).astype(dtype)
        y = fs.resample(x, *rates)
        assert y.dtype == (np.float64 if x.dtype.kind in "iu" else x.dtype)
        np.testing.assert_array_equal(y, np.broadcast_to(x[:, :1], y.shape))


def test_there_and_back() -> None:
    x = np.convolve(RNG.normal(size=3000), fs.taps.lowpass(0.15), "same")
    back = fs.resample(fs.resample(x, 160, 147), 147, 160)
    np.testing.assert_allclose(back[300:2700], x[300:2700], atol=1e-3 * np.abs(x).max())


def test_integers_of_upfirdn_are_exact_or_refused() -> None:
    x = np.array([200, 100, 250], np.uint8)
    np.testing.assert_array_equal(fs.upfirdn(x, [1, 2, 1], 2, dtype=np.int32), ss.upfirdn([1, 2, 1], x.astype(int), 2))
    with pytest.raises(OverflowError):
        fs.upfirdn(x, np.array([1, 2, 1], np.uint8), 2)


def test_labels_threads_and_memory() -> None:
    xarray = pytest.importorskip("xarray")
    x = RNG.normal(size=(4, 3000))
    x.flags.writeable = False
    one, two = fs.resample(x, 160, 147, threads=1), fs.resample(x, 160, 147, threads=2)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(fs.resample(x.T[:, ::-1], 160, 147, axis=0), one.T[:, ::-1])
    named = xarray.DataArray(x, dims=("channel", "time"))
    np.testing.assert_array_equal(fs.resample(named, 160, 147, axis="time"), one)


def test_nothing_at_all() -> None:
    for shape, wanted in (((0,), (0,)), ((3, 0), (3, 0)), ((0, 7), (0, 14))):
        assert fs.resample(np.zeros(shape), 2, boundary="zero").shape == wanted
    assert fs.upfirdn(np.zeros(0), [1.0]).shape == (0,)


def test_nan_stays_in_its_windows() -> None:
    x = RNG.normal(size=2000)
    x[1000] = np.nan
    bad = np.flatnonzero(np.isnan(fs.resample(x, 3, 2)))
    reach = resample_taps(3, 2).size / 2 / 2
    assert 0 < bad.size <= 2 * reach + 1
    assert np.abs(bad - 1500).max() <= reach
    x, w = RNG.normal(size=60), RNG.normal(size=23)
    x[[20, 41]] = np.inf, np.nan
    y = fs.upfirdn(x, w, 5, 3)
    place = Axis(x.size, w.size, y.size, 0, 3, -1, 5, "zero", 0, 0, 0)
    wanted = np.array(definition.apply(ConvSpec((place,), (), 1, 1, 1), x, w), float)
    np.testing.assert_allclose(y, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: fs.resample(x, 0), "up must be at least 1"),
        (lambda x: fs.resample(x, 1.5), "integer"),
        (lambda x: fs.resample(x, 2, 3, passband=1.0), "between 0 and 1"),
        (lambda x: fs.resample(x, 2, 3, attenuation=1), "8 to 300"),
        (lambda x: fs.resample(x, 10_000_019, 10_000_079), "simpler ratio"),
        (lambda x: fs.resample(x, 2, axis=(0, 1)), "one axis"),
        (lambda x: fs.resample(x, 2, boundary="reflect"), "two things"),
        (lambda x: fs.resample(x, 2, fill_value=3), "goes with boundary='constant'"),
        (lambda x: fs.upfirdn(x, [[1, 2]]), "one row"),
        (lambda x: fs.upfirdn(x, [np.inf]), "finite"),
        (lambda x: fs.upfirdn(3.0, [1]), "single number"),
        (lambda x: fs.upfirdn(x, [1], axis=7), "axis 7"),
    ],
)
def test_errors_say_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(FlipslideError, match=r".+") as caught:
        call(np.zeros((3, 8)))
    assert words in str(caught.value)
