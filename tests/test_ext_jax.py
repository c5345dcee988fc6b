"""The layer on JAX's arrays: equal to JAX's own, under jit, grad and vmap."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import Call, layers

import flipslide as fs
from flipslide.errors import ParameterError, ShapeError

jax = pytest.importorskip("jax")
jnp = jax.numpy
RNG = np.random.default_rng(0)


def random(shape: tuple[int, ...], is_complex: bool = False) -> Any:
    values = RNG.standard_normal(shape) + (1j * RNG.standard_normal(shape) if is_complex else 0)
    return jnp.asarray(values.astype(np.complex64 if is_complex else np.float32))


def jax_own(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return jax.lax.conv_general_dilated(
        x, w, stride, padding, rhs_dilation=dilation, feature_group_count=groups, precision="highest"
    )


CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 11), (6, 2, 3), {"stride": (2,), "padding": ((1, 2),), "dilation": (2,), "groups": 2}),
    ((2, 3, 8, 7), (5, 3, 3, 2), {"stride": (1, 2), "padding": ((1, 1), (0, 2)), "dilation": (2, 1), "groups": 1}),
    (
        (1, 2, 5, 4, 6),
        (4, 1, 2, 3, 2),
        {"stride": (2, 1, 1), "padding": ((0, 1),) * 3, "dilation": (1,) * 3, "groups": 2},
    ),
]  # fmt: skip


def test_docstrings() -> None:
    failures, examples = doctest.testmod(importlib.import_module("flipslide.ext.jax"))
    assert examples
    assert failures == 0


def test_without_jax() -> None:
    code = """if True:
        import sys
        sys.modules["jax"] = None
        import flipslide as fs
        try:
            fs.ext.jax
        except fs.MissingExtraError as error:
            assert "pip install 'flipslide[jax]'" in str(error), error
        else:
            raise AssertionError
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("x_shape", "w_shape", "words"), CASES)
def test_values_and_gradients_are_jaxs(x_shape: Any, w_shape: Any, words: Any) -> None:
    x, w, bias = random(x_shape), random(w_shape), random(w_shape[:1])
    layer = jax.jit(lambda x, w, bias: fs.ext.jax.conv(x, w, bias, **words))

    def own(x: Any, w: Any, bias: Any) -> Any:
        return jax_own(x, w, **words) + bias.reshape(-1, *[1] * (x.ndim - 2))

    y, pull = jax.vjp(layer, x, w, bias)
    expected, own_pull = jax.vjp(own, x, w, bias)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    dy = random(y.shape)
    for mine, theirs in zip(jax.jit(pull)(dy), own_pull(dy), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("is_complex", [False, True])
def test_second_order(is_complex: bool) -> None:
    x, w = random((1, 2, 7), is_complex), random((3, 2, 3), is_complex)
    words: dict[str, Any] = {"stride": (2,), "padding": ((1, 1),), "dilation": (1,), "groups": 1}

    def reach(layer: Any) -> Any:
        def loss(x: Any, w: Any) -> Any:
            return jnp.sum(jnp.abs(layer(x, w)) ** 2)

        def slope(x: Any, w: Any) -> Any:
            return sum(jnp.sum(jnp.abs(g) ** 2) for g in jax.grad(loss, (0, 1))(x, w))

        return jax.jit(jax.grad(slope, (0, 1)))(x, w)

    mine = reach(lambda x, w: fs.ext.jax.conv(x, w, **words))
    theirs = reach(lambda x, w: jax_own(x, w, **words))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-2)


def test_vmap_and_layout() -> None:
    x, w = random((3, 2, 2, 6, 5)), random((4, 2, 3, 3))
    y = jax.vmap(lambda x: fs.ext.jax.conv(x, w, padding="same"))(x)
    for one, image in zip(y, x, strict=True):
        np.testing.assert_allclose(one, fs.nn.conv(np.asarray(image), np.asarray(w), padding="same"), rtol=1e-5)
    last = fs.ext.jax.conv(jnp.moveaxis(x[0], 1, -1), w, random((4,)) * 0, padding="same", layout="channels_last")
    np.testing.assert_allclose(jnp.moveaxis(last, -1, 1), y[0], rtol=1e-4, atol=1e-5)


@settings(max_examples=30)
@given(call=layers(("float32",)))
def test_same_as_nn(call: Call) -> None:
    expected = fs.nn.conv(call.x, call.w, **call.keywords)
    y = fs.ext.jax.conv(np.array(call.x), np.array(call.w), **call.keywords)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"x has shape \(4, 4\), w has shape \(1, 1, 3\)"):
        fs.ext.jax.conv(jnp.ones((4, 4)), jnp.ones((1, 1, 3)))
    with pytest.raises(ParameterError, match="layout='NHWC' is not known"):
        fs.ext.jax.conv(jnp.ones((1, 1, 4)), jnp.ones((1, 1, 3)), layout="NHWC")
    with pytest.raises(ShapeError, match="spans 5 samples"):
        jax.jit(fs.ext.jax.conv)(jnp.ones((1, 1, 4)), jnp.ones((1, 1, 5)))
