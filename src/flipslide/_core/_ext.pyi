from collections.abc import Sequence
from typing import Any

class Taps: ...

class Runner:
    def __init__(
        self,
        axes: Sequence[tuple[Any, ...]],
        loops: Sequence[tuple[Any, ...]],
        conj_x: bool,
        conj_w: bool,
        types: tuple[int, int, int, int],
        is_complex: bool,
        saturate: bool,
        checks_bound: bool,
        needs_finite: bool,
        kernel: str,
        tile: Sequence[int],
        most_reach: int,
        separates: int,
        rank: int,
        rank_error: float,
        fill: bytes,
        fill_magnitude: int,
        fill_negative: bool,
    ) -> None: ...
    def pack(self, w: Any, threads: int) -> Taps: ...
    def run(
        self, x: Any, w: Any, bias: Any, y: Any, threads: int, bias_magnitude: int, bias_negative: bool
    ) -> tuple[Any, ...] | None: ...

def forget_calls() -> None: ...
def new_result(shape: tuple[int, ...], dtype: Any) -> Any: ...
def remember(prepare: Any, otherwise: Any, n_words: int) -> Any: ...
def release_memory() -> int: ...
def kept_bytes() -> int: ...
def isa() -> str: ...
def vector_bytes() -> int: ...
def isas() -> list[str]: ...
def kernels() -> list[str]: ...
def thread_limit() -> int: ...
def set_process_threads(n: int) -> None: ...
def set_own_threads(n: int) -> int: ...
def window_moments(
    x: Any,
    spread: Any,
    samples: float,
    type: int,
    rows: int,
    columns: int,
    sums: Any,
    deviations: Any,
    threads: int,
) -> None: ...
def window_scores(
    x: Any,
    spread: Any,
    samples: float,
    type: int,
    rows: int,
    columns: int,
    correlations: Any,
    kind: int,
    templates: list[tuple[float, float, float, float, float]],
    threads: int,
) -> int: ...
