"""`flipslide resample`: another sampling rate, or a picture of another size."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from .level import Level, check_level, level_options, set_level
from .options import AXES, BOUNDARY
from .results import boundary_words, open_target, save
from .streams import note, read_content

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["command"]


class Ratio(click.ParamType[Fraction]):
    """A ratio of whole numbers, or a decimal number: 160/147, 2, 0.5."""

    name = "ratio"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        try:
            ratio = Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no ratio; write 160/147, 2 or 0.5", param, ctx)
        if not ratio > 0:
            self.fail(f"{value!r} must be above 0", param, ctx)
        return ratio


@click.command("resample", short_help="Change a sound's rate, or the size of a picture or an array.")
@click.argument("file")
@click.option("-r", "--rate", type=click.IntRange(min=1), help="Samples a second of the result.  (sound)")
@click.option("--by", "ratio", type=Ratio(), help="How many samples for each: 160/147, 2, 1/3.")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option("--attenuation", type=float, default=100.0, help="Of what the new rate cannot hold, dB.  [default: 100]")
@click.option("--passband", type=float, default=0.9, help="Share of the lower band that is kept.  [default: 0.9]")
@click.option("-b", "--boundary", type=BOUNDARY, help="[default: symmetric]")
@click.option("--axis", "axes", type=AXES, help="[default: time, rows and columns, the last]")
@level_options(mixes=False)
@click.option(
    "--range", "policy", type=click.Choice(["clip", "error"]),
    help="For results that the file's samples cannot hold.  [default: clip for pictures, error for sound]",
)  # fmt: skip
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes; warnings stay.")
def command(
    file: str, rate: int | None, ratio: Fraction | None, output: str, attenuation: float, passband: float,
    boundary: tuple[str, Any] | None, axes: tuple[int, ...] | None, gain: float | None, normalize: bool,
    bits: str | None, policy: str | None, threads: int | None, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Give what FILE holds more or fewer samples, without what the new rate cannot hold.

    Sound is resampled along time, pictures along rows and columns, arrays along their last
    axis. A loud sound may rise above full scale between its samples: --gain -1 leaves room.

    \b
    flipslide resample song.wav --rate 48000 -o song48.wav
    flipslide resample photo.png --by 1/2 -o half.png
    flipslide resample ecg.csv --by 250/360 --axis 0 -o ecg250.csv
    """
    content, extension = read_content(file)
    check_level(content)
    target = open_target(content, output, extension, force, quiet)
    ratio = _read_ratio(content, rate, ratio)
    words: dict[str, Any] = dict(attenuation=attenuation, passband=passband, threads=threads)
    if boundary:
        words |= boundary_words(boundary)
    dims = tuple(axes or {"audio": (0,), "image": content.details.get("axes", (0, 1)), "table": (-1,)}[content.kind])
    result = _resample(content.array, ratio, dims, words)
    before = content.array.shape
    content, result = set_level(_changed(content, ratio, dims), result, Level(gain, normalize, None, bits))
    note(f"{content.kind} {_times(before)} -> {_times(result.shape)}, {ratio} of the rate", quiet)
    save(content._replace(array=result), file, target, policy)


def _read_ratio(content: Content, rate: int | None, ratio: Fraction | None) -> Fraction:
    if (rate is None) == (ratio is None):
        raise click.UsageError("say either --rate or --by")
    if ratio is not None:
        return ratio
    if not content.details.get("rate"):
        raise click.UsageError(f"--rate is for sound, and FILE is {content.kind}; say --by 1/2 instead")
    return Fraction(rate or 1, content.details["rate"])


def _resample(x: Array, ratio: Fraction, dims: tuple[int, ...], words: dict[str, Any]) -> Array:
    import flipslide as fs

    for dim in dims:
        x = fs.resample(x, ratio.numerator, ratio.denominator, axis=dim, **words)
    return x


def _changed(content: Content, ratio: Fraction, dims: tuple[int, ...]) -> Content:
    """The rate or the resolution of the result, and nothing that counts samples."""
    from flipslide.errors import ParameterError
    from flipslide.io import Marks

    details = dict(content.details)
    marks = details.get("marks", Marks())
    if content.kind == "audio":
        rate = details["rate"] * ratio
        if rate.denominator != 1:
            raise ParameterError(f"--by {ratio} makes {float(rate):g} samples a second, and files count in whole ones")
        details["rate"] = int(rate)
        marks = marks.without_places()
    if content.kind == "image":
        axes = details["axes"]
        marks = marks.thinned({axis % content.array.ndim: 1 / ratio for axis in dims}, axes)
    return content._replace(details=details | {"marks": marks})


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
