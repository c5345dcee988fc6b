"""`flipslide doctor`: what is installed here, and whether it computes what it should."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import click

__all__ = ["command"]

#: The packages of each extra that this program imports.
EXTRAS = {
    "audio": ("soundfile",),
    "image": ("imagecodecs", "tifffile"),
    "pictures": ("font-roboto", "pillow", "resvg-py"),
}


@click.command("doctor", short_help="Versions, processor, extras, and a self-test.")
@click.option("--calibrate", is_flag=True, help="Measure the constants of the planner on this machine and keep them.")
def command(calibrate: bool) -> None:
    """Show versions, instruction sets, threads and extras, and run a self-test."""
    if calibrate:
        from flipslide.tuning import calibrate as measure

        measure()
    lines = [*_versions(), *_processor(), *_extras()]
    for name, value in lines:
        click.echo(f"{name:<16}{value}")
    wrong = list(_self_test())
    click.echo(f"{'self-test':<16}{'FAILED' if wrong else 'ok'}: 0,1,2,3,4 with 1,-1,2 both ways, in every mode")
    for problem in wrong:
        click.echo(f"{'':<16}{problem}")
    if wrong:
        raise click.exceptions.Exit(1)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _versions() -> Iterator[tuple[str, str]]:
    yield "flipslide", version("flipslide")
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "numpy", _version("numpy")
    yield "click", _version("click")
    yield "system", f"{platform.system()} {platform.machine()}"


def _processor() -> Iterator[tuple[str, str]]:
    from flipslide.execute import instruction_sets
    from flipslide.threads import get_num_threads

    chosen, available = instruction_sets()
    yield "instructions", f"{chosen} (this processor can run {', '.join(available)})"
    yield "threads", str(get_num_threads())
    yield "constants", _constants()
    yield "factors", _factors()


def _constants() -> str:
    """Which of the planner's constants are in use, and how near to this processor they were fitted."""
    from flipslide import cache
    from flipslide.costs import origin

    of = origin()
    here = "this family of processor" if of.is_family else f"not this family of processor ({cache.family()})"
    return f"of {of.isa}, fitted {of.date} on {of.processor}, whose best set is {of.widest}: {here}"


def _factors() -> str:
    """How this machine differs from them, if that was measured."""
    from flipslide import cache
    from flipslide.costs import costs, scale_file

    folder = cache.directory()
    if not costs()["scale"]:
        return "none; flipslide doctor --calibrate measures how this machine differs from the constants"
    is_kept = folder is not None and (folder / scale_file()).exists()
    return f"measured here, in {folder / scale_file()}" if is_kept and folder else "measured here, kept nowhere"


def _extras() -> Iterator[tuple[str, str]]:
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        present = ", ".join(f"{package} {number}" for package, number in found.items() if number)
        missing = [package for package, number in found.items() if not number]
        advice = f"missing {', '.join(missing)}: pip install 'flipslide[{extra}]'" if missing else ""
        yield f"extra {extra}", "; ".join(part for part in (present, advice) if part)


def _self_test() -> Iterator[str]:
    """Each way in which the engine's answer to the founding example is not the definition's."""
    from flipslide import definition, signal
    from flipslide.geometry import MODES
    from flipslide.spec import ConvSpec

    x, w = [0, 1, 2, 3, 4], [1, -1, 2]
    for verb, correlated in ((signal.convolve, False), (signal.correlate, True)):
        for mode in MODES:
            got = verb(x, w, mode).tolist()
            spec = ConvSpec.of((5,), (3,), mode=mode, correlate=correlated)
            wanted = definition.apply(spec, x, w).tolist()
            if got != wanted:
                yield f"{verb.__name__}, {mode}: got {got}, the definition gives {wanted}"
