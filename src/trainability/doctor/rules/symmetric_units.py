"""Units that start equal and therefore stay equal."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, share
from trainability.doctor.rules._weights import matrices

IDENTICAL = 0.9


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and nearly all units of a hidden layer have the same incoming weights."""
    hidden = [w for w in r.start.weights if w.is_matrix][:-1] or matrices(r.start)[:-1]
    equal = [w for w in hidden if w.identical_rows >= IDENTICAL and w.shape[0] > 1]
    if not equal or all(x.outcome == "trained" for x in r.runs):
        return None
    worst = equal[0]
    zero = [w for w in equal if w.std == 0 and w.mean == 0]
    zeros = (
        f", and {len(zero)} hidden matrices are all 0, which lets neither signal forward nor gradient back"
        if zero
        else ""
    )
    return Finding(
        cause="symmetric-units",
        where=", ".join(w.name for w in equal[:4]),
        evidence={
            "share of units equal to another": worst.identical_rows,
            "hidden weights without differences": float(len(equal)),
            "hidden weights that are all 0": float(len(zero)),
            "weights": worst.says,
        },
        says=(
            f"{share(worst.identical_rows)} of the {worst.shape[0]} units behind {worst.name} start with the same "
            f"weights ({worst.says}){zeros}. Equal units get equal gradients and stay equal, so the layer works as one "
            "unit however wide it is. "
            "It does not mean that the values are too large or too small. "
            "Draw every weight at random: He's initializer for ReLU, Xavier's for tanh."
        ),
        weight=75.0,
    )


_EQUAL = tuple(
    WeightReading(
        f"{i}.weight", (64, 64), says="every weight 0.01", kind="constant", std=0.0, mean=0.01, identical_rows=1.0
    )
    for i in range(3)
)
_STALLED = (RunReading(outcome="stalled", score=0.2),)

RULE = Rule(
    cause="symmetric-units",
    title="All-zero, constant or symmetric units",
    why="Gradient descent cannot tell equal units apart: the set of weights with equal units is invariant under it.",
    not_meant="A last layer that starts at 0 is fine: its inputs differ, so its gradients do.",
    source="Goodfellow, Bengio & Courville 2016, section 8.4 (breaking symmetry between units).",
    judge=judge,
    sick=(Readings(start=Snapshot(weights=_EQUAL), runs=_STALLED),),
    healthy=(Readings(), Readings(start=Snapshot(weights=_EQUAL)), Readings(runs=_STALLED)),
)
