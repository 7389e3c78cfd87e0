"""Linear regression on rare features: frequencies that fall with a power law."""

from __future__ import annotations

from functools import partial
from math import isfinite

import torch
from torch import nn

from trainability.problems._build import drawn, gaussian, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Gradient descent learns the weight of feature j at a rate of about lr p_j, and the frequent features bound lr: rare "
    "weights come last. Rules that divide by a gradient's own size learn them sooner.",
    2.691182,
    0.5,
)


def setup(
    seed: int | None = None,
    *,
    features: int = 60,
    exponent: float = 1.2,
    most: float = 0.5,
    noise: float = 0.5,
    samples: int = 2048,
    lr: float = 0.1,
    data_seed: int = 0,
) -> Setup:
    """Build the regression: x_j = 1 with probability p_j = most j^-exponent, y = v·x + noise, v ~ N(0, I), SGD.

    The weights start at 0, but for N(0, 0.01²) that tells seeds apart. Best constant loss for this v over the whole
    population: Σ v_j² p_j (1 - p_j) + noise²; of the default sample, see `KNOWN`. Target: twice the noise's variance, or
    1e-3 where that is less.

    Args:
        seed: of the start; None draws from the present random state.
        features: their number.
        exponent: of the power law; 0 makes all equally frequent.
        most: probability of the first, in (0, 1].
        noise: its standard deviation, 0 or more.
        samples: number of fixed inputs.
        lr: of SGD.
        data_seed: of inputs, teacher and noise.

    Returns:
        Setup with 20 epochs of batch 32.

    Raises:
        ValueError: an option out of range.

    Source: Duchi, Hazan and Singer 2011, JMLR 12, 2121-2159, whose rule is made for such features.

    Example:
        >>> X, y = setup(0).data
        >>> bool((X.mean(0)[0] > 20 * X.mean(0)[-1]).all()), sorted(X.unique().tolist())
        (True, [0.0, 1.0])
    """
    whole(1, features=features)
    whole(2, samples=samples)
    positive(lr=lr)
    if not 0 < most <= 1:
        raise ValueError(f"most: given {most!r}, needed a probability in (0, 1].")
    if not (exponent >= 0 and noise >= 0 and isfinite(exponent) and isfinite(noise)):
        raise ValueError(f"exponent and noise: given {exponent!r} and {noise!r}, needed finite numbers from 0.")
    generator = torch.Generator().manual_seed(data_seed)
    p = most * torch.arange(1, features + 1, dtype=torch.float64) ** -exponent
    v = gaussian(generator, features, 1)
    x = (torch.rand(samples, features, generator=generator, dtype=torch.float64) < p).double()
    y = x @ v + noise * gaussian(generator, samples, 1)
    with drawn(seed):
        model = nn.Linear(features, 1, bias=False)
        nn.init.normal_(model.weight, 0.0, 0.01)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x.float(), y.float()),
        batch_size=min(32, samples),
        epochs=20,
        target=max(2 * noise**2, 1e-3),
        name="sparse-linear",
        origin=partial(
            setup,
            features=features,
            exponent=exponent,
            most=most,
            noise=noise,
            samples=samples,
            lr=lr,
            data_seed=data_seed,
        ),
    )
