"""Setting an optimizer's learning rate, shared by the remedies that do."""

from __future__ import annotations

import math

from trainability.setup import Setup


def scale_lr(setup: Setup, factor: float) -> Setup:
    """Multiply every group's learning rate, in place."""
    for group in setup.optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    return setup


def nice(lr: float) -> float:
    """The nearest of 1, 2, 3, 5 times a power of ten from below.

    Example:
        >>> nice(0.00043), nice(1.0), nice(6.09e-4)
        (0.0003, 1.0, 0.0005)
    """
    power = 10.0 ** math.floor(math.log10(lr) + 1e-9)
    digit = max(d for d in (1, 2, 3, 5) if d <= lr / power * (1 + 1e-9))
    return float(f"{digit * power:.3g}")
