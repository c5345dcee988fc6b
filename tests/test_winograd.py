"""Layers by Winograd's tiles against sums in double precision: every path in and out, the bound, loud beside quiet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flipslide as fs

#: Relative to Σ|w|·max|x| over an output's own window: what the default keeps, on every output.
TAU = {"float32": 2.0**-17, "float64": 2.0**-44}


def exact(x: Any, w: Any, pad: int = 1, mode: str = "constant") -> Any:
    """Correlation of channels-first x by 3 x 3 taps in long double, and max|x| of each output's window."""
    x, w = np.asarray(x, "longdouble"), np.asarray(w, "longdouble")
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode)  # type: ignore[call-overload]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    y = np.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return y, np.abs(windows).max((1, 4, 5))[:, None]


def layer(channels: int, rows: int, columns: int, filters: int, dtype: str, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, channels, rows, columns)).astype(dtype)
    return x, rng.standard_normal((filters, channels, 3, 3)).astype(dtype)


def assert_within(y: Any, x: Any, w: Any, pad: int = 1, tolerance: float = 1.0) -> None:
    reference, largest = exact(x, w, pad)
    reach = np.abs(w.astype("longdouble")).sum((1, 2, 3))[:, None, None] * largest
    assert np.all(np.abs(y - reference) <= tolerance * TAU[str(y.dtype)] * reach)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 4, 7), (17, 9, 30, 33), (40, 20, 23, 70), (64, 7, 7, 260)])
@pytest.mark.parametrize("pad", [1, 2])
def test_is_the_layer(dtype: str, shape: tuple[int, int, int, int], pad: int) -> None:
    x, w = layer(*shape, dtype)
    bias = np.arange(shape[3]).astype(dtype)
    y = fs.nn.conv(x, w, bias, padding=pad, method="winograd")
    assert_within(y - bias[:, None, None], x, w, pad)
    np.testing.assert_array_equal(y, fs.nn.conv(x, w, bias, padding=pad, method="winograd", threads=1))


@pytest.mark.parametrize("boundary", ["zero", "constant", "edge", "symmetric", "mirror", "wrap"])
@pytest.mark.parametrize("conjugate", [fs.convolve, fs.correlate])
def test_every_boundary_flipped_or_not(boundary: str, conjugate: Any) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((37, 50)), rng.standard_normal((3, 3))
    keywords = {"boundary": boundary, "fill_value": 2.5 if boundary == "constant" else 0}
    y = conjugate(x, w, "full", method="winograd", **keywords)
    np.testing.assert_allclose(y, conjugate(x, w, "full", method="direct", **keywords), atol=1e-12)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("groups", [1, 2])
def test_layouts_strides_and_groups(layout: str, groups: int) -> None:
    x, w = layer(20, 13, 22, 36, "float32", 2)
    w = w[:, : 20 // groups]
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    keywords: dict[str, Any] = {"padding": 1, "groups": groups, "layout": layout}
    expected = fs.nn.conv(x.astype("f8"), w.astype("f8"), method="gemm", **keywords)
    for given in (x, x[:, ::-1][:, ::-1], np.asfortranarray(x), np.repeat(x, 2, axis=3)[:, :, :, ::2]):
        for taps in (w, np.asfortranarray(w)):
            y = fs.nn.conv(given, taps, method="winograd", **keywords)
            np.testing.assert_allclose(y, expected, atol=3e-4)
    half = fs.nn.conv(x.astype("f2"), w.astype("f2"), method="winograd", **keywords)
    np.testing.assert_allclose(half, expected, atol=0.3)


def test_errs_at_most_twice_as_much_as_direct() -> None:
    x, w = layer(64, 28, 28, 64, "float32", 3)
    reference, _ = exact(x, w)
    direct, tiles = (
        np.sqrt(np.mean((fs.nn.conv(x, w, padding=1, method=m) - reference) ** 2)) for m in ("gemm", "winograd")
    )
    assert tiles <= 2 * direct


@pytest.mark.parametrize("seed", range(3))
def test_loud_beside_quiet(seed: int) -> None:
    """A loud sample reaches its own windows alone, and windows of zeros give exact zeros."""
    x, w = layer(16, 24, 24, 32, "float32", seed)
    x *= np.float32(1e-6)
    x[:, 3, 11, 7] = 1e6
    x[:, :, 15:] = 0
    y = fs.nn.conv(x, w, padding=1, method="winograd")
    assert fs.outputs_redone() > 0
    assert_within(y, x, w)
    assert not y[:, :, 17:].any()
    loose = fs.nn.conv(x, w, padding=1, method="winograd", accuracy="normwise")
    reference, _ = exact(x, w)
    plan = fs.nn.plan(x.shape, w, padding=1, method="winograd")
    assert np.abs(loose - reference).max() <= plan.error_bound * np.abs(w).sum((1, 2, 3)).max() * np.abs(x).max()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_windows(bad: float) -> None:
    x, w = layer(8, 12, 21, 20, "float32", 5)
    x[1, 2, 6, 9] = bad
    y = fs.nn.conv(x, w, padding=1, method="winograd")
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(fs.nn.conv(x, w, padding=1, method="gemm")))
    assert (~np.isfinite(y)).sum() == 9 * 20


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e30])
@pytest.mark.parametrize("of", ["x", "w"])
def test_small_and_large_numbers(scale: float, of: str) -> None:
    x, w = layer(8, 12, 13, 20, "float32", 6)
    x, w = (x * np.float32(scale), w) if of == "x" else (x, w * np.float32(scale))
    y = fs.nn.conv(x, w, padding=1, method="winograd")
    expected = fs.nn.conv(x, w, padding=1, method="gemm")
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_a_plan_says_what_it_does() -> None:
    plan = fs.nn.plan((1, 64, 28, 28), (64, 64, 3, 3), padding=1, method="winograd")
    assert "products for each" in str(plan)
    assert plan.guarded == TAU["float32"]
    with pytest.raises(fs.ParameterError, match="output by output"):
        fs.nn.plan((1, 64, 28, 28), (64, 64, 3, 3), padding=1, method="winograd", accuracy="strict")
    with pytest.raises(fs.ParameterError, match="only for 3 by 3 taps"):
        fs.nn.plan((1, 4, 28, 28), (4, 4, 5, 5), method="winograd")
