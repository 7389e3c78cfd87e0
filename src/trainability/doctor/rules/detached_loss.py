"""The loss does not depend on any parameter, as it is computed or as the user's step hands it to backward."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, LossReading, OptimizerReading, Readings
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where no gradient reaches any trainable parameter although there are some."""
    if not r.optimizer.trainable:
        return None
    if r.loop is not None and r.loop.reaching:
        return None
    if r.loss.differentiable:
        return _cut_in_the_step(r)
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


def _cut_in_the_step(r: Readings) -> Finding | None:
    loop = r.loop
    if loop is None or not loop.backwards or loop.manual or loop.elsewhere or not loop.idle:
        return None
    made_anew = (
        f" {loop.rootless} of them began at a tensor without history: the loss was wrapped or copied into a new tensor "
        "(Variable(loss, requires_grad=True), torch.tensor(loss), loss.detach().requires_grad_()), which silences the "
        "error and cuts the graph."
        if loop.rootless
        else ""
    )
    return Finding(
        cause="detached-loss",
        where="step",
        evidence={
            "backward passes watched": float(loop.backwards),
            "that gave a parameter a gradient": 0.0,
            "begun at a tensor without history": float(loop.rootless),
            "trainable tensors": float(r.optimizer.trainable),
            "order of one step": loop.shown,
        },
        says=(
            f"{loop.backwards} backward passes of the step were watched, and none gave any of the "
            f"{r.optimizer.trainable} trainable tensors a gradient, though the Setup's own loss would: the graph is cut "
            f"between the model and backward().{made_anew} It does not mean that gradients vanish. Call backward() on "
            "the loss as it was computed."
        ),
        weight=1000.0,
    )


_CUT = LoopReading(reaching=0, rootless=8, moved=0.0)

RULE = Rule(
    cause="detached-loss",
    title="Loss detached from the parameters",
    why="Gradients flow along the recorded operations; a value that left them carries none.",
    not_meant="A gradient that is exactly 0 (dead units) still has a path.",
    source="torch.autograd mechanics: requires_grad and grad_fn.",
    judge=judge,
    sick=(Readings(loss=LossReading(differentiable=False)), Readings(loop=_CUT)),
    healthy=(
        Readings(),
        Readings(loop=LoopReading()),
        Readings(loop=LoopReading(), loss=LossReading(differentiable=False)),
        Readings(loss=LossReading(differentiable=False), optimizer=OptimizerReading(trainable=0)),
    ),
)
