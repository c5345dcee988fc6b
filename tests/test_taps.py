"""The names and the grammar of `flipslide.taps`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import windows

import flipslide as fs
from flipslide.errors import ParameterError
from flipslide.taps import CATALOGUE, parse

ONE_ROW = ("bandpass", "bandstop", "blackman", "hamming", "hann", "highpass", "lowpass", "savgol")
WHOLE = ("laplacian", "prewitt", "scharr", "sharpen", "sobel")


@pytest.mark.parametrize(
    ("text", "taps"),
    [
        ("1,-1,2", [1, -1, 2]),
        (" -1, 1 ,2 ", [-1, 1, 2]),
        ("1 -1 2", [1, -1, 2]),
        ("7", [7]),
        ("0,-1,0; -1,5,-1; 0,-1,0", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("1;2;3", [[1], [2], [3]]),
        ("1/4,1/2,1/4", [0.25, 0.5, 0.25]),
        ("1,.5,1e-2", [1, 0.5, 0.01]),
        ("1+2j,3", [1 + 2j, 3]),
    ],
)
def test_numbers(text: str, taps: list[object]) -> None:
    got = parse(text)
    np.testing.assert_array_equal(got, np.array(taps))
    assert got.dtype == np.array(taps).dtype


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("", "empty"),
        ("1,,2", "''"),
        ("1,x,2", "'x'"),
        ("1/0", "'1/0'"),
        ("1,2;3", "row 2 has 1 numbers"),
        ("1,2;;3,4", "row 2 is empty"),
        ("gaus:1", "'gaus'"),
        ("hann:0", "at least one tap"),
        ("gaussian:sgma=1", "'sgma=1'"),
        ("gaussian:sigma=wide", "'wide'"),
        ("gaussian:sigma=", "'sigma='"),
        ("gaussian:1,sigma=2", "given already"),
        ("gaussian:0", "sigma above 0"),
        ("gaussian:inf", "sigma above 0"),
        ("gaussian:1e308", "sigma above 0"),
        ("gaussian:1,ndim=0", "at least one tap"),
        ("99999999999999999999,1", "64 bits"),
        ("sobel:z", "'z'"),
        ("sharpen:2", "no parameters"),
        ("box:0x3", "0x3"),
        ("box:100000x100000", "more than"),
        ("motion:len=0", "len=0"),
        ("@k.csv", "'@k.csv'"),
    ],
)
def test_errors_name_what_was_not_understood(text: str, culprit: str) -> None:
    with pytest.raises(ParameterError, match=r".+") as caught:
        parse(text)
    assert culprit in str(caught.value)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_example_of_the_catalogue_parses(name: str) -> None:
    taps = parse(CATALOGUE[name].example)
    assert taps.ndim == (1 if name in ONE_ROW else 2)
    assert taps.dtype.kind == ("i" if name in WHOLE else "c" if name == "gabor" else "f")


@pytest.mark.parametrize(
    "text", ["box:5x5", "box:7", "gaussian:1.5", "gaussian:sigma=2,ndim=1", "sharpen", "motion:len=15,angle=30"]
)
def test_smoothing_and_sharpening_keep_a_flat_signal(text: str) -> None:
    assert parse(text).sum() == pytest.approx(1, abs=1e-14)


def test_sizes() -> None:
    assert parse("box:5x3").shape == (5, 3)
    assert parse("box:7").shape == (7,)
    assert parse("gaussian:sigma=1.5").shape == (13, 13)
    assert parse("gaussian:sigma=1.5,ndim=1").shape == (13,)
    assert parse("gaussian:sigma=1,ndim=3,radius=1").shape == (3, 3, 3)


def test_gaussian_has_its_standard_deviation() -> None:
    taps = fs.taps.gaussian(1.5, ndim=1)
    i = np.arange(taps.size) - taps.size // 2
    assert np.sqrt(taps @ i**2) == pytest.approx(1.5, rel=1e-3)


def test_convolving_with_sobel_gives_the_slope_with_its_sign() -> None:
    ramp = np.add.outer(10 * np.arange(5), np.arange(5))
    np.testing.assert_array_equal(fs.convolve(ramp, parse("sobel:x"), "valid"), np.full((3, 3), 8))
    np.testing.assert_array_equal(fs.convolve(ramp, parse("sobel:y"), "valid"), np.full((3, 3), 80))


def test_laplacian_of_a_parabola_is_constant() -> None:
    i = np.arange(6)
    parabola = np.add.outer(i**2, 3 * i**2)
    np.testing.assert_array_equal(fs.convolve(parabola, parse("laplacian"), "valid"), np.full((4, 4), 8))


def test_motion_along_an_axis_is_a_box() -> None:
    np.testing.assert_allclose(parse("motion:len=5"), np.full((1, 5), 0.2))
    np.testing.assert_allclose(parse("motion:len=5,angle=90"), np.full((5, 1), 0.2), atol=1e-15)


def test_motion_rises_to_the_right_at_45_degrees() -> None:
    taps = parse("motion:len=9,angle=45")
    np.testing.assert_allclose(taps, taps[::-1, ::-1], atol=1e-15)
    assert taps[0, -1] > 0
    assert taps[0, 0] == 0


def test_names_that_are_no_taps_are_refused_with_where_to_go() -> None:
    with pytest.raises(fs.NotAConvolutionError, match="scipy.ndimage.median_filter"):
        parse("median:3")


def test_names_take_rate_and_axes_from_what_is_convolved() -> None:
    np.testing.assert_array_equal(parse("lowpass:4000", rate=48000), fs.taps.lowpass(4000, 48000))
    np.testing.assert_array_equal(parse("lowpass:0.1,rate=1", rate=48000), fs.taps.lowpass(0.1))
    assert parse("gaussian:3", ndim=1).shape == (25,)
    assert parse("gaussian:3,ndim=2", ndim=1).shape == (25, 25)
    assert parse("gaussian:1x2", ndim=1).shape == (9, 17)
    assert parse("sobel", ndim=1).shape == (3, 3)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman"])
def test_windows_sum_to_1_and_are_those_of_scipy(name: str) -> None:
    for size in (1, 2, 9, 30):
        w = getattr(fs.taps, name)(size)
        assert w.shape == (size,)
        assert w.sum() == 1
        full = getattr(windows, name)(size if name == "hamming" else size + 2)
        trimmed = full if name == "hamming" else full[1:-1]
        np.testing.assert_allclose(w, trimmed / trimmed.sum(), atol=1e-15)
