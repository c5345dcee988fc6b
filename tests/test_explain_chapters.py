"""Chapters: each algorithm's twin against the definition, golden numbers of the storyboards."""

from __future__ import annotations

from fractions import Fraction

import explaining
import numpy as np
import pytest
from explaining import Call
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flipslide as fs
from flipslide.explain.chapters import ALGORITHMS, CHAPTERS
from flipslide.explain.chapters.compare import SAMES, same_of
from flipslide.explain.chapters.separable import factors_of
from flipslide.explain.chapters.winograd import matrices
from flipslide.plan import METHODS

X, W = [0, 1, 2, 3, 4], [1, -1, 2]
X2, W2 = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]], [[1, 2], [3, 4]]
U, V = [-1, 2, 3, -2, 0, 1, 2], [2, 4, -1, 1]
SIGNAL_CHAPTERS = ("flip", "scatter", "compare")


def cs231n() -> fs.Explanation:
    """The layer of the storyboards: 5×5×3, two filters 3×3×3, stride 2, pad 1."""
    rng = np.random.default_rng(231)
    x, w = rng.integers(0, 3, (3, 5, 5)), rng.integers(-1, 2, (2, 3, 3, 3))
    return fs.explain_layer(x, w, [1, 0], stride=2, padding=1)


# ------------------------------------------------------------------ against the definition


def test_every_algorithm_of_the_engine_has_a_chapter() -> None:
    assert set(METHODS) <= set(ALGORITHMS)
    assert set(ALGORITHMS) <= set(CHAPTERS)
    e = fs.explain(X, W)
    for name in CHAPTERS:
        assert getattr(e, name)().name == e.chapter(name).name == name


@pytest.mark.parametrize("name", ALGORITHMS)
@settings(max_examples=40, deadline=None)
@given(call=explaining.calls)
def test_an_algorithm_computes_the_definition(name: str, call: Call) -> None:
    y, wanted = call.explain().chapter(name).y, call.defined()
    assert y is not None
    assert y.shape == wanted.shape
    if name == "fft":
        np.testing.assert_allclose(y.astype(float), wanted.astype(float), atol=1e-9)
    else:
        assert y.tolist() == wanted.tolist()


@settings(max_examples=40, deadline=None)
@given(call=explaining.signals())
def test_stamps_add_up_to_the_definition(call: Call) -> None:
    y = call.explain().scatter().y
    assert y is not None
    assert y.tolist() == call.defined().tolist()


@settings(max_examples=40, deadline=None)
@given(call=explaining.calls)
def test_the_trace_holds_the_definition(call: Call) -> None:
    e = call.explain()
    assert e.y.tolist() == call.defined().tolist()
    for step in e.trace.steps:
        products = sum(term.product for term in step.terms if term.product is not None)
        assert step.value == products + (step.bias or 0)
        assert not step.partials or sum(step.partials) == products


@settings(max_examples=40, deadline=None)
@given(call=explaining.calls, seed=st.integers(0, 99))
def test_both_matrices_carry_gradients_back(call: Call, seed: int) -> None:
    dy = np.random.default_rng(seed).integers(-3, 4, call.defined().shape)
    wanted = call.engine_gradients(dy)[0].tolist()
    e = call.explain(dy=dy)
    assert np.array(e.trace.gradients.dx).tolist() == wanted
    assert e.col2im().parts["dx"].tolist() == wanted
    assert e.matrix().parts["dx"].tolist() == wanted


@settings(max_examples=25, deadline=None)
@given(call=explaining.calls)
def test_gradients_are_those_of_the_engine_and_of_differences(call: Call) -> None:
    assume(call.n_products <= 200)
    g = call.explain().grad()
    dx, dw, *db = call.engine_gradients(np.ones(g.y.shape, int))
    assert g.check() == 0
    assert (g.dx.tolist(), g.dw.tolist()) == (dx.tolist(), dw.tolist())
    assert call.bias is None or g.db.tolist() == db[0].tolist()


@settings(max_examples=12, deadline=None)
@given(call=explaining.calls)
def test_every_chapter_is_shown_in_every_format(call: Call) -> None:
    e = call.explain()
    for name in CHAPTERS:
        if call.is_layer and name in SIGNAL_CHAPTERS:
            with pytest.raises(fs.ParameterError, match="layer never flips"):
                e.chapter(name)
            continue
        chapter = e.chapter(name)
        for text in (str(chapter), chapter.markdown(), chapter.latex(), chapter.html(), chapter.to_json()):
            assert text


@pytest.mark.parametrize("name", ALGORITHMS)
def test_fractions_floats_and_complex_numbers(name: str) -> None:
    third = Fraction(1, 3)
    y = fs.explain([1, 2, third], [third, 1], "same").chapter(name).y
    assert y is not None
    if name != "fft":
        assert y.tolist() == [Fraction(1, 3), Fraction(5, 3), Fraction(19, 9)]
    rng = np.random.default_rng(3)
    for x, w in ((rng.normal(size=6), rng.normal(size=3)), (rng.normal(size=6) * (1 + 2j), rng.normal(size=3) * 1j)):
        y = fs.explain(x, w, "full").chapter(name).y
        assert y is not None
        np.testing.assert_allclose(y, np.convolve(x, w))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_numbers_that_are_not_finite(name: str) -> None:
    """They reach exactly the outputs that the definition says, or the chapter declines."""
    e = fs.explain([1.0, np.nan, 2.0, 3.0, 4.0], [1.0, np.inf], "full")
    if name in ("separable", "box", "overlap", "fft", "winograd"):
        with pytest.raises(fs.ParameterError, match="direct"):
            e.chapter(name)
    else:
        np.testing.assert_array_equal(e.chapter(name).y, e.y)


# ------------------------------------------------------------------------------ storyboards


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapters_keep_to_their_width(name: str) -> None:
    for e in (fs.explain(X, W), fs.explain(X2, W2), fs.explain(U, V, "same")):
        assert max(map(len, str(e.chapter(name)).splitlines())) <= 72


def test_stamping_is_the_full_result() -> None:
    chapter = fs.explain(X, W).scatter()
    assert [(s.first, s.copy.tolist()) for s in chapter.parts["stamps"]] == [
        ((0,), [0, 0, 0]), ((1,), [1, -1, 2]), ((2,), [2, -2, 4]), ((3,), [3, -3, 6]), ((4,), [4, -4, 8])
    ]  # fmt: skip
    assert chapter.parts["full"].tolist() == [0, 1, 1, 3, 5, 2, 8]
    assert "(z + 2·z^2 + 3·z^3 + 4·z^4)·(1 − z + 2·z^2) = z + z^2 + 3·z^3 + 5·z^4 +" in str(chapter)


def test_three_lengths_on_one_ruler() -> None:
    chapter = fs.explain(X, W).compare()
    assert [chapter.parts[mode].tolist() for mode in ("valid", "same", "full")] == [
        [1, 3, 5], [1, 1, 3, 5, 2], [0, 1, 1, 3, 5, 2, 8]
    ]  # fmt: skip
    assert " same   1 1 3 5 2\n full 0 1 1 3 5 2 8" in str(chapter)


def test_whose_same() -> None:
    libraries = fs.explain(U, V).compare().parts["libraries"]
    assert libraries["numpy"].tolist() == libraries["scipy"].tolist() == [0, 15, 5, -9, 7, 6, 7]
    assert libraries["matlab"].tolist() == [15, 5, -9, 7, 6, 7, -1]
    strided = fs.explain(U, V, stride=2).compare()
    assert strided.parts["libraries"]["pytorch"] is None
    assert "refuses" in str(strided)


def _arrays(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 10, rng.integers(1, 9)), rng.integers(-9, 10, rng.integers(1, 6))


def _exact(*arrays: np.ndarray) -> list[np.ndarray]:
    return [array.astype(object) for array in arrays]


@pytest.mark.parametrize("seed", range(30))
def test_numpy_and_scipy_agree_with_their_same(seed: int) -> None:
    from scipy import ndimage, signal

    x, w = _arrays(seed)
    assert same_of("numpy", *_exact(x, w)).tolist() == np.convolve(x, w, "same").tolist()
    assert same_of("scipy", *_exact(x, w)).tolist() == signal.convolve(x, w, "same").tolist()
    assert same_of("matlab", *_exact(x, w)).tolist() == ndimage.convolve1d(x, w, mode="constant").tolist()


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pytorch_agrees_with_its_same(stride: int) -> None:
    torch = pytest.importorskip("torch")
    for x, w in map(_arrays, range(30)):
        arrays = [torch.tensor(array, dtype=torch.float64)[None, None] for array in (x, w)]
        if stride == 1:
            same = torch.nn.functional.conv1d(*arrays, padding="same")[0, 0]
            assert same_of("pytorch", *_exact(x, w)).tolist() == same.tolist()
            assert same_of("tensorflow", *_exact(x, w)).tolist() == same.tolist()
        wanted = torch.nn.functional.conv1d(*arrays, padding=len(w) // 2, stride=stride)[0, 0]
        assert same_of("pytorch padded", *_exact(x, w), stride).tolist() == wanted.tolist()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_jax_agrees_with_its_same(stride: int) -> None:
    jax = pytest.importorskip("jax")
    for x, w in map(_arrays, range(10)):
        arrays = [jax.numpy.array(array, dtype=float)[None, None] for array in (x, w)]
        wanted = jax.lax.conv_general_dilated(*arrays, (stride,), "SAME")[0, 0]
        assert same_of("tensorflow", *_exact(x, w), stride).tolist() == wanted.tolist()


def test_every_same_is_tested() -> None:
    assert set(SAMES) == {"numpy", "scipy", "matlab", "tensorflow", "pytorch", "pytorch padded"}


def test_a_circle_that_is_too_short_wraps() -> None:
    chapter = fs.explain(X, W).fft()
    assert chapter.parts["circular"].tolist() == [2, 9, 1, 3, 5]
    assert chapter.parts["full"].tolist() == [0, 1, 1, 3, 5, 2, 8]
    spectrum_x, spectrum_w, product = chapter.parts["spectra"]
    np.testing.assert_allclose(spectrum_x, np.fft.fft(X, 7))
    np.testing.assert_allclose(spectrum_w, np.fft.fft(W, 7))
    np.testing.assert_allclose(np.fft.ifft(product).real, [0, 1, 1, 3, 5, 2, 8], atol=1e-12)


def test_two_dimensions_by_hand() -> None:
    e = fs.explain(X2, W2)
    assert e.y.tolist() == [[11, 13, 10], [7, 14, 17], [11, 5, 6]]
    assert e.flip().parts["flipped"].tolist() == [[4, 3], [2, 1]]
    assert "y[0,0] = 4·1 + 3·2 + 2·0 + 1·1 = 11" in str(e.step((0, 0)))
    assert fs.explain(X2, W2, operation="correlate").y.tolist() == [[9, 17, 15], [8, 11, 8], [9, 5, 9]]


def test_a_layer_as_a_product_of_matrices() -> None:
    chapter = cs231n().im2col()
    columns, rows = chapter.parts["columns"], chapter.parts["rows"]
    assert columns.shape == (27, 9)
    assert rows.shape == (2, 27)
    filled = np.where(np.equal(columns, None), 0, columns)
    assert (rows.dot(filled) + np.array([[1], [0]])).reshape(2, 3, 3).tolist() == cs231n().y.tolist()
    copies = chapter.parts["copies"]
    assert copies.tolist() == np.multiply.outer([1, 2, 1, 2, 1], [1, 2, 1, 2, 1]).tolist()
    assert copies.max() == 4
    assert "243 numbers stand for 75 samples, 3.24 times as many" in str(chapter)
    np.testing.assert_array_equal(
        filled, fs.nn.im2col(np.array(cs231n().trace.x)[None], (3, 3), stride=2, padding=1)[0]
    )


def test_columns_are_added_back() -> None:
    chapter = fs.explain(X, W).col2im()
    assert chapter.parts["coverage"].tolist() == [1, 2, 3, 2, 1]
    assert chapter.parts["again"].tolist() == [0, 2, 6, 6, 4]
    assert chapter.parts["dx"].tolist() == [2, 1, 2, 0, 1]
    assert fs.explain(X, W, dy=[1, 2, 3]).col2im().parts["dx"].tolist() == [2, 3, 5, -1, 3]


def test_the_matrix_is_toeplitz() -> None:
    chapter = fs.explain(X, W).matrix()
    assert [[tap or 0 for tap in row] for row in chapter.parts["matrix"].tolist()] == [
        [2, -1, 1, 0, 0], [0, 2, -1, 1, 0], [0, 0, 2, -1, 1]
    ]  # fmt: skip
    assert chapter.parts["dx"].tolist() == [2, 1, 2, 0, 1]


# ------------------------------------------------------------------------- single chapters


def test_taps_that_are_a_product() -> None:
    factors = fs.explain(np.arange(25).reshape(5, 5), [[1, 0, -1], [2, 0, -2], [1, 0, -1]]).separable().parts["factors"]
    assert [(column.tolist(), row.tolist()) for column, row in factors] == [([1, 2, 1], [1, 0, -1])]
    assert "column times a row" in str(fs.explain(X2, [[1, 2], [2, 4]]).separable())
    assert "no product of one column" in str(fs.explain(X2, W2).separable())
    assert len(factors_of(np.array([[0, 0], [0, 0]], dtype=object))) == 0
    rounded = np.outer(np.exp(-np.arange(5) / 3), np.exp(-np.arange(4) / 7)).astype(object)
    assert len(factors_of(rounded)) == 1


@pytest.mark.parametrize("m", [1, 2, 4])
@pytest.mark.parametrize("r", [1, 2, 3, 5])
def test_winograd_matrices_compute_sliding_sums(m: int, r: int) -> None:
    a, g, b = matrices(m, r)
    rng = np.random.default_rng(m * r)
    x, v = rng.integers(-9, 10, m + r - 1).astype(object), rng.integers(-9, 10, r).astype(object)
    assert a.dot(g.dot(v) * b.dot(x)).tolist() == [sum(v * x[i : i + r]) for i in range(m)]


def test_boxes_are_found_in_the_taps() -> None:
    assert fs.explain(X, [2, 2, 2]).box().parts["is_box"]
    assert fs.explain(X2, [[3, 3], [3, 3]]).box().y.tolist() == [[12, 18, 15], [9, 15, 15], [12, 6, 9]]
    assert "another way" in str(fs.explain(X, W).box())


def test_winograd_of_three_taps_is_the_known_one() -> None:
    a, _, b = matrices(2, 3)
    assert {tuple(map(abs, row)) for row in b.tolist()} == {(1, 0, 1, 0), (0, 1, 1, 0), (0, 1, 0, 1)}
    assert a.shape == (2, 4)


def test_tiles_throw_away_what_wrapped() -> None:
    chapter = fs.explain(np.arange(20), W, "full").overlap()
    tiles = chapter.parts["tiles"]
    assert [tile.good for tile in tiles] == [(6,)] * 4
    assert [tile.at for tile in tiles] == [(0,), (6,), (12,), (18,)]
    assert "(" in str(chapter)


def test_refuses_what_cannot_be_written_down() -> None:
    chapter = fs.explain(np.ones((20, 20)), np.ones((3, 3))).matrix()
    assert "T: 324 rows and 400 columns are too many to be read; they are in .parts" in str(chapter)
    assert chapter.parts["matrix"].shape == (324, 400)
    with pytest.raises(fs.ParameterError, match="chapter='fastest'"):
        fs.explain(X, W).chapter("fastest")
    with pytest.raises(fs.ParameterError, match="whole call"):
        fs.explain(range(20), W, around=1).fft()


@pytest.mark.parametrize("name", CHAPTERS)
def test_large_calls_are_computed_and_what_cannot_be_read_is_said(name: str) -> None:
    rng = np.random.default_rng(9)
    for e in (
        fs.explain(rng.normal(size=300), rng.normal(size=40)),
        fs.explain(rng.normal(size=(20, 20)), np.ones((8, 8))),
    ):
        chapter = e.chapter(name)
        assert len(str(chapter)) < 80_000
        if chapter.y is not None:
            np.testing.assert_allclose(chapter.y, e.y, atol=1e-10)
