"""The optimizer and the budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerReading:
    """The optimizer and the budget.

    Args:
        name: its class's name.
        lrs: learning rate of each parameter group.
        adaptive: whether the step is rescaled per weight (Adam, RMSprop, ...); None for a rule not known here.
        normalised: whether one step moves a weight by about lr whatever the gradient's size.
        weight_decay, momentum: the largest among the groups.
        held, missing, foreign: how many of the model's trainable parameter tensors it holds, lacks, and how many it
            holds that are not the model's.
        trainable: the model's parameter tensors with requires_grad.
        batch_size, steps, epochs: the budget.
    """

    name: str = "SGD"
    lrs: tuple[float, ...] = (0.1,)
    adaptive: bool | None = False
    normalised: bool = False
    weight_decay: float = 0.0
    momentum: float = 0.0
    held: int = 8
    missing: tuple[str, ...] = ()
    foreign: int = 0
    trainable: int = 8
    batch_size: int = 32
    steps: int = 880
    epochs: int = 20

    @property
    def lr(self) -> float:
        """The largest learning rate among the groups."""
        return max(self.lrs, default=0.0)
