"""Put a module behind every weight layer but the last, shared by the remedies that do."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from trainability.errors import SetupError
from trainability.setup import Setup

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


LINES = """names = [n for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d))]
for name in names[:-1]:
    layer = model.get_submodule(name)
    model.set_submodule(name, nn.Sequential(layer, {made}))"""
"""What a user would write, with the module in terms of `layer`."""


def behind_hidden_layers(setup: Setup, made: Callable[[nn.Module], nn.Module]) -> Setup:
    """Replace each linear or convolution layer but the last by itself followed by `made(layer)`.

    Args:
        setup: a private copy; its model is changed.
        made: a layer -> the module to put behind it.

    Returns:
        The Setup, its optimizer with the new parameters in its first group.

    Raises:
        SetupError: the model has fewer than two such layers as modules.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> s = Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), (torch.ones(4, 2), torch.ones(4, 1)))
        >>> behind_hidden_layers(s, lambda layer: nn.ReLU()).model[0]
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
        )
    """
    places = [
        (owner, leaf, child)
        for owner in setup.model.modules()
        for leaf, child in owner.named_children()
        if isinstance(child, LAYERS)
    ]
    order = {id(m): i for i, m in enumerate(setup.model.modules())}
    places.sort(key=lambda place: order[id(place[2])])
    if len(places) < 2:
        raise SetupError(
            f"the model has {len(places)} linear or convolution layers as modules; needed are two, to put something "
            "between them. Change forward() by hand."
        )
    fresh = []
    for owner, leaf, child in places[:-1]:
        new = made(child).to(child.weight.device)
        owner._modules[leaf] = nn.Sequential(child, new)
        fresh += [p for p in new.parameters() if p.requires_grad]
    if fresh:
        setup.optimizer.param_groups[0]["params"].extend(fresh)
    return setup.replaced(keep_facts=True)
