"""Where a thing that can be shown goes, and in which format: options that commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from ..errors import ParameterError
from .streams import check_output, write_bytes

__all__ = ["Output", "output_options"]

FORMATS = ("txt", "md", "tex", "tikz", "svg", "html", "json", "pdf", "png", "gif", "apng", "webp", "dot", "mmd")
#: What other programs call them.
ALIASES = {"text": "txt", "markdown": "md", "latex": "tex", "mermaid": "mmd"}
PIXELS = ("png", "gif", "apng", "webp")
BINARY = ("pdf", *PIXELS)

OPTIONS = (
    click.option("-F", "--format", "kind", type=click.Choice([*FORMATS, *ALIASES]), metavar="FORMAT",
                 help=f"{', '.join(FORMATS)}.  [default: what OUTPUT ends in, else txt]"),
    click.option("--theme", type=click.Choice(["auto", "light", "dark"]), help="Of pictures."),
    click.option("--width", type=click.IntRange(16, 8192), help="Of pictures, in pixels."),
    click.option("--speed", type=click.FloatRange(0, min_open=True), help="Of what moves: 2 is twice as fast."),
    click.option("--animate", is_flag=True, help="All steps in one SVG that plays by itself."),
    click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]"),
    click.option("-f", "--force", is_flag=True, help="Overwrite an existing output."),
)  # fmt: skip


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that `Output.of` takes."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


class Output(NamedTuple):
    """A format, and the file or `-` that it goes to."""

    kind: str
    theme: str
    animate: bool
    path: str
    force: bool
    width: int | None = None
    speed: float = 1

    @classmethod
    def of(
        cls, kind: str | None, theme: str | None, animate: bool, output: str, force: bool,
        width: int | None = None, speed: float | None = None,
    ) -> Self:  # fmt: skip
        """Read from the options, and refused before the work where it could not be written."""
        kind = ALIASES.get(kind, kind) if kind else _read_ending(output, animate)
        if animate and kind != "svg":
            raise click.UsageError(f"--animate is for SVG, not for {kind}; GIF, APNG and WebP move by themselves")
        if speed and not (animate or kind in PIXELS[1:]):
            raise click.UsageError(f"--speed is for what moves: GIF, APNG, WebP, or SVG with --animate; not for {kind}")
        if width and kind not in ("svg", *PIXELS):
            raise click.UsageError(f"--width is for SVG and pixels, and {kind} has none")
        if theme and kind not in ("svg", *PIXELS):
            raise click.UsageError(f"--theme is for pictures, and {kind} is none; HTML follows its reader's theme")
        if theme == "auto" and kind in PIXELS:
            raise click.UsageError(f"--theme auto: the pixels of {kind} are either light or dark")
        if animate and theme not in (None, "auto"):
            raise click.UsageError("--animate follows its reader's theme; leave out --theme")
        check_output(output, is_text=kind not in BINARY, force=force)
        return cls(kind, theme or "", animate, output, force, width, speed or 1)

    def write(self, shown: Any) -> None:
        """The thing in that format."""
        if self.animate:
            content = shown.animated_svg(self.speed, self.width)
        elif self.kind in ("dot", "mmd") and self.kind not in shown.formats:
            raise ParameterError(f"format {self.kind!r} is not known here: it is one of graphs; add --graph or --grad")
        else:
            content = shown.render(self.kind, self.theme, self.speed, self.width)
        if isinstance(content, bytes):
            write_bytes(self.path, content, force=self.force)
        elif self.path == "-":
            click.echo(_for_stdout(content), nl=False)
        else:
            write_bytes(self.path, content.encode(), force=self.force)


def _read_ending(output: str, animate: bool) -> str:
    """The format that a file's name asks for."""
    ending = Path(output).suffix.lstrip(".").lower()
    if not ending:
        return "svg" if animate else "txt"
    kind = ALIASES.get(ending, ending)
    if kind not in FORMATS:
        raise click.UsageError(f"{output} ends in none of {', '.join(FORMATS)}; say which one with -F")
    return kind


def _for_stdout(text: str) -> str:
    """The text in what stdout can show."""
    from flipslide.show.text import to_ascii

    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return to_ascii(text)
    return text
