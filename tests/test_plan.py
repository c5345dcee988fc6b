"""Plans: what they say, that they run, and that the choice never changes the meaning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide import sums, tiles
from flipslide.arrays import arithmetic_of
from flipslide.costs import costs, section_of
from flipslide.estimate import SUMS, USUAL_THREADS, Problem, example_of
from flipslide.execute import instruction_sets
from flipslide.plan import METHODS, choose, forget_plans, near_ties
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
    assert fs.nn.plan(x.shape, w.shape, np.float64, padding=1).method == "gemm"


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


def problem_of(x: Any, w: Any, dtype: str = "float32", **words: Any) -> Problem:
    return Problem.of(ConvSpec.of(x, w, mode="same", **words), example_of(dtype))


@pytest.mark.parametrize("isa", ["avx512", "avx2", "baseline"])
def test_every_instruction_set_has_every_constant(isa: str) -> None:
    section = TABLE["sets"][isa]
    assert set(section) == set(METHODS) | {"measured"}
    for method in METHODS:
        rows = {METHODS[method].constants_of(problem_of((9,), (3,), name)) for name in SUMS}
        wanted = rows if method not in ("separable", "overlap", "fft") else {"float32", "float64"}
        assert set(section[method]) == wanted
        for constants in section[method].values():
            assert all(0 <= value < 1e6 for value in constants.values())
            assert any(value > 0 for value in constants.values())


def test_sections_differ_as_vectors_do() -> None:
    """Sums of four times as many lanes take a fraction of the time."""
    problem = problem_of((200_000,), (15,), "complex64")
    rows = [TABLE["sets"][isa]["direct"]["complex64"] for isa in ("avx512", "baseline")]
    fast, slow = (sums.estimate_direct(problem, row).work for row in rows)
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


@pytest.mark.parametrize("name", SUMS)
def test_sums_have_an_example(name: str) -> None:
    assert METHODS["direct"].constants_of(problem_of((9,), (3,), name)) == name


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("overlap", "fft")])
def test_formulas_are_linear_in_their_constants(method: str) -> None:
    """Which is what they are fitted by."""
    problem = (
        problem_of((3, 90, 1), (1, 7, 5), axes=(1, 2)) if method != "gemm" else problem_of((1, 90), (4, 7), axes=-1)
    )
    k = costs()[method][METHODS[method].constants_of(problem)]
    check_linear(lambda k: METHODS[method].estimates(problem, k, 1)[0].nanoseconds(1), k)


@pytest.mark.parametrize(("method", "dtype"), [("overlap", "complex64"), ("fft", "int32"), ("fft", "float64")])
def test_tilings_are_linear_in_their_constants(method: str, dtype: str) -> None:
    problem = problem_of((90, 200, 300, 3), (3, 4, 5, 1), dtype, axes=(0, 1, 2))
    k = costs()[method][METHODS[method].constants_of(problem)]
    check_linear(lambda k: tiles.estimate_tile(method, problem, k, (8, 64, 30)).nanoseconds(2), k)


def check_linear(formula: Any, k: dict[str, float]) -> None:
    alone = [formula({name: float(name == one) for name in k}) for one in k]
    together = sum(value * time for value, time in zip(k.values(), alone, strict=True))
    assert formula(k) == pytest.approx(together, rel=1e-9)


@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_arrays_of_tilings_are_weighed_as_each_alone(method: str) -> None:
    problem = problem_of((90, 100, 300), (3, 4, 50))
    k = costs()[method]["float32"]
    ranked = tiles.rank_tiles(method, problem, k, most=5)
    times = [estimate.nanoseconds(USUAL_THREADS) for estimate in ranked]
    assert times == sorted(times)
    assert len(times) == 5
    again = [tiles.estimate_tile(method, problem, k, estimate.tile).nanoseconds(USUAL_THREADS) for estimate in ranked]
    assert again == times


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int32"])
@pytest.mark.parametrize("method", ["overlap", "fft"])
def test_no_tiling_is_below_the_bound(method: str, dtype: str) -> None:
    """Tiles that the bound rules out are never looked at."""
    rng = np.random.default_rng(0)
    for n_axes in (1, 2, 3):
        for _ in range(30):
            x = tuple(int(n) for n in 10 ** rng.uniform(0, 5 / n_axes, n_axes))
            w = tuple(int(rng.integers(1, n + 1)) for n in x)
            problem = problem_of((2, *x), w, dtype)
            k = costs()[method][METHODS[method].constants_of(problem)]
            least = tiles.least_time(problem, k)
            for found in tiles.rank_tiles(method, problem, k):
                assert least <= found.nanoseconds(USUAL_THREADS) * (1 + 1e-9)


# ----------------------------------------------------------------------------- candidates


def test_small_calls_do_not_look_for_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before the plan is printed; then every method has its time."""
    looked = []
    rank_tiles = tiles.rank_tiles

    def look(method: str, *rest: Any) -> Any:
        looked.append(method)
        return rank_tiles(method, *rest)

    for name in ("overlap", "fft"):
        row = METHODS[name]._replace(estimates=lambda *rest, name=name: look(name, *rest))
        monkeypatch.setitem(METHODS, name, row)
        monkeypatch.setitem(costs()[name]["float32"], "call", 2000.0)
    forget_plans()
    plan = fs.plan((9,), (3,), "float32")
    assert not looked
    rows = {line.split()[0]: line.split()[1:] for line in str(plan).splitlines() if line.startswith("    ")}
    assert looked == ["overlap", "fft"]
    assert {method for method in METHODS if rows[method][0] != "-"} == {"direct", "box", "overlap", "fft", "numpy"}
    fs.plan((100_000,), (300,), "float32")
    assert "overlap" in looked[2:]
    forget_plans()


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
    for method in ("separable", "box"):
        times.pop(method, None)
    assert plan.method == min(times, key=times.__getitem__)
    assert plan.chosen in plan.candidates
    assert [c.method for c in plan.candidates] == list(METHODS)


def test_near_ties_keep_their_strictness() -> None:
    strict = fs.plan((200_000,), (60,), "float32", accuracy="strict")
    assert {near.method for near in near_ties(strict)} == {"direct"}
    assert "its error is not bounded output by output" in str(strict)
