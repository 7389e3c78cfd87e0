"""The optimizer: which parameters it holds, and how its steps are scaled."""

from __future__ import annotations

from torch.optim import Optimizer

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
    kinds = _kinds(setup.optimizer)
    adaptive = True if is_adaptive(setup.optimizer) else (False if kinds & PLAIN else None)
    return OptimizerReading(
        name=type(setup.optimizer).__name__,
        lrs=tuple(float(group.get("lr", float("nan"))) for group in groups),
        adaptive=adaptive,
        normalised=bool(kinds & NORMALISED),
        momentum=max((float(group.get("momentum", 0.0)) for group in groups), default=0.0),
        weight_decay=max((float(group.get("weight_decay", 0.0)) for group in groups), default=0.0),
        held=len(held & mine),
        missing=tuple(name for name, p in named.items() if id(p) not in held),
        foreign=len(held - mine),
        trainable=len(named),
        batch_size=setup.batches.batch_size,
        steps=steps,
        epochs=setup.epochs,
    )


def is_adaptive(optimizer: Optimizer) -> bool:
    """Whether the optimizer rescales the step per weight.

    Example:
        >>> import torch
        >>> is_adaptive(torch.optim.Adam([torch.zeros(1)])), is_adaptive(torch.optim.SGD([torch.zeros(1)]))
        (True, False)
    """
    return bool(_kinds(optimizer) & ADAPTIVE)


def _kinds(optimizer: Optimizer) -> set[str]:
    return {kind.__name__ for kind in type(optimizer).__mro__}
