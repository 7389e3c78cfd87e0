"""One ReLU with a bias and an output weight learns relu(x): the signs of the start decide."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, gaussian, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Signs of (w, a): (+, +) arrives; (-, -) can do no better than a straight line, and mixed signs no better than a "
    "constant, while the signs stay; they can change only from |a| < |w|.",
    0.3154556,
    0.003,
)


def setup(
    seed: int | None = None, *, scale: float = 1.0, samples: int = 256, lr: float = 0.1, data_seed: int = 0
) -> Setup:
    """Build a relu(w x + b) + c against relu(x), x ~ N(0, 1), squared error, SGD.

    w and a start from N(0, scale²), b and c at 0. Best constant loss of the whole population: 1/2 - 1/(2 pi) = 0.3408; of
    the default sample, see `KNOWN`. Target: 0.003; 0 can be reached.

    Args:
        seed: of the start; None draws from the present random state.
        scale: standard deviation of w and a.
        samples: number of fixed inputs.
        lr: of SGD, all samples at once.
        data_seed: of the inputs.

    Returns:
        Setup with 400 full-batch steps.

    Raises:
        ValueError: an option out of range.

    Source: the public question "ReLU can't learn ReLU" and its answers, which add a bias and an output weight.

    Example:
        >>> sum(p.numel() for p in setup(0).model.parameters())
        4
    """
    whole(2, samples=samples)
    positive(lr=lr, scale=scale)
    x = gaussian(torch.Generator().manual_seed(data_seed), samples, 1)
    with drawn(seed):
        model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
        for layer in (model[0], model[2]):
            nn.init.normal_(layer.weight, 0.0, scale)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x.float(), x.relu().float()),
        batch_size=None,
        epochs=400,
        target=KNOWN.target,
        name="relu-bias-weight",
        origin=partial(setup, scale=scale, samples=samples, lr=lr, data_seed=data_seed),
    )
