"""`flipslide stream`: convolve sound while it comes in, and hand it on at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from .level import SUBTYPES, times_of
from .streams import check_output, note, read_taps, warn

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io.audio import Quantizer
    from flipslide.io.pcm import Layout, Wav

__all__ = ["command"]

RAW_NAMES = ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be")


class Seconds(click.ParamType[float]):
    """A time of at least 0: 2.5, or 1:30."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = sum(float(part) * 60.0**i for i, part in enumerate(reversed(str(value).split(":"))))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            self.fail(f"{value!r} is no time; write seconds, 2.5, or minutes and seconds, 1:30", param, ctx)
        return float(seconds)


@click.command("stream", short_help="Convolve sound while it comes in.")
@click.argument("file", default="-")
@click.option("-k", "--kernel", required=True, help="1,-1,2 or lowpass:4000 or @FILE.")
@click.option("-o", "--output", default="-", help="A file, or - for stdout.  [default: -]")
@click.option("--raw", type=click.Choice(RAW_NAMES), help="FILE is bare samples of this form, and so is the result.")
@click.option("-r", "--rate", type=click.IntRange(min=1), help="Of bare samples, for times and for names of kernels.")
@click.option("-c", "--channels", type=click.IntRange(min=1), help="Of bare samples.  [default: 1]")
@click.option("--chunk", type=click.IntRange(min=1), default=1024, show_default=True, help="At most so many at once.")
@click.option("--latency", type=click.IntRange(min=0), default=0, help="Samples of delay, for less work.  [default: 0]")
@click.option("--gain", type=float, default=0.0, help="Louder by so many dB; -6 halves.")
@click.option("--mix", type=click.FloatRange(0, 1), default=1.0, help="Share of the result; the rest is as it came.")
@click.option("--swap", "swaps", type=(Seconds(), str), multiple=True, metavar="TIME KERNEL",
              help="Go on with another kernel from there; may be repeated.")  # fmt: skip
@click.option("--fade", type=Seconds(), default=0.02, show_default=True, help="How long a swap takes.")
@click.option("--bits", type=click.Choice([*SUBTYPES]), help="Depth of the samples.  [default: as FILE]")
@click.option("--range", "policy", type=click.Choice(["clip", "error"]), default="clip", show_default=True,
              help="For results beyond full scale.")  # fmt: skip
@click.option("--no-tail", is_flag=True, help="End with the last sample that comes in.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="No notes; warnings stay.")
def command(
    file: str, kernel: str, output: str, raw: str | None, rate: int | None, channels: int | None, chunk: int,
    latency: int, gain: float, mix: float, swaps: tuple[tuple[float, str], ...], fade: float, bits: str | None,
    policy: str, no_tail: bool, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Convolve a WAV, or bare samples, piece by piece as they come in; each piece goes out at once.

    Channels are convolved each by itself; a kernel with several columns has one for each, or
    makes several of one. The result is the same for every way the pieces come. When no more
    come, what still rings follows. Memory does not grow, however long it goes on.

    \b
    flac -dcs long.flac | flipslide stream -k @hall.wav --mix 0.3 | flac -s -o wet.flac -
    arecord -f S16_LE -r 48000 -c 2 -t raw | flipslide stream -k lowpass:4000 \\
        --raw s16le -r 48000 -c 2 | aplay -f S16_LE -r 48000 -c 2 -t raw
    flipslide stream song.wav -k @room.wav --swap 1:30 @hall.wav --fade 2 -o song-wet.wav
    """
    if file == "-" and "-" in (kernel.strip(), *(text.strip() for _, text in swaps)):
        raise click.UsageError("FILE and the kernel cannot both come from stdin")
    if raw is None and (rate or channels):
        raise click.UsageError("a WAV says its rate and channels itself; --rate and --channels go with --raw")
    if swaps and raw and not rate:
        raise click.UsageError("--swap takes a time; say the --rate of the samples")
    check_output(output, is_text=False, force=force)
    with _open(file) as source:
        wav = _read_wav(source, raw, rate, channels)
        stages = _read_stages(wav, kernel, swaps)
        job = _Job(stages, times_of(gain), mix, latency, chunk, round(fade * wav.rate), not no_tail)
        target = _target(wav, job, SUBTYPES.get(bits or ""))
        with _open_sink(output, target, policy, is_bare=raw is not None, force=force, like=file) as sink:
            _run(source, wav, job, sink)
        note(f"{sink.frames} samples of {target.channels} channels, {target.layout.subtype}", quiet)
    lost = sink.lost()
    if lost:
        warn(f"{lost}; --gain makes it less loud, --range error refuses them")


class _Job(NamedTuple):
    """The taps with the sample that each takes over at, and how they are run."""

    stages: list[tuple[int, Array]]
    gain: float
    mix: float
    latency: int
    chunk: int
    fade: int
    rings: bool

    @property
    def n_taps(self) -> int:
        return max(len(taps) for _, taps in self.stages)

    @property
    def columns(self) -> int:
        return int(self.stages[0][1].shape[1])

    def length(self, frames: int) -> int:
        """Of the result."""
        return frames + (self.latency + self.n_taps - 1 if self.rings and frames else 0)


# --------------------------------------------------------------------------------- reading


@contextmanager
def _open(file: str) -> Iterator[BinaryIO]:
    from flipslide.io import ReadError

    if file == "-":
        if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
            raise ReadError("- reads from a pipe, and nothing is piped in; try: flipslide stream - < FILE")
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            source = stack.enter_context(open(file, "rb"))
        except OSError as error:
            raise ReadError(f"{file}: {error.strerror or error}") from None
        yield source


def _read_wav(source: BinaryIO, raw: str | None, rate: int | None, channels: int | None) -> Wav:
    from flipslide.io.pcm import RAW, Wav, read_head

    if raw is None:
        return read_head(source)
    return Wav(RAW[raw], rate or 1, channels or 1, None, None)


def _read_stages(wav: Wav, kernel: str, swaps: tuple[tuple[float, str], ...]) -> list[tuple[int, Array]]:
    """The kernels as columns, in the order of their times, all as many as the longest has."""
    import numpy as np

    from flipslide.errors import ParameterError, ShapeError

    named = [(0.0, kernel), *sorted(swaps, key=lambda swap: swap[0])]
    stages = []
    for seconds, text in named:
        taps, about = read_taps(text, rate=wav.rate if wav.rate > 1 else None, ndim=1)
        if about.get("rate") not in (None, wav.rate) and wav.rate > 1:
            raise ParameterError(f"the sound has {wav.rate} samples a second, the kernel {about['rate']}; resample one")
        columns = taps[:, None] if taps.ndim == 1 else taps
        fits = columns.ndim == 2 and columns.dtype.kind in "biuf" and len(columns)
        if not fits or (columns.shape[1] != 1 and wav.channels not in (1, columns.shape[1])):
            raise ShapeError(f"a kernel for {wav.channels} channels has one column, or one for each; this one has "
                             f"shape {taps.shape}")  # fmt: skip
        stages.append((round(seconds * wav.rate), columns.astype(np.float64)))
    widths = {taps.shape[1] for _, taps in stages} - {1}
    if len(widths) > 1:
        raise ShapeError(f"all kernels of a stream have as many columns; these have {sorted(widths)}")
    longest, width = max(len(taps) for _, taps in stages), max([1, *widths])
    return [(at, _padded(taps, longest, width)) for at, taps in stages]


def _padded(taps: Array, n: int, width: int) -> Array:
    import numpy as np

    whole = np.zeros((n, width))
    whole[: len(taps)] = taps
    return whole


def _pieces(source: BinaryIO, wav: Wav, chunk: int) -> Iterator[Array]:
    """What has come, in whole samples, as soon as it has come."""
    from flipslide.io import ReadError
    from flipslide.io.pcm import unpack

    frame = wav.channels * wav.layout.size
    left = None if wav.frames is None else wav.frames * frame
    read = getattr(source, "read1", source.read)
    held = b""
    while left is None or left > 0:
        most = chunk * frame - len(held)
        data = read(most if left is None else min(most, left))
        if not data:
            break
        left = None if left is None else left - len(data)
        held += data
        whole = len(held) // frame * frame
        if whole:
            yield unpack(held[:whole], wav.layout, wav.channels)
            held = held[whole:]
    if left:
        raise ReadError(f"the sound is cut off: {left // frame} samples that its head promises are missing")
    if held:
        raise ReadError(f"the sound ends within a sample: {len(held)} bytes are left of {frame}")


# --------------------------------------------------------------------------------- running


def _run(source: BinaryIO, wav: Wav, job: _Job, sink: _Sink) -> None:
    """Every piece through the stream. An input that breaks off is heard to its end, and then an error."""
    from flipslide.io import ReadError
    from flipslide.stream import Stream

    (_, first), *swaps = job.stages
    stream = Stream(_blended(first, job), channels=wav.channels, axis=0, block=job.chunk, latency=job.latency)
    fault = None
    try:
        for x in _pieces(source, wav, job.chunk):
            for piece in _cut(x, stream, swaps, job):
                sink.write(stream(piece))
    except ReadError as error:
        fault = error
    if job.rings:
        sink.write(stream.tail())
    if fault:
        raise fault


def _blended(taps: Array, job: _Job) -> Array:
    """gain·(mix·w + (1 − mix)·δ): what is mixed in comes as late as the result."""
    blended = job.gain * job.mix * taps
    blended[0] += job.gain * (1 - job.mix)
    return blended


def _cut(x: Array, stream: Any, swaps: list[tuple[int, Array]], job: _Job) -> Iterator[Array]:
    """x in pieces that end where other taps take over, whatever pieces it came in."""
    at, start = stream.position, 0
    while swaps and swaps[0][0] < at + len(x):
        place, taps = swaps.pop(0)
        end = max(start, place - at)
        if end > start:
            yield x[start:end]
        # Two swaps within one fade: the first is heard in full as soon as the second begins.
        fade = min([job.fade, *(later - place for later, _ in swaps[:1])]) if stream.position else 0
        stream.swap(_blended(taps, job), fade=fade)
        start = end
    if len(x) > start:
        yield x[start:]


# --------------------------------------------------------------------------------- writing


def _target(wav: Wav, job: _Job, subtype: str | None) -> Wav:
    """What comes out."""
    from flipslide.io.pcm import BY_SUBTYPE

    channels = max(wav.channels, job.columns)
    layout: Layout = BY_SUBTYPE[subtype] if subtype else wav.layout
    layout = layout._replace(end=wav.layout.end)
    frames = None if wav.frames is None else job.length(wav.frames)
    speakers = wav.speakers if channels == wav.channels else None
    return wav._replace(layout=layout, channels=channels, frames=frames, speakers=speakers)


@contextmanager
def _open_sink(path: str, wav: Wav, policy: str, *, is_bare: bool, force: bool, like: str) -> Iterator[_Sink]:
    """stdout, where each piece is pushed on, or a file that is there once it is whole."""
    from flipslide.io import open_part
    from flipslide.io.audio import Quantizer
    from flipslide.io.pcm import wav_head

    is_pipe = path == "-"
    with nullcontext(sys.stdout.buffer) if is_pipe else open_part(path, force=force, like=like) as file:
        sink = _Sink(file, wav, Quantizer(wav.layout.subtype, policy), is_pipe)
        if not is_bare:
            sink.push(wav_head(wav))
        yield sink
        if not is_bare:
            sink.finish()


class _Sink:
    """Takes samples and pushes their bytes on."""

    def __init__(self, file: BinaryIO, wav: Wav, quantize: Quantizer, is_pipe: bool) -> None:
        self._file, self._wav, self._quantize, self._is_pipe = file, wav, quantize, is_pipe
        self.frames = 0

    def write(self, y: Array) -> None:
        from flipslide.io.pcm import pack

        values = self._quantize(y)
        if self._quantize.policy == "error":
            self.lost()
        self.push(pack(values, self._wav.layout))
        self.frames += len(y)

    def push(self, data: bytes) -> None:
        self._file.write(data)
        if self._is_pipe:
            self._file.flush()

    def lost(self) -> str:
        """What was clipped; an error if that is not allowed."""
        return self._quantize.lost()

    def finish(self) -> None:
        """The sizes, where a head did not know them, and the byte that makes them even."""
        from flipslide.io.pcm import wav_end

        if self._wav.frames is None and not self._is_pipe and self._file.seekable():
            wav_end(self._file, self._wav, self.frames)
        elif self.frames * self._wav.channels * self._wav.layout.size % 2:
            self.push(b"\0")
