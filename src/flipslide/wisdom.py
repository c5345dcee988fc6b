"""Choices that were measured: which method and tiles were fastest for a call, on this machine.

A line of JSON for each, in wisdom.jsonl of the cache directory. Lines of other machines or other
versions, and lines that cannot be read, are passed over. Of two lines for one call the later counts.
"""

from __future__ import annotations

import json
import math
import os
import threading
from typing import Any, NamedTuple

from . import cache
from .arrays import Arithmetic
from .costs import machine_key
from .spec import ConvSpec

__all__ = ["Choice", "forget_wisdom", "recall", "remember", "take_over", "write_all"]

FILE = "wisdom.jsonl"


class Choice(NamedTuple):
    """What was fastest, and the nanoseconds of every method that was measured."""

    method: str
    tile: tuple[int, ...]
    times: tuple[tuple[str, float], ...]


_known: dict[str, Choice] | None = None
_lock = threading.Lock()


def recall(spec: ConvSpec, arithmetic: Arithmetic, accuracy: str) -> Choice | None:
    """What was measured for a call, if it was."""
    known = _all()
    return known.get(_call_key(spec, arithmetic, accuracy)) if known else None


def remember(spec: ConvSpec, arithmetic: Arithmetic, accuracy: str, choice: Choice) -> None:
    """Keep a choice, in this process and, if the cache directory can be written, for later ones."""
    key = _call_key(spec, arithmetic, accuracy)
    _all()[key] = choice
    cache.append(FILE, _write_line(key, choice))


def write_all() -> list[str]:
    """A line for each choice that is known for this machine."""
    return [_write_line(key, choice) for key, choice in _all().items()]


def take_over(text: str) -> int:
    """Keep the choices in such lines. Returns how many are from a machine like this one."""
    taken = _read_lines(text)
    _all().update(taken)
    for key, choice in taken.items():
        cache.append(FILE, _write_line(key, choice))
    return len(taken)


def forget_wisdom() -> None:
    """Read the file again when a choice is needed next."""
    global _known
    _known = None


def _all() -> dict[str, Choice]:
    global _known
    if _known is None:
        with _lock:
            if _known is None:
                _known = _read_lines(cache.read(FILE))
    return _known


def _forget_lock() -> None:
    """The child of a fork has none of the threads that may have held it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


# ------------------------------------------------------------------------------- lines


def _call_key(spec: ConvSpec, arithmetic: Arithmetic, accuracy: str) -> str:
    """All that a choice may depend on. Fill values and threads are no part of it."""
    axes = "; ".join(" ".join(map(str, axis)) for axis in spec.axes)
    loops = "; ".join(" ".join(map(str, loop)) for loop in spec.loops)
    dtypes = f"{arithmetic.x} {arithmetic.w} {arithmetic.y} {arithmetic.sum} {arithmetic.overflow}"
    return f"{axes} | {loops} | {spec.conj_x:d} {spec.conj_w:d} | {dtypes} | {accuracy}"


def _write_line(key: str, choice: Choice) -> str:
    return json.dumps({"machine": machine_key(), "call": key} | choice._asdict() | {"times": dict(choice.times)})


def _read_lines(text: str) -> dict[str, Choice]:
    entries = (_read_line(line) for line in text.splitlines())
    return {entry[0]: entry[1] for entry in entries if entry is not None}


def _read_line(line: str) -> tuple[str, Choice] | None:
    try:
        found = json.loads(line)
        if found["machine"] != machine_key():
            return None
        times = tuple((str(name), _positive(time)) for name, time in found["times"].items())
        tile = tuple(int(n) for n in found["tile"])
        return str(found["call"]), Choice(str(found["method"]), tile, times)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _positive(value: Any) -> float:
    if not (float(value) > 0 and math.isfinite(value)):
        raise ValueError(value)
    return float(value)
