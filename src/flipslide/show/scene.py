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

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

__all__ = [
    "Item",
    "Label",
    "Line",
    "Path",
    "Rect",
    "Scene",
    "grow",
    "move",
    "style_sheet",
    "text_width",
    "to_animated_svg",
    "to_svg",
    "with_sentence",
    "wrap_width",
]

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


class Label(NamedTuple):
    """Words centred on a point, or beginning ("start") or ending ("end") there."""

    x: float
    y: float
    text: str
    ink: str = "ink"
    size: float = 15
    anchor: str = "middle"
    bold: bool = False


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


def to_svg(scene: Scene, theme: str = "auto") -> str:
    """The scene as SVG: "light", "dark", or "auto", which follows the reader's preference.

    Colours are attributes, so that the drawing survives wherever style sheets are removed.
    """
    style = f"<style>{style_sheet()}</style>" if theme == "auto" else ""
    return _wrap_svg(scene, style, _draw_items(scene, theme == "dark"))


def to_animated_svg(scenes: Sequence[Scene], seconds: Sequence[float]) -> str:
    """One SVG that shows the scenes in turn, for ever; who wants no motion sees the last one.

    Style sheets alone move it, so that it also plays where a page shows it as an image.
    """
    total, started, rules, groups = sum(seconds), 0.0, [], []
    for n, (scene, duration) in enumerate(zip(scenes, seconds, strict=True)):
        begin, end = 100 * started / total, 100 * (started + duration) / total
        started += duration
        shown = f"0%{{visibility:{'visible' if n == 0 else 'hidden'}}}" + (
            f"{begin:.3f}%{{visibility:visible}}{end:.3f}%,100%{{visibility:hidden}}"
            if n < len(scenes) - 1
            else f"{begin:.3f}%,100%{{visibility:visible}}"
        )
        rules.append(f"@keyframes fs-k{n}{{{shown}}}.fs-k{n}{{animation:fs-k{n} {_number(total)}s step-end infinite}}")
        hidden = "" if n == len(scenes) - 1 else ' visibility="hidden"'
        groups.append(f'<g class="fs-k{n}"{hidden}>\n{_draw_items(scene, False)}</g>\n')
    moving = f"@media (prefers-reduced-motion:no-preference){{{''.join(rules)}}}"
    return _wrap_svg(scenes[-1], f"<style>{style_sheet()}{moving}</style>", "".join(groups))


def _wrap_svg(scene: Scene, style: str, body: str) -> str:
    width, height = _number(scene.width), _number(scene.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="{FONT}">\n'
        f"<title>{escape(scene.title)}</title><desc>{escape(scene.desc)}</desc>\n"
        f"{style}{body}</svg>\n"
    )


def _draw_items(scene: Scene, dark: bool) -> str:
    ground = Rect(0, 0, scene.width, scene.height, "paper", "", radius=0)
    return "".join(_draw(item, dark) + "\n" for item in (ground, *scene.items))


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
    return scene._replace(items=tuple(_move(item, right) for item in scene.items)) if right else scene


def _move(item: Item, right: float) -> Item:
    if isinstance(item, Line):
        return item._replace(x1=item.x1 + right, x2=item.x2 + right)
    if isinstance(item, Path):
        return item._replace(points=tuple((x + right, y) for x, y in item.points))
    return item._replace(x=item.x + right)


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


def style_sheet() -> str:
    """What turns the attributes' light colours into dark ones where the reader asks for dark.

    A page may decide for itself with data-theme on its root; else the system's wish counts.
    """
    rules = "".join(
        f"{{root}} .fs-f-{name}{{fill:{dark}}}{{root}} .fs-s-{name}{{stroke:{dark}}}"
        for name, (_, dark) in COLOURS.items()
    )
    by_system = rules.replace("{root}", ":root:not([data-theme=light])").replace("{{", "{").replace("}}", "}")
    by_page = rules.replace("{root}", ":root[data-theme=dark]").replace("{{", "{").replace("}}", "}")
    return f"@media (prefers-color-scheme:dark){{{by_system}}}{by_page}"


# ----------------------------------------------------------------------------- each item


def _draw(item: Item, dark: bool) -> str:
    if isinstance(item, Rect):
        return _draw_rect(item, dark)
    if isinstance(item, Label):
        return _draw_label(item, dark)
    if isinstance(item, Line):
        return _draw_line(item, dark)
    return _draw_path(item, dark)


def _paint(fill: str, line: str, dark: bool, weight: float = 1) -> str:
    """The attributes of a filled or outlined shape."""
    classes = " ".join([f"fs-f-{fill}"] * bool(fill) + [f"fs-s-{line}"] * bool(line))
    width = f' stroke-width="{_number(weight)}"' if weight != 1 else ""
    stroke = f' stroke="{COLOURS[line][dark]}"{width}' if line else ""
    return f'class="{classes}" fill="{COLOURS[fill][dark] if fill else "none"}"{stroke}'


def _draw_rect(rect: Rect, dark: bool) -> str:
    place = f'x="{_number(rect.x)}" y="{_number(rect.y)}" width="{_number(rect.width)}" height="{_number(rect.height)}"'
    box = f'<rect {place} rx="{_number(rect.radius)}" {_paint(rect.fill, rect.line, dark, rect.weight)}/>'
    return box + (_draw_hatching(rect, dark) if rect.hatched else "")


def _draw_hatching(rect: Rect, dark: bool) -> str:
    """Diagonals u + v = c cut to the box; a pattern would need an id, and ids clash in a page."""
    w, h, step = rect.width, rect.height, 8.0
    strokes = []
    c = step
    while c < w + h:
        u1, u2 = max(c - h, 0), min(c, w)
        strokes.append(
            f"M{_number(rect.x + u1)} {_number(rect.y + c - u1)}L{_number(rect.x + u2)} {_number(rect.y + c - u2)}"
        )
        c += step
    return f'<path d="{"".join(strokes)}" {_paint("", "grid", dark, 0.7)}/>'


def _draw_label(label: Label, dark: bool) -> str:
    weight = ' font-weight="700"' if label.bold else ""
    # A third of the size below the middle is where digits stand centred.
    baseline = _number(label.y + 0.35 * label.size)
    anchor = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
    return (
        f'<text x="{_number(label.x)}" y="{baseline}" font-size="{_number(label.size)}"{anchor}{weight} '
        f'class="fs-f-{label.ink}" fill="{COLOURS[label.ink][dark]}">{escape(label.text)}</text>'
    )


def _draw_line(line: Line, dark: bool) -> str:
    ends = f'x1="{_number(line.x1)}" y1="{_number(line.y1)}" x2="{_number(line.x2)}" y2="{_number(line.y2)}"'
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    stroke = f"<line {ends}{dashes} {_paint('', line.ink, dark, line.weight)}/>"
    return stroke + (_draw_head(line, dark) if line.arrow else "")


def _draw_head(line: Line, dark: bool) -> str:
    dx, dy = line.x2 - line.x1, line.y2 - line.y1
    length = (dx * dx + dy * dy) ** 0.5 or 1
    ux, uy = dx / length, dy / length
    corners = [(line.x2 - 8 * ux + side * uy, line.y2 - 8 * uy - side * ux) for side in (4, -4)]
    return _draw_path(Path(((line.x2, line.y2), *corners), "", 0, line.ink), dark)


def _draw_path(path: Path, dark: bool) -> str:
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in path.points)
    shape = "polygon" if path.fill else "polyline"
    return f'<{shape} points="{points}" {_paint(path.fill, path.ink, dark, path.weight)}/>'


def _number(value: float) -> str:
    """Two decimals at most, and no zeros behind them."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
