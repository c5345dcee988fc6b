"""Tests plan with the constants that the library comes with, whatever was measured on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ["FLIPSLIDE_CACHE"] = ""


@pytest.fixture(autouse=True)
def shipped_constants() -> Iterator[None]:
    """Measured factors and choices are gone after the test that measured them."""
    yield
    from flipslide.costs import costs
    from flipslide.plan import forget_plans
    from flipslide.wisdom import forget_wisdom, write_all

    if costs()["scale"] or write_all():
        costs()["scale"] = {}
        forget_wisdom()
        forget_plans()
