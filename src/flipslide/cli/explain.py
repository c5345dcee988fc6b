"""`flipslide explain`: every step of a small convolution, in any format that it can be shown in."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, NamedTuple

import click

from .options import BOUNDARY, INDEX, MODE, PADDING, SIZE, NumbersCommand, as_entries, refuse
from .output import Output, output_options
from .streams import read_taps

__all__ = ["command"]

#: Spelled out, because --help imports nothing that knows them; a test compares.
DEMOS = ("1d", "padding", "stride", "graph", "2d", "cs231n", "im2col", "functions")
CHAPTERS = (
    "flip", "scatter", "compare", "matrix", "im2col", "col2im", "direct", "gemm", "separable", "box", "overlap", "fft",
    "numpy", "winograd", "reduction",
)  # fmt: skip
LANGUAGES = ("numpy", "scipy", "matlab", "pytorch", "jax", "c", "loops")
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
@output_options
def command(
    x: str | None, w: str | None, mode: str, stride: tuple[int, ...], dilation: tuple[int, ...],
    boundary: tuple[str, Any], no_flip: bool, padding: Any, bias: str | None, groups: int | None, around: Any,
    step: Any, chapter: str | None, graph: bool, grad: str | None, language: str | None, demo: str | None,
    **where: Any,
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
        refuse(CALL, f"--demo {demo} brings its own numbers and settings")
    if is_layer:
        refuse(SIGNAL, "a layer pads with zeros and does not flip")
    output = Output.of(**where)
    if demo is not None:
        made = _make_demo(demo, view)
    elif x is None or w is None:
        raise click.UsageError("give X and W, as in: flipslide explain 0,1,2,3,4 1,-1,2; or a --demo")
    else:
        first = _read("X", x)
        arrays = first, _read("W", w, None if is_layer else first.ndim)
        common = {"stride": as_entries(stride), "dilation": as_entries(dilation), "around": around}
        if is_layer:
            made = _explain_layer(*arrays, 0 if padding is None else padding, bias, groups or 1, common)
        else:
            made = _explain(*arrays, mode, boundary, no_flip, common)
    output.write(made if demo is not None and view == View() else view.open(made))


def _read(name: str, text: str, ndim: int | None = None) -> Any:
    """An argument as an array, fractions as they are; a kernel that has a name with as many axes as x."""
    import numpy as np

    if not text.strip():
        raise click.UsageError(f"{name} is empty; write numbers such as 0,1,2,3,4")
    if "/" not in text or not set(text) <= set("0123456789/.,;+- \n"):
        return read_taps(text, ndim=ndim)[0]
    read_taps(text)  # says what is wrong with the numbers, if anything
    rows = [[Fraction(cell) for cell in row.replace(",", " ").split()] for row in re.split(r"[;\n]", text.strip())]
    return np.array(rows if len(rows) > 1 else rows[0], dtype=object)


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
