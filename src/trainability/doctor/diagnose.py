"""Measure, judge, change, prove: from a Setup to a Diagnosis."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Protocol

import torch

from trainability.doctor import remedies, rules
from trainability.doctor.diagnosis import Diagnosis
from trainability.doctor.examine import PROBE_SAMPLE, Examination, examine, run_reading
from trainability.doctor.finding import Finding
from trainability.doctor.probes import data_reading, optimizer_reading, snapshot
from trainability.doctor.readings import LossReading, Readings, Snapshot
from trainability.doctor.remedies import Change, together
from trainability.doctor.remedies.finite_data import with_finite_data
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.rules import fmt
from trainability.doctor.verdict import verdict
from trainability.doctor.verification import Criterion, succeeded, verification
from trainability.errors import SetupError, TrainabilityError
from trainability.initializers import initialize
from trainability.lab import cores, run_all, single_thread
from trainability.setup import Run, Setup, as_setup
from trainability.setup.untouched import untouched

WANTED = 3  # verified remedies, of different families, after which the search ends
FAMILIES = 5  # families verified at most in one round
PAIRS = 10
MIN_STEPS = 50
CURVATURE_SECONDS = 8.0
HVP_PASSES = 100  # forward and backward passes that thirty Hessian-vector products cost
BEHIND = 0.1  # of the skill; a remedy further behind the best one ranks after it, however small
GENERIC = ("lr-too-high", "lr-too-low", "initial-scale-too-small", "unscaled-inputs", "unscaled-targets")


class Progress(Protocol):
    """Called as work goes on."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` runs of a stage are finished."""


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
        return _Doctor(setup, seeds, steps, max_seconds, workers, progress).diagnosis()


@dataclass(frozen=True)
class _Trial:
    """One change on the screening seed."""

    change: Change
    run: Run | None
    error: str = ""

    @property
    def promise(self) -> float:
        """End loss over what the run had to beat; smaller is better, inf for a run that broke."""
        if self.run is None or not math.isfinite(self.run.end_loss) or self.run.outcome == "diverged":
            return math.inf
        reference = min(
            x for x in (self.run.start_loss, self.run.constant_loss, math.inf) if (x == x and x > 0) or x == math.inf
        )
        return self.run.end_loss / reference


class _Doctor:
    """The state of one diagnosis: seeds, budget, clock."""

    def __init__(
        self,
        setup: Setup,
        seeds: int,
        steps: int | None,
        max_seconds: float | None,
        workers: int | None,
        progress: Progress | None,
    ) -> None:
        self.setup, self.max_seconds, self.progress = setup, max_seconds, progress
        self.workers = 1 if setup.device.type != "cpu" else workers
        self.began = time.perf_counter()
        self.screening_seed, self.seeds = 1000, tuple(range(1001, 1001 + seeds))
        self.budget = steps or setup.steps
        self.steps = self.budget
        self.step_seconds = self.run_seconds = 0.0
        self.lanes = min(self.workers or cores(), len(self.seeds) + 1)
        self.attempts: list[Attempt] = []

    def diagnosis(self) -> Diagnosis:
        """All of it, in order."""
        setup = self.setup
        data = data_reading(setup.batches, None)
        sound = setup
        if data.nonfinite_inputs or data.nonfinite_targets:
            sound = with_finite_data(setup, fill=True)
            setup.__dict__["facts"] = sound.facts
        data = data_reading(setup.batches, setup.facts.task)
        self._plan(sound)
        fresh = {seed: self._fresh(seed) for seed in (self.screening_seed, *self.seeds)}
        examination, baseline = self._baseline(fresh)
        readings = self._readings(data, examination, baseline, sound)
        findings = rules.judge(readings)
        proved: list[Remedy] = []
        if findings or readings.fails:
            proved = self._search(findings, readings, baseline, fresh)
            findings = _reordered(findings, proved, self.attempts) or _by_its_cure(proved)
        runs = (examination.run, *baseline)
        word, says = verdict(findings, runs, cut=self.steps < self.budget)
        return Diagnosis(
            name=setup.name or type(setup.model).__name__,
            task=setup.facts.task,
            task_reason=setup.facts.reason,
            verdict=word,
            says=says,
            findings=findings,
            remedies=tuple(proved),
            attempts=tuple(self.attempts),
            readings=readings,
            runs=runs,
            seeds=self.seeds,
            steps=self.steps,
            budget=self.budget,
            seconds=time.perf_counter() - self.began,
        )

    def _plan(self, sound: Setup) -> None:
        """Time a few steps, and cut every run where the whole would take too long."""
        self.step_seconds = _seconds_a_step(sound, self.budget)
        if self.max_seconds is None or self.budget < MIN_STEPS:
            return
        runs = 6 + 2 * len(self.seeds)  # the Setup as it is, four changes tried, one proved
        affordable = int(self.max_seconds * self.lanes / (runs * self.step_seconds))
        if affordable < self.budget:
            self.steps = max(min(affordable, self.budget), min(MIN_STEPS, self.budget))

    def _fresh(self, seed: int) -> Setup:
        fresh = self.setup.seeded(seed)
        if "facts" not in fresh.__dict__:
            fresh.__dict__["facts"] = self.setup.facts
        return fresh

    def _run(self, stage: str, jobs: Sequence[Callable[[], object]]) -> list[object]:
        count = 0

        def done(index: int) -> None:
            nonlocal count
            count += 1
            if self.progress:
                self.progress(stage, count, len(jobs))

        if self.progress and jobs:
            self.progress(stage, 0, len(jobs))
        return run_all(jobs, workers=self.workers, done=done)

    def _baseline(self, fresh: dict[int, Setup]) -> tuple[Examination, list[Run]]:
        a_sample = self.step_seconds / self.setup.batches.batch_size
        sample = int(CURVATURE_SECONDS / (HVP_PASSES * max(a_sample, 1e-9)))
        sample = min(max(sample, 64), 1024)
        jobs: list[Callable[[], object]] = [partial(examine, self.setup, self.steps, sample)]
        jobs += [partial(_train, fresh[seed], seed, self.steps) for seed in self.seeds]
        results = self._run("train the setup as it is", jobs)
        exam: Examination = results[0]  # type: ignore[assignment]
        runs: list[Run] = results[1:]  # type: ignore[assignment]
        self.run_seconds = statistics.median(r.seconds for r in runs)
        return exam, runs

    def _readings(self, data: object, exam: Examination, baseline: list[Run], sound: Setup) -> Readings:
        facts = self.setup.facts
        family = facts.family
        return Readings(
            task=facts.task,
            data=data,  # type: ignore[arg-type]
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
            optimizer=optimizer_reading(self.setup, self.steps),
            start=exam.start,
            early=exam.early,
            end=exam.end,
            healthy=_healthy(sound),
            curvature=exam.curvature,
            cut=self.steps < self.budget,
            runs=tuple(run_reading(r, self.setup.batches.batch_size) for r in (exam.run, *baseline)),
        )

    def _search(
        self, findings: tuple[Finding, ...], readings: Readings, baseline: list[Run], fresh: dict[int, Setup]
    ) -> list[Remedy]:
        """Single changes first, then pairs of what came closest, then what helps often."""
        candidates = remedies.propose(findings, readings)
        trials = self._screen(candidates, fresh)
        proved = self._verify(trials, baseline, fresh, ())
        if len(proved) < 2 and self._time_left():
            pairs = _pairs(trials, proved, findings)
            more = self._screen(pairs, fresh)
            proved += self._verify(more, baseline, fresh, proved)
            trials += more
        if not proved and readings.fails and self._time_left():
            tried = {t.change.name for t in trials}
            blind = [Finding(cause, "", {}, "") for cause in GENERIC]
            more = self._screen([c for c in remedies.propose(blind, readings) if c.name not in tried], fresh)
            proved += self._verify(more, baseline, fresh, proved)
            trials += more
            if not proved and self._time_left():
                more = self._screen([p for p in _pairs(trials, (), findings) if p.name not in tried], fresh)
                proved += self._verify(more, baseline, fresh, proved)
                trials += more
        kept = {r.change.name for r in proved}
        told = {a.name for a in self.attempts}
        for trial in trials:
            if trial.change.name not in kept | told:
                self.attempts.append(_attempt(trial))
        best = max((_quality(r) for r in proved), default=0.0)
        return sorted(proved, key=lambda r: (-r.verification.changed.value, _quality(r) < best - BEHIND, r.change.size))

    def _time_left(self) -> bool:
        return self.max_seconds is None or time.perf_counter() - self.began < self.max_seconds

    def _affordable(self, changes: Sequence[Change]) -> Sequence[Change]:
        """As many, smallest first, as the time left allows beside one verification; four at least."""
        if self.max_seconds is None:
            return changes
        left = self.max_seconds - (time.perf_counter() - self.began)
        runs = left * self.lanes / max(self.run_seconds, 1e-6) - len(self.seeds)
        return changes[: max(int(runs), 4)]

    def _screen(self, changes: Sequence[Change], fresh: dict[int, Setup]) -> list[_Trial]:
        changes = self._affordable(changes)
        base = fresh[self.screening_seed]
        jobs = [partial(_try, change, base, self.screening_seed, self.steps) for change in changes]
        results = self._run("try changes on one seed", jobs) if jobs else []
        return [_Trial(c, *result) for c, result in zip(changes, results, strict=True)]  # type: ignore[misc]

    def _verify(
        self,
        trials: Sequence[_Trial],
        baseline: list[Run],
        fresh: dict[int, Setup],
        proved: Sequence[Remedy],
    ) -> list[Remedy]:
        """The smallest change of each family that worked on the screening seed, on every fresh seed."""
        have = {r.change.family for r in proved}
        new: list[Remedy] = []
        for criterion in _criteria(baseline):
            worked = [t.change for t in trials if t.run is not None and succeeded(t.run, criterion)]
            worked = [c for c in worked if c.name not in {a.name for a in self.attempts}]
            while worked and len(have | {r.change.family for r in new}) < WANTED:
                batch: list[Change] = []
                for change in sorted(worked, key=lambda c: c.size):
                    if change.family not in have | {c.family for c in batch}:
                        batch.append(change)
                batch = batch[: min(FAMILIES, WANTED - len(have))]
                if not batch or (new and not self._time_left()):
                    break
                worked = [c for c in worked if c not in batch]
                for change, runs in self._prove(batch, fresh):
                    proof = verification(baseline, runs, criterion)
                    if proof.holds:
                        new.append(Remedy(change, proof, tuple(runs)))
                        have.add(change.family)
                    else:
                        self.attempts.append(
                            Attempt(change.summary, change.name, f"{proof}", tuple(r.outcome for r in runs))
                        )
            if new:
                break
        return new

    def _prove(self, changes: Sequence[Change], fresh: dict[int, Setup]) -> Iterable[tuple[Change, list[Run]]]:
        jobs = [partial(_try, change, fresh[s], s, self.steps) for change in changes for s in self.seeds]
        results: list[tuple[Run | None, str]] = self._run("verify on fresh seeds", jobs)  # type: ignore[assignment]
        n = len(self.seeds)
        for i, change in enumerate(changes):
            runs = [run for run, _ in results[i * n : (i + 1) * n]]
            if all(r is not None for r in runs):
                yield change, runs  # type: ignore[misc]


def _seconds_a_step(setup: Setup, budget: int) -> float:
    """Time of one optimizer step on one thread, from the later ones of a few; of more where they are quick."""
    seconds = 0.0
    for first, last in ((1, 4), (10, 40)):
        if last > budget:
            return seconds
        clock: dict[int, float] = {}

        def stamp(mark: int, clock: dict[int, float] = clock) -> None:
            clock[mark] = time.perf_counter()

        with single_thread():
            setup.clone().train(steps=last, observe={m: partial(stamp, m) for m in (first, last)})
        seconds = (clock[last] - clock[first]) / (last - first) if last in clock else seconds
        if seconds > 0.02:
            break
    return seconds


def _train(setup: Setup, seed: int, steps: int) -> Run:
    """Train a private copy of an already seeded Setup."""
    run = setup.clone().train(steps=steps, order=seed)
    return replace(run, seed=seed)


def _try(change: Change, seeded: Setup, seed: int, steps: int) -> tuple[Run | None, str]:
    """Change a private copy of an already seeded Setup and train it: the run, or why there is none."""
    try:
        changed = change.transform(seeded.clone(), torch.Generator().manual_seed(seed))
        return replace(changed.train(steps=steps, order=seed), seed=seed), ""
    except TrainabilityError as error:
        return None, str(error)


def _criteria(baseline: Sequence[Run]) -> tuple[Criterion, ...]:
    """ "learned" is a second choice, and none where the unchanged Setup does as much."""
    alike = sum(r.learned for r in baseline) >= 0.8 * len(baseline)
    return ("trained",) if alike else ("trained", "learned")


def _pairs(trials: Sequence[_Trial], proved: Sequence[Remedy], findings: Sequence[Finding]) -> list[Change]:
    """Pairs of single changes that did not do alone: one for each of two causes, then those that came closest."""
    done = {r.change.family for r in proved}
    left = [t for t in trials if t.run is not None and "+" not in t.change.family and t.change.family not in done]
    best: dict[str, _Trial] = {}
    for trial in sorted(left, key=lambda t: t.promise):
        best.setdefault(trial.change.family, trial)
    lower = [t.change for t in sorted(left, key=lambda t: t.promise) if t.change.family == "lower-lr"][:2]
    chosen = [t.change for t in best.values()][:4]
    own = [_own_change(f.cause, left) for f in findings[:4]]
    couples = [
        *combinations([c for c in own if c is not None], 2),
        *combinations(chosen, 2),
        *((c, low) for c in chosen for low in lower),
    ]
    pairs = [together(a, b) for a, b in couples if not set(a.touches) & set(b.touches)]
    unique: dict[str, Change] = {}
    for pair in pairs:
        unique.setdefault("+".join(sorted(pair.name.split("+"))), pair)
    return sorted(list(unique.values())[:PAIRS], key=lambda p: p.size)


def _own_change(cause: str, trials: Sequence[_Trial]) -> Change | None:
    """The change that answers a cause and little else."""
    own = [t for t in trials if cause in t.change.answers]
    return min(own, key=lambda t: (len(t.change.answers), t.promise)).change if own else None


def _by_its_cure(proved: Sequence[Remedy]) -> tuple[Finding, ...]:
    """Where no rule saw a cause, the best remedy names one, with the proof as its evidence."""
    if not proved:
        return ()
    best = proved[0]
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


def _quality(remedy: Remedy) -> float:
    """Median skill over seeds, on validation data where there are some."""
    scores = [r.score if math.isnan(r.validation_score) else r.validation_score for r in remedy.runs]
    skills = [
        (s - r.constant_score) / max(1 - r.constant_score, 1e-9) for s, r in zip(scores, remedy.runs, strict=True)
    ]
    return statistics.median(max(s, -1.0) if s == s else -1.0 for s in skills)


def _attempt(trial: _Trial) -> Attempt:
    if trial.run is None:
        return Attempt(trial.change.summary, trial.change.name, f"could not be applied: {trial.error}", ())
    run = trial.run
    if run.succeeded:
        return Attempt(
            trial.change.summary,
            trial.change.name,
            f"trained on the screening seed too (loss {fmt(run.end_loss)}, score {fmt(run.score)}); not "
            "verified, because enough other changes were",
            (run.outcome,),
        )
    note = "" if run.generalises else ", worse than a constant answer on the validation data"
    return Attempt(
        trial.change.summary,
        trial.change.name,
        f"{run.outcome} on the screening seed (loss {fmt(run.end_loss)}, score {fmt(run.score)}){note}",
        (run.outcome,),
    )


def _healthy(setup: Setup) -> Snapshot | None:
    """The start of the same network with He's weights, for comparison."""
    twin = setup.clone()
    try:
        initialize(twin.model, "he_normal", generator=torch.Generator().manual_seed(0))
    except TrainabilityError:
        return None
    x, y = (t.to(twin.device) for t in twin.batches.sample(PROBE_SAMPLE))
    return snapshot(twin, x, y)


def _reordered(
    findings: tuple[Finding, ...], proved: Sequence[Remedy], attempts: Sequence[Attempt]
) -> tuple[Finding, ...]:
    """Causes whose own remedy worked move up, causes whose remedies all failed move down."""
    worked = [set(r.answers) for r in proved if "+" not in r.change.family]
    weights = {}
    for finding in findings:
        own = [answers for answers in worked if finding.cause in answers]
        bonus = max((12.0 / len(answers) for answers in own), default=0.0)
        weights[finding.cause] = finding.weight + (bonus if own else (-6.0 if worked else 0.0))
    return tuple(replace(f, weight=weights[f.cause]) for f in sorted(findings, key=lambda f: -weights[f.cause]))
