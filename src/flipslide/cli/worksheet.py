"""`flipslide worksheet`: exercises to be printed."""

from __future__ import annotations

from pathlib import Path

import click

from .streams import check_output, write_bytes

__all__ = ["command"]

#: Spelled out, because --help imports nothing that knows them; a test compares.
LEVELS = ("flip", "pad", "size", "stride", "plane", "layer", "gradient", "col2im")
FORMATS = ("txt", "md", "tex", "html", "json", "pdf")


@click.command("worksheet", short_help="Write a sheet of exercises with a key.")
@click.option(
    "--seed", type=click.IntRange(0, 2**24), default=1, show_default=True, help="Which sheet: the same one each time."
)
@click.option("-n", "--count", type=click.IntRange(1, 200), default=10, show_default=True, help="How many exercises.")
@click.option(
    "--level",
    "levels",
    type=click.Choice(LEVELS),
    multiple=True,
    help="Only of these; may be repeated.  [default: all in turn]",
)
@click.option("-F", "--format", "kind", type=click.Choice(FORMATS), help="[default: what OUTPUT ends in, else txt]")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
def command(seed: int, count: int, levels: tuple[str, ...], kind: str | None, output: str, force: bool) -> None:
    """Write exercises about convolution, and on the last pages their answers.

    The key also says which wrong answers come from which mistake. The exercises are those of
    the page that `flipslide play` opens, with the same seeds.

    \b
    flipslide worksheet --seed 7 -n 10 -o sheet.pdf
    flipslide worksheet --level flip --level pad -n 4
    """
    kind = kind or _read_ending(output)
    check_output(output, is_text=kind != "pdf", force=force)
    from flipslide.playground.worksheet import Worksheet

    content = Worksheet(seed, count, levels).render(kind)
    data = content if isinstance(content, bytes) else content.encode()
    write_bytes(output, data, force=force)


def _read_ending(output: str) -> str:
    """The format that a file's name asks for."""
    ending = Path(output).suffix.lstrip(".").lower()
    if ending and ending not in FORMATS:
        raise click.UsageError(f"{output} ends in none of {', '.join(FORMATS)}; say which one with -F")
    return ending or "txt"
