"""`flipslide match`: where in a picture is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .results import open_target, save
from .rows import FORMAT, picture_of, show_rows
from .streams import note, read_content

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content
    from flipslide.match import Match

__all__ = ["command"]

#: The box around a place, as shares of white: the library's orange, between two dark lines.
ORANGE, DARK = (0.88, 0.40, 0.0), (0.08, 0.09, 0.12)


@click.command("match", short_help="Find a picture in another one.")
@click.argument("image")
@click.argument("template")
@click.option("-o", "--output", help="The picture with a box around every place.")
@click.option("-n", "--top", type=click.IntRange(min=1), help="At most so many places.  [default: 1, or all above -t]")
@click.option("-t", "--threshold", type=float, help="The least score of a place, such as 0.8.")
@click.option("-s", "--score", type=click.Choice(["zncc", "ncc", "ssd", "cross", "phase"]), default="zncc",
              help="What is compared.  [default: zncc]")  # fmt: skip
@click.option("--min-distance", type=click.IntRange(min=1), help="Between places.  [default: half the template]")
@FORMAT
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes; warnings stay.")
def command(
    image: str, template: str, output: str | None, top: int | None, threshold: float | None, score: str,
    min_distance: int | None, kind: str, threads: int | None, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Find where TEMPLATE is in IMAGE: the best places, best first, on stdout.

    A score of 1 is the template itself, in whatever brightness and contrast. Rows and columns
    are those of the template's upper left corner, to a fraction of a pixel. What is transparent
    in the template is not compared.

    \b
    flipslide match scene.png cup.png -o marked.png
    flipslide match cells.tif cell.png -t 0.8 -F json
    """
    from flipslide.match import match

    scene, extension = read_content(image)
    target = open_target(scene, output, extension, force, quiet) if output else None
    x, x_clear = picture_of(scene, "IMAGE")
    w, w_clear = picture_of(read_content(template)[0], "TEMPLATE")
    x, w, x_clear, w_clear = _alike(x, w, x_clear, w_clear)
    found = match(
        x, w, score=score, mask=x_clear, template_mask=w_clear, top=top, threshold=threshold,
        min_distance=min_distance, axes=(0, 1), threads=threads,
    )  # fmt: skip
    rows = [[*(round(e, 3) for e in p.exact), round(p.score, 6), w.shape[0], w.shape[1]] for p in found]
    click.echo(show_rows(["row", "column", "score", "height", "width"], rows, kind), nl=False)
    note(f"{len(rows)} place{'' if len(rows) == 1 else 's'}; template {w.shape[0]}x{w.shape[1]}, score {score}", quiet)
    if target:
        save(_mark(scene, found.peaks, w.shape), image, target, "clip")


def _alike(x: Array, w: Array, *clear: Array | None) -> tuple[Any, ...]:
    """Both coloured or both grey; a mask for every number."""
    if x.ndim != w.ndim:
        x, w = (a.mean(axis=2) if a.ndim == 3 else a for a in (x, w))
    masks = [
        m if m is None or a.ndim == 2 else m[..., None].repeat(a.shape[2], 2)
        for m, a in zip(clear, (x, w), strict=True)
    ]
    return x, w, *masks


def _mark(content: Content, peaks: list[Match], shape: tuple[int, ...]) -> Content:
    """The picture, in colour, with a box around every place."""
    import numpy as np

    pixels = content.array
    details = dict(content.details)
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=2)
        details["color"] = 2
    pixels = pixels.copy()
    white = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "iu" else 1.0
    width = max(1, round(min(pixels.shape[:2]) / 200))
    for outer, inner, shares in ((2 * width, -width, DARK), (width, 0, ORANGE)):
        for peak in peaks:
            _draw_box(pixels, peak.position, shape, outer, inner, [share * white for share in shares])
    return content._replace(array=pixels, details=details)


def _draw_box(
    pixels: Array, position: tuple[int, ...], shape: tuple[int, ...], outer: int, inner: int, colour: list[float]
) -> None:
    """The frame between `outer` pixels outside the place and `inner` pixels outside it."""
    import numpy as np

    inside = np.zeros(pixels.shape[:2], bool)
    for reach, value in ((outer, True), (inner, False)):
        (top, bottom), (left, right) = (
            (max(0, p - reach), max(0, p + n + reach)) for p, n in zip(position, shape[:2], strict=True)
        )
        inside[top:bottom, left:right] = value
    for channel, share in enumerate(colour):
        pixels[inside, channel] = share
