"""Measure, judge, forecast: from a Setup to a Preflight, without training it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from trainability.doctor import rules
from trainability.doctor.examine import run_reading
from trainability.doctor.finding import Finding
from trainability.doctor.probes import scheduled_lrs, snapshot
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._own_loss import step_has_own_loss
from trainability.doctor.verdict import Verdict
from trainability.errors import SetupError
from trainability.prognosis.features import numbers
from trainability.prognosis.judge import certain, suspected, unseen
from trainability.prognosis.measure import Measured, measure, sample_size
from trainability.prognosis.model import Probability, probability
from trainability.prognosis.record import Preflight
from trainability.prognosis.window import SHARE, Window, as_a_batch, movement
from trainability.prognosis.words import said
from trainability.setup import Run, Setup, as_setup
from trainability.setup.untouched import untouched

SURE = 0.8
"""A probability this far up (or below 1 minus it), whose interval stays on its side of one half, is a verdict."""


def preflight(setup: Setup | Callable[[], Setup], *, steps: float | None = None) -> Preflight:
    """Say, before training, whether a Setup will train within its budget, with a calibrated probability.

    A few forward and backward passes on private copies: every layer's signal and gradient, one step of the Setup's own
    optimizer with the loss along it, the curvature of one mini-batch where the optimizer has a stability limit. The
    doctor's rules say what is wrong whatever a run will do, and what would be to blame if one failed. A model fitted on
    thousands of random setups turns the measurements into a probability with an interval.

    From five million weights on (`setup.large.WEIGHTS`) passes are saved, so that all of it costs about six forward and
    backward passes of one mini-batch: probes read one mini-batch, the step is read at whole decades as far as the loss
    falls, and curvature is left out.

    "Train" means the outcome "trained" of `Setup.train`: the loss reaches the target, by default half of what the best
    constant answer has. The verdict is "trains" or "will-not-train" where the probability is at least 0.8 that way and
    the interval does not cross one half; a critical finding allows no "trains". Everything else, and a setup that lies
    outside of those the model was fitted on, is "uncertain".

    Args:
        setup: a Setup, or a function that builds one.
        steps: first steps to take for a better probability: a number of steps, or a share of the budget below 1; at most
            a tenth of the budget, and one step at least. None takes none.

    Returns:
        Preflight.

    Raises:
        SetupError: the model and the loss do not fit, or `steps` is out of range.

    The model, its optimizer and the random state are left as they came, also when this raises.

    Example:
        >>> from trainability.problems import get
        >>> found = preflight(get("digits-mlp"), steps=0.1)
        >>> found.verdict, found.findings
        ('trains', ())
    """
    began = time.perf_counter()
    setup = as_setup(setup)
    count = first_steps(steps, setup.steps)
    with untouched(setup.model, setup.optimizer):
        found = measure(_risen(setup))
        readings, window = found.readings, None
        blocked = any(f.weight >= rules.DEFECT for f in certain(readings))
        if count and not blocked:
            window, readings = _watched(setup, readings, count)
    sure = certain(readings)
    if window is not None and window.lost:
        known = {f.cause for f in sure}
        sure = (*sure, *(f for f in rules.judge(readings) if f.cause not in known))
    chance = _chance(found, window, setup.steps, blocked)
    verdict, says = _verdict(chance, sure, window, setup.steps)
    if verdict == "trains" and window is None and _in_another_mode(readings):
        verdict, says = (
            "uncertain",
            (
                f"{says} But the step runs the model in eval mode, and the measurements were made in training mode, so the "
                "number does not hold for it. Call model.train() before the training pass, or take first steps."
            ),
        )
    suspects = () if verdict == "trains" or blocked else suspected(readings, found.step)
    if (sure or suspects) and not blocked and step_has_own_loss(setup):
        says += " The step computes its loss itself: write a change of the loss there, since another loss_fn changes nothing."
    return Preflight(
        name=setup.name or type(setup.model).__name__,
        task=readings.task,
        task_reason=setup.task_reason,
        verdict=verdict,
        probability=chance,
        says=says,
        findings=sure,
        suspects=_others((*suspects, *unseen(readings)), sure),
        readings=readings,
        step=found.step,
        window=window,
        budget=setup.steps,
        seconds=time.perf_counter() - began,
    )


def _risen(setup: Setup) -> Setup:
    """The Setup with the learning rates that a schedule in its step begins at 0 and raises; else the Setup itself."""
    lrs = scheduled_lrs(setup.optimizer)
    if setup.step is None or all(
        g.get("lr", 1.0) or not lr for g, lr in zip(setup.optimizer.param_groups, lrs, strict=True)
    ):
        return setup
    copy = setup.clone()
    for group, lr in zip(copy.optimizer.param_groups, lrs, strict=True):
        group["lr"] = lr
    return copy


def _in_another_mode(readings: Readings) -> bool:
    loop = readings.loop
    return loop is not None and loop.mode_matters and loop.evaluating >= 0.5


def first_steps(wanted: float | None, budget: int) -> int:
    """The number of first steps that is meant; 0 for none.

    Raises:
        SetupError: not above 0, more than a tenth of the budget, or no whole number.

    Example:
        >>> first_steps(0.1, 880), first_steps(20, 880), first_steps(None, 880), first_steps(0.1, 3)
        (88, 20, 0, 1)
    """
    if wanted is None:
        return 0
    most = max(round(SHARE * budget), 1)
    number = isinstance(wanted, (int, float)) and not isinstance(wanted, bool) and math.isfinite(wanted)
    count = max(round(wanted * budget), 1) if number and 0 < wanted < 1 else wanted
    if not number or wanted <= 0 or count != int(count) or count > most:
        raise SetupError(
            f"steps is {wanted!r}; needed is a whole number from 1 to {most} (a tenth of the budget of {budget} steps), a "
            "share of the budget up to 0.1, or None for no steps. To train for longer, use diagnose."
        )
    return int(count)


def _watched(setup: Setup, readings: Readings, count: int) -> tuple[Window, Readings]:
    """The first steps of a private copy, and the readings with the run so far in them."""
    copy = setup.clone()
    before = [p.detach().clone() for p in copy.model.parameters()]
    first = {name: p.detach().clone() for name, p in copy.model.named_parameters()}
    run: Run = copy.train(steps=count)
    moved = movement(before, list(copy.model.parameters()))
    x, y = (t.to(copy.device) for t in copy.batches.sample(sample_size(copy)))
    early = as_a_batch(snapshot(copy, x, y, step=count, start=first), copy, len(x))
    window = Window(run.losses, moved, setup.steps, early)
    seen = replace(run_reading(run, setup.batches.batch_size), outcome="diverged" if window.lost else "learning")
    return window, replace(readings, runs=(seen,), early=early)


def _chance(found: Measured, window: Window | None, budget: int, blocked: bool) -> Probability:
    if blocked:
        return Probability(0.0, 0.0, 0.0)
    return probability("before" if window is None else "after", numbers(found, budget, window))


def _verdict(
    chance: Probability, findings: tuple[Finding, ...], window: Window | None, budget: int
) -> tuple[Verdict, str]:
    critical = [f for f in findings if f.severity == "critical"]
    if any(f.weight >= rules.DEFECT for f in critical):
        return "will-not-train", "A defect keeps every step from working: see the first finding."
    seen = (
        f"The probability that it trains within {budget} steps is {chance.value:.0%} "
        f"({chance.low:.0%} to {chance.high:.0%})"
    )
    seen += ", by what was measured before training" if window is None else f", by its first {len(window.losses)} steps"
    if window is not None and window.lost:
        return "will-not-train", f"{seen}. The loss was not finite within the first {len(window.losses)} steps."
    if critical and chance.value < 0.5:
        return "will-not-train", f"{seen}, and a critical cause was found."
    if chance.outside:
        name, value, low, high = chance.outside[0]
        given, least, most = (said(name, v).rpartition(": ")[2] for v in (value, low, high))
        more = f" and {len(chance.outside) - 1} more" if len(chance.outside) > 1 else ""
        return "uncertain", (
            f"{seen}, but the setup lies outside of those this was fitted on ({said(name, value).rpartition(': ')[0] or name} "
            f"is {given}, met were {least} to {most}{more}): take the number with care, or ask diagnose, which trains."
        )
    if critical:
        return "uncertain", f"{seen}; but a critical cause was found."
    if chance.value >= SURE and chance.low >= 0.5:
        return "trains", f"{seen}."
    if chance.value <= 1 - SURE and chance.high <= 0.5:
        return "will-not-train", f"{seen}."
    return "uncertain", (
        f"{seen}: no verdict at that. First steps make it surer (steps=0.1 takes a tenth of the budget, which is the most), "
        "and diagnose trains it."
    )


def _others(suspects: tuple[Finding, ...], findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    known = {f.cause for f in findings}
    return tuple(f for f in suspects if f.cause not in known)
