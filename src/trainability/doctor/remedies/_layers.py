"""Put another module in a model's place, with the optimizer following, shared by the remedies that do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from trainability.setup import Setup
from trainability.setup.untouched import random_state_kept, seed_everything


def put_in(setup: Setup, path: str, build: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """Replace the module at `path` by `build()`, drawn with `generator`; the optimizer holds its parameters instead.

    Args:
        setup: a private copy; changed in place.
        path: of the module.
        build: makes the new one; its random draws are seeded.
        generator: decides the draws.

    Returns:
        The new module, on the old one's device and in its dtype.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
        >>> data = (torch.ones(4, 2), torch.ones(4, 3))
        >>> setup = Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), data)
        >>> _ = put_in(setup, "0", lambda: nn.Linear(2, 3), torch.Generator().manual_seed(0))
        >>> setup.model(data[0]).shape, setup.optimizer.param_groups[0]["params"][0] is net[0].weight
        (torch.Size([4, 3]), True)
    """
    old = setup.model.get_submodule(path)
    with random_state_kept():
        seed_everything(int(torch.randint(2**31, (), generator=generator)))
        new = build()
    like = next(old.parameters(), next(setup.model.parameters()))
    new.to(device=like.device, dtype=like.dtype).train(old.training)
    parent, _, leaf = path.rpartition(".")
    owner = setup.model.get_submodule(parent) if parent else setup.model
    owner._modules[leaf] = new
    instead = dict(zip((id(p) for p in old.parameters()), new.parameters(), strict=False))
    for group in setup.optimizer.param_groups:
        group["params"] = [instead.get(id(p), p) for p in group["params"]]
    return new
