"""How much of a squashing activation sits where its slope is nearly 0."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def saturated_share(pre_activation: Tensor, activation: Callable[[Tensor], Tensor], level: float = 0.05) -> float:
    """The share of values at which the activation's slope is below a given part of its greatest slope.

        mean of [ |phi'(x)| < level max |phi'| ]

    The greatest slope is looked for on a grid over [-20, 20]. Meant for smooth squashing functions (tanh,
    sigmoid, softsign); for a ReLU it is only the share of inputs below 0.

    Args:
        pre_activation: the activation's input, any shape.
        activation: an elementwise function of a tensor; softmax is not elementwise.
        level: part of the greatest slope below which a value counts as saturated, in (0, 1). At 0.05 tanh is
            saturated beyond |x| = 2.18 and sigmoid beyond |x| = 4.36.

    Returns:
        A share in [0, 1]; nan for an activation whose slope is 0 on the whole grid.

    Raises:
        ValueError: for an empty tensor, a level outside (0, 1), or an activation that changes the shape.

    Source:
        Definition; the phenomenon is in Glorot and Bengio 2010, AISTATS, Section 3.

    >>> saturated_share(torch.tensor([0.0, 1.0, 3.0, -9.0]), torch.tanh)
    0.5
    """
    if pre_activation.numel() == 0:
        raise ValueError("Got an empty tensor; need at least one value. Give the activation's input.")
    if not 0 < level < 1:
        raise ValueError(f"Got level={level}; need 0 < level < 1, such as 0.05.")
    dtype = torch.float64 if pre_activation.dtype == torch.float64 else torch.float32
    x = pre_activation.detach().to(dtype)
    grid = torch.linspace(-20.0, 20.0, 4001, dtype=dtype, device=x.device)
    greatest = _slope(grid, activation).max()
    if greatest == 0:
        return float("nan")
    return (_slope(x, activation) < level * greatest).double().mean().item()


def _slope(x: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.enable_grad():
        x = x.clone().requires_grad_(True)
        y = activation(x.clone())
        if y.shape != x.shape:
            raise ValueError(
                f"The activation turned shape {tuple(x.shape)} into {tuple(y.shape)}; need an elementwise "
                "function. Give one such as torch.tanh."
            )
        if not y.requires_grad:
            return torch.zeros_like(x)
        (slope,) = torch.autograd.grad(y.sum(), x, allow_unused=True)
    return torch.zeros_like(x) if slope is None else slope.detach().abs()
