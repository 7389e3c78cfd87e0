"""The whole path of a direction under a linear rule, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.stability._numbers import Array
from trainability.theory.stability.growth import _step, transition


@dataclass(frozen=True)
class Path:
    """w_t = v0 at t = 1, v1 at t = 2, and from there w_{t+1} = trace w_t - determinant w_{t-1}.

    Args:
        first: w_1 for w_0 = 1 `(...)`.
        second: w_2.
        trace: of the map of (weight, buffer).
        determinant: of that map.
    """

    first: Array
    second: Array
    trace: Array
    determinant: Array

    @property
    def swings(self) -> NDArray[np.bool_]:
        """Whether the roots are complex."""
        return self.trace**2 / 4 < self.determinant

    @property
    def roots(self) -> tuple[Array, Array]:
        """(Root of larger size, the other) where they are real; (real part, size) where they are complex."""
        half, gap = self.trace / 2, np.sqrt(np.abs(self.trace**2 / 4 - self.determinant))
        big = half + np.where(half < 0, -gap, gap)
        small = np.where(big == 0, 0.0, self.determinant / np.where(big == 0, 1.0, big))
        size = np.sqrt(np.abs(self.determinant))
        return np.where(self.swings, half, big), np.where(self.swings, size, small)

    def at(self, times: Array) -> Array:
        """Give w_t for w_0 = 1 at the times, which broadcast against the directions.

        With roots r1, r2 and S_k = (r1^k - r2^k)/(r1 - r2):  w_{1+k} = r1^k w_1 + (w_2 - r1 w_1) S_k. S_k is a
        sum of products of the roots and smooth where they meet, which is how it is computed.
        """
        with np.errstate(all="ignore"):
            k = np.maximum(times - 1.0, 0.0)
            one, other = self.roots
            gap = np.sqrt(np.abs(self.trace**2 / 4 - self.determinant))
            # Complex: r = size e^{i angle}, or -size e^{-i angle} where the real part is negative: the angle stays small
            # and its sine keeps its digits where both roots meet at -size.
            angle = np.arctan2(gap, np.abs(self.trace) / 2)
            turns = np.where((self.trace < 0) & (k % 2 == 1), -1.0, 1.0)
            wave = np.where(angle > 0, np.sin(k * angle) / np.sin(angle), k) * np.where(self.trace < 0, -turns, turns)
            swinging = _power(other, k) * turns * np.cos(k * angle) * self.first
            swinging = swinging + (self.second - one * self.first) * np.where(k == 0, 0, _power(other, k - 1) * wave)
            # Real: ratio q of the smaller root to the larger, apart = 1 - q.
            q = np.where(one == 0, 0.0, other / np.where(one == 0, 1.0, one))
            apart = np.where(one == 0, 1.0, 2 * gap / np.where(one == 0, 1.0, np.abs(one)))
            near = np.where(apart == 0, k, -np.expm1(k * np.log1p(-np.minimum(apart, 0.9))) / apart)
            far = (1 - _power(q, k)) / (1 - q)
            chain = np.where(k == 0, 0.0, _power(one, k - 1) * np.where(q > 0.5, near, far))
            real = _power(one, k) * self.first + (self.second - one * self.first) * chain
            return np.where(times == 0, 1.0, np.where(self.swings, swinging, real))


def path(rule: str, lr: ArrayLike, sharpness: ArrayLike, **hyper: ArrayLike) -> Path:
    """Give the path of each direction from weight 1 and an empty buffer, torch's undamped first buffer included."""
    matrix = transition(rule, lr, sharpness, **hyper)
    arguments = [np.asarray(value, dtype=np.float64) for value in (lr, sharpness, *hyper.values())]
    rate, curvature, *others = np.broadcast_arrays(*arguments)
    named = dict(zip(hyper, others, strict=True))
    if rule == "newton":
        named["curvature"] = curvature
    begin = {**named, "dampening": np.zeros_like(rate)} if "dampening" in named else named
    step, one = _step(rule), np.ones_like(rate)
    with np.errstate(all="ignore"):
        w1, buf = step(one, 0 * one, curvature * one, rate, **begin)
        w2, _ = step(w1, buf, curvature * w1, rate, **named)
        trace = matrix[..., 0, 0] + matrix[..., 1, 1]
        determinant = matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
    return Path(np.asarray(w1), np.asarray(w2), trace, determinant)


def iterates(
    rule: str,
    lr: ArrayLike,
    sharpness: ArrayLike,
    times: ArrayLike,
    *,
    start: ArrayLike = 1.0,
    **hyper: ArrayLike,
) -> Any:
    """The weight along each direction after any number of steps, without taking them.

        w_{1+k} = r1^k w_1 + (w_2 - r1 w_1) (r1^k - r2^k)/(r1 - r2),   r1, r2 the eigenvalues of one update

    From weight `start` and an empty buffer; torch's undamped first buffer is included. For gradient descent this is
    start (1 - lr l)^t.

    Args:
        rule: one of `RULES`; an adaptive one with its diagonal held still and its bias correction over.
        lr: the learning rate, a number or an array.
        sharpness: curvature l of each direction, any sign; a number or a spectrum `(n,)`.
        times: numbers of steps, integers at least 0: one, or an array `(T,)`.
        start: weight before the first step, which broadcasts against the directions.
        **hyper: that rule's own hyper-parameters, under the names they have in `limits`.

    Returns:
        Weights, in the shape of `times` followed by that of the directions.

    Raises:
        UnknownNameError: a rule that is not here.
        ValueError: times that are negative or no integers.

    Source:
        Derived here: Cayley and Hamilton, with torch's first step taken apart; the roots are in Goh 2017, "Why momentum
        really works", Distill, section "Dynamics of momentum".

    >>> iterates("gradient_descent", 0.5, [1.0, 0.0], [0, 1, 2])
    array([[1.  , 1.  ],
           [0.5 , 1.  ],
           [0.25, 1.  ]])
    >>> round(iterates("heavy_ball", 0.01, 1.0, 24, momentum=0.9), 3) < 0 < iterates("heavy_ball", 0.01, 1.0, 10, momentum=0.9)
    True
    """
    t = np.asarray(times, dtype=np.float64)
    if not np.all((t >= 0) & (t == np.floor(t))):
        raise ValueError(f"Got times={times!r}; need whole numbers of steps, at least 0.")
    found = path(rule, lr, sharpness, **hyper)
    shaped = t.reshape(t.shape + (1,) * np.ndim(found.trace))
    result = found.at(shaped) * np.asarray(start, dtype=np.float64)
    return float(result) if np.ndim(result) == 0 else result


def _power(base: Array, exponent: Array) -> Array:
    # Whole exponents held as floats; NumPy's power takes a negative base to those exactly.
    return np.power(base, np.maximum(exponent, 0.0))
