"""`flipslide xcorr`: how much one signal is like another, lag by lag."""

from __future__ import annotations

from typing import Any

import click

from .output import Output, output_options
from .rows import show_rows, signal_of
from .streams import check_output, read_content, write_bytes

__all__ = ["command"]


@click.command("xcorr", short_help="How much later one signal is than another.")
@click.argument("a")
@click.argument("b", required=False)
@click.option("-n", "--maxlag", type=click.IntRange(min=0), help="Lags -N to N.  [default: all]")
@click.option("-s", "--scale", type=click.Choice(["none", "biased", "unbiased", "coeff"]), default="coeff",
              help="[default: coeff, from -1 to 1]")  # fmt: skip
@click.option("--detrend", type=click.Choice(["constant", "linear"]), help="Take the mean, or a line, away first.")
@click.option("--channels", type=click.IntRange(min=0), nargs=2, help="Of A and of B.  [default: 0 0; without B, 0 1]")
@click.option("--plot", is_flag=True, help="In text, bars around the peak as well; pictures are always drawn.")
@output_options
@click.option("-j", "--threads", type=click.IntRange(min=1), help="[default: all processors]")
def command(
    a: str, b: str | None, maxlag: int | None, scale: str, detrend: str | None, channels: tuple[int, int] | None,
    plot: bool, threads: int | None, **where: Any,
) -> None:  # fmt: skip
    """Correlate two sounds, or two columns of numbers, and say how much later A is than B.

    Without B, two channels of A are compared. -o r.csv keeps every lag and its value; -o r.svg
    or r.png draws them, with the bounds that 95 % of unrelated white noise stays within.

    \b
    flipslide xcorr right.wav left.wav --plot
    flipslide xcorr stereo.wav -n 500 -o lags.png
    flipslide xcorr a.csv b.csv -s unbiased -o lags.csv
    """
    from flipslide.xcorr import xcorr

    is_table = where["output"].endswith(".csv") and where["kind"] is None
    output = None if is_table else Output.of(**where)
    if is_table:
        check_output(where["output"], is_text=True, force=where["force"])
    x, y, rate = _read_pair(a, b, channels)
    r = xcorr(x, y, maxlag=maxlag, scale=None if scale == "none" else scale, detrend=detrend, threads=threads)
    if output is None:
        rows = list(zip(r.lags.tolist(), r.values.tolist(), strict=True))
        write_bytes(where["output"], show_rows(["lag", "value"], rows, "csv").encode(), force=where["force"])
        return
    from .report import Report

    output.write(Report(r, rate, scale, plot))


def _read_pair(a: str, b: str | None, channels: tuple[int, int] | None) -> tuple[Any, Any, float | None]:
    from flipslide.errors import ParameterError

    first = read_content(a)[0]
    second = read_content(b)[0] if b else first
    own, other = channels or ((0, 0) if b else (0, 1))
    rates = first.details.get("rate"), second.details.get("rate")
    if None not in rates and rates[0] != rates[1]:
        raise ParameterError(f"A has {rates[0]} samples a second, B {rates[1]}; resample one of them")
    return signal_of(first, own, "A"), signal_of(second, other, "B" if b else "A"), rates[0]
