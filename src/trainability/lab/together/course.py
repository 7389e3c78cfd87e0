"""Advance stacked networks to the end of the budget, and keep what a Run reports of the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainability.lab.ensemble.data import Feed
from trainability.lab.ensemble.retire import LOST_STEPS
from trainability.lab.together.engine import Engine, Rules
from trainability.optimizers import Rule


@dataclass(frozen=True, eq=False)
class Course:
    """What became of each slot.

    Args:
        losses: (steps, S), before each step; nan once a member is lost.
        norms: (k, S) of the gradient at the steps `at`; nan once a member is lost.
        at: (k,) steps.
        params: the parameters at the end, (S, ...).
        lost: (S,) whether a member was given up, as `setup.train` does.
        taken: (S,) steps until then.
    """

    losses: np.ndarray
    norms: np.ndarray
    at: np.ndarray
    params: dict[str, Tensor]
    lost: np.ndarray
    taken: np.ndarray


@torch.no_grad()
def advance(engine: Engine, rules: Sequence[Rule], feed: Feed, trained: tuple[str, ...], steps: int) -> Course:
    """Train all slots for `steps` steps; one whose loss was not finite 20 times in a row is given up.

    Args:
        engine: trained where it lies.
        rules: one per slot.
        feed: of its slots.
        trained: names of the parameters that the rules move.
        steps: from 1.
    """
    count = engine.slots
    losses = torch.full((steps, count), torch.nan, dtype=torch.float64)
    at = np.unique(np.linspace(0, steps - 1, 60).astype(int))
    norms = torch.full((len(at), count), torch.nan, dtype=torch.float64)
    place = {int(step): i for i, step in enumerate(at)}
    end = {name: value.clone() for name, value in engine.params.items()}
    held = torch.arange(count)
    moved = {name: engine.params[name] for name in trained}
    each = Rules(rules, moved)
    for step in range(steps):
        loss, grads = engine.gradient(*feed.next())
        grads = {name: grads[name] for name in trained}
        if len(held) == count:
            losses[step].copy_(loss)
        else:
            losses[step, held] = loss.double()
        if step in place:
            norms[place[step], held] = _norm(grads)
        each.step_(moved, grads)
        if (step + 1) % LOST_STEPS:
            continue
        alive = torch.isfinite(losses[step + 1 - LOST_STEPS : step + 1, held]).any(0)
        if bool(alive.all()):
            continue
        gone, keep = torch.nonzero(~alive).flatten(), torch.nonzero(alive).flatten()
        for name, value in engine.params.items():
            end[name][held[gone]] = value[gone]
        held = held[keep]
        if not len(held):
            break
        engine.take(keep)
        feed.take(keep)
        each.take(keep)
        moved = {name: engine.params[name] for name in trained}
    for name, value in engine.params.items() if len(held) else ():
        end[name][held] = value
    curves = losses.numpy()
    over = [_lost_after(curve) for curve in curves.T]
    taken = np.array([steps if t is None else t for t in over])
    for slot, t in enumerate(taken):
        curves[t:, slot] = np.nan
    return Course(curves, norms.numpy(), at, end, np.array([t is not None for t in over]), taken)


def _lost_after(losses: np.ndarray) -> int | None:
    """Steps after which a run's loss was not finite 20 times in a row for the first time; None for never.

    >>> _lost_after(np.array([1.0] * 5 + [np.nan] * 30)), _lost_after(np.array([1.0] * 5 + [np.nan] * 19))
    (25, None)
    """
    bad = np.concatenate([[0], np.cumsum(~np.isfinite(losses))])
    whole = np.flatnonzero(bad[LOST_STEPS:] - bad[:-LOST_STEPS] == LOST_STEPS)
    return int(whole[0]) + LOST_STEPS if len(whole) else None


def _norm(grads: dict[str, Tensor]) -> Tensor:
    squares = [g.double().square().flatten(1).sum(1) for g in grads.values()]
    return torch.stack(squares).sum(0).sqrt()
