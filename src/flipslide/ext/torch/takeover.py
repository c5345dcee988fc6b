"""flipslide's kernels in the place of PyTorch's own, for code that knows nothing of flipslide.

PyTorch's dispatcher asks `aten::convolution` and `aten::convolution_backward` of the CPU for every convolution: of
modules, functions, autograd, inference mode and what torch.compile leaves to it. `install` puts its own answer there
and keeps the old one for what it declines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

import torch

from ...errors import FlipslideError, ParameterError, unknown_word
from ...geometry import LayerAxis
from .tensors import Tensor, Words, apply_taps, input_gradient, weight_gradient

__all__ = ["Takeover", "install"]

CHOICES = ("measure", "always")
DTYPES = (torch.float32, torch.float64)
#: Turns of a kind of call that are spent on finding out who is faster: one of each to warm up, two of each timed.
TURNS = 6
KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)


# ------------------------------------------------------------------------------- choices


class Choice:
    """Who answers one kind of call, and what is known of both."""

    def __init__(self, name: str, x_shape: Any, w_shape: Any, reason: str, ours: bool | None) -> None:
        self.name, self.x_shape, self.w_shape = name, tuple(x_shape), tuple(w_shape)
        self.reason, self.ours = reason, ours  # None: not yet decided
        self.turns = self.taken = self.left = 0
        self.memory_format: Any = None
        self.seconds = [float("inf"), float("inf")]  # the best of PyTorch, the best of flipslide

    def run(self, ours: Callable[[], Tensor], theirs: Callable[[], Tensor]) -> Tensor:
        """The result of whoever has it now."""
        mine = self.ours if self.ours is not None else self.turns % 2 == 0
        if mine:
            try:
                result = self._timed(lambda: _in_format(ours(), self.memory_format), 1)
            except FlipslideError as error:
                self.ours, self.reason = False, str(error)
            else:
                self.taken += 1
                return result
        self.left += 1
        return self._timed(theirs, 0)

    def _timed(self, kernel: Callable[[], Tensor], which: int) -> Tensor:
        if self.ours is not None:
            return kernel()
        start = time.perf_counter()
        result = kernel()
        if self.turns >= 2:
            self.seconds[which] = min(self.seconds[which], time.perf_counter() - start)
        self.turns += 1
        if self.turns == TURNS:
            self._decide()
        return result

    def _decide(self) -> None:
        theirs, ours = self.seconds
        self.ours = ours < theirs
        self.reason = f"measured: {1e6 * ours:.0f} µs against PyTorch's {1e6 * theirs:.0f} µs"

    def __str__(self) -> str:
        verdict = {True: "taken", False: "declined", None: "measuring"}[self.ours]
        return (
            f"{self.name:<16} x {self.x_shape!s:<24} w {self.w_shape!s:<22} {self.taken:>6} taken {self.left:>6} left  "
            f"{verdict}: {self.reason}"
        )


# --------------------------------------------------------------------------------- calls


class Takeover:
    """What `install` returns: undo it with `remove`, or use it as a context manager; `print` it to see what it did."""

    def __init__(self, choose: str, smallest: int) -> None:
        self._choose, self._smallest = choose, smallest
        self._choices: dict[Any, Choice] = {}
        self._forward = torch.library.get_kernel("aten::convolution", "CPU")
        self._backward = torch.library.get_kernel("aten::convolution_backward", "CPU")
        self._library = torch.library.Library("aten", "IMPL")
        self._library.impl("convolution", self._convolution, "CPU")
        self._library.impl("convolution_backward", self._convolution_backward, "CPU")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Put PyTorch's own kernels back."""
        self._library._destroy()
        _installed.discard(self)

    @property
    def choices(self) -> list[Choice]:
        """One record for each kind of call, the most frequent first."""
        return sorted(self._choices.values(), key=lambda choice: -(choice.taken + choice.left))

    def report(self) -> str:
        """What was taken and what was left to PyTorch, and why."""
        taken, left = (sum(getattr(choice, name) for choice in self.choices) for name in ("taken", "left"))
        saved = sum(max(0.0, c.seconds[0] - c.seconds[1]) * c.taken for c in self.choices if c.ours and c.turns)
        head = f"{taken} convolutions taken, {left} left to PyTorch; about {1e3 * saved:.1f} ms saved"
        return "\n".join([head, *map(str, self.choices)])

    __str__ = report

    def _convolution(self, *call: Any) -> Tensor:
        x, w, bias, *rest = call
        stride, padding, dilation, transposed, output_padding, groups = rest
        key = "transposed" if transposed else "forward", x.shape, x.stride(), x.dtype, w.shape, *map(str, rest)
        choice = self._choices.get(key)
        if choice is None:
            outputs = _result_shape(x, w, *rest)
            choice = self._choices[key] = self._new_choice(key[0], (x, w, bias), x, w, outputs)
            choice.memory_format = _memory_format(x, w, rest, bias=bias)
        if choice.ours is False:
            choice.left += 1
            return self._forward.call_boxed(KEYS, *call)
        words = _words(stride, padding, dilation, groups)
        run = _transposed if transposed else _plain
        return choice.run(lambda: run(x, w, bias, words, output_padding), lambda: self._forward.call_boxed(KEYS, *call))

    def _convolution_backward(self, *call: Any) -> tuple[Tensor | None, ...]:
        *given, mask = call
        wanted = [part for part in (0, 1) if mask[part]]
        choices = {part: self._part_choice(part, given) for part in wanted}
        if all(choice.ours is False for choice in choices.values()):
            for choice in choices.values():
                choice.left += 1
            return tuple(self._backward.call_boxed(KEYS, *call))
        parts = [choices[part].run(*self._part_kernels(part, given)) if mask[part] else None for part in (0, 1)]
        dy = given[0]
        return *parts, dy.sum((0, *range(2, dy.ndim))) if mask[2] else None

    def _part_choice(self, part: int, given: list[Any]) -> Choice:
        dy, x, w, bias_sizes, *rest = given
        name = ("input gradient", "weight gradient")[part]
        key = name, x.shape, x.stride(), dy.stride(), x.dtype, w.shape, *map(str, rest)
        choice = self._choices.get(key)
        if choice is None:
            outputs = (x if rest[3] else dy).shape
            choice = self._choices[key] = self._new_choice(name, (dy, x, w), x, w, outputs)
            choice.memory_format = _memory_format(x, w, rest, bias=None, bias_sizes=bias_sizes)
        return choice

    def _part_kernels(self, part: int, given: list[Any]) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
        dy, x, w, _, stride, padding, dilation, transposed, _, groups = given
        words = _words(stride, padding, dilation, groups)
        ours = _PARTS[transposed][part]
        mask = [part == 0, part == 1, False]
        return (
            lambda: ours(dy, x, w, words),
            lambda: self._backward.call_boxed(KEYS, *given, mask)[part],
        )

    def _new_choice(self, name: str, tensors: tuple[Any, ...], x: Tensor, w: Tensor, outputs: Any) -> Choice:
        reason = _why_not(tensors) or self._too_small(w, outputs)
        if reason:
            return Choice(name, x.shape, w.shape, reason, False)
        if self._choose == "always":
            return Choice(name, x.shape, w.shape, "all are taken that can be", True)
        return Choice(name, x.shape, w.shape, "both are tried in turn", None)

    def _too_small(self, w: Tensor, outputs: Any) -> str:
        """Each output position of a channel has as many products as a filter has taps."""
        products = w[0].numel() * torch.Size(outputs).numel()
        if products < self._smallest:
            return f"{products} products are fewer than smallest={self._smallest}"
        return ""


def _why_not(tensors: tuple[Any, ...]) -> str:
    """Why PyTorch's kernel must answer; empty where it need not."""
    given = [tensor for tensor in tensors if tensor is not None]
    if any(tensor.dtype not in DTYPES for tensor in given):
        return f"{given[0].dtype} is neither float32 nor float64"
    if len({tensor.dtype for tensor in given}) > 1:
        return "the tensors' dtypes differ"
    if any(tensor.numel() == 0 for tensor in given):
        return "a tensor is empty"
    if any(tensor.layout != torch.strided for tensor in given):
        return "a tensor is not strided"
    return ""


# ------------------------------------------------------------------------------ formats


def _memory_format(x: Tensor, w: Tensor, rest: list[Any], **bias: Any) -> Any:
    """How PyTorch's kernel would lay its results out: compiled code relies on it."""
    names = ("stride", "padding", "dilation", "transposed", "output_padding", "groups")
    backend = torch._C._select_conv_backend(x, w, **dict(zip(names, rest, strict=True)), **bias)
    if x.ndim == 3:  # one axis is computed as two
        x, w = x.contiguous().unsqueeze(2), w.unsqueeze(2)
    return torch._C._conv_determine_backend_memory_format(x, w, backend)


def _in_format(result: Tensor, memory_format: Any) -> Tensor:
    if result.ndim == 3:
        return result.unsqueeze(2).contiguous(memory_format=memory_format).squeeze(2)
    return result.contiguous(memory_format=memory_format)


# ------------------------------------------------------------------------------ the sums


def _words(stride: Any, padding: Any, dilation: Any, groups: int) -> Words:
    return Words(tuple(stride), tuple((p, p) for p in padding), tuple(dilation), groups)


def _axes(x: Tensor, w: Tensor, words: Words) -> list[LayerAxis]:
    numbers = zip(x.shape[2:], w.shape[2:], words.padding, words.stride, words.dilation, strict=True)
    return [LayerAxis(n, taps, lo, hi, stride, dilation) for n, taps, (lo, hi), stride, dilation in numbers]


def _result_shape(
    x: Tensor, w: Tensor, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int
) -> tuple[int, ...]:
    """Of a transposed layer that of x, whose every sample meets all taps."""
    if transposed:
        return tuple(x.shape)
    axes = _axes(x, w, _words(stride, padding, dilation, groups))
    return (x.shape[0], w.shape[0], *(max(0, axis.room // axis.stride + 1) for axis in axes))


def _plain(x: Tensor, w: Tensor, bias: Tensor | None, words: Words, _: Any) -> Tensor:
    return apply_taps(x, w, bias, words)


def _transposed(x: Tensor, w: Tensor, bias: Tensor | None, words: Words, output_padding: Any) -> Tensor:
    axes = _axes(x, w, words)
    extras = list(zip(x.shape[2:], axes, output_padding, strict=True))
    shape = (x.shape[0], words.groups * w.shape[1], *(axis.least_transposed + extra for _, axis, extra in extras))
    longer = _pad_to(x, [n + extra // axis.stride for n, axis, extra in extras])
    y = input_gradient(longer, w, shape, words)
    return y if bias is None else y.add_(bias.reshape(-1, *[1] * len(axes)))


def _pad_to(x: Tensor, sizes: list[int]) -> Tensor:
    """x with zeros behind its samples."""
    more = [size - n for size, n in zip(sizes, x.shape[2:], strict=True)]
    if not any(more):
        return x
    return torch.nn.functional.pad(x, [number for extra in reversed(more) for number in (0, extra)])


def _input_part(dy: Tensor, x: Tensor, w: Tensor, words: Words) -> Tensor:
    return input_gradient(dy, w, tuple(x.shape), words)


def _weight_part(dy: Tensor, x: Tensor, w: Tensor, words: Words) -> Tensor:
    return weight_gradient(dy, x, tuple(w.shape), words)


# A transposed layer takes x to y as the plain one takes dy to dx. Where output padding is as long as the stride, the
# plain layer finds more windows in y than x has samples.


def _transposed_input_part(dy: Tensor, x: Tensor, w: Tensor, words: Words) -> Tensor:
    dx = apply_taps(dy, w, None, words)
    cut = dx[(slice(None), slice(None), *(slice(n) for n in x.shape[2:]))]
    return cut if cut.shape == dx.shape else cut.contiguous()


def _transposed_weight_part(dy: Tensor, x: Tensor, w: Tensor, words: Words) -> Tensor:
    longer = _pad_to(x, [axis.outputs for axis in _axes(dy, w, words)])
    return weight_gradient(longer, dy, tuple(w.shape), words)


#: The gradients of a plain layer and of a transposed one, of input and weight.
_PARTS = ((_input_part, _weight_part), (_transposed_input_part, _transposed_weight_part))


# ------------------------------------------------------------------------------- install

_installed: set[Takeover] = set()


def install(*, choose: str = "measure", smallest: int = 100_000) -> Takeover:
    """Let flipslide do the convolutions of PyTorch code on the CPU, where it is faster.

    Reaches `torch.nn` layers and functions, autograd, inference mode and torch.compile, but not models that
    Inductor has frozen (`torch._inductor.config.freezing`), whose convolutions do not pass PyTorch's dispatcher.

    Parameters
    ----------
    choose : {"measure", "always"}
        "measure" lets both answer each new kind of call in turn, three times each, and leaves it to the faster
        one. "always" takes whatever can be taken.
    smallest : int
        Calls of fewer products stay with PyTorch, and so do dtypes other than float32 and float64 and
        empty tensors. Passing through Python costs each call some 15 µs.

    Returns
    -------
    Takeover
        `remove()` it, or use it in a `with` block; its `report()` says what was taken, what was not, and why.

    Raises
    ------
    ParameterError
        When it is installed already.

    Examples
    --------
    >>> import flipslide as fs, torch
    >>> layer, x = torch.nn.Conv2d(16, 32, 3, padding=1), torch.ones(1, 16, 40, 40)
    >>> with fs.ext.torch.install(choose="always") as takeover:
    ...     y = layer(x)
    >>> print(takeover.report().splitlines()[0])
    1 convolutions taken, 0 left to PyTorch; about 0.0 ms saved
    """
    if choose not in CHOICES:
        raise unknown_word("choose", choose, CHOICES)
    if _installed:
        raise ParameterError("flipslide is installed in PyTorch already; remove() what install() returned first")
    takeover = Takeover(choose, smallest)
    _installed.add(takeover)
    return takeover
