"""Measure, judge, change, prove: from a Setup to a Diagnosis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from trainability.doctor import rules
from trainability.doctor.bench import Bench, Progress
from trainability.doctor.diagnosis import Diagnosis
from trainability.doctor.examine import Examination, healthy_start, run_reading
from trainability.doctor.finding import Finding
from trainability.doctor.probes import data_reading, optimizer_reading
from trainability.doctor.readings import LossReading, Readings
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.search import Search
from trainability.doctor.verdict import verdict
from trainability.errors import SetupError
from trainability.setup import Run, Setup, as_setup
from trainability.setup.finite import with_finite_data
from trainability.setup.untouched import untouched


def diagnose(
    setup: Setup | Callable[[], Setup],
    *,
    seeds: int = 5,
    steps: int | None = None,
    max_seconds: float | None = 90.0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Say whether a Setup trains, why not, and which change makes it train, proved by training with it.

    The Setup is trained on its weights as given and on `seeds` fresh ones, with probes along the way; rules judge the
    readings; every change that a finding suggests is tried on one seed of its own, and those that work there are
    verified on the fresh seeds, next to the unchanged Setup, with the same data order and budget.

    Args:
        setup: a Setup, or a function that builds one.
        seeds: fresh seeds per verification, from 1.
        steps: optimizer steps of each run; None for the Setup's whole budget.
        max_seconds: about how long all may take. Where the whole budget does not fit, every run is cut to the same
            fewer steps and the Diagnosis says so; None never cuts.
        workers: processes; None for one per core. Models on a GPU are trained in this process.
        progress: called as runs finish.

    Returns:
        Diagnosis.

    Raises:
        SetupError: the Setup cannot be trained as given, for a reason that is an error and not a finding.

    The model, its optimizer and the random state are left as they came, also when this raises.

    Example:
        >>> from trainability.problems import get
        >>> diagnose(get("digits-mlp"), seeds=1, steps=200).findings
        ()
    """
    if seeds < 1:
        raise SetupError(f"seeds is {seeds!r}; needed is a whole number from 1.")
    if steps is not None and steps < 1:
        raise SetupError(f"steps is {steps!r}; needed is a whole number from 1.")
    setup = as_setup(setup)
    with untouched(setup.model, setup.optimizer):
        return _diagnosis(
            setup,
            {
                "seeds": seeds,
                "steps": steps,
                "max_seconds": max_seconds,
                "workers": workers,
                "progress": progress,
            },
        )


def _diagnosis(setup: Setup, bench_options: dict[str, Any]) -> Diagnosis:
    sound = setup
    data = data_reading(setup.batches, None)
    if data.nonfinite_inputs or data.nonfinite_targets:
        sound = with_finite_data(setup, fill=True)
        setup.__dict__["facts"] = sound.facts
    facts = setup.facts
    bench = Bench(setup, sound, **bench_options)
    examination, baseline = bench.baseline()
    readings = _readings(setup, sound, bench, examination, baseline)
    findings = rules.judge(readings)
    proved: tuple[Remedy, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    if findings or readings.fails:
        proved, attempts = Search(bench, baseline).run(findings, readings)
        findings = _reordered(findings, proved) or _by_its_cure(proved)
    runs = (examination.run, *baseline)
    word, says = verdict(findings, runs, cut=bench.cut)
    return Diagnosis(
        name=setup.name or type(setup.model).__name__,
        task=facts.task,
        task_reason=facts.reason,
        verdict=word,
        says=says,
        findings=findings,
        remedies=proved,
        attempts=attempts,
        readings=readings,
        runs=runs,
        seeds=bench.seeds,
        steps=bench.steps,
        budget=bench.budget,
        seconds=bench.seconds,
    )


def _readings(setup: Setup, sound: Setup, bench: Bench, exam: Examination, baseline: Sequence[Run]) -> Readings:
    facts, family = setup.facts, setup.facts.family
    return Readings(
        task=facts.task,
        data=data_reading(setup.batches, facts.task),
        loss=LossReading(
            family=family.name,
            factor=family.factor,
            offset=family.offset,
            broadcasts=family.broadcasts,
            one_hot=family.one_hot,
            sums=family.sums,
            end_penalty=exam.end_penalty,
            differentiable=facts.differentiable,
            bounded=math.isfinite(exam.run.constant_loss),
            output_shape=tuple(facts.output.shape[1:]),
            target_shape=tuple(facts.target.shape[1:]),
        ),
        optimizer=optimizer_reading(setup, bench.steps),
        start=exam.start,
        early=exam.early,
        end=exam.end,
        healthy=healthy_start(sound),
        curvature=exam.curvature,
        cut=bench.cut,
        runs=tuple(run_reading(r, setup.batches.batch_size) for r in (exam.run, *baseline)),
    )


def _by_its_cure(proved: Sequence[Remedy]) -> tuple[Finding, ...]:
    """Where no rule saw a cause, the best remedy names one, with the proof as its evidence."""
    best = next((r for r in proved if len(r.answers) == 1), None)  # what answers much points at nothing
    if best is None:
        return ()
    share = best.verification
    cause = best.answers[0]
    return (
        Finding(
            cause=cause,
            where="found by its cure",
            evidence={
                "seeds that trained with the change": float(share.changed.successes),
                "seeds that trained without it": float(share.unchanged.successes),
                "seeds": float(share.changed.n),
                "change": best.summary,
            },
            says=(
                f"No reading shows a cause by itself. One change cures it ({best.summary}: {share}), which answers "
                f"{rules.ALL[cause].title.lower()}. It does not mean that this is the only way to see or to mend it."
            ),
            severity="warning",
            weight=20.0,
        ),
    )


def _reordered(findings: tuple[Finding, ...], proved: Sequence[Remedy]) -> tuple[Finding, ...]:
    """Causes whose own remedy worked move up, causes whose remedies all failed move down."""
    worked = [set(r.answers) for r in proved if "+" not in r.change.family]

    def weight(finding: Finding) -> float:
        own = [answers for answers in worked if finding.cause in answers]
        if own:
            return finding.weight + max(12.0 / len(answers) for answers in own)
        return finding.weight - (6.0 if worked else 0.0)

    return tuple(sorted((replace(f, weight=weight(f)) for f in findings), key=lambda f: -f.weight))
