"""From what a loop calls to the module and the optimizer behind it."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

from torch import nn
from torch.optim import Optimizer


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own module behind `torch.compile` and the data-parallel wrappers.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> unwrapped(nn.DataParallel(net)) is net
        True
    """
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        inner = model.module if isinstance(model, parallel) else vars(model).get("_modules", {}).get("_orig_mod")
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def unwrapped_optimizer(optimizer: Any) -> Any:
    """The torch optimizer behind wrappers that keep one in `.optimizer` (Accelerate's)."""
    while isinstance(getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = optimizer.optimizer
    return optimizer


def compiled_calls(model: nn.Module) -> list[nn.Module]:
    """The modules whose calls carry a compiled model's inputs; empty where nothing of it is compiled.

    A handle made by `torch.compile(model)` elsewhere is found among the living objects, where anything was compiled at
    all and more of it than when they were last gone through: that takes a tenth of a second.
    """
    frames = sys.modules.get("torch._dynamo.eval_frame")
    if frames is None:
        return []
    if any(isinstance(m, frames.OptimizedModule) or m._compiled_call_impl is not None for m in model.modules()):
        return [model]
    made = _compilations(frames)
    if made != _scanned.made:
        _scanned.made = made
        _scanned.handles = weakref.WeakSet(o for o in gc.get_objects() if type(o) is frames.OptimizedModule)
    mine = {id(m) for m in unwrapped(model).modules()}
    return [o for o in _scanned.handles if id(o._orig_mod) in mine]


class _Scanned:
    """What the living objects held when they were last gone through."""

    def __init__(self) -> None:
        self.made: tuple[frozenset[int], int] = (frozenset(), 0)  # as it is before the first compilation
        self.handles: weakref.WeakSet[Any] = weakref.WeakSet()


_scanned = _Scanned()


def _compilations(frames: Any) -> tuple[frozenset[int], int]:
    """Which backends were asked for, but for the one that is there from the beginning, and how many frames compiled."""
    frame = sys.modules.get("torch._dynamo.convert_frame")
    return frozenset(getattr(frames, "cached_backends", ())) - {id(None)}, int(getattr(frame, "FRAME_COUNTER", 0))


def anything_compiled() -> bool:
    """Whether `torch.compile` was used in this process."""
    frames = sys.modules.get("torch._dynamo.eval_frame")
    return frames is not None and _compilations(frames) != (frozenset(), 0)
