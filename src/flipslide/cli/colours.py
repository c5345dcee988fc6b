"""Colours beside transparency: an invisible pixel has no colour that could be smeared into its neighbours.

With a the opacity (0 … 1) of each pixel and c its colours, taps none of which is negative give the mean
of what is visible, weighted by it,

    y = Σw · Σ w·a·c / Σ w·a

and other taps, whose weights can cancel, see the colour in the middle wherever a pixel is invisible:
Σ w·(a·c + (1 − a)·c₀) = Σ w·a·c + c₀·(Σw − Σ w·a), so that an edge of the visible part is no edge of its colours.
The opacity itself is only cut or padded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flipslide.arrays import Array
from flipslide.geometry import per_axis, read_center

from .blocks import Job, run

__all__ = ["convolve_colours"]

#: Below this part of the taps nothing is visible: 16 bits of opacity under the rim of a Gaussian are above,
#: the rounding of a transform is below.
NOTHING = 1e-11


def convolve_colours(
    x: Array, taps: Array, job: Job, details: Any, widen: Callable[[Array], Array], advance: Callable[[int, int], None]
) -> Array:
    """The picture x, whose samples lie along details["color"], the opacity at details["alpha"] among them."""
    color, alpha = details["color"], details["alpha"]
    x = np.moveaxis(x, color, -1)
    job = job._replace(axes=tuple(axis - (axis > color) for axis in job.axes))
    colours, opacity = np.delete(x, alpha, axis=-1), x[..., alpha : alpha + 1]
    kept = run(widen(opacity), _delta(taps, job), job, _quiet)
    top = np.iinfo(x.dtype).max if x.dtype.kind in "iu" else 1.0
    if (opacity == top).all():
        y = run(widen(colours), taps, job, advance)
    else:
        y = _weighted(
            colours.astype(np.float64), opacity / float(top), taps, job, bool(details.get("premultiplied")), advance
        )
    return np.asarray(np.moveaxis(np.insert(y, alpha, kept[..., 0], axis=-1), -1, color))


def _weighted(
    c: Array, a: Array, taps: Array, job: Job, premultiplied: bool, advance: Callable[[int, int], None]
) -> Array:
    taps = taps.astype(np.float64)
    seen = c if premultiplied else c * a
    straight = np.divide(c, a, out=np.zeros_like(c), where=a > 0) if premultiplied else c
    total = run(seen, taps, _around(job, job.fill if job.boundary == "constant" else 0), advance)
    weight = run(a, taps, _around(job, 1), _quiet)
    middle, gain = run(straight, _delta(taps, job), job, _quiet), taps.sum()
    if taps.min(initial=0) >= 0:
        y = np.where(weight > NOTHING * gain, gain * total / np.where(weight > 0, weight, 1), gain * middle)
    else:
        y = total + middle * (gain - weight)
    return np.asarray(y * run(a, _delta(taps, job), _around(job, 1), _quiet) if premultiplied else y)


def _around(job: Job, fill: Any) -> Job:
    """Beside the picture is something opaque, if the rule puts a number there at all."""
    return job._replace(boundary="constant", fill=fill) if job.boundary in ("zero", "constant") else job


def _delta(taps: Array, job: Job) -> Array:
    """A single 1 in the middle of as many taps: it cuts or pads as they do and changes nothing."""
    one = np.zeros(taps.shape, taps.dtype if taps.dtype.kind in "biu" else np.float64)
    centers = per_axis(job.center, taps.ndim, "center", lambda value, _: value)
    one[tuple(read_center(center, n, not job.flip) for center, n in zip(centers, taps.shape, strict=True))] = 1
    return one


def _quiet(done: int, total: int) -> None:
    """For sums that are not worth a bar."""
