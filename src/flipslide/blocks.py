"""Sums of arrays that do not fit in memory, block by block.

A block of outputs reads a box of x: that is integers, made by `cut_axis` and `choose_sizes`. What is
read is convolved as any array with the same boundary rule, which is asked only where the box ends where x does: no
output of the block looks beyond a cut.
"""

from __future__ import annotations

import itertools
import math
import mmap
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, arithmetic_of
from .errors import DtypeError, ParameterError, ShapeError
from .geometry import extend_index
from .spec import Axis, ConvSpec, Shape

__all__ = [
    "RULES", "Block", "Cut", "choose_sizes", "choose_slabs", "count_blocks", "cut_axis", "list_blocks", "read_memory",
    "run_blocks", "sum_block",
]  # fmt: skip

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40, "K": 10**3, "M": 10**6, "G": 10**9}

#: A box, its outputs, and what a method may take besides: twice as much as both (docs/explain/accuracy.md).
SHARES = 3

#: Of what a block reads, the part beyond its edges that costs less than pieces that do not lie together.
MOST_OVERLAP = 0.125

#: Bytes of a mapped file that are touched before its pages go.
AT_ONCE = 1 << 24

#: Around what is touched in one piece the system may map pages of up to 2 MB, before it and behind.
MAPPED_AROUND = 1 << 22

#: Rules that look no further from an edge than an output does.
RULES = ("zero", "constant", "edge", "symmetric", "mirror", "wrap")


class Cut(NamedTuple):
    """Outputs [first, end) of an axis: the pieces of x to read, put together; how far the boundary rule extends them
    before and after; and where in them the window of the first output begins.
    """

    first: int
    end: int
    reads: tuple[tuple[int, int], ...]
    pads: tuple[int, int]
    start: int

    @property
    def samples(self) -> int:
        return sum(high - low for low, high in self.reads)


class Block(NamedTuple):
    """One box: along each convolved axis a cut, along each other dimension of y a range."""

    cuts: tuple[Cut, ...]
    ranges: tuple[tuple[int, int], ...]


# ---------------------------------------------------------------------------------- integers


def cut_axis(axis: Axis, size: int) -> list[Cut]:
    """The outputs of an axis in pieces of `size`, the last perhaps smaller."""
    return [_cut(axis, first, min(axis.y, first + size)) for first in range(0, axis.y, max(size, 1))]


def _cut(axis: Axis, first: int, end: int) -> Cut:
    part = axis._replace(start=axis.start + axis.stride * first, y=end - first)
    low, last = part.reach()
    high, n = last + 1, axis.x
    pads = max(0, -low), max(0, high - n)
    if axis.rule == "wrap" and any(pads) and high - low < n:
        at, stop = low % n, low % n + high - low
        return Cut(first, end, ((at, n), (0, stop - n)) if stop > n else ((at, stop),), (0, 0), part.start - low)
    begin, stop = _read_range(axis, low, high)
    return Cut(first, end, ((begin, stop),), pads, part.start - begin)


def _read_range(axis: Axis, low: int, high: int) -> tuple[int, int]:
    """The samples that positions [low, high) look at; an end of x that they look beyond, for the rule to start from."""
    n = axis.x
    turns_twice = low <= -n or high >= 2 * n
    if (axis.rule == "wrap" and (low < 0 or high > n)) or (axis.rule in ("symmetric", "mirror") and turns_twice):
        return 0, n
    sources = [extend_index(i, n, axis.rule) for i in _ends(low, high, n)] if n else []
    there = [i for i in sources if i is not None]
    nearest = 0 if low < n else max(0, n - 1)
    begin, stop = (min(there), max(there) + 1) if there else (nearest, min(nearest + 1, n))
    return 0 if low < 0 else begin, n if high > n else stop


def _ends(low: int, high: int, n: int) -> set[int]:
    """Positions among which the lowest and the highest sample of [low, high) are looked at."""
    turns = {low, high - 1, 0, n - 1, n, -1}
    return {at for at in turns if low <= at < high}


def list_blocks(spec: ConvSpec, sizes: Shape) -> Iterator[Block]:
    """The blocks of outputs of these sizes, along the dimensions of y, in the order of memory."""
    along: list[list[Any]] = []
    axes = {axis.y_dim: axis for axis in spec.axes}
    for dim, (n, size) in enumerate(zip(spec.y_shape, sizes, strict=True)):
        if dim in axes:
            along.append(cut_axis(axes[dim], size))
        else:
            along.append([(first, min(n, first + size)) for first in range(0, n, max(size, 1))])
    for parts in itertools.product(*along):
        yield Block(
            tuple(parts[axis.y_dim] for axis in spec.axes),
            tuple(part for dim, part in enumerate(parts) if dim not in axes),
        )


def choose_sizes(
    spec: ConvSpec, item_bytes: tuple[int, int], memory: int, chunks: Sequence[int] | None = None
) -> Shape:
    """The sizes of blocks that take no more than `memory`, along the dimensions of y.

    The first dimension is halved, whose blocks lie in one piece, until more than MOST_OVERLAP of what is read would be
    read twice; then the next, and where all are so small, the one that makes the boxes of x overlap least. Sizes are
    multiples of y's chunks, and no chunk is cut, as far as there is room.
    """
    sizes = list(spec.y_shape)
    axes = {axis.y_dim: axis for axis in spec.axes}
    while _bytes(spec, axes, sizes, item_bytes) * SHARES > memory:
        costs = [(*_cost(axes.get(dim), size, dim, chunks), dim) for dim, size in enumerate(sizes) if size > 1]
        if not costs:
            least = _bytes(spec, axes, sizes, item_bytes) * SHARES
            raise ParameterError(f"memory={memory} is too little for one output, which takes {least} bytes")
        *_, dim = min(costs)
        sizes[dim] = _halved(sizes[dim], dim, chunks)
    return tuple(sizes)


def _cost(axis: Axis | None, size: int, dim: int, chunks: Sequence[int] | None) -> tuple[bool, float]:
    """Whether halving cuts a chunk, and how much of x is then read for each sample that is needed."""
    half = _halved(size, dim, chunks)
    return chunks is not None and half < chunks[dim], max(1 + MOST_OVERLAP, _overlap(axis, half))


def choose_slabs(spec: ConvSpec, item_bytes: tuple[int, int], memory: int, splits: int) -> Shape:
    """The sizes of blocks that come in the order of memory: the first of `splits` dimensions are cut, and no others.

    Along a convolved dimension a block is no smaller than the taps, which would be read again and again.
    """
    sizes = list(spec.y_shape)
    axes = {axis.y_dim: axis for axis in spec.axes}
    for dim in range(splits):
        least = 1 if dim not in axes else max(1, -(-abs(axes[dim].dilation) * axes[dim].w // axes[dim].stride))
        while sizes[dim] > least and _bytes(spec, axes, sizes, item_bytes) * SHARES > memory:
            sizes[dim] = max(least, (sizes[dim] + 1) // 2)
        if sizes[dim] > 1:
            break
    return tuple(sizes)


def count_blocks(spec: ConvSpec, sizes: Shape) -> int:
    return math.prod(-(-n // size) for n, size in zip(spec.y_shape, sizes, strict=True) if size) if sizes else 1


def _halved(size: int, dim: int, chunks: Sequence[int] | None) -> int:
    half = (size + 1) // 2
    if chunks is None or half < chunks[dim]:
        return half
    return half // chunks[dim] * chunks[dim]


def _overlap(axis: Axis | None, size: int) -> float:
    """How much of x is read for each sample that is needed."""
    if axis is None:
        return 1.0
    overhang = abs(axis.dilation) * (axis.w - 1)
    return (size * axis.stride + overhang) / (size * axis.stride)


def _bytes(spec: ConvSpec, axes: dict[int, Axis], sizes: Sequence[int], item_bytes: tuple[int, int]) -> int:
    x = 1
    for axis in spec.axes:
        x *= min(axis.x, sizes[axis.y_dim] * axis.stride + abs(axis.dilation) * (axis.w - 1) + 1)
    for loop in spec.loops:
        x *= sizes[loop.y_dim] if loop.x_dim >= 0 else 1
    return x * item_bytes[0] + math.prod(sizes) * item_bytes[1]


def read_memory(value: Any) -> int:
    """Bytes, from a number or from "512MB", "2 GiB"."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        digits = value.strip().rstrip("BKMGTIbkmgti ")
        unit = value.strip()[len(digits) :].strip().upper()
        try:
            number = float(digits)
        except ValueError:
            number = 0
        if number > 0 and unit in UNITS:
            return int(number * UNITS[unit])
    raise ParameterError(f"memory={value!r} is no size; use bytes, or text such as '512MB' or '2GiB'")


# ----------------------------------------------------------------------------------- running


def run_blocks(
    verb: Callable[..., Array],
    x: Any,
    w: Array,
    spec: ConvSpec,
    memory: Any,
    progress: Any,
    out: Any,
    words: dict[str, Any],
) -> Any:
    """verb(x, w, …) in blocks. `words` go to the verb; a window, axes and boundaries are added."""
    if any(axis.up != 1 or not isinstance(axis.boundary, str) or axis.boundary not in RULES for axis in spec.axes):
        raise ParameterError(f"memory= goes with the boundaries {', '.join(RULES)}, one for both sides")
    x_dtype = np.dtype(x.dtype)
    y_dtype = words["dtype"] if words.get("rounding") else arithmetic_of(x_dtype, w.dtype, words["dtype"]).y
    y = _result(out, spec.y_shape, np.dtype(y_dtype))
    _check_apart(x, y)
    sizes = choose_sizes(
        spec, (x_dtype.itemsize, np.dtype(y_dtype).itemsize), read_memory(memory), getattr(y, "chunks", None)
    )
    tell = _teller(progress)
    total = count_blocks(spec, sizes)
    tell(0, total)
    for done, block in enumerate(list_blocks(spec, sizes), 1):
        places = _places(spec, block)
        if _takes(y, y_dtype) and _lies_together(y[places]):
            sum_block(verb, x, w, spec, block, words | {"out": y[places]})
        else:
            _put(y, places, sum_block(verb, x, w, spec, block, words))
        _forget_pages(x)
        _forget_pages(y)
        tell(done, total)
    return y


def _check_apart(x: Any, y: Any) -> None:
    """An error for a result that would lie over samples which later blocks look at."""
    is_shared = isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and np.may_share_memory(x, y)
    names = getattr(x, "filename", None), getattr(y, "filename", None)
    if y is x or is_shared or (None not in names and str(names[0]) == str(names[1])):
        raise ParameterError("out lies over x, which is read block by block; use another array or file for out")


def _takes(y: Any, dtype: Any) -> bool:
    """Whether a block can be summed where it will lie."""
    return isinstance(y, np.ndarray) and y.dtype == dtype and y.dtype.isnative


def _result(out: Any, shape: Shape, dtype: np.dtype[Any]) -> Any:
    if out is None:
        return np.empty(shape, dtype)
    if tuple(out.shape) != shape:
        raise ShapeError(f"out has shape {tuple(out.shape)}, the result has shape {shape}")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise DtypeError(f"out has dtype {out.dtype}, the result has dtype {dtype}")
    return out


def _places(spec: ConvSpec, block: Block) -> tuple[slice, ...]:
    places = {axis.y_dim: slice(cut.first, cut.end) for axis, cut in zip(spec.axes, block.cuts, strict=True)}
    ranges = iter(block.ranges)
    return tuple(places[dim] if dim in places else slice(*next(ranges)) for dim in range(len(spec.y_shape)))


def sum_block(
    verb: Callable[..., Array], x: Any, w: Array, spec: ConvSpec, block: Block, words: dict[str, Any]
) -> Array:
    """The outputs of a block, from the samples that it looks at. `words` are those of the call."""
    places = _places(spec, block)
    x_box, w_box = [slice(None)] * len(spec.x_shape), [slice(None)] * w.ndim
    for loop in spec.loops:
        if loop.x_dim >= 0:
            x_box[loop.x_dim] = places[loop.y_dim]
        if loop.w_dim >= 0:
            w_box[loop.w_dim] = places[loop.y_dim]
    samples = _read(x, x_box, [(axis.x_dim, cut.reads) for axis, cut in zip(spec.axes, block.cuts, strict=True)])
    return verb(
        samples,
        w[tuple(w_box)],
        tuple((cut.start, cut.end - cut.first) for cut in block.cuts),
        axes=tuple(axis.x_dim for axis in spec.axes),
        boundary=tuple(axis.rule for axis in spec.axes),
        **words,
    )


def _read(x: Any, box: list[slice], reads: list[tuple[int, tuple[tuple[int, int], ...]]]) -> Array:
    """The box, with the pieces of each axis put together."""
    if not reads:
        samples = x[tuple(box)]
        return np.asarray(samples if _lies_together(samples) else _copied(samples))
    (dim, pieces), rest = reads[0], reads[1:]
    parts = []
    for low, high in pieces:
        box[dim] = slice(low, high)
        parts.append(_read(x, box, rest))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, dim)


def _lies_together(box: Any) -> bool:
    """Whether a box of a mapped file is one piece of it; of other boxes the system maps far more than they are."""
    return not isinstance(box, np.memmap) or box.flags.c_contiguous


def _put(y: Any, places: tuple[slice, ...], block: Array) -> None:
    """Write the block; into a mapped file little by little."""
    for part in _parts(block, y):
        first, *rest = places
        y[(slice(first.start + part.start, first.start + part.stop), *rest)] = block[part]
        _forget_pages(y)


def _copied(box: Array) -> Array:
    """The box read little by little."""
    copy = np.empty(box.shape, box.dtype)
    for part in _parts(copy, box):
        copy[part] = box[part]
        _forget_pages(box)
    return copy


def _parts(block: Array, array: Any) -> Iterator[slice]:
    """Ranges of the first dimension; of a mapped file each maps no more than AT_ONCE."""
    n = len(block) if block.ndim else 0
    step = max(n, 1)
    if n and isinstance(array, np.memmap):
        step = max(1, AT_ONCE // (block.nbytes // n + min(abs(array.strides[0]), MAPPED_AROUND)))
    return (slice(at, min(n, at + step)) for at in range(0, n, step))


def _forget_pages(array: Any) -> None:
    """The pages of a mapped file go; what was written to them stays in the system's cache and in the file."""
    if not isinstance(array, np.memmap) or array.mode == "c" or not hasattr(mmap, "MADV_DONTNEED"):
        return
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)


def _teller(progress: Any) -> Callable[[int, int], None]:
    if callable(progress):
        told: Callable[[int, int], None] = progress
        return told
    return _tell if progress else lambda done, n: None


def _tell(done: int, n: int) -> None:
    """A line on stderr that writes over itself."""
    filled = 30 * done // max(n, 1)
    end = "\n" if done == n else ""
    sys.stderr.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{n} blocks{end}")
    sys.stderr.flush()
