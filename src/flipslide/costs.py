"""Constants of the cost formulas: costs.json, and how this machine differs from it if that was measured.

The file has a section for each instruction set, made by benchmarks/calibrate.py. One that nobody measured, such
as NEON, takes the constants of the plainest: its vectors are as long, and what matters is how methods compare.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from . import _core
from . import cache as cached

__all__ = ["Origin", "costs", "machine_key", "origin", "scale_file", "section_of"]

#: The section of instruction sets that have none.
PLAINEST = "baseline"

#: Of the files in the cache directory. Another number makes all of them stale.
SCHEMA = 1

#: A measured constant that differs more from the table is a disturbance, not a machine.
MOST_SCALE = 100.0

Scales = dict[str, dict[str, float]]


@cache
def costs() -> dict[str, Any]:
    """The nanoseconds of each step of a method, by method and sum type, for the instruction set that runs.

    "scale" has factors by method and sum type, from `fs.calibrate`; a missing one is 1. The table is
    made once in a process, so that a call is planned in the same way from its start to its end.
    """
    return section_of(json.loads(_shipped()), _core.isa()) | {
        "vector_bytes": _core.vector_bytes(),
        "scale": _read_scales(cached.read(scale_file())),
    }


def section_of(table: dict[str, Any], isa: str) -> dict[str, Any]:
    """The constants of an instruction set."""
    sections: dict[str, dict[str, Any]] = table["sets"]
    return sections.get(isa, sections[PLAINEST])


class Origin(NamedTuple):
    """Where the constants of a set come from: when they were fitted, and on what."""

    isa: str
    date: str
    processor: str
    widest: str  # the best set of that processor
    is_family: bool  # whether this processor is of the same design


def origin() -> Origin:
    """Of the constants in use."""
    sets = json.loads(_shipped())["sets"]
    isa = _core.isa() if _core.isa() in sets else PLAINEST
    found = sets[isa]
    is_family = found["family"] == cached.family()
    return Origin(isa, found["measured"], found["processor"], found["widest"], is_family)


@cache
def machine_key() -> str:
    """What a measured number depends on: the processor, the instruction set, the library and its table."""
    table = zlib.crc32(_shipped().encode())
    # Not imported: the package itself stands above this layer.
    version = vars(sys.modules[__package__])["__version__"]
    return f"{cached.processor()}, {_core.isa()}, flipslide {version}-{table:08x}, schema {SCHEMA}"


def scale_file() -> str:
    """The name of this machine's factors, in the cache directory."""
    return f"costs-{zlib.crc32(machine_key().encode()):08x}.json"


@cache
def _shipped() -> str:
    return files("flipslide").joinpath("costs.json").read_text("utf-8")


def _read_scales(text: str) -> Scales:
    """The factors in a file, or none if it is not from here and now."""
    try:
        found = json.loads(text)
        if found["machine"] != machine_key():
            return {}
        return {
            method: {name: _checked(value) for name, value in row.items()} for method, row in found["scale"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _checked(value: Any) -> float:
    if not 1 / MOST_SCALE <= float(value) <= MOST_SCALE or not math.isfinite(value):
        raise ValueError(value)
    return float(value)
