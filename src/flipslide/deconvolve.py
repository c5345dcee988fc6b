"""Undo a convolution, as far as noise lets: three methods on one operator and its exact adjoint.

    y = A·x + noise,   A·x = convolve(x, w, mode, boundary=…)

A is the sum of the library, for any boundary, and its adjoint Aᴴ is the gradient with respect to x
(`signal.grad_input`). Where a mask says that y was not measured, its rows of A are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, enter
from .carried import axes_of, leave
from .catalogue.edges import laplacian
from .errors import DtypeError, ParameterError, ShapeError, unknown_word
from .execute import run_spec
from .geometry import MODES, to_int
from .signal import grad_input
from .spec import ConvSpec

__all__ = ["Step", "deconvolve"]


class Step(NamedTuple):
    """What a callback is told after each iteration."""

    iteration: int  # 1, 2, …
    x: Array  # the result so far; a copy is needed to keep it
    residual: float  # root mean square of A·x − y where y was measured
    change: float  # ‖x − previous x‖/‖x‖


class _Stop(NamedTuple):
    iterations: int
    tolerance: float
    noise: float | None
    callback: Callable[[Step], Any] | None


def deconvolve(
    y: Any,
    w: Any,
    method: str = "wiener",
    *,
    mode: str = "same",
    axes: Any = None,
    boundary: Any = None,
    center: Any = None,
    mask: Any = None,
    balance: float | None = None,
    iterations: int | None = None,
    tolerance: float | None = None,
    noise: float | None = None,
    x0: Any = None,
    callback: Callable[[Step], Any] | None = None,
    threads: int | None = None,
) -> Array:
    """Find x of which y is the convolution with w, blurred and noisy as it may be.

        "wiener"            the least of ‖A·x − y‖² + balance·‖L·x‖²,   L the Laplacian
        "lsqr"              the least of ‖A·x − y‖² + balance·‖x‖², by LSQR
        "richardson_lucy"   x ← x · Aᴴ(y/A·x) / Aᴴ1, never negative, for counts such as photons

    with A·x = convolve(x, w, mode, axes=axes, boundary=boundary, center=center). With boundary="wrap" and no mask
    "wiener" is one division of spectra; otherwise it is found by conjugate gradients.

    Parameters
    ----------
    y : array_like
        What was measured.
    w : array_like
        The taps that it was blurred with (a point spread function), only the convolved axes or as many as y.
    method : {"wiener", "lsqr", "richardson_lucy"}
    mode : {"same", "valid", "full"}
        How y came from x. With "valid", x reaches beyond y on all sides, as a scene does beyond its picture.
    axes, boundary, center, threads
        As of `fs.convolve`; boundary is "symmetric" unless given, "zero" with mode="full".
    mask : array_like of bool, optional
        False where y was not measured, or is saturated; it broadcasts against y.
    balance : float, optional
        How much smoothness, or smallness, is worth against fidelity: about the variance of the noise over that of
        x. 0.01 unless given for "wiener", 0 for "lsqr", where stopping early smooths instead. For taps that sum to 1.
    iterations : int, optional
        At most so many; 100 unless given, 30 for "richardson_lucy".
    tolerance : float, optional
        Stop when x changes by less than this share of itself; 1e-4 unless given, 1e-6 for "lsqr".
    noise : float, optional
        The standard deviation of the noise. Stop as soon as A·x is as near to y as that (the discrepancy
        principle): what could be fitted after that is noise.
    x0 : array_like, optional
        Where to begin; 0, or the mean of y for "richardson_lucy".
    callback : callable, optional
        Called with a Step (iteration, x, residual, change) after each; True stops.

    Returns
    -------
    ndarray
        x. Floats and complex numbers keep their dtype, float16 gives float32 and integers give float64.

    Errors: ShapeError, ParameterError, DtypeError.
    Sources: Richardson, *Journal of the Optical Society of America* 62 (1972), p. 55; Lucy, *Astronomical
    Journal* 79 (1974), p. 745; Paige and Saunders, *ACM Transactions on Mathematical Software* 8 (1982), p. 43.

    Examples
    --------
    >>> import flipslide as fs, numpy as np
    >>> x = np.zeros(40)
    >>> x[[12, 25]] = 5.0, 3.0
    >>> blurred = fs.filters.gaussian(x, 1.5)
    >>> found = fs.deconvolve(blurred, fs.taps.gaussian(1.5, ndim=1), "richardson_lucy", iterations=500, tolerance=0)
    >>> np.flatnonzero(found > 1)
    array([12, 25])
    >>> fs.deconvolve([0, 1, 1, 3, 5, 2, 8], [1, -1, 2], "lsqr", mode="full").round(6) + 0.0
    array([0., 1., 2., 3., 4.])
    """
    if method not in METHODS:
        raise unknown_word("method", method, METHODS)
    given, y, w = y, enter(y, "y"), enter(w, "w")
    if boundary is None:
        boundary = "zero" if mode == "full" else "symmetric"
    blur, dtype = _read_blur(y, w, mode, axes_of(given, axes), boundary, center, threads)
    weight = _read_mask(mask, y)
    y = y.astype(dtype) if weight is None else np.where(weight, y, 0).astype(dtype)
    if not np.isfinite(y).all():
        raise ParameterError("y has samples that are not finite; pass mask=np.isfinite(y) to leave them out")
    if not np.isfinite(w).all():
        raise ParameterError("w has taps that are not finite")
    many = method == "richardson_lucy"
    stop = _Stop(
        to_int((30 if many else 100) if iterations is None else iterations, "iterations", 0),
        _not_negative((1e-6 if method == "lsqr" else 1e-4) if tolerance is None else tolerance, "tolerance"),
        None if noise is None else _not_negative(noise, "noise"),
        callback,
    )
    start = None if x0 is None else _read_start(x0, blur, dtype)
    x = METHODS[method](_Problem(blur, y, weight, balance, start), stop)
    found: Array = leave(x, given, given)
    return found


# ------------------------------------------------------------------------------ the operator


class _Blur(NamedTuple):
    """A and Aᴴ."""

    spec: ConvSpec
    w: Array
    threads: int | None

    def forward(self, x: Array) -> Array:
        return run_spec(self.spec, x, self.w, "auto", self.threads)

    def adjoint(self, y: Array) -> Array:
        return grad_input(self.spec, y, self.w, "auto", self.threads)


class _Problem(NamedTuple):
    blur: _Blur
    y: Array
    weight: Array | None
    balance: float | None
    start: Array | None

    def forward(self, x: Array) -> Array:
        """A·x where y was measured, 0 elsewhere."""
        y = self.blur.forward(x)
        return np.asarray(y if self.weight is None else y * self.weight)

    def residual(self, x: Array) -> float:
        return self.distance(self.forward(x))

    def distance(self, expected: Array) -> float:
        """The root mean square of A·x − y over what was measured."""
        n = self.y.size if self.weight is None else int(np.count_nonzero(self.weight))
        return _norm(expected - self.y) / math.sqrt(max(n, 1))


def _read_blur(
    y: Array, w: Array, mode: str, axes: Any, boundary: Any, center: Any, threads: int | None
) -> tuple[_Blur, np.dtype[Any]]:
    if mode not in MODES:
        raise unknown_word("mode", mode, MODES)
    if y.dtype.kind == "O" or w.dtype.kind == "O":
        raise DtypeError("deconvolve needs floats, complex numbers or integers, not arrays of objects")
    dtype = np.result_type(np.float64 if y.dtype.kind in "biu" else y.dtype, np.float32)
    if w.dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
    # The shape of x follows from that of y along each axis: n, n + K − 1 or n − K + 1.
    placed = ConvSpec.of(y.shape, w.shape, mode="full", axes=axes, boundary=boundary)
    placed.check_repeated("deconvolve")
    shape = list(y.shape)
    for axis in placed.axes:
        shape[axis.x_dim] += {"same": 0, "valid": axis.w - 1, "full": 1 - axis.w}[mode]
    if min(shape, default=1) < 1:
        raise ShapeError(
            f"y of shape {y.shape} is shorter than w of shape {w.shape}; no x has it as its full convolution"
        )
    spec = ConvSpec.of(tuple(shape), w.shape, mode=mode, axes=axes, boundary=boundary, center=center)
    if spec.y_shape != y.shape:
        raise ShapeError(f"w of shape {w.shape} would make y of shape {spec.y_shape}, and y has shape {y.shape}")
    return _Blur(spec, w.astype(dtype if w.dtype.kind == "c" else _real(dtype)), threads), dtype


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.finfo(dtype).dtype)


def _read_mask(mask: Any, y: Array) -> Array | None:
    if mask is None:
        return None
    try:
        weight = np.broadcast_to(np.asarray(mask), y.shape)
    except ValueError:
        raise ShapeError(f"mask of shape {np.shape(mask)} does not broadcast against y of shape {y.shape}") from None
    if weight.dtype.kind != "b":
        raise DtypeError(f"mask has dtype {weight.dtype}; pass booleans, True where y was measured")
    return weight


def _read_start(x0: Any, blur: _Blur, dtype: np.dtype[Any]) -> Array:
    start = enter(x0, "x0")
    if start.shape != blur.spec.x_shape:
        raise ShapeError(f"x0 has shape {start.shape}, the result has shape {blur.spec.x_shape}")
    return start.astype(dtype)


def _not_negative(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be a number, not {value!r}") from None
    if not 0 <= number < float("inf"):
        raise ParameterError(f"{name} must be 0 or more, not {value!r}")
    return number


def _norm(x: Array) -> float:
    return float(np.sqrt(_dot(x, x)))


def _dot(a: Array, b: Array) -> float:
    """Re Σ ā·b, in float64 at least."""
    if a.dtype.kind == "c":
        return _dot(a.real, b.real) + _dot(a.imag, b.imag)
    return float(np.einsum("i,i->", a.ravel(), b.ravel(), dtype=np.result_type(np.float64, a.dtype)))


#: x, and its residual for those who want to know.
Found = tuple[Array, Callable[[], float]]


def _iterate(steps: Iterator[Found], stop: _Stop, first: Array) -> Array:
    """Take one x after the other until one of the rules says that it is enough."""
    x = first
    for iteration, (found, residual) in zip(range(1, stop.iterations + 1), steps, strict=False):
        before, x = x, found
        if _is_enough(stop, iteration, before, x, residual):
            break
    return x


def _is_enough(stop: _Stop, iteration: int, before: Array, x: Array, residual: Callable[[], float]) -> bool:
    """Nothing is measured that no rule asks for."""
    told = stop.callback is not None
    left = residual() if told or stop.noise is not None else math.inf
    change = _change(before, x) if told or stop.tolerance else math.inf
    asked = stop.callback is not None and stop.callback(Step(iteration, x, left, change)) is True
    return asked or change <= stop.tolerance or (stop.noise is not None and left <= stop.noise)


def _change(before: Array, x: Array) -> float:
    length = _norm(x)
    return _norm(x - before) / length if length else 0.0


# ------------------------------------------------------------------------------- the methods


def _richardson_lucy(problem: _Problem, stop: _Stop) -> Array:
    if problem.balance is not None:
        raise ParameterError("balance= is for wiener and lsqr; richardson_lucy is smoothed by stopping early")
    if problem.y.dtype.kind == "c" or (problem.y < 0).any() or (problem.blur.w < 0).any():
        raise ParameterError(
            "richardson_lucy is for counts: y and w must be real and not negative; pass np.maximum(y, 0), or use "
            'method="lsqr" or "wiener"'
        )
    seen = np.ones_like(problem.y) if problem.weight is None else problem.weight.astype(problem.y.dtype)
    gain = problem.blur.adjoint(seen)
    weight = float(np.abs(problem.blur.w).sum()) or 1.0
    level = float(problem.y.sum(dtype=np.float64)) / max(float(seen.sum(dtype=np.float64)), 1.0) / weight
    x = np.full(gain.shape, level, gain.dtype) if problem.start is None else problem.start
    return _iterate(_multiply(problem, x, gain), stop, x)


def _multiply(problem: _Problem, x: Array, gain: Array) -> Iterator[Found]:
    """x·Aᴴ(y/A·x)/Aᴴ1; a sample of x that no measured y has seen stays as it is."""
    expected = problem.forward(x)
    # Rounding makes tiny negative gains and sums out of zeros where a transform is used.
    floor = float(np.finfo(gain.dtype).eps) * float(gain.max(initial=0))
    while True:
        ratio = np.divide(problem.y, expected, out=np.zeros_like(problem.y), where=expected > 0)
        factor = np.divide(problem.blur.adjoint(ratio), gain, out=np.ones_like(gain), where=gain > floor)
        x = x * np.maximum(factor, 0)
        expected = problem.forward(x)
        yield x, partial(problem.distance, expected)


def _lsqr(problem: _Problem, stop: _Stop) -> Array:
    damping = _not_negative(problem.balance or 0.0, "balance") ** 0.5
    x = np.zeros(problem.blur.spec.x_shape, problem.y.dtype) if problem.start is None else problem.start
    return _iterate(_bidiagonalize(problem, x, damping), stop, x)


def _bidiagonalize(problem: _Problem, x: Array, damping: float) -> Iterator[Found]:
    """LSQR: Golub and Kahan's bidiagonalization of A, its least squares by plane rotations, one a step.

    A start x₀ is a shift: what is found is the smallest change, so that the damping pulls towards x₀.
    """
    u = problem.y - problem.forward(x)
    u, beta = _unit(u)
    v, alpha = _unit(problem.blur.adjoint(u))
    direction, rho_bar, phi_bar = v, alpha, beta
    size = alpha
    while alpha and beta:
        # Norms that are rounding errors of A's size are zeros: what was sought is found.
        u, beta = _unit(problem.forward(v) - alpha * u, size)
        size = math.hypot(size, alpha, beta)
        v, alpha = _unit(problem.blur.adjoint(u) - beta * v, size)
        # The first rotation takes the damping in, the second the new row of the bidiagonal matrix.
        rho_damped = math.hypot(rho_bar, damping)
        phi_bar *= rho_bar / rho_damped
        rho = math.hypot(rho_damped, beta)
        cosine, sine = rho_damped / rho, beta / rho
        x = x + (cosine * phi_bar / rho) * direction
        direction = v - (sine * alpha / rho) * direction
        rho_bar, phi_bar = -cosine * alpha, sine * phi_bar
        yield x, partial(problem.residual, x)


def _unit(x: Array, size: float = 0.0) -> tuple[Array, float]:
    """x over its norm, and the norm; x itself, and 0, if that is no more than rounding of something of this size."""
    norm = _norm(x)
    if norm <= 10 * float(np.finfo(x.dtype).eps) * size:
        return x, 0.0
    return (x / x.dtype.type(norm), norm) if norm else (x, 0.0)


def _wiener(problem: _Problem, stop: _Stop) -> Array:
    balance = 0.01 if problem.balance is None else _not_negative(problem.balance, "balance")
    spec = problem.blur.spec
    dims = tuple(axis.x_dim for axis in spec.axes)
    rough = _Blur(_laplace_spec(spec, dims), laplacian(len(dims)).astype(_real(problem.y.dtype)), problem.blur.threads)
    real = problem.y.dtype.kind == "f"
    power = _power(problem.blur, dims, real) + balance * _power(rough, dims, real)
    power = np.maximum(power, np.finfo(power.dtype).eps * power.max(initial=0) or 1.0)
    solve = _on_a_circle(power, dims, spec.x_shape, problem.y.dtype)
    is_circular = all(axis.boundary == "wrap" and axis.y == axis.x for axis in spec.axes)
    right = problem.blur.adjoint(problem.y)
    if is_circular and problem.weight is None:
        return solve(right)

    def normal(x: Array) -> Array:
        smooth = rough.adjoint(rough.forward(x))
        return np.asarray(problem.blur.adjoint(problem.forward(x)) + x.dtype.type(balance) * smooth)

    x = np.zeros(spec.x_shape, problem.y.dtype) if problem.start is None else problem.start
    return _iterate(_conjugate(problem, x, right, normal, solve), stop, x)


def _laplace_spec(spec: ConvSpec, dims: tuple[int, ...]) -> ConvSpec:
    boundaries = tuple(axis.boundary for axis in spec.axes)
    return ConvSpec.of(spec.x_shape, (3,) * len(dims), mode="same", axes=dims, boundary=boundaries)


def _power(blur: _Blur, dims: tuple[int, ...], real: bool) -> Array:
    """|transfer function|² of the taps on a circle as long as x; half of it where x is real."""
    shape = blur.spec.x_shape
    w = blur.w
    if w.ndim != len(shape):
        w = np.moveaxis(blur.w.reshape(*blur.w.shape, *[1] * (len(shape) - len(dims))), range(len(dims)), dims)
    for dim in dims:
        w = _fold(w, dim, shape[dim])
    spectrum = (np.fft.rfftn if real else np.fft.fftn)(w, axes=dims)
    return np.asarray(np.abs(spectrum) ** 2)


def _fold(w: Array, dim: int, n: int) -> Array:
    """Taps n apart meet the same sample of a circle of n."""
    wide = np.moveaxis(w, dim, -1)
    wide = np.concatenate([wide, np.zeros((*wide.shape[:-1], -wide.shape[-1] % n), wide.dtype)], axis=-1)
    return np.moveaxis(wide.reshape(*wide.shape[:-1], -1, n).sum(axis=-2), -1, dim)


def _on_a_circle(
    power: Array, dims: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Callable[[Array], Array]:
    """The solution of the normal equations if x were on a circle."""
    sizes = [shape[dim] for dim in dims]
    there, back = (np.fft.rfftn, np.fft.irfftn) if dtype.kind == "f" else (np.fft.fftn, np.fft.ifftn)

    def solve(x: Array) -> Array:
        return np.asarray(back(there(x, axes=dims) / power, sizes, dims).astype(dtype, copy=False))

    return solve


def _conjugate(
    problem: _Problem, x: Array, right: Array, normal: Callable[[Array], Array], solve: Callable[[Array], Array]
) -> Iterator[Found]:
    """Preconditioned conjugate gradients."""
    rest = right - normal(x)
    step = better = solve(rest)
    slope = _dot(rest, better)
    while slope > 0:
        image = normal(step)
        bend = _dot(step, image)
        if bend <= 0:
            break
        length = slope / bend
        x = x + x.dtype.type(length) * step
        rest = rest - rest.dtype.type(length) * image
        better = solve(rest)
        slope, before = _dot(rest, better), slope
        step = better + step.dtype.type(slope / before) * step
        yield x, partial(problem.residual, x)


METHODS: dict[str, Callable[[_Problem, _Stop], Array]] = {
    "wiener": _wiener,
    "lsqr": _lsqr,
    "richardson_lucy": _richardson_lucy,
}
