"""`flipslide apply`: convolve what a file holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .options import BOUNDARY, MODE
from .streams import Progress, check_output, note, read_content, read_taps, warn, write_bytes

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["command"]


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
@click.option("--no-flip", is_flag=True, help="Correlate: slide the kernel as it is.")
@click.option(
    "--range", "policy", type=click.Choice(["clip", "error"]),
    help="For results that the file's samples cannot hold.  [default: clip for pictures, error for sound]",
)  # fmt: skip
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes and no progress; warnings stay.")
def command(
    file: str, kernel: str, output: str, mode: str | None, boundary: tuple[str, Any] | None, no_flip: bool,
    policy: str | None, threads: int | None, force: bool, quiet: bool,
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
    from flipslide.io import FORMATS

    from .blocks import Job

    if file == kernel.strip() == "-":
        raise click.UsageError("FILE and the kernel cannot both come from stdin")
    content, extension = read_content(file)
    taps, about = read_taps(kernel)
    target = _target(output, extension, content.kind)
    check_output(output, is_text=FORMATS[target].is_text, force=force)
    usual = DEFAULTS[content.kind]
    rule, fill = boundary or (usual.boundary, 0)
    job = Job(_axes(content, taps), mode or usual.mode, rule, fill, not no_flip, threads)
    _check_rate(content, about)
    with Progress("convolving", quiet) as progress:
        result = _convolve(content, taps, job, progress.advance)
    note(_summary(content, result, job), quiet)
    _write(content._replace(array=result), output, target, policy or usual.range, force)


def _target(output: str, extension: str, kind: str) -> str:
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


def _axes(content: Content, taps: Array) -> tuple[int, ...]:
    """The axes of the file that the taps slide along."""
    from flipslide.errors import ShapeError

    if taps.ndim == 0:
        raise ShapeError("the kernel is a bare number without an axis; write it as one tap, -k 2")
    if content.kind == "table":
        if taps.ndim > content.array.ndim:
            raise ShapeError(f"the kernel has {taps.ndim} axes, the array fewer: its shape is {content.array.shape}")
        return tuple(range(content.array.ndim - taps.ndim, content.array.ndim))
    if taps.dtype.kind == "c":
        raise ShapeError(
            f"a complex kernel gives complex samples, which no {content.kind} file holds; apply it to a .npy"
        )
    axes: tuple[int, ...] = content.details.get("axes", (0,))
    per_channel = content.kind == "audio" and taps.ndim == 2 and taps.shape[1] in (1, content.array.shape[1])
    if taps.ndim != len(axes) and not per_channel:
        wanted = "one row, or one column per channel" if content.kind == "audio" else "rows and columns, 0,1;2,3"
        raise ShapeError(f"a kernel for {content.kind} has {wanted}; this one has shape {taps.shape}")
    return axes


def _check_rate(content: Content, about: dict[str, Any]) -> None:
    from flipslide.errors import ParameterError

    rates = content.details.get("rate"), about.get("rate")
    if None not in rates and rates[0] != rates[1]:
        raise ParameterError(f"the sound has {rates[0]} samples a second, the kernel {rates[1]}; resample one of them")


# -------------------------------------------------------------------------------- computing


def _convolve(content: Content, taps: Array, job: Any, advance: Callable[[int, int], None]) -> Array:
    """The result before it is rounded: arrays in NumPy's promotion, files in float64 or exact integers."""
    from .blocks import run

    if content.kind == "table":
        return run(content.array, taps, job, advance)
    x = _widened(content.array, taps)
    if not content.details.get("alpha"):
        return run(x, taps, job, advance)
    return _keep_alpha(x, taps, job, advance)


def _widened(array: Array, taps: Array) -> Array:
    """Integers as int64 where the taps are integers too, all else as float64."""
    import numpy as np

    return array.astype(np.int64 if array.dtype.kind in "iu" and taps.dtype.kind in "biu" else np.float64)


def _keep_alpha(x: Array, taps: Array, job: Any, advance: Callable[[int, int], None]) -> Array:
    """Colours convolved; the last channel only cut or padded as they are, by a single 1 as its taps."""
    import numpy as np

    from .blocks import run

    one = np.zeros(taps.shape, taps.dtype if taps.dtype.kind in "biu" else np.float64)
    one[tuple((n - 1) // 2 if job.flip else n // 2 for n in taps.shape)] = 1
    y = run(x[..., :-1], taps, job, advance)
    return np.concatenate([y, run(x[..., -1:], one, job, lambda done, total: None)], axis=-1)


# ---------------------------------------------------------------------------------- writing


def _write(content: Content, output: str, target: str, policy: str, force: bool) -> None:
    from flipslide.io import FORMATS, encode

    if FORMATS[target].kind != "table":
        content, lost = _fit(content, policy)
        if lost:
            warn(f"{lost}; -o OUT.npy keeps them, --range error refuses them")
    write_bytes(output, encode(content, target), force=force)


def _fit(content: Content, policy: str) -> tuple[Content, str]:
    """The content in its file's own samples, and what was lost."""
    from flipslide.io import RangeError, fit
    from flipslide.io.audio import quantize

    try:
        if content.kind == "audio":
            fitted, lost = quantize(content.array, content.details["subtype"], policy)
        else:
            fitted, lost = fit(content.array, content.details["dtype"], policy)
    except RangeError as error:
        raise RangeError(f"{error}. --range clip cuts them off, -o OUT.npy keeps them") from None
    return content._replace(array=fitted), lost


def _summary(content: Content, result: Array, job: Any) -> str:
    what = {"audio": "sound", "image": "picture", "table": "array"}[content.kind]
    stored = content.details.get("subtype") or content.details.get("dtype", content.array.dtype)
    verb = "convolved" if job.flip else "correlated"
    sizes = f"{_times(content.array.shape)} -> {_times(result.shape)}"
    return f"{what} {sizes}, {stored}; {verb}, mode {job.mode}, boundary {job.boundary}"


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
