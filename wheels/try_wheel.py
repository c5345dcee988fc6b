"""What a wheel must do in an environment that holds it, NumPy and click, and no compiler (or some, if that is said)."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from itertools import product

import numpy as np

import flipslide as fs
from flipslide import _core, definition
from flipslide.methods import METHODS
from flipslide.spec import ConvSpec


def worst_error(x: np.ndarray, w: np.ndarray, **words: str) -> float:
    """Against the definition, in units of the largest sum of magnitudes."""
    spec = ConvSpec.of(x.shape, w.shape, mode="same", boundary=words.get("boundary", "zero"))
    wanted = definition.apply(spec, x, w)
    return float(np.abs(fs.convolve(x, w, "same", **words) - wanted).max() / (np.abs(w).sum() * np.abs(x).max()))


def main() -> None:
    compilers = [name for name in ("cc", "gcc", "clang", "zig") if shutil.which(name)]
    assert not compilers or "--with-compilers" in sys.argv, f"this environment has {compilers}"
    assert fs.convolve([0, 1, 2, 3, 4], [1, -1, 2]).tolist() == [0, 1, 1, 3, 5, 2, 8]
    rng = np.random.default_rng(0)
    x, n = rng.normal(size=(23, 41)), 0
    for taps, method, boundary in product((rng.normal(size=(3, 5)), np.ones((4, 3))), METHODS, ("zero", "mirror")):
        try:
            error = worst_error(x, taps, method=method, boundary=boundary)
        except fs.FlipslideError:  # not a method for such taps
            continue
        assert error < 1e-14, (method, boundary, error)
        n += 1
    assert n > 12, n
    assert worst_error(rng.integers(-9, 9, (9, 31)), rng.integers(-9, 9, (3, 3))) == 0
    layer = fs.nn.conv(x[None, None].astype("f4"), np.ones((4, 1, 3, 3), "f4"), padding="same")
    assert layer.shape == (1, 4, *x.shape)
    for isa in _core.isas():
        command = [sys.executable, "-m", "flipslide", "doctor"]
        report = subprocess.run(command, capture_output=True, text=True, check=True, env={"FLIPSLIDE_ISA": isa})
        assert f"instructions    {isa}" in report.stdout, report.stdout
    print(f"{platform.machine()}, Python {platform.python_version()}: {n} calls are the definition's; {_core.isas()}")


if __name__ == "__main__":
    main()
