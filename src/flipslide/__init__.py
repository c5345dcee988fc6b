"""flipslide: one convolution for signals, images and neural layers."""

from .errors import (
    DtypeError,
    FlipslideError,
    IntegerOverflowError,
    MissingExtraError,
    ParameterError,
    ShapeError,
)
from .signal import convolve, convolve_grads, correlate, correlate_grads, output_shape, plan
from .threads import get_num_threads, set_num_threads, threads

__version__ = "0.1.0"
