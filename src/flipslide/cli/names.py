"""The filters that the command line knows, and how their parameters are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flipslide import filters
from flipslide.taps import CATALOGUE, read_numbers, read_size

__all__ = ["FILTERS", "FilterEntry"]

Parameters = Mapping[str, tuple[str, Callable[[str], Any]]]


class FilterEntry(NamedTuple):
    """As an Entry of the catalogue of taps, and what it slides along: `axis`, `axes`, or `slope` for both."""

    make: Callable[..., Any]
    parameters: Parameters
    example: str
    bare: int = 1
    along: str = "axes"


def _plain(*names: str, read: Callable[[str], Any] = float) -> dict[str, tuple[str, Callable[[str], Any]]]:
    return {name: (name, read) for name in names}


def _without_ndim(parameters: Parameters) -> Parameters:
    return {word: entry for word, entry in parameters.items() if word != "ndim"}


def _size(text: str) -> Any:
    sizes = read_size(text)
    return sizes[0] if len(sizes) == 1 else sizes


_SHAPE = _plain("truncate") | _plain("spacing", read=read_numbers)
_SIGMA = _plain("sigma", read=read_numbers)
_WINDOW = _plain("size", read=_size)


def _of_taps(name: str, run: Callable[..., Any], along: str) -> FilterEntry:
    """The parameters of the taps of that name."""
    entry = CATALOGUE[name]
    return FilterEntry(run, _without_ndim(entry.parameters), entry.example, entry.bare, along)


FILTERS: dict[str, FilterEntry] = {
    "bandpass": _of_taps("bandpass", filters.bandpass, "axis"),
    "bandstop": _of_taps("bandstop", filters.bandstop, "axis"),
    "box": FilterEntry(filters.box, _WINDOW, "box:5"),
    "dog": _of_taps("dog", filters.dog, "axes"),
    "gaussian": _of_taps("gaussian", filters.gaussian, "axes"),
    "gaussian_laplace": _of_taps("log", filters.gaussian_laplace, "axes")._replace(example="gaussian_laplace:2"),
    "gradient_magnitude": FilterEntry(
        filters.gradient_magnitude, _plain("kind", read=str) | _SIGMA | _SHAPE, "gradient_magnitude:sobel"
    ),
    "highpass": _of_taps("highpass", filters.highpass, "axis"),
    "laplace": FilterEntry(filters.laplace, {}, "laplace"),
    "local_mean": FilterEntry(filters.local_mean, _WINDOW, "local_mean:5"),
    "local_std": FilterEntry(filters.local_std, _WINDOW | _plain("ddof", read=int), "local_std:5"),
    "log": _of_taps("log", filters.gaussian_laplace, "axes"),
    "lowpass": _of_taps("lowpass", filters.lowpass, "axis"),
    "moving_average": FilterEntry(filters.moving_average, _plain("size", read=int), "moving_average:5", 1, "axis"),
    "prewitt": _of_taps("prewitt", filters.prewitt, "slope"),
    "savgol": _of_taps("savgol", filters.savgol, "axis"),
    "scharr": _of_taps("scharr", filters.scharr, "slope"),
    "sharpen": FilterEntry(filters.sharpen, _SIGMA | _plain("amount") | _SHAPE, "sharpen:2,1.5", 2),
    "sobel": _of_taps("sobel", filters.sobel, "slope"),
}
