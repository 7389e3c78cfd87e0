"""What a user's own step trains with, beside the gradient of the Setup's loss."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.readings import NAN, PullReading
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward
from trainability.setup.large import is_large
from trainability.setup.output import OutputOf
from trainability.setup.own_step import OwnStep
from trainability.setup.untouched import random_state_kept, seed_everything, untouched


def pull_reading(setup: Setup) -> PullReading | None:
    """Take one step of a Setup's own on a private copy, and compare its gradient with that of the Setup's loss.

    Both see the same batch, weights and random draws. The step is taken once more with the targets given to other
    samples: what it adds to the loss moves then only where it looks at the targets.

    Args:
        setup: on finite data; stays as it is.

    Returns:
        PullReading; None for a Setup without a step, for a large model, and where no gradient can be had.
    """
    if setup.step is None or is_large(setup.model):
        return None
    try:
        with random_state_kept(), warnings.catch_warnings(), untouched(setup.model, setup.optimizer):
            warnings.simplefilter("ignore")
            x, y = next(iter(steps(setup.batches, 0)))
            own, own_loss = _own(setup, x, y)
            step, step_loss = _step(setup, x, y)
            if own is None or step is None or not float(own.norm()) > 0:
                return None
            other = torch.roll(y, 1, 0)
            moved_own, moved_step = _own(setup, x, other)[0], _step(setup, x, other)[0]
    except Exception:  # a user's step may raise anything; that is said where it is trained with
        return None
    targets = NAN
    if moved_own is not None and moved_step is not None:
        by_own, by_step = moved_own - own, moved_step - step
        if float(by_step.norm()) > 0 and float(by_own.norm()) > 0:
            targets = float((by_step - by_own).norm() / by_own.norm())
    sizes = float(own.norm()), float(step.norm())
    return PullReading(
        own=sizes[0],
        step=sizes[1],
        extra=float((step - own).norm()) / sizes[0],
        cosine=float(own @ step) / (sizes[0] * sizes[1]) if sizes[1] > 0 else NAN,
        targets=targets,
        own_loss=own_loss,
        step_loss=step_loss,
    )


def _copied(setup: Setup) -> Setup:
    """A private copy in training mode, with the weights that the model has now."""
    copy = setup.clone()
    for part in ("parameters", "buffers"):
        with torch.no_grad():
            for tensor, now in zip(getattr(copy.model, part)(), getattr(setup.model, part)(), strict=True):
                tensor.copy_(now)
    copy.model.train()
    return copy


def _own(setup: Setup, x: Tensor, y: Tensor) -> tuple[Tensor | None, float]:
    """The gradient of the Setup's loss, one long vector, and the loss."""
    copy = _copied(setup)
    seed_everything(0)
    with torch.enable_grad():
        loss = evaluate(copy.loss_fn, forward(copy.model, x.to(copy.device)), y.to(copy.device))
        if not loss.requires_grad:
            return None, float(loss)
        copy.optimizer.zero_grad()
        loss.backward()
    return _flat([p.grad for p in copy.model.parameters()], copy), float(loss.detach())


def _step(setup: Setup, x: Tensor, y: Tensor) -> tuple[Tensor | None, float]:
    """The gradient at the step's first optimizer step (behind it where there is none), and the loss it returned."""
    copy = _copied(setup)
    model = copy.model.model if isinstance(copy.model, OutputOf) else copy.model
    parameters = list(copy.model.parameters())
    seen: list[list[Tensor | None]] = []

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        if not seen:
            seen.append([None if p.grad is None else p.grad.detach().clone() for p in parameters])

    handle = copy.optimizer.register_step_pre_hook(hook)
    try:
        seed_everything(0)
        given = OwnStep(copy).call(model, (x.to(copy.device), y.to(copy.device)), copy.optimizer)
    finally:
        handle.remove()
    value = NAN if given is None else float(given)
    return _flat(seen[0] if seen else [p.grad for p in parameters], copy), value if math.isfinite(value) else NAN


def _flat(gradients: list[Tensor | None], setup: Setup) -> Tensor | None:
    if all(g is None for g in gradients):
        return None
    parts = [
        torch.zeros(p.numel(), dtype=torch.float64) if g is None else g.detach().to_dense().double().flatten().cpu()
        for p, g in zip(setup.model.parameters(), gradients, strict=True)
    ]
    whole = torch.cat(parts)
    return whole if bool(torch.isfinite(whole).all()) else None
