"""A ReLU in place of each softmax between layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.probes.recorder import WATCHED
from trainability.doctor.probes.wiring import KINDS
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._while_running import Instead, WhileRunning
from trainability.setup import Setup

ANSWERS = ("softmax-in-hidden-layer",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """ReLU for the softmaxes that feed a layer, whether they are modules or calls in forward."""
    wiring = r.graph.wiring
    if not wiring.softmaxes:
        return
    whole = len(wiring.modules) == len(wiring.softmaxes)
    lines = [f'model.set_submodule("{path}", nn.ReLU())  # instead of softmax' for path in wiring.modules]
    if not whole:
        lines.append("# in forward(): torch.relu(x) instead of softmax, between the layers")
    yield Change(
        name="relu-for-softmax",
        family="relu-for-softmax",
        summary="Use ReLU instead of softmax in the hidden layers",
        code="\n".join(lines),
        size=1.0,
        answers=ANSWERS,
        touches=("activation",),
        transform=partial(_replace, modules=wiring.modules if whole else (), calls=wiring.calls),
    )


def _replace(setup: Setup, generator: torch.Generator, *, modules: tuple[str, ...], calls: tuple[int, ...]) -> Setup:
    if not modules:
        return setup.replaced(model=WhileRunning(setup.model, partial(_by_call, calls)), keep_facts=True)
    for path in modules:
        owner, _, leaf = path.rpartition(".")
        setup.model.get_submodule(owner)._modules[leaf] = nn.ReLU()
    return setup.replaced(keep_facts=True)


def _by_call(calls: tuple[int, ...]) -> Instead:
    count = -1

    def instead(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal count
        if WATCHED.get(func, ("",))[0] not in KINDS:
            return NotImplemented
        count += 1
        return torch.relu(args[0]) if count in calls and args else NotImplemented

    return instead


REMEDY = Prescription("relu-for-softmax", ANSWERS, propose)
