"""A gradient that is not finite although the loss is: where it breaks, by hooks on the graph's own nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.probes._lines import own_line
from trainability.doctor.readings.graph import BadGradientReading
from trainability.setup import Run, Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward
from trainability.setup.large import is_large
from trainability.setup.untouched import seed_everything

SAMPLE, FEW, LATEST, LAST = (
    256,
    4,
    3000,
    3,
)  # inputs; the latest step that is trained up to again; steps looked at before


def bad_gradient_reading(setup: Setup, run: Run) -> BadGradientReading:
    """Look at the gradient before the first step, and just before the loss was lost where it was.

    Args:
        setup: stays as it is.
        run: of the Setup on its weights as given, in the data order of seed 0.

    Returns:
        BadGradientReading; `tensors` is 0 where every gradient with a finite loss is finite.
    """
    copy = setup.clone()
    x, y = (t.to(copy.device) for t in copy.batches.sample(FEW if is_large(copy.model) else SAMPLE))
    found = _broken(copy, x, y, 0)
    lost = np.flatnonzero(~np.isfinite(run.losses))
    if found is not None or not lost.size or not 0 < lost[0] <= LATEST:
        return found or BadGradientReading()
    at = range(max(int(lost[0]) - LAST, 0), int(lost[0]))
    batches = list(islice(steps(copy.batches, 0), at.start, at.stop))
    seen: list[BadGradientReading] = []

    def look(step: int) -> Callable[[], None]:
        def now() -> None:
            x, y = (t.to(copy.device) for t in batches[step - at.start])
            reading = None if seen else _broken(copy, x, y, step)
            if reading is not None:
                seen.append(reading)

        return now

    copy.train(steps=int(lost[0]), observe={step: look(step) for step in at})
    return seen[0] if seen else BadGradientReading()


def _broken(setup: Setup, x: Tensor, y: Tensor, step: int) -> BadGradientReading | None:
    """The reading on one batch; None where the loss is not finite or the gradient is."""
    kept = [(b, b.clone()) for b in setup.model.buffers()]
    mode, random = setup.model.training, torch.get_rng_state()
    wanted = [p for p in setup.model.parameters() if p.requires_grad]
    try:
        setup.model.train()
        loss = _loss(setup, x, y)
        if not bool(torch.isfinite(loss)) or not loss.requires_grad:
            return None
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        bad = sum(g is not None and not _finite(g) for g in gradients)
        if not bad:
            return None
        with torch.autograd.set_detect_anomaly(True, check_nan=False):  # notes where each operation was called
            loss = _loss(setup, x, y)
            node, line, numbers = first_break(loss, wanted)
        return BadGradientReading(step, float(loss.detach()), bad, node, line, numbers)
    finally:
        setup.model.train(mode)
        torch.set_rng_state(random)
        with torch.no_grad():
            for buffer, value in kept:
                buffer.copy_(value)


def _loss(setup: Setup, x: Tensor, y: Tensor) -> Tensor:
    seed_everything(0)
    return evaluate(setup.loss_fn, forward(setup.model, x), y)


def first_break(loss: Tensor, wanted: list[Any]) -> tuple[str, str, int]:
    """The first operation, going backward, that finite gradients go into and others come out of.

    Args:
        loss: a scalar with a graph.
        wanted: what to differentiate by.

    Returns:
        (the node's name, the line that called it, how many numbers came out that are not finite); ("", "", 0) for none.

    Example:
        >>> x = torch.zeros(2, requires_grad=True)
        >>> first_break((x * x).sqrt().sum(), [x])[::2]
        ('SqrtBackward0', 2)
    """
    found: list[tuple[str, str, int]] = []

    def watch(node: Any) -> Callable[[Any, Any], None]:
        def hook(out: Any, into: Any) -> None:
            if found or not all(_finite(g) for g in into if isinstance(g, Tensor)):
                return
            count = sum(int((~torch.isfinite(g)).sum()) for g in out if isinstance(g, Tensor))
            if count:
                found.append((node.name().split("::")[-1], own_line(node.metadata.get("traceback_", [])), count))

        return hook

    handles = [node.register_hook(watch(node)) for node in nodes(loss)]
    try:
        torch.autograd.grad(loss, wanted, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ("", "", 0)


def nodes(output: Tensor) -> Iterator[Any]:
    """Every operation of the graph behind a tensor, without the leaves."""
    left, seen = [output.grad_fn], {output.grad_fn}
    while left:
        node = left.pop()
        if node is None or hasattr(node, "variable"):
            continue
        yield node
        for before, _ in node.next_functions:
            if before not in seen:
                seen.add(before)
                left.append(before)


def _finite(x: Tensor) -> bool:
    return bool(torch.isfinite(x).all())
