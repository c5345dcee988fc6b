"""Graphs drawn, exported and folded: what a picture says is what the graph knows."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from test_graph import CALLS, W, X

import flipslide as fs
from flipslide.graph import Graph
from flipslide.show import Rect, Scene
from flipslide.show.numbers import number_text
from flipslide.show.scene import Label

X2, W2 = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]], [[1, 2], [3, 4]]

# One example: x, w, bias and the keywords of a layer.
LAYERS = [
    ((2, 5), (3, 2, 2), True, {"stride": 2, "padding": 1}),
    ((2, 4, 4), (2, 2, 2, 2), True, {"padding": "same"}),
    ((4, 5), (2, 2, 3), False, {"groups": 2, "dilation": 2, "padding": 2}),
    ((3, 5, 5), (1, 3, 3, 3), True, {"stride": (2, 1), "padding": ((1, 0), (0, 1))}),
]


def labels(scene: Scene) -> list[str]:
    return [item.text for item in scene.items if isinstance(item, Label)]


def make_layer(case: int) -> tuple[Graph, Any, tuple[Any, ...], dict[str, Any]]:
    x_shape, w_shape, has_bias, keywords = LAYERS[case]
    rng = np.random.default_rng(case)
    x, w = rng.integers(-4, 5, x_shape), rng.integers(-4, 5, w_shape)
    bias = rng.integers(-4, 5, w_shape[0]) if has_bias else None
    g = fs.graph_layer(x, w, bias, **keywords)
    return g, rng.integers(-4, 5, g.y_shape), (x, w, bias), keywords


# ---------------------------------------------------------------------------------- layers


@pytest.mark.parametrize("case", range(len(LAYERS)))
def test_layers_agree_with_the_engine(case: int) -> None:
    g, dy, (x, w, bias), keywords = make_layer(case)
    np.testing.assert_array_equal(g.y, fs.nn.conv(x[None], w, bias, **keywords)[0])
    g.backward(dy)
    dx, dw, db = fs.nn.conv_grads(dy[None], x[None], w, **keywords)
    np.testing.assert_array_equal(g.dx, dx[0])
    np.testing.assert_array_equal(g.dw, dw)
    assert (g.db is None) == (bias is None)
    if bias is not None:
        np.testing.assert_array_equal(g.db, db)
    assert g.check() == 0.0


# ------------------------------------------------------------------------------------ fold


@pytest.mark.parametrize(("dy", "dx", "dw"), [(None, "2 1 2 0 1", "9 6 3"), ([1, 2, 3], "2 3 5 −1 3", "20 14 8")])
def test_the_fold_names_the_two_convolutions(dy: Any, dx: str, dw: str) -> None:
    text = str(fs.graph(X, W).backward(dy).fold())
    assert f'dw = fs.correlate(x, dy, "valid")[::-1]   # {dw}' in text
    assert f'dx = fs.correlate(dy, w, "full")   # {dx}' in text


def test_the_code_of_the_fold_runs() -> None:
    g = fs.graph(X, W).backward([1, 2, 3])
    names: dict[str, Any] = {"fs": fs, "x": np.array(X), "w": np.array(W), "dy": np.array([1, 2, 3])}
    exec("\n".join(line.strip() for line in str(g.fold()).splitlines() if " = fs." in line), names)
    assert (names["dw"].tolist(), names["dx"].tolist()) == ([20, 14, 8], [2, 3, 5, -1, 3])


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("call", range(len(CALLS)))
def test_the_fold_gives_the_gradients(operation: str, call: int) -> None:
    x, w, keywords = CALLS[call]
    y = getattr(fs, operation)(x, w, **keywords)
    dy = np.random.default_rng(call).integers(-4, 5, y.shape)
    fold = fs.graph(x, w, operation=operation, **keywords).backward(dy).fold()
    dx, dw = getattr(fs, f"{operation}_grads")(dy, x, w, **keywords)
    np.testing.assert_array_equal(fold.dx, dx)
    np.testing.assert_array_equal(fold.dw, dw)
    assert fold.check() == 0.0


@pytest.mark.parametrize("case", range(len(LAYERS)))
def test_the_fold_of_a_layer_gives_its_gradients(case: int) -> None:
    g, dy, (x, w, _), keywords = make_layer(case)
    fold = g.backward(dy).fold()
    dx, dw, _ = fs.nn.conv_grads(dy[None], x[None], w, **keywords)
    np.testing.assert_array_equal(fold.dx, dx[0])
    np.testing.assert_array_equal(fold.dw, dw)


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_the_fold_of_complex_numbers(operation: str, boundary: str) -> None:
    rng = np.random.default_rng(5)
    x, w, dy = (rng.normal(size=n) + 1j * rng.normal(size=n) for n in (6, 3, 6))
    assert fs.graph(x, w, "same", operation=operation, boundary=boundary).backward(dy).fold().check() < 1e-13


def test_the_fold_notices_a_wrong_gradient() -> None:
    g = fs.graph(X, W).backward()
    g.nodes[0].grad += 1
    assert g.fold().check() == 1.0
    assert "differ" in str(g.fold())


def test_no_fold_before_backward() -> None:
    with pytest.raises(fs.ParameterError, match="backward"):
        fs.graph(X, W).fold()


# -------------------------------------------------------------------------------- pictures


def test_every_pass_has_its_frames() -> None:
    g = fs.graph(X, W)
    assert [frame.scene.title for frame in g.frames()] == [
        *("Forward pass, start", "Forward pass, y0", "Forward pass, y1", "Forward pass, y2", "Forward pass, L")
    ]
    back = [frame.scene.title for frame in g.backward().frames()][5:]
    assert back[:2] == ["Backward pass, y", "Backward pass, products"]
    assert back[2:5] == ["Backward pass, dw0", "Backward pass, dw1", "Backward pass, dw2"]
    assert back[5:] == [*(f"Backward pass, dx{i}" for i in range(5)), "The graph after backward"]


def test_no_gradient_is_drawn_before_it_came_down() -> None:
    g = fs.graph(X, W)
    for frame in g.frames():
        assert not any(isinstance(item, Rect) and item.fill == "gradient" for item in frame.scene.items)
        assert labels(frame.scene).count("·") == len(g.nodes)
    forward = g.backward().frames()[:5]
    assert all(labels(frame.scene).count("·") == len(g.nodes) for frame in forward)
    assert "·" not in labels(g.frame().scene)


def test_values_appear_one_output_after_another() -> None:
    frames = fs.graph([5, 6], [7], "valid").frames()
    shown = [{"35", "42"} & set(labels(frame.scene)) for frame in frames]
    assert shown == [set(), {"35"}, {"35", "42"}, {"35", "42"}]


def test_sums_are_spelled_out_where_edges_meet() -> None:
    last = labels(fs.graph(X, W).backward().frame().scene)
    assert "x2·1 + x3·1 + x4·1 =" in last
    assert "2 + 3 + 4 =" in last
    assert "w0·1 + w1·1 + w2·1 =" in last
    assert "1 − 1 + 2 =" in last


def test_the_sentence_of_a_gradient() -> None:
    frame = next(f for f in fs.graph(X, W).backward().frames() if f.scene.title.endswith("dw0"))
    assert frame.sentence.endswith("dw0 = x2·1 + x3·1 + x4·1 = 2 + 3 + 4 = 9")


def test_edges_carry_their_local_derivatives() -> None:
    # 7·11: to the edge of w the value of x is written, to that of x the value of w.
    scene = fs.graph([11], [7]).frame().scene
    small = [item for item in scene.items if isinstance(item, Label) and item.size == 11]
    assert {(item.text, item.ink) for item in small} == {("11", "w-ink"), ("7", "x-ink"), ("1", "y-ink")}


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_columns_keep_their_order(mode: str) -> None:
    """Within a column nothing overlaps, and columns follow one another from left to right."""
    scene = fs.graph(X, W, mode).backward().frame().scene
    boxes = [item for item in scene.items if isinstance(item, Rect) and item.height == 28]
    columns: dict[float, list[float]] = {}
    for box in boxes:
        columns.setdefault(box.x, []).append(box.y)
    assert len(columns) == 15  # five columns of three cells
    for tops in columns.values():
        ordered = sorted(tops)
        assert all(below - above >= 28 for above, below in itertools.pairwise(ordered))


def test_a_large_graph_is_drawn_in_parts() -> None:
    g = fs.graph(X2, W2).backward()
    titles = [frame.scene.title for frame in g.frames()]
    assert len(titles) == 9 + 4 + 16
    assert titles[0] == "What y[0,0] is made of"
    assert titles[9] == "What comes down to w[0,0]"
    text = " ".join(block.text for block in g.document().blocks if hasattr(block, "text"))
    assert "graph.focus('x[0,0]')" in text
    assert "Not every node is drawn" not in text


def test_what_is_left_out_of_the_pictures_is_said() -> None:
    rng = np.random.default_rng(231)
    x, w = rng.integers(0, 3, (3, 5, 5)), rng.integers(-1, 2, (2, 3, 3, 3))
    g = fs.graph_layer(x, w, [1, 0], stride=2, padding=1).backward()
    assert len(g.frames()) == 18 + 54 + 2
    assert any("Not every node is drawn here" in str(block) for block in g.document().blocks)
    assert g.focus("x[0,0,0]").svg()


@pytest.mark.parametrize("label", ["x2", "w0", "w0·x2", "+1", "y1", "L"])
def test_focus_takes_every_kind_of_node(label: str) -> None:
    g = fs.graph(X, W)
    before = g.focus(label)
    assert "= 9" not in str(before) or label == "L"
    assert before.svg() != g.backward().focus(label).svg()


def test_focus_says_what_comes_down() -> None:
    g = fs.graph(X, W)
    assert str(g.focus("w0")) == "w0 feeds y0, y1, y2; dw0 is not known before backward() has run"
    assert str(g.backward().focus("w0")) == "dw0 = x2·1 + x3·1 + x4·1 = 2 + 3 + 4 = 9"
    with pytest.raises(fs.ParameterError, match="no node 'z'"):
        g.focus("z")


# --------------------------------------------------------------------------------- exports


def read_dot(text: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """(node: label, edges) of the part of the language that is used; anything else is an error."""
    lines = text.splitlines()
    assert lines[0] == "digraph convolution {"
    assert lines[-1] == "}"
    nodes, edges = {}, []
    for line in lines[1:-1]:
        if re.fullmatch(r"  (rankdir=LR|node \[[^\]]*\]);", line):
            continue
        node = re.fullmatch(r'  (n\d+) \[label="([^"]*)"(?:, fillcolor="#[0-9a-f]{6}")?\];', line)
        edge = re.fullmatch(r'  (n\d+) -> (n\d+) \[label="([^"]*)"\];', line)
        assert node or edge, line
        if node:
            nodes[node[1]] = node[2]
        elif edge:
            assert {edge[1], edge[2]} <= nodes.keys()
            edges.append((edge[1], edge[2], edge[3]))
    return nodes, edges


def read_mermaid(text: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    nodes, edges, classes, used = {}, [], set(), set()
    for line in lines[1:]:
        node = re.fullmatch(r'  (n\d+)\["([^"]*)"\]', line)
        edge = re.fullmatch(r'  (n\d+) -->\|"([^"]*)"\| (n\d+)', line)
        style = re.fullmatch(r"  (?:style n\d+|classDef (kind\w)) fill:#[0-9a-f]{6}", line)
        members = re.fullmatch(r"  class (n\d+(?:,n\d+)*) (kind\w)", line)
        assert node or edge or style or members, line
        if node:
            nodes[node[1]] = node[2].replace("<br/>", "\\n")
        elif edge:
            edges.append((edge[1], edge[3], edge[2]))
        elif style:
            classes |= {style[1]} - {None}
        elif members:
            assert set(members[1].split(",")) <= nodes.keys()
            used.add(members[2])
    assert used == classes
    return nodes, edges


@pytest.mark.parametrize("reader", ["dot", "mermaid"])
@pytest.mark.parametrize("call", range(0, len(CALLS), 7))
def test_exports_hold_the_graph(reader: str, call: int) -> None:
    x, w, keywords = CALLS[call]
    g = fs.graph(x, w, **keywords).backward()
    nodes, edges = read_dot(g.to_dot()) if reader == "dot" else read_mermaid(g.to_mermaid())
    wanted_nodes, wanted_edges = g.record()
    assert list(nodes.values()) == [
        f"{node.label}\\n{number_text(node.value)} / {number_text(node.grad)}" for node in wanted_nodes
    ]
    assert [local for _, _, local in edges] == [number_text(edge.local) for edge in wanted_edges]
    ends = [(nodes[a].split("\\n")[0], nodes[b].split("\\n")[0]) for a, b, _ in edges]
    assert ends == [(edge.source, edge.target) for edge in wanted_edges]


def test_exports_show_no_gradient_before_backward() -> None:
    assert "x0\\n0 / ·" in fs.graph(X, W).to_dot()
    assert "x0<br/>0 / ·" in fs.graph(X, W).to_mermaid()


def test_the_readers_are_strict() -> None:
    with pytest.raises(AssertionError):
        read_dot(fs.graph(X, W).to_dot().replace("->", "--"))
    with pytest.raises(AssertionError):
        read_mermaid(fs.graph(X, W).to_mermaid().replace("-->", "->"))
