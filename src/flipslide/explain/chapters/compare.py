"""`compare`: full, same and valid on one ruler, and whose "same" it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...arrays import Array
from ...geometry import extend_index, layer_pads
from ...graph.exact import pack, reverse
from ...show import Block, Cell, Formula, Grid, Table, Text, grid_of
from ...show.numbers import number_text
from ..draw.ruler import draw_compare
from ..draw.story import Shot, tell
from ..trace import Length, Trace, make_trace
from ..window import Window, dilate, full_sums, taps_of, window_of, zeros
from .chapter import Chapter, beside, check_signal, pictures, texts_of, written_down


class Same(NamedTuple):
    """What a library calls "same": for (n, span, stride) the first place on the full ruler, count and stride."""

    names: str
    flips: bool
    window: Callable[[int, int, int], tuple[int, int, int] | None]  # None: it refuses
    note: str


def _tensorflow(n: int, span: int, stride: int) -> tuple[int, int, int]:
    lo, _ = layer_pads("same", n, span, stride)
    return span - 1 - lo, -(-n // stride), stride


def _pytorch_padded(n: int, span: int, stride: int) -> tuple[int, int, int] | None:
    room = n + 2 * (span // 2) - span
    return (span - 1 - span // 2, room // stride + 1, stride) if room >= 0 else None


#: A window on the full ruler; the layers' is that of the sum without a flip.
SAMES: dict[str, Same] = {
    "numpy": Same(
        "NumPy", True,
        lambda n, span, stride: ((min(n, span) - 1) // 2, max(n, span), 1),
        "convolve: as long as the longer of the two",
    ),
    "scipy": Same(
        "SciPy signal", True,
        lambda n, span, stride: ((span - 1) // 2, n, 1),
        "convolve, oaconvolve: always as long as the first",
    ),
    "matlab": Same(
        "MATLAB, Octave, ndimage", True,
        lambda n, span, stride: (span // 2, n, 1),
        "conv, convolve1d: one place later where w has an even number of taps",
    ),
    "tensorflow": Same(
        "TensorFlow, JAX: 'SAME'", False, _tensorflow, "layers: no flip; pads depend on the stride",
    ),
    "pytorch": Same(
        "PyTorch: 'same'", False,
        lambda n, span, stride: _tensorflow(n, span, 1) if stride == 1 else None,
        "layers: no flip; an error with a stride",
    ),
    "pytorch padded": Same(
        "PyTorch, padding=k//2 by hand", False, _pytorch_padded, "layers: no flip; keeps the size where k is odd",
    ),
}  # fmt: skip

#: Places on the longest ruler that is drawn.
MAX_RULER = 64


def same_of(library: str, x: Array, w: Array, stride: int = 1) -> Array | None:
    """What a library's "same" gives along one axis; None where it refuses.

    >>> import numpy as np
    >>> u, v = (np.array(values, dtype=object) for values in ([-1, 2, 3, -2, 0, 1, 2], [2, 4, -1, 1]))
    >>> [same_of(library, u, v).tolist() for library in ("numpy", "matlab")]
    [[0, 15, 5, -9, 7, 6, 7], [15, 5, -9, 7, 6, 7, -1]]
    """
    rule = SAMES[library]
    window = rule.window(len(x), len(w), stride)
    if window is None:
        return None
    first, count, step = window
    full = full_sums(x, w if rule.flips else w[::-1])
    values = [full[i] if 0 <= i < len(full) else 0 for i in range(first, first + step * count, step)]
    return pack(values, (count,))


def chapter(trace: Trace) -> Chapter:
    """The ruler, the lengths, and the libraries."""
    window = window_of(trace)
    check_signal(window, "comparing modes")
    return (_line if len(window.axes) == 1 else _plane)(trace, window)


def _counts(axis: Length) -> dict[str, tuple[int, int]]:
    """(first, count) of each mode on the full ruler."""
    n, span = axis.n, axis.span
    return {"valid": (span - 1, max(n - span + 1, 0)), "same": ((span - 1) // 2, n), "full": (0, n + span - 1)}


def _line(trace: Trace, window: Window) -> Chapter:
    x, w, axis = window.x[0], reverse(dilate(window.v, window.axes)[0, 0]), window.axes[0]
    sums, counts = _bordered(x, w, trace.boundary[0], trace.fill_value), _counts(axis)
    taps = dilate(taps_of(trace, window), window.axes)[0, 0]
    libraries = {name: same_of(name, x, taps, axis.stride) for name in SAMES}
    modes = {mode: pack(list(sums[first : first + count]), (count,)) for mode, (first, count) in counts.items()}
    blocks = [
        *_lengths(axis, Grid("one ruler: each y stands at its place n of the full result", _ruler(x, sums, counts))),
        *pictures("three lengths", draw_compare(_modes(trace))),
        *_borders(x, w),
        *_libraries(libraries),
    ]
    return Chapter("compare", "Full, same, valid", blocks, None, libraries=libraries, **modes)


def _lengths(axis: Length, ruler: Grid) -> Iterator[Block]:
    yield Formula("full: N + D − 1    same: N    valid: N − D + 1", "N+D-1,\\qquad N,\\qquad N-D+1")
    yield written_down([ruler])
    n, span = axis.n, axis.span
    formulas = {"valid": f"{n} − {span} + 1", "same": f"{n}", "full": f"{n} + {span} − 1"}
    rows = tuple((mode, formulas[mode], str(count)) for mode, (_, count) in _counts(axis).items())
    yield Table(f"Lengths for N = {n} samples and taps that span D = {span}", ("mode", "length", ""), rows, "llr")
    step = f" The stride of {axis.stride} then keeps every {axis.stride}th of them." if axis.stride > 1 else ""
    cut = f"full keeps every overlap, same keeps {n}, valid keeps only complete ones: each is a cut of full."
    yield Text(cut + step)


def _libraries(libraries: dict[str, Array | None]) -> Iterator[Block]:
    rows = tuple((SAMES[name].names, "refuses" if y is None else texts_of(y)) for name, y in libraries.items())
    yield Table('Whose "same"? With zeros outside x,', ("library", "y"), rows, "ll")
    yield Table("", ("library", "of which"), tuple((same.names, same.note) for same in SAMES.values()), "ll")


def _modes(trace: Trace) -> list[Trace]:
    """The same call in each mode, if it can be drawn; where w does not fit in x there is no valid one."""
    words = dict(operation=trace.operation, boundary=trace.boundary, fill_value=trace.fill_value, stride=trace.stride,
                 dilation=trace.dilation)  # fmt: skip
    (axis,) = trace.lengths
    if axis.n + axis.span > MAX_RULER:
        return []
    modes = [mode for mode in _counts(axis) if mode != "valid" or axis.span <= axis.n]
    return [make_trace(list(trace.x), list(trace.w), mode, **words) for mode in modes]


def _bordered(x: Array, w: Array, boundary: str, fill: Any) -> Array:
    """Every place of the full ruler, with x extended by a rule."""
    full = zeros((len(x) + len(w) - 1,))
    for n in range(len(full)):
        for j, tap in enumerate(w):
            source = extend_index(n - j, len(x), boundary)
            if source is not None or boundary == "constant":
                full[n] = full[n] + tap * (fill if source is None else x[source])
    return full


def _ruler(x: Array, sums: Array, counts: dict[str, tuple[int, int]]) -> tuple[tuple[Cell, ...], ...]:
    columns = range(len(sums))
    rows = [
        (Cell("n"), *(Cell(str(n), "", True) for n in columns)),
        (Cell("x"), *(Cell(number_text(x[n]), "x") if n < len(x) else Cell("") for n in columns)),
    ]
    for mode, (first, count) in counts.items():
        kept = range(first, first + count)
        rows.append((Cell(mode), *(Cell(number_text(sums[n]), "y") if n in kept else Cell("") for n in columns)))
    return tuple(rows)


BORDERS = {
    "zero": ("0 0 0 | a b c d | 0 0 0", "np.pad constant, PyTorch zeros, OpenCV CONSTANT"),
    "edge": ("a a a | a b c d | d d d", "np.pad edge, ndimage nearest, PyTorch replicate, OpenCV REPLICATE"),
    "symmetric": ("c b a | a b c d | d c b", "np.pad symmetric, ndimage reflect, OpenCV REFLECT"),
    "mirror": ("d c b | a b c d | c b a", "np.pad reflect, ndimage mirror, PyTorch reflect, OpenCV REFLECT_101"),
    "wrap": ("b c d | a b c d | a b c", "np.pad wrap, ndimage wrap, PyTorch circular, OpenCV WRAP"),
}


def _borders(x: Array, w: Array) -> Iterator[Block]:
    """What each boundary rule makes of "same"."""
    if not len(x):
        return
    first = (len(w) - 1) // 2
    sames = {rule: texts_of(_bordered(x, w, rule, 0)[first : first + len(x)]) for rule in BORDERS}
    rows = tuple((rule, pattern, sames[rule]) for rule, (pattern, _) in BORDERS.items())
    yield Table('What stands outside x, and "same" with it', ("boundary", "x̃", "same"), rows, "lll")
    yield from tell("boundaries", _border_shots(x, len(w), sames))
    names = tuple((rule, names) for rule, (_, names) in BORDERS.items())
    yield Table("These rules elsewhere", ("boundary", "is called"), names, "ll")


def _border_shots(x: Array, n_taps: int, sames: dict[str, str]) -> Iterator[Shot]:
    """Rule after rule what stands where windows stick out of x."""
    reach, rows = max(n_taps - 1, 2), list[Grid]()
    for rule, (pattern, _) in BORDERS.items():
        cells = []
        for i in range(-reach, len(x) + reach):
            source = extend_index(i, len(x), rule)
            text = "0" if source is None else number_text(x[source])
            cells.append(Cell(text, "x" if 0 <= i < len(x) else "padding"))
        rows.append(Grid(rule, (tuple(cells),)))
        ends = [(0, 0, 1, reach), (0, reach + len(x), 1, reach)]
        yield Shot(f'{rule}, {pattern}: "same" is {sames[rule]}.', tuple(rows), {rule: ends})


def _plane(trace: Trace, window: Window) -> Chapter:
    """Two axes: the three cuts of the full plane."""
    full = full_sums(window.x[0], reverse(dilate(window.v, window.axes)[0, 0]))
    axes = [_counts(axis) for axis in window.axes]
    cuts = {mode: full[tuple(slice(f, f + n) for f, n in (axis[mode] for axis in axes))] for mode in axes[0]}
    upper = full[tuple(slice(axis.span // 2, axis.span // 2 + axis.n) for axis in window.axes)]
    parts = {mode: pack(list(cut.flat), cut.shape) for mode, cut in cuts.items()}
    libraries = {"scipy": parts["same"], "matlab": pack(list(upper.flat), upper.shape)}
    blocks = _cuts(cuts, upper, any(axis.span % 2 == 0 for axis in window.axes))
    return Chapter("compare", "Full, same, valid", blocks, None, libraries=libraries, **parts)


def _cuts(cuts: dict[str, Array], upper: Array, even: bool) -> Iterator[Block]:
    yield Text("With zeros outside x: full keeps every overlap, same as many as x has, valid only complete ones.")
    grids = [grid_of(f"{mode}: {' by '.join(map(str, cut.shape))}", cut, "y") for mode, cut in cuts.items()]
    yield beside(*grids[::-1])
    if not even:
        yield Text('These taps have a middle, so every library cuts the same "same" out of full (those that flip).')
        return
    yield Text('With even taps there are two "same": NumPy and SciPy cut full one place earlier than MATLAB\'s conv2.')
    yield beside(grid_of("SciPy's same", cuts["same"], "y"), grid_of("MATLAB's same", upper, "y"))
