"""Pooling: the largest or the mean of the samples in each window."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Array, enter
from ...errors import ShapeError, unknown_word
from ...geometry import ints_per_axis, layer_axes
from ...graph.exact import numbers_of, pack
from ...pooling import PoolAxis, pool_axis
from ...show import Block, Cell, Grid, Table, Text, grid_of
from ...show.numbers import index_text, join_sum, number_text
from ...spec import Shape
from ..draw.common import plane_of
from ..draw.story import Shot, box_of, reveal, tell
from ..trace import MAX_CELLS, MAX_TERMS
from ..window import indices
from .chapter import Chapter, beside

KINDS = {"max": "the largest", "avg": "the mean"}


class Pooled(NamedTuple):
    """One output: the places of its window, the samples among them by their places, and what it makes of them."""

    at: Shape
    places: list[Shape]
    samples: dict[Shape, Any]
    counted: int
    value: Any


def explain_pool(
    x: Any,
    window: Any,
    *,
    kind: str = "max",
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Chapter:
    """Show how pooling gets every number: the largest or the mean of the samples in each window.

        y[c, m] = max_j x[c, stride·m + dilation·j − lo]     or the mean of the same samples

    Parameters
    ----------
    x : array_like, (C, *spatial)
        One example with one spatial axis or two, at most 512 outputs of 64 samples.
    window : int or tuple of int
    kind : {"max", "avg"}
    stride, padding, dilation, ceil_mode, count_include_pad
        As in `fs.nn.max_pool` and `fs.nn.avg_pool`.

    Returns
    -------
    Chapter
        `print` it, `.save("it.html")`; `.y` is the result, in fractions where x is exact.

    Raises
    ------
    ShapeError, ParameterError

    Examples
    --------
    >>> import flipslide as fs
    >>> fs.explain_pool([[3, 1, 4, 1, 5, 9, 2]], 3, stride=2).y
    array([[4, 5, 9]])
    >>> fs.explain_pool([[3, 1, 4, 1]], 2, kind="avg").y
    array([[Fraction(2, 1), Fraction(5, 2)]], dtype=object)
    """
    if kind not in KINDS:
        raise unknown_word("kind", kind, KINDS)
    given = enter(x, "x")
    if given.ndim not in (2, 3):
        raise ShapeError(f"explain_pool shows x of shape (C, *spatial) with one spatial axis or two, not {given.shape}")
    taps = ints_per_axis(window, given.ndim - 1, "window", 1)
    steps = taps if stride is None else stride
    layer = layer_axes(given.shape[1:], taps, stride=steps, padding=padding, dilation=dilation)
    axes = tuple(pool_axis(axis, bool(ceil_mode)) for axis in layer)
    outputs = tuple(axis.outputs for axis in axes)
    if int(np.prod([len(given), *outputs])) > MAX_CELLS or int(np.prod(taps)) > MAX_TERMS:
        raise ShapeError(
            f"{len(given)} channels of {outputs} outputs from {taps} samples are too many to be shown: at most "
            f"{MAX_CELLS} outputs of {MAX_TERMS} samples. Take a piece of x"
        )
    numbers = numbers_of(given, "x")
    least = -np.inf if given.dtype.kind == "f" else int(np.iinfo(given.dtype).min) if given.dtype.kind in "iu" else None
    pooled = [
        [_pool(channel, axes, m, kind, count_include_pad, least) for m in indices(outputs)] for channel in numbers
    ]
    y = pack([one.value for channel in pooled for one in channel], (len(given), *outputs))
    blocks = _blocks(numbers, axes, pooled, kind, count_include_pad, y)
    return Chapter("pooling", f"Pooling: {KINDS[kind]} of each window", blocks, y)


def _pool(x: Array, axes: tuple[PoolAxis, ...], m: Shape, kind: str, include: bool, least: Any) -> Pooled:
    """Padding is never the largest; for the mean it counts as zeros, if it counts, as far as it reaches."""
    places = [
        tuple(axis.stride * i + axis.dilation * t - axis.lo for axis, i, t in zip(axes, m, j, strict=True))
        for j in indices(tuple(axis.taps for axis in axes))
    ]
    samples = {at: x[at] for at in places if all(0 <= i < axis.n for i, axis in zip(at, axes, strict=True))}
    counted = sum(all(i < axis.n + axis.hi for i, axis in zip(at, axes, strict=True)) for at in places)
    counted = counted if include else len(samples)
    return Pooled(m, places, samples, counted, _value(list(samples.values()), kind, counted, least))


def _value(samples: list[Any], kind: str, counted: int, least: Any) -> Any:
    if kind == "avg":
        total = sum(samples)
        exact = isinstance(total, int | Fraction)
        return total if not counted else Fraction(total) / counted if exact else total / counted
    unknown = [sample for sample in samples if sample != sample]
    return unknown[0] if unknown else max(samples, default=least)


def _blocks(
    x: Array, axes: tuple[PoolAxis, ...], pooled: list[list[Pooled]], kind: str, include: bool, y: Array
) -> Iterator[Block]:
    outside = "the padding is never the largest" if kind == "max" else "the padding counts as zeros"
    outside = outside if kind == "max" or include else "the padding does not count"
    yield Text(f"Every channel by itself, {KINDS[kind]} of the samples in the window; {outside}. Nothing is learned.")
    yield from tell("pooling", _shots(x[0], axes, pooled[0], kind, include))
    rows = tuple((f"{c},{index_text(one.at)}", _spell(one, kind)) for c, all_ in enumerate(pooled) for one in all_)
    yield Table("", ("channel,m", KINDS[kind]), rows, "rl")
    yield beside(*(grid_of(f"y[{c}]", plane, "y") for c, plane in enumerate(y)))


def _spell(one: Pooled, kind: str) -> str:
    """max(1, 3) = 3, or (1 + 3 + 0)/3 = 4/3."""
    texts = [number_text(sample) for sample in one.samples.values()]
    result = number_text(one.value)
    if kind == "max":
        return f"max({', '.join(texts)}) = {result}"
    n_zeros = one.counted - len(texts)
    zeros = f" + {n_zeros} {'zero' if n_zeros == 1 else 'zeros'}" if n_zeros else ""
    return f"({join_sum(texts or ['0'])}{zeros})/{one.counted} = {result}"


def _shots(x: Array, axes: tuple[PoolAxis, ...], pooled: list[Pooled], kind: str, include: bool) -> Iterator[Shot]:
    """The window over the first channel, at every output."""
    low = tuple(-axis.lo for axis in axes)
    high = [max([axis.n + axis.hi, *(at[a] + 1 for one in pooled for at in one.places)]) for a, axis in enumerate(axes)]
    wide = np.full([h - lo for h, lo in zip(high, low, strict=True)], None, dtype=object)
    wide[tuple(slice(-lo, axis.n - lo) for lo, axis in zip(low, axes, strict=True))] = x
    values = np.array([one.value for one in pooled], dtype=object)
    y = grid_of("y", values.reshape([axis.outputs for axis in axes]), "y")
    for n, one in enumerate(pooled):
        best = next((at for at, sample in one.samples.items() if sample == one.value), None) if kind == "max" else None
        strong = None if best is None else tuple(i - lo for i, lo in zip(best, low, strict=True))
        first, last = (np.subtract(at, low).tolist() for at in (one.places[0], one.places[-1]))
        window = box_of(first, [b - a + 1 for a, b in zip(first, last, strict=True)])
        sentence = f"y[0,{index_text(one.at)}] = {_spell(one, kind)}"
        shown = _samples(wide, "0" if kind == "avg" and include else "", strong)
        yield Shot(sentence, (shown, reveal(y, n + 1)), {shown.title: [window], "y": [box_of(one.at, ())]}, 1.2)


def _samples(wide: Array, outside: str, strong: Shape | None) -> Grid:
    """The first channel, its largest sample of the window in bold."""
    plane, at = plane_of(wide), (0, *strong)[-2:] if strong else None
    return Grid(
        "channel 0",
        tuple(
            tuple(
                Cell(outside, "padding") if v is None else Cell(number_text(v), "x", (i, j) == at)
                for j, v in enumerate(row)
            )
            for i, row in enumerate(plane)
        ),
    )
