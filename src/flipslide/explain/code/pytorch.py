"""The call in PyTorch, whose conv1d and conv2d do not flip."""

from __future__ import annotations

from collections.abc import Iterator

from ...geometry import extend_index
from .call import Call, Pad, pad_steps, python_number
from .numpy import array_lines

__all__ = ["write"]


def write(call: Call) -> Iterator[str]:
    """torch.nn.functional, in double precision."""
    yield "import torch"
    yield "import torch.nn.functional as F"
    yield ""
    dtype = "torch.complex128" if call.is_complex else "torch.float64"
    for line in array_lines(call, "torch.tensor"):
        yield line[:-1] + f", dtype={dtype})"
    yield from (_layer if call.is_layer else _signal)(call)
    yield "print(y)"


def _signal(call: Call) -> Iterator[str]:
    source = "x"
    for pad in pad_steps(call):
        yield f"p = {_pad(call, pad, source)}"
        source = "p"
    flip = f".flip({tuple(range(call.ndim)) if call.ndim > 1 else 0})" if call.flips else ""
    conjugate = ".conj().resolve_conj()" if call.conjugates else ""
    yield f"v = w{flip}{conjugate}[None, None]" + ("  # conv does not flip, so flip first" if call.flips else "")
    yield f"y = F.conv{call.ndim}d({source}[None, None], v{_settings(call)})[0, 0]"


def _pad(call: Call, pad: Pad, source: str) -> str:
    """Zeros and constants by F.pad; a rule that copies by its list of indices."""
    if pad.rule in ("zero", "constant"):
        # F.pad counts axes from the last one.
        widths = (0, 0) * (call.ndim - 1 - pad.axis) + (pad.low, pad.high)
        value = f", value={python_number(call.fill)}" if pad.rule == "constant" else ""
        return f"F.pad({source}, {widths}{value})"
    n = call.axes[pad.axis].n
    indices = [extend_index(i, n, pad.rule) for i in range(-pad.low, n + pad.high)]
    return f"{source}.index_select({pad.axis}, torch.tensor({indices}))"


def _settings(call: Call) -> str:
    words = {"stride": call.strides, "dilation": call.dilations}
    return "".join(f", {word}={_short(values)}" for word, values in words.items() if any(n > 1 for n in values))


def _short(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else str(values)


def _layer(call: Call) -> Iterator[str]:
    padding, source = "", "x[None]"
    lows = tuple(axis.before for axis in call.axes)
    if all(axis.before == axis.after for axis in call.axes):
        padding = f", padding={_short(lows)}" if any(lows) else ""
    else:
        widths = tuple(n for axis in reversed(call.axes) for n in (axis.before, axis.after))
        source = f"F.pad(x, {widths})[None]"
    bias = ", b" if call.bias is not None else ""
    groups = f", groups={call.groups}" if call.groups > 1 else ""
    yield f"y = F.conv{call.ndim}d({source}, w{bias}{_settings(call)}{padding}{groups})[0]"
