"""What the functions of the angles accept."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def angles(phi: ArrayLike, T: ArrayLike) -> tuple[Floats, Floats]:
    """phi folded into [0, 2 pi) and T as float64, or a ValueError."""
    phi, T = np.asarray(phi, float), np.asarray(T, float)
    far, out = int((~np.isfinite(phi)).sum()), int((~((T > 0) & (np.pi > T))).sum())
    if far or out:
        raise ValueError(
            f"Got {far} of {phi.size} phi not finite and {out} of {T.size} T out of (0, pi); need finite phi and "
            "0 < T < pi, in radian. For parallel students see collinear_points."
        )
    # a tiny negative phi folds to 2 pi itself, which the kernel takes as just below it
    return np.mod(phi, 2 * np.pi), T


def one_angle(T: ArrayLike) -> float:
    """T as one number in (0, pi), or a ValueError."""
    checked = angles(0.0, T)[1]
    if checked.size != 1:
        raise ValueError(f"Got T of shape {checked.shape}; need one number. Call it once per pair of students.")
    return float(checked.item())
