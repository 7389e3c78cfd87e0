"""What one training was: its losses, its outcome by the stated rules, and where it ended."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainability.measures.outcome import Outcome

CLEARLY, SURE = (
    0.9,
    10.0,
)  # skill of a network that is right nearly always; how far its loss may then be above a constant's
KEPT = 0.85  # measured: healthy networks keep at least 0.97 of it, averages of a hundred steps at momentum 0.001 0.58 to 0.79


def generalises(loss: float, constant_loss: float, skill: float) -> bool:
    """Whether a loss on validation data is below a constant answer's, or near it and the answers nearly all right.

    Args:
        loss, constant_loss: on the validation data; nan where there are none.
        skill: there, by the score.

    >>> generalises(2.0, 2.3, 0.2), generalises(3.0, 2.3, 0.97), generalises(100.0, 2.3, 0.97)
    (True, True, False)
    """
    if math.isnan(constant_loss) or loss < constant_loss:
        return True
    return skill >= CLEARLY and loss < SURE * constant_loss


@dataclass(frozen=True, eq=False)
class Run:
    """One training of one Setup with one seed.

    Args:
        outcome: "diverged", "stalled", "learning" or "trained".
        losses: (steps,), the training loss of every step's mini-batch before the step; nan once it is lost.
        start_loss: L0, mean mini-batch loss before the first step.
        constant_loss: Lc, the loss of the best constant answer; nan where there is none.
        target: at or below it a run has trained.
        score: accuracy or R2 on (a fixed sample of) the training data at the end.
        constant_score: the score of the best constant answer on the same sample.
        validation_loss, validation_constant_loss, validation_score: the same on the validation data; nan without.
        seed: what the weights and the data order came from; None for the weights as given.
        steps: number of optimizer steps.
        seconds: wall-clock time.
        gradient_norms: (k, 2), pairs (step, norm of the gradient over all parameters) at up to 60 steps.
        by_batch_loss, by_averages_loss: of a model with batch normalisation, its loss at the end on training batches,
            normalised by each batch's own statistics, and by the running averages that eval mode uses; else nan.
        validation_constant_score: the score of the best constant answer on the validation data, where it was asked.
        answers_zero: whether at the end every output is exactly 0 for every input of the sample.
    """

    outcome: Outcome
    losses: np.ndarray
    start_loss: float
    constant_loss: float
    target: float
    score: float
    constant_score: float
    validation_loss: float
    validation_constant_loss: float
    validation_score: float
    seed: int | None
    steps: int
    seconds: float
    gradient_norms: np.ndarray
    by_batch_loss: float = math.nan
    by_averages_loss: float = math.nan
    validation_constant_score: float = math.nan
    answers_zero: bool = False

    @property
    def trained(self) -> bool:
        """Whether the outcome is "trained"."""
        return self.outcome == "trained"

    @property
    def generalises(self) -> bool:
        """Whether it beats the best constant answer on the validation data, or True where there are none.

        By the loss, or clearly by the score: a network that is right and too sure of the few cases where it is wrong
        has a loss above a constant answer's and has learned all the same, unless that loss is out of all proportion.
        """
        return generalises(self.validation_loss, self.validation_constant_loss, self.validation_skill)

    @property
    def validation_skill(self) -> float:
        """Share of what a constant answer leaves open on the validation data; nan without."""
        constant = self.validation_constant_score
        constant = self.constant_score if math.isnan(constant) else constant
        return (self.validation_score - constant) / max(1 - constant, 1e-9)

    @property
    def keeps(self) -> bool:
        """Whether eval mode keeps most of what training has gained on a constant answer.

        Only batch normalisation can lose it, whose running averages may be far from what batches have now.
        """
        reference = self.start_loss if math.isnan(self.constant_loss) else self.constant_loss
        gained, kept = reference - self.by_batch_loss, reference - self.by_averages_loss
        return not (gained > 0 and kept < KEPT * gained)

    @property
    def skill(self) -> float:
        """Share of what a constant answer leaves open: (score - constant) / (1 - constant); nan when lost."""
        return (self.score - self.constant_score) / max(1 - self.constant_score, 1e-9)

    @property
    def learned(self) -> bool:
        """Trained, or learning with a skill of at least one half; in eval mode too, and it generalises."""
        enough = self.trained or (self.outcome == "learning" and self.skill >= 0.5)
        return enough and self.keeps and self.generalises

    @property
    def succeeded(self) -> bool:
        """Trained, in eval mode too, and no worse than a constant answer on data it has not seen."""
        return self.trained and self.keeps and self.generalises

    @property
    def end_loss(self) -> float:
        """Mean of the last tenth of the losses."""
        tail = self.losses[-max(len(self.losses) // 10, 1) :]
        return float(tail.mean()) if len(tail) else self.start_loss
