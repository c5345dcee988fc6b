"""Where in x is a template: the score of every window, and the best places."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, arithmetic_of, enter
from .errors import ParameterError, ShapeError, unknown_word
from .execute import program_of, read_threads
from .geometry import BOUNDARIES, ints_per_axis, normalize_axes
from .moments import Moments, Template, find_moments, score_windows
from .padding import pad
from .peaks import refine
from .plan import Plan, choose
from .spec import Axis, ConvSpec, Loop, Shape
from .windows import read_mask

__all__ = ["Match", "Matches", "match"]

SCORES = ("zncc", "ncc", "ssd", "cross", "phase")

#: A correlation with n taps is off by up to so many √n units roundoff of |w|·max|x|: 1 for photographs, 5
#: at the edges of large flat areas.
ROUNDOFFS = 4

#: That may be this share of a score before it is computed again: in float64, then sample by sample.
DOUBTS = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}

#: So many products are sooner summed one by one than all correlations again in float64.
FEW_PRODUCTS = 1 << 23

#: Samples that are gathered at a time to compute scores one by one.
GATHERED = 1 << 16


class Match(NamedTuple):
    """One place: where the template's first sample lies in x, to the sample and between them.

    `template` counts the templates, `batch` is the place along the axes that are not slid along.
    """

    position: Shape
    exact: tuple[float, ...]
    score: float
    template: int
    batch: Shape


@dataclass(frozen=True, eq=False)
class Matches:
    """What `match` returns. Iterating gives the peaks, best first.

    `scores` has one score for each window: an array, with the templates along its first axis where
    several were given, or a list of arrays where they differ in size. The window of scores[…, i] begins
    at sample i + start.
    """

    scores: Any
    start: tuple[Shape, ...]
    _maps: tuple[Array, ...]
    _search: Search

    @cached_property
    def peaks(self) -> list[Match]:
        """The best places, best first; found when they are first asked for."""
        return _find_peaks(self._maps, self.start, self._search)

    @property
    def best(self) -> Match | None:
        """The best place, if there is any."""
        return self.peaks[0] if self.peaks else None

    def __iter__(self) -> Iterator[Match]:
        return iter(self.peaks)

    def __len__(self) -> int:
        return len(self.peaks)

    def __repr__(self) -> str:
        shapes = " and ".join(str(scores.shape) for scores in self._maps)
        return f"Matches(scores of shape {shapes}, {len(self.peaks)} peaks, best {self.best})"


class Search(NamedTuple):
    """Which peaks are wanted."""

    top: int | None
    distances: tuple[Shape, ...]
    threshold: float | None
    subpixel: bool
    lowest_is_best: bool


def match(
    x: Any,
    templates: Any,
    *,
    score: str = "zncc",
    mask: Any = None,
    template_mask: Any = None,
    top: int | None = None,
    min_distance: Any = None,
    threshold: float | None = None,
    subpixel: bool = True,
    boundary: Any = None,
    axes: Any = None,
    min_overlap: float = 0.3,
    threads: int | None = None,
) -> Matches:
    """Score how much every window v of x looks like a template w, and find the best places.

        "zncc"   Σ (v − v̄)(w − w̄)* / √(Σ|v − v̄|² · Σ|w − w̄|²)   whatever brightness and contrast
        "ncc"    Σ v·w* / √(Σ|v|² · Σ|w|²)                         whatever contrast
        "ssd"    Σ |v − w|²                                         the least is the best
        "cross"  Σ v·w*
        "phase"  the inverse transform of X·W*/|X·W*|: sharp, for whole pictures

    zncc, ncc and phase lie in −1 … 1 (complex ones in the unit disc). A window or a template without
    contrast (of zncc), or of zeros (of ncc), has the score 0.

    Parameters
    ----------
    x : array_like
        Any number of axes, any dtype. Masked arrays keep their mask.
    templates : array_like or sequence of arrays
        One template, a sequence of several (of any sizes), or an array with one axis more than x
        whose first axis counts them. All axes of x that are not slid along are a batch, or are summed
        over where the template has them too (colours).
    score : {"zncc", "ncc", "ssd", "cross", "phase"}
    mask, template_mask : array_like of bool, optional
        True where a sample of x, of every template is missing. Each score is then that of the pairs of
        samples that are both there (Padfield), 0 where they are fewer than min_overlap of the template's;
        an ssd is scaled up to all samples, and NaN there.
    top : int, optional
        At most so many peaks. Without `top` and `threshold` the best one.
    min_distance : int or tuple of int, optional
        Peaks are at least so far apart along some axis; by default half a template.
    threshold : float, optional
        The least score of a peak (the largest, for "ssd").
    subpixel : bool
        Whether `exact` lies between the samples.
    boundary : str, optional
        By default templates lie inside x. With a boundary (as of `convolve`) scores have the size of x and
        belong to the template's middle, sample K//2; "renormalize" takes what lies outside as missing.
    axes : int or tuple of int, optional
        The axes of x to slide along: by default the template's, without a last axis of 3 or 4 colours.
    min_overlap : float
    threads : int, optional

    Returns
    -------
    Matches
        `scores` and `peaks`. Scores are float32 where x and the templates fit into it (float16, integers of
        up to 16 bits), otherwise float64; "cross" as `correlate`, of integers as int64.

    Raises
    ------
    ShapeError
        A template that does not fit in x, or axes that do not go together.
    ParameterError
        An unknown word or an impossible number.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> x = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])
    >>> found = fs.match(x, [10, 18, 4])
    >>> found.best.position, round(found.best.score, 6)
    ((4,), 1.0)

    Notes
    -----
    J. P. Lewis, *Fast Normalized Cross-Correlation* (1995); D. Padfield, *Masked Object Registration in the
    Fourier Domain* (2012).
    """
    if score not in SCORES:
        raise unknown_word("score", score, SCORES)
    layout = Layout.of(x, templates, axes)
    given, missing = _read_x(x, mask, layout)
    patterns = [_read_template(t, template_mask, layout) for t in layout.templates]
    distances = tuple(_read_distance(min_distance, p.sizes) for p in patterns)
    search = Search(_read_top(top, threshold), distances, threshold, subpixel, score == "ssd")
    maps: list[Array | None] = [None] * len(patterns)
    starts: list[Shape] = [()] * len(patterns)
    for group in _group(patterns):
        alike = [patterns[i] for i in group]
        scene, start = _extend(given, missing, alike[0].sizes, boundary)
        with np.errstate(over="ignore", invalid="ignore"):  # of samples that are not finite
            scores = _score(scene, alike, score, min_overlap, read_threads(threads))
        for i, values in zip(group, scores, strict=True):
            maps[i], starts[i] = values.reshape(layout.batch + values.shape[1:]), start
    done = tuple(m for m in maps if m is not None)
    return Matches(_join(done, layout), tuple(starts), done, search)


# ---------------------------------------------------------------------------------- reading


class Layout(NamedTuple):
    """Which axes of x are slid along, which are a batch, which are summed over."""

    dims: Shape
    batch_dims: Shape
    summed_dims: Shape
    batch: Shape
    templates: list[Any]
    is_one: bool

    @classmethod
    def of(cls, x: Any, templates: Any, axes: Any) -> Layout:
        """From what the caller gave."""
        ndim = np.ndim(x)
        many, is_one = _list_templates(templates, ndim)
        t = np.ndim(many[0])
        if 0 in (ndim, t) or t > ndim or any(np.ndim(other) != t for other in many):
            raise ShapeError(
                f"x has {ndim} axes and the templates have {', '.join(str(np.ndim(m)) for m in many)}; "
                "each needs at least one, as many in all templates and no more than x"
            )
        dims = normalize_axes(_usual_axes(np.shape(x), np.shape(many[0])) if axes is None else axes, ndim)
        if t not in (ndim, len(dims)):
            raise ShapeError(f"a template has {t} axes; it needs the {len(dims)} to slide along, or all {ndim} of x")
        rest = [dim for dim in range(ndim) if dim not in dims]
        summed = tuple(dim for dim in rest if t == ndim and np.shape(many[0])[dim] == np.shape(x)[dim])
        batch = tuple(dim for dim in rest if dim not in summed)
        return cls(dims, batch, summed, tuple(np.shape(x)[dim] for dim in batch), many, is_one)

    def arrange(self, array: Array) -> Array:
        """(batch, *slid axes, summed), from an array with all axes of x or the slid ones alone."""
        if array.ndim == len(self.dims) and array.ndim < len(self.dims + self.batch_dims + self.summed_dims):
            return array[None, ..., None]
        moved = array.transpose(self.batch_dims + self.dims + self.summed_dims)
        n_batch, n_slid = len(self.batch_dims), len(self.dims)
        slid = moved.shape[n_batch : n_batch + n_slid]
        return moved.reshape(math.prod(moved.shape[:n_batch]), *slid, math.prod(moved.shape[n_batch + n_slid :]))


def _list_templates(templates: Any, ndim: int) -> tuple[list[Any], bool]:
    is_sequence = isinstance(templates, Sequence) and len(templates) > 0
    if is_sequence and all(isinstance(t, np.ndarray) and t.ndim > 0 for t in templates):
        return list(templates), False
    array = templates if isinstance(templates, np.ndarray) else enter(templates, "templates")
    if array.ndim == ndim + 1:
        if len(array) == 0:
            raise ShapeError(f"templates of shape {array.shape} are none; give at least one")
        return list(array), False
    return [array], True


def _usual_axes(x_shape: Shape, shape: Shape) -> Shape:
    """The last axes of x; a last axis of 3 or 4 that both have is colour."""
    is_colour = len(shape) == len(x_shape) >= 3 and shape[-1] == x_shape[-1] in (3, 4)
    return tuple(range(len(x_shape) - len(shape), len(x_shape) - is_colour))


def _enter_masked(value: Any, mask: Any, names: tuple[str, str]) -> tuple[Array, Array | None]:
    missing = read_mask(mask, value, names[1])
    array = enter(np.ma.getdata(value) if isinstance(value, np.ma.MaskedArray) else value, names[0])
    if array.dtype.kind == "O":
        array = array.astype(np.float64)
    return array, missing if missing is not None and missing.any() else None


def _read_x(x: Any, mask: Any, layout: Layout) -> tuple[Array, Array | None]:
    array, missing = _enter_masked(x, mask, ("x", "mask"))
    return layout.arrange(array), None if missing is None else layout.arrange(missing)


class Pattern(NamedTuple):
    """A template: samples (*slid axes, summed), and which are missing."""

    samples: Array
    missing: Array | None

    @property
    def sizes(self) -> Shape:
        """Along the axes that it slides along."""
        return self.samples.shape[:-1]


def _read_template(template: Any, mask: Any, layout: Layout) -> Pattern:
    array, missing = _enter_masked(template, mask, ("templates", "template_mask"))
    if 0 in array.shape:
        raise ShapeError(f"a template has no samples: its shape is {array.shape}")
    arranged = layout.arrange(array)
    if arranged.shape[0] != 1:
        raise ShapeError(f"a template of shape {array.shape} has an axis that x has in another size; see axes=")
    return Pattern(arranged[0], None if missing is None else layout.arrange(missing)[0])


def _group(patterns: list[Pattern]) -> list[list[int]]:
    """The numbers of templates that are as large, and share a transform of x and its moments."""
    groups: dict[Any, list[int]] = {}
    for i, pattern in enumerate(patterns):
        groups.setdefault((pattern.samples.shape, pattern.missing is None), []).append(i)
    return list(groups.values())


def _read_top(top: Any, threshold: Any) -> int | None:
    if top is None:
        return 1 if threshold is None else None
    (number,) = ints_per_axis(top, 1, "top", 1)
    return number


def _read_distance(distance: Any, sizes: Shape) -> Shape:
    if distance is None:
        return tuple(max(1, size // 2) for size in sizes)
    return ints_per_axis(distance, len(sizes), "min_distance", 1)


class Scene(NamedTuple):
    """x as it is slid over: (batch, *slid axes, summed), and which samples are missing."""

    samples: Array
    missing: Array | None


def _extend(x: Array, missing: Array | None, sizes: Shape, boundary: Any) -> tuple[Scene, Shape]:
    """x with its boundary, and the sample of x that the first window begins at."""
    dims = tuple(range(1, x.ndim - 1))
    if boundary is None:
        for dim, size in zip(dims, sizes, strict=True):
            if size > x.shape[dim]:
                raise ShapeError(
                    f"a template of {_times(sizes)} does not fit in x, which has {_times(x.shape[1:-1])}; "
                    "crop it, or let it reach over the ends with boundary='renormalize'"
                )
        return Scene(x, missing), (0,) * len(sizes)
    if isinstance(boundary, str) and boundary not in (*BOUNDARIES, "renormalize"):
        raise unknown_word("boundary", boundary, (*BOUNDARIES, "renormalize"))
    widths = [(size // 2, size - 1 - size // 2) for size in sizes]
    start = tuple(-low for low, _ in widths)
    if boundary == "renormalize":
        gone = np.zeros(x.shape, bool) if missing is None else missing
        outside = pad(gone.astype(np.uint8), widths, "constant", fill_value=1, axes=dims).astype(bool)
        return Scene(pad(x, widths, axes=dims), outside), start
    extended = pad(x, widths, boundary, axes=dims)
    return Scene(extended, None if missing is None else pad(missing, widths, boundary, axes=dims)), start


def _times(sizes: Shape) -> str:
    return " × ".join(map(str, sizes))


def _join(maps: tuple[Array, ...], layout: Layout) -> Any:
    if layout.is_one:
        return maps[0]
    return np.stack(maps) if len({m.shape for m in maps}) == 1 else list(maps)


# -------------------------------------------------------------------------------- the sums


def _correlate(x: Array, taps: Array, dtype: Any, threads: int) -> Array:
    """Σ v·w* of every window: x is (batch, *slid, summed), taps (templates, *slid, summed).

    The result is (templates, batch, *places): one transform of x serves all templates.
    """
    numbers = arithmetic_of(x.dtype, taps.dtype, dtype)
    n_axes, channels = x.ndim - 2, x.shape[-1]
    one = choose(_spec(x.shape[:-1], taps.shape[:-1], n_axes), numbers, threads)
    if channels != 1:
        together = choose(_spec(x.shape, taps.shape, n_axes), numbers, threads)
        # Integers are bounded all together, and few transforms know channels.
        if not (numbers.compiled and numbers.sum.kind == "f") or _time(together) <= channels * _time(one):
            return program_of(together)(x, taps, None, None, threads)
    program = program_of(one)
    total = program(x[..., 0], taps[..., 0], None, None, threads)
    for channel in range(1, channels):
        total += program(x[..., channel], taps[..., channel], None, None, threads)
    return total


def _spec(x_shape: Shape, taps_shape: Shape, n_axes: int) -> ConvSpec:
    """The sum, also over the last axis where the shapes have one behind the slid ones."""
    axes = tuple(
        Axis(x_shape[i], taps_shape[i], x_shape[i] - taps_shape[i] + 1, 0, 1, 1, 1, "zero", i, i, i + 1)
        for i in range(1, n_axes + 1)
    )
    loops: tuple[Loop, ...] = (Loop(taps_shape[0], -1, 0, 0), Loop(x_shape[0], 0, -1, 1))
    if len(x_shape) > n_axes + 1:
        loops += (Loop(x_shape[-1], n_axes + 1, n_axes + 1, -1),)
    return ConvSpec(axes, loops, len(x_shape), len(taps_shape), n_axes + 2, conj_w=True)


def _time(plan: Plan) -> float:
    """Nanoseconds on one thread, and half of one for each output that is written and read again."""
    return plan.chosen.estimate.nanoseconds(1) + 0.5 * plan.spec.n_outputs


def _score(scene: Scene, patterns: list[Pattern], score: str, min_overlap: float, threads: int) -> Array:
    """(templates, batch, *places)."""
    taps = np.stack([p.samples for p in patterns])
    if scene.missing is not None or patterns[0].missing is not None:
        return _score_masked(scene, patterns, score, min_overlap, threads)
    if score == "cross":
        return _cross(scene.samples, taps, threads)
    if score == "phase":
        return _phase(scene.samples, taps)
    if scene.samples.dtype.kind == "c" or taps.dtype.kind == "c":
        return _score_complex(scene.samples, taps, score, threads)
    return _score_real(scene.samples, taps, score, threads)


def _cross(x: Array, taps: Array, threads: int) -> Array:
    promoted = np.result_type(x, taps)
    return _correlate(x, taps, np.int64 if promoted.kind in "biu" else None, threads)


def _is_short(dtype: np.dtype[Any]) -> bool:
    """Whether float32 holds every number of it."""
    return dtype.itemsize <= 2 or dtype == np.float32


def _score_real(x: Array, taps: Array, score: str, threads: int) -> Array:
    is_short = _is_short(x.dtype) and _is_short(taps.dtype)
    result = np.dtype(np.float32 if is_short else np.float64)
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        x = x.astype(np.float64)
    w = taps.astype(np.float64, order="C")  # NumPy adds in the order in which numbers lie
    if score != "ssd":
        x, w = _rescale(x), _rescale(w)
    centred = w - w.mean(axis=tuple(range(1, w.ndim)), keepdims=True)
    exact_first = score == "ssd" and x.dtype.kind in "biu"
    for sums in (np.float32, np.float64) if is_short and not exact_first else (np.float64,):
        scores, doubtful = _score_in(np.dtype(sums), x, w, centred, score, threads)
        if doubtful * math.prod(w.shape[1:]) <= FEW_PRODUCTS:
            break
    if doubtful:
        _score_one_by_one(x, w, scores, score)
    return scores.astype(result, copy=False)


def _score_in(sums: np.dtype[Any], x: Array, w: Array, centred: Array, score: str, threads: int) -> tuple[Array, int]:
    """Scores by correlations in one dtype, and how many of them are in doubt."""
    shifted, reach = _centre(x, sums)
    if sums == np.float32 and not (_is_moderate(reach) and _is_moderate(float(np.abs(centred).max(initial=0)))):
        return np.zeros(0, sums), sys.maxsize
    correlations = _correlate(shifted, centred.astype(sums), None, threads)
    n = math.prod(w.shape[1:])
    if not correlations.size:
        return correlations, 0
    roundoffs = ROUNDOFFS * math.sqrt(n) * float(np.finfo(sums).eps) / 2
    doubt = (roundoffs * reach / DOUBTS[sums]) ** 2 if score != "ssd" else 0.0
    templates = [Template(float(t.mean()), float((c * c).sum()), doubt) for t, c in zip(w, centred, strict=True)]
    flat = [not _has_contrast(t, template, score) for t, template in zip(w, templates, strict=True)]
    # Deviations do not change either, and in float32 they are best found of small numbers.
    source = shifted if score == "zncc" else x
    doubtful = score_windows(_join_channels(source), w.shape[1:-1], correlations, score, templates, threads)
    if score != "ssd" and any(flat):
        correlations[np.array(flat)] = 0
        doubtful = int((correlations == DOUBT).sum())
    return correlations, doubtful


def _is_moderate(size: float) -> bool:
    """Whether sums of squares of such numbers are far from both ends of float32."""
    return size == 0 or 2.0**-40 < size < 2.0**40


def _rescale(x: Array) -> Array:
    """Doubles times a power of two, which changes no quotient; their squares are then no infinities or zeros."""
    if x.dtype != np.float64 or not x.size:
        return x
    largest = max(abs(float(x.max())), abs(float(x.min())))
    if largest == 0 or not np.isfinite(largest) or 2.0**-300 < largest < 2.0**300:
        return x
    return np.ldexp(x, -math.frexp(largest)[1])


#: What the core writes where rounding might be seen (FS_DOUBT of cpp/microkernels/moments.hpp).
DOUBT = 4


def _has_contrast(w: Array, template: Template, score: str) -> bool:
    if score == "ncc":
        return bool(w.any())
    return math.sqrt(template.deviation) > 8 * 2.0**-53 * abs(template.mean) * math.sqrt(w.size)


def _centre(x: Array, sums: np.dtype[Any]) -> tuple[Array, float]:
    """x less a number, where all of it is far from 0, which changes no Σ (w − w̄)·x; and its largest size."""
    if x.size == 0:
        return x, 0.0
    low, high = float(x.min()), float(x.max())
    if not np.isfinite(high - low):
        finite = x[np.isfinite(x)]
        return x.astype(sums, copy=False), float(np.abs(finite).max()) if finite.size else 0.0
    middle = (low + high) / 2
    if (x.dtype.kind in "biu" and x.dtype.itemsize <= 2) or abs(middle) < high - low:
        return x if x.dtype.kind in "biu" else x.astype(sums, copy=False), max(abs(low), abs(high))
    if x.dtype.kind in "biu":
        return x.astype(np.float64) - middle, (high - low) / 2 or abs(middle)
    return (x - x.dtype.type(middle)).astype(sums, copy=False), (high - low) / 2 or abs(middle)


def _join_channels(x: Array) -> Moments:
    """The channels of one place as the first of the samples of a window."""
    if x.shape[-1] == 1:
        return Moments(x[..., 0], None, 1)
    wide = x.astype(np.float64)
    sums = wide.sum(axis=-1)
    spread = ((wide - sums[..., None] / x.shape[-1]) ** 2).sum(axis=-1)
    return Moments(sums, np.ascontiguousarray(spread), x.shape[-1])


def _score_one_by_one(x: Array, w: Array, scores: Array, score: str) -> None:
    """The scores in doubt, each from its own samples."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[1:-1], axis=tuple(range(1, x.ndim - 1)))
    # (batch, *places, summed, *sizes): the order of a template whose summed axis goes first.
    for values, template in zip(scores, np.moveaxis(w, -1, 1).reshape(len(w), -1), strict=True):
        places = np.argwhere(values == DOUBT)
        step = max(1, GATHERED // template.size)
        for start in range(0, len(places), step):
            chosen = tuple(places[start : start + step].T)
            values[chosen] = _score_rows(_gather(windows, chosen, template.size), template, score)


#: Windows of so many samples are sooner copied one by one than gathered sample by sample.
LARGE_WINDOW = 256


def _gather(windows: Array, chosen: tuple[Array, ...], size: int) -> Array:
    if size < LARGE_WINDOW:
        return windows[chosen].reshape(-1, size).astype(np.float64)
    rows = np.empty((len(chosen[0]), size))
    for row, place in zip(rows, zip(*chosen, strict=True), strict=True):
        window = windows[place]
        row.reshape(window.shape)[...] = window
    return rows


def _score_rows(v: Array, w: Array, score: str) -> Array:
    """The formula for some windows and one template. What is common to a window's samples goes first."""
    n = w.size
    first = v[:, :1].copy()
    if score == "zncc":
        v -= first
        w = w - w.mean()
    energy = np.einsum("pi,pi->p", v, v)
    if score == "zncc":
        energy -= v.sum(axis=1) ** 2 / n
        energy[energy <= n * (16 * 2.0**-53 * first[:, 0]) ** 2] = 0
    return _normalize(v @ w, np.sqrt(np.maximum(energy, 0)) * np.linalg.norm(w))


def _score_pairs(v: Array, w: Array, there: Array | None, score: str) -> Array:
    """The formula, row by row."""
    weight = np.ones(v.shape) if there is None else there.astype(np.float64)
    n = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    # Rounding of the mean leaves so much of a window without contrast.
    floors = [(16 * 2.0**-53) ** 2 * (np.abs(a) ** 2 * weight).sum(axis=1) * (score == "zncc") for a in (v, w)]
    if score == "zncc":
        v, w = (a - (a * weight).sum(axis=1, keepdims=True) / n for a in (v, w))
    product = (v * w.conj() * weight).sum(axis=1)
    energies = [(np.abs(a) ** 2 * weight).sum(axis=1) for a in (v, w)]
    is_seen = [e > f for e, f in zip(energies, floors, strict=True)]
    return _normalize(product, np.sqrt(energies[0]) * np.sqrt(energies[1]) * (is_seen[0] & is_seen[1]))


# --------------------------------------------------- complex numbers, phases, missing samples


def _score_complex(x: Array, taps: Array, score: str, threads: int) -> Array:
    x, w = x.astype(np.complex128, copy=False), taps.astype(np.complex128, order="C")
    n, axes = math.prod(w.shape[1:]), tuple(range(1, w.ndim))
    means = w.mean(axis=axes).reshape(-1, *[1] * (w.ndim - 1))
    centred = w - means
    c = _correlate(x, centred, None, threads)
    halves = [_window_moments(part, w.shape[1:-1], threads) for part in (x.real, x.imag)]
    s, m = halves[0][0] + 1j * halves[1][0], halves[0][1] + halves[1][1]
    energy = (np.abs(centred) ** 2).sum(axis=axes).reshape(means.shape)
    if score == "ssd":
        return np.asarray(np.maximum(m + energy - 2 * c.real + n * np.abs(s / n - means) ** 2, 0))
    if score == "ncc":
        c, m, energy = c + s * means.conj(), m + np.abs(s) ** 2 / n, energy + n * np.abs(means) ** 2
    return _normalize(c, np.sqrt(m) * np.sqrt(energy))


def _window_moments(x: Array, sizes: Shape, threads: int) -> tuple[Array, Array]:
    sums, deviations, _ = find_moments(_join_channels(x), sizes, threads)
    return sums, np.zeros(1) if deviations is None else deviations


def _normalize(c: Array, size: Array) -> Array:
    """The quotient, in the unit disc; 0 where the size is 0."""
    with np.errstate(invalid="ignore"):
        r = np.divide(c, size, out=np.zeros(np.broadcast_shapes(c.shape, size.shape), c.dtype), where=size != 0)
        if r.dtype.kind != "c":
            return np.clip(r, -1, 1)
        return np.asarray(r / np.maximum(1, np.abs(r)))


def _phase(x: Array, taps: Array) -> Array:
    """The inverse transform of the phases of X·W*, over the whole of x, at every place inside."""
    dims = tuple(range(1, x.ndim - 1))
    sizes = [x.shape[dim] for dim in dims]
    spectrum = np.fft.fftn(x - x.mean(axis=(*dims, -1), keepdims=True), axes=dims)
    inside = tuple(slice(0, n - k + 1) for n, k in zip(sizes, taps.shape[1:-1], strict=True))
    is_complex = x.dtype.kind == "c" or taps.dtype.kind == "c"
    rows = []
    for w in taps:
        other = np.fft.fftn(w - w.mean(), sizes, axes=tuple(dim - 1 for dim in dims))
        cross = (spectrum * other.conj()).sum(axis=-1)
        size = np.abs(cross)
        phases = np.divide(cross, size, out=np.zeros_like(cross), where=size > 1e-12 * size.max(initial=0))
        share = np.maximum(np.count_nonzero(phases, axis=dims, keepdims=True), 1) / math.prod(sizes)
        row = (np.fft.ifftn(phases, axes=dims) / share)[(slice(None), *inside)]
        rows.append(_normalize(row if is_complex else row.real, np.ones(1)))
    return np.stack(rows)


#: Energies below this share of the largest have lost too much to the rounding of a transform.
MASKED_DOUBT = 1e-8


def _score_masked(scene: Scene, patterns: list[Pattern], score: str, min_overlap: float, threads: int) -> Array:
    """Each score of the pairs that are both there: six correlations of samples, squares and masks."""
    if score == "phase":
        raise ParameterError("score='phase' has no meaning where samples are missing; use 'zncc', or fill them first")
    x, w = scene.samples, np.stack([p.samples for p in patterns])
    wide = np.complex128 if "c" in (x.dtype.kind, w.dtype.kind) else np.float64
    x_there = np.ones(x.shape, bool) if scene.missing is None else ~scene.missing
    w_there = np.stack([np.ones(p.samples.shape, bool) if p.missing is None else ~p.missing for p in patterns])
    x, w = np.where(x_there, x, 0).astype(wide), np.where(w_there, w, 0).astype(wide)
    if score in ("zncc", "ssd"):
        middle = x.sum() / max(1, x_there.sum())
        x = np.where(x_there, x - middle, 0)
        w = np.where(w_there, w - (middle if score == "ssd" else w.sum() / max(1, w_there.sum())), 0)
    n = _correlate(x_there.astype(np.uint8), w_there.astype(np.uint8), np.int32, threads)
    c = _correlate(x, w, None, threads)
    if score == "cross":
        return c
    xx = _correlate(np.abs(x) ** 2, w_there.astype(np.float64), None, threads)
    ww = _correlate(x_there.astype(np.float64), np.abs(w) ** 2, None, threads)
    total = w_there.sum(axis=tuple(range(1, w.ndim))).reshape(-1, *[1] * (n.ndim - 1))
    is_enough = (n >= min_overlap * total) & (n > 0)
    if score == "ssd":
        difference = np.maximum(xx + ww - 2 * c.real, 0) * total / np.maximum(n, 1)
        return np.where(is_enough, difference, np.nan)
    most = [energy.max(initial=0, where=np.isfinite(energy)) for energy in (xx, ww)]
    if score == "zncc":
        xs = _correlate(x, w_there.astype(np.float64), None, threads)
        ws = _correlate(x_there.astype(np.float64), w, None, threads)
        each = np.maximum(n, 1)
        c, xx, ww = c - xs * ws / each, xx - np.abs(xs) ** 2 / each, ww - np.abs(ws) ** 2 / each
    r = _normalize(c, np.sqrt(np.maximum(xx, 0)) * np.sqrt(np.maximum(ww, 0)))
    doubtful = is_enough & ((xx < MASKED_DOUBT * most[0]) | (ww < MASKED_DOUBT * most[1]))
    _score_masked_one_by_one(x, w, x_there, w_there, r, doubtful, score)
    return np.where(is_enough, r, 0)


def _score_masked_one_by_one(
    x: Array, w: Array, x_there: Array, w_there: Array, r: Array, doubtful: Array, score: str
) -> None:
    if not doubtful.any():
        return
    axes, sizes = tuple(range(1, x.ndim - 1)), w.shape[1:-1]
    windows, seen = (np.lib.stride_tricks.sliding_window_view(a, sizes, axis=axes) for a in (x, x_there))
    flat, kept = (np.moveaxis(a, -1, 1).reshape(len(w), -1) for a in (w, w_there))
    places = np.argwhere(doubtful)
    step = max(1, GATHERED // flat.shape[1])
    for start in range(0, len(places), step):
        chosen = places[start : start + step]
        index, t = tuple(chosen[:, 1:].T), chosen[:, 0]
        v, there = (a[index].reshape(len(chosen), -1) for a in (windows, seen))
        r[tuple(chosen.T)] = _score_pairs(v, flat[t], there & kept[t], score)


# ----------------------------------------------------------------------------------- peaks

#: Samples on each side of a peak that its place between samples is found from.
PEAK_REACH = 2


def _find_peaks(maps: tuple[Array, ...], starts: tuple[Shape, ...], search: Search) -> list[Match]:
    n_axes = len(starts[0])
    batch = maps[0].shape[: maps[0].ndim - n_axes]
    found = [_find_in(i, [_heights(m[i], search) for m in maps], starts, search) for i in np.ndindex(batch)]
    return sorted((peak for peaks in found for peak in peaks), key=lambda peak: _rank(peak.score, search))


def _heights(scores: Array, search: Search) -> Array:
    """What a peak is the largest of."""
    if scores.dtype.kind == "c":
        return np.asarray(np.abs(scores))
    return -scores.astype(np.float64) if search.lowest_is_best else scores


def _rank(score: float, search: Search) -> float:
    return score if search.lowest_is_best else -score


def _find_in(batch: Shape, maps: list[Array], starts: tuple[Shape, ...], search: Search) -> list[Match]:
    candidates = [_candidates(heights, search) for heights in maps]
    numbers = np.repeat(np.arange(len(maps)), [len(c) for c in candidates])
    places = np.concatenate(candidates)
    heights = np.concatenate([m.ravel()[c] for m, c in zip(maps, candidates, strict=True)])
    positions = np.concatenate(
        [
            np.stack(np.unravel_index(c, m.shape), axis=1) + np.array(start)
            for c, m, start in zip(candidates, maps, starts, strict=True)
        ]
    )
    order = np.argsort(-heights, kind="stable")
    kept = _keep_apart(positions[order], numbers[order], search)
    return [_describe(batch, numbers[i], places[i], positions[i], maps, search) for i in order[kept]]


def _candidates(heights: Array, search: Search) -> Array:
    """The places, as flat indices, that no neighbour is above and that reach the threshold."""
    if heights.size == 0:
        return np.zeros(0, np.intp)
    if search.top == 1 and search.threshold is None and not np.isnan(heights.ravel()[heights.argmax()]):
        return np.array([heights.argmax()])
    is_number = ~np.isnan(heights)
    ranked = np.where(is_number, heights, -np.inf)
    is_top = (ranked >= _greatest_neighbour(ranked)) & is_number
    if search.threshold is not None:
        is_top &= ranked >= (-search.threshold if search.lowest_is_best else search.threshold)
    return np.flatnonzero(is_top)


def _greatest_neighbour(heights: Array) -> Array:
    """The largest of each place and its neighbours, along every axis in turn."""
    largest = heights.copy()
    for axis in range(heights.ndim):
        before, after = ([slice(None)] * heights.ndim for _ in range(2))
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        given = largest.copy()
        np.maximum(largest[tuple(after)], given[tuple(before)], out=largest[tuple(after)])
        np.maximum(largest[tuple(before)], given[tuple(after)], out=largest[tuple(before)])
    return largest


def _keep_apart(positions: Array, numbers: Array, search: Search) -> list[int]:
    """The candidates, best first, that no better one is closer to than its distance along every axis."""
    if len(positions) == 0:
        return []
    lowest = positions.min(axis=0)
    is_taken = np.zeros(positions.max(axis=0) - lowest + 1, bool)
    kept: list[int] = []
    for i, place in enumerate(positions - lowest):
        if is_taken[tuple(place)]:
            continue
        kept.append(i)
        if len(kept) == search.top:
            break
        around = zip(place.tolist(), search.distances[numbers[i]], strict=True)
        is_taken[tuple(slice(max(0, p - d + 1), p + d) for p, d in around)] = True
    return kept


def _describe(batch: Shape, number: int, place: int, position: Array, maps: list[Array], search: Search) -> Match:
    heights = maps[number]
    index = np.array([np.unravel_index(place, heights.shape)])
    offset = refine(heights[None], index, PEAK_REACH)[0][0] if search.subpixel else np.zeros(len(position))
    height = float(heights.ravel()[place])
    exact = tuple((position + offset).tolist())
    return Match(tuple(position.tolist()), exact, -height if search.lowest_is_best else height, int(number), batch)
