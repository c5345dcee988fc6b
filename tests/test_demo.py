"""The demo runs offline, finds what an independent method finds, and its page names only files that exist."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

for package in ("amfm_decompy", "imagecodecs", "pywt", "scipy", "skimage", "soundfile"):
    pytest.importorskip(package)

DEMO = Path(__file__).parents[1] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo.ROUNDS = 1
    path: Path = demo.main(tmp_path_factory.mktemp("demo"))
    return path


def find_ecg_beats(demo: Any, x: Any) -> Any:
    clean = demo.clean_ecg(x)
    return demo.find_peaks(demo.score_beats(clean, demo.cut_beat(clean)))


def test_beats_are_the_peaks_of_the_raw_signal(demo: Any) -> None:
    import pywt.data  # type: ignore[import-untyped]
    from scipy.signal import find_peaks

    x = pywt.data.ecg().astype(float)
    peaks, _ = find_peaks(x, height=0.5 * x.max(), distance=100)
    beats = find_ecg_beats(demo, x)
    assert len(beats) == len(peaks) == 3
    assert np.abs(beats - peaks).max() <= 5
    assert 40 < demo.heart_rate(beats) < 120


def test_beats_are_found_wherever_they_are_put(demo: Any) -> None:
    places = np.array([120, 410, 777, 1300])
    bump = np.exp(-0.5 * (np.arange(1500)[:, None] - places) ** 2 / 6.0**2).sum(axis=1)
    drift = 0.5 * np.sin(np.arange(1500) / 250)
    np.testing.assert_allclose(find_ecg_beats(demo, bump + drift), places, atol=1)


def test_a_beat_is_wholly_like_itself(demo: Any) -> None:
    clean = np.random.default_rng(3).standard_normal(300)
    clean[150] = 9
    score = demo.score_beats(clean, demo.cut_beat(clean))
    assert score[150] == pytest.approx(1)


def test_the_ecg_filter_removes_a_level_and_keeps_a_beat(demo: Any) -> None:
    assert np.abs(demo.clean_ecg(np.full(500, 7.0))).max() < 1e-12
    beat = np.exp(-0.5 * (np.arange(-250, 250) / 6.0) ** 2)
    assert 0.8 < demo.clean_ecg(beat).max() < 1


def test_photo_filters_keep_a_plain_picture_and_find_a_step(demo: Any) -> None:
    plain = np.full((24, 31, 3), 0.25, np.float32)
    for taps in (demo.gaussian_image(3.0, 9), demo.sharpener()):
        np.testing.assert_allclose(demo.filter_photo(plain, taps), plain, rtol=1e-5)
    step = plain.copy()
    step[:, 15:] += 0.5
    edges = demo.find_edges(step)
    np.testing.assert_allclose(edges[:, 14:16], 2.0, rtol=1e-5)
    np.testing.assert_allclose(np.delete(edges, (14, 15), axis=1), 0, atol=1e-6)


def test_blur_and_edges_agree_with_scipy(demo: Any) -> None:
    from scipy import ndimage

    photo, taps = demo.load_photo()[100:160, 200:270], demo.gaussian_image(3.0, 9)
    np.testing.assert_allclose(demo.filter_photo(photo, taps), ndimage.convolve(photo, taps[..., None]), atol=1e-5)
    np.testing.assert_allclose(demo.find_edges(photo), demo.sobel(photo), atol=1e-5)


def test_low_pass_keeps_what_is_below_its_cutoff(demo: Any) -> None:
    gain = np.abs(np.fft.rfft(demo.low_pass(800, 16000), 16000))
    assert np.abs(gain[:600] - 1).max() < 0.01
    assert gain[1000:].max() < 0.01


def test_hall_falls_by_60_decibels(demo: Any) -> None:
    echo = demo.hall(16000)
    start, end = (np.sqrt(np.mean(part**2)) for part in (echo[1:500], echo[-500:]))
    assert echo[0] == 1
    assert 50 < 20 * np.log10(start / end) < 70


def test_the_coin_is_found_where_it_was_cut(demo: Any) -> None:
    coins = demo.load_coins()
    peaks = demo.fs.match(coins, demo.cut_coin(coins), threshold=0.6).peaks
    assert peaks[0].position == (170, 75)
    assert len(peaks) > 10
    marked = demo.mark_places(coins, [(170, 75)], (50, 55))
    assert (marked[170:220, 75] == (0.88, 0.4, 0.0)).all()
    np.testing.assert_array_equal(marked[172:218, 77:128, 1], coins[172:218, 77:128])


def test_the_delay_is_found(demo: Any) -> None:
    near, far = demo.hear_twice(*demo.load_voice())
    assert demo.fs.xcorr(far, near, maxlag=200).peak.lag == demo.DELAY


def test_race_refuses_a_rival_that_computes_something_else(demo: Any) -> None:
    x = np.arange(5.0)
    assert demo.run_race("task", lambda: x, "rival", lambda: x + 2**-50).difference == 2**-50
    with pytest.raises(AssertionError, match="task: rival"):
        demo.run_race("task", lambda: x, "rival", lambda: x + 1e-3)


def test_ticks_are_round_and_inside(demo: Any) -> None:
    assert demo.ticks(np.array([-112.0, 250.0]), 4) == [-100, 0, 100, 200]
    assert demo.ticks(np.array([0.0, 0.891]), 8) == [0, 0.2, 0.4, 0.6, 0.8]


@pytest.mark.slow
def test_page_names_every_file_and_only_files_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r'src="([^"]+)"', text))
    assert named == {path.name for path in page.parent.iterdir()} - {"index.html"}
    assert {name.rsplit(".")[-1] for name in named} == {"png", "wav"}
    assert text.count("<svg") == 7
    assert "http" not in text


def test_page_shows_every_plan_and_race(demo: Any, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<pre>convolve (") + text.count("<pre>correlate (") == 6
    assert text.count("&lt;- chosen") == 6
    for rival in ("numpy.convolve", "numpy.correlate", "signal.oaconvolve (FFT)", "ndimage.convolve"):
        assert f"<td>{rival}</td>" in text


def test_pictures_and_sounds_are_what_was_computed(demo: Any, page: Path) -> None:
    import imagecodecs
    import soundfile

    before = imagecodecs.png_decode((page.parent / "photo-before.png").read_bytes())
    np.testing.assert_array_equal(before, np.uint8(np.round(demo.load_photo() * 255)))
    voice, hertz = demo.load_voice()
    written, rate = soundfile.read(page.parent / "voice-before.wav")
    assert rate == hertz == 16000
    np.testing.assert_allclose(written, 0.9 * voice / np.abs(voice).max(), atol=2**-15)
