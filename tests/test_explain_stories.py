"""Layers that are transposed, pooling, chains, and the pictures of algorithms: their numbers and what they show."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.explain.chapters.chapter import Chapter
from flipslide.explain.chapters.transposed import _shots
from flipslide.explain.draw.ruler import _seen
from flipslide.show import Frames, Label, Rect
from flipslide.show.document import Frame

X, W = [0, 1, 2, 3, 4], [1, -1, 2]
PICTURE = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]]


def labels(frame: Frame) -> list[str]:
    return [item.text for item in frame.scene.items if isinstance(item, Label)]


def series(chapter: Any) -> list[tuple[Frame, ...]]:
    return [block.frames for block in chapter.document().blocks if isinstance(block, Frames)]


# ------------------------------------------------------------------------ transposed layers


def draw_transposed(rng: np.random.Generator) -> dict[str, Any]:
    n_axes, groups = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    stride, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    taps = tuple(rng.integers(1, 4, n_axes))
    return {
        "x": rng.integers(-5, 6, (2 * groups, *rng.integers(1, 4, n_axes))),
        "w": rng.integers(-5, 6, (2 * groups, int(rng.integers(1, 3)), *taps)),
        "stride": stride,
        "padding": [0, 1, "same", ((0, 2),) * n_axes, "causal"][rng.integers(5)],
        "dilation": dilation,
        "groups": groups,
        "output_padding": int(rng.integers(0, max(stride, dilation))),
    }


def test_a_transposed_layer_has_the_numbers_of_the_engine() -> None:
    rng = np.random.default_rng(11)
    made = 0
    for _ in range(150):
        call = draw_transposed(rng)
        x, w = call.pop("x"), call.pop("w")
        bias = rng.integers(-5, 6, w.shape[1] * call["groups"]) if rng.integers(2) else None
        try:
            wanted = fs.nn.conv_transpose(x[None], w, bias, **call)[0]
        except fs.FlipslideError:
            with pytest.raises(fs.FlipslideError):
                fs.explain_transposed(x, w, bias, **call)
            continue
        chapter = fs.explain_transposed(x, w, bias, **call)
        assert chapter.y is not None
        assert chapter.y.tolist() == wanted.tolist()
        made += 1
    assert made > 100


def test_stamps_add_up_to_the_transposed_layer() -> None:
    for words in ({}, {"stride": 2}, {"stride": 2, "padding": 1, "output_padding": 1}, {"stride": 3, "dilation": 2}):
        x, w = np.array([[1, 2, 3]]), np.array([[[1, -1, 2]]])
        axes = tuple(axis.layer for axis in fs.explain_shape(3, 3, transposed=True, **words).axes)
        last = list(_shots(x[0].astype(object), w[0, 0].astype(object), axes))[-1]
        ((_, first, _, count),) = last.marks["sum"]
        cells = [cell.text.replace("−", "-") or "0" for cell in last.grids[-1].rows[0]]
        y = fs.nn.conv_transpose(x[None], w, **words)[0, 0]
        assert list(map(int, cells[int(first) : int(first + count)])) == y.tolist()


def test_a_transposed_layer_is_drawn_and_keeps_fractions() -> None:
    chapter = fs.explain_transposed([[1, Fraction(1, 2)]], [[[1, 4]]], stride=2)
    assert chapter.y.tolist() == [[1, 4, Fraction(1, 2), 2]]
    stamps, layer = series(chapter)
    assert len(stamps) == 3
    assert len(layer) == 4
    assert "x[0,1] = 1/2 stamps 1/2·w." in [frame.sentence for frame in stamps]
    with pytest.raises(fs.ShapeError, match="C divisible by groups"):
        fs.explain_transposed([1, 2], [1, 2])


# ---------------------------------------------------------------------------------- pooling


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("dtype", [int, float])
def test_pooling_has_the_numbers_of_the_engine(kind: str, dtype: type) -> None:
    rng = np.random.default_rng(12)
    for _ in range(100):
        n_axes = int(rng.integers(1, 3))
        x = rng.integers(-9, 10, (2, *rng.integers(3, 7, n_axes))).astype(dtype)
        if dtype is float and rng.integers(2):
            x.flat[rng.integers(x.size)] = np.nan
        words: dict[str, Any] = {
            "stride": [None, 1, 2, 3][rng.integers(4)], "padding": int(rng.integers(0, 2)),
            "dilation": int(rng.integers(1, 3)), "ceil_mode": bool(rng.integers(2)),
        }  # fmt: skip
        if kind == "avg":
            words["count_include_pad"] = bool(rng.integers(2))
        try:
            wanted = {"max": fs.nn.max_pool, "avg": fs.nn.avg_pool}[kind](x[None], 2, **words)[0]
        except fs.FlipslideError:
            continue
        chapter = fs.explain_pool(x, 2, kind=kind, **words)
        assert chapter.y is not None
        np.testing.assert_allclose(chapter.y.astype(float), wanted.astype(float), rtol=1e-15)
        assert len(series(chapter)[0]) == wanted[0].size


def test_pooling_says_how() -> None:
    chapter = fs.explain_pool([[3, 1, 4, 1, 5, 9, 2]], 3, kind="avg", stride=2, padding=1)
    assert "(3 + 1 + 1 zero)/3 = 4/3" in str(chapter)
    assert "y[0,1,0] = max(5, 3, 9, 7) = 9" in [
        frame.sentence for frame in fs.explain_pool([[[3, 1], [5, 9], [5, 3], [9, 7]]], 2).frames()
    ]
    with pytest.raises(fs.ParameterError, match="kind='median'"):
        fs.explain_pool([[1, 2]], 2, kind="median")
    with pytest.raises(fs.ShapeError, match="too many to be shown"):
        fs.explain_pool(np.ones((1, 99, 99)), 2)


# ----------------------------------------------------------------------------------- chains


def test_what_an_output_sees_is_what_changes_it() -> None:
    rng = np.random.default_rng(13)
    for _ in range(30):
        layers = [
            {"kernel": int(rng.integers(1, 4)), "stride": int(rng.integers(1, 3)), "padding": int(rng.integers(0, 2)),
             "dilation": int(rng.integers(1, 3))} for _ in range(int(rng.integers(2, 4)))
        ]  # fmt: skip
        report = fs.explain_shape(20, layers=layers)
        # Each sample is a batch entry of its own, so that a nonzero output says whom it saw.
        y = np.eye(20)[:, None]
        for layer in layers:
            y = fs.nn.conv(y, np.ones((1, 1, layer["kernel"])), **{k: v for k, v in layer.items() if k != "kernel"})
        for m in range(report.outputs[0]):
            seen = [i for i in _seen(report.layers, m)[0] if 0 <= i < 20]
            assert seen == np.flatnonzero(y[:, 0, m]).tolist()


def test_a_chain_is_drawn() -> None:
    report = fs.explain_shape(16, layers=[{"kernel": 3}, {"kernel": 3, "stride": 2, "padding": 1}])
    frames = report.frames()
    assert len(frames) == report.outputs[0]
    assert frames[1].sentence == "Output 1 of layer 2 depends on 5 samples, 1 to 5."
    large = fs.explain_shape(224, layers=[{"kernel": 7, "stride": 2, "padding": 3}, {"kernel": 3}])
    assert [frame.sentence for frame in large.frames()] == ["Output 55 of layer 2 depends on 11 samples, 107 to 117."]


# ----------------------------------------------------------------------------- the pictures

STORIES = {
    "box": (fs.explain([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [1, 1, 1, 1, 1]), 7),
    "separable": (fs.explain(PICTURE, [[1, 2, 1], [2, 4, 2], [1, 2, 1]]), 12),
    "winograd": (fs.explain(X, W), 5),
    "overlap": (fs.explain(list(range(12)), W), 2),
    "fft": (fs.explain(X, W), 4),
    "compare": (fs.explain(X, W), 3),
}


@pytest.mark.parametrize("name", STORIES)
def test_an_algorithm_is_drawn(name: str) -> None:
    call, n_frames = STORIES[name]
    chapter = call.chapter(name)
    (frames, *_) = series(chapter)
    assert len(frames) == n_frames
    for frame in frames:
        boxes = [item for item in frame.scene.items if isinstance(item, Rect)]
        assert all(box.x >= 0 and box.x + box.width <= frame.scene.width for box in boxes)
        assert all(box.y >= 0 and box.y + box.height <= frame.scene.height for box in boxes)
    if name in ("separable", "overlap"):
        numbers = [label.replace("−", "-") for label in labels(frames[-1])]
        assert {str(value) for value in np.ravel(call.y)} <= set(numbers)


def test_stamps_stand_on_the_places_that_they_reach() -> None:
    (frames,) = series(fs.explain([4, 8], [1, Fraction(1, 2), Fraction(1, 4)], "full").scatter())
    assert labels(frames[-1])[:4] == ["0", "1", "2", "3"]
    assert [item.fill for item in frames[-1].scene.items if isinstance(item, Rect)][-5:] == ["y"] * 4 + [""]


def test_boundaries_are_drawn() -> None:
    frames = series(fs.explain(X, W).compare())[1]
    assert [frame.sentence.partition(",")[0] for frame in frames] == ["zero", "edge", "symmetric", "mirror", "wrap"]
    assert labels(frames[-1])[-10:] == ["wrap", "3", "4", "0", "1", "2", "3", "4", "0", "1"]


def test_one_axis_of_nothing_and_large_ones_have_no_story() -> None:
    for name in STORIES:
        chapter = fs.explain(np.arange(100), np.ones(9, int)).chapter(name)
        assert isinstance(chapter, Chapter)
        assert all(len(frames) <= 80 for frames in series(chapter))


LARGE = {
    "x with its padding is 40 long and pictures hold 32 samples; around=n": fs.explain(range(40), [1, 2]),
    "361 outputs are more than the 80": fs.explain(np.ones((20, 20)), np.ones((2, 2))),
    "32 channels and 1 filters": fs.explain_layer(np.ones((32, 2, 2)), np.ones((1, 32, 1, 1))),
}


@pytest.mark.parametrize("words", LARGE)
def test_what_is_left_out_is_said(words: str) -> None:
    assert any("No pictures: " + words in getattr(block, "text", "") for block in LARGE[words].document().blocks)
    with pytest.raises(fs.ParameterError, match="no picture of this call"):
        LARGE[words].svg()


def test_a_layer_of_eight_channels_is_drawn() -> None:
    assert len(fs.explain_layer(np.ones((8, 2, 2)), np.ones((2, 8, 1, 1))).frames()) == 8
