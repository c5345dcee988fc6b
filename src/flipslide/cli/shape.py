"""`flipslide shape`: the size formula of a layer with its numbers put in, and what the layer costs.

Integers only, so that the text needs no NumPy.
"""

from __future__ import annotations

from typing import Any

import click

from .options import MODE, PADDING, SIZE, NumbersCommand, as_entries, refuse
from .output import Output, output_options

__all__ = ["command"]

#: The numbers of --layer, in their order.
LAYER = ("kernel", "stride", "padding", "dilation")


class Layer(click.ParamType[dict[str, Any]]):
    """One layer of a chain: taps, and if needed stride, padding and dilation."""

    name = "k,s,p,d"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        entries = value.split(",")
        if not 0 < len(entries) <= len(LAYER):
            self.fail(f"{value!r} is no layer; write 3, or 3,2,1 for kernel, stride and padding", param, ctx)
        return {
            name: PADDING.convert(entry, param, ctx) if name == "padding" else _entries(entry, param, ctx)
            for name, entry in zip(LAYER, entries, strict=False)
        }


def _entries(text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
    return as_entries(SIZE.convert(text, param, ctx))


@click.command("shape", cls=NumbersCommand, short_help="How large the output of a layer is, and why.")
@click.argument("size", type=SIZE)
@click.option("-k", "--kernel", type=SIZE, help="Taps: 3, or 3x5.")
@click.option("-s", "--stride", type=SIZE, default="1", help="2, or 2x1.")
@click.option("-p", "--padding", type=PADDING, help="1, lo:hi, 1x2, same, same_lower, valid or causal.  [default: 0]")
@click.option("-d", "--dilation", type=SIZE, default="1", help="2, or 2x1.")
@click.option("-m", "--mode", type=MODE, help="Of a signal, in place of the padding.")
@click.option("--transposed", is_flag=True, help="The size of a transposed layer.")
@click.option("--output-padding", type=SIZE, default="0", help="Of a transposed layer.")
@click.option("-c", "--channels", type=int, default=1, help="For the counts of parameters and products.")
@click.option("-n", "--filters", type=int, default=1, help="The same.")
@click.option("-g", "--groups", type=int, default=1, help="The same.")
@click.option("--no-bias", is_flag=True, help="The same.")
@click.option(
    "-l", "--layer", "layers", type=Layer(), multiple=True,
    help="One layer of a chain, 3,2,1 for kernel, stride and padding; give it several times.",
)  # fmt: skip
@output_options
def command(
    size: tuple[int, ...], kernel: tuple[int, ...] | None, stride: tuple[int, ...], padding: Any,
    dilation: tuple[int, ...], mode: str | None, transposed: bool, output_padding: tuple[int, ...], channels: int,
    filters: int, groups: int, no_bias: bool, layers: tuple[dict[str, Any], ...], **where: Any,
) -> None:  # fmt: skip
    """Show how large the output of a layer is: the formula, its numbers, the result, what it costs.

    \b
    flipslide shape 5 -k 3 -s 2 -p 1
    flipslide shape 32x64 -k 3x5 -p same -s 2 -c 3 -n 16
    flipslide shape 4 -k 3 -s 2 -p 1 --transposed --output-padding 1
    flipslide shape 224 -l 7,2,3 -l 3,2,1 -l 3,1,1
    flipslide shape 5 -k 3 -s 2 -p 1 -o ruler.svg
    """
    from flipslide.explain import explain_shape

    output = Output.of(**where)
    if layers:
        refuse(("kernel", "stride", "padding", "dilation", "mode", "transposed", "output_padding"), "--layer says it")
    elif kernel is None:
        raise click.UsageError("give the taps, as in: flipslide shape 5 -k 3; or the layers of a chain, -l 3,2,1")
    report = explain_shape(
        as_entries(size),
        None if kernel is None else as_entries(kernel),
        stride=as_entries(stride),
        padding=padding if padding is None or isinstance(padding, str) else _pads(padding, len(size)),
        dilation=as_entries(dilation),
        mode=mode,
        transposed=transposed,
        output_padding=as_entries(output_padding),
        channels=channels,
        filters=filters,
        groups=groups,
        bias=not no_bias,
        layers=layers or None,
    )
    output.write(report)


def _pads(padding: Any, n_axes: int) -> Any:
    """A lone pair stands for all axes."""
    return (padding,) * n_axes if isinstance(padding[0], int) else padding
