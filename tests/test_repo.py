"""Scientific Python's list of what a repository should have, every item green."""

from __future__ import annotations

from pathlib import Path

import pytest
from repo_review.processor import Result, process

ROOT = Path(__file__).parents[1]

RESULTS = process(ROOT).results


def test_the_list_is_whole() -> None:
    """Fewer than these and a family of checks did not run."""
    families = {result.family for result in RESULTS}
    assert {"general", "pyproject", "github", "security", "pre-commit", "mypy", "noxfile", "ruff", "rtd"} <= families
    assert len(RESULTS) >= 70


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_repo_review(result: Result) -> None:
    assert result.result is True, f"{result.description}: {result.err_msg or 'skipped'}"
