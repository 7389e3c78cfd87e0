"""Layer-sequential unit-variance initialization."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

import trainability.initializers as family
from trainability.errors import SetupError
from trainability.initializers._layers import layers
from trainability.initializers.models._run import channels_first, in_order, parameters_kept_after_an_exception


def lsuv(
    model: nn.Module,
    sample: Any,
    *,
    start: str = "orthogonal",
    std: float = 1.0,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Draw orthogonal weights and scale each layer so that its output on a sample has a given variance, in place.

    W ← W · std / √Var(W x), over all units and all of the sample, layer by layer in the order of execution, the
    first one too. Biases are 0, so that one step is exact where the published method iterates.

    Linear layers and convolutions are scaled once each, also where they are called again or share their weight;
    attention and recurrent layers are drawn and not scaled. Afterwards buffers, modes, gradients and hooks are as
    they were. The model may have in-place activations or be compiled.

    Args:
        model: its weights are drawn anew; biases become 0.
        sample: a batch of inputs, or a tuple of the model's arguments.
        start: how weights are drawn before they are scaled; a name in `ALL`.
        std: standard deviation that every layer's output gets, > 0.
        generator: for the draws; None is torch's global generator.

    Returns:
        `model` itself.

    Raises:
        SetupError: a layer has no tensor to draw into, or gives a constant or non-finite output on the sample. The
            parameters are then what they were before.
        ValueError: std is not a finite number above 0.

    Source: Mishkin & Matas 2016, "All you need is a good init", arXiv 1511.06422, Algorithm 1.

    >>> model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))
    >>> x = 5 + 3 * torch.randn(64, 20)
    >>> lsuv(model, x)(x).std(unbiased=False).round(decimals=3).item()
    1.0
    """
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std: given {std:g}, needed a finite number above 0.")

    def visit(name: str, layer: Any, output: Tensor) -> None:
        found = channels_first(layer, output).double().std(unbiased=False).item()
        if not (math.isfinite(found) and found > 0):
            raise SetupError(
                f"lsuv: layer {name} gives an output of standard deviation {found:g} on the sample, needed a finite "
                "one above 0. Give a larger sample, or look at what comes before this layer."
            )
        layer.weight.mul_(std / found)

    layers(model)
    with parameters_kept_after_an_exception(model):
        family.initialize(model, start, bias="zeros", generator=generator)
        in_order(model, sample, visit)
    return model
