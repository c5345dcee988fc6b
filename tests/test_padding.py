"""pad: NumPy's padding where NumPy has the rule, SciPy's and a window of x̃ for the others."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import DtypeError, FlipslideError, IntegerOverflowError, ParameterError, ShapeError

#: Our words, and numpy.pad's.
NUMPY: dict[str, dict[str, Any]] = {
    "zero": {"mode": "constant"},
    "edge": {"mode": "edge"},
    "symmetric": {"mode": "symmetric"},
    "mirror": {"mode": "reflect"},
    "wrap": {"mode": "wrap"},
    "odd_symmetric": {"mode": "symmetric", "reflect_type": "odd"},
    "odd_mirror": {"mode": "reflect", "reflect_type": "odd"},
    "mean": {"mode": "mean"},
    "median": {"mode": "median"},
    "minimum": {"mode": "minimum"},
    "maximum": {"mode": "maximum"},
    "ramp": {"mode": "linear_ramp"},
}


@pytest.mark.parametrize("rule", list(NUMPY))
@pytest.mark.parametrize("dtype", ["int64", "float32", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 4), (2, 1, 3)])
def test_pad_is_numpys(rule: str, dtype: str, shape: tuple[int, ...]) -> None:
    if dtype == "complex64" and rule in ("median", "minimum", "maximum"):
        pytest.skip("complex numbers have no order")
    rng = np.random.default_rng(0)
    for width in (0, 1, 2, 7):
        x = (rng.normal(size=shape) * 9).astype(dtype)
        y = fs.pad(x, width, rule)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, np.pad(x, width, **NUMPY[rule]), rtol=1e-5, atol=1e-4)
        pairs = tuple((width, n) for n in range(len(shape)))
        np.testing.assert_allclose(fs.pad(x, pairs, rule), np.pad(x, pairs, **NUMPY[rule]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_extensions_by_straight_lines_and_signs(n: int) -> None:
    x = np.random.default_rng(1).normal(size=n)
    steps, i = np.arange(1, n + 1), np.arange(-n, 2 * n)
    np.testing.assert_array_equal(fs.pad(x, n, "antisymmetric"), np.concatenate([-x[::-1], x, -x[::-1]]))
    smooth = np.concatenate([x[0] + (x[0] - x[1]) * steps[::-1], x, x[-1] + (x[-1] - x[-2]) * steps])
    np.testing.assert_allclose(fs.pad(x, n, "smooth"), smooth)
    line = x[0] + (x[-1] - x[0]) / (n - 1) * i
    line[n : 2 * n] = x
    np.testing.assert_allclose(fs.pad(x, n, "line"), line)
    assert fs.pad([3], 2, "smooth").tolist() == fs.pad([3], 2, "line").tolist() == [3] * 5


def test_examples_of_the_rules() -> None:
    x = [1.0, 2, 4]
    assert fs.pad(x, 2, "antisymmetric").tolist() == [-2, -1, 1, 2, 4, -4, -2]
    assert fs.pad(x, 2, "smooth").tolist() == [-1, 0, 1, 2, 4, 6, 8]
    assert fs.pad(x, 2, "line").tolist() == [-2, -0.5, 1, 2, 4, 5.5, 7]
    assert fs.pad([1, 2, 3], 2, "line").tolist() == [-1, 0, 1, 2, 3, 4, 5]
    with pytest.raises(DtypeError, match="leaves the integers"):
        fs.pad([1, 2, 4], 2, "line")


@pytest.mark.parametrize("rule", ["edge", "symmetric", "mirror", "wrap", "odd_mirror", "odd_symmetric", "zero"])
def test_negative_widths_are_a_window_of_the_extension(rule: str) -> None:
    x = np.random.default_rng(2).normal(size=6)
    wide = fs.pad(x, 9, rule)
    for lo in range(-6, 9):
        for hi in range(-6 - min(lo, 0), 9):
            np.testing.assert_allclose(fs.pad(x, (lo, hi), rule), wide[9 - lo : 15 + hi], atol=1e-12)
    assert fs.pad(np.ones((4, 5)), ((-1, -1), (2, -3))).shape == (2, 4)
    with pytest.raises(ShapeError, match="cuts more off"):
        fs.pad(x, (-7, 0))


def test_constants_of_each_side() -> None:
    x = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(
        fs.pad(x, 2, "constant", fill_value=((1, 2), (3, 4))), np.pad(x, 2, constant_values=((1, 2), (3, 4)))
    )
    assert fs.pad([1, 2], 1, "constant", fill_value=(7, 8)).tolist() == [7, 1, 2, 8]
    np.testing.assert_array_equal(
        fs.pad(x, 3, "ramp", fill_value=((9, -9), (5, 0))), np.pad(x, 3, "linear_ramp", end_values=((9, -9), (5, 0)))
    )
    with pytest.raises(ParameterError, match="is not a pair"):
        fs.pad([1, 2], 1, "constant", fill_value=((1, 2, 3),))
    with pytest.raises(DtypeError, match="cannot be a sample of uint8"):
        fs.pad(np.zeros(2, np.uint8), 1, "constant", fill_value=(1, 300))


@pytest.mark.parametrize("rule", ["mean", "median", "minimum", "maximum"])
def test_statistics_of_a_window(rule: str) -> None:
    x = np.random.default_rng(3).integers(0, 99, (5, 6))
    for window in (1, 2, 99):
        np.testing.assert_array_equal(fs.pad(x, 2, rule, window=window), np.pad(x, 2, rule, stat_length=window))
    np.testing.assert_array_equal(
        fs.pad(x, 2, rule, window=((1, 2), (3, 4))), np.pad(x, 2, rule, stat_length=((1, 2), (3, 4)))
    )
    with pytest.raises(ParameterError, match="window=3 goes with"):
        fs.pad(x, 2, "edge", window=3)


def test_functions_are_called_as_numpy_calls_them() -> None:
    def stamp(row: np.ndarray, width: tuple[int, int], axis: int, _: Any) -> None:
        row[: width[0]], row[row.size - width[1] :] = 10 + axis, 20 + axis

    x = np.arange(6).reshape(2, 3)
    for width in (2, ((1, 0), (2, 3))):
        np.testing.assert_array_equal(fs.pad(x, width, stamp), np.pad(x, width, stamp))


def test_empty_leaves_the_middle() -> None:
    x = np.arange(6.0).reshape(2, 3)
    y = fs.pad(x, 2, "empty")
    assert y.shape == (6, 7)
    np.testing.assert_array_equal(y[2:4, 2:5], x)


@pytest.mark.parametrize(
    "x", [np.array(["a", "bc"]), np.array(["2020-01-01", "NaT"], "M8[D]"), np.array([(1, 2.0), (3, 4.0)], "i4,f8"),
          np.array([b"x", b"yz"]), np.array([None, "a"], object), np.array([True, False])],
    ids=lambda x: x.dtype.name,
)  # fmt: skip
def test_any_dtype_is_padded(x: np.ndarray) -> None:
    for rule in ("edge", "symmetric", "mirror", "wrap"):
        y = fs.pad(x, 3, rule)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, np.pad(x, 3, **NUMPY[rule]))
    for rule in ("mean", "smooth", "ramp"):
        if x.dtype.kind != "O":
            with pytest.raises(DtypeError, match="are no numbers|cannot be a sample"):
                fs.pad(x, 1, rule)


def test_fills_of_other_dtypes() -> None:
    assert fs.pad(np.array(["a", "bc"]), 1, "constant", fill_value="z").tolist() == ["z", "a", "bc", "z"]
    assert fs.pad(np.array(["a", "bc"]), 1).tolist() == ["", "a", "bc", ""]
    with pytest.raises(DtypeError, match="cannot be a sample"):
        fs.pad(np.array(["a", "bc"]), 1, "constant", fill_value="too long")
    with pytest.raises(DtypeError, match="means nothing for datetime64"):
        fs.pad(np.array(["2020-01-01"], "M8[D]"), 1)
    assert fs.pad([True, False], 1, "constant", fill_value=True).tolist() == [True, True, False, True]
    with pytest.raises(DtypeError, match="cannot be a sample of bool"):
        fs.pad([True, False], 1, "constant", fill_value=2.0)


def test_the_layout_is_kept() -> None:
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert fs.pad(x, 1, "edge").flags.f_contiguous
    assert fs.pad(x.T, 1, "edge").flags.c_contiguous


def test_integers_are_exact_or_an_error() -> None:
    assert fs.pad([2**62, 2**62 + 1], 1, "odd_mirror").tolist() == [2**62 - 1, 2**62, 2**62 + 1, 2**62 + 2]
    with pytest.raises(IntegerOverflowError, match="reach -1, which uint8 cannot hold"):
        fs.pad(np.array([0, 1], np.uint8), 1, "smooth")


def test_pad_of_millions_is_quick_and_huge_widths_are_refused() -> None:
    start = time.perf_counter()
    y = fs.pad(np.arange(10), 3_000_000, "mirror")
    assert y.size == 6_000_010
    assert time.perf_counter() - start < 2
    with pytest.raises(ShapeError, match="would take"):
        fs.pad(np.ones(3), 2**39)


def test_unknown_rules_are_answered() -> None:
    with pytest.raises(ParameterError, match="'linear_ramp' is 'ramp' of fs.pad here"):
        fs.pad([1], 1, "linear_ramp")
    with pytest.raises(ParameterError, match="'mean' of fs.pad"):
        fs.convolve([1.0], [1.0], boundary="mean")
    with pytest.raises(FlipslideError, match="numpy.pad's is"):
        fs.pad([1], 1, "reflect")
    with pytest.raises(DtypeError, match=r"x\[1\] is 'a'"):
        fs.pad(np.array([1, "a"], object), 1, "smooth")
