"""A drawing as data: rectangles, labels, lines and paths in colours that have names.

    x, w, y, gradient    the arrays and what flows back through them
    padding, blank       what stands outside x; a cell that holds nothing yet
    paper, ink, faint    the ground, what is written on it, and side remarks
    grid, window         borders of cells; the outline that slides

A name is a colour twice, for light and for dark ground. The hues are those of Okabe and Ito
(Color Universal Design, 2008), which stay apart for colour-blind eyes; fills are their tints,
so that numbers on them keep a contrast of at least 4.5 : 1.
"""

from __future__ import annotations

from typing import NamedTuple

#: name: (light, dark). A name with "-ink" is for what is written or drawn in that colour.
COLOURS = {
    "paper": ("#ffffff", "#14181f"),
    "ink": ("#1b1f24", "#e8eaed"),
    "faint": ("#596573", "#9fabb8"),
    "grid": ("#aab4bf", "#55606d"),
    "blank": ("#ffffff", "#1c222b"),
    "padding": ("#eceff2", "#262d36"),
    "window": ("#c85500", "#ff9147"),
    "x": ("#d3e8f7", "#123f5c"),
    "x-ink": ("#00568c", "#83c9f4"),
    "x-line": ("#7fb5dc", "#2f6f9c"),
    "w": ("#fde8bb", "#4d3906"),
    "w-ink": ("#855700", "#f5bd4a"),
    "w-line": ("#dcae4c", "#8a6a1c"),
    "y": ("#c9eee1", "#0c4636"),
    "y-ink": ("#00664a", "#4ad6aa"),
    "gradient": ("#f7dcea", "#54233d"),
    "gradient-ink": ("#96295f", "#f0a6cc"),
}
FONT = "Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


class Motion(NamedTuple):
    """How an item comes to its place when its drawing follows another one of a series.

    It comes from where the item of that key was, or from (dx, dy) beside its own place, or is there when its
    turn begins. `phase` is that turn: 0 slides, 1 falls, 2 flies. The way is bent by `lift` at its middle.
    """

    key: str
    phase: int = 0
    dx: float = 0
    dy: float = 0
    lift: float = 0


class Rect(NamedTuple):
    """A box. `line` names the colour of its border; "" draws none."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    line: str = "grid"
    weight: float = 1
    hatched: bool = False
    radius: float = 2
    motion: Motion | None = None


class Label(NamedTuple):
    """Words centred on a point, or beginning ("start") or ending ("end") there."""

    x: float
    y: float
    text: str
    ink: str = "ink"
    size: float = 15
    anchor: str = "middle"
    bold: bool = False
    motion: Motion | None = None


class Line(NamedTuple):
    """From one point to another, with an arrow head at the second if asked."""

    x1: float
    y1: float
    x2: float
    y2: float
    ink: str = "ink"
    weight: float = 1.5
    arrow: bool = False
    dashed: bool = False
    motion: Motion | None = None


class Path(NamedTuple):
    """A line through points, filled when `fill` names a colour."""

    points: tuple[tuple[float, float], ...]
    ink: str = "ink"
    weight: float = 2
    fill: str = ""


Item = Rect | Label | Line | Path


class Scene(NamedTuple):
    """One drawing; `title` says what it is and `desc` what can be seen in it."""

    width: float
    height: float
    items: tuple[Item, ...]
    title: str
    desc: str


def with_sentence(scene: Scene, sentence: str) -> Scene:
    """The scene with the sentence written under it, in as many lines as it takes."""
    size, margin = 15.0, 16.0
    width = max(scene.width, 400.0)
    shift = (width - scene.width) / 2
    lines = wrap_width(sentence, width - 2 * margin, size)
    labels = [Label(width / 2 - shift, scene.height + 10 + 20 * n, line, "ink", size) for n, line in enumerate(lines)]
    return move(
        scene._replace(items=(*scene.items, *labels), width=width, height=scene.height + 20 * len(lines) + 12), shift
    )


def move(scene: Scene, right: float) -> Scene:
    """Everything in it that far to the right."""
    return scene._replace(items=tuple(shift(item, right, 0) for item in scene.items)) if right else scene


def shift(item: Item, right: float, down: float) -> Item:
    """The item at another place."""
    if isinstance(item, Line):
        x1, x2, y1, y2 = item.x1 + right, item.x2 + right, item.y1 + down, item.y2 + down
        return item._replace(x1=x1, x2=x2, y1=y1, y2=y2)
    if isinstance(item, Path):
        return item._replace(points=tuple((x + right, y + down) for x, y in item.points))
    return item._replace(x=item.x + right, y=item.y + down)


def text_width(text: str, size: float = 15) -> float:
    """About how wide the text is: digits and most letters of one width, thin ones thinner.

    >>> round(text_width("12i·", 100))
    164
    """
    return size * sum(_WIDTHS.get(letter, 0.56) for letter in text)


_THIN, _MIDDLE, _WIDE = "ijl·.,:;|'[]() ", "fIrt-", "mwMW"
_WIDTHS = {**dict.fromkeys(_THIN, 0.26), **dict.fromkeys(_MIDDLE, 0.36), **dict.fromkeys(_WIDE, 0.85)}


def wrap_width(text: str, width: float, size: float = 15) -> list[str]:
    """The words in lines that are at most so wide."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def grow(scene: Scene, width: float, height: float) -> Scene:
    """The scene on a ground of at least that size, so that a series of them does not jump."""
    return scene._replace(width=max(width, scene.width), height=max(height, scene.height))


def hatching(rect: Rect, step: float = 8.0) -> list[tuple[float, float, float, float]]:
    """Diagonals u + v = c cut to the box, as ends (x1, y1, x2, y2)."""
    strokes, c = [], step
    while c < rect.width + rect.height:
        u1, u2 = max(c - rect.height, 0), min(c, rect.width)
        strokes.append((rect.x + u1, rect.y + c - u1, rect.x + u2, rect.y + c - u2))
        c += step
    return strokes


def head_of(line: Line) -> Path:
    """The head of an arrow."""
    dx, dy = line.x2 - line.x1, line.y2 - line.y1
    length = (dx * dx + dy * dy) ** 0.5 or 1
    ux, uy = dx / length, dy / length
    corners = [(line.x2 - 8 * ux + side * uy, line.y2 - 8 * uy - side * ux) for side in (4, -4)]
    return Path(((line.x2, line.y2), *corners), "", 0, line.ink)


def bounds_of(item: Item) -> tuple[float, float, float, float]:
    """A box (left, top, right, bottom) that the item lies in, whatever font is there."""
    if isinstance(item, Label):
        width, half = 1.3 * text_width(item.text, item.size) + 4, 0.75 * item.size
        left = item.x - {"start": 0.1, "middle": 0.5, "end": 0.9}[item.anchor] * width
        return left, item.y - half, left + width, item.y + half
    if isinstance(item, Rect):
        edge = item.weight / 2
        return item.x - edge, item.y - edge, item.x + item.width + edge, item.y + item.height + edge
    points = item.points if isinstance(item, Path) else ((item.x1, item.y1), (item.x2, item.y2))
    xs, ys = zip(*points, strict=True)
    edge = item.weight / 2 + (5 if isinstance(item, Line) and item.arrow else 0)
    return min(xs) - edge, min(ys) - edge, max(xs) + edge, max(ys) + edge
