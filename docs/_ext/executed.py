"""Runs the code of a page, block after block, as a reader would who begins at its top.

    ```python     with >>> in it: each example must print what the page says
                  without: it runs, and what it returns and prints is shown under it
    ```console    `$ flipslide …`: the program runs; what the page says it prints, it must print

No Sphinx here: the tests run the pages in the same way without building them.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import re
import shlex
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["LANGUAGES", "Block", "BlockError", "Output", "Session", "blocks_of", "run_page", "without_options"]

LANGUAGES = ("python", "console")
#: A fence, its language and its lines; the fences of directives and of other languages too.
FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\{?[\w-]+\}?)[^\n]*\n(?P<code>.*?)^(?P=fence)`*$", re.M | re.S)
OPTION = re.compile(r"(:[a-z]+:[^\n]*\n)+\n?")


class BlockError(Exception):
    """A block that failed, or printed something else than the page says."""


class Block(NamedTuple):
    """One fence of a page."""

    language: str
    code: str
    line: int


class Output(NamedTuple):
    """What a block printed, and the value of its last line if that is an expression."""

    text: str
    value: Any = None


def blocks_of(page: str) -> list[Block]:
    """The fences of a page in their order."""
    return [
        Block(match["language"], match["code"], page.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(page)
    ]


def without_options(code: str) -> str:
    """The code without the lines `:option: value` above it."""
    match = OPTION.match(code)
    return code[match.end() :] if match else code


class Session:
    """The names that the blocks of one page share, and the empty folder that they work in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.folder = tempfile.TemporaryDirectory(prefix="flipslide-docs-")

    def close(self) -> None:
        self.folder.cleanup()

    def run(self, language: str, code: str) -> Output:
        """Run one block; warnings are errors."""
        with contextlib.chdir(self.folder.name), warnings.catch_warnings():
            warnings.simplefilter("error")
            if language == "console":
                return Output(run_console(code))
            return self._check(code) if ">>> " in code else self._execute(code)

    def _check(self, code: str) -> Output:
        """The examples, each with the output that stands under it."""
        # On a page an empty line of output is an empty line.
        text = re.sub(r"^$", "<BLANKLINE>", code.rstrip("\n"), flags=re.M)
        text = re.sub(r"<BLANKLINE>\n(?=>>>)", "\n", text) + "\n"
        parsed = doctest.DocTestParser().get_doctest(text, self.names, self.name, self.name, 0)
        said: list[str] = []
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        if runner.run(parsed, out=said.append, clear_globs=False).failed:
            raise BlockError("".join(said))
        self.names.update(parsed.globs)
        return Output("")

    def _execute(self, code: str) -> Output:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        printed, value = io.StringIO(), None
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, self.name, "exec"), self.names)
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), self.name, "eval"), self.names)
        except Exception as error:
            raise BlockError(f"{code}\n{traceback.format_exc()}") from error
        return Output(printed.getvalue(), value)


def run_console(code: str) -> str:
    """The commands with what they print; where the page says what, it must be that."""
    return "\n".join(_run_command(*part) for part in _commands(code))


def _commands(code: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ ", code, flags=re.M)[1:]
    found = []
    for part in parts:
        command, _, said = re.sub(r"\\\n\s*", "\0", part).partition("\n")
        found.append((command, said.strip("\n")))
    return found


def _run_command(command: str, said: str) -> str:
    from click.testing import CliRunner

    from flipslide.cli import main

    program, *arguments = shlex.split(command.replace("\0", " "), comments=True)
    if program != "flipslide":
        raise BlockError(f"$ {command}: only flipslide is run here; put other commands into ```sh")
    result = CliRunner().invoke(main, arguments, prog_name="flipslide")
    printed = "\n".join(line.rstrip() for line in result.output.splitlines()).strip("\n")
    if result.exception and not said:
        raise BlockError(f"$ {command}\nends with {result.exit_code}:\n{printed}")
    if said and said != printed:
        raise BlockError(f"$ {command}\nprinted\n{printed}\nand the page says\n{said}")
    return "$ " + command.replace("\0", " \\\n    ") + ("\n" + printed if printed else "")


def run_page(path: Path) -> None:
    """All blocks of one page; the error says which one failed."""
    with contextlib.closing(Session(path.name)) as session:
        for block in blocks_of(path.read_text("utf-8")):
            if block.language in LANGUAGES:
                try:
                    session.run(block.language, without_options(block.code))
                except BlockError as error:
                    raise BlockError(f"{path}:{block.line}\n{error}") from error
