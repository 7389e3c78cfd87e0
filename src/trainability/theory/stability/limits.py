"""The largest stable learning rate of each update rule, for a given largest curvature.

On a quadratic with curvature l every rule here is a linear map of (weight, buffer). By the Jury conditions, a 2 × 2 map
with trace t and determinant d does not grow iff |d| <= 1 and |t| <= 1 + d; for all these rules the condition that breaks
first is 1 + t + d >= 0, where an eigenvalue leaves the unit circle at -1: the weight flips sign at every step.
`spectral_radius` gets the same limits by another path.

For the adaptive rules, `preconditioned_sharpness` is the largest eigenvalue of D^(-1/2) H D^(-1/2) with D held still:
what the rule divides its step by, such as diag(sqrt(v_hat) + eps). Arguments are numbers or arrays that broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.stability._numbers import at_least_zero, over, share, weight_of_new


def gradient_descent(sharpness: ArrayLike) -> Any:
    """The largest lr at which gradient descent does not grow on curvature `sharpness`.

        w <- w - lr g;   lr <= 2 / l

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan. A float for numbers, an
        array for arrays.

    Source:
        Cohen, Kaur, Li, Kolter and Talwalkar 2021, arXiv 2103.00065; derived in this module's head.

    >>> gradient_descent(4.0)
    0.5
    """
    return over(2.0, sharpness)


def heavy_ball(sharpness: ArrayLike, momentum: ArrayLike, dampening: ArrayLike = 0.0) -> Any:
    """The largest lr at which SGD with (heavy-ball) momentum, as in torch, does not grow.

        buf <- b buf + (1 - d) g;   w <- w - lr buf;   lr <= 2 (1 + b) / ((1 - d) l)

    torch's first buffer is the undamped gradient, which changes the path and not the limit. With momentum 0
    torch keeps no buffer and ignores the dampening; so does this.

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.
        momentum: b, in [0, 1).
        dampening: d, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan. A float for numbers, an
        array for arrays.

    Raises:
        ValueError: for a momentum or dampening outside [0, 1).

    Source:
        Goh 2017, "Why momentum really works", Distill, section "Dynamics of momentum" (0 < lr l < 2 + 2b);
        derived in this module's head.

    >>> round(heavy_ball(2.0, momentum=0.9), 6)
    1.9
    >>> round(heavy_ball(2.0, momentum=0.9, dampening=0.9), 6)
    19.0
    """
    b, d = share("momentum", momentum), share("dampening", dampening)
    return over(2.0 * (1.0 + b) / np.where(b == 0, 1.0, 1.0 - d), sharpness)


def nesterov(sharpness: ArrayLike, momentum: ArrayLike) -> Any:
    """The largest lr at which SGD with Nesterov momentum, as in torch, does not grow.

        buf <- b buf + g;   w <- w - lr (g + b buf);   lr <= 2 (1 + b) / ((1 + 2b) l)

    Looking ahead makes the limit smaller than heavy ball's: at b = 0.9, 1.36/l and not 3.8/l.

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.
        momentum: b, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan. A float for numbers, an
        array for arrays.

    Raises:
        ValueError: for a momentum outside [0, 1).

    Source:
        Cohen, Kaur, Li, Kolter and Talwalkar 2021, arXiv 2103.00065; derived in this module's head with trace
        1 + b - lr (1 + b) l and determinant b (1 - lr l).

    >>> round(nesterov(1.0, momentum=0.9), 4)
    1.3571
    """
    b = share("momentum", momentum)
    return over(2.0 * (1.0 + b) / (1.0 + 2.0 * b), sharpness)


def low_pass(sharpness: ArrayLike, weight: ArrayLike) -> Any:
    """The largest lr at which descent along a running average of the gradient does not grow.

        a <- (1 - B) a - B g;   w <- w + lr a;   lr <= 2 (2 - B) / (B l)

    It is SGD(lr=lr * B, momentum=1 - B) in torch's terms, step by step.

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.
        weight: B, the weight on the new gradient, in (0, 1].

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan. A float for numbers, an
        array for arrays.

    Raises:
        ValueError: for a weight outside (0, 1].

    Source:
        Derived in this module's head; the limit is heavy ball's with lr B and b = 1 - B.

    >>> round(low_pass(2.0, weight=0.1), 6)
    19.0
    """
    share_of_new = weight_of_new(weight)
    return over(2.0 * (2.0 - share_of_new) / share_of_new, sharpness)


def adam(preconditioned_sharpness: ArrayLike, beta1: ArrayLike = 0.9) -> Any:
    """The largest lr at which Adam, its second moment held still, does not grow.

        m <- b1 m + (1 - b1) g;   w <- w - lr m / D;   lr <= 2 (1 + b1) / ((1 - b1) l)

    38 / l at b1 = 0.9. Bias correction tends to 1 and does not move the limit; in the first steps it does
    raise the effective lr.

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(sqrt(v_hat) + eps).
        beta1: b1, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan. A float for numbers, an
        array for arrays.

    Raises:
        ValueError: for a beta1 outside [0, 1).

    Source:
        Cohen and others 2022, "Adaptive gradient methods at the edge of stability", arXiv 2207.14484, where
        it is the 38/lr of Adam; derived in this module's head.

    >>> round(adam(1.0, beta1=0.9), 6)
    38.0
    """
    b = share("beta1", beta1)
    return over(2.0 * (1.0 + b) / (1.0 - b), preconditioned_sharpness)


def rmsprop(preconditioned_sharpness: ArrayLike, momentum: ArrayLike = 0.0) -> Any:
    """The largest lr at which RMSProp, its second moment held still, does not grow.

        buf <- b buf + g / D;   w <- w - lr buf;   lr <= 2 (1 + b) / l

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(sqrt(v) + eps).
        momentum: b, in [0, 1); torch's default is 0.

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan. A float for numbers, an
        array for arrays.

    Raises:
        ValueError: for a momentum outside [0, 1).

    Source:
        Cohen and others 2022, arXiv 2207.14484; derived in this module's head.

    >>> rmsprop(4.0)
    0.5
    """
    return over(2.0 * (1.0 + share("momentum", momentum)), preconditioned_sharpness)


def adamw(preconditioned_sharpness: ArrayLike, weight_decay: ArrayLike = 0.01, beta1: ArrayLike = 0.9) -> Any:
    """The largest lr at which AdamW, its second moment held still, does not grow.

        w <- (1 - lr c) w;   m <- b1 m + (1 - b1) g;   w <- w - lr m / D
        lr <= 2 (1 + b1) / ((1 - b1) l + (1 + b1) c)

    Decoupled decay c does not pass through the running mean, so that it counts (1 + b1)/(1 - b1) times what curvature
    counts.

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), without weight decay.
        weight_decay: c, at least 0.
        beta1: b1, in [0, 1).

    Returns:
        The largest stable lr; infinite where the denominator is 0 or below, nan for a nan.

    Raises:
        ValueError: for a beta1 outside [0, 1) or a negative weight decay.

    Source:
        Derived here from 1 + trace + determinant = 0: trace 1 + b1 - lr (c + (1 - b1) l), determinant b1 (1 - lr c).

    >>> round(adamw(1.0, weight_decay=0.0), 6), round(adamw(0.0, weight_decay=0.5), 6)
    (38.0, 4.0)
    """
    b, decay = share("beta1", beta1), at_least_zero("weight_decay", weight_decay)
    sharpness = np.asarray(preconditioned_sharpness, dtype=np.float64)
    return over(2.0 * (1.0 + b) / (1.0 - b), sharpness + decay * (1.0 + b) / (1.0 - b))


def amsgrad(preconditioned_sharpness: ArrayLike, beta1: ArrayLike = 0.9) -> Any:
    """The largest lr at which AMSGrad, the maximum of its second moment held still, does not grow: as `adam`.

    There D does stand still, once v is past its largest value: the limit is exact then, and does not come back up.

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(sqrt(max v_hat) + eps).
        beta1: b1, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a beta1 outside [0, 1).

    Source:
        As `adam`; the rule is of Reddi, Kale and Kumar 2018, algorithm 2.

    >>> round(amsgrad(1.0), 6)
    38.0
    """
    return adam(preconditioned_sharpness, beta1)


def adamax(preconditioned_sharpness: ArrayLike, beta1: ArrayLike = 0.9) -> Any:
    """The largest lr at which Adamax, its running maximum held still, does not grow: as `adam`.

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(u), u the running maximum of |g|.
        beta1: b1, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a beta1 outside [0, 1).

    Source:
        As `adam`; the rule is of Kingma and Ba 2015, algorithm 2.

    >>> adamax(4.0, beta1=0.0)
    0.5
    """
    return adam(preconditioned_sharpness, beta1)


def adagrad(preconditioned_sharpness: ArrayLike) -> Any:
    """The largest lr at which Adagrad, its sum of squares held still, does not grow: 2 / l.

        w <- w - lr g / D

    The sum only rises, so D^(-1/2) H D^(-1/2) only falls: what is stable once stays stable on a quadratic.

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(sqrt(sum g²) + eps).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Source:
        As `gradient_descent`; the rule is of Duchi, Hazan and Singer 2011.

    >>> adagrad(4.0)
    0.5
    """
    return over(2.0, preconditioned_sharpness)


def adadelta(preconditioned_sharpness: ArrayLike) -> Any:
    """The largest lr at which Adadelta, both its running means held still, does not grow: 2 / l.

        w <- w - lr g / D,   D = sqrt(v + eps) / sqrt(u + eps)

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), with v the running mean of g² and u that
            of the squared steps.

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Source:
        As `gradient_descent`; the rule is of Zeiler 2012, arXiv 1212.5701.

    >>> adadelta(4.0)
    0.5
    """
    return over(2.0, preconditioned_sharpness)


def newton(sharpness: ArrayLike, damping: ArrayLike = 0.0) -> Any:
    """The largest lr at which damped Newton does not grow.

        w <- w - lr (H + c)^-1 g;   lr <= 2 (l + c) / l

    2 without damping, whatever the curvature; damping only adds to it.

    Args:
        sharpness: largest eigenvalue l of the Hessian.
        damping: c, at least 0.

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a negative damping.

    Source:
        Derived here: the factor of a direction is 1 - lr l / (l + c).

    >>> newton(1000.0), newton(1.0, damping=3.0)
    (2.0, 8.0)
    """
    sharpness = np.asarray(sharpness, dtype=np.float64)
    return over(2.0 * (sharpness + at_least_zero("damping", damping)), sharpness)
