"""Where the runs of a diagnosis are made: fresh Setups by seed, one number of steps for all, the workers, the clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

import torch

from trainability.doctor.examine import Examination, examine
from trainability.doctor.remedies import Change
from trainability.errors import TrainabilityError
from trainability.lab import cores, run_all, single_thread
from trainability.lab.together import Part, groupable, parts
from trainability.setup import Run, Setup
from trainability.setup.untouched import random_state_kept

T = TypeVar("T")
Tried = tuple[Run | None, str]

SCREENING_SEED, FIRST_SEED = 1000, 1001
MIN_STEPS = 50
CURVATURE_SECONDS = 8.0
HVP_PASSES = 100  # forward and backward passes that thirty Hessian-vector products cost


class Progress(Protocol):
    """Called as work goes on."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` runs of a stage are finished."""


class Bench:
    """Trains private copies of a Setup, changed or not, on seeds of its own.

    Args:
        setup: what is diagnosed; stays as it is.
        sound: the same on finite data, for what has to work before anything is known.
        seeds: how many fresh seeds.
        steps: wanted steps of each run; None for the Setup's budget.
        max_seconds: about how long all may take; None for as long as it takes.
        workers: processes; None for one per core, and this process alone for a model on a GPU.
        progress: called as runs finish.
    """

    def __init__(
        self,
        setup: Setup,
        sound: Setup,
        *,
        seeds: int,
        steps: int | None,
        max_seconds: float | None,
        workers: int | None,
        progress: Progress | None,
    ) -> None:
        self.began = time.perf_counter()
        self.setup, self.max_seconds, self.progress = setup, max_seconds, progress
        self.workers = 1 if setup.device.type != "cpu" else workers
        self.seeds = tuple(range(FIRST_SEED, FIRST_SEED + seeds))
        self.lanes = min(self.workers or cores(), seeds + 1)
        self.budget = steps or setup.steps
        self.step_seconds = _seconds_a_step(sound, self.budget)
        self.run_seconds = 0.0
        self.steps = self._affordable_steps()
        self.fresh = {seed: self._seeded(seed) for seed in (SCREENING_SEED, *self.seeds)}
        self.cores = self.workers or cores()
        self.together = groupable(self.fresh[SCREENING_SEED], self.steps)

    @property
    def cut(self) -> bool:
        """Whether runs have fewer steps than the budget."""
        return self.steps < self.budget

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.began

    @property
    def time_left(self) -> bool:
        """Whether there is."""
        return self.max_seconds is None or self.seconds < self.max_seconds

    def aim(self, target: float) -> None:
        """From now on a run has trained at or below `target`."""
        self.fresh = {seed: fresh.replaced(target=target, keep_facts=True) for seed, fresh in self.fresh.items()}

    def baseline(self) -> tuple[Examination, list[Run]]:
        """The Setup as it is: examined on its own weights, and trained on every fresh seed."""
        a_sample = self.step_seconds / self.setup.batches.batch_size
        sample = min(max(int(CURVATURE_SECONDS / (HVP_PASSES * max(a_sample, 1e-9))), 64), 1024)
        jobs: list[Callable[[], Examination | list[Run]]] = [partial(examine, self.setup, self.steps, sample)]
        places: list[tuple[int, ...]] = [()]
        if self.together:
            found = parts(
                [self.fresh[s].clone() for s in self.seeds], self.seeds, self.steps, lanes=self.cores, others=1
            )
            jobs += [partial(_runs, part) for part in found]
            places += [part.places for part in found]
        else:
            jobs += [partial(_train, self.fresh[seed], seed, self.steps) for seed in self.seeds]
            places += [(i,) for i in range(len(self.seeds))]
        began = time.perf_counter()
        first, *others = self._run("train the setup as it is", jobs, [len(p) or 1 for p in places])
        assert isinstance(first, Examination)
        by_place: dict[int, Run] = {}
        for own, found_runs in zip(places[1:], others, strict=True):
            assert isinstance(found_runs, list)
            by_place |= dict(zip(own, found_runs, strict=True))
        runs = [by_place[i] for i in range(len(self.seeds))]
        on_a_lane = (time.perf_counter() - began) * min(self.cores, len(jobs)) / (len(runs) + 1)
        self.run_seconds = max(statistics.median(run.seconds for run in runs), on_a_lane if self.together else 0.0)
        return first, runs

    def screen(self, changes: Sequence[Change]) -> list[tuple[Change, Run | None, str]]:
        """Each change on one seed that no verification uses; as many, smallest first, as time allows, four at least.

        Args:
            changes: smallest first.

        Returns:
            (change, its run or None, why there is none) for each that was tried.
        """
        if self.max_seconds is not None:
            left = (self.max_seconds - self.seconds) * self.lanes / max(self.run_seconds, 1e-6)
            changes = changes[: max(int(left) - len(self.seeds), 4)]
        tried = self._tried("try changes on one seed", [(change, SCREENING_SEED) for change in changes])
        return [(change, *result) for change, result in zip(changes, tried, strict=True)]

    def prove(self, changes: Sequence[Change]) -> list[tuple[Change, list[Run]]]:
        """Each change on every fresh seed; one that cannot be applied to some is left out."""
        results, n = (
            self._tried("verify on fresh seeds", [(c, s) for c in changes for s in self.seeds]),
            len(self.seeds),
        )
        proofs = []
        for i, change in enumerate(changes):
            runs = [run for run, _ in results[i * n : (i + 1) * n] if run is not None]
            if len(runs) == n:
                proofs.append((change, runs))
        return proofs

    def _affordable_steps(self) -> int:
        if self.max_seconds is None or self.budget < MIN_STEPS or not self.step_seconds:
            return self.budget
        runs = 10 + 2 * len(self.seeds)  # the Setup as it is, two rounds of four changes tried, one proved
        affordable = int(self.max_seconds * self.lanes / (runs * self.step_seconds))
        return min(max(affordable, MIN_STEPS), self.budget)

    def _seeded(self, seed: int) -> Setup:
        fresh = self.setup.seeded(seed)
        fresh.__dict__.setdefault("facts", self.setup.facts)
        return fresh

    def _tried(self, stage: str, wanted: Sequence[tuple[Change, int]]) -> list[Tried]:
        """The fresh Setup of each seed with its change, trained; together where the Setup allows it."""
        if not self.together:
            return self._run(
                stage, [partial(_try, change, self.fresh[seed], seed, self.steps) for change, seed in wanted]
            )
        results: dict[int, Tried] = {}
        changed: dict[int, Setup] = {}
        with single_thread(), random_state_kept():
            for i, (change, seed) in enumerate(wanted):
                try:
                    changed[i] = change.transform(self.fresh[seed].clone(), torch.Generator().manual_seed(seed))
                except (TrainabilityError, torch.OutOfMemoryError) as error:
                    results[i] = None, _said(error)
        at = list(changed)
        steps = [round(self.steps * wanted[i][0].budget) for i in at]
        found = parts([changed[i] for i in at], [wanted[i][1] for i in at], steps, lanes=self.cores)
        found_runs = self._run(stage, [part.job for part in found], [len(part.places) for part in found])
        for part, part_runs in zip(found, found_runs, strict=True):
            for place, run in zip(part.places, part_runs, strict=True):
                results[at[place]] = (run, "") if isinstance(run, Run) else (None, _said(run))
        return [results[i] for i in range(len(wanted))]

    def _run(self, stage: str, jobs: Sequence[Callable[[], T]], runs: Sequence[int] | None = None) -> list[T]:
        """Run the jobs; `runs` says how many runs each of them makes."""
        runs = runs or [1] * len(jobs)
        count = 0

        def done(index: int) -> None:
            nonlocal count
            count += runs[index]
            if self.progress:
                self.progress(stage, count, sum(runs))

        if self.progress and jobs:
            self.progress(stage, 0, sum(runs))
        return run_all(jobs, workers=self.workers, done=done)


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
        seconds = (clock[last] - clock[first]) / (last - first)
        if seconds > 0.02:
            break
    return seconds


def _train(setup: Setup, seed: int, steps: int) -> list[Run]:
    """Train a private copy of an already seeded Setup."""
    return [replace(setup.clone().train(steps=steps, order=seed), seed=seed)]


def _runs(part: Part) -> list[Run]:
    """The Runs of a part; what one of them raised is raised."""
    runs = []
    for result in part.job():
        if not isinstance(result, Run):
            raise result
        runs.append(result)
    return runs


def _try(change: Change, seeded: Setup, seed: int, steps: int) -> Tried:
    """Change a private copy of an already seeded Setup and train it: the run, or why there is none."""
    try:
        changed = change.transform(seeded.clone(), torch.Generator().manual_seed(seed))
        return replace(changed.train(steps=round(steps * change.budget), order=seed), seed=seed), ""
    except (TrainabilityError, torch.OutOfMemoryError) as error:
        return None, _said(error)


def _said(error: Exception) -> str:
    return "out of memory with this change" if isinstance(error, torch.OutOfMemoryError) else str(error)
