"""`flipslide stream` and the bytes it reads and writes: the same for every way of cutting, at once, in every form."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

import flipslide as fs
from flipslide.cli import main
from flipslide.cli import stream as command
from flipslide.io import ReadError, pcm

RNG = np.random.default_rng(7)


def call(*args: str, stdin: bytes = b"", code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["stream", *args], input=stdin)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def steps(layout: pcm.Layout, shape: tuple[int, ...]) -> np.ndarray:
    """Samples that the layout holds exactly."""
    whole = RNG.integers(-128, 128, shape) / 128
    return whole.astype(np.float64) if layout.bits == 8 else whole / 4


def wav_of(x: np.ndarray, subtype: str, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, x, rate, subtype, format="WAV")
    return file.getvalue()


def read_wav(data: bytes) -> np.ndarray:
    x: np.ndarray = soundfile.read(io.BytesIO(data), always_2d=True)[0]
    return x


# --------------------------------------------------------------------------------- bytes


def test_the_command_names_every_form() -> None:
    assert set(command.RAW_NAMES) == set(pcm.RAW)


@pytest.mark.parametrize("name", pcm.RAW)
def test_samples_come_back_from_bytes(name: str) -> None:
    layout = pcm.RAW[name]
    x = steps(layout, (50, 3))
    data = pcm.pack(x, layout)
    assert len(data) == x.size * layout.size
    np.testing.assert_array_equal(pcm.unpack(data, layout, 3), x)


@pytest.mark.parametrize("subtype", pcm.BY_SUBTYPE)
@pytest.mark.parametrize("speakers", [None, 7])
@pytest.mark.parametrize("is_known", [True, False])
def test_wavs_are_those_of_libsndfile(subtype: str, speakers: int | None, is_known: bool) -> None:
    layout = pcm.BY_SUBTYPE[subtype]
    x = steps(layout, (101, 3))
    wav = pcm.Wav(layout, 44100, 3, 101 if is_known else None, speakers)
    file = io.BytesIO()
    file.write(pcm.wav_head(wav) + pcm.pack(x, layout))
    if is_known:
        file.write(bytes(x.size * layout.size % 2))
    else:
        pcm.wav_end(file, wav, 101)
    np.testing.assert_array_equal(read_wav(file.getvalue()), x)
    assert pcm.read_head(io.BytesIO(file.getvalue())) == wav._replace(frames=101)
    theirs = io.BytesIO(wav_of(x, subtype, 44100))
    assert pcm.read_head(theirs) == wav._replace(frames=101, speakers=None)
    np.testing.assert_array_equal(pcm.unpack(theirs.read()[: x.size * layout.size], layout, 3), x)


def test_sizes_beyond_32_bits() -> None:
    wav = pcm.Wav(pcm.RAW["f64le"], 96000, 8, 10**9, None)
    head = pcm.wav_head(wav)
    assert head.startswith(b"RF64")
    assert pcm.read_head(io.BytesIO(head)) == wav
    late = io.BytesIO(pcm.wav_head(wav._replace(frames=None)))
    late.seek(0, io.SEEK_END)
    pcm.wav_end(late, wav, 10**9)
    late.seek(0)
    assert pcm.read_head(late) == wav


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "cut off"),
        (b"fLaC" + bytes(40), "no WAV"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "fmt"),
        (wav_of(np.zeros((4, 1)), "ULAW"), "cannot be streamed"),
    ],
)
def test_heads_that_cannot_be_read(data: bytes, words: str) -> None:
    with pytest.raises(ReadError, match=words):
        pcm.read_head(io.BytesIO(data))
    assert words in call("-k", "1,2", stdin=data, code=3).stderr


# ------------------------------------------------------------------------------- the sum


@pytest.mark.parametrize("name", ["s16be", "s24le", "f32le", "f64be"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_stream_is_the_convolution(name: str, channels: int) -> None:
    layout = pcm.RAW[name]
    x = steps(layout, (300, channels))
    out = call("-k", "0.5,0.25,-0.125", "--raw", name, "-c", str(channels), stdin=pcm.pack(x, layout)).stdout_bytes
    want = fs.convolve(x, [0.5, 0.25, -0.125], axes=0)
    np.testing.assert_array_equal(pcm.unpack(out, layout, channels), want)


class Dribble(io.BytesIO):
    """A pipe that hands over what it likes."""

    def read1(self, n: int | None = -1, /) -> bytes:
        return super().read1(min(n or 1, int(RNG.integers(1, 40))))


def test_every_way_of_cutting_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, taps = RNG.uniform(-0.2, 0.2, (3000, 2)), RNG.uniform(-1, 1, (700, 2)) / 20
    np.savetxt(tmp_path / "a.csv", taps, delimiter=",")
    np.savetxt(tmp_path / "b.csv", taps[300:], delimiter=",")
    data = wav_of(x, "PCM_16")
    args = ["-k", f"@{tmp_path}/a.csv", "--swap", "0.1", f"@{tmp_path}/b.csv", "--swap", "0.11", "1", "--fade", "0.03"]
    whole = call(*args, "--chunk", "100000", stdin=data).stdout_bytes
    assert read_wav(whole).shape == (3699, 2)
    for chunk in ("1", "7", "64", "1023"):
        assert call(*args, "--chunk", chunk, stdin=data).stdout_bytes == whole
    source = Dribble(data)
    wav = pcm.read_head(source)
    pieces = list(command._pieces(source, wav, 64))
    assert len({len(piece) for piece in pieces}) > 3
    np.testing.assert_array_equal(np.concatenate(pieces), read_wav(data))


def test_a_swap_fades_between_two_convolutions(tmp_path: Path) -> None:
    x = RNG.uniform(-1, 1, (500, 1))
    call("-k", "1,2", "--swap", "0.2", "3,0,5", "--fade", "0.05", "-r", "1000", "--raw", "f64le",
         "-o", f"{tmp_path}/y", stdin=x.tobytes())  # fmt: skip
    y = np.frombuffer((tmp_path / "y").read_bytes())
    old, new = (fs.convolve(x[:, 0], taps) for taps in ([1.0, 2, 0], [3.0, 0, 5]))
    a = np.clip((np.arange(502) - 199) / 50, 0, 1)
    np.testing.assert_allclose(y, (1 - a) * old + a * new, atol=1e-12)


def test_gain_mix_latency_and_tail(tmp_path: Path) -> None:
    x = RNG.uniform(-0.1, 0.1, (400, 1))
    args = ["-k", "1,2,3", "--gain", "6.0205999132796239", "--mix", "0.25", "--raw", "f64le"]
    y = np.frombuffer(call(*args, stdin=x.tobytes()).stdout_bytes)
    want = 2 * (0.25 * fs.convolve(x[:, 0], [1, 2, 3]) + 0.75 * np.append(x[:, 0], [0, 0]))
    np.testing.assert_allclose(y, want, rtol=1e-12, atol=1e-15)
    late = np.frombuffer(call(*args, "--latency", "50", stdin=x.tobytes()).stdout_bytes)
    np.testing.assert_allclose(late, np.append(np.zeros(50), want), rtol=1e-12, atol=1e-15)
    short = np.frombuffer(call(*args, "--no-tail", stdin=x.tobytes()).stdout_bytes)
    np.testing.assert_array_equal(short, y[:400])


def test_one_voice_through_a_hall_of_two(tmp_path: Path) -> None:
    x = RNG.uniform(-0.1, 0.1, (100, 1))
    (tmp_path / "hall.csv").write_text("1,2\n3,4\n")
    y = read_wav(call("-k", f"@{tmp_path}/hall.csv", "--bits", "float", stdin=wav_of(x, "DOUBLE")).stdout_bytes)
    want = np.stack([np.convolve(x[:, 0], taps) for taps in ([1, 3], [2, 4])], axis=1)
    np.testing.assert_allclose(y, want.astype(np.float32), atol=1e-7)
    assert "one column" in call("-k", f"@{tmp_path}/hall.csv", stdin=wav_of(np.zeros((9, 3)), "PCM_16"), code=4).stderr


# ---------------------------------------------------------------------------------- faults


def test_names_know_the_rate() -> None:
    x = RNG.uniform(-0.5, 0.5, (600, 1))
    y = read_wav(call("-k", "lowpass:1000,taps=31", stdin=wav_of(x, "DOUBLE")).stdout_bytes)
    np.testing.assert_allclose(y[:, 0], np.convolve(x[:, 0], fs.taps.lowpass(1000, rate=8000, taps=31)), atol=1e-12)


def test_loud_results_are_clipped_aloud_or_refused(tmp_path: Path) -> None:
    data = wav_of(np.full((100, 1), 0.5), "PCM_16")
    clipped = call("-k", "4", stdin=data)
    assert "100 of 100 samples exceed full scale (peak 2" in clipped.stderr
    assert read_wav(clipped.stdout_bytes).max() == 1 - 2.0**-15
    assert "exceed" in call("-k", "4", "--range", "error", "-o", f"{tmp_path}/y.wav", stdin=data, code=4).stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut, words", [(3, "within a sample"), (400, "promises")])
def test_what_breaks_off_is_heard_and_reported(tmp_path: Path, cut: int, words: str) -> None:
    x = RNG.uniform(-0.1, 0.1, (500, 2))
    if words == "promises":
        args, data, head = [], wav_of(x, "PCM_16")[:-cut], 44
    else:
        args, data, head = ["--raw", "s16le", "-c", "2"], pcm.pack(np.round(x * 128) / 128, pcm.RAW["s16le"])[:-cut], 0
    heard = call("-k", "1,0", *args, stdin=data, code=3)
    assert words in heard.stderr
    assert heard.stdout_bytes[head : head + len(data) - head - 4] == data[head:-4]
    call("-k", "1,0", *args, "-o", f"{tmp_path}/y.wav", stdin=data, code=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "args, code, words",
    [
        (["-r", "8000"], 2, "--raw"),
        (["--raw", "s16le", "--swap", "1", "2"], 2, "--rate"),
        (["--swap", "-1", "2"], 2, "no time"),
        (["/no/such/file.wav"], 3, "/no/such/file.wav"),
        (["-", "--swap", "1", "-"], 2, "both"),
    ],
)
def test_what_cannot_be_is_said(args: list[str], code: int, words: str) -> None:
    assert words in call(*args, "-k", "1", stdin=wav_of(np.zeros((9, 1)), "PCM_16"), code=code).stderr


def test_samples_go_out_before_more_come_in() -> None:
    args = [sys.executable, "-m", "flipslide", "stream", "-q", "-k", "0.5,0.5", "--raw", "s16le"]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for start in range(0, 4000, 1000):
            x = np.arange(start, start + 1000, dtype="<i2") * 2
            process.stdin.write(x.tobytes())
            process.stdin.flush()
            y = np.frombuffer(process.stdout.read(2000), "<i2")  # hangs where a sample is held back
            np.testing.assert_array_equal(y[1:], (x[1:] + x[:-1]) // 2)
        process.stdin.close()
        assert len(process.stdout.read()) == 2
    assert process.returncode == 0
