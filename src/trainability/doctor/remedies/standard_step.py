"""The standard training step in place of the user's own."""

from __future__ import annotations

from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = (
    "detached-loss",
    "gradients-never-cleared",
    "gradients-cleared-before-step",
    "step-never-called",
    "no-backward",
    "another-model-trained",
    "parameters-replaced",
    "eval-mode-in-training",
    "gradient-never-arrives",
    "sign-flipped-loss",
    "regulariser-dominates",
    "same-batch-again",
    "broadcast-loss",
    "inputs-and-labels-misaligned",
)

CODE = """def step(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss"""


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Clear, forward, loss, backward, step; only where the Setup has a step of its own."""
    if r.loop is None:
        return
    yield Change(
        name="standard-step",
        family="standard-step",
        summary="Train with the standard step: clear, forward, loss, backward, step",
        code=CODE,
        size=4.0,
        answers=ANSWERS,
        touches=("step",),
        transform=lambda setup, generator: setup.replaced(step=None),
    )


REMEDY = Prescription("standard-step", ANSWERS, propose)
