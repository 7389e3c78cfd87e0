"""Proof by training: the unchanged and the changed Setup, seed by seed, same data order, same budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainability.measures.outcome import Outcome
from trainability.setup import Run
from trainability.theory.wilson import interval

Criterion = Literal["trained", "learned"]
HALF = 0.5  # of a skill, as for a run that has learned


@dataclass(frozen=True)
class Share:
    """How many of n runs succeeded, with a 95% Wilson interval.

    Args:
        successes, n: counts.

    Example:
        >>> print(Share(5, 5))
        5 of 5 (95% interval 57% to 100%)
    """

    successes: int
    n: int

    @property
    def value(self) -> float:
        """The share; nan for no runs."""
        return self.successes / self.n if self.n else float("nan")

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return interval(self.successes, self.n)[0]

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return interval(self.successes, self.n)[1]

    def __str__(self) -> str:
        return f"{self.successes} of {self.n} (95% interval {100 * self.low:.0f}% to {100 * self.high:.0f}%)"


@dataclass(frozen=True)
class Pair:
    """One seed, both Setups.

    Args:
        seed: of weights, data order and random layers.
        unchanged, changed: outcomes.
        unchanged_score, changed_score: accuracy or R2 on the training data, on the same scale.
    """

    seed: int
    unchanged: Outcome
    changed: Outcome
    unchanged_score: float
    changed_score: float


@dataclass(frozen=True)
class Verification:
    """What the paired runs showed.

    Args:
        unchanged, changed: shares of seeds that succeeded.
        pairs: seed by seed.
        steps: optimizer steps of every run.
        criterion: "trained" (at or below the target loss) or "learned" (that, or half of what a constant answer leaves
            open, measured by the score); either way no worse than a constant answer on validation data.
        carried: whether half of a changed run's skill had to be there on validation data too.
    """

    unchanged: Share
    changed: Share
    pairs: tuple[Pair, ...]
    steps: int
    criterion: Criterion = "trained"
    carried: bool = False

    @property
    def holds(self) -> bool:
        """Whether at least four fifths of the changed runs succeeded, and more than of the unchanged ones."""
        enough = self.changed.successes >= 0.8 * self.changed.n
        return enough and self.changed.successes > self.unchanged.successes

    def __str__(self) -> str:
        what = f"{self.criterion}, with half of the skill on validation data," if self.carried else self.criterion
        return f"{what} on {self.changed}; unchanged on {self.unchanged.successes} of {self.unchanged.n}"


def succeeded(run: Run, criterion: Criterion) -> bool:
    """Whether a run counts under a criterion."""
    return run.succeeded if criterion == "trained" else run.learned


def lost_on_new_data(runs: Sequence[Run]) -> bool:
    """Whether most of some runs learned their training data and are no better than a constant answer on validation data."""
    lost = [(r.trained or r.skill >= HALF) and r.keeps and not r.generalises for r in runs]
    return sum(lost) > len(lost) / 2


def carries_over(run: Run) -> bool:
    """Whether at least half of the skill on training data is there on validation data; True where there is no score."""
    return not run.validation_skill < HALF * run.skill


def verification(unchanged: Sequence[Run], changed: Sequence[Run], criterion: Criterion) -> Verification:
    """Compare runs of the same seeds, in the same order.

    Where the unchanged runs learned and only failed on validation data, a changed one succeeds if at least half of its
    skill on training data is there on validation data too: a loss just below a constant answer's is no cure.

    Args:
        unchanged, changed: runs with equal seeds, pair by pair.
        criterion: what counts as success.

    Returns:
        Verification.

    Raises:
        ValueError: the seeds differ.
    """
    if [r.seed for r in unchanged] != [r.seed for r in changed]:
        raise ValueError(
            f"seeds {[r.seed for r in unchanged]} and {[r.seed for r in changed]} differ; pairs need equal seeds."
        )
    strict = lost_on_new_data(unchanged)
    return Verification(
        unchanged=Share(sum(succeeded(r, criterion) for r in unchanged), len(unchanged)),
        changed=Share(sum(succeeded(r, criterion) and (not strict or carries_over(r)) for r in changed), len(changed)),
        pairs=tuple(
            Pair(a.seed if a.seed is not None else -1, a.outcome, b.outcome, a.score, b.score)
            for a, b in zip(unchanged, changed, strict=True)
        ),
        steps=changed[0].steps if changed else 0,
        criterion=criterion,
        carried=strict,
    )
