"""`overlap`: tiles that overlap, a circular convolution in each, the wrapped part thrown away."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...arrays import Array
from ...show import Cell, Grid, Grids, Text
from ...show.numbers import index_text
from ...spec import Shape
from ..trace import Trace
from ..window import Window, dilate, fill_zeros, index_at, indices, widen, window_of, zeros
from .chapter import Chapter, answer, check_finite, grid_of, result_grids

__all__ = ["chapter", "circular", "convolve", "every_output", "tile_shape"]


class Tile(NamedTuple):
    """A piece of x̃, its circular sums, and how many of them along each axis are good."""

    at: Shape
    samples: Array
    sums: Array
    good: Shape


def tile_shape(window: Window) -> Shape:
    """Points along each axis: a power of two, at least twice the span of the taps."""
    return tuple(max(4, 1 << (2 * axis.span - 1).bit_length()) for axis in window.axes)


def circular(tile: Array, taps: Array) -> Array:
    """Σ_j v[j] · tile[(i + j) mod n]: what a transform of n points computes, wrapped around."""
    sums = zeros(tile.shape)
    for j in indices(taps.shape):
        if taps[j] != 0:
            sums = sums + taps[j] * np.roll(tile, [-t for t in j], tuple(range(tile.ndim)))
    return sums


def every_output(window: Window) -> Shape:
    """How many outputs there would be with stride 1."""
    return tuple(axis.stride * (axis.outputs - 1) + 1 if axis.outputs else 0 for axis in window.axes)


def tiles_of(x: Array, taps: Array, points: Shape, wanted: Shape) -> list[Tile]:
    """All tiles of one channel; each begins where the good outputs of the last one end."""
    steps = tuple(n - span + 1 for n, span in zip(points, taps.shape, strict=True))
    tiles = []
    for at in indices(tuple(-(-n // step) for n, step in zip(wanted, steps, strict=True))):
        first = tuple(i * step for i, step in zip(at, steps, strict=True))
        tile = widen(x[tuple(slice(f, f + n) for f, n in zip(first, points, strict=True))], points)
        tiles.append(Tile(first, tile, circular(tile, taps), steps))
    return tiles


def convolve(window: Window, points: Shape) -> Array:
    """y, tile by tile; with a stride every output is computed and most are dropped."""
    x, taps, wanted = fill_zeros(window.extended), dilate(window.v, window.axes), every_output(window)
    sums = zeros((window.filters, *wanted))
    for k in range(window.filters):
        for c, channel in enumerate(window.channels(k)):
            for tile in tiles_of(x[channel], taps[k, c], points, wanted):
                place = index_at(k, (slice(f, f + n) for f, n in zip(tile.at, tile.good, strict=True)))
                kept = sums[place].shape
                sums[place] = sums[place] + tile.sums[tuple(slice(0, n) for n in kept)]
    return np.asarray(sums[index_at(slice(None), (slice(None, None, axis.stride) for axis in window.axes))])


def chapter(trace: Trace) -> Chapter:
    """The tiles of the first filter and channel."""
    window = window_of(trace)
    check_finite(window, "overlap")
    points = tile_shape(window)
    y = answer(window, convolve(window, points))
    x, taps = fill_zeros(window.extended)[0], dilate(window.v, window.axes)[0, 0]
    tiles = tiles_of(x, taps, points, every_output(window))
    title = "overlap: tiles that overlap (overlap-save)"
    return Chapter("overlap", title, [*_body(window, points, tiles), result_grids(window, y)], y, tiles=tiles)


def _body(window: Window, points: Shape, tiles: list[Tile]) -> list[Any]:
    size = " by ".join(map(str, points))
    good = " by ".join(str(n - axis.span + 1) for n, axis in zip(points, window.axes, strict=True))
    spans = " by ".join(str(axis.span) for axis in window.axes)
    body: list[Any] = [
        Text(
            f"x is cut into tiles of {size} points. In each the sum is made around a circle, which is what a short "
            f"Fourier transform does. Taps that span {spans} wrap at the end of the tile, so only {good} of its "
            f"outputs are right; the others (in brackets) are thrown away, and the next tile begins where the good "
            "ones end."
        )
    ]
    if any(axis.stride > 1 for axis in window.axes):
        body.append(Text("A transform computes every output; those between the strides are dropped afterwards."))
    if window.v[..., 0].size > 1 and window.is_layer:
        body.append(Text("Shown are the tiles of the first filter and channel; the sums of all channels are added."))
    for n, tile in enumerate(tiles[:4]):
        name = f"tile {n + 1} of {len(tiles)}, from {index_text(tile.at)}"
        body.append(Grids((grid_of(name, tile.samples, "x"), _bracketed(tile))))
    if len(tiles) > 4:
        body.append(Text(f"The other {len(tiles) - 4} tiles go the same way."))
    return body


def _bracketed(tile: Tile) -> Grid:
    """The circular sums; what was wrapped stands in brackets."""
    plane = grid_of("sums around the circle", tile.sums, "y")
    edge = tile.good if len(tile.good) == 2 else (1, *tile.good)
    rows = tuple(
        tuple(cell if i < edge[0] and j < edge[1] else Cell(f"({cell.text})", "padding") for j, cell in enumerate(row))
        for i, row in enumerate(plane.rows)
    )
    return Grid(plane.title, rows)
