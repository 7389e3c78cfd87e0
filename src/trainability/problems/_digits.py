"""scikit-learn's handwritten digits, split once and for all."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]


@cache
def digits() -> tuple[Pair, Pair]:
    """(X, y) for training and for validation.

    1797 images of 8 x 8 in a fixed random order, the first 1400 for training; inputs (n, 64) float32 in [0, 1]
    (the pixel range 0..16 divided by 16), targets (n,) int64 in 0..9.

    Source: `sklearn.datasets.load_digits`; test set of the UCI optical recognition of handwritten digits data.

    Example:
        >>> (X, y), (Xv, yv) = digits()
        >>> tuple(X.shape), tuple(Xv.shape), float(X.max())
        ((1400, 64), (397, 64), 1.0)
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = np.random.RandomState(0).permutation(len(raw.data))
    x = torch.tensor(raw.data[order] / 16, dtype=torch.float32)
    y = torch.tensor(raw.target[order], dtype=torch.int64)
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])
