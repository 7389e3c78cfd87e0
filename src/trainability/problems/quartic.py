"""x⁴: the smallest loss whose stable learning rate depends on where you start."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from trainability.problems._build import drawn, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "With u = 4 lr x0²: gradient descent converges below u = 2, flips for ever at 2 and diverges above.", 0.0, 0.001
)


class Square(nn.Module):
    """Squares each number, so that squared error makes a fourth power.

    Example:
        >>> Square()(torch.tensor([-3.0])).tolist()
        [9.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """x², elementwise."""
        return x.square()


def setup(seed: int | None = None, *, dimension: int = 1, start: float = 1.0, lr: float = 0.1) -> Setup:
    """Build Σ w_i⁴ from w_i = ± start, with full-batch SGD: w_i <- w_i (1 - 4 lr w_i²).

        X = dimension^(1/4) I, y = 0:  mean ((X w)² - y)² = Σ w_i⁴

    Best constant loss: 0, so that no answer beats it and outcomes are judged by the loss at the start. Target: a thousandth
    of the loss at the start; descent is slow near 0, as w² falls with 1 / (8 lr t).

    Args:
        seed: of the signs; None draws from the present random state.
        dimension: number of coordinates; they do not know of each other.
        start: size of each at the start.
        lr: of SGD; stable below 1 / (2 start²).

    Returns:
        Setup with 200 full-batch steps.

    Raises:
        ValueError: an option out of range.

    Source: a public question on a ReLU network that does not converge from weights in [-1, 1], and its answer.

    Example:
        >>> setup(0).train(seed=1).outcome, setup(0, lr=0.51).train(seed=1).outcome
        ('trained', 'diverged')
    """
    whole(1, dimension=dimension)
    positive(start=start, lr=lr)
    with drawn(seed):
        weights = nn.Linear(dimension, 1, bias=False).double()
        with torch.no_grad():
            weights.weight.copy_(start * (2 * torch.randint(2, (1, dimension)) - 1).double())
    model = nn.Sequential(weights, Square())
    x = dimension**0.25 * torch.eye(dimension, dtype=torch.float64)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x, torch.zeros(dimension, 1, dtype=torch.float64)),
        batch_size=None,
        epochs=200,
        task="regression",
        target=1e-3 * dimension * start**4,
        name="quartic",
        origin=partial(setup, dimension=dimension, start=start, lr=lr),
    )
