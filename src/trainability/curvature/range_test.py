"""A learning-rate range test: between which lrs training goes from falling to flying apart."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

from trainability.curvature.behaviour import FAR
from trainability.curvature.point import Point, at, step
from trainability.setup import Setup
from trainability.setup.batches import steps as batches_of
from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept, seed_everything

SAMPLE = 512
LOWEST, HIGHEST = 1e-4, 1e5
"""Where the lr starts and where it gives up, times the user's own."""
GROWTH, HOLD = 2.0, 10
"""Factor from rung to rung, steps on each."""


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What the lr did while it grew.

    Args:
        decreased: (seeds,), each seed's largest lr after which the loss was below the start; 0 where there was none.
        diverged: (seeds,), each seed's smallest lr at which the loss was not finite or above 10 times the start; inf
            where none was.
        lrs: (rungs,), up to the last that any seed reached.
        losses: (seeds, rungs), over the same samples after the steps of each; nan from divergence on.
        start_loss: before the first step.
        lr: the user's own.
        steps: on each rung.
    """

    decreased: tuple[float, ...]
    diverged: tuple[float, ...]
    lrs: np.ndarray
    losses: np.ndarray
    start_loss: float
    lr: float
    steps: int

    @property
    def interval(self) -> tuple[float, float]:
        """(largest lr that still decreased in every seed, smallest by which every seed had diverged).

        >>> RangeTest((0.2, 0.1), (1.0, 2.0), np.ones(1), np.ones((2, 1)), 1.0, 0.1, 2).interval
        (0.1, 2.0)
        """
        return min(self.decreased), max(self.diverged)

    @property
    def says(self) -> str:
        """One sentence.

        >>> RangeTest((0.2, 0.1), (1.0, 2.0), np.ones(1), np.ones((2, 1)), 1.0, 0.1, 2).says
        'lr 0.1 still lowered the loss in all 2 seeds; by 2 all had diverged.'
        """
        low, high = self.interval
        seeds = len(self.decreased)
        if not math.isfinite(self.start_loss):
            return f"the loss is {self.start_loss:g} before the first step: no learning rate can be tested."
        fell = f"lr {low:.3g} still lowered the loss in all {seeds} seeds"
        if low == 0:
            fell = f"in {sum(d == 0 for d in self.decreased)} of {seeds} seeds no lr lowered the loss"
        if math.isfinite(high):
            return f"{fell}; by {high:.3g} all had diverged."
        left = sum(not math.isfinite(d) for d in self.diverged)
        return f"{fell}; {left} of {seeds} had not diverged at {self.lrs[-1]:.3g}, where the test ends."


def range_test(
    setup: Setup | Point,
    *,
    seeds: int = 3,
    lowest: float | None = None,
    highest: float | None = None,
    growth: float = GROWTH,
    steps: int = HOLD,
) -> RangeTest:
    """Let the lr grow geometrically, a few mini-batch steps on each, on copies, once per seed.

        lr_k = lowest · growth^k,   `steps` steps with each, every time from the present weights and optimizer state

    Weights do not go on from rung to rung, as they do in Smith's test: rungs near 1/curvature wipe out the sharpest
    direction, and what then still falls at far larger lrs says nothing of the limit. Every seed has its own data order
    (and dropout). Leaves no trace. A seed stops when it has diverged.

    Args:
        setup: a Setup, or a point of one.
        seeds: 1 or more; 2 or more for an interval that says something of chance.
        lowest, highest: first and last lr; by default 1e-4 and 1e5 times the user's own (times 1 where that is 0).
        growth: above 1.
        steps: optimizer steps on each rung.

    Returns:
        RangeTest, whose answer is an interval.

    Raises:
        ValueError: seeds or steps below 1, growth not above 1, or lowest not above 0 and below highest.
        SetupError: the model and the loss do not fit, or there is no parameter to train.

    Source:
        Smith 2017, "Cyclical learning rates for training neural networks", section 3.3 (the test); the interval and
        its rules are ours.

    >>> from torch import nn
    >>> net = nn.Linear(2, 1, bias=False)
    >>> x = torch.eye(2).repeat(8, 1)
    >>> one = Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.5), (x, x[:, :1]), batch_size=None)
    >>> low, high = range_test(one).interval
    >>> 1.0 <= low <= 2.0 < high < 10
    True
    """
    point = setup if isinstance(setup, Point) else at(setup, sample=SAMPLE)
    own = point.lr or 1.0
    lowest = LOWEST * own if lowest is None else lowest
    highest = HIGHEST * own if highest is None else highest
    if seeds < 1 or steps < 1 or not growth > 1 or not 0 < lowest < highest:
        raise ValueError(
            f"Got seeds={seeds}, steps={steps}, growth={growth:g}, lowest={lowest:g} and highest={highest:g}; need at "
            "least 1 seed and 1 step, a growth above 1 and 0 < lowest < highest."
        )
    rungs = math.floor(math.log(highest / lowest) / math.log(growth)) + 1
    lrs = lowest * growth ** np.arange(rungs)
    x, y = (t.to(point.setup.device) for t in point.setup.batches.sample(SAMPLE))
    start = _loss(point, x, y)
    losses = np.full((seeds, rungs), np.nan)
    decreased, diverged = [], []
    for seed in range(seeds):
        fell, flew = _one(point, seed, lrs, steps, (x, y), start, losses[seed])
        decreased.append(fell)
        diverged.append(flew)
    reached = min(int(np.isfinite(losses).sum(1).max()) + 1, rungs)
    return RangeTest(tuple(decreased), tuple(diverged), lrs[:reached], losses[:, :reached], start, point.lr, steps)


def _one(
    point: Point,
    seed: int,
    lrs: np.ndarray,
    steps: int,
    sample: tuple[torch.Tensor, torch.Tensor],
    start: float,
    losses: np.ndarray,
) -> tuple[float, float]:
    fell = 0.0
    for rung, lr in enumerate(lrs.tolist()):
        own = point.again()
        own.set_lr(lr)
        with random_state_kept():
            seed_everything(seed)
            own.setup.model.train()
            for x, y in itertools.islice(batches_of(own.setup.batches, seed), steps):
                _step(own, x.to(own.setup.device), y.to(own.setup.device))
        value = _loss(own, *sample)
        if not math.isfinite(value) or value - start > (FAR - 1) * abs(start):
            return fell, lr
        losses[rung] = value
        if value < start:
            fell = lr
    return fell, math.inf


def _step(point: Point, x: torch.Tensor, y: torch.Tensor) -> None:
    setup = point.setup

    def closure() -> torch.Tensor:
        setup.optimizer.zero_grad()
        loss = evaluate(setup.loss_fn, forward(setup.model, x), y)
        if loss.requires_grad:
            loss.backward()
        return loss

    closure()
    step(setup.optimizer, closure)


def _loss(point: Point, x: torch.Tensor, y: torch.Tensor) -> float:
    with point.measuring(), torch.no_grad():
        return float(point.loss(x, y))
