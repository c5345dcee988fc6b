"""One HTML file out of the modules of `static/`.

Browsers refuse to import modules from a file that was opened by a double click. So each module
becomes the body of a function that returns what the module exports, in the order in which they
need each other, in one inline script. Its hash, and that of the styles, stand in the page's
content security policy: no other script or style runs there, and nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

__all__ = ["make_page", "policy_of", "read_static"]

IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+)\.js";$', re.M)
#: Made by `make wasm`; without it the page computes pixels in a plain loop.
CORE = "flipslide.wasm"
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.M)


def read_static(name: str) -> str:
    """A file of `static/`."""
    return (files("flipslide.playground") / "static" / name).read_text("utf-8")


@cache
def make_page() -> str:
    """The whole page.

    >>> "<script" in make_page(), "import {" in make_page()
    (True, False)
    """
    script = "\n".join(_wrap(name) for name in _in_order("main"))
    style = read_static("page.css")
    filled = {"policy": policy_of(script, style), "style": style, "script": script, "core": _core_block()}
    return re.sub(r"\{(policy|style|script|core)\}", lambda match: filled[match[1]], read_static("page.html"))


def _core_block() -> str:
    """The core compiled to WebAssembly as a block of data, where `make wasm` has been run."""
    file = files("flipslide.playground") / "static" / CORE
    if not file.is_file():
        return ""
    return f'<script type="text/plain" id="core">{base64.b64encode(file.read_bytes()).decode()}</script>\n'


def policy_of(script: str, style: str) -> str:
    """The content security policy of a page that has this script and these styles."""
    # Every resource is refused but these; blob: is what a reader opens, and the worker.
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}' 'wasm-unsafe-eval'",
            f"style-src '{_hash(style)}'",
            "img-src blob: data:",
            "media-src blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _in_order(name: str, done: dict[str, None] | None = None) -> Iterator[str]:
    """The modules that one needs, each after those that it needs itself, and then that one."""
    done = {} if done is None else done
    if name in done:
        return
    done[name] = None
    for _, needed in IMPORT.findall(read_static(f"{name}.js")):
        yield from _in_order(needed, done)
    yield name


def _wrap(name: str) -> str:
    """A module as a function that is called once."""
    source = read_static(f"{name}.js")
    exports = ", ".join(EXPORT.findall(source))
    body = EXPORT.sub("", IMPORT.sub(lambda match: f"const {{{_renamed(match[1])}}} = {_variable(match[2])};", source))
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();"


def _variable(module: str) -> str:
    return "module_" + module.replace("-", "_")


def _renamed(names: str) -> str:
    return names.replace(" as ", ": ")
