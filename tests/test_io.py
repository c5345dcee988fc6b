"""Files: what is written is what was read, in the same depth, and nothing is lost in silence."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from flipslide.errors import MissingExtraError
from flipslide.io import FORMATS, Content, RangeError, ReadError, WriteError, decode, encode, fit, read, sniff, write
from flipslide.io.audio import quantize

RNG = np.random.default_rng(0)


def pixels(dtype: str, *shape: int) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


# --------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_pictures_keep_depth_and_channels(extension: str, dtype: str, channels: tuple[int, ...]) -> None:
    pytest.importorskip("imagecodecs")
    array = pixels(dtype, 7, 5, *channels)
    content = Content(array, "image", {"extrasamples": [2] if channels == (4,) else []})
    once = decode(encode(content, extension), extension)
    twice = decode(encode(once, extension), extension)
    for back in (once, twice):
        np.testing.assert_array_equal(back.array, array)
        assert back.array.dtype == dtype
        assert bool(back.details["alpha"]) == (channels == (4,))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint32"])
def test_tiffs_of_other_types(dtype: str) -> None:
    pytest.importorskip("tifffile")
    array = (RNG.normal(size=(6, 4)) * 100).astype(np.int32).astype(dtype) / np.dtype(dtype).type(1)
    array = array.astype(dtype)
    back = decode(encode(Content(array, "image"), ".tif"), ".tif")
    np.testing.assert_array_equal(back.array, array)
    assert back.array.dtype == dtype


def test_a_stack_of_pages_knows_its_axes() -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels("uint8", 3, 6, 5), photometric="minisblack")
    content = decode(stream.getvalue(), ".tif")
    assert content.array.shape == (3, 6, 5)
    assert content.details["axes"] == (1, 2)


def test_pictures_of_different_kinds_are_not_dropped() -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(pixels("uint8", 6, 5))
        file.write(pixels("uint16", 3, 3))
    with pytest.raises(ReadError, match="2 pictures"):
        decode(stream.getvalue(), ".tif")


def test_lossless_compression_is_kept() -> None:
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels("uint16", 6, 5), compression="lzw")
    back = encode(decode(stream.getvalue(), ".tif"), ".tif")
    with tifffile.TiffFile(io.BytesIO(back)) as file:
        assert file.pages[0].compression.name == "LZW"


def test_jpeg_is_close_and_refuses_16_bits() -> None:
    pytest.importorskip("imagecodecs")
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None], 16, axis=0)
    back = decode(encode(Content(ramp, "image"), ".jpg"), ".jpg")
    assert np.abs(back.array.astype(int) - ramp).max() <= 3
    with pytest.raises(WriteError, match="uint16"):
        encode(Content(ramp.astype(np.uint16), "image"), ".jpg")


@pytest.mark.parametrize("extension", [name for name, form in FORMATS.items() if form.kind != "table"])
def test_noise_is_no_file(extension: str) -> None:
    pytest.importorskip("imagecodecs")
    pytest.importorskip("soundfile")
    with pytest.raises(ReadError):
        decode(b"not what the name says", extension)
    with pytest.raises(ReadError):
        decode(b"", extension)


# ------------------------------------------------------------------------------------ sound


@pytest.mark.parametrize(
    ("extension", "subtype", "bits"),
    [
        (".wav", "PCM_U8", 8), (".wav", "PCM_16", 16), (".wav", "PCM_24", 24), (".wav", "PCM_32", 32),
        (".flac", "PCM_S8", 8), (".flac", "PCM_16", 16), (".flac", "PCM_24", 24),
    ],
)  # fmt: skip
def test_sound_keeps_every_bit(extension: str, subtype: str, bits: int) -> None:
    pytest.importorskip("soundfile")
    top = 2 ** (bits - 1)
    whole = RNG.integers(-top, top, (50, 2))
    whole[0], whole[1] = -top, top - 1
    content = Content(whole / top, "audio", {"rate": 22050, "subtype": subtype})
    back = decode(encode(content, extension), extension)
    np.testing.assert_array_equal(back.array, whole / top)
    assert content.details.items() <= back.details.items()


@pytest.mark.parametrize(("subtype", "dtype"), [("FLOAT", "float32"), ("DOUBLE", "float64")])
def test_float_sound_may_exceed_full_scale(subtype: str, dtype: str) -> None:
    pytest.importorskip("soundfile")
    values = np.array([[0.1], [-3.5], [2.0]]).astype(dtype).astype(float)
    fitted, lost = quantize(values, subtype, "error")
    back = decode(encode(Content(fitted, "audio", {"rate": 8000, "subtype": subtype}), ".wav"), ".wav")
    np.testing.assert_array_equal(back.array, values)
    assert not lost


def test_loud_samples_are_counted_or_refused() -> None:
    values = np.array([0.5, 2.0, -1.0, -1.5])
    clipped, lost = quantize(values, "PCM_16", "clip")
    np.testing.assert_array_equal(clipped, [0.5, 32767 / 32768, -1, -1])
    assert lost.startswith("2 of 4 samples exceed full scale (peak 2, +6.0 dB)")
    with pytest.raises(RangeError, match=r"multiply the kernel by 0\.5 "):
        quantize(values, "PCM_16", "error")
    with pytest.raises(RangeError, match="NaN"):
        quantize(np.array([np.nan]), "PCM_16", "clip")


def test_flac_refuses_floats() -> None:
    pytest.importorskip("soundfile")
    with pytest.raises(WriteError, match="FLOAT"):
        encode(Content(np.zeros((3, 1)), "audio", {"rate": 8000, "subtype": "FLOAT"}), ".flac")


# ----------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("extension", [".csv", ".tsv", ".npy"])
@pytest.mark.parametrize(
    "array", [np.arange(5), np.arange(6).reshape(2, 3), np.array([0.1, -2.5e-9]), np.array([[1 + 2j, 3], [4, 5]])]
)
def test_tables_come_back(extension: str, array: np.ndarray) -> None:
    back = decode(encode(Content(array, "table"), extension), extension)
    np.testing.assert_array_equal(back.array, array)
    assert back.array.dtype == array.dtype


def test_a_column_stays_a_column() -> None:
    content = decode(b"1\n2\n3\n", ".csv")
    assert content.array.shape == (3,)
    assert encode(content, ".csv") == b"1\n2\n3\n"


@pytest.mark.parametrize(
    ("text", "culprit"),
    [(b"1,2\n3\n", "row 2"), (b"a,b\n1,c\n", "row 2, column 2: 'c'"), (b"\n", "no numbers"), (b"\xff\xfe", "text")],
)
def test_broken_tables_say_where(text: bytes, culprit: str) -> None:
    with pytest.raises(ReadError, match=culprit):
        decode(text, ".csv")


def test_pickles_stay_closed() -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ReadError, match="npy"):
        decode(stream.getvalue(), ".npy")
    with pytest.raises((WriteError, ValueError)):
        encode(Content(np.array([{}], dtype=object), "table"), ".npy")


# ----------------------------------------------------------------------------- fit and write


def test_fit_rounds_half_to_even_and_counts_what_it_clips() -> None:
    values = np.array([0.5, 1.5, 2.5, -0.4, 255.4, -7.0, 256.0])
    fitted, lost = fit(values, np.dtype(np.uint8))
    np.testing.assert_array_equal(fitted, [0, 2, 2, 0, 255, 0, 255])
    assert lost == "2 of 7 values lie outside 0 … 255 (lowest -7, highest 256) and were clipped"
    with pytest.raises(RangeError, match="2 of 7"):
        fit(values, np.dtype(np.uint8), "error")


def test_fit_keeps_wide_integers_exact() -> None:
    fitted, lost = fit(np.array([2**32 - 1, 5]), np.dtype(np.uint32))
    assert fitted.tolist() == [2**32 - 1, 5]
    assert not lost


def test_fit_of_floats_reports_overflow_only() -> None:
    fitted, lost = fit(np.array([-2.0, 1e300, np.inf, np.nan]), np.dtype(np.float32))
    np.testing.assert_array_equal(fitted, np.array([-2, np.inf, np.inf, np.nan], dtype=np.float32))
    assert lost.startswith("1 of 4")
    with pytest.raises(RangeError, match="NaN"):
        fit(np.array([np.nan]), np.dtype(np.uint8))


def test_write_refuses_to_overwrite_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    write(str(target), b"1\n")
    with pytest.raises(WriteError, match="--force"):
        write(str(target), b"2\n")
    assert target.read_bytes() == b"1\n"
    write(str(target), b"3\n", force=True)
    assert target.read_bytes() == b"3\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    with pytest.raises(WriteError, match="nowhere"):
        write(str(tmp_path / "nowhere" / "out.csv"), b"1\n")


def test_write_through_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_bytes(b"1\n")
    link.symlink_to(target)
    write(str(link), b"2\n", force=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"2\n"


def test_read_names_the_path() -> None:
    with pytest.raises(ReadError, match=r"gone\.csv: No such file"):
        read("gone.csv")
    with pytest.raises(ReadError, match=r"'\.xyz' are not known"):
        read("a.xyz")


def test_streams_are_known_by_their_beginning() -> None:
    pytest.importorskip("imagecodecs")
    pytest.importorskip("soundfile")
    image = Content(pixels("uint8", 8, 8), "image")
    for extension in (".png", ".jpg", ".tif", ".npy", ".csv"):
        assert sniff(encode(image, extension)) == extension
    sound = Content(np.zeros((8, 1)), "audio", {"rate": 8000, "subtype": "PCM_16"})
    for extension in (".wav", ".flac"):
        assert sniff(encode(sound, extension)) == extension


@pytest.mark.parametrize(
    ("extension", "package", "extra"),
    [(".wav", "soundfile", "audio"), (".png", "imagecodecs", "image"), (".tif", "tifffile", "image")],
)
def test_a_missing_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, extension: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'flipslide\[{extra}\]'"):
        decode(b"", extension)
