"""Training labels that are wrong more often than the validation labels."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import HeldOutReading, NoiseReading, Readings, RunReading, SplitReading
from trainability.doctor.rules._rule import Rule, share

GOOD = 0.5  # skill of the learner on validation rows
LOW = 0.1  # lower end of the interval
TOLD_APART, RENUMBERED = (
    0.8,
    0.8,
)  # a forest's AUC for the origin of inputs; share of the skill that renumbering restores


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and what the validation rows teach holds for their own labels and not for training labels."""
    q, s, h = r.noise, r.split, r.held_out
    if (
        q is None
        or q.classes < 2
        or not r.fails
        or not any(run.skill >= GOOD or run.outcome == "trained" for run in r.runs)
    ):
        return None
    floor = max(q.chance, 1 / max(q.classes, 1))
    if not (q.validation - floor) / max(1 - floor, 1e-9) >= GOOD or not q.low > LOW:
        return None
    if s is not None and s.auc >= TOLD_APART:
        return None
    if h is not None and h.held > 1 - q.low:  # what is answered so well on rows left out is not so often wrong
        return None
    if h is not None and h.renumbered:
        return None
    nothing = 1 - 1 / q.classes  # labels drawn at random: the share that is wrong
    independent = q.high >= nothing
    limit = (
        f"; {share(nothing)} would be labels that have nothing to do with the inputs, which this cannot be told from"
        if independent
        else f"; {share(nothing)} would be labels that have nothing to do with the inputs"
    )
    return Finding(
        cause="label-noise",
        where="training labels",
        evidence={
            "share of wrong training labels": q.noise,
            "lower end of a 95% interval": q.low,
            "upper end": q.high,
            f"accuracy of a {q.learner} learner of validation rows on other validation rows": q.validation,
            "its accuracy on training rows": q.training,
            "validation rows": float(q.validation_n),
            "training rows": float(q.training_n),
        },
        says=(
            f"A quick {q.learner} learner, trained on one half of {q.validation_n} validation rows, is right on "
            f"{share(q.validation)} of the other half and on {share(q.training)} of {q.training_n} training rows, whose "
            f"inputs look alike: about {share(max(q.noise, 0.0))} of the training labels are wrong (95% interval "
            f"{share(max(q.low, 0.0))} to {share(min(q.high, 1.0))}{limit}). The network learns the wrong ones by heart. "
            "It does not say which labels are wrong, and where it is the validation labels that are cleaner on purpose, "
            "that is the gap. Check where labels are joined to inputs; look at rows where such a learner disagrees."
        ),
        weight=84.5 if independent else 85.5,
    )


_FLIPPED = NoiseReading(validation=0.95, training=0.6, noise=0.39, low=0.33, high=0.45)
_LOST = (RunReading(validation_loss=9.0, validation_constant_loss=0.69, validation_score=0.6, constant_score=0.5),)

RULE = Rule(
    cause="label-noise",
    title="Wrong labels among the training labels",
    why="A network that can store its rows stores their wrong labels too, and answers new rows by them.",
    not_meant="Labels as noisy in validation as in training show as a problem that is hard, and not here.",
    source=(
        "Natarajan et al. 2013, section 2 (class-conditional noise): accuracy falls linearly in the share of wrong "
        "labels. Interval: Agresti and Coull 1998, by the delta method."
    ),
    judge=judge,
    sick=(
        Readings(noise=_FLIPPED, runs=_LOST),
        Readings(noise=NoiseReading(training=0.52, noise=0.48, low=0.42, high=0.54), runs=_LOST),
    ),
    healthy=(
        Readings(),
        Readings(noise=NoiseReading(), runs=_LOST),
        Readings(noise=_FLIPPED),
        Readings(noise=_FLIPPED, runs=_LOST, split=SplitReading(auc=0.97)),
        Readings(noise=_FLIPPED, runs=_LOST, held_out=HeldOutReading(validation=0.3)),
        Readings(noise=NoiseReading(validation=0.6, training=0.5, noise=0.5, low=0.2), runs=_LOST),
        Readings(
            noise=_FLIPPED, runs=_LOST, held_out=HeldOutReading(held=0.6, relabelling=((0, 1), (1, 0)), relabelled=0.97)
        ),
    ),
)
