"""From measurements to the numbers that the probability is made of: two dozen before training, a dozen more after it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

import numpy as np

from trainability.doctor.readings import LayerReading, Snapshot
from trainability.doctor.rules._weights import scale_over_he
from trainability.prognosis.judge import certain
from trainability.prognosis.measure import Measured
from trainability.prognosis.window import Window

NAN = math.nan
FLOOR, CEILING = -12.0, 12.0
"""Decimal logarithms are kept within these; beyond, one more decade says nothing new."""


def log(value: float) -> float:
    """log10 of a size, kept within bounds; nan for what is none.

    Example:
        >>> log(100.0), log(0.0), log(math.inf)
        (2.0, -12.0, 12.0)
    """
    if value != value or value < 0:
        return NAN
    if value == 0:
        return FLOOR
    return min(max(math.log10(value), FLOOR), CEILING) if value < math.inf else CEILING


def ratio(a: float, b: float) -> float:
    """log10 of a / b; nan where that has no meaning."""
    if not (a >= 0 and b >= 0) or (a == 0 and b == 0):
        return NAN
    return log(a / b) if b > 0 and math.isfinite(a / b) else CEILING


def before_training(m: Measured, budget: int) -> dict[str, float]:
    """What is known before the first step.

    Args:
        m: measurements.
        budget: optimizer steps.

    Returns:
        Name -> number; nan where it is not known.
    """
    r, step = m.readings, m.step
    opt, out, data = r.optimizer, r.start.output, r.data
    reference = _lowest(step.start_loss, step.constant_loss)
    open_ = step.loss - step.target if math.isfinite(step.target) else abs(step.loss)
    inertia = 1 / max(1 - opt.momentum, 1e-3) if not opt.adaptive else 1.0
    multiple, lowest = step.best
    updates = [w.update for w in r.start.weights if w.is_matrix and w.update == w.update]
    middle = statistics.median(updates) if updates else NAN
    layers, acts = r.start.of("weight"), r.start.of("activation")
    hidden = [a for a in acts if a.name != out.path]
    classify = r.task != "regression"
    size = math.hypot(data.target_mean, data.target_std)
    return {
        # the step
        "lr over stable lr": ratio(opt.lr, r.stable_lr) if opt.adaptive is False else NAN,
        "best multiple of the step": log(multiple) if multiple else -5.0,
        "decrease at the best multiple": log(max((step.loss - lowest) / abs(step.loss), 0.0)) if step.loss else NAN,
        "kept promise": _kept(step.loss - step.after, step.promised),
        "promised decrease over what is open": ratio(max(step.promised, 0.0) * inertia * budget, max(open_, 0.0)),
        "promised decrease of one step": ratio(max(step.promised, 0.0) * inertia, max(open_, 0.0)),
        "relative update": log(middle),
        "relative reach": log(middle * inertia * budget),
        "largest relative update": log(max(updates, default=NAN)),
        "agreement of gradients": step.agreement,
        "weight decay over the budget": log(opt.lr * opt.weight_decay * budget * inertia),
        "momentum": opt.momentum if not opt.adaptive else NAN,
        "adaptive": float(bool(opt.adaptive)),
        # the network
        "signal through the layers": ratio(layers[-1].signal, layers[0].signal) if len(layers) > 1 else 0.0,
        "gradient through the layers": _across(layers),
        "signal behind the hidden layers": log(hidden[-1].signal) if hidden else NAN,
        "share across inputs": _last(hidden).share_across_inputs if hidden else NAN,
        "largest dead share": max((a.dead for a in acts if a.dead == a.dead), default=0.0),
        "largest saturated share": max((a.saturated for a in hidden if a.saturated == a.saturated), default=0.0),
        "mean saturated share": _mean(a.saturated for a in hidden if a.saturated == a.saturated),
        "weights over He's": log(scale_over_he(r.start)),
        "equal units": max((w.identical_rows for w in r.start.weights if w.is_matrix), default=0.0),
        "depth": math.log10(max(len(layers), 1)),
        "narrowest layer": math.log10(max(min((x.units for x in layers[:-1]), default=1), 1)),
        "normalised": float(m.normalised),
        "depth over trainable depth": _depth(m),
        # the output and the loss
        "output spread": log(out.spread),
        "output spread over targets'": ratio(out.spread, data.target_std) if not classify else log(out.spread),
        "logit rms": log(out.rms),
        "top-2 gap": log(out.top2_gap),
        "squashed output": float(out.activation in ("softmax", "sigmoid", "tanh", "relu")),
        "logits expected": float(r.loss.family in ("cross-entropy", "bce-with-logits")),
        "gradient at the output": log(out.gradient),
        "start over constant": ratio(step.start_loss, step.constant_loss),
        "target over lowest reference": ratio(max(step.target, 0.0), reference),
        "spread of losses": log(step.spread),
        "broadcasts": float(r.loss.broadcasts),
        "factor": r.loss.factor if math.isfinite(r.loss.factor) else NAN,
        # the data and the budget
        "explained by a line": m.difficulty.line,
        "explained by a line, held out": m.difficulty.held_line,
        "explained by neighbours": m.difficulty.neighbours,
        "input rms": log(data.input_rms) if not data.integer_inputs else NAN,
        "feature rms, highest over lowest": ratio(data.feature_rms_high, data.feature_rms_low),
        "feature offset": log(data.feature_offset),
        "target size": log(size) if not classify else NAN,
        "target offset": ratio(abs(data.target_mean), data.target_std) if not classify else NAN,
        "classes": float(data.classes),
        "features": math.log10(max(data.features, 1)),
        "samples": math.log10(max(data.n, 1)) if data.n > 0 else NAN,
        "batch size": math.log10(max(opt.batch_size, 1)),
        "steps": math.log10(max(budget, 1)),
        "epochs": math.log10(max(budget * opt.batch_size / data.n, 1e-3)) if data.n > 0 else NAN,
        "weights": math.log10(max(m.weights, 1)),
        "weights over samples": math.log10(max(m.weights, 1) / data.n) if data.n > 0 else NAN,
    }


def after_first_steps(window: Window, start_loss: float, constant_loss: float, target: float) -> dict[str, float]:
    """What the first steps add.

    Args:
        window: losses and movement.
        start_loss, constant_loss, target: L0, Lc and the loss to reach.

    Returns:
        Name -> number; nan where it is not known.
    """
    k = len(window.losses)
    reference = _lowest(start_loss, constant_loss)
    finite = window.losses[np.isfinite(window.losses)]
    if window.lost or not len(finite) or not (reference > 0 and math.isfinite(reference)):
        sign = CEILING if window.lost else NAN
        known = dict.fromkeys(_WINDOW, NAN)
        return known | {"lost": float(window.lost), "end over reference": sign, "share seen": log(window.share)}
    parts = [part.mean() for part in np.array_split(window.losses, min(10, k))]
    end, middle = float(np.mean(parts[-2:])), float(np.mean(parts[len(parts) // 2 - 1 : len(parts) // 2 + 1]))
    early = float(np.mean(parts[: max(len(parts) // 5, 1)]))
    tail = window.losses[k // 2 :]
    # loss ~ t^-slope through the middle and the end of the window, and loss ~ exp(-rate t)
    away = ratio(end, target) if target > 0 else NAN
    fall = ratio(end, middle) if middle > 0 and end > 0 else NAN
    n = len(parts)
    at_middle, at_end = (n // 2) / n, (n - 1) / n  # the parts' own middles, as shares of the window
    slope = fall / math.log10(at_end / at_middle) if k >= 4 else NAN
    late = max(start_loss - end, 0.0) / max(start_loss - target, 1e-300) if math.isfinite(target) else NAN
    return {
        "lost": 0.0,
        "end over reference": ratio(end, reference),
        "end over start": ratio(end, start_loss),
        "end over target": away,
        "lowest over target": ratio(max(float(min(parts)), 0.0), target) if target > 0 else NAN,
        "peak over start": ratio(float(window.losses.max()), start_loss),
        "late fall": fall,
        "late fall over noise": _over_noise(tail),
        "forecast by a power law": away - slope * math.log10(at_end * window.share) if k >= 4 else NAN,
        "forecast by a straight line": (
            _line((middle, at_middle), (end, at_end), window.share, reference, target) if k >= 4 else NAN
        ),
        "share of the way": min(late, 10.0) if late == late else NAN,
        "early fall": ratio(early, start_loss),
        "noise of the losses": log(float(tail.std()) / abs(float(tail.mean()))) if tail.mean() else NAN,
        "movement": log(window.movement),
        "share seen": log(window.share),
    }


_WINDOW = (
    "lost", "end over reference", "end over start", "end over target", "lowest over target", "peak over start",
    "late fall", "late fall over noise", "forecast by a power law", "forecast by a straight line", "share of the way",
    "early fall", "noise of the losses", "movement", "share seen",
)  # fmt: skip


def _line(
    middle: tuple[float, float], end: tuple[float, float], share: float, reference: float, target: float
) -> float:
    """What a straight line through (loss, place in the window) twice leaves at the budget's end, in references."""
    if not math.isfinite(target):
        return NAN
    slope = (end[0] - middle[0]) / (end[1] - middle[1])
    ahead = end[0] + slope * (1 / max(share, 1e-6) - end[1])
    return min(max((ahead - target) / reference, -100.0), 100.0)


def _over_noise(tail: np.ndarray) -> float:
    """Slope of the last half of the losses over its standard error."""
    n = len(tail)
    if n < 4:
        return NAN
    t = np.arange(n) - (n - 1) / 2
    slope = float((t * tail).sum() / (t * t).sum())
    left = tail - tail.mean() - slope * t
    error = math.sqrt(float((left * left).sum()) / max(n - 2, 1) / float((t * t).sum()))
    return min(max(slope / error, -100.0), 100.0) if error > 0 else (0.0 if slope == 0 else math.copysign(100.0, slope))


def _lowest(start: float, constant: float) -> float:
    known = [x for x in (start, constant) if math.isfinite(x) and x != 0]
    return min(known, default=NAN)


def _kept(decrease: float, promised: float) -> float:
    """Share of the promised decrease that came, within [-10, 2]."""
    if not math.isfinite(promised) or promised <= 0:
        return NAN
    if not math.isfinite(decrease):
        return -10.0
    return min(max(decrease / promised, -10.0), 2.0)


def _across(layers: Sequence[LayerReading]) -> float:
    known = [x.gradient for x in layers if x.gradient == x.gradient]
    return ratio(known[0], known[-1]) if len(known) > 1 else 0.0


def _depth(m: Measured) -> float:
    return NAN if m.trainable_depth is None else ratio(float(max(m.depth, 1)), m.trainable_depth)


def _last(layers: Sequence[LayerReading]) -> LayerReading:
    return layers[-1]


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else 0.0


def numbers(m: Measured, budget: int, window: Window | None = None) -> dict[str, float]:
    """All that the probability is made of.

    Args:
        m: measurements.
        budget: optimizer steps.
        window: the first steps; None where none were taken.

    Returns:
        Name -> number; nan where it is not known.
    """
    found = before_training(m, budget)
    found["critical findings"] = float(sum(f.severity == "critical" for f in certain(m.readings)))
    if window is not None:
        step = m.step
        found |= after_first_steps(window, step.start_loss, step.constant_loss, step.target)
        found |= _at_the_end(m, window.end, budget - len(window.losses))
    return found


def _at_the_end(m: Measured, end: Snapshot | None, left: int) -> dict[str, float]:
    """What the probes see after the first steps, beside the start."""
    start = m.readings.start
    if end is None:
        return dict.fromkeys(_END, NAN)
    hidden = [a for a in end.of("activation") if a.name != end.output.path]
    layers = end.of("weight")
    found = (
        ratio(end.gradient_norm, start.gradient_norm),
        ratio(end.output.spread, start.output.spread),
        ratio(end.output.spread, m.readings.data.target_std)
        if m.readings.task == "regression"
        else log(end.output.spread),
        max((a.dead for a in end.of("activation") if a.dead == a.dead), default=0.0),
        max((a.saturated for a in hidden if a.saturated == a.saturated), default=0.0),
        end.output.same_class,
        _across(layers),
        ratio(end.loss, m.step.target),
        ratio(end.loss, _lowest(m.step.start_loss, m.step.constant_loss)),
        ratio(_promised(m, end) * left, max(end.loss - m.step.target, 0.0)),
    )
    return dict(zip(_END, found, strict=True))


_END = (
    "gradient then over the start's", "output spread then over the start's", "output spread then",
    "largest dead share then", "largest saturated share then", "share of one class then", "gradient through the layers then",
    "sample's loss then over target", "sample's loss then over reference", "promised decrease then over what is open",
)  # fmt: skip


def _promised(m: Measured, end: Snapshot) -> float:
    """The decrease that one step promises later: like the gradient's square, or its size where steps are normalised."""
    opt, start = m.readings.optimizer, m.readings.start.gradient_norm
    if not start > 0:
        return NAN
    inertia = 1.0 if opt.adaptive else 1 / max(1 - opt.momentum, 1e-3)
    grown = end.gradient_norm / start
    return max(m.step.promised, 0.0) * inertia * (grown if opt.adaptive else grown * grown)
