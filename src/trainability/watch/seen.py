"""What the first batches and looks of a live run showed, as the doctor's own readings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from trainability.doctor.probes.data import data_reading
from trainability.doctor.probes.output import output_reading
from trainability.doctor.readings import (
    NAN,
    DataReading,
    LabelReading,
    LayerReading,
    LossReading,
    OptimizerReading,
    OutputReading,
    Readings,
    RunReading,
    Snapshot,
)
from trainability.setup.batches import TensorBatches
from trainability.setup.constant_answer import constant_answer, constant_loss
from trainability.setup.facts import Facts
from trainability.setup.finite import finite_rows
from trainability.setup.loss_family import Family, LossFamily, loss_family
from trainability.setup.output_form import output_form
from trainability.setup.task import infer_task
from trainability.setup.untouched import random_state_kept
from trainability.watch.batches import Answer, Batch, BatchProbe
from trainability.watch.between import Loss
from trainability.watch.first_weights import FirstWeights
from trainability.watch.state import State

DISTANCES = ("mse", "l1", "huber")
ROWS, SHARES = 16, 5  # targets, and targets per column of a class loss, from which a constant answer is judged
ABOUT_TARGETS = (
    "nonfinite_targets",
    "target_mean",
    "target_std",
    "target_low",
    "target_high",
    "classes",
    "largest_class",
)
SPREAD, FEW = 50, 64  # steps and samples over which labels are looked at before they are said to be all the same


@dataclass(frozen=True, eq=False)
class Seen:
    """What does not change any more once it was read.

    Args:
        data, labels, loss: as the doctor reads them; loss is None where the loss was not seen.
        facts: of the batches, None without a loss.
        constant: loss of the best constant answer, in units of what goes backward; nan where it is not known.
        task: "" where it could not be told.
        batch_size: inputs per batch.
    """

    data: DataReading
    labels: LabelReading = field(default_factory=lambda: LabelReading(distinct=0, numbers=0))  # none were seen
    loss: LossReading | None = None
    facts: Facts | None = None
    constant: float = NAN
    task: str = ""
    batch_size: int = 1


NOTHING = Seen(DataReading(integer_inputs=True))
"""Of a loop whose batches could not be seen."""


def seen(batches: Sequence[Batch], loss_fn: Loss | None, named: Family = "custom") -> Seen | None:
    """Read the batches that were kept.

    Args:
        batches: of a loop, at least one.
        loss_fn: what they were compared by; named: the family of the function that was called, for a loss whose values
            do not tell (cross-entropy over one output is 0).

    Returns:
        Seen; None where there is nothing to read.
    """
    inputs = _joined([b.inputs for b in batches])
    paired = [b for b in batches if b.output is not None and b.target is not None]
    output, target = _joined([b.output for b in paired]), _joined([b.target for b in paired])
    size = max((len(b.inputs) for b in batches if b.inputs is not None), default=1)
    if output is None or target is None or loss_fn is None:
        return None if inputs is None else Seen(_inputs(inputs), batch_size=size)
    with random_state_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = finite_rows(target) & finite_rows(output) if len(target) == len(output) else slice(None)
        o, y = output[kept], target[kept]
        if not len(o) or not len(y):
            return None if inputs is None else Seen(_both(inputs, target, None), batch_size=size)
        family = loss_family(loss_fn, o, y)
        family = replace(family, name=named) if family.name == "custom" else family
        task, reason = infer_task(o, y, family)
        facts = Facts(o, y, family, output_form(o), task, reason, differentiable=True, penalised=False)
        answer = constant_answer(loss_fn, o, y, family, facts.form)
        constant = constant_loss(loss_fn, answer, y)
    factors = {round(b.factor, 6) for b in paired}
    factor = factors.pop() if len(factors) == 1 else NAN
    loss = LossReading(
        family=family.name,
        factor=math.copysign(family.factor, family.factor * (factor if factor == factor else 1.0)),
        offset=family.offset,
        broadcasts=family.broadcasts,
        one_hot=family.one_hot,
        sums=family.sums,
        bounded=answer is not None,
        output_shape=tuple(o.shape[1:]),
        target_shape=tuple(y.shape[1:]),
    )
    data = _both(inputs, target, task) if inputs is not None else _targets(target, task)
    labels = LabelReading(
        several=_several(y, o)[0],
        none=_several(y, o)[1],
        columns=int(y[0].numel()),
        low=float(y.min()),
        high=float(y.max()),
        distinct=len(torch.unique(y)),
    )
    if batches[-1].step - batches[0].step < SPREAD or len(y) < FEW:
        data = replace(data, n=0)  # too few to say that all labels are the same
    return Seen(
        data,
        labels,
        loss,
        facts,
        _in_units(constant, answer, paired, y, family) * (factor if factor > 0 else NAN),
        task,
        size,
    )


def _in_units(constant: float, answer: Tensor | None, batches: Sequence[Batch], y: Tensor, family: LossFamily) -> float:
    """The constant answer's loss for a batch of the loop's size; nan where the batches are too few to tell.

    A class's share is fitted to the same few targets that judge it: C classes take (C - 1) / 2n off a cross-entropy.
    """
    columns = answer.numel() if answer is not None and family.name not in DISTANCES else 1
    enough = len(y) >= max(ROWS, SHARES * columns) and bool((y != y[:1]).any())
    if not enough or not math.isfinite(constant):
        return NAN
    size = sum(b.rows for b in batches) / len(batches) / len(y) if family.sums else 1.0
    return constant * size


def readings(
    s: State, known: Seen, probe: BatchProbe, first: Sequence[LayerReading], weights: FirstWeights | None
) -> Readings:
    """What rules may look at; a run that has had no trouble counts as one that trained.

    Args:
        s: the run now.
        known: what its batches showed.
        probe: its first and last answers.
        first: layers at the first look; weights: as they were drawn, read where the run is in trouble.

    Returns:
        Readings, with what a watch does not measure at the healthy defaults.
    """
    run = RunReading(
        outcome=s.outcome if s.trouble and s.outcome is not None else "trained",
        start_loss=s.start_loss,
        constant_loss=s.constant_loss,
        target=s.target,
        end_loss=s.recent_loss,
        best_loss=s.recent_loss,
        peak_loss=s.peak_loss,
        late_slope=s.trend,
        score=NAN,
        constant_score=NAN,
    )
    asked = weights if s.trouble else None
    start = Snapshot(
        step=0,
        loss=s.start_loss,
        gradient_norm=s.first.gradient_norm,
        layers=tuple(first),
        weights=asked.first(s) if asked else (),
        output=_answer(probe.first, known.facts),
    )
    end = None
    if probe.last is not None and probe.last is not probe.first:
        end = Snapshot(
            step=probe.last.step,
            loss=s.recent_loss,
            gradient_norm=s.last.gradient_norm,
            movement=asked.movement() if asked else NAN,
            layers=s.last.layers,
            weights=asked.now(s) if asked else (),
            output=_answer(probe.last, known.facts),
        )
    return Readings(
        task=known.task,
        data=known.data,
        loss=known.loss or LossReading(family="custom", factor=NAN),
        optimizer=_optimizer(s, known.batch_size),
        start=start,
        end=end,
        curvature=s.curvature,
        motion=None,
        runs=(run,),
        labels=known.labels,
    )


def _answer(answer: Answer | None, facts: Facts | None) -> OutputReading:
    if answer is None or facts is None:
        return OutputReading()
    return output_reading(answer.output, answer.ending, answer.calls, answer.gradient, facts)


def _optimizer(s: State, batch_size: int) -> OptimizerReading:
    return OptimizerReading(
        name=s.optimizer,
        lrs=(s.last.lr,),
        normalised=s.normalised,
        weight_decay=s.weight_decay,
        held=s.trainable - len(s.missing),
        missing=s.missing,
        foreign=s.foreign,
        trainable=s.trainable,
        batch_size=batch_size,
        steps=s.step,
    )


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    """Batches of one shape as one; those of another shape than the newest are left out."""
    given = [p for p in parts if p is not None and p.ndim]
    if not given:
        return None
    like = given[-1]
    return torch.cat([p for p in given if p.shape[1:] == like.shape[1:] and p.dtype == like.dtype]).cpu()


def _both(x: Tensor, y: Tensor, task: str | None) -> DataReading:
    if len(x) == len(y):
        return data_reading(TensorBatches(x, y, len(x)), task)
    on_targets = _targets(y, task)
    found = _inputs(x)
    return replace(found, **{name: getattr(on_targets, name) for name in ABOUT_TARGETS})


def _inputs(x: Tensor) -> DataReading:
    return data_reading(TensorBatches(x, torch.arange(len(x)).float(), len(x)), None)


def _targets(y: Tensor, task: str | None) -> DataReading:
    found = data_reading(TensorBatches(torch.arange(len(y)).long()[:, None], y, len(y)), task)
    taken = {name: getattr(found, name) for name in ("n", *ABOUT_TARGETS)}
    return replace(DataReading(integer_inputs=True), **taken)


def _several(y: Tensor, output: Tensor) -> tuple[float, float]:
    """Shares of rows of 0 and 1 with more than one 1, and with none."""
    if y.ndim != 2 or y.shape[1] < 2 or y.shape[1:] != output.shape[1:] or not bool(((y == 0) | (y == 1)).all()):
        return 0.0, 0.0
    count = y.double().sum(1)
    return float((count > 1).double().mean()), float((count == 0).double().mean())
