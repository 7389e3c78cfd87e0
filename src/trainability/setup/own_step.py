"""One call of the user's own training step: its loss as a number, its errors in words, its memory private."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from trainability.errors import SetupError, TrainabilityError
from trainability.setup.facts import evaluate, forward
from trainability.setup.output import OutputOf
from trainability.setup.private import Memo, known, private
from trainability.setup.untouched import random_state_kept

if TYPE_CHECKING:
    from trainability.setup.setup import Setup

AGREE = 0.01  # relative; a step that adds a penalty, scales its loss or returns another one is judged by the Setup's


@dataclass(frozen=True, eq=False)
class Bound:
    """What a user's step was written beside, and may refer to by a closure or a global.

    Args:
        model, optimizer, loss_fn: of the Setup as it was first built, or their copies in a clone.
        lrs: the optimizer's learning rates when the step was written.
    """

    model: nn.Module
    optimizer: Any
    loss_fn: Any
    lrs: tuple[float, ...]


class OwnStep:
    """The user's step at work on a Setup's present model, optimizer and loss.

    What the step remembers (counters, schedulers, scalers) is a private copy from the time the Setup was built, so that
    every training starts alike; where it refers to the model, the optimizer or the loss that the Setup was built with,
    it gets the present ones.

    Args:
        setup: with a step.
    """

    def __init__(self, setup: Setup) -> None:
        assert setup.step is not None
        self.setup, self.agrees = setup, True
        bound = setup.bound
        memo = known((bound.model, setup.model), (bound.loss_fn, setup.loss_fn), (bound.optimizer, setup.optimizer))
        if isinstance(bound.model, OutputOf) and isinstance(setup.model, OutputOf):
            memo[id(bound.model.model)] = setup.model.model
        self.call: Callable[..., Any] = private(setup.step, memo)
        _rescale_schedules(memo, bound.lrs, setup.optimizer)

    def __call__(self, number: int, x: Tensor, y: Tensor, *, check: bool = False) -> float:
        """Take a step and give its loss.

        Args:
            number: of the step, for messages.
            x, y: the batch.
            check: compare the loss that the step returns with the Setup's own on the same batch, before the step.

        Returns:
            The loss the step returned while it is the Setup's own loss, from then on the Setup's own; nan where values
            are not finite any more.

        Raises:
            SetupError: the step raised, or returned something else than a number, a scalar tensor or None.
        """
        setup = self.setup
        own = self._own_loss(x, y) if check or not self.agrees else math.nan
        model = setup.model.model if isinstance(setup.model, OutputOf) else setup.model
        try:
            given = self.call(model, (x, y), setup.optimizer)
        except (TrainabilityError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if self._lost(x):
                return math.nan
            raise SetupError(
                f"the step raised {type(error).__name__} at step {number} of the training, on inputs of shape "
                f"{tuple(x.shape)} and targets of shape {tuple(y.shape)}: {_short(error)}. {_hint(error)}"
            ) from error
        value = _number(given)
        if value is None:
            if not check and self.agrees:
                own = self._own_loss(x, y)
            self.agrees = False
        elif check and self.agrees:
            same = math.isclose(own, value, rel_tol=AGREE, abs_tol=1e-6)
            self.agrees = same or not math.isfinite(own) or not math.isfinite(value)
        return value if self.agrees and value is not None else own

    def _own_loss(self, x: Tensor, y: Tensor) -> float:
        """The Setup's loss on a batch, with the random draws that the step is about to make, leaving no trace."""
        model = self.setup.model
        buffers = [(b, b.clone()) for b in model.buffers()]
        try:
            with random_state_kept(), torch.no_grad():
                output = forward(model, x)
                if not bool(torch.isfinite(output).all()):
                    return math.nan
                return float(evaluate(self.setup.loss_fn, output, y))
        finally:
            with torch.no_grad():
                for buffer, kept in buffers:
                    buffer.copy_(kept)

    def _lost(self, x: Tensor) -> bool:
        """Whether values are not finite any more, which a loss may refuse (BCELoss does)."""
        model = self.setup.model
        if not all(bool(torch.isfinite(p).all()) for p in model.parameters()):
            return True
        try:
            with random_state_kept(), torch.no_grad():
                return not bool(torch.isfinite(forward(model, x)).all())
        except SetupError:
            return False


def check_step(step: object) -> None:
    """SetupError unless `step` can be called as step(model, batch, optimizer).

    Example:
        >>> check_step(lambda model, batch, optimizer: None)
    """
    if not callable(step):
        raise SetupError(
            f"step is a {type(step).__name__}; needed is a function step(model, batch, optimizer) -> loss, or None."
        )
    try:
        signature = inspect.signature(step)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        name = getattr(step, "__name__", "step")
        raise SetupError(
            f"step is {name}{signature}; needed is a function of three, step(model, batch, optimizer) -> loss, where "
            f"batch is the pair (x, y) ({error})."
        ) from error


def _number(given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, Tensor):
        if given.numel() != 1:
            raise SetupError(
                f"step returned a tensor of shape {tuple(given.shape)}; needed is the loss as a single number (or "
                "None). Reduce it, for example with .mean()."
            )
        return float(given.detach())
    if isinstance(given, bool) or not hasattr(given, "__float__"):
        raise SetupError(
            f"step returned a {type(given).__name__}; needed is the loss as a scalar tensor or a number, or None."
        )
    return float(given)


def _hint(error: Exception) -> str:
    if "does not require grad" in str(error):
        return (
            "The loss has no history that leads to a parameter: the forward pass ran under torch.no_grad(), the output "
            "was detached or taken to NumPy, or every parameter is frozen."
        )
    return "Needed is a function step(model, batch, optimizer) that trains on batch = (x, y) and returns the loss."


def _rescale_schedules(memo: Memo, before: tuple[float, ...], optimizer: Any) -> None:
    """Let schedules that the step drives follow a learning rate that was changed since the step was written."""
    groups = optimizer.param_groups
    if len(before) != len(groups):
        return
    schedulers = {id(s): s for s in memo.values() if isinstance(s, LRScheduler) and s.optimizer is optimizer}
    if not schedulers:
        return
    ratios = [float(g["lr"]) / lr if lr else 1.0 for g, lr in zip(groups, before, strict=True)]
    for group, ratio in zip(groups, ratios, strict=True):
        group.setdefault("initial_lr", group["lr"] / ratio if ratio else group["lr"])
        for name in ("initial_lr", "max_lr", "min_lr"):
            if name in group:
                group[name] = group[name] * ratio
    for scheduler in schedulers.values():
        if hasattr(scheduler, "base_lrs"):
            scheduler.base_lrs = [lr * ratio for lr, ratio in zip(scheduler.base_lrs, ratios, strict=True)]


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 240 else text[:237] + "..."
