"""The Hessian's spectrum at the global minimum, exactly, for as many students as orthonormal teachers."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from trainability.theory.teacher_student.checks import whole

Array = NDArray[np.float64]


def minimum_levels(k: int) -> list[tuple[float, int]]:
    """The eigenvalues of the Hessian at W = V with V orthonormal, k = d, with their multiplicities.

    With p = 1/(2 pi):

        1/4 - p                                      k (k - 1)/2 times
        1/4 + p                                      k (k - 3)/2 times
        roots of x^2 - (k + 2)/4 x + (k + 1)/16 + p/2 - p^2                                        k - 1 times each
        roots of x^2 - ((k + 2)/4 + k p) x + (1/2 + (k - 1) p)(k/4 + p) - (k - 1)/16               once each

    For k = 2 the second count is -1: one root of the third line is 1/4 + p and drops out. For k = 1 only 1/2 is left.

    Args:
        k: number of students, of teachers and of inputs, 1 or more.

    Returns:
        (eigenvalue, multiplicity), ascending in the eigenvalue; multiplicities sum to k^2.

    Raises:
        ValueError: for a k that is not a whole number of 1 or more.

    Source:
        Derived here: the Hessian commutes with permuting the neurons and the inputs together, so it splits into the
        symmetric (two-dimensional), standard (three copies), and two further irreducible parts of k x k arrays. That
        is the method of Arjevani and Field 2020, arXiv 2003.10576.

    >>> [(round(x, 6), n) for x, n in minimum_levels(6)]
    [(0.090845, 15), (0.287081, 5), (0.409155, 9), (0.889663, 1), (1.712919, 5), (2.065267, 1)]
    """
    k = whole("k", k, 1, "Give the number of neurons.")
    if k == 1:
        return [(0.5, 1)]
    p = 1.0 / (2.0 * pi)
    standard = _roots((k + 2) / 4, (k + 1) / 16 + p / 2 - p * p)
    symmetric = _roots((k + 2) / 4 + k * p, (1 / 2 + (k - 1) * p) * (k / 4 + p) - (k - 1) / 16)
    levels = [(1 / 4 - p, k * (k - 1) // 2), (1 / 4 + p, k * (k - 3) // 2)]
    levels += [(x, k - 1) for x in standard] + [(x, 1) for x in symmetric]
    if k == 2:
        drops = min(standard, key=lambda x: abs(x - 1 / 4 - p))
        levels = [(x, n) for x, n in levels if x != drops]
    return sorted((x, n) for x, n in levels if n > 0)


def minimum_spectrum(k: int) -> Array:
    """All k^2 eigenvalues of the Hessian at W = V with V orthonormal, k = d, ascending.

    Args:
        k: number of students, of teachers and of inputs, 1 or more.

    Returns:
        Eigenvalues, shape (k^2,), each as often as it occurs.

    Raises:
        ValueError: for a k that is not a whole number of 1 or more.

    Source:
        `minimum_levels`, which has the formulas.

    >>> minimum_spectrum(2).round(4).tolist()
    [0.0908, 0.4092, 0.5908, 0.9092]
    """
    values, counts = zip(*minimum_levels(k), strict=True)
    return np.repeat(np.array(values), counts)


def minimum_stable_lr(k: int) -> float:
    """The learning rate above which gradient descent leaves the global minimum, V orthonormal, k = d.

        lr < 2 / lam_max;   lam_max is the larger of the once-only roots, k/4 + O(1)

    Args:
        k: number of students, of teachers and of inputs, 1 or more.

    Returns:
        2 / lam_max. At a larger lr no minimum that computes the teacher attracts.

    Raises:
        ValueError: for a k that is not a whole number of 1 or more.

    Source:
        `minimum_levels`; `trainability.theory.stability.gradient_descent`.

    >>> round(minimum_stable_lr(10), 6)
    0.639147
    """
    return 2.0 / minimum_levels(k)[-1][0]


def _roots(total: float, product: float) -> tuple[float, float]:
    """Both roots of x^2 - total x + product, real, without cancellation."""
    large = (total + sqrt(total * total - 4.0 * product)) / 2.0
    return product / large, large
