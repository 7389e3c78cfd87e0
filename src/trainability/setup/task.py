"""What a Setup is asked to learn: regression, binary, multi-class or multi-label."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from trainability.setup.loss_family import LossFamily

Task = Literal["regression", "binary", "multi-class", "multi-label"]
TASKS: tuple[str, ...] = get_args(Task)


def infer_task(output: Tensor, target: Tensor, family: LossFamily) -> tuple[Task, str]:
    """The task and the reason for it, from the shape of the outputs, the targets and the loss.

    Args:
        output: (N, ...), a batch of outputs; N may differ from the targets'.
        target: (N, ...), as many targets as are at hand.
        family: what the loss was recognised as.

    Returns:
        (task, reason in words).

    Example:
        >>> infer_task(torch.zeros(4, 3), torch.tensor([0, 1, 2, 1]), LossFamily("cross-entropy"))[0]
        'multi-class'
    """
    classes = output.shape[1] if output.ndim > 1 else 1
    index = not target.is_floating_point()
    values = torch.unique(target.float()) if target.numel() else target.float()
    two = len(values) <= 2 and bool(((values == 0) | (values == 1)).all())
    signs = len(values) == 2 and bool(((values == -1) | (values == 1)).all())
    if classes > 1:
        per_row = target.ndim == 1 or target.shape[1:] != output.shape[1:]
        if (index and per_row and family.name != "mse") or family.one_hot:
            return "multi-class", f"targets are class indices and the model has {classes} outputs"
        if family.name in ("cross-entropy", "nll", "nll-of-probabilities"):
            return "multi-class", f"the loss is {family.name} over {classes} outputs"
    if classes > 1 and target.shape[1:] == output.shape[1:]:
        inside = bool((target >= 0).all()) and bool((target <= 1).all())
        flat = target.float().flatten(2).transpose(1, 2).reshape(-1, classes) if target.ndim > 2 else target
        if inside and bool((flat.float().sum(1) - 1).abs().max() < 1e-4):
            return "multi-class", f"targets are one-hot over {classes} outputs"
        if two:
            return "multi-label", f"targets hold 0 and 1 for {classes} outputs independently"
        return "regression", f"targets are real values for {classes} outputs"
    if two or (signs and family.name not in ("mse", "l1", "huber")):
        shown = ", ".join(f"{v:g}" for v in values.tolist())
        return "binary", f"targets take the values {shown} and the model has one output"
    if family.name in ("bce", "bce-with-logits"):
        return "binary", f"the loss is {family.name} on one output"
    return "regression", "targets are real values for one output"
