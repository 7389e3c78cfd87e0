"""Nothing is taken out of the graph while the model runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.probes.cut import DETACHING
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._while_running import Instead, WhileRunning
from trainability.setup import Setup

ANSWERS = ("gradient-cut-inside", "gradient-never-arrives")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Every `.detach()`, `.data` and `torch.no_grad()` inside forward passed over."""
    cut = r.graph.cut
    if not cut.calls:
        return
    where = f"# {cut.line}\n" if cut.line else ""
    yield Change(
        name="keep-history",
        family="keep-history",
        summary="Take out what cuts the graph in forward: .detach(), .data, torch.no_grad()",
        code=f"{where}h = self.cell(x[:, t], h)  # the state itself, without .detach(), .data or torch.no_grad()",
        size=1.0,
        answers=ANSWERS,
        touches=("history",),
        transform=_kept,
    )


def _kept(setup: Setup, generator: torch.Generator) -> Setup:
    return setup.replaced(model=WhileRunning(setup.model, _uncut), keep_facts=True)


def _uncut() -> Instead:
    def instead(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func is torch._C._set_grad_enabled and torch.is_grad_enabled():
            return None
        if func in DETACHING and args and isinstance(args[0], Tensor):
            return args[0]
        return NotImplemented

    return instead


REMEDY = Prescription("keep-history", ANSWERS, propose)
