"""Every kernel of the registry, on the instruction set in use, against the definition.

`FLIPSLIDE_ISA` pins the instruction set; CI runs this file once for each. A kernel is
tested by existing: the list comes from the compiled registry.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from checks import assert_is_definition
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Call, calls, layers, narrow_calls

import flipslide as fs
from flipslide import _core, definition
from flipslide.arrays import arithmetic_of
from flipslide.errors import IntegerOverflowError, ParameterError
from flipslide.execute import Program
from flipslide.methods import COMPILED
from flipslide.plan import METHODS, Plan, choose
from flipslide.spec import ConvSpec


@pytest.mark.parametrize("isa", _core.isas())
def test_isa_can_be_pinned(isa: str) -> None:
    code = (
        "from flipslide import _core; import flipslide as fs; print(_core.isa(), *fs.convolve([1.0, 2.0], [3.0, 4.0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FLIPSLIDE_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [isa, "3.0", "10.0", "8.0"]


def test_unknown_isa_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import flipslide as fs; fs.convolve([1.0], [1.0])"],
        env={**os.environ, "FLIPSLIDE_ISA": "avx9000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "FLIPSLIDE_ISA=avx9000 is not an instruction set of this build" in done.stderr


def run_if_possible(call: Call, method: str, correlate: bool) -> np.ndarray | None:
    """The result, or None where the method says that it does not apply."""
    verb = fs.correlate if correlate else fs.convolve
    try:
        return verb(call.x, call.w, method=method, **call.keywords)
    except ParameterError as error:
        assert "cannot do this" in str(error)
        return None
    except IntegerOverflowError:
        assert may_overflow(call)
        return None


def may_overflow(call: Call) -> bool:
    """Whether max|x|·Σ|w| is beyond the result's type, as it must be when a call is refused."""
    largest = max(np.abs(call.x.astype(object)).max(initial=0), call.keywords["fill_value"])
    dims = call.keywords["axes"] if call.w.ndim == call.x.ndim else None
    sums = np.abs(call.w.astype(object)).sum(axis=dims)
    return bool(largest * np.max(sums) > np.iinfo(np.result_type(call.x, call.w)).max)


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@pytest.mark.parametrize("correlate", [False, True])
@given(call=calls())
def test_convolve_is_the_definition(method: str, correlate: bool, call: Call) -> None:
    spec = ConvSpec.of(call.x.shape, call.w.shape, correlate=correlate, **call.keywords)
    y = run_if_possible(call, method, correlate)
    if y is not None:
        assert_is_definition(y, spec, call.x, call.w, method=method)


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@given(call=layers())
def test_layers_are_the_definition(method: str, call: Call) -> None:
    bias = np.arange(call.w.shape[0]).astype(call.x.dtype)
    try:
        y = fs.nn.conv(call.x, call.w, bias, method=method, **call.keywords)
    except ParameterError as error:
        assert "cannot do this" in str(error)
        return
    spec = ConvSpec.of_layer(call.x.shape, call.w.shape, **call.keywords)
    x, w = call.x.reshape(spec.x_shape), call.w.reshape(spec.w_shape)
    assert_is_definition(y.reshape(spec.y_shape), spec, x, w, bias, method)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint64"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_short_taps_are_the_definition(dtype: str, step: int) -> None:
    """Taps 1 to 5 apart, whose columns share what they load, by all rests of their groups and ends of a run."""
    rng = np.random.default_rng(step)
    for k in range(2, 14):
        for n in (1, 3, 4, 15, 16, 17, 31, 48, 49, 130):
            x = rng.integers(0, 9, (2, n + step * (k - 1))).astype(dtype)
            w = rng.integers(0, 9, k).astype(dtype)
            y = fs.correlate(x, w, "valid", method="direct", dilation=step)
            exact = sum(x[:, j * step : j * step + n] * w[j] for j in range(k))
            np.testing.assert_array_equal(y, exact, strict=True)


@pytest.mark.parametrize("channels", [2, 3, 4, 7])
@pytest.mark.parametrize("k", [3, 5, 7])
def test_short_taps_of_interleaved_channels(channels: int, k: int) -> None:
    rng = np.random.default_rng(channels)
    x, w = rng.integers(0, 9, (200, channels)).astype("float32"), rng.integers(0, 9, k).astype("float32")
    y = fs.convolve(x, w, axes=0, method="direct")
    for c in range(channels):
        np.testing.assert_array_equal(y[:, c], fs.convolve(x[:, c], w, method="numpy"))


@pytest.mark.parametrize("k", [3, 5, 16, 31])
def test_an_output_has_the_same_bits_wherever_it_lies(k: int) -> None:
    rng = np.random.default_rng(k)
    x, w = rng.standard_normal(400).astype("float32"), rng.standard_normal(k).astype("float32")
    whole = fs.correlate(x, w, "valid", method="direct")
    for first in range(1, 20):
        part = fs.correlate(x[first : first + 150 + 7 * first], w, "valid", method="direct")
        np.testing.assert_array_equal(part, whole[first : first + part.size])


@pytest.mark.parametrize("n", [20, 64, 65, 100])
def test_channels_of_several_passes_add_up(n: int) -> None:
    rng = np.random.default_rng(n)
    x, w = rng.integers(-9, 9, (2, 700, n)).astype("float64"), rng.integers(-9, 9, (1, 700, 3)).astype("float64")
    y = fs.nn.conv(x, w, method="direct")
    exact = sum(np.einsum("bcn,oc->bon", x[..., j : j + n - 2], w[..., j]) for j in range(3))
    np.testing.assert_array_equal(y, exact)


@pytest.mark.parametrize("shape", [(5, 900), (3, 4, 60), (40, 5, 5)])
@pytest.mark.parametrize("boundary", ["zero", "mirror"])
def test_signals_of_a_batch_are_single_ones(shape: tuple[int, ...], boundary: str) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(shape), rng.standard_normal(5)
    for array in (x, x[::-1], np.broadcast_to(x[:1], shape)):
        y = fs.convolve(array, w, axes=-1, boundary=boundary, method="direct")
        for place in np.ndindex(shape[:-1]):
            np.testing.assert_array_equal(y[place], fs.convolve(array[place], w, boundary=boundary, method="direct"))


#: What `winograd` and `reduction` take is in tests of their own: 3 × 3 layers, and gradients of taps.
@pytest.mark.parametrize("method", [*(m for m in COMPILED if m not in ("winograd", "reduction")), "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_large_enough_for_every_path(method: str, dtype: str, boundary: str) -> None:
    """Sizes at which tiles, interiors, edges and several threads all take part."""
    rng = np.random.default_rng(7)
    x = rng.integers(0, 3, (3, 130, 700)).astype(dtype)
    w = rng.integers(0, 2, (1 if method in ("direct", "box") else 5, 1, 5, 4)).astype(dtype)
    if method == "separable" and "int" in dtype:
        pytest.skip("for real numbers only")
    if method == "separable":
        w[:] = np.multiply.outer([1, 2, 0, 1, 1], [1, 1, 0, 2])
    if method == "box":
        w[:] = 1
    if method in ("overlap", "fft", "separable"):
        y = fs.convolve(x[None], w, "same", axes=(2, 3), boundary=boundary, method=method, threads=3).round()
    elif method == "gemm" or method == "auto":
        y = fs.convolve(x[None], w, "same", axes=(2, 3), boundary=boundary, method=method, threads=3)
    else:
        y = fs.convolve(x, w[0, 0], "same", boundary=boundary, method=method, threads=3)[None]
    padded = np.pad(x.astype(np.int64), ((0, 0), (2, 2), (2, 2)), mode="wrap" if boundary == "wrap" else "constant")
    for k in range(w.shape[0]):
        expected = sum(
            int(w[k, 0, i, j]) * padded[:, 4 - i : 134 - i, 3 - j : 703 - j] for i in range(5) for j in range(4)
        )
        np.testing.assert_array_equal(y[k], expected.astype(dtype))


def wrapped(exact: np.ndarray, dtype: str) -> np.ndarray:
    """Python integers as NumPy wraps them."""
    return (exact & (2**64 - 1)).astype(np.uint64).astype(dtype)


@given(
    call=narrow_calls(),
    dtype=st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32"]),
    overflow=st.sampled_from(["wrap", "wrap", "saturate"]),
)
def test_narrow_integers_are_the_definition(call: Call, dtype: str, overflow: str) -> None:
    """In dots (cpp/microkernels/dots.hpp), which wrap as sums do, also where two products are (-2^15)²."""
    spec = ConvSpec.of(call.x.shape, call.w.shape, **call.keywords)
    exact = definition.apply(spec, call.x.astype(np.int64), call.w.astype(np.int64))
    limits = np.iinfo(dtype)
    expected = wrapped(exact, dtype) if overflow == "wrap" else np.clip(exact, limits.min, limits.max).astype(dtype)
    for _ in range(2):  # the second time by heart
        y = fs.convolve(call.x, call.w, method="direct", dtype=dtype, overflow=overflow, **call.keywords)
        np.testing.assert_array_equal(y, expected)
    # Small calls know dots of two alone.
    many = many_times(call, 500_000 // max(1, spec.n_products) + 1)
    y = fs.convolve(many.x, many.w, method="direct", dtype=dtype, overflow=overflow, **many.keywords)
    np.testing.assert_array_equal(y, np.broadcast_to(expected, y.shape))


@pytest.mark.parametrize("fill", [200, 300, -1, 70_000, -40_000])
@pytest.mark.parametrize("x_dtype", ["uint8", "int16"])
@pytest.mark.parametrize("n", [20, 200_000])
def test_a_fill_value_may_be_wider_than_the_samples(fill: int, x_dtype: str, n: int) -> None:
    x, w = np.arange(n).astype(x_dtype), np.array([3, -1, 4], np.int16)
    y = fs.convolve(x, w, boundary="constant", fill_value=fill, dtype=np.int32, method="direct")
    padded = np.pad(x.astype(np.int64), 2, constant_values=fill)
    np.testing.assert_array_equal(y, np.convolve(padded, w, "valid"))


def many_times(call: Call, n: int) -> Call:
    """The same call for a batch of n, all of the same memory."""
    x = np.broadcast_to(call.x, (n, *call.x.shape))
    w = call.w if call.w.ndim < call.x.ndim else call.w[None]
    return Call(x, w, call.keywords | {"axes": tuple(axis + 1 for axis in call.keywords["axes"])})


@pytest.mark.parametrize("k", [1, 2, 3, 4, 16, 17, 64])
@pytest.mark.parametrize("x_dtype", ["int16", "uint8"])
@pytest.mark.parametrize("dtype", ["int16", "int32", "int8"])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_narrow_signals_in_place(k: int, x_dtype: str, dtype: str, shift: int) -> None:
    """Long enough to be read where they lie, from any number of two bytes on and from the byte between two."""
    rng = np.random.default_rng(k)
    n = 600_000 // k
    x = np.frombuffer(rng.bytes(2 * n + 2)[shift : shift + 2 * n], x_dtype)
    w = rng.integers(-128, 128, k, np.int16) if x_dtype == "uint8" else rng.integers(-(2**15), 2**15, k, np.int16)
    for mode in ("full", "same", "valid"):
        y = fs.convolve(x, w, mode, dtype=dtype, overflow="wrap", method="direct", threads=2)
        np.testing.assert_array_equal(y, np.convolve(x.astype(np.int64), w, mode).astype(dtype))


@pytest.mark.parametrize("x_dtype", ["int16", "uint8"])
@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_large_narrow_results_go_past_the_caches(x_dtype: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.integers(0, 99, (2100, 4101)).astype(x_dtype), np.array([[1, 2, 3], [4, 5, -6]], np.int16)
    y = fs.convolve(x, w, dtype=dtype)
    expected = np.zeros(y.shape, dtype)
    for (i, j), tap in np.ndenumerate(w):
        expected[i : i + x.shape[0], j : j + x.shape[1]] += tap * x
    assert y.nbytes > 16 << 20
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_least_numbers_of_16_bits(k: int) -> None:
    """Two of their products are 2^31, one more than 32 bits hold."""
    x, w = np.full(300, -(2**15), np.int16), np.full(k, -(2**15), np.int16)
    y = fs.convolve(x, w, "valid", dtype=np.int32, overflow="wrap", method="direct")
    np.testing.assert_array_equal(y, np.full(301 - k, k * 2**30).astype(np.int32))
    if k > 1:
        with pytest.raises(IntegerOverflowError):
            fs.convolve(x, w, dtype=np.int32, method="direct")


@pytest.mark.parametrize("x_dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("w_shape", [(3, 60, 5, 5), (2, 300, 1, 4), (2, 4, 3, 2)])
def test_narrow_layers(x_dtype: str, w_shape: tuple[int, ...]) -> None:
    """So many taps that channels are summed in several passes, and one bias."""
    rng = np.random.default_rng(4)
    x = rng.integers(0, 4, (2, w_shape[1], 9, 170)).astype(x_dtype)
    w, bias = rng.integers(-2, 3, w_shape).astype(np.int16), rng.integers(-9, 9, w_shape[0]).astype(np.int16)
    y = fs.nn.conv(x, w, bias, padding="same", method="direct")
    assert y.dtype == np.int16
    wide = fs.nn.conv(x.astype(np.int64), w.astype(np.int64), bias.astype(np.int64), padding="same", method="direct")
    np.testing.assert_array_equal(y, wide)


@given(call=calls(("float16", "float32", "float64")))
def test_product_taps_are_the_definition(call: Call) -> None:
    """Taps that are products of lines, each axis in turn, whatever the boundary and the layout."""
    assume(call.w.size > 0)
    axes = call.keywords["axes"] if call.w.ndim == call.x.ndim else range(call.w.ndim)
    w = np.ones_like(call.w)
    for axis in axes:
        line = np.moveaxis(call.w, axis, -1).reshape(-1, call.w.shape[axis])[:1].reshape(-1)
        w = w * np.expand_dims(line, [i for i in range(w.ndim) if i != axis])
    keywords = call.keywords | {"stride": 1}
    y = run_if_possible(call._replace(w=w.astype(call.w.dtype), keywords=keywords), "separable", False)
    if y is not None:
        spec = ConvSpec.of(call.x.shape, w.shape, **keywords)
        assert_is_definition(y, spec, call.x, w.astype(call.w.dtype), method="direct")


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "axes"),
    [((3000,), (40,), None), ((2, 700), (17,), None), ((61, 90), (9, 31), None), ((90, 41, 3), (20, 18), (0, 1)),
     ((20, 33, 50), (9, 2, 20), None), ((5, 4), (11, 30), None)],
)  # fmt: skip
@pytest.mark.parametrize("boundary", ["zero", "mirror"])
def test_boxes_are_the_direct_sum(dtype: str, x_shape: Any, w_shape: Any, axes: Any, boundary: str) -> None:
    """Taps that are all the same, as running sums: exact for integers, within the direct sum's bound else."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 200, x_shape).astype(dtype)
    w = np.full(w_shape, 3 if np.dtype(dtype).kind in "iu" else 1 / 3, "int64" if dtype == "uint8" else dtype)
    if np.dtype(dtype).kind == "f":
        x.flat[x.size // 2] = (np.inf, np.nan)[x.ndim % 2]
    words = dict(mode="full", axes=axes, boundary=boundary)
    expected = fs.convolve(x, w, method="direct", **words)
    y = fs.convolve(x, w, method="box", **words)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=2 * w.size * np.finfo(dtype).eps if expected.dtype.kind == "f" else 0)


def test_boxes_are_found() -> None:
    x = np.arange(40_000.0).reshape(200, 200)
    w = np.full((31, 31), 0.5)
    assert fs.plan(x.shape, w, x.dtype, "same").separates
    w[3, 4] = 0.25
    with pytest.raises(ParameterError, match="not all the same"):
        fs.convolve(x, w, method="box")


@pytest.mark.parametrize("rank", [1, 2])
def test_taps_are_separated_when_they_can_be(rank: int) -> None:
    """The default takes a Gaussian apart; as a method by name, "separable" is for single products."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 400))
    gauss = [np.exp(-(np.arange(-7, 8) ** 2) / s) for s in (8, 24)]
    w = sum(np.multiply.outer(g, g) for g in gauss[:rank])
    assert fs.plan(x.shape, w, x.dtype, "same").separates == "products"
    expected = fs.convolve(x, w, "same", method="direct")
    np.testing.assert_allclose(fs.convolve(x, w, "same"), expected, atol=1e-12 * np.abs(w).sum())
    if rank == 1:
        np.testing.assert_allclose(fs.convolve(x, w, "same", method="separable"), expected, atol=1e-13 * w.sum())
    else:
        with pytest.raises(ParameterError, match="not a product of taps along single axes"):
            fs.convolve(x, w, "same", method="separable")


def of_rank(rank: int, w_shape: tuple[int, int], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((w_shape[0], rank)) @ rng.standard_normal((rank, w_shape[1]))).astype(dtype)


def low_rank_program(x: np.ndarray, w: np.ndarray, rank: int = 8, method: str = "overlap", **words: Any) -> Program:
    """A transform's program that looks for taps of this rank, whether or not that would pay."""
    spec = ConvSpec.of(x.shape, w.shape, **words)
    plan = choose(spec, arithmetic_of(x.dtype, w.dtype), 2, method)
    return Program(LowRank(**(vars(plan) | {"separates": "products"}), rank_wanted=rank))


@dataclasses.dataclass(frozen=True)
class LowRank(Plan):
    rank_wanted: int = 0

    @property
    def rank(self) -> int:
        return self.rank_wanted


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "axes"),
    [((14, 40), (5, 7), None), ((2, 9, 17), (8, 6), None), ((12, 11, 3), (6, 7), (0, 1)), ((9, 17), (6, 10), None)],
)
@pytest.mark.parametrize("boundary", ["zero", "mirror", "constant"])
def test_taps_of_low_rank_are_the_definition(
    dtype: str, rank: int, x_shape: Any, w_shape: Any, axes: Any, boundary: str
) -> None:
    """Sums of products, with the bound of the transform that they stand for, in any layout."""
    x = np.random.default_rng(1).standard_normal((*x_shape[:-1], 2 * x_shape[-1])).astype(dtype)[::-1, ..., ::2]
    w = of_rank(rank, w_shape, dtype)
    words = dict(mode="same", axes=axes, boundary=boundary, fill_value=1.5 if boundary == "constant" else 0)
    y, reference = low_rank_program(x, w, **words)(x, w), low_rank_program(x, w, rank=0, **words)(x, w)
    assert_is_definition(y, ConvSpec.of(x.shape, w.shape, **words), x, w, method="overlap")
    assert np.array_equal(y, reference) == (rank == 1)  # a single product needs no looking


def test_terms_are_found_up_to_the_rank_that_pays() -> None:
    x = np.random.default_rng(1).standard_normal((300, 300))
    for rank in (2, 3):
        w = of_rank(rank, (20, 20), "float64")
        transformed = low_rank_program(x, w, rank=0)(x, w)
        for most in (1, 2, 3):
            y = low_rank_program(x, w, rank=most)(x, w)
            assert np.array_equal(y, transformed) == (most < rank)
            np.testing.assert_allclose(y, transformed, atol=1e-12 * np.abs(w).sum())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_terms_that_cancel_are_no_terms(dtype: str) -> None:
    """Two products whose difference is below their roundings leave taps of full rank, which are transformed."""
    x = np.random.default_rng(1).standard_normal((90, 90)).astype(dtype)
    big = of_rank(1, (20, 20), dtype)
    w = big - (big * (1 + np.linspace(0, 40, 20) * np.finfo(dtype).eps)).astype(dtype)
    np.testing.assert_array_equal(low_rank_program(x, w)(x, w), low_rank_program(x, w, rank=0)(x, w))


@pytest.mark.parametrize("bias", [False, True])
def test_terms_of_several_channels(bias: bool) -> None:
    """A bank of taps, each of its own rank: all zeros, a product, a sum of three."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 1, 12, 15))
    w = np.stack([of_rank(rank, (5, 6), "float64", rank) for rank in (1, 3, 0, 2)])[:, None]
    added = rng.standard_normal(4) if bias else None
    spec = ConvSpec.of_layer(x.shape, w.shape, padding="same")
    plan = choose(spec, arithmetic_of(x.dtype, w.dtype), 2, "overlap")
    program = Program(LowRank(**(vars(plan) | {"separates": "products"}), rank_wanted=8))
    x, w = x.reshape(spec.x_shape), w.reshape(spec.w_shape)
    assert_is_definition(program(x, w, added), spec, x, w, added, method="overlap")


@pytest.mark.parametrize("shape", [(130, 700), (60, 80, 3)])
def test_terms_leave_what_is_not_finite_where_it_belongs(shape: tuple[int, ...]) -> None:
    """A tile of a sum of products that is not finite is summed directly: zeros of the factors, taps that cancel
    to zero, and sums of one term that overflow would all say something else."""
    x = np.random.default_rng(1).standard_normal(shape)
    w = np.zeros((11, 9))
    w[2, 3], w[5, 5], w[2, 5] = 1.0, -2.0, 1e-3
    axes = (0, 1)
    assert not np.array_equal(low_rank_program(x, w, axes=axes)(x, w), low_rank_program(x, w, 0, axes=axes)(x, w))
    for value, place in ((np.nan, 7), (np.inf, x.size // 2), (-np.inf, x.size // 2 + 3), (1.7e308, x.size - 40)):
        x.flat[place] = value
    y, direct = low_rank_program(x, w, axes=axes)(x, w), fs.convolve(x, w, axes=axes, method="direct")
    for is_special in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(is_special(y), is_special(direct))


def test_products_overflow_only_where_the_sum_does() -> None:
    """Gaussian taps of sum 1 over the largest numbers: what the first pass leaves must not be larger than they."""
    line = np.exp(-(np.linspace(-3, 3, 25) ** 2) / 2).astype("float32")
    w = np.multiply.outer(line, line) / (line.sum() ** 2 * np.float32(1.01))
    x = np.full((40, 40), np.finfo("float32").max)
    y = fs.convolve(x, np.multiply.outer(w[12], w[:, 12] / w[12, 12]), "same", method="separable")
    assert np.isfinite(y).all()


def test_the_plan_says_which_rank_it_looks_for() -> None:
    plan = fs.plan((512, 512), (9, 11), "float64", method="overlap")
    assert plan.rank == 0  # as named
    numbers = arithmetic_of(np.dtype("f4"), np.dtype("f4"))
    # Between taps that are summed directly and those that a transform does in less than two products along the axes.
    plans = [choose(ConvSpec.of((400, 400), (n, n)), numbers, 1) for n in range(7, 25, 2)]
    plan = next(plan for plan in plans if plan.tile and plan.rank >= 2)
    assert f"taps of rank {plan.rank} or less" in str(plan)
    strict = choose(plan.spec, plan.arithmetic, 1, accuracy="strict")
    assert strict.separates == "products"
    assert strict.rank == 0
    assert "rank" not in str(strict)


@pytest.mark.parametrize("method", ["overlap", "fft"])
@pytest.mark.parametrize("shape", [(5000,), (90, 120)])
def test_not_finite_samples_stay_where_they_belong(method: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(shape), rng.standard_normal((9,) * len(shape))
    for value, place in ((np.nan, 7), (np.inf, x.size // 2), (-np.inf, x.size // 2 + 3), (1e308, x.size - 40)):
        x.flat[place] = value
    direct, y = fs.convolve(x, w, method="direct"), fs.convolve(x, w, method=method)
    for is_special in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(is_special(y), is_special(direct))


@pytest.mark.parametrize("method", ["direct", "gemm"])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("shape", [(1, 20_001), (150, 181)])
@pytest.mark.parametrize("is_real", [False, True])
def test_large_complex_sums(method: str, dtype: str, shape: tuple[int, int], is_real: bool) -> None:
    """Infinite parts, also where imaginary parts of taps are 0; several tiles, in place and packed."""
    rng = np.random.default_rng(5)
    x = (rng.integers(-9, 9, shape) + 1j * rng.integers(-9, 9, shape)).astype(dtype)
    w = rng.integers(-9, 9, (2, 1, min(shape[0], 4), 12)) * (1 if is_real else 1 + 2j)
    w = w.astype(dtype)[: 1 if method == "direct" else 2]
    x.real[0, 8], x.imag[-1, -9], x.real[-1, 7000 % shape[1]] = np.inf, -np.inf, np.nan
    y = fs.convolve(x[None, None], w, "valid", axes=(2, 3), method=method, threads=2)
    with np.errstate(invalid="ignore"):
        for k in range(w.shape[0]):
            windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:])
            products = windows * w[k, 0, ::-1, ::-1]
            np.testing.assert_array_equal(y[k, 0].real, products.real.sum((2, 3)))
            np.testing.assert_array_equal(y[k, 0].imag, products.imag.sum((2, 3)))


def near_the_limit(n: int, k: int, method: str, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Integers whose max|x|·Σ|w| is that share of what the proof of the nearest integer admits."""
    rng = np.random.default_rng(n + k)
    limit = fs.plan((n,), (k,), np.int64, method=method).most_reach
    w = rng.integers(-1000, 1001, k)
    most = int(share * limit) // int(np.abs(w).sum())
    x = rng.integers(-most, most, n, endpoint=True)
    x[n // 2] = most
    return x, w


@pytest.mark.parametrize("method", ["overlap", "fft"])
@pytest.mark.parametrize("share", [1.0, 1.01, 1e6])
@pytest.mark.parametrize(("n", "k"), [(2000, 5), (30_000, 700), (20_000, 20_000)])
def test_integers_are_exact_up_to_the_limit_and_beyond(method: str, share: float, n: int, k: int) -> None:
    """Transformed while the nearest integer is sure to be right, summed directly from there on."""
    x, w = near_the_limit(n, k, method, share)
    expected = fs.convolve(x, w, method="direct")
    np.testing.assert_array_equal(fs.convolve(x, w, method=method), expected)
    np.testing.assert_array_equal(fs.plan((n,), w, np.int64, method=method)(x), expected)


def test_a_transform_beyond_the_limit_would_be_wrong() -> None:
    """The limit is needed: the same sums as doubles are off by whole numbers not far above it."""
    x, w = near_the_limit(30_000, 700, "overlap", 1e6)
    rounded = np.rint(fs.convolve(x.astype(float), w.astype(float), method="overlap")).astype(np.int64)
    assert (rounded != fs.convolve(x, w, method="overlap")).any()


@pytest.mark.parametrize("method", ["overlap", "fft"])
@pytest.mark.parametrize("x_dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int64"])
def test_integers_wrap_and_saturate(method: str, x_dtype: str, overflow: str, dtype: str) -> None:
    """The whole range of x, and sums far beyond that of the result."""
    rng = np.random.default_rng(5)
    limits = (0, 1) if x_dtype == "bool" else (np.iinfo(x_dtype).min, np.iinfo(x_dtype).max)
    x = rng.integers(*limits, (3, 900), x_dtype, endpoint=True)
    if overflow == "saturate" and x.itemsize == 8:
        x >>= 20
    w = rng.integers(-100, 101, 150).astype(np.int16)
    w = np.abs(w).astype(np.uint64) if x_dtype == "uint64" else w
    words: dict[str, Any] = dict(overflow=overflow, dtype=dtype, boundary="constant", fill_value=-3)
    y = fs.convolve(x, w, method=method, **words)
    np.testing.assert_array_equal(y, fs.convolve(x, w, method="direct", **words))


@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_a_bias_is_added_to_integers(method: str) -> None:
    """Also one that a double cannot hold."""
    rng = np.random.default_rng(6)
    x, w = rng.integers(-9, 10, (2, 1, 40, 50)), rng.integers(-9, 10, (3, 1, 7, 9))
    bias = np.array([1, -(2**61) + 1, 2**53 + 1])
    y = fs.nn.conv(x, w, bias, padding="same", method=method)
    np.testing.assert_array_equal(y, fs.nn.conv(x, w, bias, padding="same", method="direct"))


@pytest.mark.parametrize("accuracy", ["default", "strict"])
def test_long_integer_taps_are_transformed(accuracy: str) -> None:
    rng = np.random.default_rng(8)
    x, w = rng.integers(-(2**15), 2**15, 100_000, np.int16), rng.integers(-9, 9, 4000, np.int16)
    plan = fs.plan(x.shape, w, x.dtype, accuracy=accuracy)
    assert plan.tile
    assert plan.error_bound == 0
    assert f"is at most {plan.most_reach:,}" in str(plan)
    y = fs.convolve(x, w, dtype=np.int32, accuracy=accuracy)
    np.testing.assert_array_equal(y, np.convolve(x.astype(np.int32), w.astype(np.int32)))


def test_integers_that_become_doubles_stay_exact() -> None:
    """uint64 with int64: promised exact, so that no transform may round them."""
    rng = np.random.default_rng(9)
    x, w = rng.integers(0, 1000, 50_000, np.uint64), rng.integers(-1000, 1000, 3000)
    y = fs.convolve(x, w)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, fs.convolve(x.astype(np.int64), w))


@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_infinite_taps_touch_what_they_meet_and_nothing_else(method: str) -> None:
    """The finite taps are transformed, within the method's bound; the others are added where they belong."""
    x, w = np.arange(1.0, 400.0), np.array([1.0, np.inf, 2.0])
    y, direct = fs.convolve(x, w, method=method), fs.convolve(x, w, method="direct")
    np.testing.assert_array_equal(np.isinf(y), np.isinf(direct))
    np.testing.assert_allclose(
        y, direct, atol=3 * np.linalg.norm(x) * fs.plan(x.shape, w.shape, method=method).error_bound
    )


def test_strict_accuracy_admits_no_transform() -> None:
    loud = np.zeros(20_000)
    loud[0], loud[300:] = 1e12, 1e-6
    w = np.random.default_rng(2).standard_normal(500)
    assert fs.plan(loud.shape, w, loud.dtype).tile
    strict = fs.plan(loud.shape, w, loud.dtype, accuracy="strict")
    assert strict.method == "direct"
    np.testing.assert_allclose(strict(loud)[1000:], np.convolve(loud, w)[1000:], rtol=1e-6, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(
    ("batch", "channels", "filters", "groups", "size", "taps", "words"),
    [
        (1, 40, 70, 1, (23, 31), (1, 1), {}),
        (3, 34, 34, 2, (40, 37), (1, 1), {"padding": (1, 2)}),
        (5, 300, 50, 1, (7, 7), (1, 1), {}),
        (1, 33, 65, 1, (29, 27), (3, 3), {"stride": 2, "padding": 1}),
        (2, 16, 64, 1, (27, 20), (2, 3), {"stride": (1, 3), "padding": (4, 0), "dilation": (2, 1)}),
        (2, 20, 66, 1, (500,), (7,), {"stride": 4, "padding": 9}),
    ],
)  # fmt: skip
def test_layers_by_panels(
    dtype: str, layout: str, batch: int, channels: int, filters: int, groups: int, size: Any, taps: Any, words: Any
) -> None:
    rng = np.random.default_rng(filters)
    x = rng.standard_normal((batch, channels, *size)).astype(dtype)[..., ::-1]
    w = rng.standard_normal((filters, channels // groups, *taps)).astype(dtype)
    bias = rng.standard_normal(filters).astype(dtype)
    words = {**words, "groups": groups, "layout": layout}
    given = np.moveaxis(x, 1, -1) if layout == "channels_last" else x
    assert "panel" in str(fs.nn.plan(given.shape, w.shape, dtype, method="gemm", **words))
    y = fs.nn.conv(given, w, bias, method="gemm", threads=1, **words)
    wide = [array.astype("float64") for array in (given, w, bias)]
    exact = fs.nn.conv(*wide, method="direct", **words)
    bound = fs.nn.conv(*map(np.abs, wide), method="direct", **words)
    assert np.all(np.abs(y - exact) <= (w[0].size + 3) * np.finfo(dtype).eps * bound)
    np.testing.assert_array_equal(y, fs.nn.conv(given, w, bias, method="gemm", threads=2, **words))
