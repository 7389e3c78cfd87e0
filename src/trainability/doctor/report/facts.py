"""The Setup as it was read, in rows of words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trainability.doctor.report.words import number, percent
from trainability.doctor.rules._rule import fmt

if TYPE_CHECKING:
    from trainability.doctor.diagnosis import Diagnosis
    from trainability.doctor.readings import CurvatureReading, Readings


def rows(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """What the Setup is, from task to budget.

    Args:
        diagnosis: any.

    Returns:
        (what, how it was read), in reading order.
    """
    r = diagnosis.readings
    found = [
        ("Task", f"{diagnosis.task} ({diagnosis.task_reason})"),
        ("Network", _network(r)),
        ("Loss", _loss(r)),
        ("Loss levels", _levels(diagnosis)),
        ("Optimizer", _optimizer(r)),
        ("Stable lr", _curvature(r.curvature)),
        ("Inputs", _inputs(r)),
        ("Targets", _targets(r)),
        ("Budget", _budget(diagnosis)),
        ("Seeds", f"the weights as given, then {', '.join(map(str, diagnosis.seeds))}"),
        ("Time taken", f"{diagnosis.seconds:.0f} s for the whole diagnosis"),
    ]
    return [(name, text) for name, text in found if text]


def _network(r: Readings) -> str:
    layers = len(r.start.of("weight"))
    columns = r.start.output.columns
    ending = f", ends with {r.start.output.activation}" if r.start.output.activation else ""
    return (
        f"{_many(layers, 'layer')} with weights, {_many(len(r.start.weights), 'parameter tensor')}, "
        f"{_many(columns, 'output')} per input{ending}"
    )


def _loss(r: Readings) -> str:
    loss = r.loss
    parts = [loss.family]
    if math.isfinite(loss.factor) and abs(loss.factor - 1) > 1e-3:
        parts[0] = f"{fmt(loss.factor)} × {loss.family}"
    if loss.one_hot:
        parts.append("on one-hot targets")
    if loss.sums:
        parts.append("summed over the batch")
    if loss.broadcasts:
        parts.append("compares every answer with every target")
    if loss.family == "custom":
        parts = ["of its own kind"]
    return ", ".join(parts)


def _levels(diagnosis: Diagnosis) -> str:
    if not diagnosis.runs:
        return ""
    run = diagnosis.runs[0]
    constant = fmt(run.constant_loss) if math.isfinite(run.constant_loss) else "unknown"
    target = fmt(run.target) if math.isfinite(run.target) else "none stated"
    return (
        f"at the start {fmt(run.start_loss)}, best constant answer {constant}, target {target}, "
        f"at the end {fmt(run.end_loss)}"
    )


def _optimizer(r: Readings) -> str:
    opt = r.optimizer
    rates = ", ".join(fmt(lr) for lr in dict.fromkeys(opt.lrs)) or "none"
    decay = f", weight decay {fmt(opt.weight_decay)}" if opt.weight_decay else ""
    size = f"batch size {opt.batch_size}" if opt.batch_size > 0 else "the batch size of the loader"
    return f"{opt.name}, lr {rates}, {size}{decay}, holds {opt.held} of {opt.trainable} trainable tensors"


def _curvature(curve: CurvatureReading | None) -> str:
    if curve is None:
        return "could not be measured for this optimizer or model"
    kind = "preconditioned Hessian" if curve.preconditioned else "Hessian"
    sure = "converged" if curve.converged else "not converged"
    return (
        f"{_limit(curve.stable_lr)} on the sample, {_limit(curve.batch_stable_lr)} on a mini-batch; the {kind}'s "
        f"largest eigenvalue at step {curve.step} is {fmt(curve.sharpness)} and {fmt(curve.batch_sharpness)} "
        f"(Lanczos {sure}, relative residual {fmt(curve.residual)})"
    )


def _limit(lr: float) -> str:
    return "no limit" if lr == math.inf else fmt(lr)


def _inputs(r: Readings) -> str:
    d = r.data
    count = f"{d.n} samples" if d.n >= 0 else "a stream of samples"
    broken = f"; {d.nonfinite_inputs} with a NaN or infinite value" if d.nonfinite_inputs else ""
    if d.integer_inputs:
        return f"{count} of {_many(d.features, 'index', 'indices')}{broken}"
    return (
        f"{count} of {_many(d.features, 'number')}; mean {fmt(d.input_mean)}, standard deviation {fmt(d.input_std)}, "
        f"rms by feature from {fmt(d.feature_rms_low)} to {fmt(d.feature_rms_high)}{broken}"
    )


def _targets(r: Readings) -> str:
    d = r.data
    broken = f"; {d.nonfinite_targets} with a NaN or infinite value" if d.nonfinite_targets else ""
    if d.classes:
        most = f", the most frequent {percent(d.largest_class)}" if math.isfinite(d.largest_class) else ""
        return f"{_many(d.classes, 'class', 'classes')}{most}{broken}"
    return (
        f"mean {fmt(d.target_mean)}, standard deviation {fmt(d.target_std)}, from {fmt(d.target_low)} to "
        f"{fmt(d.target_high)}{broken}"
    )


def _budget(diagnosis: Diagnosis) -> str:
    if diagnosis.steps < diagnosis.budget:
        return f"{diagnosis.steps} steps per run, cut from {diagnosis.budget} to save time"
    return f"{_many(diagnosis.steps, 'step')} per run, the whole budget"


def _many(count: int, one: str, more: str = "") -> str:
    return f"{number(float(count))} {one if count == 1 else more or one + 's'}"
