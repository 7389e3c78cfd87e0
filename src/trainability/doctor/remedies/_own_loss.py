"""Whether a user's step computes its loss itself, so that another `loss_fn` would change nothing."""

from __future__ import annotations

from typing import Any

import torch

from trainability.doctor.remedies._change import Change
from trainability.errors import TrainabilityError
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.output import OutputOf
from trainability.setup.own_step import OwnStep
from trainability.setup.untouched import random_state_kept, seed_everything

OWN_LOSS = (
    "the step computes its loss itself and never calls loss_fn, so that another loss_fn changes nothing in the "
    "training; make this change in the step, or let the step call loss_fn"
)


def step_has_own_loss(setup: Setup) -> bool:
    """Whether one call of the Setup's step, on a private copy, leaves `loss_fn` uncalled.

    Args:
        setup: stays as it is.

    Returns:
        False for a Setup without a step, and for a step that raises.

    Example:
        >>> from torch import nn
        >>> def step(model, batch, optimizer):
        ...     optimizer.zero_grad()
        ...     loss = (model(batch[0]) - batch[1]).square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> net = nn.Linear(1, 1)
        >>> data = (torch.ones(4, 1), torch.ones(4, 1))
        >>> step_has_own_loss(Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), data, step=step))
        True
    """
    if setup.step is None:
        return False
    copy = setup.clone()
    counted = Counted(copy.loss_fn)
    copy = copy.replaced(loss_fn=counted, keep_facts=True)
    model = copy.model.model if isinstance(copy.model, OutputOf) else copy.model
    with random_state_kept():
        seed_everything(0)
        try:
            x, y = (t.to(copy.device) for t in next(steps(copy.batches, 0)))
            copy.model.train()
            OwnStep(copy).call(model, (x, y), copy.optimizer)
        except (TrainabilityError, torch.OutOfMemoryError):
            return False
        except Exception:  # a user's step may raise anything; that is said where it is trained with
            return False
    return counted.calls == 0


def changes_loss(change: Change, setup: Setup) -> bool:
    """Whether a change puts another loss in a Setup's place; False where it cannot be applied."""
    copy = setup.clone()
    try:
        return change.transform(copy, torch.Generator().manual_seed(0)).loss_fn is not copy.loss_fn
    except (TrainabilityError, torch.OutOfMemoryError):
        return False


class Counted:
    """A loss that counts its calls.

    Args:
        loss_fn: the loss; its other attributes are its own.
    """

    def __init__(self, loss_fn: Any) -> None:
        self.loss_fn, self.calls = loss_fn, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the loss gives."""
        self.calls += 1
        return self.loss_fn(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loss_fn, name)
