"""A sum of ReLUs learns a sum of ReLUs: student of any size, teacher of any size."""

from __future__ import annotations

from functools import partial
from math import pi

import torch
from torch import Tensor, nn

from trainability.problems._build import drawn, gaussian, half_squares, positive, whole
from trainability.problems._known import Known
from trainability.setup import Setup


def target(teachers: int) -> float:
    """A hundredth of the population's best constant loss, m (1/4 - 1/(4 pi)) / 100, for m orthonormal teachers.

    Example:
        >>> round(target(4), 6)
        0.006817
    """
    return teachers * (1 - 1 / pi) / 400


KNOWN = Known(
    "As many students as teachers: most small problems train, and from about six units on some seeds end in minima that "
    "are not global; a few more students than teachers make those rare.",
    0.7059813,
    target(4),
)


class Sum(nn.Module):
    """Adds the last dimension up: output weights that are all 1.

    Example:
        >>> Sum()(torch.ones(2, 3)).tolist()
        [[3.0], [3.0]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, k) -> (n, 1)."""
        return x.sum(-1, keepdim=True)


def setup(
    seed: int | None = None,
    *,
    students: int = 4,
    teachers: int = 4,
    inputs: int = 8,
    samples: int = 1024,
    lr: float = 0.1,
    data_seed: int = 0,
) -> Setup:
    """Build sum of k ReLUs against sum of m ReLUs: half the mean of (Σ relu(w_i·x) - Σ relu(v_j·x))², x ~ N(0, I), SGD.

    Teachers are orthonormal where m <= d, else unit vectors in random directions. Students start from N(0, 1/d) in each
    weight. Best constant loss of the whole population, orthonormal teachers: m (1/4 - 1/(4 pi)); of the default sample,
    see `KNOWN`. Target: a hundredth of that; 0 can be reached where k >= m.

    Args:
        seed: of the start; None draws from the present random state.
        students: k; teachers: m; inputs: d.
        samples: number of fixed inputs.
        lr: of SGD.
        data_seed: of inputs and teachers.

    Returns:
        Setup with 60 epochs of batch 64.

    Raises:
        ValueError: an option out of range.

    Source: Safran and Shamir 2018, "Spurious local minima are common in two-layer ReLU neural networks"; Tian 2017,
    arXiv 1703.00560.

    Example:
        >>> setup(0, students=5, teachers=3, inputs=2).model[0].weight.shape
        torch.Size([5, 2])
    """
    whole(1, students=students, teachers=teachers, inputs=inputs)
    whole(2, samples=samples)
    positive(lr=lr)
    generator = torch.Generator().manual_seed(data_seed)
    v = gaussian(generator, inputs, teachers)
    v = torch.linalg.qr(v).Q if teachers <= inputs else v / v.norm(dim=0)
    x = gaussian(generator, samples, inputs)
    with drawn(seed):
        model = nn.Sequential(nn.Linear(inputs, students, bias=False), nn.ReLU(), Sum())
        nn.init.normal_(model[0].weight, 0.0, inputs**-0.5)  # type: ignore[arg-type]
    y = (x @ v).relu().sum(1, keepdim=True)
    return Setup(
        model=model,
        loss_fn=half_squares,
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x.float(), y.float()),
        batch_size=min(64, samples),
        epochs=60,
        target=target(teachers),
        name="teacher-student",
        origin=partial(
            setup,
            students=students,
            teachers=teachers,
            inputs=inputs,
            samples=samples,
            lr=lr,
            data_seed=data_seed,
        ),
    )
