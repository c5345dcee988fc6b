"""The names of the package: all there, all documented, and loaded only when used."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

import flipslide as fs
from flipslide.cli import main

FUNCTIONS = {f"fs.{name}": getattr(fs, name) for name in fs.__all__ if inspect.isfunction(getattr(fs, name))}
LAYERS = {f"fs.nn.{name}": getattr(fs.nn, name) for name in fs.nn.__all__ if inspect.isfunction(getattr(fs.nn, name))}


def test_all_names_exist() -> None:
    assert dir(fs) == sorted(fs.__all__)
    for name in fs.__all__:
        assert getattr(fs, name) is not None


def test_editors_and_type_checkers_see_the_same_names() -> None:
    """The imports under TYPE_CHECKING are the table, name by name and home by home."""
    tree = ast.parse(Path(fs.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = [
        (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]
    homes = [(home, name) for home, names in fs._HOMES.items() for name in names.split()]
    assert sorted(seen, key=str) == sorted([*homes, (None, "filters"), (None, "nn"), (None, "taps")], key=str)


def test_taps_answer_to_kernels_too() -> None:
    assert fs.kernels is fs.taps


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'convolute'"):
        fs.convolute  # noqa: B018


@pytest.mark.parametrize("name", ["explain", "graph", "threads"])
def test_functions_are_not_hidden_by_their_modules(name: str) -> None:
    code = f"import flipslide.{name}, flipslide as fs; assert callable(fs.{name}), fs.{name}"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not isinstance(getattr(fs, name), ModuleType)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["explain", "--help"]])
def test_help_does_not_import_numpy(arguments: list[str]) -> None:
    code = f"""if True:
        import sys
        from flipslide.cli import main
        try:
            main({arguments!r})
        except SystemExit as stop:
            assert not stop.code, stop.code
        assert "numpy" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", [*FUNCTIONS, *LAYERS])
def test_docstring_has_an_example(name: str) -> None:
    text = inspect.getdoc((FUNCTIONS | LAYERS)[name]) or ""
    assert text.splitlines()[0].endswith((".", ":"))
    assert doctest.DocTestParser().get_examples(text)


@pytest.mark.parametrize("command", [[], ["explain"], ["shape"], ["play"], ["apply"], ["doctor"]])
def test_help_keeps_its_examples_apart(command: list[str]) -> None:
    shown = CliRunner().invoke(main, [*command, "--help"]).output
    assert "\\b" not in shown
    examples = [line for line in shown.splitlines() if "  flipslide " in line]
    assert all(line.count("flipslide ") == 1 for line in examples)
