"""Cases done by hand. They run in a moment and come first."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import flipslide as fs

X, W = [0, 1, 2, 3, 4], [1, -1, 2]


@pytest.mark.parametrize(
    ("mode", "expected"), [("valid", [1, 3, 5]), ("same", [1, 1, 3, 5, 2]), ("full", [0, 1, 1, 3, 5, 2, 8])]
)
def test_founding_example(mode: str, expected: list[int]) -> None:
    y = fs.convolve(X, W, mode)
    assert y.tolist() == expected
    assert y.dtype == np.int64


def test_founding_correlation() -> None:
    assert fs.correlate(X, W).tolist() == [3, 5, 7]


def test_founding_gradients() -> None:
    dx, dw = fs.convolve_grads([1, 1, 1], X, W, "valid")
    assert dx.tolist() == [2, 1, 2, 0, 1]
    assert dw.tolist() == [9, 6, 3]
    dx, dw = fs.convolve_grads([1, 2, 3], X, W, "valid")
    assert dx.tolist() == [2, 3, 5, -1, 3]
    assert dw.tolist() == [20, 14, 8]


def test_two_dimensions_by_hand() -> None:
    x = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]]
    w = [[1, 2], [3, 4]]
    assert fs.convolve(x, w, "valid").tolist() == [[11, 13, 10], [7, 14, 17], [11, 5, 6]]
    assert fs.correlate(x, w).tolist() == [[9, 17, 15], [8, 11, 8], [9, 5, 9]]


def test_stride_and_padding_by_hand() -> None:
    assert fs.convolve(X, W, "same", stride=2).tolist() == [1, 3, 2]
    assert fs.output_shape((5, 5), (3, 3), stride=2, padding=1) == (3, 3)


def test_same_keeps_the_size_of_the_first() -> None:
    assert fs.convolve([1, 2], [1, 1, 1, 1], "same").shape == (2,)


def test_the_layer_of_the_founding_text() -> None:
    """5×5×3 in, two 3×3×3 filters, stride 2, padding 1: 3×3×2 out, and each number its sum."""
    rng = np.random.default_rng(231)
    x, w, b = rng.integers(0, 3, (1, 3, 5, 5)), rng.integers(-1, 2, (2, 3, 3, 3)), np.array([1, 0])
    y = fs.nn.conv(x, w, b, stride=2, padding=1)
    assert y.shape == (1, 2, 3, 3)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for k in range(2):
        for i in range(3):
            for j in range(3):
                window = padded[0, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                assert y[0, k, i, j] == (window * w[k]).sum() + b[k]


def test_exact_fractions() -> None:
    third = Fraction(1, 3)
    assert fs.convolve([third, 1], [third, 3]).tolist() == [Fraction(1, 9), Fraction(4, 3), 3]


def test_big_integers() -> None:
    assert fs.convolve([2**70, 1], [2, 1]).tolist() == [2**71, 2**70 + 2, 1]


def test_longdouble_keeps_its_digits() -> None:
    tiny = np.longdouble(2) ** -60
    y = fs.convolve(np.array([1, tiny], dtype=np.longdouble), np.array([1, 1], dtype=np.longdouble))
    assert y.dtype == np.longdouble
    assert y[1] == np.longdouble(1) + tiny
