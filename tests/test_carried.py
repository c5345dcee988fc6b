"""What arrays carry besides their numbers is kept or refused: masks, units, labels, last digits, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import flipslide as fs
from flipslide.errors import DtypeError, FlipslideError, IntegerOverflowError, ParameterError, ShapeError

X = np.arange(5.0)
W = np.array([1.0, -1.0, 2.0])
MASKED = np.ma.array([1.0, 99, 3], mask=[0, 1, 0])


class Masked:
    """Any object of another library that keeps a mask beside its numbers."""

    def __init__(self, values: Any, mask: Any) -> None:
        self.values, self.mask = np.asarray(values), np.asarray(mask)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values.astype(dtype or self.values.dtype)


class Quantity(Masked):
    def __init__(self, values: Any, unit: str) -> None:
        super().__init__(values, None)
        self.unit = unit
        del self.mask


def sparse() -> Any:
    return pytest.importorskip("scipy.sparse").csr_matrix(np.eye(3))


def dask() -> Any:
    return SimpleNamespace(__dask_graph__=dict, __array__=lambda: np.ones(3))


# --------------------------------------------------------------------------------- refused

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "None": (lambda: None, "x is None"),
    "text": (lambda: "1,2,3", "x is text, '1,2,3'"),
    "bytes": (lambda: b"abc", "x is text"),
    "a set": (lambda: {1, 2}, "has no order"),
    "a dict": (lambda: {"a": 1}, "list(x.values())"),
    "a generator": (lambda: (n for n in range(3)), "x is a generator, which can be read only once; pass list(x)"),
    "a map": (lambda: map(float, "12"), "pass list(x)"),
    "an object of no kind": (object, "x is of type object, which is no array of numbers"),
    "None among numbers": (lambda: [1, None, 3], "x[1] is None (NoneType), which is not a number; write np.nan"),
    "text among numbers": (lambda: np.array([[1, "a"]], object), "x[0, 1] is 'a' (str), which is not a number"),
    "a list among numbers": (lambda: np.array([1, [2, 3]], object), "x[1] is [2, 3] (list)"),
    "a sparse matrix": (sparse, "x is a sparse matrix (scipy.sparse._csr.csr_matrix); pass x.toarray()"),
    "a dask array": (dask, "x is a dask array"),
    "a quantity": (lambda: Quantity([1.0, 2], "km"), "x has the unit km"),
    "a list of quantities": (lambda: [Quantity(1.0, "m"), Quantity(2.0, "m")], "x is a list of quantities"),
    "a list of masked arrays": (lambda: [[MASKED], [MASKED]], "np.ma.stack(x)"),
    "a list with the masked constant": (lambda: [1.0, np.ma.masked], "x is a list with masked arrays"),
    "a structured array": (lambda: np.zeros(3, [("a", "f4")]), "name one of its fields, x['a']"),
    "dates": (lambda: np.zeros(3, "M8[s]"), "x has dtype datetime64[s]"),
}

#: Arrays of another dtype.
PADDED = ("text among numbers", "a list among numbers", "a structured array", "dates")

#: Every function that takes an array enters it by the same door.
DOORS: dict[str, Callable[[Any], Any]] = {
    "convolve": lambda x: fs.convolve(x, W),
    "correlate": lambda x: fs.correlate(x, np.ones(1)),
    "pad": lambda x: fs.pad(x, 1),
    "plan": lambda x: fs.plan(3, W)(x),
    "conv": lambda x: fs.nn.conv(x, np.ones((1, 1, 1))),
    "conv_transpose": lambda x: fs.nn.conv_transpose(x, np.ones((1, 1, 1))),
    "im2col": lambda x: fs.nn.im2col(x, 1),
    "explain": lambda x: fs.explain(x, W),
    "graph": lambda x: fs.graph(x, W),
}


@pytest.mark.parametrize("name", list(REFUSED))
@pytest.mark.parametrize("door", list(DOORS))
def test_what_is_no_array_of_numbers_is_named(door: str, name: str) -> None:
    make, message = REFUSED[name]
    if door == "pad" and name in PADDED:
        pytest.skip("a rule that reads samples again asks for no numbers")
    with pytest.raises(FlipslideError) as caught:
        DOORS[door](make())
    assert message in str(caught.value)


def test_taps_are_entered_by_the_same_door() -> None:
    with pytest.raises(DtypeError, match="w is None"):
        fs.convolve(X, None)
    with pytest.raises(DtypeError, match="w is text"):
        fs.convolve(X, "1,2")


def test_an_array_that_cannot_be_read_says_why() -> None:
    class Stubborn:
        def __array__(self, *_: Any) -> np.ndarray:
            raise TypeError("lies on another device")

    with pytest.raises(DtypeError, match=r"x is of type .*Stubborn, which .*: lies on another device"):
        fs.convolve(Stubborn(), W)


# ----------------------------------------------------------------------------------- masks


def test_a_masked_out_is_refused() -> None:
    out = np.ma.array(np.zeros(7), mask=[1] + [0] * 6)
    with pytest.raises(DtypeError, match="out is of type numpy.ma.MaskedArray, whose mask"):
        fs.convolve(X, W, out=out)
    assert out.mask[0]


FILLS: dict[str, Callable[[Any], Any]] = {
    "pad": lambda fill: fs.pad(X, 1, "constant", fill_value=fill),
    "convolve": lambda fill: fs.convolve(X, W, boundary="constant", fill_value=fill),
}


@pytest.mark.parametrize("name", list(FILLS))
def test_fill_values_carry_nothing(name: str) -> None:
    call = FILLS[name]
    with pytest.raises(ParameterError, match="fill_value is masked"):
        call(np.ma.masked)
    with pytest.raises(ParameterError, match="fill_value=.* has a unit"):
        call(Quantity(1.0, "km"))


def test_astropy() -> None:
    u = pytest.importorskip("astropy.units")
    from astropy.nddata import CCDData, NDData, StdDevUncertainty

    with pytest.raises(DtypeError, match="x has the unit km"):
        fs.convolve([1.0, 2] * u.km, W)
    with pytest.raises(DtypeError, match="x has the unit adu"):
        fs.convolve(CCDData(X, unit="adu"), W)
    with pytest.raises(DtypeError, match="uncertainty"):
        fs.convolve(NDData(X, uncertainty=StdDevUncertainty(X)), W)
    np.testing.assert_array_equal(fs.convolve(NDData(X), W), fs.convolve(X, W))
    with pytest.raises(FlipslideError, match="unit"):
        fs.pad([1.0, 2] * u.m, 1, "constant", fill_value=1 * u.km)


# ------------------------------------------------------------------------------------ labels


def test_pandas_comes_back() -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(X, index=list("abcde"), name="pressure")
    y = fs.convolve(series, W, "same")
    expected = pandas.Series(np.convolve(X, W, "same"), index=series.index, name="pressure")
    pandas.testing.assert_series_equal(y, expected)
    assert type(fs.convolve(series, W)) is np.ndarray  # seven numbers have no labels
    frame = pandas.DataFrame({"left": X, "right": X[::-1]}, index=series.index)
    y = fs.convolve(frame, W, "same", axes=0)
    pandas.testing.assert_frame_equal(y, frame.apply(lambda column: np.convolve(column, W, "same")))
    gap = pandas.Series([1, pandas.NA, 3], dtype=object)
    with pytest.raises(DtypeError, match=r"x\[1\] is <NA>"):
        fs.convolve(gap, W)


def test_xarray_comes_back() -> None:
    xarray = pytest.importorskip("xarray")
    x = np.arange(12.0).reshape(4, 3)
    array = xarray.DataArray(
        x,
        dims=("time", "place"),
        coords={"time": [0, 10, 20, 30], "place": list("abc")},
        name="t",
        attrs={"units": "K"},
    )
    y = fs.convolve(array, W, "same", axes="time")
    xarray.testing.assert_identical(y, array.copy(data=fs.convolve(x, W, "same", axes=0)))
    shorter = fs.convolve(array, W, "valid", axes=("time",))
    assert shorter.dims == ("time", "place")
    assert list(shorter.coords) == ["place"]
    with pytest.raises(ShapeError, match="names 'height', and x has the axes"):
        fs.convolve(array, W, axes="height")
    if pytest.importorskip("dask", reason="a lazy array needs it"):
        with pytest.raises(DtypeError, match="dask"):
            fs.convolve(array.chunk({"time": 2}), W, axes="time")


# ---------------------------------------------------------------------------------- bfloat16


def test_bfloat16_is_summed_in_single_and_rounded_once() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x, w = np.random.default_rng(0).normal(size=(2, 300)).astype(bfloat16)
    single = fs.convolve(x.astype(np.float32), w.astype(np.float32))
    y = fs.convolve(x, w)
    assert y.dtype == bfloat16
    np.testing.assert_array_equal(y, single.astype(bfloat16))
    mixed = fs.convolve(x, w.astype(np.float32))
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed, single)


def test_bfloat16_tensors() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 2, 3], dtype=torch.bfloat16)
    assert fs.convolve(x, torch.ones(2)).tolist() == [1.0, 3.0, 5.0, 3.0]
    with pytest.raises(DtypeError, match=r"x\.detach\(\)"):
        fs.convolve(torch.ones(3, requires_grad=True), W)


# ---------------------------------------------------------------------------------- integers


@pytest.mark.parametrize("values", [[2**63 + 1, 1], (1, 2**63), [[2**64 - 1], [0]], [2**63 + 1, -1], [2**70, 1]])
def test_integers_on_both_sides_of_2_to_63_are_exact_or_an_error(values: Any) -> None:
    flat = np.ravel(np.array(values, object)).tolist()
    try:
        y = fs.convolve(values, np.ones((1,) * np.ndim(np.array(values, object)), int))
    except IntegerOverflowError as error:
        assert "dtype=object" in str(error)
        y = fs.convolve(np.array(values, object), np.ones((1,) * np.ndim(np.array(values, object)), object))
    assert [int(value) for value in y.flat] == flat


@pytest.mark.parametrize("text", ["9223372036854775809,1", "9223372036854775809\n1", "18446744073709551615,0"])
def test_integers_in_texts_are_exact_or_an_error(text: str) -> None:
    from flipslide.io import decode

    want = [int(cell) for cell in text.replace("\n", ",").split(",")]
    assert decode(text.encode(), ".csv").array.tolist() == want


def test_floats_and_integers_are_floats() -> None:
    y = fs.convolve([1, 2.5, 3], [1])
    assert y.dtype == np.float64
    assert y.tolist() == [1, 2.5, 3]


# ---------------------------------------------------------------------------------- arguments


def test_arguments_may_be_arrays() -> None:
    assert fs.pad(np.zeros((2, 2)), np.array([[1, 1], [0, 2]])).shape == (4, 4)
    assert fs.pad(np.zeros(3), np.array([1, 2])).shape == (6,)
    assert fs.pad([[1, 2]], 1, np.array(["edge", "wrap"]), axes=np.array([0, 1])).tolist()[0] == [2, 1, 2, 1]
    assert fs.output_shape(np.array([5, 5]), np.array([3, 3]), stride=np.array([1, 2])) == (3, 2)
    assert fs.output_shape(np.array([5]), np.array([3]), padding=np.array([[1, 0]])) == (4,)
    assert fs.plan(np.array([5]), (3,)).spec.x_shape == (5,)
    assert fs.nn.conv_input_grad(np.ones((1, 1, 2)), np.ones((1, 1, 2)), np.array([1, 1, 3])).shape == (1, 1, 3)
    assert fs.nn.col2im(np.ones((1, 4, 1)), np.array([2, 2]), 2).shape == (1, 1, 2, 2)
    y = fs.convolve(np.ones((4, 4)), np.ones((2, 2)), boundary=np.array(["edge", "wrap"]), stride=np.array([2, 1]),
                    axes=np.array([0, 1]), dilation=np.array([1, 2]))  # fmt: skip
    assert y.shape == fs.convolve(np.ones((4, 4)), np.ones((2, 2)), stride=(2, 1), dilation=(1, 2)).shape


@pytest.mark.parametrize(("dtype", "fill"), [(np.float16, 70000), (np.float32, 1e300), (np.complex64, 1e300j)])
def test_fill_values_that_are_infinite_in_the_dtype(dtype: Any, fill: Any) -> None:
    x = np.ones(3, dtype)
    with pytest.raises(DtypeError, match="fill_value="):
        fs.pad(x, 1, "constant", fill_value=fill)
    with pytest.raises(DtypeError, match="fill_value="):
        fs.convolve(x, x, boundary="constant", fill_value=fill)
    assert np.isinf(fs.pad(x, 1, "constant", fill_value=np.inf)[0])
