"""Scores of templates and the best places, against their formulas sample by sample."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import in_memory

import flipslide as fs
from flipslide.moments import Moments, find_moments

DTYPES = ("bool", "uint8", "int16", "int32", "uint64", "float16", "float32", "float64", "complex64")
TOLERANCE = {"float16": 1e-3, "complex64": 1e-4}


def numbers(rng: np.random.Generator, shape: Any, dtype: str) -> np.ndarray:
    kind = np.dtype(dtype).kind
    if kind in "biu":
        return rng.integers(0, 2 if kind == "b" else 100, shape).astype(dtype)
    imaginary = 1j * rng.standard_normal(shape) if kind == "c" else 0
    return (10 * rng.standard_normal(shape) + imaginary).astype(dtype)


def score_window(v: np.ndarray, w: np.ndarray, score: str) -> complex:
    """The formula for the samples of one window."""
    v, w = v.astype(complex), w.astype(complex)
    if score == "ssd":
        return complex((np.abs(v - w) ** 2).sum())
    if score == "cross":
        return complex((v * w.conj()).sum())
    if score == "zncc":
        if np.ptp(np.abs(v - v[0])) == 0 or np.ptp(np.abs(w - w[0])) == 0:
            return 0
        v, w = v - v.mean(), w - w.mean()
    size = np.linalg.norm(v) * np.linalg.norm(w)
    return complex((v * w.conj()).sum() / size) if size else 0


def score_all(x: np.ndarray, w: np.ndarray, score: str, x_there: Any = True, w_there: Any = True) -> np.ndarray:
    x_there, w_there = np.broadcast_to(x_there, x.shape), np.broadcast_to(w_there, w.shape)
    scores = np.zeros([n - k + 1 for n, k in zip(x.shape, w.shape, strict=True)], complex)
    for place in np.ndindex(scores.shape):
        window = tuple(slice(p, p + k) for p, k in zip(place, w.shape, strict=True))
        both = x_there[window] & w_there
        if both.sum() >= 0.3 * w_there.sum() and both.any():
            scores[place] = score_window(x[window][both], w[both], score)
    return scores


@st.composite
def scenes(draw: st.DrawFn, dtypes: tuple[str, ...] = DTYPES) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_axes = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, (60, 14, 7)[n_axes - 1])) for _ in range(n_axes)]
    taps = [draw(st.integers(1, n)) for n in sizes]
    x = numbers(rng, sizes, draw(st.sampled_from(dtypes)))
    if draw(st.booleans()):
        x[tuple(slice(0, n // 2 + 1) for n in sizes)] = x.flat[0]
    return draw(in_memory(x)), draw(in_memory(numbers(rng, taps, draw(st.sampled_from(dtypes)))))


@given(scenes(), st.sampled_from(["zncc", "ncc", "ssd", "cross"]))
def test_formula(scene: Any, score: str) -> None:
    x, w = scene
    expected = score_all(x, w, score)
    got = fs.match(x, w, score=score, axes=tuple(range(x.ndim))).scores
    tolerance = max(TOLERANCE.get(x.dtype.name, 3e-5), TOLERANCE.get(w.dtype.name, 3e-5))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))
    if score in ("zncc", "ncc"):
        assert (np.abs(got) <= 1).all()


@given(
    scenes(("uint8", "float32", "float64", "complex128")), st.sampled_from(["zncc", "ncc", "ssd"]), st.integers(0, 99)
)
def test_masks(scene: Any, score: str, seed: int) -> None:
    x, w = scene
    rng = np.random.default_rng(seed)
    x_there, w_there = rng.random(x.shape) < 0.8, rng.random(w.shape) < 0.9
    hidden = x.copy()
    hidden[~x_there] = 77
    expected = score_all(x, w, score, x_there, w_there)
    got = fs.match(hidden, w, score=score, mask=~x_there, template_mask=~w_there, axes=tuple(range(x.ndim))).scores
    if x_there.all() and w_there.all():
        return
    seen = ~np.isnan(got)
    if score == "ssd":
        there = fs.correlate(x_there.astype(int), w_there.astype(int))
        np.testing.assert_array_equal(seen, (there >= 0.3 * w_there.sum()) & (there > 0))
        expected = expected * w_there.sum() / np.maximum(there, 1)
    np.testing.assert_allclose(got[seen], expected[seen], rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5, 1e7])
def test_offsets_do_not_matter(dtype: str, offset: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.random((60, 70))
    x[:20, :40] = 0.5
    stored = (x + offset).astype(dtype)
    w = stored[30:41, 20:33].copy()
    found = fs.match(stored, w)
    assert np.abs(found.scores).max() <= 1
    assert (found.scores[:10, :28] == 0).all()
    assert found.best.position == (30, 20)
    assert found.best.score == pytest.approx(1, abs=1e-6)
    expected = score_all(stored.astype(np.float64) - offset, w.astype(np.float64) - offset, "zncc").real
    np.testing.assert_allclose(found.scores, expected, atol=1e-4 if dtype == "float32" else 1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bright_half_does_not_spoil_the_dark_one(dtype: str) -> None:
    rng = np.random.default_rng(2)
    x = (rng.random((50, 60)) * 0.1).astype(dtype)
    x[:, 30:] += (dtype == "float32" and 1e5) or 1e9
    w = x[10:19, 5:14].copy()
    got = fs.match(x, w).scores
    expected = score_all(x, w, "zncc").real
    np.testing.assert_allclose(got[:, :20], expected[:, :20], atol=2e-4)
    assert np.abs(got).max() <= 1


def test_nothing_to_see() -> None:
    assert not fs.match(np.full((9, 9), 0.1), np.eye(3)).scores.any()
    assert not fs.match(np.random.default_rng(0).random((9, 9)), np.full((3, 3), 0.1)).scores.any()
    assert not fs.match(np.zeros(9), [1, 2], score="ncc").scores.any()
    assert not fs.match(np.full(9, 3, np.uint8), np.array([1, 2], np.uint8)).scores.any()


def test_not_a_number_stays_in_its_windows() -> None:
    rng = np.random.default_rng(3)
    x = rng.random((30, 30))
    x[15, 15] = np.nan
    scores = fs.match(x, x[2:7, 3:8]).scores
    expected = np.zeros(scores.shape, bool)
    expected[11:16, 11:16] = True
    np.testing.assert_array_equal(np.isnan(scores), expected)
    assert fs.match(x, x[2:7, 3:8]).best.position == (2, 3)
    assert not np.isnan(fs.match(x, x[2:7, 3:8], mask=np.isnan(x)).scores).any()


# ----------------------------------------------------------------------- several, colours


def test_colours_are_summed_over() -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(0, 256, (20, 25, 3), dtype=np.uint8)
    w = x[4:9, 7:15].copy()
    expected = score_all(x, w, "zncc").real[..., 0]
    found = fs.match(x, w)
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)
    assert found.best.position == (4, 7)
    np.testing.assert_allclose(
        fs.match(np.moveaxis(x, -1, 0), np.moveaxis(w, -1, 0), axes=(1, 2)).scores, expected, atol=1e-5
    )
    seen = rng.random(x.shape) < 0.9
    masked = fs.match(np.ma.array(x, mask=~seen), w).scores
    np.testing.assert_allclose(masked, score_all(x, w, "zncc", seen).real[..., 0], atol=1e-8)


def test_batch() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.random((2, 3, 20, 15)), rng.random((4, 5))
    found = fs.match(x, w, top=2)
    for i, j in np.ndindex(2, 3):
        alone = fs.match(x[i, j], w, top=2)
        np.testing.assert_allclose(found.scores[i, j], alone.scores, atol=1e-12)
        assert [p.position for p in found if p.batch == (i, j)] == [p.position for p in alone]
    np.testing.assert_allclose(fs.match(np.moveaxis(x, 2, 0), w, axes=(0, 3)).scores, found.scores, atol=1e-12)


@pytest.mark.parametrize("score", ["zncc", "ncc", "ssd", "cross", "phase"])
def test_several_templates(score: str) -> None:
    rng = np.random.default_rng(6)
    x = rng.random((30, 40))
    alike = [x[2:9, 3:12].copy(), x[20:27, 22:31].copy()]
    other = x[5:10, 30:34].copy()
    stacked = fs.match(x, np.stack(alike), score=score)
    assert stacked.scores.shape == (2, 24, 32)
    mixed = fs.match(x, [alike[0], other, alike[1]], score=score, threshold=0.999 if score == "zncc" else None)
    for i, (template, values) in enumerate(zip([alike[0], other, alike[1]], mixed.scores, strict=True)):
        alone = fs.match(x, template, score=score).scores
        np.testing.assert_allclose(values, alone, atol=1e-9)
        np.testing.assert_allclose(stacked.scores[i // 2], alone, atol=1e-9) if i != 1 else None
    if score == "zncc":
        assert sorted((p.template, p.position) for p in mixed) == [(0, (2, 3)), (1, (5, 30)), (2, (20, 22))]


# ----------------------------------------------------------------------------- boundaries


@pytest.mark.parametrize("boundary", ["mirror", "edge", "wrap", "zero"])
def test_boundary(boundary: str) -> None:
    rng = np.random.default_rng(7)
    x, w = rng.random((12, 13)), rng.random((4, 5))
    found = fs.match(x, w, boundary=boundary)
    assert found.scores.shape == x.shape
    assert found.start == ((-2, -2),)
    extended = fs.pad(x, [(2, 1), (2, 2)], boundary)
    np.testing.assert_allclose(found.scores, fs.match(extended, w).scores, atol=1e-12)


def test_a_template_that_reaches_over_the_end() -> None:
    rng = np.random.default_rng(8)
    x = rng.random((30, 30))
    w = x[:8, 20:].copy()
    found = fs.match(x[2:, :27], w, boundary="renormalize")
    assert found.best.position == (-2, 20)
    assert found.best.score == pytest.approx(1)


def test_phase() -> None:
    rng = np.random.default_rng(9)
    x = rng.random((40, 50))
    found = fs.match(x, x[12:40, 17:45], score="phase")
    assert found.best.position == (12, 17)
    assert np.abs(found.scores).max() <= 1
    assert fs.match(x, x, score="phase").best.score == pytest.approx(1)


# ---------------------------------------------------------------------------------- peaks


def test_peaks_are_apart_and_best_first() -> None:
    ring = (np.abs(np.hypot(*np.mgrid[-7:8, -7:8]) - 5) < 1.2).astype(float)
    rng = np.random.default_rng(10)
    x = np.linspace(20, 180, 200) + rng.normal(0, 10, (100, 200))
    places = [(12, 30), (60, 90), (40, 160), (41, 30)]
    for (row, column), contrast in zip(places, (60, 45, 50, 70), strict=True):
        x[row : row + 15, column : column + 15] += contrast * ring
    peaks = fs.match(x, ring, top=4).peaks
    assert {p.position for p in peaks} == set(places)
    assert [p.score for p in peaks] == sorted((p.score for p in peaks), reverse=True)
    assert len(fs.match(x, ring, threshold=0.6)) == 4
    assert len(fs.match(x, ring, threshold=0.999)) == 0
    assert fs.match(x, ring, threshold=0.999).best is None
    close = fs.match(x, ring, top=50, min_distance=3).peaks
    for i, a in enumerate(close):
        assert all(max(abs(np.subtract(a.position, b.position))) >= 3 for b in close[:i])
    differences = fs.match(x, x[12:27, 30:45], score="ssd", top=3).peaks
    assert differences[0].position == (12, 30)
    assert differences[0].score == pytest.approx(0, abs=1e-6)
    assert [p.score for p in differences] == sorted(p.score for p in differences)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.4), (0.45, 0.1)])
def test_between_samples(shift: tuple[float, float]) -> None:
    rows, columns = np.mgrid[:40, :50]

    def draw(top: float, left: float) -> np.ndarray:
        return sum(
            a * np.exp(-((rows - top - r) ** 2 + (columns - left - c) ** 2) / 12)
            for a, r, c in ((1, 5, 6), (-2, 9, 3), (1.5, 3, 11), (1, 12, 12))
        )

    template = draw(0, 0)[:15, :15]
    found = fs.match(draw(10 + shift[0], 20 + shift[1]), template).best
    assert found.position == (10, 20)
    np.testing.assert_allclose(found.exact, (10 + shift[0], 20 + shift[1]), atol=0.02)
    assert fs.match(draw(10.3, 20), template, subpixel=False).best.exact == (10, 20)


# -------------------------------------------------------------------------------- moments


@given(st.integers(0, 2**32 - 1))
def test_moments(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, n_axes = rng.integers(1, 20, rng.integers(1, 4)), 1
    n_axes = int(rng.integers(1, len(shape) + 1))
    sizes = tuple(int(rng.integers(1, n + 1)) for n in shape[-n_axes:])
    x = rng.standard_normal(shape) + 1e6
    sums, deviations, samples = find_moments(Moments(x, None, 1), sizes, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, sizes, axis=tuple(range(-n_axes, 0)))
    axes = tuple(range(-n_axes, 0))
    assert samples == np.prod(sizes)
    np.testing.assert_allclose(sums, windows.sum(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(deviations, windows.var(axis=axes) * samples, rtol=1e-6, atol=1e-6)
    assert (deviations >= 0).all()


def test_threads_do_not_change_scores() -> None:
    rng = np.random.default_rng(11)
    x, w = rng.random((300, 700), dtype=np.float32), rng.random((13, 21), dtype=np.float32)
    one = fs.match(x, w, threads=1).scores
    for threads in (2, 3, 7):
        assert np.array_equal(fs.match(x, w, threads=threads).scores, one)


def test_memory() -> None:
    """In a process of its own, whose peak nothing else has raised."""
    code = """if True:
        import resource
        import numpy as np
        import flipslide as fs
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        x = np.random.default_rng(12).random((2400, 1080), dtype=np.float32)
        w = x[700:1223, 100:868].copy()
        fs.match(x[:100, :100], w[:10, :10])
        before = peak()
        assert fs.match(x, w).best.position == (700, 100)
        print((peak() - before) // 1024)
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 150


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "x, w, keywords, message",
    [
        ([1, 2], [1, 2, 3], {}, "does not fit in x"),
        ([1, 2], [1], dict(score="normed"), "score='normed'"),
        ([[1, 2]], [1], dict(axes=(0, 1)), "has 1 axes"),
        ([[1, 2]], [[1, 2]], dict(axes=(0, 0)), "twice"),
        ([1, 2], [1], dict(top=0), "at least 1"),
        ([1, 2], [1], dict(boundary="reflect"), "boundary"),
        ([1, 2], [1], dict(boundary="nothing"), "renormalize"),
        ([1, 2], [1], dict(mask=[1, 0]), "array of bool"),
        ([1, 2], [], {}, "no samples"),
        (3, [1], {}, "at least one"),
        ([1, 2], [1], dict(score="phase", mask=[True, False]), "no meaning"),
    ],
)
def test_refusals(x: Any, w: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(fs.FlipslideError, match=message):
        fs.match(x, w, **keywords)


@pytest.mark.parametrize("score", ["zncc", "ncc"])
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 1e36), (np.float32, 1e-36), (np.float64, 1e300), (np.float64, 1e-290)]
)
def test_scores_of_huge_and_tiny_samples_are_those_of_usual_ones(score: str, dtype: type, size: float) -> None:
    x = np.random.default_rng(2).standard_normal((14, 17))
    wanted = fs.match(x, x[3:8, 4:10], score=score).scores
    large = (x * size).astype(dtype)
    np.testing.assert_allclose(fs.match(large, large[3:8, 4:10], score=score).scores, wanted, atol=1e-5)


@pytest.mark.parametrize("boundary", ["renormalize", "zero"])
def test_no_samples_have_no_places(boundary: str) -> None:
    assert len(fs.match(np.zeros(0), np.arange(3.0), boundary=boundary, top=2)) == 0


@pytest.mark.parametrize("is_each", [False, True])
@pytest.mark.parametrize("score", ["zncc", "ncc", "ssd", "cross"])
def test_colours_together_and_each_alone(score: str, is_each: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("flipslide.match")
    monkeypatch.setattr(module, "_time", lambda plan: 9.0 * is_each * (len(plan.spec.loops) - 2 + 0.1))
    x = np.random.default_rng(4).random((30, 31, 3))
    w = x[4:12, 5:14]
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    v, t = np.moveaxis(windows, 2, -1).reshape(23, 23, -1), w.reshape(-1)
    if score == "zncc":
        v, t = v - v.mean(-1, keepdims=True), t - t.mean()
    size = {"ssd": 1, "cross": 1}.get(score, np.linalg.norm(v, axis=-1) * np.linalg.norm(t))
    wanted = ((v - t) ** 2).sum(-1) if score == "ssd" else v @ t / size
    np.testing.assert_allclose(fs.match(x, w, score=score).scores, wanted, atol=1e-9)
