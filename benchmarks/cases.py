"""The list of benchmark cases. A case is data: shapes, dtypes, words, and how its arrays are made.

`flipslide_call` is the one place that says how the library is called; `rivals.py` does the same
for the others and `reference.py` says what the right answer is.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import flipslide as fs
from flipslide.geometry import mode_window

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """One cell of the table. Layers are correlations with `padding`, the rest are convolutions."""

    group: str
    x_shape: Shape
    w_shape: Shape
    x_dtype: str = "float32"
    w_dtype: str = "float32"
    y_dtype: str = ""  # given as dtype= when it is not empty
    mode: str = "same"
    boundary: str = "zero"
    axes: Shape = ()  # convolved axes of x, the last w.ndim when empty
    taps: str = "random"  # or "gaussian", "box"
    padding: int = -1  # of a layer
    scaling: bool = False  # measured with every number of threads, not only the largest
    quick: bool = False  # part of --quick

    @property
    def name(self) -> str:
        shape = " by ".join("x".join(map(human_count, s)) for s in (self.x_shape, self.w_shape))
        words = [w for w in (self.taps, self.boundary, self.y_dtype) if w not in ("random", "zero", "")]
        return " ".join([self.group, shape, *words])

    @property
    def is_layer(self) -> bool:
        return self.padding >= 0

    @property
    def conv_axes(self) -> Shape:
        """The convolved axes of x, counted from 0."""
        n = len(self.w_shape) - 2 if self.is_layer else len(self.w_shape)
        return tuple(a % len(self.x_shape) for a in self.axes) or tuple(range(len(self.x_shape)))[-n:]

    @property
    def n_taps(self) -> Shape:
        """Along the convolved axes."""
        return tuple(self.w_shape[a] for a in self.conv_axes) if self.has_bank else self.w_shape

    @property
    def has_bank(self) -> bool:
        """Whether w has all axes of x, so that the others broadcast (or are channels)."""
        return len(self.w_shape) == len(self.x_shape) and len(self.w_shape) > len(self.conv_axes)

    @property
    def products_per_output(self) -> int:
        return math.prod(self.n_taps) * (self.w_shape[1] if self.is_layer else 1)

    @property
    def sizes(self) -> Shape:
        """The sizes of x along the convolved axes."""
        return tuple(self.x_shape[a] for a in self.conv_axes)

    @property
    def starts(self) -> Shape:
        """Where the window of outputs begins, along each convolved axis."""
        if self.is_layer:
            return tuple(-self.padding for _ in self.n_taps)
        windows = (mode_window(self.mode, n, k, None, False) for n, k in zip(self.sizes, self.n_taps, strict=True))
        return tuple(start for start, _ in windows)

    @property
    def y_shape(self) -> Shape:
        if self.is_layer:
            return (self.x_shape[0], self.w_shape[0], *fs.output_shape(self.sizes, self.n_taps, padding=self.padding))
        shape = list(map(max, self.x_shape, self.w_shape)) if self.has_bank else list(self.x_shape)
        for axis, size in zip(self.conv_axes, fs.output_shape(self.sizes, self.n_taps, mode=self.mode), strict=True):
            shape[axis] = size
        return tuple(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return np.dtype(self.y_dtype or np.promote_types(self.x_dtype, self.w_dtype))

    @property
    def products(self) -> float:
        return float(math.prod(self.y_shape)) * self.products_per_output

    @property
    def n_bytes(self) -> int:
        """The least that must move: x and w in, y out."""
        arrays = ((self.x_shape, self.x_dtype), (self.w_shape, self.w_dtype), (self.y_shape, self.dtype))
        return sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in arrays)


def human_count(n: int) -> str:
    power = round(math.log10(n)) if n else 0
    return f"1e{power}" if power >= 3 and n == 10**power else str(n)


# ---------------------------------------------------------------------------------- arrays


def make_x(case: Case, kind: str) -> Array:
    """White noise, or noise whose level wanders over a wide range: quiet beside loud."""
    rng = _random(case, kind)
    dtype = np.dtype(case.x_dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = rng.integers(info.min, info.max, case.x_shape, dtype, endpoint=True)
        return x if kind == "white" else x >> _levels(rng, case.x_shape, 7).astype(dtype)
    x = _normal(rng, case.x_shape, dtype)
    if kind == "white":
        return x
    decades = 3 if dtype.itemsize // (2 if dtype.kind == "c" else 1) == 4 else 6
    return (x * 10.0 ** (_levels(rng, case.x_shape, 2 * decades) - decades)).astype(dtype)


def make_w(case: Case) -> Array:
    dtype = np.dtype(case.w_dtype)
    rng = _random(case, "taps")
    if dtype.kind == "i":
        top = max(1, min(255, np.iinfo(case.dtype).max // _largest(case.x_dtype) // math.prod(case.w_shape)))
        return rng.integers(-top, top, case.w_shape, dtype, endpoint=True)
    if case.taps == "random":
        return _normal(rng, case.w_shape, dtype)
    return outer([line(case.taps, k) for k in case.w_shape]).astype(dtype)


def line(taps: str, k: int) -> Array:
    """One axis of separable taps, in float64; a Gaussian reaches three standard deviations."""
    values = np.ones(k) if taps == "box" else np.exp(-0.5 * ((np.arange(k) - (k - 1) / 2) / sigma_of(k)) ** 2)
    return np.asarray(values / values.sum())


def sigma_of(k: int) -> float:
    return (k - 1) / 6


def outer(lines: list[Array]) -> Array:
    product = lines[0]
    for values in lines[1:]:
        product = product[..., None] * values
    return product


def _random(case: Case, kind: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{case.name} {kind}".encode()))


def _normal(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "c":
        return (_normal(rng, shape, np.dtype("f8")) + 1j * _normal(rng, shape, np.dtype("f8"))).astype(dtype)
    return rng.standard_normal(shape, np.float64 if dtype.itemsize == 8 else np.float32).astype(dtype, copy=False)


def _levels(rng: np.random.Generator, shape: Shape, top: int) -> Array:
    """Whole numbers from 0 to top, the same along stretches of 32 samples of the last axis."""
    steps = rng.integers(0, top, (*shape[:-1], -(-shape[-1] // 32)), endpoint=True)
    return np.repeat(steps, 32, axis=-1)[..., : shape[-1]]


def _largest(dtype: str) -> int:
    info = np.iinfo(dtype)
    return max(abs(int(info.min)), int(info.max))


# ----------------------------------------------------------------------------------- calls


def flipslide_call(case: Case, w: Array) -> Callable[..., Array]:
    """x ↦ y with the default words; `out=` may be given too."""
    if case.is_layer:
        return lambda x, **out: fs.nn.conv(x, w, padding=case.padding, **out)
    words = call_words(case)
    mode = words.pop("mode")
    return lambda x, **out: fs.convolve(x, w, mode, **words, **out)


def call_words(case: Case) -> dict[str, Any]:
    """Only the words that differ from the defaults."""
    given = dict(mode=case.mode, axes=case.axes, boundary=case.boundary, dtype=case.y_dtype)
    plain = dict(axes=(), boundary="zero", dtype="")
    return {word: value for word, value in given.items() if value != plain.get(word)}


def flipslide_plan(case: Case, threads: int) -> fs.Plan:
    with fs.threads(threads):
        if case.is_layer:
            return fs.nn.plan(case.x_shape, case.w_shape, case.x_dtype, padding=case.padding)
        words = call_words(case)
        dtype = words.pop("dtype", case.x_dtype)  # of the sum, where it is wider
        return fs.plan(case.x_shape, np.zeros(case.w_shape, np.promote_types(dtype, case.w_dtype)), dtype, **words)


# ------------------------------------------------------------------------------------ grid


def shrink(case: Case, samples: int = 40, taps: int = 9) -> Case:
    """The same case with small sizes, for tests."""
    k = tuple(min(k, taps) for k in case.w_shape)
    if case.is_layer:
        k = (min(case.w_shape[0], 4), min(case.w_shape[1], 4), *k[2:])
    x = [min(n, samples // len(case.conv_axes)) for n in case.x_shape]
    if case.is_layer:
        x[:2] = min(x[0], 2), k[1]
    return replace(case, x_shape=tuple(x), w_shape=k, padding=min(case.padding, (k[-1] - 1) // 2))


def all_cases() -> list[Case]:
    return [case for family in FAMILIES for case in family()]


def small_calls() -> Iterator[Case]:
    doubles = dict(x_dtype="float64", w_dtype="float64", scaling=True, quick=True)
    yield Case("small", (5,), (3,), mode="full", **doubles)  # type: ignore[arg-type]
    yield Case("small", (16, 16), (3, 3), scaling=True, quick=True)


#: Samples: taps. Underscored sizes are also measured with one thread, see `signals`.
SIGNALS: dict[str, dict[int, list[int]]] = {
    "float32": {
        10**3: [3, 16, 101, 10**3],
        10**4: [5, 64, 256],
        10**5: [101, 1000, 10**5],
        10**6: [3, 16, 64, 101, 256, 1000, 20_000],
        10**7: [5, 101],
    },
    "float64": {10**3: [5, 1000], 10**5: [101, 10**5], 10**6: [3, 16, 64, 256, 1000, 20_000]},
    "complex64": {10**4: [16], 10**5: [20_000], 10**6: [3, 101, 1000]},
}
QUICK_SIGNALS = {("float32", 10**5, 101), ("float64", 10**6, 16), ("float32", 10**5, 1000)}


def signals() -> Iterator[Case]:
    for dtype, sizes in SIGNALS.items():
        for n, kernels in sizes.items():
            for k in kernels:
                quick = (dtype, n, k) in QUICK_SIGNALS
                both = quick or (n == 10**6 and k in (16, 101, 1000))
                yield Case(f"1-D {dtype}", (n,), (k,), dtype, dtype, mode="full", scaling=both, quick=quick)
    for n, k in ((10**6, 16), (10**6, 64), (480_000, 101), (10**6, 1000), (10**6, 20_000)):
        yield Case("1-D int16", (n,), (k,), "int16", "int16", "int32", mode="full", quick=k == 64)


def batches() -> Iterator[Case]:
    for shape, k in (((64, 48_000), 101), ((64, 48_000), 1000), ((1024, 4096), 64), ((512, 1000), 16)):
        yield Case("batch", shape, (k,), scaling=k == 64, quick=k == 16)
    for k in (101, 1000):
        yield Case("bank", (1, 10**5), (32, k), axes=(-1,))


#: Pixels a side: taps a side.
IMAGES: dict[str, dict[int, list[int]]] = {
    "float32": {
        256: [3, 7, 31, 128],
        512: [5, 15],
        1024: [3, 5, 7, 9, 15, 31, 63, 101, 512],
        2048: [1024],
        4096: [3, 9, 31],
    },
    "float64": {256: [5], 1024: [3, 9, 31]},
}
QUICK_IMAGES = {("float32", 256, 3), ("float32", 1024, 7), ("float32", 1024, 31)}


def images() -> Iterator[Case]:
    for dtype, sizes in IMAGES.items():
        for n, kernels in sizes.items():
            for k in kernels:
                quick = (dtype, n, k) in QUICK_IMAGES
                yield Case(f"2-D {dtype}", (n, n), (k, k), dtype, dtype, scaling=quick, quick=quick)
    for n, k in ((1024, 3), (1024, 7), (4096, 5)):
        yield Case("2-D uint8", (n, n), (k, k), "uint8", quick=k == 3)
    for k in (3, 5):
        yield Case("2-D uint8", (1024, 1024), (k, k), "uint8", "int16", "int16")
    for k in (31, 101):
        yield Case("2-D uint8", (1024, 1024), (k, k), "uint8", "int16", "int32")


def photographs() -> Iterator[Case]:
    shape = (1024, 1536, 3)
    for k, taps in ((3, "random"), (7, "random"), (15, "random"), (13, "gaussian")):
        yield Case("RGB float32", shape, (k, k), axes=(0, 1), taps=taps, quick=k == 7)


def separable() -> Iterator[Case]:
    for n, k in ((1024, 7), (1024, 25), (1024, 61), (4096, 13)):
        yield Case("2-D float32", (n, n), (k, k), taps="gaussian", quick=k == 25)
    for k in (3, 9, 31, 101):
        yield Case("2-D float32", (1024, 1024), (k, k), taps="box", quick=k == 9)


#: Voxels a side: taps a side.
VOLUMES = {64: [3, 5, 9, 32], 128: [3, 9], 256: [3]}


def volumes() -> Iterator[Case]:
    for n, kernels in VOLUMES.items():
        for k in kernels:
            yield Case("3-D float32", (n,) * 3, (k,) * 3, quick=(n, k) == (64, 5), scaling=(n, k) == (128, 3))


def boundaries() -> Iterator[Case]:
    """The same work under every rule, to be compared with "zero"."""
    for boundary in ("zero", "edge", "mirror", "wrap"):
        yield Case("boundary", (10**6,), (31,), boundary=boundary)
        yield Case("boundary", (512, 512), (5, 5), boundary=boundary)


def layers() -> Iterator[Case]:
    """Layers with the shapes of ResNet (3 by 3, 1 by 1, the first one), and a short audio layer."""
    for channels, size, filters, k in ((64, 56, 64, 3), (256, 14, 256, 1), (3, 224, 64, 7)):
        x, w = (8, channels, size, size), (filters, channels, k, k)
        yield Case("layer", x, w, padding=k // 2, scaling=k == 3, quick=k == 1)
    yield Case("layer", (8, 32, 4000), (64, 32, 9), padding=4)


FAMILIES = (small_calls, signals, batches, images, photographs, separable, volumes, boundaries, layers)
