"""Measured constants and choices: kept, read again, never believed blindly."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import flipslide as fs
from flipslide import cache, costs, tuning, wisdom
from flipslide.cli import main
from flipslide.plan import forget_plans, near_ties

SHAPES = ((200_000,), (300,))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache directory of this test's own; nothing that was read from it stays."""
    monkeypatch.setenv("FLIPSLIDE_CACHE", str(tmp_path / "cache"))
    read_again()
    yield tmp_path / "cache"
    monkeypatch.setenv("FLIPSLIDE_CACHE", "")
    read_again()


def read_again() -> None:
    """As a new process would."""
    costs.costs.cache_clear()
    wisdom.forget_wisdom()
    forget_plans()


def read_method(dtype: str = "float32", **words: Any) -> tuple[str, tuple[int, ...]]:
    found = fs.plan(*SHAPES, dtype, "same", **words)
    return found.method, found.tile


def write_choice(folder: Path, method: str, tile: tuple[int, ...] = (), shapes: Any = SHAPES, **changes: Any) -> None:
    """A line as `tune=True` would have written it for the call of `read_method`."""
    made = fs.plan(*shapes, "float32", "same")
    accuracy = changes.pop("accuracy", "default")
    wisdom.remember(made.spec, made.arithmetic, accuracy, wisdom.Choice(method, tile, ((method, 1000.0),)))
    lines = (folder / wisdom.FILE).read_text().splitlines()
    lines[-1] = json.dumps(json.loads(lines[-1]) | changes)
    (folder / wisdom.FILE).write_text("".join(line + "\n" for line in lines))
    read_again()


# ------------------------------------------------------------------------------ constants


def test_factors_are_kept_for_later_processes(folder: Path) -> None:
    factors = fs.calibrate()
    assert costs.costs()["scale"] == factors
    assert all(0.01 < value < 100 for row in factors.values() for value in row.values())
    read_again()
    assert costs.costs()["scale"] == factors
    assert [file.name for file in folder.iterdir()] == [costs.scale_file()]


def test_factors_decide(folder: Path) -> None:
    usual = read_method()[0]
    assert usual in ("overlap", "fft")
    write_factors(folder, {"overlap": {"float32": 90.0}, "fft": {"float32": 90.0}})
    assert read_method()[0] == "direct"
    assert read_method("float64")[0] in ("overlap", "fft")
    write_factors(folder, {usual: {"float32": 90.0}})
    assert {usual, read_method()[0]} == {"overlap", "fft"}


def write_factors(folder: Path, scale: Any, machine: str | None = None) -> None:
    folder.mkdir(exist_ok=True)
    found = {"machine": machine or costs.machine_key(), "scale": scale}
    (folder / costs.scale_file()).write_text(json.dumps(found))
    read_again()


@pytest.mark.parametrize(
    "scale",
    [None, [], {"overlap": 3.0}, {"overlap": {"float32": "much"}}, {"overlap": {"float32": 0}}]
    + [{"overlap": {"float32": value}} for value in (float("nan"), float("inf"), -1, 1e9)],
)
def test_a_file_of_nonsense_is_passed_over(folder: Path, scale: Any) -> None:
    write_factors(folder, scale)
    assert costs.costs()["scale"] == {}


def test_factors_of_another_machine_are_passed_over(folder: Path) -> None:
    write_factors(folder, {"overlap": {"float32": 50.0}}, machine=costs.machine_key() + " of another kind")
    assert costs.costs()["scale"] == {}


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\x00", b"[1]", b"7"])
def test_unreadable_files_are_passed_over(folder: Path, text: bytes) -> None:
    folder.mkdir()
    for name in (costs.scale_file(), wisdom.FILE):
        (folder / name).write_bytes(text)
    read_again()
    assert read_method()[0] == "overlap"


def test_without_a_directory_factors_last_as_long_as_the_process(folder: Path) -> None:
    folder.write_text("a file in its place")
    factors = fs.calibrate()
    assert costs.costs()["scale"] == factors
    read_again()
    assert costs.costs()["scale"] == {}


def test_where_the_directory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.delenv("FLIPSLIDE_CACHE")
    assert cache.directory() == Path("/somewhere/flipslide")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache.directory() == Path.home() / ".cache" / "flipslide"
    monkeypatch.setenv("FLIPSLIDE_CACHE", "")
    assert cache.directory() is None


def test_doctor_calibrates(folder: Path) -> None:
    before = CliRunner().invoke(main, ["doctor"])
    assert "factors         none; flipslide doctor --calibrate" in before.output
    after = CliRunner().invoke(main, ["doctor", "--calibrate"])
    assert after.exit_code == 0
    assert f"measured here, in {folder / costs.scale_file()}" in after.output


# ------------------------------------------------------------------------------- choices


def test_choice_is_taken_from_the_file(folder: Path) -> None:
    """Also by `convolve`, and by `correlate` only when it was measured itself."""
    assert read_method()[0] == "overlap"
    x, w = np.ones(SHAPES[0], "f4"), np.random.default_rng(0).standard_normal(SHAPES[1]).astype("f4")
    direct = fs.convolve(x, w, "same", method="direct")
    assert not np.array_equal(fs.convolve(x, w, "same"), direct)
    write_choice(folder, "direct")
    assert read_method() == ("direct", ())
    assert read_method(threads=1) == read_method(threads=5) == ("direct", ())
    np.testing.assert_array_equal(fs.convolve(x, w, "same"), direct)
    assert read_method(operation="correlate")[0] == "overlap"
    assert read_method("float64")[0] == "overlap"
    assert read_method(method="fft")[0] == "fft"


def test_tiles_are_taken_from_the_file(folder: Path) -> None:
    made = fs.plan(*SHAPES, "float32", "same")
    other = next(near.tile for near in near_ties(made) if near.tile != made.tile)
    write_choice(folder, "overlap", other)
    assert read_method() == ("overlap", other)


@pytest.mark.parametrize(
    ("method", "tile"),
    [("overlap", (7,)), ("overlap", ()), ("overlap", (512, 2)), ("gemm", ()), ("separable", ()), ("?", ())],
)
def test_choices_that_are_not_candidates_are_passed_over(folder: Path, method: str, tile: tuple[int, ...]) -> None:
    before = read_method()
    write_choice(folder, method, tile)
    assert read_method() == before


@pytest.mark.parametrize("method", ["separable", "box"])
def test_methods_for_some_taps_only_are_never_taken(folder: Path, method: str) -> None:
    shapes = (200, 200), (7, 7)
    write_choice(folder, method, shapes=shapes)
    assert fs.plan(*shapes, "float32", "same").method != method


@pytest.mark.parametrize(
    "changes",
    [{"machine": "another"}, {"times": {"direct": -1}}, {"times": None}, {"tile": "?"}, {"tile": 3}, {"call": "?"}],
)
def test_bad_lines_are_passed_over(folder: Path, changes: dict[str, Any]) -> None:
    before = read_method()
    assert before[0] == "overlap"
    write_choice(folder, "direct", **changes)
    assert read_method() == before


def test_lines_around_a_torn_one_are_read(folder: Path) -> None:
    write_choice(folder, "direct")
    file = folder / wisdom.FILE
    file.write_text('{"machine": "torn\n' + file.read_text() + '{"half')
    read_again()
    assert read_method() == ("direct", ())


def test_the_later_of_two_lines_counts(folder: Path) -> None:
    write_choice(folder, "direct")
    write_choice(folder, "fft", fs.plan(*SHAPES, "float32", "same", method="fft").tile)
    assert read_method()[0] == "fft"


def test_strict_calls_take_no_transform_from_the_file(folder: Path) -> None:
    before, other = read_method(), near_ties(fs.plan(*SHAPES, "float32", "same"))[-1]
    for tile, accuracy in (((), "strict"), (other.tile, "strict"), (other.tile, "default")):
        write_choice(folder, other.method, tile, accuracy=accuracy)
        assert read_method(accuracy="strict") == ("direct", ())
        assert accuracy == "default" or read_method() == before
    assert read_method() == (other.method, other.tile)
    assert other.tile


def test_tuning_measures_and_remembers(folder: Path) -> None:
    shapes = (60_000,), (101,)
    tuned = fs.plan(*shapes, "float32", tune=True)
    assert tuned.is_measured
    assert "chosen by its measured time" in str(tuned)
    x, w = (np.random.default_rng(i).standard_normal(n).astype("f4") for i, n in enumerate(shapes))
    expected = fs.convolve(x, w)
    np.testing.assert_array_equal(tuned(x, w), expected)
    np.testing.assert_allclose(expected, np.convolve(x, w), atol=1e-3)
    assert len((folder / wisdom.FILE).read_text().splitlines()) == 1
    read_again()
    later = fs.plan(*shapes, "float32")
    assert (later.method, later.tile, later.chosen) == (tuned.method, tuned.tile, tuned.chosen)
    np.testing.assert_array_equal(fs.convolve(x, w), expected)


def test_the_fastest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one that was predicted, if another is clearly faster; and that one of two that are alike."""
    made = fs.plan(*SHAPES, "float32", "same")
    near = near_ties(made)
    assert near[0].tile == made.tile
    for best, factor, expected in ((1, 0.9, near[1]), (1, 0.99, near[0])):
        times = [1.0] * len(near)
        times[best] = factor
        monkeypatch.setattr(tuning, "_time_in_turn", lambda jobs, times=times: times)
        tuned = fs.plan(*SHAPES, "float32", "same", tune=True)
        assert (tuned.method, tuned.tile) == (expected.method, expected.tile)


@pytest.mark.parametrize(
    ("x", "w", "dtype"),
    [((5,), (3,), "int8"), ((0,), (3,), "float32"), ((4, 90), (2, 9), "complex64"), ((9,), (2,), "O")],
)
def test_any_call_may_be_tuned(x: tuple[int, ...], w: tuple[int, ...], dtype: str) -> None:
    assert fs.plan(x, w, dtype, tune=True).spec == fs.plan(x, w, dtype).spec


def test_layers_are_tuned() -> None:
    x, w = np.ones((1, 4, 12, 12), "f4"), np.ones((4, 4, 3, 3), "f4")
    tuned = fs.nn.plan(x.shape, w, "f4", padding=1, tune=True)
    np.testing.assert_array_equal(tuned(x), fs.nn.conv(x, w, padding=1))


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time is over only the first two are run, once each."""
    ran = []
    monkeypatch.setattr(tuning, "MOST_SECONDS", 0.0)
    times = tuning._time_in_turn([lambda i=i: ran.append(i) for i in range(4)])
    assert ran == [0, 1]
    assert [time < 1 for time in times] == [True, True, False, False]


def test_a_method_and_tuning_are_refused() -> None:
    with pytest.raises(fs.ParameterError, match="use method='auto'"):
        fs.plan(*SHAPES, method="direct", tune=True)


def test_choices_stay_in_memory_where_nothing_can_be_written(folder: Path) -> None:
    folder.write_text("a file in its place")
    assert fs.plan((60_000,), (101,), "float32", tune=True).is_measured
    assert fs.plan((60_000,), (101,), "float32").is_measured
    read_again()
    assert not fs.plan((60_000,), (101,), "float32").is_measured


def test_export_and_import(folder: Path, tmp_path: Path) -> None:
    write_choice(folder, "direct")
    assert fs.export_wisdom(tmp_path / "carried.jsonl") == 1
    (folder / wisdom.FILE).unlink()
    read_again()
    assert read_method()[0] == "overlap"
    assert fs.import_wisdom(tmp_path / "carried.jsonl") == 1
    assert read_method()[0] == "direct"
    read_again()
    assert read_method()[0] == "direct"


def test_processes_write_whole_lines(folder: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(append_many, [str(folder)] * 2)
    lines = (folder / "many").read_text().splitlines()
    assert len(lines) == 400
    assert set(lines) == {"x" * 500}


def append_many(folder: str) -> None:
    import os

    os.environ["FLIPSLIDE_CACHE"] = folder
    for _ in range(200):
        assert cache.append("many", "x" * 500)


def test_nothing_is_measured_or_written_unasked(folder: Path) -> None:
    code = "import flipslide as fs; fs.convolve([1.0] * 200_000, [1.0] * 300); print(fs.plan((9,), (3,)).is_measured)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert not folder.exists()


def test_a_plan_that_was_measured_is_another_plan() -> None:
    made = fs.plan(*SHAPES, "float32", "same")
    other = dataclasses.replace(made, chosen=made.chosen._replace(measured=5.0))
    assert other.is_measured
    assert not made.is_measured
