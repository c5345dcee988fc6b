"""Files that go piece by piece come out as those that are read whole, in memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flipslide.cli import long, main
from flipslide.io import Content, decode, encode, open_pieces, pieces, read

soundfile = pytest.importorskip("soundfile")
tifffile = pytest.importorskip("tifffile")
RNG = np.random.default_rng(9)


def call(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["apply", *args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The shapes of the pieces that were written."""
    seen: list[Any] = []
    monkeypatch.setattr(pieces, "LONG", 0)
    monkeypatch.setattr(long, "BUDGET", 20_000)
    told = long._told

    def count(made: Any, *rest: Any) -> Any:
        for piece in told(made, *rest):
            seen.append(piece.shape)
            yield piece

    monkeypatch.setattr(long, "_told", count)
    return seen


def both(folder: Path, source: str, *args: str, code: int = 0, target: str = "") -> tuple[Path, Path, list[str]]:
    """The same command, the file read whole and in pieces."""
    said, made = [], []
    for name, most in (("whole", 1 << 60), ("parts", 0)):
        pieces.LONG = most
        made.append(folder / f"{name}{target or Path(source).suffix}")
        said.append(call(source, *args, "-f", "-o", str(made[-1]), code=code).stderr)
    return made[0], made[1], said


# ------------------------------------------------------------------------------------ sound


@pytest.mark.parametrize("extension", [".wav", ".flac"])
@pytest.mark.parametrize(
    "args",
    [
        ["-k", "1,-2,1,0,1"],
        ["-k", "1,-2,1", "-m", "same", "-b", "mirror"],
        ["-k", "1,-2,1", "-m", "valid", "--stride", "4"],
        ["-k", "1,2,3", "--no-flip", "-b", "wrap", "-m", "same", "--center", "0"],
        ["-k", "1,2,1", "--gain", "-12.5"],
        ["-k", "1,2,1", "--normalize", "--bits", "24"],
        ["-k", "1,2,1", "--mix", "0.25"],
        ["-k", "1,2,1", "-m", "valid", "--mix", "0.5", "--normalize", "--gain", "-3"],
        ["-k", "90,0", "--range", "clip"],
    ],
)
def test_sound_in_pieces(tmp_path: Path, everything_is_long: list[Any], extension: str, args: list[str]) -> None:
    source = str(tmp_path / f"x{extension}")
    soundfile.write(source, RNG.integers(-900, 900, (3001, 2)) / 32768, 8000, "PCM_16")
    whole, parts, said = both(tmp_path, source, *args)
    assert said[0] == said[1]
    assert len(everything_is_long) > 3
    ours, theirs = read(str(parts)), read(str(whole))
    np.testing.assert_array_equal(ours.array, theirs.array)
    assert ours.details == theirs.details


def test_a_voice_in_a_hall_of_two_channels(tmp_path: Path, everything_is_long: list[Any]) -> None:
    soundfile.write(tmp_path / "x.wav", RNG.integers(-900, 900, (2001, 1)) / 32768, 8000, "FLOAT")
    np.savetxt(tmp_path / "hall.csv", RNG.integers(-3, 3, (50, 2)), fmt="%d", delimiter=",")
    for extra in ([], ["--mix", "0.5"], ["-m", "valid", "--mix", "0.5"]):
        whole, parts, _ = both(tmp_path, f"{tmp_path}/x.wav", "-k", f"@{tmp_path}/hall.csv", *extra)
        np.testing.assert_allclose(read(str(parts)).array, read(str(whole)).array, atol=1e-7)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "DOUBLE", "ULAW"])
@pytest.mark.parametrize("target", [".wav", ".npy"])
def test_every_depth(tmp_path: Path, everything_is_long: list[Any], subtype: str, target: str) -> None:
    soundfile.write(tmp_path / "x.wav", RNG.integers(-40, 40, (1001, 3)) / 128, 8000, subtype)
    whole, parts, said = both(tmp_path, f"{tmp_path}/x.wav", "-k", "1,1", target=target)
    np.testing.assert_allclose(read(str(parts)).array, read(str(whole)).array, atol=1e-15)
    assert said[0] == said[1]
    assert bool(everything_is_long) == (subtype != "ULAW" or target == ".npy")


def test_tags_cues_and_pictures_go_along(tmp_path: Path, everything_is_long: list[Any]) -> None:
    x = RNG.integers(-40, 40, (1001, 1)) / 128
    tags = {"title": "long", "artist": "nobody"}
    for extension in (".wav", ".flac"):
        with soundfile.SoundFile(tmp_path / f"x{extension}", "w", 8000, 1, "PCM_16") as file:
            for name, text in tags.items():
                setattr(file, name, text)
            file.write(x)
        for target in (".wav", ".flac"):
            whole, parts, said = both(tmp_path, f"{tmp_path}/x{extension}", "-k", "1,1", target=target)
            assert said[0] == said[1]
            assert len(everything_is_long) > 1
            kept = dict(read(str(parts)).details["marks"].tags)
            assert kept == dict(read(str(whole)).details["marks"].tags)
            assert kept["title"] == "long"


def test_loud_and_broken_sounds_leave_nothing(tmp_path: Path, everything_is_long: list[Any]) -> None:
    source = tmp_path / "x.wav"
    soundfile.write(source, np.full((3000, 1), 0.9), 8000, "PCM_16")
    found = call(str(source), "-k", "1,1", "-o", f"{tmp_path}/y.wav", code=4).stderr
    assert "2999 of 3001 samples exceed full scale" in found
    source.write_bytes(source.read_bytes()[:-1000])
    assert "cut off" in call(str(source), "-k", "1,1", "-o", f"{tmp_path}/y.wav", code=3).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


def test_stdout_begins_when_all_fits(tmp_path: Path, everything_is_long: list[Any]) -> None:
    soundfile.write(tmp_path / "x.wav", np.full((3000, 1), 0.25), 8000, "PCM_16")
    result = call(f"{tmp_path}/x.wav", "-k", "1,1")
    assert decode(result.stdout_bytes, ".wav").array[1:-1].min() == 0.5
    assert call(f"{tmp_path}/x.wav", "-k", "4,4", code=4).stdout_bytes == b""


# ------------------------------------------------------------------------------------- TIFF

STACKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deflated": {"compression": "zlib"},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
    "imagej": {"imagej": True, "metadata": {"axes": "TZYX", "spacing": 0.3, "unit": "um"}, "resolution": (9.5, 9.5)},
    "ome": {"ome": True, "metadata": {"axes": "TZYX", "PhysicalSizeX": 0.1}},
    "big-endian": {"byteorder": ">"},
    "bigtiff": {"bigtiff": True},
}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize(
    "args", [["-k", "1,2,1;0,1,0"], ["-k", "1,-1", "--axis", "0"], ["-k", "0.5,0.5", "--axis", "3"]]
)
def test_stacks_in_pieces(tmp_path: Path, everything_is_long: list[Any], name: str, args: list[str]) -> None:
    stack = RNG.integers(0, 30_000, (4, 3, 33, 40)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", stack, photometric="minisblack", **STACKS[name])
    whole, parts, said = both(tmp_path, f"{tmp_path}/x.tif", *args)
    assert said[0] == said[1]
    assert len(everything_is_long) > 1
    ours, theirs = read(str(parts)), read(str(whole))
    np.testing.assert_array_equal(ours.array, theirs.array)
    assert ours.details["marks"] == theirs.details["marks"]
    with tifffile.TiffFile(parts) as file, tifffile.TiffFile(whole) as other:
        assert file.series[0].axes == other.series[0].axes
        assert file.imagej_metadata == other.imagej_metadata
        assert file.byteorder == other.byteorder


@pytest.mark.parametrize("planar", [None, "separate"])
@pytest.mark.parametrize("colors", [3, 4])
def test_colours_in_pieces(tmp_path: Path, everything_is_long: list[Any], planar: str | None, colors: int) -> None:
    shape = (6, 20, 21, colors) if planar is None else (6, colors, 20, 21)
    options = {"extrasamples": ["unassalpha"]} if colors == 4 else {}
    pixels = RNG.integers(0, 255, shape).astype(np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="rgb", planarconfig=planar, **options)
    whole, parts, said = both(tmp_path, f"{tmp_path}/x.tif", "-k", "gaussian:sigma=1.5")
    assert said[0] == said[1]
    assert bool(everything_is_long) == (colors == 3)
    np.testing.assert_array_equal(read(str(parts)).array, read(str(whole)).array)


def test_pictures_to_arrays_and_valid_sizes(tmp_path: Path, everything_is_long: list[Any]) -> None:
    tifffile.imwrite(tmp_path / "x.tif", RNG.normal(size=(90, 70)).astype(np.float32), compression="zlib")
    for target in (".tif", ".npy"):
        whole, parts, _ = both(tmp_path, f"{tmp_path}/x.tif", "-k", "1,2;3,4", "-m", "valid", target=target)
        ours, theirs = read(str(parts)).array, read(str(whole)).array
        assert ours.shape == (89, 69)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_what_goes_by_no_pieces_is_read_whole(tmp_path: Path, everything_is_long: list[Any]) -> None:
    pixels = RNG.integers(0, 255, (30, 31)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "turned.tif", pixels, extratags=[(274, 3, 1, 6, True)])
    for source in ("turned.tif", "x.png", "x.npy"):
        if source != "turned.tif":
            (tmp_path / source).write_bytes(
                encode(Content(pixels, "image" if source == "x.png" else "table"), source[1:])
            )
        whole, parts, _ = both(tmp_path, f"{tmp_path}/{source}", "-k", "1,2;3,4", "--range", "clip")
        np.testing.assert_array_equal(read(str(parts)).array, read(str(whole)).array)
    assert not everything_is_long


def test_short_files_are_read_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros((1000, 1)), 8000)
    assert open_pieces(f"{tmp_path}/x.wav", ".wav") is None


_PEAK = """
import sys
from flipslide.cli import main
try:
    main(sys.argv[1:])
finally:
    print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.tif"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    if name == "x.tif":
        with tifffile.TiffWriter(tmp_path / name) as file:
            for _ in range(60):
                file.write(RNG.integers(0, 999, (2000, 2000)).astype(np.uint16), contiguous=True)
    else:
        with soundfile.SoundFile(tmp_path / name, "w", 48_000, 2, "PCM_16") as file:
            for _ in range(60):
                file.write(RNG.integers(-999, 999, (1 << 19, 2)).astype(np.int16))
    kernel = "1,2;3,4" if name == "x.tif" else "0.2,0.3,0.2"
    args = [sys.executable, "-c", _PEAK, "apply", str(tmp_path / name), "-k", kernel, "-q", "-j", "2"]
    done = subprocess.run([*args, "-o", f"{tmp_path}/y{name[1:]}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 250
    assert (tmp_path / f"y{name[1:]}").stat().st_size > 100e6 or name == "x.flac"
