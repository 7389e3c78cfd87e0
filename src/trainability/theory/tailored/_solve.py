"""What the two constructions share: moments of a shifted activation, and a root search from many starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import root

from trainability.theory.signal import Activation
from trainability.theory.signal._numbers import Array
from trainability.theory.signal.quadrature import gaussian_rule
from trainability.theory.tailored.transformed import Transformed

_FAR = 30.0
"""Largest unknown that is searched: a shift, or the logarithm of a scale."""


@dataclass(frozen=True)
class Moments:
    """Gaussian means of phi at u = scale z + shift: `mean` and `variance` of phi, `slope` E (dphi/dz)²,
    `mixed` E (phi - mean) z dphi/dz, `drift` E z dphi/dz, `bend` E (d² phi/dz²)², nan without a second derivative.
    """

    mean: float
    variance: float
    slope: float
    mixed: float
    drift: float
    bend: float


def moments(act: Activation, scale: float, shift: float) -> Moments:
    """Take them by quadrature; the variance as the mean of a square, so that a small scale costs no digits."""
    u, z, weight = gaussian_rule(act, scale, shift)
    centre = act(shift)
    phi, slope = act(u) - centre, scale * act.slope(u)
    rest = float(weight @ phi)
    second = act.second_derivative
    return Moments(
        mean=centre + rest,
        variance=float(weight @ (phi - rest) ** 2),
        slope=float(weight @ slope**2),
        mixed=float(weight @ ((phi - rest) * slope * z)),
        drift=float(weight @ (slope * z)),
        bend=np.nan if second is None else float(scale**4 * (weight @ second(u) ** 2)),
    )


def search(residuals: Callable[[Array], Sequence[float]], starts: Sequence[tuple[float, ...]]) -> list[Array]:
    """The distinct roots that Powell's hybrid method finds from the starts, to 1e-9."""

    def safe(x: Array) -> Array:
        if np.abs(x).max() > _FAR:
            return np.full(len(x), 1e6)
        with np.errstate(all="ignore"):
            try:
                values = np.asarray(residuals(x), dtype=np.float64)
            except (ValueError, OverflowError, ZeroDivisionError):
                return np.full(len(x), 1e6)
        return np.where(np.isfinite(values), values, 1e6)

    roots: list[Array] = []
    for start in starts:
        x = root(safe, np.asarray(start), method="hybr", options={"xtol": 1e-10, "maxfev": 80}).x
        if np.abs(safe(x)).max() > 1e-5 or any(np.allclose(x, y, rtol=1e-5, atol=1e-5) for y in roots):
            continue
        x = root(safe, x, method="hybr", options={"xtol": 1e-14}).x
        if np.abs(safe(x)).max() < 1e-9:
            roots.append(x)
    return roots


def gentlest(candidates: Sequence[Transformed]) -> Transformed:
    """The one of least input_scale² output_scale, the factor on phi''; of equals, that of least and positive shift."""

    def size(f: Transformed) -> float:
        return f.input_scale**2 * abs(f.output_scale)

    least = min(size(f) for f in candidates)
    return min(
        (f for f in candidates if size(f) < least * (1 + 1e-6)),
        key=lambda f: (round(abs(f.input_shift), 6), f.input_shift < 0),
    )
