"""What `trainability.watch` was given, checked."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import Optimizer

from trainability.errors import SetupError
from trainability.watch.unwrap import unwrapped_optimizer

DETAILS = ("default", "full")


def check(model: object, optimizer: Any, detail: str, every: object) -> None:
    """SetupError where something else was given than is needed.

    Args:
        model, optimizer, detail, every: as given.
    """
    if not isinstance(model, nn.Module):
        raise SetupError(f"model is a {type(model).__name__}; needed is a torch.nn.Module.")
    inner = unwrapped_optimizer(optimizer)
    if inner is not None and not isinstance(inner, Optimizer):
        raise SetupError(
            f"optimizer is a {type(optimizer).__name__}; needed is a torch.optim.Optimizer, or None with calls of "
            "step_begins() and step_ended() in the loop."
        )
    if detail not in DETAILS:
        raise SetupError(f'detail is {detail!r}; needed is "default" or "full".')
    if every is not None and (not isinstance(every, int) or isinstance(every, bool) or every < 1):
        raise SetupError(f"every is {every!r}; needed is a whole number of steps from 1, or None to adapt.")
