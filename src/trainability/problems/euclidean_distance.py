"""My neural network can't even learn Euclidean distance: the length of a vector, or the distance between two points."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, network, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Trains on 8 of 8 seeds with He's weights: the loss falls to about 0.0005.",
    0.0861269,
    0.004,
)


def setup(
    seed: int | None = None,
    *,
    dimension: int = 2,
    pair: bool = False,
    samples: int = 512,
    width: int = 16,
    depth: int = 2,
    initializer: str = "he_normal",
    lr: float = 0.1,
    data_seed: int = 0,
) -> Setup:
    """Build the regression of |x|, or of |x - y|, for points uniform in [-1, 1]^dimension: ReLU network, squared error, SGD.

    Best constant loss: the variance of the distance; for |x| in the plane 2/3 - ((√2 + log(1 + √2))/3)² = 0.0811 over the
    whole population; of the default sample, see `KNOWN`. Target: 0.004, about a twentieth of it.

    Args:
        seed: of the weights; None draws from the present random state.
        dimension: of a point.
        pair: the distance between two points (inputs x and y side by side) in place of a length.
        samples: number of fixed inputs.
        width, depth: of the hidden layers.
        initializer: name of the scheme for the weights; biases start at 0.
        lr: of SGD.
        data_seed: of the points.

    Returns:
        Setup with 40 epochs of batch 32.

    Raises:
        ValueError: an option out of range.
        UnknownNameError: no initializer of that name.

    Source: the public question "My neural network can't even learn Euclidean distance".

    Example:
        >>> setup(0, dimension=3, pair=True).data[0].shape
        torch.Size([512, 6])
    """
    whole(1, dimension=dimension, width=width, depth=depth)
    whole(2, samples=samples)
    positive(lr=lr)
    generator = torch.Generator().manual_seed(data_seed)
    inputs = 2 * dimension if pair else dimension
    x = 2 * torch.rand(samples, inputs, generator=generator, dtype=torch.float64) - 1
    apart = x[:, :dimension] - x[:, dimension:] if pair else x
    with drawn(seed):
        model = network([inputs, *[width] * depth, 1], initializer)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x.float(), apart.norm(dim=1, keepdim=True).float()),
        batch_size=min(32, samples),
        epochs=40,
        target=KNOWN.target,
        name="euclidean-distance",
        origin=partial(
            setup,
            dimension=dimension,
            pair=pair,
            samples=samples,
            width=width,
            depth=depth,
            initializer=initializer,
            lr=lr,
            data_seed=data_seed,
        ),
    )
