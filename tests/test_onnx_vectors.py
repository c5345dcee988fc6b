"""The node vectors that ONNX publishes for its operators of convolution and pooling."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import flipslide as fs

onnx = pytest.importorskip("onnx")

PADDING_WORDS = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}


class Node(NamedTuple):
    """One operator with its attributes, inputs and wanted outputs."""

    op: str
    attributes: dict[str, Any]
    inputs: list[Any]
    outputs: list[Any]

    def words(self, n_axes: int) -> dict[str, Any]:
        """stride, padding and dilation of flipslide."""
        ones, pads = [1] * n_axes, self.attributes.get("pads", [0] * 2 * n_axes)
        word = self.attributes.get("auto_pad", b"NOTSET").decode()
        return {
            "stride": self.attributes.get("strides", ones),
            "dilation": self.attributes.get("dilations", ones),
            "padding": PADDING_WORDS.get(word, tuple(zip(pads[:n_axes], pads[n_axes:], strict=True))),
        }


def conv(node: Node) -> list[Any]:
    x, w, *bias = node.inputs
    return [fs.nn.conv(x, w, *bias, groups=node.attributes.get("group", 1), **node.words(x.ndim - 2))]


def conv_integer(node: Node) -> list[Any]:
    x, w, *zeros = node.inputs
    x_zero, w_zero = [*zeros, 0, 0][:2]
    # One zero for all filters, or one for each.
    zero_of_filters = np.reshape(np.asarray(w_zero, np.int32), (-1, *[1] * (w.ndim - 1)))
    shifted = x.astype(np.int32) - np.int32(x_zero), w.astype(np.int32) - zero_of_filters
    return [fs.nn.conv(*shifted, groups=node.attributes.get("group", 1), **node.words(x.ndim - 2))]


def conv_transpose(node: Node) -> list[Any]:
    x, w, *bias = node.inputs
    n_axes = x.ndim - 2
    sizes = {}
    if "output_shape" in node.attributes:
        sizes["output_size"] = node.attributes["output_shape"][-n_axes:]
    elif "output_padding" in node.attributes:
        sizes["output_padding"] = node.attributes["output_padding"]
    return [fs.nn.conv_transpose(x, w, *bias, groups=node.attributes.get("group", 1), **sizes, **node.words(n_axes))]


def pool_words(node: Node) -> tuple[Any, dict[str, Any]]:
    n_axes = node.inputs[0].ndim - 2
    return node.attributes["kernel_shape"], {**node.words(n_axes), "ceil_mode": node.attributes.get("ceil_mode", 0)}


def max_pool(node: Node) -> list[Any]:
    (x,) = node.inputs
    window, words = pool_words(node)
    y, places = fs.nn.max_pool_with_indices(x, window, **words)
    if node.attributes.get("storage_order"):  # counted column by column
        at = np.unravel_index(places, x.shape[2:])
        places = np.ravel_multi_index(at[::-1], x.shape[:1:-1])
    channels = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * (x.ndim - 2))
    return [y, places + channels * int(np.prod(x.shape[2:]))]


def average_pool(node: Node) -> list[Any]:
    window, words = pool_words(node)
    padded = bool(node.attributes.get("count_include_pad", 0))
    return [fs.nn.avg_pool(node.inputs[0], window, count_include_pad=padded, **words)]


def col2im(node: Node) -> list[Any]:
    cols, size, window = node.inputs
    return [fs.nn.col2im(cols, size.tolist(), window.tolist(), **node.words(len(size)))]


OPERATORS: dict[str, Callable[[Node], list[Any]]] = {
    "Conv": conv,
    "ConvInteger": conv_integer,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalMaxPool": lambda node: [fs.nn.max_pool(node.inputs[0], node.inputs[0].shape[2:])],
    "GlobalAveragePool": lambda node: [fs.nn.avg_pool(node.inputs[0], node.inputs[0].shape[2:])],
    "Col2Im": col2im,
}

#: Results that are published with four digits.
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad"}


def published() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = collect_testcases(None)
    for case in cases:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPERATORS:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[0].attribute}
            inputs, outputs = case.data_sets[0]
            yield pytest.param(Node(nodes[0].op_type, attributes, inputs, outputs), case.name, id=case.name)


@pytest.mark.parametrize(("node", "name"), list(published()))
def test_vector(node: Node, name: str) -> None:
    made = OPERATORS[node.op](node)
    for mine, wanted in zip(made, node.outputs, strict=False):
        assert mine.shape == wanted.shape
        np.testing.assert_allclose(mine, wanted, rtol=1e-3 if name in ROUNDED else 1e-5, atol=1e-6)
