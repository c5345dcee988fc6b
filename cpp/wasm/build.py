"""Compile the core for WebAssembly with zig from PyPI (`make wasm`): python cpp/wasm/build.py FILE."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"
OBJECTS = ROOT / "build/wasm"
#: Where one thread takes the place of the pool, Python of the page, and what needs neither.
LEFT_OUT = {"bindings", "thread", "wasm"}
ZIG = [sys.executable, "-m", "ziglang", "c++", "-target", "wasm32-wasi"]
# A throw ends the program, as there is nobody to catch it.
COMMON = [
    "-std=c++20", "-msimd128", "-fignore-exceptions", "-fno-rtti", "-fvisibility=hidden", "-DFS_BASELINE_ONLY",
    f"-I{CPP}", "-include", str(CPP / "wasm/one_thread.hpp"), "-Wno-everything",
]  # fmt: skip
KERNELS = ["-O3", "-DFS_ISA=baseline", "-DFS_VECTOR_BYTES=16", "-ffp-contract=fast", "-fno-exceptions"]
REACTOR = ["-mexec-model=reactor", "-Wl,--export-dynamic", "-s"]


def compile_file(source: Path) -> Path:
    """The object of a source, made again when it, the command or any header is another."""
    options = KERNELS if source.parent.name == "microkernels" else ["-Os"]
    command = [*ZIG, *COMMON, *options, "-c", str(source)]
    target = OBJECTS / f"{fingerprint(command)}.o"
    if not target.exists():
        subprocess.run([*command, "-o", str(target)], check=True)
    return target


def fingerprint(command: list[str]) -> str:
    content = hashlib.sha256("\0".join(command).encode())
    for path in [Path(command[-1]), *sorted(CPP.rglob("*.hpp"))]:
        content.update(path.read_bytes())
    return content.hexdigest()[:24]


def sources() -> list[Path]:
    inside = [path for path in sorted(CPP.rglob("*.cpp")) if path.relative_to(CPP).parts[0] not in LEFT_OUT]
    return [*inside, CPP / "wasm/one_thread.cpp"]


def build(target: Path) -> None:
    OBJECTS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_file, [*sources(), CPP / "wasm/entry.cpp"]))
    subprocess.run([*ZIG, "-O3", *REACTOR, *map(str, objects), "-o", str(target)], check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
