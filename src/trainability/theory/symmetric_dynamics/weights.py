"""The students of a point of the plane, as weights."""

from __future__ import annotations

import numpy as np

from trainability.theory.symmetric_dynamics._plane import Floats, check_k


def weights(x: float, y: float, K: int) -> Floats:
    """The students' weights in the teacher's basis.

        W = x I + y (11' - I)

    Args:
        x: own direction.
        y: every other direction.
        K: number of students and teachers, 2 or more.

    Returns:
        (K, K), row j for student j.

    Raises:
        ValueError: K below 2, or a number that is not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Section 6.2.

    >>> weights(1.0, 0.5, 2).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    check_k(K)
    if not (np.isfinite(x) and np.isfinite(y)):
        raise ValueError(f"Got x={x}, y={y}; need finite numbers, such as (1, 0) for the teacher itself.")
    K = int(K)
    return np.full((K, K), float(y)) + (float(x) - float(y)) * np.eye(K)
