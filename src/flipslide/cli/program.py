"""The group of commands, and the exit code that each kind of failure has."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from flipslide.errors import FlipslideError

__all__ = ["main"]

#: A command's name and the module of this package that has it, in the order of the help.
COMMANDS = {
    "explain": "explain",
    "shape": "shape",
    "play": "play",
    "worksheet": "worksheet",
    "apply": "apply",
    "stream": "stream",
    "filter": "filter",
    "resample": "resample",
    "deconvolve": "deconvolve",
    "xcorr": "xcorr",
    "match": "match",
    "shift": "shift",
    "doctor": "doctor",
}

#: By name, so that looking one up imports nothing; the rest of the tree is code 4.
EXIT_CODES = {"ReadError": 3, "MissingExtraError": 5, "WriteError": 6}


class Program(click.Group):
    """Commands imported when named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"flipslide.cli.{COMMANDS[cmd_name]}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None and not sys.stdout.closed:
                sys.stdout.flush()  # what waits in a buffer is not written yet: Python's last flush would fail aloud
            return result
        except FlipslideError as error:
            if type(error).__name__ == "WriteError":
                _drop_stdout()
            click.ClickException(str(error)).show()
            ctx.exit(EXIT_CODES.get(type(error).__name__, 4))
        except BrokenPipeError:
            _drop_stdout()
            ctx.exit(141)
        except OSError as error:
            _drop_stdout()
            click.ClickException(f"cannot write to stdout: {error.strerror or error}").show()
            ctx.exit(EXIT_CODES["WriteError"])
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(130)


def _drop_stdout() -> None:
    """Point stdout at nothing, so that Python's last flush does not fail aloud."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"flipslide {version('flipslide')}")
        ctx.exit()


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def main() -> None:
    """Convolution: flip, slide, multiply, add.

    \b
    flipslide explain 0,1,2,3,4 1,-1,2       every step of a small convolution
    flipslide explain --demo cs231n -o layer.html
    flipslide shape 5x5 -k 3 -s 2 -p 1       how large the output of a layer is
    flipslide match scene.png cup.png -o marked.png
    flipslide apply in.png -k sharpen -o out.png
    """
