"""What a stream takes of a processor, and how much its slowest calls: python -m benchmarks.streams"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

import flipslide as fs


class Case(NamedTuple):
    """So many channels, each through taps of its own or all through the same."""

    name: str
    channels: int
    taps: tuple[int, ...]
    block: int
    rate: int
    calls: int
    latency: int = 0


CASES = (
    Case("reverb of 10 s, 48 kHz, blocks of 64", 2, (2, 480_000), 64, 48_000, 12_000),
    Case("96 channels, 192 kHz, blocks of 4096", 96, (262_144,), 4096, 192_000, 64),
    Case("the same, a block later", 96, (262_144,), 4096, 192_000, 64, 4096),
)


def measure(case: Case) -> str:
    """One line: the share of real time, and the calls, in microseconds."""
    rng = np.random.default_rng(0)
    settings: dict[str, Any] = {"block": case.block, "latency": case.latency}
    stream = fs.Stream(rng.standard_normal(case.taps).astype(np.float32), channels=case.channels, **settings)
    x = rng.standard_normal((case.channels, case.block)).astype(np.float32)
    out, times = np.empty_like(x), []
    for _ in range(case.calls):
        start = time.perf_counter()
        stream.process_into(x, out)
        times.append(time.perf_counter() - start)
    length = case.block / case.rate
    slowest, mean = np.quantile(times, 0.999), float(np.mean(times))
    return (
        f"{case.name}: {mean / length:.1%} of one core; a call takes {mean * 1e6:.0f} us, 99.9 % of calls less than "
        f"{slowest * 1e6:.0f}, all less than {max(times) * 1e6:.0f}, of {length * 1e6:.0f} us\n    {stream.partitions}"
    )


if __name__ == "__main__":
    for case in CASES:
        print(measure(case), flush=True)
