"""A training step that never uses the batch that it is given."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

FEW, OF = 0.25, 4  # batches used over batches given, of so many at least


def judge(r: Readings) -> Finding | None:
    """Fires where the step is given many batches and runs the model on a few of them, again and again."""
    loop = r.loop
    if loop is None or loop.given < OF or not 1 <= loop.used <= FEW * loop.given or not loop.again:
        return None
    run, n = r.runs[0], r.data.n
    seen = loop.used * r.optimizer.batch_size
    of = f", {seen} of {n} samples at most" if n > seen else ""
    return Finding(
        cause="same-batch-again",
        where="step",
        evidence={
            "calls watched": float(loop.calls),
            "different batches given": float(loop.given),
            "different batches used": float(loop.used),
            "score on the training data": run.score,
        },
        says=(
            f"In {loop.calls} calls the step was given {loop.given} different batches and ran the model on "
            f"{loop.used}{of}, again and again; on the training data as a whole the score is {fmt(run.score)}. What it "
            "reports is how well it knows those samples by heart. It does not mean that the network overfits for want of "
            "data. Train on the batch that the loop hands over: next(iter(loader)) inside a loop begins the loader anew "
            "each time, and a batch that was kept is not the one that came."
        ),
        weight=1000.0,
    )


_AGAIN = LoopReading(given=8, used=1)

RULE = Rule(
    cause="same-batch-again",
    title="The same batch again and again",
    why="What never reaches the network cannot be learned; one batch is soon known by heart.",
    not_meant="Data that fit into one batch are given again every time, and that is no fault.",
    source="Batches given and inputs of the model's forward passes are compared by moments of their samples' values.",
    judge=judge,
    sick=(Readings(loop=_AGAIN), Readings(loop=_AGAIN, runs=(RunReading("stalled", score=0.3),))),
    healthy=(
        Readings(),
        Readings(loop=LoopReading()),
        Readings(loop=LoopReading(given=1, used=1)),
        Readings(loop=LoopReading(given=8, used=1, again=False)),
        Readings(loop=LoopReading(given=8, used=0)),
        Readings(loop=LoopReading(given=8, used=16)),
    ),
)
