"""The chart of docs/benchmarks.md: one bar a cell, on a logarithmic axis, lost cells in another colour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from itertools import groupby

from .measure import Row

LEFT, WIDTH, RIGHT, BAR, GAP, HEAD = 330, 560, 70, 11, 4, 64
SMALLEST, LARGEST = 0.05, 200.0
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)

STYLE = """
  text { font: 11px system-ui, sans-serif; fill: #24292f }
  .head { font-size: 15px; font-weight: 600 }
  .group { font-weight: 600 }
  .quiet { fill: #57606a }
  .grid { stroke: #d0d7de }
  .one { stroke: #24292f; stroke-width: 1.5 }
  .won { fill: #0969da }
  .lost { fill: #d4651a }
  .back { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .one { stroke: #e6edf3 }
    .won { fill: #4493f8 }
    .lost { fill: #f0883e }
    .back { fill: #0d1117 }
  }
"""


def place(ratio: float) -> float:
    """Where on the axis a ratio lies; the ends hold what is beyond them."""
    clipped = min(max(ratio, SMALLEST), LARGEST)
    return LEFT + WIDTH * math.log(clipped / SMALLEST) / math.log(LARGEST / SMALLEST)


def draw_chart(rows: list[Row]) -> str:
    compared = [row for row in rows if row.ratio("fresh") is not None]
    groups = [(name, list(members)) for name, members in groupby(compared, key=lambda row: row.group)]
    height = HEAD + sum((len(members) + 1.34) * (BAR + GAP) for _, members in groups) + 12
    lost = sum(row.is_lost for row in compared)
    about = f"{len(compared)} cells on a logarithmic axis; {lost} to the left of 1, where flipslide is slower."
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height:.0f}" role="img" '
        'aria-labelledby="title desc">',
        '<title id="title">Best rival’s time over flipslide’s</title>',
        f'<desc id="desc">{about}</desc>',
        f"<style>{STYLE}</style>",
        '<rect class="back" width="100%" height="100%"/>',
        '<text class="head" x="12" y="22">Best rival’s time over flipslide’s: right of 1 flipslide is faster</text>',
        *_axis(height),
        *_groups(groups),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axis(height: float) -> Iterator[str]:
    for tick in TICKS:
        x, kind = place(tick), "one" if tick == 1 else "grid"
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 12}" y2="{height - 8:.0f}"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{HEAD - 18}" text-anchor="middle">{tick:g}×</text>'


def _groups(groups: list[tuple[str, list[Row]]]) -> Iterator[str]:
    y = float(HEAD)
    for name, members in groups:
        y += BAR
        yield f'<text class="group" x="12" y="{y:.1f}">{escape(name)}</text>'
        y += 0.6 * (BAR + GAP) - GAP
        for row in members:
            yield from _bar(row, y)
            y += BAR + GAP
        y += GAP


def _bar(row: Row, y: float) -> Iterator[str]:
    ratio = row.ratio("fresh") or 0.0
    x, one = place(ratio), place(1)
    label = f"{row.name.removeprefix(row.group).strip()}, {row.threads} thr."
    base = y + BAR - 2
    yield f'<text x="{LEFT - 8}" y="{base:.1f}" text-anchor="end">{escape(label)}</text>'
    yield (
        f'<rect class="{"lost" if row.is_lost else "won"}" x="{min(x, one):.1f}" y="{y:.1f}" '
        f'width="{max(abs(x - one), 1):.1f}" height="{BAR}"/>'
    )
    yield f'<text class="quiet" x="{max(x, one) + 4:.1f}" y="{base:.1f}">{ratio:.2g}</text>'
