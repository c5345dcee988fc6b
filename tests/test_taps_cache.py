"""Kept taps: packed once, recognized by their bytes, and never seen in a result.

The first call with some taps packs them for itself, the second one packs and keeps them, later ones find them. A
plan made with the taps has its own and shares nothing.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Call, calls

import flipslide as fs
from flipslide import _core
from flipslide.errors import IntegerOverflowError, ParameterError

TRANSFORMS = ("overlap", "fft")
MOST_BYTES = 64 << 20

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((900,), (70,)),
    ((300,), (280,)),
    ((40, 50), (7, 12)),
    ((9, 10, 11), (4, 3, 5)),
]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    fs.release_memory()
    yield
    fs.release_memory()


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng, kind = np.random.default_rng(seed), np.dtype(dtype).kind
    if kind in "iu":  # whose sums fit
        return rng.integers(0, 2 if kind == "u" else 9, shape).astype(dtype)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if kind == "c" else values).astype(dtype)


def unshared(x: np.ndarray, w: np.ndarray, method: str = "auto", **words: Any) -> np.ndarray:
    return fs.plan(x.shape, w, x.dtype, method=method, **words)(x)


def assert_same_bits(y: np.ndarray, other: np.ndarray) -> None:
    assert y.dtype == other.dtype
    assert y.tobytes() == other.tobytes()


# ------------------------------------------------------------------------------- same bits


@pytest.mark.parametrize("method", [*TRANSFORMS, "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int16", "uint8", "int64"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_kept_taps_give_the_same_bits(method: str, dtype: str, shapes: tuple[Any, Any]) -> None:
    w = numbers(shapes[1], dtype, seed=1)
    for seed in range(4):
        x = numbers(shapes[0], dtype, seed)
        expected = unshared(x, w, method)
        assert_same_bits(fs.convolve(x, w, method=method), expected)
        assert_same_bits(fs.convolve(x, w.copy(), method=method, threads=2), expected)
    assert method == "auto" or _core.kept_bytes() > w.nbytes


def layouts(w: np.ndarray) -> dict[str, np.ndarray]:
    """The same taps, lying in other ways."""
    wide = np.zeros((*w.shape[:-1], 2 * w.shape[-1]), w.dtype)
    wide[..., ::2] = w
    odd = np.zeros(w.nbytes + 1, np.uint8)[1:].view(w.dtype).reshape(w.shape)
    odd[...] = w
    flipped = (slice(None, None, -1),) * w.ndim
    return {
        "plain": w,
        "Fortran": np.asfortranarray(w),
        "backwards": w[flipped].copy()[flipped],
        "every second": wide[..., ::2],
        "unaligned": odd,
        "broadcast": np.broadcast_to(w, (1, *w.shape))[0],
    }


@pytest.mark.parametrize("method", TRANSFORMS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex128", "uint8"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_taps_are_the_same_however_they_lie(method: str, dtype: str, shapes: tuple[Any, Any]) -> None:
    x, w = numbers(shapes[0], dtype), numbers(shapes[1], dtype, seed=1)
    expected = unshared(x, w, method)
    for _ in range(2):
        fs.convolve(x, w, method=method)
    for name, other in layouts(w).items():
        kept = _core.kept_bytes()
        assert kept > 0
        assert_same_bits(fs.convolve(x, other, method=method), expected)
        assert _core.kept_bytes() == kept, name  # recognized
        for place in ((0,) * w.ndim, (-1,) * w.ndim, tuple(n // 2 for n in w.shape)) if other.flags.writeable else ():
            before = other[place]
            other[place] = before + 1
            assert_same_bits(fs.convolve(x, other, method=method), unshared(x, other, method))
            other[place] = before


@given(call=calls(), data=st.data())
def test_any_call_whose_taps_change_and_come_back(call: Call, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(TRANSFORMS))
    other = np.roll(call.w, 1, axis=-1)
    for w in (call.w, call.w, call.w, other, call.w, other, other, call.w):
        try:
            y = fs.convolve(call.x, w, method=method, **call.keywords)
            expected = unshared(call.x, w, method, **call.keywords)
        except (ParameterError, IntegerOverflowError):
            return
        assert_same_bits(y, expected)


@pytest.mark.parametrize("method", TRANSFORMS)
def test_no_signals_with_taps_of_their_own(method: str) -> None:
    x, w = np.ones((18, 0)), np.ones((6, 2))[:, :0]
    for _ in range(4):
        assert fs.convolve(x, w, axes=0, method=method).shape == (23, 0)


@pytest.mark.parametrize("k", [7, 25, 41])
@pytest.mark.parametrize("kind", ["product", "difference", "box", "random"])
def test_factors_are_kept_too(kind: str, k: int) -> None:
    t = np.arange(k) - k // 2
    narrow, wide = (np.exp(-(t**2) / (2 * s * s)) for s in (k / 8, k / 5))
    w = {
        "product": np.outer(narrow, wide),
        "difference": np.outer(narrow, narrow) - np.outer(wide, wide),
        "box": np.full((k, k), 0.25),
        "random": numbers((k, k), "float64"),
    }[kind].astype(np.float32)
    for seed in range(4):
        x = numbers((200, 300), "float32", seed)
        assert_same_bits(fs.convolve(x, w, "same"), unshared(x, w, mode="same"))
    if k > 7:  # or a direct sum may be fastest, which needs no factors
        assert _core.kept_bytes() > 0


def test_banks_and_groups_of_taps() -> None:
    for x_shape, w_shape in (((1, 3000), (5, 200)), ((4, 1, 900), (1, 3, 100)), ((6, 500), (6, 60))):
        w = numbers(w_shape, "float32", seed=1)
        for seed in range(4):
            x = numbers(x_shape, "float32", seed)
            assert_same_bits(fs.convolve(x, w, axes=-1), unshared(x, w, axes=-1))


# ------------------------------------------------------------------------- never a stale one


@pytest.mark.parametrize("method", TRANSFORMS)
def test_every_byte_counts(method: str) -> None:
    x, w = numbers((700,), "float32"), numbers((100,), "float32", seed=1)
    expected, own = unshared(x, w, method), w.view(np.uint8)
    for _ in range(3):
        fs.convolve(x, w, method=method)
    for at in range(own.size):
        own[at] ^= 1
        assert_same_bits(fs.convolve(x, w, method=method), unshared(x, w, method))
        own[at] ^= 1
        assert_same_bits(fs.convolve(x, w, method=method), expected)


@pytest.mark.parametrize("method", TRANSFORMS)
def test_zeros_of_both_signs_are_different_bytes(method: str) -> None:
    x = numbers((500,), "float64")
    plus, minus = np.zeros(80), np.full(80, -0.0)
    for w in (plus, plus, plus, minus, plus, minus, minus):
        assert_same_bits(fs.convolve(x, w, method=method), unshared(x, w, method))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", [*TRANSFORMS, "auto"])
def test_taps_that_are_not_finite_come_and_go(method: str, bad: float) -> None:
    x, w = numbers((600,), "float32"), numbers((90,), "float32", seed=1)
    good, spoilt = fs.convolve(x, w, method="direct"), w.copy()
    spoilt[40] = bad
    with np.errstate(invalid="ignore"):
        expected = fs.convolve(x, spoilt, method="direct")
    for _ in range(3):
        for _ in range(3):
            np.testing.assert_allclose(fs.convolve(x, w, method=method), good, atol=1e-4)
        for _ in range(3):
            y = fs.convolve(x, spoilt, method=method)
            np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))


def test_the_bound_of_integers_is_that_of_the_taps() -> None:
    x, w = np.full(800, 100, np.int16), np.full(64, 3, np.int16)
    for _ in range(3):
        fs.convolve(x, w, method="overlap")
    for _ in range(3):
        with pytest.raises(IntegerOverflowError):
            fs.convolve(x, w * 100, method="overlap")
        assert fs.convolve(x, w, method="overlap").max() == 100 * 64 * 3


def test_an_array_that_another_thread_writes_to() -> None:
    """Whatever those calls saw, what they leave belongs to the taps that it is found by."""
    x, states = numbers((20_000,), "float32"), [numbers((10_000,), "float32", seed) for seed in (1, 2)]
    expected, w, stop = [unshared(x, state) for state in states], states[0].copy(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            for state in states:
                w[:] = state
                sum(range(1000))  # so that it is whole when it is copied, now and then

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            fs.release_memory()
            fs.convolve(x, w)
            for state, y in zip(states, expected, strict=True):
                assert_same_bits(fs.convolve(x, state), y)
    finally:
        stop.set()
        writer.join()


def test_threads_with_taps_of_their_own() -> None:
    x = numbers((5000,), "float32")
    taps = [numbers((400,), "float32", seed) for seed in range(6)]
    expected = [unshared(x, w) for w in taps]
    assert len({y.tobytes() for y in expected}) == len(taps)

    def work(seed: int) -> int:
        rng, own = np.random.default_rng(seed), np.empty(400, np.float32)
        wrong = 0
        for turn in range(150):
            k = int(rng.integers(len(taps)))
            own[:] = taps[k]
            wrong += fs.convolve(x, own).tobytes() != expected[k].tobytes()
            if turn % 40 == seed:
                fs.release_memory()
        return wrong

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_child_of_a_fork_has_them_too() -> None:
    x, taps = numbers((3000,), "float32"), [numbers((300,), "float32", seed) for seed in range(10)]
    expected, stop = [unshared(x, w) for w in taps], threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            for w in taps:
                fs.convolve(x, w)

    def are_right() -> bool:
        return all(fs.convolve(x, w).tobytes() == y.tobytes() for w, y in zip(taps, expected, strict=True))

    worker = threading.Thread(target=keep_busy)
    worker.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0 if are_right() and are_right() and fs.release_memory() and are_right() else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        worker.join()


# ---------------------------------------------------------------------------------- memory


def test_taps_are_kept_when_they_come_again() -> None:
    x, w = numbers((3000,), "float32"), numbers((300,), "float32", seed=1)
    kept = []
    for _ in range(4):
        fs.convolve(x, w, method="fft")
        kept.append(_core.kept_bytes())
    assert kept[0] == 0
    assert kept[1] > w.nbytes
    assert kept[1:] == kept[1:2] * 3


@pytest.mark.parametrize("n", [2, 16, 17, 40])
def test_taps_that_take_turns(n: int) -> None:
    x, bank = numbers((800,), "float32"), numbers((n, 200), "float32", seed=n)
    expected = [unshared(x, w, "overlap") for w in bank]
    for _ in range(4):
        for w, y in zip(bank, expected, strict=True):
            assert_same_bits(fs.convolve(x, w, method="overlap"), y)
    assert (_core.kept_bytes() > 0) == (n <= 16)  # more are forgotten before they come again


def test_memory_is_bounded_whatever_comes() -> None:
    most = 0
    for seed in range(24):
        x, w = numbers(((1 << 18) + seed,), "float32"), numbers((1 << 18,), "float32", seed)
        for _ in range(2):
            fs.convolve(x, w, "same")
        most = max(most, _core.kept_bytes())
        assert most <= MOST_BYTES
    assert most > MOST_BYTES // 2
    assert_same_bits(fs.convolve(x, w, "same"), unshared(x, w, mode="same"))
    gc.collect()
    assert fs.release_memory() >= most // 2
    assert _core.kept_bytes() == 0
    assert fs.release_memory() == 0


def test_small_ones_are_bounded_by_number() -> None:
    kept = []
    for n in range(600):
        x, w = numbers((600 + n,), "float32"), numbers((64,), "float32", n)
        for _ in range(2):
            fs.convolve(x, w, method="overlap")
        kept.append(_core.kept_bytes())
    assert kept[255] > kept[127] > kept[0] > 0
    assert max(kept) < 1.5 * kept[255]
    assert_same_bits(fs.convolve(x, w, method="overlap"), unshared(x, w, "overlap"))


def test_what_is_too_large_is_not_kept() -> None:
    x, w = numbers((3_000_000,), "float64"), numbers((3_000_000,), "float64", seed=1)
    first = fs.convolve(x, w, "same")
    for _ in range(2):
        assert_same_bits(fs.convolve(x, w, "same"), first)
        assert _core.kept_bytes() == 0
