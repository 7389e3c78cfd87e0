"""The answers do not depend on the order of a sequence, and the labels do."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, RunReading, SightReading
from trainability.doctor.rules._rule import Rule, fmt

# A sum in another order differs by rounding, under 1e-5 of the spread; networks with positions change by about 1.
ORDERLESS, GAIN, SOME = 1e-3, 0.2, 0.3


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, shuffled sequences get the same answers, and quick learners need the order."""
    s = r.sight
    if not r.fails or s.steps < 3 or not s.order <= ORDERLESS:
        return None
    if not (s.with_order >= SOME and s.with_order >= s.without_order + GAIN):
        return None
    return Finding(
        cause="order-not-seen",
        where="model",
        evidence={
            "length of the sequence": float(s.steps),
            "change of the answers when steps are shuffled, over their spread": s.order,
            "held-out correlation of a learner that sees the order": s.with_order,
            "held-out correlation of one that does not": s.without_order,
            "loss at the end": r.runs[0].end_loss,
        },
        says=(
            f"With the {s.steps} steps of every input shuffled the answers change by {fmt(s.order)} of their spread, "
            "which is rounding: the model sees what is in a sequence and not where. The labels depend on where: a quick "
            f"learner that sees the order reaches a held-out correlation of {fmt(s.with_order)}, one that does not "
            f"{fmt(s.without_order)}. It does not mean that the learning rate or the size of the model is wrong. Add "
            "positions to the embeddings before attention mixes them, or read the sequence with a layer that keeps the "
            "order (a convolution, a recurrent layer)."
        ),
        weight=87.0,
    )


_FAILED = (RunReading("stalled", end_loss=0.69, score=0.5),)
_BAG = SightReading(places=10, unseen=0.0, steps=10, order=5e-7, with_order=0.9, without_order=0.02)

RULE = Rule(
    cause="order-not-seen",
    title="The order of a sequence is not seen",
    why="Self-attention and a mean or a sum over steps give a shuffled sequence the same answer.",
    not_meant="Where it matters only which words there are, a model without positions is right.",
    source="Vaswani et al. 2017, 'Attention is all you need', section 3.5. Thresholds: see the comment.",
    judge=judge,
    sick=(Readings(sight=_BAG, runs=_FAILED),),
    healthy=(
        Readings(),
        Readings(sight=_BAG),
        Readings(sight=SightReading(10, 0.0, "", 10, 1.2, 0.9, 0.02), runs=_FAILED),
        Readings(sight=SightReading(10, 0.0, "", 10, 5e-7, 0.95, 0.95), runs=_FAILED),
    ),
)
