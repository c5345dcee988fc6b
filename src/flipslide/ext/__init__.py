"""flipslide inside other frameworks. Each is loaded when it is first named: `fs.ext.torch`, `fs.ext.jax`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import MissingExtraError

#: `from flipslide.ext import *` loads none of them.
__all__: list[str] = []

_FRAMEWORKS = ["jax", "torch"]


def __getattr__(name: str) -> Any:
    if name not in _FRAMEWORKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module("." + name, __name__)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingExtraError(f"{name} is not installed; pip install 'flipslide[{name}]'") from None


def __dir__() -> list[str]:
    return _FRAMEWORKS
