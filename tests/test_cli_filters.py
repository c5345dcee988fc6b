"""The commands filter, resample and deconvolve, and the levels of sounds: the library's numbers, in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flipslide as fs
from flipslide.cli import main
from flipslide.cli.names import FILTERS
from flipslide.io import Content, encode, read

RNG = np.random.default_rng(6)
T = np.arange(6000) / 8000
VOICE = 0.4 * np.sin(2 * np.pi * 440 * T) + 0.2 * np.sin(2 * np.pi * 3000 * T)
HALL = RNG.normal(size=(900, 2)) * np.exp(-np.arange(900) / 200)[:, None]


def call(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, args)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def sound(path: Path, samples: np.ndarray, subtype: str = "FLOAT", rate: int = 8000) -> Path:
    columns = samples[:, None] if samples.ndim == 1 else samples
    path.write_bytes(encode(Content(columns, "audio", {"rate": rate, "subtype": subtype}), path.suffix))
    return path


def picture(path: Path, pixels: np.ndarray) -> Path:
    axes = (0, 1)
    alpha, color = (3, 2) if pixels.ndim == 3 and pixels.shape[2] == 4 else (None, 2 if pixels.ndim == 3 else None)
    details = {"dtype": pixels.dtype, "axes": axes, "alpha": alpha, "color": color}
    path.write_bytes(encode(Content(pixels, "image", details), path.suffix))
    return path


# ---------------------------------------------------------------------------------- filter


def test_a_band_takes_the_rate_of_the_sound(tmp_path: Path) -> None:
    voice = sound(tmp_path / "voice.wav", VOICE, "DOUBLE")
    call("filter", voice, "lowpass:1500", "-o", tmp_path / "dull.wav")
    wanted = fs.filters.lowpass(VOICE, 1500, 8000)
    np.testing.assert_allclose(read(str(tmp_path / "dull.wav")).array[:, 0], wanted, atol=1e-15)
    call("filter", voice, "bandpass:300,1500,taps=101", "--delay", "keep", "-o", tmp_path / "band.wav")
    wanted = fs.filters.bandpass(VOICE, 300, 1500, 8000, taps=101, delay="keep")
    np.testing.assert_allclose(read(str(tmp_path / "band.wav")).array[:, 0], wanted, atol=1e-15)
    call("apply", voice, "-k", "lowpass:1500", "-m", "same", "-b", "symmetric", "-q", "-o", tmp_path / "same.wav")
    np.testing.assert_allclose(
        read(str(tmp_path / "same.wav")).array, read(str(tmp_path / "dull.wav")).array, atol=1e-12
    )
    assert "rate/2 = 4000" in call("filter", voice, "lowpass:5000", "-o", tmp_path / "no.wav", code=4).stderr


@pytest.mark.parametrize("name", FILTERS)
def test_every_example_runs_on_an_array(name: str, tmp_path: Path) -> None:
    x = RNG.normal(size=(40, 30))
    np.save(tmp_path / "x.npy", x)
    example, along = FILTERS[name].example, FILTERS[name].along
    call("filter", tmp_path / "x.npy", example, "--axis", "0" if along == "axis" else "0,1", "-o", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy")
    assert y.shape == x.shape
    assert not np.array_equal(x, y)


def test_pictures_keep_their_depth_and_their_colours_apart(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (30, 41, 3), dtype=np.uint8)
    source = picture(tmp_path / "p.png", pixels)
    call("filter", source, "gaussian:2", "-o", tmp_path / "soft.png")
    wanted = np.rint(fs.filters.gaussian(pixels, 2, axes=(0, 1)))
    np.testing.assert_array_equal(read(str(tmp_path / "soft.png")).array, wanted)
    call("filter", source, "sobel:y", "-o", tmp_path / "slope.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "slope.npy"), fs.filters.sobel(pixels, 0, axes=(0, 1)))


def test_invisible_pixels_give_no_colour_to_an_average(tmp_path: Path) -> None:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5:15, 5:15] = (200, 100, 50, 255)
    source = picture(tmp_path / "disc.png", pixels)
    call("filter", source, "gaussian:1", "-o", tmp_path / "soft.png")
    y = read(str(tmp_path / "soft.png")).array
    seen = y[..., 3] > 0
    np.testing.assert_array_equal(y[seen][:, :3], np.broadcast_to([200, 100, 50], (seen.sum(), 3)))
    call("filter", source, "sharpen:1", "-q", "-o", tmp_path / "sharp.png")
    np.testing.assert_array_equal(read(str(tmp_path / "sharp.png")).array[..., 3], pixels[..., 3])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("median", "scipy.ndimage.median_filter"),
        ("butter", "sosfilt"),
        ("gaussin", "'gaussian'"),
        ("gaussian:sgma=1", "sigma="),
        ("lowpass", "try lowpass:0.2"),
        ("gaussian:-1", "sigma 0 or more"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(name: str, words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(50))
    result = CliRunner().invoke(main, ["filter", str(tmp_path / "x.npy"), name, "-o", str(tmp_path / "y.npy")])
    assert result.exit_code in (3, 4)
    assert words in result.stderr


# ----------------------------------------------------------------------------------- levels


def test_a_mono_voice_in_a_stereo_hall(tmp_path: Path) -> None:
    voice, hall = sound(tmp_path / "v.wav", VOICE, "PCM_16"), sound(tmp_path / "hall.wav", HALL)
    refusal = call("apply", voice, "-k", f"@{hall}", "-o", tmp_path / "wet.wav", code=4).stderr
    assert "--normalize" in refusal
    call(
        "apply", voice, "-k", f"@{hall}", "--normalize", "--mix", "0.3", "--bits", "24", "-q", "-o", tmp_path / "w.wav"
    )
    wet = read(str(tmp_path / "w.wav"))
    dry = read(str(voice)).array
    wide = fs.convolve(dry, read(str(hall)).array, axes=0)
    wide *= 0.3 * np.abs(dry).max() / np.abs(wide).max()
    wide[: len(dry)] += 0.7 * dry
    wide *= (1 - 2.0**-23) / np.abs(wide).max()
    assert wet.details["subtype"] == "PCM_24"
    assert wet.array.shape == (6899, 2)
    np.testing.assert_allclose(wet.array, wide, atol=2.0**-23)


@pytest.mark.parametrize(
    ("bits", "subtype"), [("16", "PCM_16"), ("24", "PCM_24"), ("32", "PCM_32"), ("float", "FLOAT")]
)
def test_gain_and_depth(bits: str, subtype: str, tmp_path: Path) -> None:
    voice = sound(tmp_path / "v.wav", VOICE, "PCM_16")
    call("apply", voice, "-k", "1", "--gain", "-6", "--bits", bits, "-q", "-o", tmp_path / "y.wav")
    y = read(str(tmp_path / "y.wav"))
    assert y.details["subtype"] == subtype
    np.testing.assert_allclose(y.array, read(str(voice)).array * 10 ** (-6 / 20), atol=2.0**-15)
    call("apply", voice, "-k", "1", "--normalize", "-q", "-o", tmp_path / "loud.wav")
    assert np.abs(read(str(tmp_path / "loud.wav")).array).max() == 1 - 2.0**-15


def test_silence_and_pictures_have_no_level(tmp_path: Path) -> None:
    quiet = sound(tmp_path / "q.wav", np.zeros(100))
    call("apply", quiet, "-k", "1", "--normalize", "--mix", "0.5", "-q", "-o", tmp_path / "y.wav")
    assert not read(str(tmp_path / "y.wav")).array.any()
    source = picture(tmp_path / "p.png", np.zeros((5, 5), np.uint8))
    for option in (("--gain", "3"), ("--normalize",), ("--bits", "16"), ("--mix", "0.5")):
        assert option[0] in call("apply", source, "-k", "1", *option, "-o", tmp_path / "p2.png", code=2).stderr


# --------------------------------------------------------------------------------- resample


def test_resampled_sounds_know_their_rate(tmp_path: Path) -> None:
    voice = sound(tmp_path / "v.wav", VOICE, "DOUBLE")
    call("resample", voice, "--rate", "12000", "-o", tmp_path / "y.wav")
    y = read(str(tmp_path / "y.wav"))
    assert y.details["rate"] == 12000
    np.testing.assert_allclose(y.array[:, 0], fs.resample(VOICE, 3, 2), atol=1e-15)
    call("resample", voice, "--by", "1/2", "-o", tmp_path / "half.wav")
    assert read(str(tmp_path / "half.wav")).details["rate"] == 4000
    assert "whole" in call("resample", voice, "--by", "1/3", "-o", tmp_path / "third.wav", code=4).stderr
    assert "--rate or --by" in call("resample", voice, "-o", tmp_path / "z.wav", code=2).stderr


def test_resampled_pictures_and_tables(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    call("resample", picture(tmp_path / "p.png", pixels), "--by", "3/2", "-q", "-o", tmp_path / "large.png")
    wanted = np.clip(np.rint(fs.resample(fs.resample(pixels, 3, 2, axis=0), 3, 2, axis=1)), 0, 255)
    np.testing.assert_array_equal(read(str(tmp_path / "large.png")).array, wanted)
    np.save(tmp_path / "x.npy", VOICE)
    call("resample", tmp_path / "x.npy", "--by", "0.5", "-q", "-o", tmp_path / "y.npy")
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), fs.resample(VOICE, 1, 2))
    assert "--by" in call("resample", tmp_path / "x.npy", "--rate", "5", "-o", tmp_path / "z.npy", code=2).stderr


# ------------------------------------------------------------------------------- deconvolve


@pytest.mark.parametrize("method", ["wiener", "lsqr", "richardson-lucy"])
def test_deconvolve_is_the_library_s(method: str, tmp_path: Path) -> None:
    blurred = fs.filters.gaussian(RNG.random((30, 31)), 1.0)
    np.save(tmp_path / "x.npy", blurred)
    call(
        "deconvolve", tmp_path / "x.npy", "-k", "gaussian:1", "--method", method, "-n", "5", "-q", "-o",
        tmp_path / "y.npy",
    )  # fmt: skip
    wanted = fs.deconvolve(blurred, fs.taps.gaussian(1), method.replace("-", "_"), iterations=5)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, rtol=1e-9)


def test_deconvolve_keeps_depth_and_opacity(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (20, 21, 4), dtype=np.uint8)
    call("deconvolve", picture(tmp_path / "p.png", pixels), "-k", "gaussian:1", "-q", "-o", tmp_path / "y.png")
    y = read(str(tmp_path / "y.png")).array
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y[..., 3], pixels[..., 3])
