"""What the user's own training step does, in the order in which it does it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LoopReading:
    """The order of forward, clearing, backward and step, as watched in the first calls of the user's own step.

    Args:
        calls: how often the step was called.
        order: the events of one optimizer step, as most of them went; of all calls where no optimizer stepped.
        steps: optimizer steps on the model's parameters; foreign_steps: of optimizers that hold none of them.
        skipped: steps that a gradient scaler left out because a gradient was not finite.
        backwards: calls of backward; reaching: those that gave a parameter of the model a gradient; rootless: those
            that began at a tensor without history.
        manual: calls of `torch.autograd.grad` for parameters of the model.
        accumulated: backwards per optimizer step, on average; nan without steps.
        stale: share of optimizer steps, from the second on, whose gradient still held that of the step before.
        emptied: share of optimizer steps that saw no gradient, since it was cleared after backward.
        thrown: share of backwards whose gradient was cleared before any step, with no weight changed in between; calls
            after the last step are left out.
        widened: whether a column (N, 1) met a row (N,), the model's answers and the targets, and (N, N) came of it.
        shuffled: whether the model got a batch's rows in another order, while the labels stayed in theirs.
        given: different batches that the calls were given; used: different ones that the model was run on with
            autograd on, whichever order their samples have; again: whether what it was run on is one of these batches,
            or as many samples as one.
        evaluating: share of the model's recorded forward passes in eval mode; mode_matters: whether the model has
            dropout or batch normalisation.
        moved: |weights after - before| / |weights before|, over all parameters of the model.
        elsewhere: whether another copy of the model was trained, or another optimizer stepped, and this model was not.
        replaced: parameters that another tensor stood in for after the calls.
        silent: trainable parameters that no backward reached, where others were reached.
        alignment: cosine between the gradient of the step's first backward and that of the Setup's own loss on the same
            batch and weights, negated where the optimizer maximizes; nan where there was none.
    """

    calls: int = 8
    order: tuple[str, ...] = ("clear", "forward", "backward", "step")
    steps: int = 8
    foreign_steps: int = 0
    skipped: int = 0
    backwards: int = 8
    reaching: int = 8
    rootless: int = 0
    manual: int = 0
    accumulated: float = 1.0
    stale: float = 0.0
    emptied: float = 0.0
    thrown: float = 0.0
    widened: bool = False
    shuffled: bool = False
    given: int = 8
    used: int = 8
    again: bool = True
    evaluating: float = 0.0
    mode_matters: bool = False
    moved: float = 0.01
    elsewhere: bool = False
    replaced: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    alignment: float = 1.0

    @property
    def idle(self) -> bool:
        """Whether the calls left the model's weights as they were."""
        return self.moved == 0 or math.isnan(self.moved)

    @property
    def shown(self) -> str:
        """The order in words: "clear, forward, backward, step"."""
        return ", ".join(self.order[:8]) + (", ..." if len(self.order) > 8 else "")
