"""Boundaries that count with samples, and a rule or a constant for each side: as sums of samples, stated once."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide import definition
from flipslide.errors import DtypeError, FlipslideError, IntegerOverflowError, ParameterError
from flipslide.geometry import AFFINE, BOUNDARIES, RULES, extend_terms
from flipslide.spec import ConvSpec

DTYPES = ("uint8", "int16", "int64", "float16", "float32", "float64", "complex64", "object")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "constant"])
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_pad_writes_the_sums_that_a_rule_states(rule: str, n: int) -> None:
    x = np.random.default_rng(n).integers(-9, 9, n) * 60  # so that thirds, fourths and fifths are whole
    terms = [extend_terms(i, n, rule) for i in range(-17, n + 17)]
    exact = [sum(weight * Fraction(int(x[i])) for i, weight in row) for row in terms]
    for dtype in ("int32", "int64", "float64", "object"):
        assert [Fraction(v) for v in fs.pad(x.astype(dtype), 17, rule).tolist()] == exact
    halves = fs.pad(np.array([Fraction(int(v), 7) for v in x], object), 17, rule)
    assert halves.tolist() == [v / 7 for v in exact]


def test_no_rise_is_no_rise_also_of_infinities() -> None:
    x = [np.inf, 1.0, 2.0, 3.0]
    assert fs.pad(x, (0, 2), "odd_mirror").tolist() == [np.inf, 1, 2, 3, 4, 5]
    assert fs.pad(x, (0, 2), "odd_symmetric").tolist() == [np.inf, 1, 2, 3, 3, 4]


@st.composite
def sided_calls(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Small whole numbers in any dtype, and any rule on any side of one or two axes of up to three."""
    n_axes, ndim = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    ndim = max(ndim, n_axes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    axes = tuple(draw(st.permutations(range(ndim)))[:n_axes])
    x = rng.integers(0, 4, rng.integers(1, 6, ndim))
    w = rng.integers(0, 3, rng.integers(1, 5, n_axes))
    pairs = [tuple(draw(st.sampled_from(RULES)) for _ in range(2)) for _ in range(n_axes)]
    words = [pair if draw(st.booleans()) else pair[0] for pair in pairs]
    flat = [word for pair in words for word in ((pair,) if isinstance(pair, str) else pair)]
    fills: Any = 0
    if "constant" in flat:
        fills = tuple(draw(st.sampled_from([2, (1, 3)])) for _ in range(n_axes))
    boundary: Any = tuple(words)
    if n_axes == 1:
        boundary, fills = words[0], fills[0] if isinstance(fills, tuple) else fills
    mode = draw(st.sampled_from(["full", "same", (-7, 9), (2, 4)]))
    words_of_all: dict[str, Any] = dict(mode=mode, axes=axes, boundary=boundary, fill_value=fills)
    words_of_all |= dict(stride=draw(st.integers(1, 2)), dilation=draw(st.integers(1, 2)))
    return x, w, words_of_all


@given(sided_calls(), st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.booleans())
def test_every_side_is_the_definitions(call: Any, x_dtype: str, w_dtype: str, correlated: bool) -> None:
    x, w, words = call
    x, w = x.astype(x_dtype), w.astype(w_dtype)
    verb = fs.correlate if correlated else fs.convolve
    exact = definition.apply(ConvSpec.of(x.shape, w.shape, correlate=correlated, **words), x, w)
    promoted = np.result_type(x, w)
    if promoted.kind in "iu":
        limits = np.iinfo(promoted)
        try:
            y = verb(x, w, **words)
        except (IntegerOverflowError, DtypeError) as error:
            # The bound may refuse what would fit, but never lets pass what does not; "line" may leave the integers.
            assert "line" in str(error) or "pass dtype=" in str(error) or "cannot hold" in str(error)
            return
        assert all(limits.min <= v <= limits.max for v in exact.flat)
        np.testing.assert_array_equal(y.astype(object), exact)
        return
    try:
        y = verb(x, w, **words)
    except DtypeError as error:
        assert "line" in str(error)
        assert x_dtype == "object" or promoted.kind in "iu"
        return
    assert y.dtype == promoted
    if promoted.kind == "O":
        np.testing.assert_array_equal(y, exact)
    else:
        rough = 2e-3 if promoted == np.float16 else 1e-5
        largest = max((abs(complex(v)) for v in exact.flat), default=0)
        np.testing.assert_allclose(y.astype(complex), exact.astype(complex), rtol=rough, atol=rough * (1 + largest))


@pytest.mark.parametrize("rule", AFFINE)
@pytest.mark.parametrize("method", ["auto", "direct", "separable", "overlap", "fft", "numpy"])
def test_every_method_has_every_rule(rule: str, method: str) -> None:
    rng = np.random.default_rng(7)
    x, w = rng.standard_normal((70, 60)), np.outer(rng.standard_normal(9), rng.standard_normal(8))
    wide = fs.pad(x, ((7, 8), (7, 7)), rule)
    for mode, cut in (("same", np.s_[3:73, 3:63]), ("valid", None)):
        y = fs.convolve(x, w, mode, boundary=rule, method=method)
        if cut is None:
            want = fs.convolve(x, w, "valid", method="direct")
        else:
            want = fs.convolve(wide, w, "valid", method="direct")[cut]
        np.testing.assert_allclose(y, want, atol=1e-11)


def test_the_same_bits_as_a_plan_and_into_any_out() -> None:
    rng = np.random.default_rng(8)
    x, w = rng.standard_normal((30, 20)), rng.standard_normal((3, 4))
    words: dict[str, Any] = dict(boundary=("smooth", ("edge", "odd_mirror")))
    want = fs.convolve(x, w, "same", **words)
    plan = fs.plan(x.shape, w, mode="same", **words)
    assert "axis 0 of x is extended first, by 1 and 1 samples: smooth" in str(plan)
    np.testing.assert_array_equal(plan(x), want)
    out = np.zeros(want.shape)
    plan(x, out=out)
    np.testing.assert_array_equal(out, want)
    fs.convolve(x, w, "same", out=x, **words)
    np.testing.assert_array_equal(x, want)
    with pytest.raises(FlipslideError, match="the plan is for"):
        plan(np.ones((30, 21)))


# ------------------------------------------------------------------------------- integers


def test_integers_that_rules_make_are_exact_or_an_error() -> None:
    x = np.array([10, 200], np.uint8)
    with pytest.raises(IntegerOverflowError, match="can be negative"):
        fs.convolve(x, np.ones(3, np.uint8), boundary="odd_mirror")
    assert fs.convolve(x, [1, 1, 1], boundary="odd_mirror").tolist() == [-540, 30, 600, 1170]
    ends = np.array([2**62, -(2**62)])
    with pytest.raises(IntegerOverflowError, match="cannot hold"):
        fs.convolve(ends, [1, 1], boundary="odd_mirror")
    assert fs.convolve(ends.astype(object), [1, 1], boundary="odd_mirror").tolist() == [2**64, 0, -(2**64)]


def test_straight_lines_between_integers_are_floats_or_an_error() -> None:
    assert fs.convolve([1, 2, 4], [0.5, 0.5], boundary="line").tolist() == [0.25, 1.5, 3.0, 4.75]
    with pytest.raises(DtypeError, match="leaves the integers"):
        fs.convolve([1, 2, 4], [1, 1], boundary="line")


# ------------------------------------------------------------------------------ gradients


@given(sided_calls(), st.sampled_from(["float64", "complex128", "int64"]))
def test_gradients_are_adjoint(call: Any, dtype: str) -> None:
    x, w, words = call
    x, w = x.astype(dtype), w.astype(dtype)
    zero = words | {"fill_value": 0}
    try:
        y = fs.convolve(x, w, **zero)
        dy = np.random.default_rng(0).integers(-3, 4, y.shape).astype(dtype)
        dx, dw = fs.convolve_grads(dy, x, w, **zero)
    except DtypeError as error:
        assert dtype == "int64"
        assert "line" in str(error) or "gradient" in str(error)
        return
    assert (dx.shape, dw.shape) == (x.shape, w.shape)
    product = np.vdot(dy, y)
    np.testing.assert_allclose([np.vdot(dx, x), np.vdot(dw, w)], product, rtol=1e-9, atol=1e-9 * (1 + np.abs(dy).sum()))


@pytest.mark.parametrize("boundary", [*AFFINE, ("edge", "zero"), ("odd_mirror", "wrap")])
def test_each_sample_has_its_gradient(boundary: Any) -> None:
    rng = np.random.default_rng(9)
    x, w = rng.standard_normal(5), rng.standard_normal(4)
    dy = rng.standard_normal(9)
    words: dict[str, Any] = dict(mode=(-2, 9), boundary=boundary)
    dx, dw = fs.convolve_grads(dy, x, w, **words)
    np.testing.assert_allclose(dx, [dy @ fs.convolve(one, w, **words) for one in np.eye(5)], atol=1e-11)
    np.testing.assert_allclose(dw, [dy @ fs.convolve(x, one, **words) for one in np.eye(4)], atol=1e-11)


# ------------------------------------------------------------------------------ elsewhere

UPFIRDN = {
    "zero": "constant", "symmetric": "symmetric", "mirror": "reflect", "edge": "edge", "wrap": "wrap",
    "antisymmetric": "antisymmetric", "odd_mirror": "antireflect", "smooth": "smooth", "line": "line",
}  # fmt: skip


@pytest.mark.parametrize("rule", list(UPFIRDN))
@pytest.mark.parametrize("rates", [(1, 1), (3, 1), (2, 3), (5, 4)])
def test_upfirdn_has_scipys_rules(rule: str, rates: tuple[int, int]) -> None:
    signal = pytest.importorskip("scipy.signal")
    rng = np.random.default_rng(10)
    for n, taps in ((7, 3), (4, 20), (30, 9)):
        x, w = rng.standard_normal((2, n)), rng.standard_normal(taps)
        want = signal.upfirdn(w, x, *rates, mode=UPFIRDN[rule])
        np.testing.assert_allclose(fs.upfirdn(x, w, *rates, boundary=rule), want, atol=1e-9)


def test_a_straight_line_keeps_straight_at_every_rate() -> None:
    t = np.arange(40.0)
    for rule in ("odd_mirror", "smooth", "line"):
        np.testing.assert_allclose(
            fs.resample(2 * t + 1, 3, 2, boundary=rule), 2 * np.arange(60) * 2 / 3 + 1, atol=1e-3
        )


def test_pad_has_a_rule_for_each_side() -> None:
    assert fs.pad([1, 2, 4], 2, ("edge", "zero")).tolist() == [1, 1, 1, 2, 4, 0, 0]
    assert fs.pad([1, 2, 4], 2, ("constant", "smooth"), fill_value=(9, 0)).tolist() == [9, 9, 1, 2, 4, 6, 8]
    y = fs.pad([[1, 2], [3, 4]], 1, ("zero", ("wrap", "edge")))
    assert y.tolist() == [[0, 0, 0, 0], [2, 1, 2, 2], [4, 3, 4, 4], [0, 0, 0, 0]]


def test_missing_samples_know_sides() -> None:
    x, w = [1.0, np.nan, 3.0, 5.0], [1.0, 1.0, 1.0]
    y = fs.convolve(x, w, "same", boundary=("renormalize", "zero"), nan="omit")
    np.testing.assert_allclose(y, [1, 2, 4, 8 / 3])
    y = fs.convolve(x, w, "same", boundary=("renormalize", "edge"), nan="omit")
    np.testing.assert_allclose(y, [1, 2, 4, 13 / 3])


COUNTING = ("odd_mirror", "odd_symmetric", "antisymmetric", "smooth", "line")


def quotient_of_terms(
    x: np.ndarray, w: np.ndarray, there: np.ndarray, rules: tuple[str, str], correlate: bool
) -> np.ndarray:
    """Σ w·x̃ / Σ w of mode "full", over the samples x̃ all of whose terms are there."""
    y = []
    for m in range(len(x) + len(w) - 1):
        top = weight = 0.0
        for j, tap in enumerate(w):
            i = m + j - len(w) + 1 if correlate else m - j
            rule = rules[0] if i < 0 else rules[1]
            is_outside = not 0 <= i < len(x)
            if is_outside and rule == "renormalize":
                continue
            terms = list(extend_terms(i, len(x), rule)) if is_outside else [(i, 1)]
            if all(there[at] for at, _ in terms):
                top, weight = top + tap * sum(float(c) * x[at] for at, c in terms), weight + tap
        y.append(top / weight if weight else np.nan)
    return np.array(y)


@pytest.mark.parametrize("correlate", [False, True])
@pytest.mark.parametrize("rule", COUNTING)
def test_a_sample_outside_is_missing_where_one_of_its_terms_is(rule: str, correlate: bool) -> None:
    rng = np.random.default_rng(12)
    verb = fs.correlate if correlate else fs.convolve
    for other in (rule, "zero", "wrap", "renormalize"):
        for part in (0.0, 0.3, 0.7):
            x, w, there = rng.normal(size=7), rng.random(4) + 0.1, rng.random(7) >= part
            wanted = quotient_of_terms(x, w, there, (rule, other), correlate)
            masked = verb(x, w, "full", boundary=(rule, other), mask=~there)
            np.testing.assert_allclose(masked, wanted, rtol=1e-10, atol=1e-10)
            omitted = verb(np.where(there, x, np.nan), w, "full", boundary=(rule, other), nan="omit")
            np.testing.assert_allclose(omitted, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rule", ["odd_mirror", "odd_symmetric"])
def test_odd_rules_do_not_look_at_the_far_end(rule: str) -> None:
    for hole in (0, 5):
        x = np.arange(6.0)
        x[hole] = np.inf
        y = fs.convolve(x, [1.0, 1, 1], "same", boundary=rule)
        assert np.isfinite(y[2:] if hole == 0 else y[:4]).all()


@pytest.mark.parametrize("boundary", ["smoth", ("edge", "zero", "wrap"), (("edge", "zero", "wrap"),), "reflect"])
def test_words_that_mean_nothing(boundary: Any) -> None:
    with pytest.raises(ParameterError):
        fs.convolve([1.0, 2.0], [1.0, 1.0], boundary=boundary)


def test_fills_for_sides_go_with_constant() -> None:
    with pytest.raises(ParameterError, match="goes with boundary='constant'"):
        fs.convolve([1.0, 2.0], [1.0], boundary=("edge", "zero"), fill_value=(0, 2))
    with pytest.raises(DtypeError, match="fill_value"):
        fs.convolve([1, 2], [1, 1], boundary="constant", fill_value=(0, 1.5))


@pytest.mark.parametrize("verb", [fs.explain, fs.graph, fs.deconvolve])
def test_verbs_that_repeat_samples_only_say_so(verb: Any) -> None:
    for boundary in ("smooth", ("edge", "zero")):
        with pytest.raises(FlipslideError, match=r"extend x first with fs\.pad"):
            verb(np.arange(9.0), [1.0, 2.0], boundary=boundary)
    assert set(BOUNDARIES).isdisjoint(AFFINE)


def test_more_axes_than_can_be_convolved_are_an_error() -> None:
    x = np.ones((1,) * 64)
    for verb in (fs.convolve, fs.correlate, fs.nn.conv):
        with pytest.raises(FlipslideError, match="64 axes"):
            verb(x, x)
