"""Dropout that leaves most units, and none on the output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.probes.capacity import DROPOUTS
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._while_running import Instead, WhileRunning
from trainability.setup import Setup

ANSWERS = ("dropout-too-heavy",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The dropout on the output removed; p = 0.2, then none, for every dropout that is a module."""
    c, ending = r.capacity, r.graph.wiring
    if ending.dropout:
        own = bool(ending.dropout) and ending.dropout != "dropout"
        yield Change(
            name="no-dropout-on-the-output",
            family="less-dropout",
            summary="Remove the dropout on the output",
            code=(
                f'model.set_submodule("{ending.dropout}", nn.Identity())  # no dropout behind the last layer'
                if own
                else "# in forward(): return the output without dropout"
            ),
            size=0.4,
            answers=ANSWERS,
            touches=("dropout",),
            transform=partial(_without, path=ending.dropout if own else "", call=ending.dropout_call),
        )
    if not c.dropouts:
        return
    for p in (0.2, 0.0):
        if p >= c.dropout_p:
            continue
        yield Change(
            name=f"dropout-{p:g}",
            family="less-dropout",
            summary=f"Lower dropout from {c.dropout_p:g} to {p:g}" if p else "Leave dropout out",
            code=(
                "for module in model.modules():\n"
                "    if isinstance(module, nn.modules.dropout._DropoutNd):  # nn.Dropout and its kin\n"
                f"        module.p = min(module.p, {p:g})"
            ),
            size=0.5 if p else 0.6,
            answers=ANSWERS,
            touches=("dropout",),
            transform=partial(_lower, p=p),
        )


def _without(setup: Setup, generator: torch.Generator, *, path: str, call: int) -> Setup:
    if not path:
        return setup.replaced(model=WhileRunning(setup.model, partial(_passed_over, call)), keep_facts=True)
    owner, _, leaf = path.rpartition(".")
    setup.model.get_submodule(owner)._modules[leaf] = nn.Identity()
    return setup.replaced(keep_facts=True)


def _passed_over(call: int) -> Instead:
    count = -1

    def instead(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal count
        if func not in DROPOUTS:
            return NotImplemented
        count += 1
        return args[0] if count == call else NotImplemented

    return instead


def _lower(setup: Setup, generator: torch.Generator, *, p: float) -> Setup:
    for module in setup.model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = min(module.p, p)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("less-dropout", ANSWERS, propose)
