"""Plans: what they say, that they run, and that the choice never changes the meaning."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide import _core
from flipslide.arrays import arithmetic_of
from flipslide.costs import costs, section_of
from flipslide.execute import instruction_sets
from flipslide.geometry import BOUNDARIES
from flipslide.methods import COMPILED, EXAMPLES, USUAL_THREADS, Estimate, example_of, load_prices
from flipslide.plan import METHODS, choose, forget_plans, near_ties
from flipslide.question import question_of
from flipslide.spec import ConvSpec

TABLE = json.loads(files("flipslide").joinpath("costs.json").read_text("utf-8"))


def test_plan_prints_a_table() -> None:
    text = str(fs.plan((1_000_000,), (101,), np.float32, threads=2))
    assert text.startswith("convolve (1000000,) float32 with (101,) float32 -> (1000100,) float32")
    assert "101,010,100 products, 101 for each output, summed in float32; threads: 2" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("    ")}
    assert set(METHODS) < set(rows)
    assert rows["overlap"].endswith("<- chosen")
    assert "one output channel" in rows["gemm"]


def test_plan_runs_with_packed_taps() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 500)), rng.standard_normal(9)
    packed = fs.plan(x.shape, w, mode="same", boundary="wrap")
    np.testing.assert_array_equal(packed(x), fs.convolve(x, w, "same", boundary="wrap"))
    out = np.empty((2, 500))
    assert packed(x, out=out) is out
    shapes = fs.plan(x.shape, w.shape, operation="correlate", mode="valid")
    np.testing.assert_array_equal(shapes(x, w), fs.correlate(x, w))


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_packed_taps_may_be_infinite(bad: float) -> None:
    w = np.array([1.0, bad, 2.0])
    np.testing.assert_array_equal(fs.plan((6,), w)(np.arange(6.0)), fs.convolve(np.arange(6.0), w))


def test_layer_plan() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 32, 12, 12)), rng.standard_normal((32, 32, 3, 3))
    np.testing.assert_array_equal(fs.nn.plan(x.shape, w, np.float64, padding=1)(x), fs.nn.conv(x, w, padding=1))
    assert fs.nn.plan(x.shape, w.shape, np.float64, padding=1).method in ("gemm", "winograd")


def test_the_longer_one_may_come_second() -> None:
    """The shorter is slid over the longer: few products, the same sum."""
    plan = fs.plan((3,), (100_000,))
    assert plan.exchanged
    x, w = np.random.default_rng(0).standard_normal(3), np.random.default_rng(1).standard_normal(1000)
    np.testing.assert_allclose(fs.convolve(x, w), np.convolve(x, w), atol=1e-12)
    np.testing.assert_allclose(fs.correlate(x, w, "full"), np.correlate(x, w, "full"), atol=1e-12)


def test_stated_workspace_is_bounded() -> None:
    plan = fs.nn.plan((8, 64, 56, 56), (64, 64, 3, 3), padding=1, threads=2)
    assert plan.workspace < 64 << 20


def scratch_held(call: Callable[[], Any]) -> int:
    """By a call on a thread that has none yet."""
    held: list[int] = []

    def measure() -> None:
        _core.most_scratch()
        call()
        held.append(_core.most_scratch())

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    return held[0]


SIGNALS = [
    *[((n,), (k,)) for n, k in ((50_000, 31), (50_000, 1000), (2_000, 64))],
    *[((300, 310), (7, 7)), ((300, 310), (31, 31)), ((60, 3000), (5, 1)), ((40, 41, 42), (5, 3, 5))],
]


@pytest.mark.parametrize("shapes", SIGNALS, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i4"])
def test_stated_workspace_is_what_is_reserved(dtype: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """To the last line of the cache, but for rows of transforms, which may all lie where they are read and written.
    Nothing is guarded under accuracy="normwise"."""
    rng = np.random.default_rng(5)
    x, w = (np.asarray(50 * rng.standard_normal((2, *shape))) for shape in shapes)
    x, w = ((a[0] + 1j * a[1] if dtype == "c8" else a[0]).astype(dtype) for a in (x, w))
    for method in ("direct", "reduction", "overlap", "fft"):
        try:
            plan = fs.plan(x.shape, w.shape, dtype, method=method, accuracy="normwise", threads=1)
        except fs.ParameterError:
            assert method == "reduction"
            continue
        plan(x, w)  # tables of roots are made once
        fs.release_memory()
        rows = 2 * 64 * 256 if method in ("overlap", "fft") and x.ndim > 1 else 0
        assert -512 <= plan.workspace - scratch_held(lambda plan=plan: plan(x, w)) <= rows + 512, method


@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_stated_workspace_of_a_layer_is_what_is_reserved(dtype: str, taps: int) -> None:
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((2, 32, 14, 14)).astype(dtype), rng.standard_normal((40, 32, taps, taps)).astype(dtype)
    for method in ("direct", "gemm", "winograd") if taps == 3 else ("gemm",):
        plan = fs.nn.plan(x.shape, w.shape, dtype, padding=taps // 2, method=method, accuracy="normwise", threads=1)
        plan(x, w)
        fs.release_memory()
        assert abs(plan.workspace - scratch_held(lambda plan=plan: plan(x, w))) <= 512, method


def test_choice_is_cached_and_pure() -> None:
    spec, numbers = ConvSpec.of((9,), (3,)), arithmetic_of(np.dtype("f4"), np.dtype("f4"))
    assert choose(spec, numbers, 2) is choose(spec, numbers, 2)
    assert choose(spec, numbers, 2).error_bound > 0
    assert choose(spec, arithmetic_of(np.dtype("i4"), np.dtype("i4")), 2).error_bound == 0


@pytest.mark.parametrize(
    ("n", "k", "mode"),
    [(10**7, 10**7, "same"), (10**7, 10**7, "full"), (10**6, 20_000, "same"), (5_000, 5_000, "full")],
)
def test_long_taps_are_transformed_within_the_memory_that_is_promised(n: int, k: int, mode: str) -> None:
    """The larger of 64 MB and twice the arrays is all that a method may take."""
    plan = fs.plan((n,), (k,), np.float32, mode, threads=2)
    assert plan.method == "fft"
    arrays = 4 * (n + k + plan.spec.y_shape[0])
    assert plan.workspace <= max(64 << 20, 2 * arrays)


def test_the_choice_does_not_depend_on_threads() -> None:
    for n, k in ((3_000, 40), (100_000, 101), (200_000, 9_000)):
        chosen = {(p.method, p.tile) for t in (1, 2, 7) if (p := fs.plan((n,), (k,), np.float32, threads=t))}
        assert len(chosen) == 1


# ------------------------------------------------------------------------------ constants


def question(x: Any, w: Any, dtype: str = "float32", **words: Any) -> Any:
    load_prices()
    return question_of(ConvSpec.of(x, w, mode="same", **words), example_of(dtype))


def layer_question(x: Any, w: Any, dtype: str = "float32") -> Any:
    return question_of(fs.nn.plan(x, w, dtype).spec, example_of(dtype))


def test_python_and_the_core_number_boundaries_alike() -> None:
    assert _core.boundaries() == list(BOUNDARIES)


@pytest.mark.parametrize("isa", ["avx512", "avx2", "baseline"])
def test_every_instruction_set_has_every_constant(isa: str) -> None:
    section = TABLE["sets"][isa]
    assert set(section) == set(METHODS) | {"measured", "processor", "family", "widest"}
    for method in METHODS:
        rows = {"any"} if method == "numpy" else {question((9,), (3,), name).row(method) for name in EXAMPLES}
        if method in ("separable", "overlap", "fft", "winograd"):
            rows = {"float32", "float64"}
        if method == "reduction":
            rows = {row for row in rows if not row.startswith("complex")}
        assert rows <= set(section[method])
        for prices in section[method].values():
            assert list(prices) == METHODS[method].steps
            assert all(0 <= value < 1e6 for value in prices.values())
            assert any(value > 0 for value in prices.values())


def test_sections_differ_as_vectors_do() -> None:
    """Sums of four times as many lanes take a fraction of the time."""
    _, counts, _, _ = question((200_000,), (15,), "complex64").count("direct", (), 1)
    rows = [TABLE["sets"][isa]["direct"]["complex64"].values() for isa in ("avx512", "baseline")]
    fast, slow = (sum(n * price for n, price in zip(counts, row, strict=False)) for row in rows)
    assert slow > 1.5 * fast


def test_the_section_of_the_set_that_runs_is_taken() -> None:
    code = "from flipslide.costs import costs; import json; print(json.dumps(costs()['direct']))"
    for isa in instruction_sets()[1]:
        environment = os.environ | {"FLIPSLIDE_ISA": isa}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == TABLE["sets"][isa]["direct"]


def test_an_unknown_set_takes_the_plainest_constants() -> None:
    assert section_of(TABLE, "neon") == TABLE["sets"]["baseline"]
    assert section_of(TABLE, "avx2") == TABLE["sets"]["avx2"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_sums_have_an_example(name: str) -> None:
    assert question((9,), (3,), name).row("direct") == name


# --------------------------------------------------------------------------------- counts


def steps(found: Any, method: str, tile: tuple[int, ...] = (), rank: int = 1) -> dict[str, float]:
    """How often each step happens in what threads share."""
    return dict(zip(METHODS[method].steps, found.count(method, tile, rank)[1], strict=False))


def test_samples_are_counted_as_they_are_copied() -> None:
    """Long rows are read where they lie, all but their ends; halves are widened, with the ends of tiles twice."""
    far = steps(question((100_000,), (31,)), "direct")
    assert 0 < far["copied"] <= 4 * 31
    half = np.dtype("float16")
    widened = steps(question_of(ConvSpec.of((100_000,), (31,), mode="same"), arithmetic_of(half, half)), "direct")
    assert widened["copied"] == 100_000 + 30 * widened["tile"]
    assert widened["row"] == widened["tile"]


def test_rows_of_a_line_buffer_are_counted_once_for_each_band() -> None:
    found = question((1000, 1000), (15, 15))
    assert "line buffer" in found.describe("direct", ())
    counted = steps(found, "direct")
    bands = counted["tile"]
    assert counted["copied"] == (1000 + 14 * bands) * (1000 + 14)


def test_an_extent_of_a_batch_or_a_channel_multiplies_the_counts() -> None:
    one, many = (steps(layer_question((n, 8, 20, 20), (16, 8, 3, 3)), "gemm") for n in (1, 7))
    assert {step: 7 * n for step, n in one.items() if step != "far" and n} == {k: n for k, n in many.items() if n}


def test_products_of_a_transform_are_counted_by_tile() -> None:
    found = question((1000,), (17,))
    counted = steps(found, "overlap", (64,))
    lanes = _core.vector_bytes() // 4
    groups = -(-21 // lanes)  # 1000 outputs, 48 of each tile
    assert counted["tile"] == groups
    assert counted["move"] == 32 * groups
    assert counted["level"] == 32 * groups * 6


@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_tilings_come_cheapest_first(method: str) -> None:
    ranked = [Estimate(*e) for e in question((90, 100, 300), (3, 4, 50)).estimates(method, 5)]
    times = [estimate.nanoseconds(USUAL_THREADS) for estimate in ranked]
    assert times == sorted(times)
    assert len(times) == len({estimate.tile for estimate in ranked}) == 5


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int32"])
@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_no_tiling_is_below_the_bound(method: str, dtype: str) -> None:
    """Tiles that the bound rules out are never looked at."""
    rng = np.random.default_rng(0)
    for n_axes in (1, 2, 3):
        for _ in range(30):
            x = tuple(int(n) for n in 10 ** rng.uniform(0, 5 / n_axes, n_axes))
            w = tuple(int(rng.integers(1, n + 1)) for n in x)
            found = question((2, *x), w, dtype)
            least = found.least(method)
            for estimate in found.estimates(method, 1):
                assert least <= Estimate(*estimate).nanoseconds(USUAL_THREADS) * (1 + 1e-9)


# ----------------------------------------------------------------------------- candidates


@pytest.fixture
def prices(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that changes the prices of a method's steps for one test."""

    def change(method: str, factor: float) -> None:
        rows = {row: {step: factor * n for step, n in found.items()} for row, found in costs()[method].items()}
        monkeypatch.setitem(costs(), method, rows)
        load()

    def load() -> None:
        monkeypatch.setattr("flipslide.methods._loaded", None)
        forget_plans()

    yield change
    monkeypatch.undo()
    load()
    load_prices()


SIGNAL, LAYER = (((40, 3000), (1, 40)), ((2, 6, 40, 40), (5, 6, 3, 3)))


@pytest.mark.parametrize("method", [name for name, row in COMPILED.items() if not row.is_for_some_taps])
def test_any_row_can_win(method: str, prices: Any) -> None:
    """`auto` asks every row that does not refuse: the one that costs nothing is taken, for signals and for layers."""
    prices(method, 1e-9)
    for plan in (fs.plan(*SIGNAL, axes=-1), fs.nn.plan(*LAYER)):
        refused = next(c.refusal for c in plan.candidates if c.method == method)
        assert bool(refused) == (plan.method != method)


@pytest.mark.parametrize("method", [name for name, row in COMPILED.items() if row.is_for_some_taps])
def test_any_row_for_some_taps_is_looked_for(method: str, prices: Any) -> None:
    for other in COMPILED:
        prices(other, 1e9 if COMPILED[other].is_for_some_taps else 1.0)
    assert fs.plan((300, 300), (9, 9)).separates == ""
    prices(method, 0.0)
    assert COMPILED[method].separates == ("", "boxes", "products").index(fs.plan((300, 300), (9, 9)).separates)


@pytest.mark.parametrize(
    ("x", "w", "dtype"),
    [
        ((9,), (3,), "float64"),
        ((300_000,), (200,), "float32"),
        ((200, 300), (13, 13), "complex64"),
        ((8, 90), (2, 3), "O"),
    ],
)
def test_the_choice_is_the_cheapest_candidate(x: Any, w: Any, dtype: str) -> None:
    """Of those that work for all taps, though most were not weighed to make it."""
    plan = fs.plan(x, w, dtype)
    times = {c.method: c.estimate.nanoseconds(USUAL_THREADS) for c in plan.candidates if not c.refusal}
    for method in [name for name in times if METHODS[name].is_for_some_taps]:
        times.pop(method)
    assert plan.method == min(times, key=times.__getitem__)
    assert plan.chosen in plan.candidates
    assert [c.method for c in plan.candidates] == list(METHODS)


def test_near_ties_keep_their_strictness() -> None:
    strict = fs.plan((200_000,), (60,), "float32", accuracy="strict")
    assert {near.method for near in near_ties(strict)} == {"direct"}
    assert "its error is not bounded output by output" in str(strict)


# ------------------------------------------------------------------- pickled, told, named

WINDOW = np.hanning(9)
PICKLED = {
    "taps": lambda: (fs.plan((40, 30), np.outer(WINDOW, WINDOW), mode="same"), ()),
    "shapes": lambda: (fs.plan((40, 30), (3, 3), "float32"), (np.ones((3, 3), np.float32),)),
    "extended": lambda: (fs.plan((40, 30), (3, 3), boundary=("smooth", ("edge", "wrap"))), (np.ones((3, 3)),)),
    "integers": lambda: (fs.plan((40, 30), np.ones((2, 2), int), "int32", "valid"), ()),
    "transform": lambda: (fs.plan((40, 30), np.arange(99.0).reshape(9, 11), method="fft"), ()),
    "method": lambda: (fs.plan((40, 30), (5, 4), method="direct", accuracy="strict"), (np.ones((5, 4)),)),
}


@pytest.mark.parametrize("kind", list(PICKLED))
def test_plans_are_pickled(kind: str) -> None:
    plan, w = PICKLED[kind]()
    x = np.random.default_rng(0).integers(0, 9, (40, 30)).astype(plan.arithmetic.x if kind != "extended" else float)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(plan, protocol))
        assert again == plan
        assert (repr(again), str(again)) == (repr(plan), str(plan))
        np.testing.assert_array_equal(again(x, *w), plan(x, *w))


def test_a_plan_of_a_layer_is_pickled_with_its_taps() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((2, 3, 8, 9)), rng.standard_normal((4, 3, 3, 3))
    plan = fs.nn.plan(x.shape, w, "float64", padding=1)
    want = fs.nn.conv(x, w, padding=1)
    w[...] = 0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(plan))(x), want)


@pytest.mark.slow
def test_a_plan_goes_to_a_processor_with_another_instruction_set(tmp_path: Path) -> None:
    x, w = np.random.default_rng(2).standard_normal((2, 64, 64))
    plan = fs.plan(x.shape, w)
    (tmp_path / "plan").write_bytes(pickle.dumps((plan, x, plan(x))))
    code = "import pickle, sys; plan, x, y = pickle.load(open(sys.argv[1], 'rb')); print(abs(plan(x) - y).max())"
    for isa in _core.isas():
        words = [sys.executable, "-c", code, str(tmp_path / "plan")]
        done = subprocess.run(
            words, env=os.environ | {"FLIPSLIDE_ISA": isa}, capture_output=True, text=True, check=True
        )
        assert float(done.stdout) < 1e-10


def test_a_plan_is_told_in_a_line() -> None:
    plan = fs.plan((1000, 1000), (9, 9), "float32", "same")
    assert repr(plan) == (
        f"<Plan: convolve (1000, 1000) float32 with (9, 9) float32 -> (1000, 1000) float32 by {plan.method}>"
    )


@pytest.mark.parametrize(("taps", "runs"), [
    (np.outer(WINDOW, WINDOW), "separable"),
    (np.full((9, 9), 0.25), "box"),
    (np.random.default_rng(3).standard_normal((9, 9)), ""),
])  # fmt: skip
def test_a_plan_names_the_method_that_runs(taps: np.ndarray, runs: str) -> None:
    plan = fs.plan((500, 500), taps, mode="same")
    assert plan.runs == runs
    (line,) = [line for line in str(plan).splitlines() if "<- chosen" in line]
    assert line.split()[0] == (runs or plan.method)
    assert (f"{runs} runs" in str(plan)) == bool(runs)
    assert repr(plan).endswith(f" by {runs or plan.method}>")
    assert fs.plan((500, 500), taps.shape, mode="same").runs == ""
