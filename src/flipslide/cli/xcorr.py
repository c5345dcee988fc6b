"""`flipslide xcorr`: how much one signal is like another, lag by lag."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import click

from .output import Output, output_options
from .rows import show_rows, signal_of
from .streams import check_output, read_content, write_bytes

if TYPE_CHECKING:
    from flipslide.xcorr import Correlation

__all__ = ["command"]

#: Bars of a plot in text.
BARS = 41


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
    output.write(_report_class()(r, rate, scale, plot))


def _read_pair(a: str, b: str | None, channels: tuple[int, int] | None) -> tuple[Any, Any, float | None]:
    from flipslide.errors import ParameterError

    first = read_content(a)[0]
    second = read_content(b)[0] if b else first
    own, other = channels or ((0, 0) if b else (0, 1))
    rates = first.details.get("rate"), second.details.get("rate")
    if None not in rates and rates[0] != rates[1]:
        raise ParameterError(f"A has {rates[0]} samples a second, B {rates[1]}; resample one of them")
    return signal_of(first, own, "A"), signal_of(second, other, "B" if b else "A"), rates[0]


@cache
def _report_class() -> Any:
    """Made when it is needed: drawings need NumPy, and --help does not."""
    import numpy as np

    from flipslide.show.document import Document, Frame, Frames, Table, Text
    from flipslide.show.plot import Curve, Panel, draw_plot
    from flipslide.show.shown import Shown

    class Report(Shown):
        """A correlation with its peak told and drawn."""

        __slots__ = ("_bars", "_r", "_rate", "_scale")

        def __init__(self, r: Correlation, rate: float | None, scale: str, bars: bool) -> None:
            self._r, self._rate, self._scale, self._bars = r, rate, scale, bars

        def _sentence(self) -> str:
            peak = self._r.peak
            seconds = f" ({peak.exact / self._rate * 1000:+.4g} ms)" if self._rate else ""
            order = (
                "later than B"
                if peak.exact > 0
                else "earlier than B"
                if peak.exact < 0
                else "neither later nor earlier"
            )
            return f"Peak {peak.value:.4g} at lag {peak.exact:+.2f}{seconds}: A is {order}."

        def document(self) -> Document:
            bound = float(self._r.bound()[self._r.lags == self._r.peak.lag][0])
            said = f"95 % of unrelated white noise stays within ±{bound:.3g} there."
            blocks: list[Any] = [Text(self._sentence() + " " + said)]
            if self._bars:
                blocks.append(self._table())
            return Document("Cross-correlation", (*blocks, Frames("lags", (self._frame(),))))

        def _table(self) -> Table:
            middle = int(np.searchsorted(self._r.lags, self._r.peak.lag))
            chosen = slice(max(0, middle - BARS // 2), middle + BARS // 2 + 1)
            most = float(np.abs(self._r.values[chosen]).max()) or 1.0
            rows = [
                (f"{lag:+d}", f"{value:.4g}", ("█" if value > 0 else "░") * round(30 * abs(value) / most))
                for lag, value in zip(self._r.lags[chosen].tolist(), self._r.values[chosen].tolist(), strict=True)
            ]
            return Table("Around the peak", ("lag", "value", ""), tuple(rows), "rrl")

        def _frame(self) -> Frame:
            lags, values = self._r.lags, self._r.values.astype(float)
            places = _thin(values)
            points = [(float(lags[i]), float(values[i])) for i in places]
            bounds = [
                Curve([(float(lags[i]), sign * float(self._r.bound()[i])) for i in places], "grid") for sign in (1, -1)
            ]
            curves = (*bounds, Curve(points, "y-ink", "", "y"))
            dot = (float(self._r.peak.lag), float(self._r.peak.value))
            title = "correlation" if self._scale == "none" else f"correlation, scale {self._scale}"
            panel = Panel(title, curves, None, dot, 200.0)
            scene = draw_plot((panel,), "Cross-correlation", self._sentence(), float(lags[0]), float(lags[-1]), "lag")
            return Frame(scene, self._sentence())

    def _thin(values: Any, columns: int = 600) -> list[int]:
        """Of very many values, the least and the greatest of each column of the drawing."""
        if len(values) <= 2 * columns:
            return list(range(len(values)))
        parts = np.array_split(np.arange(len(values)), columns)
        return sorted({int(part[pick(values[part])]) for part in parts for pick in (np.argmin, np.argmax)})

    return Report
