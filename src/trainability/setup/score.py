"""One scale for a setup and its remedied form: accuracy or R2, whatever form the output has."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.measures.accuracy import accuracy
from trainability.measures.r2 import r2
from trainability.setup.task import Task


def score(output: Tensor, target: Tensor, task: Task, *, logits: bool = False) -> float:
    """Accuracy for a classification, R2 for a regression (over several outputs, weighted by their variance).

    Multi-class compares the largest output with the target's class (index or one-hot; see `class_dim`); binary and
    multi-label threshold each output at 0 for logits and otherwise at the middle of the target values.

    Args:
        output: (N, C, ...) or (N,); logits, probabilities, log-probabilities or values.
        target: (N, ...), as the loss takes it.
        task: what is being learned.
        logits: whether one-column and multi-label outputs are logits.

    Returns:
        A share in [0, 1] for accuracy; R2 in (-inf, 1]; nan where outputs are not finite or fit no target.

    Example:
        >>> score(torch.tensor([[2.0, -1.0], [0.0, 3.0]]), torch.tensor([0, 0]), "multi-class")
        0.5
    """
    output, target = output.detach(), target.detach()
    if not bool(torch.isfinite(output).all()):
        return float("nan")
    if task == "regression":
        rows = len(target)
        if output.numel() != target.numel():  # a mean and a variance for each target, say
            return float("nan")
        prediction = output.reshape(target.shape).reshape(rows, -1)
        return r2(prediction, target.reshape(rows, -1), multioutput="variance_weighted")
    if task == "multi-class":
        predicted, labels = output.argmax(class_dim(output, target)), class_index(target, output)
        return accuracy(predicted, labels) if predicted.shape == labels.shape else float("nan")
    low, high = float(target.min()), float(target.max())
    middle = (low + high) / 2 if high > low else 0.5
    return accuracy(output.reshape(target.shape) > (0.0 if logits else middle), target > middle)


def class_dim(output: Tensor, target: Tensor) -> int:
    """Where the classes are: last for outputs (N, T, C) with labels (N, T), otherwise dimension 1, as torch has it.

    Example:
        >>> class_dim(torch.zeros(8, 5, 3), torch.zeros(8, 5)), class_dim(torch.zeros(8, 3, 5), torch.zeros(8, 5))
        (-1, 1)
    """
    return -1 if output.ndim > 2 and output.shape[:-1] == target.shape else 1


def class_index(target: Tensor, output: Tensor) -> Tensor:
    """Targets as class indices: one-hot or soft targets by their largest entry, `(N, 1)` without the 1.

    Example:
        >>> class_index(torch.eye(3), torch.zeros(3, 3)).tolist()
        [0, 1, 2]
    """
    if target.shape == output.shape:
        return target.argmax(1)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = target.squeeze(-1)
    return target.long()


def constant_score(target: Tensor, task: Task) -> float:
    """The score of the best constant answer: the largest class's share, or 0 for R2.

    Example:
        >>> constant_score(torch.tensor([0, 1, 1, 1]), "multi-class")
        0.75
    """
    if task == "regression":
        return 0.0
    if task == "multi-class":
        index = target.argmax(1) if target.is_floating_point() and target.ndim > 1 else target
        return float(torch.unique(index.flatten(), return_counts=True)[1].max() / index.numel())
    high = target > (target.min() + target.max()) / 2 if target.min() < target.max() else target > 0.5
    share = high.float().mean(0)
    return float(torch.maximum(share, 1 - share).mean())
