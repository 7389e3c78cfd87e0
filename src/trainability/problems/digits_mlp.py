"""A healthy classifier: digits, 64-64-64-10, torch's own initialization, cross-entropy, Adam."""

from __future__ import annotations

import torch
from torch import nn

from trainability.problems._build import drawn
from trainability.problems._digits import digits
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known("Trains on every seed: test accuracy 0.97 after 20 epochs.", 2.301784, None)


def setup(seed: int | None = None) -> Setup:
    """Build the healthy digits classifier.

    Best constant loss: the entropy of the class shares, 2.3018 nats of the 1400 training images. Target: half of it.

    Args:
        seed: of the weights; None draws from the present random state.

    Returns:
        Setup with 20 epochs of batch 32, Adam at lr 1e-3, validation on the 397 images held out.

    Example:
        >>> setup().task
        'multi-class'
    """
    train, test = digits()
    with drawn(seed):
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
        name="digits-mlp",
    )
