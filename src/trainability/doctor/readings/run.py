"""One baseline run, reduced to what rules need."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainability.measures.outcome import Outcome
from trainability.setup.run import generalises

NAN = math.nan


@dataclass(frozen=True)
class RunReading:
    """One baseline run, reduced to what rules need.

    Args:
        outcome: by the stated rules.
        start_loss, constant_loss, target, end_loss: L0, Lc, the loss to reach, the mean of the last tenth.
        best_loss: smallest mean over any twentieth of the run.
        peak_loss: largest loss of the first fifth, averaged over 16 samples where batches are smaller.
        late_slope: relative change of the smoothed loss over the last third, (after - before) / before.
        score, constant_score: accuracy or R2 at the end, and of the best constant answer.
        validation_loss, validation_constant_loss, validation_score, validation_constant_score: nan without validation data.
        answers_zero: whether at the end every output is exactly 0 for every input.
        keeps: whether eval mode keeps what training gained.
    """

    outcome: Outcome = "trained"
    start_loss: float = 2.35
    constant_loss: float = 2.30
    target: float = 1.15
    end_loss: float = 0.05
    best_loss: float = 0.05
    peak_loss: float = 2.35
    late_slope: float = -0.2
    score: float = 0.98
    constant_score: float = 0.1
    validation_loss: float = NAN
    validation_constant_loss: float = NAN
    validation_score: float = NAN
    keeps: bool = True
    validation_constant_score: float = NAN
    answers_zero: bool = False

    @property
    def skill(self) -> float:
        """Share of what a constant answer leaves open: (score - constant) / (1 - constant)."""
        return (self.score - self.constant_score) / max(1 - self.constant_score, 1e-9)

    @property
    def generalises(self) -> bool:
        """Whether it beats the best constant answer on validation data, by the loss or clearly by the score."""
        return math.isnan(self.validation_loss) or generalises(
            self.validation_loss, self.validation_constant_loss, self.validation_skill
        )

    @property
    def validation_skill(self) -> float:
        """Share of what a constant answer leaves open on validation data; nan without any."""
        constant = self.validation_constant_score
        constant = self.constant_score if math.isnan(constant) else constant
        return (self.validation_score - constant) / max(1 - constant, 1e-9)
