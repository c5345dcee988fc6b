"""Time every case beside its rivals, and write docs/benchmarks-ISA.md with its chart: `make bench`."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import click

import flipslide as fs
from flipslide.execute import instruction_sets

from . import isa as isas
from .cases import Case, all_cases
from .measure import Data, Row, measure
from .report import machine, print_header, print_row, write_page
from .rivals import RIVALS, Rival, set_threads
from .roofline import Roofline

DOCS = Path(__file__).parent.parent / "docs"


def selected(only: str, quick: bool) -> list[Case]:
    return [case for case in all_cases() if re.search(only, case.name) and (case.quick or not quick)]


def thread_counts(case: Case, counts: list[int]) -> list[int]:
    """Every case with the most threads; those that show the scaling with fewer too."""
    return [n for n in counts if case.scaling or n == max(counts)]


def run_case(
    case: Case, rivals: list[Rival], counts: list[int], rooflines: dict[int, Roofline], seconds: float
) -> list[Row]:
    data, rows = Data.of(case), []
    for threads in thread_counts(case, counts):
        set_threads(threads)
        rows.append(measure(case, data, rivals, threads, rooflines[threads], seconds))
        print_row(rows[-1])
    return rows


@click.command(help=__doc__)
@click.option("--only", default="", help="Cases whose name matches this regular expression.")
@click.option("--quick", is_flag=True, help="A few of each family, in about a minute.")
@click.option("--threads", default="", help="For example 1,2; by default 1 and all.")
@click.option("--rivals", default="", help="Rivals whose name matches this regular expression.")
@click.option("--seconds-per-case", type=float, help="Of the hot rounds; 0.4 with --quick, else 1.5.")
@click.option("--isa", default="", help="Hold everybody to this instruction set: avx512, avx2 or baseline.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every figure here too.")
@click.option("--page", type=click.Path(path_type=Path), help="Folder for benchmarks.md; docs/ when all cases run.")
def main(
    only: str,
    quick: bool,
    threads: str,
    rivals: str,
    seconds_per_case: float | None,
    isa: str,
    json_file: Path | None,
    page: Path | None,
) -> None:
    if isa:
        isas.hold_to(isa)
    used = isas.lines(instruction_sets()[0])
    cases = selected(only, quick)
    if not cases:
        sys.exit("no case has such a name")
    chosen = [rival for rival in RIVALS if re.search(rivals, rival.name)]
    counts = sorted({int(n) for n in threads.split(",")} if threads else {1, fs.get_num_threads()})
    rooflines = {n: Roofline(n) for n in counts}
    seconds = seconds_per_case or (0.4 if quick else 1.5)
    started, rows = time.perf_counter(), list[Row]()
    print_header(rooflines, used)
    for case in cases:
        rows += run_case(case, chosen, counts, rooflines, seconds)
    print(f"\n{len(rows)} cells, {sum(row.is_lost for row in rows)} lost, {time.perf_counter() - started:.0f} s")
    if json_file:
        json_file.write_text(json.dumps({"machine": machine(), "rows": [row.to_json() for row in rows]}, indent=1))
    everything = not (only or quick or rivals)
    if page or everything:
        print(f"written: {write_page(page or DOCS, rows, rooflines, used)}")


if __name__ == "__main__":
    main()
