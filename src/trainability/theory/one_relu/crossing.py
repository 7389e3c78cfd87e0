"""Which update rule takes one ReLU from a negative weight to the positive side, and at which step.

For weight w < 0 and target relu(x) the gradient is lam w: it vanishes at 0, and 0 attracts. lam = 1/2 for the loss with
the 1/2 ("half"), lam = 1 without ("mse"). On a batch, 1/2 in it becomes mean(x² 1{x < 0}). The weight enters the update
as a factor only, so for SGD and momentum nothing depends on how far away the start is; Adam's steps have a length of
their own, and there it does (`runs`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammaln

from trainability.theory.one_relu._convention import check_lr, factor


def curvature(convention: str = "half") -> float:
    """The second derivative of the loss on either side of weight 0: 1/2 for "half", 1 for "mse".

        L(w) = w²/4 + 1/4 for w < 0,   (w - 1)²/4 for w > 0     (with the 1/2)

    Args:
        convention: "half" or "mse".

    Returns:
        lam.

    Raises:
        UnknownNameError: another convention.

    Source: E x² 1{x < 0} = 1/2 for x ~ N(0, 1).

    >>> curvature("mse")
    1.0
    """
    return 0.5 * factor(convention)


def jumping_lr(convention: str = "half") -> tuple[float, float]:
    """The learning rates between which population gradient descent jumps over 0 in one step and then converges.

        w <- (1 - lr lam) w < 0 stays below 0 iff lr lam < 1;   stable at the target iff lr lam < 2

    Args:
        convention: "half" or "mse".

    Returns:
        (1/lam, 2/lam): at the first the weight lands on 0, above it crosses; at the second it stops converging.

    Raises:
        UnknownNameError: another convention.

    Source: derived here.

    >>> jumping_lr("mse")
    (1.0, 2.0)
    """
    lam = curvature(convention)
    return 1 / lam, 2 / lam


def sgd_crossing_probability(
    lr: float, batch: int, *, steps: int = 1, convention: str = "half", log: bool = False
) -> float:
    """The probability that SGD with fresh batches from N(0, 1) passes 0 within a number of steps, exactly.

        P(step crosses) = P( lr f/n Σ x_i² 1{x_i < 0} > 1 ) = Σ_k C(n, k) 2^-n P( χ²_k > n / (lr f) )

    f = 1 for "half", 2 for "mse". The sum of squares is that of a random number k of squared normals. Steps are
    independent and the condition does not know the weight: P(within T) = 1 - (1 - P)^T.

    Args:
        lr: learning rate, > 0.
        batch: n, images per step, >= 1.
        steps: T, >= 1.
        convention: "half" or "mse".
        log: return the natural logarithm, which exists where the probability is below the smallest float.

    Returns:
        The probability in [0, 1], or its logarithm. Relative error below 1e-9.

    Raises:
        ValueError: lr, batch or steps out of range.
        UnknownNameError: another convention.

    Source: derived here; equal to mpmath sums and to simulation.

    >>> f"{sgd_crossing_probability(0.01, 1, convention='mse'):.2e}"
    '7.69e-13'
    """
    check_lr(lr)
    if batch < 1 or steps < 1:
        raise ValueError(f"Got batch={batch}, steps={steps}; need both to be 1 or more.")
    threshold = batch / (lr * factor(convention))
    k = np.arange(1, batch + 1, dtype=float)
    choose = gammaln(batch + 1) - gammaln(k + 1) - gammaln(batch - k + 1) - batch * math.log(2)
    terms = choose + _log_upper_gamma(k / 2, threshold / 2)
    top = float(terms.max())
    one = min(0.0, top + math.log(float(np.exp(terms - top).sum())))
    if one < -30:  # (1 - p)^T = exp(-T p) to all digits; and 1 - exp(-T p) = T p while that is tiny
        many = one + math.log(steps)
        if many > -40:
            many = math.log(-math.expm1(-math.exp(min(many, 700.0))))
    else:
        stays = math.log1p(-math.exp(one)) if one < 0 else -math.inf
        many = math.log(-math.expm1(steps * stays))
    return many if log else math.exp(many)


def momentum_crossing_step(lr: float, momentum: float, *, convention: str = "half") -> int | None:
    """The step at which heavy-ball momentum on the population gradient passes 0, from any negative start.

        v <- beta v + lam w,   w <- w - lr v;   crosses iff sqrt(lr lam) > 1 - sqrt(beta)

    For w < 0 the update is linear with characteristic z² - (1 + beta - lr lam) z + beta = 0. Real roots in (0, 1) keep
    the sign; complex roots sqrt(beta) exp(±i psi) turn it: w_t = w_0 beta^(t/2) (cos t psi + B sin t psi). The start
    only scales, so that the step does not depend on it.

    Args:
        lr: learning rate, > 0.
        momentum: beta in [0, 1), as in torch and Keras (no dampening).
        convention: "half" or "mse".

    Returns:
        The first step with w > 0, counted from 1; None if it never comes.

    Raises:
        ValueError: lr or momentum out of range.
        UnknownNameError: another convention.

    Source: derived here; equal to `runs.simulate`.

    >>> momentum_crossing_step(0.01, 0.9, convention="mse"), momentum_crossing_step(0.01, 0.8, convention="mse")
    (24, None)
    """
    check_lr(lr)
    if not 0 <= momentum < 1:
        raise ValueError(f"Got momentum={momentum}; need 0 <= momentum < 1, such as 0.9.")
    h, root = lr * curvature(convention), math.sqrt(momentum)
    if h > 1:
        return 1
    if h == 1:  # lands on 0 with a velocity, which momentum takes across
        return 2 if momentum > 0 else None
    gap = h - ((1 - momentum) / (1 + root)) ** 2  # h - (1 - root)², positive iff the roots are complex
    if gap <= 4 * math.ulp(h):  # rounding of the critical case itself, in which the sign is kept
        return None
    # 4 beta - (1 + beta - h)² in factors, which keeps the digits where the roots are nearly real
    psi = math.atan2(math.sqrt(gap * ((1 + root) ** 2 - h)), 1 + momentum - h)
    # w_t / w_0 = beta^(t/2) (cos t psi + B sin t psi), with w_1 / w_0 = 1 - h; its first zero is at t = t_0.
    slope = ((1 - h) / root - math.cos(psi)) / math.sin(psi)
    first = math.atan2(1.0, -slope) / psi
    return math.floor(first) + 1


def nesterov_crossing_step(lr: float, momentum: float, *, convention: str = "half") -> int | None:
    """The step at which Nesterov's momentum, in torch's form, on the population gradient passes 0, from any negative start.

        w_(t+1) = (1 + beta)(1 - h) w_t - beta (1 - h) w_(t-1),  w_1 = (1 - (1 + beta) h) w_0,  h = lr lam;
        crosses iff  √h > (1 - beta)/(1 + beta)

    Args:
        lr: learning rate, > 0.
        momentum: beta in [0, 1).
        convention: "half" or "mse".

    Returns:
        The first step with w > 0, counted from 1; None if it never comes.

    Raises:
        ValueError: lr or momentum out of range.
        UnknownNameError: another convention.

    Source: derived here from Sutskever et al. 2013, sec. 2; equal to the recursion itself.

    >>> nesterov_crossing_step(0.01, 0.9, convention="mse"), nesterov_crossing_step(0.002, 0.9, convention="mse")
    (24, None)
    """
    check_lr(lr)
    if not 0 <= momentum < 1:
        raise ValueError(f"Got momentum={momentum}; need 0 <= momentum < 1, such as 0.9.")
    h = lr * curvature(convention)
    if h * (1 + momentum) > 1:
        return 1
    gap = h - ((1 - momentum) / (1 + momentum)) ** 2
    if gap <= 4 * math.ulp(h):
        return None
    size = math.sqrt(momentum * (1 - h))
    # 4 beta (1 - h) - (1 + beta)² (1 - h)² = (1 - h) (1 + beta)² gap
    psi = math.atan2(math.sqrt((1 - h) * gap) * (1 + momentum), (1 + momentum) * (1 - h))
    slope = ((1 - (1 + momentum) * h) / size - math.cos(psi)) / math.sin(psi)
    return math.floor(math.atan2(1.0, -slope) / psi) + 1


def momentum_cycles(lr: float, momentum: float, *, longest: int = 8, convention: str = "half") -> list[int]:
    """The lengths of the periodic paths of momentum about 0 and the target, where it neither sticks nor arrives.

    On either side of 0 a step is linear, z <- A z below and A z + c above, with z = (weight, velocity). A path of p steps
    that is below and above in a given order is periodic iff it solves (1 - A^p) z = what the steps above add, and is a path
    iff its weights have those signs. Where A is stable so is every such path.

    Args:
        lr: learning rate, > 0, with which momentum is stable at the target.
        momentum: beta in (0, 1).
        longest: most steps, from 2; the work is 2^longest small systems.
        convention: "half" or "mse".

    Returns:
        Each length once, rising; empty if there are none. Rests at the target or at 0 are not counted.

    Raises:
        ValueError: lr or momentum out of range.
        UnknownNameError: another convention.

    Source: derived here; equal to the recursion run for 4000 steps.

    >>> momentum_cycles(0.5, 0.9, convention="mse"), momentum_cycles(3.0, 0.9, convention="mse")
    ([], [3, 4, 7])
    """
    check_lr(lr)
    h = lr * curvature(convention)
    if not (0 < momentum < 1 and h < 2 * (1 + momentum)):
        raise ValueError(
            f"Got lr={lr}, momentum={momentum}; need 0 < momentum < 1 and lr < {2 * (1 + momentum) * lr / h:g}, where momentum "
            "is stable."
        )
    step = np.array([[1 - h, -h * momentum], [1.0, momentum]])
    add = np.array([h, -1.0])
    lengths = []
    for p in range(2, longest + 1):
        above = (np.arange(1, 2**p - 1)[:, None] >> np.arange(p)) & 1  # all of one side is a rest
        total = np.zeros((len(above), 2))
        for k in range(p):
            total = total @ step.T + above[:, k, None] * add
        z = np.linalg.solve(np.eye(2) - np.linalg.matrix_power(step, p), total.T).T
        weights = []
        for k in range(p):
            weights.append(z[:, 0])
            z = z @ step.T + above[:, k, None] * add
        path = np.stack(weights, 1)
        good = ((path > 0) == (above == 1)).all(1)
        whole = np.array([all(np.ptp(w - np.roll(w, d)) > 1e-9 for d in range(1, p) if p % d == 0) for w in path[good]])
        if whole.any():
            lengths.append(p)
    return lengths


def _log_upper_gamma(a: NDArray[np.float64], x: float) -> NDArray[np.float64]:
    """log Γ(a, x) / Γ(a); where that is too small for scipy by Legendre's continued fraction, which then is quick."""
    plain = gammaincc(a, x)
    small = plain < 1e-200
    out = np.log(np.where(small, 1.0, plain))
    if small.any():
        b = a[small]
        tiny = 1e-300
        den = x + 1.0 - b
        c, d = np.full_like(b, 1 / tiny), 1 / den
        value = d.copy()
        for i in range(1, 2000):
            an = -i * (i - b)
            den = den + 2.0
            d = 1 / np.where(np.abs(an * d + den) < tiny, tiny, an * d + den)
            c = den + an / c
            c = np.where(np.abs(c) < tiny, tiny, c)
            value = value * d * c
            if np.all(np.abs(d * c - 1) < 1e-15):
                break
        out[small] = -x + b * math.log(x) - gammaln(b) + np.log(value)
    return out
