"""Classes so uneven that the network learns to answer the most frequent one and stops there."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

UNEVEN = 0.9
FEW = 20  # fewer samples are a test of the code (can it fit one batch?)
ABOVE, BELOW = 0.1, 0.5  # of what the most frequent class leaves open: how close an accuracy is to answering it alone


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and end with the accuracy that answering the most frequent class gives."""
    d = r.data
    if r.task not in ("multi-class", "binary") or 0 <= d.n < FEW or d.classes < 2:
        return None
    if not UNEVEN <= d.largest_class < 1 or not r.fails:
        return None
    alike = [run for run in r.runs if _as_one_class(run)]
    if 2 * len(alike) < max(len(r.runs), 1):
        return None
    run = alike[0]
    return Finding(
        cause="class-imbalance",
        where="labels",
        evidence={
            "share of the most frequent class": d.largest_class,
            "classes": float(d.classes),
            "samples": float(d.n),
            "share right at the end": run.score,
            "runs that answer one class": float(len(alike)),
            "runs": float(len(r.runs)),
        },
        says=(
            f"{share(d.largest_class)} of {d.n if d.n > 0 else 'the'} samples have the same class, and {len(alike)} of "
            f"{len(r.runs)} runs end with {fmt(run.score)} right, which is what answering that class for all gives: the "
            "accuracy is high and nothing is told apart. The rare samples have so small a part in the mean loss that "
            "their gradient comes last. It does not mean that the rare class cannot be learned. Look at its recall, "
            "or at the mean of the recalls, instead of the accuracy, and give both classes the same weight in the loss "
            "(pos_weight= or weight=), or draw them alike (WeightedRandomSampler)."
        ),
        severity="warning",
        weight=44.0,
    )


def _as_one_class(run: RunReading) -> bool:
    """Whether a run's accuracy is that of one class for all."""
    open_ = 1 - run.constant_score
    return -BELOW * open_ <= run.score - run.constant_score <= ABOVE * open_


_ONE = (RunReading(outcome="stalled", score=0.995, constant_score=0.995),)
_DATA = DataReading(classes=2, largest_class=0.995)

RULE = Rule(
    cause="class-imbalance",
    title="Class imbalance",
    why="The mean loss is that of the frequent class, so that the rare one is learned last, or not within the budget.",
    not_meant="Uneven classes alone are no fault: most networks learn them. A high accuracy is no success either.",
    source="He and Garcia, Learning from Imbalanced Data. The shares 90%, a tenth and a half: chosen.",
    judge=judge,
    sick=(
        Readings(data=_DATA, runs=_ONE),
        Readings(
            task="binary",
            data=DataReading(classes=2, largest_class=0.95),
            runs=(RunReading(outcome="learning", score=0.951, constant_score=0.95),),
        ),
    ),
    healthy=(
        Readings(),
        Readings(data=_DATA),
        Readings(
            data=DataReading(classes=2, largest_class=0.7), runs=(RunReading("stalled", score=0.7, constant_score=0.7),)
        ),
        Readings(data=_DATA, runs=(RunReading("stalled", score=0.4, constant_score=0.995),)),
        Readings(data=DataReading(n=4, classes=2, largest_class=0.95), runs=_ONE),
        Readings(task="regression", data=DataReading(classes=0, largest_class=float("nan")), runs=_ONE),
    ),
)
