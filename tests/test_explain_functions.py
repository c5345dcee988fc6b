"""Continuous convolution: known integrals, the scale dt, areas that multiply."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import flipslide as fs


def test_box_with_exponential_is_the_known_integral() -> None:
    """∫₀¹ e^(τ − t) dτ: 1 − e^(−t) up to 1, then (e − 1)·e^(−t)."""
    report = fs.explain_functions("box", "exponential")
    for t in (0.5, 1.0, 2.0, 3.5):
        wanted = 1 - math.exp(-t) if t <= 1 else (math.e - 1) * math.exp(-t)
        assert report.value(t) == pytest.approx(wanted, abs=2e-5)
    assert report.halved is not None
    assert report.halved < 2e-5


def test_two_boxes_make_a_triangle_and_two_gaussians_a_wider_one() -> None:
    report = fs.explain_functions("box", "box")
    for t, wanted in ((-0.5, 0), (0.5, 0.5), (1, 1), (1.5, 0.5), (2.5, 0)):
        assert report.value(t) == pytest.approx(wanted, abs=1e-12)
    report = fs.explain_functions("gaussian", "gaussian", np.linspace(-8, 8, 401))
    for t in (-1.0, 0.0, 2.0):
        assert report.value(t) == pytest.approx(math.exp(-t * t / 4) / math.sqrt(4 * math.pi), abs=1e-9)


def test_callables_of_ones_own() -> None:
    report = fs.explain_functions(lambda t: max(0.0, 1 - abs(t)), math.cos, np.linspace(-10, 10, 1001))
    # The triangle's transform at 1 is (sin ½ / ½)²; cos stays cos.
    assert report.value(0.6) == pytest.approx((math.sin(0.5) / 0.5) ** 2 * math.cos(0.6), abs=1e-3)
    assert "g is not 0 at the ends" in str(report).replace("\n", " ")


def test_sampled_arrays_are_the_sum_times_dt() -> None:
    f, g = [1, 2, 3], [0.5, -1]
    report = fs.explain_functions(f, g, dt=0.25, start=-1)
    np.testing.assert_allclose(report.result.values, 0.25 * np.convolve(f, g))
    assert report.result.times.tolist() == [-2, -1.75, -1.5, -1.25]
    assert report.halved is None
    assert "dt = 0.25" in str(report)
    assert "fs.convolve(f, g)" in str(report)


def test_the_area_under_the_product_is_the_result() -> None:
    report = fs.explain_functions("triangle", "exponential")
    for t in report.result.times[::37]:
        assert report.product(t).area == pytest.approx(report.value(t), abs=1e-12)
    assert report.value(1e6) == 0.0
    assert report.result.area == pytest.approx(report.f.area * report.g.area)


def test_flipped_is_mirrored_and_moved() -> None:
    report = fs.explain_functions([1, 2, 3], [5, 6, 7], dt=1.0)
    flipped = report.flipped(4.0)
    assert dict(zip(flipped.times.tolist(), flipped.values.tolist(), strict=True)) == {2.0: 7, 3.0: 6, 4.0: 5}


def test_pictures_and_json() -> None:
    report = fs.explain_functions()
    assert 5 < len(report.frames()) <= 26
    assert report.frame().sentence == "It is largest, 0.6321, at t = 1."
    assert report.frames()[3].sentence.startswith("t = ")
    assert "<svg" in report.svg(3)
    data = json.loads(report.to_json())
    assert data["schema"] == "flipslide-functions/1"
    assert len(data["result"]["values"]) == len(data["f"]["values"]) + len(data["g"]["values"]) - 1
    assert max(map(len, str(report).splitlines())) <= 72
    assert repr(report) == "<FunctionsReport: f * g, dt = 0.02>"


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        (("box", [1, 2]), {}, "two functions, or two sampled arrays"),
        (([1], [2]), {}, "dt=None"),
        (([1], [2]), {"dt": 0}, "dt=0"),
        (([1], [2], [0, 1]), {"dt": 1}, "t= says"),
        (("box", "box"), {"dt": 1}, "sampled at the times t"),
        (("box", "box", [0, 1, 3]), {}, "equally spaced"),
        (("box", "box", [1, 0]), {}, "equally spaced"),
        (("box", "bag"), {}, "g='bag'"),
        (([[1]], [1]), {"dt": 1}, "one row"),
        (([math.nan], [1]), {"dt": 1}, "finite"),
        ((lambda t: 1 / 0 if t > 9 else math.inf, "box"), {}, "finite"),
    ],
)
def test_refuses(arguments: tuple[object, ...], keywords: dict[str, object], words: str) -> None:
    with pytest.raises((fs.ParameterError, fs.ShapeError), match=words):
        fs.explain_functions(*arguments, **keywords)


def test_refuses_complex_samples() -> None:
    with pytest.raises(fs.DtypeError, match="complex"):
        fs.explain_functions([1j], [1], dt=1.0)
