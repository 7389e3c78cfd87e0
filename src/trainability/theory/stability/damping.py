"""The momentum at which a direction just does not swing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.errors import UnknownNameError
from trainability.theory.stability._numbers import Array, above_zero, plain


def critical_momentum(lr: ArrayLike, sharpness: ArrayLike, rule: str = "heavy_ball") -> Any:
    """The momentum with which a direction returns fastest, for a given lr: both roots of the update are equal there.

        heavy ball  b = (1 - sqrt(lr l))²;   Nesterov  b = (1 - sqrt(lr l)) / (1 + sqrt(lr l))

    With more the direction swings through its minimum and back, at rate sqrt(b) per step for heavy ball whatever its
    curvature; with less it creeps. The rate at the critical momentum is |1 - sqrt(lr l)| for both rules.

    Args:
        lr: learning rate, > 0, in torch's form (without dampening).
        sharpness: curvature l of the direction, > 0.
        rule: "heavy_ball" or "nesterov".

    Returns:
        b in [0, 1), a float or an array; nan where no momentum below 1 does it: lr l >= 4 for heavy ball, lr l > 1 for
        Nesterov, whose roots are real and of two signs there.

    Raises:
        ValueError: an lr or curvature that is not above 0.
        UnknownNameError: another rule.

    Source:
        Goh 2017, "Why momentum really works", Distill, section "Dynamics of momentum": b = (1 - sqrt(lr l))²; Nesterov's
        derived here from (1 + b)² (1 - lr l) = 4 b.

    >>> round(critical_momentum(lr=0.01, sharpness=1.0), 12)
    0.81
    >>> critical_momentum(lr=0.25, sharpness=1.0, rule="nesterov").__round__(6)
    0.333333
    """
    root = np.sqrt(_product(lr, sharpness))
    if rule == "heavy_ball":
        return plain(np.where(root < 2, (1 - root) ** 2, np.nan))
    if rule == "nesterov":
        return plain(np.where(root <= 1, (1 - root) / (1 + root), np.nan))
    raise UnknownNameError("rule with momentum", rule, ["heavy_ball", "nesterov"])


def critical_weight(lr: ArrayLike, sharpness: ArrayLike) -> Any:
    """The weight on the new gradient at which a direction just does not swing, for the low-pass form.

        B = 4 lr l / (1 + lr l)²

    Two lrs have the same B, lr and 1/(lr l²): the direction creeps below the smaller one. Less weight, so a longer
    memory, swings.

    Args:
        lr: learning rate, > 0.
        sharpness: curvature l of the direction, > 0.

    Returns:
        B in (0, 1], a float or an array.

    Raises:
        ValueError: an lr or curvature that is not above 0.

    Source:
        Derived here from 1 - B = (1 - sqrt(lr B l))², heavy ball's with lr B and momentum 1 - B.

    >>> critical_weight(lr=1.0, sharpness=1.0)
    1.0
    """
    product = _product(lr, sharpness)
    return plain(4 * product / (1 + product) ** 2)


def _product(lr: ArrayLike, sharpness: ArrayLike) -> Array:
    return np.asarray(above_zero("lr", lr) * above_zero("sharpness", sharpness))
