"""The probability of being born dead: exact for one input, between two bounds for many."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, expm1, floor, inf, log, log1p

from trainability.theory.finite_width.moments import dead_probability


def one_point(widths: Sequence[int]) -> float:
    """The probability that some hidden layer is 0 at one given input other than 0, without biases.

        P = 1 - prod_{l<L} (1 - 2^(-N_l))

    Exact for independent weights that are symmetric about 0 and have a density, whatever their scale. An upper bound of
    the probability of being born dead on any data that holds such an input.

    Args:
        widths: N_1..N_{L-1}, of the hidden layers, each 1 or more.

    Returns:
        The probability.

    Raises:
        ValueError: no widths, or one below 1.

    Source:
        Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733.

    >>> [round(one_point([n] * 9), 4) for n in (2, 3, 5, 10)]
    [0.9249, 0.6993, 0.2485, 0.0088]
    """
    return dead_probability(widths)


def bounds(widths: Sequence[int]) -> tuple[float, float]:
    """Two bounds of the probability of being born dead on any data, without biases.

        1 - prod_{l>=2} (1 - 2^(-N_l N_{l-1}))  <=  P(dead)  <=  1 - prod_l (1 - 2^(-N_l))

    Below: a layer whose weights are all negative gives 0, as what comes in is not negative. Above: `one_point`.

    Args:
        widths: N_1..N_{L-1}, of the hidden layers, each 1 or more.

    Returns:
        (low, high).

    Raises:
        ValueError: no widths, or one below 1.

    Source:
        above: Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733; below: derived here.

    >>> [round(p, 4) for p in bounds([2, 2])]
    [0.0625, 0.4375]
    """
    high = one_point(widths)
    pairs = [n * m for n, m in zip(widths[1:], widths[:-1], strict=True)]
    return (dead_probability(pairs) if pairs else 0.0), high


def largest_depth(width: int, share: float) -> float:
    """The largest depth L for which at most a given share of nets can be born dead, by the bound of one input.

        L = 1 + floor( log(1 - share) / log(1 - 2^(-N)) )  ~  share 2^N

    A deeper net may still be safe: the bound is reached only where one input decides.

    Args:
        width: N of each of the L - 1 hidden layers, 1 or more.
        share: of nets born dead that is allowed, in (0, 1).

    Returns:
        L, 1 or more (1: not even one hidden layer); inf where it does not fit a float.

    Raises:
        ValueError: a width or share out of range.

    Source:
        `one_point`, solved for the depth.

    >>> largest_depth(10, 0.01), largest_depth(2, 0.01)
    (11, 1)
    """
    _check_share(share)
    if width < 1:
        raise ValueError(f"Got width={width}; need 1 or more.")
    each = 2.0**-width if width < 1075 else 0.0
    if each in (0.0, 1.0):
        return inf
    return 1 + floor(log1p(-share) / log1p(-each))


def smallest_width(depth: int, share: float) -> int:
    """The smallest hidden width for which at most a given share of nets of a depth can be born dead.

        N = ceil( -log2( 1 - (1 - share)^(1/(L - 1)) ) )  ~  log2( (L - 1)/share )

    The width has to grow with the logarithm of the depth only.

    Args:
        depth: L, layers with weights, 2 or more: L - 1 hidden layers and the output.
        share: of nets born dead that is allowed, in (0, 1).

    Returns:
        N.

    Raises:
        ValueError: a depth or share out of range.

    Source:
        `one_point`, solved for the width.

    >>> smallest_width(10, 0.01), smallest_width(1000, 0.01)
    (10, 17)
    """
    _check_share(share)
    if depth < 2:
        raise ValueError(f"Got depth={depth}; need 2 or more: one hidden layer and the output.")
    return max(1, ceil(-log(-expm1(log1p(-share) / (depth - 1))) / log(2) - 1e-12))


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"Got share={share}; need 0 < share < 1, such as 0.01.")
