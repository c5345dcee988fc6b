"""Each output's error is small beside the samples that it sees, whatever stands elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

import flipslide as fs

RNG = np.random.default_rng(29)
TOLERANCE = {"float32": 2.0**-17, "float64": 2.0**-44, "complex64": 2.0**-17}


def nasty(n: int) -> Iterator[tuple[str, np.ndarray]]:
    t, noise = np.arange(n), RNG.standard_normal(n)
    click, sparse, deltas = noise * 1e-3, np.zeros(n), np.zeros(n)
    click[n // 3], sparse[n // 2 : n // 2 + 9], deltas[RNG.integers(0, n, 8)] = 1e6, 1, 1
    yield "noise", noise
    yield "click", click
    yield "decay", np.exp(-t / n * 60) * noise
    yield "ramp over sixty decades", 10.0 ** np.linspace(-30, 30, n)
    yield "sparse object", sparse
    yield "deltas", deltas
    yield "jumping levels", noise * 10.0 ** RNG.integers(-8, 8, n // 300 + 1).repeat(300)[:n]
    yield "step", np.where(t < n // 2, 1e-6, 1e4) * RNG.random(n)
    yield "sine and silence", np.where(t < n // 2, np.sin(t), 0)


def taps(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    yield RNG.standard_normal(shape)
    yield np.exp(-np.arange(math.prod(shape)) / math.prod(shape) * 9).reshape(shape)
    yield RNG.standard_normal(shape) * 10.0 ** RNG.integers(-6, 6, shape)


def largest_seen(x: np.ndarray, extents: tuple[int, ...], mode: str) -> np.ndarray:
    seen = np.abs(x).astype(float)
    for axis, n in enumerate(extents):
        if mode == "full":
            seen = np.pad(seen, [(n - 1,) * 2 if a == axis else (0, 0) for a in range(x.ndim)])
        seen = np.lib.stride_tricks.sliding_window_view(seen, n, axis=axis).max(-1)
    return seen


CASES = [
    ((4000,), (200,), "overlap"),
    ((9000,), (700,), "fft"),
    ((600,), (5,), "overlap"),
    ((90, 110), (9, 12), "overlap"),
    ((90, 100), (20, 16), "fft"),
    ((18, 20, 21), (4, 5, 6), "overlap"),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("shape", "extents", "method"), CASES)
def test_errors_are_local(shape: tuple[int, ...], extents: tuple[int, ...], method: str, dtype: str) -> None:
    found = 0
    for name, numbers in nasty(math.prod(shape)):
        x = numbers.reshape(shape).astype(dtype)
        for numbers in taps(extents):
            w = numbers.astype(dtype)
            for mode in (str(RNG.choice(["full", "valid"])),):
                wide = np.result_type(dtype, float)
                exact = fs.convolve(x.astype(wide), w.astype(wide), mode, accuracy="strict")
                allowed = TOLERANCE[dtype] * abs(w.astype(wide)).sum() * largest_seen(x, extents, mode)
                allowed += np.finfo(dtype).smallest_subnormal
                error = abs(fs.convolve(x, w, mode, method=method) - exact)
                assert np.all(error <= allowed), (name, mode, float(np.max(error / np.maximum(allowed, 1e-300))))
                found += int(np.sum(abs(fs.convolve(x, w, mode, method=method, accuracy="normwise") - exact) > allowed))
    assert found > 0  # "normwise" leaves some of them


@pytest.mark.parametrize("method", ["overlap", "fft", "auto"])
def test_beside_nothing_there_is_nothing(method: str) -> None:
    x = np.zeros(60_000, np.float32)
    x[30_000:30_050] = RNG.random(50)
    y = fs.convolve(x, RNG.random(400).astype("f4"), "valid", method=method)
    assert not y[:29_600].any()
    assert not y[30_051:].any()
    picture = np.zeros((200, 220))
    picture[90:95, 100:104] = 1
    z = fs.convolve(picture, RNG.standard_normal((30, 31)), method=method)
    z[90:125, 100:135] = 0
    assert not z.any()


def test_dilated_windows_see_their_own_samples() -> None:
    x = np.where(np.arange(4000) % 3 == 0, 1e9, 1e-3) * RNG.standard_normal(4000)
    w = RNG.standard_normal(40).astype(np.float32)
    x32 = x.astype(np.float32)
    exact = fs.convolve(x32.astype(float), w.astype(float), "valid", dilation=3, accuracy="strict")
    for method in ("overlap", "fft"):
        y = fs.convolve(x32, w, "valid", dilation=3, method=method)
        assert np.max(abs(y - exact)[1::3]) < 1e-3
        assert np.max(abs(y - exact)[2::3]) < 1e-3


def test_a_call_tells_how_many_outputs_were_summed_again() -> None:
    x, w = RNG.standard_normal(60_000).astype("f4"), RNG.standard_normal(400).astype("f4")
    fs.convolve(x, w, "valid", method="overlap")
    assert fs.outputs_redone() == 0
    x *= 1e-3
    x[30_000] = 1e6
    fs.convolve(x, w, "valid", method="overlap")
    assert 400 < fs.outputs_redone() < 10_000
    fs.convolve(x, w, "valid", method="direct")
    assert fs.outputs_redone() == 0
