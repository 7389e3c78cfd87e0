"""A plain deep classifier of digits: 30 hidden ReLU layers, which Xavier's weights leave without a signal."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, network, positive, whole
from trainability.problems._digits import digits
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Xavier's weights halve the signal's variance at each ReLU layer: with 22 and with 30 layers the loss stays at that of "
    "a constant answer. With He's weights 22 layers trained on 3 of 3 seeds; 30 were learning on 2 of 3.",
    2.301784,
    None,
)


def setup(
    seed: int | None = None,
    *,
    depth: int = 30,
    width: int = 64,
    initializer: str = "xavier_normal",
    lr: float = 0.01,
    momentum: float = 0.9,
) -> Setup:
    """Build the deep classifier: 64-[width] x depth-10, ReLU, cross-entropy, SGD with momentum.

    Best constant loss: the entropy of the class shares, 2.3018 nats of the 1400 training images (at most log 10). Target:
    half of it.

    Args:
        seed: of the weights; None draws from the present random state.
        depth: hidden layers; 22 and 30 are the two of the source.
        width: of each.
        initializer: name of the scheme for the weights; biases start at 0.
        lr, momentum: of SGD.

    Returns:
        Setup with 10 epochs of batch 32, validation on the 397 images held out.

    Raises:
        ValueError: an option out of range.
        UnknownNameError: no initializer of that name.

    Source: He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", arXiv 1502.01852: figures 2 and 3, 22 and 30
    layers, there convolutional and on ImageNet.

    Example:
        >>> sum(isinstance(m, torch.nn.Linear) for m in setup(0, depth=22).model)
        23
    """
    whole(1, depth=depth, width=width)
    positive(lr=lr)
    train, test = digits()
    with drawn(seed):
        model = network([64, *[width] * depth, 10], initializer)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum),
        data=train,
        batch_size=32,
        epochs=10,
        validation=test,
        target=KNOWN.target,
        name="deep-mlp",
        origin=partial(setup, depth=depth, width=width, initializer=initializer, lr=lr, momentum=momentum),
    )
