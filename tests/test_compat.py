"""Beside NumPy, SciPy and the reference of ONNX: where they agree with us, over many random calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs

NUMBERS = ["float32", "float64", "complex64", "complex128", "int16", "int32", "int64"]
NDIMAGE = {"edge": "nearest", "symmetric": "reflect", "mirror": "mirror", "wrap": "wrap", "zero": "constant"}


def draw_pair(seed: int, n: Any, k: Any, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if dtype.startswith("int"):
        return rng.integers(-9, 10, n).astype(dtype), rng.integers(-9, 10, k).astype(dtype)
    x, w = rng.standard_normal(n), rng.standard_normal(k)
    if dtype.startswith("complex"):
        x, w = x + 1j * rng.standard_normal(n), w + 1j * rng.standard_normal(k)
    return x.astype(dtype), w.astype(dtype)


def assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.dtype == theirs.dtype
    scale = np.abs(theirs).max(initial=1)
    np.testing.assert_allclose(
        ours, theirs, rtol=0, atol=0 if ours.dtype.kind in "iu" else 1e3 * np.finfo(ours.dtype).eps * scale
    )


@given(st.integers(0, 2**31), st.integers(1, 80), st.integers(1, 20), st.sampled_from(NUMBERS))
def test_numpy_convolve_and_correlate(seed: int, n: int, k: int, dtype: str) -> None:
    x, w = draw_pair(seed, n, k, dtype)
    assert_close(fs.convolve(x, w), np.convolve(x, w))
    if k <= n:
        # NumPy swaps its arguments when the second is longer; flipslide never does.
        for mode in ("same", "valid"):
            assert_close(fs.convolve(x, w, mode), np.convolve(x, w, mode))
            assert_close(fs.correlate(x, w, mode), np.correlate(x, w, mode))
        assert_close(fs.correlate(x, w, "full"), np.correlate(x, w, "full"))


@given(
    st.integers(0, 2**31),
    st.tuples(st.integers(5, 20), st.integers(5, 20)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from(NUMBERS),
)
def test_scipy_signal(seed: int, n: tuple[int, int], k: tuple[int, int], dtype: str) -> None:
    x, w = draw_pair(seed, n, k, dtype)
    for mode in ("full", "same", "valid"):
        assert_close(fs.convolve(x, w, mode), scipy.signal.convolve2d(x, w, mode))
        assert_close(fs.convolve(x, w, mode), scipy.signal.convolve(x, w, mode, method="direct"))
        assert_close(fs.correlate(x, w, mode), scipy.signal.correlate(x, w, mode, method="direct"))
    wrapped = scipy.signal.convolve2d(x, w, "same", boundary="wrap")
    assert_close(fs.convolve(x, w, "same", boundary="wrap"), wrapped)


@pytest.mark.parametrize("boundary", list(NDIMAGE))
@given(st.integers(0, 2**31), st.integers(1, 3), st.sampled_from(["float32", "float64", "int32", "int64"]))
def test_scipy_ndimage(boundary: str, seed: int, n_axes: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    x, w = draw_pair(seed, rng.integers(6, 12, n_axes), rng.integers(1, 6, n_axes), dtype)
    keywords: dict[str, Any] = {"boundary": boundary, "center": "upper"}
    ours, theirs = fs.convolve(x, w, "same", **keywords), scipy.ndimage.convolve(x, w, mode=NDIMAGE[boundary])
    assert_close(ours, theirs)
    assert_close(fs.correlate(x, w, "same", **keywords), scipy.ndimage.correlate(x, w, mode=NDIMAGE[boundary]))


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(0, 9), st.integers(0, 9))
def test_numpy_pad(seed: int, n_axes: int, lo: int, hi: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 100, rng.integers(1, 6, n_axes))
    names = {"zero": "constant", "edge": "edge", "symmetric": "symmetric", "mirror": "reflect", "wrap": "wrap"}
    for boundary, name in names.items():
        ours = fs.pad(x, ((lo, hi),) * n_axes, boundary)
        np.testing.assert_array_equal(ours, np.pad(x, [(lo, hi)] * n_axes, mode=name))
    filled = fs.pad(x, ((lo, hi),) * n_axes, "constant", fill_value=7)
    np.testing.assert_array_equal(filled, np.pad(x, [(lo, hi)] * n_axes, constant_values=7))


def test_fftconvolve_with_batch_axes() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((3, 1, 50)), rng.standard_normal((1, 4, 9))
    ours = fs.convolve(x, w, axes=-1)
    assert ours.shape == (3, 4, 58)
    np.testing.assert_allclose(ours, scipy.signal.fftconvolve(x, w, axes=-1), atol=1e-12)


ONNX_X = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
ONNX_W = np.ones((1, 1, 3, 3), np.float32)


# The vectors in the documentation of ONNX's Conv operator (Apache-2.0).
ONNX_PADDED = [
    [12, 21, 27, 33, 24],
    [33, 54, 63, 72, 51],
    [63, 99, 108, 117, 81],
    [93, 144, 153, 162, 111],
    [72, 111, 117, 123, 84],
]
ONNX_STRIDED = [[12, 27, 24], [63, 108, 81], [72, 117, 84]]


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"padding": 1}, ONNX_PADDED),
        ({"padding": 0}, [[54, 63, 72], [99, 108, 117], [144, 153, 162]]),
        ({"padding": "same_lower", "stride": 2}, ONNX_STRIDED),
        ({"padding": 1, "stride": 2}, ONNX_STRIDED),
    ],
)
def test_onnx_conv_vectors(keywords: dict[str, Any], expected: list[list[int]]) -> None:
    assert fs.nn.conv(ONNX_X, ONNX_W, **keywords)[0, 0].tolist() == expected


torch_cases = [
    {"stride": 1, "padding": 1},
    {"stride": 2, "padding": 1, "dilation": 2},
    {"stride": 3, "padding": 2, "groups": 2},
]


@pytest.mark.parametrize("keywords", torch_cases)
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_torch_layers_and_gradients(n_axes: int, keywords: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    names = ["conv1d", "conv2d", "conv3d"], ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
    x = torch.randn(2, 4, *(9, 8, 7)[:n_axes], dtype=torch.float64, requires_grad=True)
    w = torch.randn(6, 4 // keywords.get("groups", 1), *(3,) * n_axes, dtype=torch.float64, requires_grad=True)
    b = torch.randn(6, dtype=torch.float64, requires_grad=True)
    y = getattr(torch.nn.functional, names[0][n_axes - 1])(x, w, b, **keywords)
    dy = torch.randn_like(y)
    y.backward(dy)
    arrays = [t.detach().numpy() for t in (x, w, b, dy)]
    np.testing.assert_allclose(fs.nn.conv(*arrays[:3], **keywords), y.detach().numpy(), atol=1e-12)
    for ours, theirs in zip(fs.nn.conv_grads(arrays[3], *arrays[:2], **keywords), (x, w, b), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-11)
    extra = {"output_padding": 1} if keywords["stride"] > 1 else {}
    transposed = getattr(torch.nn.functional, names[1][n_axes - 1])(dy, w, None, **keywords, **extra)
    ours = fs.nn.conv_transpose(arrays[3], arrays[1], **keywords, **extra)
    np.testing.assert_allclose(ours, transposed.detach().numpy(), atol=1e-11)


@pytest.mark.parametrize("keywords", [
    {"dilation": 3, "output_padding": 2},
    {"dilation": 4, "stride": 2, "output_padding": 3},
    {"dilation": (3, 1), "stride": (1, 3), "output_padding": (2, 2), "padding": 1, "groups": 2},
])  # fmt: skip
def test_output_paddings_up_to_the_dilation(keywords: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((4, 3, 2, 3)), rng.standard_normal(6)
    b = b[: 3 * keywords.get("groups", 1)]
    theirs = torch.nn.functional.conv_transpose2d(*map(torch.from_numpy, (x, w, b)), **keywords)
    np.testing.assert_allclose(fs.nn.conv_transpose(x, w, b, **keywords), theirs.numpy(), atol=1e-12)
    again = fs.nn.conv_transpose(x, w, b, **{**keywords, "output_padding": 0}, output_size=theirs.shape[2:])
    np.testing.assert_array_equal(again, fs.nn.conv_transpose(x, w, b, **keywords))


def test_torch_unfold_and_fold() -> None:
    torch = pytest.importorskip("torch")
    x = torch.arange(2 * 3 * 6 * 5, dtype=torch.float64).reshape(2, 3, 6, 5)
    keywords: dict[str, Any] = {"dilation": 2, "padding": 1, "stride": (2, 1)}
    cols = torch.nn.functional.unfold(x, (2, 3), **keywords)
    np.testing.assert_array_equal(fs.nn.im2col(x.numpy(), (2, 3), **keywords), cols.numpy())
    folded = torch.nn.functional.fold(cols, (6, 5), (2, 3), **keywords)
    np.testing.assert_array_equal(fs.nn.col2im(cols.numpy(), (6, 5), (2, 3), **keywords), folded.numpy())
