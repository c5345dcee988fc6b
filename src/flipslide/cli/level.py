"""How loud a sound comes out, how much of it is the filtered one, and in how many bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .options import refuse

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["SUBTYPES", "Level", "check_level", "details_of", "full_scale", "level_options", "set_level", "times_of"]

#: libsndfile's names of the depths.
SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "32": "PCM_32", "float": "FLOAT"}

_ARTICLES = {"image": "a picture", "table": "an array"}


class Level(NamedTuple):
    """What the options say."""

    gain: float | None = None  # dB
    normalize: bool = False
    mix: float | None = None  # the share of the result, 0 … 1
    bits: str | None = None


def level_options(mixes: bool) -> Callable[[Any], Any]:
    """--gain, --normalize, --bits and, for what comes out as long as it went in, or longer, --mix."""
    options = [
        click.option("--gain", type=float, help="Louder by so many dB; -6 halves.  (sound)"),
        click.option("--normalize", is_flag=True, help="As loud as fits: the peak at full scale.  (sound)"),
        click.option("--bits", type=click.Choice([*SUBTYPES]), help="Depth of the samples.  [default: as FILE]"),
    ]
    if mixes:
        share = click.FloatRange(0, 1)
        options.insert(
            2, click.option("--mix", type=share, help="Share of the result, 0.3; the rest is FILE as it is.  (sound)")
        )

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def check_level(content: Content) -> None:
    """An error for levels of what is no sound."""
    if content.kind != "audio":
        refuse(("gain", "normalize", "mix", "bits"), f"this is for sound, and FILE is {_ARTICLES[content.kind]}")


def set_level(content: Content, result: Array, level: Level) -> tuple[Content, Array]:
    """The result as loud, as mixed and as deep as asked; `content` is what was read."""
    if content.kind != "audio":
        return content, result
    if level.mix is not None:
        result = _mix(content.array, result, level)
    details = details_of(content, level, result.shape[1])
    result = result * times_of(level.gain or 0)
    if level.normalize:
        result = _to_peak(result, full_scale(details["subtype"])) * times_of(min(level.gain or 0, 0))
    return content._replace(details=details), result


def times_of(gain: float) -> float:
    """How many times as large so many decibels are."""
    return float(10 ** (gain / 20))


def details_of(content: Content, level: Level, channels: int) -> dict[str, Any]:
    """What the file of a result of so many channels says."""
    subtype = SUBTYPES[level.bits] if level.bits else content.details["subtype"]
    details = {**content.details, "subtype": subtype}
    if channels != content.array.shape[1]:
        details["speakers"] = None  # of other channels than these
    return details


def _mix(dry: Array, wet: Array, level: Level) -> Array:
    """(1 − mix)·dry + mix·wet, as long as the longer one; normalized, wet is as loud as dry before."""
    import numpy as np

    share = 1.0 if level.mix is None else level.mix
    peak = float(np.abs(dry).max(initial=0))
    wet = _to_peak(wet, peak) if level.normalize else wet
    longer = np.zeros((max(len(dry), len(wet)), wet.shape[1]))
    longer[: len(wet)] += share * wet
    longer[: len(dry)] += (1 - share) * dry
    return longer


def _to_peak(x: Array, peak: float) -> Array:
    import numpy as np

    largest = float(np.abs(x).max(initial=0))
    return x * (peak / largest) if largest > 0 else x


def full_scale(subtype: str) -> float:
    """The largest sample: one step below 1 where samples are integers."""
    from flipslide.io.audio import BITS

    return 1 - 2.0 ** (1 - BITS[subtype]) if subtype in BITS else 1.0
