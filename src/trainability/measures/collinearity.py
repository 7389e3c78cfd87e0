"""Whether different inputs still point in different directions: their mean cosine, and how many directions they fill."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_cosine(x: Tensor) -> float:
    """The mean cosine between the rows that two different inputs give.

        mean over pairs i != j of  x_i . x_j / (|x_i| |x_j|)

    1 when every input gives the same direction, near 0 for directions drawn at random in many dimensions. In a wide
    network it tends to the correlation c of two inputs, whose map from layer to layer decides what depth leaves.

    Args:
        x: (N, ...) with inputs on dim 0, N >= 2; rows of zeros are left out.

    Returns:
        A number in [-1, 1]; nan where fewer than two rows are finite and not 0.

    Raises:
        ValueError: for an empty tensor or a single number.

    Source:
        Poole and others 2016, arXiv 1606.05340, Section 2.2 (the correlation of two inputs).

    >>> round(mean_cosine(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])), 4)
    0.3333
    """
    rows = _directions(x)
    n = len(rows)
    if n < 2:
        return float("nan")
    return ((rows.sum(0).square().sum() - n) / (n * (n - 1))).item()


def stable_rank(x: Tensor) -> float:
    """How many directions the rows fill, each row taken at length 1.

        |X|_F^2 / |X|_2^2,  rows x_i / |x_i|

    1 when all rows lie on one line, N when they are orthogonal.

    Args:
        x: (N, ...) with inputs on dim 0; rows of zeros are left out.

    Returns:
        A number of at least 1; nan without a finite row that is not 0.

    Raises:
        ValueError: for an empty tensor or a single number.

    Source:
        Rudelson and Vershynin 2007, 'Sampling from large matrices' (numerical rank).

    >>> round(stable_rank(torch.tensor([[1.0, 0.0], [-2.0, 0.0]])), 4), round(stable_rank(torch.eye(5)), 4)
    (1.0, 5.0)
    """
    rows = _directions(x)
    if not len(rows):
        return float("nan")
    gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    largest = torch.linalg.eigvalsh(gram)[-1]
    return (len(rows) / largest).item()


def _directions(x: Tensor) -> Tensor:
    """Rows of length 1 in float64."""
    if x.numel() == 0 or x.ndim == 0:
        raise ValueError(
            f"Got a tensor of shape {tuple(x.shape)}; need (N, ...) with inputs on dim 0 and a value each."
        )
    wide = x.detach().reshape(len(x), -1).to(torch.float32 if x.device.type == "mps" else torch.float64)
    length = wide.norm(dim=1)
    kept = torch.isfinite(length) & (length > 0)
    return wide[kept] / length[kept, None]
