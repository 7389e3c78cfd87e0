"""The question this project began with: ReLU weights from U[-1, 1], softmax, squared error, and a loss that freezes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainability.problems._build import drawn
from trainability.problems._digits import digits
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Freezes at 0.18 per output: after large first steps softmax gives one and the same class for every input, "
    "and its Jacobian underflows. He's or N(0, 0.1^2) weights train it; a smaller learning rate does not; "
    "cross-entropy on the logits does, with a smaller learning rate.",
    0.89984,
    None,
)


def squared_error(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Sum over outputs of squared differences to the one-hot target, mean over the batch.

    Args:
        probabilities: (n, 10), a softmax's output.
        labels: (n,) int64 in 0..9.

    Returns:
        A scalar in [0, 2].

    Example:
        >>> float(squared_error(torch.eye(10), torch.arange(10)))
        0.0
    """
    one_hot = F.one_hot(labels, probabilities.shape[1]).to(probabilities.dtype)
    return (probabilities - one_hot).square().sum(1).mean()


def setup(seed: int | None = None) -> Setup:
    """Build the failing digits classifier: 64-[64]x4-10, ReLU, biases 0, weights U[-1, 1], batch size 1, SGD at 0.01.

    Best constant loss: 1 - Σ (class share)², 0.8998 of the 1400 training images. Target: half of it.

    Args:
        seed: of the weights; None draws from the present random state.

    Returns:
        Setup with 5 epochs (the frozen loss shows after one), validation on the 397 images held out.

    Source: the public question this project began with (December 2020); the experiment "saturated-softmax" of the
    gallery measures it over weights, learning rates and losses.

    Example:
        >>> float(setup().model[0].weight.abs().max()) <= 1
        True
    """
    train, test = digits()
    with drawn(seed):
        layers: list[nn.Module] = []
        for _ in range(4):
            layers += [nn.Linear(64, 64), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(64, 10), nn.Softmax(dim=1))
        for module in model:
            if isinstance(module, nn.Linear):
                nn.init.uniform_(module.weight, -1, 1)
                nn.init.zeros_(module.bias)
    return Setup(
        model=model,
        loss_fn=squared_error,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=train,
        batch_size=1,
        epochs=5,
        validation=test,
        name="digits-saturated",
    )
