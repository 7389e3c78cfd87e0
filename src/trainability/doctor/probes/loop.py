"""Watch the user's own training step at work: what it does in which order, and what comes of it."""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from trainability.doctor.readings import LoopReading
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward
from trainability.setup.loop_events import Event, loop_events
from trainability.setup.own_step import OwnStep
from trainability.setup.untouched import random_state_kept, seed_everything, untouched

FEWEST, MOST, ENOUGH = 8, 64, 6  # calls at least and at most; optimizer steps that are enough to see a habit
SECONDS = 5.0  # after which three calls have to do


def loop_reading(setup: Setup) -> LoopReading | None:
    """Call a Setup's own step a few times on a private copy and read what it does.

    Calls it until six optimizer steps are seen, at least 8 and at most 64 times, so that gradients accumulated over
    several calls are told from gradients that are never cleared.

    Args:
        setup: stays as it is, also where its step trains it instead of the copy that it is given.

    Returns:
        LoopReading; None for a Setup without a step.

    Raises:
        SetupError: the step raised, or returned something else than a loss.
    """
    if setup.step is None:
        return None
    with untouched(setup.model, setup.optimizer):
        return _watched(setup)


def _watched(setup: Setup) -> LoopReading:
    copy = setup.clone()
    original = [p.detach().clone() for p in setup.model.parameters()]
    before = {name: (p, p.detach().clone()) for name, p in copy.model.named_parameters()}
    reached: set[str] = set()
    first: dict[str, Tensor] = {}
    one_call: tuple[Event, ...] = ()
    calls, began = 0, time.perf_counter()

    def seen(event: Event) -> None:
        if event.name not in ("backward", "step"):
            return
        found = {name: p.grad for name, (p, _) in before.items() if p.grad is not None}
        if found and not first:
            first.update({name: g.detach().clone() for name, g in found.items()})
        reached.update(found)

    with random_state_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed_everything(0)
        copy.model.train()
        own, data = OwnStep(copy), steps(copy.batches, 0)
        batch = next(data)
        expected = _own_gradient(copy, *(t.to(copy.device) for t in batch))
        with loop_events(copy.model, copy.optimizer, seen=seen) as events:
            for x, y in chain([batch], data):
                own(calls, x.to(copy.device), y.to(copy.device))
                one_call = one_call or tuple(e for e in events.all if e.ours)
                calls += 1
                done = sum(e.name == "step" and e.ours for e in events.all)
                late = calls >= 3 and time.perf_counter() - began > SECONDS
                if late or calls >= min(MOST, setup.steps) or (calls >= FEWEST and done >= ENOUGH):
                    break
    after = dict(copy.model.named_parameters())
    trainable = [name for name, (p, _) in before.items() if p.requires_grad]
    moved = _movement(before)
    others = _changed(original, list(setup.model.parameters()))
    foreign = sum(e.name == "step" and not e.ours for e in events.all)
    return LoopReading(
        calls=calls,
        **_habits(events.groups[:-1], list(events.all), one_call),
        foreign_steps=foreign,
        mode_matters=any(isinstance(m, _MODAL) for m in copy.model.modules()),
        moved=moved,
        elsewhere=moved == 0 and (others or foreign > 0),
        replaced=tuple(name for name, p in after.items() if name in before and before[name][0] is not p),
        silent=tuple(n for n in trainable if n not in reached and after.get(n) is before[n][0]) if reached else (),
        alignment=_cosine(expected, first) * (-1 if _maximizes(copy.optimizer) else 1),
    )


def scheduled_lrs(optimizer: Any) -> tuple[float, ...]:
    """Each group's learning rate, or where a schedule moves it, the one it rises to or falls from.

    Example:
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
        >>> warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
        >>> optimizer.param_groups[0]["lr"], scheduled_lrs(optimizer)
        (0.0, (0.5,))
    """
    names = ("max_lr", "initial_lr", "lr")
    found = ([group[name] for name in names if name in group] for group in optimizer.param_groups)
    return tuple(float(values[0]) if values else math.nan for values in found)


_MODAL = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)


def _habits(
    stepped: Sequence[tuple[Event, ...]], everything: Sequence[Event], one_call: tuple[Event, ...]
) -> dict[str, Any]:
    """What the events of several optimizer steps have in common."""
    backwards = [e for e in everything if e.name == "backward"]
    forwards = [e for e in everything if e.name == "forward" and e.recorded]
    stale = [
        before[-1].reached > 0 and now[-1].reached > 0 and not any(e.name in ("clear", "skip") for e in now)
        for before, now in pairwise(stepped)
    ]
    emptied = [now[-1].reached == 0 and _cleared_after_backward(now) for now in stepped]
    order = Counter(map(_names, stepped)).most_common(1)
    return {
        "order": order[0][0] if order else _names(one_call),
        "steps": len(stepped),
        "skipped": sum(e.name == "skip" for e in everything),
        "backwards": len(backwards),
        "reaching": sum(e.reached > 0 for e in backwards),
        "rootless": sum(not e.history for e in backwards),
        "manual": sum(e.name == "grad" and e.ours for e in everything),
        "accumulated": sum(e.name == "backward" for g in stepped for e in g) / len(stepped) if stepped else math.nan,
        "stale": sum(stale) / len(stale) if stale else 0.0,
        "emptied": sum(emptied) / len(emptied) if emptied else 0.0,
        "evaluating": sum(not e.training for e in forwards) / len(forwards) if forwards else 0.0,
    }


def _names(group: tuple[Event, ...]) -> tuple[str, ...]:
    return tuple(e.name for e in group if e.name != "forward" or e.recorded)


def _cleared_after_backward(group: tuple[Event, ...]) -> bool:
    reaching = [i for i, e in enumerate(group) if e.name == "backward" and e.reached]
    return bool(reaching) and any(e.name == "clear" for e in group[reaching[-1] :])


def _own_gradient(setup: Setup, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradient of the Setup's own loss on a batch, with the draws that the step is about to make; no trace."""
    named = {name: p for name, p in setup.model.named_parameters() if p.requires_grad}
    buffers = [(b, b.clone()) for b in setup.model.buffers()]
    try:
        with random_state_kept(), torch.enable_grad():
            output = forward(setup.model, x)
            loss = evaluate(setup.loss_fn, output, y) if bool(torch.isfinite(output).all()) else None
            if loss is None or not loss.requires_grad:
                return {}
            gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    finally:
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
    return {name: g for name, g in zip(named, gradients, strict=True) if g is not None}


def _cosine(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    shared = [name for name in one if name in two and not (one[name].is_sparse or two[name].is_sparse)]
    product = sum(float((one[n].double() * two[n].double()).sum()) for n in shared)
    sizes = [math.sqrt(sum(float(g[n].double().square().sum()) for n in shared)) for g in (one, two)]
    return product / (sizes[0] * sizes[1]) if sizes[0] * sizes[1] > 0 else math.nan


def _movement(before: dict[str, tuple[nn.Parameter, Tensor]]) -> float:
    moved = sum(float((p.detach().double() - old.double()).square().sum()) for p, old in before.values())
    size = sum(float(old.double().square().sum()) for _, old in before.values())
    return math.sqrt(moved / size) if size > 0 else (math.inf if moved else 0.0)


def _changed(before: Sequence[Tensor], now: Sequence[Tensor]) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, now, strict=True))


def _maximizes(optimizer: object) -> bool:
    return any(group.get("maximize", False) for group in getattr(optimizer, "param_groups", ()))
