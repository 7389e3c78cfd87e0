"""A plain deep convolutional classifier of digits: 30 layers of 3 x 3 kernels without a shortcut."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.initializers.initialize import initialize
from trainability.problems._build import drawn, positive, whole
from trainability.problems._digits import digits
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Xavier's weights leave 22 and 30 ReLU layers without a signal, and the loss stays at that of a constant answer. With "
    "He's weights 22 layers trained on 2 of 3 seeds and 30 on none of 3: in images of 8 x 8 the padding's zeros take some "
    "of the signal at every layer.",
    2.301784,
    None,
)


def setup(
    seed: int | None = None,
    *,
    depth: int = 30,
    channels: int = 16,
    initializer: str = "xavier_normal",
    lr: float = 0.01,
    momentum: float = 0.9,
) -> Setup:
    """Build the deep convolutional classifier: images of 8 x 8, depth layers of 3 x 3 kernels with ReLU, one linear layer.

    Convolutions keep the 8 x 8 (padding 1); 2 x 2 maxima after the first third and after the second leave 2 x 2. Best
    constant loss: the entropy of the class shares, 2.3018 nats of the 1400 training images. Target: half of it.

    Args:
        seed: of the weights; None draws from the present random state.
        depth: convolutional layers, 3 or more; 22 and 30 are the two of the source.
        channels: of each.
        initializer: name of the scheme for the weights; biases start at 0.
        lr, momentum: of SGD.

    Returns:
        Setup with 10 epochs of batch 32, validation on the 397 images held out.

    Raises:
        ValueError: an option out of range.
        UnknownNameError: no initializer of that name.

    Source: He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", arXiv 1502.01852: figures 2 and 3, 22 and 30
    layers, there on ImageNet.

    Example:
        >>> sum(isinstance(m, torch.nn.Conv2d) for m in setup(0, depth=22).model)
        22
    """
    whole(3, depth=depth)
    whole(1, channels=channels)
    positive(lr=lr)
    (x, y), (xv, yv) = digits()
    with drawn(seed):
        layers: list[nn.Module] = []
        for i in range(depth):
            layers += [nn.Conv2d(channels if i else 1, channels, 3, padding=1), nn.ReLU()]
            if i + 1 in (depth // 3, 2 * depth // 3):
                layers.append(nn.MaxPool2d(2))
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * channels, 10))
        initialize(model, initializer)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum),
        data=(x.reshape(-1, 1, 8, 8), y),
        batch_size=32,
        epochs=10,
        validation=(xv.reshape(-1, 1, 8, 8), yv),
        target=KNOWN.target,
        name="deep-conv",
        origin=partial(setup, depth=depth, channels=channels, initializer=initializer, lr=lr, momentum=momentum),
    )
