"""Backward is called, and no parameter of the model gets anything."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Order, State


def judge(s: State) -> Finding | None:
    """Fires where no backward of the followed steps reached a parameter."""
    o = s.order
    if not o.steps or o.unreached < o.steps or not s.trainable:
        return None
    return Finding(
        cause="detached-loss",
        where="loss",
        evidence={
            "steps followed": float(o.steps),
            "steps whose backward reached no parameter": float(o.unreached),
            "trainable tensors": float(s.trainable),
        },
        says=(
            f"In {o.unreached} of {o.steps} steps backward was called and reached none of the model's {s.trainable} "
            "trainable tensors: somewhere between output and loss the graph is cut (.detach(), .item(), .data, "
            "torch.no_grad(), NumPy, argmax, a new tensor made of the value), or the loss is of another model. "
            "It does not mean that gradients vanish. Compute the loss from this model's output by torch operations alone."
        ),
        weight=1000.0,
    )


def without_history(error: BaseException | None, step: int) -> Finding | None:
    """The finding of a loop that ended with backward on a tensor without history; None for another end."""
    if not isinstance(error, RuntimeError) or "does not require grad and does not have a grad_fn" not in str(error):
        return None
    return Finding(
        cause="detached-loss",
        where="loss",
        evidence={"step": float(step), "error": str(error)},
        says=(
            f"At step {step} backward was called on a tensor without history, and PyTorch raised: "
            "somewhere between output and loss the graph is cut (.detach(), .item(), .data, torch.no_grad(), "
            "NumPy, argmax, a new tensor made of the value). It does not mean that gradients vanish. Compute "
            "the loss from the output by torch operations alone."
        ),
        weight=1000.0,
    )


ALARM = Alarm(
    cause="detached-loss",
    judge=judge,
    sick=(State(order=Order(steps=5, unreached=5)),),
    healthy=(State(), State(order=Order(steps=5)), State(order=Order(steps=5, unreached=2))),
)
