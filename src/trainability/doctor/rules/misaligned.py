"""The labels stand beside the wrong inputs, some places off."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LabelReading, LearnerReading, LoopReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

LEVEL, CLEAR = 0.01, 6.0


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, labels tell nothing of their own inputs and much of those some places further on."""
    if r.loop is not None and r.loop.shuffled and r.fails:
        return _in_the_step(r)
    labels = r.labels
    k = labels.shift
    if not r.fails or not k or not labels.shift_z >= CLEAR or any(not x.p > LEVEL for x in labels.learners):
        return None
    further = f"{abs(k)} place{'s' if abs(k) > 1 else ''} {'further on' if k > 0 else 'further back'}"
    cut = f"X, y = X[{k}:], y[:-{k}]" if k > 0 else f"X, y = X[:{k}], y[{-k}:]"
    own = max((x.correlation for x in labels.learners if x.correlation == x.correlation), default=float("nan"))
    beside = "" if own != own else f" and {fmt(own)} with their own"
    return Finding(
        cause="inputs-and-labels-misaligned",
        where="labels",
        evidence={
            "shift in samples": float(k),
            "held-out correlation at that shift": labels.shift_correlation,
            "in standard deviations by chance": labels.shift_z,
            "largest held-out correlation as they stand": own,
            "held-out samples": float(labels.held_out),
            "shift of the validation data": float(labels.validation_shift),
        },
        says=(
            f"Each label belongs to the input {further}: quick learners answer with a held-out correlation of "
            f"{fmt(labels.shift_correlation)} ({fmt(labels.shift_z)} standard deviations) with the labels at that shift"
            f"{beside}, over {labels.held_out} samples. "
            "No change of hyper-parameters mends it. It does not mean that the labels are wrong, only their places; "
            "labels that were shuffled apart from their inputs could not be told from labels without information. "
            f"Look for a header line, a dropped row or an off-by-one where they are read: {cut}."
        ),
        weight=86.0,
    )


def _in_the_step(r: Readings) -> Finding:
    run = r.runs[0]
    return Finding(
        cause="inputs-and-labels-misaligned",
        where="step",
        evidence={"score at the end": run.score, "loss at the end": run.end_loss},
        says=(
            "The step runs the model on the batch's samples in another order and compares its answers with the labels in "
            f"the order as given (the score is {fmt(run.score)}). "
            "No change of hyper-parameters mends it. It does not mean that the labels are wrong, only their places. "
            "Where a batch is shuffled or augmented, take the same rows of both: x[order], y[order]."
        ),
        weight=1000.0,
    )


_APART = tuple(LearnerReading(name, 0.01, 0.4) for name in ("linear", "forest"))
_STALLED = (RunReading(outcome="stalled", score=0.12),)
_SHIFTED = LabelReading(
    learners=_APART, held_out=700, detectable=0.14, shift=-1, shift_correlation=0.9, shift_z=60.0, validation_shift=-1
)

RULE = Rule(
    cause="inputs-and-labels-misaligned",
    title="Inputs and labels misaligned",
    why="A label beside another sample's input is a random label, and a network can only learn it by heart.",
    not_meant="A series that is to be forecast has shifted labels on purpose, and its own inputs tell of them.",
    source="Held-out test at shifts of up to 3 places; six standard deviations: 1 in 10^8 by chance.",
    judge=judge,
    sick=(Readings(labels=_SHIFTED, runs=_STALLED), Readings(loop=LoopReading(shuffled=True), runs=_STALLED)),
    healthy=(
        Readings(),
        Readings(loop=LoopReading(shuffled=True)),
        Readings(labels=_SHIFTED),
        Readings(labels=LabelReading(learners=_APART, held_out=700, detectable=0.14), runs=_STALLED),
    ),
)
