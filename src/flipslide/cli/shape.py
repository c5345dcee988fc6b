"""`flipslide shape`: the size formula of a layer with its numbers put in.

    o = ⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1

Integers only, so it imports no NumPy.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import click

from flipslide.errors import ParameterError
from flipslide.geometry import ints_per_axis, layer_count, layer_pads, span_of, to_int

from .options import PADDING, SIZE, NumbersCommand, as_entries

__all__ = ["command"]

FORMULA = "⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1"


class Row(NamedTuple):
    """One axis."""

    size: int
    taps: int
    stride: int
    dilation: int
    lo: int
    hi: int

    @property
    def room(self) -> int:
        return self.size + self.lo + self.hi - span_of(self.taps, self.dilation)

    @property
    def outputs(self) -> int:
        return layer_count(self.size, self.lo, self.hi, span_of(self.taps, self.dilation), self.stride)

    def formula(self) -> str:
        """The formula with this axis's numbers, the floor's fraction, and the result."""
        padded = f"{self.size} + {self.lo} + {self.hi}"
        inner = f"({padded} − {self.dilation}·({self.taps} − 1) − 1)/{self.stride}"
        return f"⌊{inner}⌋ + 1 = ⌊{self.room}/{self.stride}⌋ + 1 = {self.room // self.stride} + 1 = {self.outputs}"

    def left_over(self) -> str:
        """What the floor drops."""
        unused = self.room % self.stride
        samples = "sample is" if unused == 1 else f"{unused} samples are"
        return f"the floor drops {unused}/{self.stride}: the last {samples} never read" if unused else ""


def _rows(sizes: tuple[int, ...], taps: Any, stride: Any, padding: Any, dilation: Any) -> list[Row]:
    n_axes = len(sizes)
    columns = [
        ints_per_axis(entries, n_axes, name, 1)
        for entries, name in ((taps, "kernel"), (stride, "stride"), (dilation, "dilation"))
    ]
    return [
        Row(n, k, s, d, *layer_pads(pads, n, span_of(k, d), s))
        for n, k, s, d, pads in zip(sizes, *columns, _paddings(padding, n_axes), strict=True)
    ]


def _paddings(padding: Any, n_axes: int) -> list[Any]:
    """One word or pair per axis; a lone one stands for all of them."""
    if isinstance(padding, str) or isinstance(padding[0], int):
        return [padding] * n_axes
    if len(padding) != n_axes:
        raise ParameterError(f"the padding has {len(padding)} entries for {n_axes} axes; give one, or one per axis")
    return list(padding)


def _times(sizes: Any) -> str:
    return "x".join(map(str, sizes))


def _for_terminal(text: str) -> str:
    """The text in what stdout can show."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in (("⌊", "floor("), ("⌋", ")"), ("−", "-"), ("·", "*")):
            text = text.replace(sign, plain)
    return text


@click.command("shape", cls=NumbersCommand, short_help="How large the output of a layer is, and why.")
@click.argument("size", type=SIZE)
@click.option("-k", "--kernel", type=SIZE, required=True, help="Taps: 3, or 3x5.")
@click.option("-s", "--stride", type=SIZE, default="1", help="2, or 2x1.")
@click.option("-p", "--padding", type=PADDING, default="0", help="1, lo:hi, 1x2, same, same_lower, valid or causal.")
@click.option("-d", "--dilation", type=SIZE, default="1", help="2, or 2x1.")
def command(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], padding: Any, dilation: tuple[int, ...]
) -> None:
    """Show how large the output of a layer is: the formula, its numbers, the result.

    \b
    flipslide shape 5 -k 3 -s 2 -p 1
    flipslide shape 32x64 -k 3x5 -p same -s 2
    flipslide shape 5 -k 3 -p 2:0 -d 2
    """
    sizes = tuple(to_int(n, "size", 0) for n in size)
    rows = _rows(sizes, as_entries(kernel), as_entries(stride), padding, as_entries(dilation))
    lines = [f"o = {FORMULA}"]
    for number, row in enumerate(rows):
        lines.append(f"{f'axis {number}: ' if len(rows) > 1 else 'o = '}{row.formula()}")
        lines += [f"    {row.left_over()}"] if row.left_over() else []
    lines.append(f"{_times(sizes)} -> {_times(row.outputs for row in rows)}")
    click.echo(_for_terminal("\n".join(lines)))
