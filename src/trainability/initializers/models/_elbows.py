"""Elbow-placing biases for a whole model: each layer's from what it really gets on a sample."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from trainability.initializers.biases.elbow_placing import place_
from trainability.initializers.models._run import channels_first, in_order

_MOST = 10_000


def place_elbows(
    model: nn.Module, sample: Any, *, low: float = 0.05, high: float = 0.95, generator: torch.Generator | None = None
) -> nn.Module:
    """Set the biases of linear and convolution layers so that every unit's corner lies inside the sample, in place.

    One forward pass in the order of execution; `biases.elbow_placing_` says what is set. For a convolution the data
    are all positions of the image, at most 10 000 of them, evenly spread.

    Args:
        model: its biases are changed; weights stay.
        sample: a batch, or a tuple of the model's arguments.
        low: smallest share of the data on the side where a unit is 0.
        high: largest share.
        generator: for the shares; None is torch's global generator.

    Returns:
        `model` itself.

    Raises:
        ValueError: what `biases.elbow_placing_` raises.
    """
    # The pass restores the random state that it finds, so what is drawn in it comes from a generator of its own.
    device = "cpu" if generator is None else generator.device
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator, device=device)))

    def visit(name: str, layer: Any, output: Tensor) -> None:
        if layer.bias is None:
            return
        z = channels_first(layer, output) - layer.bias.detach()[:, None]
        z = z[:, _spread(z.shape[1]).to(z.device)]
        fresh = torch.empty(layer.bias.shape, dtype=torch.float64)
        layer.bias.copy_(place_(fresh, z.T.cpu(), low, high, generator=own))

    in_order(model, sample, visit)
    return model


def _spread(n: int) -> Tensor:
    """Give at most 10 000 of n places; multiples of the golden ratio, in step with no row of an image."""
    if n <= _MOST:
        return torch.arange(n)
    return (torch.arange(_MOST, dtype=torch.float64) * ((math.sqrt(5) - 1) / 2) % 1.0 * n).long()
