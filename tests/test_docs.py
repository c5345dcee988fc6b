"""Every example of the README and of the pages runs and gives what it prints, and no page is forgotten.

`make docs` builds the site and runs the same blocks; here they run without Sphinx.
"""

from __future__ import annotations

import doctest
import fnmatch
import importlib.util
import re
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

import flipslide as fs
from flipslide.explain import trace
from flipslide.graph import GraphEdge, GraphNode
from flipslide.plan import METHODS
from flipslide.playground.exercises import level_names

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path.read_text("utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if not path.relative_to(DOCS).parts[0].startswith("_")
}
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
#: What a reader does outside of Python and flipslide.
SHELL = ("pip install", "make ", "git clone", "cd ", "flipslide doctor", "flipslide play")


def load(name: str) -> ModuleType:
    """A module of docs/_ext, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


executed = load("executed")
offline = load("offline")


# ------------------------------------------------------------------------------------ README


def test_there_are_examples() -> None:
    assert BLOCKS


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_readme_example(number: int) -> None:
    # On the page an empty line of output is an empty line.
    text = re.sub(r"^$", "<BLANKLINE>", BLOCKS[number].rstrip("\n"), flags=re.MULTILINE) + "\n"
    parsed = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner(verbose=False).run(parsed).failed == 0


# ------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run_and_give_what_they_print(page: str) -> None:
    executed.run_page(DOCS / f"{page}.md")


@pytest.mark.parametrize(
    "language, code",
    [
        ("python", ">>> 1 + 1\n3\n"),
        ("python", ">>> 1 + 1\n2\n>>> 1 / 0\n"),
        ("python", "1 / 0\n"),
        ("python", "import warnings\nwarnings.warn('careful')\n"),
        ("console", "$ flipslide shape 5 -k 3\n5 -> 4\n"),
        ("console", "$ flipslide shape 2 -k 3\n"),
        ("console", "$ ls\n"),
    ],
)
def test_a_wrong_block_is_noticed(language: str, code: str) -> None:
    with closing(executed.Session("page")) as session, pytest.raises(executed.BlockError):
        session.run(language, code)


def test_blocks_share_their_names_and_a_folder() -> None:
    with closing(executed.Session("page")) as session:
        session.run("python", "a = 2\n")
        session.run("python", ">>> b = a + 1\n>>> b\n3\n")
        session.run("python", "import numpy as np\nnp.savetxt('x.csv', [[a, b]], fmt='%d', delimiter=',')\n")
        assert session.run("console", "$ flipslide apply x.csv -q -k 1,1 -m valid\n5\n").text.endswith("\n5")


def test_a_block_prints_and_returns() -> None:
    with closing(executed.Session("page")) as session:
        assert session.run("python", "print('said')\n6 * 7\n") == ("said\n", 42)


@pytest.mark.parametrize("page", PAGES)
def test_no_code_stands_there_without_being_run(page: str) -> None:
    for block in executed.blocks_of(PAGES[page]):
        runs = block.language in executed.LANGUAGES or block.language.startswith("{")
        lines = block.code.strip().splitlines()
        assert runs or (block.language == "sh" and all(line.startswith(SHELL) for line in lines)), block


def toctree_of(page: str) -> list[str]:
    """The pages that a page lists, by their names from the root of the site; a star stands for any that are there."""
    folder = (DOCS / page).parent
    listed = re.findall(r"```\{toctree\}\n(.*?)```", PAGES[page], re.DOTALL)
    names = [line for block in listed for line in block.split() if not line.startswith(":") and not line.isdigit()]
    places = [(folder / name).resolve().relative_to(DOCS).as_posix() for name in names]
    return [found for place in places for found in (fnmatch.filter(PAGES, place) if "*" in place else [place])]


def test_every_page_can_be_reached() -> None:
    reached, to_do = set(), ["index"]
    while to_do:
        page = to_do.pop()
        assert page in PAGES, f"a toctree lists {page}, which is missing"
        reached.add(page)
        to_do += [name for name in toctree_of(page) if name not in reached]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", [page for page in PAGES if re.match(r"learn/\d", page)])
def test_every_chapter_ends_with_exercises_and_answers(page: str) -> None:
    exercises = PAGES[page].split("## Exercises")[1]
    assert len(re.findall(r"^\*\*\d\.\*\*", exercises, re.M)) >= 2
    assert len(re.findall(r"^:::\{answer\}", exercises, re.M)) == len(re.findall(r"^\*\*\d\.\*\*", exercises, re.M))
    for answer in re.findall(r"^:::\{answer\}\n(.*?)^:::$", exercises, re.M | re.S):
        assert any(block.language in executed.LANGUAGES for block in executed.blocks_of(answer)), answer
    levels = re.findall(r"^```\{play\} #/exercises\?level=(\w+)&seed=\d+$", exercises, re.M)
    assert levels
    assert set(levels) <= set(level_names())


def test_every_level_is_at_the_end_of_a_chapter() -> None:
    learn = "".join(text for page, text in PAGES.items() if page.startswith("learn/"))
    assert set(re.findall(r"#/exercises\?level=(\w+)", learn)) == set(level_names())


GOLDEN = {
    "learn/1-flip": ["array([1, 3, 5])", "array([0, 1, 1, 3, 5, 2, 8])", "array([3, 5, 7])"],
    "learn/2-padding": ["array([1, 1, 3, 5, 2])", "array([ 0, 15,  5, -9,  7,  6,  7])", "array([15,  5, -9,"],
    "learn/4-sizes": ["array([1, 3, 2])", "⌊4/3⌋ = 1", "(7,)\n", "(8,)\n"],
    "learn/5-gradients": ["(9, 6, 3)", "(2, 1, 2, 0, 1)", "array([20, 14,  8])", "array([ 2,  3,  5, -1,  3])"],
    "learn/6-plane": ["[11, 13, 10]", "[ 7, 14, 17]", "[11,  5,  6]", "[ 9, 17, 15]"],
    "learn/7-layer": ["[ 1,  2,  9]", "[ 8, 12, 12]", "[ 7,  8, 11]", "[-2, -3, -5]", "**12**", "486", "56"],
    "learn/8-im2col": ["(27, 9), (2, 27)", "243", "array([[[1, 2, 3, 2, 1]]])", "array([[[2, 1, 2, 0, 1]]])"],
    "learn/9-fft": ["array([2., 9., 1., 3., 5.])", "array([0., 1., 1., 3., 5., 2., 8.])"],
}


@pytest.mark.parametrize("page", GOLDEN)
def test_the_numbers_of_the_examples_stand_in_their_chapters(page: str) -> None:
    assert [number for number in GOLDEN[page] if number not in PAGES[page]] == []


# --------------------------------------------------------------------------------- reference


def test_each_method_has_its_section() -> None:
    sections = re.findall(r"^## (\w+)$", PAGES["explain/algorithms"], re.M)
    assert sections == list(METHODS)


def test_each_public_name_is_in_the_reference() -> None:
    reference = "".join(text for page, text in PAGES.items() if page.startswith("reference/"))
    documented = set(re.findall(r"\.\. auto(?:function|class|exception):: (\w+)", reference))
    modules = {name for name in fs.__all__ if isinstance(getattr(fs, name), ModuleType)}
    assert set(fs.__all__) - {"__version__", "Trace"} - modules <= documented
    assert [name for name in modules if f".. automodule:: flipslide.{name}\n   :members:" not in reference] == []


@pytest.mark.parametrize(
    "record, section",
    [
        (trace.Trace, "Trace"),
        (trace.Length, "Length"),
        (trace.Step, "Step"),
        (trace.Term, "Term"),
        (trace.Other, "Other"),
        (trace.Gradients, "Gradients"),
        (GraphNode, "Gradients"),
        (GraphEdge, "Gradients"),
    ],
)
def test_each_field_of_the_trace_is_described(record: type, section: str) -> None:
    text = re.split(r"^## ", PAGES["reference/trace"].split(f"\n## {section}\n")[1], flags=re.M)[0]
    assert [name for name in record._fields if f"`{name}`" not in text] == []


def test_the_trace_s_page_names_the_schema() -> None:
    assert f"`{trace.SCHEMA}`" in PAGES["reference/trace"]


# ------------------------------------------------------------------------------ without a net


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        "<img alt='' src='http://example.org/a.png'>",
        "<style>@import 'https://example.org/a.css'</style>",
        "a{background:url(https://example.org/a.png)}",
    ],
)
def test_what_a_browser_would_fetch_is_noticed(html: str) -> None:
    assert len(offline.fetched(html)) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org">',
        '<script src="_static/stepper.js"></script>',
        '<svg xmlns="http://www.w3.org/2000/svg">',
        '<link rel="canonical" href="https://example.org/">',
    ],
)
def test_links_and_own_files_are_no_matter(html: str) -> None:
    assert offline.fetched(html) == []
