"""How the network answers on training rows that it was not trained on, beside validation rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan
RIGHT, RESTORED = 0.5, 0.8  # skill; share of the skill on rows left out that renumbering gives back


@dataclass(frozen=True)
class HeldOutReading:
    """The Setup trained on four fifths of its training rows, asked about the fifth left out and about the validation rows.

    Scores are accuracies or R2.

    Args:
        rows: training rows in all; folds: how many fifths were left out in turn, 1 or 5.
        n: rows that were left out; validation_n: validation rows.
        weights: trainable numbers of the model.
        learned: score on rows trained on; held: on those left out; validation: on the validation rows.
        constant, validation_constant: of the best constant answer on the training and on the validation rows.
        classification: whether scores are accuracies.
        relabelling: pairs (class number in the validation data, the training data's number for it) of the one-to-one
            renumbering that fits best on one half of the validation rows, where the numbers differ.
        relabelled, as_given: score on the other half after that renumbering, and without; nan where there are no classes.
        relabelled_n: rows in that half.
    """

    rows: int = 1400
    folds: int = 1
    n: int = 280
    validation_n: int = 397
    weights: int = 5000
    learned: float = 1.0
    held: float = 0.97
    validation: float = 0.97
    constant: float = 0.1
    validation_constant: float = 0.1
    classification: bool = True
    relabelling: tuple[tuple[int, int], ...] = ()
    relabelled: float = NAN
    as_given: float = NAN
    relabelled_n: int = 0

    @property
    def learned_skill(self) -> float:
        """Share of what a constant answer leaves open, on rows trained on."""
        return _skill(self.learned, self.constant)

    @property
    def held_skill(self) -> float:
        """The same on training rows left out."""
        return _skill(self.held, self.constant)

    @property
    def validation_skill(self) -> float:
        """The same on validation rows."""
        return _skill(self.validation, self.validation_constant)

    @property
    def relabelled_skill(self) -> float:
        """The same on validation rows renumbered."""
        return _skill(self.relabelled, self.validation_constant)

    @property
    def renumbered(self) -> bool:
        """Whether a one-to-one renumbering of the validation classes makes the network right."""
        return bool(self.relabelling) and self.relabelled_skill >= max(RESTORED * self.held_skill, RIGHT)

    def noise(self, score: float, n: int) -> float:
        """Standard deviation of an accuracy over n rows, in units of skill; of an R2, about."""
        if n < 1 or not math.isfinite(score):
            return math.inf
        if not self.classification:
            return 1 / math.sqrt(n)
        share = min(max(score, 1 / (n + 2)), 1 - 1 / (n + 2))
        return math.sqrt(share * (1 - share) / n) / max(1 - self.constant, 1e-9)


def _skill(score: float, constant: float) -> float:
    return (score - constant) / max(1 - constant, 1e-9)
