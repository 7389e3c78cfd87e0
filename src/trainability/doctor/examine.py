"""The run under examination: the Setup as given, trained on a private copy with probes along the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.probes import MotionProbe, ScheduleProbe, averages_reading, curvature, pull_reading, snapshot
from trainability.doctor.readings import (
    AveragesReading,
    CurvatureReading,
    MotionReading,
    PullReading,
    RunReading,
    ScheduleReading,
    Snapshot,
)
from trainability.errors import TrainabilityError
from trainability.initializers import initialize
from trainability.setup import Run, Setup
from trainability.setup.constant_answer import WIDE
from trainability.setup.facts import SAMPLE, penalty
from trainability.setup.train import predict

PROBE_SAMPLE = 512
EARLY = 0.1


@dataclass(frozen=True)
class Examination:
    """One run on the weights as given, what the probes read before, early and at the end, and what was left then.

    Args:
        end_penalty: what the loss adds for the weights alone.
        answers: of the trained model, to the inputs of `Setup.facts`.
        pull, end_pull: what the user's own step trains with, before and after.
    """

    run: Run
    start: Snapshot
    early: Snapshot | None
    end: Snapshot | None
    curvature: CurvatureReading | None
    motion: MotionReading | None
    end_penalty: float
    averages: AveragesReading | None = None
    schedule: ScheduleReading | None = None
    answers: Tensor | None = None
    pull: PullReading | None = None
    end_pull: PullReading | None = None


def examine(setup: Setup, steps: int, curvature_sample: int = 1024) -> Examination:
    """Train a private copy of `setup` and probe it before the first step, after a tenth at most, and at the end.

    Args:
        setup: stays as it is.
        steps: optimizer steps.
        curvature_sample: samples for the Hessian's eigenvalue.

    Returns:
        Examination. The first step's relative update of each weight is part of the start.
    """
    copy = setup.clone()
    pull = pull_reading(copy)
    x, y = (t.to(copy.device) for t in copy.batches.sample(PROBE_SAMPLE))
    first = {name: p.detach().clone() for name, p in copy.model.named_parameters()}
    early_at = min(max(int(EARLY * steps), 1), 500)
    taken: dict[int, Snapshot] = {}
    curve: list[CurvatureReading | None] = []
    updates: dict[str, float] = {}

    def probe(step: int) -> Callable[[], None]:
        def now() -> None:
            taken[step] = snapshot(copy, x, y, step=step, start=first)
            if not curve or curve[-1] is None:
                curve.append(curvature(copy, step=step, sample=curvature_sample))

        return now

    def after_first() -> None:
        for name, parameter in copy.model.named_parameters():
            before = first[name]
            size = float(before.double().norm())
            moved = float((parameter.detach().double() - before.double()).norm())
            updates[name] = moved / size if size else (float("inf") if moved else 0.0)

    def both() -> None:
        after_first()
        probe(1)()

    observe = {0: probe(0), 1: after_first, early_at: probe(early_at), steps: probe(steps)}
    if early_at == 1:
        observe[1] = both
    motion = MotionProbe(copy, steps)
    for at in motion.at:
        observe[at] = _after(observe.get(at), motion)
    lrs = ScheduleProbe(copy, steps)
    for at in lrs.at:
        observe[at] = _after(observe.get(at), lrs.look(at))
    run = copy.train(steps=steps, observe=observe)
    start = taken[0]
    weights = tuple(replace(w, update=updates.get(w.name, w.update)) for w in start.weights)
    return Examination(
        run=run,
        start=replace(start, weights=weights),
        early=taken.get(early_at),
        end=taken.get(steps),
        curvature=next((c for c in curve if c is not None), None),
        motion=motion.reading(),
        end_penalty=penalty(copy.loss_fn, copy.facts),
        averages=averages_reading(copy, run),
        schedule=lrs.reading(),
        answers=_answers(copy),
        pull=pull,
        end_pull=pull_reading(copy),
    )


def _answers(trained: Setup) -> Tensor | None:
    """What the trained model answers to the inputs of its facts; None where they cannot be had again."""
    wanted = trained.facts.output
    if wanted[0].numel() > WIDE:
        return None
    x = trained.batches.sample(SAMPLE)[0][: len(wanted)].to(trained.device)
    try:
        return predict(trained.model, x)
    except TrainabilityError:
        return None


def _after(first: Callable[[], None] | None, then: Callable[[], None]) -> Callable[[], None]:
    """Both, one after the other."""
    if first is None:
        return then
    before = first

    def both() -> None:
        before()
        then()

    return both


def healthy_start(setup: Setup, sample: int = PROBE_SAMPLE) -> Snapshot | None:
    """The start of the same network with He's weights, for comparison; None where they cannot be drawn.

    Args:
        setup: on finite data; stays as it is.
        sample: inputs of the pass.
    """
    twin = setup.clone()
    try:
        initialize(twin.model, "he_normal", generator=torch.Generator().manual_seed(0))
    except TrainabilityError:
        return None
    x, y = (t.to(twin.device) for t in twin.batches.sample(sample))
    return snapshot(twin, x, y)


def run_reading(run: Run, batch_size: int) -> RunReading:
    """Reduce a Run to what rules need.

    Args:
        run: any.
        batch_size: of its Setup; losses of batches below 16 are averaged before a peak is looked for.

    Returns:
        RunReading.
    """
    losses = run.losses
    smooth = _smooth(losses)
    third = max(len(smooth) // 3, 1)
    before, after = float(np.mean(smooth[-third:][: third // 3 + 1])), float(np.mean(smooth[-(third // 3 + 1) :]))
    fifth = _moving(losses[: max(len(losses) // 5, 1)], max(16 // batch_size, 1))
    return RunReading(
        outcome=run.outcome,
        start_loss=run.start_loss,
        constant_loss=run.constant_loss,
        target=run.target,
        end_loss=run.end_loss,
        best_loss=float(np.nanmin(smooth)) if np.isfinite(smooth).any() else float("nan"),
        peak_loss=float("inf") if not np.isfinite(fifth).all() else float(fifth.max()),
        late_slope=(after - before) / abs(before) if before else 0.0,
        score=run.score,
        constant_score=run.constant_score,
        validation_loss=run.validation_loss,
        validation_constant_loss=run.validation_constant_loss,
        validation_score=run.validation_score,
        keeps=run.keeps,
        answers_zero=run.answers_zero,
        validation_constant_score=run.validation_constant_score,
    )


def _smooth(losses: np.ndarray) -> np.ndarray:
    """Means over up to fifty equal parts of the run."""
    return np.array([part.mean() for part in np.array_split(losses, min(50, len(losses)))])


def _moving(losses: np.ndarray, width: int) -> np.ndarray:
    """Means over every `width` neighbours."""
    width = min(width, len(losses))
    return np.convolve(losses, np.ones(width) / width, mode="valid")
