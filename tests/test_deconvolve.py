"""`fs.deconvolve` against dense matrices of the definition, scipy.sparse and scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, lsqr

import flipslide as fs
from flipslide.deconvolve import Step
from flipslide.errors import FlipslideError
from flipslide.geometry import BOUNDARIES

RNG = np.random.default_rng(8)
RULES = [rule for rule in BOUNDARIES if rule != "constant"]


def matrix(x_shape: tuple[int, ...], w: np.ndarray, **words: Any) -> np.ndarray:
    """A, column by column."""
    units = np.eye(int(np.prod(x_shape))).reshape(-1, *x_shape)
    return np.stack([fs.convolve(unit, w, **words).ravel() for unit in units], axis=1)


def laplace_matrix(x_shape: tuple[int, ...], boundary: Any) -> np.ndarray:
    return matrix(x_shape, fs.taps.laplacian(len(x_shape)), mode="same", boundary=boundary)


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple[int, ...], np.ndarray, dict[str, Any]]:
    n_axes = draw(st.integers(1, 2))
    shape = tuple(draw(st.integers(3, 8)) for _ in range(n_axes))
    taps = tuple(draw(st.integers(1, 5)) for _ in range(n_axes))
    mode = draw(st.sampled_from(["same", "full", "valid"]))
    if mode == "valid":
        taps = tuple(min(k, n) for k, n in zip(taps, shape, strict=True))
    words: dict[str, Any] = dict(mode=mode, boundary=tuple(draw(st.sampled_from(RULES)) for _ in shape))
    if mode == "same":
        words["center"] = draw(st.sampled_from(["lower", "upper", 0]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return shape, rng.random(taps) + 0.1, words


@settings(max_examples=40)
@given(problems(), st.booleans(), st.sampled_from([0.0, 0.03, 1.0]))
def test_lsqr_is_the_least_squares_of_the_matrix(problem: Any, masked: bool, balance: float) -> None:
    shape, w, words = problem
    a = matrix(shape, w, **words)
    rng = np.random.default_rng(0)
    y = fs.convolve(rng.normal(size=shape), w, **words)
    mask = rng.random(y.shape) < 0.8 if masked else None
    rows = np.ones(y.size) if mask is None else mask.ravel().astype(float)
    steps = 5
    operator = LinearOperator(a.shape, matvec=lambda v: rows * (a @ v), rmatvec=lambda v: a.T @ (rows * v), dtype=float)
    wanted = lsqr(operator, rows * y.ravel(), damp=balance**0.5, iter_lim=steps, atol=0, btol=0, conlim=0)[0]
    x = fs.deconvolve(y, w, "lsqr", mask=mask, balance=balance, iterations=steps, tolerance=0, **words)
    assert x.shape == shape
    np.testing.assert_allclose(x.ravel(), wanted, rtol=1e-6, atol=1e-6 * (1 + np.abs(wanted).max()))


@settings(max_examples=40)
@given(problems(), st.booleans())
def test_richardson_lucy_is_its_formula_with_the_matrix(problem: Any, masked: bool) -> None:
    shape, w, words = problem
    a = matrix(shape, w, **words)
    rng = np.random.default_rng(0)
    y = fs.convolve(rng.random(shape), w, **words) + 0.1
    mask = rng.random(y.shape) < 0.8 if masked else None
    m = np.ones(y.size) if mask is None else mask.ravel().astype(float)
    x = x0 = rng.random(shape) + 0.5
    for _ in range(4):
        expected = a @ x.ravel()
        ratio = np.divide(m * y.ravel(), expected, out=np.zeros(y.size), where=expected > 0)
        gain = a.T @ m
        x = x * np.divide(a.T @ ratio, gain, out=np.ones(gain.size), where=gain > 1e-12).reshape(shape)
    found = fs.deconvolve(y, w, "richardson_lucy", mask=mask, x0=x0, iterations=4, tolerance=0, **words)
    np.testing.assert_allclose(found, x, rtol=1e-9, atol=1e-12)


@settings(max_examples=40)
@given(problems(), st.booleans(), st.sampled_from([0.01, 0.3]))
def test_wiener_is_the_solution_of_the_normal_equations(problem: Any, masked: bool, balance: float) -> None:
    shape, w, words = problem
    w = w / w.sum()
    a, rough = matrix(shape, w, **words), laplace_matrix(shape, words["boundary"])
    rng = np.random.default_rng(0)
    y = fs.convolve(rng.normal(size=shape), w, **words)
    mask = rng.random(y.shape) < 0.8 if masked else np.ones(y.shape, bool)
    m = mask.ravel()[:, None] * a
    wanted = np.linalg.lstsq(m.T @ m + balance * rough.T @ rough, m.T @ y.ravel(), rcond=None)[0]
    x = fs.deconvolve(
        y, w, "wiener", mask=mask if masked else None, balance=balance, iterations=2000, tolerance=1e-13, **words
    )
    seen = m.T @ m + balance * rough.T @ rough
    np.testing.assert_allclose(seen @ x.ravel(), seen @ wanted, atol=1e-6)


def test_complex_arrays() -> None:
    w = RNG.normal(size=5) + 1j * RNG.normal(size=5)
    x = RNG.normal(size=20) + 1j * RNG.normal(size=20)
    y = fs.convolve(x, w, "full")
    np.testing.assert_allclose(fs.deconvolve(y, w, "lsqr", mode="full", iterations=300, tolerance=1e-12), x, atol=1e-6)
    y = fs.convolve(x, w, "same", boundary="wrap")
    np.testing.assert_allclose(fs.deconvolve(y, w, boundary="wrap", balance=0), x, atol=1e-8)


def blurred(noise: float = 0.01, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture that goes on beyond its view, its blur, and the taps."""
    rng = np.random.default_rng(seed)
    wide = np.zeros((88, 92))
    for _ in range(60):
        r, c = rng.integers(0, 80, 2)
        wide[r : r + rng.integers(2, 9), c : c + rng.integers(2, 9)] += rng.random()
    w = fs.taps.gaussian(1.5)
    y = fs.convolve(wide, w, "same", boundary="symmetric")
    return wide[12:-12, 12:-12], np.maximum(y[12:-12, 12:-12] + noise * rng.normal(size=(64, 68)), 0), w


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_image(seed: int) -> None:
    restoration = pytest.importorskip("skimage.restoration")
    x, y, w = blurred(seed=seed)
    rim = np.ones(x.shape, bool)
    rim[5:-5, 5:-5] = False
    ours = fs.deconvolve(y, w, "richardson_lucy", iterations=20, tolerance=0)
    theirs = restoration.richardson_lucy(y, w, 20, clip=False)
    # theirs takes the picture for black around its view
    assert np.square(ours - x).mean() < np.square(theirs - x).mean()
    assert np.square(ours - x)[rim].mean() < 0.5 * np.square(theirs - x)[rim].mean()
    ours, theirs = fs.deconvolve(y, w, "wiener"), restoration.wiener(y, w, 0.01, clip=False)
    assert np.square(ours - x).mean() < np.square(theirs - x).mean()


def test_wiener_on_a_circle_is_scikit_image_s() -> None:
    restoration = pytest.importorskip("skimage.restoration")
    w = fs.taps.gaussian((1.0, 2.0))
    y = RNG.random((40, 46))
    wanted = restoration.wiener(y, w, 0.05, clip=False)
    np.testing.assert_allclose(fs.deconvolve(y, w, balance=0.05, boundary="wrap"), wanted, atol=1e-10)


def test_noise_stops_before_it_is_fitted() -> None:
    _, y, w = blurred(0.03)
    seen: list[Step] = []
    for method in ("lsqr", "richardson_lucy"):
        seen.clear()
        fs.deconvolve(y, w, method, noise=0.03, iterations=500, tolerance=0, callback=seen.append)
        assert 1 < len(seen) < 100
        assert seen[-1].residual <= 0.03 < seen[-2].residual
        assert [step.iteration for step in seen] == list(range(1, len(seen) + 1))


def test_callbacks_and_tolerance_stop() -> None:
    _, y, w = blurred()
    seen: list[Step] = []

    def third(step: Step) -> bool:
        seen.append(step)
        return step.iteration == 3

    for method in ("lsqr", "richardson_lucy", "wiener"):
        seen.clear()
        x = fs.deconvolve(y, w, method, callback=third)
        assert len(seen) == 3
        np.testing.assert_array_equal(x, seen[-1].x)
        residual = np.sqrt(np.mean((fs.convolve(x, w, "same", boundary="symmetric") - y) ** 2))
        assert seen[-1].residual == pytest.approx(residual, rel=1e-6)
        seen.clear()
        fs.deconvolve(y, w, method, tolerance=0.05, iterations=500, callback=seen.append)
        assert seen[-1].change <= 0.05
        assert all(step.change > 0.05 for step in seen[:-1])


def test_a_masked_hole_is_filled_from_what_is_around_it() -> None:
    x, y, w = blurred(0)
    mask = np.ones(y.shape, bool)
    mask[20:24, 30:34] = False
    holed = np.where(mask, y, np.nan)
    for method in ("lsqr", "richardson_lucy", "wiener"):
        a = fs.deconvolve(holed, w, method, mask=mask)
        b = fs.deconvolve(np.where(mask, y, 1e6), w, method, mask=mask)
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
        assert np.abs(a - x).mean() < 0.15


def test_stacks_dtypes_and_labels() -> None:
    w = fs.taps.gaussian(1.0)
    stack = RNG.random((3, 20, 21))
    stack.flags.writeable = False
    together = fs.deconvolve(stack, w, "richardson_lucy", iterations=5, tolerance=0)
    for page, found in zip(stack, together, strict=True):
        x0 = np.full(page.shape, stack.mean())
        alone = fs.deconvolve(page, w, "richardson_lucy", iterations=5, tolerance=0, x0=x0)
        np.testing.assert_allclose(found, alone, rtol=1e-9)
    for method in ("lsqr", "wiener", "richardson_lucy"):
        assert fs.deconvolve(stack.astype(np.float32), w, method, iterations=3).dtype == np.float32
        assert fs.deconvolve((255 * stack).astype(np.uint8), w, method, iterations=3).dtype == np.float64
        last = fs.deconvolve(np.moveaxis(stack, 0, -1), w, method, axes=(0, 1), iterations=3)
        np.testing.assert_allclose(np.moveaxis(last, -1, 0), fs.deconvolve(stack, w, method, iterations=3), atol=1e-9)
    volume = RNG.random((8, 9, 10))
    assert fs.deconvolve(volume, fs.taps.gaussian(1, ndim=3), "richardson_lucy", iterations=2).shape == volume.shape


def test_zero_iterations_and_dark_pictures() -> None:
    w = fs.taps.gaussian(1.0)
    np.testing.assert_array_equal(fs.deconvolve(np.zeros((9, 9)), w, "richardson_lucy"), np.zeros((9, 9)))
    np.testing.assert_array_equal(fs.deconvolve(np.zeros((9, 9)), w, "lsqr"), np.zeros((9, 9)))
    np.testing.assert_array_equal(fs.deconvolve(np.zeros((9, 9)), w), np.zeros((9, 9)))
    x0 = RNG.random((9, 9))
    np.testing.assert_array_equal(fs.deconvolve(x0 + 1, w, "lsqr", x0=x0, iterations=0), x0)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (dict(method="median"), "'median'"),
        (dict(method="richardson_lucy", balance=0.1), "balance="),
        (dict(method="richardson_lucy", w=[1.0, -1.0]), "not negative"),
        (dict(y=[1.0, np.nan, 3.0]), "mask="),
        (dict(w=[1.0, np.inf]), "finite"),
        (dict(mask=[1, 0, 1]), "booleans"),
        (dict(mask=[True, False]), "broadcast"),
        (dict(mode="full", w=np.ones(5)), "shorter"),
        (dict(mode="odd"), "'odd'"),
        (dict(balance=-1), "balance must be 0 or more"),
        (dict(tolerance="low"), "'low'"),
        (dict(iterations=-1), "iterations must be at least 0"),
        (dict(x0=[1.0]), "x0 has shape"),
        (dict(w=np.ones((2, 2))), "more axes"),
        (dict(boundary="reflect"), "two things"),
        (dict(y=np.array([1, 2], object)), "objects"),
    ],
)
def test_errors_say_what_is_wrong(words: dict[str, Any], found: str) -> None:
    call = dict(y=[1.0, 2.0, 3.0], w=[0.5, 0.5]) | words
    with pytest.raises(FlipslideError, match=r".+") as caught:
        fs.deconvolve(call.pop("y"), call.pop("w"), **call)
    assert found in str(caught.value)


@pytest.mark.parametrize("method", ["wiener", "lsqr", "richardson_lucy"])
def test_longdouble(method: str) -> None:
    y, w = np.random.default_rng(1).random(20), np.array([0.25, 0.5, 0.25])
    found = fs.deconvolve(y.astype(np.longdouble), w.astype(np.longdouble), method, iterations=5, tolerance=0)
    assert found.dtype == np.longdouble
    np.testing.assert_allclose(found, fs.deconvolve(y, w, method, iterations=5, tolerance=0), atol=1e-10)
