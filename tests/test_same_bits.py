"""The same call gives the same bits wherever x, w and out lie in memory, and on any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.execute import instruction_sets

Array = np.ndarray[Any, Any]


def ways_to_lie(a: Array, rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """The same numbers, in Fortran order, with gaps, backwards, in a larger array, transposed, at an odd address."""
    yield "F", np.asfortranarray(a)
    spaced = np.zeros(tuple(2 * n for n in a.shape), a.dtype)[(slice(None, None, 2),) * a.ndim]
    spaced[...] = a
    yield "spaced", spaced
    turned = (slice(None, None, -1),) * a.ndim
    yield "backwards", a[turned].copy()[turned]
    part = np.zeros(tuple(n + 3 for n in a.shape), a.dtype)[(slice(1, -2),) * a.ndim]
    part[...] = a
    yield "part", part
    order = rng.permutation(a.ndim)
    yield "transposed", np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
    odd = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    odd[...] = a
    yield "odd address", odd


def bits(result: Any) -> list[bytes]:
    parts = result if isinstance(result, tuple) else (result,)
    return [np.ascontiguousarray(part).tobytes() for part in parts]


def check_bits(call: Callable[..., Any], arrays: list[Array], rng: np.random.Generator, out: bool = True) -> None:
    expected = call(*arrays)
    for i, array in enumerate(arrays):
        for way, lies in ways_to_lie(array, rng):
            assert bits(call(*arrays[:i], lies, *arrays[i + 1 :])) == bits(expected), (i, way)
    if not out:
        return
    for way, lies in ways_to_lie(expected, rng):
        lies[...] = 0
        call(*arrays, out=lies)
        assert bits(lies) == bits(expected), ("out", way)


def numbers(rng: np.random.Generator, shape: Any, dtype: str) -> Array:
    parts = rng.standard_normal((2, *shape)) if np.dtype(dtype).kind == "c" else rng.standard_normal((1, *shape))
    return np.asarray(parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]).astype(dtype)


DTYPES = ["float16", "float32", "float64", "complex64"]


def random_call(rng: np.random.Generator) -> tuple[Callable[..., Any], list[Array]]:
    dtype, ndim = str(rng.choice(DTYPES)), int(rng.integers(1, 4))
    n_axes = int(rng.integers(1, ndim + 1))
    x = numbers(rng, rng.integers(1, (1500, 110, 25)[ndim - 1], ndim), dtype)
    w = numbers(rng, rng.integers(1, (60, 16, 6)[n_axes - 1], n_axes), dtype)
    if rng.random() < 0.15:
        w[...] = w.flat[0]
    words = {
        "mode": str(rng.choice(["full", "same"])),
        "stride": int(rng.choice([1, 1, 1, 2])),
        "boundary": str(rng.choice(["zero", "wrap"])),
        "axes": tuple(sorted(int(dim) for dim in rng.choice(ndim, n_axes, replace=False))),
        "threads": int(rng.integers(1, 3)),
    }
    return lambda a, b, out=None: fs.convolve(a, b, out=out, **words), [x, w]


@pytest.mark.parametrize("seed", range(4))
def test_sums_do_not_see_where_arrays_lie(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        check_bits(*random_call(rng), rng)


LARGE: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "rows": ((1024, 300), (3, 3), {}),
    "line buffer": ((200, 300), (13, 13), {"method": "direct"}),
    "photograph": ((300, 200, 3), (5, 5), {"axes": (0, 1)}),
    "signals side by side": ((300, 40), (9,), {"axes": 0}),
    "signals in rows": ((300, 600), (30,), {"axes": 0}),
    "tiles": ((40_000,), (700,), {"method": "overlap"}),
    "one tile": ((9000,), (2000,), {"method": "fft"}),
    "volumes": ((30, 40, 50), (3, 3, 3), {}),
}


@pytest.mark.parametrize("boundary", ["zero", "mirror"])
@pytest.mark.parametrize("name", list(LARGE))
def test_large_sums_do_not_see_it(name: str, boundary: str) -> None:
    x_shape, w_shape, words = LARGE[name]
    rng = np.random.default_rng(5)
    for dtype in ("float32", "float64"):
        x, w = numbers(rng, x_shape, dtype), numbers(rng, w_shape, dtype)
        if name == "tiles":
            x[7] = 1e6  # some outputs are summed again

        def call(a: Array, b: Array, out: Any = None) -> Any:
            return fs.convolve(a, b, "same", boundary=boundary, out=out, **words)

        check_bits(call, [x, w], rng)
        assert bits(fs.convolve(x.T.copy().T, w, "same", boundary=boundary, threads=1, **words)) == bits(call(x, w))


@pytest.mark.parametrize("kind", ["box", "separable"])
def test_taps_that_are_products_do_not_see_it(kind: str) -> None:
    rng = np.random.default_rng(6)
    w = np.ones((11, 9)) if kind == "box" else np.outer(np.hanning(9) + 0.1, np.hanning(7) + 0.2)
    for shape, axes in (((90, 70), (0, 1)), ((40, 50, 3), (0, 1))):
        check_bits(
            lambda a, b, out=None, axes=axes: fs.convolve(a, b, "same", method=kind, axes=axes, out=out),
            [rng.standard_normal(shape), w],
            rng,
        )


@pytest.mark.parametrize("seed", range(3))
def test_layers_do_not_see_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for dtype in ("float32", "float64"):
        groups = int(rng.integers(1, 3))
        c, k = groups * int(rng.integers(1, 9)), groups * int(rng.integers(1, 9))
        taps = rng.integers(1, 5, 2)
        x, w = numbers(rng, (2, c, *rng.integers(8, 24, 2)), dtype), numbers(rng, (k, c // groups, *taps), dtype)
        words = {"stride": int(rng.integers(1, 3)), "padding": int(rng.integers(0, 3)), "groups": groups}
        check_bits(lambda a, b, out=None, words=words: fs.nn.conv(a, b, out=out, **words), [x, w], rng)
        dy = numbers(rng, fs.nn.conv(x, w, **words).shape, dtype)  # type: ignore[arg-type]
        check_bits(lambda d, a, b, words=words: fs.nn.conv_grads(d, a, b, **words), [dy, x, w], rng, out=False)
        up = {"stride": 2, "groups": groups}
        check_bits(lambda d, b, up=up: fs.nn.conv_transpose(d, b, **up), [dy, w], rng, out=False)
        check_bits(lambda a: fs.nn.avg_pool(a, (2, 3), stride=1), [x], rng, out=False)


WIDE: dict[str, Callable[..., Any]] = {
    "winograd": lambda a, b: fs.nn.conv(a, b, padding=1, method="winograd"),
    "gemm": lambda a, b: fs.nn.conv(a, b, padding=1, method="gemm"),
    "one by one": lambda a, b: fs.nn.conv(a, b[..., :1, :1]),
    "strided": lambda a, b: fs.nn.conv(a, b, stride=2),
}


@pytest.mark.parametrize("name", list(WIDE))
def test_wide_layers_do_not_see_it(name: str) -> None:
    rng = np.random.default_rng(8)
    arrays = [numbers(rng, (2, 64, 14, 15), "float32"), numbers(rng, (64, 64, 3, 3), "float32")]
    check_bits(WIDE[name], arrays, rng, out=False)


VERBS: dict[str, Callable[..., Any]] = {
    "convolve_grads": lambda x, w: fs.convolve_grads(np.ones((60, 50), x.dtype), x, w, "same"),
    "match": lambda x, w: fs.match(x, w).scores,
    "resample": lambda x, w: fs.resample(x, 3, 2, axis=0),
    "upfirdn": lambda x, w: fs.upfirdn(x, w[0], 3, 2, axis=0),
    "filters.gaussian": lambda x, w: fs.filters.gaussian(x, 1.5),
    "filters.box": lambda x, w: fs.filters.box(x, 9),
    "nan": lambda x, w: fs.convolve(x, w, "same", nan="omit"),
}


@pytest.mark.parametrize("name", list(VERBS))
def test_verbs_do_not_see_it(name: str) -> None:
    rng = np.random.default_rng(9)
    x, w = rng.standard_normal((60, 50)), rng.standard_normal((7, 8))
    if name == "nan":
        x[3, 4] = np.nan
    for dtype in ("float32", "float64"):
        check_bits(VERBS[name], [x.astype(dtype), w.astype(dtype)], rng, out=False)


@pytest.mark.slow
@pytest.mark.skipif(len(instruction_sets()[1]) < 2, reason="one instruction set")
def test_other_instruction_sets_do_not_see_it() -> None:
    """The rest of this file, on each of them."""
    for isa in instruction_sets()[1][1:]:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-k", "sums or layers", __file__]
        done = subprocess.run(command, env=os.environ | {"FLIPSLIDE_ISA": isa}, capture_output=True, text=True)
        assert done.returncode == 0, isa + done.stdout
