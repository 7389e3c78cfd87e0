"""Leave no trace: whatever happens inside, the model, its optimizer and the random state come out as they went in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer


@contextmanager
def untouched(model: nn.Module, optimizer: Optimizer | None = None) -> Iterator[None]:
    """Restore parameters, buffers, gradients, modes, `requires_grad`, hooks and random states on the way out.

    Restores after an exception and after Ctrl-C too. The optimizer's state and options are put back as well.

    Args:
        model: any module.
        optimizer: its optimizer, if it might be stepped.

    Example:
        >>> net = nn.BatchNorm1d(2)
        >>> with untouched(net):
        ...     _ = net(torch.randn(4, 2)); _ = net.eval()
        >>> net.training, int(net.num_batches_tracked)
        (True, 0)
    """
    tensors = [*model.parameters(), *model.buffers()]
    values = [t.detach().clone() for t in tensors]
    gradients = [(p, p.grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    wanted = [(p, p.requires_grad) for p in model.parameters()]
    modes = [(m, m.training) for m in model.modules()]
    hooks = [(m, name, dict(getattr(m, name))) for m in model.modules() for name in _HOOKS if hasattr(m, name)]
    options = [dict(g) for g in optimizer.param_groups] if optimizer else []
    state = {k: _copied(v) for k, v in optimizer.state.items()} if optimizer else {}
    with random_state_kept():
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in zip(tensors, values, strict=True):
                    if not torch.equal(tensor, value):
                        tensor.copy_(value)
            for parameter, flag in wanted:
                parameter.requires_grad_(flag)
            for parameter, gradient, kept in gradients:
                if gradient is not None and kept is not None:
                    gradient.copy_(kept)
                parameter.grad = gradient
            for module, mode in modes:
                module.training = mode
            for module, name, before in hooks:
                now = getattr(module, name)
                for key in [k for k in now if k not in before]:
                    del now[key]
            if optimizer:
                for group, before in zip(optimizer.param_groups, options, strict=True):
                    group.clear()
                    group.update(before)
                optimizer.state.clear()
                optimizer.state.update(state)


def _copied(state: object) -> object:
    if not isinstance(state, dict):
        return state
    return {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in state.items()}


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put the random states of torch (every device in use), NumPy and Python back on the way out.

    Example:
        >>> before = torch.get_rng_state()
        >>> with random_state_kept():
        ...     _ = torch.rand(3)
        >>> torch.equal(before, torch.get_rng_state())
        True
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def seed_everything(seed: int) -> None:
    """Seed torch, NumPy and Python; meant to be used inside `random_state_kept`."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
