"""Large results share memory one after the other, never at the same time."""

from __future__ import annotations

import gc
import threading

import numpy as np

import flipslide as fs

X, W = np.random.default_rng(0).standard_normal(400_000), np.array([1.0, -2.0, 1.0])


def test_memory_of_a_result_that_is_gone_is_used_again() -> None:
    fs.release_memory()
    first = fs.convolve(X, W)
    where = first.ctypes.data
    del first
    gc.collect()
    assert fs.convolve(X, W).ctypes.data == where


def test_a_result_in_use_keeps_its_memory() -> None:
    expected = np.convolve(X, W)
    kept = fs.convolve(X, W)
    part = fs.convolve(X, W)[10:20]  # a view alone keeps the whole
    for _ in range(5):
        other = fs.convolve(X, -W)
        assert not np.shares_memory(other, kept)
        assert not np.shares_memory(other, part)
    np.testing.assert_allclose(kept, expected, atol=1e-12)
    np.testing.assert_allclose(part, expected[10:20], atol=1e-12)


def test_kept_memory_is_bounded_and_released() -> None:
    results = [fs.convolve(np.zeros(6_000_000), W) for _ in range(8)]
    del results
    gc.collect()
    assert 0 < fs.release_memory() <= 256 << 20
    assert fs.release_memory() == 0


def test_results_are_writable_and_own_their_shape() -> None:
    y = fs.convolve(X.reshape(400, 1000), W[None], "same")
    assert y.flags.writeable
    assert y.flags.c_contiguous
    y += 1
    assert y.copy().shape == (400, 1000)


def test_threads_take_different_memory() -> None:
    wrong: list[int] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).standard_normal(200_000)
        expected = np.convolve(x, W)
        wrong.extend(seed for _ in range(20) if not np.allclose(fs.convolve(x, W), expected))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
