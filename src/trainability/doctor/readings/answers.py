"""What the loss makes of answers that were made from the targets themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class AnswersReading:
    """What the loss makes of right answers, wrong ones, and those the model can give; no network is asked.

    Args:
        n: samples that were answered.
        forms: forms in which right answers could be written (logits, probabilities, their logarithms, the targets);
            0 where outputs and targets do not tell what a right answer is.
        form: the form of right answers with the smallest loss, in words.
        right: the loss of right answers in that form; shuffled: of the same answers given to other samples.
        logits: the smallest loss of right answers written as logits; nan for quantities.
        constant: the loss of the best constant answer, the model's last activation allowed for.
        lowest: the smallest loss found by descending from right, constant and the model's answers, over all answers
            that the last activation allows; nan where that is not known.
        lowest_score, constant_score: the score of those answers (accuracy or R2), and of a constant answer.
        kept: the smallest loss among answers kept to probabilities (to positive numbers for counts), and
            kept_score its score; nan unless the model's answers have no bounds.
        beyond: the smallest loss of one number from -50 to 50 given as every answer; nan as for `kept`.
        undefined: share of answers that the model can give, of 16, for which the loss is not finite.
        undefined_at: one of them; an answer of several columns counts by its smallest.
        flat_start, flat_end: share of wrong answers, among all of the model's, that get a gradient of exactly 0 from
            the loss, before the first step and after the last; nan for quantities.
        quiet: share of samples whose gradient is under a ten-thousandth of the mean when all answers are wrong by the
            same amount; nan unless the target itself is the best answer.
        soft: whether targets are rows of shares, not of a single 1.
        linear: whether the loss is a straight line in the answers.
        distance: mean total variation distance between the lowest answers and such targets, in [0, 1].
    """

    n: int = 256
    forms: int = 6
    form: str = "logits"
    right: float = 0.0
    logits: float = 0.0
    shuffled: float = 5.0
    constant: float = 2.3
    lowest: float = 0.0
    lowest_score: float = 1.0
    constant_score: float = 0.1
    kept: float = NAN
    kept_score: float = NAN
    beyond: float = NAN
    undefined: float = 0.0
    undefined_at: float = NAN
    flat_start: float = 0.0
    flat_end: float = 0.0
    quiet: float = NAN
    soft: bool = False
    linear: bool = False
    distance: float = NAN
