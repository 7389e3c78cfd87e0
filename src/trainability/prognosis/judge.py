"""What the doctor's rules can say before training, and what they would say if training failed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from trainability.doctor import rules
from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, RunReading
from trainability.prognosis.first_step import FirstStep

OVERSHOT = 0.5
"""Where the loss along the first step is lowest before half of it, a run that fails is taken to diverge."""


def certain(readings: Readings) -> tuple[Finding, ...]:
    """The findings that hold whatever a run will do, the strongest first.

    A rule is asked twice, with a run that trains and with one that stalls; it is certain where it speaks both times.
    What the two answers do not share (numbers of runs that were never made) is left out.

    Args:
        readings: with one run that holds the loss at the start, the best constant answer's and the target.

    Returns:
        Findings.

    Example:
        >>> from trainability.doctor.readings import OptimizerReading
        >>> [f.cause for f in certain(Readings(optimizer=OptimizerReading(lrs=(0.0,))))]
        ['lr-zero']
    """
    good, bad = (_by_cause(rules.judge(_with(readings, run))) for run in (_trained(readings), _stalled(readings)))
    return tuple(_shared(found, bad[cause]) for cause, found in good.items() if cause in bad)


def suspected(readings: Readings, step: FirstStep) -> tuple[Finding, ...]:
    """The findings there would be if the runs failed, without those that are certain, the strongest first.

    Args:
        readings: as in `certain`.
        step: tells in which way the runs would fail: one that overshoots diverges, any other stalls.

    Returns:
        Findings, each a warning.
    """
    known = {f.cause for f in certain(readings)}
    multiple, _ = step.best
    overshoots = multiple < OVERSHOT or not step.after <= step.loss
    stalled = _stalled(readings)
    other = replace(stalled, end_loss=0.99 * stalled.end_loss, score=0.99 * stalled.score)
    if overshoots:
        fates: tuple[tuple[RunReading, ...], ...] = (
            (_diverged(readings, 1e30),),
            (_diverged(readings, 1e31), _diverged(readings, 1e32), other),
        )
    else:
        fates = (stalled,), (other, other, other, _diverged(readings, 1e31))
    one, two = (_by_cause(rules.judge(_with(readings, *runs))) for runs in fates)
    found = (_shared(f, two[cause]) for cause, f in one.items() if cause in two and cause not in known)
    return tuple(replace(f, severity="warning") for f in found)


def unseen(readings: Readings) -> tuple[Finding, ...]:
    """The findings there would be if a run learned its training data and failed on its validation data, and only then.

    Args:
        readings: as in `certain`.

    Returns:
        Findings, each a warning; none without validation data.
    """
    if readings.split is None:
        return ()
    trained = _trained(readings)
    other = {f.cause for run in (trained, _stalled(readings)) for f in rules.judge(_with(readings, run))}
    lost = (replace(trained, validation_loss=c + 1, validation_constant_loss=c) for c in (1.0, 2.0))
    one, two = (_by_cause(rules.judge(_with(readings, run))) for run in lost)
    found = (_shared(f, two[cause]) for cause, f in one.items() if cause in two and cause not in other)
    return tuple(replace(f, severity="warning") for f in found)


def _with(readings: Readings, *runs: RunReading) -> Readings:
    return replace(readings, runs=runs, cut=False)


def _reference(run: RunReading) -> float:
    known = [x for x in (run.start_loss, run.constant_loss) if math.isfinite(x)]
    return min(known, default=1.0)


def _trained(readings: Readings) -> RunReading:
    run = readings.runs[0]
    end = min(run.target, _reference(run)) if math.isfinite(run.target) else _reference(run)
    end -= 0.5 * abs(end)
    return replace(run, outcome="trained", end_loss=end, best_loss=end, score=1.0, validation_loss=math.nan, keeps=True)


def _stalled(readings: Readings) -> RunReading:
    run = readings.runs[0]
    end = max(_reference(run), run.start_loss) if math.isfinite(run.start_loss) else _reference(run)
    return replace(
        run,
        outcome="stalled",
        end_loss=end,
        best_loss=end,
        score=run.constant_score,
        late_slope=0.0,
        validation_loss=math.nan,
    )


def _diverged(readings: Readings, peak: float) -> RunReading:
    return replace(readings.runs[0], outcome="diverged", end_loss=peak, peak_loss=peak, score=math.nan)


def _by_cause(found: Iterable[Finding]) -> dict[str, Finding]:
    return {f.cause: f for f in found}


def _shared(one: Finding, two: Finding) -> Finding:
    """What two answers of one rule have in common; where sentences rest on runs, the rule's own page and what to try."""
    same = {k: v for k, v in one.evidence.items() if k in two.evidence and _same(v, two.evidence[k])}
    rule = rules.ALL[one.cause]
    page = f"{rule.title}. {rule.why} {rule.not_meant} {_to_try(one) if _to_try(one) == _to_try(two) else ''}".strip()
    says = one.says if one.says == two.says else page
    return replace(one, evidence=same, says=says)


def _to_try(found: Finding) -> str:
    """What a finding says last: all that is behind what it does not mean, or the last sentence."""
    before, denies, behind = found.says.partition(" does not mean ")
    return behind.partition(". ")[2] if denies else before.rpartition(". ")[2]


def _same(a: object, b: object) -> bool:
    return a == b or (a != a and b != b)
