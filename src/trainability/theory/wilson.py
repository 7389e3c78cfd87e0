"""How sure a share is: the Wilson interval of a count of successes."""

from __future__ import annotations

from math import sqrt

from scipy.special import ndtri


def interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share: the true shares that a score test does not reject.

    With p = successes / n and z the standard normal quantile at (1 + confidence) / 2:

        (p + z²/(2n) ± z sqrt(p (1 - p)/n + z²/(4n²))) / (1 + z²/n)

    Args:
        successes: number of successes, 0 to n.
        n: number of tries, 0 or more. With no tries nothing is known: (0, 1).
        confidence: coverage asked for, strictly between 0 and 1.

    Returns:
        (low, high), both in [0, 1]. Coverage is close to `confidence` on average over p, not exactly it.

    Raises:
        ValueError: for a count outside 0..n or a confidence outside (0, 1).

    Source:
        Wilson 1927, J. Am. Stat. Assoc. 22, 209-212; Brown, Cai and DasGupta 2001, Statistical Science 16,
        101-133, Section 3.1.1.

    >>> low, high = interval(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if n < 0 or not 0 <= successes <= n:
        raise ValueError(f"Got {successes} successes of n={n}; need 0 <= successes <= n. Count them again.")
    if not 0 < confidence < 1:
        raise ValueError(f"Got confidence={confidence}; need 0 < confidence < 1, such as 0.95.")
    if n == 0:
        return 0.0, 1.0
    z = float(ndtri((1 + confidence) / 2))
    p = successes / n
    middle = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == n else (middle + half) / scale
    return low, high
