"""Threads: the same bits for any number, safe beside other threads and after a fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import flipslide as fs

RNG = np.random.default_rng(11)
X = RNG.standard_normal((4, 300, 900)).astype(np.float32)
W = RNG.standard_normal((9, 9)).astype(np.float32)


def heavy() -> bytes:
    """A call that is worth sharing: about 10^8 products."""
    return fs.convolve(X, W, "same", boundary="mirror", threads=4).tobytes()


def in_child(queue: multiprocessing.SimpleQueue[bytes]) -> None:
    queue.put(heavy())


def test_same_bits_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(3)
    x, w = (
        rng.standard_normal((2, 40, 50, 50)).astype(np.float32),
        rng.standard_normal((70, 40, 3, 3)).astype(np.float32),
    )
    for call in (
        lambda n: fs.convolve(X, W, threads=n),
        lambda n: fs.nn.conv(x, w, padding=1, threads=n),
        lambda n: fs.convolve(X[0].astype(complex), W, threads=n),
    ):
        alone = call(1)
        for n in (2, 3, 8):
            np.testing.assert_array_equal(call(n), alone)


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_multiprocessing_after_use(start: str) -> None:
    expected = heavy()
    context = multiprocessing.get_context(start)
    queue = context.SimpleQueue()
    children = [context.Process(target=in_child, args=(queue,)) for _ in range(2)]
    for child in children:
        child.start()
    assert [queue.get() for _ in children] == [expected] * 2
    for child in children:
        child.join(60)
        assert child.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_while_another_thread_computes() -> None:
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            heavy()

    worker = threading.Thread(target=keep_busy)
    worker.start()
    expected = heavy()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if heavy() == expected else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        worker.join()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_while_another_thread_holds_a_lock() -> None:
    """Of the memory that results share, of kept taps: each of them is free in the child, and what it guards whole."""
    stop = threading.Event()
    x, w = np.ones(200_000), np.ones(20_000)

    def keep_locking() -> None:
        while not stop.is_set():
            fs.release_memory()
            fs.convolve(x[:40_000], w[:15_000], method="fft")

    fs.release_memory()
    fs.convolve(x, w, method="fft")  # what Python imports for it, under locks of its own
    workers = [threading.Thread(target=keep_locking) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(60):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                fs.release_memory()
                os._exit(0 if fs.convolve(x, w, "valid", method="fft", threads=1)[0].round() == len(w) else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_eight_python_threads_at_once() -> None:
    expected = heavy()
    with ThreadPoolExecutor(8) as pool:
        assert all(result == expected for result in pool.map(lambda _: heavy(), range(24)))


def test_gil_is_released_during_a_long_call() -> None:
    """A second thread ticks every millisecond while a call of a few hundred runs.

    With the GIL held through the call there would be one gap as long as the call itself.
    """
    x, w = np.ones(1_000_000), np.ones(6_000)
    ticks: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    started = time.perf_counter()
    fs.convolve(x, w, threads=1, method="direct")
    ended = time.perf_counter()
    stop.set()
    ticker.join()
    inside = [t for t in ticks if started < t < ended]
    longest = max(np.diff([started, *inside, ended]))
    assert longest < 0.5 * (ended - started)


def test_settings() -> None:
    before = fs.get_num_threads()
    with fs.threads(3):
        assert fs.get_num_threads() == 3
        with fs.threads(1):
            assert fs.get_num_threads() == 1
        assert fs.get_num_threads() == 3
    assert fs.get_num_threads() == before
    with ThreadPoolExecutor(1) as pool, fs.threads(5):
        assert pool.submit(fs.get_num_threads).result() == before
    fs.set_num_threads(before + 1)
    try:
        assert fs.get_num_threads() == before + 1
    finally:
        fs.set_num_threads(before)


def test_environment_variable() -> None:
    code = "import flipslide as fs; print(fs.get_num_threads())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FLIPSLIDE_NUM_THREADS": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "7"


def test_small_numbers_stay_on_every_thread() -> None:
    """Transforms set how a processor treats them, and set it back, on the thread that calls and on others."""
    tiny = np.full(300_000, 1e-310)
    for method in ("direct", "overlap", "fft"):
        y = fs.convolve(tiny, np.ones(2), "valid", method=method, threads=2)
        np.testing.assert_allclose(y, 2e-310, rtol=1e-12)
        assert (tiny * 1.0)[0] == 1e-310
    kept: list[float] = []
    other = threading.Thread(
        target=lambda: kept.append(float((fs.convolve(tiny[:99], [1.0], method="fft"), tiny[:1] * 1.0)[1][0]))
    )
    other.start()
    other.join()
    assert kept == [1e-310]


THREADPOOLCTL = """
import threadpoolctl{early}
import flipslide as fs
fs.convolve([1.0], [1.0]){late}
ours = [info for info in threadpoolctl.threadpool_info() if info["user_api"] == "flipslide"]
assert len(ours) == 1, ours
assert ours[0]["num_threads"] == fs.get_num_threads() == 7, ours
assert ours[0]["version"] == fs.__version__
with threadpoolctl.threadpool_limits(3):
    assert fs.get_num_threads() == 3
    with fs.threads(2):
        assert fs.get_num_threads() == 2
assert fs.get_num_threads() == 7
"""

REGISTER = "; import flipslide as fs; fs.register_threadpoolctl()"


@pytest.mark.parametrize(("early", "late"), [("", ""), (REGISTER, ""), ("", REGISTER), (REGISTER, REGISTER)])
def test_threadpoolctl_sees_and_limits_the_pool(early: str, late: str) -> None:
    subprocess.run(
        [sys.executable, "-c", THREADPOOLCTL.format(early=early, late=late)],
        env={**os.environ, "FLIPSLIDE_NUM_THREADS": "7"},
        check=True,
    )


def test_threadpoolctl_is_not_imported_by_itself() -> None:
    code = "import flipslide as fs, sys; fs.convolve([1.0], [1.0]); assert 'threadpoolctl' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
