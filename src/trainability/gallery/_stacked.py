"""Training of many small networks at once, as stacks of tensors whose first dimension counts members."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from trainability.optimizers import Params, Rule

Losses = Callable[[Params], Tensor]


def descend(losses: Losses, params: Params, rule: Rule, steps: int) -> Params:
    """Train every member on its own full-batch loss.

    Args:
        losses: parameters to one loss per member, (E,); a member's loss may depend on that member's parameters alone.
        params: name to (E, ...).
        rule: of `trainability.optimizers`; it acts entry by entry, so that members do not meet.
        steps: updates.

    Returns:
        The last parameters.
    """
    now = {name: value.detach() for name, value in params.items()}
    state = rule.init(now)
    for _ in range(steps):
        for value in now.values():
            value.requires_grad_()
        found = torch.autograd.grad(losses(now).sum(), list(now.values()))
        now = {name: value.detach() for name, value in now.items()}
        now, state = rule.update(dict(zip(now, found, strict=True)), state, now)
    return now
