"""Exercises from a seed, with what is known to go wrong.

A question is a call; the answer is what it gives, and each known mistake is the same call made
wrongly. `static/levels.js` says what is drawn and what can go wrong; it is JSON but for its
first word. The twin is `static/exercises.js`: it solves with the trace, and this file with the
library itself, and a test holds the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import flipslide as fs

from ..arrays import Array
from ..errors import FlipslideError, ParameterError, ShapeError, unknown_word
from .page import read_static
from .random import Random

__all__ = ["Mistake", "Question", "level_names", "make_question", "read_levels"]

TRIES = 200
MOST_CELLS = 8
SPARE = 12

Range = Sequence[int]
Values = list[int]
Call = dict[str, Any]


class Mistake(NamedTuple):
    """What somebody who makes it should be told, and the first numbers that they get."""

    say: str
    values: tuple[int, ...]


class Question(NamedTuple):
    """An exercise: what is asked, about which arrays, the answer as it is written down in order."""

    level: str
    seed: int
    text: str
    call: Call
    answer: tuple[int, ...]
    mistakes: tuple[Mistake, ...]


@cache
def read_levels() -> dict[str, Any]:
    """The table of levels."""
    levels: dict[str, Any] = json.loads(read_static("levels.js").partition("=")[2].rstrip("; \n"))
    return levels


def level_names() -> tuple[str, ...]:
    """The levels, in the order of the chapters.

    >>> level_names()
    ('flip', 'pad', 'size', 'stride', 'plane', 'layer', 'gradient', 'col2im')
    """
    return tuple(read_levels())


def make_question(name: str, seed: int) -> Question:
    """The question of a level and a seed: always the same one.

    >>> question = make_question("flip", 7)
    >>> question.text, question.answer == tuple(fs.convolve(question.call["x"], question.call["w"], "valid"))
    ('Convolve x with w, whole windows only (valid).', True)
    """
    if name not in level_names():
        raise unknown_word("level", name, level_names())
    level = read_levels()[name]
    random = Random(seed * 16 + level_names().index(name))
    for _ in range(TRIES):
        made = _try_question(random, level)
        if made is not None:
            call, answer, mistakes = made
            return Question(name, seed, _task_text(level["task"], call), call, answer, mistakes)
    raise ParameterError(f"no question of level {name} was found for seed={seed}; take another seed")


# ------------------------------------------------------------------------------- drawing


def _draw_array(random: Random, shape: Sequence[int], bounds: Range) -> Any:
    if not shape:
        return random.between(*bounds)
    return [_draw_array(random, shape[1:], bounds) for _ in range(shape[0])]


def _draw_sizes(random: Random, ranges: Sequence[Range]) -> list[int]:
    return [random.between(low, high) for low, high in ranges]


def _draw_one(random: Random, bounds: Range | None) -> int:
    return random.between(*bounds) if bounds else 0


def _draw_call(random: Random, level: dict[str, Any]) -> Call:
    """Everything in this order, whether a level needs it or not, so that both twins agree."""
    x_sizes, w_sizes = _draw_sizes(random, level.get("x", [])), _draw_sizes(random, level.get("w", []))
    channels = _draw_sizes(random, [level["channels"]]) if "channels" in level else []
    filters = _draw_sizes(random, [level["filters"]]) if "filters" in level else []
    call: Call = {
        "kind": level["kind"],
        "x": _draw_array(random, channels + x_sizes, level["values"]) if "x" in level else [],
        "w": _draw_array(random, filters + channels + w_sizes, level["taps"]) if "w" in level else [],
        "bias": _draw_array(random, filters, level["biases"]) if filters else [],
        "dy": _draw_array(random, [SPARE], (-2, 3)),
        "operation": "convolve",
    }
    strides = level.get("strides", [1])
    step = random.next() % len(strides)
    return call | {
        "mode": random.pick(level.get("modes", ["valid"])),
        "boundary": random.pick(level.get("boundaries", ["zero"])),
        "stride": strides[step],
        "dilation": random.pick(level.get("dilations", [1])),
        "ask": random.pick(level.get("asks", ["y"])),
        "n": _draw_one(random, level.get("n")),
        "k": _draw_one(random, level.get("k")),
        "padding": level["pads"][step] if "pads" in level else _draw_one(random, level.get("padding")),
    }


# ----------------------------------------------------------------------------- answering

TURNS: dict[str, Callable[[Array], Array]] = {
    "abs": np.abs,
    "sideways": lambda w: w[:, ::-1],
    "upside": lambda w: w[::-1],
    "transpose": np.transpose,
    "turn": lambda w: w[..., ::-1, ::-1],
}


def _span(call: Call) -> int:
    return int(call["dilation"]) * (len(call["w"]) - 1) + 1


def _take_late(values: Values, call: Call, right: Call) -> Values:
    start = _span(call) // 2
    return values[start : start + len(call["x"])]


TAKES: dict[str, Callable[[Values, Call, Call], Values]] = {
    "head": lambda values, call, right: values[: len(call["x"])],
    "late": _take_late,
    "later": lambda values, call, right: values[1 :: right["stride"]],
}


def _solve_signal(call: Call, right: Call) -> Values:
    verb = fs.convolve if call["operation"] == "convolve" else fs.correlate
    words = {name: call[name] for name in ("boundary", "stride", "dilation")}
    values = np.ravel(verb(call["x"], call["w"], call["mode"], **words)).tolist()
    return TAKES[call["take"]](values, call, right) if "take" in call else values


def _solve_layer(call: Call, right: Call) -> Values:
    x = np.array(call["x"])
    if call.get("channels") == "first":
        x[1:] = 0
    offset = {"none": 0, "each": len(x)}.get(call.get("biased", ""), 1)
    bias = np.array(call["bias"]) * offset
    y = fs.nn.conv(x[None], np.array(call["w"]), bias, stride=call["stride"], padding=call["padding"])
    return list(np.ravel(y).tolist())


def _arrows(call: Call) -> list[tuple[int, int, int, int]]:
    """Of each product of a valid call: dy of its result, its tap, and where tap and sample stand."""
    taps = len(call["w"])
    count = len(call["x"]) - taps + 1
    weights = [1] * count if call.get("weights") == "ones" else call["dy"][:count]
    flips = call["operation"] == "convolve"
    return [
        (weights[m], call["w"][j], j, m + (taps - 1 - j if flips else j)) for m in range(count) for j in range(taps)
    ]


def _solve_gradient(call: Call, right: Call) -> Values:
    to_taps = call["ask"] == "dw"
    result = [0] * len(call["w"] if to_taps else call["x"])
    for weight, tap, j, i in _arrows(call):
        place, value = (j, weight * call["x"][i]) if to_taps else (i, weight * tap)
        result[place] = value if call.get("fold") == "last" else result[place] + value
    return result


def _solve_size(call: Call, right: Call) -> Values:
    size = call.get("size")
    span = call["k"] if size == "narrow" else call["dilation"] * (call["k"] - 1) + 1
    room = call["n"] + call["padding"] * (1 if size == "once" else 2) - span
    if room < 0:
        raise ShapeError("the taps do not fit")
    step = 1 if size == "still" else call["stride"]
    rounded = -(-room // step) if size == "up" else room // step
    return [rounded + (size != "bare")]


FOLDS: dict[str, Callable[[int | None, int], int]] = {
    "add": lambda old, value: (old or 0) + value,
    "last": lambda old, value: value,
    "first": lambda old, value: value if old is None else old,
}


def _solve_columns(call: Call, right: Call) -> Values:
    columns = np.array(call["x"])
    fold = call.get("fold")
    if fold == "apart":
        return list(columns.T.ravel().tolist())
    if fold == "transposed":
        columns = columns.T.reshape(columns.shape)
    merge = FOLDS[fold if fold in FOLDS else "add"]
    result: dict[int, int] = {}
    for c, column in enumerate(columns.T.tolist()):
        for r, value in enumerate(column):
            result[c + r] = merge(result.get(c + r), value)
    return [result[place] for place in sorted(result)]


SOLVERS = {
    "signal": _solve_signal,
    "layer": _solve_layer,
    "gradient": _solve_gradient,
    "size": _solve_size,
    "col2im": _solve_columns,
}


def solve(call: Call, right: Call) -> Values | None:
    """The numbers of a call, made rightly or wrongly; None where there are none."""
    try:
        return SOLVERS[call["kind"]](call, right)
    except FlipslideError:
        return None


# ------------------------------------------------------------------------------ questions


def _spoil(call: Call, mistake: dict[str, Any]) -> Call:
    """The call as a mistake makes it: a word of the mistake takes the place of the call's own."""
    words = dict(mistake)
    turn, bias, weights = (words.pop(name, None) for name in ("w", "bias", "dy"))
    w = TURNS[turn](np.array(call["w"])).tolist() if turn else call["w"]
    return {**call, **words, "w": w, "biased": bias or "", "weights": weights}


def _mistakes_of(level: dict[str, Any], call: Call, answer: Values) -> list[Mistake]:
    """What can be seen of each mistake: no more numbers than there are cells to write in."""
    made = []
    for mistake in level["mistakes"]:
        values = solve(_spoil(call, mistake), call) if mistake.get("when", call["mode"]) == call["mode"] else None
        seen = tuple(values or ())[: len(answer)]
        if seen and seen != tuple(answer[: len(seen)]):
            made.append(Mistake(mistake["say"], seen))
    return made


def _teaches(level: dict[str, Any], mistakes: list[Mistake]) -> bool:
    """Whether a question tells its mistakes apart, and makes the first of them possible where it must."""
    first = not level.get("first") or (bool(mistakes) and mistakes[0].say == level["mistakes"][0]["say"])
    return first and len(mistakes) >= level["least"] and len({values for _, values in mistakes}) == len(mistakes)


def _try_question(random: Random, level: dict[str, Any]) -> tuple[Call, tuple[int, ...], tuple[Mistake, ...]] | None:
    call = _draw_call(random, level)
    answer = solve(call, call)
    if answer is None or not level.get("fewest", 2) <= len(answer) <= MOST_CELLS:
        return None
    mistakes = _mistakes_of(level, call, answer)
    return (call, tuple(answer), tuple(mistakes)) if _teaches(level, mistakes) else None


MODE_WORDS = {
    "valid": "valid",
    "same": "same (as many results as x has numbers)",
    "full": "full (every window that touches x)",
}
BOUNDARY_WORDS = {
    "zero": "zeros",
    "edge": "the sample at the border goes on (edge)",
    "mirror": "mirrored without the border sample (mirror)",
    "symmetric": "mirrored with the border sample (symmetric)",
    "wrap": "x begins again (wrap)",
}


def _task_text(task: str, call: Call) -> str:
    return task.format(**call | {"mode": MODE_WORDS[call["mode"]], "boundary": BOUNDARY_WORDS[call["boundary"]]})
