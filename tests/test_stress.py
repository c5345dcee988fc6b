"""Calls under stress: the process ends, signals come, nothing more is to be had, or one number is not finite."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import flipslide as fs

RNG = np.random.default_rng(23)


def run_code(code: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=seconds)


# ------------------------------------------------------------------------------- threads

ENDING = """
import threading, time
import numpy as np, flipslide as fs
x, w = np.ones(300_000, "f4"), np.ones({taps}, "f4")
def work():
    while True:
        fs.convolve(x, w, {words})
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.15)
"""


@pytest.mark.parametrize(
    ("taps", "words"),
    [(40, "method='direct'"), (400, "method='overlap'"), (9, "boundary='mirror', out=None, threads=2")],
)
def test_process_ends_while_daemon_threads_call(taps: int, words: str) -> None:
    done = [run_code(ENDING.format(taps=taps, words=words)) for _ in range(3)]
    assert [(run.returncode, run.stderr) for run in done] == [(0, "")] * 3


NO_THREADS = """
import resource
import numpy as np, flipslide as fs
x, w = np.ones((600, 600), "f4"), np.ones((9, 9), "f4")
fs.set_num_threads(2000)
alone = fs.convolve(x, w, method="direct", threads=1)
out = np.empty_like(alone)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20), resource.RLIM_INFINITY))
for _ in range(3):
    fs.convolve(x, w, method="direct", out=out)
assert (out == alone).all()
assert "Threads:\\t1\\n" in open("/proc/self/status").read()
"""

MANY_THREADS = """
import os
import numpy as np, flipslide as fs
fs.set_num_threads(2000)
fs.convolve(np.ones((900, 900), "f4"), np.ones((9, 9), "f4"))
started = int(open("/proc/self/status").read().split("Threads:")[1].split()[0])
assert started <= len(os.sched_getaffinity(0)) + 1, started
try:
    fs.set_num_threads(2**70)
except fs.FlipslideError:
    pass
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("code", [NO_THREADS, MANY_THREADS])
def test_no_more_threads_than_there_are(code: str) -> None:
    done = run_code("import os; os.environ['OPENBLAS_NUM_THREADS'] = '1'\n" + code)
    assert done.returncode == 0, done.stderr


# What runs in the background of a shell is begun with the signal ignored.
INTERRUPTED = """
import os, signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np, flipslide as fs
rng = np.random.default_rng(0)
spoilt, layer = np.r_[np.inf, rng.random(1_000_000)], rng.random((64, 64, 128, 128), "f4")
fs.set_num_threads({threads})
calls = {{
    "direct": lambda: fs.convolve(rng.random(1_500_000), rng.random(60_000), method="direct"),
    "redone": lambda: fs.convolve(spoilt, rng.random(90_000), method="fft"),
    "layer": lambda: fs.nn.conv(layer, rng.random((256, 64, 7, 7), "f4")),
}}
def interrupt():
    global sent
    time.sleep(0.8)
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    calls["{call}"]()
except KeyboardInterrupt:
    assert time.perf_counter() - sent < 1
    assert (fs.convolve(np.ones(9), np.ones(2), "valid") == 2).all()
    print("interrupted")
"""


@pytest.mark.parametrize(("call", "threads"), [("direct", 1), ("direct", 2), ("redone", 1), ("layer", 2)])
def test_control_c_ends_a_call_within_a_second(call: str, threads: int) -> None:
    done = run_code(INTERRUPTED.format(call=call, threads=threads))
    assert done.stdout == "interrupted\n", done.stderr


# ---------------------------------------------------------------------------- numbers


def seconds(call: object, times: int = 5) -> float:
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        best = min(best, time.perf_counter() - start)
    return best


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_tap_that_is_not_finite_is_not_slow(bad: float) -> None:
    x, w = RNG.random(4209), RNG.random(3824)
    image, taps = RNG.random((8, 16, 40, 40)), RNG.random((16, 16, 3, 3))
    spoilt, spoilt_taps = w.copy(), taps.copy()
    spoilt[100] = spoilt_taps[3, 2, 1, 0] = bad
    for good, slow in (
        (lambda: fs.convolve(x, w), lambda: fs.convolve(x, spoilt)),
        (lambda: fs.nn.conv(image, taps, padding=1), lambda: fs.nn.conv(image, spoilt_taps, padding=1)),
    ):
        assert seconds(slow) < 10 * seconds(good) + 1e-4


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_taps_that_are_not_finite_touch_what_they_meet(dtype: str) -> None:
    for trial in range(60):
        ndim = int(RNG.integers(1, 4))
        x = RNG.integers(-3, 4, RNG.integers(1, 14, ndim)).astype(dtype)
        if np.dtype(dtype).kind == "c":
            x = x * np.asarray(1 + 1j, dtype)
        w = RNG.integers(-3, 4, RNG.integers(1, 6, ndim)).astype(dtype)
        bad = [np.nan, np.inf, -np.inf] if np.dtype(dtype).kind == "f" else [np.nan]
        for _ in range(int(RNG.integers(1, 4))):
            w[tuple(RNG.integers(0, w.shape))] = RNG.choice(bad)
        if trial % 4 == 0 and np.dtype(dtype).kind == "f":
            x[tuple(RNG.integers(0, x.shape))] = RNG.choice(bad)
        words = {
            "mode": str(RNG.choice(["full", "same"])),
            "stride": int(RNG.integers(1, 4)),
            "dilation": int(RNG.integers(1, 3)),
            "boundary": str(RNG.choice(["zero", "zero", "constant", "mirror"])) if min(x.shape) > 1 else "zero",
        }
        if words["boundary"] == "constant":
            words["fill_value"] = 2
        verb = fs.convolve if trial % 2 else fs.correlate
        expected = verb(x, w, **words, method="numpy")  # type: ignore[arg-type]
        y = verb(x, w, **words)  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
        np.testing.assert_allclose(y, expected, rtol=1e-2 if dtype == "float16" else 1e-5, atol=1e-2)


def test_layers_with_taps_that_are_not_finite() -> None:
    for trial in range(30):
        groups = int(RNG.integers(1, 3))
        x = RNG.integers(-3, 4, (2, 2 * groups, 9, 8)).astype(np.float32)
        w = RNG.integers(-3, 4, (3 * groups, 2, 3, 2)).astype(np.float32)
        w[tuple(RNG.integers(0, w.shape))] = RNG.choice([np.nan, np.inf, -np.inf])
        words = {"padding": int(RNG.integers(1, 3)), "stride": int(RNG.integers(1, 3)), "groups": groups}
        expected = fs.nn.conv(x, w, **words, method="numpy")  # type: ignore[arg-type]
        np.testing.assert_array_equal(fs.nn.conv(x, w, **words), expected)  # type: ignore[arg-type]
        if trial % 3 == 0:
            dy = RNG.integers(-3, 4, expected.shape).astype(np.float32)
            for method in ("auto", "numpy"):
                dx = fs.nn.conv_input_grad(dy, w, x.shape, **words, method=method)  # type: ignore[arg-type]
                expected = dx if method == "auto" else expected
            np.testing.assert_array_equal(dx, fs.nn.conv_input_grad(dy, w, x.shape, **words))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["direct", "overlap", "fft", "numpy"])
def test_float16_beyond_its_range_is_infinite_without_a_word(method: str) -> None:
    x, w = np.full(50, 60000, np.float16), np.float16([1, 1, -1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = fs.convolve(x, w, method=method)
    assert np.isinf(y[1])
    assert y[2] == 60000


def test_true_counts_one_whatever_its_byte_is() -> None:
    x = RNG.integers(0, 3, (40, 50)).astype(np.uint8).view(bool)
    w = np.uint8([[255, 0, 1], [7, 255, 0]]).view(bool)
    for dtype in (np.int8, np.uint8, np.int32, np.float32):
        for other in (RNG.integers(0, 9, (2, 3)).astype(dtype), RNG.integers(0, 2, (5, 5)).astype(dtype)):
            for method in ("auto", "direct"):
                y = fs.convolve(x, other, method=method)
                np.testing.assert_array_equal(y, fs.convolve(x.astype(np.uint8) > 0, other, method="numpy"))
    for method in ("auto", "direct"):
        one = fs.convolve(x, w, method=method, dtype=np.int32)
        np.testing.assert_array_equal(one, fs.convolve(x.astype(np.uint8) > 0, w.astype(np.uint8) > 0, dtype=np.int32))
    long = np.full(9000, 255, np.uint8).view(bool)
    assert (fs.convolve(long, long[:5000], "valid", dtype=np.int64) == 5000).all()


# ----------------------------------------------------------------------------- memory

SHAPES = """
import os
import numpy as np, flipslide as fs
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
w, layer = np.ones((3, 3)), np.ones((2, 2, 3, 3), "f4")
fs.convolve(np.ones((5, 5)), w), fs.nn.conv(np.ones((1, 2, 9, 9), "f4"), layer)
before = resident()
for i in range(2500):
    fs.convolve(np.ones((5 + i % 50, 5 + i // 50)), w, "same", boundary="mirror")
    fs.convolve(np.ones((5 + i % 50, 5 + i // 50)).T, w, "same", boundary="mirror")
    fs.nn.conv(np.ones((1, 2, 9 + i % 50, 9 + i // 50), "f4"), layer, layout="channels_first")
    if i % 25 == 0:
        fs.convolve(np.ones(5000 + 41 * i), np.ones(500 + 11 * i), method="fft")
grown = resident() - before
fs.release_memory()
left = resident() - before
print(grown, left)
assert fs.release_memory() == 0
assert grown < {grown} and left < {left}, (grown, left)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_caches_are_bounded_and_released() -> None:
    done = run_code(SHAPES.format(grown=120, left=40))
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_threads_do_not_sit_on_packed_taps_or_scratch() -> None:
    code = """
import numpy as np, flipslide as fs
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
x, w = np.ones((1, 4000, 1), "f4"), np.ones((4000, 4000, 1), "f4")
fs.nn.conv(x[:, :9], w[:9, :9])
fs.release_memory()
before = resident()
fs.nn.conv(x, w, threads=2)
fs.nn.conv(np.ones((1, 64, 200, 200), "f4"), np.ones((64, 64, 3, 3), "f4"), threads=2)
fs.release_memory()
assert resident() - before < 24, resident() - before
"""
    done = run_code(code)
    assert done.returncode == 0, done.stderr
