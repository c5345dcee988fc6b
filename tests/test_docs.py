"""Every Python example of the README runs and prints what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_examples() -> None:
    assert BLOCKS


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_readme_example(number: int) -> None:
    # On the page an empty line of output is an empty line.
    text = re.sub(r"^$", "<BLANKLINE>", BLOCKS[number].rstrip("\n"), flags=re.MULTILINE) + "\n"
    parsed = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner(verbose=False).run(parsed).failed == 0
