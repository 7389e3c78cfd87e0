"""Features that are copies of each other, or nearly so, with what matters in their small difference."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

# Gradient descent needs about as many steps along a direction as the largest eigenvalue is times its own: beyond a
# thousand, what lies there is not learned in a usual budget. A tenth of the targets' variance is worth telling.
CONDITION, SHARE, COPIES = 1e3, 0.1, 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and a part of the targets is seen only along flat directions, or half the features copy."""
    d = r.data
    if not r.fails or d.integer_inputs:
        return None
    flat = d.condition > CONDITION and d.flat_skill > SHARE and r.diverged < 1 / 3
    copies = d.copied_features >= COPIES
    if not (flat or copies):
        return None
    seen = []
    if copies:
        seen.append(
            f"{share(d.copied_features)} of the {d.features} features repeat another one, up to a factor and a "
            "constant: k copies multiply the curvature along their sum by k, and lower the stable learning rate by it"
        )
    if flat:
        seen.append(
            f"the features' correlation matrix has condition {fmt(d.condition)}, and {share(d.flat_skill)} of the "
            "targets' variance shows only along directions with less than a thousandth of the largest eigenvalue: "
            "gradient descent needs over a thousand times as many steps along them"
        )
    text = "; ".join(seen)
    return Finding(
        cause="duplicated-features",
        where="inputs",
        evidence={
            "condition of the correlation matrix": d.condition,
            "share of the targets' variance along flat directions": d.flat_skill,
            "share of features that repeat another": d.copied_features,
            "features": float(d.features),
            "samples": float(d.n),
        },
        says=(
            f"{text[0].upper()}{text[1:]}. Standardising does not change that. It does not mean that the features are "
            "wrong or that one of them must go. Try features that are not correlated: principal components divided by "
            "their spread (whitening), orthogonal polynomials for powers, one of each pair of copies."
        ),
        severity="warning",
        weight=49.0 if flat else 30.0,
    )


_SLOW = (RunReading(outcome="learning", end_loss=1.7, score=0.3),)

RULE = Rule(
    cause="duplicated-features",
    title="Duplicated or nearly collinear features",
    why="The Hessian of a linear layer is the features' second moment: copies give it one large and one tiny eigenvalue.",
    not_meant="Correlated features are usual; neighbouring pixels are. It counts only where the answer is in the difference.",
    source="LeCun et al. 1998, section 4.3 (decorrelating the inputs). Thresholds: see the comment.",
    judge=judge,
    sick=(
        Readings(data=DataReading(condition=1e6, flat_skill=0.5), runs=_SLOW),
        Readings(data=DataReading(copied_features=0.9), runs=_SLOW),
    ),
    healthy=(
        Readings(),
        Readings(data=DataReading(condition=1e6, flat_skill=0.5)),
        Readings(data=DataReading(condition=1e6, flat_skill=0.01), runs=_SLOW),
        Readings(data=DataReading(condition=50.0, flat_skill=0.5), runs=_SLOW),
        Readings(data=DataReading(condition=1e6, flat_skill=0.5), runs=(replace(_SLOW[0], outcome="diverged"),)),
    ),
)
