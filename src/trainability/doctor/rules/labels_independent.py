"""Nothing in the inputs tells of the labels, as far as quick learners and the network itself can see."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LabelReading, LearnerReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

LEVEL = 0.01
POWER = 0.25  # a test that could miss a correlation of a quarter (6% of the variance) says nothing
SKILL, NOISE = 0.5, 3.0


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, no learner sees anything on held-out samples, and a weak dependence would have shown."""
    labels = r.labels
    if not r.fails or not labels.learners or labels.shift or labels.distinct < 2:
        return None
    if any(not x.p > LEVEL for x in labels.learners) or not labels.detectable <= POWER:
        return None
    if labels.network_skill > NOISE * labels.network_noise:
        return None
    if any(run.generalises and math.isfinite(run.validation_loss) for run in r.runs):
        return None
    checked = math.isfinite(labels.network_skill)
    memorises = checked and any(run.skill >= SKILL for run in r.runs)
    sure = memorises or not labels.sequence
    best = max(labels.learners, key=lambda x: abs(x.correlation) if x.correlation == x.correlation else 0.0)
    network = (
        f" The network fits its training data (score {fmt(max(run.score for run in r.runs))}) and is no better than a "
        f"constant answer on the validation data (skill {fmt(labels.network_skill)})."
        if memorises
        else ""
    )
    order = " The labels stand in sorted order: were they sorted apart from the inputs?" if labels.in_order else ""
    evidence: dict[str, float | str] = {f"p of the {x.name} learner": x.p for x in labels.learners}
    evidence |= {
        "largest held-out correlation": best.correlation,
        "smallest correlation that would show": labels.detectable,
        "held-out samples": float(labels.held_out),
        "skill on validation data": labels.network_skill,
    }
    return Finding(
        cause="labels-independent-of-inputs",
        where="labels",
        evidence=evidence,
        says=(
            f"{len(labels.learners)} quick learners ({', '.join(x.name for x in labels.learners)}), trained on one half "
            f"of the data, see nothing in the other half's {labels.held_out} samples: their answers agree with the "
            f"labels no better than with shuffled ones (smallest p {fmt(min(x.p for x in labels.learners))}), where "
            f"answers that correlate with them by {fmt(labels.detectable)} would have shown in nine of ten cases.{network} "
            + (
                "No change of hyper-parameters helps: the fault is in the data. "
                if sure
                else "Order inside a sample may carry what these learners do not see, so this is a suspicion. "
            )
            + "It does not mean that they were shuffled on purpose, and a dependence that shows only when many inputs "
            "are combined (a parity) looks the same. Compare some inputs with their labels by eye; look where they are "
            f"joined, sorted and shuffled.{order}"
        ),
        severity="critical" if sure else "warning",
        weight=85.0 if sure else 40.0,
        curable=not sure,
    )


_NOTHING = tuple(
    LearnerReading(name, 0.01, p)
    for name, p in (("linear", 0.4), ("quadratic", 0.7), ("nearest neighbours", 0.1), ("forest", 0.9))
)
_RANDOM = LabelReading(learners=_NOTHING, held_out=700, detectable=0.14)
_STALLED = (RunReading(outcome="stalled", score=0.12),)
_MEMORISED = (RunReading(validation_loss=9.0, validation_constant_loss=2.3),)
_SKILL = LabelReading(
    learners=_NOTHING, held_out=700, detectable=0.14, sequence=True, network_skill=0.0, network_noise=0.02
)

RULE = Rule(
    cause="labels-independent-of-inputs",
    title="Labels independent of the inputs",
    why="What the inputs do not tell cannot be learned from them; a network can only learn it by heart.",
    not_meant=(
        "Labels that are mostly noise still show: with 1000 samples, a dependence of a tenth of the variance in 99 of "
        "100 trials, of a twentieth in 74. A weaker one can hide, and looks the same."
    ),
    source=(
        "Permutation test on held-out samples: exact at p <= 0.01 for each learner, so that labels without information "
        "pass for informative in at most 4% of cases (measured: 5 and 3 of 100). Zhang et al. 2017, section 2, for "
        "networks that fit random labels."
    ),
    judge=judge,
    sick=(
        Readings(labels=_RANDOM, runs=_STALLED),
        Readings(labels=_SKILL, runs=_MEMORISED),
        Readings(labels=_SKILL, runs=_STALLED),
    ),
    healthy=(
        Readings(),
        Readings(labels=_RANDOM),
        Readings(labels=LabelReading(learners=(LearnerReading("forest"),), detectable=0.1), runs=_STALLED),
        Readings(labels=LabelReading(learners=_NOTHING, held_out=40, detectable=0.58), runs=_STALLED),
        Readings(
            labels=LabelReading(learners=_NOTHING, detectable=0.1, network_skill=0.4, network_noise=0.02),
            runs=_MEMORISED,
        ),
    ),
)
