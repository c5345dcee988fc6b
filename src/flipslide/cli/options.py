"""Words of the command line that several commands read alike."""

from __future__ import annotations

import re
from typing import Any

import click
from click.core import ParameterSource

from flipslide.geometry import CENTERS, MODES, PADDINGS, check_boundary

__all__ = ["AXES", "BOUNDARY", "CENTER", "INDEX", "MODE", "PADDING", "SIZE", "NumbersCommand", "as_entries", "refuse"]


class NumbersCommand(click.Command):
    """A command whose arguments may be negative numbers, `-1,1,2`, as well as options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # No option begins with a digit. With a space in front click sees no option either,
        # and every reader of numbers skips it.
        return super().parse_args(ctx, [" " + arg if re.match(r"-\.?\d", arg) else arg for arg in args])


class Size(click.ParamType[tuple[int, ...]]):
    """One number for all axes, or one per axis with x between them: 3, 3x5."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"\s*-?\d+(x-?\d+)*", value):
            self.fail(f"{value!r} is not a size; write 3, or 3x5 for one number per axis", param, ctx)
        return tuple(int(entry) for entry in value.split("x"))


class Boundary(click.ParamType[tuple[str, Any]]):
    """A boundary rule, or constant=V; gives (rule, fill value)."""

    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        rule, equals, fill = value.partition("=")
        if equals and rule != "constant":
            self.fail(f"{value!r}: only constant takes a value, as in constant=7", param, ctx)
        return check_boundary(rule), self._fill(fill, param, ctx) if equals else 0

    def _fill(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        except ValueError:
            return self.fail(f"constant={text}: {text!r} is not a number", param, ctx)


class Padding(click.ParamType[Any]):
    """A word, or per axis a number or lo:hi, with x between axes."""

    name = "padding"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or value in PADDINGS:
            return value
        if not re.fullmatch(r"\s*\d+(:\d+)?(x\d+(:\d+)?)*", value):
            self.fail(
                f"{value!r} is no padding; write 1, 1:0 (lo:hi), 1x2, or one of {', '.join(PADDINGS)}", param, ctx
            )
        pads = tuple(_pair(entry) for entry in value.split("x"))
        return pads[0] if len(pads) == 1 else pads


def _pair(text: str) -> tuple[int, int]:
    lo, _, hi = text.partition(":")
    return int(lo), int(hi or lo)


class Index(click.ParamType[Any]):
    """The number of one output, or its index: 4, or 1,0."""

    name = "index"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if not re.fullmatch(r"\s*-?\d+(,-?\d+)*", value):
            self.fail(f"{value!r} is no output; write 4, or 1,0 for one number per axis", param, ctx)
        index = tuple(int(entry) for entry in value.split(","))
        return index[0] if len(index) == 1 else index


class Axes(click.ParamType[tuple[int, ...]]):
    """One axis, or several: 0, -1, 0,1."""

    name = "axis"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"\s*-?\d+(,-?\d+)*", value):
            self.fail(f"{value!r} is no axis; write 0, or 0,1 for several", param, ctx)
        return tuple(int(entry) for entry in value.split(","))


class Center(click.ParamType[Any]):
    """lower, upper, or a place in the taps; x between axes."""

    name = "center"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or value in CENTERS:
            return value
        if not re.fullmatch(r"\s*-?\d+(x-?\d+)*", value):
            self.fail(f"{value!r} is no center; write lower, upper or a place such as 0, or 0x1", param, ctx)
        places = tuple(int(entry) for entry in value.split("x"))
        return places[0] if len(places) == 1 else places


AXES = Axes()
CENTER = Center()
SIZE = Size()
PADDING = Padding()
INDEX = Index()
MODE = click.Choice(MODES)
BOUNDARY = Boundary()


def refuse(names: tuple[str, ...], why: str) -> None:
    """An error for options that were given and would be passed over."""
    context = click.get_current_context()
    given = [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        spelled = [name.upper() if name in ("x", "w") else f"--{name.replace('_', '-')}" for name in given]
        raise click.UsageError(f"{why}; leave out {', '.join(spelled)}")


def as_entries(size: tuple[int, ...]) -> Any:
    """What the library takes: a number for all axes, or a tuple with one per axis."""
    return size[0] if len(size) == 1 else size
