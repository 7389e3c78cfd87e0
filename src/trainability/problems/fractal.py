"""The network whose boundary between training and divergence is a fractal, over the learning rates of its two layers."""

from __future__ import annotations

from functools import partial
from math import sqrt

import torch
from torch import Tensor, nn

from trainability.problems._build import drawn, gaussian, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Over the two learning rates, the boundary between runs that converge and runs that diverge shows new detail at every "
    "scale; its published box-counting dimension is between 1 and 2.",
    1.073194,
    None,
)


class MeanField(nn.Module):
    """x -> tanh(√2 x W0/√n) W1 / n, for x (N, n), W0 (n, n), W1 (n, 1), all weights N(0, 1).

    Example:
        >>> MeanField(16)(torch.zeros(3, 16, dtype=torch.float64)).shape
        torch.Size([3, 1])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Parameter(torch.randn(width, width, dtype=torch.float64))
        self.output = nn.Parameter(torch.randn(width, 1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """(N, n) -> (N, 1)."""
        n = x.shape[-1]
        return torch.tanh(sqrt(2 / n) * (x @ self.hidden)) @ self.output / n


def setup(
    seed: int | None = None,
    *,
    lr_hidden: float = 10.0,
    lr_output: float = 10.0,
    width: int = 16,
    samples: int | None = None,
    data_seed: int = 0,
) -> Setup:
    """Build the problem: width inputs, one hidden tanh layer, mean-field parametrisation, random targets, float64.

    Inputs and targets are N(0, 1), as many as the network has weights (272); squared error; gradient descent on all of
    them, with a parameter group and so a learning rate for each of the two layers. Best constant loss: the variance of
    the targets, 1 over the population; of the default sample, see `KNOWN`. Target: half of it.

    Args:
        seed: of the weights; None draws from the present random state.
        lr_hidden: learning rate of the first layer's weights W0.
        lr_output: of the second layer's W1.
        width: n, of inputs and hidden layer.
        samples: inputs; None for as many as there are weights, n² + n.
        data_seed: of inputs and targets.

    Returns:
        Setup with 500 full-batch steps. Random numbers are torch's, so that the picture is another draw than the source's.

    Raises:
        ValueError: an option out of range.

    Source: Sohl-Dickstein 2024, "The boundary of neural network trainability is fractal", arXiv 2402.06184, and its
    notebook.

    Example:
        >>> [len(g["params"]) for g in setup(0, lr_hidden=1.0, lr_output=2.0).optimizer.param_groups]
        [1, 1]
    """
    whole(1, width=width)
    number = width * width + width if samples is None else samples
    whole(2, samples=number)
    positive(lr_hidden=lr_hidden, lr_output=lr_output)
    generator = torch.Generator().manual_seed(data_seed)
    x, y = gaussian(generator, number, width), gaussian(generator, number, 1)
    with drawn(seed):
        model = MeanField(width)
    groups = [{"params": [model.hidden], "lr": lr_hidden}, {"params": [model.output], "lr": lr_output}]
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(groups, lr=lr_hidden),
        data=(x, y),
        batch_size=None,
        epochs=500,
        target=KNOWN.target,
        name="fractal",
        origin=partial(
            setup, lr_hidden=lr_hidden, lr_output=lr_output, width=width, samples=samples, data_seed=data_seed
        ),
    )
