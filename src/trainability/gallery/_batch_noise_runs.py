"""Runs of descent on batches of a least-squares problem, many members at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from trainability.gallery._batch_noise_theory import LeastSquares
from trainability.optimizers import Rule

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

REPLACED, FRESH, SHUFFLED = "with replacement", "without replacement", "shuffled epochs"
"""How rows are drawn: each by itself; a batch without replacement from all n; an epoch is one shuffle, cut in batches."""


def batches(scheme: str, n: int, m: int, members: int, steps: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Rows of the data for each step and member.

    Args:
        scheme: one of the three.
        n: rows; m: batch size, which divides n for shuffled epochs.
        members: E; steps: how many.
        rng: draws.

    Yields:
        `(E, m)`.
    """
    every = np.tile(np.arange(n), (members, 1))
    for t in range(steps):
        if m == n and scheme != REPLACED:
            yield every
        elif scheme == REPLACED:
            yield rng.integers(0, n, (members, m))
        elif scheme == FRESH:
            yield np.argpartition(rng.random((members, n)), m - 1, axis=1)[:, :m]
        else:
            if t % (n // m) == 0:
                order = rng.permuted(every, axis=1)
            at = t % (n // m) * m
            yield order[:, at : at + m]


def descend(
    problem: LeastSquares, rule: Rule, m: int, scheme: str, members: int, steps: int, seed: list[int], start: Array
) -> Iterator[Array]:
    """Take steps with the package's update rule and give the parameters after each.

    Args:
        problem: data.
        rule: with numbers, or one value per member.
        m: batch size.
        scheme: how rows are drawn.
        members: E.
        steps: how many.
        seed: of the draws.
        start: `(d,)` or `(E, d)`.

    Yields:
        w `(E, d)`, a view that the next step changes.
    """
    X, y = torch.from_numpy(problem.X), torch.from_numpy(problem.y)
    w = torch.from_numpy(np.broadcast_to(start, (members, X.shape[1])).copy())
    params = {"w": w}
    state = rule.init(params)
    for chosen in batches(scheme, len(X), m, members, steps, np.random.default_rng(seed)):
        rows = torch.from_numpy(np.ascontiguousarray(chosen))
        x = X[rows]
        error = (x @ params["w"][:, :, None])[:, :, 0] - y[rows]
        gradient = (x.mT @ error[:, :, None])[:, :, 0] / rows.shape[1]
        rule.step_(params, {"w": gradient}, state)
        yield params["w"].numpy()


def excess(problem: LeastSquares, w: Array) -> Array:
    """The loss above that of the solution, of each member `(E,)`."""
    e = w - problem.solution
    return np.asarray(np.einsum("ei,ij,ej->e", e, problem.H, e) / 2)
