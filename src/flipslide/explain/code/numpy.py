"""The call in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

from .call import PAD_MODES, Call, Numbers, nested_text, pad_steps, python_number, slices

__all__ = ["array_lines", "dilate_lines", "pad_lines", "write"]

LETTERS = "mnop", "ijst"


def write(call: Call) -> Iterator[str]:
    """np.convolve or np.correlate where they do it; else windows and a sum."""
    yield "import numpy as np"
    if not _has_verb(call):
        yield "from numpy.lib.stride_tricks import sliding_window_view"
    yield ""
    yield from array_lines(call)
    yield from (_verb if _has_verb(call) else _windows)(call)
    yield "print(y)"


def _has_verb(call: Call) -> bool:
    return call.ndim == 1 and not call.is_layer


def array_lines(call: Call, make: str = "np.array", number: Numbers = python_number) -> Iterator[str]:
    """x, w and the bias."""
    for name, values in (("x", call.x), ("w", call.w), ("b", call.bias)):
        if values is not None:
            start = f"{name} = {make}("
            yield f"{start}{nested_text(values, number, len(start))})"


def _verb(call: Call) -> Iterator[str]:
    """One axis: the library's own verb."""
    verb = "convolve" if call.flips else "correlate"
    step = slices(call, call.strides)
    taps = "v" if call.is_dilated else "w"
    yield from dilate_lines(call)
    # np.convolve exchanges its arguments where w is the longer one.
    if call.is_plain(lambda span: (span - 1) // 2) and _fits(call):
        yield f'y = np.{verb}(x, {taps}, "{call.mode}"){step}'
        return
    yield from pad_lines(call, "np")
    yield f'y = np.{verb}({"p" if pad_steps(call) else "x"}, {taps}, "valid"){step}'


def _fits(call: Call) -> bool:
    return call.mode == "full" or call.axes[0].n >= call.axes[0].span


def _windows(call: Call) -> Iterator[str]:
    """Views of all windows, and one sum of products."""
    lead = int(call.is_layer)
    yield from pad_lines(call, "np", lead)
    source = "p" if pad_steps(call) else "x"
    axes = f", axis={tuple(range(1, 1 + call.ndim))}" if call.is_layer else ""
    spans = ", ".join(map(str, call.spans)) + ("," if call.ndim == 1 else "")
    every = ", ".join([":"] * lead + [f"::{n}" if n > 1 else ":" for n in (*call.strides, *call.dilations)])
    view = f"[{every}]" if call.is_strided or any(n > 1 for n in call.dilations) else ""
    yield f"windows = sliding_window_view({source}, ({spans}){axes}){view}"
    m, j = LETTERS[0][: call.ndim], LETTERS[1][: call.ndim]
    if not call.is_layer:
        yield f'y = np.einsum("{m}{j},{j}->{m}", windows, {_window_taps(call)})'
        return
    outputs = ", ".join(map(str, (len(call.w), *call.outputs)))
    if call.groups == 1:
        yield f'y = np.einsum("c{m}{j},kc{j}->k{m}", windows, w)'
    else:
        yield f"windows = windows.reshape({call.groups}, -1, *windows.shape[1:])"
        yield f"w = w.reshape({call.groups}, -1, *w.shape[1:])"
        yield f'y = np.einsum("gc{m}{j},gkc{j}->gk{m}", windows, w).reshape({outputs})'
    if call.bias is not None:
        yield f"y = y + b[:, {', '.join(['None'] * call.ndim)}]"


def _window_taps(call: Call) -> str:
    if call.flips:
        return f"w[{', '.join(['::-1'] * call.ndim)}]"
    return "w.conj()" if call.conjugates else "w"


def dilate_lines(call: Call, library: str = "np") -> Iterator[str]:
    """v: w with the zeros of its dilation."""
    if call.is_dilated:
        shape = call.spans if call.ndim > 1 else call.spans[0]
        yield f"v = {library}.zeros({shape}, dtype=w.dtype)"
        yield f"v[{', '.join(f'::{n}' for n in call.dilations)}] = w"


def pad_lines(call: Call, library: str, lead: int = 0, source: str = "x") -> Iterator[str]:
    """p: x with what stands outside it, and without what no window reads."""
    steps, n_axes = pad_steps(call), lead + call.ndim
    groups: list[tuple[str, list[tuple[int, int]]]] = []
    for pad in steps:
        widths = [(0, 0)] * n_axes
        widths[lead + pad.axis] = (max(pad.low, 0), max(pad.high, 0))
        if groups and groups[-1][0] == pad.rule:
            groups[-1] = (pad.rule, [max(a, b) for a, b in zip(groups[-1][1], widths, strict=True)])
        else:
            groups.append((pad.rule, widths))
    for rule, widths in groups:
        value = f", constant_values={python_number(call.fill)}" if rule == "constant" else ""
        mode = "" if rule in ("zero", "constant") else f', mode="{PAD_MODES[rule]}"'
        if any(pair != (0, 0) for pair in widths):
            yield f"p = {library}.pad({source}, {widths if n_axes > 1 else widths[0]}{mode}{value})"
            source = "p"
    crops = {pad.axis: pad for pad in steps if pad.low < 0 or pad.high < 0}
    if crops:
        entries = [":"] * lead + [_crop(crops[i].low, crops[i].high) if i in crops else ":" for i in range(call.ndim)]
        yield f"p = {source}[{', '.join(entries)}]"


def _crop(low: int, high: int) -> str:
    return f"{-low if low < 0 else ''}:{high if high < 0 else ''}"
