"""Outputs that are known whatever a method rounds: derivatives of constants, and signs."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import FlipslideError

METHODS = ("direct", "gemm", "separable", "overlap", "fft", "reduction", "auto")
PADS = {"zero": "constant", "edge": "edge", "symmetric": "symmetric", "mirror": "reflect", "wrap": "wrap"}


def derivative(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> tuple[np.ndarray, list[int]]:
    """Taps that add up to zero, and the axes along which they do; none: only all of them together."""
    w = rng.normal(size=shape)
    long = [a for a, n in enumerate(shape) if n > 1]
    if kind == "odd along an axis":
        axis = int(rng.choice(long))
        return w - np.flip(w, axis), [axis]
    if kind == "odd":
        return w - np.flip(w), long if len(long) == 1 else []
    if kind == "product":
        axis = int(rng.choice(long))
        factors = [rng.normal(size=n) for n in shape]
        factors = [f - f[::-1] if a == axis else f + f[::-1] for a, f in enumerate(factors)]
        return functools.reduce(np.multiply, np.ix_(*factors)), [axis]
    w = rng.integers(-9, 9, shape).astype(float)  # no symmetry
    w.flat[0] -= w.sum()
    return w, long if len(long) == 1 else []


KINDS = ("odd along an axis", "odd", "product", "zero sum")


def steps(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise with stretches that are constant, all of them or along one axis."""
    x = rng.normal(size=shape)
    for _ in range(3):
        box = tuple(slice(*sorted(rng.choice(n + 1, 2, replace=False))) for n in shape)
        axis = int(rng.integers(len(shape) + 1))
        x[box] = rng.normal() if axis == len(shape) else x[box].take([0], axis)
    return x


def known_zeros(
    x: np.ndarray, extents: tuple[int, ...], axes: list[int], boundary: str, pads: list[tuple[int, int]], dilation: int
) -> np.ndarray:
    """Which windows of mode "full" are constant along one of the axes, or as a whole."""
    padded = np.pad(x, pads, PADS[boundary])
    spans = tuple(dilation * (n - 1) + 1 for n in extents)
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans)
    windows = windows[(..., *(slice(None, None, dilation) for _ in extents))]
    taps = tuple(range(x.ndim, 2 * x.ndim))
    first = (slice(None),) * x.ndim
    if not axes:
        return np.asarray((windows == windows[(*first, *(slice(0, 1) for _ in extents))]).all(taps))
    lines = [(windows == windows.take([0], x.ndim + axis)).all(taps) for axis in axes]
    return np.asarray(np.logical_or.reduce(lines))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_derivative_of_a_constant_is_zero(kind: str, method: str) -> None:
    rng, found, ran = np.random.default_rng(5), 0, 0
    shapes = [((400,), (3,)), ((700,), (40,)), ((30, 41), (3, 5)), ((50, 60), (1, 9)), ((14, 15, 16), (3, 1, 4))]
    for (shape, extents), dtype, boundary in itertools.product(shapes, ("f2", "f4", "f8"), PADS):
        x = steps(rng, shape).astype(dtype)
        w, axes = derivative(rng, extents, kind)
        if kind == "product" and dtype == "f2":  # factors that halves do not hold
            w = w.round()
        w, dilation = w.astype(dtype), int(rng.choice([1, 1, 2]))
        pads = [(dilation * (n - 1),) * 2 for n in extents]
        words: dict[str, Any] = {"boundary": boundary, "dilation": dilation, "method": method}
        try:
            y = fs.correlate(x, w, "full", threads=int(rng.integers(1, 3)), **words)
        except FlipslideError:
            continue
        ran += 1
        zeros = known_zeros(x, extents, axes, boundary, pads, dilation)
        assert not y[zeros].any(), (shape, extents, dtype, boundary, dilation, y[zeros])
        wide = fs.correlate(
            x.astype("f8"), w.astype("f8"), "full", boundary=boundary, dilation=dilation, method="direct"
        )
        reach = abs(w.astype("f8")).sum() * abs(x.astype("f8")).max()
        assert np.all(abs(y - wide) <= {"f2": 2.0**-9, "f4": 2.0**-17, "f8": 2.0**-44}[dtype] * reach)
        found += int(zeros.sum())
    assert ran == 0 or found > 500
    assert ran or method in ("separable", "gemm")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1"])
def test_long_signals_and_images(dtype: str) -> None:
    """Many tiles, threads, strides, views, and arrays whose last axis is no axis of the taps."""
    rng = np.random.default_rng(8)
    levels = np.repeat(rng.integers(0, 200, 300), rng.integers(1, 900, 300)).astype(dtype)
    w = rng.normal(size=25)
    w = (w - w[::-1]).astype("f4" if dtype == "u1" else dtype)
    zeros = known_zeros(levels, (25,), [0], "zero", [(0, 0)], 1)
    for x in (levels, np.repeat(levels, 2)[::2], levels[::-1].copy()[::-1]):
        for method in ("direct", "overlap", "fft"):
            for threads in (1, 2):
                assert not fs.correlate(x, w, "valid", method=method, threads=threads)[zeros].any()
        assert not fs.correlate(x, w, "valid", stride=3)[zeros[::3]].any()
    both = np.stack([levels, levels[::-1], levels], -1)
    y = fs.correlate(both, w, "valid", axes=0)
    assert not y[zeros, 0].any()
    assert not y[zeros[::-1], 1].any()
    photo = np.repeat(np.repeat(rng.integers(0, 255, (40, 50)), 13, 0), 9, 1).astype(dtype)
    edges = (np.float64([[0.1], [0.7], [0.2]]) * np.float64([-0.3, -0.1, 0, 0.1, 0.3])).astype(w.dtype)
    for taps, axes in ((edges, [1]), (edges.T, [0])):
        flat = known_zeros(photo, taps.shape, axes, "zero", [(0, 0)] * 2, 1)
        for method in ("direct", "separable", "overlap", "fft"):
            try:
                y = fs.correlate(photo, taps, "valid", method=method)
            except FlipslideError:
                continue
            assert not y[flat].any()
            assert y[~flat].any()


def test_not_a_number_is_no_constant() -> None:
    for value in (np.inf, np.nan):
        x = np.ones(300, "f4")
        x[100:160] = value
        for method in ("direct", "overlap", "fft"):
            y = fs.correlate(x, np.float32([1.7, 0.3, -0.3, -1.7]), "valid", method=method)
            assert not np.isfinite(y[97:160]).any()
            assert np.isnan(y[100:157]).all()
            assert not y[:97].any()
            assert not y[160:].any()


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("groups", [1, 4])
def test_layers(layout: str, groups: int) -> None:
    rng, bias = np.random.default_rng(3), np.float32([1, 0, -2, 5, 0, 0.5, 3, 2])
    for stride, dilation, taps in itertools.product((1, 2), (1, 2), ((3, 3), (1, 4), (5, 2))):
        w = rng.normal(size=(8, 4 // groups, *taps)).astype("f4")
        w = (w - w[..., ::-1]).astype("f4")
        w[3] = abs(w[3])
        x = np.broadcast_to(rng.normal(size=(2, 4, 20, 1)), (2, 4, 20, 24)).astype("f4")
        inside = x if layout == "channels_first" else np.moveaxis(x, 1, -1)
        y = fs.nn.conv(inside, w, bias, stride=stride, dilation=dilation, groups=groups, layout=layout)
        y = y if layout == "channels_first" else np.moveaxis(y, -1, 1)
        for k in (0, 1, 2, 4, 5, 6, 7):
            assert (y[:, k] == bias[k]).all(), (stride, dilation, taps, k)
        assert (y[:, 3] != bias[3]).all()


# ---------------------------------------------------------------------------------- signs


def sparse(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    x = rng.random(shape)
    if kind == "delta":
        x = np.zeros(shape)
        x[tuple(int(rng.integers(n)) for n in shape)] = 1
    elif kind == "few":
        x *= rng.random(shape) < 0.01
    elif kind == "wide":
        x = 10.0 ** rng.uniform(-12, 3, shape) * (rng.random(shape) < 0.5)
    return x


SIGNED = [
    ((6000,), (101,), "overlap"),
    ((9000,), (700,), "fft"),
    ((500,), (7,), "overlap"),
    ((90, 110), (9, 12), "overlap"),
    ((90, 100), (20, 16), "fft"),
    ((18, 20, 21), (4, 5, 6), "overlap"),
    ((18, 20, 21), (4, 5, 6), "fft"),
    ((200, 220), (31, 31), "auto"),
]


@pytest.mark.parametrize("kind", ["delta", "few", "wide", "dense"])
@pytest.mark.parametrize(("shape", "extents", "method"), SIGNED)
def test_sums_of_nothing_negative_are_not_negative(
    shape: tuple[int, ...], extents: tuple[int, ...], method: str, kind: str
) -> None:
    rng = np.random.default_rng(4)
    decay = np.exp(-9 * np.arange(np.prod(extents)) / np.prod(extents)).reshape(extents)
    found = 0
    for w, dtype, mode in itertools.product(
        (decay, sparse(rng, extents, "wide")), ("f2", "f4", "f8"), ("full", "valid")
    ):
        x = sparse(rng, shape, kind).astype(dtype)
        for threads in (1, 2):
            y = fs.convolve(x, w.astype(dtype), mode, method=method, threads=threads)
            assert not np.signbit(y[y != 0]).any(), (dtype, mode)
        sizes = [a + b - 1 for a, b in zip(shape, extents, strict=True)]
        axes = range(len(sizes))
        plain = np.fft.irfftn(np.fft.rfftn(x, sizes, axes) * np.fft.rfftn(w, sizes, axes), sizes, axes)
        found += int((plain < 0).sum())
    assert found > 0 or kind == "dense"  # what a transform leaves


def test_signs_of_sums_of_products() -> None:
    """Taps of rank two, which are applied axis by axis with products that are negative."""
    rng = np.random.default_rng(6)
    a, b = (np.exp(-(np.linspace(-3, 3, 63) ** 2) * width) for width in (0.7, 2.5))
    w = np.outer(a, a) - 0.9 * np.outer(b, b)
    w = np.maximum(w - w.min(), 0).astype("f4")
    for kind in ("delta", "few", "dense"):
        x = sparse(rng, (600, 700), kind).astype("f4")
        assert not (fs.convolve(x, w, "same") < 0).any()


def test_signs_of_layers() -> None:
    rng = np.random.default_rng(7)
    w = (rng.random((40, 32, 3, 3)) * (rng.random((40, 32, 3, 3)) < 0.1)).astype("f4")
    x = (rng.random((2, 32, 30, 31)) * (rng.random((2, 32, 30, 31)) < 0.01)).astype("f4")
    for method in ("auto", "winograd", "direct"):
        assert not (fs.nn.conv(x, w, padding=1, method=method) < 0).any()


def test_negative_numbers_stay() -> None:
    rng = np.random.default_rng(9)
    w = rng.random(300).astype("f4")
    for method in ("overlap", "fft"):
        x = -rng.random(4000).astype("f4")
        assert (fs.convolve(x, w, method=method) < 0).all()
        x = rng.random(4000).astype("f4")
        y = fs.correlate(x, w, "valid", method=method, boundary="constant", fill_value=0)
        below = fs.convolve(x, w, "full", method=method, boundary="constant", fill_value=-100)
        assert (y > 0).all()
        assert below[0] < 0


def test_depthwise_layers() -> None:
    rng = np.random.default_rng(2)
    w = rng.normal(size=(64, 1, 3, 5)).astype("f4")
    w = w - w[..., ::-1]
    x = np.repeat(rng.normal(size=(2, 64, 40, 1)), 40, -1).astype("f4")
    x[0, ..., 20:] += rng.normal(size=(64, 40, 20)).astype("f4")
    y = fs.nn.conv(x, w, groups=64)
    assert not y[1].any()
    assert not y[0, ..., :16].any()
    assert y[0, ..., 16:].all()
