"""Embeddings: rows drawn independently, so that equal tokens agree and others do not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainability.forecast.law import Law
from trainability.forecast.ops._op import Known, Step, argument, two_moments


def of(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.embedding(tokens, weight), tokens (B,) or (B, T); or (1, T), the same for every input."""
    tokens, weight = argument(args, kwargs, 0, "input"), argument(args, kwargs, 1, "weight")
    if tokens.ndim not in (1, 2) or len(tokens) not in (1, known.inputs):
        return None
    first, square = two_moments(weight)
    by_position = tokens.reshape(len(tokens), -1).t()
    same = by_position[:, :, None] == by_position[:, None, :]
    kernel = torch.where(same, square, first * first).double()
    dims, positions = (("b", "f"), ()) if tokens.ndim == 1 else (("b", "p", "f"), (tokens.shape[1],))
    features = weight.shape[1]
    mean = torch.full(kernel.shape[:2], first, dtype=torch.float64)
    seen = len(torch.unique(tokens))
    # which rows are met is chance: their mean square spreads like that of `seen` times `features` draws
    own = 2.0 / (features * seen)
    law = Law(kernel, mean, features, dims, positions, True, id(weight), frozenset({id(weight)}), 0.0, own)
    return Step("embedding", law)


FUNCTIONS = {F.embedding: of}
