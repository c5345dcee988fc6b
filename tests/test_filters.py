"""`fs.filters` and its taps, against scipy.ndimage, scipy.signal and plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
import scipy.signal as ss
from hypothesis import given
from hypothesis import strategies as st
from strategies import in_memory, values

import flipslide as fs
from flipslide.catalogue.refused import REFUSED
from flipslide.errors import FlipslideError, NotAConvolutionError, ParameterError

#: Our word for a boundary rule and scipy.ndimage's.
RULES = {"symmetric": "reflect", "edge": "nearest", "mirror": "mirror", "wrap": "wrap", "zero": "constant"}
RNG = np.random.default_rng(14)
FLOATS = ["float16", "float32", "float64", "longdouble", "complex64", "complex128"]


@st.composite
def pictures(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float64",), most_axes: int = 3) -> np.ndarray:
    shape = tuple(draw(st.lists(st.integers(1, 17), min_size=1, max_size=most_axes)))
    array: np.ndarray = draw(in_memory(draw(values(shape, draw(st.sampled_from(dtypes))))))
    return array


def close(y: np.ndarray, wanted: Any, x: np.ndarray, weight: float = 1.0) -> None:
    """As near as sums of float64 in another order are. `weight`: about what the magnitudes of the taps add up to."""
    np.testing.assert_allclose(y, wanted, rtol=1e-10, atol=1e-12 * (1 + np.abs(x).max(initial=0)) * weight)


# --------------------------------------------------------------------------- against SciPy


@given(pictures(), st.sampled_from([*RULES]), st.floats(0.2, 4), st.integers(0, 3), st.floats(1, 5))
def test_gaussian(x: np.ndarray, rule: str, sigma: float, order: int, truncate: float) -> None:
    y = fs.filters.gaussian(x, sigma, order=order, truncate=truncate, boundary=rule)
    # Each derivative of a Gaussian brings a factor of about 1/σ.
    weight = (1 + 1 / sigma) ** (order * x.ndim)
    close(y, ndi.gaussian_filter(x, sigma, order, mode=RULES[rule], truncate=truncate), x, weight)


@given(pictures(most_axes=2), st.data())
def test_gaussian_with_a_width_order_and_boundary_of_each_axis(x: np.ndarray, data: st.DataObject) -> None:
    each = st.tuples(st.sampled_from([0.0, 0.5, 1.3, 3.0]), st.integers(0, 2), st.sampled_from([*RULES]))
    entries = [data.draw(each) for _ in range(x.ndim)]
    sigmas, orders, rules = (tuple(column) for column in zip(*entries, strict=True))
    orders = tuple(n if s else 0 for n, s in zip(orders, sigmas, strict=True))
    y = fs.filters.gaussian(x, sigmas, order=orders, boundary=rules)
    close(y, ndi.gaussian_filter(x, sigmas, orders, mode=[RULES[rule] for rule in rules]), x)


def test_gaussian_of_wide_rows_goes_axis_by_axis_to_the_same_sums() -> None:
    x = RNG.normal(size=(20, 30, 4))
    for rule, mode in RULES.items():
        y = fs.filters.gaussian(x, (40, 35, 0), boundary=rule)
        close(y, ndi.gaussian_filter(x, (40, 35, 0), mode=mode), x)
    y = fs.filters.gaussian(x, (40, 35), axes=(0, 1), order=(0, 1), boundary="constant", fill_value=3.0)
    mixed = fs.filters.gaussian(x, (40, 35), axes=(0, 1), boundary=("constant", "edge"), fill_value=3.0)
    close(
        mixed,
        fs.convolve(x, fs.taps.gaussian((40, 35)), "same", axes=(0, 1), boundary=("constant", "edge"), fill_value=3.0),
        x,
    )
    w = fs.taps.gaussian((40, 35), order=(0, 1))
    close(y, fs.convolve(x, w, "same", axes=(0, 1), boundary="constant", fill_value=3.0, method="direct"), x)


def test_rows_may_be_wide_along_many_axes() -> None:
    x = RNG.normal(size=(3, 4, 5, 6))
    close(fs.filters.gaussian(x, 200), ndi.gaussian_filter(x, 200), x)
    np.testing.assert_array_equal(fs.filters.gaussian(x=x, sigma=1), fs.filters.gaussian(x, 1))


def test_spacing_is_the_unit_of_sigma_and_of_derivatives() -> None:
    x = RNG.normal(size=(12, 40))
    y = fs.filters.gaussian(x, (0.6, 0.3), spacing=(0.3, 0.1), order=(0, 1))
    close(y, ndi.gaussian_filter(x, (2, 3), (0, 1)) / 0.1, x)
    slope = fs.filters.gaussian(0.5 * np.arange(200), 1.0, order=1, spacing=0.25)
    np.testing.assert_allclose(slope[50:150], 2.0, rtol=1e-3)


@given(pictures(), st.sampled_from([*RULES]), st.integers(1, 8))
def test_box(x: np.ndarray, rule: str, size: int) -> None:
    close(fs.filters.box(x, size, boundary=rule), ndi.uniform_filter(x, size, mode=RULES[rule]), x)
    close(
        fs.filters.moving_average(x, size, axis=0, boundary=rule), ndi.uniform_filter1d(x, size, 0, mode=RULES[rule]), x
    )
    np.testing.assert_array_equal(fs.filters.local_mean(x, size), fs.filters.box(x, size))


@given(pictures(), st.sampled_from([*RULES]))
def test_edges(x: np.ndarray, rule: str) -> None:
    mode = RULES[rule]
    close(fs.filters.laplace(x, boundary=rule), ndi.laplace(x, mode=mode), x)
    close(fs.filters.gaussian_laplace(x, 1.2, boundary=rule), ndi.gaussian_laplace(x, 1.2, mode=mode), x)
    for axis in range(x.ndim):
        close(fs.filters.sobel(x, axis, boundary=rule), ndi.sobel(x, axis, mode=mode), x)
        close(fs.filters.prewitt(x, axis, boundary=rule), ndi.prewitt(x, axis, mode=mode), x)
    wanted = ndi.gaussian_gradient_magnitude(x, 1.5, mode=mode)
    close(fs.filters.gradient_magnitude(x, "gaussian", sigma=1.5, boundary=rule), wanted, x)
    wanted = ndi.generic_gradient_magnitude(x, ndi.sobel, mode=mode) / (2 * 4 ** (x.ndim - 1))
    close(fs.filters.gradient_magnitude(x, boundary=rule), wanted, x)


@given(pictures(), st.integers(1, 7), st.integers(0, 6), st.integers(0, 3), st.sampled_from([*RULES, "interp"]))
def test_savgol(x: np.ndarray, half: int, degree: int, deriv: int, rule: str) -> None:
    window = 2 * half + 1
    if degree >= window or (rule == "interp" and window > x.shape[-1]):
        with pytest.raises(ParameterError):
            fs.filters.savgol(x, window, degree, deriv=deriv, boundary="interp")
        return
    mode = (RULES | {"interp": "interp"})[rule]
    if rule == "symmetric":
        return  # SciPy has no such rule here
    y = fs.filters.savgol(x, window, degree, deriv=deriv, spacing=0.5, boundary=rule)
    wanted = ss.savgol_filter(x, window, degree, deriv, delta=0.5, mode=mode)
    scale = 1e-8 * 4**deriv * (1 + np.abs(x).max())
    np.testing.assert_allclose(y, wanted, rtol=1e-7, atol=scale)


@pytest.mark.parametrize("deriv", range(4))
def test_savgol_keeps_polynomials_up_to_its_ends(deriv: int) -> None:
    p = np.polynomial.Polynomial([3, -2, 0.5, 0.25])
    i = np.arange(30) * 0.1
    y = fs.filters.savgol(p(i), 9, 3, deriv=deriv, spacing=0.1)
    np.testing.assert_allclose(y, p.deriv(deriv)(i), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n", [21, 64, 101])
@pytest.mark.parametrize(
    ("kind", "edges", "passes"),
    [
        ("lowpass", (4000,), "lowpass"),
        ("highpass", (3000,), "highpass"),
        ("bandpass", (2000, 9000), "bandpass"),
        ("bandstop", (2000, 9000), "bandstop"),
    ],
)
def test_bands_are_those_of_firwin(kind: str, edges: tuple[int, ...], passes: str, n: int) -> None:
    make = getattr(fs.taps, kind)
    if n % 2 == 0 and kind in ("highpass", "bandstop"):
        with pytest.raises(ParameterError, match="odd"):
            make(*edges, 48000, taps=n)
        return
    w = make(*edges, 48000, taps=n, attenuation=70)
    cutoff = edges if len(edges) > 1 else edges[0]
    wanted = ss.firwin(n, cutoff, window=("kaiser", ss.kaiser_beta(70)), pass_zero=passes, fs=48000)
    np.testing.assert_allclose(w, wanted, rtol=0, atol=1e-13)
    f, h = ss.freqz(w, worN=256, fs=48000)
    response = fs.taps.frequency_response(w, 48000, count=256)
    np.testing.assert_allclose(response.frequency, f)
    np.testing.assert_allclose(response.value, h, atol=1e-12)
    np.testing.assert_allclose(fs.taps.frequency_response(w, 48000, at=f[3:9]).value, h[3:9], atol=1e-12)


@pytest.mark.parametrize("attenuation", [40, 60, 80, 100])
@pytest.mark.parametrize("cutoff", [0.02, 0.1, 0.31])
def test_a_band_keeps_and_stops_as_promised(cutoff: float, attenuation: int) -> None:
    width = min(cutoff, 0.5 - cutoff) / 2
    response = fs.taps.frequency_response(fs.taps.lowpass(cutoff, attenuation=attenuation), count=8192)
    stopped = response.decibels[response.frequency >= cutoff + width / 2]
    passed = response.value[response.frequency <= cutoff - width / 2]
    assert stopped.max() <= -attenuation + 1.5  # Kaiser's formula for β is good to about 1 dB
    assert np.abs(np.abs(passed) - 1).max() <= 2 * 10 ** ((-attenuation + 1.5) / 20)
    assert fs.taps.frequency_response(fs.taps.lowpass(cutoff), at=cutoff).decibels == pytest.approx(-6, abs=0.1)


def test_frequency_response_of_more_taps_than_frequencies() -> None:
    w = RNG.normal(size=77)
    np.testing.assert_allclose(fs.taps.frequency_response(w, count=8).value, ss.freqz(w, worN=8)[1])


@given(pictures(), st.integers(0, 5))
def test_fir_of_any_design(x: np.ndarray, half: int) -> None:
    b = ss.firwin(2 * half + 1, 0.3) if half else np.ones(1)
    for axis in range(x.ndim):
        y = fs.filters.fir(x, b, axis=axis)
        close(y, ndi.convolve1d(x, b, axis), x)
        late = fs.filters.fir(x, b, axis=axis, delay="keep", boundary="zero")
        close(late, ss.lfilter(b, 1, x, axis=axis), x)
        close(fs.filters.lfilter(2 * b, [2.0, 0.0], x, axis), late, x)


def test_filters_of_a_band_are_fir_with_its_taps() -> None:
    x = RNG.normal(size=(3, 500))
    for kind, edges in (("lowpass", (40,)), ("highpass", (40,)), ("bandpass", (30, 60)), ("bandstop", (30, 60))):
        for delay in ("compensate", "keep"):
            y = getattr(fs.filters, kind)(x, *edges, 250, taps=31, delay=delay)
            w = getattr(fs.taps, kind)(*edges, 250, taps=31)
            np.testing.assert_array_equal(y, fs.filters.fir(x, w, delay=delay))
        y = getattr(fs.filters, kind)(x.T, *edges, 250, axis=0)
        np.testing.assert_allclose(y.T, getattr(fs.filters, kind)(x, *edges, 250), atol=1e-12)


# -------------------------------------------------------------------- against plain loops


@given(pictures(("float64", "float32", "int16", "uint8", "bool"), 2), st.integers(1, 5), st.sampled_from([*RULES]))
def test_local_std(x: np.ndarray, size: int, rule: str) -> None:
    wide = np.asarray(x, np.float64)
    pads = [(size // 2, size - 1 - size // 2)] * x.ndim
    windows = np.lib.stride_tricks.sliding_window_view(fs.pad(wide, tuple(pads), rule), (size,) * x.ndim)
    wanted = windows.std(axis=tuple(range(x.ndim, 2 * x.ndim)))
    y = fs.filters.local_std(x, size, boundary=rule)
    tolerance = 1e-7 if y.dtype == np.float64 else 1e-3
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance * (1 + np.abs(wide).max()))


def test_a_flat_window_has_no_spread() -> None:
    x = np.full(40, 1e6) + np.pi
    x[20:] += 3
    y = fs.filters.local_std(x, 5)
    assert not y[:18].any()
    assert not y[22:].any()
    assert (y[18:22] > 1).all()


def test_gabor_is_convolution_with_its_taps() -> None:
    x = RNG.normal(size=(24, 31))
    w = fs.taps.gabor(0.2, 30, sigma=(2, 3))
    wanted = ndi.convolve(x, w.real) + 1j * ndi.convolve(x, w.imag)
    close(fs.filters.gabor(x, 0.2, 30, sigma=(2, 3)), wanted, x)
    bank = fs.filters.gabor_bank(x, [0.1, 0.3], [0, 45, 90])
    for i, frequency in enumerate([0.1, 0.3]):
        for k, angle in enumerate([0, 45, 90]):
            close(bank[i, k], fs.filters.gabor(x, frequency, angle), x)
    turned = fs.filters.gabor_bank(x.T, [0.1, 0.3], [0, 45, 90], axes=(1, 0))
    np.testing.assert_allclose(turned, bank.swapaxes(-1, -2), atol=1e-10)


def test_gabor_of_scikit_image() -> None:
    kernels = pytest.importorskip("skimage.filters")
    for frequency, angle in ((0.1, 0.0), (0.25, 30.0), (0.4, 120.0)):
        wanted = kernels.gabor_kernel(frequency, np.radians(angle), sigma_x=2.0, sigma_y=3.0)
        w = fs.taps.gabor(frequency, angle, sigma=(2.0, 3.0))
        np.testing.assert_allclose(w, wanted, atol=1e-12)
        np.testing.assert_allclose(
            fs.taps.gabor(frequency, angle), kernels.gabor_kernel(frequency, np.radians(angle)), atol=1e-12
        )


def test_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.filters")
    x = RNG.random((30, 41))
    close(fs.filters.gaussian(x, 2, boundary="edge"), skimage.gaussian(x, 2), x)
    close(fs.filters.dog(x, 1, 3, boundary="edge"), skimage.difference_of_gaussians(x, 1, 3), x)
    close(fs.filters.dog(x, 1, boundary="edge"), skimage.difference_of_gaussians(x, 1), x)
    wanted = skimage.unsharp_mask(np.float64(x), radius=2, amount=1.5) if x.max() <= 1 else None
    close(np.clip(fs.filters.sharpen(x, 2, 1.5), 0, 1), wanted, x)
    for kind in ("sobel", "scharr", "prewitt"):
        y = fs.filters.gradient_magnitude(x, kind)
        close(2 * y / np.sqrt(2), getattr(skimage, kind)(x), x)
    color = RNG.random((20, 21, 3))
    close(
        fs.filters.gaussian(color, 1.5, axes=(0, 1), boundary="edge"), skimage.gaussian(color, 1.5, channel_axis=-1), x
    )


# ------------------------------------------------------------------------------------ laws

AVERAGES: dict[str, Any] = {
    "gaussian": lambda x, **how: fs.filters.gaussian(x, 1.7, **how),
    "wide gaussian": lambda x, **how: fs.filters.gaussian(x, 30, **how),
    "box": lambda x, **how: fs.filters.box(x, 3, **how),
    "moving average": lambda x, **how: fs.filters.moving_average(x, 7, **how),
    "local mean": lambda x, **how: fs.filters.local_mean(x, (2, 5), **how),
    "sharpen": lambda x, **how: fs.filters.sharpen(x, 2, 0.7, **how),
    "savgol": lambda x, **how: fs.filters.savgol(x, 7, 3, **how),
    "lowpass": lambda x, **how: fs.filters.lowpass(x, 0.1, **how),
    "bandstop": lambda x, **how: fs.filters.bandstop(x, 0.1, 0.3, **how),
}


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("dtype", [*FLOATS, "uint8", "int16", "int64"])
def test_flat_stays_flat_to_the_last_bit(name: str, dtype: str) -> None:
    for rule in ("symmetric", "edge", "mirror", "wrap"):
        if dtype == "longdouble" and (name == "wide gaussian" or rule != "edge"):
            continue  # the slow path sums the same, tap by tap
        for c in (0.1, 7, 1 / 3, 255, 1e-3, 12345.678):
            x = np.full((19, 23), np.clip(c, 0, 255) if dtype == "uint8" else c).astype(dtype)
            y = AVERAGES[name](x, boundary=rule)
            np.testing.assert_array_equal(y, x)
            assert y.dtype == (np.float64 if x.dtype.kind in "iu" else x.dtype)


def test_flat_rows_of_a_batch_stay_flat() -> None:
    x = RNG.normal(size=(5, 40))
    x[[1, 4]] = [[0.1], [np.pi]]
    y = fs.filters.lowpass(x, 0.1)
    np.testing.assert_array_equal(y[[1, 4]], x[[1, 4]])
    assert (y[[0, 2, 3]] != x[[0, 2, 3]]).all()


@given(
    st.lists(st.floats(0.001, 1000), min_size=1, max_size=60),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from([np.abs, lambda w: np.concatenate([w, w[::-1]]), lambda w: np.concatenate([w, [1.0], w[::-1]])]),
)
def test_unit_sum_is_1_in_any_order(taps: list[float], dtype: str, form: Any) -> None:
    given_taps = form(np.array(taps))
    w = fs.taps.unit_sum(given_taps, dtype)
    assert w.dtype == dtype
    for order in (w, w[::-1], RNG.permutation(w), np.sort(w)):
        total = np.dtype(dtype).type(0)
        for tap in order:
            total = total + tap
        assert total == 1
    unit = np.finfo(dtype).epsneg
    assert np.abs(w - given_taps / given_taps.sum()).max() <= (len(w) / 2 + 1) * unit


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0, 30.0, 50.0, 77.7])
def test_gaussian_taps_sum_to_1(sigma: float) -> None:
    w = fs.taps.gaussian(sigma, ndim=1)
    assert w.sum() == 1
    np.testing.assert_array_equal(w, w[::-1])
    assert fs.taps.unit_sum(w, np.float32).sum() == 1


@pytest.mark.parametrize("name", ["gaussian", "box", "sharpen", "lowpass", "savgol", "dog", "gaussian_laplace"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128", "longdouble"])
def test_floats_keep_their_dtype(name: str, dtype: str) -> None:
    words = {"lowpass": (0.2,), "savgol": (5, 2)}.get(name, ())
    x = RNG.normal(size=(12, 13))
    y = getattr(fs.filters, name)(x.astype(dtype), *words)
    assert y.dtype == dtype
    tolerance = {"float16": 1e-2, "float32": 1e-5, "complex64": 1e-5}.get(dtype, 1e-12)
    np.testing.assert_allclose(
        y, getattr(fs.filters, name)(x.astype(dtype).astype(complex).real, *words), atol=tolerance
    )


@given(pictures(("uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64", "bool"), 2))
def test_integers_are_exact_or_float64(x: np.ndarray) -> None:
    wanted = np.int32 if x.dtype.itemsize < 4 else np.int64
    for y, exact in (
        (fs.filters.laplace(x), ndi.laplace(x.astype(np.int64))),
        (fs.filters.sobel(x, 0), ndi.sobel(x.astype(np.int64), 0)),
        (fs.filters.prewitt(x), ndi.prewitt(x.astype(np.int64))),
    ):
        np.testing.assert_array_equal(y, exact)
        assert y.dtype == wanted
    assert fs.filters.gaussian(x).dtype == np.float64
    assert fs.filters.gaussian(x, dtype=np.float32).dtype == np.float32
    assert fs.filters.sobel(x, dtype=np.float32).dtype == np.float32
    close(fs.filters.box(x, 3), ndi.uniform_filter(x.astype(np.float64), 3), x)


def test_extreme_integers() -> None:
    x = np.array([[255, 0, 255], [0, 255, 0], [255, 0, 0]], np.uint8)
    np.testing.assert_array_equal(fs.filters.laplace(x), ndi.laplace(x.astype(int)))
    x = np.array([2**31 - 1, -(2**31), 2**31 - 1], np.int32)
    np.testing.assert_array_equal(fs.filters.laplace(x), ndi.laplace(x.astype(np.int64)))
    np.testing.assert_array_equal(fs.filters.box(x, 3), np.array([(2**31 - 1) * 2 - 2**31, 2**31 - 2, 2**31 - 2]) / 3)
    for huge in (np.array([2**63 - 1, 0], np.int64), np.array([2**63, 1], np.uint64)):
        with pytest.raises(OverflowError):
            fs.filters.laplace(huge)


@pytest.mark.parametrize("name", ["gaussian", "box", "sharpen", "lowpass", "sobel", "local_std", "savgol"])
def test_nothing_at_all(name: str) -> None:
    words = {"lowpass": (0.2,), "savgol": (5, 2)}.get(name, ())
    for shape in ((0,), (3, 0), (0, 7)):
        for how in ({"boundary": "zero"}, {} if name != "savgol" else {"boundary": "mirror"}):
            assert getattr(fs.filters, name)(np.zeros(shape), *words, **how).shape == shape
    with pytest.raises(FlipslideError):
        getattr(fs.filters, name)(np.float64(3), *words)


def test_nan_stays_in_its_windows() -> None:
    x = RNG.normal(size=(40, 41))
    x[20, 20] = np.nan
    for name, reach in (("gaussian", 4), ("box", 1), ("sobel", 1), ("local_std", 1)):
        y = getattr(fs.filters, name)(x)
        bad = np.isnan(y)
        assert bad[20, 21]
        bad[20 - reach : 21 + reach, 20 - reach : 21 + reach] = False
        assert not bad.any(), name


def test_arguments_are_left_alone_and_memory_may_be_any() -> None:
    x = RNG.normal(size=(9, 12))
    x.flags.writeable = False
    kept = x.copy()
    for name in ("gaussian", "box", "sharpen", "dog", "sobel", "local_std", "gradient_magnitude"):
        y = getattr(fs.filters, name)(x[::-1, ::2])
        np.testing.assert_array_equal(y, getattr(fs.filters, name)(x[::-1, ::2].copy()))
    np.testing.assert_array_equal(x, kept)
    assert fs.filters.gaussian(x, 0) is not x


def test_labels_stay() -> None:
    xarray = pytest.importorskip("xarray")
    pandas = pytest.importorskip("pandas")
    x = xarray.DataArray(RNG.normal(size=(4, 30)), dims=("channel", "time"), coords={"time": np.arange(30) / 250})
    y = fs.filters.lowpass(x, 30, 250, axis="time")
    assert y.dims == x.dims
    np.testing.assert_array_equal(y, fs.filters.lowpass(x.data, 30, 250))
    np.testing.assert_array_equal(y.time, x.time)
    np.testing.assert_array_equal(fs.filters.gaussian(x, 1, axes="channel"), fs.filters.gaussian(x.data, 1, axes=0))
    series = pandas.Series(RNG.normal(size=20), index=np.arange(100, 120))
    assert (fs.filters.moving_average(series, 5).index == series.index).all()


# ---------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: fs.filters.gaussian(x, -1), "sigma 0 or more"),
        (lambda x: fs.filters.gaussian(x, "wide"), "'wide'"),
        (lambda x: fs.filters.gaussian(x, (1, 2, 3)), "3 entries for 2 axes"),
        (lambda x: fs.filters.gaussian(x, (0, 1), order=1), "sigma above 0"),
        (lambda x: fs.filters.gaussian(x, 1, boundary="reflect"), "two things"),
        (lambda x: fs.filters.gaussian(x, 1, dtype=np.uint8), "round"),
        (lambda x: fs.filters.gaussian(x, 1, axes=5), "axis 5"),
        (lambda x: fs.filters.box(x, 0), "at least 1"),
        (lambda x: fs.filters.dog(x, 2, 1), "high=1"),
        (lambda x: fs.filters.savgol(x, 4, 2), "use 5 or 3"),
        (lambda x: fs.filters.savgol(x, 5, 5), "polyorder=5"),
        (lambda x: fs.filters.savgol(x, 99, 5), "window=99"),
        (lambda x: fs.filters.lowpass(x, 4000), "give rate="),
        (lambda x: fs.filters.lowpass(x, 4000, 6000), "rate/2 = 3000"),
        (lambda x: fs.filters.lowpass(x, 0, 6000), "cutoff above 0"),
        (lambda x: fs.filters.bandpass(x, 0.3, 0.2), "rising"),
        (lambda x: fs.filters.fir(x, [1, 2, 3]), "linear phase"),
        (lambda x: fs.filters.fir(x, [1, 1]), "half a sample"),
        (lambda x: fs.filters.fir(x, [[1, 1]]), "one row"),
        (lambda x: fs.filters.fir(x, [1], delay="none"), "'none'"),
        (lambda x: fs.filters.fir(x, [1.0], axis=(0, 1)), "one axis"),
        (lambda x: fs.filters.gradient_magnitude(x, "canny"), "'canny'"),
        (lambda x: fs.filters.local_std(x, 3, ddof=9), "ddof=9"),
        (lambda x: fs.filters.gabor(x[0], 0.1), "two axes"),
        (lambda x: fs.filters.gabor(x, 0.7), "0.5 cycles"),
        (lambda x: fs.taps.unit_sum([1, -1]), "no multiple"),
    ],
)
def test_errors_say_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(FlipslideError, match=r".+") as caught:
        call(np.zeros((7, 9)))
    assert words in str(caught.value)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_convolution_is_refused_by_name(name: str) -> None:
    with pytest.raises(NotAConvolutionError, match=r"use ") as caught:
        getattr(fs.filters, name)
    assert str(caught.value).startswith(name)
    assert not hasattr(fs.filters, name)


def test_recursion_is_refused_and_other_names_are_unknown() -> None:
    with pytest.raises(NotAConvolutionError, match="sosfilt"):
        fs.filters.lfilter([1.0], [1.0, -0.5], np.zeros(5))
    with pytest.raises(AttributeError, match="did you mean 'gaussian'"):
        fs.filters.gaussin  # noqa: B018
    with pytest.raises(TypeError, match="edges_by"):
        fs.filters.gaussian([1.0], edges_by="edge")


def test_local_std_of_objects_is_that_of_doubles() -> None:
    x = [3, 1, 4, 1, 5, 9, 2, 6]
    np.testing.assert_allclose(fs.filters.local_std(np.array(x, object), 3).astype(float), fs.filters.local_std(x, 3))
