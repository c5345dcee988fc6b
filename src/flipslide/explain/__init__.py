"""How a small convolution gets its numbers, step by step.

`trace.py` collects every number of a call and where it came from; `text.py` writes it down.
"""

from __future__ import annotations

from typing import Any

from ..arrays import Array
from ..exact import pack
from .text import render_text
from .trace import Trace, make_trace

__all__ = ["Explanation", "Trace", "explain"]


class Explanation:
    """What `fs.explain` returns: print it, or read its `trace`."""

    __slots__ = ("trace",)

    trace: Trace

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @property
    def y(self) -> Array:
        """The result, of exact numbers where x and w are exact."""
        return pack([step.value for step in self.trace.steps], self.trace.y_shape)

    def to_json(self, indent: int | None = None) -> str:
        """The trace as JSON, schema "flipslide-trace/1"."""
        return self.trace.to_json(indent)

    def __str__(self) -> str:
        return render_text(self.trace)

    def __repr__(self) -> str:
        x_shape = tuple(length.n for length in self.trace.lengths)
        w_shape = tuple(length.taps for length in self.trace.lengths)
        words = f"{self.trace.operation}, mode {self.trace.mode!r}"
        return f"<Explanation: {words}, x {x_shape}, w {w_shape}, y {self.trace.y_shape}>"


def explain(
    x: Any,
    w: Any,
    mode: str = "valid",
    *,
    operation: str = "convolve",
    boundary: Any = "zero",
    fill_value: Any = 0,
    center: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
) -> Explanation:
    """Show how a small convolution in one or two dimensions gets every number.

    y[m] = Σ_j w[j] · x̃[start + stride·m − dilation·j]: the arrays, the flip, the length
    formula with its numbers, one line of arithmetic for each output, the result, and what
    the other operation (correlation for "convolve", and the reverse) gives.

    Parameters
    ----------
    x, w : array_like
        Both with one axis or both with two; at most 512 outputs of 64 terms each.
        Integers and Fractions stay exact, narrow floats are summed in double.
    mode, boundary, fill_value, center, stride, dilation
        As in `fs.convolve`.
    operation : {"convolve", "correlate"}
        "convolve" flips w; "correlate" does not, and conjugates it.

    Returns
    -------
    Explanation
        `print` it; `.y` is the result, `.trace` the data, `.to_json()` the data as JSON.

    Raises
    ------
    ShapeError, ParameterError, DtypeError

    Examples
    --------
    >>> import flipslide as fs
    >>> print(fs.explain([0, 1, 2, 3, 4], [1, -1, 2]))
    x = 0 1 2 3 4      w = 1 -1 2      flipped w = 2 -1 1
    length: floor((5 + 0 - 3)/1) + 1 = 3    (valid: only full overlaps)
    <BLANKLINE>
     n   window of x   times flipped w      sum
     0   0  1  2       2·0 + -1·1 + 1·2   =   1
     1   1  2  3       2·1 + -1·2 + 1·3   =   3
     2   2  3  4       2·2 + -1·3 + 1·4   =   5
    <BLANKLINE>
    y = 1 3 5
    without the flip (correlation, what PyTorch calls conv): 3 5 7
    """
    return Explanation(
        make_trace(
            x, w, mode, operation=operation, boundary=boundary, fill_value=fill_value, center=center, stride=stride,
            dilation=dilation,
        )
    )  # fmt: skip
