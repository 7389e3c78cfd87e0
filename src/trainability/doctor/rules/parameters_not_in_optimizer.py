"""The optimizer steps other tensors than the model's."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OptimizerReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where the optimizer holds none of the model's trainable tensors, or lacks some and runs fail."""
    opt = r.optimizer
    if not opt.trainable or not opt.missing or (opt.held and not r.fails):
        return None
    none = opt.held == 0 or len(opt.missing) == opt.trainable
    names = ", ".join(opt.missing[:5]) + (", ..." if len(opt.missing) > 5 else "")
    foreign = (
        f" It holds {opt.foreign} tensors that are not the model's: it was built for another model, or before layers "
        "were replaced."
        if opt.foreign
        else ""
    )
    return Finding(
        cause="parameters-not-in-optimizer",
        where=names,
        evidence={
            "trainable tensors": float(opt.trainable),
            "missing from the optimizer": float(len(opt.missing)),
            "held but not the model's": float(opt.foreign),
        },
        says=(
            f"{'None' if none else 'Only ' + str(opt.trainable - len(opt.missing))} of the model's {opt.trainable} "
            f"trainable tensors {'is' if none else 'are'} in the optimizer (missing: {names}); their gradients are "
            f"computed and never used.{foreign} "
            "It does not mean that the gradient is 0. Build the optimizer from model.parameters() after the model is "
            "complete."
        ),
        severity="critical" if none else "warning",
        weight=1000.0 if none else 58.0,
    )


RULE = Rule(
    cause="parameters-not-in-optimizer",
    title="Parameters missing from the optimizer",
    why="An optimizer changes only the tensors it was given.",
    not_meant="Layers frozen on purpose have requires_grad=False and are not counted.",
    source="torch.optim.Optimizer: parameters are fixed when it is built.",
    judge=judge,
    sick=(
        Readings(optimizer=OptimizerReading(held=0, foreign=8, missing=tuple("abcdefgh"))),
        Readings(optimizer=OptimizerReading(held=7, missing=("a",)), runs=(RunReading("stalled", score=0.1),)),
    ),
    healthy=(Readings(), Readings(optimizer=OptimizerReading(held=7, missing=("a",)))),
)
