"""How far from 0 an adaptive rule may start and still pass it: a fixed number of learning rates.

For w < 0 and target relu(x) the gradient is lam w. A rule that divides the gradient by its own size has steps that do not
know lam, and steps in units of lr: with eps = 0 the path of w/lr depends on w_0/lr alone. Whether and when a start passes
0 is then one function of K = |w_0|/lr, whatever the data are, as long as the batch stays the same.

Rules that forget (RMSprop, Adam, Adamax) go on dividing by ever smaller numbers as the weight shrinks, until a step is
longer than the way to 0: with time they pass from anywhere, if w has not been rounded to 0 before. Rules that remember
(Adagrad, AMSGrad) have a largest K. Their path in the end is that of SGD or momentum with lr/√v in place of lr: momentum
β1 turns around iff  (1 - β1) lr lam/√v > (1 - √β1)²,  that is √v < 38 lr lam for 0.9 (`turning_ratio`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.errors import UnknownNameError

RULES = ("adagrad", "rmsprop", "adam", "amsgrad", "adamax")


def crossing_steps(
    rule: str,
    distance: ArrayLike,
    steps: int,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    alpha: float = 0.99,
    floor: float = 1e-290,
) -> NDArray[np.int64]:
    """The step at which each start passes 0, on the population gradient with eps = 0.

    In u = w/lr, with gradient u:
        adagrad   s += u²,  u -= u/√s
        rmsprop   v <- α v + (1 - α) u²,  u -= u/√v
        adam      m, v as usual,  u -= m_hat/√v_hat;   amsgrad: largest v so far;   adamax: largest fading |u|

    Args:
        rule: one of `RULES`.
        distance: K = |w_0|/lr, above 0, any shape.
        steps: most, >= 0.
        betas: of adam, amsgrad, adamax; alpha: of rmsprop.
        floor: |w|/lr below which a weight counts as rounded to 0, for good: 7e-46/lr for float32.

    Returns:
        The first step with w > 0, counted from 1, in the shape of `distance`; -1 if there is none, -2 where the weight came
        below `floor` before.

    Raises:
        ValueError: a distance that is not positive and finite, steps below 0, a factor outside [0, 1).
        UnknownNameError: another rule.

    Source: documentation of torch's rules; the scaling is derived here.

    >>> crossing_steps("adam", [100.0, 1000.0], 2000).tolist(), crossing_steps("adagrad", [0.99, 1.5], 2000).tolist()
    ([353, -1], [1, -2])
    """
    if rule not in RULES:
        raise UnknownNameError("adaptive rule", rule, list(RULES))
    start = np.asarray(distance, float)
    if not (np.isfinite(start) & (start > 0)).all() or steps < 0:
        raise ValueError(f"Got distance={distance!r}, steps={steps}; need finite numbers above 0 and 0 or more steps.")
    if not all(0 <= f < 1 for f in (*betas, alpha)):
        raise ValueError(f"Got betas={betas}, alpha={alpha}; need all of them in [0, 1), such as 0.9.")
    (one, two), u = betas, -start.reshape(-1)
    m, v, top = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    found, live = np.full(len(u), -1, np.int64), np.arange(len(u))
    for t in range(1, steps + 1):
        if rule == "adagrad":
            v = v + u * u
            move = u / np.sqrt(v)
        elif rule == "rmsprop":
            v = alpha * v + (1 - alpha) * u * u
            move = u / np.sqrt(v)
        else:
            m = one * m + (1 - one) * u
            if rule == "adamax":
                v = np.maximum(two * v, np.abs(u))
                size = v
            else:
                v = two * v + (1 - two) * u * u
                top = np.maximum(top, v)
                size = np.sqrt((top if rule == "amsgrad" else v) / (1 - two**t))
            move = m / (1 - one**t) / size
        u = u - move
        found[live[u > 0]] = t
        stay = u < -floor
        found[live[(u <= 0) & ~stay]] = -2
        live, u, m, v, top = live[stay], u[stay], m[stay], v[stay], top[stay]
        if not len(live):
            break
    return found.reshape(start.shape)


def reach(
    rule: str,
    steps: int,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    alpha: float = 0.99,
) -> float:
    """The K below which every start passes 0 within a number of steps: the edge of the basin is |w_0| = K lr.

        adagrad: K = 1 for any number of steps, as its first step has length lr and each later one is a smaller share
        others:  by halving the interval of K, on `crossing_steps`

    Args:
        rule, betas, alpha: as in `crossing_steps`.
        steps: >= 1.

    Returns:
        K, to a relative 1e-6.

    Raises:
        ValueError, UnknownNameError: as in `crossing_steps`.

    Source: derived here.

    >>> [round(reach(rule, 2000), 1) for rule in RULES]
    [1.0, 973.7, 257.7, 150.9, 242.7]
    """
    if steps < 1:
        raise ValueError(f"Got steps={steps}; need 1 or more.")
    if rule == "adagrad":
        return 1.0
    low, high = 0.5, 2.0 * steps + 2.0  # the first step has length lr, none is longer than a few lr
    while high / low > 1 + 1e-6:
        inner = np.geomspace(low, high, 34)[1:-1]
        fails = crossing_steps(rule, inner, steps, betas=betas, alpha=alpha) < 0
        first = int(np.argmax(fails)) if fails.any() else len(inner)
        low, high = (inner[first - 1] if first else low), (inner[first] if first < len(inner) else high)
    return float(math.sqrt(low * high))


def turning_ratio(beta: float = 0.9) -> float:
    """The √v over lr lam below which a rule of the Adam family turns around and passes 0.

        (1 - β1)/(1 - √β1)² = (1 + √β1)/(1 - √β1)

    Args:
        beta: β1 in [0, 1); 0 gives 1, the ratio of RMSprop and Adagrad.

    Returns:
        The ratio.

    Raises:
        ValueError: beta outside [0, 1).

    Source: `crossing.momentum_crossing_step` with the lr of an average, (1 - β1) lr/√v.

    >>> round(turning_ratio(0.9), 3), turning_ratio(0.0)
    (37.974, 1.0)
    """
    if not 0 <= beta < 1:
        raise ValueError(f"Got beta={beta}; need 0 <= beta < 1, such as 0.9.")
    return (1 + math.sqrt(beta)) / (1 - math.sqrt(beta))
