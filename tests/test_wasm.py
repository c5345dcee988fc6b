"""The core in WebAssembly, which the page computes with, is the native one. Needs `make wasm` and Node."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from test_playground import STATIC, needs_node, run_node

import flipslide as fs
from flipslide.geometry import BOUNDARIES
from flipslide.plan import METHODS
from flipslide.playground.page import CORE

pytestmark = [
    needs_node,
    pytest.mark.skipif(not (STATIC / CORE).exists(), reason="needs make wasm"),
]

#: How many random calls of each method and type; each was tried on 1,000.
CALLS = int(os.environ.get("FLIPSLIDE_WASM_CALLS", "40"))

#: What always answers; the others may refuse.
GENERAL = {"direct": range(4), "gemm": range(4), "overlap": range(2), "fft": range(2)}

TYPES = ("float32", "float64", "int32", "int64")
ARRAYS = ("Float32Array", "Float64Array", "Int32Array", "BigInt64Array")

RUN = f"""
await engine.openCore(readFileSync(new URL("{STATIC.as_uri()}/{CORE}")));
const kinds = [{", ".join(ARRAYS)}];
const make = ({{ compute }}, values) => kinds[compute].from(values.map(compute === 3 ? BigInt : Number));
const run = (call) => engine.runCore(call.method, call.compute, call.sizes, call.starts, call.boundary,
                                     make(call, call.x), make(call, call.w));
const attempt = (call) => {{
  try {{
    return Array.from(run(call), Number);
  }} catch (error) {{
    if (/refused/.test(error.message)) return null;
    throw error;
  }}
}};
console.log(JSON.stringify(given.map(attempt)));
"""


def draw_call(rng: np.random.Generator, method: str, compute: int) -> dict[str, Any]:
    ndim = int(rng.integers(1, 3))
    x_shape, w_shape = rng.integers(1, 30 if ndim == 2 else 400, ndim), rng.integers(1, 9, ndim)
    draw = rng.normal if compute < 2 else lambda size: rng.integers(-999, 1000, size)
    x, w = draw(size=x_shape).astype(TYPES[compute]), draw(size=w_shape).astype(TYPES[compute])
    full = bool(rng.integers(2))
    sizes = [[int(n), int(k), int(n + k - 1 if full else n)] for n, k in zip(x_shape, w_shape, strict=True)]
    starts = [0 if full else (k - 1) // 2 for _, k, _ in sizes]
    boundary = int(rng.choice([0, 2, 3, 4, 5]))
    return {
        "method": method, "compute": compute, "sizes": sizes, "starts": starts, "boundary": boundary,
        "arrays": (x, w), "mode": "full" if full else "same",
    }  # fmt: skip


@pytest.mark.parametrize("compute", range(len(TYPES)))
@pytest.mark.parametrize("method", [name for name in METHODS if name != "numpy"])
def test_it_is_the_native_core(method: str, compute: int) -> None:
    rng = np.random.default_rng(compute)
    calls = [draw_call(rng, method, compute) for _ in range(CALLS)]
    sent = [{k: v for k, v in call.items() if k != "arrays"} for call in calls]
    for call, one in zip(calls, sent, strict=True):
        one["x"], one["w"] = (array.ravel().tolist() for array in call["arrays"])
    for call, made in zip(calls, run_node(RUN, sent), strict=True):
        assert made is not None or compute not in GENERAL.get(method, ()), call
        if made is None:
            continue
        x, w = call["arrays"]
        wanted = fs.convolve(
            x.astype("float64"), w.astype("float64"), call["mode"], boundary=BOUNDARIES[call["boundary"]]
        )
        made = np.reshape(made, wanted.shape)
        if compute > 1:
            assert np.array_equal(made, wanted), call
        else:
            # A transform's error is that of its tile: its roundings times the norms of taps and samples.
            points = 4 * x.size * w.size + 4096
            transformed = method in ("overlap", "fft")
            scale = np.abs(w).sum() * np.abs(x).max() * (np.sqrt(points) if transformed else 1)
            terms = 21 * np.log2(points) + 8 if transformed else w.size + 2
            assert np.max(np.abs(made - wanted)) <= terms * np.finfo(TYPES[compute]).eps * scale, call


def test_it_has_every_method_of_the_core() -> None:
    code = f'const core = await engine.openCore(readFileSync(new URL("{STATIC.as_uri()}/{CORE}")));'
    names = run_node(code + "console.log(JSON.stringify(Object.keys(core.methods)));", None)
    assert {"direct", "gemm", "overlap", "fft"} <= set(names)


def test_it_refuses_what_it_cannot_do() -> None:
    code = f"""
    const {{ exports }} = await engine.openCore(readFileSync(new URL("{STATIC.as_uri()}/{CORE}")));
    const bad = [[99, 0, 1], [0, 9, 1], [0, 0, 3]];
    console.log(JSON.stringify(bad.map((start) => exports.fs_convolve(...start, 0, 0, 0, 0, 0, 0))));
    """
    assert min(run_node(code, None)) > 0
