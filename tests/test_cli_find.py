"""The commands xcorr, match and shift: the library's numbers, for files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flipslide as fs
from flipslide.cli import main
from flipslide.io import Content, encode, read

RNG = np.random.default_rng(8)


def call(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, args)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def sound(path: Path, samples: np.ndarray, rate: int = 8000) -> Path:
    path.write_bytes(encode(Content(samples, "audio", {"rate": rate, "subtype": "FLOAT"}), path.suffix))
    return path


def picture(path: Path, pixels: np.ndarray) -> Path:
    alpha, color = (3, 2) if pixels.ndim == 3 and pixels.shape[2] == 4 else (None, 2 if pixels.ndim == 3 else None)
    details = {"dtype": pixels.dtype, "axes": (0, 1), "alpha": alpha, "color": color}
    path.write_bytes(encode(Content(pixels, "image", details), path.suffix))
    return path


def scene(channels: int | None = None) -> np.ndarray:
    shape = (60, 80) if channels is None else (60, 80, channels)
    return RNG.integers(0, 256, shape, dtype=np.uint8)


# ----------------------------------------------------------------------------------- xcorr


def stereo() -> np.ndarray:
    noise = RNG.normal(size=3000)
    return np.stack([noise[:2000], noise[40:2040]], axis=1)


def test_two_channels(tmp_path: Path) -> None:
    samples = stereo()
    path = sound(tmp_path / "stereo.wav", samples)
    told = call("xcorr", path, "-n", 100).stdout
    assert "lag +40.00 (+5 ms): A is later than B" in told
    assert "█" not in told
    assert "█" in call("xcorr", path, "-n", 100, "--plot").stdout
    assert "earlier" in call("xcorr", path, "-n", 100, "--channels", 1, 0).stdout


def test_two_files_and_every_lag(tmp_path: Path) -> None:
    samples = stereo()
    left, right = (sound(tmp_path / f"{i}.wav", samples[:, i : i + 1]) for i in range(2))
    call("xcorr", left, right, "-n", 50, "-s", "unbiased", "--detrend", "linear", "-o", tmp_path / "r.csv")
    stored = [read(str(path)).array[:, 0] for path in (left, right)]
    wanted = fs.xcorr(*stored, maxlag=50, scale="unbiased", detrend="linear")
    got = np.loadtxt(tmp_path / "r.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(got, np.stack([wanted.lags, wanted.values], axis=1), rtol=1e-12)
    assert "exists" in call("xcorr", left, right, "-o", tmp_path / "r.csv", code=6).stderr


@pytest.mark.parametrize("ending", ["svg", "png", "html", "json", "md", "tex"])
def test_pictures_of_lags(tmp_path: Path, ending: str) -> None:
    path = sound(tmp_path / "stereo.wav", stereo())
    call("xcorr", path, "-o", tmp_path / f"r.{ending}")
    assert (tmp_path / f"r.{ending}").stat().st_size > 100


def test_rates_must_agree(tmp_path: Path) -> None:
    a, b = sound(tmp_path / "a.wav", stereo()[:, :1]), sound(tmp_path / "b.wav", stereo()[:, :1], 44100)
    assert "resample" in call("xcorr", a, b, code=4).stderr
    assert "no channel 1" in call("xcorr", a, code=4).stderr


# ----------------------------------------------------------------------------------- match


@pytest.mark.parametrize("channels", [None, 3])
def test_places(tmp_path: Path, channels: int | None) -> None:
    pixels = scene(channels)
    pixels[40:50, 55:70] = pixels[5:15, 20:35]
    whole, part = picture(tmp_path / "scene.png", pixels), picture(tmp_path / "part.png", pixels[5:15, 20:35])
    lines = call("match", whole, part, "-t", 0.99, "-q").stdout.splitlines()
    assert lines[0] == "row,column,score,height,width"
    assert len(lines) == 3
    found = json.loads(call("match", whole, part, "-n", 2, "-F", "json", "-q").stdout)
    assert sorted((round(p["row"]), round(p["column"])) for p in found) == [(5, 20), (40, 55)]


def test_boxes(tmp_path: Path) -> None:
    pixels = scene()
    whole, part = picture(tmp_path / "scene.png", pixels), picture(tmp_path / "part.png", pixels[20:30, 30:45])
    call("match", whole, part, "-o", tmp_path / "marked.png")
    marked = read(str(tmp_path / "marked.png")).array
    assert marked.shape == (60, 80, 3)
    changed = (marked != pixels[..., None]).any(axis=2)
    np.testing.assert_array_equal(changed[18:32, 28:47].sum(axis=0)[:2], [14, 14])
    assert not changed[22:28, 32:43].any()
    assert not changed[:17].any()
    assert "exists" in call("match", whole, part, "-o", tmp_path / "marked.png", code=6).stderr


def test_what_is_transparent_is_not_compared(tmp_path: Path) -> None:
    pixels = scene(3)
    cut = np.dstack([pixels[10:26, 12:28], np.full((16, 16), 255, np.uint8)])
    cut[4:9, 4:9] = 0
    whole, part = picture(tmp_path / "scene.png", pixels), picture(tmp_path / "part.png", cut)
    (place,) = json.loads(call("match", whole, part, "-F", "json", "-q").stdout)
    assert (round(place["row"]), round(place["column"]), place["score"]) == (10, 12, 1.0)


def test_a_template_too_large(tmp_path: Path) -> None:
    whole, part = picture(tmp_path / "a.png", scene()), picture(tmp_path / "b.png", scene())
    small = picture(tmp_path / "c.png", scene()[:5])
    assert "does not fit" in call("match", small, part, code=4).stderr
    assert call("match", whole, part, "-q").exit_code == 0


# ----------------------------------------------------------------------------------- shift


def test_shift_of_pictures_and_sounds(tmp_path: Path) -> None:
    pixels = scene(3)
    a, b = picture(tmp_path / "a.png", pixels[:50, 5:70]), picture(tmp_path / "b.png", pixels[3:53, :65])
    (found,) = json.loads(call("shift", a, b, "-u", 1, "-F", "json").stdout)
    assert (found["rows"], found["columns"]) == (3, -5)
    assert found["ratio"] > 2
    samples = stereo()
    left, right = (sound(tmp_path / f"{i}.wav", samples[:, i : i + 1]) for i in range(2))
    assert call("shift", left, right, "-u", 1).stdout.splitlines()[1].startswith("40.0,")
