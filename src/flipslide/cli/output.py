"""Where a thing that can be shown goes, and in which format: options that commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from .streams import check_output, write_bytes

__all__ = ["Output", "output_options"]

FORMATS = ("txt", "md", "tex", "svg", "html", "json", "png", "gif", "apng", "webp", "dot", "mmd")
#: What other programs call them.
ALIASES = {"text": "txt", "markdown": "md", "latex": "tex", "mermaid": "mmd"}
BINARY = ("png", "gif", "apng", "webp")

OPTIONS = (
    click.option("-F", "--format", "kind", type=click.Choice([*FORMATS, *ALIASES]), metavar="FORMAT",
                 help=f"{', '.join(FORMATS)}.  [default: what OUTPUT ends in, else txt]"),
    click.option("--theme", type=click.Choice(["auto", "light", "dark"]), help="Of pictures."),
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

    @classmethod
    def of(cls, kind: str | None, theme: str | None, animate: bool, output: str, force: bool) -> Self:
        """Read from the options, and refused before the work where it could not be written."""
        kind = ALIASES.get(kind, kind) if kind else _read_ending(output, animate)
        if animate and kind != "svg":
            raise click.UsageError(f"--animate is for SVG, not for {kind}; GIF, APNG and WebP move by themselves")
        if theme and kind not in ("svg", *BINARY):
            raise click.UsageError(f"--theme is for pictures, and {kind} is none; HTML follows its reader's theme")
        if theme == "auto" and kind in BINARY:
            raise click.UsageError(f"--theme auto: the pixels of {kind} are either light or dark")
        if animate and theme not in (None, "auto"):
            raise click.UsageError("--animate follows its reader's theme; leave out --theme")
        check_output(output, is_text=kind not in BINARY, force=force)
        return cls(kind, theme or "", animate, output, force)

    def write(self, shown: Any) -> None:
        """The thing in that format."""
        content = shown.animated_svg() if self.animate else shown.render(self.kind, self.theme)
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
