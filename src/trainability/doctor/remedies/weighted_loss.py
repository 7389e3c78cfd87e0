"""The same weight for every class in the loss, however rare it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup
from trainability.setup.batches import TensorBatches

ANSWERS = ("class-imbalance",)
SAMPLE = 50_000
YES_OR_NO = {"bce-with-logits": "binary_cross_entropy_with_logits", "bce": "binary_cross_entropy"}
CLASSES = {"cross-entropy": "CrossEntropyLoss", "nll": "NLLLoss"}


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Weights by which each class counts alike, for the cross-entropies.

    With them a constant answer loses as much on the rare class as on the frequent one, so that "trained", half of
    that loss, is not reached by answering the frequent class alone.
    """
    family = r.loss.family
    rare = r.data.target_mean < 0.5  # whether 1 is the rare one
    if r.task == "binary" and family == "bce-with-logits" and rare:
        code = "loss_fn = nn.BCEWithLogitsLoss(pos_weight=(y == 0).sum() / (y == 1).sum())"
    elif r.task == "binary" and family in YES_OR_NO:
        code = (
            "share = (y == 1).float().mean()\n"
            "class_weight = 0.5 / torch.stack([1 - share, share])  # mean 1 over the samples\n"
            "def loss_fn(output, target):\n"
            "    weight = class_weight[target.long()]\n"
            f"    return nn.functional.{YES_OR_NO[family]}(output, target, weight=weight)"
        )
    elif r.task == "multi-class" and family in CLASSES and r.loss.target_shape == ():
        code = (
            "counts = torch.bincount(y)\n"
            "class_weight = len(y) / (len(counts) * counts.clamp_min(1))\n"
            f"loss_fn = nn.{CLASSES[family]}(weight=class_weight)"
        )
    else:
        return
    yield Change(
        name="weighted-loss",
        family="weighted-loss",
        summary="Give every class the same weight in the loss",
        code=code,
        size=1.0,
        answers=ANSWERS,
        touches=("loss",),
        transform=partial(_weighted, family=family, rare=rare),
    )


def _weighted(setup: Setup, generator: torch.Generator, *, family: str, rare: bool) -> Setup:
    data = setup.batches
    y = (data.targets if isinstance(data, TensorBatches) else data.sample(SAMPLE)[1]).to(setup.device)
    loss: nn.Module
    if family == "bce-with-logits" and rare:
        return setup.replaced(loss_fn=PositiveWeighted(pos_weight=(y == 0).sum() / (y == 1).sum()))
    if family in YES_OR_NO:
        share = (y == 1).float().mean()
        loss = YesOrNo(0.5 / torch.stack([1 - share, share]), logits=family == "bce-with-logits")
        return setup.replaced(loss_fn=loss)
    counts = torch.bincount(y)
    outputs = setup.facts.output.shape[1]
    weight = torch.ones(outputs, device=setup.device)
    weight[: len(counts)] = len(y) / (len(counts) * counts.clamp_min(1))
    loss = nn.CrossEntropyLoss(weight=weight) if family == "cross-entropy" else nn.NLLLoss(weight=weight)
    return setup.replaced(loss_fn=loss)


class PositiveWeighted(nn.BCEWithLogitsLoss):
    """Torch's own loss, for targets of any type with as many values."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The weighted mean."""
        return super().forward(input, target.reshape(input.shape).to(input.dtype))


class YesOrNo(nn.Module):
    """Binary cross-entropy in which 0 and 1 have weights of their own.

    Args:
        class_weight: (2,), of 0 and of 1.
        logits: whether outputs are logits, and not probabilities.

    Example:
        >>> loss = YesOrNo(torch.tensor([0.5 / 0.9, 5.0]), logits=True)
        >>> round(float(loss(torch.zeros(10, 1), torch.tensor([[1.0]] + [[0.0]] * 9))), 4)  # ten samples, log 2 each
        0.6931
    """

    class_weight: Tensor

    def __init__(self, class_weight: Tensor, *, logits: bool) -> None:
        super().__init__()
        self.register_buffer("class_weight", class_weight)
        self.logits = logits

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The weighted mean."""
        target = target.reshape(output.shape).to(output.dtype)
        weight = self.class_weight[target.round().long().clamp(0, 1)].to(output.dtype)
        if self.logits:
            return nn.functional.binary_cross_entropy_with_logits(output, target, weight=weight)
        return nn.functional.binary_cross_entropy(output, target, weight=weight)


REMEDY = Prescription("weighted-loss", ANSWERS, propose)
