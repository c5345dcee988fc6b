"""The call in JAX, whose lax.conv_general_dilated does not flip."""

from __future__ import annotations

from collections.abc import Iterator

from .call import Call, pad_steps, slices
from .numpy import array_lines, pad_lines

__all__ = ["write"]


def write(call: Call) -> Iterator[str]:
    """jax.numpy.convolve where it does it; else lax, in double precision."""
    yield "import jax"
    yield "import jax.numpy as jnp"
    yield ""
    yield 'jax.config.update("jax_enable_x64", True)'
    dtype = "complex" if call.is_complex else "float"
    for line in array_lines(call, "jnp.array"):
        yield line[:-1] + f", dtype={dtype})"
    yield from (_layer if call.is_layer else _signal)(call)
    yield "print(y)"


def _signal(call: Call) -> Iterator[str]:
    plain = call.ndim == 1 and call.is_plain(lambda span: (span - 1) // 2) and not call.is_dilated
    if plain and call.flips and (call.mode == "full" or call.axes[0].n >= call.axes[0].span):
        yield f'y = jnp.convolve(x, w, mode="{call.mode}"){slices(call, call.strides)}'
        return
    zeros = all(rule == "zero" for rule in call.boundary)
    if not zeros:
        yield from pad_lines(call, "jnp")
    source = "p" if not zeros and pad_steps(call) else "x"
    flip = f"[{', '.join(['::-1'] * call.ndim)}]" if call.flips else ".conj()" if call.conjugates else ""
    note = "  # lax does not flip, so flip first" if call.flips else ""
    pads = [(pad.low, pad.high) for pad in call.pads()] if zeros else [(0, 0)] * call.ndim
    yield f"v = w{flip}[None, None]{note}"
    yield from _conv(call, f"{source}[None, None]", "v", pads, "[0, 0]")


def _conv(call: Call, x: str, w: str, pads: list[tuple[int, int]], end: str) -> Iterator[str]:
    groups = f", feature_group_count={call.groups}" if call.groups > 1 else ""
    dilation = f", rhs_dilation={call.dilations}" if call.is_dilated else ""
    yield "y = jax.lax.conv_general_dilated("
    yield f"    {x}, {w}, window_strides={call.strides}, padding={pads}{dilation}{groups}"
    yield f"){end}"


def _layer(call: Call) -> Iterator[str]:
    yield from _conv(call, "x[None]", "w", [(axis.before, axis.after) for axis in call.axes], "[0]")
    if call.bias is not None:
        yield f"y = y + b[:, {', '.join(['None'] * call.ndim)}]"
