"""The first optimizer step, taken on a private copy: what it promises, what it does, and how far that way leads."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from trainability.errors import SetupError, TrainabilityError
from trainability.measures.outcome import default_target
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.constant_answer import constant_answer
from trainability.setup.facts import evaluate, forward, penalty
from trainability.setup.large import is_large
from trainability.setup.own_step import OwnStep
from trainability.setup.train import LOGARITHMIC, SOLVED
from trainability.setup.untouched import random_state_kept, seed_everything

NAN = math.nan
SAMPLES = 512
WIDE, PARTS = 2**14, 4
"""An answer of more numbers than `WIDE` is scored on `PARTS` mini-batches."""
CALLS = 16
"""Calls of a user's own step within which weights should move, so that gradients may be accumulated over a few."""
MULTIPLES = tuple(10.0 ** (0.5 * k) for k in range(-8, 9))
"""Lengths, in first steps, at which the loss along the first step is read: 1e-4 to 1e4. For a large model only whole
decades, from one step on in the direction in which the loss falls, as far as it falls."""


@dataclass(frozen=True)
class FirstStep:
    """What one step of the Setup's own optimizer does to the loss of its own mini-batch.

    Args:
        start_loss, constant_loss, target: L0 and Lc over a few mini-batches, and the loss to reach.
        loss: of the first mini-batch before the step; after: of the same one after it.
        promised: the decrease that the gradient promises, -g . step.
        ray: (multiple of the step, loss of the same mini-batch there).
        agreement: cosine between the gradients of the first two mini-batches; nan where there is only one.
        spread: standard deviation of the loss over mini-batches, relative to their mean.
        updates: size of the step over the size of the weights, for each parameter.
    """

    start_loss: float = 2.35
    constant_loss: float = 2.30
    target: float = 1.15
    loss: float = 2.35
    after: float = 2.30
    promised: float = 0.05
    ray: tuple[tuple[float, float], ...] = ()
    agreement: float = 0.5
    spread: float = 0.02
    updates: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def best(self) -> tuple[float, float]:
        """(multiple, loss) of the lowest point along the step; (0, loss) where it only rises."""
        known = [(m, value) for m, value in ((0.0, self.loss), *self.ray) if math.isfinite(value)]
        return min(known, key=lambda point: (point[1], point[0]), default=(0.0, NAN))


def first_step(setup: Setup) -> FirstStep:
    """Take one step on `setup`'s own model and put its weights back.

    Args:
        setup: a private copy on finite data; its weights and buffers come back as they were, its optimizer does not.

    Returns:
        FirstStep; numbers that a non-finite pass cannot give are nan.
    """
    model, optimizer = setup.model, setup.optimizer
    where = setup.device
    buffers = [(b, b.clone()) for b in model.buffers()]
    # kept as they are now: a user's step may put others in their place
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    weights = [p for _, p in named]
    large = is_large(model)
    few = 2 if large else max(SAMPLES // setup.batches.batch_size, 8)
    count = min(few, max(setup.batches.steps_per_epoch, 1))
    data = [(x.to(where), y.to(where)) for x, y in islice(steps(setup.batches, 0), count)]
    before = [p.detach().clone() for p in weights]
    with random_state_kept(), warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        model.train()
        optimizer.state.clear()
        others = [_loss(setup, *batch) for batch in data[2:]]
        second = _gradients(setup, weights, *data[1]) if len(data) > 1 else None
        loss, gradients = _gradients(setup, weights, *data[0])
        _step(setup, before, *data[0])
        change = [p.detach() - w for p, w in zip(weights, before, strict=True)]

        def at(multiple: float) -> float:
            _place(weights, before, change, multiple)
            return _loss(setup, *data[0])

        ray = _downhill(at, loss) if large else [(multiple, at(multiple)) for multiple in MULTIPLES]
        _place(weights, before, change, 0.0)
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
            constant = _constant(setup)
    optimizer.zero_grad()
    losses = [loss, *([second[0]] if second else []), *others]
    start = float(np.mean(losses))
    target = setup.target if setup.target is not None else default_target(start, constant)
    return FirstStep(
        start_loss=start,
        constant_loss=constant,
        target=float(target),
        loss=loss,
        after=dict(ray)[1.0],
        promised=-_dot(gradients, change),
        ray=tuple(ray),
        agreement=_cosine(gradients, second[1]) if second else NAN,
        spread=float(np.std(losses) / abs(start)) if start and math.isfinite(start) else NAN,
        updates={name: _over(c, w) for (name, _), c, w in zip(named, change, before, strict=True)},
    )


def _downhill(at: Callable[[float], float], loss: float) -> list[tuple[float, float]]:
    """The loss at one step and at decades longer, or shorter where one step raises it, until it stops falling."""
    ray = [(1.0, at(1.0))]
    longer = ray[0][1] < loss
    best = ray[0][1] if longer else loss
    decades = MULTIPLES[::2]
    for multiple in [m for m in decades if m > 1] if longer else [m for m in reversed(decades) if m < 1]:
        value = at(multiple)
        ray.append((multiple, value))
        if value < best:
            best = value
        elif longer or best < loss:
            break
    return sorted(ray)


def _loss(setup: Setup, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float(_value(setup, x, y))


def _value(setup: Setup, x: Tensor, y: Tensor) -> Tensor:
    """The loss with the same random layers at every call; nan where a loss refuses an output that is not finite."""
    seed_everything(0)
    output = forward(setup.model, x)
    if not bool(torch.isfinite(output).all()):
        return torch.tensor(NAN)
    try:
        return evaluate(setup.loss_fn, output, y)
    except SetupError:
        if bool(torch.isfinite(output).all()):
            raise
        return torch.tensor(NAN)


def _gradients(setup: Setup, weights: Sequence[Tensor], x: Tensor, y: Tensor) -> tuple[float, list[Tensor]]:
    for weight in weights:
        weight.grad = None
    loss = _value(setup, x, y)
    if loss.requires_grad:
        loss.backward()
    found = [torch.zeros_like(w) if w.grad is None else w.grad.detach().clone() for w in weights]
    return float(loss.detach()), found


def _step(setup: Setup, before: Sequence[Tensor], x: Tensor, y: Tensor) -> None:
    if setup.step is not None:
        own, weights = OwnStep(setup), [p for p in setup.model.parameters() if p.requires_grad]
        for call in range(CALLS):
            own(call, x, y)
            if any(not torch.equal(p, w) for p, w in zip(weights, before, strict=False)):
                return
        return

    def closure() -> Tensor:
        setup.optimizer.zero_grad()
        loss = _value(setup, x, y)
        if loss.requires_grad:
            loss.backward()
        return loss

    step: Callable[..., object] = setup.optimizer.step
    try:
        if isinstance(setup.optimizer, torch.optim.LBFGS):
            step(closure)
            return
        try:
            step()
        except TypeError:  # an optimizer that cannot do without one
            step(closure)
    except (TrainabilityError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise SetupError(
            f"{type(setup.optimizer).__name__}.step() raised {type(error).__name__}: {error}. Needed is an optimizer that "
            "steps after loss.backward(); check its options: each must be a number (lr=0.1 and not lr='0.1')."
        ) from error


def _place(weights: Sequence[Tensor], before: list[Tensor], change: list[Tensor], multiple: float) -> None:
    with torch.no_grad():
        for weight, start, along in zip(weights, before, change, strict=True):
            weight.copy_(start + multiple * along if multiple else start)


def _constant(setup: Setup) -> float:
    """Lc over mini-batches, without what the loss adds for the weights alone."""
    facts = setup.facts
    answer = constant_answer(setup.loss_fn, facts.output, facts.target, facts.family, facts.form)
    if answer is None:
        return NAN
    parts = facts.target.split(setup.batches.batch_size)
    whole = [part for part in parts if len(part) == len(parts[0])]
    whole = whole[: 64 if answer.numel() <= WIDE else PARTS]
    losses = [float(evaluate(setup.loss_fn, answer.expand(len(y), *answer.shape), y)) for y in whole]
    constant = float(np.mean(losses)) - penalty(setup.loss_fn, facts)
    return 0.0 if facts.family.name in LOGARITHMIC and constant < SOLVED else constant


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return sum(float((x.double() * y.double()).sum()) for x, y in zip(a, b, strict=True))


def _cosine(a: list[Tensor], b: list[Tensor]) -> float:
    sizes = math.sqrt(_dot(a, a)) * math.sqrt(_dot(b, b))
    return _dot(a, b) / sizes if 0 < sizes < math.inf else NAN


def _over(change: Tensor, weight: Tensor) -> float:
    moved, size = float(change.double().norm()), float(weight.double().norm())
    return moved / size if size else (math.inf if moved else 0.0)
