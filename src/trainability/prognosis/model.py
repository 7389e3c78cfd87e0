"""The stored probability: small boosted trees, fitted on random setups and read from a file by a few lines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

MARGIN = 0.1
"""How far past the range met in fitting, as a share of its width, a number may lie and still count as met."""
DECIMALS = 4
"""Numbers are rounded to so many places, in fitting too, so that no threshold lies within a rounding error of one."""


@dataclass(frozen=True)
class Probability:
    """A probability with what it rests on.

    Args:
        value: that a run trains within its budget.
        low, high: the 5% and 95% quantiles over members fitted on families drawn with replacement.
        outside: (name, value, lowest met, highest met) of numbers outside what the members were fitted on.
        reasons: (name, value, effect on the log-odds), the largest first: what the log-odds lose when the number is
            replaced by its median over the population.
    """

    value: float
    low: float
    high: float
    outside: tuple[tuple[str, float, float, float], ...] = ()
    reasons: tuple[tuple[str, float, float], ...] = ()


@cache
def stored() -> dict[str, Any]:
    """The file of coefficients."""
    return json.loads(resources.files("trainability.prognosis").joinpath("coefficients.json").read_text())


def probability(which: str, numbers: Mapping[str, float]) -> Probability:
    """The calibrated probability that a setup with these numbers trains within its budget.

        p = 1 / (1 + exp(-(a + b mean_m f_m(x)))),   f_m(x) = sum of the leaves that x falls into

    Args:
        which: "before" for numbers from before training, "after" for those and the ones of the first steps.
        numbers: name -> number, nan where it is not known; more than are needed do not matter.

    Returns:
        Probability.
    """
    return of(stored()[which], numbers)


def of(model: Mapping[str, Any], numbers: Mapping[str, float]) -> Probability:
    """The same with coefficients at hand."""
    names, a, b = model["features"], model["shift"], model["scale"]
    x = [round(float(numbers.get(name, math.nan)), DECIMALS) for name in names]
    scores = sorted(a + b * score(member, x) for member in model["members"])
    middle = sum(scores) / len(scores)
    outside = []
    for name, value, (low, high) in zip(names, x, model["ranges"], strict=True):
        room = MARGIN * (high - low)
        if value == value and not low - room <= value <= high + room:
            outside.append((name, value, low, high))
    return Probability(
        value=_squash(middle),
        low=_squash(_quantile(scores, 0.05)),
        high=_squash(_quantile(scores, 0.95)),
        outside=tuple(outside),
        reasons=_reasons(model, names, x, middle),
    )


def score(member: Any, x: list[float]) -> float:
    """One member's log-odds: its first number plus one leaf of each tree.

    A tree is a number (a leaf) or [feature, threshold, where nan goes, left, right]; left is taken up to the threshold.

    Example:
        >>> score([0.5, [[0, 1.0, 1, -2.0, 3.0]]], [2.0]), score([0.5, [[0, 1.0, 1, -2.0, 3.0]]], [math.nan])
        (3.5, -1.5)
    """
    total = float(member[0])
    for tree in member[1]:
        node = tree
        while isinstance(node, list):
            feature, threshold, nan_left, left, right = node
            value = x[feature]
            node = left if (nan_left if value != value else value <= threshold) else right
        total += node
    return total


def _reasons(model: Mapping[str, Any], names: list[str], x: list[float], middle: float) -> tuple[Any, ...]:
    found = []
    for i, median in enumerate(model["medians"]):
        if x[i] == median or (x[i] != x[i] and median is None):
            continue
        other = [*x[:i], math.nan if median is None else median, *x[i + 1 :]]
        scores = [model["shift"] + model["scale"] * score(member, other) for member in model["members"]]
        found.append((names[i], x[i], middle - sum(scores) / len(scores)))
    return tuple(sorted(found, key=lambda f: -abs(f[2]))[:6])


def _quantile(ordered: list[float], q: float) -> float:
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _squash(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0
