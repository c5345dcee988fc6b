"""The benchmarks compare like with like: their own checks hold, and catch what is wrong."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner

import flipslide as fs

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import (
    boundaries,
    calibrate,
    cases,
    cliffs,
    direct,
    filters,
    isa,
    measure,
    reference,
    report,
    rivals,
    roofline,
    run,
    spectral,
)
from benchmarks.cases import Case
from flipslide import definition
from flipslide.execute import instruction_sets
from flipslide.methods import METHODS
from flipslide.spec import ConvSpec

ROOT = Path(__file__).parents[1]
CASES = cases.all_cases()
SMALL = [cases.shrink(case) for case in CASES]
RATES = roofline.Roofline(1)
PLAIN = Case("1-D float64", (60,), (7,), "float64", "float64", mode="full")
AT_ONCE = 1e-9


def wrong(case: Case, w: np.ndarray, threads: int) -> rivals.Job:
    """Correlates: the taps are not flipped."""
    return rivals.Job(lambda x: np.convolve(x, w[::-1], case.mode))


def too_few(case: Case, w: np.ndarray, threads: int) -> rivals.Job:
    return rivals.Job(lambda x: np.convolve(x, w, "valid"))


def wrong_out(case: Case, w: np.ndarray, threads: int) -> rivals.Job:
    return rivals.Job(lambda x: np.convolve(x, w), lambda x, out: out.fill(0))


def rival(name: str) -> rivals.Rival:
    return next(rival for rival in rivals.RIVALS if rival.name == name)


def test_names_are_unique_and_some_are_quick() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 80
    assert {case.group for case in CASES} == {case.group for case in CASES if case.quick} | {"bank", "boundary"} | {
        case.group for case in CASES if case.group in ("1-D complex64", "2-D float64")
    }


@pytest.mark.parametrize("case", SMALL, ids=[case.name for case in CASES])
def test_the_default_call_gives_the_definition_within_its_bound(case: Case) -> None:
    data = measure.Data.of(case)
    checked = measure.check(case, measure.our_job(case, data.w), data)
    assert measure.bound_used(case, cases.flipslide_plan(case, 1), checked.results, data) <= 1


@pytest.mark.parametrize("case", SMALL, ids=[case.name for case in CASES])
def test_rivals_agree_wherever_they_take_part(case: Case) -> None:
    data = measure.Data.of(case)
    for name in (
        "scipy.fft",
        "scipy.oaconvolve",
        "scipy.convolve",
        "numpy.convolve",
        "ndimage.convolve",
        "ndimage filter",
    ):
        job = rival(name).prepare(case, data.w, 1)
        if job is not None:
            measure.check(case, job, data)


@pytest.mark.parametrize("boundary", ["zero", "edge", "mirror", "wrap"])
def test_the_reference_is_the_definition(boundary: str) -> None:
    case = Case("2-D", (5, 6), (3, 4), "int16", "int16", "int64", boundary=boundary)
    x, w = cases.make_x(case, "white"), cases.make_w(case)
    spec = ConvSpec.of(case.x_shape, case.w_shape, mode="same", boundary=boundary)
    found = reference.make_reference(case, x, w, list(np.ndindex(*case.y_shape)))
    expected = definition.apply(spec, x, w)
    assert found.values.astype(np.int64).tolist() == expected.ravel().tolist()
    assert found.error(expected.astype(np.int64)) == 0


@pytest.mark.parametrize("prepare", [wrong, too_few, wrong_out])
def test_a_wrong_rival_is_dropped(prepare) -> None:
    liar = rivals.Rival("liar", prepare)
    field = [liar, rival("numpy.convolve")]
    row = measure.measure(PLAIN, measure.Data.of(PLAIN), field, 1, RATES, AT_ONCE)
    assert set(row.entries) == {measure.OURS, "numpy.convolve"}
    assert set(row.dropped) == {"liar"}
    assert "liar" in "\n".join(report.page_lines("avx2", [row], {1: RATES}, []))


def test_a_slow_rival_is_not_run() -> None:
    def never(x: np.ndarray) -> np.ndarray:
        raise AssertionError("this was run")

    field = [rival("numpy.convolve"), rivals.Rival("slug", lambda *_: rivals.Job(never), rate=1.0)]
    row = measure.measure(PLAIN, measure.Data.of(PLAIN), field, 1, RATES, AT_ONCE)
    assert "slug" in row.dropped


def test_errors_count_where_the_data_is_quiet() -> None:
    """An FFT of everything loses the quiet samples, which white noise cannot show."""
    case = replace(PLAIN, x_shape=(4000,), w_shape=(64,))
    data = measure.Data.of(case)
    whole = measure.check(case, rival("scipy.fftconvolve").prepare(case, data.w, 1), data)  # type: ignore[arg-type]
    direct = measure.check(case, rival("numpy.convolve").prepare(case, data.w, 1), data)  # type: ignore[arg-type]
    assert whole.error > 1e5 * direct.error


def test_a_broken_bound_is_seen() -> None:
    data = measure.Data.of(PLAIN)
    y = {kind: np.convolve(x, data.w) * (1 + 1e-14) for kind, x in data.x.items()}
    assert measure.bound_used(PLAIN, cases.flipslide_plan(PLAIN, 1), y, data) > 1


def test_overlap_save_in_many_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "CHUNK", 4096)
    monkeypatch.setattr(spectral, "choose_tile", lambda sizes, taps: tuple(k + 6 for k in taps))
    for case in (replace(PLAIN, x_shape=(500,)), Case("2-D", (50, 61), (5, 4)), Case("batch", (6, 90), (8,))):
        data = measure.Data.of(case)
        job = rivals.Job(spectral.OverlapSave(case, data.w, spectral.ENGINES["scipy.fft"], 1))
        measure.check(case, job, data)


def fake_row(name: str, ours: float, theirs: float) -> measure.Row:
    row = measure.Row(name, "1-D float32", 1, "direct", 1e6, roof=1e-6)
    for who, seconds in ((measure.OURS, ours), ("numpy.convolve", theirs)):
        row.entries[who] = measure.Entry(1e-7, fresh=measure.Timing(seconds, seconds, seconds, 5))
    return row


def test_the_page_says_what_is_lost(tmp_path: Path) -> None:
    rows = [fake_row("won", 1e-3, 4e-3), fake_row("lost <&>", 4e-3, 1e-3)]
    page = report.write_page(tmp_path, rows, {1: RATES}, []).read_text("utf-8")
    assert "2 cells, 1 lost; the median ratio is 2.12" in page
    assert "signals and images, 1 threads: geometric mean 1.00, 1 of 2 lost" in page
    assert "- lost <&>, 1 threads: 4 ms; numpy.convolve 1 ms (0.25)" in page
    chart = ET.parse(tmp_path / f"benchmarks-{instruction_sets()[0]}.svg").getroot()
    bars = [e.get("class") for e in chart.iter("{http://www.w3.org/2000/svg}rect") if e.get("class") != "back"]
    assert bars == ["won", "lost"]
    assert [chart.find(f"{{http://www.w3.org/2000/svg}}{tag}") is not None for tag in ("title", "desc")] == [True, True]


def test_the_overview_has_every_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for used, theirs in (("avx2", 2e-3), ("avx512", 3e-3)):
        monkeypatch.setattr(report, "instruction_sets", lambda used=used: (used, [used]))
        report.write_page(tmp_path, [fake_row("won", 1e-3, theirs)], {1: RATES}, [f"flipslide {used}"])
    overview = (tmp_path / "benchmarks.md").read_text("utf-8")
    for used, ratio in (("avx512", "3.00"), ("avx2", "2.00")):
        head = overview.partition(f"## {used}\n")[2].partition("\n## ")[0]
        assert f", {used}, " in head
        assert f"the median ratio is {ratio}" in head
        assert f"(benchmarks-{used}.md)" in head
    assert overview.index("## avx512") < overview.index("## avx2")


def test_everybody_is_held_to_an_instruction_set() -> None:
    """In a process of its own, which asks each library what it uses."""
    narrow = instruction_sets()[1][-1]
    ask = f"from benchmarks import isa; isa.hold_to({narrow!r}); print(*isa.report({narrow!r}), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    said = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert {name for name, *_ in said} >= {"flipslide", "numpy"}
    assert [line for line in said if not line[2]] == []
    assert ("flipslide", narrow, True) in said


def test_what_is_too_wide_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isa, "ASK", {"numpy": lambda module: "X86_V3 X86_V4"})
    assert list(isa.report("avx512")) == [("numpy", "X86_V3 X86_V4", True)]
    assert list(isa.report("avx2")) == [("numpy", "X86_V3 X86_V4", False)]
    assert isa.lines("baseline")[0] == f"numpy X86_V3 X86_V4 ({isa.TOO_WIDE})"


def test_first_calls_are_told_where_they_take_longer(tmp_path: Path) -> None:
    rows = [fake_row(name, 1e-3, 4e-3) for name in ("kept", "as fast", "direct")]
    for row, method, first in zip(rows, ("fft", "fft", "direct"), (2e-3, 1e-3, 2e-3), strict=True):
        row.method, row.entries[measure.OURS].first = method, measure.Timing(first, first, first, 5)
    page = report.write_page(tmp_path, rows, {1: RATES}, []).read_text("utf-8")
    assert "## First calls\n\n- kept, 1 threads: 2 ms, later 1 ms\n\n" in page


def test_first_calls_have_other_taps(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []
    monkeypatch.setattr(measure, "flipslide_call", lambda case, w: lambda x: given.append(w.tobytes()))
    case = replace(PLAIN, w_shape=(9,))
    data = measure.Data.of(case)
    assert measure.first_calls(case, data) is not None
    assert len({data.w.tobytes(), *given}) == 1 + measure.FIRST_ROUNDS
    uniform = data._replace(w=np.ones(9))
    assert measure.first_calls(case, uniform) is None


def test_a_cell_that_we_cannot_run_is_lost() -> None:
    row = fake_row("too much", 1.0, 1e-3)
    del row.entries[measure.OURS]
    row.dropped[measure.OURS] = "not run: the plan predicts 90 s"
    assert row.is_lost
    assert "not run: the plan predicts 90 s" in report.cells(row)


def test_the_command_runs_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "set_threads", lambda n: None)  # it is for the whole process
    words = ["--only", "small 5 by 3", "--threads", "1", "--rivals", "numpy", "--seconds-per-case", "0.001"]
    files = ["--json", str(tmp_path / "rows.json"), "--page", str(tmp_path)]
    done = CliRunner().invoke(run.main, words + files)
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [sorted(row["entries"]) for row in rows] == [["flipslide", "numpy.convolve"]]
    used = instruction_sets()[0]
    assert "| small 5 by 3 | 1 |" in (tmp_path / f"benchmarks-{used}.md").read_text("utf-8")
    assert f"## {used}" in (tmp_path / "benchmarks.md").read_text("utf-8")


def test_no_case_has_such_a_name() -> None:
    assert CliRunner().invoke(run.main, ["--only", "nothing"]).exit_code == 1


# ------------------------------------------------------------------------------- constants


def test_constants_are_found_again() -> None:
    """From times that a formula with known constants would take, though half of the rounds are slower."""
    rng = np.random.default_rng(0)
    calls = calibrate.CALLS["direct"]
    steps = np.array([calibrate.steps_of("direct", "float32", call) for call in calls])
    known = rng.uniform(1, 2, steps.shape[1]) / steps.mean(axis=0)
    slowness = rng.choice([1.0, 1.9], 60)[:, None]
    times = steps @ known * slowness * rng.normal(1, 0.01, (60, len(calls)))
    found = calibrate.fit(steps, calibrate.usual_times(times))
    np.testing.assert_allclose(steps @ found, steps @ known, rtol=0.03)


def test_every_step_happens_in_some_call() -> None:
    for method, name, calls in calibrate.rows():
        steps = np.array([calibrate.steps_of(method, name, call) for call in calls])
        happen = dict(zip(METHODS[method].steps, steps.any(axis=0), strict=True))
        missing = {step for step, happens in happen.items() if not happens}
        if method == "direct" and name.startswith("complex"):
            missing -= {"product", "load"}  # whose rows share nothing
        if method == "gemm" and not name.startswith("float"):
            missing -= {"run", "packed", "panel"}  # panels are for floats
        if name == "float32":
            missing -= {"whole"}
        assert not missing, (method, name, missing)


def test_constants_are_those_that_the_formulas_name() -> None:
    table = json.loads(calibrate.TARGET.read_text("utf-8"))
    for section in table["sets"].values():
        for method, name, _ in calibrate.rows():
            assert list(section[method][name]) == METHODS[method].steps
    assert calibrate.written(table) == calibrate.TARGET.read_text("utf-8")


def test_calls_are_run_as_they_are_counted() -> None:
    """One of each method, small, by its own way: taps of rank two go axis by axis."""
    few = {
        "direct": calibrate.Call((40,), (3,)),
        "gemm": calibrate.layer((1, 2, 4, 4), (2, 2, 3, 3)),
        "winograd": calibrate.layer((1, 2, 4, 4), (2, 2, 3, 3))._replace(tile=(4, 4)),
        "separable": calibrate.square(20, 3, rank=2),
        "box": calibrate.square(20, 9),
        "overlap": calibrate.Call((40,), (3,), (16,)),
        "fft": calibrate.square(20, 3, (16, 18)),
        "numpy": calibrate.Call((9,), (3,)),
    }
    jobs = [calibrate.job_of(method, "any" if method == "numpy" else "float64", call) for method, call in few.items()]
    times = calibrate.measure(jobs, rounds=2)
    assert ((times > 0) & (times < 1e8)).all()


# -------------------------------------------------------------------------- shares of the peak


def test_a_share_is_products_over_the_peak() -> None:
    """A cell at half of the peak, on a machine whose speed changes from turn to turn."""
    cell, rates = direct.image(100, 5), iter([1e9, 3e9, 2e9] * direct.ROUNDS)

    def turn() -> tuple[float, float]:
        rate = next(rates)
        return cell.products / (0.5 * rate), rate

    assert direct.share(cell, turn) == pytest.approx(0.5)


def test_products_are_those_of_the_definition() -> None:
    for cell in (direct.signal(9, 4), direct.image(6, 3), direct.layer(2, 5, 3, 3)):
        x, w = np.ones(cell.x), np.ones(cell.w)
        y = fs.nn.conv(x, w, padding="same") if cell.is_layer else fs.convolve(x, w, "same")
        assert cell.products == y.sum()


def test_shares_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "ROUNDS", 1)
    monkeypatch.setattr(direct, "CELLS", [cell for cell in direct.CELLS if cell.products < 3e6])
    done = CliRunner().invoke(direct.main, ["--here"])
    assert done.exit_code == 0, done.output
    shares = json.loads(done.output)
    assert set(shares) == {cell.name for cell in direct.CELLS}
    assert min(shares.values()) > 0


# ---------------------------------------------------------------------------------- cliffs


def test_a_cliff_is_found_and_a_slope_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(cell: cliffs.Cell) -> float:
        return 1e3 / cell.size / cell.taps**2 * (1.6 if (cell.size, cell.taps) == (30, 3) else 1.0)

    cells = [cliffs.Cell("images", n, k) for n in (10, 20, 30, 40) for k in (1, 2, 3, 4, 5)]
    found = cliffs.find_cliffs({cell: seconds(cell) for cell in cells})
    assert {cliff.cell for cliff in found} == {cliffs.Cell("images", 30, 3)}
    assert {cell for cliff in found for cell in cliff.neighbours} == {
        cliffs.Cell("images", n, k) for n, k in ((20, 3), (40, 3), (30, 2), (30, 4))
    }
    monkeypatch.setattr(cliffs, "nanoseconds", lambda cells, *words: dict.fromkeys(cells, 1.0))
    assert list(cliffs.confirmed(found, "auto", 1)) == []


def test_every_walk_can_be_walked() -> None:
    for name, walk in cliffs.WALKS.items():
        cell = cliffs.Cell(name, walk.sizes[0], walk.taps[2])
        assert cliffs.nanoseconds([cell], "auto", 1, 1)[cell] > 0
        assert cliffs.method_of(cell, "auto", 1) in METHODS


# ------------------------------------------------------------------------------ boundaries


def test_boundaries_take_turns() -> None:
    ran = ""

    def call(letter: str):
        def run() -> None:
            nonlocal ran
            ran += letter

        return run

    times = boundaries.run_rounds({letter: call(letter) for letter in "abc"}, 0.0)
    assert all(len(found) == boundaries.FEWEST_ROUNDS for found in times.values())
    rounds = "".join(letter for at, letter in enumerate(ran) if at == 0 or ran[at - 1] != letter)
    assert "abcbcacababc" in rounds.replace("aa", "a").replace("bb", "b").replace("cc", "c")


def test_a_rule_is_compared_within_its_round() -> None:
    """A machine that is slower in half of the rounds changes no ratio."""
    zero = [1.0, 2.0] * 20
    cost = boundaries.compare([1.2 * seconds for seconds in zero], zero)
    assert (cost.low, cost.ratio, cost.high) == pytest.approx((1.2, 1.2, 1.2))
    row = boundaries.describe(PLAIN, dict.fromkeys((*boundaries.RULES, boundaries.AGAIN), cost))
    assert row.count("**1.20** (1.20 to 1.20)") == 4


def test_boundaries_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundaries, "CASES", [cases.shrink(case) for case in boundaries.CASES])
    done = CliRunner().invoke(boundaries.main, ["--only", "RGB", "--seconds", "0", "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert [line.split("|")[1].strip() for line in done.output.splitlines()] == [
        "1 threads",
        "---",
        "RGB 20x20x3 by 7x7",
    ]


def test_filters_agree_with_their_rivals() -> None:
    for package in ("soxr", "skimage"):
        pytest.importorskip(package)
    rows = list(filters.duels(96, 2000))
    for duel in rows:
        filters.check(duel)
    assert min(filters.measure(rows[0], 1)) > 0
    with pytest.raises(AssertionError):
        filters.check(rows[0]._replace(theirs=rows[2].theirs))
