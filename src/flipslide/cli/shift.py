"""`flipslide shift`: how far one picture or sound is moved against another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .rows import FORMAT, picture_of, show_rows, signal_of
from .streams import read_content

if TYPE_CHECKING:
    from flipslide.arrays import Array

__all__ = ["command"]


@click.command("shift", short_help="How far a picture is moved against another.")
@click.argument("file")
@click.argument("reference")
@click.option("-m", "--method", type=click.Choice(["phase", "zncc"]), help="[default: phase, or zncc for other sizes]")
@click.option("-u", "--upsample", type=click.IntRange(min=1), help="Round to 1/N sample; 1 for whole ones.")
@click.option("-c", "--channel", type=click.IntRange(min=0), default=0, help="Of sounds.  [default: 0]")
@FORMAT
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
def command(
    file: str, reference: str, method: str | None, upsample: int | None, channel: int, kind: str, threads: int | None
) -> None:
    """Find how far FILE is moved against REFERENCE, to a fraction of a pixel or sample.

    REFERENCE moved by the shift lies on FILE. Colours are averaged; what is transparent is not
    compared. A ratio near 1 means that another shift is as likely.

    \b
    flipslide shift frame2.png frame1.png
    flipslide shift right.wav left.wav -F json
    """
    from flipslide.register import shift_between

    contents = [read_content(path)[0] for path in (file, reference)]
    if any(content.kind == "audio" or content.array.ndim == 1 for content in contents):
        pair = [signal_of(c, channel, name) for c, name in zip(contents, ("FILE", "REFERENCE"), strict=True)]
        masks: list[Array | None] = [None, None]
        header = ["samples"]
    else:
        read = [picture_of(c, name) for c, name in zip(contents, ("FILE", "REFERENCE"), strict=True)]
        pair = [pixels.mean(axis=2) if pixels.ndim == 3 else pixels for pixels, _ in read]
        masks = [clear for _, clear in read]
        header = ["rows", "columns"]
    method = method or ("phase" if pair[0].shape == pair[1].shape else "zncc")
    found = shift_between(*pair, method=method, upsample=upsample, mask=masks[0], y_mask=masks[1], threads=threads)
    # A second peak that is rounding makes a ratio that no program wants to read.
    row = [round(v, 4) for v in (*found.shift, found.height, min(found.ratio, 1e6), found.overlap)]
    click.echo(show_rows([*header, "height", "ratio", "overlap"], [row], kind), nl=False)
