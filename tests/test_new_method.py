"""A method is one file and one row: a copy of the core with one more tests, prices, prints and chooses it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: The sum as `direct` has it, by a name and at a price of its own.
TOY = """
#include "sum.hpp"

namespace flipslide {

namespace {

Schedule schedule_of(const Question& q, Index) { return direct_schedule(q, *q.isa.find("direct")); }

Counts count(const Question&, const Schedule&) {
  Counts counts;
  counts.call[0] = PRICE;
  return counts;
}

}  // namespace

extern const Method toy_method{
    .name = "toy",
    .microkernel = "direct",
    .separates = Separate::never,
    .transforms = false,
    .refuses = refuse_large_window,
    .steps = "call",
    .row = sum_of,
    .count = count_of<schedule_of, count>,
    .estimate = estimate_of<schedule_of, count>,
    .least = nullptr,
    .describe = describe_of<schedule_of>,
    .gamma = sum_gamma,
    .bounded_by = kByTerms,
    .bounds_each_output = true,
    .most_reach = nullptr,
    .prepare_taps = nullptr,
    .run = RUN,
    .open_replays = open_replays,
};

}  // namespace flipslide
"""

#: In the place of its `run`: outputs that are never written.
IDLE = "[](const Convolution&, const View&, const PackedTaps&, const void*, const View&, int, std::uint64_t) {}"


def build(folder: Path, price: str, run: str) -> Path:
    """The core with the toy; the compiler needs a minute."""
    for name in ("cpp", "tests/cpp"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "CMakeLists.txt", folder)
    (folder / "cpp/methods/toy.cpp").write_text(TOY.replace("PRICE", price).replace("RUN", run))
    registry = folder / "cpp/methods/methods.cpp"
    registry.write_text(registry.read_text().replace("DO(direct)", "DO(direct) DO(toy)"))
    options = [
        "-DFLIPSLIDE_PYTHON=OFF",
        "-DFLIPSLIDE_TESTS=ON",
        "-DFLIPSLIDE_PLAIN_LANES=ON",
        "-DCMAKE_BUILD_TYPE=None",
        "-DFLIPSLIDE_KERNEL_OPTIMIZATION=-O0",
    ]
    subprocess.run(["cmake", "-S", folder, "-B", folder / "build", *options], check=True, capture_output=True)
    build = ["cmake", "--build", folder / "build", "--parallel", str(os.cpu_count())]
    subprocess.run(build, check=True, capture_output=True)
    return folder / "build"


def printed(built: Path) -> list[str]:
    return subprocess.run([built / "print_choice"], check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
def test_a_file_and_a_row_are_a_method(tmp_path: Path) -> None:
    built = build(tmp_path, price="0.5", run="run_sums")
    lines = printed(built)
    assert [line.split(",")[0] for line in lines if not line.startswith(" ")] == ["signal: toy", "layer: toy"]
    assert "tile" in lines[0]
    assert [line.split() for line in lines].count(["toy", "0.5"]) == 2
    # Where it is dear, every other row is still asked.
    build(tmp_path, price="1e12", run=IDLE)
    assert not any(": toy" in line for line in printed(built))
    # Its results are compared with the definition as those of all methods are.
    done = subprocess.run([built / "test_core", "1", "50"], capture_output=True, text=True)
    assert done.returncode == 1
    assert {line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")} == {"toy:"}
