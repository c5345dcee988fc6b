"""Filters, resampling and deconvolution beside scipy.ndimage, scipy.signal, scikit-image and soxr.

    python -m benchmarks.filters

The two of a row take turns, and the best of their times counts. Before that their results are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import flipslide as fs

ROUNDS, SECONDS = 15, 1.0


class Duel(NamedTuple):
    """Two calls that ought to give the same, up to `tolerance`; None where they do so only nearly."""

    name: str
    ours: Callable[[], Any]
    rival: str
    theirs: Callable[[], Any]
    tolerance: float | None = 1e-4


def duels(size: int = 1024, samples: int = 96_000) -> Iterator[Duel]:
    """All rows; smaller ones for the tests."""
    yield from _pictures(size)
    yield from _signals(samples)
    yield from _rates(samples)
    yield from _deblurring(size // 4)


def _pictures(size: int) -> Iterator[Duel]:
    import scipy.ndimage as ndi

    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        x = rng.random((size, size)).astype(dtype)
        rows: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "gaussian σ 1": (lambda x=x: fs.filters.gaussian(x, 1), lambda x=x: ndi.gaussian_filter(x, 1)),
            "gaussian σ 5": (lambda x=x: fs.filters.gaussian(x, 5), lambda x=x: ndi.gaussian_filter(x, 5)),
            "sobel": (lambda x=x: fs.filters.sobel(x), lambda x=x: ndi.sobel(x)),
            "laplace": (lambda x=x: fs.filters.laplace(x), lambda x=x: ndi.laplace(x)),
            "box 5": (lambda x=x: fs.filters.box(x, 5), lambda x=x: ndi.uniform_filter(x, 5)),
            "box 51": (lambda x=x: fs.filters.box(x, 51), lambda x=x: ndi.uniform_filter(x, 51)),
        }
        for name, (ours, theirs) in rows.items():
            yield Duel(f"{name}, {size}² {dtype}", ours, "scipy.ndimage", theirs)


def _signals(samples: int) -> Iterator[Duel]:
    import scipy.signal as ss

    x = np.random.default_rng(1).normal(size=(64, samples // 2))
    w = ss.firwin(501, 0.1)
    name = f"64 × {samples // 2}"
    yield Duel(
        f"fir, 501 taps, {name}",
        lambda: fs.filters.fir(x, w, boundary="zero"),
        "oaconvolve",
        lambda: ss.oaconvolve(x, w[None], "same", axes=-1),
    )
    yield Duel(
        f"savgol 51, 3, {name}",
        lambda: fs.filters.savgol(x, 51, 3),
        "savgol_filter",
        lambda: ss.savgol_filter(x, 51, 3),
    )


def _rates(samples: int) -> Iterator[Duel]:
    """128 dB as soxr's HQ has, and its pass band."""
    import soxr

    words: dict[str, Any] = dict(attenuation=128, passband=0.913, threads=1)
    for dtype in ("float32", "float64"):
        x = np.random.default_rng(2).normal(size=samples).astype(dtype)
        for up, down in ((160, 147), (147, 160), (2, 1), (1, 2), (1, 3), (2, 3)):
            yield Duel(
                f"resample {up}:{down}, {samples} {dtype}, one thread",
                lambda x=x, up=up, down=down: fs.resample(x, up, down, **words),
                "soxr HQ",
                lambda x=x, up=up, down=down: soxr.resample(x, down, up, "HQ"),
                None,
            )


def _deblurring(size: int) -> Iterator[Duel]:
    from skimage import restoration

    y, w = np.random.default_rng(3).random((size, size)), fs.taps.gaussian(2.0)
    yield Duel(
        f"richardson_lucy, 30 steps, {size}²",
        lambda: fs.deconvolve(y, w, "richardson_lucy", iterations=30, tolerance=0),
        "scikit-image",
        lambda: restoration.richardson_lucy(y, w, 30),
        None,
    )
    yield Duel(
        f"wiener on a circle, {size}²",
        lambda: fs.deconvolve(y, w, boundary="wrap"),
        "scikit-image",
        lambda: restoration.wiener(y, w, 0.01, clip=False),
    )


def check(duel: Duel) -> None:
    """An error where the two do not agree."""
    if duel.tolerance is not None:
        np.testing.assert_allclose(duel.ours(), duel.theirs(), atol=duel.tolerance, err_msg=duel.name)


def measure(duel: Duel, rounds: int = ROUNDS) -> tuple[float, float]:
    """Milliseconds of both, the best of some rounds."""
    best, end = [np.inf, np.inf], time.perf_counter() + SECONDS
    for done in range(rounds):
        for i, call in enumerate((duel.ours, duel.theirs)):
            started = time.perf_counter()
            call()
            best[i] = min(best[i], 1e3 * (time.perf_counter() - started))
        if done >= 2 and time.perf_counter() > end:
            break
    return best[0], best[1]


def main() -> None:
    print("| what | flipslide, ms | rival, ms | rival | times as fast |")
    print("|---|---|---|---|---|")
    for duel in duels():
        check(duel)
        ours, theirs = measure(duel)
        print(f"| {duel.name} | {ours:.2f} | {theirs:.2f} | {duel.rival} | {theirs / ours:.2f} |", flush=True)


if __name__ == "__main__":
    main()
