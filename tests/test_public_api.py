"""The names of the package: all there, all documented, and loaded only when used."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import flipslide as fs
from flipslide import nn, signal
from flipslide.cli import main
from flipslide.options import LayerOptions, SignalOptions

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
    assert sorted(seen, key=str) == sorted(
        [*homes, (None, "ext"), (None, "filters"), (None, "nn"), (None, "taps")], key=str
    )


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


class Handed(Exception):
    """What a verb handed on, in place of a result."""


#: A verb, its first arguments, the function that it hands its options to, and their record.
OPTIONS_OF = {
    fs.convolve: (2, signal, "_convolve", SignalOptions),
    fs.correlate: (2, signal, "_correlate", SignalOptions),
    fs.convolve_grads: (3, signal, "_grads", SignalOptions),
    fs.correlate_grads: (3, signal, "_grads", SignalOptions),
    fs.plan: (2, signal, "_program_for", SignalOptions),
    fs.nn.conv: (2, nn, "_conv", LayerOptions),
    fs.nn.conv_transpose: (2, nn, "_transposed_axes", LayerOptions),
    fs.nn.conv_grads: (3, nn, "_input_grad", LayerOptions),
    fs.nn.plan: (2, nn, "_program", LayerOptions),
}


@pytest.mark.parametrize("verb", OPTIONS_OF, ids=lambda verb: f"{verb.__module__}.{verb.__name__}")
def test_a_verb_hands_each_option_on_under_its_name(verb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    n_arrays, module, function, record = OPTIONS_OF[verb]
    names = [name for name in inspect.signature(verb).parameters if name in record._fields]

    def hand(*given: Any) -> None:
        raise Handed(*given)

    monkeypatch.setattr(module, function, hand)
    own = {"dtype": "f4"} if verb in (fs.plan, fs.nn.plan) else {}  # of x, not of the result
    values = {name: own.get(name, f"given as {name}") for name in names}
    if record is LayerOptions:
        values |= {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "layout": "channels_last"}
        values = {name: value for name, value in values.items() if name in names}
    arrays = [np.ones((1, 1, 1))] * n_arrays
    if verb in (fs.plan, fs.nn.plan):
        arrays = [(1, 1, 1)] * 2
    with pytest.raises(Handed) as caught:
        verb(*arrays, **values)
    options = [entry for entry in caught.value.args if isinstance(entry, record)]
    handed = options[0] if options else record(*caught.value.args[-len(record._fields) :])
    expected = {name: value for name, value in values.items() if name not in own}
    assert {name: value for name, value in handed._asdict().items() if name in expected} == expected


@pytest.mark.parametrize("option", [name for name in SignalOptions._fields if name != "fill_value"])
def test_an_option_that_can_change_is_refused_by_name(option: str) -> None:
    with pytest.raises(fs.ParameterError, match=f"^{option}={{}} is neither a word, a number, nor a tuple of them$"):
        fs.convolve([1, 2], [1, 1], **{option: {}})


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["explain"],
        ["shape"],
        ["play"],
        ["worksheet"],
        ["apply"],
        ["filter"],
        ["resample"],
        ["deconvolve"],
        ["xcorr"],
        ["match"],
        ["shift"],
        ["doctor"],
    ],
)
def test_help_keeps_its_examples_apart(command: list[str]) -> None:
    shown = CliRunner().invoke(main, [*command, "--help"]).output
    assert "\\b" not in shown
    examples = [line for line in shown.splitlines() if "  flipslide " in line]
    assert all(line.count("flipslide ") == 1 for line in examples)


TYPED = """
import numpy as np
import flipslide as fs

x = np.zeros(5, np.float32)
reveal_type(fs.convolve(x, x, "same", boundary="edge"))
reveal_type(fs.correlate(x, x, dtype=np.float64))
fs.convolve(x, x, "sane")
fs.convolve(x, x, "same", overflow="clip")
fs.convolve(x, x, border="edge")
fs.convolve([1, 2], [3], ("same", (0, 2)), stride=(1, 1), nan="omit", out=x)
fs.nn.conv(x, x, layout="NHWC")
"""


@pytest.mark.slow
def test_type_checkers_find_what_is_misspelt_and_keep_dtypes(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    (tmp_path / "typed.py").write_text(TYPED)
    out, _, _ = api.run(
        [str(tmp_path / "typed.py"), "--cache-dir", str(tmp_path), "--hide-error-context", "--no-pretty"]
    )
    lines = [line.partition("typed.py:")[2] for line in out.splitlines() if "typed.py:" in line]
    notes = [line for line in lines if "Revealed type" in line]
    assert "_32Bit" in notes[0]
    assert "_32Bit" not in notes[1]
    assert {line.split(":")[0] for line in lines if "error:" in line} == {"8", "9", "10", "12"}
