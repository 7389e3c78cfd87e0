"""The two critical points on the line of equal students, x = y, in closed form."""

from __future__ import annotations

import numpy as np

from trainability.theory.symmetric_dynamics._plane import check_k


def saddle(K: int) -> tuple[float, float]:
    """The saddle on the line of equal students.

        x = y = ( sqrt(K-1) - arccos(1/sqrt K) + pi ) / (pi K)

    Args:
        K: number of students and teachers, 2 or more.

    Returns:
        (x, y).

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 7.

    >>> round(saddle(5)[0], 10)
    0.256840678
    """
    check_k(K)
    x = (np.sqrt(K - 1) - np.arctan(np.sqrt(K - 1)) + np.pi) / (np.pi * K)
    return float(x), float(x)


def opposite_point(K: int) -> tuple[float, float]:
    """The critical point on the line of equal students beyond 0, where all weights point away from the teacher.

        x = y = -( sqrt(K-1) - arccos(1/sqrt K) ) / (pi K)

    Args:
        K: number of students and teachers, 2 or more.

    Returns:
        (x, y).

    Raises:
        ValueError: K below 2.

    Source:
        Derived here from the field of Theorem 7 of Tian 2017, arXiv 1703.00560; not in the paper.

    >>> round(opposite_point(2)[0], 8)
    -0.03415494
    """
    check_k(K)
    x = -(np.sqrt(K - 1) - np.arctan(np.sqrt(K - 1))) / (np.pi * K)
    return float(x), float(x)


def saddle_spectrum(K: int) -> tuple[tuple[float, int], ...]:
    """All K^2 eigenvalues of the full Hessian at the saddle, with how often each occurs.

        l = -K/(2 pi x_s sqrt(K-1)), (K-1)^2 times;   0, K-1 times;   K/2 + l, K-1 times;   K/2, once

    The zeros are the freedom to split the common weight among the students.

    Args:
        K: number of students and teachers, 2 or more.

    Returns:
        ((eigenvalue, multiplicity), ...), rising for the first.

    Raises:
        ValueError: K below 2.

    Source:
        Derived here at the saddle of Theorem 7 of Tian 2017, arXiv 1703.00560.

    >>> [(round(value, 5), times) for value, times in saddle_spectrum(2)]
    [(-0.59591, 1), (0.0, 1), (0.40409, 1), (1.0, 1)]
    """
    x, _ = saddle(K)
    low = -K / (2 * np.pi * x * np.sqrt(K - 1))
    return (float(low), (K - 1) ** 2), (0.0, K - 1), (float(K / 2 + low), K - 1), (K / 2, 1)
