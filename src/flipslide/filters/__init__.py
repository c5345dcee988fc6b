"""Filters by name: each convolves x with taps of `flipslide.taps` and returns an array as large as x.

**Which axes.** Filters of pictures and volumes take `axes`, by default all; filters of signals take `axis`,
by default the last. Everything else is a batch.

**What stands outside x.** `boundary`, as of `fs.convolve`; unless given it is "symmetric"
(d c b a | a b c d | d c b a), which scipy.ndimage calls "reflect". `fill_value` goes with "constant".

**Which numbers come out.** Floats and complex numbers give their own dtype, float16 summed in float32.
Integers give float64, or the float `dtype` that is asked for. Only `sobel`, `scharr`, `prewitt` and `laplace`,
whose taps are whole, give exact integers for integers: int32 for up to 16 bits, else int64. Nothing is
scaled, clipped or rounded.

**Flat stays flat.** Taps that average sum to 1 in the dtype that sums are made in, and x that is the same
finite number everywhere along the filtered axes comes out with the same bits.

What is no convolution (median, morphology, bilateral and recursive filters, …) is refused by name, with a
word on where it is.
"""

from __future__ import annotations

from typing import Any

from ..catalogue.bands import frequency_response
from ..catalogue.refused import refuse
from .bands import bandpass, bandstop, fir, highpass, lfilter, lowpass
from .edges import gaussian_laplace, gradient_magnitude, laplace, prewitt, scharr, sobel
from .fit import savgol
from .smooth import box, dog, gaussian, local_mean, local_std, moving_average, sharpen
from .waves import gabor, gabor_bank

__all__ = [
    "bandpass", "bandstop", "box", "dog", "fir", "frequency_response", "gabor", "gabor_bank", "gaussian",
    "gaussian_laplace", "gradient_magnitude", "highpass", "laplace", "lfilter", "local_mean", "local_std", "lowpass",
    "moving_average", "prewitt", "savgol", "scharr", "sharpen", "sobel",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise refuse(name, __all__)
