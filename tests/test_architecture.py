"""Who may import whom: the layers of pyproject.toml for Python, a table of includes for C++.

Each rule is also broken on purpose, in a copy, to show that it would be noticed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# ------------------------------------------------------------------------------- Python

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

BROKEN_RULES = {
    "upwards": ("geometry.py", "from . import plan", "A file imports lower layers only"),
    "sideways": ("padding.py", "from . import nn", "A file imports lower layers only"),
    "under test": ("signal.py", "from . import definition", "A file imports lower layers only"),
    "core": ("nn.py", "from . import _core", "Only what runs, measures or asks the compiled core imports it"),
    "optional": (
        "signal.py",
        "import scipy.signal",
        "Optional libraries stay at the rim: ext, io, cli and the pixels of show",
    ),
    "lazily": (
        "graph/text.py",
        "def f():\n    import soundfile",
        "Optional libraries stay at the rim: ext, io, cli and the pixels of show",
    ),
    "not listed": ("newcomer.py", "", "A file imports lower layers only"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_package(tmp_path: Path) -> Path:
    """The package under another name, so that the installed one is not read instead."""
    package = tmp_path / "flipcopy"
    shutil.copytree(ROOT / "src/flipslide", package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    settings = (ROOT / "pyproject.toml").read_text().replace("flipslide", "flipcopy")
    (tmp_path / "pyproject.toml").write_text(settings)
    return package


def test_the_page_shows_the_layers_of_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    assert "".join(f"    {layer}\n" for layer in layers) in page


def test_contracts_are_kept(copied_package: Path) -> None:
    done = lint_imports(copied_package.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_broken_contract_is_noticed(copied_package: Path, rule: str) -> None:
    file, line, contract = BROKEN_RULES[rule]
    with (copied_package / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint_imports(copied_package.parent)
    assert done.returncode != 0
    assert re.findall(r"(.*) BROKEN", done.stdout) == [contract]


# ---------------------------------------------------------------------------------- C++

#: Folder, or file beside them -> the ones that it may include. Only `bindings` knows nanobind.
INCLUDES = {
    "simd": {"simd"},
    "thread": {"thread"},
    "microkernels": {"microkernels", "simd"},
    "spec": {"spec"},
    "view": {"view", "spec"},
    "layout": {"microkernels", "spec", "view"},
    "isa": {"isa", "microkernels"},
    "arena": {"arena", "thread"},
    "scratch": {"arena", "scratch", "spec"},
    "problem": {"isa", "layout", "problem", "spec", "view"},
    "convolution": {"convolution", "problem", "scratch"},
    "bound": {"convolution", "thread"},
    "taps": {"convolution", "taps", "thread"},
    "planner": {"convolution", "planner", "problem"},
    "sums": {"convolution", "planner", "sums", "taps", "thread"},
    "fft": {"fft", "layout", "microkernels", "planner", "spec", "sums", "taps", "thread"},
    "winograd": {"convolution", "fft", "microkernels", "planner", "taps", "winograd"},
    "moments": {"isa", "microkernels", "moments", "thread", "view"},
    "pooling": {"isa", "layout", "microkernels", "pooling", "thread"},
    "storing": {"isa", "microkernels", "storing", "thread", "view"},
    "exact": {"convolution", "exact", "taps", "thread"},
    "stream": {"fft", "isa", "layout", "stream"},
    "methods": {"convolution", "fft", "methods", "planner", "sums", "winograd"},
    "wasm": {"fft", "methods", "thread"},
    "bindings": {"arena", "bindings", "exact", "methods", "moments", "pooling", "storing", "stream", "taps", "thread"},
}

#: What is compiled once per instruction set includes nothing of std (cpp/README.md).
KERNEL_HEADERS = {"stdint.h", "immintrin.h", "arm_neon.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def part_of(path: Path) -> str:
    """The row of the table that a file of cpp/ belongs to."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


def find_illegal_includes(cpp: Path) -> list[str]:
    return [
        f"{file.relative_to(cpp)} includes {name}"
        for file in sorted([*cpp.rglob("*.hpp"), *cpp.rglob("*.cpp")])
        for bracket, name in INCLUDE.findall(file.read_text())
        if not is_legal(cpp, file, bracket, name)
    ]


def is_legal(cpp: Path, file: Path, bracket: str, name: str) -> bool:
    part = part_of(file.relative_to(cpp))
    if bracket == "<":
        if part in ("microkernels", "simd"):
            return name in KERNEL_HEADERS
        return part == "bindings" or not name.startswith(("nanobind", "Python.h"))
    found = next((at for at in (file.parent / name, cpp / name) if at.exists()), None)
    return found is not None and part_of(found.resolve().relative_to(cpp.resolve())) in INCLUDES[part]


BROKEN_INCLUDES = {
    "microkernels/direct.cpp": '#include "../convolution.hpp"',
    "microkernels/gemm.cpp": "#include <algorithm>",
    "simd/simd.hpp": '#include "../microkernels/microkernel.hpp"',
    "thread/pool.cpp": '#include "../spec.hpp"',
    "view.hpp": '#include "isa.hpp"',
    "isa.cpp": '#include "convolution.hpp"',
    "convolution.cpp": "#include <nanobind/nanobind.h>",
    "spec.hpp": '#include "no_such_file.hpp"',
}


def test_includes_follow_the_table() -> None:
    assert find_illegal_includes(ROOT / "cpp") == []


def test_table_names_every_part_of_cpp() -> None:
    sources = [*(ROOT / "cpp").rglob("*.hpp"), *(ROOT / "cpp").rglob("*.cpp")]
    assert {part_of(file.relative_to(ROOT / "cpp")) for file in sources} == set(INCLUDES)


@pytest.mark.parametrize("file", BROKEN_INCLUDES)
def test_illegal_include_is_noticed(tmp_path: Path, file: str) -> None:
    cpp = tmp_path / "cpp"
    shutil.copytree(ROOT / "cpp", cpp)
    line = BROKEN_INCLUDES[file]
    (cpp / file).write_text(line + "\n" + (cpp / file).read_text())
    assert find_illegal_includes(cpp) == [f"{file} includes {name}" for _, name in INCLUDE.findall(line)]
