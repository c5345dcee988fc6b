"""Sizes: the formula against windows counted one by one, fields against what is really seen."""

from __future__ import annotations

import itertools
import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest

import flipslide as fs
from flipslide.explain.shape import AxisShape, even_settings


def count_windows(n: int, lo: int, hi: int, k: int, s: int, d: int) -> tuple[int, int]:
    """(windows that fit, places behind the last one), by laying them down."""
    starts = [start for start in range(0, n + lo + hi, s) if start + d * (k - 1) < n + lo + hi]
    return len(starts), (n + lo + hi - 1 - (starts[-1] + d * (k - 1)) if starts else 0)


def test_the_formula_counts_windows() -> None:
    settings = itertools.product(range(1, 25, 3), range(1, 8, 2), range(1, 5), range(1, 4), range(4), range(3))
    n_checked = 0
    for n, k, s, d, lo, hi in settings:
        count, unused = count_windows(n, lo, hi, k, s, d)
        if not count:
            with pytest.raises(fs.ShapeError, match="spans"):
                fs.explain_shape(n, k, stride=s, dilation=d, padding=((lo, hi),))
            continue
        report = fs.explain_shape(n, k, stride=s, dilation=d, padding=((lo, hi),))
        assert report.outputs == (count,)
        assert report.axes[0].unused == unused
        n_checked += 1
    assert n_checked > 1000


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_modes_and_words_are_those_of_the_engine(mode: str, stride: int) -> None:
    for n, k in itertools.product(range(4, 9), range(1, 5)):
        wanted = fs.output_shape(n, k, mode=mode, stride=stride)
        report = fs.explain_shape(n, k, mode=mode, stride=stride)
        assert report.outputs == wanted
        length = fs.explain(np.arange(n), np.arange(k), mode, stride=stride).trace.lengths[0]
        assert (report.axes[0].lo, report.axes[0].hi) == (length.before, length.after)
        for word in ("same", "same_lower", "causal", "valid"):
            wanted = fs.output_shape(n, k, padding=word, stride=stride)
            assert fs.explain_shape(n, k, padding=word, stride=stride).outputs == wanted


def test_the_storyboard() -> None:
    text = str(fs.explain_shape(5, 3, stride=2, padding=1))
    assert "o = ⌊(5 + 1 + 1 − 1·(3 − 1) − 1)/2⌋ + 1 = ⌊4/2⌋ + 1 = 2 + 1 = 3" in text
    text = str(fs.explain_shape(7, 3, stride=3))
    assert "4/3 is not whole, so the last sample is never used." in text
    assert max(map(len, text.splitlines())) <= 72


def test_what_is_left_over_is_named() -> None:
    assert "the last 2 samples are never used" in str(fs.explain_shape(8, 3, stride=3))
    assert "the last zero of the padding is never used" in str(fs.explain_shape(224, 7, stride=2, padding=3))
    assert "the last 2 samples and zero of the padding are" in str(fs.explain_shape(9, 1, stride=4, padding=((2, 1),)))


def test_the_settings_on_offer_leave_nothing_over() -> None:
    rng = random.Random(4)
    for _ in range(200):
        n, k, s, d, lo, hi = (rng.randint(*ends) for ends in ((6, 30), (1, 5), (2, 5), (1, 2), (0, 2), (0, 2)))
        if not count_windows(n, lo, hi, k, s, d)[0]:
            continue
        axis = fs.explain_shape(n, k, stride=s, dilation=d, padding=((lo, hi),)).axes[0]
        if not axis.unused:
            continue
        for offer in even_settings(axis):
            for changed in _read_offer(offer, axis):
                assert count_windows(*changed)[1] == 0, (axis, offer)


def _read_offer(offer: str, axis: AxisShape) -> list[tuple[int, int, int, int, int, int]]:
    *numbers, word = offer.replace(" or ", " ").split()
    if word not in ("samples", "taps"):
        word, *numbers = offer.replace(" or ", " ").split()
    now = {"n": axis.size, "lo": axis.lo, "hi": axis.hi, "k": axis.taps, "s": axis.stride, "d": axis.dilation}
    if word == "padding":
        lo, hi = map(int, numbers[0].split(":"))
        changes = [{"lo": lo, "hi": hi}]
    else:
        name = {"stride": "s", "samples": "n", "taps": "k"}[word]
        changes = [{name: int(value)} for value in numbers]
    return [tuple((now | change).values()) for change in changes]


def test_counts_of_the_layer_of_the_storyboard() -> None:
    report = fs.explain_shape((5, 5), (3, 3), stride=2, padding=1, channels=3, filters=2)
    assert (report.parameters, report.multiply_adds, report.columns, report.samples) == (56, 486, 243, 75)
    assert "2 · (3×3·3 + 1)" in str(report)
    assert "3.24 times the 75 samples" in str(report)
    cols = fs.nn.im2col(np.zeros((1, 3, 5, 5)), (3, 3), stride=2, padding=1)
    assert cols.size == report.columns
    grouped = fs.explain_shape((8, 8), 3, channels=4, filters=8, groups=4, bias=False)
    assert grouped.parameters == np.zeros((8, 1, 3, 3)).size
    assert grouped.multiply_adds == 36 * 8 * 9


def test_transposed_sizes_and_what_output_padding_means() -> None:
    for extra, outputs in ((0, 7), (1, 8)):
        report = fs.explain_shape(3, 3, stride=2, dilation=2, padding=1, transposed=True, output_padding=extra)
        assert report.outputs == (outputs,)
        assert "gives 3 for an axis of 7 or 8" in str(report).replace("\n    ", " ")
        y = fs.nn.conv_transpose(np.ones((1, 1, 3)), np.ones((1, 1, 3)), stride=2, dilation=2, padding=1,
                                 output_padding=extra)  # fmt: skip
        assert y.shape[-1] == outputs
        assert fs.explain_shape(outputs, 3, stride=2, dilation=2, padding=1).outputs == (3,)
    with pytest.raises(fs.ParameterError, match="below 2, the larger of stride and dilation"):
        fs.explain_shape(3, 3, stride=2, transposed=True, output_padding=2)
    with pytest.raises(fs.ParameterError, match="only means something with transposed=True"):
        fs.explain_shape(3, 3, stride=2, output_padding=1)


def seen_by(layers: list[dict[str, int]], n: int, output: int) -> set[int]:
    """The samples that one output of a chain really depends on; negative ones lie in the padding."""
    places = {output}
    for layer in reversed(layers):
        s, d, p, k = layer["stride"], layer["dilation"], layer["padding"], layer["kernel"]
        places = {s * m + d * j - p for m in places for j in range(k)}
    return places


@pytest.mark.parametrize("seed", range(20))
def test_the_field_of_a_chain_is_what_it_sees(seed: int) -> None:
    rng = random.Random(seed)
    ends = {"kernel": (1, 4), "stride": (1, 3), "padding": (0, 2), "dilation": (1, 2)}
    layers = [{name: rng.randint(*pair) for name, pair in ends.items()} for _ in range(rng.randint(1, 4))]
    report = fs.explain_shape(400, layers=layers)
    last = report.layers[-1]
    seen, neighbour = seen_by(layers, 400, 0), seen_by(layers, 400, 1)
    assert report.receptive_field == (max(seen) - min(seen) + 1,)
    assert last.step == (min(neighbour) - min(seen),)
    assert last.first == ((max(seen) + min(seen)) / 2,)


def test_a_known_chain() -> None:
    layers = [{"kernel": 7, "stride": 2, "padding": 3}, {"kernel": 3, "stride": 2, "padding": 1}]
    layers += [{"kernel": 3, "padding": 1}] * 2
    report = fs.explain_shape((224, 224), layers=layers)
    assert report.outputs == (56, 56)
    assert [layer.field[0] for layer in report.layers] == [7, 11, 19, 27]
    assert "One output of the last layer depends on 27×27 samples" in str(report).replace("\n", " ")
    assert max(map(len, str(report).splitlines())) <= 72


def test_refuses() -> None:
    for keywords, words in (
        ({}, "give kernel="),
        ({"kernel": 3, "layers": [{"kernel": 3}]}, "not both"),
        ({"layers": []}, "no chain"),
        ({"layers": [{"size": 3}]}, "layer 1 is"),
        ({"kernel": 3, "mode": "same", "padding": 1}, "not both"),
        ({"kernel": 3, "mode": "some"}, "mode='some'"),
        ({"kernel": 3, "groups": 2}, "groups=2 must divide"),
        ({"kernel": 9}, "spans 9"),
        ({"layers": [{"kernel": 3}, {"kernel": 9}]}, "layer 2: .*spans 9"),
    ):
        with pytest.raises((fs.ParameterError, fs.ShapeError), match=words):
            fs.explain_shape(5, **keywords)


def test_json_and_other_formats() -> None:
    report = fs.explain_shape((7, 5), (3, 2), stride=(3, 2), channels=2)
    data = json.loads(report.to_json())
    assert (data["schema"], data["outputs"], data["parameters"]) == ("flipslide-shape/1", [2, 2], 13)
    assert data["layers"][0]["axes"][0]["size"] == 7
    assert repr(report) == "<ShapeReport: 7×5 -> 2×2>"
    for text in (report.markdown(), report.latex(), report.html(), fs.explain_shape(9, layers=[{"kernel": 3}]).html()):
        assert text


def test_counting_does_not_import_numpy() -> None:
    code = "import sys; from flipslide.explain import explain_shape; print(explain_shape(5, 3))"
    code += "; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(("mode", "outputs"), [("full", 2), ("same", 0)])
def test_an_axis_without_samples_has_the_outputs_of_the_engine(mode: str, outputs: int) -> None:
    report = fs.explain_shape(0, 3, mode=mode)
    assert report.outputs == (outputs,) == np.shape(fs.convolve(np.empty(0), np.ones(3), mode))
    counted = re.findall(r"(\d+) \+ 1 = (\d+)$", str(report), re.MULTILINE)
    assert counted == ([("1", "2")] if outputs else [])
