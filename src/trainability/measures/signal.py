"""How large a signal is, and how much of it still depends on the input."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_square(x: Tensor) -> float:
    """The mean of the squares of every value.

        mean x²

    Args:
        x: any shape, at least one value; summed in float64.

    Returns:
        The mean square, at least 0; infinite or nan where x is.

    Raises:
        ValueError: for an empty tensor.

    Source:
        The q of mean-field theory: Poole and others 2016, arXiv 1606.05340, Section 2.1.

    >>> mean_square(torch.tensor([[3.0, 4.0]]))
    12.5
    """
    _check_not_empty(x)
    return _wide(x).square().mean().item()


def share_across_inputs(x: Tensor) -> float:
    """The share of the mean square that is variance across inputs, each unit and position taken by itself.

        mean over units of var over inputs (x)  /  mean x²

    1 when every unit has mean 0 over the inputs; 0 when every input gives the same values, so that nothing
    behind this point can tell inputs apart. In a wide network it tends to 1 - c with c the correlation of two
    inputs.

    Args:
        x: (N, ...) with inputs on dim 0.

    Returns:
        A share in [0, 1]; nan when x is 0 everywhere, not finite, or holds one input only.

    Raises:
        ValueError: for an empty tensor or a single number.

    Source:
        Variance with divisor N over the second moment. Its mean-field value is 1 - c, with c the correlation
        of Poole and others 2016, arXiv 1606.05340, Section 2.2.

    >>> share_across_inputs(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    1.0
    >>> share_across_inputs(torch.tensor([[5.0, 0.1], [5.0, 0.1]]))
    0.0
    """
    _check_not_empty(x)
    if x.ndim == 0:
        raise ValueError("Got a single number; need (N, ...) with inputs on dim 0. Give a batch of outputs.")
    if x.shape[0] == 1:
        return float("nan")
    wide = _wide(x)
    from_first = wide - wide[:1]
    across = (from_first - from_first.mean(0)).square().mean()
    return (across / wide.square().mean()).item()


def _wide(x: Tensor) -> Tensor:
    return x.detach().to(torch.float32 if x.device.type == "mps" else torch.float64)


def _check_not_empty(x: Tensor) -> None:
    if x.numel() == 0:
        raise ValueError(f"Got an empty tensor of shape {tuple(x.shape)}; need at least one value.")
