"""`memory=`: sums block by block are those of the whole, and the boxes that are read suffice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide import blocks, signal
from flipslide.blocks import choose_sizes, cut_axis, list_blocks, read_memory
from flipslide.errors import DtypeError, ParameterError, ShapeError
from flipslide.spec import Axis, ConvSpec

RULES = ("zero", "constant", "edge", "symmetric", "mirror", "wrap")


@given(
    st.integers(1, 12), st.integers(1, 9), st.integers(-30, 30), st.integers(1, 9),
    st.integers(1, 3), st.sampled_from([-2, -1, 1, 2]), st.sampled_from(RULES), st.integers(1, 5),
)  # fmt: skip
def test_boxes_hold_what_outputs_look_at(
    n: int, taps: int, start: int, count: int, stride: int, dilation: int, rule: str, size: int
) -> None:
    """Every term of every output reads from its box the very sample that it reads from x."""
    axis = Axis(n, taps, count, start, stride, dilation, 1, rule, 0, 0, 0)
    outputs = []
    for cut in cut_axis(axis, size):
        box = [i for low, high in cut.reads for i in range(low, high)]
        assert all(0 <= i < n for i in box)
        part = axis._replace(x=len(box), y=cut.end - cut.first, start=cut.start)
        for m in range(part.y):
            outputs.append(cut.first + m)
            for j in range(taps):
                there, index = part.source(m, j)
                found = (there, None if index is None else box[index])
                assert found == axis.source(cut.first + m, j)
    assert outputs == list(range(count))


@given(st.integers(1, 60), st.integers(1, 50), st.integers(1, 9), st.integers(900, 50_000), st.booleans())
def test_blocks_fill_y_once_within_the_budget(rows: int, columns: int, taps: int, memory: int, chunked: bool) -> None:
    spec = ConvSpec.of((3, rows, columns), (taps, taps), mode="same", axes=(1, 2))
    try:
        sizes = choose_sizes(spec, (4, 4), memory, (1, 4, 4) if chunked else None)
    except ParameterError:
        assert memory < 3 * 4 * (taps + 1) ** 2 + 100
        return
    seen = np.zeros(spec.y_shape, int)
    for block in list_blocks(spec, sizes):
        (plane,), (down, across) = block.ranges, block.cuts
        seen[slice(*plane), down.first : down.end, across.first : across.end] += 1
        outputs = (plane[1] - plane[0]) * (down.end - down.first) * (across.end - across.first)
        assert 3 * 4 * ((plane[1] - plane[0]) * down.samples * across.samples + outputs) <= memory
    assert np.all(seen == 1)


@pytest.mark.parametrize("boundary", RULES)
@pytest.mark.parametrize("verb", [fs.convolve, fs.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_blocks_are_the_whole(verb: Any, mode: str, boundary: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (40, 30)), rng.integers(-9, 9, (7, 5))
    for words in ({}, {"stride": (2, 1)}, {"dilation": 2}, {"axes": (1, 0)}):
        wanted = verb(x, w, mode, boundary=boundary, **words)
        np.testing.assert_array_equal(verb(x, w, mode, boundary=boundary, memory=4000, **words), wanted)


def test_taps_longer_than_blocks_and_than_x() -> None:
    x, w = np.arange(50), np.arange(120) % 7
    for boundary in RULES:
        wanted = fs.convolve(x, w, "same", boundary=boundary)
        np.testing.assert_array_equal(fs.convolve(x, w, "same", boundary=boundary, memory=2000), wanted)


def test_batches_banks_and_fill_values() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (6, 1, 200)), rng.integers(-9, 9, (1, 4, 11))
    words: dict[str, Any] = {"axes": -1, "boundary": "constant", "fill_value": 5}
    np.testing.assert_array_equal(fs.convolve(x, w, "same", memory=3000, **words), fs.convolve(x, w, "same", **words))


def test_files_and_progress(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (64, 50, 40))
    x[:] = rng.standard_normal(x.shape)
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float32, x.shape)
    w, told = rng.standard_normal((5, 5, 5)).astype(np.float32), []
    assert fs.convolve(x, w, "same", out=y, memory="200KB", progress=lambda *done: told.append(done)) is y
    assert told[0] == (0, len(told) - 1)
    assert told[-1] == (len(told) - 1, len(told) - 1)
    assert len(told) > 4
    wanted = fs.convolve(np.array(x), w, "same")
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, atol=2.0**-17 * np.abs(w).sum() * np.abs(x).max())


def test_a_file_in_the_other_byte_order_is_never_turned_as_a_whole(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(signal, "SWAPPED_MEMORY", 40_000)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.dtype(np.float32).newbyteorder("S"), (300, 200))
    x[:] = np.random.default_rng(0).integers(-9, 9, x.shape)
    w, read = np.float32([[1, 2, 3], [4, 5, -6]]), []
    plain = blocks._read
    monkeypatch.setattr(blocks, "_read", lambda *given: read.append(plain(*given).nbytes) or plain(*given))
    y = fs.convolve(x, w, "same", boundary="mirror")
    assert y.dtype == np.dtype(np.float32)
    assert len(read) > 5
    assert max(read) <= 40_000
    np.testing.assert_array_equal(y, fs.convolve(np.array(x), w, "same", boundary="mirror"))
    many, n_blocks = np.ones((40, 30), np.float32), len(read)
    np.testing.assert_array_equal(fs.convolve(x, many), fs.convolve(np.array(x), many))
    assert len(read) == n_blocks  # which would overlap more than they hold


def test_anything_with_slices() -> None:
    class Disk:
        """Counts the largest box that is read."""

        shape, dtype, chunks, most = (400, 30), np.dtype(np.int32), (16, 30), 0
        kept = np.arange(12_000, dtype=np.int32).reshape(400, 30) % 11

        def __getitem__(self, places: Any) -> np.ndarray:
            box = self.kept[places]
            self.most = max(self.most, box.nbytes)
            return box

    disk, w = Disk(), np.ones((9, 3), np.int32)
    np.testing.assert_array_equal(fs.convolve(disk, w, memory="30KB"), fs.convolve(disk.kept, w))
    assert 0 < disk.most <= 10_000


def test_dask_arrays_are_read_block_by_block() -> None:
    dask = pytest.importorskip("dask.array")
    x = np.arange(6000).reshape(100, 60) % 13
    lazy, w = dask.from_array(x, chunks=(20, 60)), np.ones((3, 3), int)
    np.testing.assert_array_equal(fs.convolve(lazy, w, "same", memory="40KB"), fs.convolve(x, w, "same"))
    with pytest.raises(DtypeError, match="memory='512MB'"):
        fs.convolve(lazy, w)


@pytest.mark.parametrize(
    ("text", "size"), [("512MB", 512 * 10**6), ("2 GiB", 2 << 30), ("1.5k", 1500), ("80", 80), (7, 7)]
)
def test_sizes(text: Any, size: int) -> None:
    assert read_memory(text) == size


def test_what_cannot_be_is_an_error() -> None:
    x, w = np.ones(100), np.ones(5)
    for memory in ("much", 0, -3, "5 apples", True, 2.5):
        with pytest.raises(ParameterError, match="memory="):
            fs.convolve(x, w, memory=memory)
    with pytest.raises(ParameterError, match="too little"):
        fs.convolve(x, w, memory=40)
    with pytest.raises(ShapeError, match="out has shape"):
        fs.convolve(x, w, memory=4000, out=np.empty(3))
    with pytest.raises(DtypeError, match="out has dtype"):
        fs.convolve(x, w, memory=4000, out=np.empty(104, int))
    with pytest.raises(ParameterError, match="do not go together"):
        fs.convolve(x, w, memory=4000, nan="omit")
    with pytest.raises(ParameterError, match="boundaries"):
        fs.convolve(x, w, memory=4000, boundary="odd_mirror")


def test_blocks_lie_in_one_piece_while_little_is_read_twice() -> None:
    spec = ConvSpec.of((256, 1024, 1024), (3, 3, 3), mode="same")
    assert choose_sizes(spec, (4, 4), 512_000_000)[1:] == (1024, 1024)
    few = choose_sizes(ConvSpec.of((16, 4096, 4096), (9, 3, 3), mode="same"), (4, 4), 64_000_000)
    assert few[0] == 16  # 9 taps of 8 planes would be read twice
    assert few[2] == 4096
    chunked = choose_sizes(spec, (4, 4), 1_000_000, (16, 64, 64))
    assert all(size >= 16 or dim for dim, size in enumerate(chunked))


def test_a_result_over_the_samples_is_refused(tmp_path: Path) -> None:
    x = np.arange(1000.0)
    with pytest.raises(ParameterError, match="out lies over x"):
        fs.convolve(x, [1, 2, 3], "same", out=x, memory=3000)
    np.save(tmp_path / "x.npy", x)
    maps = [np.load(tmp_path / "x.npy", mmap_mode="r+") for _ in range(2)]
    with pytest.raises(ParameterError, match="out lies over x"):
        fs.convolve(maps[0], [1, 2, 3], "same", out=maps[1], memory=3000)


def test_nothing_to_sum_has_no_blocks() -> None:
    assert fs.convolve(np.zeros((0, 5)), [[1.0, 2.0]], "same", memory=1000).shape == (0, 5)


#: Not ru_maxrss, which begins with the size of the process that started this one.
_PEAK = """
import sys
import numpy as np
import flipslide as fs
x = np.load(sys.argv[1], mmap_mode="r")
y = np.lib.format.open_memmap(sys.argv[2], "w+", np.float32, x.shape)
fs.convolve(x, np.ones((3, 3, 3), np.float32), "same", out=y, memory="64MB")
print(next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="pages of a file that are let go are Linux's")
def test_memory_keeps_its_promise(tmp_path: Path) -> None:
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (128, 1024, 1024))
    x[::16] = 1
    del x
    args = [sys.executable, "-c", _PEAK, str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    done = subprocess.run(args, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64_000_000 + (64 << 20)
