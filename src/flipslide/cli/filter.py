"""`flipslide filter`: a filter by its name, over what a file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .level import Level, check_level, level_options, set_level
from .options import AXES, BOUNDARY
from .results import boundary_words, open_target, save
from .streams import note, read_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["command"]


@click.command("filter", short_help="Smooth, sharpen, find edges, keep a band.")
@click.argument("file")
@click.argument("name", metavar="FILTER")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option(
    "-b", "--boundary", type=BOUNDARY, help="A rule such as mirror or constant=7.  [default: symmetric; savgol: interp]"
)
@click.option(
    "--axis", "axes", type=AXES, help="What to slide along: 0, or 0,1.  [default: time, rows and columns, the last]"
)
@click.option(
    "--delay", type=click.Choice(["compensate", "keep"]), default="compensate",
    help="Of a band: take it back, or look only at the past.  [default: compensate]",
)  # fmt: skip
@level_options(mixes=True)
@click.option(
    "--range", "policy", type=click.Choice(["clip", "error"]),
    help="For results that the file's samples cannot hold.  [default: clip for pictures, error for sound]",
)  # fmt: skip
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes; warnings stay.")
def command(
    file: str, name: str, output: str, boundary: tuple[str, Any] | None, axes: tuple[int, ...] | None, delay: str,
    gain: float | None, normalize: bool, mix: float | None, bits: str | None, policy: str | None, threads: int | None,
    force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Filter what FILE holds, and write it in the same format and depth, as large as it was.

    FILTER is a name, with parameters after a colon. Frequencies are in Hz for a sound, whose
    rate is known, and otherwise in cycles per sample.

    \b
      gaussian:SIGMA   order= truncate= spacing=     sobel:AXIS  scharr:  prewitt:
      box:SIZE  local_mean:  local_std:              laplace   gaussian_laplace:SIGMA
      sharpen:SIGMA,AMOUNT                           gradient_magnitude:KIND  sigma=
      dog:LOW,HIGH                                   savgol:WINDOW,POLYORDER  deriv=
      lowpass:CUTOFF   highpass:CUTOFF               taps= width= attenuation=
      bandpass:LOW,HIGH   bandstop:LOW,HIGH          rate=

    \b
    flipslide filter voice.wav lowpass:4000 -o dull.wav
    flipslide filter photo.png sharpen:2,1.5 -o crisp.png
    flipslide filter ecg.csv savgol:11,3 --axis 0 -o smooth.csv
    """
    content, extension = read_content(file)
    check_level(content)
    target = open_target(content, output, extension, force, quiet)
    wanted = _read_filter(name, content, axes)
    how: dict[str, Any] = dict(threads=threads)
    if boundary:
        how |= boundary_words(boundary)
    if wanted.is_band:
        how["delay"] = delay
    result = _apply(content, wanted, how)
    content, result = set_level(content, result, Level(gain, normalize, mix, bits))
    note(f"{content.kind} {'x'.join(map(str, result.shape))}; {name}", quiet)
    save(content._replace(array=result), file, target, policy)


class Wanted(NamedTuple):
    """A filter with its parameters read."""

    run: Callable[..., Any]
    keywords: dict[str, Any]
    example: str
    averages: bool
    is_band: bool


AVERAGES = ("gaussian", "box", "local_mean", "moving_average")
BANDS = ("lowpass", "highpass", "bandpass", "bandstop")


def _read_filter(text: str, content: Content, axes: tuple[int, ...] | None) -> Wanted:
    from flipslide.catalogue.refused import refusal
    from flipslide.errors import unknown_word
    from flipslide.io import ReadError
    from flipslide.taps import read_keywords

    from .names import FILTERS

    name, _, parameters = text.strip().partition(":")
    name = name.strip().replace("-", "_")
    if name not in FILTERS:
        raise refusal(name) or unknown_word("filter", name, FILTERS)
    entry = FILTERS[name]
    try:
        keywords = read_keywords(name, entry, parameters)
    except ValueError as error:
        raise ReadError(str(error)) from None
    known = {keyword for keyword, _ in entry.parameters.values()}
    if "rate" in known and content.details.get("rate"):
        keywords = {"rate": float(content.details["rate"])} | keywords
    keywords |= _axes(entry.along, keywords, content, axes)
    return Wanted(entry.make, keywords, entry.example, name in AVERAGES, name in BANDS)


def _axes(along: str, keywords: dict[str, Any], content: Content, wanted: tuple[int, ...] | None) -> dict[str, Any]:
    """axis= or axes= of a filter, from the option or from what the file is."""
    from flipslide.errors import ShapeError

    usual = {"audio": (0,), "image": content.details.get("axes", (0, 1)), "table": (-1,)}[content.kind]
    dims = tuple(wanted or usual)
    if along == "axes":
        return dict(axes=dims)
    if along == "slope":
        # x is the last axis of the picture, y the one before.
        letter = keywords.pop("axis", "x")
        return dict(axes=dims, axis=dims[-1] if letter == "x" or len(dims) == 1 else dims[-2])
    if len(dims) != 1:
        raise ShapeError(f"this filter slides along one axis and the picture has {len(dims)}; name one with --axis")
    return dict(axis=dims[0])


def _apply(content: Content, wanted: Wanted, how: dict[str, Any]) -> Array:
    """The filtered array; invisible pixels of a picture have no colour that averages could take up."""
    import numpy as np

    def run(x: Array) -> Array:
        return np.asarray(_run(wanted, x, how))

    alpha, x = content.details.get("alpha"), content.array
    if content.kind != "image" or alpha is None:
        return run(x)
    color = content.details["color"]
    opacity = x.take([alpha], axis=color)
    if not wanted.averages or content.details.get("premultiplied"):
        y = run(x)
        return y if wanted.averages else _put(y, opacity, alpha, color)
    weight = opacity / (np.iinfo(x.dtype).max if x.dtype.kind in "iu" else 1.0)
    seen, total = run(weight), run(x * weight)
    y = np.divide(total, seen, out=x.astype(np.float64), where=seen > 1e-11)
    return _put(y, run(opacity), alpha, color)


def _run(wanted: Wanted, x: Array, how: dict[str, Any]) -> Any:
    from flipslide.errors import ParameterError

    try:
        return wanted.run(x, **wanted.keywords, **how)
    except TypeError as error:
        if "missing" not in str(error):
            raise
        raise ParameterError(f"this filter needs more than its name; try {wanted.example}") from None


def _put(y: Array, opacity: Array, alpha: int, color: int) -> Array:
    import numpy as np

    place = (slice(None),) * (color % y.ndim) + (slice(alpha, alpha + 1),)
    y = y.astype(np.float64)
    y[place] = opacity
    return y
