"""The share of right answers."""

from __future__ import annotations

from torch import Tensor


def accuracy(predicted_labels: Tensor, labels: Tensor) -> float:
    """The share of predicted labels that equal the true ones.

        mean [predicted = true]

    Args:
        predicted_labels: (N,) class numbers, or any shape.
        labels: the same shape.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: for shapes that differ or are empty.

    Source:
        Definition; `sklearn.metrics.accuracy_score`.

    >>> import torch
    >>> accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2]))
    0.75
    """
    if predicted_labels.shape != labels.shape or labels.numel() == 0:
        raise ValueError(
            f"Got predictions of shape {tuple(predicted_labels.shape)} and labels of shape "
            f"{tuple(labels.shape)}; need equal shapes with at least one label. Take argmax(1) of logits."
        )
    return (predicted_labels == labels).double().mean().item()
