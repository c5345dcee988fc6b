"""Layers whose groups have few channels, such as depthwise ones, and signals that have taps of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flipslide as fs

#: Images, channels, groups, filters, sizes, taps, and stride, dilation, padding: planes whole and in bands, rows that
#: share what they load, are joined or are widened, phases of strides, channels that share a group, one axis and three.
LAYERS: dict[str, tuple[int, int, int, int, tuple[int, ...], tuple[int, ...], tuple[int, int, int]]] = {
    "planes": (1, 96, 96, 96, (56, 56), (3, 3), (1, 1, 1)),
    "images": (3, 70, 70, 70, (28, 28), (3, 3), (1, 1, 1)),
    "widened rows": (1, 120, 120, 120, (14, 14), (5, 5), (1, 1, 2)),
    "joined rows": (2, 300, 300, 300, (7, 7), (5, 5), (1, 1, 2)),
    "every second output": (2, 61, 61, 61, (57, 33), (3, 3), (2, 1, 1)),
    "every third tap": (1, 48, 48, 48, (40, 41), (3, 3), (1, 3, 3)),
    "phases that no tap reads": (1, 48, 48, 48, (61, 62), (2, 2), (3, 1, 0)),
    "bands": (1, 9, 9, 9, (200, 131), (3, 3), (1, 1, 1)),
    "wide bands": (1, 5, 5, 5, (30, 3000), (5, 3), (1, 1, 2)),
    "several filters": (2, 24, 24, 72, (31, 40), (3, 3), (1, 1, 1)),
    "small groups": (2, 32, 8, 40, (30, 30), (3, 3), (1, 1, 1)),
    "small groups in phases": (1, 32, 8, 16, (49, 50), (5, 4), (2, 1, 1)),
    "signals": (2, 40, 40, 40, (3001,), (9,), (2, 1, 4)),
    "volumes": (1, 20, 20, 20, (7, 20, 21), (3, 3, 3), (1, 1, 1)),
    "single taps": (1, 80, 80, 80, (80, 90), (1, 1), (1, 1, 0)),
}


def layer_by_windows(x: Any, w: Any, b: Any, groups: int, how: tuple[int, int, int]) -> Any:
    """In integers, tap by tap."""
    stride, dilation, padding = how
    n_axes = x.ndim - 2
    padded = np.pad(x, ((0, 0), (0, 0), *((padding, padding),) * n_axes))
    spans = tuple(dilation * (t - 1) + 1 for t in w.shape[2:])
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, tuple(range(2, x.ndim)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, stride),) * n_axes)]
    windows = windows[(..., *(slice(None, None, dilation),) * n_axes)]
    n, c, *outputs = windows.shape[: x.ndim]
    windows = windows.reshape(n, groups, c // groups, *outputs, *w.shape[2:])
    taps = w.reshape(groups, -1, *w.shape[1:])
    axes = "ijl"[:n_axes], "pqr"[:n_axes]
    y = np.einsum(f"ngc{axes[0]}{axes[1]},gkc{axes[1]}->ngk{axes[0]}", windows, taps, optimize=True)
    return y.reshape(n, len(w), *outputs) + b.reshape(-1, *(1,) * n_axes)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    ("dtype", "layout"),
    [
        ("float32", "channels_first"),
        ("float32", "channels_last"),
        ("float32", "reversed"),
        ("float64", "channels_first"),
        ("int32", "channels_last"),
        ("float16", "channels_first"),
    ],
)
def test_is_the_layer(name: str, dtype: str, layout: Any) -> None:
    images, channels, groups, filters, sizes, taps, how = LAYERS[name]
    rng = np.random.default_rng(len(name))
    x = rng.integers(-3, 4, (images, channels, *sizes))
    w = rng.integers(-3, 4, (filters, channels // groups, *taps))
    b = rng.integers(-3, 4, filters)
    wanted = layer_by_windows(x, w, b, groups, how)
    given = x.astype(dtype)
    if layout == "reversed":
        given, layout = np.ascontiguousarray(given[..., ::-1])[..., ::-1], "channels_first"
    elif layout == "channels_last":
        given = np.ascontiguousarray(np.moveaxis(given, 1, -1))
    stride, dilation, padding = how
    for method in ("direct", "gemm")[: 2 if filters > groups else 1]:
        y = fs.nn.conv(
            given, w.astype(dtype), b.astype(dtype),
            stride=stride, dilation=dilation, padding=padding, groups=groups, layout=layout, method=method,
        )  # fmt: skip
        y = np.moveaxis(y, -1, 1) if layout == "channels_last" else y
        np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("boundary", ["zero", "constant", "edge", "symmetric", "mirror", "wrap"])
@pytest.mark.parametrize(("sizes", "taps"), [((60, 60), (5, 4)), ((6, 300), (3, 9)), ((40, 3), (4, 9))])
def test_taps_for_each_signal_beyond_every_boundary(boundary: Any, sizes: Any, taps: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 10, (64, *sizes)).astype("float32")
    w = rng.integers(-9, 10, (64, *taps)).astype("float32")
    how = {"mode": "same", "boundary": boundary, "fill_value": 3 if boundary == "constant" else 0}
    y = fs.convolve(x, w, axes=(1, 2), method="direct", **how)
    for signal, each, result in zip(x, w, y, strict=True):
        np.testing.assert_array_equal(result, fs.convolve(signal, each, method="direct", **how))


def test_what_is_not_finite_stays_in_its_windows() -> None:
    x = np.zeros((1, 90, 40, 40), "float32")
    w = np.ones((90, 1, 3, 3), "float32")
    x[0, 5, 10, 39] = np.nan
    y = fs.nn.conv(x, w, padding=1, groups=90)
    assert set(zip(*np.nonzero(np.isnan(y)), strict=True)) == {(0, 5, i, j) for i in (9, 10, 11) for j in (38, 39)}
    w[7, 0, 0, 0] = np.inf
    y = fs.nn.conv(np.ones_like(x), w, padding=1, groups=90)
    assert np.isinf(y[0, 7, 1:, 1:]).all()
    assert np.isfinite(y[0, 7, 0]).all()
    assert np.isfinite(y[0, 7, :, 0]).all()
    assert np.isfinite(np.delete(y, 7, 1)).all()


def test_a_plan_says_that_groups_take_turns() -> None:
    plan = fs.nn.plan((1, 64, 56, 56), (64, 1, 3, 3), padding=1, groups=64, method="direct")
    assert "groups in turn" in str(plan)
