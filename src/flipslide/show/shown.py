"""Whatever can be printed, shown in a notebook, or saved in one of many formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import ParameterError, unknown_word
from .document import Document, Frame, Frames
from .html import render_fragment, render_page
from .latex import render_latex, to_tikz
from .markdown import render_markdown
from .motion import check_speed, expand
from .moving import Moving
from .pdf import to_pdf
from .raster import ANIMATIONS, to_animation, to_png
from .scene import with_sentence
from .svg import to_animated_svg, to_svg
from .text import render_text, to_ascii

#: What `save` takes, by the ending of the file's name.
FORMATS = ("txt", "md", "tex", "tikz", "svg", "html", "json", "pdf", "png", *ANIMATIONS)


class Shown:
    """A thing with a document. `print` it, end a notebook's cell with it, or `save` it.

    Text, Markdown, LaTeX, HTML, SVG and JSON need nothing more; PNG, GIF, APNG and WebP need
    the extra `flipslide[pictures]`.
    """

    __slots__ = ()

    def document(self) -> Document:
        """The blocks that every renderer shows."""
        raise NotImplementedError

    def __str__(self) -> str:
        return render_text(self.document())

    def text(self, ascii_only: bool = False) -> str:
        """What `print` shows, 72 columns wide; in ASCII where a terminal knows nothing else."""
        return to_ascii(str(self)) if ascii_only else str(self)

    def markdown(self) -> str:
        """Markdown with tables."""
        return render_markdown(self.document())

    def latex(self, standalone: bool = True, pictures: bool = True) -> str:
        """A LaTeX file, or its body alone to be put into another. It needs amsmath; with tikz it has pictures."""
        return render_latex(self.document(), standalone, pictures)

    def html(self, page: bool = True) -> str:
        """A page of its own, or a section for another page. Nothing is fetched from anywhere."""
        return render_page(self.document()) if page else render_fragment(self.document())

    def svg(self, step: int | None = None, theme: str = "auto", width: float | None = None) -> str:
        """One picture with its sentence: of the step of that number, or the last one; `width` in pixels.

        The theme is "light", "dark" or "auto", which follows the reader's preference.
        """
        frame = self.frame(step)
        return to_svg(with_sentence(frame.scene, frame.sentence), theme, width)

    def animated_svg(self, speed: float = 1, width: float | None = None) -> str:
        """All pictures in one SVG that plays by itself; with reduced motion it shows the last."""
        frames = list(expand(self.frames()))
        scenes = [with_sentence(frame.scene, frame.sentence) for frame in frames]
        return to_animated_svg(scenes, [frame.seconds / check_speed(speed) for frame in frames], width)

    def png(self, step: int | None = None, theme: str = "light", width: float | None = None) -> bytes:
        """One picture as PNG; `width` in pixels."""
        return to_png(self.frame(step), theme, width)

    def tikz(self, step: int | None = None) -> str:
        """One picture as a tikzpicture for LaTeX."""
        return to_tikz(self.frame(step).scene)

    def pdf(self) -> bytes:
        """Every picture with its sentence, a page for each."""
        return to_pdf(self.frames())

    def animation(
        self, kind: str = "gif", theme: str = "light", speed: float = 1, width: float | None = None
    ) -> Moving:
        """All pictures one after another, with the ways between them: "gif", "apng" or "webp".

        The result is the bytes of a file; a cell of a notebook that ends with it shows the picture.
        """
        return Moving(to_animation(self.frames(), kind, theme, speed, width), kind)

    def to_json(self, indent: int | None = None) -> str:
        """The data behind it as JSON."""
        return json.dumps(self.document().to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    # ----------------------------------------------------------------------- pictures

    def frames(self) -> tuple[Frame, ...]:
        """The pictures: the first series in the document."""
        for block in self.document().blocks:
            if isinstance(block, Frames):
                return block.frames
        raise ParameterError(f"{type(self).__name__} has no picture here: print it, or save it as text, HTML or LaTeX")

    def frame(self, step: int | None = None) -> Frame:
        """The picture of one step, counted from 0 as `e.step(n)` counts them; by default the last."""
        frames = self.frames()
        stops = [frame for frame in frames if frame.step is not None] or list(frames)
        if step is None:
            return stops[-1]
        if not 0 <= step < len(stops):
            raise ParameterError(f"step={step}: the pictures have the numbers 0 to {len(stops) - 1}")
        return stops[step]

    # -------------------------------------------------------------------------- files

    def render(self, kind: str, theme: str = "", speed: float = 1, width: float | None = None) -> str | bytes:
        """The thing in the format that `save` writes under that ending.

        Theme and width in pixels are those of pictures, the speed that of what moves: 2 is twice as fast.
        """
        pixels = theme or "light"
        writers: dict[str, Callable[[], str | bytes]] = {
            "txt": lambda: str(self) + "\n",
            "md": self.markdown,
            "tex": self.latex,
            "svg": lambda: self.svg(theme=theme or "auto", width=width),
            "tikz": self.tikz,
            "pdf": self.pdf,
            "html": self.html,
            "json": lambda: self.to_json(1) + "\n",
            "png": lambda: self.png(theme=pixels, width=width),
            **{name: partial(self.animation, name, pixels, speed, width) for name in ANIMATIONS},
        }
        if kind not in writers:
            raise unknown_word("format", kind, self.formats)
        return writers[kind]()

    @property
    def formats(self) -> tuple[str, ...]:
        """The endings that `save` knows here."""
        return FORMATS

    def save(self, path: Any) -> None:
        """Write a file in the format that its ending names, replacing one that is there."""
        path = Path(path)
        content = self.render(path.suffix.lstrip(".").lower())
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            path.write_bytes(content)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: HTML where scripts are allowed, else the last picture, LaTeX, or the text."""
        bundle = {
            "text/plain": str(self),
            "text/html": self.html(page=False),
            "text/latex": self.latex(standalone=False, pictures=False),
        }
        if any(isinstance(block, Frames) for block in self.document().blocks):
            bundle["image/svg+xml"] = self.svg()
        return bundle
