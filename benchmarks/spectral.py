"""Convolution with somebody else's FFT, done as well as we know how.

The spectrum of the taps is computed once, buffers are reused, tiles have sizes that the FFT is
good at and are as long as pays (overlap-save), and a chunk of tiles stays in the cache. So the
rival is the engine, not a wasteful use of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import scipy.fft

from .cases import Array, Case, Shape

#: Bytes of the tiles that are transformed at once: about one core's second-level cache.
CHUNK = 1 << 20
PLANNING_SECONDS = 2.0


class Engine(Protocol):
    """Transforms over the last axes of arrays of a known shape."""

    scale: float  # what the way back still has to be multiplied by

    def forward(self, tiles: Array) -> Array: ...
    def backward(self, spectrum: Array) -> Array: ...


MakeEngine = Callable[[Shape, Shape, Shape, np.dtype[Any], int], Engine]  # x and y tiles, tile, dtype, threads


class OverlapSave:
    """x ↦ x * w in tiles; zero boundary, any axes, kernels that broadcast."""

    def __init__(self, case: Case, w: Array, make_engine: MakeEngine, threads: int) -> None:
        self.case, axes = case, case.conv_axes
        self.batch = tuple(n for a, n in enumerate(case.x_shape) if a not in axes)
        y_batch = tuple(n for a, n in enumerate(case.y_shape) if a not in axes)
        self.m = tuple(case.y_shape[a] for a in axes)
        tile = choose_tile(self.m, case.n_taps)
        self.lead = tuple(k - 1 for k in case.n_taps)
        hop = [t - lead for t, lead in zip(tile, self.lead, strict=True)]
        counts = [-(-m // h) for m, h in zip(self.m, hop, strict=True)]
        self.axis, self.step = _chunks(self.batch, counts, math.prod(tile) * case.dtype.itemsize)
        if self.axis >= len(self.batch):
            own = self.axis - len(self.batch)
            counts[own] = -(-counts[own] // self.step) * self.step
        sizes = [c * h + lead for c, h, lead in zip(counts, hop, self.lead, strict=True)]
        self.buffer = np.zeros((*self.batch, *sizes), case.dtype)
        self.inner = self._inside(hop)
        self.tiles = _windows(self.buffer, counts, hop, tile)
        self.y_outer, self.hop = (*y_batch, *counts), tuple(hop)
        chunk = [self._chunk_shape(outer, tile) for outer in (self.tiles.shape[: -len(tile)], self.y_outer)]
        self.engine = make_engine(chunk[0], chunk[1], tile, case.dtype, threads)
        self.spectrum = self._spectrum(w, tile)

    def _inside(self, hop: list[int]) -> Any:
        places = []
        for axis, lead, start in zip(self.case.conv_axes, self.lead, self.case.starts, strict=True):
            places.append(slice(lead - start, lead - start + self.case.x_shape[axis]))
        return (..., *places)

    def _chunk_shape(self, outer: Shape, tile: Shape) -> Shape:
        shape = list(outer)
        shape[self.axis] = min(self.step, shape[self.axis])
        return (*shape, *tile)

    def _spectrum(self, w: Array, tile: Shape) -> Array:
        axes = tuple(range(-len(tile), 0))
        if self.case.has_bank:  # the convolved axes last, one tile each
            w = np.moveaxis(w, self.case.conv_axes, axes)
            w = w.reshape(w.shape[: -len(tile)] + (1,) * len(tile) + w.shape[-len(tile) :])
        exact = w.astype(np.complex128 if w.dtype.kind == "c" else np.float64)
        transform = scipy.fft.fftn if w.dtype.kind == "c" else scipy.fft.rfftn
        spectrum = transform(exact, tile, axes=axes) * self.engine.scale
        return np.asarray(spectrum, np.complex64 if w.dtype.itemsize == _single(w) else np.complex128)

    def __call__(self, x: Array) -> Array:
        d, last = len(self.hop), range(-len(self.hop), 0)
        self.buffer[self.inner] = np.moveaxis(x, self.case.conv_axes, last)
        blocks = np.empty((*self.y_outer, *self.hop), self.buffer.dtype)
        crop: Any = (..., *(slice(lead, None) for lead in self.lead))
        for lo in range(0, self.tiles.shape[self.axis], self.step):
            part = (slice(None),) * self.axis + (slice(lo, lo + self.step),)
            spectrum = self.engine.forward(self.tiles[part])
            spectrum = np.multiply(spectrum, self.spectrum, out=None if self.case.has_bank else spectrum)
            blocks[part] = self.engine.backward(spectrum)[crop]
        order = [*range(len(self.batch)), *(len(self.batch) + i + d * j for i in range(d) for j in (0, 1))]
        sizes = [c * h for c, h in zip(self.y_outer[len(self.batch) :], self.hop, strict=True)]
        y = blocks.transpose(order).reshape(*self.y_outer[: len(self.batch)], *sizes)
        within: Any = (..., *map(slice, self.m))
        return np.moveaxis(y[within], last, self.case.conv_axes)


def choose_tile(sizes: Shape, taps: Shape) -> Shape:
    """The tile with the least total of points·log₂(points), of sizes that FFTs are good at."""

    def total(tile: Shape) -> float:
        tiles = math.prod(-(-m // (t - k + 1)) for m, t, k in zip(sizes, tile, taps, strict=True))
        points = math.prod(tile)
        return tiles * (points * (math.log2(points) + 4) + 1000)

    return min(_tiles(sizes, taps), key=total)


def _tiles(sizes: Shape, taps: Shape) -> Iterator[Shape]:
    for scales in itertools.product((1.5, 2, 3, 4, 8, 16, 32, 64, math.inf), repeat=min(len(sizes), 2)):
        scale = (scales[0],) * (len(sizes) - 1) + scales[-1:]
        yield tuple(
            scipy.fft.next_fast_len(int(min(max(s * k, 16), m + k - 1)), real=True)
            for s, m, k in zip(scale, sizes, taps, strict=True)
        )


def _chunks(batch: Shape, counts: list[int], tile_bytes: int) -> tuple[int, int]:
    """Along which outer axis to go in steps, and how long a step."""
    outer = (*batch, *counts)
    axis = next((a for a, n in enumerate(outer) if n > 1), len(outer) - 1)
    step = max(1, min(outer[axis], CHUNK // (tile_bytes * math.prod(outer) // outer[axis])))
    if axis < len(batch):  # a batch cannot be padded
        step = max(s for s in range(1, step + 1) if batch[axis] % s == 0)
    return axis, step


def _windows(buffer: Array, counts: list[int], hop: list[int], tile: Shape) -> Array:
    d = len(tile)
    outer = [h * s for h, s in zip(hop, buffer.strides[-d:], strict=True)]
    shape, strides = (*buffer.shape[:-d], *counts, *tile), (*buffer.strides[:-d], *outer, *buffer.strides[-d:])
    return np.lib.stride_tricks.as_strided(buffer, shape, strides)


def _single(w: Array) -> int:
    return 8 if w.dtype.kind == "c" else 4


# --------------------------------------------------------------------------------- engines


class FromModule:
    """A module with rfftn, irfftn, fftn and ifftn as in scipy.fft."""

    scale = 1.0

    def __init__(self, module: Any, tile: Shape, dtype: np.dtype[Any], **words: Any) -> None:
        self.words = dict(axes=tuple(range(-len(tile), 0)), **words)
        self.back = dict(self.words, s=tile)
        there, back = ("fftn", "ifftn") if dtype.kind == "c" else ("rfftn", "irfftn")
        self.transform, self.inverse = getattr(module, there), getattr(module, back)

    def forward(self, tiles: Array) -> Array:
        return np.asarray(self.transform(tiles, **self.words))

    def backward(self, spectrum: Array) -> Array:
        return np.asarray(self.inverse(spectrum, **self.back))


class Ducc:
    def __init__(self, tile: Shape, dtype: np.dtype[Any], threads: int) -> None:
        fft = import_module("ducc0").fft
        words = dict(axes=tuple(range(-len(tile), 0)), nthreads=threads)
        self.scale = 1 / math.prod(tile)
        if dtype.kind == "c":
            self.forward = lambda tiles: fft.c2c(tiles, forward=True, **words)
            self.backward = lambda spectrum: fft.c2c(spectrum, forward=False, **words)
        else:
            self.forward = lambda tiles: fft.r2c(tiles, **words)
            self.backward = lambda spectrum: fft.c2r(spectrum, lastsize=tile[-1], forward=False, **words)

    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]


class Fftw:
    def __init__(self, x_tiles: Shape, y_tiles: Shape, tile: Shape, dtype: np.dtype[Any], threads: int) -> None:
        pyfftw = import_module("pyfftw")
        axes = tuple(range(-len(tile), 0))
        self.scale = 1 / math.prod(tile)
        spectral = np.result_type(dtype, np.complex64)

        def plan(tiles: Shape, direction: str) -> Any:
            last = tile[-1] if dtype.kind == "c" else tile[-1] // 2 + 1
            sides = [pyfftw.zeros_aligned(tiles, dtype), pyfftw.zeros_aligned((*tiles[:-1], last), spectral)]
            flags = ("FFTW_MEASURE", "FFTW_DESTROY_INPUT")
            words = dict(axes=axes, direction=direction, threads=threads, planning_timelimit=PLANNING_SECONDS)
            return pyfftw.FFTW(*(sides if direction == "FFTW_FORWARD" else sides[::-1]), flags=flags, **words)

        self.there, self.back = plan(x_tiles, "FFTW_FORWARD"), plan(y_tiles, "FFTW_BACKWARD")

    def forward(self, tiles: Array) -> Array:
        self.there.input_array[...] = tiles
        self.there.execute()
        return np.asarray(self.there.output_array)

    def backward(self, spectrum: Array) -> Array:
        self.back.input_array[...] = spectrum
        self.back.execute()
        return np.asarray(self.back.output_array)


class Torch(FromModule):
    def __init__(self, tile: Shape, dtype: np.dtype[Any]) -> None:
        torch = import_module("torch")
        super().__init__(torch.fft, tile, dtype)
        self.words["dim"], self.back["dim"] = self.words.pop("axes"), self.back.pop("axes")
        self.tensor = torch.from_numpy

    def forward(self, tiles: Array) -> Array:
        return np.asarray(self.transform(self.tensor(tiles), **self.words).numpy())

    def backward(self, spectrum: Array) -> Array:
        return np.asarray(self.inverse(self.tensor(spectrum), **self.back).numpy())


def _mkl(tile: Shape, dtype: np.dtype[Any]) -> Engine:
    return FromModule(import_module("mkl_fft.interfaces.scipy_fft"), tile, dtype)


ENGINES: dict[str, MakeEngine] = {
    "scipy.fft": lambda x, y, tile, dtype, threads: FromModule(scipy.fft, tile, dtype, workers=threads),
    "ducc0": lambda x, y, tile, dtype, threads: Ducc(tile, dtype, threads),
    "pyfftw": Fftw,
    "mkl_fft": lambda x, y, tile, dtype, threads: _mkl(tile, dtype),
    "torch.fft": lambda x, y, tile, dtype, threads: Torch(tile, dtype),
}
