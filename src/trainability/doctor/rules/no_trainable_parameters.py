"""Every parameter is frozen, or there are none."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OptimizerReading, Readings
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where no parameter has requires_grad."""
    if r.optimizer.trainable:
        return None
    total = len(r.start.weights)
    return Finding(
        cause="no-trainable-parameters",
        where="model",
        evidence={"parameter tensors": float(total), "with requires_grad": 0.0},
        says=(
            f"None of the model's {total} parameter tensors has requires_grad=True: nothing can be trained. "
            "It does not mean that the optimizer is wrong. Unfreeze the layers that are to learn: "
            "model.requires_grad_(True)."
        ),
        weight=1000.0,
    )


RULE = Rule(
    cause="no-trainable-parameters",
    title="No trainable parameters",
    why="Gradients are computed only for tensors with requires_grad=True.",
    not_meant="A frozen backbone with a trainable head is not this.",
    source="torch.Tensor.requires_grad.",
    judge=judge,
    sick=(Readings(optimizer=OptimizerReading(trainable=0, held=0)),),
    healthy=(Readings(),),
)
