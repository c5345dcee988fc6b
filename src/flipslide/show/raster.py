"""Drawings as pixels: each scene's SVG through resvg, the frames put together by Pillow.

The letters are those of the font-roboto package (Apache-2.0) and no others, so that a picture
looks the same on every machine; the few signs that it lacks are written in words.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..errors import MissingExtraError, ParameterError
from .document import Frame
from .scene import grow, to_svg, with_sentence

__all__ = ["ANIMATIONS", "to_animation", "to_png"]

Colour = tuple[int, int, int]

ANIMATIONS = ("gif", "apng", "webp")
#: Pixels per unit of the drawing: sharp on screens with two pixels to a point.
ZOOM = 2

#: Signs of our pictures that Roboto has no letter for.
LACKING = {"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "→": "to", "←": "from", "x̃": "x", "∗": "*", "⊙": "·"}


def to_png(frame: Frame, theme: str = "light") -> bytes:
    """One frame with its sentence, as PNG."""
    return _rasterise(to_svg(with_sentence(frame.scene, frame.sentence), _fixed(theme)))


def to_animation(frames: Sequence[Frame], kind: str, theme: str = "light") -> bytes:
    """All frames, each for its time, for ever: "gif", "apng" or "webp"."""
    if kind not in ANIMATIONS:
        raise ParameterError(f"kind={kind!r} is no animation; use one of {', '.join(ANIMATIONS)}")
    scenes = [with_sentence(frame.scene, frame.sentence) for frame in frames]
    width, height = max(scene.width for scene in scenes), max(scene.height for scene in scenes)
    image = _pillow()
    pictures = [
        image.open(io.BytesIO(_rasterise(to_svg(grow(scene, width, height), _fixed(theme))))).convert("RGB")
        for scene in scenes
    ]
    if kind == "gif":
        # One palette for all frames: else each gets its own and the colours flicker.
        master = _palette_of(image, pictures)
        pictures = [picture.quantize(palette=master, dither=image.Dither.NONE) for picture in pictures]
    out = io.BytesIO()
    pictures[0].save(
        out,
        format={"gif": "GIF", "apng": "PNG", "webp": "WEBP"}[kind],
        save_all=True,
        append_images=pictures[1:],
        duration=[round(1000 * frame.seconds) for frame in frames],
        loop=0,
        **({"lossless": True} if kind == "webp" else {}),
    )
    return out.getvalue()


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


def _rasterise(svg: str) -> bytes:
    resvg, roboto = _resvg()
    for sign, words in LACKING.items():
        svg = svg.replace(sign, words)
    fonts = [roboto.Roboto, roboto.RobotoBold]
    return bytes(resvg.svg_to_bytes(svg_string=svg, zoom=ZOOM, font_files=fonts, skip_system_fonts=True))


def _resvg() -> tuple[Any, Any]:
    try:
        import font_roboto
        import resvg_py
    except ImportError as error:
        raise _missing(error) from error
    return resvg_py, font_roboto


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise _missing(error) from error
    return Image


def _missing(error: ImportError) -> MissingExtraError:
    return MissingExtraError(f"pictures need {error.name}: pip install 'flipslide[pictures]'. SVG needs nothing more")
