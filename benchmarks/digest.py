"""The bits of some thousand random calls, and the plans behind them: what a change of structure must not change.

    python -m benchmarks.digest > before.txt      # in one checkout
    python -m benchmarks.digest > after.txt       # in another; then diff

Each line is a call with a hash of its result on one thread; a call whose bits differ on two threads says so.
FLIPSLIDE_ISA picks the instruction set. It compares two states of the project and says nothing of right and wrong.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from typing import Any

import numpy as np

import flipslide as fs

DTYPES = "f4 f8 f4 f8 c8 c16 i1 i2 i4 i8 u1 u2 f2".split()
BOUNDARIES = ("zero", "zero", "constant", "edge", "symmetric", "mirror", "wrap")
METHODS = ("auto", "auto", "auto", "direct", "gemm", "separable", "box", "overlap", "fft")


def small_integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    values = rng.integers(0 if dtype[0] == "u" else -3, 4, shape)
    return values.astype(dtype) if dtype[0] in "iu" else None


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    found = small_integers(rng, shape, dtype)
    if found is None:
        found = rng.standard_normal(shape).astype(np.dtype(dtype))
        if dtype[0] == "c":
            found = found + 1j * rng.standard_normal(shape).astype(dtype)
        if rng.random() < 0.1 and found.size:
            found.flat[rng.integers(found.size)] = rng.choice([np.nan, np.inf])
    return lie_somehow(rng, found)


def lie_somehow(rng: np.random.Generator, array: Any) -> Any:
    """In memory as callers' arrays may lie: Fortran order, every second number, backwards."""
    kind = rng.integers(6)
    if kind == 0:
        return np.asfortranarray(array)
    if kind == 1 and array.ndim:
        wide = np.repeat(array, 2, axis=-1)
        return wide[..., ::2]
    return array[::-1] if kind == 2 and array.ndim else array


def taps(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Any, all the same, or a product along the axes."""
    kind = rng.integers(4)
    if kind == 0:
        return np.ones(shape, dtype)
    if kind == 1 and dtype[0] in "fc":
        grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
        return np.exp(-2 * sum(g * g for g in grid)).astype(dtype)
    return numbers(rng, shape, dtype)


def signal_call(rng: np.random.Generator) -> tuple[str, Any]:
    ndim = int(rng.integers(1, 4))
    most = (20_000, 200, 30)[ndim - 1]
    shape = tuple(int(most ** rng.uniform(0.2, 1)) for _ in range(ndim))
    w_shape = tuple(int(rng.integers(1, max(2, min(n, (300, 24, 8)[ndim - 1])))) for n in shape)
    dtype, w_dtype = rng.choice(DTYPES), rng.choice(DTYPES)
    batch = tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 2)))
    last = bool(rng.random() < 0.3) and len(batch) == 1
    x = numbers(rng, (*shape, *batch) if last else (*batch, *shape), dtype)
    axes = tuple(range(ndim)) if last else tuple(range(len(batch), len(batch) + ndim))
    words: dict[str, Any] = {
        "mode": str(rng.choice(["full", "same", "valid"])),
        "boundary": str(rng.choice(BOUNDARIES)),
        "axes": axes,
        "method": str(rng.choice(METHODS)),
        "accuracy": str(rng.choice(["default", "default", "strict"])),
        "overflow": str(rng.choice(["raise", "wrap", "saturate"])),
    }
    if rng.random() < 0.25:
        words |= {"stride": int(rng.integers(1, 4)), "dilation": int(rng.integers(1, 4))}
    if words["boundary"] == "constant":
        words["fill_value"] = 2
    verb = fs.convolve if rng.random() < 0.6 else fs.correlate
    w = taps(rng, w_shape, w_dtype)
    text = f"{verb.__name__} {x.shape}{dtype} {w_shape}{w_dtype} {sorted(words.items())}"
    return text, lambda threads: verb(x, w, threads=threads, **words)


def layer_call(rng: np.random.Generator) -> tuple[str, Any]:
    ndim, groups = int(rng.integers(1, 3)), int(rng.choice([1, 1, 2, 3]))
    n, c, k = (int(v) for v in rng.integers(1, 5, 3))
    size = tuple(int(v) for v in rng.integers(3, (200, 40)[ndim - 1], ndim))
    window = tuple(int(v) for v in rng.integers(1, 4, ndim))
    dtype = str(rng.choice(["f4", "f8", "i4", "c8"]))
    x, w = numbers(rng, (n, groups * c, *size), dtype), numbers(rng, (groups * k, c, *window), dtype)
    bias = numbers(rng, (groups * k,), dtype) if rng.random() < 0.5 else None
    stride, padding = int(rng.integers(1, 3)), int(rng.integers(0, 3))
    text = f"conv {x.shape}{dtype} {w.shape} bias={bias is not None} stride={stride} padding={padding} groups={groups}"
    words: dict[str, Any] = {"stride": stride, "padding": padding, "groups": groups}
    kind = rng.integers(4)
    if kind == 0:
        wt = numbers(rng, (groups * c, k, *window), dtype)
        return "transpose " + text, lambda threads: fs.nn.conv_transpose(x, wt, threads=threads, **words)
    if kind == 1:
        y = fs.nn.conv(x, w, **words)
        dy = numbers(rng, y.shape, dtype)
        return "grads " + text, lambda threads: fs.nn.conv_weight_grad(dy, x, w.shape, threads=threads, **words)
    return text, lambda threads: fs.nn.conv(x, w, bias, threads=threads, **words)


def hash_of(result: Any) -> str:
    """NaN is one value, whatever its bits."""
    result = np.ascontiguousarray(result)
    if result.dtype.kind in "fc":
        result = np.where(np.isnan(result), np.array(np.nan, result.dtype), result)
    return f"{hashlib.sha1(result.tobytes()).hexdigest()[:12]} {result.dtype} {result.shape}"


def outcome(call: Any) -> str:
    try:
        one, two, again = hash_of(call(1)), hash_of(call(2)), hash_of(call(1))
    except fs.FlipslideError as error:
        return type(error).__name__
    return one if one == two == again else f"THREADS OR REPEATS DIFFER {one} {two} {again}"


def main() -> None:
    warnings.simplefilter("ignore")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for seed in range(count):
        rng = np.random.default_rng(seed)
        try:
            text, call = (signal_call if rng.random() < 0.75 else layer_call)(rng)
        except fs.FlipslideError as error:
            print(seed, type(error).__name__)
            continue
        print(seed, text, outcome(call))


if __name__ == "__main__":
    main()
