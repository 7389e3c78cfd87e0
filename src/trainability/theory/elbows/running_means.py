"""Averages of corners: they do not settle, however many units are averaged."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

from trainability.theory.elbows.laws import Law, Normal, Uniform
from trainability.theory.elbows.position import Elbow


def running_means(
    n: int,
    *,
    paths: int = 1,
    seed: int,
    weight: Normal | Uniform = Normal(1.0),  # noqa: B008
    bias: Law = Normal(1.0),  # noqa: B008
) -> NDArray[np.float64]:
    """The mean of the first 1, 2, .., n corners -b/w, on several independent paths.

        mean_m = (C_1 + .. + C_m)/m

    For normal weights and biases mean_m is Cauchy with the scale of one corner, at every m: a path wanders for ever, and the
    mean of a million corners is as far from 0 as one corner. `running_mean_scale` has the scale.

    Args:
        n: length of a path, 1 or more.
        paths: how many, 1 or more.
        seed: of the draws.
        weight: Normal or Uniform.
        bias: Normal, Uniform or Constant.

    Returns:
        (paths, n).

    Raises:
        ValueError: a number below 1, or a weight that is not random.

    Source:
        characteristic function exp(-|t|) of the Cauchy law.

    >>> running_means(1000, paths=3, seed=0).shape
    (3, 1000)
    """
    Elbow(weight, bias)  # refuses a weight that is not random
    if n < 1 or paths < 1:
        raise ValueError(f"Got n={n}, paths={paths}; need both to be 1 or more.")
    rng = np.random.default_rng(seed)
    corners = -bias.draw((paths, n), rng) / weight.draw((paths, n), rng)
    return np.asarray(np.cumsum(corners, axis=1) / np.arange(1, n + 1))


def running_mean_scale(weight: Normal | Uniform, bias: Law) -> float:
    """The scale of the Cauchy law that the mean of many corners has.

        pi k, with density ~ k/c² in the tail of one corner

    Exact for every number of corners where weight and bias are normal (then it is std of bias / std of weight); in the
    limit of many for the other laws. Half of the means are farther from 0 than the scale.

    Args:
        weight: Normal or Uniform.
        bias: Normal, Uniform or Constant.

    Returns:
        The scale; 0 for a bias of 0.

    Raises:
        ValueError: a weight that is not random.

    Source:
        the limit is the stable law of index 1; Feller 1971, An Introduction to Probability Theory II, Chapter XVII.

    >>> running_mean_scale(Normal(2.0), Normal(1.0)), round(running_mean_scale(Uniform(1.0), Uniform(1.0)), 6)
    (0.5, 0.785398)
    """
    return pi * Elbow(weight, bias).tail
