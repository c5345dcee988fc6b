"""`flipslide apply` on files too long for memory: piece by piece, from one file to the other."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flipslide.arrays import Array
from flipslide.blocks import RULES, choose_slabs, count_blocks, list_blocks, sum_block
from flipslide.io import Content, Fitter, Lazy, can_write_pieces, open_part, write_pieces
from flipslide.io.audio import Quantizer
from flipslide.signal import convolve, correlate
from flipslide.spec import ConvSpec

from .blocks import wide_dtype
from .level import Level, details_of, full_scale, times_of

if TYPE_CHECKING:
    from .blocks import Job

__all__ = ["Long", "goes_by_pieces"]

#: Bytes that a piece with all that is made of it may take.
BUDGET = 1 << 26

Pieces = Callable[[], Iterator[Array]]


def goes_by_pieces(content: Content, taps: Array, job: Job, extension: str) -> bool:
    """Whether a long file need not be read whole: plain rules, no transparency, a target that takes pieces."""
    return (
        isinstance(content.array, Lazy)
        and job.boundary in RULES
        and content.details.get("alpha") is None
        and can_write_pieces(content, extension)
        and bool(np.isfinite(taps).all())
    )


class _Widened(Lazy):
    """Samples of the type that they are summed in."""

    def __init__(self, x: Any, taps: Array) -> None:
        super().__init__(x.shape, wide_dtype(x, taps))
        self._x = x

    def __getitem__(self, places: Any) -> Array:
        return np.asarray(self._x[places]).astype(self.dtype, copy=False)


class Long(NamedTuple):
    """A file and what to do with it."""

    content: Content
    taps: Array
    job: Job
    level: Level

    def run(
        self, target: str, extension: str, force: bool, like: str, policy: str, advance: Any
    ) -> tuple[Content, str]:
        """Write the result; (what it is, what was lost of it)."""
        wet, shape, n_pieces = self._sum()
        result, pieces, passes = self._levelled(wet, shape)
        fitter = _fitter(result, extension, policy)
        stored = result._replace(array=_promise(result.array.shape, _stored_dtype(result, extension)))
        told = _told(pieces(), n_pieces, passes, advance)
        _write(target, stored, extension, force, like, (fitter(piece) for piece in told), fitter)
        return stored, fitter.lost()

    def _sum(self) -> tuple[Pieces, tuple[int, ...], int]:
        """The sum piece by piece, its shape, and how many pieces there are."""
        job, x = self.job, _Widened(self.content.array, self.taps)
        options = job.words()
        threads = options.pop("threads")
        spec = ConvSpec.of(x.shape, self.taps.shape, correlate=not job.flip, **options)
        splits = 1 if self.content.kind == "audio" else self.content.details["axes"][0] + 1
        sizes = choose_slabs(spec, (8, 8), BUDGET, splits)
        words = dict(stride=job.stride, fill_value=job.fill, threads=threads)
        verb = convolve if job.flip else correlate

        def pieces() -> Iterator[Array]:
            for block in list_blocks(spec, sizes):
                yield sum_block(verb, x, self.taps, spec, block, words)

        return pieces, spec.y_shape, count_blocks(spec, sizes)

    # ----------------------------------------------------------------------------- level

    def _levelled(self, wet: Pieces, shape: tuple[int, ...]) -> tuple[Content, Pieces, int]:
        """What is written, its pieces, and how often the sum has been made before."""
        content, level, passes = self.content, self.level, 0
        if content.kind != "audio":
            return content._replace(array=_promise(shape, np.float64)), wet, 0
        frames, pieces = shape[0], wet
        if level.mix is not None:
            scale = _peak(self._dry()) / (_peak(wet()) or 1.0) if level.normalize else 1.0
            passes += level.normalize
            frames, pieces = max(shape[0], content.array.shape[0]), self._mixed(wet, level.mix, scale)
        factor, details = times_of(level.gain or 0), details_of(content, level, shape[1])
        if level.normalize:
            passes += 1
            full = full_scale(details["subtype"])
            factor = full / (_peak(pieces()) or 1.0) * times_of(min(level.gain or 0, 0))
        made = content._replace(array=_promise((frames, shape[1]), np.float64), details=details)
        return made, lambda: (factor * piece for piece in pieces()), passes

    def _dry(self) -> Iterator[Array]:
        rows = BUDGET // (32 * self.content.array.shape[1])
        for start in range(0, self.content.array.shape[0], rows):
            yield self.content.array[start : start + rows, :]

    def _mixed(self, wet: Pieces, share: float, scale: float) -> Pieces:
        """(1 − share)·x + share·y, as long as the longer one."""
        x = self.content.array

        def pieces() -> Iterator[Array]:
            at = 0
            for piece in wet():
                mixed = share * scale * piece
                dry = x[at : at + len(piece), :]
                mixed[: len(dry)] += (1 - share) * dry
                at += len(piece)
                yield mixed
            columns = piece.shape[1]
            for start in range(at, x.shape[0], BUDGET // (32 * columns)):
                yield np.repeat((1 - share) * x[start : start + BUDGET // (32 * columns), :], columns // x.shape[1], 1)

        return pieces


def _promise(shape: tuple[int, ...], dtype: Any) -> Any:
    """An array of which only the shape and the dtype are there."""
    return Lazy(shape, dtype)


def _peak(pieces: Iterator[Array]) -> float:
    return max((float(np.abs(piece).max(initial=0)) for piece in pieces), default=0.0)


# ------------------------------------------------------------------------------- writing


class _Kept:
    """Numbers as they are."""

    def __call__(self, values: Array) -> Array:
        return values

    def lost(self) -> str:
        return ""


def _fitter(content: Content, extension: str, policy: str) -> Any:
    if extension == ".npy":
        return _Kept()
    if content.kind == "audio":
        return Quantizer(content.details["subtype"], policy)
    return Fitter(content.details["dtype"], policy)


def _stored_dtype(content: Content, extension: str) -> Any:
    return content.details["dtype"] if content.kind == "image" and extension != ".npy" else content.array.dtype


def _told(pieces: Iterator[Array], n: int, passes: int, advance: Callable[[int, int], None]) -> Iterator[Array]:
    for number, piece in enumerate(pieces, 1):
        yield piece
        advance(min(passes * n + number, (passes + 1) * n), (passes + 1) * n)


def _write(
    target: str, content: Content, extension: str, force: bool, like: str, pieces: Iterator[Array], fitter: Any
) -> None:
    """A file that takes its place once all is known to fit, or stdout, which begins then."""
    if target != "-":
        with open_part(target, force=force, like=like) as part:
            write_pieces(part, content, extension, pieces)
            fitter.lost()
        return
    with tempfile.TemporaryFile() as part:
        write_pieces(part, content, extension, pieces)
        fitter.lost()
        part.seek(0)
        shutil.copyfileobj(part, sys.stdout.buffer)
