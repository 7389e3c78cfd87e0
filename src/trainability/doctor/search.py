"""From findings to proved remedies: single changes first, then pairs of what came closest, then what helps often, then three.

Only what the runs speak for is combined: changes whose own run came closest on the screening seed, and one for each finding.
What is accepted is ablated: a part that can be left out is left out, so that no remedy asks for more than it needs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from trainability.doctor import remedies
from trainability.doctor.bench import Bench
from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies import Change, together
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.rules import fmt
from trainability.doctor.verification import Criterion, Verification, succeeded, verification
from trainability.setup import Run
from trainability.setup.train import LOST

WANTED = 3  # verified remedies, of different families, after which the search ends
PAIRS, TRIPLES = 10, 6
BEHIND = 0.1  # of the skill; a remedy further behind the best one ranks after it, however small
GENERIC = ("lr-too-high", "lr-too-low", "initial-scale-too-small", "unscaled-inputs", "unscaled-targets")


@dataclass(frozen=True)
class Trial:
    """One change on the screening seed: its run, or why there is none."""

    change: Change
    run: Run | None
    error: str = ""

    @property
    def promise(self) -> float:
        """End loss over what the run had to beat; smaller is better, inf for a run that broke."""
        run = self.run
        if run is None or not math.isfinite(run.end_loss) or run.outcome == "diverged":
            return math.inf
        references = [x for x in (run.start_loss, run.constant_loss) if x > 0]
        return run.end_loss / min(references, default=math.inf)


class Search:
    """One search: what was tried, what was proved, what was not.

    Args:
        bench: makes the runs.
        baseline: the unchanged Setup's runs on the bench's seeds.
    """

    def __init__(self, bench: Bench, baseline: Sequence[Run]) -> None:
        self.bench, self.baseline = bench, baseline
        self.trials: list[Trial] = []
        self.proved: list[Remedy] = []
        self.failed: dict[str, Attempt] = {}

    def run(self, findings: Sequence[Finding], readings: Readings) -> tuple[tuple[Remedy, ...], tuple[Attempt, ...]]:
        """Search until enough remedies are proved, nothing is left to try, or time is over.

        Args:
            findings: the strongest first.
            readings: what they rest on.

        Returns:
            (remedies, best first; attempts that are not among them).
        """
        self._try(remedies.propose(findings, readings))
        if len(self.proved) < 2 and self.bench.time_left:
            self._try(self._pairs(findings))
        if not self.proved and readings.fails and self.bench.time_left:
            self._try(remedies.propose([Finding(cause, "", {}, "") for cause in GENERIC], readings))
            if not self.proved and self.bench.time_left:
                self._try(self._pairs(findings))
            if not self.proved and self.bench.time_left:
                self._try(self._triples())
        self._ablate()
        best = max((_quality(r) for r in self.proved), default=0.0)
        ranked = sorted(
            self.proved, key=lambda r: (-r.verification.changed.value, _quality(r) < best - BEHIND, r.change.size)
        )
        kept = {r.change.name for r in ranked}
        others = [_attempt(t) for t in self.trials if t.change.name not in kept | self.failed.keys()]
        return tuple(ranked), (*self.failed.values(), *others)

    def _try(self, changes: Sequence[Change]) -> None:
        """Screen what was not tried before, and verify what worked."""
        known = {t.change.name for t in self.trials}
        trials = [Trial(*t) for t in self.bench.screen([c for c in changes if c.name not in known])]
        self.trials += trials
        for criterion in _criteria(self.baseline):
            before = len(self.proved)
            self._verify([t.change for t in trials if t.run is not None and succeeded(t.run, criterion)], criterion)
            if len(self.proved) > before:
                return

    def _verify(self, changes: Sequence[Change], criterion: Criterion) -> None:
        """The smallest change of each family that is still open, then the next, on every fresh seed."""
        waiting = sorted((c for c in changes if c.name not in self.failed), key=lambda c: c.size)
        while waiting and len(self.proved) < WANTED:
            families = {r.change.family for r in self.proved}
            batch: list[Change] = []
            for change in waiting:
                if change.family not in families | {c.family for c in batch}:
                    batch.append(change)
            batch = batch[: WANTED - len(self.proved)]
            if not batch or (self.proved and not self.bench.time_left):
                return
            waiting = [c for c in waiting if c not in batch]
            for change, runs in self.bench.prove(batch):
                proof = verification(self.baseline, runs, criterion)
                if proof.holds:
                    self.proved.append(self._remedy(change, proof, runs))
                else:
                    self._fail(change, proof, runs)

    def _remedy(self, change: Change, proof: Verification, runs: Sequence[Run]) -> Remedy:
        return Remedy(change, proof, tuple(runs), _seconds(runs) / max(_seconds(self.baseline), 1e-9))

    def _fail(self, change: Change, proof: Verification, runs: Sequence[Run]) -> None:
        outcomes = tuple(r.outcome for r in runs)
        self.failed[change.name] = Attempt(change.summary, change.name, f"{proof}", outcomes)

    def _ablate(self) -> None:
        """Put a proved combination with a part left out in its place, as long as that is proved too.

        A smaller one that failed before, on the screening seed or in its own verification, is not tried again.
        """
        for i, remedy in enumerate(self.proved):
            criterion = remedy.verification.criterion
            smaller = self._smaller(remedy.change, criterion)
            while smaller and self.bench.time_left:
                for change, runs in self.bench.prove(smaller[:1]):
                    proof = verification(self.baseline, runs, criterion)
                    if proof.holds and proof.changed.successes >= self.proved[i].verification.changed.successes:
                        self.proved[i] = self._remedy(change, proof, runs)
                        smaller = [change, *self._smaller(change, criterion)]
                    else:
                        self._fail(change, proof, runs)
                smaller = smaller[1:]
        unique = {r.change.name: r for r in self.proved}
        self.proved = list(unique.values())

    def _smaller(self, change: Change, criterion: Criterion) -> list[Change]:
        """The combination with each of its parts left out, the smallest first, without those that are known to fail."""
        if len(change.parts) < 2:
            return []
        lost = {t.change.name for t in self.trials if t.run is None or not succeeded(t.run, criterion)}
        found = [_combined([p for p in change.parts if p is not left]) for left in change.parts]
        return sorted((c for c in found if c.name not in lost | self.failed.keys()), key=lambda c: c.size)

    def _triples(self) -> list[Change]:
        """The pairs that came closest, each with a third change that did not touch the same."""
        tried = [t for t in self.trials if t.run is not None and math.isfinite(t.promise)]
        pairs = sorted((t for t in tried if len(t.change.parts) == 2), key=lambda t: t.promise)[:3]
        best: dict[str, Change] = {}
        for trial in sorted((t for t in tried if not t.change.parts), key=lambda t: t.promise):
            best.setdefault(trial.change.family, trial.change)
        unique: dict[frozenset[str], Change] = {}
        for pair in pairs:
            for third in best.values():
                if not set(pair.change.touches) & set(third.touches):
                    names = frozenset(p.name for p in (*pair.change.parts, third))
                    unique.setdefault(names, together(pair.change, third))
        return list(unique.values())[:TRIPLES]

    def _pairs(self, findings: Sequence[Finding]) -> list[Change]:
        """Pairs of changes that did not do alone: one for each of two causes, then those that came closest."""
        done = {r.change.family for r in self.proved}
        single = [t for t in self.trials if t.run is not None and "+" not in t.change.family]
        left = sorted((t for t in single if t.change.family not in done), key=lambda t: t.promise)
        best: dict[str, Change] = {}
        for trial in left:
            best.setdefault(trial.change.family, trial.change)
        chosen = list(best.values())[:4]
        slower = [t.change for t in left if t.change.touches == ("optimizer",)][:3]
        own = [_own_change(f.cause, left) for f in findings[:4]]
        couples = [
            *combinations([c for c in own if c is not None], 2),
            *combinations(chosen, 2),
            *((c, low) for c in chosen for low in slower),
        ]
        unique: dict[frozenset[str], Change] = {}
        for a, b in couples:
            if not set(a.touches) & set(b.touches):
                unique.setdefault(frozenset({a.name, b.name}), together(a, b))
        return sorted(list(unique.values())[:PAIRS], key=lambda p: p.size)


def _criteria(baseline: Sequence[Run]) -> tuple[Criterion, ...]:
    """Second to "trained" stands "learned", but not where the unchanged Setup does as much."""
    alike = sum(r.learned for r in baseline) >= 0.8 * len(baseline)
    return ("trained",) if alike else ("trained", "learned")


def _own_change(cause: str, trials: Sequence[Trial]) -> Change | None:
    """The change that answers a cause and little else."""
    own = [t for t in trials if cause in t.change.answers]
    return min(own, key=lambda t: (len(t.change.answers), t.promise)).change if own else None


def _quality(remedy: Remedy) -> float:
    """Skill on the worst seed, on validation data where there are some: what the next seed may get."""
    skills = []
    for run in remedy.runs:
        score = run.score if math.isnan(run.validation_score) else run.validation_score
        skill = (score - run.constant_score) / max(1 - run.constant_score, 1e-9)
        skills.append(max(skill, -1.0) if skill == skill else -1.0)
    return min(skills, default=-1.0)


def _combined(parts: Sequence[Change]) -> Change:
    """Several changes as one."""
    first, *others = parts
    for other in others:
        first = together(first, other)
    return first


def _seconds(runs: Sequence[Run]) -> float:
    """Median time of a whole run; one that was lost early is drawn out to its last step."""
    return statistics.median(run.seconds * run.steps / taken(run) for run in runs) if runs else 0.0


def taken(run: Run) -> int:
    """Steps that a run took before it was over or lost.

    >>> import numpy as np
    >>> run = Run("diverged", np.array([1.0] * 9 + [np.nan] * 91), 1, 1, 1, 0, 0, 0, 0, 0, None, 100, 1.0, np.zeros((0, 2)))
    >>> taken(run)
    29
    """
    return max(min(run.steps, int(np.isfinite(run.losses).sum()) + LOST), 1)


def _attempt(trial: Trial) -> Attempt:
    change, run = trial.change, trial.run
    if run is None:
        return Attempt(change.summary, change.name, f"could not be applied: {trial.error}", ())
    numbers = f"(loss {fmt(run.end_loss)}, score {fmt(run.score)})"
    if run.succeeded:
        said = f"trained on the screening seed too {numbers}; not verified, because enough other changes were"
    else:
        note = "" if run.generalises else ", though the loss on the validation data is above a constant answer's"
        said = f"{run.outcome} on the screening seed {numbers}{note}"
    return Attempt(change.summary, change.name, said, (run.outcome,))
