"""`flipslide deconvolve`: undo a known blur in what a file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import AXES, BOUNDARY
from .results import open_target, save
from .streams import Progress, note, read_content, read_taps

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["command"]

#: Spellings for the option, and the library's words.
METHODS = {"wiener": "wiener", "lsqr": "lsqr", "richardson-lucy": "richardson_lucy"}


@click.command("deconvolve", short_help="Undo a known blur.")
@click.argument("file")
@click.option("-k", "--kernel", required=True, help="What it was blurred with: gaussian:2, disk:5, motion:15 or @FILE.")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option("--method", type=click.Choice([*METHODS]), default="wiener", help="[default: wiener]")
@click.option("-n", "--iterations", type=click.IntRange(min=0), help="At most so many.  [default: 100 or 30]")
@click.option("--balance", type=float, help="Smoothness against fidelity.  [default: 0.01 for wiener]")
@click.option("--noise", type=float, help="Standard deviation of the noise, in FILE's units: stop when it is reached.")
@click.option("-b", "--boundary", type=BOUNDARY, help="[default: symmetric]")
@click.option("--axis", "axes", type=AXES, help="[default: time, rows and columns, the last]")
@click.option(
    "--range", "policy", type=click.Choice(["clip", "error"]), help="[default: clip for pictures, else error]"
)
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes and no progress; warnings stay.")
def command(
    file: str, kernel: str, output: str, method: str, iterations: int | None, balance: float | None,
    noise: float | None, boundary: tuple[str, Any] | None, axes: tuple[int, ...] | None, policy: str | None,
    threads: int | None, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Find what FILE was before it was convolved with a kernel.

    Sharper than truth is not possible: noise grows with every iteration, so give --noise if it is
    known, or fewer iterations. richardson-lucy is for counts of light and never goes below 0.

    \b
    flipslide deconvolve blurred.tif -k gaussian:2 --method richardson-lucy -o sharp.tif
    flipslide deconvolve photo.png -k motion:15,30 -o steady.png
    """
    import flipslide as fs

    content, extension = read_content(file)
    target = open_target(content, output, extension, force, quiet)
    taps, _ = read_taps(kernel, rate=content.details.get("rate"), ndim=1 if content.kind == "audio" else None)
    dims = axes or _usual_axes(content, taps)
    steps: list[Any] = []
    most = iterations if iterations is not None else 30 if method == "richardson-lucy" else 100
    rule: dict[str, Any] = dict(boundary=boundary[0]) if boundary else {}
    with Progress("deconvolving", quiet) as progress:

        def told(step: Any) -> None:
            steps[:] = [step]
            progress.advance(step.iteration, most)

        result = fs.deconvolve(
            content.array, taps, METHODS[method], axes=dims, iterations=most, balance=balance, noise=noise,
            callback=told, threads=threads, **rule,
        )  # fmt: skip
    if steps:
        note(f"{method}, {steps[0].iteration} iterations, {steps[0].residual:.4g} from FILE", quiet)
    save(content._replace(array=_keep_opacity(content, result)), file, target, policy)


def _usual_axes(content: Content, taps: Array) -> tuple[int, ...]:
    if content.kind == "table":
        return tuple(range(-taps.ndim, 0))
    return (0,) if content.kind == "audio" else tuple(content.details["axes"])


def _keep_opacity(content: Content, result: Array) -> Array:
    alpha = content.details.get("alpha")
    if content.kind != "image" or alpha is None:
        return result
    place = (slice(None),) * (content.details["color"] % result.ndim) + (alpha,)
    result[place] = content.array[place]
    return result
