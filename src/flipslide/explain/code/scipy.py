"""The call in SciPy."""

from __future__ import annotations

from collections.abc import Iterator

from .call import Call, pad_steps, slices
from .numpy import array_lines, dilate_lines, pad_lines

__all__ = ["write"]


def write(call: Call) -> Iterator[str]:
    """scipy.signal, on x padded by NumPy where the call wants more than its three modes."""
    yield "import numpy as np"
    yield "from scipy import signal"
    yield ""
    yield from array_lines(call)
    yield from (_layer if call.is_layer else _signal)(call)
    yield "print(y)"


def _signal(call: Call) -> Iterator[str]:
    verb = "convolve" if call.flips else "correlate"
    taps, step = "v" if call.is_dilated else "w", slices(call, call.strides)
    yield from dilate_lines(call)
    if call.is_plain(lambda span: (span - 1) // 2):
        yield f'y = signal.{verb}(x, {taps}, "{call.mode}"){step}'
        return
    yield from pad_lines(call, "np")
    yield f'y = signal.{verb}({"p" if pad_steps(call) else "x"}, {taps}, "valid"){step}'


def _layer(call: Call) -> Iterator[str]:
    """A correlation for every filter and channel."""
    yield from pad_lines(call, "np", 1)
    source = "p" if pad_steps(call) else "x"
    conjugate = ".conj()" if call.is_complex else ""  # correlate conjugates, a layer does not
    filters, each = len(call.w), len(call.w) // call.groups
    channels = len(call.w[0])
    yield f"y = np.zeros({(filters, *call.outputs)}, dtype=np.result_type(x, w))"
    yield f"for k in range({filters}):"
    yield f"    for c in range({channels}):"
    first = "c" if call.groups == 1 else f"k // {each} * {channels} + c"
    taps = f"w[k, c]{conjugate}"
    if call.is_dilated:
        shape = call.spans if call.ndim > 1 else call.spans[0]
        yield f"        v = np.zeros({shape}, dtype=w.dtype)"
        yield f"        v[{', '.join(f'::{n}' for n in call.dilations)}] = {taps}"
        taps = "v"
    yield f'        y[k] += signal.correlate({source}[{first}], {taps}, "valid"){slices(call, call.strides)}'
    if call.bias is not None:
        yield f"y = y + b[:, {', '.join(['None'] * call.ndim)}]"
