"""Hold everybody to one instruction set, and ask each library from inside what it uses: `make bench ISA=avx2`.

Libraries read their environment when they are loaded, so `hold_to` starts the process again with it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from flipslide.execute import instruction_sets

from .rivals import load

#: What says to a library which instructions it may use; FLIPSLIDE_ISA and those of `_narrowed` come on top.
ENVIRONMENT: dict[str, dict[str, str]] = {
    "avx512": {},
    "avx2": dict(
        ONEDNN_MAX_CPU_ISA="AVX2", ATEN_CPU_CAPABILITY="avx2", MKL_ENABLE_INSTRUCTIONS="AVX2", NUMBA_CPU_NAME="haswell"
    ),
    "baseline": dict(
        ONEDNN_MAX_CPU_ISA="SSE41", ATEN_CPU_CAPABILITY="default", MKL_ENABLE_INSTRUCTIONS="SSE4_2",
        NUMBA_CPU_NAME="x86-64",
    ),
}  # fmt: skip

#: Names of features that are wider than a set.
WIDER = {"avx512": r"(?!)", "avx2": r"AVX512|X86_V4", "baseline": r"AVX|X86_V[34]|FMA|FP16|F16C|BMI"}

#: Those that choose nothing while they run, or say nothing.
AS_BUILT = ("scipy", "ducc0", "pyfftw")
TOO_WIDE = "TOO WIDE"


def hold_to(isa: str) -> None:
    """Start this process again, if it is not held to the set already; what is asked for twice is there."""
    wanted = environment_of(isa)
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | wanted)


def environment_of(isa: str) -> dict[str, str]:
    return {"FLIPSLIDE_ISA": isa} | ENVIRONMENT[isa] | _narrowed(isa)


def _narrowed(isa: str) -> dict[str, str]:
    """Where the features to leave out are named one by one."""
    found = dict(NPY_DISABLE_CPU_FEATURES=" ".join(_wider(isa, _numpy().__cpu_dispatch__)))
    if (cv2 := load("cv2")) is not None:
        found["OPENCV_CPU_DISABLE"] = ",".join(_wider(isa, re.findall(r"\*([\w.-]+)", cv2.getCPUFeaturesLine())))
    return {name: value for name, value in found.items() if value}


def _wider(isa: str, features: list[str]) -> list[str]:
    return [feature for feature in features if re.search(WIDER[isa], feature)]


def _numpy() -> Any:
    return load("numpy._core._multiarray_umath")


# ------------------------------------------------------------------------------ from inside


def report(isa: str) -> Iterator[tuple[str, str, bool]]:
    """Each library that is here, what it says that it uses, and whether that is no wider than the set."""
    for name, ask in ASK.items():
        if (module := load(name)) is not None:
            said = ask(module)
            yield name, said, not re.search(WIDER[isa], said.upper())


def lines(isa: str) -> list[str]:
    """For the page and the terminal."""
    said = [f"{name} {words}{'' if held else f' ({TOO_WIDE})'}" for name, words, held in report(isa)]
    built = [name for name in AS_BUILT if load(name) is not None]
    return [*said, *([f"{', '.join(built)} as built"] if built else [])]


def _of_numpy(numpy: Any) -> str:
    module = _numpy()
    used = [name for name in module.__cpu_dispatch__ if module.__cpu_features__.get(name)]
    return " ".join(used) or " ".join(module.__cpu_baseline__)


def _of_cv2(cv2: Any) -> str:
    """The last that it can dispatch to; a question mark behind a name says that it may not."""
    return str(re.findall(r"[\w.*-]+(?=\s|$)", cv2.getCPUFeaturesLine())[-1]).strip("*")


def _of_mkl(mkl: Any) -> str:
    said = mkl.get_version()["Processor"].decode()
    return re.sub(r".*\((?:Intel\(R\) )?((?:AVX|SSE)[\w.-]*)\).*", r"\1", said)


def _of_torch(torch: Any) -> str:
    return f"{torch.backends.cpu.get_cpu_capability()}, its oneDNN {_onednn(torch)}"


def _onednn(torch: Any) -> str:
    """From the line with which it answers a convolution when it is asked to talk."""
    mkldnn, x = torch.backends.mkldnn, torch.zeros(1, 16, 64, 64)
    if not mkldnn.is_available():
        return "missing"

    def talk() -> None:
        with mkldnn.verbose(mkldnn.VERBOSE_ON):
            torch.nn.functional.conv2d(x, torch.zeros(16, 16, 3, 3))

    return " ".join(dict.fromkeys(re.findall(r"(?:avx|sse)\w*", printed(talk)))) or "says nothing"


def printed(call: Callable[[], None]) -> str:
    """What a call writes to the standard output of the process, not of Python."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            call()
            load("ctypes").CDLL(None).fflush(None)
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return file.read().decode(errors="replace")


ASK: dict[str, Callable[[Any], str]] = {
    "flipslide": lambda module: instruction_sets()[0],
    "numpy": _of_numpy,
    "cv2": _of_cv2,
    "torch": _of_torch,
    "mkl": _of_mkl,
    "numba": lambda numba: str(load("numba.core.config").CPU_NAME or "the processor's own"),
}
