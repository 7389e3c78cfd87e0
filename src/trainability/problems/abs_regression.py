"""y = |x|: two ReLUs are enough, and deep narrow networks collapse to a constant."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, network, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "One hidden layer of 8 units trains on most seeds. Ten layers of width 2 are born dead on most, and a dead network "
    "answers with a constant.",
    0.085025,
    0.001,
)


def setup(
    seed: int | None = None,
    *,
    samples: int = 101,
    width: int = 8,
    depth: int = 1,
    initializer: str = "he_normal",
    lr: float = 0.1,
) -> Setup:
    """Build the regression of |x| on evenly spaced x in [-1, 1]: 1-[width] x depth-1, ReLU, squared error, SGD.

    Best constant loss for an odd number n = 2 m + 1 of samples: (m + 1)/(3 m) - ((m + 1)/n)², 0.0850 by default and 1/12
    for many. Target: 0.001; 0 can be reached from width 2 on.

    Args:
        seed: of the weights; None draws from the present random state.
        samples: number of x.
        width, depth: of the hidden layers.
        initializer: name of the scheme for the weights; biases start at 0.
        lr: of SGD, all samples at once.

    Returns:
        Setup with 500 full-batch steps.

    Raises:
        ValueError: an option out of range.
        UnknownNameError: no initializer of that name.

    Source: Lu, Shin, Su and Karniadakis 2019, "Dying ReLU and initialization", arXiv 1903.06733 (|x|, ten layers of
    width 2).

    Example:
        >>> setup(0, samples=3).data[1].flatten().tolist()
        [1.0, 0.0, 1.0]
    """
    whole(2, samples=samples)
    whole(1, width=width, depth=depth)
    positive(lr=lr)
    x = torch.linspace(-1, 1, samples, dtype=torch.float64)[:, None].float()
    with drawn(seed):
        model = network([1, *[width] * depth, 1], initializer)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x, x.abs()),
        batch_size=None,
        epochs=500,
        target=KNOWN.target,
        name="abs-regression",
        origin=partial(setup, samples=samples, width=width, depth=depth, initializer=initializer, lr=lr),
    )
