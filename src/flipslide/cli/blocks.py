"""A long convolution in blocks along one axis, so that there is something to report meanwhile.

Along each convolved axis the outputs `start … start + count − 1` read, with D the span of
the taps, the samples

    convolution   start − (D − 1)  …  start + count − 1
    correlation   start            …  start + count − 1 + (D − 1)

Written out by `pad`, x̃ is exactly those, and every mode is "valid" on x̃; outputs a … b of
that need its samples a … b + D − 1 and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from flipslide.arrays import Array
from flipslide.geometry import fit_count, ints_per_axis, mode_window, per_axis
from flipslide.padding import pad
from flipslide.signal import convolve, correlate

__all__ = ["Job", "run", "wide_dtype"]

#: Products in one block: some tenths of a second of direct work on one core, a guess that
#: only decides how often the bar moves.
BLOCK_PRODUCTS = 1 << 28


class Job(NamedTuple):
    """What to do with x and w, in the library's words."""

    axes: tuple[int, ...]
    mode: str
    boundary: str
    fill: Any
    flip: bool
    threads: int | None
    center: Any = None
    stride: Any = 1

    def words(self) -> dict[str, Any]:
        """The options of a call that does all of it at once."""
        return dict(
            mode=self.mode, axes=self.axes, boundary=self.boundary, fill_value=self.fill, threads=self.threads,
            center=self.center, stride=self.stride,
        )  # fmt: skip


def wide_dtype(x: Any, taps: Array) -> Any:
    """What a file's samples are summed in: int64 where they and the taps are integers, else float64."""
    return np.int64 if x.dtype.kind in "iu" and taps.dtype.kind in "biu" else np.float64


def run(x: Array, w: Array, job: Job, advance: Callable[[int, int], None]) -> Array:
    """The convolution (or correlation), reporting (outputs done, outputs in all) along axes[0]."""
    spans = _spans(x, w, job.axes)
    centers = per_axis(job.center, len(job.axes), "center", lambda value, _: value)
    strides = ints_per_axis(job.stride, len(job.axes), "stride", 1)
    windows = [
        mode_window(job.mode, x.shape[dim], span, center, not job.flip)
        for dim, span, center in zip(job.axes, spans, centers, strict=True)
    ]
    step, count = _step(x, windows, spans, job.axes), fit_count(windows[0][1], strides[0])
    # Where x̃'s zeros are written out an infinite tap would meet them and make NaN.
    if step >= count or 0 in x.shape or not np.isfinite(w).all():
        return _verb(job)(x, w, **job.words())
    extended = _extend(x, windows, spans, job)
    parts = []
    for a in range(0, count, step):
        b = min(a + step, count)
        samples = slice(a * strides[0], (b - 1) * strides[0] + spans[0])
        block = extended[(slice(None),) * job.axes[0] + (samples,)]
        parts.append(_verb(job)(block, w, "valid", axes=job.axes, stride=strides, threads=job.threads))
        advance(b, count)
    return np.concatenate(parts, axis=job.axes[0])


def _verb(job: Job) -> Callable[..., Array]:
    return convolve if job.flip else correlate


def _spans(x: Array, w: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    """How many taps w has along each convolved axis of x."""
    return tuple(w.shape[dim] for dim in axes) if w.ndim == x.ndim else w.shape


def _step(x: Array, windows: list[tuple[int, int]], spans: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """Outputs per block: enough work, and at least the taps' own span so that little is read twice."""
    batch: int = math.prod(n for dim, n in enumerate(x.shape) if dim not in axes)
    outputs: int = batch * math.prod(count for _, count in windows[1:])
    return max(2 * spans[0], 1, BLOCK_PRODUCTS // max(1, outputs * math.prod(spans)))


def _extend(x: Array, windows: list[tuple[int, int]], spans: tuple[int, ...], job: Job) -> Array:
    """x̃: every sample that an output reads. A window inside x cuts, one beyond it pads."""
    reach = [
        (start - (span - 1) if job.flip else start, start + count - 1 + (0 if job.flip else span - 1))
        for (start, count), span in zip(windows, spans, strict=True)
    ]
    sizes = [x.shape[dim] for dim in job.axes]
    widths = [(max(0, -first), max(0, last - n + 1)) for (first, last), n in zip(reach, sizes, strict=True)]
    return pad(x, widths, job.boundary, fill_value=job.fill, axes=job.axes)
