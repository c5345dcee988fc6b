"""Layers on PyTorch's tensors: equal to PyTorch's own, differentiable twice, and in their place."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide.errors import DtypeError, ParameterError, ShapeError

torch = pytest.importorskip("torch")
functional = torch.nn.functional
ours = fs.ext.torch

DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def test_without_torch() -> None:
    code = """if True:
        import sys
        sys.modules["torch"] = None
        import flipslide as fs
        try:
            fs.ext.torch
        except fs.MissingExtraError as error:
            assert "pip install 'flipslide[torch]'" in str(error), error
        else:
            raise AssertionError
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["layers", "takeover"])
def test_docstrings(name: str) -> None:
    failures, examples = doctest.testmod(importlib.import_module(f"flipslide.ext.torch.{name}"))
    assert examples
    assert failures == 0


# --------------------------------------------------------------------------------- layers


class Layer:
    """One call of a layer: its tensors and PyTorch's words."""

    def __init__(self, transposed: bool, tensors: tuple[Any, ...], words: dict[str, Any]) -> None:
        self.name = f"conv{'_transpose' if transposed else ''}{tensors[0].ndim - 2}d"
        self.tensors, self.words = tensors, words

    def __call__(self, home: Any, *tensors: Any) -> Any:
        return getattr(home, self.name)(*(tensors or self.tensors), **self.words)

    def __repr__(self) -> str:
        shapes = [None if t is None else (tuple(t.shape), t.stride(), t.dtype) for t in self.tensors]
        return f"{self.name}({shapes}, {self.words})"


@st.composite
def layers(draw: st.DrawFn, dtypes: tuple[Any, ...] = DTYPES) -> Layer:
    n_axes, transposed = draw(st.integers(1, 3)), draw(st.booleans())
    groups, channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    numbers = [
        [draw(st.integers(low, high)) for _ in range(n_axes)] for low, high in ((1, 3), (1, 3), (1, 3), (0, 2), (0, 4))
    ]
    taps, stride, dilation, padding, room = numbers
    spans = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    words: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        sizes = [1 + r for r in room]
        least = [(n - 1) * s - 2 * p + D for n, s, p, D in zip(sizes, stride, padding, spans, strict=True)]
        extras = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
        if any(n + extra < 1 for n, extra in zip(least, extras, strict=True)):
            words["padding"] = [0] * n_axes
        words["output_padding"] = extras
        w_shape = (groups * channels, filters, *taps)
    else:
        sizes = [max(1, D - 2 * p) + r for D, p, r in zip(spans, padding, room, strict=True)]
        w_shape = (groups * filters, channels, *taps)
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))
    x = torch.randn(draw(st.integers(1, 3)), groups * channels, *sizes, dtype=dtype)
    if x.ndim in FORMATS and draw(st.booleans()):
        x = x.to(memory_format=FORMATS[x.ndim])
    bias = torch.randn(groups * filters, dtype=dtype) if draw(st.booleans()) else None
    return Layer(transposed, (x, torch.randn(w_shape, dtype=dtype), bias), words)


@given(call=layers())
def test_layers_are_torchs(call: Layer) -> None:
    leaves = [None if t is None else t.requires_grad_() for t in call.tensors]
    mine, theirs = call(ours), call(functional)
    torch.testing.assert_close(mine, theirs)
    dy = torch.randn_like(theirs)
    given = [leaf for leaf in leaves if leaf is not None]
    torch.testing.assert_close(torch.autograd.grad(mine, given, dy), torch.autograd.grad(theirs, given, dy))


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_differentiable_twice(name: str, dtype: Any) -> None:
    torch.manual_seed(0)
    n_axes = int(name[-2])
    x = torch.randn(1, 4, *(5, 4)[:n_axes], dtype=dtype, requires_grad=True)
    transposed = "transpose" in name
    w = torch.randn(4 if transposed else 2, 2, *(3, 2)[:n_axes], dtype=dtype, requires_grad=True)
    bias = torch.randn(4 if transposed else 2, dtype=dtype, requires_grad=True)
    words: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2}
    words |= {"output_padding": 1} if transposed else {}

    def layer(*tensors: Any) -> Any:
        return getattr(ours, name)(*tensors, **words)

    # Along random directions, where the whole matrices would be large.
    assert torch.autograd.gradcheck(layer, (x, w, bias), fast_mode=n_axes > 1)
    assert torch.autograd.gradgradcheck(layer, (x, w, bias), fast_mode=n_axes > 1)


def test_three_axes_differentiable_twice() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 1, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, 1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: ours.conv3d(x, w, padding=(0, 1, 0)), (x, w))
    assert torch.autograd.gradgradcheck(lambda x, w: ours.conv_transpose3d(x, w[:1], stride=(1, 2, 1)), (x, w))


def test_memory_is_shared_and_formats_are_kept() -> None:
    x = torch.randn(2, 3, 8, 9).to(memory_format=torch.channels_last)
    y = ours.conv2d(x, torch.randn(4, 3, 3, 3))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert ours.conv2d(x.contiguous(), torch.randn(4, 3, 3, 3)).is_contiguous()
    from flipslide.ext.torch.tensors import _array

    assert np.shares_memory(_array(x), x.numpy())


def test_words_and_single_samples() -> None:
    x, w = torch.randn(3, 9), torch.randn(2, 3, 4)
    torch.testing.assert_close(ours.conv1d(x, w), functional.conv1d(x, w))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch says that it copies
        torch.testing.assert_close(ours.conv1d(x, w, padding="same"), functional.conv1d(x, w, padding="same"))
    torch.testing.assert_close(ours.conv1d(x, w, padding="valid"), functional.conv1d(x, w, padding="valid"))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.float16, torch.bfloat16])
def test_other_dtypes_are_kept(dtype: Any) -> None:
    x, w = torch.arange(6).reshape(1, 1, 6).to(dtype), torch.tensor([[[1, 0, 2]]]).to(dtype)
    y = ours.conv1d(x, w)
    assert y.dtype == dtype
    assert y.tolist() == [[[4, 7, 10, 13]]]


def test_conjugates_and_negatives_are_resolved() -> None:
    x, w = torch.randn(1, 1, 6, dtype=torch.complex128), torch.randn(1, 1, 2, dtype=torch.complex128)
    torch.testing.assert_close(ours.conv1d(x.conj(), w), functional.conv1d(x.conj().resolve_conj(), w))
    torch.testing.assert_close(ours.conv1d(x.conj().imag, w.real), functional.conv1d(-x.imag, w.real))


BAD_CALLS: dict[str, tuple[Any, type[Exception], str]] = {
    "axes": (
        lambda: ours.conv2d(torch.ones(1, 1, 5), torch.ones(1, 1, 3)),
        ShapeError,
        r"conv2d wants input .* with 2 spatial axes; they have shapes \(1, 1, 5\) and \(1, 1, 3\)",
    ),
    "channels": (
        lambda: ours.conv1d(torch.ones(1, 2, 5), torch.ones(1, 1, 3)),
        ShapeError,
        "takes 1 channels, which with groups=1 makes 1; x has 2",
    ),
    "output padding": (
        lambda: ours.conv_transpose1d(torch.ones(1, 1, 5), torch.ones(1, 1, 3), stride=2, output_padding=2),
        ParameterError,
        "output_padding=2 must be below 2, the larger of stride and dilation",
    ),
    "device": (
        lambda: ours.conv1d(torch.ones(1, 1, 5, device="meta"), torch.ones(1, 1, 3)),
        DtypeError,
        "the tensor is on meta; flipslide computes on the CPU",
    ),
    "choice": (lambda: ours.install(choose="never"), ParameterError, "choose='never' is not known"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors(name: str) -> None:
    call, kind, message = BAD_CALLS[name]
    with pytest.raises(kind, match=message):
        call()


# ------------------------------------------------------------------------------- takeover


@pytest.fixture
def takeover() -> Iterator[Any]:
    with ours.install(choose="always", smallest=0) as installed:
        yield installed


def strides_of(tensor: Any) -> list[int]:
    return [stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


@given(call=layers((torch.float32, torch.float64)))
def test_what_is_taken_is_torchs(call: Layer) -> None:
    given = [t.requires_grad_() for t in call.tensors if t is not None]
    expected = call(functional)
    dy = torch.randn_like(expected)
    gradients = torch.autograd.grad(expected, given, dy)
    with ours.install(choose="always", smallest=0) as installed:
        y = call(functional)
        torch.testing.assert_close(y, expected)
        taken = torch.autograd.grad(y, given, dy)
        torch.testing.assert_close(taken, gradients)
        # Compiled code relies on how results lie.
        assert [strides_of(t) for t in (y, *taken)] == [strides_of(t) for t in (expected, *gradients)]
        assert all(choice.ours for choice in installed.choices), installed.report()
        assert sum(choice.taken for choice in installed.choices) == 3


def test_reaches_modules_inference_and_second_derivatives(takeover: Any) -> None:
    layer, x = torch.nn.Conv2d(2, 3, 3), torch.randn(1, 2, 6, 6, requires_grad=True)
    (dx,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    dx.square().sum().backward()
    with torch.inference_mode():
        layer(x.detach())
    names = {choice.name for choice in takeover.choices}
    assert {"forward", "input gradient", "weight gradient"} <= names
    assert all(choice.left == 0 for choice in takeover.choices)


def test_reaches_compiled_code(takeover: Any) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.ReLU(), torch.nn.Conv2d(3, 2, 3))
    x = torch.randn(1, 2, 8, 8)
    compiled = torch.compile(network, backend="aot_eager")
    compiled(x).sum().backward()
    assert {choice.name for choice in takeover.choices} == {"forward", "input gradient", "weight gradient"}
    assert sum(choice.taken for choice in takeover.choices) == 5


def test_removed() -> None:
    layer, x = torch.nn.Conv1d(1, 1, 3), torch.randn(1, 1, 9)
    with ours.install(choose="always", smallest=0) as installed, pytest.raises(ParameterError, match="already"):
        ours.install()
    layer(x)
    assert installed.choices == []
    ours.install().remove()


def test_declines_and_says_why() -> None:
    with ours.install(choose="always", smallest=1000) as installed:
        functional.conv1d(torch.ones(1, 1, 5), torch.ones(1, 1, 3))
        functional.conv1d(torch.ones(1, 1, 5000, dtype=torch.bfloat16), torch.ones(1, 1, 3, dtype=torch.bfloat16))
        functional.conv1d(torch.ones(0, 1, 5000), torch.ones(1, 1, 3))
        functional.conv1d(torch.ones(1, 1, 5000), torch.ones(1, 1, 3))
        functional.conv1d(torch.ones(1, 1, 5000), torch.ones(1, 1, 3))
    reasons = {choice.reason: choice.left for choice in installed.choices}
    assert reasons == {
        "9 products are fewer than smallest=1000": 1,
        "torch.bfloat16 is neither float32 nor float64": 1,
        "a tensor is empty": 1,
        "all are taken that can be": 0,
    }
    assert installed.report().startswith("2 convolutions taken, 3 left to PyTorch")
    assert "taken: all are taken that can be" in str(installed)


def test_errors_are_torchs_own(takeover: Any) -> None:
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        functional.conv1d(torch.ones(1, 1, 2), torch.ones(1, 1, 3))


def test_the_faster_one_has_it() -> None:
    x, w = torch.randn(1, 2, 30), torch.randn(2, 2, 3)
    with ours.install(smallest=0) as installed:
        results = [functional.conv1d(x, w) for _ in range(9)]
        (choice,) = installed.choices
        assert choice.ours is (choice.seconds[1] < choice.seconds[0])
        assert choice.reason.startswith("measured: ")
        assert {choice.taken, choice.left} == {6, 3}
    for result in results:
        torch.testing.assert_close(result, results[0])


def small_resnet() -> Any:
    class Block(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, channels: int, filters: int, stride: int) -> None:
            super().__init__()
            nn = torch.nn
            self.body = nn.Sequential(
                nn.Conv2d(channels, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
                nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters),
            )  # fmt: skip
            self.skip = nn.Conv2d(channels, filters, 1, stride, bias=False)

        def forward(self, x: Any) -> Any:
            return functional.relu(self.body(x) + self.skip(x))

    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 7, 2, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        Block(8, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def small_mobilenet() -> Any:
    nn = torch.nn

    def separable(channels: int, filters: int, stride: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels), nn.ReLU6(), nn.Conv2d(channels, filters, 1)
        )

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), separable(8, 16, 1), separable(16, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 10),
    )  # fmt: skip


@pytest.mark.parametrize("make", [small_resnet, small_mobilenet])
@pytest.mark.parametrize("last", [False, True])
def test_a_network_and_a_training_step(make: Any, last: bool, takeover: Any) -> None:
    torch.manual_seed(0)
    network, x = make().double(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    if last:
        network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    target = torch.tensor([1, 7])

    def step() -> list[Any]:
        network.zero_grad()
        loss = functional.cross_entropy(network(x), target)
        loss.backward()
        return [loss.detach(), *(p.grad.clone() for p in network.parameters())]

    taken = step()
    assert sum(choice.taken for choice in takeover.choices) > 10
    assert sum(choice.left for choice in takeover.choices) == 0
    takeover.remove()
    torch.testing.assert_close(taken, step())
