"""Population loss and gradient of one ReLU unit on a one-dimensional Gaussian input, in all four parameters.

Student and target are straight lines between their elbows, so their difference is one too, and its moments are partial
moments of the normal density.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


def _checked(w: Array, b: Array, *rest: Array) -> tuple[Array, ...]:
    for value in (w, b, *rest):
        if not np.isfinite(value).all():
            raise ValueError(
                f"Got {int((~np.isfinite(value)).sum())} parameters that are not finite; need finite numbers. "
                "Leave out the runs that diverged."
            )
    if ((w == 0) & (b == 0)).any():
        raise ValueError(
            "Got weight = 0 with bias = 0; need one of them not 0. There the gradient depends on the direction of "
            "approach: give a small weight of the sign that is meant."
        )
    return (w, b, *rest[:2])


@dataclass(frozen=True)
class Unit:
    """The function output · relu(weight · x + bias) + offset.

    Args:
        weight, bias, output, offset: finite numbers; weight and bias not both 0.

    Raises:
        ValueError: a number that is not finite, or weight = bias = 0.

    >>> Unit().elbow
    -0.0
    """

    weight: float = 1.0
    bias: float = 0.0
    output: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        _checked(*(np.asarray(v, float) for v in (self.weight, self.bias, self.output, self.offset)))

    @property
    def elbow(self) -> float:
        """Where the unit switches, -bias / weight; infinite for weight 0."""
        return -self.bias / self.weight if self.weight else -math.copysign(math.inf, self.bias)


TARGET = Unit()


def partial_moments(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array, Array]:
    """The moments of the standard normal density over an interval, of order 0, 1 and 2.

        ∫ φ = Φ(high) - Φ(low),   ∫ x φ = φ(low) - φ(high),   ∫ x² φ = ∫ φ + low φ(low) - high φ(high)

    Args:
        low, high: ends, any shapes that broadcast; infinite is allowed. An interval with high < low has moments 0.

    Returns:
        Three arrays. Order 0 keeps its relative precision in both tails.

    Raises:
        ValueError: an end is nan.

    Source: integration by parts, φ'(x) = -x φ(x).

    >>> [round(float(m), 12) for m in partial_moments(0.0, float("inf"))]
    [0.5, 0.398942280401, 0.5]
    """
    start, end = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if np.isnan(start).any() or np.isnan(end).any():
        raise ValueError(
            "Got an interval with a nan end; need numbers, ±inf allowed. Leave out the runs that diverged."
        )
    end = np.maximum(start, end)
    right = start > 0  # there the difference of upper tails has the digits
    zeroth = np.asarray(np.where(right, ndtr(-start) - ndtr(-end), ndtr(end) - ndtr(start)))
    first = _density(start) - _density(end)
    return zeroth, first, zeroth + _times_density(start) - _times_density(end)


def loss(
    weight: ArrayLike,
    bias: ArrayLike = 0.0,
    output: ArrayLike = 1.0,
    offset: ArrayLike = 0.0,
    *,
    slope: float = 0.0,
    target: Unit = TARGET,
) -> Array:
    """The exact population loss 1/2 E(student(x) - target(x))² with x ~ N(0, 1).

        student(x) = output · s(weight · x + bias) + offset,   s(z) = z for z > 0, slope · z below

    Args:
        weight, bias, output, offset: of the student, any shapes that broadcast; weight and bias not both 0.
        slope: of the student below 0, any finite number; the target is a plain ReLU.
        target: what is learned.

    Returns:
        The loss in that shape, >= 0; twice of it is what Keras and torch call "mse".

    Raises:
        ValueError: a number that is not finite, or weight = bias = 0.

    Source: derived here from `partial_moments`; equal to adaptive quadrature to 1e-12 and better.

    >>> float(loss(-1.0)), float(loss(1.0))
    (0.5, 0.0)
    """
    student = _checked(*(np.asarray(v, float) for v in (weight, bias, output, offset)), np.asarray(slope, float))
    total = np.zeros(np.broadcast_shapes(*(v.shape for v in student)))
    for p, q, _, moments in _pieces(student, slope, target):
        zeroth, first, second = moments
        total = total + 0.5 * (p * p * second + 2 * p * q * first + q * q * zeroth)
    return np.maximum(total, 0.0)


def gradient(
    weight: ArrayLike,
    bias: ArrayLike = 0.0,
    output: ArrayLike = 1.0,
    offset: ArrayLike = 0.0,
    *,
    slope: float = 0.0,
    target: Unit = TARGET,
) -> Array:
    """The exact gradient of `loss` in (weight, bias, output, offset).

        E (student - target) · (output s'(z) x, output s'(z), s(z), 1),   z = weight · x + bias

    Args:
        weight, bias, output, offset: of the student, any shapes that broadcast; weight and bias not both 0.
        slope: of the student below 0.
        target: what is learned.

    Returns:
        Array (..., 4), in the order of the arguments; take [..., :2] for a unit with only weight and bias.

    Raises:
        ValueError: a number that is not finite, or weight = bias = 0, where the gradient depends on the direction of
            approach.

    Source: derived here; equal to central differences of `loss` to 1e-9.

    >>> gradient(-0.5)[0], gradient(0.5)[0]
    (np.float64(-0.25), np.float64(-0.25))
    """
    student = _checked(*(np.asarray(v, float) for v in (weight, bias, output, offset)), np.asarray(slope, float))
    w, b, a, _ = student
    total = np.zeros((*np.broadcast_shapes(*(v.shape for v in student)), 4))
    for p, q, s, (zeroth, first, second) in _pieces(student, slope, target):
        error_x, error = p * second + q * first, p * first + q * zeroth
        total[..., 0] += a * s * error_x
        total[..., 1] += a * s * error
        total[..., 2] += s * (w * error_x + b * error)
        total[..., 3] += error
    return total


def _pieces(
    student: tuple[Array, ...], slope: float, target: Unit
) -> list[tuple[Array, Array, Array, tuple[Array, Array, Array]]]:
    """The three intervals between the two elbows: (p, q, s, moments), where student - target = p x + q and s = s'(z)."""
    w, b, a, c = student
    mine, theirs = _elbow(w, b), np.asarray(target.elbow)
    edges = (np.float64(-np.inf), np.minimum(mine, theirs), np.maximum(mine, theirs), np.float64(np.inf))
    pieces = []
    for k in range(3):
        # An interval lies right of an elbow if it starts at it or beyond.
        right, beyond = (mine <= edges[k], theirs <= edges[k]) if k else (np.False_, np.False_)
        if k == 0:  # all of the line is right of an elbow at -inf
            right, beyond = mine == -np.inf, theirs == -np.inf
        s = np.where(right == (w >= 0), 1.0, slope)
        on = np.where(beyond == (target.weight >= 0), target.output, 0.0)
        p = a * s * w - on * target.weight
        q = a * s * b + c - on * target.bias - target.offset
        pieces.append((p, q, s, partial_moments(edges[k], edges[k + 1])))
    return pieces


def _elbow(w: Array, b: Array) -> Array:
    """-b/w; for w = 0 the end of the line from which the unit is on (b > 0) or off everywhere to the right."""
    flat = w == 0
    with np.errstate(over="ignore"):
        return np.where(flat, np.where(b > 0, -np.inf, np.inf), -b / np.where(flat, 1.0, w))


def _density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _times_density(x: Array) -> Array:
    finite = np.where(np.isfinite(x), x, 0.0)
    return finite * _density(finite)
