"""Exercises: right answers, mistakes that are told apart, the same in the page, and sheets of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from test_playground import act, needs_browser, needs_node, run_node

import flipslide as fs
from flipslide.cli import main, worksheet
from flipslide.playground.exercises import Question, level_names, make_question, read_levels
from flipslide.playground.worksheet import Worksheet

LEVELS = level_names()
SEEDS = range(40)


def solve_again(question: Question) -> Any:
    """The answer by the public verbs, from what is printed alone."""
    call = question.call
    x, w = np.array(call["x"]), np.array(call["w"])
    if call["kind"] == "layer":
        return fs.nn.conv(x[None], w, np.array(call["bias"]), stride=call["stride"], padding=call["padding"])
    if call["kind"] == "gradient":
        dy = call["dy"][: len(x) - len(w) + 1]
        return dict(zip(("dx", "dw"), fs.convolve_grads(dy, x, w, "valid"), strict=True))[call["ask"]]
    if call["kind"] == "size":
        words = {"padding": call["padding"], "stride": call["stride"], "dilation": call["dilation"]}
        return fs.output_shape(call["n"], call["k"], **words)
    if call["kind"] == "col2im":
        rows, columns = x.shape
        return fs.nn.col2im(x[None], rows + columns - 1, rows)
    words = {name: call[name] for name in ("boundary", "stride", "dilation")}
    return fs.convolve(x, w, call["mode"], **words)


@pytest.mark.parametrize("level", LEVELS)
def test_answers_are_those_of_the_library(level: str) -> None:
    for seed in SEEDS:
        question = make_question(level, seed)
        assert np.ravel(solve_again(question)).tolist() == list(question.answer), question


@pytest.mark.parametrize("level", LEVELS)
def test_mistakes_are_wrong_and_told_apart(level: str) -> None:
    for seed in SEEDS:
        question = make_question(level, seed)
        values = [mistake.values for mistake in question.mistakes]
        assert len(set(values)) == len(values) >= read_levels()[level]["least"]
        assert all(value != question.answer[: len(value)] for value in values)


def test_every_known_mistake_is_met() -> None:
    """A row of the table that no question ever shows would be dead."""
    for level in LEVELS:
        met = {mistake.say for seed in range(300) for mistake in make_question(level, seed).mistakes}
        assert met == {row["say"] for row in read_levels()[level]["mistakes"]}, level


def test_a_seed_is_a_question() -> None:
    assert make_question("pad", 3) == make_question("pad", 3)
    assert len({str(make_question("flip", seed).call) for seed in range(50)}) > 45
    with pytest.raises(fs.ParameterError, match="level"):
        make_question("nonsense", 1)


# ------------------------------------------------------------------------------- the twin

ASK = """
const questions = given.flatMap(([level, count]) => Array.from({ length: count }, (_, seed) => exercises.makeQuestion(level, seed)));
const plain = ({ level, seed, text, call, answer, mistakes }) =>
  ({ level, seed, text, call, answer, mistakes: mistakes.map(({ say, values }) => [say, values]) });
console.log(JSON.stringify(questions.map(plain)));
"""  # noqa: E501


@needs_node
def test_the_page_asks_the_same() -> None:
    questions = run_node(ASK, [[level, len(SEEDS)] for level in LEVELS])
    for made in questions:
        wanted = make_question(made["level"], made["seed"])
        assert made["call"] == wanted.call
        assert (made["text"], tuple(made["answer"])) == (wanted.text, wanted.answer)
        assert [(say, tuple(values)) for say, values in made["mistakes"]] == list(wanted.mistakes)


CHECK = """
const results = [];
for (const level of exercises.LEVEL_NAMES) {
  for (let seed = 0; seed < given; ++seed) {
    const question = exercises.makeQuestion(level, seed);
    const pad = (values) => [...values, ...Array(question.answer.length - values.length).fill(null)];
    results.push(exercises.check(question, question.answer).done);
    for (const { say, values } of question.mistakes) {
      results.push(exercises.check(question, pad(values)).mistake === say);
    }
    const hints = question.answer.map((_, cell) => exercises.hint(question, cell));
    results.push(hints.every((line) => !/undefined|NaN/.test(line)));
  }
}
console.log(JSON.stringify([results.length, results.filter((right) => !right).length]));
"""


@needs_node
def test_the_page_knows_each_mistake() -> None:
    count, wrong = run_node(CHECK, 60)
    assert count > 2000
    assert wrong == 0


HINT = """
const question = exercises.makeQuestion("flip", given);
console.log(JSON.stringify([question.answer, question.answer.map((_, cell) => exercises.hint(question, cell))]));
"""


@needs_node
@pytest.mark.parametrize("seed", range(5))
def test_a_hint_is_the_step(seed: int) -> None:
    answers, hints = run_node(HINT, seed)
    for answer, hint in zip(answers, hints, strict=True):
        products = re.sub(r"^y\[\d\] = | = \?$", "", hint).replace("−", "-").replace("·", "*")
        assert eval(products) == answer


@needs_browser
def test_an_exercise_is_solved_by_keys_alone(tmp_path: Path) -> None:
    question = make_question("flip", 7)
    wrong = question.mistakes[0]
    typed = [["type", f"answer {i}", str(value)] for i, value in enumerate(wrong.values)]
    right = [["type", f"answer {i}", str(value).replace("-", "−")] for i, value in enumerate(question.answer)]
    check = ["key", f"answer {len(question.answer) - 1}", "Enter"]
    seen = act(tmp_path, [*typed, check, ["click", "Hint"], *right, check], "#/exercises?level=flip&seed=7")
    lines = [state["line"] for state in seen]
    assert wrong.say in lines
    assert lines[-1] == "Right, all of it."


# -------------------------------------------------------------------------------- sheets


@needs_node
def test_the_page_prints_the_same_sheet() -> None:
    made = run_node("console.log(JSON.stringify(sheet.sheetOf(...given).map((q) => [q.text, q.answer])));", [7, 10])
    assert made == [[question.text, list(question.answer)] for question in Worksheet(7, 10).questions]


def test_a_sheet_keeps_its_answers_for_the_end() -> None:
    sheet = Worksheet(7, 8)
    asked, key = str(sheet).split("\nKey\n")
    for number, question in enumerate(sheet.questions, 1):
        assert re.search(rf"^{number}\.$", asked, re.M)
        assert question.mistakes[0].say not in asked
        assert question.mistakes[0].say in " ".join(key.split())


@pytest.mark.parametrize("kind", worksheet.FORMATS)
def test_every_format(kind: str, tmp_path: Path) -> None:
    target = tmp_path / f"sheet.{kind}"
    arguments = ["worksheet", "--seed", "7", "-n", "10", "-o", str(target)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    content = target.read_bytes()
    assert content == (tmp_path / target.name).read_bytes()
    again = CliRunner().invoke(main, [*arguments, "-f"])
    assert again.exit_code == 0
    assert target.read_bytes() == content
    assert CliRunner().invoke(main, arguments).exit_code == 6


def test_the_key_begins_a_page() -> None:
    sheet = Worksheet(1, 2)
    assert "\\newpage\n\\subsection*{Key}" in sheet.latex() + str(sheet.render("tex"))
    assert "break-before:page" in str(sheet.render("html"))


def read_objects(file: bytes) -> dict[int, bytes]:
    """The objects of a PDF, found where its table says that they begin."""
    start = int(file.rsplit(b"startxref\n", 1)[1].split()[0])
    table = file[start:].split(b"\n")
    assert table[0] == b"xref"
    count = int(table[1].split()[1])
    places = [int(line.split()[0]) for line in table[3 : 2 + count]]
    return {i: file[place : file.index(b"endobj", place)] for i, place in enumerate(places, 1)}


def test_a_pdf_is_one() -> None:
    file = Worksheet(7, 10).pdf()
    objects = read_objects(file)
    assert all(content.startswith(b"%d 0 obj" % i) for i, content in objects.items())
    pages = [content for content in objects.values() if b"/Type /Page " in content]
    assert len(pages) >= 3
    for content in objects.values():
        if b"stream" in content:
            said = int(re.findall(rb"/Length (\d+)", content)[0])
            assert len(content.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]) == said
    assert b"(Key)" in file
    assert b"?" not in b"".join(re.findall(rb"\((-?\d+)\) Tj", file))


def test_the_commands_words_are_the_tables() -> None:
    assert worksheet.LEVELS == LEVELS
    assert Worksheet(1, 1).formats == worksheet.FORMATS
    assert CliRunner().invoke(main, ["worksheet", "-o", "sheet.doc"]).exit_code == 2
