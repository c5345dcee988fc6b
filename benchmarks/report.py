"""The table in the terminal, and the pages: docs/benchmarks-ISA.md with its chart, docs/benchmarks.md of all sets."""

from __future__ import annotations

import platform
import re
import statistics
from collections.abc import Iterable, Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

import flipslide as fs
from flipslide.cache import processor
from flipslide.execute import instruction_sets

from .chart import draw_chart
from .measure import OURS, Row, Timing
from .roofline import Roofline

KEPT, LONGER = ("overlap", "fft", "separable", "box"), 1.1  # methods whose taps are kept; times a later call
DRIFTED = 0.15  # of the rates of the machine: the cell is marked
PACKAGES = ("numpy", "scipy", "opencv-python-headless", "torch", "pyfftw", "ducc0", "mkl_fft", "numba")
COLUMNS = (
    ["case", "threads", "flipslide", "±", "out=", "cold", "roof", "best rival", "its time", "±"]
    + ["ratio", "out= ratio", "cold ratio", "error", "its error", "bound used", ""]
)  # fmt: skip

ABOUT = """\
`make bench` measures with the widest instruction set of the processor, `make bench ISA=avx2` holds everybody to
another one: flipslide, NumPy, OpenCV, PyTorch with its oneDNN, MKL and numba, each asked from inside its process what
it uses. SciPy, ducc0 and FFTW cannot be held, and run as they were built.

Median times of rounds in which all contestants take turns; ± is half the distance between the
quartiles. **The ratio is the best rival's time over flipslide's: above 1 flipslide is faster.**

- *flipslide* is the default call with a fresh result; the rival makes a fresh result too. *out=* is the
  same into an existing array, against the fastest rival with or without one. *cold* empties the caches
  before each single call.
- *roof* is the share of what the machine could do at most: the larger of the multiply-adds of the
  cheapest known algorithm over the measured rate, and the bytes in and out over the measured
  bandwidth of the cache they fit in.
- *error* is the worst |y − exact| / Σ|w|·|x| on data whose level wanders over six decades (twelve in
  float64), against a sum in longdouble; *bound used* is the part of `Plan.error_bound` that this and
  white noise needed, so above 1 the bound would be broken.
- A rival may prepare flipped taps, spectra, plans and buffers outside of the timed call; flipslide's
  call starts from x and w. It keeps the spectrum or the factors of taps that came before, and compares all
  their bytes in each call: the timed calls are such calls, as of one filter on many signals. What a call takes
  whose taps are new stands below, as *first calls*, where that is more.
- The bare FFTs (scipy.fft, pyfftw, ducc0, mkl_fft, torch.fft) are used for
  overlap-save with tiles of good sizes, by the code in `benchmarks/spectral.py`.
- A rival that gives another result is dropped. One that takes 20 times the fastest (3 times, where that
  is more than half a second) is run once and not shown; one that takes 3 times the fastest is timed in
  three rounds at most.
- ! marks cells during which the machine's own rates moved by more than 15 %.
"""


# -------------------------------------------------------------------------------- numbers


def seconds_text(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def spread_text(timing: Timing | None) -> str:
    return f"{50 * (timing.high - timing.low) / timing.median:.0f} %" if timing else "-"


def ratio_text(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3g}"


def error_text(error: float | None) -> str:
    if error is None:
        return "-"
    return "exact" if error == 0 else f"{error:.0e}"


def cells(row: Row) -> list[str]:
    best, ours = row.best("fresh"), row.entries.get(OURS)
    theirs = row.entries[best[0]] if best else None
    fresh = row.ours("fresh")
    marks = ["lost"] * row.is_lost + ["BOUND BROKEN"] * (row.bound_used > 1) + ["!"] * (row.drift > DRIFTED)
    return [
        row.name,
        str(row.threads),
        seconds_text(fresh) if ours else row.dropped.get(OURS, "-"),
        spread_text(ours.fresh if ours else None),
        seconds_text(row.ours("into")),
        seconds_text(row.ours("cold")),
        f"{100 * row.roof / fresh:.0f} %" if fresh else "-",
        best[0] if best else "-",
        seconds_text(best[1] if best else None),
        spread_text(theirs.fresh if theirs else None),
        *(ratio_text(row.ratio(figure)) for figure in ("fresh", "into", "cold")),
        error_text(ours.error if ours else None),
        error_text(theirs.error if theirs else None),
        f"{row.bound_used:.1g}",
        " ".join(marks),
    ]


# -------------------------------------------------------------------------------- terminal

WIDTHS = (40, 7, 10, 5, 10, 10, 6, 18, 10, 5, 7, 10, 10, 7, 9, 10, 0)


def print_header(rooflines: dict[int, Roofline], used: list[str]) -> None:
    print(machine(), "; ".join(used), *rooflines.values(), "", _padded(COLUMNS), sep="\n", flush=True)


def print_row(row: Row) -> None:
    print(_padded(cells(row)), flush=True)


def _padded(texts: Iterable[str]) -> str:
    return " ".join(text.ljust(width) for text, width in zip(texts, WIDTHS, strict=True)).rstrip()


# ------------------------------------------------------------------------------------ page


def machine() -> str:
    packages = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    where = f"{processor()}, {instruction_sets()[0]}, {fs.get_num_threads()} threads, {date.today()}"
    return f"{where}; Python {platform.python_version()}, flipslide {fs.__version__}, {', '.join(packages)}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def write_page(folder: Path, rows: list[Row], rooflines: dict[int, Roofline], used: list[str]) -> Path:
    """The page of the instruction set that ran; that of all sets has its head then."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = list(dict.fromkeys(row.group for row in rows))
    rows = sorted(rows, key=lambda row: groups.index(row.group))
    isa = instruction_sets()[0]
    (folder / f"benchmarks-{isa}.svg").write_text(draw_chart(rows), "utf-8")
    page = folder / f"benchmarks-{isa}.md"
    page.write_text("\n".join(page_lines(isa, rows, rooflines, used)) + "\n", "utf-8")
    write_overview(folder)
    return page


def page_lines(isa: str, rows: list[Row], rooflines: dict[int, Roofline], used: list[str]) -> Iterator[str]:
    yield from (f"# Benchmarks with {isa}", "", machine() + ".", "")
    yield from (f"- {roofline}" for roofline in rooflines.values())
    yield from (f"- Instructions, as each library says itself: {'; '.join(used)}", "")
    yield from (f"Made by `make bench ISA={isa}`; [what the columns are](benchmarks.md).", "")
    yield from (summary(rows), "", f"![Best rival's time over flipslide's, one bar a cell](benchmarks-{isa}.svg)", "")
    for group, members in groupby(rows, key=lambda row: row.group):
        yield from (f"## {group}", "", *_table(COLUMNS, map(cells, members)), "")
    yield from _section("Lost cells", list(map(_lost, (row for row in rows if row.is_lost))), "None.")
    yield from _section("First calls", list(_first_calls(rows)), "None takes longer.")
    yield from _section("Boundaries", _boundaries(rows), "Not measured.")
    yield from _section("Rivals that were not timed", _dropped(rows), "None.")


#: The widest first.
ISAS = ("avx512", "avx2", "baseline")


def write_overview(folder: Path) -> Path:
    """benchmarks.md: what was measured, and the head of each set's page."""
    pages = {isa: page for isa in ISAS if (page := folder / f"benchmarks-{isa}.md").exists()}
    heads = [line for isa, page in pages.items() for line in _head(isa, page.read_text("utf-8"))]
    overview = folder / "benchmarks.md"
    overview.write_text("\n".join(["# Benchmarks", "", ABOUT, *heads]), "utf-8")
    return overview


def _head(isa: str, page: str) -> Iterator[str]:
    """Where and when, what came out, and the chart."""
    where = page.splitlines()[2].partition(";")[0]
    (result,) = re.findall(r"^\*\*\d+ cells.*$", page, re.MULTILINE)
    yield from (f"## {isa}", "", f"{where}. {result} [Every cell](benchmarks-{isa}.md).", "")
    yield from (f"![Best rival's time over flipslide's, one bar a cell](benchmarks-{isa}.svg)", "")


def summary(rows: list[Row]) -> str:
    ratios = [ratio for row in rows if (ratio := row.ratio("fresh"))]
    lost, broken = sum(row.is_lost for row in rows), sum(row.bound_used > 1 for row in rows)
    middle = f"the median ratio is {statistics.median(ratios):.2f}" if ratios else "nothing to compare"
    parts = "; ".join(_means(rows))
    return f"**{len(rows)} cells, {lost} lost; {middle}. Error bounds broken: {broken}.** {parts}"


def _means(rows: list[Row]) -> Iterator[str]:
    """Geometric means, of layers apart."""
    for threads in sorted({row.threads for row in rows}):
        for kind, is_kind in (("signals and images", False), ("layers", True)):
            members = [r for r in rows if r.threads == threads and (r.group == "layer") == is_kind]
            ratios = [ratio for row in members if (ratio := row.ratio("fresh"))]
            if ratios:
                mean, lost = statistics.geometric_mean(ratios), sum(row.is_lost for row in members)
                yield f"{kind}, {threads} threads: geometric mean {mean:.2f}, {lost} of {len(members)} lost"


def _table(columns: Iterable[str], body: Iterable[list[str]]) -> Iterator[str]:
    columns = list(columns)
    yield "| " + " | ".join(columns) + " |"
    yield "|" + " --- |" * len(columns)
    for texts in body:
        yield "| " + " | ".join(texts) + " |"


def _section(title: str, lines: list[str], nothing: str) -> Iterator[str]:
    yield from (f"## {title}", "", *(lines or [nothing]), "")


def _lost(row: Row) -> str:
    name, seconds = row.best("fresh") or ("-", 0.0)
    ours = row.ours("fresh")
    text = seconds_text(ours) if ours else row.dropped.get(OURS, "-")
    theirs = f"{name} {seconds_text(seconds)} ({ratio_text(row.ratio('fresh'))})"
    return f"- {row.name}, {row.threads} threads: {text}; {theirs}"


def _first_calls(rows: list[Row]) -> Iterator[str]:
    """The calls that take longer with taps that were not seen before."""
    for row in rows:
        first, later = row.ours("first"), row.ours("fresh")
        if first and later and row.method in KEPT and first > LONGER * later:
            yield f"- {row.name}, {row.threads} threads: {seconds_text(first)}, later {seconds_text(later)}"


def _boundaries(rows: list[Row]) -> list[str]:
    """Each rule's time over that of "zero", for the same work."""
    times = {(row.name, row.threads): row.ours("fresh") for row in rows if row.group == "boundary"}
    lines = []
    for (name, threads), seconds in times.items():
        plain, rule = name.rsplit(" ", 1)
        zero = times.get((plain, threads))
        if zero and seconds:
            lines.append(f"- {plain}, {threads} threads, {rule}: {seconds / zero:.2f} of the time of zero")
    return lines


def _dropped(rows: list[Row]) -> list[str]:
    """One line a rival and reason, with the cells it is about."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, reason in row.dropped.items():
            if name == OURS:
                continue
            kind = "slow" if reason.startswith(("one run", "not run")) else reason
            reasons.setdefault((name, kind), []).append(row.name)
    slow = "far slower than the fastest"
    return [
        f"- {name}: {slow if kind == 'slow' else kind}: {', '.join(dict.fromkeys(names))}"
        for (name, kind), names in sorted(reasons.items())
    ]
