"""flipslide on real things: a heartbeat, a photograph, a voice, coins and two microphones.

    python examples/demo.py [folder]

Needs `pip install '.[demo]'` and no network: every input ships inside an installed package.
Writes folder/index.html (by default demo/index.html) with the pictures and sounds beside it.

The jobs come first and are all there is to learn: each calls `fs.convolve` or
`fs.correlate`, asks `fs.plan` how that ran, and races it against the functions that NumPy
and SciPy offer for the same result. The clock, the drawings and the page come after.
"""

from __future__ import annotations

import html
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pywt.data  # type: ignore[import-untyped]
import scipy
import skimage.data
import skimage.feature
import soundfile
from numpy.typing import NDArray
from scipy import ndimage
from scipy import signal as sps

import flipslide as fs

Array = NDArray[np.floating[Any]]
Places = NDArray[np.integer[Any]]
Call = Callable[[], Array]
Plans = list[tuple[str, fs.Plan]]


class Race(NamedTuple):
    """The same result computed twice: median seconds of each, and how far apart they are."""

    task: str
    rival: str
    ours: float
    theirs: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many times as long the rival takes; below 1 flipslide lost."""
        return self.theirs / self.ours


class Chapter(NamedTuple):
    """What one job has to show. `plans` are (the call, its plan)."""

    title: str
    source: str
    found: str
    figures: list[str]
    plans: Plans
    races: list[Race]
    note: str = ""


# ------------------------------------------------------------------------------ heartbeats

#: PyWavelets does not say how fast its recording was sampled. 360 Hz is the rate of the
#: MIT-BIH arrhythmia records: an assumption, not a fact about this recording.
ECG_HERTZ = 360

ECG_SOURCE = (
    "1,024 samples of an electrocardiogram, <code>pywt.data.ecg()</code>, from the PyWavelets package (MIT licence). "
    "The package names neither the source, nor the unit, nor the sampling rate: times and heart rate here assume "
    f"{ECG_HERTZ} Hz, the rate of the MIT-BIH arrhythmia records."
)


def gaussian(sigma: float, radius: int) -> Array:
    """2·radius + 1 taps that sum to 1."""
    taps: Array = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return taps / float(taps.sum())


def ecg_filter() -> Array:
    """Smooth a little, and take away the baseline, which is x smoothed a lot: both in one kernel."""
    return gaussian(2.0, 150) - gaussian(60.0, 150)


def clean_ecg(x: Array) -> Array:
    return fs.convolve(x, ecg_filter(), "same", boundary="mirror")


def cut_beat(clean: Array, radius: int = 30) -> Array:
    """The beat around the highest sample, its mean removed so that a level offset cannot match it."""
    top = int(np.clip(clean.argmax(), radius, len(clean) - 1 - radius))
    beat = clean[top - radius : top + radius + 1]
    return beat - float(beat.mean())


def score_beats(clean: Array, beat: Array) -> Array:
    """How much of the beat there is around each sample: 1 where the beat itself lies."""
    return fs.correlate(clean, beat, "same") / (beat @ beat)


def find_peaks(score: Array, least: float = 0.5) -> Places:
    """Where the score is above both its neighbours and above `least`."""
    inner = score[1:-1]
    return 1 + np.flatnonzero((inner > score[:-2]) & (inner >= score[2:]) & (inner > least))


def heart_rate(beats: Places) -> float:
    """Beats a minute, from the median distance of neighbours."""
    return 60 * ECG_HERTZ / float(np.median(np.diff(beats)))


def ecg_job(folder: Path) -> Chapter:
    x = pywt.data.ecg().astype(float)
    clean = clean_ecg(x)
    beat = cut_beat(clean)
    score = score_beats(clean, beat)
    beats = find_peaks(score)
    rate = heart_rate(beats)
    found = f"{len(beats)} beats, {_join(np.diff(beats))} samples apart: {rate:.0f} a minute at {ECG_HERTZ} Hz"
    figures = ecg_figures(x, clean, score, beats)
    return Chapter("A heartbeat", ECG_SOURCE, found, figures, ecg_plans(x, beat), ecg_races(x, beat))


def ecg_figures(x: Array, clean: Array, score: Array, beats: Places) -> list[str]:
    t = np.arange(len(x)) / ECG_HERTZ
    marks = beats / ECG_HERTZ
    return [
        figure("Before: the recording, wandering and rough.", draw_plot(t, x, "seconds", "ECG")),
        figure(
            "After <code>fs.convolve</code> with one kernel of 301 taps that smooths and removes the baseline; "
            "the beats that were found are marked.",
            draw_plot(t, clean, "seconds", "ECG", marks),
        ),
        figure(
            "<code>fs.correlate</code> with the tallest beat: 1 where that beat lies, near 1 where another is like it.",
            draw_plot(t, score, "seconds", "likeness", marks),
        ),
    ]


def ecg_plans(x: Array, beat: Array) -> Plans:
    clean = fs.plan(x.shape, ecg_filter(), mode="same", boundary="mirror")
    score = fs.plan(x.shape, beat, mode="same", operation="correlate")
    return [('fs.convolve(x, taps, "same", boundary="mirror")', clean), ('fs.correlate(clean, beat, "same")', score)]


def ecg_races(x: Array, beat: Array) -> list[Race]:
    taps = ecg_filter()
    reach = len(taps) // 2

    def filter_ecg() -> Array:
        return fs.convolve(x, taps, "same", boundary="mirror")

    def find_beats() -> Array:
        return fs.correlate(x, beat, "same")

    filters: dict[str, Call] = {
        "numpy.pad, numpy.convolve": lambda: np.convolve(np.pad(x, reach, mode="reflect"), taps, "valid"),
        "ndimage.convolve1d": lambda: ndimage.convolve1d(x, taps, mode="mirror"),
    }
    finders: dict[str, Call] = {
        "numpy.correlate": lambda: np.correlate(x, beat, "same"),
        "signal.correlate": lambda: sps.correlate(x, beat, "same"),
    }
    return run_races("filter, 301 taps", filter_ecg, filters) + run_races("find beats, 61 taps", find_beats, finders)


# ------------------------------------------------------------------------------ photograph

PHOTO_SOURCE = (
    "A photograph of a coffee cup, <code>skimage.data.coffee()</code>, from the scikit-image package: 400 by 600 "
    "pixels in colour, by Rachel Michetti, courtesy of Pikolo Espresso Bar, released under CC0."
)

PHOTO_NOTE = (
    "A Gaussian is a product of two lines of taps: blurring rows, then columns, needs 19 + 19 products for each value "
    "instead of 361. The row of the table marked 19 + 19 compares that on both sides."
)

SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)


def load_photo() -> Array:
    coffee: Array = skimage.data.coffee()  # type: ignore[no-untyped-call]
    return coffee.astype(np.float32) / 255


def gaussian_image(sigma: float, radius: int) -> Array:
    return np.outer(gaussian(sigma, radius), gaussian(sigma, radius)).astype(np.float32)


def sharpener(amount: float = 3.0, radius: int = 4) -> Array:
    """The picture plus what a blur takes from it: (1 + amount)·δ − amount·Gaussian."""
    taps = -amount * gaussian_image(1.5, radius)
    taps[radius, radius] += 1 + amount
    return taps


def filter_photo(photo: Array, taps: Array) -> Array:
    """A (k, k) kernel over the rows and columns; the colours are a batch."""
    return fs.convolve(photo, taps, "same", axes=(0, 1), boundary="symmetric")


def find_edges(photo: Array) -> Array:
    """The length of the brightness gradient, in each colour; Sobel's kernels are not flipped."""
    across = fs.correlate(photo, SOBEL_X, "same", axes=(0, 1), boundary="symmetric")
    down = fs.correlate(photo, SOBEL_X.T, "same", axes=(0, 1), boundary="symmetric")
    return np.hypot(across, down)


def photo_job(folder: Path) -> Chapter:
    photo = load_photo()
    edges = find_edges(photo)
    share = np.mean(edges.max(axis=2) > 1)
    found = f"Blurred and sharpened; {share:.1%} of the pixels lie on an edge (a Sobel gradient above 1)"
    figures = photo_figures(folder, photo, edges)
    return Chapter("A photograph", PHOTO_SOURCE, found, figures, photo_plans(photo), photo_races(photo), PHOTO_NOTE)


def photo_figures(folder: Path, photo: Array, edges: Array) -> list[str]:
    blurred, sharp = filter_photo(photo, gaussian_image(3.0, 9)), filter_photo(photo, sharpener())
    pictures = [
        ("before", photo, "Before."),
        ("blurred", blurred, "Blurred: a 19 by 19 Gaussian."),
        ("sharpened", sharp, "Sharpened: one 9 by 9 kernel; overshoot is clipped for display only."),
        ("edges", edges / np.quantile(edges, 0.995), "Edges: the length of the Sobel gradient of each colour."),
    ]
    shown = [figure(text, write_picture(folder / f"photo-{name}.png", values, text)) for name, values, text in pictures]
    return ['<div class="pair">' + "".join(shown) + "</div>"]


def photo_plans(photo: Array) -> Plans:
    options: dict[str, Any] = {"mode": "same", "axes": (0, 1), "boundary": "symmetric"}
    words = '"same", axes=(0, 1), boundary="symmetric"'
    blur = fs.plan(photo.shape, gaussian_image(3.0, 9), photo.dtype, **options)
    edges = fs.plan(photo.shape, SOBEL_X, photo.dtype, operation="correlate", **options)
    return [(f"fs.convolve(photo, gaussian, {words})", blur), (f"fs.correlate(photo, SOBEL_X, {words})", edges)]


def photo_races(photo: Array) -> list[Race]:
    blur, line = gaussian_image(3.0, 9), gaussian(3.0, 9).astype(np.float32)

    def blur_by_colour() -> Array:
        return np.stack([sps.convolve2d(photo[..., c], blur, "same", "symm") for c in range(3)], axis=2)

    def blur_by_fft() -> Any:
        padded = np.pad(photo, ((9, 9), (9, 9), (0, 0)), mode="symmetric")
        return sps.oaconvolve(padded, blur[..., None], "valid", axes=(0, 1))

    def blur_lines() -> Any:
        return ndimage.convolve1d(ndimage.convolve1d(photo, line, axis=0), line, axis=1)

    blurs: dict[str, Call] = {
        "ndimage.convolve": lambda: ndimage.convolve(photo, blur[..., None]),
        "signal.convolve2d, by colour": blur_by_colour,
        "numpy.pad, signal.oaconvolve (FFT)": blur_by_fft,
        "ndimage.convolve1d, twice": blur_lines,
    }
    return (
        run_races("blur, 19 by 19 taps", lambda: filter_photo(photo, blur), blurs)
        + run_races(
            "blur, 19 + 19 taps",
            lambda: filter_photo(filter_photo(photo, line[:, None]), line[None, :]),
            {"ndimage.convolve1d, twice": blur_lines},
        )
        + run_races(
            "Sobel, 3 by 3 taps", lambda: find_edges(photo), {"ndimage.correlate1d, 4 times": lambda: sobel(photo)}
        )
    )


def sobel(photo: Array) -> Array:
    """SciPy's way to `find_edges`: each kernel as two lines of taps."""
    slope, smooth = [-1, 0, 1], [1, 2, 1]
    across: Array = ndimage.correlate1d(ndimage.correlate1d(photo, smooth, axis=0), slope, axis=1)
    down: Array = ndimage.correlate1d(ndimage.correlate1d(photo, smooth, axis=1), slope, axis=0)
    return np.hypot(across, down)


# ----------------------------------------------------------------------------------- voice

VOICE_SOURCE = (
    "0.9 seconds of recorded speech at 16 kHz, <code>sample.wav</code> of the AMFM_decompy package (MIT licence), "
    "which ships it to illustrate its speech examples; it does not say who speaks. The hall is not real: its "
    "impulse response is synthetic, noise that dies away exponentially."
)


DIRECT_NOTE = (
    "The plan for the hall is a direct sum, whose work grows with samples times taps. For so long an impulse response "
    "an FFT needs far less, so SciPy's FFT functions win."
)


def load_voice() -> tuple[Array, int]:
    with files("amfm_decompy").joinpath("sample.wav").open("rb") as file:
        voice, hertz = soundfile.read(file, dtype="float32")
    return voice, int(hertz)


def low_pass(cutoff: float, hertz: int, radius: int = 100) -> Array:
    """A sinc that keeps what is below the cutoff, faded out by a Hamming window; unit gain at 0 Hz."""
    taps: Array = np.sinc(2 * cutoff / hertz * np.arange(-radius, radius + 1)) * np.hamming(2 * radius + 1)
    return (taps / float(taps.sum())).astype(np.float32)


def hall(hertz: int, seconds: float = 1.2) -> Array:
    """A synthetic impulse response: the direct sound, then noise that falls by 60 dB."""
    fall = 10 ** (-3 * np.linspace(0, 1, int(seconds * hertz)))
    echo = 0.08 * fall * np.random.default_rng(1).standard_normal(len(fall))
    echo[0] = 1
    return echo.astype(np.float32)


def voice_job(folder: Path) -> Chapter:
    voice, hertz = load_voice()
    muffled = fs.convolve(voice, low_pass(800, hertz), "same")
    echoing = fs.convolve(voice, hall(hertz))
    decibels = 10 * np.log10(power_above(voice, 1000, hertz) / power_above(muffled, 1000, hertz))
    found = (
        f"{len(voice) / hertz:.2f} s of speech; through the wall it loses {decibels:.0f} dB above 1 kHz; "
        f"in the hall it lasts {len(echoing) / hertz:.2f} s"
    )
    sounds = [
        ("before", voice, "Before: the recording."),
        ("muffled", muffled, "Through a wall: a low-pass of 201 taps at 800 Hz."),
        ("hall", echoing, f"In a hall: an impulse response of {len(hall(hertz)):,} samples."),
    ]
    figures = [show_sound(folder / f"voice-{name}.wav", values, hertz, text) for name, values, text in sounds]
    plans = voice_plans(voice, hertz)
    note = DIRECT_NOTE if plans[-1][1].method == "direct" else ""
    return Chapter("A voice", VOICE_SOURCE, found, figures, plans, voice_races(voice, hertz), note)


def power_above(x: Array, cutoff: float, hertz: int) -> float:
    """The power of x that lies above the cutoff, in any unit."""
    power = np.abs(np.fft.rfft(x)) ** 2
    return float(power[np.fft.rfftfreq(len(x), 1 / hertz) > cutoff].sum())


def voice_plans(voice: Array, hertz: int) -> Plans:
    muffle = fs.plan(voice.shape, low_pass(800, hertz), voice.dtype, mode="same")
    resound = fs.plan(voice.shape, hall(hertz), voice.dtype)
    return [('fs.convolve(voice, low_pass, "same")', muffle), ("fs.convolve(voice, hall)", resound)]


def voice_races(voice: Array, hertz: int) -> list[Race]:
    wall, echo = low_pass(800, hertz), hall(hertz)
    walls: dict[str, Call] = {
        "numpy.convolve": lambda: np.convolve(voice, wall, "same"),
        "signal.oaconvolve (FFT)": lambda: sps.oaconvolve(voice, wall, "same"),
    }
    halls: dict[str, Call] = {
        "numpy.convolve": lambda: np.convolve(voice, echo),
        "signal.fftconvolve (FFT)": lambda: sps.fftconvolve(voice, echo),
        "signal.oaconvolve (FFT)": lambda: sps.oaconvolve(voice, echo),
    }
    return run_races(f"low-pass, {len(wall)} taps", lambda: fs.convolve(voice, wall, "same"), walls) + run_races(
        f"hall, {len(echo):,} taps", lambda: fs.convolve(voice, echo), halls
    )


# ---------------------------------------------------------------------- a pattern, and a delay

COINS_SOURCE = (
    "Greek coins from Pompeii, <code>skimage.data.coins()</code>, from the scikit-image package: 303 by 384 pixels in "
    "grey, from the collection of the Brooklyn Museum, without known copyright restrictions."
)

COINS_NOTE = (
    "The score is the normalised correlation, which lies between −1 and 1. The marked coin is the template itself; the "
    "others are different coins, alike enough."
)


def load_coins() -> Array:
    coins: Array = skimage.data.coins()  # type: ignore[no-untyped-call]
    return coins / 255.0


def cut_coin(coins: Array) -> Array:
    return coins[170:220, 75:130].copy()


def coins_job(folder: Path) -> Chapter:
    coins = load_coins()
    found = fs.match(coins, cut_coin(coins), threshold=0.6)
    marked = mark_places(coins, [peak.position for peak in found], cut_coin(coins).shape)
    figures = [
        figure(text, write_picture(folder / f"coins-{name}.png", values, text))
        for name, values, text in [
            ("found", marked, "Every place whose score is above 0.6."),
            ("score", found.scores.clip(0, 1), "The score of every window: white where the coin is like the template."),
        ]
    ]
    said = f"{len(found)} coins like the one at row {found.peaks[0].position[0]}, column {found.peaks[0].position[1]}"
    return Chapter("A coin among coins", COINS_SOURCE, said, figures, [], coins_races(coins), COINS_NOTE)


def mark_places(picture: Array, places: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> Array:
    """The picture in colour, with an orange frame around every place."""
    marked = np.stack([picture] * 3, axis=2)
    for row, column in places:
        rows, columns = slice(row, row + shape[0]), slice(column, column + shape[1])
        inside = marked[rows, columns][2:-2, 2:-2].copy()
        marked[rows, columns] = (0.88, 0.4, 0.0)
        marked[rows, columns][2:-2, 2:-2] = inside
    return marked


def coins_races(coins: Array) -> list[Race]:
    coin = cut_coin(coins)
    rivals: dict[str, Call] = {"skimage match_template": lambda: skimage.feature.match_template(coins, coin)}
    return run_races("find a coin, 50 × 55", lambda: np.asarray(fs.match(coins, coin).scores), rivals)


#: The second microphone hears the voice so many samples later, through a room, and noise of its own.
DELAY = 37

MICROPHONES_SOURCE = (
    "The same recording, heard by two microphones: the second channel is made here, 37 samples later, through a room "
    "whose impulse response is synthetic, with noise added."
)


def hear_twice(voice: Array, hertz: int) -> tuple[Array, Array]:
    """(near, far): the far one later, softer, with echoes and noise."""
    echoing = fs.convolve(voice, 0.5 * hall(hertz, 0.1))
    far = np.concatenate([np.zeros(DELAY, np.float32), echoing])[: len(voice)]
    noise = np.random.default_rng(2).standard_normal(len(voice)).astype(np.float32)
    return voice, far + 0.1 * float(far.std()) * noise


def microphones_job(folder: Path) -> Chapter:
    voice, hertz = load_voice()
    near, far = hear_twice(voice, hertz)
    r = fs.xcorr(far, near, maxlag=200, scale="coeff")
    said = f"The far microphone hears it {r.peak.lag} samples later, {1000 * r.peak.lag / hertz:.2f} ms"
    text = '<code>fs.xcorr(far, near, maxlag=200, scale="coeff")</code>: the likeness at each lag.'
    plot = draw_plot(r.lags / hertz * 1000, r.values, "milliseconds", "likeness", [r.peak.lag / hertz * 1000])
    races = microphones_races(near, far)
    return Chapter("Two microphones", MICROPHONES_SOURCE, said, [figure(text, plot)], [], races)


def microphones_races(near: Array, far: Array) -> list[Race]:
    middle = slice(len(near) - 201, len(near) + 200)
    rivals: dict[str, Call] = {
        "signal.correlate (FFT), cut": lambda: sps.correlate(far, near, method="fft")[middle],
        "numpy.correlate, cut": lambda: np.correlate(far, near, "full")[middle],
    }
    return run_races("401 lags", lambda: np.asarray(fs.xcorr(far, near, maxlag=200).values), rivals)


# --------------------------------------------------------------------------------- the clock

ROUNDS = 7

#: Rounding only: this many units roundoff of the largest value may two results differ.
TOLERANCE = 1000


def run_races(task: str, ours: Call, rivals: dict[str, Call]) -> list[Race]:
    return [run_race(task, ours, name, theirs) for name, theirs in rivals.items()]


def run_race(task: str, ours: Call, rival: str, theirs: Call) -> Race:
    """Check that both compute the same, then time them in turns and take the medians."""
    difference = compare(ours(), theirs(), f"{task}: {rival}")
    repeats = [repeats_for(call) for call in (ours, theirs)]
    rounds = [(clock(ours, repeats[0]), clock(theirs, repeats[1])) for _ in range(ROUNDS)]
    mine, other = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Race(task, rival, mine, other, difference)


def compare(got: Array, wanted: Array, name: str) -> float:
    """The largest difference, if it is no more than rounding."""
    limit = TOLERANCE * float(np.finfo(got.dtype).eps) * float(np.abs(wanted).max())
    if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=0, atol=limit):
        raise AssertionError(f"{name}: the two results differ by more than rounding")
    return float(np.abs(got - wanted).max())


def repeats_for(call: Call) -> int:
    """Enough calls for two milliseconds, so that the clock's grain does not matter."""
    return max(1, round(2e-3 / clock(call, 1)))


def clock(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


# ------------------------------------------------------------------------------ the drawings

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 200, 62, 44, 12


def draw_plot(x: Array, y: Array, x_label: str, y_label: str, marks: Iterable[float] = ()) -> str:
    """One curve with axes, as SVG, and a dot on it at every x of `marks`."""
    across = _scale(float(x.min()), float(x.max()), LEFT, WIDTH - 10)
    up = _scale(float(y.min()), float(y.max()), HEIGHT - BOTTOM, TOP)
    points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, y, strict=True))
    parts = [draw_axis_x(x, across, x_label), draw_axis_y(y, up, y_label)]
    parts.append(f'<polyline class="curve" points="{points}"/>')
    parts += [f'<circle class="mark" cx="{across(m):.1f}" cy="{up(np.interp(m, x, y)):.1f}" r="5"/>' for m in marks]
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{y_label} over {x_label}"'
    return f"<svg {box}>{''.join(parts)}</svg>"


def draw_axis_x(x: Array, across: Callable[[float], float], label: str) -> str:
    base = HEIGHT - BOTTOM
    texts = [f'<text x="{across(v):.1f}" y="{base + 18}" text-anchor="middle">{v:g}</text>' for v in ticks(x, 8)]
    line = draw_line("axis", LEFT, WIDTH - 10, base, base)
    return line + "".join(texts) + f'<text x="{WIDTH - 10}" y="{HEIGHT - 6}" text-anchor="end">{label}</text>'


def draw_axis_y(y: Array, up: Callable[[float], float], label: str) -> str:
    texts = [f'<text x="{LEFT - 8}" y="{up(v) + 5:.1f}" text-anchor="end">{v:g}</text>' for v in ticks(y, 4)]
    rules = [draw_line("rule", LEFT, WIDTH - 10, up(v), up(v)) for v in ticks(y, 4)]
    place = f'transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle"'
    return "".join(rules + texts) + f"<text {place}>{label}</text>"


def draw_line(kind: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def ticks(values: Array, most: int) -> list[float]:
    """Round numbers, at most so many, inside the range of the values."""
    low, high = float(values.min()), float(values.max())
    power = 10.0 ** np.floor(np.log10((high - low) / most))
    step = next(s * power for s in (1, 2, 5, 10) if (high - low) / (s * power) <= most)
    return [round(float(k * step), 10) for k in range(int(np.ceil(low / step)), int(high // step) + 1)]


def envelope(x: Array, columns: int = 500) -> tuple[Array, Array]:
    """A long signal as (place, value): the least and the largest sample of each of so many columns."""
    blocks = np.array_split(x, columns)
    values = np.array([v for block in blocks for v in (block.min(), block.max())])
    return np.repeat(np.linspace(0, len(x), columns, endpoint=False), 2), values


def write_picture(path: Path, values: Array, text: str) -> str:
    """Values from 0 to 1 as a PNG beside the page."""
    path.write_bytes(imagecodecs.png_encode(np.uint8(np.clip(values, 0, 1) * 255 + 0.5)))
    height, width = values.shape[:2]
    return f'<img src="{path.name}" width="{width}" height="{height}" alt="{html.escape(text)}">'


def show_sound(path: Path, values: Array, hertz: int, text: str) -> str:
    """The sound at full volume beside the page, a player and its waveform."""
    soundfile.write(path, 0.9 * values / np.abs(values).max(), hertz, subtype="PCM_16")
    places, heights = envelope(values)
    plot = draw_plot(places / hertz, heights, "seconds", "amplitude")
    return figure(text, f'{plot}<audio controls preload="metadata" src="{path.name}"></audio>')


def figure(text: str, content: str) -> str:
    return f"<figure><figcaption>{text}</figcaption>{content}</figure>"


def _scale(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (stop - start)


# ---------------------------------------------------------------------------------- the page

STYLE = """
:root { color-scheme: light dark; --paper: #fdfcfa; --ink: #23262b; --soft: #6a7078; --line: #dcdad5;
  --curve: #1f5fa8; --mark: #d0562c; --well: #f3f1ec; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e4e3df; --soft: #999fa8; --line: #33373e;
  --curve: #7fb2ee; --mark: #f0895f; --well: #1f2227; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1.1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.35rem; margin: 3.2rem 0 .4rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; }
p { margin: .5rem 0; } .source, figcaption, .note { color: var(--soft); font-size: .9rem; }
.found { font-weight: 600; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85em; }
pre { background: var(--well); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; line-height: 1.45;
  font-size: .78rem; }
figure { margin: 1.3rem 0; } figcaption { margin-bottom: .3rem; }
svg, img { display: block; width: 100%; height: auto; } img { border-radius: 6px; }
audio { display: block; width: 100%; margin-top: .4rem; }
svg text { font-size: 14px; fill: var(--soft); } .curve { fill: none; stroke: var(--curve); stroke-width: 1.6;
  stroke-linejoin: round; } .axis { stroke: var(--soft); } .rule { stroke: var(--line); }
.mark { fill: var(--mark); stroke: var(--paper); stroke-width: 1.5; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 0 1.1rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.lost { color: var(--mark); } .won { font-weight: 600; }
"""


def write_page(folder: Path, chapters: Sequence[Chapter]) -> Path:
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>flipslide: five real jobs</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body><h1>flipslide: five real jobs</h1>'
    )
    path = folder / "index.html"
    path.write_text(
        head + write_intro(chapters) + "".join(map(write_chapter, chapters)) + "</body></html>\n", encoding="utf-8"
    )
    return path


def write_intro(chapters: Sequence[Chapter]) -> str:
    return (
        "<p>A heartbeat, a photograph and a voice, filtered, a coin found and a delay, all by the one definition "
        "<code>y[m] = Σ w[j]·x[m − j]</code>: before, after, the plan that ran, and the time beside NumPy and SciPy "
        f'doing the same.</p><p class="note">{write_conditions()} {write_losses(chapters)}</p>'
    )


def write_losses(chapters: Sequence[Chapter]) -> str:
    lost = [f"{race.task} beside {race.rival}" for chapter in chapters for race in chapter.races if race.ratio < 1]
    return f"A ratio below 1 means that flipslide lost: {'; '.join(lost) or 'nowhere on this run'}."


def write_conditions() -> str:
    return (
        f"flipslide {fs.__version__} on {fs.get_num_threads()} of {os.cpu_count()} processors, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}; medians of {ROUNDS} rounds in turns, each result first checked against the other."
    )


def write_chapter(chapter: Chapter) -> str:
    plans = [
        f"<p><code>{html.escape(call)}</code></p><pre>{html.escape(str(plan))}</pre>" for call, plan in chapter.plans
    ]
    return (
        f'<h2>{chapter.title}</h2><p class="found">{chapter.found}.</p><p class="source">{chapter.source}</p>'
        f"{''.join(chapter.figures)}<h3>The time it took</h3>{write_table(chapter.races)}"
        f'<p class="note">{chapter.note}</p>'
        f"{'<h3>The plans that ran</h3>' if plans else ''}{''.join(plans)}"
    )


def write_table(races: Sequence[Race]) -> str:
    numbers = ("flipslide", "the other", "ratio", "largest difference")
    names = "<th>job</th><th>beside</th>" + "".join(f'<th class="n">{name}</th>' for name in numbers)
    return f'<div class="table"><table><tr>{names}</tr>{"".join(map(write_row, races))}</table></div>'


def write_row(race: Race) -> str:
    verdict, mark = ("won", "") if race.ratio >= 1 else ("lost", "lost, ")
    numbers = [human_time(race.ours), human_time(race.theirs)]
    cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
    ratio = f'<td class="n {verdict}">{mark}{race.ratio:.2g}×</td><td class="n">{race.difference:.1g}</td>'
    return f"<tr><td>{race.task}</td><td>{race.rival}</td>{cells}{ratio}</tr>"


def human_time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def _join(numbers: Iterable[int]) -> str:
    return " and ".join(str(number) for number in numbers)


# ------------------------------------------------------------------------------------- main

JOBS = (ecg_job, photo_job, voice_job, coins_job, microphones_job)


def report(chapter: Chapter) -> Chapter:
    print(f"{chapter.title}: {chapter.found}", *map(describe_race, chapter.races), sep="\n    ", flush=True)
    return chapter


def describe_race(race: Race) -> str:
    verdict = f"{race.ratio:.2g}× as fast" + (", lost" if race.ratio < 1 else "")
    return f"{race.task:<20}{human_time(race.ours):>9}  {race.rival:<35}{human_time(race.theirs):>9}   {verdict}"


def main(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    chapters = [report(job(folder)) for job in JOBS]
    path = write_page(folder, chapters)
    print(f"Look at {path}")
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "demo")
