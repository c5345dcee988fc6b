"""One rule everywhere: what one public function says of an argument, all of them say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import FlipslideError

X = np.arange(1.0, 9.0)
W = np.array([1.0, 2.0, 1.0])
LAYER_X, LAYER_W = X.reshape(1, 1, 8), W.reshape(1, 1, 3)

#: Each public function of arrays, its array first; `x` has eight samples.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "convolve": lambda x: fs.convolve(x, W),
    "convolve taps": lambda x: fs.convolve(X, x),
    "correlate": lambda x: fs.correlate(x, W),
    "convolve_grads": lambda x: fs.convolve_grads(np.ones(8), x, W, "same"),
    "correlate_grads": lambda x: fs.correlate_grads(x, X, W, "same"),
    "plan": lambda x: fs.plan(8, W)(x),
    "pad": lambda x: fs.pad(x, 2, "mean"),
    "xcorr": lambda x: fs.xcorr(x, W).values,
    "resample": lambda x: fs.resample(x, 3, 2),
    "upfirdn": lambda x: fs.upfirdn(x, W, 2, 1),
    "deconvolve": lambda x: fs.deconvolve(x, W),
    "filters.gaussian": lambda x: fs.filters.gaussian(x, 1.0),
    "filters.box": lambda x: fs.filters.box(x, 3),
    "graph": lambda x: fs.graph(x, W).y,
    "explain": lambda x: fs.explain(x, W).y,
}

LAYERS: dict[str, Callable[[Any], Any]] = {
    "nn.conv": lambda x: fs.nn.conv(x, LAYER_W),
    "nn.conv weights": lambda x: fs.nn.conv(LAYER_X, x),
    "nn.conv bias": lambda x: fs.nn.conv(LAYER_X, LAYER_W, np.asarray(x).reshape(-1)[:1]),
    "nn.conv_transpose": lambda x: fs.nn.conv_transpose(x, LAYER_W),
    "nn.conv_input_grad": lambda x: fs.nn.conv_input_grad(x, LAYER_W, (1, 1, 10)),
    "nn.conv_weight_grad": lambda x: fs.nn.conv_weight_grad(np.ones((1, 1, 6)), x, (1, 1, 3)),
    "nn.max_pool": lambda x: fs.nn.max_pool(x, 2),
    "nn.avg_pool": lambda x: fs.nn.avg_pool(x, 2),
    "nn.im2col": lambda x: fs.nn.im2col(x, 3),
}

ALL = {
    **{name: (call, X) for name, call in FUNCTIONS.items()},
    **{name: (call, LAYER_X) for name, call in LAYERS.items()},
}


def parts(result: Any) -> list[np.ndarray]:
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


NO_ARRAYS: dict[str, Callable[[np.ndarray], Any]] = {
    "None": lambda x: None,
    "text": lambda x: "1,2,3",
    "a set": lambda x: set(x.ravel()),
    "a dict": lambda x: dict(enumerate(x.ravel())),
    "a generator": lambda x: (v for v in x),
    "None among numbers": lambda x: np.where(x > 7, None, x),
    "text among numbers": lambda x: np.where(x > 7, "a", x.astype(object)),
    "words": lambda x: x.astype(str),
    "ragged": lambda x: [[1.0, 2.0], [3.0]],
}


@pytest.mark.parametrize("name", [name for name in ALL if name != "nn.conv bias"])
@pytest.mark.parametrize("kind", list(NO_ARRAYS))
def test_what_is_no_array_of_numbers_is_refused(name: str, kind: str) -> None:
    call, x = ALL[name]
    with pytest.raises(FlipslideError):
        call(NO_ARRAYS[kind](x))


WAYS: dict[str, Callable[[np.ndarray], Any]] = {
    "a list": lambda x: x.tolist(),
    "big-endian": lambda x: x.astype(">f8"),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[..., ::-1].copy()[..., ::-1],
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
    "a subclass": lambda x: x.view(type("Sub", (np.ndarray,), {})),
}


@pytest.mark.parametrize("name", [name for name in ALL if name != "nn.conv bias"])
@pytest.mark.parametrize("way", list(WAYS))
def test_how_an_array_lies_changes_nothing(name: str, way: str) -> None:
    call, x = ALL[name]
    given = WAYS[way](x)
    for got, wanted in zip(parts(call(given)), parts(call(x)), strict=True):
        assert type(got) is np.ndarray
        np.testing.assert_allclose(got.astype(float), wanted.astype(float), rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(given, float), x)


@pytest.mark.parametrize("name", [name for name in ALL if name != "nn.conv bias"])
@pytest.mark.parametrize("shape", [(0,), (), (0, 3), (1, 0, 5), (1, 1, 0), (0, 1, 8)])
def test_nothing_is_a_result_or_an_error_of_ours(name: str, shape: tuple[int, ...]) -> None:
    call, _ = ALL[name]
    try:
        call(np.zeros(shape))
    except FlipslideError as error:
        assert len(str(error)) > 10  # it says something


SAME: dict[str, Callable[..., Any]] = {
    "convolve": lambda x, w=W, **words: fs.convolve(x, w, "same", **words),
    "correlate": lambda x, w=W, **words: fs.correlate(x, w, "same", **words),
    "plan": lambda x, w=W, **words: fs.plan(np.shape(x), w, np.asarray(x).dtype, mode="same", **words)(x),
    "pad": lambda x, w=W, **words: fs.pad(x, 1, **words),
}


@pytest.mark.parametrize("name", list(SAME))
def test_fill_values_follow_one_rule(name: str) -> None:
    call = SAME[name]
    for dtype, beyond in ((np.float16, 70000), (np.float32, 1e300)):
        with pytest.raises(FlipslideError, match="fill_value="):
            call(X.astype(dtype), w=W.astype(dtype), boundary="constant", fill_value=beyond)
    for fill in ("a", None, np.ma.masked, [1, 2, 3]):
        with pytest.raises(FlipslideError):
            call(X, boundary="constant", fill_value=fill)
    with pytest.raises(FlipslideError, match="goes with boundary='constant'"):
        call(X, boundary="edge", fill_value=2)
    with pytest.raises(FlipslideError, match="'nearest' is 'edge' here"):
        call(X, boundary="nearest")
    with pytest.raises(FlipslideError, match="means two things"):
        call(X, boundary="reflect")


def _refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except FlipslideError:
        return True
    return False


@pytest.mark.parametrize("rule", ["edge", "symmetric", "mirror", "wrap"])
def test_an_empty_axis_in_mode_same_is_the_same_everywhere(rule: str) -> None:
    """No output needs a sample, and no sample can be made of none."""
    empty = np.zeros(0)
    calls = {name: lambda f=f: f(empty, boundary=rule) for name, f in SAME.items()}
    calls |= {
        "pad by nothing": lambda: fs.pad(empty, 0, rule),
        "resample": lambda: fs.resample(empty, 3, 2, boundary=rule),
        "upfirdn": lambda: fs.upfirdn(empty, W, 3, 2, boundary=rule),
        "filters.box": lambda: fs.filters.box(empty, 3, boundary=rule),
        "full": lambda: fs.convolve(empty, W, boundary=rule),
    }
    assert {name for name, call in calls.items() if _refused(call)} == {"pad", "full"}
    assert {call().shape for name, call in calls.items() if name not in ("pad", "full")} == {(0,)}


COUNTS: dict[str, Callable[[Any], Any]] = {
    "pad": lambda n: fs.pad(X, n),
    "stride": lambda n: fs.convolve(X, W, stride=n),
    "dilation": lambda n: fs.convolve(X, W, dilation=n),
    "layer stride": lambda n: fs.nn.conv(LAYER_X, LAYER_W, stride=n),
    "layer padding": lambda n: fs.nn.conv(LAYER_X, LAYER_W, padding=n),
    "layer dilation": lambda n: fs.nn.conv(LAYER_X, LAYER_W, dilation=n),
    "pool": lambda n: fs.nn.max_pool(LAYER_X, n),
    "im2col": lambda n: fs.nn.im2col(LAYER_X, n),
    "output_shape": lambda n: fs.output_shape(n, 1),
    "plan": lambda n: fs.plan(n, (1,)).spec.y_shape,
}


@pytest.mark.parametrize("name", list(COUNTS))
def test_numbers_are_read_by_one_rule(name: str) -> None:
    call = COUNTS[name]
    wanted = np.shape(call(2))
    for two in (2.0, np.int8(2), np.array(2), np.array([2]), [2], (2,)):
        assert np.shape(call(two)) == wanted, two
    for bad in (1.5, "2", None, 1j, np.array([1.5]), 2**63, [[["a"]]]):
        with pytest.raises(FlipslideError):
            call(bad)


# ------------------------------------------------------------------------- nothing, and no axes


@pytest.mark.parametrize("boundary", ["zero", "edge", "symmetric", "mirror", "wrap"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_outputs_that_are_none_need_no_samples(boundary: str, shape: tuple[int, int]) -> None:
    x, w = np.zeros(shape), np.ones((3, 3))
    for verb in (fs.convolve, fs.correlate):
        assert verb(x, w, "same", boundary=boundary).shape == shape
        assert verb(x, w, (2, 0), boundary=boundary).shape == (0, 0)
    dx, dw = fs.convolve_grads(x, x, w, "same", boundary=boundary)
    assert dx.shape == shape
    np.testing.assert_array_equal(dw, np.zeros((3, 3)))


@pytest.mark.parametrize("boundary", ["edge", "symmetric", "mirror", "wrap"])
def test_outputs_of_no_samples_are_an_error(boundary: str) -> None:
    with pytest.raises(FlipslideError, match="cannot extend an axis of x that has no samples"):
        fs.convolve(np.zeros((0, 3)), np.ones((3, 3)), boundary=boundary)


@pytest.mark.parametrize("dtype", ["int16", "float32", "complex128", "object"])
def test_no_axes_are_one_product_each(dtype: str) -> None:
    x, w = np.arange(6).reshape(3, 2).astype(dtype), np.arange(1, 4).reshape(3, 1).astype(dtype)
    for verb in (fs.convolve, fs.correlate):
        np.testing.assert_array_equal(verb(x, w, axes=()), x * w)
        np.testing.assert_array_equal(verb(x, w[2, 0]), x * w[2, 0])
        single = verb(x[1, 1], w[2, 0])
        assert single.shape == ()
        assert single == x[1, 1] * w[2, 0]
    out = np.zeros((3, 2), dtype)
    assert fs.convolve(x, w, axes=(), out=out) is out
    np.testing.assert_array_equal(out, x * w)


def test_no_axes_correlate_conjugated() -> None:
    assert fs.correlate(2j, 3j) == np.correlate([2j], [3j])[0] == 6
    assert fs.convolve(2j, 3j) == np.convolve([2j], [3j])[0] == -6


@pytest.mark.parametrize("words", [{"mode": "fll"}, {"boundary": "reflect"}, {"stride": 0}, {"fill_value": 1}])
def test_words_of_no_axes_are_read(words: dict[str, Any]) -> None:
    with pytest.raises(FlipslideError):
        fs.convolve(2.0, 3.0, **words)


# --------------------------------------------------------------------------- transposed layers


def test_transposed_layers_know_the_words_of_layers() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((2, 4, 9)).astype("f4"), rng.standard_normal((4, 2, 3)).astype("f4")
    wide = fs.nn.conv_transpose(x, w, stride=2, dtype="f8")
    np.testing.assert_array_equal(wide, fs.nn.conv_transpose(x.astype("f8"), w.astype("f8"), stride=2))
    out = np.empty_like(wide)
    assert fs.nn.conv_transpose(x, w, stride=2, dtype="f8", accuracy="strict", out=out) is out
    np.testing.assert_allclose(out, wide, rtol=1e-12, atol=1e-12)
    large = np.full((1, 1, 4), 100, np.int8)
    with pytest.raises(FlipslideError, match="pass dtype="):
        fs.nn.conv_transpose(large, large)
    clipped = fs.nn.conv_transpose(large, large, overflow="saturate")
    np.testing.assert_array_equal(clipped, np.full((1, 1, 7), 127, np.int8))


def test_layers_of_bfloat16_give_bfloat16() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    rng = np.random.default_rng(4)
    x, w = (rng.standard_normal(shape).astype(bfloat16) for shape in ((1, 2, 9), (2, 2, 3)))
    for layer in (fs.nn.conv, fs.nn.conv_transpose):
        y = layer(x, w)
        assert y.dtype == bfloat16
        np.testing.assert_array_equal(y, layer(x.astype("f4"), w.astype("f4")).astype(bfloat16))
        assert layer(x, w.astype("f4")).dtype == np.float32
