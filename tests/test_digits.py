"""The network of examples/digits.py: its gradients are those of its loss, and it learns."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_gradients_of_the_loss(example: Any) -> None:
    rng = np.random.default_rng(0)
    network = example.Network(rng)
    for layer in network.layers:
        layer.parameters = [p.astype(np.float64) for p in layer.parameters]
    x, digits = rng.random((5, 1, 8, 8)), rng.integers(0, 10, 5)
    network.loss(x, digits)
    gradients = network.gradients()
    directions = [rng.standard_normal(p.shape) for p in network.parameters()]
    expected = sum(float((g * u).sum()) for g, u in zip(gradients, directions, strict=True))
    h, losses = 1e-6, []
    for sign in (1, -2):
        for p, u in zip(network.parameters(), directions, strict=True):
            p += sign * h * u
        losses.append(network.loss(x, digits))
    assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(expected, rel=1e-5)


def test_it_learns(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    network, data, losses = example.train(epochs=5)
    assert losses[-1] < 0.5 * losses[0]
    assert example.accuracy(network, data.held_x, data.held_digits) > 0.8
    example.show_mistakes(network, data)
    shown = capsys.readouterr().out
    assert shown.count("epoch") == 5
    assert "1348 digits to learn from, 449 held out, 6090 parameters" in shown
    assert "are misread, such as" in shown
