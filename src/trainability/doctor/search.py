"""From findings to proved remedies: single changes first, then pairs of what came closest, then what helps often, then three.

Only what the runs speak for is combined: changes whose own run came closest on the screening seed, and one for each finding.
A proved change that leaves much open is combined too, since half of a constant answer's loss is a low bar.
What is accepted is ablated: a part that can be left out is left out, so that no remedy asks for more than it needs; a part
without which the rest gets much less far is needed.
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
from trainability.doctor.remedies._own_loss import OWN_LOSS, changes_loss, step_has_own_loss
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.rules import fmt
from trainability.doctor.verification import Criterion, Verification, succeeded, verification
from trainability.setup import Run
from trainability.setup.train import LOST

WANTED = 3  # verified remedies, of different families, after which the search ends
PAIRS, TRIPLES, FURTHER = 10, 6, 6
BEHIND = 0.1  # of the way from a constant answer to a perfect one; a remedy further behind the best ranks after it
OPEN = 0.05  # what may be left open without being called much
UNEVEN = 0.9  # share of the most frequent class from which on accuracies are not compared
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
        self.uneven = self.own_loss = False
        self.first, self.floor = "", math.nan

    def run(self, findings: Sequence[Finding], readings: Readings) -> tuple[tuple[Remedy, ...], tuple[Attempt, ...]]:
        """Search until enough remedies are proved, nothing is left to try, or time is over.

        Args:
            findings: the strongest first.
            readings: what they rest on.

        Returns:
            (remedies, best first; attempts that are not among them).
        """
        self.uneven = readings.data.largest_class >= UNEVEN
        self.first = findings[0].cause if findings else ""
        self.floor = max((float(f.evidence.get("lowest reachable loss", math.nan)) for f in findings), default=math.nan)
        self.own_loss = readings.loop is not None and step_has_own_loss(self.bench.setup)
        self._try(remedies.propose(findings, readings))
        if len(self.proved) < 2 and self.bench.time_left:
            self._try(self._pairs(findings))
        if not self.proved and readings.fails and self.bench.time_left:
            self._try(remedies.propose([Finding(cause, "", {}, "") for cause in GENERIC], readings))
            if not self.proved and self.bench.time_left:
                self._try(self._pairs(findings))
            if not self.proved and self.bench.time_left:
                self._try(self._triples())
        if not self.proved and self.bench.time_left:
            self._verify_all([t for t in self.trials if self._held(t)])
        if self.proved and not self.uneven and self.bench.time_left:
            self._go_further(findings)
        self._ablate()
        ranked = self._ranked()
        kept = {r.change.name for r in ranked}
        others = [_attempt(t) for t in self.trials if t.change.name not in kept | self.failed.keys()]
        return tuple(ranked), (*self.failed.values(), *others)

    def _try(self, changes: Sequence[Change]) -> None:
        """Screen what was not tried before, and verify what worked."""
        known = {t.change.name for t in self.trials}
        trials = self._screen([c for c in changes if c.name not in known])
        self._verify_all([t for t in trials if not self._held(t)])

    def _verify_all(self, trials: Sequence[Trial]) -> None:
        """Those that trained; those that learned where none of them is proved."""
        for criterion in _criteria(self.baseline):
            before = len(self.proved)
            self._verify([t for t in trials if t.run is not None and succeeded(t.run, criterion)], criterion)
            if len(self.proved) > before:
                return

    def _held(self, trial: Trial) -> bool:
        """Whether a run came to the floor under the loss that a finding names: its change leaves that fault in place."""
        return trial.run is not None and self.floor > 0 and 0.98 * self.floor <= trial.run.end_loss <= 1.05 * self.floor

    def _screen(self, changes: Sequence[Change]) -> list[Trial]:
        """Each change on the screening seed, but those that a step with a loss of its own would never notice."""
        without = [c for c in changes if self.own_loss and changes_loss(c, self.bench.setup)]
        trials = [Trial(*t) for t in self.bench.screen([c for c in changes if c not in without])]
        trials += [Trial(c, None, OWN_LOSS) for c in without]
        self.trials += trials
        return trials

    def _verify(self, trials: Sequence[Trial], criterion: Criterion) -> None:
        """The smallest change of each family that is still open, then the next, on every fresh seed.

        Those that get much less far than another on the screening seed come last, however small.
        """
        waiting = [t.change for t in self._in_order(trials) if t.change.name not in self.failed]
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

    def _fail(self, change: Change, proof: Verification, runs: Sequence[Run], note: str = "") -> None:
        outcomes = tuple(r.outcome for r in runs)
        self.failed[change.name] = Attempt(change.summary, change.name, f"{proof}{note}", outcomes)

    def _in_order(self, trials: Sequence[Trial]) -> list[Trial]:
        """The smallest first, those that are far behind the best on the screening seed last."""
        reached = {t.change.name: self._reach([t.run] if t.run else []) for t in trials}
        best = max(reached.values(), default=0.0)
        return sorted(
            trials, key=lambda t: (self._beside_it(t.change), far_behind(reached[t.change.name], best), t.change.size)
        )

    def _reach(self, runs: Sequence[Run]) -> float:
        """How far runs got; the same for all where classes are so uneven that an accuracy says nothing of it."""
        return 0.0 if self.uneven else reach(runs)

    def _beside_it(self, change: Change) -> bool:
        """Whether a change misses the first finding, where no score can say which change got further."""
        return self.uneven and self.first not in change.answers

    def _ranked(self) -> list[Remedy]:
        """The largest share of seeds first, then whatever is not far behind the best on its worst seed, then the smallest."""
        best = max((self._reach(r.runs) for r in self.proved), default=0.0)
        return sorted(
            self.proved,
            key=lambda r: (
                -r.verification.changed.value,
                self._beside_it(r.change),
                far_behind(self._reach(r.runs), best),
                r.change.size,
            ),
        )

    def _go_further(self, findings: Sequence[Finding]) -> None:
        """Put a second change beside the best proved one where that leaves much open, and keep it if it gets much further."""
        base = self._ranked()[0]
        if not far_behind(self._reach(base.runs), 1.0):
            return
        known = {_names(t.change) for t in self.trials}
        pairs = [c for c in self._beside(base.change, findings) if _names(c) not in known][:FURTHER]
        found = self._screen(sorted(pairs, key=lambda c: c.size))
        better = [t for t in found if t.run is not None and succeeded(t.run, base.verification.criterion)]
        better = [t for t in better if t.run and far_behind(self._reach(base.runs), self._reach([t.run]))]
        for one in self._in_order(better)[:2]:
            if not self.bench.time_left:
                return
            for change, runs in self.bench.prove([one.change]):
                new = self._remedy(change, verification(self.baseline, runs, base.verification.criterion), runs)
                as_often = new.verification.changed.successes >= base.verification.changed.successes
                if new.verification.holds and as_often and far_behind(self._reach(base.runs), self._reach(new.runs)):
                    self.proved.append(new)
                    return
                self._fail(change, new.verification, runs, f", but no further than with less: {base.summary}")

    def _beside(self, base: Change, findings: Sequence[Finding]) -> list[Change]:
        """The change with each other that may add to it: one for each finding, then those that came closest alone."""
        tried = sorted((t for t in self.trials if t.run is not None and not t.change.parts), key=lambda t: t.promise)
        free = [t for t in tried if not set(t.change.touches) & set(base.touches)]
        best: dict[str, Change] = {}
        for trial in free:
            best.setdefault(trial.change.family, trial.change)
        own = [_own_change(f.cause, free) for f in findings[:4]]
        partners = {c.name: c for c in (*own, *best.values()) if c is not None}
        return [together(base, partner) for partner in partners.values()]

    def _ablate(self) -> None:
        """Put a proved combination with a part left out in its place, as long as that is proved too.

        A smaller one that failed before, on the screening seed or in its own verification, is not tried again; one that
        gets much less far is no smaller form of the same.
        """
        for i, remedy in enumerate(self.proved):
            criterion = remedy.verification.criterion
            smaller = self._smaller(remedy.change, criterion)
            while smaller and self.bench.time_left:
                done = {r.change.name: r for r in self.proved}.get(smaller[0].name)
                for change, runs in [(done.change, done.runs)] if done else self.bench.prove(smaller[:1]):
                    proof = verification(self.baseline, runs, criterion)
                    new, now = self._remedy(change, proof, runs), self.proved[i]
                    as_often = proof.changed.successes >= now.verification.changed.successes
                    short = far_behind(self._reach(new.runs), self._reach(now.runs))
                    if proof.holds and as_often and not short:
                        self.proved[i] = new
                        smaller = [change, *self._smaller(change, criterion)]
                    elif done is None:
                        self._fail(
                            change, proof, runs, f", but much less far than with more: {now.summary}" if short else ""
                        )
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
                    made = together(pair.change, third)
                    unique.setdefault(_names(made), made)
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


def reach(runs: Sequence[Run]) -> float:
    """How far the worst of some runs got, from 0 for a constant answer to 1, on validation data where there are some.

    The score above a constant answer's, over what that leaves open; where there is no score, the share of a constant
    answer's loss that is gone. At least -1.
    """
    reached = []
    for run in runs:
        score = run.score if math.isnan(run.validation_score) else run.validation_score
        far = (score - run.constant_score) / max(1 - run.constant_score, 1e-9)
        if not math.isfinite(far) and run.constant_loss > 0:
            far = 1 - run.end_loss / run.constant_loss
        reached.append(max(far, -1.0) if math.isfinite(far) else -1.0)
    return min(reached, default=-1.0)


def far_behind(one: float, best: float) -> bool:
    """Whether one reach is so far behind another that no smaller change makes up for it.

    Either a tenth of the way, or, near the end of it, more than twice as much left open.

    >>> far_behind(0.6, 1.0), far_behind(0.92, 1.0), far_behind(0.92, 0.95)
    (True, True, False)
    """
    return one < best - BEHIND or 1 - one > 2 * (1 - best) + OPEN


def _names(change: Change) -> frozenset[str]:
    """What it is made of, in whichever order."""
    return frozenset(p.name for p in change.parts or (change,))


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
