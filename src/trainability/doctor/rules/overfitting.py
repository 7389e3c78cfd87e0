"""Training rows learned by heart: rows left out of training are answered as badly as validation rows."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import HeldOutReading, LabelReading, LearnerReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

LEARNED, LOST, TIMES = 0.5, 0.5, 3.0  # skill on rows trained on; its share left on others; standard deviations
LEVEL, SHOWS = 0.01, 0.25  # as for labels that are independent of inputs


def judge(r: Readings) -> Finding | None:
    """Fires where runs learn their rows and fail on validation rows, and rows left out of training fare no better."""
    h = r.held_out
    if h is None or not r.fails or not h.learned_skill >= LEARNED or _no_information(r):
        return None
    gap = h.learned_skill - h.held_skill
    if not h.held_skill < LOST * h.learned_skill or not gap > TIMES * h.noise(h.held, h.n):
        return None
    if not h.validation_skill < LOST * h.learned_skill:
        return None
    what = "accuracy" if h.classification else "R2"
    turns = "each fifth of them left out in turn" if h.folds > 1 else "a fifth of them left out"
    return Finding(
        cause="overfitting",
        where="training rows and model",
        evidence={
            f"{what} on rows trained on": h.learned,
            f"{what} on training rows left out": h.held,
            f"{what} on validation rows": h.validation,
            f"{what} of a constant answer": h.constant,
            "training rows": float(h.rows),
            "rows left out": float(h.n),
            "trainable numbers": float(h.weights),
        },
        says=(
            f"Trained with {turns}, the network has an {what} of {fmt(h.learned)} on the rows it learned from, of "
            f"{fmt(h.held)} on {h.n} training rows left out and of {fmt(h.validation)} on {h.validation_n} validation rows "
            f"(a constant answer: {fmt(h.constant)}): it knows its {h.rows} rows by heart, with {h.weights} trainable "
            "numbers. It does not mean that validation data differ from training data (rows left out are training rows), "
            "nor that longer training helps. More rows help most; a smaller network, weight decay, dropout or fewer steps "
            "help where there is something to gain."
        ),
        weight=60.0,
    )


def _no_information(r: Readings) -> bool:
    """Whether quick learners see nothing in the inputs where they would: then labels are what is wrong."""
    seen = r.labels.learners
    return bool(seen) and r.labels.detectable <= SHOWS and all(x.p > LEVEL for x in seen)


_LOST = (RunReading(validation_loss=2.9, validation_constant_loss=2.3, validation_score=0.3),)
_HEART = HeldOutReading(rows=200, n=200, folds=5, held=0.25, validation=0.3)
_NOTHING = LabelReading(learners=(LearnerReading("linear", 0.01, 0.6),), held_out=700, detectable=0.13)

RULE = Rule(
    cause="overfitting",
    title="Overfitting",
    why="With as many numbers as rows a network can store the answers, whatever the rows have in common.",
    not_meant="A gap between training and validation is normal; here little or nothing is left on rows not trained on.",
    source=(
        "Cross-validation: Stone 1974; Zhang et al. 2017, section 2, for networks that learn any labels by heart. "
        "Thresholds: half of the skill lost, beyond three standard deviations; chosen."
    ),
    judge=judge,
    sick=(Readings(held_out=_HEART, runs=_LOST),),
    healthy=(
        Readings(),
        Readings(held_out=HeldOutReading(), runs=_LOST),
        Readings(held_out=_HEART),
        Readings(held_out=_HEART, runs=_LOST, labels=_NOTHING),
        Readings(held_out=HeldOutReading(validation=0.1), runs=_LOST),
        Readings(held_out=HeldOutReading(n=8, held=0.3, validation=math.nan), runs=_LOST),
    ),
)
