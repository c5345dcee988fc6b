"""Files in the user's cache directory. What cannot be read is not there, what cannot be written is not kept.

The directory is $FLIPSLIDE_CACHE, else $XDG_CACHE_HOME/flipslide, else ~/.cache/flipslide. An empty
FLIPSLIDE_CACHE means none.
"""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["append", "directory", "family", "processor", "read", "replace"]


def directory() -> Path | None:
    """Where the files are, or None."""
    asked = os.environ.get("FLIPSLIDE_CACHE")
    if asked is not None:
        return Path(asked) if asked else None
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):
        return Path(shared) / "flipslide"
    try:
        return Path.home() / ".cache" / "flipslide"
    except RuntimeError:
        return None


def read(name: str) -> str:
    """The text of a file; empty if there is none that can be read."""
    folder = directory()
    try:
        return "" if folder is None else (folder / name).read_text("utf-8")
    except (OSError, UnicodeError):
        return ""


def replace(name: str, text: str) -> Path | None:
    """Write a file whole or not at all: others see the old one or the new one. None if it cannot be written."""
    folder = directory()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=name, delete=False) as file:
            file.write(text)
        return _move(file.name, folder / name)
    except OSError:
        return None


def _move(made: str, target: Path) -> Path:
    try:
        return Path(made).replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(made)
        raise


def append(name: str, line: str) -> bool:
    """Add a line with one write, which those of other processes stand before or behind."""
    folder = directory()
    if folder is None:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, (line + "\n").encode())
        finally:
            os.close(file)
    except OSError:
        return False
    return True


@cache
def processor() -> str:
    """The processor's model, as the system names it."""
    return _named(_MODEL_FIELDS) or platform.processor() or platform.machine()


@cache
def family() -> str:
    """Its maker and design, which all steppings and clock rates share."""
    return _named(_FAMILY_FIELDS) or platform.machine()


def _named(fields: tuple[str, ...]) -> str:
    """What the system says of the first processor, of these fields; empty where it says nothing."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            first = file.read(4096).split("\n\n")[0]
    except (OSError, UnicodeError):
        return ""
    entries = dict(line.partition(":")[::2] for line in first.splitlines())
    known = {key.strip(): value.strip() for key, value in entries.items()}
    return " ".join(known[field] for field in fields if field in known)


#: x86 has a name for people and numbers; Arm has numbers only.
_MODEL_FIELDS = ("model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU revision")
_FAMILY_FIELDS = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
