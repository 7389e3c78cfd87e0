"""Read a torch optimizer: which of torch's rules it is, and what its state holds."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def is_kind(optimizer: torch.optim.Optimizer, kind: type[torch.optim.Optimizer]) -> bool:
    """Say whether an optimizer does exactly what one of torch's classes does.

    Its nearest ancestor inside `torch.optim` must be `kind` itself, and its `step` that of `kind`: a subclass
    that only adds bookkeeping counts, one with its own step does not, and AdamW is not Adam.

    >>> class Logged(torch.optim.SGD):
    ...     pass
    >>> is_kind(Logged([torch.zeros(1)], lr=0.1), torch.optim.SGD)
    True
    """
    own = type(optimizer)
    nearest = next((c for c in own.__mro__ if c.__module__.startswith("torch.optim")), None)
    # torch wraps `step` for profiling, once per class; underneath it is the same function.
    return nearest is kind and inspect.unwrap(own.step) is inspect.unwrap(kind.step)


def states(
    optimizer: torch.optim.Optimizer, params: list[Tensor]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]] | None]:
    """Yield (state, parameter group) of each parameter, None where the optimizer has no state for it yet."""
    groups = {id(param): group for group in optimizer.param_groups for param in group["params"]}
    for param in params:
        state = optimizer.state.get(param, {})
        yield (state, groups[id(param)]) if state and id(param) in groups else None
