"""Greedy layer-wise pretraining of a plain network by denoising autoencoders."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

import trainability.initializers as family
from trainability.errors import SetupError
from trainability.initializers._layers import layers
from trainability.initializers.models._run import all_but_parameters_restored, parameters_kept_after_an_exception


def pretrain(
    model: nn.Module,
    sample: Tensor,
    *,
    start: str = "xavier_uniform",
    noise: float = 0.3,
    steps: int = 300,
    lr: float = 1e-3,
    batch_size: int = 64,
    generator: torch.Generator | None = None,
    **options: Any,
) -> nn.Module:
    """Train each hidden layer of an nn.Sequential, from the first on, to restore its input from a damaged one, in place.

    min over W, b, c of  mean |x - (W'ᵀ φ(W x̃ + b) + c)|²,  W' = W at every step (tied weights), x̃ = x with a share
    `noise` of the entries set to 0, by Adam; then x ← φ(W x + b) for the next layer. φ is whatever stands between this
    linear layer and the next. The last linear layer is drawn by `start` and not trained.

    Args:
        model: an `nn.Sequential` whose linear layers are its direct children, two or more of them.
        sample: inputs `(n, in)`, without labels; scale them to about mean square 1.
        start: how weights start; a name in `ALL`. Biases start at 0.
        noise: share of the entries of a layer's input that are set to 0, from 0 to below 1.
        steps: of Adam for each layer, >= 0.
        lr: learning rate, > 0.
        batch_size: inputs per step, >= 1.
        generator: for weights, batches and noise; None is torch's global generator.
        options: for that scheme.

    Returns:
        `model` itself.

    Raises:
        SetupError: the model is not such a network.
        ValueError: noise outside [0, 1), or a negative number of steps.

    Source: Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders", ICML; squared error and a linear decoder as for real-valued inputs.

    >>> model = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2))
    >>> pretrain(model, torch.randn(50, 8), steps=3) is model
    True
    """
    parts = list(model) if isinstance(model, nn.Sequential) else []
    places = [i for i, part in enumerate(parts) if isinstance(part, nn.Linear)]
    if len(places) < 2 or len(layers(model)) != len(places):
        raise SetupError(
            f"pretrain: given {type(model).__name__} with {len(places)} linear layers as direct children, needed an "
            "nn.Sequential with two or more and no other layer with weights."
        )
    if not 0 <= noise < 1:
        raise ValueError(f"noise: given {noise:g}, needed a share from 0 to below 1.")
    if steps < 0 or batch_size < 1 or not lr > 0:
        raise ValueError(f"steps, batch_size, lr: given {steps}, {batch_size}, {lr:g}, needed >= 0, >= 1 and > 0.")
    # One generator for all draws, so that restoring the random state of the model's own noise loses none of them.
    device = "cpu" if generator is None else generator.device
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator, device=device)))
    with parameters_kept_after_an_exception(model):
        family.initialize(model, start, bias="zeros", generator=generator, **options)
        with all_but_parameters_restored(model):
            x = sample.detach()
            for first, end in itertools.pairwise(places):
                block = nn.Sequential(*parts[first:end])
                with torch.no_grad():
                    head = nn.Sequential(*parts[: places[0]]) if first == places[0] else None
                    x = x if head is None else head(x)
                _restore_from_noise(block, x, noise, steps, lr, batch_size, own)
                with torch.no_grad():
                    x = block(x)
    return model


def _restore_from_noise(
    block: nn.Sequential, x: Tensor, noise: float, steps: int, lr: float, batch_size: int, generator: torch.Generator
) -> None:
    """Train the first layer of `block` as a denoising autoencoder of `x`; gradients of its parameters are restored."""
    layer = block[0]
    assert isinstance(layer, nn.Linear)
    # Copies are trained: requires_grad and .grad of the layer stay as they are.
    weight = layer.weight.detach().clone().requires_grad_()
    bias = None if layer.bias is None else layer.bias.detach().clone().requires_grad_()
    decoded = torch.zeros(layer.in_features, dtype=x.dtype, device=x.device, requires_grad=True)
    optimizer = torch.optim.Adam([t for t in (weight, bias, decoded) if t is not None], lr=lr)
    for _ in range(steps):
        chosen = x[torch.randint(len(x), (min(batch_size, len(x)),), generator=generator).to(x.device)]
        kept = (torch.rand(chosen.shape, generator=generator) >= noise).to(chosen)
        with torch.enable_grad():
            hidden = block[1:](nn.functional.linear(chosen * kept, weight, bias))
            loss = (hidden @ weight + decoded - chosen).square().mean()
            found = torch.autograd.grad(loss, [t for t in (weight, bias, decoded) if t is not None])
        for parameter, gradient in zip((t for t in (weight, bias, decoded) if t is not None), found, strict=True):
            parameter.grad = gradient
        optimizer.step()
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
