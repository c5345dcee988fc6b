"""How many threads a call may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from . import _core
from .errors import MissingExtraError, ParameterError
from .geometry import to_int

__all__ = ["get_num_threads", "register_threadpoolctl", "set_num_threads", "threads"]

#: More would only wait for each other. The pool starts no more than there are processors to run on.
MOST_THREADS = 1024


def get_num_threads() -> int:
    """How many threads a call made here and now would use at most.

    >>> import flipslide as fs
    >>> with fs.threads(1):
    ...     fs.get_num_threads()
    1
    """
    return int(_core.thread_limit())


def set_num_threads(n: int) -> None:
    """Set the number of threads for the whole process.

    The default is FLIPSLIDE_NUM_THREADS, else the processors that this process may use
    (its affinity and its cgroup's quota). A call's `threads=` goes before it.

    >>> import flipslide as fs
    >>> fs.set_num_threads(fs.get_num_threads())
    """
    _core.set_process_threads(min(to_int(n, "n", 1), MOST_THREADS))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use n threads inside the block, for calls made from this thread.

    >>> import flipslide as fs
    >>> with fs.threads(1):
    ...     y = fs.convolve([1, 2, 3], [1, 1])
    """
    before = _core.set_own_threads(min(to_int(n, "n", 1), MOST_THREADS))
    try:
        yield
    finally:
        _core.set_own_threads(before)


def usable_processors() -> int:
    """Processors that this process may use: the smaller of its affinity and its cgroup's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, _cgroup_quota(count)))


def _cgroup_quota(otherwise: int) -> int:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return otherwise if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return otherwise


def _default_threads() -> int:
    asked = os.environ.get("FLIPSLIDE_NUM_THREADS", "")
    if not asked:
        return usable_processors()
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19 and int(asked) >= 1):
        raise ParameterError(f"FLIPSLIDE_NUM_THREADS={asked!r} is not a positive integer")
    return min(int(asked), MOST_THREADS)


_core.set_process_threads(_default_threads())


# -------------------------------------------------------------------------- threadpoolctl


@cache
def register_threadpoolctl() -> None:
    """Let threadpoolctl see and limit flipslide's threads, beside those of other libraries.

    `threadpoolctl.threadpool_limits` then sets what `set_num_threads` sets; a call's own `threads=`
    and a block of `fs.threads` still go before it. This happens by itself when flipslide is first
    used after threadpoolctl was imported; call it when that comes later.

    >>> import flipslide as fs, threadpoolctl
    >>> fs.register_threadpoolctl()
    >>> with threadpoolctl.threadpool_limits(1, user_api="flipslide"):
    ...     fs.get_num_threads()
    1
    """
    try:
        import threadpoolctl
    except ImportError:
        raise MissingExtraError("threadpoolctl is not installed; pip install threadpoolctl") from None
    threadpoolctl.register(_controller(threadpoolctl.LibController))


def _controller(base: Any) -> Any:
    """The class that threadpoolctl looks for libraries with: a name in front, and two functions."""
    from importlib import metadata

    class Controller(base):  # type: ignore[misc]
        user_api = internal_api = "flipslide"
        filename_prefixes = ("_ext",)
        check_symbols = ("flipslide_get_num_threads", "flipslide_set_num_threads")

        def get_num_threads(self) -> int:
            return int(self.dynlib.flipslide_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.flipslide_set_num_threads(num_threads)

        def get_version(self) -> str:
            return metadata.version(__package__)

    return Controller


if "threadpoolctl" in sys.modules:
    register_threadpoolctl()
