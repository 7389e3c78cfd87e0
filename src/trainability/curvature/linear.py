"""The user's update rule on the local quadratic model: how much it grows, measured by running it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np

from trainability.optimizers import Rule
from trainability.theory import stability
from trainability.theory.stability.growth import transition

STEPS = 400
_ALIASES = {"sgd": "gradient_descent", "momentum": "heavy_ball", "lowpass": "low_pass"}


def linear_name(rule: Rule) -> str | None:
    """The name that theory has for a rule's linear map, None where it has none.

    >>> from trainability.optimizers import Momentum
    >>> linear_name(Momentum())
    'heavy_ball'
    """
    own = type(rule).__name__.lower()
    name = _ALIASES.get(own, own)
    return name if name in stability.RULES else None


def growth(rule: Rule, lr: float, curvatures: Sequence[float] | np.ndarray, start: np.ndarray | None = None) -> float:
    """Growth per step of the distance to the minimum of a quadratic, from running the rule's linear map.

        z <- A(lr, l) z   for each curvature l, z = (weight, buffer), an adaptive rule's diagonal held still

    It is run for 400 steps from `start`, its length set back to 1 at every step, and the growth is the geometric mean
    over the second half: complex pairs of eigenvalues make single steps go up and down.

    Args:
        rule: one of `optimizers`; its own lr is not used.
        lr: the learning rate.
        curvatures: (m,), as the rule sees them: the Ritz values of the top Ritz space.
        start: (m,), weights before the first step; ones without. Directions with 0 are not moved.

    Returns:
        The factor per step: above 1 it grows; nan for a rule that theory has no map of.

    >>> from trainability.optimizers import SGD
    >>> round(growth(SGD(), 0.22, [1.0, 10.0]), 6)
    1.2
    """
    name = linear_name(rule)
    if name is None:
        return float("nan")
    maps = transition(name, lr, np.asarray(curvatures, dtype=np.float64), **hyper(rule, name))
    z = np.zeros((len(maps), 2))
    z[:, 0] = 1.0 if start is None else start
    logs = []
    for _ in range(STEPS):
        z = np.einsum("mij,mj->mi", maps, z)
        size = float(np.linalg.norm(z))
        if not np.isfinite(size):
            return float("nan")
        if size == 0:
            return 0.0
        logs.append(np.log(size))
        z = z / size
    return float(np.exp(np.mean(logs[STEPS // 2 :])))


def hyper(rule: Rule, name: str) -> dict[str, float]:
    """A rule's hyper-parameters under the names that the limit of that name has for them.

    >>> from trainability.optimizers import AdamW
    >>> hyper(AdamW(betas=(0.8, 0.99)), "adamw")
    {'weight_decay': 0.01, 'beta1': 0.8}
    """
    wanted = list(inspect.signature(getattr(stability, name)).parameters)[1:]
    own = vars(rule)
    known = {key: own[key] for key in wanted if key in own}
    if "beta1" in wanted:
        known["beta1"] = own["betas"][0]
    return {key: float(known[key]) for key in wanted if key in known}
