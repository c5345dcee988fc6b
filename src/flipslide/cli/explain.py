"""`flipslide explain`: every step of a small convolution, on stdout."""

from __future__ import annotations

from typing import Any

import click

from .options import BOUNDARY, MODE, SIZE, NumbersCommand, as_entries
from .streams import read_taps

__all__ = ["command"]


@click.command("explain", cls=NumbersCommand, short_help="Show every step of a small convolution.")
@click.argument("x")
@click.argument("w")
@click.option("-m", "--mode", type=MODE, default="valid", show_default=True)
@click.option("-s", "--stride", type=SIZE, default="1", help="2, or 2x1 for one per axis.")
@click.option("-d", "--dilation", type=SIZE, default="1", help="2, or 2x1 for one per axis.")
@click.option("-b", "--boundary", type=BOUNDARY, default="zero", help="edge, constant=7, …  [default: zero]")
@click.option("--no-flip", is_flag=True, help="Correlate: slide W as it is.")
def command(
    x: str, w: str, mode: str, stride: tuple[int, ...], dilation: tuple[int, ...], boundary: tuple[str, Any],
    no_flip: bool,
) -> None:  # fmt: skip
    """Show how X convolved with W gets its numbers.

    X and W are numbers, `0,1,2` or `1,2;3,4`, a kernel's name, @FILE, or - for stdin.

    \b
    flipslide explain 0,1,2,3,4 1,-1,2
    flipslide explain 0,1,2,3,4 -1,1,2 -m full
    flipslide explain @picture.csv sobel:x -m same -b edge
    """
    from flipslide.explain import explain

    explanation = explain(
        read_taps(x)[0],
        read_taps(w)[0],
        mode,
        operation="correlate" if no_flip else "convolve",
        boundary=boundary[0],
        fill_value=boundary[1],
        stride=as_entries(stride),
        dilation=as_entries(dilation),
    )
    click.echo(str(explanation))
