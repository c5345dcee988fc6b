"""The command line: what it prints, where, with which exit code, and that files keep their depth."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flipslide as fs
from flipslide import cache, costs
from flipslide.cli import blocks, doctor, main, streams
from flipslide.cli import explain as explain_command
from flipslide.cli.output import Output
from flipslide.explain import demos
from flipslide.explain.chapters import CHAPTERS
from flipslide.explain.code import LANGUAGES
from flipslide.io import Content, WriteError, decode, encode, read

PROGRAM = [sys.executable, "-m", "flipslide"]
RNG = np.random.default_rng(1)


def call(*args: str, stdin: bytes = b"", code: int = 0) -> Result:
    result = CliRunner().invoke(main, args, input=stdin)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def save(path: Path, content: Content) -> str:
    path.write_bytes(encode(content, path.suffix))
    return str(path)


# ---------------------------------------------------------------------------------- the rim


_WITHOUT_PACKAGE = """
import sys, types, importlib.util
package = types.ModuleType("flipslide")
package.__path__ = importlib.util.find_spec("flipslide").submodule_search_locations
sys.modules["flipslide"] = package
from flipslide.cli import main
try:
    main({args!r})
except SystemExit as end:
    heavy = [name for name in ("numpy", "soundfile", "imagecodecs", "tifffile") if name in sys.modules]
    sys.exit(f"imported {{heavy}}" if heavy else end.code)
"""


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in ("apply", "explain", "play", "worksheet")),
        ["shape", "5", "-k", "3"],
    ],
)
def test_help_imports_no_numpy(args: list[str]) -> None:
    # The package's own __init__ is left out: this is about what the command line imports.
    done = subprocess.run([sys.executable, "-c", _WITHOUT_PACKAGE.format(args=args)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout


def test_version_and_help() -> None:
    assert call("--version").stdout == f"flipslide {fs.__version__}\n"
    for name in ("explain", "shape", "play", "worksheet", "apply", "doctor"):
        assert name in call("--help").stdout
        assert call(name, "-h").stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    "args", [["nonsense"], ["shape", "5"], ["shape", "5", "-k", "a"], ["apply", "x.csv", "-k", "1", "--range", "wrap"]]
)
def test_usage_errors_are_2(args: list[str]) -> None:
    assert "Usage:" in call(*args, code=2).stderr


# ---------------------------------------------------------------------------------- explain


def test_explain_the_founding_example() -> None:
    out = call("explain", "0,1,2,3,4", "1,-1,2").stdout
    assert "y = 1 3 5" in out
    assert "2·1 + (−1)·2 + 1·3" in out


def test_explain_takes_negative_numbers_first() -> None:
    plain = call("explain", "0,1,2,3,4", "-1,1,2").stdout
    assert plain == str(fs.explain([0, 1, 2, 3, 4], [-1, 1, 2], "valid")) + "\n"
    assert call("explain", "--", "0,1,2,3,4", "-1,1,2").stdout == plain
    assert call("explain", "-.5,1", "1").exit_code == 0


def test_explain_passes_every_option_on() -> None:
    out = call(
        "explain", "0,1,2,3,4", "1,2", "-m", "same", "-s", "2", "-d", "2", "-b", "constant=7", "--no-flip"
    ).stdout
    wanted = fs.explain(
        [0, 1, 2, 3, 4], [1, 2], "same", operation="correlate", boundary="constant", fill_value=7, stride=2, dilation=2
    )
    assert out == str(wanted) + "\n"


def test_explain_reads_files_and_stdin(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("0,1,2,3,4\n")
    wanted = call("explain", "0,1,2,3,4", "1,-1,2").stdout
    assert call("explain", f"@{tmp_path}/x.csv", "1,-1,2").stdout == wanted
    assert call("explain", "-", "1,-1,2", stdin=b"0,1,2,3,4\n").stdout == wanted
    assert call("explain", "0,1,2,3,4", "-", stdin=b"1, -1, 2").stdout == wanted


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["1,2,3", "1,two"], 3, "'two'"),
        (["1,2,3", "@gone.csv"], 3, "gone.csv"),
        (["1,2", "1,2,3"], 4, "mode='valid'"),
        (["1,2,3", "1,2", "-b", "reflect"], 4, "mirror"),
        (["1,2,3", "1,2", "-b", "edge=3"], 2, "only constant"),
    ],
)
def test_explain_fails_in_words(args: list[str], code: int, words: str) -> None:
    result = call("explain", *args, code=code)
    assert words in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("args", "method"),
    [
        (["--step", "1"], lambda e: e.step(1)),
        (["--chapter", "scatter"], lambda e: e.scatter()),
        (["--im2col"], lambda e: e.im2col()),
        (["--compare"], lambda e: e.compare()),
        (["--code", "matlab"], lambda e: e.code("matlab")),
        (["--graph"], lambda e: e.graph()),
        (["--grad"], lambda e: e.grad()),
        (["--grad=1,2,3"], lambda e: e.grad([1, 2, 3])),
        (["--graph", "--grad", "-1,2,3"], lambda e: e.grad([-1, 2, 3])),
    ],
)
def test_explain_opens_a_view(args: list[str], method: Callable[[Any], Any]) -> None:
    wanted = method(fs.explain([0, 1, 2, 3, 4], [1, -1, 2]))
    assert call("explain", "0,1,2,3,4", "1,-1,2", *args).stdout == str(wanted) + "\n"


def test_explain_opens_one_view_only() -> None:
    assert "different views" in call("explain", "1,2", "1", "--code", "c", "--im2col", code=2).stderr
    assert "numbers 0 to 1" in call("explain", "1,2", "1", "--step", "9", code=4).stderr
    assert "no output" in call("explain", "1,2", "1", "--step", "one", code=2).stderr


def test_explain_a_layer() -> None:
    layer = call("explain", "1,2,3", "1,1", "-p", "1", "--bias", "5").stdout
    assert layer == str(fs.explain_layer([[1, 2, 3]], [[[1, 1]]], [5], padding=(1, 1))) + "\n"
    assert "leave out --mode" in call("explain", "1,2,3", "1,1", "-p", "1", "-m", "full", code=2).stderr


def test_explain_a_layer_of_files(tmp_path: Path) -> None:
    x, w = RNG.integers(0, 5, (2, 4)), RNG.integers(-2, 3, (3, 2, 2))
    paths = [f"@{save(tmp_path / f'{name}.npy', Content(array, 'table'))}" for name, array in (("x", x), ("w", w))]
    assert call("explain", *paths, "-p", "same").stdout == str(fs.explain_layer(x, w, padding="same")) + "\n"


def test_explain_around() -> None:
    numbers = ",".join(map(str, range(600)))
    assert "around=" in call("explain", numbers, "1,1", code=4).stderr
    assert "300" in call("explain", numbers, "1,1", "--around", "300").stdout


@pytest.mark.parametrize("kind", ["txt", "text", "md", "markdown", "tex", "latex", "svg", "html", "json"])
def test_explain_writes_text_to_stdout(kind: str) -> None:
    e = fs.explain([0, 1, 2, 3, 4], [1, -1, 2])
    short = {"text": "txt", "markdown": "md", "latex": "tex"}.get(kind, kind)
    assert call("explain", "0,1,2,3,4", "1,-1,2", "-F", kind).stdout == e.render(short)


@pytest.mark.parametrize("kind", ["dot", "mmd", "mermaid"])
def test_explain_writes_graphs_for_other_programs(kind: str) -> None:
    g = fs.graph([0, 1, 2, 3, 4], [1, -1, 2])
    wanted = g.to_dot() if kind == "dot" else g.to_mermaid()
    assert call("explain", "0,1,2,3,4", "1,-1,2", "--graph", "-F", kind).stdout == wanted
    assert "add --graph or --grad" in call("explain", "0,1,2,3,4", "1,-1,2", "-F", kind, code=4).stderr


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("gif", b"GIF8"), ("apng", b"\x89PNG"), ("webp", b"RIFF")]
)
def test_explain_writes_pictures(tmp_path: Path, ending: str, start: bytes) -> None:
    out = tmp_path / f"a.{ending}"
    call("explain", "1,2", "1", "-o", str(out))
    assert out.read_bytes().startswith(start)
    assert "exists" in call("explain", "1,2", "1", "-o", str(out), code=6).stderr
    call("explain", "1,2", "1", "-o", str(out), "-f")


def test_explain_themes() -> None:
    themes = {t: call("explain", "1,2", "1", "-F", "svg", "--theme", t).stdout for t in ("light", "dark", "auto")}
    assert "#14181f" in themes["dark"]
    assert "#14181f" not in themes["light"]
    assert "prefers-color-scheme" in themes["auto"]
    assert "@keyframes" in call("explain", "1,2", "1", "--animate").stdout
    for args, words in (
        (["-F", "png", "--theme", "auto"], "either light or dark"),
        (["--theme", "dark"], "txt is none"),
        (["--animate", "-F", "gif"], "by themselves"),
        (["--animate", "--theme", "dark"], "leave out --theme"),
    ):
        assert words in call("explain", "1,2", "1", *args, code=2).stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_explain_sends_no_pixels_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    with pytest.raises(WriteError, match="would upset the terminal"):
        Output.of("png", None, False, "-", False)
    assert Output.of("svg", None, False, "-", False).kind == "svg"


def test_explain_knows_a_format_by_its_ending(tmp_path: Path) -> None:
    call("explain", "1,2", "1", "-o", str(tmp_path / "a.html"))
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert "ends in none of" in call("explain", "1,2", "1", "-o", str(tmp_path / "a.doc"), code=2).stderr


def test_explain_in_ascii() -> None:
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [*PROGRAM, "explain", "0,1,2", "1,2", "--grad"]
    done = subprocess.run(command, capture_output=True, env=env, check=True)
    assert b"y0 = w0*x1 + w1*x0 = 1 + 0 = 1" in done.stdout


@pytest.mark.parametrize("name", demos.DEMOS)
def test_explain_shows_its_demos(name: str) -> None:
    assert call("explain", "--demo", name).stdout == str(demos.open_demo(name)) + "\n"
    assert "leave out X, W" in call("explain", "1", "1", "--demo", name, code=2).stderr
    assert "leave out --stride" in call("explain", "--demo", name, "-s", "2", code=2).stderr


def test_explain_opens_views_of_demos() -> None:
    layer = demos.make_demo("cs231n")
    assert call("explain", "--demo", "cs231n", "--im2col").stdout == str(layer.im2col()) + "\n"
    assert call("explain", "--demo", "cs231n", "--step", "0,1,1").stdout == str(layer.step((0, 1, 1))) + "\n"
    assert "no other views" in call("explain", "--demo", "stride", "--graph", code=2).stderr
    assert "or a --demo" in call("explain", code=2).stderr


def test_the_demos_hold_the_golden_numbers() -> None:
    assert demos.make_demo("cs231n").y.tolist() == [
        [[1, 2, 9], [8, 12, 12], [7, 8, 11]],
        [[2, 0, 2], [4, -3, -2], [-2, -3, -5]],
    ]
    assert demos.make_demo("1d").y.tolist() == [1, 3, 5]
    assert demos.make_demo("2d").y.tolist() == [[11, 13, 10], [7, 14, 17], [11, 5, 6]]
    assert demos.open_demo("graph").dw.tolist() == [9, 6, 3]
    assert demos.make_demo("stride").outputs == (3,)


def test_explain_names_what_there_is() -> None:
    """The lists that --help spells out are those of the library."""
    assert tuple(demos.DEMOS) == explain_command.DEMOS
    assert set(explain_command.CHAPTERS) == set(CHAPTERS)
    assert tuple(LANGUAGES) == explain_command.LANGUAGES


# ------------------------------------------------------------------------------------ shape


def test_shape_puts_the_numbers_in() -> None:
    assert call("shape", "5", "-k", "3", "-s", "2", "-p", "1").stdout.splitlines()[:3] == [
        "o = ⌊(i + lo + hi − d·(k − 1) − 1)/s⌋ + 1",
        "o = ⌊(5 + 1 + 1 − 1·(3 − 1) − 1)/2⌋ + 1 = ⌊4/2⌋ + 1 = 2 + 1 = 3",
        "5 -> 3",
    ]


def test_shape_says_what_the_floor_drops() -> None:
    out = call("shape", "7x5", "-k", "3x2", "-s", "3x2").stdout
    assert "axis 0: ⌊(7 + 0 + 0 − 1·(3 − 1) − 1)/3⌋ + 1 = ⌊4/3⌋ + 1 = 1 + 1 = 2" in out
    assert "4/3 is not whole, so the last sample is never used." in out
    assert "7×5 -> 2×2" in out.splitlines()


@pytest.mark.parametrize("n", [1, 4, 9])
@pytest.mark.parametrize("padding", ["0", "1", "2:0", "same", "same_lower", "causal", "valid"])
@pytest.mark.parametrize(("k", "s", "d"), [(1, 1, 1), (3, 2, 1), (2, 3, 2)])
def test_shape_is_output_shape(n: int, padding: str, k: int, s: int, d: int) -> None:
    words: Any = {"0": 0, "1": 1, "2:0": ((2, 0),)}.get(padding, padding)
    args = ["shape", str(n), "-k", str(k), "-s", str(s), "-p", padding, "-d", str(d)]
    try:
        wanted = fs.output_shape(n, k, stride=s, dilation=d, padding=words)
    except fs.ShapeError:
        assert "spans" in call(*args, code=4).stderr
        return
    assert f"{n} -> {wanted[0]}" in call(*args).stdout.splitlines()


def test_shape_pads_per_axis() -> None:
    assert "5×6 -> 4×8" in call("shape", "5x6", "-k", "3", "-p", "1:0x2").stdout.splitlines()
    assert "2 axes" in call("shape", "5x6", "-k", "3x3x3", code=4).stderr
    assert "at least 1" in call("shape", "5", "-k", "3", "-s", "0", code=4).stderr
    assert "at least 0" in call("shape", "-5", "-k", "3", code=4).stderr
    assert "no padding" in call("shape", "5", "-k", "3", "-p", "x", code=2).stderr


def test_shape_counts_what_a_layer_costs() -> None:
    out = call("shape", "5x5", "-k", "3", "-s", "2", "-p", "1", "-c", "3", "-n", "2").stdout
    assert re.search(r"parameters +56 ", out)
    assert re.search(r"multiply-adds +486 ", out)
    assert re.search(r"parameters +54 ", call("shape", "5x5", "-k", "3", "-c", "3", "-n", "2", "--no-bias").stdout)


def test_shape_of_transposed_layers_and_chains() -> None:
    transposed = call("shape", "4", "-k", "3", "-s", "2", "-p", "1", "--transposed", "--output-padding", "1").stdout
    assert "4 -> 8" in transposed.splitlines()
    assert "5 -> 7" in call("shape", "5", "-k", "3", "-m", "full").stdout.splitlines()
    chain = call("shape", "224", "-l", "7,2,3", "-l", "3,2,1", "-l", "3").stdout
    assert "One output of the last layer depends on 19 samples" in chain
    assert "leave out --stride" in call("shape", "224", "-l", "7", "-s", "2", code=2).stderr
    assert "no layer" in call("shape", "224", "-l", "7,2,3,1,1", code=2).stderr


def test_shape_in_other_formats(tmp_path: Path) -> None:
    assert call("shape", "5", "-k", "3", "-F", "json").stdout.startswith("{")
    call("shape", "5", "-k", "3", "-s", "2", "-o", str(tmp_path / "ruler.svg"))
    assert (tmp_path / "ruler.svg").read_text().startswith("<svg")


def test_shape_without_unicode() -> None:
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*PROGRAM, "shape", "5", "-k", "3"], capture_output=True, env=env, check=True)
    assert b"floor((5 + 0 + 0 - 1*(3 - 1) - 1)/1) + 1 = floor(2/1) + 1 = 2 + 1 = 3" in done.stdout


# ---------------------------------------------------------------------------- apply: arrays


def test_apply_to_a_pipe() -> None:
    result = call("apply", "-", "-k", "1,-1,2", "-m", "valid", stdin=b"0,1,2,3,4\n")
    assert result.stdout == "1,3,5\n"
    assert result.stderr == "array 5 -> 3, int64; convolved, mode valid, boundary zero\n"
    assert call("apply", "-", "-k", "1,-1,2", "-q", stdin=b"0,1,2,3,4\n").stderr == ""
    assert call("apply", "-", "-k", "1,-1,2", "-m", "valid", "--no-flip", stdin=b"0,1,2,3,4").stdout == "3,5,7\n"
    assert call("apply", "-", "-k", "-1,1", "-b", "constant=9", stdin=b"1,2\n").stdout == "8,-1\n"


def test_apply_keeps_the_format_of_a_stream() -> None:
    x = RNG.normal(size=(2, 6, 5)).astype(np.float32)
    result = call("apply", "-", "-k", "sobel:x", stdin=encode(Content(x, "table"), ".npy"))
    y = decode(result.stdout_bytes, ".npy").array
    assert y.dtype == np.float32
    wanted = fs.convolve(x, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], "same", axes=(1, 2))
    np.testing.assert_array_equal(y, wanted.astype(np.float32))


def test_apply_reads_the_kernel_from_files_and_stdin(tmp_path: Path) -> None:
    x = save(tmp_path / "x.csv", Content(np.arange(12).reshape(3, 4), "table"))
    k = save(tmp_path / "k.npy", Content(np.array([[1, 2], [3, 4]]), "table"))
    wanted = call("apply", x, "-k", "1,2;3,4").stdout
    assert call("apply", x, "-k", f"@{k}").stdout == wanted
    assert call("apply", x, "-k", "-", stdin=b"1,2\n3,4\n").stdout == wanted
    assert call("apply", x, "-k", "-", stdin=Path(k).read_bytes()).stdout == wanted
    assert "both" in call("apply", "-", "-k", "-", code=2).stderr
    bare = save(tmp_path / "bare.npy", Content(np.array(3), "table"))
    assert "without an axis" in call("apply", x, "-k", f"@{bare}", code=4).stderr


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["gone.csv", "-k", "1"], 3, "gone.csv: No such file"),
        (["x.xyz", "-k", "1"], 3, ".xyz"),
        (["{x}", "-k", "blur"], 3, "'blur'"),
        (["{x}", "-k", "1,2;3,4"], 4, "2 axes"),
        (["{x}", "-k", "1,2,3,4,5", "-m", "valid"], 4, "never swapped"),
        (["{x}", "-k", "1", "-o", "{x}"], 6, "--force"),
        (["{x}", "-k", "1", "-o", "nowhere/y.csv"], 6, "nowhere"),
        (["{x}", "-k", "1", "-o", "y.xyz"], 6, ".xyz"),
        (["{x}", "-k", "1", "-o", "y.png"], 2, "not for table"),
    ],
)
def test_apply_fails_in_words(tmp_path: Path, args: list[str], code: int, words: str) -> None:
    x = save(tmp_path / "x.csv", Content(np.arange(4), "table"))
    result = call("apply", *[arg.format(x=x) for arg in args], code=code)
    assert words in result.stderr
    assert Path(x).read_text() == "0,1,2,3\n"


def test_apply_overwrites_only_by_force(tmp_path: Path) -> None:
    x = save(tmp_path / "x.csv", Content(np.arange(4), "table"))
    call("apply", x, "-k", "2", "-o", x, "-f")
    assert Path(x).read_text() == "0,2,4,6\n"


# -------------------------------------------------------------------------- apply: pictures


def image(dtype: str, *shape: int, **details: Any) -> Content:
    return Content(RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True), "image", details)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_16_bit_picture_keeps_its_depth(tmp_path: Path, extension: str, channels: tuple[int, ...]) -> None:
    pytest.importorskip("imagecodecs")
    content = image("uint16", 9, 7, *channels)
    source, target = save(tmp_path / f"x{extension}", content), str(tmp_path / f"y{extension}")
    call("apply", source, "-k", "box:3x3", "-o", target)
    got = read(target).array
    exact = fs.convolve(content.array.astype(float), np.full((3, 3), 1 / 9), "same", axes=(0, 1), boundary="edge")
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, np.rint(exact).astype(np.uint16))


def test_integer_kernels_are_exact_and_negative_values_are_counted(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    content = image("uint8", 6, 5, 3)
    source, target = save(tmp_path / "x.png", content), tmp_path / "y.png"
    exact = fs.convolve(content.array.astype(int), [[1, 0, -1]], "same", axes=(0, 1), boundary="edge")
    lost = int(((exact < 0) | (exact > 255)).sum())
    assert lost > 0
    result = call(
        "apply", source, "-k", "1,0,-1;0,0,0;0,0,0", "-m", "same", "-o", str(target), "--range", "error", code=4
    )
    assert "--range clip" in result.stderr
    assert not target.exists()
    kernel = save(tmp_path / "k.npy", Content(np.array([[1, 0, -1]]), "table"))
    result = call("apply", source, "-k", f"@{kernel}", "-o", str(target), "-q")
    assert f"Warning: {lost} of 90 values lie outside 0 … 255" in result.stderr
    np.testing.assert_array_equal(read(str(target)).array, np.clip(exact, 0, 255))
    call("apply", source, "-k", f"@{kernel}", "-o", str(tmp_path / "y.npy"))
    np.testing.assert_array_equal(read(str(tmp_path / "y.npy")).array, exact)


@pytest.mark.parametrize(("dtype", "tap"), [("int8", 127), ("float32", 0.1)])
def test_narrow_kernels_are_summed_wide(tmp_path: Path, dtype: str, tap: float) -> None:
    pytest.importorskip("imagecodecs")
    content = image("uint16", 8, 8)
    taps = np.full((3, 3), tap, dtype=dtype)
    source = save(tmp_path / "x.png", content)
    kernel = save(tmp_path / "k.npy", Content(taps, "table"))
    call("apply", source, "-k", f"@{kernel}", "-o", str(tmp_path / "y.npy"))
    exact = fs.convolve(content.array.astype(float), taps.astype(float), "same", boundary="edge")
    np.testing.assert_array_equal(read(str(tmp_path / "y.npy")).array, exact)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("flip", [[], ["--no-flip"]])
def test_transparency_is_kept(tmp_path: Path, mode: str, flip: list[str]) -> None:
    pytest.importorskip("imagecodecs")
    content = image("uint8", 6, 5, 4)
    source, target = save(tmp_path / "x.png", content), str(tmp_path / "y.png")
    call("apply", source, "-k", "laplacian", "-m", mode, "-o", target, *flip)
    alpha = content.array[..., 3]
    wanted = {"full": fs.pad(alpha, 1, "edge"), "same": alpha, "valid": alpha[1:-1, 1:-1]}[mode]
    np.testing.assert_array_equal(read(target).array[..., 3], wanted)


def test_a_float_tiff_keeps_its_negative_values(tmp_path: Path) -> None:
    pytest.importorskip("tifffile")
    x = RNG.normal(size=(8, 6)).astype(np.float32)
    source, target = save(tmp_path / "x.tif", Content(x, "image")), str(tmp_path / "y.tif")
    result = call("apply", source, "-k", "laplacian", "-o", target)
    got = read(target).array
    exact = fs.convolve(x.astype(float), [[0, 1, 0], [1, -4, 1], [0, 1, 0]], "same", boundary="edge")
    assert got.dtype == np.float32
    assert got.min() < 0
    np.testing.assert_array_equal(got, exact.astype(np.float32))
    assert "Warning" not in result.stderr


def test_picture_kernels_need_two_axes(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    source = save(tmp_path / "x.png", image("uint8", 4, 4))
    assert "rows and columns" in call("apply", source, "-k", "1,2", code=4).stderr
    assert "complex" in call("apply", source, "-k", "1j,1;1,1", code=4).stderr


# ----------------------------------------------------------------------------- apply: sound


def sound(samples: Any, rate: int = 16000, subtype: str = "PCM_16") -> Content:
    return Content(np.asarray(samples, dtype=float), "audio", {"rate": rate, "subtype": subtype})


@pytest.mark.parametrize(("extension", "subtype", "bits"), [(".wav", "PCM_16", 16), (".flac", "PCM_24", 24)])
def test_sound_keeps_rate_and_subtype(tmp_path: Path, extension: str, subtype: str, bits: int) -> None:
    pytest.importorskip("soundfile")
    whole = RNG.integers(-(2 ** (bits - 3)), 2 ** (bits - 3), (200, 2))
    source = save(tmp_path / f"x{extension}", sound(whole / 2 ** (bits - 1), 44100, subtype))
    target = str(tmp_path / f"y{extension}")
    result = call("apply", source, "-k", "1,-1,2", "-o", target)
    got = read(target)
    np.testing.assert_array_equal(got.array * 2 ** (bits - 1), fs.convolve(whole, [1, -1, 2], axes=0))
    assert (got.details["rate"], got.details["subtype"]) == (44100, subtype)
    assert "200x2 -> 202x2" in result.stderr


def test_loud_results_are_refused_unless_told(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    source, target = save(tmp_path / "x.wav", sound([[0.5], [0.75]])), tmp_path / "y.wav"
    result = call("apply", source, "-k", "2", "-o", str(target), code=4)
    assert "2 of 2 samples exceed full scale (peak 1.5, +3.5 dB)" in result.stderr
    assert not target.exists()
    assert "were clipped" in call("apply", source, "-k", "2", "-o", str(target), "--range", "clip").stderr
    np.testing.assert_array_equal(read(str(target)).array, np.full((2, 1), 32767 / 32768))


def test_a_sound_can_be_the_kernel(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    x = RNG.integers(-99, 99, (50, 2)) / 32768
    hall = RNG.integers(-99, 99, (20, 2)) / 32768
    source, kernel = save(tmp_path / "x.wav", sound(x)), save(tmp_path / "k.wav", sound(hall))
    call("apply", source, "-k", f"@{kernel}", "-o", str(tmp_path / "y.npy"))
    wanted = np.stack([np.convolve(x[:, c], hall[:, c]) for c in (0, 1)], axis=1)
    np.testing.assert_allclose(read(str(tmp_path / "y.npy")).array, wanted, atol=1e-15)
    other = save(tmp_path / "k8.wav", sound(hall, 8000))
    assert "resample" in call("apply", source, "-k", f"@{other}", code=4).stderr
    assert "one row" in call("apply", source, "-k", "sobel", code=4).stderr
    assert call("apply", source, "-k", "laplacian", "-o", str(tmp_path / "z.npy")).exit_code == 0


def test_sound_through_a_pipe() -> None:
    pytest.importorskip("soundfile")
    data = encode(sound([[0.25], [0.5]]), ".wav")
    result = call("apply", "-", "-k", "1,1", stdin=data)
    np.testing.assert_array_equal(decode(result.stdout_bytes, ".wav").array, [[0.25], [0.75], [0.5]])


def test_a_missing_extra_is_5(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert "pip install 'flipslide[audio]'" in call("apply", f"{tmp_path}/x.wav", "-k", "1", code=5).stderr


# ------------------------------------------------------------------------- blocks and the bar


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("boundary", ["zero", "edge", "symmetric", "mirror", "wrap", "constant"])
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "axes"),
    [
        ((40,), (4,), (0,)),
        ((23, 2), (3,), (0,)),
        ((23, 2), (3, 2), (0,)),
        ((19, 6, 3), (3, 4), (0, 1)),
        ((2, 17, 5), (2, 3), (1, 2)),
    ],
)
def test_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    boundary: str,
    flip: bool,
    x_shape: Any,
    w_shape: Any,
    axes: Any,
    stride: int,
) -> None:
    x, w = RNG.integers(-9, 9, x_shape), RNG.integers(-9, 9, w_shape)
    fill = 7 if boundary == "constant" else 0
    job = blocks.Job(axes, mode, boundary, fill, flip, None, stride=stride)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(blocks, "BLOCK_PRODUCTS", 1)
    got = blocks.run(x, w, job, lambda done, total: seen.append((done, total)))
    verb: Callable[..., Any] = fs.convolve if flip else fs.correlate
    np.testing.assert_array_equal(got, verb(x, w, mode, axes=axes, boundary=boundary, fill_value=fill, stride=stride))
    assert len(seen) > 1
    assert seen[-1] == (got.shape[axes[0]], got.shape[axes[0]])


def test_centers_axes_and_strides(tmp_path: Path) -> None:
    x = RNG.integers(-9, 9, (7, 6))
    source = save(tmp_path / "x.csv", Content(x, "table"))
    for words, keywords in (
        (["--axis", "0"], {"axes": 0}),
        (["--axis", "0", "--center", "0"], {"axes": 0, "center": 0}),
        (["--stride", "2", "--center", "upper"], {"axes": 1, "stride": 2, "center": "upper"}),
    ):
        wanted = fs.convolve(x, [1, 2, 3, 4], "same", **keywords)
        np.testing.assert_array_equal(
            decode(call("apply", source, "-k", "1,2,3,4", *words).stdout_bytes, ".csv").array, wanted
        )
    wanted = fs.convolve(x, [[1, 2], [3, 4]], "valid", stride=(2, 1))
    result = call("apply", source, "-k", "1,2;3,4", "-m", "valid", "--stride", "2x1")
    np.testing.assert_array_equal(decode(result.stdout_bytes, ".csv").array, wanted)
    assert "--axis" in call("apply", source, "-k", "1", "--axis", "2", code=4).stderr
    assert "is no axis" in call("apply", source, "-k", "1", "--axis", "time", code=2).stderr
    assert "is no center" in call("apply", source, "-k", "1", "--center", "middle", code=2).stderr


def test_a_reverb_keeps_its_beginning(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    source = save(tmp_path / "x.wav", sound(RNG.integers(-99, 99, (60, 1)) / 32768))
    assert (
        "cuts off the first 2 samples; --center 0"
        in call("apply", source, "-k", "1,0,0,1,1", "-m", "same", "-o", str(tmp_path / "y.wav"), "-q").stderr
    )
    result = call(
        "apply", source, "-k", "1,0,0,1,1", "-m", "same", "--center", "0", "-o", str(tmp_path / "z.wav"), "-q"
    )
    assert result.stderr == ""
    x = read(source).array[:, 0]
    np.testing.assert_array_equal(read(str(tmp_path / "z.wav")).array[:, 0], np.convolve(x, [1, 0, 0, 1, 1])[:60])
    call("apply", source, "-k", "1,1", "--stride", "4", "-o", str(tmp_path / "s.wav"))
    assert read(str(tmp_path / "s.wav")).details["rate"] == 4000
    assert (
        "does not divide" in call("apply", source, "-k", "1", "--stride", "7", "-o", f"{tmp_path}/t.wav", code=4).stderr
    )
    assert "its time" in call("apply", source, "-k", "1", "--axis", "1", "-o", f"{tmp_path}/t.wav", code=4).stderr


def test_the_bar_is_for_people_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(patience: float, quiet: bool, stream: io.StringIO) -> str:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(streams, "PATIENCE", patience)
        with streams.Progress("convolving", quiet) as progress:
            for done in (1, 2, 3, 4):
                progress.advance(done, 4)
        return stream.getvalue()

    assert "convolving" in shown(-1, False, Terminal())
    assert "100%" in shown(-1, False, Terminal())
    assert shown(60, False, Terminal()) == ""
    assert shown(-1, True, Terminal()) == ""
    assert shown(-1, False, io.StringIO()) == ""


# ------------------------------------------------------------------------ terminals and pipes


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_binary_data_does_not_go_to_a_terminal() -> None:
    ours, theirs = os.openpty()
    try:
        data = encode(Content(np.arange(3), "table"), ".npy")
        done = subprocess.run(
            [*PROGRAM, "apply", "-", "-k", "1"], input=data, stdout=theirs, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 6
    assert b"-o OUT" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away_is_141_and_silence(tmp_path: Path) -> None:
    x = save(tmp_path / "x.csv", Content(np.arange(400_000).reshape(-1, 4), "table"))
    with subprocess.Popen(
        [*PROGRAM, "apply", x, "-k", "1", "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 141


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    x = save(tmp_path / "x.csv", Content(np.arange(4), "table"))
    monkeypatch.setattr(blocks, "run", interrupted)
    assert call("apply", x, "-k", "1", code=130).stdout == ""


# ----------------------------------------------------------------------------------- doctor


def test_doctor_is_well() -> None:
    out = call("doctor").stdout
    for words in (
        f"flipslide       {fs.__version__}",
        f"numpy           {np.__version__}",
        "instructions",
        "threads",
        "extra audio",
        "extra pictures  font-roboto",
    ):
        assert words in out
    assert "self-test       ok" in out


def test_doctor_notices_a_wrong_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from flipslide import signal

    monkeypatch.setattr(signal, "convolve", signal.correlate)
    out = call("doctor", code=1).stdout
    assert "FAILED" in out
    assert "valid: got [3, 5, 7], the definition gives" in out


def test_doctor_says_where_constants_were_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    table = json.loads(costs._shipped())
    for section in table["sets"].values():
        section.update(measured="2001-02-03", processor="Some Chip", family="Maker 9", widest="avx512")
    monkeypatch.setattr(costs, "_shipped", lambda: json.dumps(table))
    monkeypatch.setattr(cache, "family", lambda: "Maker 9")
    fitted = f"constants       of {costs.origin().isa}, fitted 2001-02-03 on Some Chip, whose best set is avx512"
    assert f"{fitted}: this family of processor\n" in call("doctor").stdout
    monkeypatch.setattr(cache, "family", lambda: "Maker 10")
    assert f"{fitted}: not this family of processor (Maker 10)\n" in call("doctor").stdout


def test_doctor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.EXTRAS, "audio", ("no-such-package",))
    assert "missing no-such-package: pip install 'flipslide[audio]'" in call("doctor").stdout


def test_explain_keeps_fractions_and_says_which_argument_is_empty() -> None:
    assert "y = 2/3" in call("explain", "1/3,2/3", "1/2,1").stdout
    assert "X is empty" in call("explain", "", "1,2", code=2).stderr
    assert "W is empty" in call("explain", "1,2", " ", code=2).stderr


def test_pictures_have_a_width_and_what_moves_a_speed(tmp_path: Path) -> None:
    signal = ("explain", "0,1,2,3,4", "1,-1,2")
    assert ' width="800" ' in call(*signal, "-F", "svg", "--width", "800").stdout
    slow, fast = (call(*signal, "--animate", *words).stdout for words in ((), ("--speed", "2")))
    seconds = [float(re.findall(r"([\d.]+)s step-end", text)[0]) for text in (slow, fast)]
    assert seconds[0] == pytest.approx(2 * seconds[1], abs=0.1)
    assert "--speed is for what moves" in call(*signal, "--speed", "2", code=2).stderr
    assert "--width is for SVG" in call(*signal, "--width", "800", code=2).stderr
    call(*signal, "-o", str(tmp_path / "steps.pdf"))
    assert (tmp_path / "steps.pdf").read_bytes().startswith(b"%PDF-1.4")
    assert call(*signal, "-F", "tikz").stdout.startswith(r"\begin{tikzpicture}")
