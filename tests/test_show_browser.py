"""The stepper in a browser: keys, buttons, reduced motion. Needs Chromium; nothing is fetched."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import flipslide as fs
from flipslide.show import Shown

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

#: Presses keys on the first figure, and leaves what can then be seen in the page's title.
PRESS = """
<script>
const figure = document.querySelector(".fs-frames");
const press = (key) => figure.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const seen = [];
const look = () => seen.push({
  count: figure.querySelector(".fs-bar span").textContent,
  status: figure.querySelector("[role=status]").textContent,
  sums: [...figure.querySelectorAll(":scope > .fs-scroll text[font-weight]")]
    .filter((text) => text.style.display !== "none" && /\\d/.test(text.textContent)).map((text) => text.textContent),
  play: figure.querySelectorAll("button")[2].getAttribute("aria-label"),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
});
look();
for (const act of ACTS) {
  if (typeof act === "number") figure.querySelectorAll("button")[act].click(); else press(act);
  look();
}
document.title = JSON.stringify(seen);
</script>
"""


def browse(tmp_path: Path, page: str, *options: str) -> str:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [
        CHROMIUM or "", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom",
        f"--user-data-dir={tmp_path / 'profile'}", *options, path.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def press(tmp_path: Path, page: str, acts: list[Any], *options: str) -> list[dict[str, Any]]:
    script = PRESS.replace("ACTS", json.dumps(acts))
    dom = browse(tmp_path, page.replace("</main>", f"{script}</main>"), *options)
    title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert title
    seen: list[dict[str, Any]] = json.loads(html.unescape(title[1]))
    return seen


@pytest.fixture(scope="module")
def page() -> str:
    return fs.explain([0, 1, 2, 3, 4], [1, -1, 2]).html()


def test_keys_walk_through_the_steps(tmp_path: Path, page: str) -> None:
    acts = ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"]
    seen = press(tmp_path, page, acts)
    assert [state["count"] for state in seen] == [f"Step {n} of 5" for n in (1, 2, 3, 4, 3, 5, 5, 1, 1)]
    assert [state["sums"] for state in seen[-4:]] == [["5"], ["5"], [], []]
    assert seen[2]["status"] == "y[0] = 2·0 + (−1)·1 + 1·2 = 1"
    assert seen[5]["status"] == "y[2] = 2·2 + (−1)·3 + 1·4 = 5"


def test_buttons_do_the_same(tmp_path: Path, page: str) -> None:
    seen = press(tmp_path, page, [3, 3, 1, 4, 0])
    assert [state["count"] for state in seen] == [f"Step {n} of 5" for n in (1, 2, 3, 2, 5, 1)]


def test_nothing_moves_until_it_is_asked_to(tmp_path: Path, page: str) -> None:
    seen = press(tmp_path, page, [" ", " ", " ", "ArrowRight"])
    assert [state["play"] for state in seen] == ["Play", "Pause", "Play", "Pause", "Play"]


def test_where_motion_is_unwanted_a_step_is_there_at_once(tmp_path: Path, page: str) -> None:
    acts = ["ArrowRight", "ArrowRight", "ArrowRight"]
    still = press(tmp_path, page, acts, "--force-prefers-reduced-motion")
    assert [state["count"] for state in still] == [f"Step {n} of 5" for n in (1, 2, 3, 4)]
    assert [state["sums"] for state in still] == [[], [], ["1"], ["3"]]
    moving = press(tmp_path, page, acts)
    assert [state["sums"] for state in moving] != [state["sums"] for state in still]


@pytest.mark.parametrize(
    "shown", [fs.explain([0, 1, 2, 3, 4], [1, -1, 2]), fs.graph([0, 1, 2], [1, 2])], ids=["steps", "graph"]
)
def test_a_telephone_does_not_scroll_sideways(tmp_path: Path, shown: Shown) -> None:
    (seen,) = press(tmp_path, shown.html(), [], "--window-size=500,800")
    assert seen["wide"] <= 0


def test_without_scripts_every_step_is_there(tmp_path: Path, page: str) -> None:
    dom = browse(tmp_path, re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))
    assert "fs-bar" not in re.sub(r"<style>.*?</style>", "", dom, flags=re.DOTALL)
    assert all(f"y[{n}] = " in dom for n in range(3))


def test_two_of_them_on_one_page(tmp_path: Path, page: str) -> None:
    fragment = fs.explain([1, 2], [1, 1]).html(page=False)
    dom = browse(tmp_path, page.replace("</main>", f"{fragment}</main>"))
    assert len(re.findall(r'class="fs-bar"', dom)) == 2
