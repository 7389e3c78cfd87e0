"""The step gives the model new parameters that its optimizer does not know."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where parameters are other tensors after a few calls of the step than before."""
    loop = r.loop
    if loop is None or not loop.replaced:
        return None
    whole = len(loop.replaced) >= max(r.optimizer.trainable, 1)
    names = ", ".join(loop.replaced[:5]) + (", ..." if len(loop.replaced) > 5 else "")
    return Finding(
        cause="parameters-replaced",
        where=names,
        evidence={
            "parameter tensors replaced": float(len(loop.replaced)),
            "trainable tensors": float(r.optimizer.trainable),
            "calls watched": float(loop.calls),
        },
        says=(
            f"After {loop.calls} calls of the step {len(loop.replaced)} parameter tensors of the model ({names}) are "
            "others than before: the step put new layers or tensors in their place. The optimizer goes on moving the "
            "old ones, which no output depends on any more. It does not mean a change of values in place. Build the "
            "layers once, before the optimizer, and change values with torch.no_grad() and copy_()."
        ),
        severity="critical" if r.fails or whole else "warning",
        weight=1000.0 if whole else 88.0,
    )


_NEW = LoopReading(replaced=("4.weight", "4.bias"))

RULE = Rule(
    cause="parameters-replaced",
    title="Parameters replaced during training",
    why="An optimizer holds tensors and not names; a new tensor under an old name is not among them.",
    not_meant="Values that are changed in place (clipping, weight averaging, a projection) are not this.",
    source="torch.optim.Optimizer: parameters are fixed when it is built.",
    judge=judge,
    sick=(Readings(loop=_NEW), Readings(loop=LoopReading(replaced=tuple("abcdefgh")))),
    healthy=(Readings(), Readings(loop=LoopReading())),
)
