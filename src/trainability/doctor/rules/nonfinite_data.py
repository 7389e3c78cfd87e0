"""NaN or infinite values in the data."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, Readings
from trainability.doctor.rules._rule import Rule, share


def judge(r: Readings) -> Finding | None:
    """Fires on any sample with a non-finite input or target."""
    d = r.data
    bad = max(d.nonfinite_inputs, d.nonfinite_targets)
    if not bad:
        return None
    side = "inputs" if d.nonfinite_inputs >= d.nonfinite_targets else "targets"
    total = f" of {d.n}" if d.n > 0 else ""
    part = f" ({share(bad / d.n)})" if d.n > 0 else ""
    return Finding(
        cause="non-finite-data",
        where=side,
        evidence={
            "samples with a non-finite input": float(d.nonfinite_inputs),
            "samples with a non-finite target": float(d.nonfinite_targets),
            "samples": float(d.n),
        },
        says=(
            f"{bad}{total} samples{part} have a NaN or infinite value in their {side}. The first mini-batch with one "
            "makes the loss NaN and, through the gradient, every weight; nothing recovers from that. "
            "It does not mean that the learning rate is too high. Drop or fill those samples before training."
        ),
        weight=1000.0,
    )


RULE = Rule(
    cause="non-finite-data",
    title="NaN or infinite data",
    why="NaN spreads through every sum it enters: one value is enough to lose all weights in one step.",
    not_meant="A loss that becomes NaN later, on finite data, is a divergence.",
    source="IEEE 754 arithmetic.",
    judge=judge,
    sick=(Readings(data=DataReading(nonfinite_inputs=1)), Readings(data=DataReading(nonfinite_targets=3))),
    healthy=(Readings(),),
)
