"""Gradients as laws: each is the adjoint of the map it belongs to.

For a linear map A and its adjoint, Re⟨dy, A u⟩ = Re⟨A* dy, u⟩ for every u and dy. The two
sides are sums of the same n products of three numbers in another order, so they differ by
rounding only: at most about n·u times the sum of the products' magnitudes, which is what
the tolerance is a multiple of (the sides themselves may cancel to nearly nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Call, calls, layers

import flipslide as fs
from flipslide import phases
from flipslide.geometry import layer_axes
from flipslide.spec import ConvSpec

FLOATS = ("float32", "float64", "complex128")


def inner(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.real(np.vdot(a.astype(complex), b.astype(complex))))


def random_like(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return values.astype(dtype)


def assert_adjoint(dy: np.ndarray, y: np.ndarray, gradient: np.ndarray, direction: np.ndarray, largest: float) -> None:
    left, right = inner(dy, y), inner(gradient, direction)
    single = any(a.dtype.itemsize == (8 if a.dtype.kind == "c" else 4) for a in (y, gradient))
    unit = 2.0**-23 if single else 2.0**-52
    assert abs(left - right) <= 64 * unit * max(largest, 1e-300), (left, right)


def magnitude(verb: Any, dy: np.ndarray, x: np.ndarray, w: np.ndarray, keywords: dict[str, Any]) -> float:
    """The sum of the magnitudes of all products dy·w·x, times the square root of their number."""
    y = verb(np.abs(x).astype(float), np.abs(w).astype(float), **keywords)
    return float((np.abs(dy) * y).sum()) * np.sqrt(max(1, x.size + w.size))


@pytest.mark.parametrize("correlate", [False, True])
@given(call=calls(FLOATS))
def test_convolve_grads_are_adjoints(correlate: bool, call: Call) -> None:
    verb, grads = (fs.correlate, fs.correlate_grads) if correlate else (fs.convolve, fs.convolve_grads)
    keywords = {**call.keywords, "fill_value": 0}
    y = verb(call.x, call.w, **keywords)
    dy = random_like(y.shape, y.dtype, 1)
    dx, dw = grads(dy, call.x, call.w, **keywords)
    assert dx.shape == call.x.shape
    assert dw.shape == call.w.shape
    # A real array has a real gradient: the part that its values can follow.
    largest = magnitude(verb, dy, call.x, call.w, keywords)
    assert_adjoint(dy, y, dx, call.x, largest)
    assert_adjoint(dy, y, dw, call.w, largest)


@given(call=layers(("float32", "float64", "complex128")))
def test_conv_grads_are_adjoints(call: Call) -> None:
    y = fs.nn.conv(call.x, call.w, **call.keywords)
    dy = random_like(y.shape, y.dtype, 2)
    dx, dw, db = fs.nn.conv_grads(dy, call.x, call.w, **call.keywords)
    assert (dx.shape, dw.shape) == (call.x.shape, call.w.shape)
    largest = magnitude(fs.nn.conv, dy, call.x, call.w, call.keywords)
    assert_adjoint(dy, y, dx, call.x, largest)
    assert_adjoint(dy, y, dw, call.w, largest)
    channel = dy.ndim - 1 if call.keywords["layout"] == "channels_last" else 1
    np.testing.assert_allclose(db, np.moveaxis(dy, channel, 0).reshape(call.w.shape[0], -1).sum(axis=1), atol=1e-4)


@given(call=layers(("float64",)))
def test_transposed_layer_is_the_input_gradient(call: Call) -> None:
    y = fs.nn.conv(call.x, call.w, **call.keywords)
    dy = random_like(y.shape, y.dtype, 3)
    sizes = call.x.shape[1:-1] if call.keywords["layout"] == "channels_last" else call.x.shape[2:]
    keywords = dict(call.keywords)
    if isinstance(keywords["padding"], str) and keywords["padding"] != "valid":
        # A word's zeros depend on the size that is asked for; say them in numbers.
        words = {name: keywords[name] for name in ("stride", "padding", "dilation")}
        keywords["padding"] = tuple((axis.lo, axis.hi) for axis in layer_axes(sizes, call.w.shape[2:], **words))
    dx = fs.nn.conv_input_grad(dy, call.w, call.x.shape, **call.keywords)
    transposed = fs.nn.conv_transpose(dy, call.w, output_size=sizes, **keywords)
    np.testing.assert_array_equal(transposed, dx)


def test_gradients_along_random_directions() -> None:
    """⟨dy, y(x + hu) − y(x − hu)⟩ / 2h against ⟨dx, u⟩, and the same for w."""
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((2, 4, 7, 6)), rng.standard_normal((6, 2, 3, 2))
    keywords: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 2), (0, 1)), "dilation": (1, 2), "groups": 2}
    dy = rng.standard_normal(fs.nn.conv(x, w, **keywords).shape)
    dx, dw, _ = fs.nn.conv_grads(dy, x, w, **keywords)
    h = 1e-3
    u, v = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    numeric_x = (dy * (fs.nn.conv(x + h * u, w, **keywords) - fs.nn.conv(x - h * u, w, **keywords))).sum() / (2 * h)
    numeric_w = (dy * (fs.nn.conv(x, w + h * v, **keywords) - fs.nn.conv(x, w - h * v, **keywords))).sum() / (2 * h)
    assert numeric_x == pytest.approx((dx * u).sum(), rel=1e-8)
    assert numeric_w == pytest.approx((dw * v).sum(), rel=1e-8)


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_im2col_and_col2im_are_adjoint_and_lower_the_layer(n_axes: int) -> None:
    rng = np.random.default_rng(n_axes)
    x = rng.integers(-3, 4, (2, 3, *(7, 6, 5)[:n_axes]))
    keywords: dict[str, Any] = {"stride": 2, "padding": (((1, 2),) * n_axes), "dilation": (1, 2, 1)[:n_axes]}
    cols = fs.nn.im2col(x, 2, **keywords)
    other = rng.integers(-3, 4, cols.shape)
    back = fs.nn.col2im(other, x.shape[2:], 2, **keywords)
    assert (cols * other).sum() == (x * back).sum()
    w = rng.integers(-2, 3, (4, 3, *(2,) * n_axes))
    y = fs.nn.conv(x, w, **keywords)
    np.testing.assert_array_equal((w.reshape(4, -1) @ cols).reshape(y.shape), y)


def test_integer_gradients_are_exact() -> None:
    dx, dw = fs.convolve_grads([[1, 1], [1, 1]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, 1]], "valid")
    assert dw.tolist() == [[28, 24], [16, 12]]
    assert dx.tolist() == [[1, 1, 0], [1, 2, 1], [0, 1, 1]]


# --------------------------------------------------------------- many products, few outputs


def weight_grad_by_taps(
    dy: np.ndarray, x: np.ndarray, w_shape: tuple[int, ...], stride: int, padding: int, dilation: int, groups: int
) -> np.ndarray:
    """Σ_n Σ_m dy[n, k, m] · x[n, c, stride·m + dilation·j − padding], one tap after the other."""
    n_axes = x.ndim - 2
    wide = np.pad(x, [(0, 0), (0, 0), *[(padding, padding)] * n_axes])
    pixels = int(np.prod(dy.shape[2:]))
    split_dy = dy.reshape(len(x), groups, w_shape[0] // groups, pixels)
    dw = np.zeros((groups, w_shape[0] // groups, *w_shape[1:]), dy.dtype)
    for j in np.ndindex(*w_shape[2:]):
        first = [dilation * i for i in j]
        reach = (slice(i, i + stride * (m - 1) + 1, stride) for i, m in zip(first, dy.shape[2:], strict=True))
        seen = wide[(slice(None), slice(None), *reach)].reshape(len(x), groups, w_shape[1], pixels)
        dw[(..., *j)] = np.einsum("ngkp,ngcp->gkc", split_dy, seen)
    return dw.reshape(w_shape)


#: Images, channels, sizes, filters, taps, and stride, padding, dilation, groups: lanes are channels, or terms; samples
#: in place, or packed; slices of the sum; nothing at all.
REDUCTIONS: dict[str, tuple[int, int, tuple[int, ...], int, tuple[int, ...], tuple[int, int, int, int]]] = {
    "pixels": (2, 40, (9, 11), 70, (1, 1), (1, 0, 1, 1)),
    "every second pixel": (2, 20, (9, 11), 33, (1, 1), (2, 0, 1, 1)),
    "slices": (4, 16, (40, 41), 24, (3, 3), (1, 1, 1, 1)),
    "depthwise": (3, 7, (17, 19), 7, (3, 3), (1, 1, 1, 7)),
    "depthwise, in phases": (2, 5, (17, 19), 10, (5, 3), (3, 2, 2, 5)),
    "groups with stride": (2, 12, (13, 14), 60, (3, 2), (2, 1, 1, 3)),
    "padding wider than x": (1, 3, (2, 3), 20, (2, 2), (1, 4, 1, 1)),
    "long row": (1, 2, (3000,), 5, (40,), (16, 3, 1, 1)),
    "long row of channels": (2, 3, (3000,), 20, (7,), (1, 3, 1, 1)),
    "volumes": (2, 3, (5, 6, 7), 17, (3, 2, 3), (1, 1, 1, 1)),
    "no images": (0, 3, (5, 6), 17, (3, 3), (1, 1, 1, 1)),
    "no filters": (2, 3, (5, 6), 0, (3, 3), (1, 1, 1, 1)),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["int32", "float32", "float64", "int64"])
def test_weight_gradients_as_products_of_matrices(name: str, dtype: str) -> None:
    n, c, sizes, k, taps, (stride, padding, dilation, groups) = REDUCTIONS[name]
    rng = np.random.default_rng(len(name))
    counts = tuple((s + 2 * padding - dilation * (t - 1) - 1) // stride + 1 for s, t in zip(sizes, taps, strict=True))
    x = rng.integers(-9, 10, (n, c, *sizes)).astype(dtype)
    dy = rng.integers(-9, 10, (n, k, *counts)).astype(dtype)
    w_shape = (k, c // groups, *taps)
    wanted = weight_grad_by_taps(dy, x, w_shape, stride, padding, dilation, groups)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    for samples in (x, last, x[..., ::-1].copy()[..., ::-1]):
        for threads in (1, 2, 3):
            dw = fs.nn.conv_weight_grad(
                dy, samples, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
                method="reduction", threads=threads,
            )  # fmt: skip
            assert np.array_equal(dw, wanted)


#: Orders in which the axes (K, C, *taps) of taps may lie in memory, and the steps of a view of them.
LIES = {
    "as they come": ((0, 1, 2, 3), (1, 1)),
    "channels last": ((0, 2, 3, 1), (1, 1)),
    "filters last": ((2, 3, 1, 0), (1, 1)),
    "transposed": ((1, 0, 3, 2), (1, 1)),
    "backwards": ((0, 1, 2, 3), (-1, -1)),
    "apart": ((0, 1, 2, 3), (2, -2)),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "float16"])
@pytest.mark.parametrize(("filters", "channels", "taps"), [(70, 19, (3, 3)), (13, 37, (2, 5)), (5, 64, (1, 1))])
def test_taps_are_packed_wherever_they_lie(
    lie: str, dtype: str, filters: int, channels: int, taps: tuple[int, int]
) -> None:
    order, steps = LIES[lie]
    rng = np.random.default_rng(filters)
    plain = rng.integers(-8, 8, (filters, channels, *taps)).astype(dtype)
    sizes = [size * abs(step) for size, step in zip(plain.shape, (1, 1, *steps), strict=True)]
    room = np.zeros([sizes[dim] for dim in order], dtype).transpose(np.argsort(order))
    w = room[:, :, :: steps[0], :: steps[1]]
    w[...] = plain
    x = rng.integers(-8, 8, (2, channels, 6, 7)).astype(dtype)
    padded = np.pad(x.astype("int64"), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps, (2, 3))
    y = np.tensordot(windows, plain.astype("int64"), ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(fs.nn.conv(x, w, padding=1, method="gemm"), y.astype(dtype))
    dy = rng.integers(-8, 8, y.shape).astype(dtype)
    grad = fs.nn.conv_input_grad(dy, w, x.shape, padding=1, method="gemm")
    np.testing.assert_array_equal(grad, fs.nn.conv_input_grad(dy, plain, x.shape, padding=1, method="direct"))
    wide = grad.astype("int64")
    assert (wide * x.astype("int64")).sum() == (y * dy.astype("int64")).sum()


@pytest.mark.parametrize("place", [0, 1, 4000, 8999])
def test_one_tap_that_is_not_finite_is_noticed_when_taps_are_moved(place: int) -> None:
    w = np.ones((40, 25, 3, 3), "float32")
    w.reshape(-1)[place] = np.inf
    y = fs.nn.conv(np.ones((1, 25, 3, 3), "float32"), w, padding=1, method="gemm")
    k, _, i, j = np.unravel_index(place, w.shape)
    inside = [abs(i - 1 + p - 1) <= 1 and abs(j - 1 + q - 1) <= 1 for p in range(3) for q in range(3)]
    np.testing.assert_array_equal(np.isinf(y[0, k]).ravel(), inside)
    assert np.isfinite(np.delete(y, k, 1)).all()


def test_threads_do_not_change_the_bits_of_weight_gradients() -> None:
    rng = np.random.default_rng(3)
    x, dy = (rng.standard_normal((4, c, 40, 40)).astype(np.float32) for c in (16, 24))
    one, *others = (fs.nn.conv_weight_grad(dy, x, (24, 16, 3, 3), padding=1, threads=t) for t in (1, 2, 3))
    assert all(np.array_equal(one, other) for other in others)


def test_a_filled_place_without_a_term_along_another_axis() -> None:
    """One axis has a fill value outside x and the other nothing: where both are outside there is no term."""
    x, w = np.array([[2.0]]), np.arange(1.0, 41.0).reshape(10, 2, 2)
    boundary = ("constant", "zero")
    wanted = [fs.convolve(x, taps, boundary=boundary, fill_value=3, method="numpy") for taps in w]
    y = fs.convolve(
        x[None], w, axes=(1, 2), boundary=boundary, fill_value=3, method="reduction"
    )  # fmt: skip
    assert np.array_equal(y, wanted)


@pytest.fixture
def every_phase(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Layers of any size go by phases."""
    monkeypatch.setattr(phases, "_FEWEST_PRODUCTS", 0)
    phases.layer_program.cache_clear()
    yield
    phases.layer_program.cache_clear()


@pytest.mark.usefixtures("every_phase")
@given(call=layers(("float32", "float64", "complex128")), stride=st.integers(2, 7))
def test_input_grads_by_phases_are_the_whole_sum(call: Call, stride: int) -> None:
    keywords = {**call.keywords, "stride": stride}
    y = fs.nn.conv(call.x, call.w, **keywords)
    dy = random_like(y.shape, y.dtype, 3)
    by_phases = fs.nn.conv_input_grad(dy, call.w, call.x.shape, **keywords)
    whole = fs.nn.conv_input_grad(dy, call.w, call.x.shape, **keywords, method="direct")
    unit = np.finfo(y.dtype).eps
    bound = fs.nn.conv_input_grad(np.abs(dy).astype(float), np.abs(call.w).astype(float), call.x.shape, **keywords)
    assert np.all(np.abs(by_phases - whole) <= 8 * (call.w.size + 2) * unit * bound)
    one = fs.nn.conv_input_grad(dy, call.w, call.x.shape, **keywords, threads=1)
    np.testing.assert_array_equal(by_phases, one)


@pytest.mark.usefixtures("every_phase")
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(
    ("taps", "stride", "dilation", "extra"), [(3, 2, 1, 1), (4, 2, 1, 0), (40, 16, 1, 3), (1, 3, 2, 2)]
)
def test_transposed_layers_by_phases_have_their_bias(
    layout: Any, taps: int, stride: int, dilation: int, extra: int
) -> None:
    rng = np.random.default_rng(taps)
    x, w, bias = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((4, 3, 2, taps)), rng.standard_normal(6)
    given = np.moveaxis(x, 1, -1) if layout == "channels_last" else x
    words: dict[str, Any] = {"stride": (2, stride), "dilation": (1, dilation), "output_padding": (0, extra)}
    words |= {"groups": 2, "layout": layout}
    y = fs.nn.conv_transpose(given, w, bias, **words)
    whole = fs.nn.conv_transpose(given, w, bias, **words, method="direct")
    np.testing.assert_allclose(y, whole, rtol=1e-12, atol=1e-12)
    # A result that is also an input is written when everything is read.
    out = np.empty_like(y)
    assert fs.nn.conv_transpose(given, w, bias, **words, out=out) is out
    np.testing.assert_array_equal(out, y)


def test_phases_that_differ_in_their_taps_alone_are_channels_of_one_layer() -> None:
    spec = ConvSpec.of_layer((1, 1, 4800), (8, 1, 400), stride=160).grad_input()
    (axis,) = spec.axes
    assert [run.width for run in phases.runs_of(axis)] == [80, 80]
