"""A quadratic of given spectrum: the loss on which every optimizer's limit is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from trainability.problems._build import drawn, gaussian, half_squares, positive
from trainability.problems._known import Known
from trainability.setup import Setup

KNOWN = Known(
    "Gradient descent converges from every start below lr = 2 / largest eigenvalue, and above from none.", 0.0, 0.009
)


def setup(
    seed: int | None = None,
    *,
    spectrum: Sequence[float] = (1.0, 0.5, 0.2, 0.1),
    turned: bool = False,
    lr: float = 1.0,
    data_seed: int = 0,
) -> Setup:
    """Build 1/2 wᵀ H w with eigenvalues `spectrum`, as a linear regression whose Hessian is H, and full-batch SGD.

        X = √n diag(√λ) Qᵀ, y = 0:  half the mean of (X w)² = 1/2 Σ λ_i (q_i·w)²

    w starts from N(0, 1) in each coordinate. Best constant loss: 0, so that no answer beats it and outcomes are judged by
    the loss at the start. Target: a hundredth of Σ λ / 2, the mean loss at the start, 0.009 for the defaults.

    Args:
        seed: of the start; None draws from the present random state.
        spectrum: n eigenvalues, 0 or more, not all 0.
        turned: random orthonormal eigenvectors in place of the coordinate axes.
        lr: of SGD; stable below 2 / max(spectrum).
        data_seed: of the eigenvectors.

    Returns:
        Setup with 100 full-batch steps.

    Raises:
        ValueError: an option out of range.

    Example:
        >>> one = setup(0, spectrum=(3.0, 1.0))
        >>> (one.data[0].T @ one.data[0] / 2).diagonal().round(decimals=4).tolist()
        [3.0, 1.0]
    """
    values = torch.as_tensor([float(v) for v in spectrum], dtype=torch.float64)
    if not len(values) or not bool(values.isfinite().all()) or float(values.min()) < 0 or float(values.max()) <= 0:
        raise ValueError(f"spectrum: given {tuple(spectrum)}, needed finite numbers from 0, one of them above 0.")
    positive(lr=lr)
    n = len(values)
    q = torch.eye(n, dtype=torch.float64)
    if turned:
        q = torch.linalg.qr(gaussian(torch.Generator().manual_seed(data_seed), n, n)).Q
    x = (n * values).sqrt()[:, None] * q.T
    with drawn(seed):
        model = nn.Linear(n, 1, bias=False).double()
        nn.init.normal_(model.weight)
    return Setup(
        model=model,
        loss_fn=half_squares,
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(x, torch.zeros(n, 1, dtype=torch.float64)),
        batch_size=None,
        epochs=100,
        task="regression",
        target=float(values.sum()) / 200,
        name="quadratic",
        origin=partial(setup, spectrum=tuple(spectrum), turned=turned, lr=lr, data_seed=data_seed),
    )
