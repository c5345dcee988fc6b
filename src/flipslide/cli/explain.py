"""`flipslide explain`: every step of a small convolution, in any format that it can be shown in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from .options import BOUNDARY, INDEX, MODE, PADDING, SIZE, NumbersCommand, as_entries
from .streams import check_output, read_taps, write_bytes

__all__ = ["command"]

# Spelled out, because --help imports nothing that knows them; a test compares.
DEMOS = ("1d", "padding", "stride", "graph", "2d", "cs231n", "im2col", "functions")
CHAPTERS = (
    "flip", "scatter", "compare", "matrix", "im2col", "col2im", "direct", "gemm", "separable", "overlap", "fft",
    "numpy", "winograd",
)  # fmt: skip
LANGUAGES = ("numpy", "scipy", "matlab", "pytorch", "jax", "c", "loops")
#: The names of formats, and those that other programs use for them.
FORMATS = ("txt", "md", "tex", "svg", "html", "json", "png", "gif", "apng", "webp", "dot", "mmd")
ALIASES = {"text": "txt", "markdown": "md", "latex": "tex", "mermaid": "mmd"}
BINARY = ("png", "gif", "apng", "webp")


#: What a layer has no use for, and what a demo has no use for.
SIGNAL = ("mode", "boundary", "no_flip")
CALL = ("x", "w", *SIGNAL, "stride", "dilation", "padding", "bias", "groups", "around")


class View(NamedTuple):
    """Which side of the explanation is wanted; at most one, but --grad is a --graph too."""

    step: Any = None
    chapter: str | None = None
    language: str | None = None
    graph: bool = False
    grad: str | None = None

    def check(self) -> None:
        given = {
            "--step": self.step is not None,
            f"--{self.chapter}" if self.chapter in ("im2col", "compare") else "--chapter": self.chapter is not None,
            "--code": self.language is not None,
            "--graph or --grad": self.graph or self.grad is not None,
        }
        wanted = [name for name, is_given in given.items() if is_given]
        if len(wanted) > 1:
            raise click.UsageError(f"{' and '.join(wanted)} are different views; ask for one of them")

    def open(self, made: Any) -> Any:
        """The part of an explanation, or what was made where there are no parts."""
        if self == View():
            return made
        if not hasattr(made, "chapter"):
            raise click.UsageError("this demo has no other views; leave out --step, --chapter, --code, --graph, --grad")
        if self.step is not None:
            return made.step(self.step)
        if self.chapter is not None:
            return made.chapter(self.chapter)
        if self.language is not None:
            return made.code(self.language)
        return made.graph() if self.grad is None else made.grad(read_taps(self.grad)[0] if self.grad else None)


@click.command("explain", cls=NumbersCommand, short_help="Show every step of a small convolution.")
@click.argument("x", required=False)
@click.argument("w", required=False)
@click.option("-m", "--mode", type=MODE, default="valid", show_default=True)
@click.option("-s", "--stride", type=SIZE, default="1", help="2, or 2x1 for one per axis.")
@click.option("-d", "--dilation", type=SIZE, default="1", help="2, or 2x1 for one per axis.")
@click.option("-b", "--boundary", type=BOUNDARY, default="zero", help="edge, constant=7, …  [default: zero]")
@click.option("--no-flip", is_flag=True, help="Correlate: slide W as it is.")
@click.option(
    "-p", "--padding", type=PADDING, help="As a layer, which does not flip: 1, lo:hi, 1x2, same, valid or causal."
)
@click.option("--bias", help="As a layer: one number for each filter, 1,0.")
@click.option("-g", "--groups", type=click.IntRange(min=1), help="As a layer: groups of channels.")
@click.option("--around", type=INDEX, help="Only the outputs near this one: 100, or 20,30.")
@click.option("--step", type=INDEX, help="One output in full: its number, or its index, 1,0.")
@click.option("--chapter", type=click.Choice(CHAPTERS), help="One way to look at it, or one algorithm.")
@click.option("--im2col", "chapter", flag_value="im2col", help="Windows as columns of a matrix.")
@click.option("--compare", "chapter", flag_value="compare", help="Full, same, valid; and whose same it is.")
@click.option("--graph", is_flag=True, help="The computation graph, forward.")
@click.option(
    "--grad", is_flag=False, flag_value="", metavar="[DY]",
    help="The graph and its gradients for DY, 1,2,3; without it for ones. Put it last, or write --grad=DY.",
)  # fmt: skip
@click.option("--code", "language", type=click.Choice(LANGUAGES), help="A program for the same call.")
@click.option("--demo", type=click.Choice(DEMOS), help="A storyboard, in place of X and W.")
@click.option("-F", "--format", "kind", type=click.Choice([*FORMATS, *ALIASES]), metavar="FORMAT",
              help=f"{', '.join(FORMATS)}.  [default: what OUTPUT ends in, else txt]")  # fmt: skip
@click.option("--theme", type=click.Choice(["auto", "light", "dark"]), help="Of pictures.")
@click.option("--animate", is_flag=True, help="All steps in one SVG that plays by itself.")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
def command(
    x: str | None, w: str | None, mode: str, stride: tuple[int, ...], dilation: tuple[int, ...],
    boundary: tuple[str, Any], no_flip: bool, padding: Any, bias: str | None, groups: int | None, around: Any,
    step: Any, chapter: str | None, graph: bool, grad: str | None, language: str | None, demo: str | None,
    kind: str | None, theme: str | None, animate: bool, output: str, force: bool,
) -> None:  # fmt: skip
    """Show how X convolved with W gets its numbers.

    X and W are numbers, `0,1,2` or `1,2;3,4`, a kernel's name, @FILE, or - for stdin. With
    --padding, --bias or --groups it is a layer, and files may hold channels and filters.

    \b
    flipslide explain 0,1,2,3,4 1,-1,2
    flipslide explain 0,1,2,3,4 1,-1,2 -o steps.html
    flipslide explain 0,1,2,3,4 1,-1,2 -m full --step 3
    flipslide explain 0,1,2,3,4 1,-1,2 --grad=1,2,3 -o graph.svg
    flipslide explain @picture.csv sobel:x -m same -b edge --around 3,4
    flipslide explain --demo cs231n --im2col
    """
    view = View(step, chapter, language, graph, grad)
    view.check()
    is_layer = padding is not None or bias is not None or groups is not None
    if demo is not None:
        _refuse(CALL, f"--demo {demo} brings its own numbers and settings")
    if is_layer:
        _refuse(SIGNAL, "a layer pads with zeros and does not flip")
    kind = _format_of(kind, output, animate)
    check_output(output, is_text=kind not in BINARY, force=force)
    if demo is not None:
        made = _make_demo(demo, view)
    elif x is None or w is None:
        raise click.UsageError("give X and W, as in: flipslide explain 0,1,2,3,4 1,-1,2; or a --demo")
    else:
        arrays = read_taps(x)[0], read_taps(w)[0]
        common = {"stride": as_entries(stride), "dilation": as_entries(dilation), "around": around}
        if is_layer:
            made = _explain_layer(*arrays, 0 if padding is None else padding, bias, groups or 1, common)
        else:
            made = _explain(*arrays, mode, boundary, no_flip, common)
    shown = made if demo is not None and view == View() else view.open(made)
    _write(shown, kind, theme, animate, output, force)


def _refuse(names: tuple[str, ...], why: str) -> None:
    """An error for what was given and would be passed over."""
    context = click.get_current_context()
    given = [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        spelled = [name.upper() if name in ("x", "w") else f"--{name.replace('_', '-')}" for name in given]
        raise click.UsageError(f"{why}; leave out {', '.join(spelled)}")


def _explain(x: Any, w: Any, mode: str, boundary: tuple[str, Any], no_flip: bool, common: dict[str, Any]) -> Any:
    from flipslide.explain import explain

    operation = "correlate" if no_flip else "convolve"
    return explain(x, w, mode, operation=operation, boundary=boundary[0], fill_value=boundary[1], **common)


def _explain_layer(x: Any, w: Any, padding: Any, bias: str | None, groups: int, common: dict[str, Any]) -> Any:
    """A layer of one channel and one filter where X and W have as many axes as each other."""
    from flipslide.explain import explain_layer

    if w.ndim == x.ndim:
        x, w = x[None], w[None, None]
    offsets = None if bias is None else read_taps(bias)[0]
    return explain_layer(x, w, offsets, padding=padding, groups=groups, **common)


def _make_demo(name: str, view: View) -> Any:
    from flipslide.explain.demos import make_demo, open_demo

    return open_demo(name) if view == View() else make_demo(name)


def _format_of(kind: str | None, output: str, animate: bool) -> str:
    """What was asked for, or what the output's name ends in."""
    if kind is None:
        ending = Path(output).suffix.lstrip(".").lower()
        kind = "svg" if animate else "txt"
        if ending:
            kind = ALIASES.get(ending, ending)
            if kind not in FORMATS:
                raise click.UsageError(f"{output} ends in none of {', '.join(FORMATS)}; say which one with -F")
    kind = ALIASES.get(kind, kind)
    if animate and kind != "svg":
        raise click.UsageError(f"--animate is for SVG; {kind} has no use for it. GIF, APNG and WebP move by themselves")
    return kind


def _write(shown: Any, kind: str, theme: str | None, animate: bool, output: str, force: bool) -> None:
    if theme == "auto" and kind in BINARY:
        raise click.UsageError(f"--theme auto: the pixels of {kind} are either light or dark")
    content = shown.animated_svg() if animate else shown.render(kind, theme or "")
    if isinstance(content, str):
        if output == "-":
            click.echo(_for_stdout(content), nl=False)
            return
        content = content.encode()
    write_bytes(output, content, force=force)


def _for_stdout(text: str) -> str:
    """The text in what stdout can show."""
    from flipslide.show.text import to_ascii

    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return to_ascii(text)
    return text
