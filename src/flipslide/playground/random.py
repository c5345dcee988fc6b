"""Random integers from a seed, the same here and in `static/random.js`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Random"]

T = TypeVar("T")
WORD = 0xFFFFFFFF


class Random:
    """Marsaglia's xorshift with 32 bits.

    >>> Random(7).between(0, 99)
    31
    """

    def __init__(self, seed: int) -> None:
        # Nearby seeds are spread by an odd multiplier first; 0 would stay 0.
        self.state = (((seed + 1) * 0x9E3779B1 & WORD) ^ 0x5BD1E995) or 1
        for _ in range(8):
            self.next()

    def next(self) -> int:
        """The next 32 bits."""
        self.state ^= self.state << 13 & WORD
        self.state ^= self.state >> 17
        self.state ^= self.state << 5 & WORD
        return self.state

    def between(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + self.next() % (high - low + 1)

    def pick(self, entries: Sequence[T]) -> T:
        """One of the entries."""
        return entries[self.next() % len(entries)]
