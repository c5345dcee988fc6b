"""The stated bound at every scale: numbers near the ends of a type's range mean what they mean elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import flipslide as fs
from flipslide.methods import COMPILED

RNG = np.random.default_rng(17)
DIRECT = {method.name for method in COMPILED.values() if not method.transforms}
#: Exponents of x, each with that of w for sums near the least and the greatest normal number, and in between.
SCALES = {"float32": range(-140, 121, 20), "float64": range(-1060, 961, 202)}
ENDS = {"float32": (-126, 100), "float64": (-1022, 990)}


def operands(method: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of usual size that the method takes: three filters for gemm, 3 × 3 taps for winograd, products."""
    if method == "gemm":
        return RNG.uniform(-1, 1, (1, 1, 70)).astype(dtype), RNG.uniform(-1, 1, (3, 1, 9)).astype(dtype)
    x = RNG.uniform(-1, 1, (60, 70)).astype(dtype)
    if method == "winograd":
        return x, RNG.uniform(-1, 1, (3, 3)).astype(dtype)
    if method == "separable":
        return x, (2.0 ** RNG.integers(-3, 3, (9, 1)) * RNG.uniform(0.5, 1, 11)).astype(dtype)
    return x, (np.full((9, 11), 0.75) if method == "box" else RNG.uniform(-1, 1, (9, 11))).astype(dtype)


def run(method: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    if method == "gemm":
        return fs.nn.conv(x, w, method=method)
    return fs.convolve(x, w, "valid", method=method)


def exact(method: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Summed in more digits and a wider range."""
    x, w = x.astype(np.longdouble), w.astype(np.longdouble)
    if method == "gemm":
        return np.stack([np.convolve(x[0, 0], taps[0, ::-1], "valid") for taps in w])[None]
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.einsum("ijkl,kl->ij", windows, w[::-1, ::-1])


def assert_within_bound(method: str, x: np.ndarray, w: np.ndarray) -> None:
    y = run(method, x, w)
    true = exact(method, x, w)
    info = np.finfo(y.dtype)
    unit = np.longdouble(info.eps) / 2
    # Each term of a direct sum may be rounded to a subnormal number; winograd sums tiles of such samples directly.
    smallest = (w.size if method in {*DIRECT, "winograd"} else 1) * np.longdouble(info.smallest_subnormal)
    if method in DIRECT:
        allowed = 2 * (w[0].size + 2) * unit * exact(method, abs(x), abs(w)) + smallest
    else:
        norm = np.sqrt((x.astype(np.longdouble) ** 2).sum()) * abs(w.astype(np.longdouble)).sum()
        allowed = 300 * unit * norm + smallest
    assert np.all(abs(y - true) <= allowed), float(np.max(abs(y - true) / allowed))


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize("method", COMPILED)
def test_bound_holds_at_every_scale(method: str, dtype: str) -> None:
    x, w = operands(method, dtype)
    for a in SCALES[dtype]:
        for end in (*ENDS[dtype], a, 0):
            b = end - a
            if b >= np.finfo(dtype).maxexp - 4:
                continue
            taps = np.ldexp(w, b)
            are_products = method != "separable" or np.array_equal(np.ldexp(taps, -b), w)
            if np.any(taps) and are_products:
                assert_within_bound(method, np.ldexp(x, a), taps)


@pytest.mark.parametrize("method", ["direct", "overlap"])
def test_long_rows_of_small_numbers(method: str) -> None:
    """Many tiles of different sizes, some beyond what a square holds, one of zeros."""
    x = RNG.uniform(-1, 1, 40_000)
    sizes = np.ldexp(1.0, np.repeat([0, -130, 60, -90, 100], 8000))
    x32, w = (x * sizes).astype(np.float32), RNG.uniform(0.1, 1, 33).astype(np.float32)
    x32[10_000:20_000] = 0
    y, true = fs.convolve(x32, w, "valid", method=method), np.convolve(x32.astype(float), w.astype(float), "valid")
    for part in (slice(0, 7900), slice(20_000, 23_900), slice(24_000, 31_000), slice(34_000, None)):
        scale = np.max(np.abs(x32[part])) * w.sum()
        assert np.max(abs(y[part] - true[part])) <= 1e-4 * scale


@pytest.mark.parametrize("method", ["auto", "direct", "overlap", "fft"])
def test_products_are_not_flushed(method: str) -> None:
    """Sums that are normal, of products that are not."""
    q = (RNG.random(2000) * 1.6e-19).astype(np.float32)
    y, true = (
        fs.convolve(q, q[:64], "valid", method=method),
        np.convolve(q.astype(float), q[:64].astype(float), "valid"),
    )
    np.testing.assert_allclose(y, true, rtol=1e-5)


@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_range_is_gained_at_both_ends(method: str) -> None:
    """Sums that are finite, of numbers whose spectra would not be."""
    x, w = np.float32([1e30, 1e30, -1e30, 1e10]), np.float32([1e30, 1e30])
    wide = fs.convolve(np.tile(x, 50), w * np.float32(1e-25), "valid", method=method)
    assert np.all(np.isfinite(wide))
    tiny = fs.convolve(np.float32([1e-39, 2e-39] * 50), np.float32([1e10]), "valid", method=method)
    np.testing.assert_allclose(tiny, [1e-29, 2e-29] * 50, rtol=1e-5)


def test_small_biases_are_added() -> None:
    x, w = np.full((1, 1, 64), 1e-40, np.float32), np.ones((1, 1, 1), np.float32)
    for method in ("direct", "overlap", "fft"):
        y = fs.nn.conv(x, w, np.float32([1e-40]), method=method)
        np.testing.assert_allclose(y, 2e-40, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-200, 1e-300, 1e200])
def test_sums_of_products_of_small_taps(scale: float) -> None:
    """The rank of taps does not depend on their size, even where their squares are zero."""
    a = RNG.standard_normal((2, 31))
    w = (a[0][:, None] * a[1] + a[1][:, None] * a[0]) * scale
    x = RNG.standard_normal((200, 200))
    y = fs.convolve(x, w, "valid")
    true = fs.convolve(x, w, "valid", method="direct")
    assert np.max(abs(y - true)) <= 1e-12 * np.max(abs(true))
