"""Sizes, windows and boundary rules against brute-force counting, over all small cases."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import ShapeError
from flipslide.geometry import (
    BOUNDARIES,
    MODES,
    LayerAxis,
    extend_index,
    fit_count,
    layer_axes,
    mode_window,
    span_of,
)
from flipslide.spec import Axis, ConvSpec

SIZES, TAPS, STRIDES, DILATIONS = range(1, 9), range(1, 5), range(1, 4), range(1, 4)


def windows_inside(n: int, span: int, lo: int, hi: int, stride: int) -> int:
    """Count the window positions that lie inside the padded axis, one by one."""
    return sum(1 for start in range(-lo, n + hi, stride) if start + span <= n + hi)


@pytest.mark.parametrize(("lo", "hi"), list(itertools.product(range(4), repeat=2)))
def test_outputs_of_a_layer(lo: int, hi: int) -> None:
    for n, k, s, d in itertools.product(SIZES, TAPS, STRIDES, DILATIONS):
        axis = LayerAxis(n, k, lo, hi, s, d)
        counted = windows_inside(n, axis.span, lo, hi, s)
        if counted:
            assert axis.outputs == counted
            assert fs.output_shape(n, k, padding=((lo, hi),), stride=s, dilation=d) == (counted,)
            last_read = (counted - 1) * s + axis.span
            assert axis.unused == n + lo + hi - last_read
            assert axis.formula.endswith(f" = {counted}")
        else:
            with pytest.raises(ShapeError, match="use more padding"):
                _ = axis.outputs


def test_layer_axes_read_the_words_of_a_call() -> None:
    axes = layer_axes((7, 8), (3, 2), stride=(2, 1), padding=((1, 0), "causal"), dilation=2)
    assert axes == (LayerAxis(7, 3, 1, 0, 2, 2), LayerAxis(8, 2, 2, 0, 1, 2))
    x, w = np.ones((1, 1, 7, 8)), np.ones((1, 1, 3, 2))
    y = fs.nn.conv(x, w, stride=(2, 1), padding=((1, 0), "causal"), dilation=2)
    assert y.shape[2:] == tuple(axis.outputs for axis in axes)


def test_mode_windows() -> None:
    for n, k, d, correlate in itertools.product(SIZES, TAPS, DILATIONS, (False, True)):
        span = span_of(k, d)
        step = d if correlate else -d

        def touched(m: int, span: int = span, k: int = k, step: int = step) -> list[int]:
            return [m + step * j for j in range(k)]

        full = [
            m for m in range(-3 * 12, 3 * 12) if any(-1 < i < n for i in range(min(touched(m)), max(touched(m)) + 1))
        ]
        assert mode_window("full", n, span, None, correlate) == (full[0], len(full))
        valid = [m for m in full if all(-1 < i < n for i in touched(m))]
        if valid:
            assert mode_window("valid", n, span, None, correlate) == (valid[0], len(valid))
        else:
            with pytest.raises(ShapeError, match="needs w to fit in x"):
                mode_window("valid", n, span, None, correlate)
        assert mode_window("same", n, span, None, correlate)[1] == n


@pytest.mark.parametrize("verb", [fs.convolve, fs.correlate])
def test_a_window_is_a_piece_of_the_full_result(verb: Any) -> None:
    x, w = np.arange(1, 8), np.array([1, -1, 2])
    full = np.pad(verb(x, w, "full"), 20)
    first = 20 + (len(w) - 1) * (verb is fs.correlate)  # where output 0 stands in `full`
    for start, count, stride in itertools.product(range(-9, 12, 2), range(6), (1, 2)):
        expected = full[first + start :: stride][:count]
        np.testing.assert_array_equal(verb(x, w, (start, count), stride=stride), expected)
        assert fs.output_shape(7, 3, mode=(start, count), stride=stride) == (count,)


def test_each_axis_may_have_a_mode_of_its_own() -> None:
    x, w = np.arange(30).reshape(5, 6), np.array([[1, 2], [3, -1]])
    full = fs.convolve(x, w)
    np.testing.assert_array_equal(fs.convolve(x, w, ("full", "valid")), full[:, 1:-1])
    np.testing.assert_array_equal(fs.convolve(x, w, ["same", (2, 3)], center=("upper", None)), full[1:, 2:5])
    np.testing.assert_array_equal(fs.convolve(x, w, (1, 3)), full[1:4, 1:4])


def test_stride_keeps_every_nth() -> None:
    for count, stride in itertools.product(range(20), range(1, 6)):
        assert fit_count(count, stride) == len(range(0, count, stride))


@pytest.mark.parametrize("word", ["same", "same_lower"])
def test_same_padding_gives_ceil(word: str) -> None:
    for n, k, s, d in itertools.product(SIZES, TAPS, STRIDES, DILATIONS):
        (axis,) = layer_axes((n,), (k,), padding=word, stride=s, dilation=d)
        # Where the stride skips samples anyway nothing is added, and nothing cut.
        assert axis.outputs == -(-n // s)
        assert (axis.hi - axis.lo if word == "same" else axis.lo - axis.hi) in (0, 1)


def test_causal_padding_never_looks_ahead() -> None:
    for n, k, s, d in itertools.product(SIZES, TAPS, STRIDES, DILATIONS):
        (axis,) = layer_axes((n,), (k,), padding="causal", stride=s, dilation=d)
        assert (axis.lo, axis.hi) == (d * (k - 1), 0)
        assert axis.outputs == -(-n // s)


def test_transposed_size_inverts_the_count() -> None:
    for n, k, s, d, lo, hi in itertools.product(SIZES, TAPS, STRIDES, DILATIONS, range(3), range(3)):
        axis = LayerAxis(n, k, lo, hi, s, d)
        if axis.room < 0:
            continue
        back = axis._replace(n=axis.outputs)
        least = back.least_transposed
        assert least <= n < least + s
        assert back.transposed_to(n).transposed_outputs == n
        assert back.transposed_to(n).output_padding == n - least
        assert back.transposed_to(n).transposed_formula.endswith(f" = {n}")
        for size in (least, least + s - 1):
            assert axis._replace(n=size).outputs == back.n
        for size in (least - 1, least + max(s, d)):
            with pytest.raises(ShapeError, match="is not possible"):
                back.transposed_to(size)


NUMPY_RULES = {"edge": "edge", "symmetric": "symmetric", "mirror": "reflect", "wrap": "wrap"}


@pytest.mark.parametrize("boundary", list(NUMPY_RULES))
def test_boundary_rules_are_numpys(boundary: str) -> None:
    for n in range(1, 6):
        expected = np.pad(np.arange(n), 13, mode=NUMPY_RULES[boundary])
        assert [extend_index(i, n, boundary) for i in range(-13, n + 13)] == expected.tolist()


@pytest.mark.parametrize("boundary", ["zero", "constant"])
def test_no_sample_outside(boundary: str) -> None:
    assert [extend_index(i, 2, boundary) for i in range(-2, 4)] == [None, None, 0, 1, None, None]


def all_axes(boundaries: tuple[str, ...] = ("zero",)) -> list[Axis]:
    grid = itertools.product((1, 3, 4), (1, 2, 3), (0, 1, 4), (-2, 0, 1), (1, 2), (-2, -1, 1, 2), (1, 2, 3), boundaries)
    return [
        Axis(x, w, y, start, stride, dilation, up, rule, 0, 0, 0) for x, w, y, start, stride, dilation, up, rule in grid
    ]


def test_grads_and_exchange_are_their_own_inverses() -> None:
    for axis in all_axes(BOUNDARIES):
        assert axis.grad_weight().grad_weight() == axis
        if axis.boundary == "zero":
            assert axis.grad_input().grad_input() == axis
            assert axis.exchange().exchange() == axis


def test_grads_and_exchange_have_the_same_terms() -> None:
    """Each is the same set of (x index, w index, y index) triples, the arrays in other places."""

    def triples(axis: Axis) -> set[tuple[int, int, int]]:
        found = set()
        for m, j in itertools.product(range(axis.y), range(axis.w)):
            exists, i = axis.source(m, j)
            if exists:
                assert i is not None
                found.add((i, j, m))
        return found

    for axis in all_axes():
        terms = triples(axis)
        assert triples(axis.grad_input()) == {(m, j, i) for i, j, m in terms}
        assert triples(axis.grad_weight()) == {(i, m, j) for i, j, m in terms}
        assert triples(axis.exchange()) == {(j, i, m) for i, j, m in terms}


def test_spec_grads_are_their_own_inverses() -> None:
    for correlate, shape in itertools.product((False, True), [(3,), (2, 3), (1, 3)]):
        spec = ConvSpec.of((2, 9), shape, axes=-1, stride=2, correlate=correlate)
        assert spec.grad_input().grad_input() == spec
        assert spec.grad_weight().grad_weight() == spec
        assert spec.grad_input().y_shape == spec.x_shape
        assert spec.grad_weight().y_shape == spec.w_shape


def test_output_shape_is_the_shape() -> None:
    for mode, n, k, s, d in itertools.product(MODES, SIZES, TAPS, STRIDES, DILATIONS):
        if mode == "valid" and span_of(k, d) > n:
            continue
        expected = fs.convolve(np.ones(n), np.ones(k), mode, stride=s, dilation=d).shape
        assert fs.output_shape(n, k, mode=mode, stride=s, dilation=d) == expected
