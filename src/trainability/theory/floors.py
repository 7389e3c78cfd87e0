"""Losses that no training can go below, or that mean nothing has been learned."""

from __future__ import annotations

from math import e, exp, isnan, log, log1p


def uniform_cross_entropy(n_classes: int) -> float:
    """The cross-entropy of the answer "every class is equally likely".

        ln C

    A classifier at this loss has learned nothing about its inputs, and on unbalanced classes not even their
    shares.

    Args:
        n_classes: number of classes C, 2 or more.

    Returns:
        The loss in nats.

    Raises:
        ValueError: for fewer than 2 classes.

    Source:
        Definition of cross-entropy with p = 1/C.

    >>> round(uniform_cross_entropy(10), 4)
    2.3026
    """
    _check_classes(n_classes)
    return log(n_classes)


def double_softmax_floor(n_classes: int) -> float:
    """The least cross-entropy within reach when the "logits" are already softmax probabilities.

        min over p in the simplex of  -p_y + ln sum_j exp(p_j)  =  ln(1 + (C - 1)/e)

    reached at p = one-hot at the label. `CrossEntropyLoss` applies its own softmax, so a network that ends
    with a softmax stops here with every answer right.

    Args:
        n_classes: number of classes C, 2 or more.

    Returns:
        The floor in nats.

    Raises:
        ValueError: for fewer than 2 classes.

    Source:
        Derived here: for a given p_y the sum is least when the others are equal (Jensen), which leaves
        ln(1 + (C - 1) exp((1 - p_y)/(C - 1) - p_y)), and that falls with p_y up to p_y = 1.

    >>> round(double_softmax_floor(10), 4)
    1.4612
    """
    _check_classes(n_classes)
    return log(1 + (n_classes - 1) / e)


def double_sigmoid_floor(target_mean: float) -> float:
    """The least binary cross-entropy within reach when the "logit" is already a sigmoid output.

        p ln(1 + 1/e) + (1 - p) ln 2

    A logit held in [0, 1] is best at 1 for a target 1, loss ln(1 + 1/e) = 0.3133, and at 0 for a target 0,
    loss ln 2 = 0.6931.

    Args:
        target_mean: share p of targets that are 1, in [0, 1]; targets are 0 or 1.

    Returns:
        The floor in nats.

    Raises:
        ValueError: for a target_mean outside [0, 1].

    Source:
        Derived here, sample by sample; the test minimises it numerically.

    >>> round(double_sigmoid_floor(0.5), 4)
    0.5032
    """
    _check_share(target_mean)
    return target_mean * log(1 + 1 / e) + (1 - target_mean) * log(2)


def bounded_softmax_floor(n_classes: int, low: float, high: float) -> float:
    """The least cross-entropy over C classes within reach when every logit lies between two numbers.

        ln(1 + (C - 1) exp(low - high))

    reached with the label's logit at the upper end and all others at the lower one. Over sigmoid outputs, in [0, 1],
    it is that of a double softmax; over tanh outputs, in [-1, 1], and ten classes 0.797.

    Args:
        n_classes: number of classes C, 2 or more.
        low, high: the ends of the logits' range, low < high.

    Returns:
        The floor in nats.

    Raises:
        ValueError: for fewer than 2 classes, or low not below high.

    Source:
        Derived here: the loss falls with the label's logit and rises with every other.

    >>> round(bounded_softmax_floor(10, -1, 1), 4)
    0.7966
    """
    _check_classes(n_classes)
    _check_range(low, high)
    return log1p((n_classes - 1) * exp(low - high))


def bounded_sigmoid_floor(target_mean: float, low: float, high: float) -> float:
    """The least binary cross-entropy within reach when the logit lies between two numbers.

        p ln(1 + exp(-high)) + (1 - p) ln(1 + exp(low))

    A ReLU's logit, from 0 to infinity, leaves (1 - p) ln 2: no probability is under one half.

    Args:
        target_mean: share p of targets that are 1, in [0, 1]; targets are 0 or 1.
        low, high: the ends of the logit's range, low < high; either may be infinite.

    Returns:
        The floor in nats.

    Raises:
        ValueError: for a target_mean outside [0, 1], or low not below high.

    Source:
        Derived here, sample by sample; at (0, 1) it is `double_sigmoid_floor`.

    >>> round(bounded_sigmoid_floor(0.5, 0, float("inf")), 4)
    0.3466
    """
    _check_share(target_mean)
    _check_range(low, high)
    return target_mean * log1p(exp(-high)) + (1 - target_mean) * log1p(exp(low))


def _check_range(low: float, high: float) -> None:
    if isnan(low) or isnan(high) or low >= high:
        raise ValueError(f"Got the range {low} to {high}; need a lower end below the upper one, such as -1 and 1.")


def _check_share(target_mean: float) -> None:
    if not 0 <= target_mean <= 1:
        raise ValueError(
            f"Got target_mean={target_mean}; need the share of targets that are 1, between 0 and 1. "
            "Give targets.mean() of 0/1 targets."
        )


def _check_classes(n_classes: int) -> None:
    if n_classes < 2:
        raise ValueError(f"Got n_classes={n_classes}; need at least 2. Give the number of classes.")
