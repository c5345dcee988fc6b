"""Drawings as pixels: each scene's SVG through resvg, the frames put together by Pillow.

The letters are those of the font-roboto package (Apache-2.0) and no others, so that a picture
looks the same on every machine; the few signs that it lacks are written in words.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

from ..errors import MissingExtraError, ParameterError
from .document import Frame
from .motion import check_speed, expand
from .scene import Item, Scene, bounds_of, grow, with_sentence
from .svg import LETTERS, draw_items, to_svg

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
Bounds = tuple[float, float, float, float]

ANIMATIONS = ("gif", "apng", "webp")
#: Pixels per unit of the drawing: sharp on screens with two pixels to a point.
ZOOM = 2
MAX_WIDTH = 8192
#: Changes that are no farther apart than this are drawn as one.
NEAR = 4.0

#: Signs of our pictures that Roboto has no letter for.
LACKING = {"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "→": "to", "←": "from", "x̃": "x", "∗": "*", "⊙": "·"}


def to_png(frame: Frame, theme: str = "light", width: float | None = None) -> bytes:
    """One frame with its sentence, as PNG."""
    scene = with_sentence(frame.scene, frame.sentence)
    return _rasterise(to_svg(scene, _fixed(theme)), _zoom(scene, width))


def to_animation(
    frames: Sequence[Frame], kind: str, theme: str = "light", speed: float = 1, width: float | None = None
) -> bytes:
    """All frames, each for its time, for ever: "gif", "apng" or "webp"."""
    if kind not in ANIMATIONS:
        raise ParameterError(f"kind={kind!r} is no animation; use one of {', '.join(ANIMATIONS)}")
    played = list(expand(frames))
    scenes = [with_sentence(frame.scene, frame.sentence) for frame in played]
    across, down = max(scene.width for scene in scenes), max(scene.height for scene in scenes)
    scenes = [grow(scene, across, down) for scene in scenes]
    zoom = _zoom(scenes[0], width)
    pictures = _paint(scenes, _fixed(theme), zoom, kind == "gif")
    out = io.BytesIO()
    pictures[0].save(
        out,
        format={"gif": "GIF", "apng": "PNG", "webp": "WEBP"}[kind],
        save_all=True,
        append_images=pictures[1:],
        duration=[round(1000 * frame.seconds / check_speed(speed)) for frame in played],
        loop=0,
        **({"lossless": True, "quality": 50, "method": 2} if kind == "webp" else {}),
    )
    return out.getvalue()


def _zoom(scene: Scene, width: float | None) -> float:
    """Pixels for each unit of the drawing."""
    if width is not None and not 16 <= width <= MAX_WIDTH:
        raise ParameterError(f"width={width!r}: it must be a number of pixels from 16 to {MAX_WIDTH}")
    return ZOOM if width is None else width / scene.width


def _paint(scenes: Sequence[Scene], theme: str, zoom: float, flat: bool) -> list[Any]:
    """A picture for each scene: the first as a whole, of every other one the parts that differ from the one before.

    With `flat` all have one palette: else each would get its own and the colours flicker.
    """
    image = _need("PIL.Image")
    first = image.open(io.BytesIO(_rasterise(to_svg(scenes[0], theme), zoom))).convert("RGB")
    patches = _patches(scenes, theme, zoom)
    if flat:
        master = _palette_of(image, [first, *(patch for _, _, patch in patches)])
        first, *cut = (p.quantize(palette=master, dither=image.Dither.NONE) for p in (first, *(p[2] for p in patches)))
        patches = [(n, at, picture) for (n, at, _), picture in zip(patches, cut, strict=True)]
    pictures = [first]
    for n in range(1, len(scenes)):
        pictures.append(pictures[-1].copy())
        for _, at, picture in (patch for patch in patches if patch[0] == n):
            pictures[n].paste(picture, at)
    return pictures


def _patches(scenes: Sequence[Scene], theme: str, zoom: float) -> list[tuple[int, tuple[int, int], Any]]:
    """(number of the scene, where it goes, its pixels) of everything that changes from one scene to the next."""
    drawn: dict[str, Any] = {}
    found: list[tuple[int, tuple[int, int], Any]] = []
    for n, (before, after) in enumerate(pairwise(scenes), 1):
        placed = [(bounds_of(item), item) for item in after.items]
        for box in _changed(before, after, zoom):
            svg = _cut(after, placed, theme, box, zoom)
            if svg not in drawn:
                drawn[svg] = _need("PIL.Image").open(io.BytesIO(_rasterise(svg, 1))).convert("RGB")
            found.append((n, box[:2], drawn[svg]))
    return found


def _cut(scene: Scene, placed: Sequence[tuple[Bounds, Item]], theme: str, box: Box, zoom: float) -> str:
    """The part of a scene in a box of pixels, as a drawing of that size."""
    left, top, right, bottom = (side / zoom for side in box)
    view = f"{left:.4f} {top:.4f} {right - left:.4f} {bottom - top:.4f}"
    seen = tuple(item for bounds, item in placed if _meets(bounds, (left, top, right, bottom)))
    body = draw_items(scene._replace(items=seen), theme == "dark")
    size = f'width="{box[2] - box[0]}" height="{box[3] - box[1]}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="{view}" {LETTERS}>{body}</svg>'


def _meets(a: Sequence[float], b: Sequence[float], gap: float = 0) -> bool:
    """Whether two boxes overlap, or are no farther apart than a gap."""
    return a[0] - gap < b[2] and b[0] < a[2] + gap and a[1] - gap < b[3] and b[1] < a[3] + gap


def _changed(before: Scene, after: Scene, zoom: float) -> list[Box]:
    """Boxes of pixels around all that differs: neighbours together, what lies far apart each for itself."""
    old, new = Counter(before.items), Counter(after.items)
    boxes: list[Sequence[float]] = []
    for item in [*(old - new), *(new - old)]:
        box = bounds_of(item)
        near = [other for other in boxes if _meets(box, other, NEAR)]
        boxes = [other for other in boxes if other not in near]
        boxes.append(_around([box, *near]))
    limits = after.width, after.height
    return [_pixels(box, limits, zoom) for box in boxes]


def _around(boxes: Sequence[Sequence[float]]) -> tuple[float, ...]:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _pixels(box: Sequence[float], limits: tuple[float, float], zoom: float) -> Box:
    """The pixels that a box touches, inside the drawing."""
    left, top = (max(math.floor((side - 1) * zoom), 0) for side in box[:2])
    right, bottom = (
        min(math.ceil((side + 1) * zoom), math.ceil(limit * zoom)) for side, limit in zip(box[2:], limits, strict=True)
    )
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _palette_of(image: Any, pictures: Sequence[Any]) -> Any:
    """The most frequent colours of all pictures, exactly: drawings are flat, the rest smooths edges.

    Neighbours of a colour that is there already are left out: Pillow looks colours up in steps of 4.
    """
    counts: Counter[Colour] = Counter()
    for picture in pictures:
        counts.update({colour: n for n, colour in picture.getcolors(picture.width * picture.height)})
    chosen: list[Colour] = []
    for colour, _ in counts.most_common(4096):
        if len(chosen) < 256 and all(_distance(colour, other) > 8 for other in chosen):
            chosen.append(colour)
    master = image.new("P", (1, 1))
    master.putpalette([channel for colour in (chosen * 256)[:256] for channel in colour])
    return master


def _distance(a: Colour, b: Colour) -> int:
    return max(abs(one - two) for one, two in zip(a, b, strict=True))


def _fixed(theme: str) -> str:
    if theme not in ("light", "dark"):
        raise ParameterError(f"theme={theme!r}: pixels are either 'light' or 'dark'")
    return theme


def _rasterise(svg: str, zoom: float) -> bytes:
    resvg, roboto = _need("resvg_py"), _need("font_roboto")
    for sign, words in LACKING.items():
        svg = svg.replace(sign, words)
    fonts = [roboto.Roboto, roboto.RobotoBold]
    return bytes(resvg.svg_to_bytes(svg_string=svg, zoom=zoom, font_files=fonts, skip_system_fonts=True))


def _need(name: str) -> Any:
    """A module of the extra."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"pictures need {error.name}: pip install 'flipslide[pictures]'. SVG needs nothing more"
        ) from error
