"""`flipslide apply`: convolve what a file holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .level import Level, check_level, level_options, set_level
from .options import AXES, BOUNDARY, CENTER, MODE, SIZE, as_entries
from .streams import Progress, check_output, note, read_content, read_taps, warn, write_bytes

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["DEFAULTS", "Target", "command", "read_target", "write_result"]


class Defaults(NamedTuple):
    """What a kind of file is convolved with, unless told otherwise."""

    mode: str
    boundary: str
    range: str


#: A clipped picture has flat spots; a clipped sound hurts, so it is refused.
DEFAULTS = {
    "audio": Defaults("full", "zero", "error"),
    "image": Defaults("same", "edge", "clip"),
    "table": Defaults("same", "zero", "error"),
}


@click.command("apply", short_help="Convolve a sound, a picture or an array.")
@click.argument("file")
@click.option("-k", "--kernel", required=True, help="1,-1,2 or 0,1;2,3 or gaussian:sigma=1.5 or @FILE or -.")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option("-m", "--mode", type=MODE, help="[default: full for sound, else same]")
@click.option(
    "-b", "--boundary", type=BOUNDARY,
    help="A rule such as mirror or constant=7.  [default: edge for pictures, else zero]",
)  # fmt: skip
@click.option(
    "--axis", "axes", type=AXES, help="What to slide along: 0, or 0,1.  [default: time, rows and columns, the last]"
)
@click.option(
    "--center", type=CENTER, help="In mode same, the tap over the output: 0 keeps a beginning.  [default: the middle]"
)
@click.option("--stride", type=SIZE, default="1", help="Keep every so many-th output: 2, or 2x1.")
@level_options(mixes=True)
@click.option("--no-flip", is_flag=True, help="Correlate: slide the kernel as it is.")
@click.option(
    "--range", "policy", type=click.Choice(["clip", "error"]),
    help="For results that the file's samples cannot hold.  [default: clip for pictures, error for sound]",
)  # fmt: skip
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes and no progress; warnings stay.")
def command(
    file: str, kernel: str, output: str, mode: str | None, boundary: tuple[str, Any] | None,
    axes: tuple[int, ...] | None, center: Any, stride: tuple[int, ...], gain: float | None,
    normalize: bool, mix: float | None, bits: str | None, no_flip: bool, policy: str | None,
    threads: int | None, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Convolve what FILE holds with a kernel, and write it in the same format and depth.

    Sound (.wav .flac) is convolved along time, channel by channel; pictures (.png .jpg
    .tif) along rows and columns, their transparency kept; arrays (.npy .csv .tsv) along
    their last axes. - reads stdin. To keep results beyond a file's range, write a .npy.

    \b
    flipslide apply voice.wav -k @hall.wav -o wet.wav
    flipslide apply photo.png -k gaussian:sigma=2 -o soft.png
    flipslide apply table.csv -k 1,-1 -m valid
    """
    from flipslide.io import FORMATS, check_writable

    from .blocks import Job

    if file == kernel.strip() == "-":
        raise click.UsageError("FILE and the kernel cannot both come from stdin")
    content, extension = _open(file)
    check_level(content)
    taps, about = read_taps(kernel, rate=content.details.get("rate"), ndim=1 if content.kind == "audio" else None)
    target = Target(output, read_target(output, extension, content.kind), force, quiet)
    check_output(output, is_text=FORMATS[target.extension].is_text, force=force)
    check_writable(content, target.extension)
    usual = DEFAULTS[content.kind]
    rule, fill = boundary or (usual.boundary, 0)
    slid = _axes(content, taps, axes)
    job = Job(slid, mode or usual.mode, rule, fill, not no_flip, threads, center, as_entries(stride))
    _check_rate(content, about)
    _warn_of_a_cut(content, taps, job)
    content, level, policy = _thinned(content, job), Level(gain, normalize, mix, bits), policy or usual.range
    if _is_lazy(content):
        from .long import Long, goes_by_pieces

        if goes_by_pieces(content, taps, job, target.extension):
            _apply_long(Long(content, taps, job, level), file, target, policy)
            return
        content = content._replace(array=content.array[(slice(None),) * content.array.ndim])
    with Progress("convolving", quiet) as progress:
        result = _convolve(content, taps, job, progress.advance)
    content, result = set_level(content, result, level)
    note(_summary(content, result.shape, job), quiet)
    write_result(content._replace(array=result), file, target, policy)


def _open(file: str) -> tuple[Content, str]:
    """What a file holds; where it is long, an array that is read when it is sliced."""
    from flipslide.io import extension_of, open_pieces

    long = open_pieces(file, extension_of(file)) if file != "-" else None
    return (long, extension_of(file)) if long else read_content(file)


def _is_lazy(content: Content) -> bool:
    from flipslide.io import Lazy

    return isinstance(content.array, Lazy)


def _apply_long(long: Any, file: str, target: Target, policy: str) -> None:
    with Progress("convolving", target.quiet) as progress:
        made, lost = long.run(target.path, target.extension, target.force, file, policy, progress.advance)
    note(_summary(long.content._replace(details=made.details), made.array.shape, long.job), target.quiet)
    _tell_losses(made, lost, target)


class Target(NamedTuple):
    """Where the result goes, and how."""

    path: str
    extension: str
    force: bool
    quiet: bool


def read_target(output: str, extension: str, kind: str) -> str:
    """The extension to write: the same kind of file as was read, or an array."""
    from flipslide.io import FORMATS, WriteError, extension_of

    if output == "-":
        return extension
    try:
        target = extension_of(output)
    except OSError as error:
        raise WriteError(str(error)) from None
    if FORMATS[target].kind not in (kind, "table"):
        raise click.UsageError(f"{output} is not for {kind}, as FILE is; use its own format, or .npy for bare numbers")
    return target


def _axes(content: Content, taps: Array, wanted: tuple[int, ...] | None) -> tuple[int, ...]:
    """The axes of the file that the taps slide along."""
    from flipslide.errors import ShapeError
    from flipslide.geometry import normalize_axes

    if taps.ndim == 0:
        raise ShapeError("the kernel is a bare number without an axis; write it as one tap, -k 2")
    if wanted is not None:
        named = normalize_axes(wanted, content.array.ndim, "--axis")
        _check_axes(content, named)
        return named
    if content.kind == "table":
        if taps.ndim > content.array.ndim:
            raise ShapeError(f"the kernel has {taps.ndim} axes, the array fewer: its shape is {content.array.shape}")
        return tuple(range(content.array.ndim - taps.ndim, content.array.ndim))
    if taps.dtype.kind == "c":
        raise ShapeError(
            f"a complex kernel gives complex samples, which no {content.kind} file holds; apply it to a .npy"
        )
    usual: tuple[int, ...] = content.details.get("axes", (0,))
    per_channel = content.kind == "audio" and taps.ndim == 2 and _fits_channels(taps.shape[1], content)
    if taps.ndim != len(usual) and not per_channel:
        form = "one row, or one column per channel" if content.kind == "audio" else "rows and columns, 0,1;2,3"
        raise ShapeError(f"a kernel for {content.kind} has {form}; this one has shape {taps.shape}")
    return usual


def _fits_channels(n: int, content: Content) -> bool:
    """One kernel for all channels, one for each, or as many as there are to be of a single one."""
    channels = content.array.shape[1]
    return n == 1 or channels in (1, n)


def _check_axes(content: Content, axes: tuple[int, ...]) -> None:
    from flipslide.errors import ShapeError

    if content.kind == "audio" and axes != (0,):
        raise ShapeError(f"--axis {_listed(axes)}: a sound has one axis to slide along, 0, its time")
    if content.kind == "image" and content.details.get("color") in axes:
        raise ShapeError(f"--axis {_listed(axes)} names the colours of a pixel; slide along the others")


def _listed(axes: tuple[int, ...]) -> str:
    return ",".join(map(str, axes))


def _warn_of_a_cut(content: Content, taps: Array, job: Any) -> None:
    """What sounds before the middle of a long kernel is gone in mode same: a reverb's beginning."""
    cut = (taps.shape[0] - 1) // 2
    if content.kind == "audio" and job.mode == "same" and job.center is None and cut:
        warn(f"mode same cuts off the first {cut} samples; --center 0 keeps the beginning, -m full everything")


def _thinned(content: Content, job: Any) -> Content:
    """The rate, resolution and places of the result, where outputs are left out."""
    from flipslide.errors import ParameterError
    from flipslide.geometry import ints_per_axis
    from flipslide.io import Marks

    strides = ints_per_axis(job.stride, len(job.axes), "--stride", 1)
    details = dict(content.details)
    marks = details.get("marks", Marks())
    if max(strides) > 1 and content.kind == "audio":
        if details["rate"] % strides[0]:
            raise ParameterError(f"--stride {strides[0]} does not divide the rate, {details['rate']} samples a second")
        details["rate"] //= strides[0]
    if max(strides) > 1 and content.kind == "image":
        marks = marks.thinned(dict(zip(job.axes, strides, strict=True)), details["axes"])
    details["marks"] = marks.without_places() if job.mode == "valid" or max(strides) > 1 else marks
    return content._replace(details=details)


def _check_rate(content: Content, about: dict[str, Any]) -> None:
    from flipslide.errors import ParameterError

    rates = content.details.get("rate"), about.get("rate")
    if None not in rates and rates[0] != rates[1]:
        raise ParameterError(f"the sound has {rates[0]} samples a second, the kernel {rates[1]}; resample one of them")


# -------------------------------------------------------------------------------- computing


def _convolve(content: Content, taps: Array, job: Any, advance: Callable[[int, int], None]) -> Array:
    """The result before it is rounded: arrays in NumPy's promotion, files in float64 or exact integers."""
    from .blocks import run, wide_dtype

    if content.kind == "table":
        return run(content.array, taps, job, advance)

    def widen(array: Array) -> Array:
        return array.astype(wide_dtype(array, taps))

    if content.details.get("alpha") is None:
        return run(widen(content.array), taps, job, advance)
    from .colours import convolve_colours

    return convolve_colours(content.array, taps, job, content.details, widen, advance)


# ---------------------------------------------------------------------------------- writing


def write_result(content: Content, source: str, target: Target, policy: str) -> None:
    from flipslide.io import FORMATS, encode

    content, lost = _fit(content, FORMATS[target.extension].kind, policy)
    _tell_losses(content, lost, target)
    write_bytes(target.path, encode(content, target.extension), force=target.force, like=source)


def _tell_losses(content: Content, lost: str, target: Target) -> None:
    """What the file cannot hold of the samples, and of what was said about them."""
    from flipslide.io import FORMATS, left_out

    if lost:
        warn(f"{lost}; -o OUT.npy keeps them, --range error refuses them")
    missing = left_out(content, target.extension)
    if missing:
        say = warn if FORMATS[target.extension].kind != "table" else partial(note, quiet=target.quiet)
        say(f"left out, as a {target.extension} file cannot keep it: {missing}")


def _fit(content: Content, kind: str, policy: str) -> tuple[Content, str]:
    """The content in its file's own samples, and what was lost."""
    from flipslide.io import fit
    from flipslide.io.audio import quantize

    stored: Any = content.details.get("dtype")
    if kind == "table" and content.kind != "table":
        return content, ""
    if content.kind == "audio":
        fitted, lost = quantize(content.array, content.details["subtype"], policy)
    elif content.kind == "image":
        fitted, lost = fit(content.array, stored, policy)
    else:
        fitted, lost = _fit_array(content.array, stored, policy)
    return content._replace(array=fitted), lost


def _fit_array(array: Array, stored: Any, policy: str) -> tuple[Array, str]:
    """An array in the dtype that it was read in; as it is where fractions came out of integers or numbers of bools."""
    import numpy as np

    from flipslide.io import fit

    if stored is None or stored.kind == "b" or (stored.kind in "iu" and array.dtype.kind not in "iu"):
        return array, ""
    if array.dtype.kind == "c":
        return array.astype(np.result_type(stored, np.complex64)), ""
    return fit(array, stored, policy)


def _summary(content: Content, shape: tuple[int, ...], job: Any) -> str:
    what = {"audio": "sound", "image": "picture", "table": "array"}[content.kind]
    stored = content.details.get("subtype") or content.details.get("dtype", content.array.dtype)
    verb = "convolved" if job.flip else "correlated"
    sizes = f"{_times(content.array.shape)} -> {_times(shape)}"
    return f"{what} {sizes}, {stored}; {verb}, mode {job.mode}, boundary {job.boundary}"


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
