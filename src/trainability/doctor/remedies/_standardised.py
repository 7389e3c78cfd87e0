"""A model with a mean and a standard deviation beside it, shared by the remedies that standardise."""

from __future__ import annotations

from torch import Tensor, nn


class Standardised(nn.Module):
    """Holds a model and two buffers that travel with it.

    Args:
        model: the wrapped one.
        mean, std: broadcastable against what is standardised; std above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
