"""The largest stable learning rate of each update rule, for a given largest curvature.

On a quadratic with curvature l every rule here is a linear map of (weight, buffer). By the Jury conditions, a
2 × 2 map with trace t and determinant d does not grow iff |d| <= 1 and |t| <= 1 + d; for all these rules the
condition that breaks first is 1 + t + d >= 0, where an eigenvalue leaves the unit circle at -1: the weight
flips sign at every step. `spectral_radius` gets the same limits by another path.

For the adaptive rules, `preconditioned_sharpness` is the largest eigenvalue of D^(-1/2) H D^(-1/2) with
D = diag(sqrt(v_hat) + eps) and D held still.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan

import numpy as np

from trainability.errors import UnknownNameError


def gradient_descent(sharpness: float) -> float:
    """The largest lr at which gradient descent does not grow on curvature `sharpness`.

        w <- w - lr g;   lr <= 2 / l

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Source:
        Cohen, Kaur, Li, Kolter and Talwalkar 2021, arXiv 2103.00065; derived in this module's head.

    >>> gradient_descent(4.0)
    0.5
    """
    return _limit(2.0, sharpness)


def heavy_ball(sharpness: float, momentum: float, dampening: float = 0.0) -> float:
    """The largest lr at which SGD with (heavy-ball) momentum, as in torch, does not grow.

        buf <- b buf + (1 - d) g;   w <- w - lr buf;   lr <= 2 (1 + b) / ((1 - d) l)

    torch's first buffer is the undamped gradient, which changes the path and not the limit. With momentum 0
    torch keeps no buffer and ignores the dampening; so does this.

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.
        momentum: b, in [0, 1).
        dampening: d, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

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
    _check_share("momentum", momentum)
    _check_share("dampening", dampening)
    scale = 1.0 if momentum == 0 else 1.0 - dampening
    return _limit(2.0 * (1.0 + momentum) / scale, sharpness)


def nesterov(sharpness: float, momentum: float) -> float:
    """The largest lr at which SGD with Nesterov momentum, as in torch, does not grow.

        buf <- b buf + g;   w <- w - lr (g + b buf);   lr <= 2 (1 + b) / ((1 + 2b) l)

    Looking ahead makes the limit smaller than heavy ball's: at b = 0.9, 1.36/l and not 3.8/l.

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.
        momentum: b, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a momentum outside [0, 1).

    Source:
        Cohen, Kaur, Li, Kolter and Talwalkar 2021, arXiv 2103.00065; derived in this module's head with trace
        1 + b - lr (1 + b) l and determinant b (1 - lr l).

    >>> round(nesterov(1.0, momentum=0.9), 4)
    1.3571
    """
    _check_share("momentum", momentum)
    return _limit(2.0 * (1.0 + momentum) / (1.0 + 2.0 * momentum), sharpness)


def low_pass(sharpness: float, weight: float) -> float:
    """The largest lr at which descent along a running average of the gradient does not grow.

        a <- (1 - B) a - B g;   w <- w + lr a;   lr <= 2 (2 - B) / (B l)

    It is SGD(lr=lr * B, momentum=1 - B) in torch's terms, step by step.

    Args:
        sharpness: largest eigenvalue l of the Hessian of the training loss; 0 or below has no limit.
        weight: B, the weight on the new gradient, in (0, 1].

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a weight outside (0, 1].

    Source:
        Derived in this module's head; the limit is heavy ball's with lr B and b = 1 - B.

    >>> round(low_pass(2.0, weight=0.1), 6)
    19.0
    """
    if not 0 < weight <= 1:
        raise ValueError(f"Got weight={weight}; need 0 < weight <= 1. Give the weight on the new gradient.")
    return _limit(2.0 * (2.0 - weight) / weight, sharpness)


def adam(preconditioned_sharpness: float, beta1: float = 0.9) -> float:
    """The largest lr at which Adam, its second moment held still, does not grow.

        m <- b1 m + (1 - b1) g;   w <- w - lr m / D;   lr <= 2 (1 + b1) / ((1 - b1) l)

    38 / l at b1 = 0.9. Bias correction tends to 1 and does not move the limit; in the first steps it does
    raise the effective lr.

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(sqrt(v_hat) + eps).
        beta1: b1, in [0, 1).

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a beta1 outside [0, 1).

    Source:
        Cohen and others 2022, "Adaptive gradient methods at the edge of stability", arXiv 2207.14484, where
        it is the 38/lr of Adam; derived in this module's head.

    >>> round(adam(1.0, beta1=0.9), 6)
    38.0
    """
    _check_share("beta1", beta1)
    return _limit(2.0 * (1.0 + beta1) / (1.0 - beta1), preconditioned_sharpness)


def rmsprop(preconditioned_sharpness: float, momentum: float = 0.0) -> float:
    """The largest lr at which RMSProp, its second moment held still, does not grow.

        buf <- b buf + g / D;   w <- w - lr buf;   lr <= 2 (1 + b) / l

    Args:
        preconditioned_sharpness: largest eigenvalue l of D^(-1/2) H D^(-1/2), D = diag(sqrt(v) + eps).
        momentum: b, in [0, 1); torch's default is 0.

    Returns:
        The largest stable lr; infinite for l <= 0, nan for a nan.

    Raises:
        ValueError: for a momentum outside [0, 1).

    Source:
        Cohen and others 2022, arXiv 2207.14484; derived in this module's head.

    >>> rmsprop(4.0)
    0.5
    """
    _check_share("momentum", momentum)
    return _limit(2.0 * (1.0 + momentum), preconditioned_sharpness)


def spectral_radius(rule: str, lr: float, sharpness: float, **hyper: float) -> float:
    """How much one update grows the worst state: the spectral radius of the linearised rule.

        max |eig(A)|,  A (weight, buffer) = one update with gradient l * weight

    The rule itself is run for one step on each unit vector of (weight, buffer), which gives A's columns.
    Below 1 the rule converges on this curvature, above 1 it grows. It knows nothing of the closed forms
    above, which is why the tests hold those against it.

    Args:
        rule: name of a function of this module: gradient_descent, heavy_ball, nesterov, low_pass, adam or
            rmsprop.
        lr: the learning rate.
        sharpness: curvature l (preconditioned for the adaptive rules); any sign.
        **hyper: that function's own hyper-parameters, under the same names.

    Returns:
        The spectral radius, at least 0.

    Raises:
        UnknownNameError: for a rule that is not in this module.

    Source:
        Goh 2017, "Why momentum really works", Distill, section "Dynamics of momentum".

    >>> round(spectral_radius("gradient_descent", lr=0.5, sharpness=4.0), 12)
    1.0
    >>> spectral_radius("heavy_ball", lr=0.5, sharpness=4.0, momentum=0.9) < 1
    True
    """
    if rule not in _STEPS:
        raise UnknownNameError("update rule", rule, list(_STEPS))
    step = _STEPS[rule]
    columns = [step(w, buf, sharpness * w, lr, **hyper) for w, buf in ((1.0, 0.0), (0.0, 1.0))]
    return float(np.abs(np.linalg.eigvals(np.array(columns).T)).max())


def _limit(lr_times_sharpness: float, sharpness: float) -> float:
    if isnan(sharpness):
        return sharpness
    return lr_times_sharpness / sharpness if sharpness > 0 else inf


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"Got {name}={value}; need 0 <= {name} < 1, such as 0.9.")


State = tuple[float, float]


def _step_gradient_descent(w: float, buf: float, g: float, lr: float) -> State:
    return w - lr * g, 0.0


def _step_heavy_ball(w: float, buf: float, g: float, lr: float, momentum: float, dampening: float = 0.0) -> State:
    if momentum == 0:
        return w - lr * g, 0.0
    buf = momentum * buf + (1 - dampening) * g
    return w - lr * buf, buf


def _step_nesterov(w: float, buf: float, g: float, lr: float, momentum: float) -> State:
    buf = momentum * buf + g
    return w - lr * (g + momentum * buf), buf


def _step_low_pass(w: float, buf: float, g: float, lr: float, weight: float) -> State:
    buf = (1 - weight) * buf - weight * g
    return w + lr * buf, buf


def _step_adam(w: float, buf: float, g: float, lr: float, beta1: float = 0.9) -> State:
    buf = beta1 * buf + (1 - beta1) * g
    return w - lr * buf, buf


def _step_rmsprop(w: float, buf: float, g: float, lr: float, momentum: float = 0.0) -> State:
    buf = momentum * buf + g
    return w - lr * buf, buf


_STEPS: dict[str, Callable[..., State]] = {
    "gradient_descent": _step_gradient_descent,
    "heavy_ball": _step_heavy_ball,
    "nesterov": _step_nesterov,
    "low_pass": _step_low_pass,
    "adam": _step_adam,
    "rmsprop": _step_rmsprop,
}
