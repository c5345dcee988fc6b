"""Files keep what they say about themselves, or one line says what is left out; damaged files are errors."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flipslide as fs
from flipslide.cli import main
from flipslide.io import Content, decode, encode, read, write
from flipslide.io.exif import TURNS, orientation_of, turn, upright

RNG = np.random.default_rng(3)


def apply(source: Path, kernel: str, target: Path, *more: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["apply", str(source), "-k", kernel, "-f", "-o", str(target), *more])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def refuse(source: Path, words: str, target: Path | None = None, kernel: str = "1", *, code: int = 3) -> None:
    """The file is refused with these words, and nothing is written."""
    target = target or source.with_name("out" + source.suffix)
    result = apply(source, kernel, target, code=code)
    assert words in result.stderr
    assert not target.exists()
    assert sorted(os.listdir(source.parent)) == [source.name]


# ---------------------------------------------------------------------------------- EXIF


def exif_block(orientation: int, order: str = "<") -> bytes:
    """One directory with two entries, and a pointer to another that has a thumbnail."""
    entries = struct.pack(order + "HHII", 0x010F, 2, 4, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return start + struct.pack(order + "H", 2) + entries + struct.pack(order + "I", 99)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_read_and_set_upright(orientation: int, order: str) -> None:
    block = exif_block(orientation, order)
    assert orientation_of(block) == orientation
    assert upright(block) == exif_block(1, order)[:-4] + bytes(4)
    for cut in range(len(block)):
        assert orientation_of(block[:cut]) == 1


@pytest.mark.parametrize("orientation", list(TURNS))
def test_turning_is_pillows(orientation: int) -> None:
    pillow, ops = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageOps")
    x = RNG.integers(0, 255, (3, 5), dtype=np.uint8)
    image = pillow.fromarray(x)
    exif = pillow.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=exif)
    wanted = np.asarray(ops.exif_transpose(pillow.open(stream)))
    np.testing.assert_array_equal(turn(x, orientation), wanted)
    np.testing.assert_array_equal(turn(np.stack([x] * 2), orientation, (1, 2))[1], wanted)


@pytest.mark.parametrize("target", ["out.jpg", "out.png"])
@pytest.mark.parametrize("source", ["x.jpg", "x.png"])
def test_photographs_stay_upright_and_keep_their_marks(tmp_path: Path, source: str, target: str) -> None:
    pillow, cms = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageCms")
    pytest.importorskip("imagecodecs")
    profile = cms.ImageCmsProfile(cms.createProfile("sRGB")).tobytes()
    exif = pillow.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    x = np.repeat(np.arange(0, 240, 40, dtype=np.uint8)[:, None, None], 9, axis=1).repeat(3, axis=2)
    pillow.fromarray(x).save(tmp_path / source, exif=exif, icc_profile=profile, dpi=(300, 200), quality=98)
    result = apply(tmp_path / source, "box:1x1", tmp_path / target)
    assert "left out" not in result.stderr
    back = pillow.open(io.BytesIO((tmp_path / target).read_bytes()))
    np.testing.assert_allclose(np.asarray(back).astype(int), np.rot90(x, -1), atol=3)
    assert back.info["icc_profile"] == profile
    np.testing.assert_allclose(back.info["dpi"], (200, 300), rtol=1e-3)
    assert (back.getexif()[0x010F], back.getexif()[0x0112]) == ("Maker", 1)
    assert "the colour profile, EXIF, the resolution" in apply(tmp_path / source, "box:1x1", tmp_path / "y.npy").stderr


def test_comments_and_texts_stay_with_their_format(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    png = pytest.importorskip("PIL.PngImagePlugin")
    pytest.importorskip("imagecodecs")
    grey = pillow.fromarray(np.zeros((4, 4), np.uint8))
    grey.save(tmp_path / "x.jpg", comment=b"by hand")
    apply(tmp_path / "x.jpg", "box:1x1", tmp_path / "y.jpg")
    assert pillow.open(io.BytesIO((tmp_path / "y.jpg").read_bytes())).info["comment"] == b"by hand"
    assert "cannot keep it: comments" in apply(tmp_path / "x.jpg", "box:1x1", tmp_path / "y.png").stderr
    texts = png.PngInfo()
    texts.add_text("Author", "somebody")
    grey.save(tmp_path / "x.png", pnginfo=texts)
    apply(tmp_path / "x.png", "box:1x1", tmp_path / "y.png")
    assert pillow.open(io.BytesIO((tmp_path / "y.png").read_bytes())).text == {"Author": "somebody"}
    assert "tEXt" in apply(tmp_path / "x.png", "box:1x1", tmp_path / "y.jpg").stderr


def test_frames_that_are_left_out_are_counted(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pytest.importorskip("imagecodecs")
    first, *rest = (pillow.fromarray(np.full((4, 4), n, np.uint8)) for n in (1, 2, 3))
    first.save(tmp_path / "x.png", save_all=True, append_images=rest)
    assert "all but the first of 3 frames" in apply(tmp_path / "x.png", "box:1x1", tmp_path / "y.png").stderr


# -------------------------------------------------------------------------------- colours


def rgba(width: int) -> np.ndarray:
    """One opaque red pixel among invisible green ones."""
    x = np.zeros((1, width, 4), np.uint8)
    x[0, :, 1], x[0, width // 2] = 255, (255, 0, 0, 255)
    return x


@pytest.mark.parametrize("kernel", ["box:1x3", "box:1x5", "gaussian:sigma=1,ndim=2"])
def test_invisible_colours_do_not_bleed(tmp_path: Path, kernel: str) -> None:
    pytest.importorskip("imagecodecs")
    (tmp_path / "x.png").write_bytes(encode(Content(rgba(5), "image"), ".png"))
    apply(tmp_path / "x.png", kernel, tmp_path / "y.png")
    y = read(str(tmp_path / "y.png")).array
    assert y[0, 2].tolist() == [255, 0, 0, 255]
    np.testing.assert_array_equal(y[..., 3], rgba(5)[..., 3])


@pytest.mark.parametrize("taps", [np.full((3, 3), 1 / 9), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], [[1, 2], [3, 4]]])
@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("planar", [False, True])
def test_colours_are_weighted_by_what_is_visible(tmp_path: Path, taps: Any, premultiplied: bool, planar: bool) -> None:
    tifffile = pytest.importorskip("tifffile")
    c, a = RNG.random((6, 7, 3)), RNG.choice([0, 0.25, 1.0], (6, 7, 1))
    stored = np.concatenate([c * a if premultiplied else c, a], axis=2)
    kind = "assocalpha" if premultiplied else "unassalpha"
    words = dict(photometric="rgb", extrasamples=[kind], planarconfig="separate" if planar else "contig")
    tifffile.imwrite(tmp_path / "x.tif", np.moveaxis(stored, 2, 0) if planar else stored, **words)
    np.save(tmp_path / "k.npy", np.asarray(taps))
    apply(tmp_path / "x.tif", f"@{tmp_path / 'k.npy'}", tmp_path / "y.tif")
    y = tifffile.imread(tmp_path / "y.tif")
    y = np.moveaxis(y, 0, 2) if planar else y
    np.testing.assert_array_equal(y[..., 3:], a)
    w = np.asarray(taps, float)
    total, weight = (fs.convolve(v, w, "same", axes=(0, 1), boundary="edge") for v in (c * a, a))
    straight = np.where(a > 0, c, 0) if premultiplied else c
    if w.min() >= 0:
        wanted = np.where(weight > 0, w.sum() * total / np.where(weight > 0, weight, 1), w.sum() * straight)
    else:
        wanted = total + straight * (w.sum() - weight)
    np.testing.assert_allclose(y[..., :3], wanted * a if premultiplied else wanted, atol=1e-12)


def test_opaque_pictures_are_exact(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    x = RNG.integers(0, 255, (6, 5, 4), dtype=np.uint8)
    x[..., 3] = 255
    (tmp_path / "x.png").write_bytes(encode(Content(x, "image"), ".png"))
    apply(tmp_path / "x.png", "0,0,0;0,1,1;0,0,0", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == np.int64
    wanted = fs.convolve(x.astype(int), [[0, 0, 0], [0, 1, 1], [0, 0, 0]], "same", axes=(0, 1), boundary="edge")
    np.testing.assert_array_equal(y[..., :3], wanted[..., :3])


def test_inks_are_refused_and_negatives_turned(tmp_path: Path) -> None:
    pillow, tifffile = pytest.importorskip("PIL.Image"), pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    pillow.new("CMYK", (8, 8), (10, 20, 30, 40)).save(tmp_path / "x.jpg")
    refuse(tmp_path / "x.jpg", "CMYK", kernel="box:1x1")
    tifffile.imwrite(tmp_path / "x.tif", np.array([[0, 100, 255]], np.uint8), photometric="miniswhite")
    apply(tmp_path / "x.tif", "box:1x1", tmp_path / "y.png")
    assert read(str(tmp_path / "y.png")).array.ravel().tolist() == [255, 155, 0]
    apply(tmp_path / "x.tif", "box:1x1", tmp_path / "y.tif")
    with tifffile.TiffFile(tmp_path / "y.tif") as file:
        assert file.pages[0].photometric.name == "MINISWHITE"
        assert file.asarray().ravel().tolist() == [0, 100, 255]
    tifffile.imwrite(tmp_path / "k.tif", np.zeros((4, 4, 4), np.uint8), photometric="separated")
    assert "separated" in apply(tmp_path / "k.tif", "box:1x1", tmp_path / "y.png", code=6).stderr
    apply(tmp_path / "k.tif", "box:1x1", tmp_path / "z.tif")


# ----------------------------------------------------------------------------------- TIFF


def test_microscope_stacks_keep_axes_and_sizes(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    x = RNG.integers(0, 999, (2, 3, 4, 5)).astype(np.uint16)
    words = {"axes": "ZCYX", "spacing": 2.0, "unit": "um", "finterval": 0.5}
    tifffile.imwrite(tmp_path / "x.tif", x, imagej=True, resolution=(10, 20), metadata=words)
    apply(tmp_path / "x.tif", "box:1x1", tmp_path / "y.tif")
    with tifffile.TiffFile(tmp_path / "y.tif") as file:
        assert file.series[0].axes == "ZCYX"
        assert {key: file.imagej_metadata[key] for key in ("spacing", "unit", "finterval")} == {
            key: words[key] for key in ("spacing", "unit", "finterval")
        }
        assert [file.pages[0].tags[tag].value for tag in ("XResolution", "YResolution")] == [(10, 1), (20, 1)]
        np.testing.assert_array_equal(file.asarray(), x)
    assert "left out" in apply(tmp_path / "x.tif", "box:1x1", tmp_path / "y.npy").stderr


def test_ome_is_kept_with_the_new_sizes(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    x = RNG.integers(0, 999, (2, 3, 6, 5)).astype(np.uint16)
    words = {"axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "Channel": {"Name": ["a", "b", "c"]}}
    tifffile.imwrite(tmp_path / "x.tif", x, ome=True, photometric="minisblack", metadata=words)
    apply(tmp_path / "x.tif", "box:3x3", tmp_path / "y.tif", "-m", "valid")
    with tifffile.TiffFile(tmp_path / "y.tif") as file:
        assert (file.series[0].axes, file.series[0].shape) == ("ZCYX", (2, 3, 4, 3))
        assert 'PhysicalSizeX="0.1"' in file.ome_metadata
        assert 'Name="b"' in file.ome_metadata


def test_other_tags_are_kept(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    scale, place, nodata = (2.0, 2.0, 0.0), (0.0, 0.0, 0.0, 10.0, 20.0, 0.0), "-9999"
    tags = [(33550, "d", 3, scale, True), (33922, "d", 6, place, True), (42113, "s", 0, nodata, True)]
    x = RNG.random((6, 5)).astype(np.float32)
    tifffile.imwrite(
        tmp_path / "x.tif", x, extratags=tags, description="a map", software="a scanner", iccprofile=b"profile",
        metadata=None, resolution=(72, 72), resolutionunit=2,
    )  # fmt: skip
    apply(tmp_path / "x.tif", "box:1x1", tmp_path / "y.tif")
    with tifffile.TiffFile(tmp_path / "y.tif") as file:
        tags = file.pages[0].tags
        assert (tags[33550].value, tags[33922].value, tags[42113].value) == (scale, place, nodata)
        assert (tags[270].value, tags[305].value, bytes(tags[34675].value)) == ("a map", "a scanner", b"profile")
        assert tags["XResolution"].value == (72, 1)
    apply(tmp_path / "x.tif", "box:3x3", tmp_path / "z.tif", "-m", "valid")
    with tifffile.TiffFile(tmp_path / "z.tif") as file:
        assert 33922 not in file.pages[0].tags  # it names the first pixel, which is gone
        assert 42113 in file.pages[0].tags


def test_cut_and_swollen_tiffs(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, RNG.integers(0, 255, (64, 64)).astype(np.uint8), compression="zlib")
    (tmp_path / "x.tif").write_bytes(stream.getvalue()[:-500])
    refuse(tmp_path / "x.tif", "x.tif: ", kernel="box:3x3")
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((8, 8), np.uint8))
    data = bytearray(stream.getvalue())
    place = data.index(struct.pack("<HHII", 257, 4, 1, 8))
    data[place : place + 12] = struct.pack("<HHII", 257, 4, 1, 2**31)
    (tmp_path / "x.tif").write_bytes(data)
    refuse(tmp_path / "x.tif", "x.tif: ", kernel="box:3x3")


# ------------------------------------------------------------------------------ PNG and JPEG


def png(width: int, height: int, depth: int, color: int, raw: bytes) -> bytes:
    def chunk(tag: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def test_swollen_pngs_are_refused_before_memory_is_filled(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    (tmp_path / "x.png").write_bytes(png(2**31 - 1, 2**31 - 1, 8, 0, b"\0" * 99))
    refuse(tmp_path / "x.png", "x.png: its header promises", kernel="box:3x3")


def test_half_a_jpeg(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    whole = encode(Content(RNG.integers(0, 255, (64, 64, 3), dtype=np.uint8), "image"), ".jpg")
    for cut in (len(whole) // 2, len(whole) - 2, len(whole) - 1):
        (tmp_path / "x.jpg").write_bytes(whole[:cut])
        refuse(tmp_path / "x.jpg", "x.jpg: the JPEG is cut off", kernel="box:1x1")


# ---------------------------------------------------------------------------------- sound

PCM = np.array([0, 100, -200, 300, -400, 500], "<i2")


def fmt(channels: int, rate: int, bits: int, tag: int = 1) -> bytes:
    return struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)


def wav(head: bytes, data: bytes, *, before: bytes = b"", after: bytes = b"", size: int | None = None) -> bytes:
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(head)) + head
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


INFO = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A title\0") + chunk(b"IART", b"Somebody\0"))
CUE = chunk(b"cue ", struct.pack("<I", 1) + struct.pack("<II4sIII", 1, 2, b"data", 0, 0, 2))
BEXT = chunk(b"bext", b"described".ljust(602, b"\0"))


def test_wav_keeps_its_chunks(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    source = wav(fmt(1, 8000, 16), PCM.tobytes(), before=BEXT, after=INFO + CUE)
    (tmp_path / "x.wav").write_bytes(source)
    assert "left out" not in apply(tmp_path / "x.wav", "1", tmp_path / "y.wav").stderr
    back = (tmp_path / "y.wav").read_bytes()
    assert all(piece in back for piece in (INFO, CUE, BEXT))
    with soundfile.SoundFile(tmp_path / "y.wav") as file:
        assert (file.title, file.artist) == ("A title", "Somebody")
        np.testing.assert_array_equal(file.read(dtype="int16"), PCM)
    assert "cue points" in apply(tmp_path / "x.wav", "1", tmp_path / "y.flac").stderr
    with soundfile.SoundFile(tmp_path / "y.flac") as file:
        assert (file.title, file.artist) == ("A title", "Somebody")
    apply(tmp_path / "y.flac", "1", tmp_path / "z.flac")
    with soundfile.SoundFile(tmp_path / "z.flac") as file:
        assert file.title == "A title"
        np.testing.assert_array_equal(file.read(dtype="int16"), PCM)


@pytest.mark.parametrize("speakers", [0x3F, 0x60F, 0])
def test_speakers_keep_their_places(tmp_path: Path, speakers: int) -> None:
    soundfile = pytest.importorskip("soundfile")
    guid = struct.pack("<HHHH8s", 1, 0, 0, 0x10, b"\x80\0\0\xaa\0\x38\x9b\x71")
    head = fmt(6, 8000, 16, 0xFFFE) + struct.pack("<HHI", 22, 16, speakers) + guid
    (tmp_path / "x.wav").write_bytes(wav(head, np.repeat(PCM, 6).tobytes()))
    apply(tmp_path / "x.wav", "1", tmp_path / "y.wav")
    back = (tmp_path / "y.wav").read_bytes()
    place = back.index(b"fmt ") + 8
    assert back[place : place + 2] == b"\xfe\xff"
    assert struct.unpack_from("<I", back, place + 20)[0] == speakers
    assert soundfile.read(tmp_path / "y.wav", dtype="int16")[0].tolist() == np.repeat(PCM, 6).reshape(6, 6).tolist()


def test_cut_sounds(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    whole = wav(fmt(1, 8000, 16), PCM.tobytes())
    (tmp_path / "x.wav").write_bytes(whole[:-5])
    refuse(tmp_path / "x.wav", "cut off: 7 of 12 bytes")
    (tmp_path / "x.wav").write_bytes(wav(fmt(1, 8000, 16), PCM.tobytes(), size=0))
    refuse(tmp_path / "x.wav", "never finished")
    (tmp_path / "x.wav").write_bytes(b"")
    refuse(tmp_path / "x.wav", "it is empty")
    (tmp_path / "x.wav").write_bytes(wav(fmt(1, 8000, 16), PCM.tobytes(), size=0xFFFFFFFF))  # of a pipe
    apply(tmp_path / "x.wav", "1", tmp_path / "y.wav")
    assert len(read(str(tmp_path / "y.wav")).array) == 6


def test_rare_sounds(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "x.wav", np.zeros(4000, np.int16), 8000, format="WAV", subtype="GSM610")
    apply(tmp_path / "x.wav", "1", tmp_path / "y.wav")
    assert soundfile.info(tmp_path / "y.wav").subtype == "GSM610"
    soundfile.write(tmp_path / "x.wav", np.zeros((20, 9), np.int16), 8000)
    result = apply(tmp_path / "x.wav", "1", tmp_path / "y.flac", code=6)
    assert "cannot hold 9 channels" in result.stderr
    assert "9 channels" in result.stderr


def test_advice_helps(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    (tmp_path / "x.wav").write_bytes(wav(fmt(1, 8000, 16), PCM.tobytes()))
    (tmp_path / "k.csv").write_text("nan,1\n")
    result = apply(tmp_path / "x.wav", f"@{tmp_path / 'k.csv'}", tmp_path / "y.wav", code=4)
    assert "--range clip" not in result.stderr
    assert "-o OUT.npy keeps them" in result.stderr


# --------------------------------------------------------------------------------- tables

TABLES: dict[str, tuple[str, Any, str]] = {
    "semicolons": ("1;2;3\n4;5;6\n", [[1, 2, 3], [4, 5, 6]], "1;2;3\n4;5;6\n"),
    "decimal commas": ("1,5;2,5\n3,5;4\n", [[1.5, 2.5], [3.5, 4]], "1,5;2,5\n3,5;4,0\n"),
    "headings": ("a,b\n1,2\n3,4\n", [[1, 2], [3, 4]], "a,b\n1,2\n3,4\n"),
    "a heading": ("rate\n1\n2\n", [1, 2], "rate\n1\n2\n"),
    "quoted headings": ('"a\nb","c,d"\n1,2\n', [1, 2], '"a\nb","c,d"\n1,2\n'),
    "quotes": ('"1","2.5"\n', [1, 2.5], "1.0,2.5\n"),
    "blank lines at the ends": ("\n1\n2\n\n\n", [1, 2], "1\n2\n"),
    "carriage returns": ("1,2\r\n3,4\r\n", [[1, 2], [3, 4]], "1,2\n3,4\n"),
    "nan": ("1,nan,3\n", [1, np.nan, 3], "1.0,nan,3.0\n"),
}


@pytest.mark.parametrize("name", list(TABLES))
def test_tables_are_read_as_they_are_meant(name: str) -> None:
    text, numbers, written = TABLES[name]
    content = decode(text.encode(), ".csv")
    np.testing.assert_array_equal(content.array, numbers)
    assert encode(content, ".csv").decode() == written


BROKEN: dict[str, tuple[str, str]] = {
    "a blank line between": ("1\n2\n\n4\n5\n", "row 3 is blank"),
    "an empty cell": ("1,,3\n", "row 1, column 2 is empty"),
    "an empty cell behind": ("1,2\n3,\n", "row 2, column 2 is empty"),
    "a word": ("1,2\n3,x\n", "row 2, column 2: 'x' is not a number"),
    "a line break in a cell": ('1,"2\n3"\n', r"row 1, column 2: '2\n3' is not a number"),
    "a quote that never ends": ('1,"2\n3\n', "row 2: "),
    "two headings": ("a\nb\n1\n", "row 2, column 1: 'b'"),
    "tabs": ("1\t2\n3\t4\n", "separated by tabs"),
    "spaces": ("1 2\n3 4\n", "separated by spaces"),
    "points and commas": ("1.234,5;2\n", "row 1, column 1: '1.234,5'"),
    "ragged": ("1,2\n3\n", "row 2 has 1 numbers, row 1 has 2"),
    "too many headings": ("a,b,c\n1,2\n", "row 1 has 3 headings"),
    "beyond float64": ("1,1e400\n", "row 1, column 2: '1e400' is beyond"),
    "a cell of a megabyte": ("1," + "9" * 10**6, "row 1"),
    "only headings": ("a,b\n", "row 1, column 1: 'a' is not a number"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_tables_name_row_and_column(tmp_path: Path, name: str) -> None:
    text, words = BROKEN[name]
    (tmp_path / "x.csv").write_text(text)
    refuse(tmp_path / "x.csv", f"x.csv: {words}" if words.startswith("row") else words)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int8", "uint16", "int64"])
def test_npy_keeps_its_dtype(tmp_path: Path, dtype: str) -> None:
    x = (RNG.random(9) * 20).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    whole = np.dtype(dtype).kind in "iu"
    apply(tmp_path / "x.npy", "1,1" if whole else "0.5,0.5", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, fs.convolve(x, [1, 1] if whole else [0.5, 0.5], "same").astype(dtype))
    if whole:
        apply(tmp_path / "x.npy", "0.5,0.5", tmp_path / "y.npy")
        assert np.load(tmp_path / "y.npy").dtype == np.float64
    if dtype == "int8":
        result = apply(tmp_path / "x.npy", "100,100", tmp_path / "z.npy", code=4)
        assert "lie outside -128 … 127" in result.stderr


@pytest.mark.parametrize("shape", [(10**12,), (2**40, 2**40), (3,)])
def test_npy_headers_that_promise_too_much(tmp_path: Path, shape: tuple[int, ...]) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    (tmp_path / "x.npy").write_bytes(stream.getvalue() + bytes(16))
    refuse(tmp_path / "x.npy", "the array is cut off: 16 of")


def test_npy_headers_that_never_end(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00\xff\xff{'descr': " + b"(" * 60000)
    refuse(tmp_path / "x.npy", "x.npy: ")


# -------------------------------------------------------------------------------- damage


def _tiff() -> bytes:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, RNG.integers(0, 99, (2, 3, 9, 8)).astype(np.uint16), imagej=True, metadata={"axes": "ZCYX"}
    )
    return stream.getvalue()


WHOLE: dict[str, Callable[[], bytes]] = {
    ".png": lambda: encode(Content(RNG.integers(0, 255, (9, 8, 4), dtype=np.uint8), "image"), ".png"),
    ".jpg": lambda: encode(Content(RNG.integers(0, 255, (9, 8, 3), dtype=np.uint8), "image"), ".jpg"),
    ".tif": _tiff,
    ".wav": lambda: wav(fmt(2, 8000, 16), np.repeat(PCM, 2).tobytes(), after=INFO + CUE),
    ".flac": lambda: encode(Content(np.zeros((99, 2)), "audio", {"rate": 8000, "subtype": "PCM_16"}), ".flac"),
    ".npy": lambda: encode(Content(RNG.random((4, 5)), "table"), ".npy"),
    ".csv": lambda: b'a,b,c\n1,2.5,3\n4,"5",6\n',
}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Flipped, cut, swollen, longer or shorter."""
    piece, place = bytearray(data), dice.randrange(len(data))
    kind = dice.randrange(5)
    if kind == 0:
        for _ in range(dice.choice((1, 2, 5, 20))):
            piece[dice.randrange(len(piece))] = dice.randrange(256)
    elif kind == 1:
        del piece[place:]
    elif kind == 2:
        number = dice.choice((0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 65535, 10**9))
        piece[place % 200 : place % 200 + 4] = struct.pack(dice.choice("<>") + "I", number)
    elif kind == 3:
        piece[place:place] = dice.randbytes(dice.randrange(1, 60))
    else:
        del piece[place : place + dice.randrange(1, 60)]
    return bytes(piece)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("extension", list(WHOLE))
def test_damaged_files_are_results_or_errors(tmp_path: Path, extension: str) -> None:
    for package in {".png": ["imagecodecs"], ".jpg": ["imagecodecs"], ".wav": ["soundfile"]}.get(extension, []):
        pytest.importorskip(package)
    whole, dice = WHOLE[extension](), random.Random(7)
    source, target = tmp_path / f"x{extension}", tmp_path / f"y{extension}"
    kernel = "box:3x3" if extension in (".png", ".jpg", ".tif") else "1,1"
    for number in range(60):
        source.write_bytes(damaged(whole, dice) if number else whole)
        words = ["apply", str(source), "-k", kernel, "-o", str(target), "--range", "clip", "-f"]
        result = CliRunner().invoke(main, words)
        assert isinstance(result.exception, SystemExit | None), repr(result.exception)
        assert result.exit_code in ({0} if not number else {0, 3, 4, 5, 6}), result.stderr
        assert result.exit_code == 0 or "Error: " in result.stderr
        assert target.exists() == (result.exit_code == 0)
        target.unlink(missing_ok=True)
        assert os.listdir(tmp_path) == [source.name]


# ------------------------------------------------------------------------------- writing


def test_private_inputs_give_private_outputs(tmp_path: Path) -> None:
    source, target = tmp_path / "x.csv", tmp_path / "y.csv"
    source.write_text("1,2\n")
    source.chmod(0o600)
    apply(source, "1", target)
    assert target.stat().st_mode & 0o777 == 0o600
    source.chmod(0o644)
    target.unlink()
    mask = os.umask(0o022)
    try:
        apply(source, "1", target)
    finally:
        os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o644
    target.chmod(0o640)  # one that exists keeps its own
    apply(source, "1", target)
    assert target.stat().st_mode & 0o777 == 0o640


def test_long_names_and_unwritable_places(tmp_path: Path) -> None:
    source = tmp_path / "x.csv"
    source.write_text("1,2\n")
    apply(source, "1", tmp_path / ("y" * 251 + ".csv"))
    assert "too long" in apply(source, "1", tmp_path / ("y" * 252 + ".csv"), code=6).stderr
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in apply(source, "1", tmp_path / "folder.csv", code=6).stderr
    assert "there is no folder" in apply(source, "1", tmp_path / "no" / "y.csv", code=6).stderr


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write(str(tmp_path / "y.csv"), b"1")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
@pytest.mark.parametrize(("words", "code"), [(">/dev/full", 6), (">&-", 6), ("<&-", 0), ("2>&-", 0)])
def test_streams_that_are_full_or_closed(tmp_path: Path, words: str, code: int) -> None:
    (tmp_path / "x.csv").write_text("1,2\n")
    line = f"{sys.executable} -m flipslide apply {tmp_path}/x.csv -k 1 {words}"
    done = subprocess.run(line, shell=True, capture_output=True, check=False)
    assert done.returncode == code, done
    assert b"Traceback" not in done.stderr
