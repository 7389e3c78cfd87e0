"""Data-dependent initialization: every unit centred and scaled on a sample."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

import trainability.initializers as family
from trainability.errors import SetupError
from trainability.initializers._layers import blocks, layers
from trainability.initializers.models._run import channels_first, in_order, parameters_kept_after_an_exception


def data_dependent(
    model: nn.Module,
    sample: Any,
    *,
    start: str = "he_normal",
    std: float = 1.0,
    generator: torch.Generator | None = None,
    **options: Any,
) -> nn.Module:
    """Draw weights by `start`, then give every unit mean 0 and one variance on a sample, in place.

    w_i ← w_i · std / σ_i,  b_i ← -μ_i · std / σ_i,  μ_i and σ_i of w_i·x over the sample, layer by layer in the order
    of execution. For a convolution a unit is a channel, over all images and positions.

    A unit that is constant on the sample keeps its weights. A layer without a bias is scaled and not centred. Linear
    layers and convolutions are changed once each, also where they are called again or share their weight; attention
    and recurrent layers are drawn by `start` and left.

    Args:
        model: its weights and biases are drawn anew.
        sample: a batch of at least 2 inputs, or a tuple of the model's arguments.
        start: how weights are drawn before that; a name in `ALL`.
        std: standard deviation that every unit gets, > 0.
        generator: for the draws; None is torch's global generator.
        options: for that scheme.

    Returns:
        `model` itself.

    Raises:
        SetupError: a layer has no tensor to draw into, gives fewer than 2 values per unit, or a non-finite output.
            The parameters are then what they were before.
        ValueError: std is not a finite number above 0, or what that scheme raises.

    Source: Krähenbühl, Doersch, Donahue & Darrell 2016, "Data-dependent initializations of convolutional neural
    networks", arXiv 1511.06856, the within-layer step.

    >>> model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))
    >>> x = 5 + 3 * torch.randn(64, 20)
    >>> y = data_dependent(model, x)(x)
    >>> bool(y.mean(0).abs().max() < 1e-4), bool((y.std(0, unbiased=False) - 1).abs().max() < 1e-4)
    (True, True)
    """
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std: given {std:g}, needed a finite number above 0.")

    def visit(name: str, layer: Any, output: Tensor) -> None:
        (block,) = blocks(name, layer, set())
        z = channels_first(layer, output).double()
        if block.bias_parameter is not None:
            z = z - block.bias_parameter.double()[:, None]
        if z.shape[1] < 2 or not bool(z.isfinite().all()):
            raise SetupError(
                f"data_dependent: layer {name} gives {z.shape[1]} value(s) per unit, {int((~z.isfinite()).sum())} of "
                "them all not finite; needed at least 2 finite ones. Give a larger sample, or look at what comes "
                "before this layer."
            )
        sigma, mean = torch.std_mean(z, 1, correction=0)
        level = 1e-6 * z.square().mean(1).sqrt()
        factor = torch.where(sigma > level, std / sigma, 1.0)
        shape = block.weight.shape[: block.batch_dims + 1]
        ones = (1,) * (block.weight.ndim - len(shape))
        block.weight.mul_(factor.to(block.weight).reshape(*shape, *ones))
        if block.bias_parameter is not None:
            block.bias_parameter.copy_(-mean * factor)

    layers(model)
    with parameters_kept_after_an_exception(model):
        family.initialize(model, start, bias="zeros", generator=generator, **options)
        in_order(model, sample, visit)
    return model
