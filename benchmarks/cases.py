"""The one list of benchmark cases: what flipslide computes, and the rivals that compute the same.

A case is made of callables on the same arrays. Data is random, never zeros; a rival gets
its natural layout and its best option for the job; every result is compared before anything
is timed. Rivals that are not installed are left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
import scipy.signal

import flipslide as fs

Job = Callable[[], np.ndarray]


class Case(NamedTuple):
    """One row: a name, how many products it is, flipslide's call and the rivals'."""

    name: str
    products: float
    ours: Job
    rivals: dict[str, Job]


def random(shape: Any, dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def signal(n: int, k: int, dtype: str) -> Case:
    x, w = random(n, dtype), random(k, dtype, 1)
    rivals: dict[str, Job] = {"numpy.convolve": lambda: np.convolve(x, w)}
    if n > 1000:
        rivals["scipy.oaconvolve"] = lambda: scipy.signal.oaconvolve(x, w)
    return Case(f"1-D {n:,} by {k}, {dtype}", n * k, lambda: fs.convolve(x, w), rivals)


def image(n: int, k: int, dtype: str) -> Case:
    x, w = random((n, n), dtype), random((k, k), dtype, 1)
    rivals: dict[str, Job] = {"scipy.ndimage.convolve": lambda: scipy.ndimage.convolve(x, w, mode="mirror")}
    try:
        import cv2

        flipped = np.ascontiguousarray(w[::-1, ::-1])
        rivals["cv2.filter2D"] = lambda: cv2.filter2D(x, -1, flipped, borderType=cv2.BORDER_REFLECT_101)
    except ImportError:
        pass
    return Case(
        f"2-D {n}x{n} by {k}x{k}, {dtype}",
        n * n * k * k,
        lambda: fs.convolve(x, w, "same", boundary="mirror", center="upper"),
        rivals,
    )


def layer(batch: int, channels: int, size: int, filters: int, k: int) -> Case:
    x = random((batch, channels, size, size), "float32")
    w = random((filters, channels, k, k), "float32", 1)
    rivals: dict[str, Job] = {}
    try:
        import torch

        tx, tw = torch.from_numpy(x), torch.from_numpy(w)
        rivals["torch conv2d"] = lambda: torch.nn.functional.conv2d(tx, tw, padding=k // 2).numpy()
    except ImportError:
        pass
    products = float(batch * filters * channels) * size * size * k * k
    return Case(
        f"layer ({batch}, {channels}, {size}, {size}) by ({filters}, {channels}, {k}, {k})",
        products,
        lambda: fs.nn.conv(x, w, padding=k // 2),
        rivals,
    )


def all_cases() -> Iterator[Case]:
    yield signal(5, 3, "float64")
    yield signal(1_000_000, 101, "float64")
    yield signal(1_000_000, 101, "float32")
    yield signal(1_000_000, 5, "float32")
    yield signal(100_000, 1001, "float64")
    yield image(256, 3, "float32")
    yield image(1024, 7, "float32")
    yield image(1024, 15, "float32")
    yield layer(8, 64, 56, 64, 3)
    yield layer(8, 256, 14, 256, 1)
    yield layer(8, 3, 224, 64, 7)
