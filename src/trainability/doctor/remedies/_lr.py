"""Setting an optimizer's learning rate and saying so, shared by the remedies that do."""

from __future__ import annotations

import math

import torch

from trainability.setup import Setup


def scale_lr(setup: Setup, factor: float) -> Setup:
    """Multiply every group's learning rate, in place."""
    for group in setup.optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    return setup


def optimizer_line(name: str, **options: float) -> str:
    """The line that builds an optimizer with some options changed.

    Example:
        >>> optimizer_line("SGD", lr=0.001)
        'optimizer = torch.optim.SGD(model.parameters(), lr=0.001)  # its other options as before'
    """
    where = "torch.optim." if hasattr(torch.optim, name) else ""
    given = ", ".join(f"{key}={value:g}" for key, value in options.items())
    return f"optimizer = {where}{name}(model.parameters(), {given})  # its other options as before"


def nice(lr: float) -> float:
    """The nearest of 1, 2, 3, 5 times a power of ten from below.

    Example:
        >>> nice(0.00043), nice(1.0), nice(6.09e-4)
        (0.0003, 1.0, 0.0005)
    """
    power = 10.0 ** math.floor(math.log10(lr) + 1e-9)
    digit = max(d for d in (1, 2, 3, 5) if d <= lr / power * (1 + 1e-9))
    return float(f"{digit * power:.3g}")
