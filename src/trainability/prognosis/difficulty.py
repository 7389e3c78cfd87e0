"""How hard the data are, by two learners that need no training: a line, and the nearest neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

NAN = math.nan
SAMPLES, FEATURES, NEIGHBOURS, RIDGE = 512, 256, 5, 1e-3


@dataclass(frozen=True)
class Difficulty:
    """Shares of the targets' variance that simple learners explain, over all columns; nan where that has no meaning.

    Args:
        line: by ridge regression on the sample itself.
        held_line: by ridge regression from the other samples (leave one out).
        neighbours: by the mean of the five nearest other samples.
    """

    line: float = NAN
    held_line: float = NAN
    neighbours: float = NAN


def difficulty(x: Tensor, y: Tensor, *, classes: bool) -> Difficulty:
    """Ask a line and the neighbours what the inputs tell of the targets.

        held-out error of ridge regression = (y - H y) / (1 - diag H),   H = X (X'X + r n I)^-1 X'

    Args:
        x: (n, ...), inputs; features are standardised, and thinned evenly above 256.
        y: (n, ...), targets; class numbers become rows of 0 and 1.
        classes: whether targets are class numbers.

    Returns:
        Difficulty; nan for inputs that are indices, and for targets without variance.

    Example:
        >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> round(difficulty(x, x[:, :1] - 2 * x[:, 1:2], classes=False).held_line, 3)
        1.0
    """
    if not x.is_floating_point() or len(x) < 10:
        return Difficulty()
    x, y = x[:SAMPLES].detach().cpu().double().flatten(1), y[:SAMPLES].detach().cpu()
    if x.shape[1] > FEATURES:
        x = x[:, :: math.ceil(x.shape[1] / FEATURES)]
    kept = torch.isfinite(x).all(1)
    if classes and not y.is_floating_point() and y.ndim == 1:
        _, index = torch.unique(y, return_inverse=True)
        target = torch.nn.functional.one_hot(index).double()
    else:
        target = y.double().reshape(len(y), -1)
    kept &= torch.isfinite(target).all(1)
    x, target = x[kept], target[kept]
    if len(x) < 10:
        return Difficulty()
    x = (x - x.mean(0)) / x.std(0, correction=0).clamp_min(1e-12)
    target = target - target.mean(0)
    total = float(target.square().sum())
    if not 0 < total < math.inf:
        return Difficulty()
    n = len(x)
    gram = x.T @ x + RIDGE * n * torch.eye(x.shape[1], dtype=x.dtype)
    hat = x @ torch.linalg.solve(gram, x.T)
    left = target - hat @ target
    leverage = hat.diagonal() + 1 / n
    held = left / (1 - leverage).clamp_min(1e-3)[:, None]
    distance = torch.cdist(x, x)
    distance.fill_diagonal_(math.inf)
    near = distance.topk(min(NEIGHBOURS, n - 1), largest=False).indices
    missed = target - target[near].mean(1)
    return Difficulty(*(max(1 - float(e.square().sum()) / total, -1.0) for e in (left, held, missed)))
