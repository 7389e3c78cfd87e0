"""Two noisy circles, one inside the other, as two classes: the smallest problem that a line cannot solve."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, network, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known("Trains on nearly every seed; a network of one or two units cannot close the circle.", 0.693147, 0.2)


def setup(
    seed: int | None = None,
    *,
    samples: int = 256,
    noise: float = 0.1,
    width: int = 16,
    depth: int = 1,
    initializer: str = "he_normal",
    lr: float = 0.3,
    data_seed: int = 0,
) -> Setup:
    """Build the classifier of two circles: 2-[width] x depth-1, ReLU, binary cross-entropy, SGD.

    The radii are 1 and 0.5. Best constant loss: log 2 = 0.6931, since the classes are equally many. Target: 0.2.

    Args:
        seed: of the weights; None draws from the present random state.
        samples: points, an even number.
        noise: standard deviation of what is added to each coordinate.
        width, depth: of the hidden layers.
        initializer: name of the scheme for the weights; biases start at 0.
        lr: of SGD.
        data_seed: of the points.

    Returns:
        Setup with 75 epochs of batch 64.

    Raises:
        ValueError: an option out of range.
        UnknownNameError: no initializer of that name.

    Source: `sklearn.datasets.make_circles`.

    Example:
        >>> setup(0).task
        'binary'
    """
    from sklearn.datasets import make_circles

    whole(2, samples=samples)
    whole(1, width=width, depth=depth)
    positive(lr=lr)
    if samples % 2:
        raise ValueError(f"samples: given {samples}, needed an even number, so that the classes are equally many.")
    if not noise >= 0:
        raise ValueError(f"noise: given {noise!r}, needed 0 or more.")
    points, labels = make_circles(samples, noise=noise, factor=0.5, random_state=data_seed)
    with drawn(seed):
        model = network([2, *[width] * depth, 1], initializer)
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(torch.tensor(points, dtype=torch.float32), torch.tensor(labels[:, None], dtype=torch.float32)),
        batch_size=min(64, samples),
        epochs=75,
        target=KNOWN.target,
        name="circles",
        origin=partial(
            setup,
            samples=samples,
            noise=noise,
            width=width,
            depth=depth,
            initializer=initializer,
            lr=lr,
            data_seed=data_seed,
        ),
    )
