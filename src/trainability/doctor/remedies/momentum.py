"""Heavy-ball momentum for plain gradient descent."""

from __future__ import annotations

from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import option_lines
from trainability.setup import Setup

ANSWERS = ("relu-cannot-cross", "lr-too-low")
MOMENTUM = 0.9


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Momentum 0.9 where SGD has none."""
    if r.optimizer.name != "SGD" or r.optimizer.momentum > 0:
        return
    yield Change(
        name=f"momentum-{MOMENTUM:g}",
        family="momentum",
        summary=f"Add momentum {MOMENTUM:g}",
        code=option_lines("momentum", f"= {MOMENTUM:g}", f"or momentum={MOMENTUM:g} where the optimizer is built"),
        size=0.5,
        answers=ANSWERS,
        touches=("momentum",),
        transform=lambda setup, generator: _momentum(setup),
    )


def _momentum(setup: Setup) -> Setup:
    for group in setup.optimizer.param_groups:
        group["momentum"] = MOMENTUM
    return setup


REMEDY = Prescription("momentum", ANSWERS, propose)
