"""Update rules run step by step on one weight: on the population gradient, or on fresh batches, many runs at once.

A batch enters the gradient of one weight through two numbers only, mean(x² 1{x < 0}) and mean(x² 1{x > 0}). They are
drawn exactly (a binomial count and two chi-squares), so that a run of 2000 batches of 1000 takes no two million normals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trainability.errors import UnknownNameError
from trainability.theory.one_relu._convention import check_lr, check_start, factor

RULES = ("sgd", "momentum", "adam", "amsgrad")


@dataclass(frozen=True, eq=False)
class Path:
    """A run on the population gradient.

    Args:
        weights: (steps + 1,), from the start on.
        crossed: the first step after which the weight is above 0; None if there is none.
    """

    weights: NDArray[np.float64]
    crossed: int | None

    @property
    def end(self) -> float:
        """The last weight."""
        return float(self.weights[-1])


@dataclass(frozen=True, eq=False)
class Paths:
    """Runs on batches.

    Args:
        weights: (steps + 1, runs), from the start on.
        crossed: (runs,), the first step after which the weight is above 0; -1 if there is none.
    """

    weights: NDArray[np.float64]
    crossed: NDArray[np.int64]

    @property
    def ends(self) -> NDArray[np.float64]:
        """The last weight of each run."""
        return np.asarray(self.weights[-1])


def simulate(
    rule: str,
    start: float,
    *,
    lr: float,
    steps: int,
    momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    slope: float = 0.0,
    convention: str = "half",
) -> Path:
    """Run an update rule on the population gradient of one weight, without noise.

    The gradient is f/2 times  (1 + slope²) w - slope  for w < 0  and  (1 + slope²) w - 1  for w > 0; f = 1 for "half", 2
    for "mse".

    Args:
        rule: "sgd", "momentum", "adam" or "amsgrad", as in torch; Keras differs in where eps stands.
        start: the first weight, < 0.
        lr: learning rate, > 0.
        steps: updates to make, >= 0.
        momentum: for "momentum", in [0, 1).
        betas, eps: for "adam" and "amsgrad", betas in [0, 1).
        slope: of a leaky student below 0; the target stays relu(x).
        convention: "half" or "mse".

    Returns:
        Path.

    Raises:
        ValueError: a number out of range; a start of 0, where the gradient depends on the direction of approach.
        UnknownNameError: another rule or convention.

    Source: documentation of torch.optim.SGD and Adam; gradient derived here, see `loss_surface.gradient`.

    >>> simulate("adam", -1.0, lr=0.01, steps=2000, convention="mse").crossed
    353
    """
    numbers = _numbers(rule, start, lr, steps, momentum, betas, eps, slope, convention)
    halves = np.full((steps, 1), 0.5)
    weights = _run(RULES.index(rule), start, numbers, halves, halves)
    crossed = _crossed(weights)[0]
    return Path(weights[:, 0], int(crossed) if crossed >= 0 else None)


def simulate_batches(
    rule: str,
    start: float,
    *,
    lr: float,
    steps: int,
    batch: int,
    runs: int,
    seed: int,
    momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    slope: float = 0.0,
    convention: str = "half",
) -> Paths:
    """Run an update rule on a fresh batch of x ~ N(0, 1) at every step, from one start, many times.

    The gradient is f times  w S₋ + slope (slope w - 1) S₊  for w < 0  and  (w - 1) S₊ + slope² w S₋  for w > 0, with
    S₋ = mean(x² 1{x < 0}), S₊ = mean(x² 1{x > 0}):  n S₋ ~ χ²_k, n S₊ ~ χ²_(n - k), k ~ Binomial(n, 1/2).

    Args:
        rule, start, lr, steps, momentum, betas, eps, slope, convention: as in `simulate`.
        batch: n, >= 1.
        runs: how many, >= 1.
        seed: of the batches. Calls with one seed, batch, number of runs and steps see the same batches.

    Returns:
        Paths.

    Raises:
        ValueError, UnknownNameError: as in `simulate`; batch or runs below 1.

    Source: derived here; the tests hold it against autograd on drawn batches.

    >>> made = simulate_batches("momentum", -10.0, lr=0.01, steps=50, batch=1000, runs=20, seed=0, convention="mse")
    >>> int((made.crossed > 0).sum()), int(np.median(made.crossed))
    (20, 24)
    """
    numbers = _numbers(rule, start, lr, steps, momentum, betas, eps, slope, convention)
    if batch < 1 or runs < 1:
        raise ValueError(f"Got batch={batch}, runs={runs}; need both to be 1 or more.")
    below, above = batch_moments(batch, (steps, runs), np.random.default_rng(seed))
    weights = _run(RULES.index(rule), start, numbers, below, above)
    return Paths(weights, _crossed(weights))


def batch_moments(
    batch: int, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw (mean(x² 1{x < 0}), mean(x² 1{x > 0})) of batches of x ~ N(0, 1), exactly in distribution.

    Args:
        batch: n, >= 1.
        shape: of the two arrays.
        rng: where chance comes from.

    Returns:
        Two arrays of that shape; each has mean 1/2 and variance 5/(4 n).

    Raises:
        ValueError: batch below 1.

    Source: the signs and the sizes of normals are independent.

    >>> below, above = batch_moments(1000, (5,), np.random.default_rng(0))
    >>> bool((abs(below + above - 1) < 0.3).all())
    True
    """
    if batch < 1:
        raise ValueError(f"Got batch={batch}; need 1 or more.")
    k = rng.binomial(batch, 0.5, shape)
    # χ²_0 is 0, which the gamma distribution with shape 0 gives.
    return 2 * rng.standard_gamma(k / 2) / batch, 2 * rng.standard_gamma((batch - k) / 2) / batch


def _numbers(
    rule: str,
    start: float,
    lr: float,
    steps: int,
    momentum: float,
    betas: tuple[float, float],
    eps: float,
    slope: float,
    convention: str,
) -> NDArray[np.float64]:
    """Check everything; the numbers of a rule as the compiled loop takes them."""
    if rule not in RULES:
        raise UnknownNameError("update rule", rule, list(RULES))
    check_lr(lr)
    check_start(start)
    if steps < 0:
        raise ValueError(f"Got steps={steps}; need 0 or more.")
    if not all(0 <= value < 1 for value in (momentum, *betas)):
        raise ValueError(f"Got momentum={momentum}, betas={betas}; need all of them in [0, 1), such as 0.9.")
    if not (math.isfinite(slope) and math.isfinite(eps) and eps >= 0):
        raise ValueError(f"Got slope={slope}, eps={eps}; need a finite slope and a finite eps >= 0.")
    return np.array([lr, momentum, *betas, eps, slope, factor(convention)])


def _crossed(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    above = weights > 0
    return np.where(above.any(0), above.argmax(0), -1)


@njit(cache=True)
def _run(rule, start, numbers, below, above):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    lr, momentum, beta1, beta2, eps, slope, f = numbers
    steps, runs = below.shape
    weights = np.empty((steps + 1, runs))
    for r in range(runs):
        w = start
        weights[0, r] = w
        v = m = s = largest = 0.0
        for t in range(steps):
            if w < 0:
                grad = f * (w * below[t, r] + slope * (slope * w - 1.0) * above[t, r])
            elif w > 0:
                grad = f * ((w - 1.0) * above[t, r] + slope * slope * w * below[t, r])
            else:  # at exactly 0 the unit is off, as autograd has it; a leaky one is on its lower branch
                grad = -f * slope * above[t, r]
            if rule == 0:
                w -= lr * grad
            elif rule == 1:
                v = momentum * v + grad
                w -= lr * v
            else:
                m = beta1 * m + (1 - beta1) * grad
                s = beta2 * s + (1 - beta2) * grad * grad
                largest = max(largest, s) if rule == 3 else s
                size = math.sqrt(largest / (1 - beta2 ** (t + 1))) + eps
                step = m / (1 - beta1 ** (t + 1))
                w -= lr * step / size if size > 0 else 0.0
            weights[t + 1, r] = w
    return weights
