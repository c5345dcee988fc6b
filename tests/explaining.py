"""Small calls and layers that can be explained, and what the definition says of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import flipslide as fs
from flipslide.definition import apply
from flipslide.explain import Explanation, explain, explain_layer
from flipslide.geometry import BOUNDARIES, MODES
from flipslide.graph import enter_layer
from flipslide.spec import ConvSpec


class Call(NamedTuple):
    """A call of `explain` or of `explain_layer`."""

    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray | None
    keywords: dict[str, Any]

    @property
    def is_layer(self) -> bool:
        return "padding" in self.keywords

    def explain(self, **more: Any) -> Explanation:
        if self.is_layer:
            return explain_layer(self.x, self.w, self.bias, **self.keywords, **more)
        return explain(self.x, self.w, **self.keywords, **more)

    def defined(self) -> np.ndarray:
        """The result by the definition."""
        if self.is_layer:
            words = {name: self.keywords[name] for name in ("stride", "padding", "dilation", "groups")}
            x, w, bias, spec = enter_layer(self.x, self.w, self.bias, **words)
            y = apply(spec, x.reshape(spec.x_shape), w.reshape(spec.w_shape), bias)
            return y.reshape(len(w), *y.shape[3:])
        words = {name: value for name, value in self.keywords.items() if name != "operation"}
        spec = ConvSpec.of(self.x.shape, self.w.shape, correlate=self.keywords["operation"] == "correlate", **words)
        return apply(spec, self.x, self.w)

    def engine_gradients(self, dy: np.ndarray) -> tuple[np.ndarray, ...]:
        """(dx, dw) of a signal, (dx, dw, db) of a layer, as the engine computes them."""
        if self.is_layer:
            dx, dw, db = fs.nn.conv_grads(dy[None], self.x[None], self.w, **self.keywords)
            return dx[0], dw, db
        words = {name: value for name, value in self.keywords.items() if name != "operation"}
        grads = fs.convolve_grads if self.keywords["operation"] == "convolve" else fs.correlate_grads
        return grads(dy, self.x, self.w, **words)

    @property
    def n_products(self) -> int:
        """Terms of the whole call, as its graph counts them."""
        return int(self.defined().size * self.w[0 if self.is_layer else ...].size)


@st.composite
def signals(draw: st.DrawFn, operations: tuple[str, ...] = ("convolve", "correlate")) -> Call:
    """One axis or two, every mode, boundary, centre, stride and dilation."""
    n_axes = draw(st.integers(1, 2))
    taps = [draw(st.integers(1, 4 if n_axes == 1 else 3)) for _ in range(n_axes)]
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(n_axes))
    spans = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    sizes = [draw(st.integers(1, 9 if n_axes == 1 else 5)) for _ in range(n_axes)]
    mode = draw(st.sampled_from(MODES))
    if mode == "valid":
        sizes = [max(n, span) for n, span in zip(sizes, spans, strict=True)]
    keywords: dict[str, Any] = {
        "operation": draw(st.sampled_from(operations)),
        "mode": mode,
        "boundary": tuple(draw(st.sampled_from(BOUNDARIES)) for _ in range(n_axes)),
        "stride": tuple(draw(st.integers(1, 3)) for _ in range(n_axes)),
        "dilation": dilation,
    }
    keywords["fill_value"] = draw(st.sampled_from([0, 3])) if "constant" in keywords["boundary"] else 0
    if mode == "same":
        keywords["center"] = tuple(draw(st.sampled_from([None, "upper", "lower", 0, 2, -1])) for _ in range(n_axes))
    return Call(draw(_numbers(tuple(sizes))), draw(_numbers(tuple(taps))), None, keywords)


@st.composite
def layers(draw: st.DrawFn) -> Call:
    """One spatial axis or two, groups, a bias or none, any padding."""
    n_axes = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 2))
    channels, filters = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    taps = tuple(draw(st.integers(1, 3)) for _ in range(n_axes))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(n_axes))
    spans = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    sizes = tuple(draw(st.integers(span, span + 3)) for span in spans)
    pairs = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(n_axes))
    keywords = {
        "stride": tuple(draw(st.integers(1, 3)) for _ in range(n_axes)),
        "padding": draw(st.sampled_from([0, 1, "same", "same_lower", "causal", "valid", pairs])),
        "dilation": dilation,
        "groups": groups,
    }
    bias = draw(_numbers((filters,))) if draw(st.booleans()) else None
    return Call(
        draw(_numbers((channels, *sizes))), draw(_numbers((filters, channels // groups, *taps))), bias, keywords
    )


@st.composite
def _numbers(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-5, 6, shape)


#: Half of the calls are layers.
calls = st.one_of(signals(), layers())
