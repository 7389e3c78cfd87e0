"""Measure, judge, change, prove: from a Setup to a Diagnosis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from trainability.doctor import remedies, rules
from trainability.doctor.bench import Bench, Progress
from trainability.doctor.diagnosis import Diagnosis
from trainability.doctor.examine import Examination, healthy_start, run_reading
from trainability.doctor.finding import Finding
from trainability.doctor.here import SECONDS, Here, locate
from trainability.doctor.memory import on_cpu_when_full
from trainability.doctor.probes import (
    answers_reading,
    bias_reading,
    capacity_reading,
    data_reading,
    graph_reading,
    held_out_reading,
    label_reading,
    loop_reading,
    noise_reading,
    optimizer_reading,
    response,
    scheduled_lrs,
    sight,
    split_reading,
    values_reading,
)
from trainability.doctor.readings import LossReading, Readings
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.search import Search
from trainability.doctor.verdict import verdict
from trainability.errors import SetupError
from trainability.lab import cores
from trainability.setup import Run, Setup, as_setup
from trainability.setup.finite import with_finite_data
from trainability.setup.large import readable, sampled
from trainability.setup.untouched import untouched

BELOW_FLOOR = 0.9


def diagnose(
    setup: Setup | Callable[[], Setup],
    *,
    seeds: int = 5,
    steps: int | None = None,
    max_seconds: float | None = 90.0,
    workers: int | None = None,
    map: bool = False,
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
        map: also train the Setup over lr and a second axis around where it stands, for about a quarter of a minute more,
            and find the nearest place where it trains (`Diagnosis.here`).
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
    if max_seconds is not None and not max_seconds >= 0:
        raise SetupError(f"max_seconds is {max_seconds!r}; needed is a number from 0, or None for as long as it takes.")
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
            map,
        )


@on_cpu_when_full
def _diagnosis(setup: Setup, bench_options: dict[str, Any], mapped: bool) -> Diagnosis:
    sound = setup
    data = data_reading(readable(setup.batches), None)
    if data.nonfinite_inputs or data.nonfinite_targets:
        sound = with_finite_data(setup, fill=True)
        setup.__dict__["facts"] = sound.facts
    facts, loop = setup.facts, loop_reading(sound)
    bench = Bench(setup, sound, **bench_options)
    examination, baseline = bench.baseline()
    readings = replace(_readings(setup, sound, bench, examination, baseline), loop=loop)
    readings = _beside_an_affine_map(setup, bench, readings)
    if loop is not None:
        readings = replace(readings, optimizer=replace(readings.optimizer, lrs=scheduled_lrs(setup.optimizer)))
    findings = rules.judge(readings)
    if setup.target is None:
        examination, baseline = _held_to_what_is_possible(bench, examination, baseline, findings)
    proved: tuple[Remedy, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    wanted = (findings or readings.fails) and not (findings and not findings[0].curable)
    late = "No time was left to try changes." if wanted and not bench.time_left else ""
    if wanted and not late:
        proved, attempts = Search(bench, baseline).run(findings, readings)
        findings = _reordered(findings, proved) or _by_its_cure(proved)
    runs = (examination.run, *baseline)
    word, says = verdict(findings, runs, cut=bench.cut, proved=proved)
    says = " ".join(filter(None, (says, late, sampled(setup.batches))))
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
        here=_here(sound, findings, readings, bench) if mapped else None,
        seconds=bench.seconds,
    )


def _here(setup: Setup, findings: Sequence[Finding], readings: Readings, bench: Bench) -> Here | str:
    if any(f.weight >= rules.DEFECT for f in findings):
        return "No map: with the first finding in place no learning rate and no scale trains."
    left = math.inf if bench.max_seconds is None else bench.max_seconds - bench.seconds
    return locate(
        setup,
        findings,
        stable_lr=readings.stable_lr,
        steps=bench.steps,
        run_seconds=bench.run_seconds,
        lanes=min(bench.workers or cores(), cores()),
        max_seconds=min(SECONDS, max(left, 0.0)),
        workers=bench.workers,
        progress=bench.progress,
    )


def _readings(setup: Setup, sound: Setup, bench: Bench, exam: Examination, baseline: Sequence[Run]) -> Readings:
    facts, family = setup.facts, setup.facts.family
    runs = tuple(run_reading(r, setup.batches.batch_size) for r in (exam.run, *baseline))
    fails = Readings(runs=runs, cut=bench.cut).fails
    lost = fails and any(_learned_but_lost(run) for run in (exam.run, *baseline))
    labels = label_reading(sound, (exam.run, *baseline), ask=fails)
    return Readings(
        task=facts.task,
        data=data_reading(readable(setup.batches), facts.task),
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
        response=response(sound),
        motion=exam.motion,
        cut=bench.cut,
        averages=exam.averages,
        schedule=exam.schedule,
        held_out=held_out_reading(sound, bench.steps, bench.run_seconds) if lost else None,
        noise=noise_reading(sound) if lost else None,
        runs=runs,
        labels=labels,
        capacity=capacity_reading(setup),
        answers=answers_reading(sound, _ending(exam), exam.answers, ask=fails),
        pull=exam.pull,
        end_pull=exam.end_pull,
        graph=graph_reading(sound, exam.run, ask=fails),
        sight=sight(sound, ask=fails),
        biases=bias_reading(sound, ask=fails),
        values=values_reading(sound, ask=fails),
        split=split_reading(sound) if fails or labels.network_skill <= 0 else None,
    )


def _ending(exam: Examination) -> str | None:
    """The model's last activation, "" where its last layer holds weights, None where it ends with something else."""
    kind, layers = exam.start.output.activation, exam.start.layers
    return kind or ("" if layers and layers[-1].role == "weight" else None)


def _beside_an_affine_map(setup: Setup, bench: Bench, readings: Readings) -> Readings:
    """Where layers in a row make one affine map and it trains all the same: one run with activations between them.

    Not where the map is wanted for its own sake: an autoencoder, or a layer narrower than what it joins.
    """
    narrow, (x, y) = readings.capacity, setup.batches.sample(64)
    joins = 0 < narrow.units < min(narrow.fan_in, narrow.outputs)
    if (
        readings.fails
        or not readings.response.affine
        or joins
        or (x.shape == y.shape and torch.equal(x, y.to(x.dtype)))
    ):
        return readings
    changes = remedies.propose([Finding("no-nonlinearity", "", {}, "")], readings)[:1]
    for _, run, _ in bench.screen(changes):
        if run is not None:
            bent = replace(readings.response, bent_loss=run.end_loss, bent_validation_loss=run.validation_loss)
            readings = replace(readings, response=bent)
    return readings


def _learned_but_lost(run: Run) -> bool:
    """Whether a run learned its training data and is no better than a constant answer on validation data."""
    return (run.trained or run.skill >= 0.5) and run.keeps and not run.generalises


def _held_to_what_is_possible(
    bench: Bench, exam: Examination, baseline: list[Run], findings: Sequence[Finding]
) -> tuple[Examination, list[Run]]:
    """Where the Setup's own form keeps its loss above a floor, "trained" means below that floor, for changed runs too.

    Half of a constant answer's loss may lie above such a floor (softmax before binary cross-entropy, say), and every
    run would count as trained although none can come near the loss that the same network reaches without the fault.
    """
    floor = max((float(f.evidence.get("lowest reachable loss", math.nan)) for f in findings), default=math.nan)
    runs = (exam.run, *baseline)
    if not floor > 0 or not all(run.outcome == "trained" and run.end_loss >= 0.98 * floor for run in runs):
        return exam, baseline
    target = BELOW_FLOOR * floor
    bench.aim(target)
    held = [replace(run, outcome="learning", target=target) for run in runs]
    return replace(exam, run=held[0]), held[1:]


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
