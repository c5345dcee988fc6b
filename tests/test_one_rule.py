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
    empty = np.zeros(0)
    answers = {_refused(lambda f=f: f(empty, boundary=rule)) for f in SAME.values()}
    assert len(answers) == 1


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
