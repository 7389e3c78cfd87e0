"""The factor before E(student - target)², and checks that several files share."""

from __future__ import annotations

import math

from trainability.errors import UnknownNameError

FACTORS = {"half": 1.0, "mse": 2.0}


def factor(convention: str) -> float:
    """What multiplies this package's loss and gradient: 1 for "half", 2 for "mse".

    >>> factor("mse")
    2.0
    """
    if convention not in FACTORS:
        raise UnknownNameError("loss convention", convention, list(FACTORS))
    return FACTORS[convention]


def check_lr(lr: float) -> None:
    """Refuse a learning rate that is not a positive finite number."""
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"Got lr={lr}; need a finite lr > 0. Give the learning rate of the optimizer, such as 0.01.")


def check_start(start: float) -> None:
    """Refuse a start that is not a negative finite number."""
    if start == 0:
        raise ValueError(
            "Got start=0; need start < 0. At weight 0 the gradient depends on the direction of approach (0 from below, "
            "-1/2 from above): give a start on the side that is meant."
        )
    if not (math.isfinite(start) and start < 0):
        raise ValueError(f"Got start={start}; need a finite start < 0, the side of 0 away from the target weight 1.")
