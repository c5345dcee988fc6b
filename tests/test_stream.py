"""`fs.Stream`: one law, the same bits for every way of cutting x, and the definition's sum besides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide.errors import DtypeError, IntegerOverflowError, ParameterError, ShapeError
from flipslide.partitions import Level, Partitions, Work, cut_taps, make_paths

DTYPES = (
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
)


def random_array(rng: np.random.Generator, shape: Any, dtype: str) -> np.ndarray:
    kind = np.dtype(dtype).kind
    if kind in "biu":
        return rng.integers(0, 2 if kind == "b" else 9, shape).astype(dtype)
    numbers = rng.standard_normal(shape)
    return (numbers + 1j * rng.standard_normal(shape) if kind == "c" else numbers).astype(dtype)


def pieces(x: np.ndarray, lengths: list[int], axis: int = -1) -> Iterator[np.ndarray]:
    """x in pieces of these lengths over and over, then what is left."""
    at, n, turn = 0, x.shape[axis], 0
    while at < n:
        length = lengths[turn % len(lengths)] or (1 if not any(lengths) else 0)
        yield np.take(x, range(at, min(n, at + length)), axis)
        at, turn = at + length, turn + 1


def streamed(w: Any, x: np.ndarray, lengths: list[int], tail: bool = True, **settings: Any) -> np.ndarray:
    stream, axis = fs.Stream(w, **settings), settings.get("axis", -1)
    found = [stream(piece) for piece in pieces(x, lengths, axis)]
    return np.concatenate([*found, stream.tail()] if tail else found, axis)


LENGTHS = st.lists(st.sampled_from([0, 1, 2, 7, 16, 63, 64, 65, 100, 256, 1000]), min_size=1, max_size=4)


@given(st.sampled_from(DTYPES), st.integers(1, 900), st.integers(1, 1500), LENGTHS, st.data())
def test_every_way_of_cutting_has_the_same_bits(
    dtype: str, n_taps: int, n: int, lengths: list[int], data: st.DataObject
) -> None:
    settings = {
        "stride": data.draw(st.sampled_from([1, 1, 2, 3])),
        "upsample": data.draw(st.sampled_from([1, 1, 2, 5])),
        "block": data.draw(st.sampled_from([None, 16, 512])),
        "overflow": "wrap",
    }
    settings["latency"] = settings["stride"] * data.draw(st.sampled_from([0, 0, 1, 100]))
    rng = np.random.default_rng(n_taps * n)
    w, x = random_array(rng, n_taps, dtype), random_array(rng, n, dtype)
    whole = streamed(w, x, [n], **settings)
    assert streamed(w, x, lengths, **settings).tobytes() == whole.tobytes()


@given(st.sampled_from(DTYPES), st.integers(1, 900), st.integers(1, 1500), LENGTHS)
def test_the_sum_is_that_of_convolve(dtype: str, n_taps: int, n: int, lengths: list[int]) -> None:
    rng = np.random.default_rng(n_taps + n)
    w, x = random_array(rng, n_taps, dtype), random_array(rng, n, dtype)
    y, wanted = streamed(w, x, lengths, overflow="wrap"), fs.convolve(x, w, overflow="wrap")
    assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
    if y.dtype.kind in "biu":
        np.testing.assert_array_equal(y, wanted)
    else:
        half = np.abs(wanted).max() * 2.0**-10 if dtype == "float16" else 0
        bound = 2.0 ** (-44 if dtype in ("float64", "complex128") else -17) * np.abs(w).sum() * np.abs(x).max()
        assert np.abs(y - wanted).max() <= bound + half


@pytest.mark.parametrize(("up", "stride"), [(1, 2), (3, 1), (2, 4), (3, 5), (6, 4), (7, 7)])
@pytest.mark.parametrize("n_taps", [1, 10, 400])
def test_stride_and_upsample_are_those_of_upfirdn(up: int, stride: int, n_taps: int) -> None:
    rng = np.random.default_rng(up)
    w, x = rng.standard_normal(n_taps), rng.standard_normal((2, 701))
    y, wanted = streamed(w, x, [5, 64, 1], upsample=up, stride=stride), fs.upfirdn(x, w, up, stride)
    assert y.shape[-1] == max(wanted.shape[-1], -(-701 * up // stride))
    np.testing.assert_allclose(y[:, : wanted.shape[-1]], wanted, atol=1e-12 * np.abs(w).sum())
    np.testing.assert_array_equal(y[:, wanted.shape[-1] :], 0)


@pytest.mark.parametrize("latency", [0, 3, 64, 1000])
@pytest.mark.parametrize("n_taps", [1, 200, 5000])
def test_latency_delays(latency: int, n_taps: int) -> None:
    rng = np.random.default_rng(n_taps)
    w, x = rng.standard_normal(n_taps), rng.standard_normal(900)
    y = streamed(w, x, [300], latency=latency)
    wanted = np.pad(fs.convolve(x, w), (latency, 0))
    np.testing.assert_allclose(y, wanted, atol=2.0**-44 * np.abs(w).sum() * np.abs(x).max())


def test_matrix_sums_over_inputs() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((3, 2, 700)), rng.standard_normal((2, 1500))
    wanted = [sum(fs.convolve(x[i], w[o, i]) for i in range(2)) for o in range(3)]
    np.testing.assert_allclose(streamed(w, x, [64], matrix=True), wanted, atol=1e-11)


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_axis_of_time(axis: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 30))
    w = rng.standard_normal(9)
    wanted = np.apply_along_axis(np.convolve, axis, x, w)
    np.testing.assert_allclose(streamed(w, x, [1, 4], axis=axis), wanted, atol=1e-12)
    banks = np.moveaxis(rng.standard_normal((x.shape[1 - axis % 2], 9)), -1, axis)
    wanted = np.moveaxis(
        [np.convolve(*pair) for pair in zip(np.moveaxis(x, axis, -1), np.moveaxis(banks, axis, -1), strict=True)],
        -1,
        axis,
    )
    np.testing.assert_allclose(streamed(banks, x, [1, 4], axis=axis), wanted, atol=1e-12)


def test_lines_of_an_image_and_any_other_axes() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 50, 3, 4)), rng.standard_normal(200)
    found = streamed(w, x, [1, 8], axis=1)
    np.testing.assert_allclose(found, fs.convolve(x, w, axes=1), atol=1e-11)


def test_one_channel_becomes_two() -> None:
    w, x = np.array([[1.0, 2.0], [3.0, 0.0]]), np.arange(4.0)
    np.testing.assert_array_equal(fs.Stream(w)(x), [[0, 1, 4, 7], [0, 3, 6, 9]])
    np.testing.assert_array_equal(fs.Stream(w.T, axis=0)(x), [[0, 0], [1, 3], [4, 6], [7, 9]])


@pytest.mark.parametrize("seen", [0, 1, 63, 64, 1000, 5000])
def test_state_is_all_that_is_remembered(seen: int) -> None:
    rng = np.random.default_rng(seen)
    w, x = rng.standard_normal((2, 3000)), rng.standard_normal((2, 7000))
    stream = fs.Stream(w, channels=2)
    stream(x[:, :seen])
    other = fs.Stream(w, channels=2)
    other(x[:, :77])
    other.restore(stream.state)
    assert other.position == seen
    assert other(x[:, seen:]).tobytes() == stream(x[:, seen:]).tobytes()
    stream.reset()
    assert stream(x).tobytes() == fs.Stream(w)(x).tobytes()


def test_state_of_another_stream_is_refused() -> None:
    state = fs.Stream([1.0, 2.0], channels=()).state
    for other in (fs.Stream([1.0, 3.0], channels=()), fs.Stream([1.0, 2.0], channels=2)):
        with pytest.raises(ParameterError, match="same taps and settings"):
            other.restore(state)


@pytest.mark.parametrize("seen", [0, 5, 64, 3333, 40_000])
@pytest.mark.parametrize("n_new", [10, 3000])
def test_swapped_taps_know_what_came_before(seen: int, n_new: int) -> None:
    rng = np.random.default_rng(seen)
    old, new, x = rng.standard_normal((2, 3000)), rng.standard_normal((2, n_new)), rng.standard_normal((2, 42_000))
    stream = fs.Stream(old)
    stream(x[:, :seen])
    stream.swap(new)
    reference = fs.Stream(np.pad(new, ((0, 0), (0, 3000 - n_new))))
    reference(x[:, :seen])
    assert stream(x[:, seen:]).tobytes() == reference(x[:, seen:]).tobytes()


@given(LENGTHS)
def test_fade_is_a_mixture_for_every_way_of_cutting(lengths: list[int]) -> None:
    rng = np.random.default_rng(1)
    old, new, x = rng.standard_normal(500), rng.standard_normal(300), rng.standard_normal(1200)
    stream = fs.Stream(old)
    stream(x[:400])
    stream.swap(new, fade=200)
    y = np.concatenate([stream(piece) for piece in pieces(x[400:], lengths)])
    before, after = (fs.convolve(x, w)[400:1200] for w in (old, new))
    share = np.minimum(np.arange(1, 801) / 200, 1)
    np.testing.assert_allclose(y, before + share * (after - before), atol=1e-10)
    again = fs.Stream(old)
    again(x[:400])
    again.swap(new, fade=200)
    assert again(x[400:]).tobytes() == y.tobytes()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e300])
@pytest.mark.parametrize("at", [0, 100, 2000])
def test_infinities_reach_what_sees_them(value: float, at: int) -> None:
    rng = np.random.default_rng(at)
    w, x = rng.standard_normal(1500), rng.standard_normal(6000)
    w[700] = 0
    x[at] = value
    x[at + 3] = -value
    y, wanted = streamed(w, x, [64]), fs.convolve(x, w, method="direct")
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(wanted))
    outside = np.ones(len(y), bool)
    outside[at : at + 1503] = False
    np.testing.assert_allclose(y[outside], wanted[outside], atol=1e-10)
    inside = np.isfinite(wanted)
    np.testing.assert_allclose(y[inside], wanted[inside], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loud", [1.0, 1e6, 1e25])
def test_stated_bound_with_loud_and_silent_passages(dtype: str, loud: float) -> None:
    """|error| <= tau sum|w| max|x| over an output's window and `reach` samples before it; exact zeros where all are."""
    rng = np.random.default_rng(0)
    w = (rng.standard_normal(4000) * np.exp(-np.arange(4000) / 500)).astype(dtype)
    x = np.zeros(60_000, dtype)
    for at in (0, 9000, 9500, 30_000):
        x[at : at + 400] = rng.standard_normal(400) * (loud if at != 9500 else 1)
    stream = fs.Stream(w)
    y = stream(x)
    exact = fs.convolve(x.astype(float), w.astype(float), accuracy="strict", method="direct")[: len(x)]
    most = np.array([np.abs(x[max(0, n - 3999 - stream.reach) : n + 1]).max() for n in range(len(x))], float)
    tau = 2.0 ** (-17 if dtype == "float32" else -44)
    assert stream.reach > 0
    assert np.all(np.abs(y - exact) <= tau * np.abs(w.astype(float)).sum() * most)
    assert np.all(y[most == 0] == 0)
    assert np.any(most[4000:] == 0)


def test_integers_are_exact_or_an_error() -> None:
    x = np.full(3000, 30_000, np.int16)
    assert streamed(np.ones(2000, np.int64), x, [100]).max() == 60_000_000
    stream = fs.Stream(np.ones(2, np.int16))
    stream(x[:1] // 2)
    with pytest.raises(IntegerOverflowError, match="int"):
        stream(x)
    np.testing.assert_array_equal(stream(np.array([1], np.int16)), [15_001])
    np.testing.assert_array_equal(fs.Stream(np.ones(2, np.int16), overflow="saturate")(x[:2]), [30_000, 32_767])
    big = np.array([2**61, 1, 3], np.int64)
    np.testing.assert_array_equal(streamed([1, -1], big, [1]), fs.convolve(big, [1, -1]))


def test_process_into_writes_where_it_is_told() -> None:
    stream, out = fs.Stream([1.0, 1.0], channels=2), np.empty((2, 6))[:, ::2]
    assert stream.process_into(np.ones((2, 3)), out) is out
    np.testing.assert_array_equal(out, [[1, 2, 2]] * 2)
    shared = np.arange(8.0)
    np.testing.assert_array_equal(fs.Stream([1.0, 1.0]).process_into(shared[:6], shared[2:]), [0, 1, 3, 5, 7, 9])
    with pytest.raises(ShapeError, match="out has shape"):
        stream.process_into(np.ones((2, 3)), np.empty((2, 4)))


def test_memory_of_any_kind() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3000)), rng.standard_normal(300)
    wanted = fs.Stream(w)(x)
    frozen = x.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(x), x[:, ::-1].copy()[:, ::-1], x.astype(">f8"), frozen, x.tolist()):
        assert fs.Stream(w)(same).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fs.Stream([]), ShapeError, "no taps"),
        (lambda: fs.Stream(3.0), ShapeError, "single number"),
        (lambda: fs.Stream([1.0, np.nan]), ParameterError, "not finite"),
        (lambda: fs.Stream([1.0], stride=0), ParameterError, "stride=0"),
        (lambda: fs.Stream([1.0], latency=1, stride=2), ParameterError, "multiple of 2"),
        (lambda: fs.Stream([1.0], accuracy="fast"), ParameterError, "accuracy='fast'"),
        (lambda: fs.Stream([[1.0]], matrix=True), ShapeError, "outputs, inputs, taps"),
        (lambda: fs.Stream(np.ones((2, 3)))(np.ones((3, 4))), ShapeError, "do not broadcast"),
        (lambda: fs.Stream([1.0])(1.0), ShapeError, "single number"),
        (lambda: fs.Stream([1.0]).tail(), ParameterError, "channels="),
        (lambda: fs.Stream(np.ones(2, np.longdouble))([1.0]), DtypeError, "float64 at most"),
        (lambda: fs.Stream([1.0, 2.0]).swap([1.0] * 3), ShapeError, "zeros behind"),
    ],
    ids=range(12),
)
def test_what_cannot_be_is_an_error(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_chunks_stay_as_the_first_one_was() -> None:
    stream = fs.Stream([1.0, 2.0])
    stream(np.ones((2, 3), np.float32))
    with pytest.raises(ShapeError, match="were"):
        stream(np.ones((3, 3), np.float32))
    with pytest.raises(DtypeError, match="first chunk"):
        stream(np.ones((2, 3), np.float64))
    assert stream(np.ones((2, 3), np.int8)).dtype == np.float64


# ------------------------------------------------------------------------------ integers


@given(
    st.integers(1, 600_000),
    st.integers(0, 5000),
    st.sampled_from([1, 16, 64, 1000, 4096]),
    st.sampled_from([1, 2, 96]),
    st.sampled_from(["float32", "float64"]),
)
def test_partitions_hold_every_tap_once_and_in_time(n: int, first: int, block: int, rows: int, number: str) -> None:
    cut = cut_taps(n, first, block, Work(rows, rows, rows, number))
    assert cut.first == first
    at = cut.head
    for level in cut.levels:
        assert level.offset == at or (level.offset <= first and level is cut.levels[0])
        assert level.offset % level.size == 0
        assert level.size % cut.step == 0
        assert level.offset >= level.size * (2 if level.is_spread else 1)
        assert level.is_spread == (level.size > max(cut.step, block))
        at = level.end
    assert at >= n
    assert not cut.levels or at - cut.levels[-1].size < n


def test_partitions_are_told() -> None:
    cut = Partitions(64, 0, 64, (Level(64, 64, 7, False), Level(256, 512, 6, True)))
    assert str(cut) == "64 direct + 7 × 64 + 6 × 256"


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 7), st.integers(0, 9))
def test_paths_hold_every_tap_that_meets_a_sample(n: int, up: int, stride: int, first: int) -> None:
    """Output m of frame t·up + b and sample i meet in tap stride·m − up·i."""
    total, frames = first + n, (first + n) // (up * stride) + 2
    met = {}
    for path in make_paths(first, total, up, stride):
        for j in range(path.begin, path.end):
            m, i = frames * up + path.out, (frames - j) * stride + path.into
            met[m, i] = path.start + up * stride * j
    wanted = {
        (m, i): stride * m - up * i
        for m in range(frames * up, (frames + 1) * up)
        for i in range((frames + 1) * stride)
        if first <= stride * m - up * i < total
    }
    assert met == wanted
