"""Whether a network gives every input the same answer, and how sure it is of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def top2_gap(logits: Tensor) -> float:
    """The median over inputs of the largest minus the second largest logit.

        median over inputs of z_(1) - z_(2)

    A softmax answers with odds of at least exp(gap) : 1 between the two; past 100, float32 gives 1 and 0 and
    no gradient comes back through a squared error.

    Args:
        logits: (N, C) or (N, C, *positions), C at least 2; every position counts as an input.

    Returns:
        The gap, at least 0; nan where a logit is.

    Raises:
        ValueError: for an empty tensor or fewer than 2 classes.

    Source:
        Definition.

    >>> top2_gap(torch.tensor([[3.0, 1.0, 0.0], [0.0, 5.0, 1.0]]))
    3.0
    """
    rows = _rows(logits)
    if rows.shape[1] < 2:
        raise ValueError(f"Got shape {tuple(logits.shape)}; need (N, C) with at least 2 classes in dim 1.")
    top = rows.topk(2, dim=1).values
    return _median(top[:, 0] - top[:, 1])


def same_class_share(outputs: Tensor, threshold: float = 0.0) -> float:
    """The share of inputs that get the class most inputs get.

        max over classes of mean [argmax = class]

    1 means one answer for everything. Compare it with the share of the largest class in the labels.

    Args:
        outputs: (N, C) or (N, C, *positions) logits or probabilities; (N,) or (N, 1) for two classes.
        threshold: for one column, the value above which an input is called class 1: 0 for logits, 0.5 for
            probabilities. Not used for C >= 2.

    Returns:
        A share in (0, 1]; nan when an output is nan.

    Raises:
        ValueError: for an empty tensor.

    Source:
        Definition.

    >>> same_class_share(torch.tensor([[2.0, 1.0], [3.0, 0.0], [0.0, 1.0], [9.0, 0.0]]))
    0.75
    >>> same_class_share(torch.tensor([0.1, 0.2, 0.7, 0.3]), threshold=0.5)
    0.75
    """
    rows = _rows(outputs)
    if rows.isnan().any():
        return float("nan")
    chosen = (rows[:, 0] > threshold).long() if rows.shape[1] == 1 else rows.argmax(1)
    return torch.bincount(chosen.cpu()).max().item() / chosen.numel()


def median_max_probability(probs: Tensor) -> float:
    """The median over inputs of the largest class probability.

        median over inputs of max_c p_c

    Near 1/C the network does not care, near 1 it is sure, which before training is a bad sign.

    Args:
        probs: (N, C) or (N, C, *positions), each in [0, 1]; (N,) or (N, 1) is taken as the probability of
            class 1 of two.

    Returns:
        The median, in [1/C, 1] for probabilities that sum to 1; nan where one is.

    Raises:
        ValueError: for an empty tensor.

    Source:
        Definition.

    >>> round(median_max_probability(torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])), 4)
    0.7
    """
    rows = _rows(probs)
    if rows.shape[1] == 1:
        rows = torch.cat([rows, 1 - rows], dim=1)
    return _median(rows.max(1).values)


def _rows(outputs: Tensor) -> Tensor:
    if outputs.numel() == 0 or outputs.ndim == 0:
        raise ValueError(f"Got shape {tuple(outputs.shape)}; need (N, C) with at least one input.")
    outputs = outputs.detach().float() if outputs.dtype != torch.float64 else outputs.detach()
    if outputs.ndim == 1:
        return outputs[:, None]
    return outputs.movedim(1, -1).flatten(0, -2)


def _median(values: Tensor) -> float:
    return float(np.median(values.cpu().double().numpy()))
