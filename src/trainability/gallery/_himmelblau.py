"""Himmelblau's function, (x² + y - 11)² + (x + y² - 7)²: derivatives and critical points."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import fsolve
from torch import Tensor

Floats = NDArray[np.float64]

MINIMA = ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126))
HEIGHT = 181.617
"""Its minima and the height of its maximum, as published."""


def himmelblau(w: Tensor) -> tuple[Tensor, Tensor]:
    """Give gradients and Hessians of (x² + y - 11)² + (x + y² - 7)²."""
    x, y = w.T
    a, b = x * x + y - 11, x + y * y - 7
    mixed = 4 * x + 4 * y
    hessian = torch.stack((12 * x * x + 4 * y - 42, mixed, mixed, 12 * y * y + 4 * x - 26), 1)
    return torch.stack((4 * x * a + 2 * b, 2 * a + 4 * y * b), 1), hessian.view(-1, 2, 2)


def critical_points() -> tuple[Floats, NDArray[np.int64]]:
    """The nine critical points of Himmelblau's function by root finding, and the number of negative curvatures of each."""
    found: list[Floats] = []
    for begin in np.stack(np.meshgrid(np.linspace(-5, 5, 9), np.linspace(-5, 5, 9)), -1).reshape(-1, 2):
        root, _, good, _ = fsolve(
            lambda w: himmelblau(torch.from_numpy(w)[None])[0][0].numpy(), begin, xtol=1e-13, full_output=True
        )
        if good == 1 and not any(np.linalg.norm(root - other) < 1e-6 for other in found):
            found.append(root)
    points = np.array(sorted(found, key=lambda w: (round(w[0], 6), w[1])))
    curvature = np.linalg.eigvalsh(himmelblau(torch.from_numpy(points))[1].numpy())
    return points, (curvature < 0).sum(1)
