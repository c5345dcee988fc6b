"""Zeros between samples, none of which is multiplied."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from checks import assert_is_definition
from hypothesis import given
from hypothesis import strategies as st
from strategies import COMPILED, Call, calls

import flipslide as fs
from flipslide import definition
from flipslide.errors import FlipslideError, ParameterError, ShapeError
from flipslide.spec import ConvSpec


@given(calls(COMPILED), st.lists(st.integers(1, 4), min_size=3, max_size=3), st.booleans())
def test_it_is_the_definitions_sum(call: Call, ups: list[int], correlated: bool) -> None:
    words = call.keywords | {"upsample": tuple(ups[: len(call.keywords["axes"])])}
    if words["mode"] == "valid":
        words["mode"] = "full"
    spec = ConvSpec.of(call.x.shape, call.w.shape, correlate=correlated, **words)
    y = (fs.correlate if correlated else fs.convolve)(call.x, call.w, **words)
    exact = definition.apply(spec, call.x, call.w)
    assert y.shape == spec.y_shape
    if y.dtype.kind in "iu":
        np.testing.assert_array_equal(y.astype(object), exact)
    elif y.dtype.kind == "b":
        np.testing.assert_array_equal(y, exact != 0)
    else:
        assert_is_definition(y, spec, call.x, call.w)


@pytest.mark.parametrize("mode", ["full", "same", "valid", (-3, 20)])
def test_it_is_the_sum_over_an_array_with_zeros(mode: Any) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (7, 5)), rng.integers(-9, 9, (4, 3))
    wide = np.zeros((19, 9), int)
    wide[::3, ::2] = x
    for stride in (1, 2, 3):
        for dilation in (1, 2):
            words: dict[str, Any] = dict(stride=stride, dilation=dilation)
            ours = fs.convolve(x, w, mode, upsample=(3, 2), **words)
            np.testing.assert_array_equal(ours, fs.convolve(wide, w, mode, **words))
            if isinstance(mode, str):
                assert ours.shape == fs.output_shape(x.shape, w.shape, mode=mode, upsample=(3, 2), **words)


@pytest.mark.parametrize("rates", [(1, 1), (2, 1), (3, 2), (4, 6), (5, 3)])
@pytest.mark.parametrize("boundary", ["zero", "mirror", "smooth"])
def test_it_is_upfirdn(rates: tuple[int, int], boundary: str) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((3, 20)), rng.standard_normal(11)
    ours = fs.convolve(x, w, upsample=rates[0], stride=rates[1], boundary=boundary)
    np.testing.assert_allclose(ours, fs.upfirdn(x, w, *rates, boundary=boundary), atol=1e-9)


@given(calls(("float64",)), st.integers(2, 3))
def test_gradients_are_adjoint(call: Call, up: int) -> None:
    words = call.keywords | {"upsample": up, "fill_value": 0}
    if words["mode"] == "valid":
        words["mode"] = "full"
    y = fs.convolve(call.x, call.w, **words)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    dx, dw = fs.convolve_grads(dy, call.x, call.w, **words)
    assert (dx.shape, dw.shape) == (call.x.shape, call.w.shape)
    size = 1 + float(np.abs(dy).sum() * np.abs(call.w).sum() * np.abs(call.x).max(initial=0))
    np.testing.assert_allclose([np.vdot(dx, call.x), np.vdot(dw, call.w)], np.vdot(dy, y), rtol=1e-9, atol=1e-12 * size)


def test_it_goes_with_every_word_of_the_result() -> None:
    x, w = np.arange(6, dtype=np.uint8), np.array([0.5, 0.25, 0.25])
    want = fs.convolve(x, w, upsample=2)
    out = np.zeros(want.shape, np.uint8)
    words: dict[str, Any] = dict(upsample=2, rounding="half_even")
    assert fs.convolve(x, w, out=out, **words) is out
    np.testing.assert_array_equal(out, np.rint(want))
    np.testing.assert_array_equal(fs.convolve(x, w, dtype="u1", **words), out)
    y = np.arange(5.0)
    expected = fs.convolve(y, [1.0, 2.0], (0, 5), upsample=2)
    assert fs.convolve(y, [1.0, 2.0], (0, 5), upsample=2, out=y) is y
    np.testing.assert_array_equal(y, expected)
    gone = fs.convolve([1.0, np.nan, 3.0], [1.0, 1.0, 1.0], "same", upsample=2, nan="omit")
    np.testing.assert_allclose(gone, [1, 1, np.nan, 3, 3])
    assert fs.convolve(np.zeros(0), w, "same", upsample=3).shape == (0,)


def test_what_means_nothing_is_an_error() -> None:
    for up in (0, -1, 1.5, "2"):
        with pytest.raises(ParameterError, match="upsample must be"):
            fs.convolve([1.0, 2.0], [1.0], upsample=up)
    with pytest.raises(ShapeError, match="goes with mode="):
        fs.output_shape(5, 3, upsample=2)
    with pytest.raises(FlipslideError):
        fs.convolve([1.0, 2.0], [1.0], upsample=(2, 3))


@pytest.mark.slow
def test_no_zero_is_multiplied() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal(50_000), rng.standard_normal(1600)
    wide = np.zeros(8 * x.size - 7)
    wide[::8] = x

    def seconds(call: Any) -> float:
        call()
        begin = time.perf_counter()
        call()
        return time.perf_counter() - begin

    # An eighth of the products; the strided way of the outputs takes its share.
    ours = min(seconds(lambda: fs.convolve(x, w, upsample=8, method="direct")) for _ in range(3))
    theirs = min(seconds(lambda: fs.convolve(wide, w, method="direct")) for _ in range(3))
    assert ours < theirs / 2
