"""`overlap`: tiles that overlap, a circular convolution in each, the wrapped part thrown away."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...arrays import Array
from ...show import Block, Cell, Grid, Text, grid_of
from ...show.numbers import index_text
from ...spec import Shape
from ..draw.common import grid_over
from ..draw.story import Shot, box_of, tell
from ..trace import Trace
from ..window import Window, dilate, every_output, fill_zeros, indices, widen, window_of, zeros
from .chapter import Chapter, answer, beside, check_finite, solve


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
    return window.sum_channels(lambda x, taps: _join_tiles(window, x, taps, points), every=True)


def _join_tiles(window: Window, x: Array, taps: Array, points: Shape) -> Array:
    """Every output, from the good sums of one channel's tiles."""
    sums = zeros(every_output(window))
    for tile in tiles_of(x, dilate(taps, window.axes), points, sums.shape):
        place = tuple(slice(f, f + n) for f, n in zip(tile.at, tile.good, strict=True))
        sums[place] = tile.sums[tuple(slice(0, n) for n in sums[place].shape)]
    return sums


def chapter(trace: Trace) -> Chapter:
    """The tiles of the first filter and channel."""
    window = window_of(trace)
    check_finite(window, "overlap")
    points = tile_shape(window)
    y = answer(window, convolve(window, points))
    x, taps = fill_zeros(window.extended)[0], dilate(window.v, window.axes)[0, 0]
    tiles = tiles_of(x, taps, points, every_output(window))
    title = "overlap: tiles that overlap (overlap-save)"
    return solve("overlap", title, window, y, _body(window, points, tiles), tiles=tiles)


def _body(window: Window, points: Shape, tiles: list[Tile]) -> Iterator[Block]:
    size = " by ".join(map(str, points))
    good = " by ".join(str(n - axis.span + 1) for n, axis in zip(points, window.axes, strict=True))
    spans = " by ".join(str(axis.span) for axis in window.axes)
    yield Text(
        f"x is cut into tiles of {size} points. In each the sum is made around a circle, which is what a short "
        f"Fourier transform does. Taps that span {spans} wrap at the end of the tile, so only {good} of its "
        f"outputs are right; the others (in brackets) are thrown away, and the next tile begins where the good "
        "ones end."
    )
    if any(axis.stride > 1 for axis in window.axes):
        yield Text("A transform computes every output; those between the strides are dropped afterwards.")
    if window.v[..., 0].size > 1 and window.is_layer:
        yield Text("Shown are the tiles of the first filter and channel; the sums of all channels are added.")
    for n, tile in enumerate(tiles[:4], 1):
        name = f"tile {n} of {len(tiles)}, from {index_text(tile.at)}"
        yield beside(grid_of(name, tile.samples, "x"), _bracketed(tile))
    yield from tell(
        "tile after tile", _shots(window, tiles), {f"tile {n}": tile.at[0] for n, tile in enumerate(tiles, 1)}
    )
    if len(tiles) > 4:
        yield Text(f"The other {len(tiles) - 4} tiles go the same way.")


def _shots(window: Window, tiles: list[Tile]) -> Iterator[Shot]:
    """One for each tile: the samples that it reads, its sums around the circle, the good ones in their places."""
    reach = tuple(map(max, zip(*(np.add(tile.at, tile.samples.shape) for tile in tiles), strict=True)))
    read = widen(window.extended[0], tuple(map(max, reach, window.extended.shape[1:])), None)
    x, sums = grid_over("x", read, read, "x"), list[Grid]()
    made = np.full(every_output(window), None, dtype=object)
    for n, tile in enumerate(tiles, 1):
        place = tuple(slice(f, f + g) for f, g in zip(tile.at, tile.good, strict=True))
        made[place] = tile.sums[tuple(slice(0, size) for size in made[place].shape)]
        y, ring = grid_of("y", made, "y", Cell("", "blank")), _bracketed(tile)
        # Rows of sums stand under the samples that they are made of, planes take turns.
        sums = [*sums, ring._replace(title=f"tile {n}")] if made.ndim == 1 else [ring]
        size = made[place].shape
        good = {
            "x": [box_of(tile.at, tile.samples.shape)], sums[-1].title: [box_of((), size)], "y": [box_of(tile.at, size)]
        }  # fmt: skip
        sentence = (
            f"Tile {n} of {len(tiles)}: {tile.samples.size} points around a circle; {math.prod(size)} of the sums are "
            "outputs, those that wrapped are thrown away."
        )
        yield Shot(sentence, (x, *sums, y), good)


def _bracketed(tile: Tile) -> Grid:
    """The circular sums; what was wrapped stands in brackets."""
    plane = grid_of("sums around the circle", tile.sums, "y")
    edge = tile.good if len(tile.good) == 2 else (1, *tile.good)
    rows = tuple(
        tuple(cell if i < edge[0] and j < edge[1] else Cell(f"({cell.text})", "padding") for j, cell in enumerate(row))
        for i, row in enumerate(plane.rows)
    )
    return Grid(plane.title, rows)
