"""The computation graph: golden numbers, the gradients of signal.py, numeric differences."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.geometry import BOUNDARIES, MODES

X, W = [0, 1, 2, 3, 4], [1, -1, 2]


def _random_call(rng: random.Random) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Small integers, two axes at most, every mode, boundary, stride and dilation."""
    n_axes = rng.choice((1, 2))
    taps = [rng.randint(1, 3) for _ in range(n_axes)]
    dilation = rng.randint(1, 2)
    sizes = [dilation * (k - 1) + rng.randint(1, 4 - n_axes // 2) for k in taps]
    batch = [2] if rng.random() < 0.2 else []
    boundary = rng.choice(BOUNDARIES)
    keywords: dict[str, Any] = {"mode": rng.choice(MODES), "boundary": boundary, "dilation": dilation}
    keywords["stride"] = rng.randint(1, 3)
    if boundary == "constant":
        keywords["fill_value"] = 3
    values = np.random.default_rng(rng.randrange(2**32))
    return values.integers(-5, 6, batch + sizes), values.integers(-5, 6, taps), keywords


CALLS = [_random_call(random.Random(seed)) for seed in range(60)]


@pytest.mark.parametrize(
    ("dy", "dx", "dw"),
    [(None, [2, 1, 2, 0, 1], [9, 6, 3]), ([1, 2, 3], [2, 3, 5, -1, 3], [20, 14, 8])],
)
def test_golden_gradients(dy: Any, dx: list[int], dw: list[int]) -> None:
    g = fs.graph(X, W).backward(dy)
    assert g.y.tolist() == [1, 3, 5]
    assert (g.dx.tolist(), g.dw.tolist()) == (dx, dw)


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("call", range(len(CALLS)))
def test_agrees_with_the_engine(operation: str, call: int) -> None:
    x, w, keywords = CALLS[call]
    y = getattr(fs, operation)(x, w, **keywords)
    dy = np.random.default_rng(call).integers(-4, 5, y.shape)
    g = fs.graph(x, w, operation=operation, **keywords).backward(dy)
    dx, dw = getattr(fs, f"{operation}_grads")(dy, x, w, **keywords)
    np.testing.assert_array_equal(g.y, y)
    np.testing.assert_array_equal(g.dx, dx)
    np.testing.assert_array_equal(g.dw, dw)


@pytest.mark.parametrize("call", range(0, len(CALLS), 6))
def test_numeric_differences_of_integers_are_exact(call: int) -> None:
    x, w, keywords = CALLS[call]
    assert fs.graph(x, w, **keywords).backward().check() == 0.0


def test_check_finds_a_wrong_gradient() -> None:
    g = fs.graph(X, W).backward()
    g.nodes[0].grad += 1
    assert g.check() == 1.0


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_complex(operation: str, boundary: str) -> None:
    rng = np.random.default_rng(5)
    x, w, dy = (rng.normal(size=n) + 1j * rng.normal(size=n) for n in (6, 3, 6))
    g = fs.graph(x, w, "same", operation=operation, boundary=boundary).backward(dy)
    dx, dw = getattr(fs, f"{operation}_grads")(dy, x, w, "same", boundary=boundary)
    np.testing.assert_allclose(g.y, getattr(fs, operation)(x, w, "same", boundary=boundary))
    np.testing.assert_allclose(g.dx, dx)
    np.testing.assert_allclose(g.dw, dw)
    assert g.check() < 1e-13
    assert "conj(" in str(g)


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_real_taps_on_complex_samples(operation: str) -> None:
    x, w, dy = np.array([1 + 2j, 3, 1j]), np.array([2, -1]), np.array([1j, 2 + 1j])
    g = fs.graph(x, w, operation=operation).backward(dy)
    dx, dw = getattr(fs, f"{operation}_grads")(dy, x, w, "valid")
    np.testing.assert_allclose(g.dx, dx)
    np.testing.assert_allclose(g.dw, dw)
    assert g.check() < 1e-13


def test_a_bank_of_kernels_adds_up_over_the_batch() -> None:
    x, w = np.arange(6).reshape(1, 6), np.array([[1, 2], [3, 4], [5, 6]])
    g = fs.graph(x, w, axes=-1).backward()
    dx, dw = fs.convolve_grads(np.ones((3, 5), int), x, w, "valid", axes=-1)
    assert g.dx.tolist() == dx.tolist()
    assert g.dw.tolist() == dw.tolist()


def test_fractions_stay_exact() -> None:
    third = Fraction(1, 3)
    g = fs.graph([third, third, 1], [third, 1]).backward()
    assert g.y.tolist() == [Fraction(4, 9), Fraction(2, 3)]
    assert g.dw.tolist() == [Fraction(4, 3), Fraction(2, 3)]
    assert "1/9" in str(g)


def test_integers_beyond_64_bits_stay_exact() -> None:
    g = fs.graph([2**62, 2**62], [4]).backward()
    assert g.y.tolist() == [2**64, 2**64]
    assert g.dw.tolist() == [2**63]


def test_no_gradient_is_shown_before_backward() -> None:
    g = fs.graph(X, W)
    assert all(node.grad is None for node in g.nodes)
    assert "dw = ·" in str(g)
    for name in ("dx", "dw"):
        with pytest.raises(fs.ParameterError, match="backward"):
            getattr(g, name)


def test_text_spells_the_sums() -> None:
    text = str(fs.graph(X, W).backward())
    assert "y0 = w0·x2 + w1·x1 + w2·x0 = 2 − 1 + 0 = 1\n" in text
    assert "dw0 = x2·1 + x3·1 + x4·1 = 2 + 3 + 4 = 9\n" in text
    assert "dx2 = w0·1 + w1·1 + w2·1 = 1 − 1 + 2 = 2\n" in text


def test_a_sample_that_is_skipped_has_gradient_zero() -> None:
    text = str(fs.graph([1, 2, 3], [5], stride=2).backward())
    assert "dx1 = 0   (it feeds no output)" in text


def test_text_keeps_to_its_width() -> None:
    g = fs.graph(np.arange(16).reshape(4, 4) / 7, np.ones((3, 3)), "same").backward()
    assert max(map(len, str(g).splitlines())) <= 72


def test_nodes_come_after_those_they_are_made_from() -> None:
    nodes = fs.graph(X, W, "full").nodes
    place = {id(node): i for i, node in enumerate(nodes)}
    assert all(place[id(edge.node)] < place[id(node)] for node in nodes for edge in node.parents)
    assert [sum(node.kind == kind for node in nodes) for kind in ("x", "w", "×", "+", "y", "L")] == [5, 3, 15, 7, 7, 1]


def test_backward_twice_does_not_add_up() -> None:
    g = fs.graph(X, W).backward([1, 2, 3])
    assert g.backward().dw.tolist() == [9, 6, 3]


def test_refuses_what_is_too_large_or_wrong() -> None:
    with pytest.raises(fs.ShapeError, match="at most 512"):
        fs.graph(np.ones(200), np.ones(10))
    with pytest.raises(fs.ShapeError, match="dy has shape"):
        fs.graph(X, W).backward([1, 2])
    with pytest.raises(fs.ParameterError, match="'convolve', 'correlate'"):
        fs.graph(X, W, operation="convolute")
