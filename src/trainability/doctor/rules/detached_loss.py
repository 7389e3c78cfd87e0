"""The loss does not depend on any parameter."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LossReading, OptimizerReading, Readings
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where no gradient reaches any trainable parameter although there are some."""
    if r.loss.differentiable or not r.optimizer.trainable:
        return None
    return Finding(
        cause="detached-loss",
        where="loss_fn",
        evidence={"trainable tensors": float(r.optimizer.trainable), "tensors that get a gradient": 0.0},
        says=(
            f"The loss is a number without history: none of the {r.optimizer.trainable} trainable tensors gets a "
            "gradient from it, so no step can change them. Somewhere between output and loss the graph is cut: "
            ".detach(), .item(), .data, torch.no_grad(), NumPy, argmax, rounding, or a new tensor made of the value. "
            "It does not mean that gradients vanish. Compute the loss from the output by torch operations alone."
        ),
        weight=1000.0,
    )


RULE = Rule(
    cause="detached-loss",
    title="Loss detached from the parameters",
    why="Gradients flow along the recorded operations; a value that left them carries none.",
    not_meant="A gradient that is exactly 0 (dead units) still has a path.",
    source="torch.autograd mechanics: requires_grad and grad_fn.",
    judge=judge,
    sick=(Readings(loss=LossReading(differentiable=False)),),
    healthy=(Readings(), Readings(loss=LossReading(differentiable=False), optimizer=OptimizerReading(trainable=0))),
)
