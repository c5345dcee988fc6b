"""Explanations: golden texts and numbers, and every value against the definition."""

from __future__ import annotations

import json
import random
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.definition import apply
from flipslide.geometry import BOUNDARIES, MODES
from flipslide.spec import ConvSpec

X, W = [0, 1, 2, 3, 4], [1, -1, 2]
X2, W2 = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]], [[1, 2], [3, 4]]

FOUNDING = """\
x = 0 1 2 3 4      w = 1 −1 2      flipped w = 2 −1 1
length: floor((5 + 0 − 3)/1) + 1 = 3    (valid: only full overlaps)

 n   window of x   times flipped w        sum
 0   0  1  2       2·0 + (−1)·1 + 1·2   =   1
 1   1  2  3       2·1 + (−1)·2 + 1·3   =   3
 2   2  3  4       2·2 + (−1)·3 + 1·4   =   5

y = 1 3 5
without the flip (correlation, what PyTorch calls conv): 3 5 7"""


def _random_call(rng: random.Random) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    n_axes = rng.choice((1, 2))
    taps = [rng.randint(1, 3) for _ in range(n_axes)]
    dilation = rng.randint(1, 2)
    sizes = [dilation * (k - 1) + rng.randint(1, 5) for k in taps]
    keywords: dict[str, Any] = {"mode": rng.choice(MODES), "dilation": dilation, "stride": rng.randint(1, 3)}
    keywords["boundary"] = tuple(rng.choice(BOUNDARIES) for _ in range(n_axes))
    if "constant" in keywords["boundary"]:
        keywords["fill_value"] = 3
    if keywords["mode"] == "same":
        keywords["center"] = rng.choice((None, "upper", "lower", 0, 2))
    values = np.random.default_rng(rng.randrange(2**32))
    return values.integers(-9, 10, sizes), values.integers(-9, 10, taps), keywords


CALLS = [_random_call(random.Random(seed)) for seed in range(80)]


def test_founding_example() -> None:
    assert str(fs.explain(X, W)) == FOUNDING


@pytest.mark.parametrize(
    ("mode", "y"), [("valid", [1, 3, 5]), ("same", [1, 1, 3, 5, 2]), ("full", [0, 1, 1, 3, 5, 2, 8])]
)
def test_three_lengths(mode: str, y: list[int]) -> None:
    e = fs.explain(X, W, mode)
    assert e.y.tolist() == y
    assert "y = " + " ".join(map(str, y)) in str(e).splitlines()


def test_correlation() -> None:
    e = fs.explain(X, W, operation="correlate")
    assert e.y.tolist() == [3, 5, 7]
    assert "with the flip (convolution): 1 3 5" in str(e)
    assert "flipped w" not in str(e)


def test_two_dimensions() -> None:
    e = fs.explain(X2, W2)
    assert e.y.tolist() == [[11, 13, 10], [7, 14, 17], [11, 5, 6]]
    assert e.trace.other.y == ((9, 17, 15), (8, 11, 8), (9, 5, 9))
    assert e.trace.window_w == ((4, 3), (2, 1))
    assert " 0,0   1 2 | 0 1     4·1 + 3·2 + 2·0 + 1·1   =  11" in str(e).splitlines()


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("call", range(len(CALLS)))
def test_agrees_with_the_engine_and_the_definition(operation: str, call: int) -> None:
    x, w, keywords = CALLS[call]
    e = fs.explain(x, w, operation=operation, **keywords)
    y = getattr(fs, operation)(x, w, **keywords)
    np.testing.assert_array_equal(e.y, y)
    opposite = "correlate" if operation == "convolve" else "convolve"
    np.testing.assert_array_equal(e.trace.other.y, getattr(fs, opposite)(x, w, **keywords))
    spec = ConvSpec.of(x.shape, w.shape, correlate=operation == "correlate", **keywords)
    np.testing.assert_array_equal(e.y, apply(spec, x, w))


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_the_length_formula_counts_the_outputs_and_the_padding(call: int) -> None:
    x, w, keywords = CALLS[call]
    trace = fs.explain(x, w, **keywords).trace
    for i, part in enumerate(trace.lengths):
        assert part.room == part.n + part.before + part.after - part.span
        assert part.room // part.stride + 1 == part.outputs == len({step.y[i] for step in trace.steps})
        assert min(term.position[i] for term in trace.steps[0].terms) == -part.before
        if part.stride == 1:
            assert max(term.position[i] for term in trace.steps[-1].terms) == part.n - 1 + part.after


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_the_printed_formula_is_true(call: int) -> None:
    x, w, keywords = CALLS[call]
    e = fs.explain(x, w, **keywords)
    read = re.findall(r"floor\(\((\d+) \+ (\d+) − (\d+)\)/(\d+)\) \+ 1 = (\d+)", str(e))
    assert [int(parts[-1]) for parts in read] == list(e.y.shape)
    for n, padding, span, stride, outputs in (map(int, parts) for parts in read):
        assert (n + padding - span) // stride + 1 == outputs


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_the_printed_arithmetic_is_true(call: int) -> None:
    x, w, keywords = CALLS[call]
    e = fs.explain(x, w, **keywords)
    sums = _read_sums(str(e), keywords.get("fill_value", 0))
    assert [value for value, _ in sums] == [total for _, total in sums] == e.y.ravel().tolist()


def _read_sums(text: str, fill: int) -> list[tuple[int, int]]:
    """(the products of a printed sum, multiplied and added again; the printed sum)."""
    body = "".join(
        line + " " for line in text.splitlines() if "·" in line and "floor" not in line and "spans" not in line
    )
    read: list[tuple[int, int]] = []
    products: list[int] = []
    body = body.replace("−", "-")
    for a, b, total in re.findall(r"(-?\d+)\)?·\(?(-?\d+)\)?'?|= +(-?\d+)(?= |$)", body):
        if total:
            read.append((sum(products), int(total)))
            products = []
        else:
            products.append(int(a) * int(b))
    return read


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_text_keeps_to_its_width(call: int) -> None:
    x, w, keywords = CALLS[call]
    for operation in ("convolve", "correlate"):
        text = str(fs.explain(x * 1.37, w, operation=operation, **keywords))
        assert max(map(len, text.splitlines())) <= 72
        assert not any(line.endswith(" ") for line in text.splitlines())


def test_many_taps_are_wrapped_and_none_is_lost() -> None:
    e = fs.explain(np.arange(70), np.arange(64))
    text = str(e)
    assert text.count("·") == 64 * 7
    assert max(map(len, text.splitlines())) <= 72
    assert [total for _, total in _read_sums(text, 0)] == np.convolve(np.arange(70), np.arange(64), "valid").tolist()


def test_a_wide_matrix_is_cut_into_panels_and_nothing_is_lost() -> None:
    x = np.arange(100, 160).reshape(2, 30)
    text = str(fs.explain(x, [[1, 2]], "same"))
    assert max(map(len, text.splitlines())) <= 72
    assert "and columns 18 to 29" in text.splitlines()
    shown = text[: text.index("\nw")]
    assert sorted(int(n) for n in re.findall(r"\b1\d\d\b", shown)) == x.ravel().tolist()


def test_padding_is_marked_and_explained() -> None:
    assert " 0   .  .  0       2·0 + (−1)·0 + 1·0   =   0" in str(fs.explain(X, W, "full"))
    assert ". is a zero of the padding" in str(fs.explain(X, W, "full"))
    assert "boundary 'edge'" in str(fs.explain(X, W, "same", boundary="edge"))
    assert "' marks the fill value 7" in str(fs.explain(X, W, "same", boundary="constant", fill_value=7))
    assert "'" not in str(fs.explain(X, W))


def test_a_palindrome_is_not_changed_by_the_flip() -> None:
    assert str(fs.explain(X, [1, 2, 1])).endswith("w reads the same backwards: the flip changes nothing")
    assert "the flip changes nothing" in str(fs.explain(X2, np.ones((3, 3), int)))
    assert "the flip changes nothing" not in str(fs.explain([1, 1, 1, 1], W))
    assert "correlation gives the same here" in str(fs.explain([1, 1, 1, 1], W))


def test_fractions_stay_exact() -> None:
    e = fs.explain([1, 2, Fraction(1, 3)], [Fraction(1, 3), 1])
    assert e.y.tolist() == [Fraction(5, 3), Fraction(19, 9)]
    assert "19/9" in str(e)
    assert json.loads(e.to_json())["y"] == ["5/3", "19/9"]


def test_rounding_is_admitted() -> None:
    assert "numbers are shown to 6 digits" in str(fs.explain([1 / 3], [2.5]))
    assert "6 digits" not in str(fs.explain([0.5], [2.5]))


def test_complex_taps_are_conjugated_by_correlation() -> None:
    x, w = np.array([1 + 2j, 3, 1j]), np.array([1j, 2 - 1j])
    for operation in ("convolve", "correlate"):
        e = fs.explain(x, w, "full", operation=operation)
        np.testing.assert_allclose(e.y, getattr(fs, operation)(x, w, "full"))
    assert "conj(w) = −i (2 + i)" in str(e)


def test_not_a_number_stays_where_it_belongs() -> None:
    e = fs.explain([1.0, np.nan, 2.0, 3.0], [1.0, 1.0])
    assert np.isnan(e.y).tolist() == [True, True, False]
    assert json.loads(e.to_json())["y"] == ["nan", "nan", 5.0]


def test_json_is_the_whole_trace() -> None:
    data = json.loads(fs.explain(X2, W2, "same", boundary="wrap").to_json())
    assert data["schema"] == "flipslide-trace/1"
    assert (data["x"], data["w"], data["window_w"]) == (X2, W2, [[4, 3], [2, 1]])
    first = data["steps"][0]
    assert sum(term["product"] for term in first["terms"]) == first["value"] == data["y"][0][0]
    assert {term["source"] for step in data["steps"] for term in step["terms"]} == {"sample", "copy"}


def test_nothing_to_show() -> None:
    e = fs.explain([], [1, 2], "same")
    assert e.y.tolist() == []
    assert "y = (empty)" in str(e)
    e = fs.explain(np.ones((0, 3)), [[1.0]], "full")
    assert (e.y.shape, repr(e)[-9:]) == ((0, 3), "y (0, 3)>")
    assert "(empty)" in str(e)


def test_refuses_what_it_cannot_show() -> None:
    with pytest.raises(fs.ShapeError, match="at most 64; take"):
        fs.explain(np.ones(100), np.ones(65))
    with pytest.raises(fs.ShapeError, match=r"at most 512 outputs.*around="):
        fs.explain(np.ones(600), np.ones(3))
    with pytest.raises(fs.ShapeError, match=r"x\[0\]"):
        fs.explain(np.ones((2, 3, 4)), np.ones((2, 2)))
    with pytest.raises(fs.ParameterError, match="operation"):
        fs.explain(X, W, operation="conv")


def test_the_function_is_not_hidden_by_its_package() -> None:
    import flipslide.explain
    import flipslide.explain.text
    import flipslide.graph  # noqa: F401

    assert callable(fs.explain)
    assert callable(fs.graph)
    assert repr(fs.explain(X, W)) == "<Explanation: convolve, mode 'valid', x (5,), w (3,), y (3,)>"


# ------------------------------------------------------------------- pieces of large calls


@pytest.mark.parametrize("boundary", ["zero", "mirror"])
@pytest.mark.parametrize("mode", MODES)
def test_some_outputs_of_a_long_signal(mode: str, boundary: str) -> None:
    x = np.random.default_rng(7).integers(-9, 10, 5000)
    y, other = (verb(x, W, mode, boundary=boundary, stride=3) for verb in (fs.convolve, fs.correlate))
    e = fs.explain(x, W, mode, boundary=boundary, stride=3, around=700)
    assert e.y.tolist() == y[696:705].tolist()
    assert e.trace.other.y == tuple(other[696:705].tolist())
    assert e.trace.y_origin == (696,)
    assert not e.trace.is_whole
    low = e.trace.x_origin[0]
    assert e.trace.x == tuple(x[low : low + len(e.trace.x)].tolist())
    assert f"x[{low}:{low + len(e.trace.x)}] = " in str(e)
    e = fs.explain(x, W, mode, boundary=boundary, stride=3, cells=[2, 0])
    assert e.y.tolist() == [y[0], None, y[2]]


def test_some_outputs_of_a_picture() -> None:
    x = np.random.default_rng(7).integers(-9, 10, (100, 120))
    y = fs.convolve(x, W2, "same")
    assert fs.explain(x, W2, "same", around=(50, 60)).y.tolist() == y[48:53, 58:63].tolist()
    assert fs.explain(x, W2, "same", around=(0, -1)).y.tolist() == y[:3, -3:].tolist()
    text = str(fs.explain(x, W2, "same", around=(50, 60)))
    assert "x[47:53, 57:63]" in text
    assert "y[48:53, 58:63]" in text


def test_pieces_that_are_no_pieces() -> None:
    for keywords, words in (
        ({"around": 3}, "lies outside y"),
        ({"around": (0, 0)}, "has 2 numbers, and y has 1 axes"),
        ({"cells": []}, "names no output"),
        ({"around": 0, "cells": [0]}, "give one of them"),
    ):
        with pytest.raises(fs.ParameterError, match=words):
            fs.explain(X, W, **keywords)
    with pytest.raises(fs.ParameterError, match="dy= needs every output"):
        fs.explain(range(30), W, around=0, dy=[1])
    with pytest.raises(fs.ShapeError, match="too far apart"):
        fs.explain(np.arange(10_000), W, cells=[0, 9000])


# --------------------------------------------------------------------------------- layers


def _layer() -> tuple[np.ndarray, np.ndarray, list[int]]:
    rng = np.random.default_rng(231)
    return rng.integers(0, 3, (3, 5, 5)), rng.integers(-1, 2, (2, 3, 3, 3)), [1, 0]


def test_the_layer_of_the_storyboard() -> None:
    x, w, bias = _layer()
    e = fs.explain_layer(x, w, bias, stride=2, padding=1)
    assert e.y.tolist() == [
        [[1, 2, 9], [8, 12, 12], [7, 8, 11]],
        [[2, 0, 2], [4, -3, -2], [-2, -3, -5]],
    ]
    step = next(step for step in e.trace.steps if step.y == (0, 1, 1))
    assert (step.partials, step.bias, step.value) == ((7, 3, 1), 1, 12)
    assert "y[0,1,1] = 7 + 3 + 1 + bias 1 = 12" in str(e.step((0, 1, 1)))
    assert "rows: ⌊(5 + 1 + 1 − 3)/2⌋ + 1 = ⌊4/2⌋ + 1 = 3" in str(e)
    assert repr(e) == "<Explanation: layer, mode '1', x (3, 5, 5), w (2, 3, 3, 3), y (2, 3, 3)>"
    assert max(map(len, str(e).splitlines())) <= 72


def test_a_layer_agrees_with_the_engine() -> None:
    x, w, bias = _layer()
    for keywords in ({"stride": 2, "padding": 1}, {"padding": "same", "dilation": 2}, {"padding": ((0, 2), (1, 0))}):
        e = fs.explain_layer(x, w, bias, **keywords)
        np.testing.assert_array_equal(e.y, fs.nn.conv(x[None], w, bias, **keywords)[0])
        dy = np.random.default_rng(3).integers(-3, 4, e.y.shape)
        dx, dw, db = fs.nn.conv_grads(dy[None], x[None], w, **keywords)
        gradients = fs.explain_layer(x, w, bias, dy=dy, **keywords).trace.gradients
        assert np.array(gradients.dx).tolist() == dx[0].tolist()
        assert np.array(gradients.dw).tolist() == dw.tolist()
        assert np.array(gradients.db).tolist() == db.tolist()


def test_groups_and_pieces_of_a_layer() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.integers(-5, 6, (4, 40)), rng.integers(-5, 6, (6, 2, 3))
    y = fs.nn.conv(x[None], w, groups=2, padding=1)[0]
    e = fs.explain_layer(x, w, groups=2, padding=1)
    assert e.y.tolist() == y.tolist()
    assert {term.x[0] for step in e.trace.steps if step.y[0] == 4 for term in step.terms if term.x} == {2, 3}
    piece = fs.explain_layer(x, w, groups=2, padding=1, around=(4, 20))
    assert piece.y.tolist() == y[4:5, 16:25].tolist()
    assert "y[4][16:25]" in str(piece)


def test_gradients_are_in_the_trace_when_asked_for() -> None:
    assert fs.explain(X, W).trace.gradients is None
    gradients = fs.explain(X, W, dy=[1, 2, 3]).trace.gradients
    assert (gradients.dx, gradients.dw, gradients.db) == ((2, 3, 5, -1, 3), (20, 14, 8), None)
    assert gradients.loss == 1 + 2 * 3 + 3 * 5
    data = json.loads(fs.explain(X, W, dy=[1, 1, 1]).to_json())
    assert data["gradients"]["dw"] == [9, 6, 3]
    assert {"label": "w0", "kind": "w", "value": 1, "grad": 9} in data["gradients"]["nodes"]
    assert {"source": "w0·x2", "target": "+0", "local": 1} in data["gradients"]["edges"]


def test_an_explanation_does_not_change() -> None:
    x = np.arange(5)
    e = fs.explain(x, W)
    x[:] = 9
    assert e.y.tolist() == [1, 3, 5]
    hash(e.trace)
    with pytest.raises(AttributeError):
        e.trace.x = ()  # type: ignore[misc]
    assert e.grad().dw.tolist() == [9, 6, 3]


def test_steps_are_found_by_number_and_by_index() -> None:
    e = fs.explain(X2, W2)
    assert str(e.step(4)) == str(e.step((1, 1)))
    assert str(e.step(-1)) == str(e.step([2, 2]))
    for n in (9, (3, 0), "one"):
        with pytest.raises(fs.ParameterError, match="step"):
            e.step(n)


@pytest.mark.parametrize("kind", ["txt", "md", "tex", "html", "json"])
def test_saves(tmp_path: Any, kind: str) -> None:
    for e in (fs.explain(X, W), fs.explain(X2, W2), fs.explain_layer(*_layer(), stride=2, padding=1)):
        e.save(tmp_path / f"e.{kind}")
        assert (tmp_path / f"e.{kind}").stat().st_size > 100
        assert set(e._repr_mimebundle_()) == {"text/plain", "text/html", "text/latex", "image/svg+xml"}


def test_a_window_of_outputs_is_refused_by_name() -> None:
    with pytest.raises(fs.ParameterError, match="mode=\\(0, 2\\) is not known; use one of 'full', 'same', 'valid'$"):
        fs.explain([1, 2, 3], [1, 2], (0, 2))  # type: ignore[arg-type]
