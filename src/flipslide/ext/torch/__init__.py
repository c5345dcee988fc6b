"""Convolution layers for PyTorch's tensors on the CPU.

`conv1d` … `conv_transpose3d` take PyTorch's arguments and can be differentiated as often as one likes. `install` lets
flipslide do the convolutions of code that calls PyTorch's own.
"""

from .layers import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .takeover import Takeover, install

__all__ = [
    "Takeover",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "install",
]
