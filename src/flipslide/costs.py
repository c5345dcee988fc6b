"""Measured constants of the cost formulas, with where they come from (costs.json)."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from . import _core

__all__ = ["costs"]


@cache
def costs() -> dict[str, Any]:
    """The table of costs.json: nanoseconds per call and per product, by method and sum type."""
    loaded: dict[str, Any] = json.loads(files("flipslide").joinpath("costs.json").read_text("utf-8"))
    return loaded | {"vector_bytes": _core.vector_bytes()}
