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
    split_reading,
)
from trainability.doctor.probes.output import output_reading
from trainability.doctor.readings import CurvatureReading, LossReading, Readings, RunReading, Snapshot
from trainability.errors import SetupError, TrainabilityError
from trainability.forecast import MAX_INPUTS
from trainability.forecast.predict import one_pass
from trainability.forecast.trainable_depth import trainable_depth
from trainability.initializers import initialize
from trainability.measures.sharpness import sharpness
from trainability.prognosis.difficulty import Difficulty, difficulty
from trainability.prognosis.first_step import FirstStep, first_step
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward, penalty
from trainability.setup.finite import with_finite_data
from trainability.setup.large import is_large
from trainability.setup.score import constant_score
from trainability.setup.untouched import random_state_kept, seed_everything, untouched

PRODUCTS = 10
FEW = 4
"""Inputs of a large model for what is compared by orders of magnitude: He's weights, and theory's depth."""
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
    _check_options(setup)
    data = data_reading(setup.batches, setup.task)
    sound = with_finite_data(setup, fill=True) if data.nonfinite_inputs or data.nonfinite_targets else setup
    facts, family = sound.facts, sound.facts.family
    copy = sound.clone()
    large = is_large(copy.model)
    x, y = (t.to(copy.device) for t in copy.batches.sample(sample_size(copy)))
    start = snapshot(copy, x, y)
    curve = _curvature(copy) if curvature and not large else None
    step = first_step(copy)
    updated = tuple(replace(w, update=step.updates.get(w.name, w.update)) for w in start.weights)
    readings = Readings(
        task=facts.task,
        data=data if setup.task == facts.task else data_reading(setup.batches, facts.task),
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
        healthy=_healthy_answers(sound) if large else healthy_start(sound, sample_size(copy)),
        curvature=curve,
        response=response(sound),
        motion=None,
        labels=label_reading(sound, (), ask=False),
        capacity=capacity_reading(sound),
        loop=loop_reading(sound),
        split=split_reading(sound),
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
    depths = _depths(copy, x[: FEW if large else MAX_INPUTS])
    return Measured(readings, step, *depths, hard, _normalised(copy.model), _weights(copy))


def _check_options(setup: Setup) -> None:
    for group in setup.optimizer.param_groups:
        text = next((k for k in ("lr", "momentum", "weight_decay") if isinstance(group.get(k), str)), None)
        if text is not None:
            raise SetupError(
                f"the optimizer's {text} is the text {group[text]!r}; needed is a number, for example "
                f"{text}=float({group[text]!r}). Values from a file or the command line come as text."
            )


def _healthy_answers(setup: Setup) -> Snapshot | None:
    """The answers alone that a large network gives with He's weights: a few inputs, no pass back."""
    twin = setup.clone()
    try:
        initialize(twin.model, "he_normal", generator=torch.Generator().manual_seed(0))
        with torch.no_grad(), random_state_kept():
            seed_everything(0)
            output = forward(twin.model.train(), twin.batches.sample(FEW)[0].to(twin.device))
    except TrainabilityError:
        return None
    return Snapshot(output=output_reading(output, None, 0, [], twin.facts))


def sample_size(setup: Setup) -> int:
    """Inputs that the probes look at: fewer for a large model, where they cost the most."""
    few = min(max(setup.batches.batch_size, 16), PROBE_SAMPLE)
    return few if is_large(setup.model) else PROBE_SAMPLE


def _weights(setup: Setup) -> int:
    return sum(p.numel() for p in setup.model.parameters() if p.requires_grad)


def _depths(copy: Setup, x: Tensor) -> tuple[int, float | None]:
    """Layers, and how many of them the signal survives by theory, which has nothing to say of some."""
    if is_large(copy.model) and any(isinstance(m, torch.nn.Embedding) or _is_norm(m) for m in copy.model.modules()):
        return 1, None
    try:
        with untouched(copy.model):
            seed_everything(0)
            nodes = one_pass(copy.model, ((x,), {}), len(x))
            return sum(n.kind in ("linear", "convolution") for n in nodes), trainable_depth(nodes)
    except (TrainabilityError, RuntimeError, ValueError):  # a model outside theory is still a model
        return 1, None


def _normalised(model: torch.nn.Module) -> bool:
    return any(map(_is_norm, model.modules()))


def _is_norm(module: torch.nn.Module) -> bool:
    return "Norm" in type(module).__name__


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
