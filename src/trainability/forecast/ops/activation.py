"""Elementwise functions of one tensor: the Gaussian integrals of `forecast.moments`.

Outside theory where the features are not Gaussian, as behind another activation or a pooling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainability.forecast.moments import through
from trainability.forecast.ops._op import Known, Step


def followed(known: Known, phi: Callable[[Tensor], Tensor], x: Tensor) -> Step | None:
    """One elementwise function.

    Args:
        known: of the pass.
        phi: the function; takes float64.
        x: its input.

    Returns:
        Step; None where the law of x is unknown or not Gaussian.
    """
    law = known.law(x)
    if law is None or not law.gaussian:
        return None
    after, slope = through(phi, law)
    return Step("activation", after, ((x, lambda g: g * slope),), {"phi": phi, "before": law})


def of(function: Any) -> Any:
    """The rule of a function whose first argument is the tensor and whose others are numbers."""

    def rule(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
        x, rest = args[0], args[1:]
        if any(isinstance(a, Tensor) for a in (*rest, *kwargs.values())):
            return None
        plain = _NOT_IN_PLACE.get(function, function)
        options = {k: v for k, v in kwargs.items() if k not in ("inplace", "out")}
        return followed(known, lambda z: plain(z, *rest, **options), x)

    return rule


_NOT_IN_PLACE: dict[Any, Any] = {
    torch.relu_: torch.relu, Tensor.relu_: torch.relu, torch.tanh_: torch.tanh, Tensor.tanh_: torch.tanh,
    Tensor.sigmoid_: torch.sigmoid, torch.sigmoid_: torch.sigmoid, F.relu_: torch.relu, F.leaky_relu_: F.leaky_relu,
    F.elu_: F.elu, F.selu_: F.selu,
}  # fmt: skip
_SIMPLE: list[Any] = [
    F.relu, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.softplus, F.softsign, F.tanh, F.sigmoid,
    F.logsigmoid, F.hardtanh, F.relu6, F.hardswish, F.hardsigmoid, F.hardshrink, F.softshrink, F.tanhshrink, F.threshold,
    torch.relu, torch.tanh, torch.sigmoid, torch.sin, torch.cos, torch.exp, torch.erf, torch.abs, torch.square, torch.selu,
    Tensor.relu, Tensor.tanh, Tensor.sigmoid, Tensor.sin, Tensor.cos, Tensor.exp, Tensor.erf, Tensor.abs, Tensor.square,
    torch.clamp, Tensor.clamp, torch.pow, Tensor.pow, Tensor.__pow__,
]  # fmt: skip
FUNCTIONS = {function: of(function) for function in [*_SIMPLE, *_NOT_IN_PLACE]}
