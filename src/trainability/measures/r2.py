"""How much better than the mean a regression is."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Averaging = Literal["uniform_average", "variance_weighted"]


def r2(prediction: Tensor, target: Tensor, *, multioutput: Averaging = "uniform_average") -> float:
    """The coefficient of determination, averaged over outputs.

        R² = 1 - sum (y - f)² / sum (y - mean y)²

    1 is perfect, 0 is the best constant answer, below 0 is worse than that. As in scikit-learn, an output
    whose target is constant counts 1 if it is predicted exactly and 0 if not.

    Args:
        prediction: f, (N,) or (N, outputs).
        target: y, the same shape.
        multioutput: "uniform_average" counts every output alike; "variance_weighted" by its targets' variance, so that
            an output that hardly varies hardly counts.

    Returns:
        R², at most 1; nan for fewer than 2 rows or numbers that are not finite.

    Raises:
        ValueError: for shapes that differ, are empty, or have more than 2 dimensions.

    Source:
        `sklearn.metrics.r2_score` with the same multioutput and force_finite=True.

    >>> r2(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0]))
    1.0
    >>> r2(torch.tensor([2.0, 2.0, 2.0]), torch.tensor([1.0, 2.0, 3.0]))
    0.0
    """
    if prediction.shape != target.shape or target.numel() == 0 or target.ndim not in (1, 2):
        raise ValueError(
            f"Got a prediction of shape {tuple(prediction.shape)} and a target of shape "
            f"{tuple(target.shape)}; need equal shapes (N,) or (N, outputs). Reshape one to the other: "
            "(N, 1) against (N,) would broadcast to (N, N)."
        )
    if target.shape[0] < 2:
        return float("nan")
    f = prediction.detach().cpu().double().reshape(target.shape[0], -1)
    y = target.detach().cpu().double().reshape(target.shape[0], -1)
    left = (y - f).square().sum(0)
    spread = (y - y.mean(0)).square().sum(0)
    exact = torch.where(left == 0, 1.0, 0.0).double()
    score = torch.where(spread == 0, exact, 1 - left / spread)
    score = torch.where(left.isfinite() & spread.isfinite(), score, torch.nan)
    if multioutput == "variance_weighted" and bool(spread.sum() > 0):
        return float((score * spread).sum() / spread.sum())
    return score.mean().item()
