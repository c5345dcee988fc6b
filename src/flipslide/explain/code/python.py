"""The call in NumPy, SciPy, PyTorch and JAX: pad, dilate and flip as far as the library does not do it itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .call import Call, Numbers, nested_text, python_number, slices

#: What numpy.pad and jax.numpy.pad call the rules.
PAD_MODES = {"edge": "edge", "symmetric": "symmetric", "mirror": "reflect", "wrap": "wrap"}
LETTERS = "mnop", "ijst"


Writer = Callable[[Call], Iterator[str]]


def array_lines(call: Call, make: str, end: str, number: Numbers = python_number) -> Iterator[str]:
    """x, w and the bias."""
    for name, values in call.arrays():
        start = f"{name} = {make}"
        yield start + nested_text(values, number, len(start)) + end


def _program(head: str, array: str, dtypes: tuple[str, str], lines: Writer) -> Writer:
    """How it begins, what makes an array, its dtype for real and for complex numbers, and the lines that make y."""

    def write(call: Call) -> Iterator[str]:
        yield head
        yield ""
        dtype = dtypes[call.is_complex]
        yield from array_lines(call, array, f", dtype={dtype})" if dtype else ")")
        yield from lines(call)
        yield "print(y)"

    return write


# ------------------------------------------------------------------------------ the steps


def _dilate(call: Call, taps: str = "w", indent: str = "") -> Iterator[str]:
    """v: the taps with the zeros of their dilation."""
    if call.is_dilated:
        yield f"{indent}v = np.zeros({call.spans if call.ndim > 1 else call.spans[0]}, dtype=w.dtype)"
        yield f"{indent}v[{', '.join(f'::{n}' for n in call.dilations)}] = {taps}"


def _pad(call: Call, library: str = "np", lead: int = 0) -> Iterator[str]:
    """p: x with what stands outside it, and without what no window reads."""
    steps, n_axes, source = call.pad_steps(), lead + call.ndim, "x"
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
        mode = f', mode="{PAD_MODES[rule]}"' if rule in PAD_MODES else ""
        if any(pair != (0, 0) for pair in widths):
            yield f"p = {library}.pad({source}, {widths if n_axes > 1 else widths[0]}{mode}{value})"
            source = "p"
    crops = {pad.axis: f"{-pad.low if pad.low < 0 else ''}:{pad.high if pad.high < 0 else ''}" for pad in steps}
    if set(crops.values()) - {":"}:
        yield f"p = {source}[{', '.join([':'] * lead + [crops.get(i, ':') for i in range(call.ndim)])}]"


def _flipped(call: Call) -> str:
    """What follows the taps of a window that does not flip."""
    return f"[{', '.join(['::-1'] * call.ndim)}]" if call.flips else ".conj()" if call.conjugates else ""


def _bias(call: Call) -> Iterator[str]:
    if call.bias is not None:
        yield f"y = y + b[:, {', '.join(['None'] * call.ndim)}]"


def _short(values: tuple[int, ...]) -> str:
    """One number where all axes have the same."""
    return str(values[0] if len(set(values)) == 1 else values)


# ------------------------------------------------------------------------- NumPy and SciPy


def _verb(call: Call, library: str, refuses: bool) -> Iterator[str]:
    """The library's own verb; with `refuses` not where w is longer than x, for then NumPy exchanges them."""
    verb, taps, step = "convolve" if call.flips else "correlate", "v" if call.is_dilated else "w", slices(call.strides)
    yield from _dilate(call)
    if call.is_plain(lambda span: (span - 1) // 2) and not (refuses and not call.fits):
        yield f'y = {library}.{verb}(x, {taps}, "{call.mode}"){step}'
        return
    yield from _pad(call)
    yield f'y = {library}.{verb}({call.padded}, {taps}, "valid"){step}'


def _numpy(call: Call) -> Iterator[str]:
    """np.convolve or np.correlate along one axis; else views of all windows and one sum of products."""
    if call.is_line:
        yield from _verb(call, "np", True)
        return
    lead = int(call.is_layer)
    yield from _pad(call, "np", lead)
    axes = f", axis={tuple(range(1, 1 + call.ndim))}" if call.is_layer else ""
    spans = ", ".join(map(str, call.spans)) + ("," if call.ndim == 1 else "")
    view = slices((*call.strides, *call.dilations), lead)
    yield f"windows = np.lib.stride_tricks.sliding_window_view({call.padded}, ({spans}){axes}){view}"
    m, j = LETTERS[0][: call.ndim], LETTERS[1][: call.ndim]
    if not call.is_layer:
        yield f'y = np.einsum("{m}{j},{j}->{m}", windows, w{_flipped(call)})'
    elif call.groups == 1:
        yield f'y = np.einsum("c{m}{j},kc{j}->k{m}", windows, w)'
    else:
        yield f"windows = windows.reshape({call.groups}, -1, *windows.shape[1:])"
        yield f"w = w.reshape({call.groups}, -1, *w.shape[1:])"
        outputs = ", ".join(map(str, (call.filters, *call.outputs)))
        yield f'y = np.einsum("gc{m}{j},gkc{j}->gk{m}", windows, w).reshape({outputs})'
    yield from _bias(call)


def _scipy(call: Call) -> Iterator[str]:
    """scipy.signal, on x padded by NumPy where the call wants more than its modes; a loop over filters and channels."""
    if not call.is_layer:
        yield from _verb(call, "signal", False)
        return
    yield from _pad(call, "np", 1)
    # correlate conjugates, a layer does not.
    taps = f"w[k, c]{'.conj()' if call.is_complex else ''}"
    yield f"y = np.zeros({(call.filters, *call.outputs)}, dtype=np.result_type(x, w))"
    yield f"for k in range({call.filters}):"
    yield f"    for c in range({call.channels}):"
    yield from _dilate(call, taps, " " * 8)
    source = f"{call.padded}[{call.channel}], {'v' if call.is_dilated else taps}"
    yield f'        y[k] += signal.correlate({source}, "valid"){slices(call.strides)}'
    yield from _bias(call)


# ------------------------------------------------------------------------ PyTorch and JAX


def _torch(call: Call) -> Iterator[str]:
    """torch.nn.functional, whose conv1d and conv2d do not flip."""
    words = {"stride": call.strides, "dilation": call.dilations}
    settings = "".join(f", {word}={_short(n)}" for word, n in words.items() if max(n) > 1)
    if call.is_layer:
        lows, highs = zip(*((axis.before, axis.after) for axis in call.axes), strict=True)
        settings += f", padding={_short(lows)}" if lows == highs and any(lows) else ""
        widths = tuple(n for axis in reversed(call.axes) for n in (axis.before, axis.after))
        source = "x[None]" if lows == highs else f"F.pad(x, {widths})[None]"
        groups = f", groups={call.groups}" if call.groups > 1 else ""
        yield f"y = F.conv{call.ndim}d({source}, w{', b' if call.bias is not None else ''}{settings}{groups})[0]"
        return
    source = "x"
    for pad in call.pad_steps():
        if pad.rule in PAD_MODES:
            yield f"p = {source}.index_select({pad.axis}, torch.tensor({call.copied(pad)}))"
        else:
            # F.pad counts axes from the last one.
            widths = (0, 0) * (call.ndim - 1 - pad.axis) + (pad.low, pad.high)
            value = f", value={python_number(call.fill)}" if pad.rule == "constant" else ""
            yield f"p = F.pad({source}, {widths}{value})"
        source = "p"
    flip = f".flip({tuple(range(call.ndim)) if call.ndim > 1 else 0})" if call.flips else ""
    conjugate = ".conj().resolve_conj()" if call.conjugates else ""
    yield f"v = w{flip}{conjugate}[None, None]" + ("  # conv does not flip, so flip first" if call.flips else "")
    yield f"y = F.conv{call.ndim}d({source}[None, None], v{settings})[0, 0]"


def _jax(call: Call) -> Iterator[str]:
    """jax.numpy.convolve where it does it; else lax, which does not flip."""
    if call.is_layer:
        yield from _lax(call, "x[None]", "w", [(axis.before, axis.after) for axis in call.axes], "[0]")
        yield from _bias(call)
        return
    plain = call.ndim == 1 and call.is_plain(lambda span: (span - 1) // 2) and not call.is_dilated
    if plain and call.flips and call.fits:
        yield f'y = jnp.convolve(x, w, mode="{call.mode}"){slices(call.strides)}'
        return
    zeros = all(rule == "zero" for rule in call.boundary)
    pads = [(pad.low, pad.high) for pad in call.pads()] if zeros else [(0, 0)] * call.ndim
    if not zeros:
        yield from _pad(call, "jnp")
    note = "  # lax does not flip, so flip first" if call.flips else ""
    yield f"v = w{_flipped(call)}[None, None]{note}"
    yield from _lax(call, f"{'x' if zeros else call.padded}[None, None]", "v", pads, "[0, 0]")


def _lax(call: Call, x: str, w: str, pads: list[tuple[int, int]], end: str) -> Iterator[str]:
    groups = f", feature_group_count={call.groups}" if call.groups > 1 else ""
    dilation = f", rhs_dilation={call.dilations}" if call.is_dilated else ""
    yield "y = jax.lax.conv_general_dilated("
    yield f"    {x}, {w}, window_strides={call.strides}, padding={pads}{dilation}{groups}"
    yield f"){end}"


PROGRAMS = {
    "numpy": _program("import numpy as np", "np.array(", ("", ""), _numpy),
    "scipy": _program("import numpy as np\nfrom scipy import signal", "np.array(", ("", ""), _scipy),
    "pytorch": _program(
        "import torch\nimport torch.nn.functional as F", "torch.tensor(", ("torch.float64", "torch.complex128"), _torch
    ),
    "jax": _program(
        'import jax\nimport jax.numpy as jnp\n\njax.config.update("jax_enable_x64", True)', "jnp.array(",
        ("float", "complex"), _jax,
    ),
}  # fmt: skip
