"""A series of scenes as one that changes: what stays, what comes and goes, what moves and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf, pi, sin
from typing import NamedTuple

from ..errors import ParameterError
from .document import Frame
from .scene import Item, Line, Motion, Path, Rect, Scene, shift

#: Seconds of one phase of a motion, scenes in it at most, and scenes of a series that should do.
PHASE, PARTS, ENOUGH = 0.4, 4, 64


class Span(NamedTuple):
    """An item, and the first and the last scene of the run of scenes that show it."""

    first: int
    last: int
    item: Item


def spans_of(scenes: Sequence[Scene]) -> list[Span]:
    """Each item once for every run of scenes with it, in an order that paints each scene as it is."""
    numbers: dict[Item, int] = {}
    order: list[list[int]] = []  # [number of the item, first scene, last scene]
    for n, scene in enumerate(scenes):
        waiting, at = Counter(entry[0] for entry in order if entry[2] == n - 1), 0
        for item in scene.items:
            number = numbers.setdefault(item, len(numbers))
            place = _find(order, at, number, n - 1) if waiting[number] else None
            if place is None:
                order.insert(at, [number, n, n])
                at += 1
            else:
                order[place][2] = n
                waiting[number] -= 1
                at = place + 1
    items = list(numbers)
    return [Span(first, last, items[number]) for number, first, last in order]


def _find(order: Sequence[list[int]], start: int, number: int, last: int) -> int | None:
    places = range(start, len(order))
    return next((i for i in places if order[i][0] == number and order[i][2] == last), None)


# --------------------------------------------------------------------------------- motion


def _motion(item: Item) -> Motion | None:
    return None if isinstance(item, Path) else item.motion


def _keyed(scene: Scene) -> dict[tuple[type, str], Item]:
    return {(type(item), motion.key): item for item in scene.items if (motion := _motion(item))}


def phases_of(before: Scene, after: Scene) -> int:
    """How many phases the way from one scene to the other takes; 0 where nothing moves."""
    old = _keyed(before)
    moves = [motion.phase for item in after.items if (motion := _motion(item)) and _moves(old, item, motion)]
    return 1 + max(moves, default=-1)


def _moves(old: dict[tuple[type, str], Item], item: Item, motion: Motion) -> bool:
    came_from = old.get((type(item), motion.key))
    return came_from != item if came_from else bool(motion.dx or motion.dy)


def tween(before: Scene, after: Scene, time: float) -> Scene:
    """What is seen on the way, `time` phases after it began: all that does not move stands as it stood."""
    old = _keyed(before)
    still = tuple(item for item in before.items if not _motion(item))
    moved = [_place(old, item, motion, time - motion.phase) for item in after.items if (motion := _motion(item))]
    return after._replace(items=(*still, *(item for item in moved if item)))


def _place(old: dict[tuple[type, str], Item], item: Item, motion: Motion, time: float) -> Item | None:
    """The item on its way; nothing before its turn, unless it was there already."""
    came_from = old.get((type(item), motion.key))
    if came_from is None and time <= 0:
        return None
    share = min(max(time, 0.0), 1.0)
    share *= share * (3 - 2 * share)
    (x0, y0), (x1, y1) = _corner(came_from or item), _corner(item)
    dx, dy = (x0 - x1, y0 - y1) if came_from else (motion.dx, motion.dy)
    placed = shift(item, dx * (1 - share), dy * (1 - share) + motion.lift * sin(pi * share))
    if isinstance(placed, Rect) and isinstance(came_from, Rect):
        width, height = placed.width - came_from.width, placed.height - came_from.height
        placed = placed._replace(width=placed.width - width * (1 - share), height=placed.height - height * (1 - share))
    return placed


def _corner(item: Item) -> tuple[float, float]:
    if isinstance(item, Line):
        return item.x1, item.y1
    return item.points[0] if isinstance(item, Path) else (item.x, item.y)


def check_speed(speed: float) -> float:
    """How many times as fast as usual."""
    if not 0 < speed < inf:
        raise ParameterError(f"speed={speed!r}: it must be a number above 0; 2 is twice as fast")
    return speed


def expand(frames: Sequence[Frame]) -> Iterator[Frame]:
    """The frames with the ways between them, for formats that are played."""
    ways = [(*pair, phases_of(pair[0].scene, pair[1].scene)) for pair in pairwise(frames)]
    room = (ENOUGH - len(frames)) // max(sum(phases for *_, phases in ways), 1)
    yield from frames[:1]
    for before, after, phases in ways:
        yield from _way(before, after, phases, min(room, PARTS))
        yield after


def _way(before: Frame, after: Frame, phases: int, parts: int) -> Iterator[Frame]:
    """In so many parts of each phase; with none, where everything stands after the first one."""
    for part in range(1, phases * parts) if parts else range(1, min(phases, 2)):
        yield Frame(tween(before.scene, after.scene, part / max(parts, 1)), after.sentence, PHASE / max(parts, 1))
