"""The call in other languages: every program is run and must give the same numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import explaining
import numpy as np
import pytest
from explaining import Call
from hypothesis import HealthCheck, assume, given, settings

import flipslide as fs
from flipslide.explain.code import LANGUAGES
from flipslide.geometry import BOUNDARIES

PYTHON = {"numpy": "numpy", "scipy": "scipy", "pytorch": "torch", "jax": "jax", "loops": "json"}
X, W = [0, 1, 2, 3, 4], [1, -1, 2]


def run_python(source: str) -> np.ndarray:
    names: dict[str, Any] = {"print": lambda *_: None}
    exec(source, names)
    return np.asarray(names["y"])


def test_every_language_is_run() -> None:
    assert {*PYTHON, "c", "matlab"} == set(LANGUAGES)


@pytest.mark.parametrize("language", PYTHON)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(call=explaining.calls)
def test_python_gives_the_same_numbers(language: str, call: Call) -> None:
    pytest.importorskip(PYTHON[language])
    e = call.explain()
    assume(e.y.size)
    y = run_python(str(e.code(language)))
    assert y.shape == e.y.shape
    np.testing.assert_allclose(y, e.y, atol=1e-9)


@pytest.mark.parametrize("language", PYTHON)
@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_floats_and_complex_numbers(language: str, operation: str) -> None:
    pytest.importorskip(PYTHON[language])
    rng = np.random.default_rng(1)
    for mode, x, w in (
        ("same", rng.normal(size=7), rng.normal(size=4)),
        ("full", rng.normal(size=4) + 1j * rng.normal(size=4), rng.normal(size=3) * (2 - 1j)),
        ("valid", rng.normal(size=(4, 5)) * 1j, rng.normal(size=(2, 2)) * (1 - 1j)),
    ):
        e = fs.explain(x, w, mode, operation=operation)
        np.testing.assert_allclose(run_python(str(e.code(language))), e.y, rtol=1e-12)


#: Wider than x on every side, and with corners outside both axes.
PAIRS = [(one, other) for one in BOUNDARIES for other in BOUNDARIES]


def cornered(boundary: tuple[str, str]) -> fs.Explanation:
    x, w = np.arange(1, 7).reshape(2, 3), np.arange(12).reshape(3, 4) - 5
    return fs.explain(x, w, "full", boundary=boundary, fill_value=7 if "constant" in boundary else 0)


@pytest.mark.parametrize("language", PYTHON)
def test_every_pair_of_boundaries_and_its_corners(language: str) -> None:
    pytest.importorskip(PYTHON[language])
    for boundary in PAIRS:
        e = cornered(boundary)
        np.testing.assert_allclose(run_python(str(e.code(language))), e.y, err_msg=str(boundary))


def test_fractions_stay_exact_in_loops() -> None:
    from fractions import Fraction

    e = fs.explain([1, 2, Fraction(1, 3)], [Fraction(1, 3), 1])
    assert run_python(str(e.code("loops"))).tolist() == [Fraction(5, 3), Fraction(19, 9)]
    np.testing.assert_allclose(run_python(str(e.code("numpy"))), [5 / 3, 19 / 9])


def test_the_short_way_is_taken_where_there_is_one() -> None:
    e = fs.explain(X, W, "same", stride=2)
    assert 'y = np.convolve(x, w, "same")[::2]' in str(e.code("numpy"))
    assert 'y = signal.convolve(x, w, "same")[::2]' in str(e.code("scipy"))
    assert "y = conv(x, w, 'same')" in str(e.code("matlab"))
    assert "conv(p, w, 'valid')" in str(fs.explain(X, [1, 2], "same").code("matlab"))


# ------------------------------------------------------------------------------ compiled


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=explaining.calls)
def test_c_gives_the_same_numbers(tmp_path: Path, call: Call) -> None:
    e = call.explain()
    assume(e.y.size)
    assert [int(number) for number in run_c(tmp_path, str(e.code("c"))).split()] == e.y.ravel().tolist()


def test_every_boundary_and_its_corners_in_c(tmp_path: Path) -> None:
    for boundary in [*zip(BOUNDARIES, BOUNDARIES, strict=True), ("zero", "constant"), ("constant", "edge")]:
        e = cornered(boundary)
        assert [int(number) for number in run_c(tmp_path, str(e.code("c"))).split()] == e.y.ravel().tolist(), boundary


def test_c_with_other_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for x, w in ((rng.normal(size=5), rng.normal(size=3)), (rng.normal(size=5) * 1j, rng.normal(size=3) * (1 - 2j))):
        e = fs.explain(x, w, "full", operation="correlate")
        numbers = [complex(number) for number in run_c(tmp_path, str(e.code("c"))).split()]
        np.testing.assert_allclose(numbers, e.y, rtol=1e-12)


def run_c(folder: Path, source: str) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    (folder / "y.c").write_text(source + "\n")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsanitize=undefined"]
    subprocess.run([compiler, *flags, folder / "y.c", "-o", folder / "y", "-lm"], check=True)
    return subprocess.run([folder / "y"], check=True, capture_output=True, text=True).stdout


# --------------------------------------------------------------------------------- Octave

MANY = 40
SHOW = "printf('Y%s\\n', jsonencode(permute(y, [3 1 2])));\nclear all;"


def test_matlab_gives_the_same_numbers(tmp_path: Path) -> None:
    """All programs in one run of Octave, whose start is slow."""
    octave = shutil.which("octave-cli") or shutil.which("octave")
    if octave is None:
        pytest.skip("GNU Octave is not installed")
    found: list[Call] = []

    @settings(max_examples=MANY, deadline=None, database=None, derandomize=True)
    @given(call=explaining.calls)
    def collect(call: Call) -> None:
        assume(call.explain().y.size)
        found.append(call)

    collect()
    explained = [call.explain() for call in found] + [cornered(boundary) for boundary in PAIRS]
    programs = []
    for e in explained:
        # JSON goes by rows when the first axis is not one.
        programs += [f"{e.code('matlab')};", SHOW]
    (tmp_path / "y.m").write_text("\n".join(programs))
    done = subprocess.run([octave, "--no-gui", "--quiet", tmp_path / "y.m"], check=True, capture_output=True, text=True)
    results = [json.loads(line[1:]) for line in done.stdout.splitlines() if line.startswith("Y")]
    assert len(results) == len(explained) >= MANY // 2 + len(PAIRS)
    for e, result in zip(explained, results, strict=True):
        assert np.ravel(result).tolist() == e.y.ravel().tolist(), str(e.code("matlab"))
