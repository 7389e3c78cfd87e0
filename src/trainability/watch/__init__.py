"""Watch a training loop while it runs, without changing it.

    with trainability.watch(model, optimizer) as w:
        for x, y in loader:                # the user's own loop, as it is
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    w.findings, w.report()

`read(LOG)` makes the same report of a log, after the process has gone. The module itself is what is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from trainability.doctor.finding import Finding
from trainability.watch.live import Detail, Watch
from trainability.watch.postmortem import PostMortem, read
from trainability.watch.sinks import Sink

__all__ = ["PostMortem", "Sink", "Watch", "read", "watch"]


def watch(
    model: nn.Module,
    optimizer: Any = None,
    loss_fn: Any = None,
    *,
    detail: Detail = "default",
    every: int | None = None,
    log: str | Path | None = None,
    terminal: bool = False,
    tensorboard: Any = None,
    wandb: Any = None,
    sinks: Iterable[Sink] = (),
    on_finding: Callable[[Finding, int], None] | None = None,
    constant_loss: float = float("nan"),
    target: float | None = None,
    lr: Callable[[], float] | None = None,
    name: str = "",
) -> Watch:
    """Watch a live run: what becomes of its loss, its weights, its units and the order of its calls, as findings.

    In every step only the loss is read, where backward is called on it, and steps are counted. Layers, weights and
    gradients are looked at in steps 1, 2, 3, 9, 27, 81, ... and in as many more as cost 1% of the loop's time ("full": 15%,
    and 8% more for the sharpness of the loss against the stable lr). In the first eight of these looks the batch is kept as
    well, its outputs, and the targets that the loss compares them with: by the doctor's own rules they show faults of the
    loss's form at once, and tell of data and weights what may be behind a run that diverged or ended in a stall. The order
    of backward, clearing and step is followed event by event
    in the first steps and now and then. With `torch.compile` the layers are seen in passes of the module behind, beside
    the run; in a process group of several ranks, rank 0 alone watches. When the block ends, also by an error, every hook
    and patch is gone.

    Args:
        model: any module, also a compiled or data-parallel one.
        optimizer: the torch optimizer that the loop steps; None where there is none, with `w.step_begins()` and
            `w.step_ended()` around each step.
        loss_fn: (output, target) -> loss, so that a loss of one's own is known; a function of `torch.nn.functional` is
            without. A copy is called on batches that were seen. The loss's value is seen at backward, or told by
            `w.loss(value)`.
        detail: "default" or "full".
        every: look at every so many steps instead.
        log: path of a JSON-lines file that is added to; `read` makes a report of it.
        terminal: print findings, and a line every ten seconds, to standard error. Without it nothing is printed.
        tensorboard: a SummaryWriter or a folder; wandb: a W&B run; sinks: more takers of records (`watch.records`).
        on_finding: called with each new finding and its step.
        constant_loss: loss of the best constant answer, for the outcome so far; without it that of the targets in the
            first batches, where they were seen.
        target: the loss to reach; half of the constant answer's without.
        lr: gives the present learning rate where no torch optimizer has it.
        name: for reports; the model's class without.

    Returns:
        Watch: `findings`, `outcome`, `report()`, `state_dict()` for checkpoints.

    Raises:
        SetupError: not a module, not an optimizer, an unknown detail; TrainabilityError: the log cannot be written.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> with watch(net, optimizer) as w:
        ...     for _ in range(20):
        ...         net(torch.ones(4, 2)).square().mean().backward()  # zero_grad() was forgotten
        ...         optimizer.step()
        >>> [finding.cause for finding in w.findings]
        ['gradients-never-cleared']
    """
    return Watch(
        model,
        optimizer,
        loss_fn,
        detail=detail,
        every=every,
        log=log,
        terminal=terminal,
        tensorboard=tensorboard,
        wandb=wandb,
        sinks=sinks,
        on_finding=on_finding,
        constant_loss=constant_loss,
        target=target,
        lr=lr,
        name=name,
    )


class _Callable(ModuleType):
    """`trainability.watch(...)` is the function, `trainability.watch.read` its neighbour."""

    __call__ = staticmethod(watch)


sys.modules[__name__].__class__ = _Callable
