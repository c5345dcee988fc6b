"""Small calls: what the core remembers of a call never shows in a result.

Each call is made several times over: the first one asks Python what it means and notes its steps, the later
ones follow the notes, on other numbers, in other memory.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from checks import assert_is_definition
from hypothesis import given
from hypothesis import strategies as st
from strategies import COMPILED, Call, calls, layers

import flipslide as fs
from flipslide.errors import DtypeError, FlipslideError, IntegerOverflowError, ParameterError, ShapeError
from flipslide.geometry import BOUNDARIES, MODES
from flipslide.spec import ConvSpec

RNG = np.random.default_rng(5)
X, W = np.arange(5.0), np.array([1.0, -1.0, 2.0])
Y = [0.0, 1.0, 1.0, 3.0, 5.0, 2.0, 8.0]


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Small numbers, so that no integer sum leaves its type."""
    kind = np.dtype(dtype).kind
    if kind in ("b", "u"):
        return RNG.integers(0, 2, shape).astype(dtype)
    if kind == "i":
        return RNG.integers(-2, 3, shape).astype(dtype)
    values = RNG.standard_normal(shape)
    return (values + 1j * RNG.standard_normal(shape) if kind == "c" else values).astype(dtype)


# ------------------------------------------------------------------------- the definition


@pytest.mark.parametrize("dtype", COMPILED)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shapes", [((5,), (3,)), ((2,), (3,)), ((4, 6), (3, 2)), ((2, 3, 4), (2, 1, 3))])
def test_again_is_the_definition(dtype: str, mode: str, boundary: str, shapes: tuple[Any, Any]) -> None:
    if mode == "valid" and shapes == ((2,), (3,)):
        mode = "same"
    words: dict[str, Any] = {"mode": mode, "boundary": boundary, "fill_value": 1 if boundary == "constant" else 0}
    for verb, correlated in ((fs.convolve, False), (fs.correlate, True)):
        spec = ConvSpec.of(*shapes, correlate=correlated, **words)
        for _ in range(3):
            x, w = numbers(shapes[0], dtype), numbers(shapes[1], dtype)
            y, out = verb(x, w, **words), np.empty(spec.y_shape, dtype)
            assert_is_definition(y, spec, x, w)
            assert verb(x, w, out=out, **words) is out
            np.testing.assert_array_equal(out, y)


@given(call=calls(), again=st.integers(0, 2**32 - 1))
def test_any_call_again_on_other_numbers(call: Call, again: int) -> None:
    """In the same memory layout, which for most of these is a peculiar one."""
    spec = ConvSpec.of(call.x.shape, call.w.shape, **call.keywords)
    rng = np.random.default_rng(again)
    for _ in range(2):
        try:
            y = fs.convolve(call.x, call.w, **call.keywords)
        except IntegerOverflowError:
            return
        assert_is_definition(y, spec, call.x, call.w)
        for array in (call.x, call.w):
            if array.flags.writeable:
                array[...] = rng.permuted(array)


@given(call=layers(dtypes=("float32", "float64", "complex64")))
def test_a_layer_again(call: Call) -> None:
    bias = np.arange(call.w.shape[0]).astype(call.x.dtype)
    y = fs.nn.conv(call.x, call.w, bias, **call.keywords)
    out = np.empty_like(y)
    assert fs.nn.conv(call.x, call.w, bias, out=out, **call.keywords) is out
    np.testing.assert_array_equal(out, y)
    without = fs.nn.conv(call.x, call.w, **call.keywords)
    shape = [1] * y.ndim
    shape[-1 if call.keywords["layout"] == "channels_last" else 1] = -1
    np.testing.assert_allclose(without + bias.reshape(shape), y, rtol=1e-4, atol=1e-4)


def test_more_layouts_than_are_noted() -> None:
    spec = ConvSpec.of((4, 6), (3, 3), mode="same")
    base = numbers((40, 60), "float32")
    for step in (1, 2, 3, 4, 5, 6, 7, -1, 1):
        x = base[::step, ::step][:4, :6]
        for view, w in itertools.product((x, np.asfortranarray(x)), (numbers((3, 3), "float32"),)):
            assert_is_definition(fs.convolve(view, w, "same"), spec, view, w)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "float16"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("n", [1, 4, 9, 20])
def test_nothing_is_read_from_the_call_before(dtype: str, boundary: str, n: int) -> None:
    """Scratch memory is used again; here it is full of NaN each time."""
    x, w = numbers((n, n), dtype), numbers((3, 5), dtype)
    spec = ConvSpec.of((n, n), (3, 5), mode="full", boundary=boundary)
    for _ in range(2):
        fs.convolve(np.full((30, 30), np.nan, dtype), np.ones((5, 5), dtype), "full", boundary="edge")
        assert_is_definition(fs.convolve(x, w, boundary=boundary), spec, x, w)


# --------------------------------------------------------------------------- what may change


def test_arrays_may_change_between_calls() -> None:
    x, w = X.copy(), W.copy()
    y = fs.convolve(x, w)
    kept = y.copy()
    x[2], w[0] = 10, 5
    np.testing.assert_array_equal(fs.convolve(x, w), np.convolve(x, w))
    np.testing.assert_array_equal(y, kept)


def test_words_that_may_change_are_read_again() -> None:
    stride, pads = [2], [0, 0]
    assert fs.convolve(X, W, stride=stride).tolist() == Y[::2]
    stride[0] = 3
    assert fs.convolve(X, W, stride=stride).tolist() == Y[::3]
    x, w = X.reshape(1, 1, 5), W.reshape(1, 1, 3)
    assert fs.nn.conv(x, w, padding=[pads]).shape == (1, 1, 3)
    pads[:] = 1, 1
    assert fs.nn.conv(x, w, padding=[pads]).shape == (1, 1, 5)


def test_equal_words_in_other_objects() -> None:
    """As they come out of a configuration, and not out of the same line of code."""
    x, w = X.reshape(5, 1), W.reshape(3, 1)
    for _ in range(3):
        words = json.loads('{"mode": "same", "axes": [0, 1], "stride": [2, 1], "boundary": ["wrap", "zero"]}')
        words = {name: tuple(word) if isinstance(word, list) else word for name, word in words.items()}
        y = fs.convolve(x, w, **words)
        assert y.ravel().tolist() == fs.convolve(X, W, "same", boundary="wrap").tolist()[::2]


def test_words_are_told_apart() -> None:
    """By every word, also where Python's == says that two are one."""
    for _ in range(2):
        assert [len(fs.convolve(X, W, mode)) for mode in MODES] == [7, 5, 3]
        full = [fs.convolve(X, W, boundary="constant", fill_value=fill)[0] for fill in (0, 1, 1.5, -1, True)]
        assert full == [0 + 0, 1, 1.5, -1, 1]
        assert fs.convolve(X, W, dtype=np.complex128).dtype == complex
        assert fs.convolve(X, W, dtype=complex).dtype == complex
        assert fs.convolve(X, W).dtype == float
        for n in (1, 2, 3):
            assert fs.convolve(X, W, stride=n, threads=n).tolist() == Y[::n]
        with pytest.raises(ParameterError, match="fill"):
            fs.convolve(X, W, boundary="constant", fill_value="1")


def test_signed_zeros_of_the_fill_value() -> None:
    for fill in (0.0, -0.0, 0.0):
        y = fs.correlate(np.array([-0.0]), np.array([1.0]), "full", boundary="constant", fill_value=fill)
        assert y.tolist() == [0.0]


# -------------------------------------------------------------------- another array afterwards


@pytest.mark.parametrize("dtype", [*COMPILED, "longdouble", "object", ">f8", ">i4"])
def test_another_dtype_afterwards(dtype: str) -> None:
    fs.convolve(X, W)
    x, w = np.arange(5).astype(dtype), np.array([1, 0, 2]).astype(dtype)
    for first, second in ((x, w), (X, w), (x, W)):
        y = fs.convolve(first, second)
        assert y.dtype == np.result_type(first, second).newbyteorder("=")
        np.testing.assert_array_equal(y.astype(complex), np.convolve(first, second).astype(complex))


def test_another_shape_afterwards() -> None:
    for n, k in itertools.product(range(1, 8), range(1, 8)):
        x, w = numbers((n,), "float64"), numbers((k,), "float64")
        np.testing.assert_allclose(fs.convolve(x, w), np.convolve(x, w), atol=1e-12)
        np.testing.assert_allclose(fs.convolve(x[None], w[None])[0], np.convolve(x, w), atol=1e-12)
    for shape in ((0,), (), (5, 1)):
        with pytest.raises(ShapeError):
            fs.convolve(np.zeros(shape), W[:0] if shape else W)


def test_other_kinds_of_arrays_afterwards() -> None:
    class Sub(np.ndarray):
        pass

    fs.convolve(X, W)
    assert type(fs.convolve(X.view(Sub), W)) is np.ndarray
    assert fs.convolve(X.view(Sub), W).tolist() == Y
    assert fs.convolve(X.tolist(), W).tolist() == Y
    assert fs.convolve(X, tuple(W)).tolist() == Y
    assert fs.convolve([2**70, 0, 1], [1, 2]).tolist() == [2**70, 2**71, 1, 2]
    with pytest.raises(ShapeError, match="x is not a rectangular array"):
        fs.convolve([[1.0, 2.0], [3.0]], W)
    with pytest.raises(DtypeError, match="<U"):
        fs.convolve(["a", "b"], W)
    assert fs.convolve(np.ma.array(X, mask=X > 2), W).mask.tolist() == (np.convolve(X > 2, W != 9) > 0).tolist()
    with pytest.raises(DtypeError, match="w is a masked array"):
        fs.convolve(X, np.ma.array(W, mask=[0, 1, 0]))
    with pytest.raises(DtypeError, match="datetime64"):
        fs.convolve(X.astype("M8[s]"), W)
    with pytest.raises(DtypeError, match="<U"):
        fs.convolve(X, W.astype(str))


def test_read_only_and_unaligned_arrays_afterwards() -> None:
    fs.convolve(X, W)
    x = X.copy()
    x.flags.writeable = False
    assert fs.convolve(x, W).tolist() == Y
    shifted = np.empty(X.nbytes + 1, np.uint8)[1:].view(float)
    shifted[...] = X
    out = np.empty(7 * 8 + 1, np.uint8)[1:].view(float)
    for _ in range(2):
        assert fs.convolve(shifted, W).tolist() == Y
        assert fs.convolve(shifted, W, out=out) is out
        assert out.tolist() == Y


# ----------------------------------------------------------------------------------- values


def test_values_that_need_more_than_the_core() -> None:
    for special in (np.nan, np.inf, -np.inf):
        for _ in range(2):
            w = np.array([1.0, special, 2.0])
            out = np.empty(7)
            with np.errstate(invalid="ignore"):
                expected = fs.convolve(X.tolist(), w, method="numpy")
                np.testing.assert_array_equal(fs.convolve(X, w), expected)
                np.testing.assert_array_equal(fs.convolve(X, w, out=out), expected)
            assert fs.convolve(X, W).tolist() == Y


def test_a_sum_that_does_not_fit_after_one_that_did() -> None:
    small, large = np.array([1, 2], np.int8), np.array([100, 100], np.int8)
    out = np.full(3, 7, np.int8)
    for _ in range(2):
        assert fs.convolve(small, small).tolist() == [1, 4, 4]
        with pytest.raises(IntegerOverflowError, match="pass dtype=np.int16"):
            fs.convolve(large, large)
        with pytest.raises(IntegerOverflowError):
            fs.convolve(large, large, out=out)
        assert out.tolist() == [7, 7, 7]
        assert fs.convolve(large, large, overflow="saturate").tolist() == [127, 127, 127]


def test_bias_is_checked_every_time() -> None:
    x, w = X.reshape(1, 1, 5), np.stack([W, -W]).reshape(2, 1, 3)
    bias, expected = np.array([10.0, 20.0]), [[[13.0, 15.0, 17.0], [17.0, 15.0, 13.0]]]
    spread = np.array([10.0, 0.0, 20.0])[::2]
    for _ in range(2):
        for good in (bias, spread, bias.astype(np.float32), bias.astype(">f8"), bias.astype(int), [10, 20]):
            assert fs.nn.conv(x, w, good).tolist() == expected
        assert (fs.nn.conv(x, w) + bias[:, None]).tolist() == expected
        for bad in (bias[:1], np.zeros(3), bias[:, None], np.zeros(())):
            with pytest.raises(ShapeError, match="bias has shape"):
                fs.nn.conv(x, w, bad)
        with pytest.raises(DtypeError, match="bias has dtype complex128"):
            fs.nn.conv(x, w, bias.astype(complex))


# -------------------------------------------------------------------------------------- out


@pytest.fixture
def memory() -> np.ndarray:
    """x lies in [0, 5), w in [5, 8)."""
    memory = np.zeros(24)
    memory[:5], memory[5:8] = X, W
    return memory


OVERLAPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "x": lambda m: m[:7],
    "the end of w": lambda m: m[7:14],
    "backwards": lambda m: m[10:3:-1],
}


@pytest.mark.parametrize("where", OVERLAPS)
def test_out_may_overlap(memory: np.ndarray, where: str) -> None:
    before = memory.copy()
    for _ in range(2):
        want = fs.convolve(memory[:5], memory[5:8], out=np.empty(7))
        out = OVERLAPS[where](memory)
        assert fs.convolve(memory[:5], memory[5:8], out=out) is out
        np.testing.assert_array_equal(out, want)
        memory[...] = before


def test_out_beside_the_inputs_and_between_them(memory: np.ndarray) -> None:
    for _ in range(2):
        for out in (memory[8:15], memory[8:22:2], memory[14:7:-1]):
            assert fs.convolve(memory[:5], memory[5:8], out=out) is out
            assert out.tolist() == Y
    spread = np.zeros(14)
    spread[:10:2] = X
    assert fs.convolve(spread[:10:2], W, out=spread[1::2]).tolist() == Y  # neither holds an element of the other


def test_out_may_overlap_the_bias() -> None:
    x, w, memory = X.reshape(1, 1, 5), W.reshape(1, 1, 3), np.zeros(3)
    for _ in range(2):
        assert fs.nn.conv(x, w, memory[:1]).tolist() == [[[3, 5, 7]]]
        assert fs.nn.conv(x, w, memory[:1], out=memory.reshape(1, 1, 3)).tolist() == [[[3, 5, 7]]]
        memory[...] = 0


def test_out_is_checked_every_time() -> None:
    locked = np.empty(7)
    locked.flags.writeable = False
    bad: list[tuple[Any, type[FlipslideError], str]] = [
        (np.empty(6), ShapeError, "out has shape"),
        (np.empty((7, 1)), ShapeError, "out has shape"),
        (np.empty(7, np.int64), DtypeError, "out has dtype int64"),
        (locked, ParameterError, "read-only"),
        ([0.0] * 7, DtypeError, "out must be a NumPy array"),
    ]
    for _ in range(2):
        fs.convolve(X, W, out=np.empty(7))
        for out, error, message in bad:
            with pytest.raises(error, match=message):
                fs.convolve(X, W, out=out)


# -------------------------------------------------------------------------------- many calls


def test_more_calls_than_are_remembered() -> None:
    for _ in range(2):
        for n in range(1, 3000, 7):
            assert fs.convolve(np.ones(n), np.ones(2))[0] == 1
            assert fs.correlate(np.ones(n), np.ones(1)).shape == (n,)


def test_many_words_for_one_shape() -> None:
    for _ in range(2):
        for center, stride in itertools.product(range(3), range(1, 6)):
            expected = fs.convolve(X.tolist(), W.tolist(), "full")[center : center + 5 : stride]
            assert fs.convolve(X, W, "same", center=center, stride=stride).tolist() == expected.tolist()


def test_nothing_is_kept_of_the_arrays() -> None:
    x, w, out = X.copy(), W.copy(), np.empty(7)
    fs.convolve(x, w, out=out)
    before = [sys.getrefcount(array) for array in (x, w, out, None)]
    for _ in range(100):
        fs.convolve(x, w, out=out)
        fs.convolve(x, w)
        with pytest.raises(ParameterError, match="no such mode"):
            fs.convolve(x, w, "no such mode", out=out)
    after = [sys.getrefcount(array) for array in (x, w, out, None)]
    assert all(abs(a - b) < 50 for a, b in zip(before, after, strict=True))


def test_results_stay_apart() -> None:
    results = [fs.convolve(X * n, W) for n in range(50)]
    assert all(y.tolist() == [n * v for v in Y] for n, y in enumerate(results))
    large = [fs.convolve(np.full(30_000, float(n)), np.ones(1)) for n in range(4)]
    assert [y[-1] for y in large] == [0, 1, 2, 3]


def test_threads_that_call_at_once() -> None:
    """Each with its own numbers and shapes; some of them the first to make a call."""
    start = threading.Barrier(8)

    def work(seed: int) -> int:
        rng, wrong = np.random.default_rng(seed), 0
        start.wait()
        for i in range(1500):
            n, k = 3 + (seed + i) % 200, 1 + i % 5
            x, w = rng.integers(-9, 9, n).astype(float), rng.integers(-9, 9, k).astype(float)
            wrong += not np.array_equal(fs.convolve(x, w), np.convolve(x, w))
            image = rng.integers(-9, 9, (6, 7)).astype(np.float32)
            delta = np.zeros((3, 3), np.float32)
            delta[1, 1] = k
            wrong += not np.array_equal(fs.convolve(image, delta, "same"), image * k)
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 0


def test_number_of_threads_is_read_at_each_call() -> None:
    """A thread's setting is not part of what is remembered, nor does it change a bit."""
    x, w = numbers((300, 300), "float32"), numbers((9, 9), "float32")
    alone = fs.convolve(x, w, threads=1)
    for n in (1, 2, 3):
        with fs.threads(n):
            np.testing.assert_array_equal(fs.convolve(x, w), alone)
