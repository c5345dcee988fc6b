"""`winograd`: fewer products for a few taps, by way of polynomials.

m outputs of r taps are m·r products. A polynomial of degree m + r − 2 is known by its values
at m + r − 1 points, and a product of polynomials is a product at each point. Transposed, this
computes m outputs of a sliding sum with m + r − 1 products:

    y = Aᵀ·((G·v) ⊙ (Bᵀ·x)),     A and G evaluate at the points, B undoes it

(Winograd, *Arithmetic Complexity of Computations*, 1980; Lavin and Gray, 2016.) The points are
0, ±1, ±2, ±1/2, … and ∞, and everything here is a fraction, so the result is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import count, islice
from math import lcm

import numpy as np

from ...arrays import Array
from ...graph.exact import whole_numbers
from ...show import Block, Formula, Text, grid_of
from ...spec import Shape
from ..draw.story import Shot, reveal, tell
from ..trace import Trace
from ..window import Window, every_output, fill_zeros, indices, widen, window_of, zeros
from .chapter import Chapter, answer, beside, check_finite, solve, texts_of

#: Outputs of a tile along each axis, and the most taps of one; longer w is cut into pieces.
TILE, MAX_TAPS = 2, 5

Matrices = tuple[Array, Array, Array]


def points() -> Iterator[Fraction]:
    """0, 1, −1, 2, −2, 1/2, −1/2, 3, …: small numbers, for small matrices."""
    yield Fraction(0)
    for n in count(1):
        for value in dict.fromkeys((Fraction(n), Fraction(1, n))):
            yield from (value, -value)


@lru_cache(maxsize=64)
def matrices(m: int, r: int) -> Matrices:
    """(Aᵀ, G, Bᵀ) for m outputs of r taps.

    >>> [matrix.tolist() for matrix in matrices(1, 2)]
    [[[1, 1]], [[1, 0], [0, 1]], [[1, 0], [0, 1]]]
    """
    n = m + r - 1
    finite = list(islice(points(), n - 1))
    at = _evaluate(finite, n)
    inverse = _invert(at).T
    a, g = _evaluate(finite, m), _evaluate(finite, r)
    # Whole numbers in B, whose products meet every sample; G takes the fractions and meets w once.
    for i in range(n):
        scale = lcm(*(entry.denominator for entry in inverse[i]))
        inverse[i], g[i] = inverse[i] * scale, g[i] / scale
    return whole_numbers(a.T), whole_numbers(g), whole_numbers(inverse)


def _evaluate(finite: list[Fraction], n: int) -> Array:
    """Rows of powers of each point; the last row is the point at infinity, the leading coefficient."""
    rows = [[point**power for power in range(n)] for point in finite]
    return np.array([*rows, [Fraction(0)] * (n - 1) + [Fraction(1)]], dtype=object)


def _invert(matrix: Array) -> Array:
    """The inverse, by elimination with fractions."""
    n = len(matrix)
    both = np.concatenate([matrix, np.array([[Fraction(i == j) for j in range(n)] for i in range(n)], dtype=object)], 1)
    for i in range(n):
        pivot = next(k for k in range(i, n) if both[k, i] != 0)
        both[[i, pivot]] = both[[pivot, i]]
        both[i] = both[i] / both[i, i]
        for k in range(n):
            if k != i:
                both[k] = both[k] - both[k, i] * both[i]
    return both[:, n:]


def _apply(matrices_: list[Array], array: Array) -> Array:
    """A matrix along each axis."""
    for dim, matrix in enumerate(matrices_):
        moved = np.moveaxis(array, dim, 0)
        array = np.moveaxis(np.tensordot(matrix, moved, axes=1), 0, dim)
    return array


def run_tile(samples: Array, taps: Array, kinds: list[Matrices]) -> tuple[Array, Array, Array, Array]:
    """(G·v, Bᵀ·x, their product, the outputs of one tile)."""
    v = _apply([g for _, g, _ in kinds], taps)
    d = _apply([b for _, _, b in kinds], samples)
    return v, d, v * d, _apply([a for a, _, _ in kinds], v * d)


def convolve(window: Window) -> Array:
    """y, tile by tile; samples that the dilation keeps apart are sets of their own."""
    sums = window.sum_channels(lambda x, taps: _slide_apart(window, x, taps), every=True)
    return whole_numbers(sums) if sums.size else sums


def _slide_apart(window: Window, x: Array, taps: Array) -> Array:
    sums = zeros(every_output(window))
    for residue in indices(tuple(axis.dilation for axis in window.axes)):
        apart = tuple(slice(r, None, axis.dilation) for r, axis in zip(residue, window.axes, strict=True))
        sums[apart] = _slide(x[apart], taps, sums[apart].shape)
    return sums


def _pieces(taps: Array) -> Iterator[tuple[Shape, Array]]:
    """(where it begins, the taps) of each piece of at most MAX_TAPS along every axis."""
    for at in indices(tuple(-(-n // MAX_TAPS) for n in taps.shape)):
        first = tuple(i * MAX_TAPS for i in at)
        yield first, taps[tuple(slice(f, f + MAX_TAPS) for f in first)]


def _slide(x: Array, taps: Array, wanted: Shape) -> Array:
    total = zeros(wanted)
    for first, piece in _pieces(taps):
        total = total + _slide_piece(x[tuple(slice(f, None) for f in first)], piece, wanted)
    return total


def _slide_piece(x: Array, taps: Array, wanted: Shape) -> Array:
    kinds = [matrices(TILE, r) for r in taps.shape]
    total = zeros(tuple(-(-n // TILE) * TILE for n in wanted))
    for at in indices(tuple(-(-n // TILE) for n in wanted)):
        first = tuple(i * TILE for i in at)
        total[tuple(slice(f, f + TILE) for f in first)] = run_tile(_tile(x, taps, first), taps, kinds)[-1]
    return total[tuple(slice(0, n) for n in wanted)]


def _tile(x: Array, taps: Array, first: Shape) -> Array:
    """The samples of one tile; zeros where x̃ has ended."""
    shape = tuple(TILE + r - 1 for r in taps.shape)
    return widen(x[tuple(slice(f, f + n) for f, n in zip(first, shape, strict=True))], shape)


def chapter(trace: Trace) -> Chapter:
    """The matrices, one tile in full, and the count of products."""
    window = window_of(trace)
    check_finite(window, "winograd")
    y = answer(window, convolve(window))
    kinds = [matrices(TILE, min(r, MAX_TAPS)) for r in window.taps]
    title = "winograd: fewer products for a few taps"
    return solve("winograd", title, window, y, _body(window, kinds), matrices=kinds)


#: The sum along one axis and along two, as text and as LaTeX.
FORMULAS = {
    1: Formula("y = Aᵀ·((G·v) ⊙ (Bᵀ·x))", "y = A^{\\mathsf T}\\bigl((G\\,v)\\odot(B^{\\mathsf T}x)\\bigr)"),
    2: Formula(
        "y = Aᵀ·((G·v·Gᵀ) ⊙ (Bᵀ·x·B))·A",
        "y = A^{\\mathsf T}\\bigl((G\\,v\\,G^{\\mathsf T})\\odot(B^{\\mathsf T}x\\,B)\\bigr)A",
    ),
}


def _body(window: Window, kinds: list[Matrices]) -> Iterator[Block]:
    (_, taps), *more = _pieces(window.v[0, 0])
    n_axes, tile = len(window.axes), [str(TILE)] * len(window.axes)
    fewer = int(np.prod([TILE + r - 1 for r in taps.shape]))
    pieces = f" w is cut into {len(more) + 1} pieces of at most {MAX_TAPS} taps along an axis; shown is the first."
    yield Text(
        f"F({'×'.join(tile)}, {'×'.join(map(str, taps.shape))}): a tile of {' by '.join(tile)} outputs takes "
        f"{TILE**n_axes * taps.size} products of a tap with a sample. Seen as values of polynomials at "
        f"{TILE + taps.shape[-1] - 1} points it takes {fewer}; the rest is additions and small factors. "
        f"v are the taps as they lie over x.{pieces if more else ''}"
    )
    a, g, b = kinds[-1]
    yield FORMULAS[n_axes]
    yield beside(grid_of("Aᵀ", a), grid_of("G", g), grid_of("Bᵀ", b))
    if window.extended.size and all(window.outputs):
        yield from _first_tile(window, taps, kinds)
    if any(axis.stride > 1 for axis in window.axes):
        yield Text("Every output is computed; those between the strides are dropped afterwards.")
    factors = texts_of(sorted({abs(entry) for entry in g.flat if entry != 0}))
    yield Text(
        f"Exact here, in fractions. In floats the factors ({factors}) cost accuracy, the more the larger the tile: "
        "the engine's default does not use it."
    )


def _first_tile(window: Window, taps: Array, kinds: list[Matrices]) -> Iterator[Block]:
    """One tile in full, and as pictures from the samples to the outputs."""
    is_plane = len(window.axes) == 2
    every = tuple(slice(None, None, axis.dilation) for axis in window.axes)
    first = _tile(fill_zeros(window.extended)[0][every], taps, (0,) * len(window.axes))
    v, d, product, sums = run_tile(first, taps, kinds)
    grids = (
        grid_of("x of the first tile", first, "x"),
        grid_of("v", taps, "w"),
        grid_of("G·v·Gᵀ" if is_plane else "G·v", v, "w"),
        grid_of("Bᵀ·x·B" if is_plane else "Bᵀ·x", d, "x"),
        grid_of("their products", product, "gradient"),
        grid_of("y of the tile", sums, "y"),
    )
    yield beside(*grids)
    story = (
        f"{first.size} samples and {taps.size} taps make {sums.size} outputs, {sums.size * taps.size} products if "
        "each is summed by itself.",
        f"{grids[2].title}: values of the taps' polynomial at {v.shape[-1]} points, made once for all tiles.",
        f"{grids[3].title}: sums and differences of samples, no product of two numbers that vary.",
        f"Point by point: {product.size} products, and no others.",
        f"{'Aᵀ and A make' if is_plane else 'Aᵀ makes'} the outputs of the products, by sums.",
    )
    yield from tell(
        "one tile",
        (
            Shot(text, tuple(grid if i < n else reveal(grid, 0) for i, grid in enumerate(grids)), seconds=2.5)
            for n, text in enumerate(story, 2)
        ),
    )
