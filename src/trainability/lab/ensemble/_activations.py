"""Activations of stacked plain networks: values in place, and the gradient through them in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor, nn

from trainability.errors import UnknownNameError

aten = torch.ops.aten
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805  # of SELU, as torch has them


@dataclass(frozen=True)
class Activation:
    """One activation.

    Args:
        forward: (z, a, slope) writes phi(z) to a; a may be z where `keeps_input` is off.
        backward: (d, kept, slope) multiplies d by phi' in place; `kept` is z where `keeps_input` is on, otherwise a.
        module: (slope) -> the torch module that does the same.
        keeps_input: whether the gradient needs z.
    """

    forward: Callable[[Tensor, Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor, Tensor], object]
    module: Callable[[float], nn.Module]
    keeps_input: bool = False


class Erf(nn.Module):
    """The error function, which torch has as no module of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """erf(x)."""
        return torch.erf(x)


def _leaky(z: Tensor, a: Tensor, slope: Tensor) -> None:
    torch.mul(z, slope, out=a)
    torch.where(z > 0, z, a, out=a)


def _leaky_back(d: Tensor, z: Tensor, slope: Tensor) -> None:
    torch.where(z > 0, d, d * slope, out=d)


def _erf_back(d: Tensor, z: Tensor, slope: Tensor) -> None:
    d.mul_(torch.exp(-z * z).mul_(2 / sqrt(pi)))


ALL: dict[str, Activation] = {
    "linear": Activation(lambda z, a, s: None, lambda d, a, s: None, lambda s: nn.Identity()),
    "relu": Activation(
        lambda z, a, s: torch.clamp_min(z, 0, out=a),
        lambda d, a, s: aten.threshold_backward.grad_input(d, a, 0.0, grad_input=d),
        lambda s: nn.ReLU(),
    ),
    "leaky_relu": Activation(_leaky, _leaky_back, nn.LeakyReLU, True),
    "tanh": Activation(
        lambda z, a, s: torch.tanh(z, out=a),
        lambda d, a, s: aten.tanh_backward.grad_input(d, a, grad_input=d),
        lambda s: nn.Tanh(),
    ),
    "sigmoid": Activation(
        lambda z, a, s: torch.sigmoid(z, out=a),
        lambda d, a, s: aten.sigmoid_backward.grad_input(d, a, grad_input=d),
        lambda s: nn.Sigmoid(),
    ),
    "elu": Activation(
        lambda z, a, s: aten.elu.out(z, 1.0, 1.0, 1.0, out=a),
        lambda d, z, s: aten.elu_backward.grad_input(d, 1.0, 1.0, 1.0, False, z, grad_input=d),
        lambda s: nn.ELU(),
        True,
    ),
    "selu": Activation(
        lambda z, a, s: aten.elu.out(z, ALPHA, SCALE, 1.0, out=a),
        lambda d, z, s: aten.elu_backward.grad_input(d, ALPHA, SCALE, 1.0, False, z, grad_input=d),
        lambda s: nn.SELU(),
        True,
    ),
    "gelu": Activation(
        lambda z, a, s: aten.gelu.out(z, out=a),
        lambda d, z, s: aten.gelu_backward.grad_input(d, z, grad_input=d),
        lambda s: nn.GELU(),
        True,
    ),
    "silu": Activation(
        lambda z, a, s: aten.silu.out(z, out=a),
        lambda d, z, s: aten.silu_backward.grad_input(d, z, grad_input=d),
        lambda s: nn.SiLU(),
        True,
    ),
    "softplus": Activation(
        lambda z, a, s: aten.softplus.out(z, 1, 20, out=a),
        lambda d, z, s: aten.softplus_backward.grad_input(d, z, 1, 20, grad_input=d),
        lambda s: nn.Softplus(),
        True,
    ),
    "erf": Activation(lambda z, a, s: torch.erf(z, out=a), _erf_back, lambda s: Erf(), True),
}
"""Name, as in `trainability.theory.gain`, -> activation."""

ALIASES = {"identity": "linear", "swish": "silu"}


def get(name: str) -> Activation:
    """Give the activation of that name.

    Raises:
        UnknownNameError: no activation has that name; the message gives the nearest.

    >>> get("swish") is get("silu")
    True
    """
    key = ALIASES.get(name, name)
    if key not in ALL:
        raise UnknownNameError("activation", name, [*ALL, *ALIASES])
    return ALL[key]
