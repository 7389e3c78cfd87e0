"""One ReLU learns one ReLU: the simplest network there is, and in one dimension half of all starts fail."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, gaussian, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "With one input, a start of the wrong sign (half of all) runs into w = 0 and stays there at the loss mean(y²); "
    "with two inputs or more nearly every start arrives.",
    0.3386154,
    0.003,
)


def setup(
    seed: int | None = None, *, inputs: int = 1, samples: int = 256, lr: float = 0.1, data_seed: int = 0
) -> Setup:
    """Build one ReLU that is to learn another: relu(w·x) against relu(v·x), |v| = 1, x ~ N(0, I), squared error, SGD.

    The start is N(0, 1/inputs) in each weight. Best constant loss of the whole population: Var relu(N(0, 1)) =
    1/2 - 1/(2 pi) = 0.3408; of the default sample, see `KNOWN`. Target: 0.003, a hundredth of it; 0 can be reached.

    Args:
        seed: of the start; None draws from the present random state.
        inputs: dimension of x.
        samples: number of fixed inputs.
        lr: of SGD, all samples at once.
        data_seed: of inputs and teacher.

    Returns:
        Setup with 200 full-batch steps.

    Raises:
        ValueError: an option out of range.

    Source: the public question "ReLU can't learn ReLU", and for many inputs Tian 2017, arXiv 1703.00560.

    Example:
        >>> setup(0, inputs=3).model[0].weight.shape
        torch.Size([1, 3])
    """
    whole(1, inputs=inputs)
    whole(2, samples=samples)
    positive(lr=lr)
    generator = torch.Generator().manual_seed(data_seed)
    v = gaussian(generator, inputs, 1)
    v = torch.ones_like(v) if inputs == 1 else v / v.norm()
    x = gaussian(generator, samples, inputs)
    with drawn(seed):
        model = nn.Sequential(nn.Linear(inputs, 1, bias=False), nn.ReLU())
        nn.init.normal_(model[0].weight, 0.0, inputs**-0.5)  # type: ignore[arg-type]
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x.float(), (x @ v).relu().float()),
        batch_size=None,
        epochs=200,
        target=KNOWN.target,
        name="single-relu-teacher",
        origin=partial(setup, inputs=inputs, samples=samples, lr=lr, data_seed=data_seed),
    )
