"""Every kernel of the registry, on the instruction set in use, against the definition.

`FLIPSLIDE_ISA` pins the instruction set; CI runs this file once for each. A kernel is
tested by existing: the list comes from the compiled registry.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from laws import assert_is_definition
from strategies import Call, calls, layers

import flipslide as fs
from flipslide import _core
from flipslide.errors import IntegerOverflowError, ParameterError
from flipslide.plan import METHODS
from flipslide.spec import ConvSpec

COMPILED = tuple(_core.kernels())


def test_every_kernel_has_a_method() -> None:
    assert set(METHODS) == {*COMPILED, "numpy"}


@pytest.mark.parametrize("isa", _core.isas())
def test_isa_can_be_pinned(isa: str) -> None:
    code = (
        "from flipslide import _core; import flipslide as fs; print(_core.isa(), *fs.convolve([1.0, 2.0], [3.0, 4.0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FLIPSLIDE_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [isa, "3.0", "10.0", "8.0"]


def test_unknown_isa_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import flipslide as fs; fs.convolve([1.0], [1.0])"],
        env={**os.environ, "FLIPSLIDE_ISA": "avx9000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "FLIPSLIDE_ISA=avx9000 is not an instruction set of this build" in done.stderr


def run_if_possible(call: Call, method: str, correlate: bool) -> np.ndarray | None:
    """The result, or None where the method says that it does not apply."""
    verb = fs.correlate if correlate else fs.convolve
    try:
        return verb(call.x, call.w, method=method, **call.keywords)
    except ParameterError as error:
        assert "cannot do this" in str(error)
        return None
    except IntegerOverflowError:
        assert may_overflow(call)
        return None


def may_overflow(call: Call) -> bool:
    """Whether max|x|·Σ|w| is beyond the result's type, as it must be when a call is refused."""
    largest = max(np.abs(call.x.astype(object)).max(initial=0), call.keywords["fill_value"])
    dims = call.keywords["axes"] if call.w.ndim == call.x.ndim else None
    sums = np.abs(call.w.astype(object)).sum(axis=dims)
    return bool(largest * np.max(sums) > np.iinfo(np.result_type(call.x, call.w)).max)


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@pytest.mark.parametrize("correlate", [False, True])
@given(call=calls())
def test_convolve_is_the_definition(method: str, correlate: bool, call: Call) -> None:
    spec = ConvSpec.of(call.x.shape, call.w.shape, correlate=correlate, **call.keywords)
    y = run_if_possible(call, method, correlate)
    if y is not None:
        assert_is_definition(y, spec, call.x, call.w, method=method)


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@given(call=layers())
def test_layers_are_the_definition(method: str, call: Call) -> None:
    groups, last = call.keywords["groups"], call.keywords["layout"] == "channels_last"
    bias = np.arange(call.w.shape[0]).astype(call.x.dtype)
    try:
        y = fs.nn.conv(call.x, call.w, bias, method=method, **call.keywords)
    except ParameterError as error:
        assert "cannot do this" in str(error)
        return
    x, w = fs.nn._split(call.x, groups, last), fs.nn._split_taps(call.w, groups)
    words = {name: call.keywords[name] for name in ("stride", "padding", "dilation")}
    spec = fs.nn._layer_spec(call.x.shape, call.w.shape, *words.values(), groups, call.keywords["layout"])
    assert_is_definition(y.reshape(spec.y_shape), spec, x, w, bias, method)


@pytest.mark.parametrize("method", [*COMPILED, "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_large_enough_for_every_path(method: str, dtype: str, boundary: str) -> None:
    """Sizes at which tiles, interiors, edges and several threads all take part."""
    rng = np.random.default_rng(7)
    x = rng.integers(0, 3, (3, 130, 700)).astype(dtype)
    w = rng.integers(0, 2, (1 if method == "direct" else 5, 1, 5, 4)).astype(dtype)
    if method in ("overlap", "fft") and "int" in dtype:
        pytest.skip("transforms round, integers are exact")
    if method in ("overlap", "fft"):
        y = fs.convolve(x[None], w, "same", axes=(2, 3), boundary=boundary, method=method, threads=3).round()
    elif method == "gemm" or method == "auto":
        y = fs.convolve(x[None], w, "same", axes=(2, 3), boundary=boundary, method=method, threads=3)
    else:
        y = fs.convolve(x, w[0, 0], "same", boundary=boundary, method=method, threads=3)[None]
    padded = np.pad(x.astype(np.int64), ((0, 0), (2, 2), (2, 2)), mode="wrap" if boundary == "wrap" else "constant")
    for k in range(w.shape[0]):
        expected = sum(
            int(w[k, 0, i, j]) * padded[:, 4 - i : 134 - i, 3 - j : 703 - j] for i in range(5) for j in range(4)
        )
        np.testing.assert_array_equal(y[k], expected.astype(dtype))
