"""What a sweep can measure of its networks on the way; each is measured alone, so that chunks change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainability.lab.ensemble import MLP, Snapshot, _activations, _losses
from trainability.measures import saturation, units
from trainability.measures import sharpness as _sharpness

SAMPLE = 512  # training samples that a measure sees, the first ones
FLAT = ("relu",)  # activations with units that can be 0 for every input
SQUASHING = ("tanh", "sigmoid", "erf")


@dataclass(frozen=True)
class Measured:
    """One plain network at one step, and the data it is measured on.

    Args:
        layers: (weight (out, in), bias (out,) or None) of each layer.
        activation: between layers.
        x: inputs (N, in), already scaled.
        y: targets as the loss takes them.
        loss: (output (N, out), target) -> scalar.
    """

    layers: tuple[tuple[Tensor, Tensor | None], ...]
    activation: nn.Module
    x: Tensor
    y: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]

    @property
    def parameters(self) -> list[Tensor]:
        """All of them."""
        return [p for pair in self.layers for p in pair if p is not None]

    def hidden(self) -> tuple[list[Tensor], Tensor]:
        """What goes into each activation (N, units), and the output (N, out)."""
        before, a = [], self.x
        for i, (weight, bias) in enumerate(self.layers):
            z = nn.functional.linear(a, weight, bias)
            if i < len(self.layers) - 1:
                before.append(z)
                a = self.activation(z)
        return before, z

    def value(self) -> Tensor:
        """The loss on the sample."""
        return self.loss(self.hidden()[1], self.y)


def weight_norm(one: Measured) -> float:
    """Euclidean norm of all parameters.

    >>> net = Measured(((torch.full((1, 1), 3.0), torch.full((1,), 4.0)),), nn.ReLU(), torch.ones(1, 1), torch.ones(1, 1),
    ...                nn.functional.mse_loss)
    >>> weight_norm(net)
    5.0
    """
    return float(torch.cat([p.detach().flatten().double() for p in one.parameters]).norm())


def gradient_norm(one: Measured) -> float:
    """Euclidean norm of the gradient of the loss on the sample."""
    with torch.enable_grad():
        leaves = [p.requires_grad_() for p in one.parameters]
        found = torch.autograd.grad(one.value(), leaves, allow_unused=True)
    return float(torch.cat([g.flatten().double() for g in found if g is not None]).norm())


def sharpness(one: Measured) -> float:
    """Largest algebraic eigenvalue of the Hessian of the loss on the sample, to 1% of relative residual."""
    with torch.enable_grad():
        return _sharpness.sharpness(one.value, [p.requires_grad_() for p in one.parameters]).value


def dead_share(one: Measured) -> float:
    """Share of hidden units that are 0 for the whole sample, mean over layers."""
    return float(np.mean([units.dead_share(one.activation(z)) for z in one.hidden()[0]]))


def saturated_share(one: Measured) -> float:
    """Share of hidden values where the activation's slope is under 5% of its greatest, mean over layers."""
    return float(np.mean([saturation.saturated_share(z, one.activation) for z in one.hidden()[0]]))


def output_rms(one: Measured) -> float:
    """Root mean square of the outputs."""
    return float(one.hidden()[1].double().square().mean().sqrt())


ALL: dict[str, Callable[[Measured], float]] = {
    "weight_norm": weight_norm,
    "gradient_norm": gradient_norm,
    "sharpness": sharpness,
    "dead_share": dead_share,
    "saturated_share": saturated_share,
    "output_rms": output_rms,
}
"""Name -> function of one network."""

SAYS = {
    "weight_norm": "Euclidean norm of all parameters",
    "gradient_norm": "Euclidean norm of the gradient on a sample of the training data",
    "sharpness": "largest eigenvalue of the Hessian of the loss on a sample of the training data",
    "dead_share": "share of hidden units that are 0 for a whole sample of the training data",
    "saturated_share": "share of hidden values where the activation is nearly flat",
    "output_rms": "root mean square of the outputs on a sample of the training data",
}


def fits(name: str, activation: str, depth: int) -> str:
    """Why a measure says nothing of networks with this activation; "" where it does.

    >>> fits("dead_share", "tanh", 2)
    'tanh has no units that can die; it needs activation relu'
    """
    if depth < 1 and name in ("dead_share", "saturated_share"):
        return "a network without hidden layers has no hidden units"
    if name == "dead_share" and activation not in FLAT:
        return f"{activation} has no units that can die; it needs activation {' or '.join(FLAT)}"
    if name == "saturated_share" and activation not in SQUASHING:
        return f"{activation} does not saturate; it needs activation {' or '.join(SQUASHING)}"
    return ""


def functions(names: Sequence[str], network: MLP, X: Tensor, y: Tensor, loss: str) -> Mapping[str, Any]:
    """The measures as `train_ensemble` takes them.

    Args:
        names: from `ALL`.
        network: whose members are measured, with one value per member where members differ.
        X: training inputs (N, in); the first `SAMPLE` are used.
        y: their targets.
        loss: by name.
    """
    plain = _losses.get(loss).plain

    def every(measure: Callable[[Measured], float]) -> Callable[[Snapshot], np.ndarray]:
        def at(now: Snapshot) -> np.ndarray:
            return np.array([measure(_one(now, i, network, X, y, plain)) for i in range(len(now.members))])

        return at

    return {name: every(ALL[name]) for name in names}


def _one(now: Snapshot, slot: int, network: MLP, X: Tensor, y: Tensor, loss: Any) -> Measured:
    member = int(now.members[slot])

    def own(value: Any) -> float:
        return float(value[member]) if isinstance(value, Tensor) and value.ndim else float(value)

    # Copies of their own lie at addresses of torch's choice: the last bit of a product depends on the address.
    held = {name: value[slot].clone() for name, value in now.params.items()}
    layers = tuple((held[f"{2 * i}.weight"], held.get(f"{2 * i}.bias")) for i, _ in enumerate(pairwise(network.sizes)))
    kind = layers[0][0].dtype
    scale = own(network.input_scale)
    return Measured(
        layers=layers,
        activation=_activations.get(network.activation).module(own(network.slope)),
        x=X[:SAMPLE].to(kind) * scale if scale != 1 else X[:SAMPLE].to(kind, copy=True),
        y=y[:SAMPLE].to(kind) if y.is_floating_point() else y[:SAMPLE],
        loss=loss,
    )
