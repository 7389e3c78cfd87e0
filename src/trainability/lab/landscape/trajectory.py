"""The weights along one training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainability.lab.landscape._weights import Floats, weights_of
from trainability.setup import Setup


def trajectory(
    setup: Setup, *, seed: int | None = None, steps: int | None = None, points: int | Sequence[int] = 50
) -> Floats:
    """Train a private copy of a Setup and note its weights on the way.

    Args:
        setup: stays as it is.
        seed: of weights and data order; None for the weights it was built with.
        steps: optimizer steps; None for the whole budget.
        points: how many, evenly spaced from before the first step to after the last; or the step numbers themselves.

    Returns:
        (T, P), a row per step that was noted; rows after a loss that was lost for good are missing.

    Raises:
        ValueError: fewer than two points, or steps outside the run.
        SetupError: the Setup cannot be trained.

    Example:
        >>> from trainability.problems import get
        >>> trajectory(get("quadratic")(0), steps=10, points=[0, 5, 10]).shape
        (3, 4)
    """
    last = setup.steps if steps is None else steps
    if isinstance(points, int):
        if isinstance(points, bool) or points < 2:
            raise ValueError(f"points: given {points!r}, needed a whole number from 2, or step numbers.")
        at = np.unique(np.linspace(0, last, points).round().astype(int)).tolist()
    else:
        at = sorted({int(s) for s in points})
        if not at or at[0] < 0 or at[-1] > last:
            raise ValueError(f"points: given {list(points)}, needed step numbers from 0 to {last}.")
    own = setup.clone()
    found: list[Floats] = []

    def note() -> None:
        found.append(weights_of(own.model).copy())

    own.train(seed=seed, steps=last, observe=dict.fromkeys(at, note))
    return np.stack(found)
