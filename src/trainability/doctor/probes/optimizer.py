"""The optimizer: which parameters it holds, and how its steps are scaled."""

from __future__ import annotations

from trainability.doctor.readings import OptimizerReading
from trainability.setup import Setup

NORMALISED = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Rprop", "Lion", "Adafactor"})
ADAPTIVE = NORMALISED | {"Adagrad", "Adadelta"}
PLAIN = frozenset({"SGD", "ASGD"})


def optimizer_reading(setup: Setup, steps: int) -> OptimizerReading:
    """Read a Setup's optimizer and budget.

    Args:
        setup: nothing is changed.
        steps: optimizer steps of one run.

    Returns:
        OptimizerReading.
    """
    groups = setup.optimizer.param_groups
    held = {id(p) for group in groups for p in group["params"]}
    named = {name: p for name, p in setup.model.named_parameters() if p.requires_grad}
    mine = {id(p) for p in setup.model.parameters()}
    kinds = {kind.__name__ for kind in type(setup.optimizer).__mro__}
    adaptive = True if kinds & ADAPTIVE else (False if kinds & PLAIN else None)
    return OptimizerReading(
        name=type(setup.optimizer).__name__,
        lrs=tuple(float(group.get("lr", float("nan"))) for group in groups),
        adaptive=adaptive,
        normalised=bool(kinds & NORMALISED),
        weight_decay=max((float(group.get("weight_decay", 0.0)) for group in groups), default=0.0),
        held=len(held & mine),
        missing=tuple(name for name, p in named.items() if id(p) not in held),
        foreign=len(held - mine),
        trainable=len(named),
        batch_size=setup.batches.batch_size,
        steps=steps,
        epochs=setup.epochs,
    )
