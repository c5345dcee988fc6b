"""What people look for here and do not find: filters that are no convolution, and where they are."""

from __future__ import annotations

from difflib import get_close_matches

from ..errors import NotAConvolutionError

__all__ = ["REFUSED", "refusal", "refuse"]

_MEDIAN = (
    "picks a sample by its rank instead of adding up products",
    "use scipy.ndimage.median_filter, percentile_filter or rank_filter, or cv2.medianBlur",
)
_MORPHOLOGY = (
    "takes the least or the greatest sample of each window instead of adding up products",
    "use scipy.ndimage.grey_erosion, grey_dilation and their like, skimage.morphology, or cv2.morphologyEx",
)
_BILATERAL = (
    "has taps that depend on the samples themselves",
    "use cv2.bilateralFilter, or skimage.restoration.denoise_bilateral and denoise_nl_means",
)
_RECURSIVE = (
    "feeds its results back (IIR), which no finite number of taps does",
    "use scipy.signal.lfilter, sosfilt or sosfiltfilt; lowpass, highpass, bandpass and bandstop here have linear phase",
)
_SPARSE = (
    "is of arrays that store only some samples",
    "use x.toarray() where it fits in memory; scipy.sparse, or spconv for point clouds",
)
_SPHERE = (
    "is on a sphere, where no shift moves every point alike",
    "use healpy.smoothing, pyshtools or torch_harmonics",
)
_NON_UNIFORM = (
    "is of samples at unequal distances",
    "use finufft for transforms, scipy.signal.lombscargle for spectra, or interpolate to a regular grid first",
)

#: Why a family of names is not here, and what to use. {name} is what was asked for.
REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(["median", "median_filter", "medfilt", "rank", "rank_filter", "percentile", "quantile"], _MEDIAN),
    **dict.fromkeys(["percentile_filter", "mode", "majority", "hampel"], _MEDIAN),
    **dict.fromkeys(["morphology", "erosion", "dilation", "erode", "dilate", "opening", "closing"], _MORPHOLOGY),
    **dict.fromkeys(["minimum", "maximum", "minimum_filter", "maximum_filter", "tophat", "black_tophat"], _MORPHOLOGY),
    **dict.fromkeys(["white_tophat", "grey_erosion", "grey_dilation", "rolling_ball"], _MORPHOLOGY),
    **dict.fromkeys(["bilateral", "nlm", "non_local_means", "guided", "anisotropic_diffusion"], _BILATERAL),
    **dict.fromkeys(["iir", "sosfilt", "sosfiltfilt", "filtfilt", "butter", "butterworth", "bessel"], _RECURSIVE),
    **dict.fromkeys(["cheby1", "cheby2", "ellip", "iirnotch", "iirpeak", "notch", "biquad", "ewm"], _RECURSIVE),
    **dict.fromkeys(["exponential_average", "exponential_moving_average"], _RECURSIVE),
    **dict.fromkeys(["sparse", "submanifold"], _SPARSE),
    **dict.fromkeys(["spherical", "sphere", "healpix"], _SPHERE),
    **dict.fromkeys(["nonuniform", "non_uniform", "nufft", "lombscargle", "irregular"], _NON_UNIFORM),
}


def refusal(name: str) -> NotAConvolutionError | None:
    """The error for a filter that is no convolution; None for any other name."""
    if name not in REFUSED:
        return None
    why, where = REFUSED[name]
    return NotAConvolutionError(f"{name} {why}, so it is no convolution and not in flipslide; {where}")


def refuse(name: str, known: list[str]) -> AttributeError:
    """The error for a name that is not among the filters."""
    refused = refusal(name)
    if refused is not None:
        return refused
    close = get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return AttributeError(f"module 'flipslide.filters' has no attribute {name!r}{hint}")
