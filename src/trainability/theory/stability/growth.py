"""One update as a linear map of (weight, buffer), and how much it grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.errors import UnknownNameError
from trainability.theory.stability._numbers import Array, plain

State = tuple[Any, Any]


def spectral_radius(rule: str, lr: ArrayLike, sharpness: ArrayLike, **hyper: ArrayLike) -> Any:
    """How much one update grows the worst state: the spectral radius of the linearised rule.

        max |eig(A)|,  A (weight, buffer) = one update with gradient l * weight

    The rule itself is run for one step on each unit vector of (weight, buffer), which gives A's columns. Below 1 the rule
    converges on this curvature, above 1 it grows. It knows nothing of the closed forms in `limits`, which is why the tests
    hold those against it.

    Args:
        rule: one of `RULES`, such as "heavy_ball".
        lr: the learning rate, a number or an array.
        sharpness: curvature l (preconditioned for the adaptive rules), any sign; a number or a whole spectrum.
        **hyper: that rule's own hyper-parameters, under the names they have in `limits`.

    Returns:
        The spectral radius, at least 0: a float, or an array in the shape the arguments broadcast to.

    Raises:
        UnknownNameError: for a rule that is not in this module.

    Source:
        Goh 2017, "Why momentum really works", Distill, section "Dynamics of momentum".

    >>> round(spectral_radius("gradient_descent", lr=0.5, sharpness=4.0), 12)
    1.0
    >>> spectral_radius("heavy_ball", lr=0.5, sharpness=[0.0, 1.0], momentum=0.81).round(6)
    array([1. , 0.9])
    """
    matrix = transition(rule, lr, sharpness, **hyper)
    bad = np.asarray(~np.isfinite(matrix).all((-2, -1)))
    found = np.abs(np.linalg.eigvals(np.where(bad[..., None, None], 0.0, matrix))).max(-1)
    return plain(np.where(bad, np.nan, found))


def transition(rule: str, lr: ArrayLike, sharpness: ArrayLike, **hyper: ArrayLike) -> Array:
    """The map of (weight, buffer) that one update is: an array `(..., 2, 2)`.

    Args:
        rule: one of `RULES`.
        lr: the learning rate.
        sharpness: curvature l.
        **hyper: the rule's own hyper-parameters.

    Returns:
        A, with the shape that the arguments broadcast to in front.

    Raises:
        UnknownNameError: for a rule that is not in this module.

    >>> transition("heavy_ball", lr=0.5, sharpness=1.0, momentum=0.5)
    array([[ 0.5 , -0.25],
           [ 1.  ,  0.5 ]])
    """
    step = _step(rule)
    arguments = [np.asarray(value, dtype=np.float64) for value in (lr, sharpness, *hyper.values())]
    rate, curvature, *others = np.broadcast_arrays(*arguments)
    named = dict(zip(hyper, others, strict=True))
    if rule == "newton":
        named["curvature"] = curvature  # it divides by what the others only meet in the gradient
    columns = []
    for w, buf in ((1.0, 0.0), (0.0, 1.0)):
        with np.errstate(all="ignore"):  # not finite in, not finite out
            pair = step(np.full(rate.shape, w), np.full(rate.shape, buf), curvature * w, rate, **named)
        columns.append(np.stack(np.broadcast_arrays(*pair), -1))
    return np.stack(columns, -1)


def _step(rule: str) -> Callable[..., State]:
    if rule not in _STEPS:
        raise UnknownNameError("update rule", rule, list(_STEPS))
    return _STEPS[rule]


def _gradient_descent(w: Any, buf: Any, g: Any, lr: Any) -> State:
    return w - lr * g, 0.0 * buf


def _heavy_ball(w: Any, buf: Any, g: Any, lr: Any, momentum: Any, dampening: Any = 0.0) -> State:
    buf = momentum * buf + np.where(momentum == 0, 1.0, 1 - dampening) * g
    return w - lr * buf, np.where(momentum == 0, 0.0, buf)


def _nesterov(w: Any, buf: Any, g: Any, lr: Any, momentum: Any) -> State:
    buf = momentum * buf + g
    return w - lr * (g + momentum * buf), buf


def _low_pass(w: Any, buf: Any, g: Any, lr: Any, weight: Any) -> State:
    buf = (1 - weight) * buf - weight * g
    return w + lr * buf, buf


def _adam(w: Any, buf: Any, g: Any, lr: Any, beta1: Any = 0.9) -> State:
    buf = beta1 * buf + (1 - beta1) * g
    return w - lr * buf, buf


def _adamw(w: Any, buf: Any, g: Any, lr: Any, weight_decay: Any = 0.01, beta1: Any = 0.9) -> State:
    buf = beta1 * buf + (1 - beta1) * g
    return (1 - lr * weight_decay) * w - lr * buf, buf


def _rmsprop(w: Any, buf: Any, g: Any, lr: Any, momentum: Any = 0.0) -> State:
    buf = momentum * buf + g
    return w - lr * buf, buf


def _newton(w: Any, buf: Any, g: Any, lr: Any, curvature: Any, damping: Any = 0.0) -> State:
    return w - lr * g / (curvature + damping), 0.0 * buf


_STEPS: dict[str, Callable[..., State]] = {
    "gradient_descent": _gradient_descent,
    "heavy_ball": _heavy_ball,
    "nesterov": _nesterov,
    "low_pass": _low_pass,
    "adam": _adam,
    "adamw": _adamw,
    "amsgrad": _adam,
    "adamax": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _gradient_descent,
    "adadelta": _gradient_descent,
    "newton": _newton,
}

RULES = tuple(_STEPS)
"""Names of the rules that are maps of (weight, buffer); each has its largest stable lr in `limits`."""
