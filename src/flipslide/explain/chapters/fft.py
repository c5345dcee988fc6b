"""`fft`: multiply spectra instead of sliding; why the ends wrap, and how zeros cure it."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...arrays import Array
from ...graph.exact import reverse
from ...show import Block, Formula, Frame, Frames, Table, Text, grid_of
from ...show.numbers import is_complex, number_text
from ...show.plot import Curve, Panel, draw_plot
from ...spec import Shape
from ..draw.story import Shot, tell
from ..trace import Trace
from ..window import Window, dilate, fill_zeros, full_sums, indices, kept_of, widen, window_of, zeros
from .chapter import Chapter, answer, beside, check_finite, result_grids, solve


def transform(values: Sequence[complex], sign: int = -1) -> list[complex]:
    """X[f] = Σ_n x[n]·exp(∓2πi·f·n/N), halved as long as N is even (Cooley and Tukey, 1965).

    >>> transform([1, 0, 0, 0]) == [1, 1, 1, 1]
    True
    """
    n = len(values)
    if n == 1:
        return [complex(values[0])]
    if n % 2:
        turns = [cmath.exp(sign * 2j * cmath.pi * f / n) for f in range(n)]
        return [sum(values[k] * turns[f * k % n] for k in range(n)) for f in range(n)]
    even, odd = transform(values[::2], sign), transform(values[1::2], sign)
    turned = [cmath.exp(sign * 2j * cmath.pi * f / n) * value for f, value in enumerate(odd)]
    return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]


def transform_all(array: Array, sign: int = -1) -> Array:
    """The transform along every axis."""
    for dim in range(array.ndim):
        moved = np.moveaxis(array, dim, -1).astype(object)
        for row in indices(moved.shape[:-1]):
            moved[row] = transform(list(moved[row]), sign)
        array = np.moveaxis(moved, -1, dim)
    return array


def points_of(shape: Shape, spans: Shape) -> Shape:
    """N + D − 1 along each axis, where nothing wraps; beyond 64 the next power of two, which is faster."""
    lengths = tuple(n + span - 1 for n, span in zip(shape, spans, strict=True))
    return tuple(n if n <= 64 else 1 << (n - 1).bit_length() for n in lengths)


def linear(x: Array, w: Array) -> Array:
    """The full convolution of x with w, through spectra."""
    points = points_of(x.shape, w.shape)
    back = transform_all(_spectrum(x, points) * _spectrum(w, points), 1) * (1 / math.prod(points))
    full = back[tuple(slice(0, n + k - 1) for n, k in zip(x.shape, w.shape, strict=True))]
    real = not any(is_complex(entry) for array in (x, w) for entry in array.flat)
    return np.asarray(np.frompyfunc(lambda value: value.real if real else value, 1, 1)(full), dtype=object)


def wrap_around(full: Array, n: int) -> Array:
    """What a circle of n points makes of a sum that is longer: the end falls onto the beginning.

    >>> wrap_around(np.array([0, 1, 1, 3, 5, 2, 8], dtype=object), 5).tolist()
    [2, 9, 1, 3, 5]
    """
    circle = zeros((n,))
    for i, value in enumerate(full):
        circle[i % n] = circle[i % n] + value
    return circle


def convolve(window: Window) -> Array:
    """y: the full sum of x̃ with the taps turned round again, cut to the outputs that were asked for."""
    if not window.empty().size:
        return window.empty()
    return window.sum_channels(lambda x, taps: linear(x, reverse(dilate(taps, window.axes)))[kept_of(window)])


def chapter(trace: Trace) -> Chapter:
    """Wrapping and its cure on the first row, spectra, and the count of products."""
    window = window_of(trace)
    check_finite(window, "fft")
    y = answer(window, convolve(window))
    title = "fft: multiply spectra, and mind the circle"
    if not y.size:
        return solve("fft", title, window, y, [Text("There is no output to compute.")])
    body, parts = (_circle if len(window.axes) == 1 else _planes)(trace, window)
    exact = np.array([step.value for step in trace.steps], dtype=object).reshape(y.shape)
    error = max((abs(a - b) for a, b in zip(y.flat, exact.flat, strict=True)), default=0.0)
    rounded = Text(f"The result; the transforms rounded it, by at most {float(error):.1g}:")
    return Chapter("fft", title, [*body, _counts(), rounded, result_grids(window, exact)], y, error=error, **parts)


def _operands(trace: Trace, window: Window) -> tuple[Array, Array, str]:
    """What is transformed: x itself where zeros surround it, else x with its boundary."""
    is_plain = all(rule == "zero" for rule in trace.boundary)
    x = window.x[0] if is_plain else fill_zeros(window.extended)[0]
    return x, reverse(dilate(window.v, window.axes)[0, 0]), "x" if is_plain else "x with its boundary"


_SPECTRA = Formula("y = F⁻¹(F(x) ⊙ F(w))", "y = F^{-1}\\bigl(F(x)\\odot F(w)\\bigr)")


def _circle(trace: Trace, window: Window) -> tuple[list[Block], dict[str, Any]]:
    x, w, name = _operands(trace, window)
    n, points = max(len(x), len(w)), points_of(x.shape, w.shape)
    exact = full_sums(x, w)
    spectra = [list(_spectrum(array, points)) for array in (x, w)]
    product = [a * b for a, b in zip(*spectra, strict=True)]
    wrapped = wrap_around(exact, n)
    n_wrong = len(exact) - n
    short = f"circle of {n}: too short, the first {n_wrong} are wrong" if n_wrong else f"circle of {n}"
    taps = "w" if trace.operation == "convolve" and trace.dilation == (1,) else "w, as the full sum flips it,"
    body: list[Block] = [
        Text(
            "A Fourier transform turns the sum into products, frequency by frequency: transform both, multiply, "
            "transform back. But a transform of L points lives on a circle of L places: what goes over the end comes "
            "in at the front."
        ),
        _SPECTRA,
        beside(grid_of(name, x, "x"), grid_of(taps, w, "w")),
        beside(grid_of(short, wrapped, "padding")),
        Text(
            f"The full sum has {len(x)} + {len(w)} − 1 = {len(exact)} entries. On a circle of {n} the last "
            f"{n_wrong} fall onto the first {n_wrong}. Zeros up to {len(exact)} places leave room for them:"
            if n_wrong
            else f"The full sum has {len(exact)} entries, as many as the circle has places: nothing wraps."
        ),
        beside(grid_of(f"circle of {len(exact)}: the full sum", exact, "y")),
        *_pictures("x", exact, n, (*spectra, product)),
        _table_of((*spectra, product)),
    ]
    return body, {"circular": wrapped, "full": exact, "spectra": (*spectra, product)}


def _spectrum(array: Array, points: Shape) -> Array:
    return transform_all(widen(array.astype(complex), points, 0j))


def _table_of(spectra: Sequence[list[complex]]) -> Table:
    """The first half and one, which says it all for real numbers."""
    n_points = len(spectra[0])
    n_shown = min(n_points, 17)
    rows = tuple((str(f), *(_brief(values[f]) for values in spectra)) for f in range(n_shown))
    caption = f"The spectra of {n_points} points" + ("" if n_shown == n_points else f", the first {n_shown}")
    return Table(caption, ("f", "F(x)", "F(w)", "product"), rows, "rrrr")


def _brief(value: complex) -> str:
    return number_text(complex(round(value.real, 3), round(value.imag, 3)))


def _shots(exact: Array, n: int) -> Iterator[Shot]:
    """The full sum, and how it is wound on a circle of n places."""
    n_wrong = len(exact) - n
    full, over = grid_of(f"all {len(exact)} sums", exact, "y"), grid_of("what goes over", exact[n:], "padding")
    once, circle = grid_of("first round", exact[:n], "y"), grid_of("the circle", wrap_around(exact, n), "gradient")
    yield Shot(
        f"The full sum has {len(exact)} places; a circle of {n} ends here.", (full,), {full.title: [(0, 0, 1, n)]}
    )
    sentence = f"The last {n_wrong} come in at the front again, onto the first {n_wrong}."
    yield Shot(sentence, (full, once, over), {full.title: [(0, n, 1, n_wrong)], over.title: [(0, 0, 1, n_wrong)]})
    sentence = (
        f"The first {n_wrong} of the circle are wrong. Zeros up to {len(exact)} places leave room for all of them."
    )
    yield Shot(sentence, (full, once, over, circle), {circle.title: [(0, 0, 1, n_wrong)]}, 2.5)


def _pictures(name: str, exact: Array, n: int, spectra: Sequence[list[complex]]) -> Iterator[Block]:
    """The circle that is too short, and how strong each frequency is in x, in w and in their product."""
    circle = tell("the circle", _shots(exact, n))[:1] if len(exact) > n else ()
    sentence = "At each frequency the strength of the result is that of x times that of w: products instead of sums."
    inks, names = ("x-ink", "w-ink", "y-ink"), (f"|F({name})|", "|F(w)|", "|F(x)·F(w)|")
    panels = [
        Panel(title, (Curve([(f, abs(value)) for f, value in enumerate(values)], ink, dots=True),), height=70)
        for title, ink, values in zip(names, inks, spectra, strict=True)
    ]
    scene = draw_plot(panels, "Spectra", sentence, -0.5, len(spectra[0]) - 0.5, "f")
    yield Frames("fft", (*(frame for block in circle for frame in block.frames), Frame(scene, sentence, 3)))


def _planes(trace: Trace, window: Window) -> tuple[list[Block], dict[str, Any]]:
    x, w, name = _operands(trace, window)
    points = points_of(x.shape, w.shape)
    spectra = tuple(_spectrum(array, points) for array in (x, w))
    body: list[Block] = [
        Text(
            "Along two axes the transform is done for every row, then for every column. On a torus of "
            f"{' by '.join(map(str, points))} places nothing of {name} ({' by '.join(map(str, x.shape))}) wraps onto "
            f"itself when taps of {' by '.join(map(str, w.shape))} slide over it."
        ),
        _SPECTRA,
        beside(grid_of(name, x, "x"), grid_of("w, as the full sum flips it", w, "w")),
    ]
    if max(points) <= 12:
        sizes = ([[round(abs(value), 2) for value in row] for row in spectrum] for spectrum in spectra)
        body.append(beside(*(grid_of(f"|F({label})|", size, "y") for label, size in zip("xw", sizes, strict=True))))
    return body, {"spectra": spectra}


def _counts() -> Table:
    """Products for one channel of signals of growing length, as many taps as samples: where the curves cross."""
    sizes = {n: 1 << (2 * n - 2).bit_length() for n in (8, 64, 512, 4096)}
    rows = tuple(
        (str(n), f"{n * n:,}", f"{round(3 * 2 * size * math.log2(size) + 4 * size):,}") for n, size in sizes.items()
    )
    caption = (
        "Real products for N samples and N taps: all pairs, and three transforms of L ≥ 2N − 1 points (2·L·log₂L each)"
    )
    return Table(caption, ("N", "pairs", "transforms"), rows, "rrr")
