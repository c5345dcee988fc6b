"""A scene as SVG, still or moving; colours are attributes, and a style sheet turns them dark where that is wished."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from .motion import spans_of
from .scene import COLOURS, FONT, Item, Label, Line, Path, Rect, Scene, hatching, head_of

#: What most labels are written in, said once.
SIZE = 15
LETTERS = f'font-family="{FONT}" font-size="{SIZE}" text-anchor="middle"'


_COLOUR = re.compile(r' (?:fill|stroke)="#[0-9a-f]{6}"')


def to_svg(scene: Scene, theme: str = "auto", width: float | None = None) -> str:
    """The scene as SVG: "light", "dark", or "auto", which follows the reader's preference.

    Colours are attributes, so that the drawing survives wherever style sheets are removed; with "page" they are
    classes alone, for a page that has the rules. It is as wide as its scene, or `width` pixels.
    """
    style = f"<style>{style_sheet()}</style>" if theme == "auto" else ""
    body = draw_items(scene, theme == "dark")
    return _wrap_svg(scene, style, _COLOUR.sub("", body) if theme == "page" else body, width)


def to_animated_svg(scenes: Sequence[Scene], seconds: Sequence[float], width: float | None = None) -> str:
    """One SVG that shows the scenes in turn, for ever; who wants no motion sees the last one.

    Style sheets alone move it, so that it also plays where a page shows it as an image. What several scenes
    have in common is there once, from the first of them to the last.
    """
    ends = [0.0]
    for duration in seconds:
        ends.append(ends[-1] + duration)
    rules, groups, last = {}, [], len(scenes) - 1
    for (first, end), spans in groupby(spans_of(scenes), key=lambda span: (span.first, span.last)):
        body = _draw_items(tuple(span.item for span in spans), False)
        if (first, end) != (0, last):
            name = f"fs-k{first}-{end}"
            begin, stop = (100 * at / ends[-1] for at in (ends[first], ends[end + 1]))
            rules[name] = _appearance(name, begin, stop, ends[-1])
            hidden = "" if end == last else ' visibility="hidden"'
            body = f'<g class="{name}"{hidden}>\n{body}</g>\n'
        groups.append(body)
    moving = f"@media (prefers-reduced-motion:no-preference){{{''.join(rules.values())}}}"
    ground = _draw_items((_ground(scenes[-1]),), False)
    return _wrap_svg(scenes[-1], f"<style>{style_sheet()}{moving}</style>", ground + "".join(groups), width)


def _appearance(name: str, begin: float, stop: float, total: float) -> str:
    """The rule that shows a group from one share of the whole time to another."""
    steps = [(0.0, begin <= 0), (begin, True), (stop, stop >= 100), (100.0, stop >= 100)]
    frames = "".join(f"{at:.3f}%{{visibility:{'visible' if seen else 'hidden'}}}" for at, seen in dict(steps).items())
    return f"@keyframes {name}{{{frames}}}.{name}{{animation:{name} {_number(total)}s step-end infinite}}"


def _wrap_svg(scene: Scene, style: str, body: str, across: float | None) -> str:
    width, height = _number(scene.width), _number(scene.height)
    zoom = (across or scene.width) / scene.width
    size = f'width="{_number(zoom * scene.width)}" height="{_number(zoom * scene.height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f"{size} {LETTERS}>\n"
        f"<title>{escape(scene.title)}</title><desc>{escape(scene.desc)}</desc>\n"
        f"{style}{body}</svg>\n"
    )


def _ground(scene: Scene) -> Rect:
    return Rect(0, 0, scene.width, scene.height, "paper", "", radius=0)


def draw_items(scene: Scene, dark: bool) -> str:
    """The elements of a scene, on its ground."""
    return _draw_items((_ground(scene), *scene.items), dark)


def _draw_items(items: Sequence[Item], dark: bool) -> str:
    """The elements in their order, except that among boxes and words that no line parts the boxes come first.

    Words stand on boxes and no box hides another, so that is seen nowhere; what a kind has in common is there once.
    """
    drawn: list[str] = []
    for is_cell, run in groupby(items, key=lambda item: isinstance(item, Rect | Label)):
        some = list(run)
        drawn += _draw_cells(some, dark) if is_cell else (_draw(item, dark) for item in some)
    return "".join(element + "\n" for element in drawn)


def _draw_cells(items: Sequence[Item], dark: bool) -> Iterator[str]:
    rects = [item for item in items if isinstance(item, Rect)]
    cells: dict[str, str] = {}
    for rect in filter(_is_cell, rects):
        look = _paint(rect.fill, rect.line, dark)
        cells[look] = cells.get(look, "") + _outline(rect)
    yield from (_draw_rect(rect, dark) for rect in rects if rect.fill and not _is_cell(rect))
    yield from (f'<path {look} stroke-linejoin="round" d="{outlines}"/>' for look, outlines in cells.items())
    if strokes := "".join(map(_hatch, _join(rect for rect in rects if rect.hatched))):
        yield f'<path {_paint("", "grid", dark, 0.7)} d="{strokes}"/>'
    yield from (_draw_rect(rect, dark) for rect in rects if not rect.fill)
    labels = (_draw_label(item, dark) for item in items if isinstance(item, Label))
    for look, words in groupby(labels, key=lambda label: label[0]):
        yield f"<g {look}>{''.join(word for _, word in words)}</g>"


def _is_cell(rect: Rect) -> bool:
    return bool(rect.fill and rect.line) and rect.weight == 1


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
    return f"@media screen and (prefers-color-scheme:dark){{{by_system}}}@media screen{{{by_page}}}"


def page_sheet() -> str:
    """The colours of a page's sections as variables, light and dark, and the rules of drawings that use them."""
    light, dark = (";".join(f"--{name}:{pair[n]}" for name, pair in COLOURS.items()) for n in (0, 1))
    rules = "".join(
        f".fs .fs-f-{name}{{fill:var(--{name})}}.fs .fs-s-{name}{{stroke:var(--{name})}}" for name in COLOURS
    )
    return (
        f".fs{{{light}}}@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]) .fs{{{dark};"
        f"color-scheme:dark}}}}@media screen{{:root[data-theme=dark] .fs{{{dark};color-scheme:dark}}}}{rules}"
    )


# ----------------------------------------------------------------------------- each item


def _draw(item: Item, dark: bool) -> str:
    if isinstance(item, Line):
        return _draw_line(item, dark)
    assert isinstance(item, Path)
    return _draw_path(item, dark)


def _paint(fill: str, line: str, dark: bool, weight: float = 1) -> str:
    """The attributes of a filled or outlined shape."""
    classes = " ".join([f"fs-f-{fill}"] * bool(fill) + [f"fs-s-{line}"] * bool(line))
    width = f' stroke-width="{_number(weight)}"' if weight != 1 else ""
    stroke = f' stroke="{COLOURS[line][dark]}"{width}' if line else ""
    return f'class="{classes}" fill="{COLOURS[fill][dark] if fill else "none"}"{stroke}'


def _draw_rect(rect: Rect, dark: bool) -> str:
    place = f'x="{_number(rect.x)}" y="{_number(rect.y)}" width="{_number(rect.width)}" height="{_number(rect.height)}"'
    corner = f' rx="{_number(rect.radius)}"' if rect.radius else ""
    return f"<rect {place}{corner} {_paint(rect.fill, rect.line, dark, rect.weight)}/>"


def _outline(rect: Rect) -> str:
    """A cell as part of a path."""
    width = _number(rect.width)
    return f"M{_number(rect.x)} {_number(rect.y)}h{width}v{_number(rect.height)}h-{width}z"


def _join(rects: Iterable[Rect]) -> list[Rect]:
    """Neighbours in a row as one."""
    joined: list[Rect] = []
    for rect in rects:
        last = joined[-1] if joined else rect
        if joined and (last.x + last.width, last.y, last.height) == (rect.x, rect.y, rect.height):
            joined[-1] = last._replace(width=last.width + rect.width)
        else:
            joined.append(rect)
    return joined


def _hatch(rect: Rect) -> str:
    """Parts of a path; a pattern would need an id, and ids clash in a page."""
    return "".join(
        f"M{_number(x1)} {_number(y1)}l{_number(x2 - x1)}{_number(y2 - y1)}" for x1, y1, x2, y2 in hatching(rect)
    )


def _draw_label(label: Label, dark: bool) -> tuple[str, str]:
    """Its look, and where it says what."""
    weight = ' font-weight="700"' if label.bold else ""
    # A third of the size below the middle is where digits stand centred.
    baseline = _number(label.y + 0.35 * label.size)
    anchor = "" if label.anchor == "middle" else f' text-anchor="{label.anchor}"'
    size = "" if label.size == SIZE else f' font-size="{_number(label.size)}"'
    look = f'class="fs-f-{label.ink}" fill="{COLOURS[label.ink][dark]}"{size}{anchor}{weight}'
    return look, f'<text x="{_number(label.x)}" y="{baseline}">{escape(label.text)}</text>'


def _draw_line(line: Line, dark: bool) -> str:
    ends = f'x1="{_number(line.x1)}" y1="{_number(line.y1)}" x2="{_number(line.x2)}" y2="{_number(line.y2)}"'
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    stroke = f"<line {ends}{dashes} {_paint('', line.ink, dark, line.weight)}/>"
    return stroke + (_draw_path(head_of(line), dark) if line.arrow else "")


def _draw_path(path: Path, dark: bool) -> str:
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in path.points)
    shape = "polygon" if path.fill else "polyline"
    return f'<{shape} points="{points}" {_paint(path.fill, path.ink, dark, path.weight)}/>'


def _number(value: float) -> str:
    """A decimal at most, and none that is a zero."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
