"""A convolutional network that learns to read digits, with NumPy and flipslide alone.

    python examples/digits.py [epochs]

Needs `pip install '.[demo]'` and no network: scikit-learn ships the 1,797 digits, 8 by 8 pixels each, and is used for
nothing else. Every layer is a call of `fs.nn` and its gradient another, so that the whole of deep learning is on this
page: layers, the loss, the way back, and a step of Adam.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import flipslide as fs

Array = NDArray[Any]
EPOCHS, BATCH, RATE, HELD_OUT, SEED = 40, 64, 0.01, 0.25, 0


# ------------------------------------------------------------------------------- layers
#
# A layer has parameters, an answer to x, and a gradient for each of them and for x.


class Conv:
    """3 by 3 taps, one zero around."""

    def __init__(self, rng: np.random.Generator, channels: int, filters: int) -> None:
        # As many products in a sum as taps: this spread leaves the size of numbers as it is (He et al. 2015).
        w = rng.normal(0, np.sqrt(2 / (9 * channels)), (filters, channels, 3, 3))
        self.parameters = [w.astype(np.float32), np.zeros(filters, np.float32)]

    def forward(self, x: Array) -> Array:
        self.x = x
        return fs.nn.conv(x, *self.parameters, padding=1)

    def backward(self, dy: Array) -> Array:
        dx, *self.gradients = fs.nn.conv_grads(dy, self.x, self.parameters[0], padding=1)
        return dx


class MaxPool:
    """The largest of each 2 by 2."""

    parameters: Sequence[Array] = ()
    gradients: Sequence[Array] = ()

    def forward(self, x: Array) -> Array:
        self.x = x
        y, self.indices = fs.nn.max_pool_with_indices(x, 2)
        return y

    def backward(self, dy: Array) -> Array:
        return fs.nn.max_pool_grad(dy, self.x, 2, indices=self.indices)


class Relu:
    """Nothing below zero."""

    parameters: Sequence[Array] = ()
    gradients: Sequence[Array] = ()

    def forward(self, x: Array) -> Array:
        self.positive = x > 0
        return x * self.positive

    def backward(self, dy: Array) -> Array:
        return dy * self.positive


class Dense:
    """Every input to every output."""

    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int) -> None:
        w = rng.normal(0, np.sqrt(1 / inputs), (inputs, outputs))
        self.parameters = [w.astype(np.float32), np.zeros(outputs, np.float32)]

    def forward(self, x: Array) -> Array:
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.parameters[0] + self.parameters[1]

    def backward(self, dy: Array) -> Array:
        self.gradients = [self.x.T @ dy, dy.sum(axis=0)]
        return (dy @ self.parameters[0].T).reshape(self.shape)


# ------------------------------------------------------------------------------ network


class Network:
    """Layers one after the other, and Adam to teach them (Kingma and Ba 2015)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.layers: list[Any] = [
            Conv(rng, 1, 16), Relu(), MaxPool(),
            Conv(rng, 16, 32), Relu(), MaxPool(),
            Dense(rng, 32 * 2 * 2, 10),
        ]  # fmt: skip
        self.means = [np.zeros_like(p) for p in self.parameters()]
        self.squares = [np.zeros_like(p) for p in self.parameters()]
        self.steps = 0

    def parameters(self) -> list[Array]:
        return [p for layer in self.layers for p in layer.parameters]

    def gradients(self) -> list[Array]:
        return [g for layer in self.layers for g in layer.gradients]

    def scores(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def read(self, x: Array) -> Array:
        return self.scores(x).argmax(axis=1)

    def loss(self, x: Array, digits: Array) -> float:
        """The mean cross-entropy; its gradients are in the layers afterwards."""
        scores = self.scores(x)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        true = np.arange(len(digits)), digits
        loss = -float(np.log(chances[true]).mean())
        chances[true] -= 1
        dy = chances / len(digits)
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return loss

    def step(self, rate: float) -> None:
        self.steps += 1
        settings = zip(self.parameters(), self.gradients(), self.means, self.squares, strict=True)
        for p, g, mean, square in settings:
            mean += 0.1 * (g - mean)
            square += 0.001 * (g * g - square)
            p -= rate * (mean / (1 - 0.9**self.steps)) / (np.sqrt(square / (1 - 0.999**self.steps)) + 1e-8)


# ---------------------------------------------------------------------------------- data


class Digits(NamedTuple):
    """Images (n, 1, 8, 8) from 0 to 1 and what they show, to learn from and held out."""

    x: Array
    digits: Array
    held_x: Array
    held_digits: Array


def load_digits(rng: np.random.Generator) -> Digits:
    from sklearn.datasets import load_digits as load  # type: ignore[import-untyped]

    images, digits = load(return_X_y=True)
    order = rng.permutation(len(images))
    x = (images[order] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    held = int(HELD_OUT * len(x))
    return Digits(x[held:], digits[order][held:], x[:held], digits[order][:held])


def shifted(x: Array, rng: np.random.Generator) -> Array:
    """Each image moved by up to a pixel: more to learn from."""
    wide = fs.pad(x, 1, axes=(2, 3))
    rows, columns = rng.integers(0, 3, (2, len(x)))
    windows = np.lib.stride_tricks.sliding_window_view(wide[:, 0], (8, 8), axis=(1, 2))
    return windows[np.arange(len(x)), rows, columns][:, None]


def batches(data: Digits, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    order = rng.permutation(len(data.x))
    for first in range(0, len(order), BATCH):
        chosen = order[first : first + BATCH]
        yield shifted(data.x[chosen], rng), data.digits[chosen]


# ------------------------------------------------------------------------------ learning


def accuracy(network: Network, x: Array, digits: Array) -> float:
    return float((network.read(x) == digits).mean())


def train(epochs: int = EPOCHS, seed: int = SEED) -> tuple[Network, Digits, list[float]]:
    """Learns for so many epochs and says how it goes; the losses come back too."""
    rng = np.random.default_rng(seed)
    data, network = load_digits(rng), Network(rng)
    print(f"{len(data.x)} digits to learn from, {len(data.held_x)} held out, "
          f"{sum(p.size for p in network.parameters())} parameters")  # fmt: skip
    losses, start = [], time.perf_counter()
    for epoch in range(epochs):
        # The rate falls to nothing along half a cosine.
        rate = RATE * (1 + np.cos(np.pi * epoch / epochs)) / 2
        total = 0.0
        for x, digits in batches(data, rng):
            total += network.loss(x, digits) * len(x)
            network.step(rate)
        losses.append(total / len(data.x))
        right = accuracy(network, data.held_x, data.held_digits)
        bar = "█" * round(30 * (epoch + 1) / epochs)
        print(f"epoch {epoch + 1:3}  {bar:<30}  loss {losses[-1]:.4f}  held out {right:6.2%}  "
              f"{time.perf_counter() - start:5.1f} s", flush=True)  # fmt: skip
    return network, data, losses


SHADES = " ░▒▓█"


def show_mistakes(network: Network, data: Digits, most: int = 4) -> None:
    """Some of what was misread, as pictures of characters."""
    read = network.read(data.held_x)
    wrong = np.flatnonzero(read != data.held_digits)[:most]
    print(f"\n{(read != data.held_digits).sum()} of {len(read)} are misread" + (", such as" if len(wrong) else ""))
    for row in range(8):
        pictures = ((data.held_x[i, 0, row] * (len(SHADES) - 1)).round().astype(int) for i in wrong)
        print("  ".join("".join(SHADES[shade] * 2 for shade in picture) for picture in pictures))
    print("  ".join(f"{f'a {data.held_digits[i]}, read as {read[i]}':<16}" for i in wrong))


def main(epochs: int = EPOCHS) -> float:
    network, data, _ = train(epochs)
    show_mistakes(network, data)
    return accuracy(network, data.held_x, data.held_digits)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
