"""Carry the stability limits of theory, which take NumPy arrays, over to values per member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.optimizers._values import PerMember


def limit(formula: Callable[..., Any], *arguments: PerMember) -> PerMember:
    """Evaluate a formula of numbers and arrays on numbers and on tensors of values per member.

    Args:
        formula: floats or float64 arrays in, the same out.
        arguments: floats, or tensors that broadcast against each other.

    Returns:
        A float if all arguments are numbers, otherwise a float64 tensor on the device of the first tensor.

    Raises:
        ValueError: what the formula raises.

    >>> limit(lambda sharpness: 2 / sharpness, torch.tensor([1.0, 4.0]))
    tensor([2.0000, 0.5000], dtype=torch.float64)
    """
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    if not tensors:
        return float(formula(*arguments))
    numbers = [np.asarray(v.detach().cpu().double() if isinstance(v, Tensor) else v) for v in arguments]
    return torch.as_tensor(formula(*np.broadcast_arrays(*numbers)), dtype=torch.float64, device=tensors[0].device)
