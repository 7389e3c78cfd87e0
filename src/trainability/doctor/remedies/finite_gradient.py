"""A small number where an operation's derivative is infinite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._while_running import Instead, LossWhileRunning, WhileRunning
from trainability.setup import Setup

ANSWERS = ("nonfinite-gradient",)
EPS, LARGE = 1e-6, 50.0


def _shifted(x: Tensor) -> Tensor:
    return x + EPS


def _inside(x: Tensor) -> Tensor:
    return x.clamp(-1 + EPS, 1 - EPS)


GUARDS: dict[str, tuple[tuple[Any, ...], Callable[[Tensor], Tensor], str]] = {
    "sqrt": ((torch.sqrt, Tensor.sqrt), _shifted, "(x + 1e-6).sqrt()  # for x.sqrt()"),
    "rsqrt": ((torch.rsqrt, Tensor.rsqrt), _shifted, "(x + 1e-6).rsqrt()  # for x.rsqrt()"),
    "pow": ((torch.pow, Tensor.pow, Tensor.__pow__), _shifted, "(x + 1e-6) ** p  # for x ** p"),
    "log": ((torch.log, Tensor.log), lambda x: x.clamp(min=EPS), "x.clamp(min=1e-6).log()  # for x.log()"),
    "acos": ((torch.acos, torch.arccos, Tensor.acos), _inside, "x.clamp(-1 + 1e-6, 1 - 1e-6).acos()  # for x.acos()"),
    "asin": ((torch.asin, torch.arcsin, Tensor.asin), _inside, "x.clamp(-1 + 1e-6, 1 - 1e-6).asin()  # for x.asin()"),
    "exp": ((torch.exp, Tensor.exp), lambda x: x.clamp(max=LARGE), "x.clamp(max=50).exp()  # for x.exp()"),
    "div": (
        (torch.div, torch.true_divide, Tensor.div, Tensor.__truediv__),
        _shifted,
        "x / torch.where(y == 0, 1e-6, y)  # for x / y",
    ),
}
"""Operation -> the functions it is called by, what to do to its argument, and how a user would write it."""


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The operation that the probe found, kept away from where its derivative is infinite, everywhere it is called."""
    operation = r.graph.bad_gradient.operation
    if operation not in GUARDS:
        return
    line = r.graph.bad_gradient.line
    yield Change(
        name=f"finite-{operation}",
        family="finite-gradient",
        summary=f"Keep {operation} away from where its derivative is infinite",
        code=(f"# {line}\n" if line else "") + GUARDS[operation][2],
        size=1.0,
        answers=ANSWERS,
        touches=("operation",),
        transform=partial(_guard, operation=operation),
    )


def _guard(setup: Setup, generator: torch.Generator, *, operation: str) -> Setup:
    begin = partial(_guarded, operation)
    return setup.replaced(
        model=WhileRunning(setup.model, begin), loss_fn=LossWhileRunning(setup.loss_fn, begin), keep_facts=True
    )


def _guarded(operation: str) -> Instead:
    functions, guard, _ = GUARDS[operation]

    def instead(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func not in functions or not args or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
            return NotImplemented
        with torch._C.DisableTorchFunction():
            if operation == "div":
                if len(args) < 2 or not isinstance(args[1], Tensor):
                    return NotImplemented
                return func(args[0], torch.where(args[1] == 0, EPS, args[1]), *args[2:], **kwargs)
            return func(guard(args[0]), *args[1:], **kwargs)

    return instead


REMEDY = Prescription("finite-gradient", ANSWERS, propose)
