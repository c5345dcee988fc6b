"""What `flipslide xcorr` says and draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from flipslide.show.document import Document, Frame, Frames, Table, Text
from flipslide.show.plot import Curve, Panel, draw_plot
from flipslide.show.shown import Shown
from flipslide.xcorr import Correlation

__all__ = ["Report"]

#: Bars of a plot in text.
BARS = 41


class Report(Shown):
    """A correlation with its peak told and drawn."""

    __slots__ = ("_bars", "_r", "_rate", "_scale")

    def __init__(self, r: Correlation, rate: float | None, scale: str, bars: bool) -> None:
        self._r, self._rate, self._scale, self._bars = r, rate, scale, bars

    def _sentence(self) -> str:
        peak = self._r.peak
        seconds = f" ({peak.exact / self._rate * 1000:+.4g} ms)" if self._rate else ""
        order = (
            "later than B" if peak.exact > 0 else "earlier than B" if peak.exact < 0 else "neither later nor earlier"
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
