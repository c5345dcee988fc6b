"""Pooling against loops over every window, and its gradients as adjoints."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import COMPLEX, INTEGERS, REAL, in_memory, values

import flipslide as fs
from flipslide.errors import DtypeError, IntegerOverflowError, ParameterError, ShapeError

ORDERED = (*REAL, *INTEGERS, "longdouble")


# ------------------------------------------------------------------------------ by hand


def windows(x_shape: tuple[int, ...], keywords: dict[str, Any]) -> Any:
    """(output, the places of its samples, its terms with padding) of every window, as the words define it."""
    sizes = x_shape[2:]
    window, stride, padding, dilation = (keywords[name] for name in ("window", "stride", "padding", "dilation"))
    counts = []
    for n, k, s, (lo, hi), d in zip(sizes, window, stride, padding, dilation, strict=True):
        count = (n + lo + hi - d * (k - 1) - 1) // s + 1
        if keywords["ceil_mode"]:
            while count * s < n + lo and (count - 1) * s + d * (k - 1) < n + lo + hi - 1:
                count += 1
        counts.append(count)
    for m in itertools.product(*map(range, counts)):
        along = [
            [s * i - lo + d * j for j in range(k)]
            for i, k, s, (lo, _), d in zip(m, window, stride, padding, dilation, strict=True)
        ]
        places = [at for at in itertools.product(*along) if all(0 <= i < n for i, n in zip(at, sizes, strict=True))]
        inside = [sum(i < n + hi for i in axis) for axis, n, (_, hi) in zip(along, sizes, padding, strict=True)]
        yield m, places, int(np.prod(inside))


@np.errstate(invalid="ignore")
def pooled_by_loops(x: np.ndarray, keywords: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """The largest, their places, the means over samples and over samples and padding, of channels first."""
    found: dict[tuple[int, ...], Any] = {}
    for m, places, n_terms in windows(x.shape, keywords):
        for n, c in np.ndindex(*x.shape[:2]):
            best, where = None, -1
            for at in places:
                value = x[(n, c, *at)]
                if best is None or value > best or value != value:
                    best, where = value, int(np.ravel_multi_index(at, x.shape[2:]))
            total = sum((x[(n, c, *at)].astype(np.longdouble) for at in places), np.longdouble(0))
            found[(n, c, *m)] = best, where, total / max(1, len(places)), total / max(1, n_terms)
    return found


def least(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


class Pool:
    """One call: x with channels first, and the words."""

    def __init__(self, x: np.ndarray, last: bool, keywords: dict[str, Any]) -> None:
        self.x, self.last, self.keywords = x, last, keywords
        self.layout = "channels_last" if last else "channels_first"

    def __call__(self, verb: Any, x: np.ndarray, **more: Any) -> Any:
        words = {**self.keywords, **more}
        return verb(x, words.pop("window"), layout=self.layout, **words)

    def given(self) -> np.ndarray:
        return self.to_layout(self.x)

    def to_layout(self, a: np.ndarray) -> np.ndarray:
        return np.moveaxis(a, 1, -1) if self.last else a

    def first(self, a: np.ndarray) -> np.ndarray:
        return np.moveaxis(a, -1, 1) if self.last else a

    def __repr__(self) -> str:
        return f"Pool({self.x.dtype}, {self.x.shape}, {self.layout}, {self.keywords})"


@st.composite
def pools(draw: st.DrawFn, dtypes: tuple[str, ...], special: bool = False) -> Pool:
    n_axes = draw(st.integers(1, 3))
    largest = (40, 9, 5)[n_axes - 1]
    per_axis = [
        (draw(st.integers(1, largest)), draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3)))
        for _ in range(n_axes)
    ]
    sizes, window, stride, dilation = (tuple(numbers) for numbers in zip(*per_axis, strict=True))
    spans = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    padding = []
    for n, span in zip(sizes, spans, strict=True):
        lo = draw(st.integers(0, 3))
        padding.append((lo, max(min(draw(st.integers(0, 3)), span - 1), span - n - lo)))
    shape = (draw(st.integers(0, 2)), draw(st.sampled_from([0, 1, 2, 3, 19])), *sizes)
    dtype = draw(st.sampled_from(dtypes))
    x = draw(values(shape, "float64" if dtype == "longdouble" else dtype)).astype(dtype)
    if special and x.dtype.kind == "f" and x.size:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        for value in (np.nan, np.inf, -np.inf, 1e-310, -0.0):
            x.flat[rng.integers(0, x.size, max(1, x.size // 9))] = value
    words = {
        "window": window, "stride": stride, "padding": tuple(padding), "dilation": dilation,
        "ceil_mode": draw(st.booleans()),
    }  # fmt: skip
    return Pool(draw(in_memory(x)), draw(st.booleans()), words)


# ------------------------------------------------------------------------------ forward


@given(call=pools(ORDERED, special=True))
def test_largest_and_where_it_is(call: Pool) -> None:
    y, places = call(fs.nn.max_pool_with_indices, call.given())
    alone = call(fs.nn.max_pool, call.given())
    assert y.dtype == alone.dtype == call.x.dtype
    np.testing.assert_array_equal(y, alone)
    y, places = call.first(y), call.first(places)
    expected = pooled_by_loops(call.x, call.keywords)
    assert y.size == len(expected)
    for at, (best, where, _, _) in expected.items():
        np.testing.assert_array_equal(y[at], least(call.x.dtype) if best is None else best)
        assert places[at] == where, at


@given(call=pools((*REAL, *INTEGERS, "longdouble")))
def test_means(call: Pool) -> None:
    padded = call.first(call(fs.nn.avg_pool, call.given()))
    bare = call.first(call(fs.nn.avg_pool, call.given(), count_include_pad=False))
    expected = pooled_by_loops(call.x, call.keywords)
    wanted = np.dtype(np.float64) if call.x.dtype.kind in "biu" else call.x.dtype
    assert padded.dtype == bare.dtype == wanted
    assert padded.size == len(expected)
    scale = float(np.abs(call.x.astype(float)).max(initial=0)) + 1e-30
    for at, (_, _, mean, mean_with_padding) in expected.items():
        assert abs(float(bare[at]) - float(mean)) <= 32 * scale * float(np.finfo(wanted).eps)
        assert abs(float(padded[at]) - float(mean_with_padding)) <= 32 * scale * float(np.finfo(wanted).eps)


@given(call=pools(COMPLEX))
def test_complex_means_are_those_of_the_parts(call: Pool) -> None:
    y = call(fs.nn.avg_pool, call.given())
    assert y.dtype == call.x.dtype
    np.testing.assert_array_equal(y.real, call(fs.nn.avg_pool, call.given().real))
    np.testing.assert_array_equal(y.imag, call(fs.nn.avg_pool, call.given().imag))


def test_not_finite_samples_stay_in_their_windows() -> None:
    x = np.zeros((1, 1, 40), np.float32)
    x[0, 0, [7, 20]] = np.nan, np.inf
    y = fs.nn.avg_pool(x, 3, stride=2)[0, 0]
    assert np.flatnonzero(np.isnan(y)).tolist() == [3]
    assert np.flatnonzero(np.isinf(y)).tolist() == [9, 10]


def test_numbers_too_small_to_be_normal_count() -> None:
    x = np.array([[[0.0, 1e-40, 2e-40, 1e-40]]], np.float32)
    assert fs.nn.max_pool(x, 2).tolist() == [[[float(np.float32(1e-40)), float(np.float32(2e-40))]]]
    assert (fs.nn.avg_pool(x, 2) > 0).all()


def test_exact_types() -> None:
    x = np.array([[[Fraction(1, 3), Fraction(2, 3), Fraction(1, 2), Fraction(5, 2)]]], object)
    assert fs.nn.max_pool(x, 2).tolist() == [[[Fraction(2, 3), Fraction(5, 2)]]]
    assert fs.nn.avg_pool(x, 2).tolist() == [[[Fraction(1, 2), Fraction(3, 2)]]]
    assert fs.nn.avg_pool_grad(x, (1, 1, 4), 1).tolist() == x.tolist()
    assert fs.nn.max_pool_grad(x[..., :2], x, 2).tolist() == [[[0, Fraction(1, 3), 0, Fraction(2, 3)]]]


@pytest.mark.parametrize("dtype", [*REAL, *INTEGERS])
@pytest.mark.parametrize("sizes", [(1,), (70,), (7, 9), (3, 4, 5)])
def test_whole_channels(dtype: str, sizes: tuple[int, ...]) -> None:
    x = np.random.default_rng(4).integers(0, 100, (2, 3, *sizes)).astype(dtype)
    along = tuple(range(2, x.ndim))
    for array in (x, np.asfortranarray(x)):
        np.testing.assert_array_equal(fs.nn.max_pool(array, sizes), x.max(axis=along, keepdims=True))
        mean = fs.nn.avg_pool(array, sizes)
        np.testing.assert_allclose(mean.astype(float), x.astype(float).mean(axis=along, keepdims=True), rtol=1e-3)
    dx = fs.nn.avg_pool_grad(mean, x.shape, sizes)
    np.testing.assert_array_equal(dx, np.broadcast_to((mean / mean.dtype.type(x[0, 0].size)), x.shape))
    if x.dtype.kind == "f":
        x[0, 1].flat[-1] = np.nan
        assert np.isnan(fs.nn.max_pool(x, sizes)).ravel().tolist() == [False, True, False, False, False, False]


def test_padding_words() -> None:
    x = np.arange(1.0, 6.0).reshape(1, 1, 5)
    assert fs.nn.max_pool(x, 3, stride=2, padding="same").tolist() == [[[2, 4, 5]]]
    assert fs.nn.max_pool(x, 3, stride=1, padding="causal").tolist() == [[[1, 2, 3, 4, 5]]]
    assert fs.nn.avg_pool(x, 2, stride=1, padding="same", count_include_pad=False).tolist() == [
        [[1.5, 2.5, 3.5, 4.5, 5]]
    ]


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(layout: str, n_threads: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 48, 47, 46)).astype(np.float32)
    words: dict[str, Any] = {"stride": (2, 1), "padding": 1, "layout": layout}
    y, places = fs.nn.max_pool_with_indices(x, 3, threads=1, **words)
    means = fs.nn.avg_pool(x, 3, threads=1, **words)
    for one, many in (
        (y, fs.nn.max_pool(x, 3, threads=n_threads, **words)),
        (places, fs.nn.max_pool_with_indices(x, 3, threads=n_threads, **words)[1]),
        (means, fs.nn.avg_pool(x, 3, threads=n_threads, **words)),
        (
            fs.nn.avg_pool_grad(y, x.shape, 3, threads=1, **words),
            fs.nn.avg_pool_grad(y, x.shape, 3, threads=n_threads, **words),
        ),
        (
            fs.nn.max_pool_grad(y, x, 3, threads=1, **words),
            fs.nn.max_pool_grad(y, x, 3, threads=n_threads, **words),
        ),
    ):
        np.testing.assert_array_equal(one, many)


# ----------------------------------------------------------------------------- backward


@given(call=pools(("float32", "float64", "longdouble")))
def test_mean_gradient_is_the_adjoint(call: Pool) -> None:
    for padded in (True, False):
        y = call(fs.nn.avg_pool, call.given(), count_include_pad=padded)
        dy = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
        words = {**call.keywords, "layout": call.layout, "count_include_pad": padded}
        dx = fs.nn.avg_pool_grad(dy, call.given().shape, words.pop("window"), **words)
        assert dx.dtype == dy.dtype
        left, right = (dy.astype(float) * y).sum(), (dx.astype(float) * call.given()).sum()
        reach = float((np.abs(dy).astype(float) * call(fs.nn.avg_pool, np.abs(call.given()))).sum()) + 1e-30
        # Rounding grows with the terms of a sum, at most 64 of each window and a few thousand windows.
        assert abs(left - right) <= 300 * reach * max(float(np.finfo(y.dtype).eps), 2.0**-52)


@given(call=pools(("float32", "float64", "float16", "int32", "uint8", "longdouble")))
def test_max_gradient_goes_to_the_largest(call: Pool) -> None:
    y, places = call(fs.nn.max_pool_with_indices, call.given())
    rng = np.random.default_rng(2)
    dy = rng.integers(0, 3, y.shape).astype(call.x.dtype)
    words = {**call.keywords, "layout": call.layout}
    window = words.pop("window")
    dx = fs.nn.max_pool_grad(dy, call.given(), window, **words)
    np.testing.assert_array_equal(
        dx, fs.nn.max_pool_grad(dy, call.given(), window, indices=np.asfortranarray(places), **words)
    )
    assert dx.dtype == dy.dtype
    expected = np.zeros((*call.x.shape[:2], int(np.prod(call.x.shape[2:]))))
    dy, places = call.first(dy), call.first(places)
    for at in np.ndindex(*places.shape):
        if places[at] >= 0:
            expected[(*at[:2], places[at])] += float(dy[at])
    np.testing.assert_array_equal(call.first(dx), expected.reshape(call.x.shape))


def test_gradients_of_integers() -> None:
    assert fs.nn.avg_pool_grad(np.array([[[3, 4]]]), (1, 1, 4), 2).tolist() == [[[1.5, 1.5, 2, 2]]]
    x = np.array([[[1, 9, 1]]], np.int8)
    assert fs.nn.max_pool_grad(np.array([[[60, 60]]], np.int8), x, 2, stride=1).tolist() == [[[0, 120, 0]]]
    with pytest.raises(IntegerOverflowError, match="a sum reaches 140, beyond 127"):
        fs.nn.max_pool_grad(np.array([[[70, 70]]], np.int8), x, 2, stride=1)


# ------------------------------------------------------------------------------- errors

ONES = np.ones
BAD_CALLS: dict[str, tuple[Any, type[Exception], str]] = {
    "no channels": (
        lambda: fs.nn.max_pool(ONES((3, 4)), 2),
        ShapeError,
        r"pooling wants x of shape \(N, C, \*spatial\), or \(N, \*spatial, C\), not \(3, 4\)",
    ),
    "window too large": (
        lambda: fs.nn.max_pool(ONES((1, 1, 3)), 4),
        ShapeError,
        r"spans 4 samples but the padded axis has 3 \+ 0 \+ 0 = 3",
    ),
    "layout": (lambda: fs.nn.avg_pool(ONES((1, 1, 3)), 2, layout="NHWC"), ParameterError, "layout='NHWC' is not known"),
    "window of nothing": (lambda: fs.nn.avg_pool(ONES((1, 1, 3)), 0), ParameterError, "window must be at least 1"),
    "complex": (
        lambda: fs.nn.max_pool(ONES((1, 1, 3), complex), 2),
        DtypeError,
        "complex numbers have no largest; pool their parts",
    ),
    "cotangent": (
        lambda: fs.nn.avg_pool_grad(ONES((1, 1, 3)), (1, 1, 4), 2),
        ShapeError,
        r"dy has shape \(1, 1, 3\), the result that it is the gradient of has shape \(1, 1, 2\)",
    ),
    "cotangent of truths": (
        lambda: fs.nn.max_pool_grad(ONES((1, 1, 1), bool), ONES((1, 1, 2)), 2),
        DtypeError,
        "dy has dtype bool, which cannot be added up",
    ),
    "shape of indices": (
        lambda: fs.nn.max_pool_grad(ONES((1, 1, 1)), ONES((1, 1, 2)), 2, indices=[0]),
        ShapeError,
        "as max_pool_with_indices gives them",
    ),
    "indices beyond x": (
        lambda: fs.nn.max_pool_grad(ONES((1, 1, 1)), ONES((1, 1, 2)), 2, indices=[[[2]]]),
        ParameterError,
        "indices names a sample that x does not have",
    ),
    "indices below": (
        lambda: fs.nn.max_pool_grad(ONES((1, 1, 1), np.longdouble), ONES((1, 1, 2)), 2, indices=[[[-2]]]),
        ParameterError,
        "indices names a sample that x does not have",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors(name: str) -> None:
    call, kind, message = BAD_CALLS[name]
    with pytest.raises(kind, match=message):
        call()


# -------------------------------------------------------------------------- beside others


@given(call=pools(("float32", "float64")))
def test_like_torch(call: Pool) -> None:
    torch = pytest.importorskip("torch")
    words = dict(call.keywords)
    window, stride, dilation = words["window"], words["stride"], words["dilation"]
    # PyTorch's padding is the same on both sides and half a window at most.
    padding = tuple(min(lo, k // 2) for (lo, _), k in zip(words["padding"], window, strict=True))
    spans = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    fits = all(n + 2 * p >= span for n, p, span in zip(call.x.shape[2:], padding, spans, strict=True))
    if not fits or call.x.size == 0:
        return
    functional, n_axes = torch.nn.functional, call.x.ndim - 2
    x = torch.from_numpy(np.array(call.x)).requires_grad_()
    words = {"stride": stride, "padding": padding, "ceil_mode": words["ceil_mode"]}
    given = {**words, "layout": call.layout}
    y, places = getattr(functional, f"max_pool{n_axes}d")(x, window, dilation=dilation, return_indices=True, **words)
    ours, ours_places = fs.nn.max_pool_with_indices(call.given(), window, dilation=dilation, **given)
    np.testing.assert_array_equal(call.first(ours), y.detach().numpy())
    has_samples = call.first(ours_places) >= 0
    np.testing.assert_array_equal(call.first(ours_places)[has_samples], places.numpy()[has_samples])
    if any(n < k for n, k in zip(call.x.shape[2:], window, strict=True)):
        return  # refused by avg_pool3d
    for padded in (True, False):
        mean = getattr(functional, f"avg_pool{n_axes}d")(x, window, count_include_pad=padded, **words)
        ours = fs.nn.avg_pool(call.given(), window, count_include_pad=padded, **given)
        np.testing.assert_allclose(call.first(ours), mean.detach().numpy(), rtol=1e-5, atol=1e-5)
        dy = np.random.default_rng(3).standard_normal(mean.shape).astype(call.x.dtype)
        (dx,) = torch.autograd.grad(mean, x, torch.from_numpy(dy))
        ours = fs.nn.avg_pool_grad(call.to_layout(dy), call.given().shape, window, count_include_pad=padded, **given)
        np.testing.assert_allclose(call.first(ours), dx.numpy(), rtol=1e-4, atol=1e-5)
