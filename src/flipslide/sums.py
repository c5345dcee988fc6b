"""What sums that are no transforms cost: each formula counts how often its steps happen.

The steps are those of cpp/sums and its kernels. Their times are in costs.json.
"""

from __future__ import annotations

from .costs import costs
from .estimate import Constants, Estimate, Problem, direct_sum_of

__all__ = ["estimate_box", "estimate_direct", "estimate_gemm", "estimate_numpy", "estimate_separable"]

#: Rows of outputs, and of taps, that a stencil works on at once (cpp/microkernels/stencil.hpp).
STENCIL_ROWS = 8

#: Channels that share what they load (cpp/microkernels/gemm.cpp), and those of one task (cpp/sums).
SHARING_CHANNELS, CHANNELS_PER_TASK = 8, 64

#: Of a tile: its products are an eighth of all, within limits, and its window of x has so many bytes (cpp/sums).
FEWEST_PRODUCTS, MOST_PRODUCTS, WINDOW_BYTES = 0.2e6, 32e6, 256 << 10

#: Fewer taps than these are summed one by one (cpp/sums).
BOX_ACROSS, BOX_ALONG = 8, 16

#: Planes of fewer products are one tile, an output counting as so many (`worth_parts` in cpp/sums).
MOST_WHOLE, STORED_PRODUCTS = 1e6, 8

#: The first-level cache of a core.
NEAR_BYTES = 32 << 10

#: Shorter rows are copied before they are summed (cpp/sums).
LONG_ROW = 768

#: Bytes that a tile takes beside the taps: a ring of rows and a few rows of y; those of one that goes axis by axis.
TILE_BYTES, PASS_BYTES = 2 << 20, 3 << 20


def estimate_direct(problem: Problem, k: Constants) -> Estimate:
    """One output channel after the other.

    Products that share their loads of x among rows cost a multiply-add and a part of a load; others are alone.

    R rows of outputs and Q of taps have (R + Q − 1)/(R·Q) loads for each product.
    """
    rows = _rows_that_share(problem)
    work = problem.products * _padding(problem, rows) * _pair_share(problem)
    each = k["product"] + k["load"] * (STENCIL_ROWS + rows - 1) / (STENCIL_ROWS * rows)
    if rows <= 1:
        each = k["alone"]
    return _estimate_tiles(problem, k, work * (each + _is_wide(problem) * k["wide"]))


def _pair_share(problem: Problem) -> float:
    """Pairs of taps for each product. Of K taps, even and odd outputs take K // 2 + 1 each."""
    taps = problem.spec.axes[-1].w
    return (taps // 2 + 1) / max(taps, 1) if direct_sum_of(problem) == "int16" else 1.0


def estimate_gemm(problem: Problem, k: Constants) -> Estimate:
    """Products of up to 8 output channels share each load of x."""
    shared = min(problem.out, SHARING_CHANNELS)
    products = problem.products * _padding(problem, 1.0)
    load = k["load"] + _is_wide(problem) * k["wide"]
    return _estimate_tiles(problem, k, products * (k["product"] + load / shared))


def _estimate_tiles(problem: Problem, k: Constants, products: float) -> Estimate:
    """The products, and what is done for each tile, row, output, copied sample and row of taps."""
    last, channels = problem.spec.axes[-1], problem.group * problem.out * problem.into
    tiles = _count_tiles(problem)
    rows, copied = _count_copied(problem, tiles) if _is_packed(problem) else (problem.outputs / max(last.y, 1), 0.0)
    work = (
        products
        + tiles * k["tile"]
        + rows * k["row"]
        + problem.outputs * (k["output"] + problem.is_far * k["far"])
        + copied * k["copied"]
    )
    call = k["call"] + channels * problem.taps / max(last.w, 1) * k["taps"]
    taps = channels * problem.taps * problem.arithmetic.sum.itemsize
    return Estimate(call, work, tasks=tiles if problem.is_shared else 1, scratch=taps + TILE_BYTES)


def _count_tiles(problem: Problem) -> int:
    """Each element of a batch has tiles of its own."""
    planes = problem.batch * problem.group * -(-problem.out // CHANNELS_PER_TASK)
    products = problem.products * (4 if problem.arithmetic.is_complex else 1)
    most = min(MOST_PRODUCTS, max(FEWEST_PRODUCTS, products / 8))
    window = problem.outputs / problem.out * problem.into * problem.arithmetic.sum.itemsize / WINDOW_BYTES
    return planes * max(1, round(max(products / most, window) / max(planes, 1)))


def _count_copied(problem: Problem, tiles: int) -> tuple[float, float]:
    """Rows and samples of the windows of all tiles, which have some in common. A tile fills the inner axes first."""
    planes = max(1, problem.batch * problem.group * problem.out)
    left = max(1.0, problem.outputs / planes / max(1.0, tiles / problem.batch / problem.group))
    samples, row = problem.outputs / problem.out * problem.into, 0.0
    for axis in reversed(problem.spec.axes):
        extent = min(left, max(axis.y, 1))
        window = extent + abs(axis.dilation) * (axis.w - 1)
        row = row or window
        samples *= window / extent
        left = max(1.0, left / extent)
    return samples / row, samples


def _is_packed(problem: Problem) -> bool:
    numbers = problem.arithmetic
    return numbers.x != numbers.sum or numbers.y != numbers.sum or problem.spec.axes[-1].y < LONG_ROW


def _is_wide(problem: Problem) -> bool:
    """Whether several channels leave the first-level cache before they are read again."""
    plane = problem.outputs / (problem.batch * problem.group * problem.out)
    return problem.into > 1 and plane * problem.into * problem.arithmetic.sum.itemsize > NEAR_BYTES


def _padding(problem: Problem, sharing: float) -> float:
    """Lanes of the vectors of a row over those that are needed; short rows of a tile become one.

    Rows that share what they load begin with a vector that ends where y is aligned.
    """
    axes = problem.spec.axes
    last = axes[-1]
    lanes = max(1, costs()["vector_bytes"] // problem.arithmetic.sum.itemsize)
    if last.y == 0:
        return 1.0
    vectors = -(-last.y // lanes) + (sharing > 1 and len(axes) > 1 and last.y > lanes)
    return float(min(vectors * lanes, last.y + abs(last.dilation) * (last.w - 1)) / last.y)


def _rows_that_share(problem: Problem) -> float:
    """Rows are those of the last axis but one, or the vectors of a row."""
    if problem.arithmetic.is_complex:
        return 1.0  # whose two products share a load already
    axes = problem.spec.axes
    rows, vectors, last = 1.0, 1.0, axes[-1]
    if len(axes) > 1 and abs(axes[-2].stride) == abs(axes[-2].dilation) == axes[-2].up == 1 and axes[-2].y > 3:
        rows = axes[-2].w
    if abs(last.stride) == last.up == 1:
        vectors = last.w * abs(last.dilation) * problem.arithmetic.sum.itemsize / costs()["vector_bytes"]
    return min(max(rows, vectors, 1.0), STENCIL_ROWS)


def estimate_separable(problem: Problem, k: Constants, rank: int = 1) -> Estimate:
    """A pass for each axis; terms of a sum of products share what is loaded and stored."""
    taps = sum(axis.w for axis in problem.spec.axes if axis.w > 1)
    each = taps * k["tap"] + (rank - 1) * (_count_passes(problem) * k["term"] + taps * k["term_tap"])
    return _estimate_passes(problem, k, each, rank)


def estimate_box(problem: Problem, k: Constants) -> Estimate:
    """Running sums from some taps on: the longer, the more numbers tiles have in common."""
    axes = problem.spec.axes
    along = min(axes[-1].w, BOX_ALONG) / BOX_ALONG
    across = sum(min(axis.w, BOX_ACROSS) for axis in axes[:-1] if axis.w > 1) / BOX_ACROSS
    each = along * k["along"] + across * k["across"] + sum(axis.w for axis in axes) * k["beyond"]
    return _estimate_passes(problem, k, each, 1)


def _estimate_passes(problem: Problem, k: Constants, each: float, rank: int) -> Estimate:
    """`each`: nanoseconds of an output beside what every pass takes."""
    passes, planes = _count_passes(problem), problem.batch * problem.group
    rows = problem.outputs / max(problem.spec.axes[-1].y, 1) * passes
    work = problem.outputs * (each + passes * k["pass"] + problem.is_far * k["far"]) + rows * k["row"]
    products = problem.outputs * (STORED_PRODUCTS + rank * sum(axis.w for axis in problem.spec.axes))
    tiles = planes if products < MOST_WHOLE * planes else max(planes, 4)
    return Estimate(k["call"], work, tiles if problem.is_shared else 1, rank * PASS_BYTES)


def _count_passes(problem: Problem) -> int:
    return sum(axis.w > 1 for axis in problem.spec.axes)


def estimate_numpy(problem: Problem, k: Constants) -> Estimate:
    call = k["call"] + problem.taps * k["tap"] + problem.products * k["product"]
    return Estimate(call, 0.0, 1, 2 * problem.outputs * problem.into * problem.arithmetic.sum.itemsize)
