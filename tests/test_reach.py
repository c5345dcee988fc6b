"""For everybody: keys alone, any size of window, axe, forced colours, dark, paper; from a file with the network off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest

import flipslide as fs
from flipslide.explain.demos import make_demo
from flipslide.playground import make_page
from flipslide.playground.exercises import make_question
from flipslide.show import Shown

pytestmark = pytest.mark.skipif(chromium.CHROMIUM is None, reason="needs Chromium")

ROOMS = ("window", "layer", "plane", "sound", "functions", "exercises")


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Tab]:
    with chromium.chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tmp_path_factory.mktemp("page") / "play.html", make_page())


def save(path: Path, html: str) -> str:
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def focus_of(tab: chromium.Tab) -> str:
    key: str = tab.run("document.activeElement?.dataset?.key ?? ''")
    return key


# ------------------------------------------------------------------------------- keys alone


def test_keys_lead_from_the_first_stop_to_a_solved_exercise(tab: chromium.Tab, page: str) -> None:
    tab.open(page)
    tab.press("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    stops = []
    while focus_of(tab) != "room exercises":
        tab.press("Tab")
        stops.append(tab.run("getComputedStyle(document.activeElement).outlineStyle"))
        assert len(stops) < 20
    assert "none" not in stops
    tab.press("Enter")
    assert tab.run("document.querySelector('h1').textContent") == "Exercises"
    for _ in range(30):
        if focus_of(tab) == "answer 0":
            break
        tab.press("Tab")
    question = make_question("flip", 1)
    for value in question.answer:
        for sign in str(value):
            tab.press(sign)
        tab.press("Enter")
    assert tab.run("document.querySelector('[role=status]').textContent") == "Right, all of it."
    assert focus_of(tab) == "Next"


def test_a_mistake_is_told_and_said_why(tab: chromium.Tab, page: str) -> None:
    question = make_question("flip", 1)
    tab.open(f"{page}#/exercises?level=flip&seed=1")
    tab.run("document.querySelector('[data-key=\"answer 0\"]').focus()")
    for value in question.mistakes[0].values:
        for sign in str(value):
            tab.press(sign)
        tab.press("Enter")
    assert tab.run("document.querySelector('[role=status]').textContent") == question.mistakes[0].say
    tab.run("document.querySelector('[data-key=\"Say why\"]').focus()")
    tab.press("Enter")
    said = tab.run("document.querySelector('.hints').textContent")
    assert said.startswith("The sum is w[j]·x[n − j]")
    assert said.endswith("= ?")


def test_a_slider_can_be_dragged_all_the_way(tab: chromium.Tab, page: str) -> None:
    """It stays in the page while everything around it is drawn anew."""
    tab.open(f"{page}#/window?sizes=7,3,0,1,1")
    tab.run("document.querySelector('[data-key=\"size n\"]').scrollIntoView({ block: 'center' })")
    left, right, y = tab.run(
        "(() => { const box = document.querySelector('[data-key=\"size n\"]').getBoundingClientRect();"
        "return [box.left, box.right, (box.top + box.bottom) / 2]; })()"
    )
    at = left + (right - left) * 6 / 39
    tab.drag((at, y), (at + 20, y), (at + 60, y), (right - 2, y))
    assert tab.run("document.querySelector('[data-key=\"size n\"]').value") == "40"
    assert "sizes=40" in tab.run("decodeURIComponent(location.hash)")
    assert "= 38" in tab.run("document.querySelector('[data-key=sizes] [role=status]').textContent")


def test_the_stepper_goes_by_real_keys(tab: chromium.Tab, tmp_path: Path) -> None:
    tab.open(save(tmp_path / "e.html", fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).html()), prefers_reduced_motion="reduce")
    tab.run("document.querySelector('.fs-frames').focus()")
    for key, step in (("ArrowRight", 2), ("ArrowRight", 3), ("End", 5), ("ArrowLeft", 4), ("Home", 1)):
        tab.press(key)
        assert tab.run("document.querySelector('.fs-bar span').textContent") == f"Step {step} of 5"


# ------------------------------------------------------------------------------------- axe

SHOWN: dict[str, Shown] = {
    "signal": fs.explain([0, 1, 2, 3, 4], [1, -1, 2]),
    "layer": make_demo("cs231n"),
    "im2col": make_demo("cs231n").im2col(),
    "compare": fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).compare(),
    "graph": fs.graph([0, 1, 2], [1, 2]).backward(),
    "shape": fs.explain_shape(5, 3, stride=2, padding=1),
    "transposed": fs.explain_transposed([[1, 2, 3]], [[[1, -1, 2]]], stride=2, padding=1),
}
RUN = "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations)"


def serious(tab: chromium.Tab) -> list[str]:
    """What axe finds serious or critical."""
    package = pytest.importorskip("axe_core_python")
    tab.run((Path(package.__file__).parent / "axe.min.js").read_text("utf-8") + "; 0")
    found: list[dict[str, Any]] = tab.run(RUN)
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def test_axe_finds_what_is_wrong(tab: chromium.Tab, tmp_path: Path) -> None:
    tab.open(save(tmp_path / "bad.html", '<!doctype html><html lang="en"><img src="data:,"><button></button></html>'))
    assert {one.partition(":")[0] for one in serious(tab)} == {"document-title", "image-alt", "button-name"}


CORE = Path(fs.__file__).parent / "playground/static/flipslide.wasm"


@pytest.mark.skipif(not CORE.exists(), reason="make wasm has not been run")
def test_the_core_computes_from_a_file_without_a_network(tab: chromium.Tab, page: str) -> None:
    tab.open(f"{page}#/plane")
    words = "[...document.querySelectorAll('p.faint')].map((part) => part.textContent).join()"
    told = f"new Promise((done) => {{ const look = () => /own core/.test({words}) ? done(true) : setTimeout(look, 50);"
    assert tab.run(f"{told} look(); setTimeout(() => done(false), 5000); }})")


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rooms_have_no_serious_finding(tab: chromium.Tab, page: str, width: int, theme: str) -> None:
    found = {}
    for room in ROOMS:
        tab.open(f"{page}#/{room}", width, prefers_color_scheme=theme)
        found[room] = serious(tab)
    assert found == {room: [] for room in ROOMS}


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_explanations_have_no_serious_finding(tab: chromium.Tab, tmp_path: Path, width: int) -> None:
    found = {}
    for name, shown in SHOWN.items():
        tab.open(save(tmp_path / "e.html", shown.html()), width)
        found[name] = serious(tab)
    assert found == {name: [] for name in SHOWN}


# --------------------------------------------------------------------- sizes, colours, paper

WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_a_telephone_scrolls_nothing_sideways(tab: chromium.Tab, page: str, tmp_path: Path) -> None:
    wide = {}
    for room in ROOMS:
        tab.open(f"{page}#/{room}", 360, 640)
        wide[room] = tab.run(WIDE)
    for name, shown in SHOWN.items():
        tab.open(save(tmp_path / "e.html", shown.html()), 360, 640)
        wide[name] = tab.run(WIDE)
    assert {name: room for name, room in wide.items() if room > 0} == {}


def test_forced_colours_keep_what_is_chosen(tab: chromium.Tab, page: str) -> None:
    """Where a reader's few colours take the place of ours, the outline and the chosen ones are still to be seen."""
    tab.open(f"{page}#/window", forced_colors="active")
    assert tab.run("matchMedia('(forced-colors: active)').matches")
    style = "getComputedStyle(document.querySelector('{}'))"
    ground = tab.run("getComputedStyle(document.body).backgroundColor")
    for chosen in (".outline", "button.y[aria-pressed=true]"):
        assert tab.run(f"{style.format(chosen)}.borderTopColor") != ground
    here, there = (
        tab.run(f"{style.format(f'nav a{kind}')}.backgroundColor")
        for kind in ("[aria-current]", ":not([aria-current])")
    )
    assert here != there


def test_paper_has_a_contact_sheet_and_no_buttons(tab: chromium.Tab, tmp_path: Path) -> None:
    tab.open(save(tmp_path / "e.html", fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).html()), media="print",
             prefers_color_scheme="dark")  # fmt: skip
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run("document.querySelectorAll('.fs-sheet svg').length") == 5
    assert tab.run("getComputedStyle(document.querySelector('.fs-bar')).display") == "none"
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    ink = tab.run("getComputedStyle(document.querySelector('.fs')).color").removeprefix("rgb(").rstrip(")")
    assert max(map(int, ink.split(","))) < 60
