"""Plans: what they say, that they run, and that the choice never changes the meaning."""

from __future__ import annotations

import numpy as np
import pytest

import flipslide as fs
from flipslide.arrays import arithmetic_of
from flipslide.plan import METHODS, choose
from flipslide.spec import ConvSpec


def test_plan_prints_a_table() -> None:
    text = str(fs.plan((1_000_000,), (101,), np.float32, threads=2))
    assert text.startswith("convolve (1000000,) float32 with (101,) float32 -> (1000100,) float32")
    assert "101,010,100 products, 101 for each output, summed in float32; threads: 2" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("    ")}
    assert set(METHODS) < set(rows)
    assert rows["overlap"].endswith("<- chosen")
    assert "one output channel" in rows["gemm"]


def test_plan_runs_with_packed_taps() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 500)), rng.standard_normal(9)
    packed = fs.plan(x.shape, w, mode="same", boundary="wrap")
    np.testing.assert_array_equal(packed(x), fs.convolve(x, w, "same", boundary="wrap"))
    out = np.empty((2, 500))
    assert packed(x, out=out) is out
    shapes = fs.plan(x.shape, w.shape, operation="correlate", mode="valid")
    np.testing.assert_array_equal(shapes(x, w), fs.correlate(x, w))


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_packed_taps_may_be_infinite(bad: float) -> None:
    w = np.array([1.0, bad, 2.0])
    np.testing.assert_array_equal(fs.plan((6,), w)(np.arange(6.0)), fs.convolve(np.arange(6.0), w))


def test_layer_plan() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 8, 8)), rng.standard_normal((5, 3, 3, 3))
    np.testing.assert_array_equal(fs.nn.plan(x.shape, w, np.float64, padding=1)(x), fs.nn.conv(x, w, padding=1))
    assert fs.nn.plan(x.shape, w.shape, np.float64, padding=1).method == "gemm"


def test_the_longer_one_may_come_second() -> None:
    """The shorter is slid over the longer: few products, the same sum."""
    plan = fs.plan((3,), (100_000,))
    assert plan.exchanged
    x, w = np.random.default_rng(0).standard_normal(3), np.random.default_rng(1).standard_normal(1000)
    np.testing.assert_allclose(fs.convolve(x, w), np.convolve(x, w), atol=1e-12)
    np.testing.assert_allclose(fs.correlate(x, w, "full"), np.correlate(x, w, "full"), atol=1e-12)


def test_stated_workspace_is_bounded() -> None:
    plan = fs.nn.plan((8, 64, 56, 56), (64, 64, 3, 3), padding=1, threads=2)
    assert plan.workspace < 64 << 20


def test_choice_is_cached_and_pure() -> None:
    spec, numbers = ConvSpec.of((9,), (3,)), arithmetic_of(np.dtype("f4"), np.dtype("f4"))
    assert choose(spec, numbers, 2) is choose(spec, numbers, 2)
    assert choose(spec, numbers, 2).error_bound > 0
    assert choose(spec, arithmetic_of(np.dtype("i4"), np.dtype("i4")), 2).error_bound == 0


@pytest.mark.parametrize(
    ("n", "k", "mode"),
    [(10**7, 10**7, "same"), (10**7, 10**7, "full"), (10**6, 20_000, "same"), (5_000, 5_000, "full")],
)
def test_long_taps_are_transformed_within_the_memory_that_is_promised(n: int, k: int, mode: str) -> None:
    """The larger of 64 MB and twice the arrays is all that a method may take."""
    plan = fs.plan((n,), (k,), np.float32, mode, threads=2)
    assert plan.method == "fft"
    arrays = 4 * (n + k + plan.spec.y_shape[0])
    assert plan.workspace <= max(64 << 20, 2 * arrays)


def test_the_choice_does_not_depend_on_threads() -> None:
    for n, k in ((3_000, 40), (100_000, 101), (200_000, 9_000)):
        chosen = {(p.method, p.tile) for t in (1, 2, 7) if (p := fs.plan((n,), (k,), np.float32, threads=t))}
        assert len(chosen) == 1
