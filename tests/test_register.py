"""Shifts between arrays: known ones, found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide.register import Part, _zncc
from flipslide.windows import Window

METHODS = ("phase", "zncc")


def scene(seed: int, shape: tuple[int, ...], blur: float = 1.5) -> np.ndarray:
    """The spectrum of noise that falls off as a Gaussian blur of so many samples makes it."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.fftn(rng.standard_normal(shape))
    for axis, n in enumerate(shape):
        fall = np.exp(-2 * (np.pi * np.fft.fftfreq(n) * blur) ** 2)
        spectrum *= fall.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return spectrum


def moved(spectrum: np.ndarray, shift: tuple[float, ...]) -> np.ndarray:
    phase = sum(
        s * np.fft.fftfreq(n).reshape([-1 if i == axis else 1 for i in range(spectrum.ndim)])
        for axis, (s, n) in enumerate(zip(shift, spectrum.shape, strict=True))
    )
    return np.fft.ifftn(spectrum * np.exp(-2j * np.pi * phase)).real


def pair(shift: tuple[float, ...], blur: float = 1.5, size: int = 200, crop: int = 60) -> tuple[np.ndarray, np.ndarray]:
    spectrum = scene(0, (size,) * len(shift), blur)
    inner = (slice(crop, size - crop),) * len(shift)
    return moved(spectrum, shift)[inner], moved(spectrum, (0.0,) * len(shift))[inner]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("blur", [1.0, 3.0, 8.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.4, -2.25), (-20.5, 11.0), (38.0, -30.25)])
def test_pictures(shift: tuple[float, float], blur: float, method: str) -> None:
    found = fs.shift_between(*pair(shift, blur), method=method)
    np.testing.assert_allclose(found.shift, shift, atol=0.06)
    assert found.overlap == pytest.approx(np.prod([(80 - abs(round(s))) / 80 for s in shift]), abs=0.02)
    assert found.height > 0.05
    assert found.ratio > 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(400,), (40, 40, 40)])
def test_other_numbers_of_axes(shape: tuple[int, ...], method: str) -> None:
    shift = (4.5, -3.0, 2.25)[: len(shape)]
    spectrum = scene(1, shape)
    inner = tuple(slice(n // 5, n - n // 5) for n in shape)
    found = fs.shift_between(moved(spectrum, shift)[inner], moved(spectrum, (0.0,) * len(shape))[inner], method=method)
    np.testing.assert_allclose(found.shift, shift, atol=0.1)


@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS))
def test_whole_shifts(seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (70, 60), dtype=np.uint8)
    row, column = rng.integers(0, 21, 2)
    x, y = base[10 : 10 + 40, 10 : 10 + 40], base[row : row + 40, column : column + 40]
    found = fs.shift_between(x, y, method=method, upsample=1)
    assert found.shift == (row - 10, column - 10)
    back = fs.shift_between(y, x, method=method, upsample=1)
    assert back.shift == (10 - row, 10 - column)


@pytest.mark.parametrize("method", METHODS)
def test_brightness_contrast_and_noise(method: str) -> None:
    x, y = pair((5.0, -7.5))
    noise = np.random.default_rng(2).standard_normal((2, 80, 80)) * x.std()
    found = fs.shift_between(1000 + 3 * x + noise[0], y + noise[1] * 0.5, method=method)
    np.testing.assert_allclose(found.shift, (5.0, -7.5), atol=0.25)


def test_masks() -> None:
    x, y = pair((6.0, -4.0))
    x, y = x.copy(), y.copy()
    mask, y_mask = np.zeros(x.shape, bool), np.zeros(y.shape, bool)
    mask[10:30, 20:60], y_mask[40:50] = True, True
    x[mask], y[y_mask] = 100, np.nan
    np.testing.assert_allclose(fs.shift_between(x, y, mask=mask, y_mask=y_mask).shift, (6, -4), atol=0.05)
    np.testing.assert_allclose(
        fs.shift_between(np.ma.array(x, mask=mask), np.ma.array(y, mask=y_mask)).shift, (6, -4), atol=0.05
    )


def test_sizes_may_differ() -> None:
    x, y = pair((0.0, 0.0))
    found = fs.shift_between(x, y[12:62, 7:50], method="zncc", upsample=1)
    assert found.shift == (12, 7)
    assert found.height == pytest.approx(1)
    assert found.overlap == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_batch(method: str) -> None:
    shifts = [(1.0, 2.0), (-3.5, 0.0), (0.0, 10.25)]
    pairs = [pair(shift) for shift in shifts]
    x, y = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    found = fs.shift_between(x, y, axes=(1, 2), method=method)
    assert found.height.shape == (3,)
    np.testing.assert_allclose(found.shift, shifts, atol=0.06)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_in_common_is_told_by_the_ratio(method: str) -> None:
    rng = np.random.default_rng(3)
    found = fs.shift_between(*rng.standard_normal((2, 60, 60)), method=method)
    same = fs.shift_between(*pair((3.0, 3.0)), method=method)
    assert found.ratio < 1.3 < same.ratio
    assert found.height < 0.6 < same.height or method == "phase"
    flat = fs.shift_between(np.ones((20, 20)), np.ones((20, 20)), method=method)
    assert flat.height == 0


def test_upsample_rounds() -> None:
    assert fs.shift_between(*pair((3.4, -2.25)), upsample=10).shift == (3.4, -2.2)


@pytest.mark.parametrize(
    "x, y, keywords, message",
    [
        ([1.0, 2.0], [1.0], {}, "one size"),
        ([1.0, 2.0], [[1.0, 2.0]], {}, "as many axes"),
        ([1.0, 2.0], [1.0, 2.0], dict(method="sift"), "method='sift'"),
        ([1.0, 2.0], [1.0, 2.0], dict(upsample=0), "at least 1"),
        ([1.0, np.nan], [1.0, 2.0], {}, "not finite"),
        ([[1.0], [2.0]], [[1.0]], dict(axes=1), "no pair"),
        ([], [], {}, "no pair"),
    ],
)
def test_refusals(x: Any, y: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(fs.FlipslideError, match=message):
        fs.shift_between(x, y, **keywords)


@pytest.mark.parametrize("kind", ["f", "c"])
@pytest.mark.parametrize(
    ("x_shape", "y_shape"), [((30,), (30,)), ((9, 12), (7, 15)), ((6, 5, 4), (5, 5, 6)), ((1, 8), (1, 8))]
)
def test_whole_arrays_are_arrays_with_nothing_missing(
    x_shape: tuple[int, ...], y_shape: tuple[int, ...], kind: str
) -> None:
    rng = np.random.default_rng(5)
    parts = [
        rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if kind == "c" else 0)
        for shape in (x_shape, y_shape)
    ]
    windows = [Window(-k - 1, n + k + 3) for n, k in zip(x_shape, y_shape, strict=True)]
    whole = _zncc(*(Part(a, None) for a in parts), windows, 1)
    seen = _zncc(*(Part(a, np.ones(a.shape, bool)) for a in parts), windows, 1)
    for one, other in zip(whole, seen, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.complex64])
@pytest.mark.parametrize("shape", [(40, 40), (37, 41), (40, 41), (37, 40)])
def test_height_is_the_share_of_the_spectrum_that_agrees(shape: tuple[int, int], dtype: type) -> None:
    x = (np.random.default_rng(3).random(shape) * 200).astype(dtype)
    found = fs.shift_between(x, x)
    assert found.shift == pytest.approx((0, 0), abs=1e-6)
    assert found.height == pytest.approx(1, abs=1e-5)
    assert found.ratio > 10


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (1, 3), (2, 2)])
def test_few_samples(shape: tuple[int, ...]) -> None:
    found = fs.shift_between(np.arange(np.prod(shape), dtype=float).reshape(shape), np.zeros(shape))
    assert np.isfinite(found.shift).all()
    assert found.height == pytest.approx(0, abs=1e-6)
