"""What a handful of forward and backward passes show of a Setup: the readings of the doctor, without runs."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from itertools import islice

import torch
from torch import Tensor

from trainability import optimizers
from trainability.doctor.examine import PROBE_SAMPLE, healthy_start
from trainability.doctor.probes import (
    capacity_reading,
    data_reading,
    label_reading,
    loop_reading,
    optimizer_reading,
    response,
    snapshot,
)
from trainability.doctor.readings import CurvatureReading, LossReading, Readings, RunReading
from trainability.errors import TrainabilityError
from trainability.forecast import MAX_INPUTS
from trainability.forecast.predict import one_pass
from trainability.forecast.trainable_depth import trainable_depth
from trainability.measures.sharpness import sharpness
from trainability.prognosis.difficulty import Difficulty, difficulty
from trainability.prognosis.first_step import LARGE, FirstStep, first_step
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward, penalty
from trainability.setup.finite import with_finite_data
from trainability.setup.score import constant_score
from trainability.setup.untouched import random_state_kept, seed_everything, untouched

PRODUCTS = 10
UNTRAINED = RunReading(outcome="learning", end_loss=math.nan, best_loss=math.nan, score=math.nan, late_slope=math.nan)


@dataclass(frozen=True)
class Measured:
    """What was measured before training.

    Args:
        readings: the doctor's, with a run of no steps that has not failed (`cut`).
        step: the first optimizer step on a private copy.
        depth: linear and convolution layers that theory met; trainable_depth: how deep such a chain may be; None where
            theory does not reach.
        difficulty: how hard the data are for learners that need no training.
        normalised: whether the model has normalisation layers.
        weights: number of trainable weights.
    """

    readings: Readings
    step: FirstStep
    depth: int = 1
    trainable_depth: float | None = None
    difficulty: Difficulty = field(default_factory=Difficulty)
    normalised: bool = False
    weights: int = 1000


def measure(setup: Setup, *, curvature: bool = True) -> Measured:
    """Measure a Setup without training it.

    Args:
        setup: stays as it is; inputs and targets that are not finite are counted and then left out.
        curvature: whether to measure the sharpness of one mini-batch, where the optimizer's rule has a limit.

    Returns:
        Measured.

    Raises:
        SetupError: the model and the loss do not fit.
    """
    data = data_reading(setup.batches, None)
    sound = with_finite_data(setup, fill=True) if data.nonfinite_inputs or data.nonfinite_targets else setup
    facts, family = sound.facts, sound.facts.family
    copy = sound.clone()
    weights = _weights(copy)
    x, y = (t.to(copy.device) for t in copy.batches.sample(sample_size(copy)))
    start = snapshot(copy, x, y)
    curve = _curvature(copy) if curvature and weights < LARGE else None
    step = first_step(copy)
    updated = tuple(replace(w, update=step.updates.get(w.name, w.update)) for w in start.weights)
    readings = Readings(
        task=facts.task,
        data=data_reading(setup.batches, facts.task),
        loss=LossReading(
            family=family.name,
            factor=family.factor,
            offset=family.offset,
            broadcasts=family.broadcasts,
            one_hot=family.one_hot,
            sums=family.sums,
            end_penalty=penalty(copy.loss_fn, facts),
            differentiable=facts.differentiable,
            bounded=math.isfinite(step.constant_loss),
            output_shape=tuple(facts.output.shape[1:]),
            target_shape=tuple(facts.target.shape[1:]),
        ),
        optimizer=optimizer_reading(setup, setup.steps),
        start=replace(start, weights=updated),
        healthy=healthy_start(sound, sample_size(copy)),
        curvature=curve,
        response=response(sound),
        motion=None,
        labels=label_reading(sound, (), ask=False),
        capacity=capacity_reading(sound),
        loop=loop_reading(sound),
        cut=True,
        runs=(
            replace(
                UNTRAINED, start_loss=step.start_loss, constant_loss=step.constant_loss, target=step.target,
                constant_score=constant_score(facts.target, facts.task),
                peak_loss=step.start_loss,
            ),
        ),
    )  # fmt: skip
    hard = difficulty(x, y, classes=facts.task == "multi-class")
    return Measured(readings, step, *_depths(copy, x[:MAX_INPUTS]), hard, _normalised(copy.model), weights)


def sample_size(setup: Setup) -> int:
    """Inputs that the probes look at: fewer for a large model, where they cost the most."""
    few = min(max(setup.batches.batch_size, 16), PROBE_SAMPLE)
    return PROBE_SAMPLE if _weights(setup) < LARGE else few


def _weights(setup: Setup) -> int:
    return sum(p.numel() for p in setup.model.parameters() if p.requires_grad)


def _depths(copy: Setup, x: Tensor) -> tuple[int, float | None]:
    """Layers, and how many of them the signal survives by theory."""
    try:
        with untouched(copy.model):
            seed_everything(0)
            nodes = one_pass(copy.model, ((x,), {}), len(x))
            return sum(n.kind in ("linear", "convolution") for n in nodes), trainable_depth(nodes)
    except (TrainabilityError, RuntimeError, ValueError):  # a model outside theory is still a model
        return 1, None


def _normalised(model: torch.nn.Module) -> bool:
    return any("Norm" in type(module).__name__ for module in model.modules())


def _curvature(copy: Setup) -> CurvatureReading | None:
    """The sharpness of the first mini-batch's loss and the lr it allows; None for a rule that rescales or is unknown."""
    rule = optimizers.of(copy.optimizer)
    parameters = [p for group in copy.optimizer.param_groups for p in group["params"] if p.requires_grad]
    if rule is None or not parameters or optimizer_reading(copy, 1).adaptive is not False:
        return None
    x, y = next(islice(steps(copy.batches, 0), 1))
    buffers = [(b, b.clone()) for b in copy.model.buffers()]

    def loss() -> Tensor:
        seed_everything(0)
        return evaluate(copy.loss_fn, forward(copy.model, x.to(copy.device)), y.to(copy.device))

    try:
        with random_state_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            copy.model.train()
            top = sharpness(loss, parameters, max_steps=PRODUCTS, tol=0.05, generator=torch.Generator().manual_seed(0))
    except (RuntimeError, ValueError, TrainabilityError):  # no second derivative, or a loss that is not finite
        return None
    finally:
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
    limit = float(rule.stable_lr(top.value)) if top.value > 0 and math.isfinite(top.value) else math.inf
    return CurvatureReading(
        sharpness=top.value,
        batch_sharpness=top.value,
        residual=abs(top.residual) / max(abs(top.value), 1e-300),
        converged=top.converged,
        stable_lr=limit,
        batch_stable_lr=limit,
    )
