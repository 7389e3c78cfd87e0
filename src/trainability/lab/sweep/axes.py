"""Axes and the points they make: a product, a zip or random draws."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

RUN, SEED = "run", "seed"


@dataclass(frozen=True)
class Draw:
    """A law that random values come from.

    Args:
        law: "uniform", "log_uniform", "integers" (both ends included) or "choice".
        of: (low, high), or the values to choose from.

    >>> Draw("choice", ("a", "b")).values(np.random.default_rng(0), 3)
    ['b', 'b', 'b']
    """

    law: str
    of: tuple[Any, ...]

    def values(self, rng: np.random.Generator, count: int) -> list[Any]:
        """Independent values."""
        low, high = self.of[0], self.of[-1]
        if self.law == "uniform":
            return rng.uniform(low, high, count).tolist()
        if self.law == "log_uniform":
            return np.clip(np.exp(rng.uniform(np.log(low), np.log(high), count)), low, high).tolist()
        if self.law == "integers":
            return rng.integers(low, high, count, endpoint=True).tolist()
        return [self.of[i] for i in rng.integers(0, len(self.of), count)]


@dataclass(frozen=True)
class Points:
    """The runs of a sweep on a grid of named dimensions, in row-major order.

    Args:
        dims: names of the dimensions: the axes of a product; "run", and "seed" where seeds repeat each, otherwise.
        shape: of the grid.
        along: axis -> (the dimension it lies along, its values there).

    >>> p = Points(("lr", "seed"), (2, 3), {"lr": (0, [0.1, 1.0]), "seed": (1, [0, 1, 2])})
    >>> len(p), p.at("lr", np.array([0, 5]))
    (6, [0.1, 1.0])
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    along: Mapping[str, tuple[int, Sequence[Any]]]

    def __len__(self) -> int:
        return prod(self.shape)

    def at(self, axis: str, runs: np.ndarray) -> list[Any]:
        """Values of an axis at runs, given as places (n,) in row-major order."""
        dim, values = self.along[axis]
        places = np.unravel_index(runs, self.shape)[dim]
        return [values[i] for i in places]

    def codes(self, axis: str, runs: np.ndarray) -> np.ndarray:
        """Which of the distinct values each run has: the same number for the same value."""
        dim, _ = self.along[axis]
        found: np.ndarray = self._codes[axis][np.unravel_index(runs, self.shape)[dim]]
        return found

    @cached_property
    def _codes(self) -> dict[str, np.ndarray]:
        found = {}
        for axis, (_, values) in self.along.items():
            places = {value: i for i, value in enumerate(dict.fromkeys(values))}
            found[axis] = np.array([places[value] for value in values])
        return found


def product(axes: Mapping[str, Sequence[Any]]) -> Points:
    """Every value of each axis with every value of the others.

    >>> product({"lr": [0.1, 1.0], "seed": [0, 1, 2]}).shape
    (2, 3)
    """
    return Points(
        tuple(axes), tuple(len(v) for v in axes.values()), {name: (i, v) for i, (name, v) in enumerate(axes.items())}
    )


def together(axes: Mapping[str, Sequence[Any]], seeds: Sequence[int] | None) -> Points:
    """The first values of all axes, then the second ones, ...; each with every seed.

    Args:
        axes: of one length.
        seeds: of the second dimension; None for none.

    >>> together({"lr": [0.1, 1.0], "width": [8, 16]}, [0, 1, 2]).shape
    (2, 3)
    """
    count = len(next(iter(axes.values())))
    along: dict[str, tuple[int, Sequence[Any]]] = {name: (0, values) for name, values in axes.items()}
    if seeds is None:
        return Points((RUN,), (count,), along)
    return Points((RUN, SEED), (count, len(seeds)), {**along, SEED: (1, list(seeds))})


def drawn(axes: Mapping[str, Draw], runs: int, draw_seed: int) -> dict[str, list[Any]]:
    """Random values of each axis, which do not depend on what other axes there are.

    >>> drawn({"lr": Draw("uniform", (0.0, 1.0))}, 2, 0) == drawn({"lr": Draw("uniform", (0.0, 1.0))}, 2, 0)
    True
    """
    return {
        name: law.values(np.random.default_rng([draw_seed, zlib.crc32(name.encode())]), runs)
        for name, law in axes.items()
    }
