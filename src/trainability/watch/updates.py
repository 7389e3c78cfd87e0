"""How far one optimizer step moves each weight, and what gradient it used."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from trainability.watch.state import NAN, Weight

VALUES = 65_536  # a tensor is thinned above this


class UpdateProbe:
    """Compares the weights before and after one step: |change| / |weight|, on up to 65536 values of each tensor.

    Args:
        model: its trainable parameters, shared ones once.

    Example:
        >>> net = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(net.weight, 2.0)
        >>> probe = UpdateProbe(net)
        >>> probe.before()
        >>> _ = net.weight.data.add_(0.5)
        >>> probe.after()[0][0].update
        0.25
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._kept: list[tuple[str, Tensor, Tensor]] = []

    @torch.no_grad()
    def before(self) -> None:
        """Right before the step."""
        self._kept = [
            (n, p, _thin(p).clone()) for n, p in self.model.named_parameters() if p.requires_grad and p.numel()
        ]

    @torch.no_grad()
    def after(self, scale: float = 1.0) -> tuple[tuple[Weight, ...], float]:
        """Right after the step.

        Args:
            scale: what the gradients are still multiplied by (a GradScaler's factor inside a fused step).

        Returns:
            (one Weight per tensor, the gradient's norm over all); empty and nan where `before` was not called.
        """
        kept, self._kept = self._kept, []
        if not kept:
            return (), NAN
        old = _norms([k for _, _, k in kept])
        moved = _norms([_thin(p) - k for _, p, k in kept])
        have = [(i, _values(p.grad)) for i, (_, p, _) in enumerate(kept) if p.grad is not None]
        gradients = dict(zip((i for i, _ in have), _norms([g for _, g in have]), strict=True))
        found = []
        for i, (name, p, k) in enumerate(kept):
            update = moved[i] / old[i] if old[i] else (math.inf if moved[i] else 0.0)
            gradient = gradients[i] / scale / math.sqrt(p.numel()) if i in gradients else NAN
            found.append(Weight(name, p.ndim >= 2, old[i] / math.sqrt(k.numel()), update, gradient))
        total = math.sqrt(sum(g * g for g in gradients.values())) / scale if gradients else NAN
        return tuple(found), total


def _thin(p: Tensor) -> Tensor:
    values = p.detach()
    if values.is_sparse or not values.is_floating_point():
        return values.new_zeros(1, dtype=torch.float32)
    stride = max(1, values.numel() // VALUES)
    return values.reshape(-1)[::stride] if values.is_contiguous() else values.flatten()[::stride]


def _values(gradient: Tensor) -> Tensor:
    gradient = gradient.detach()
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _norms(tensors: list[Any]) -> list[float]:
    """One norm each, fetched together where they lie on one device."""
    if not tensors:
        return []
    norms = torch._foreach_norm([t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in tensors])
    if len({n.device for n in norms}) == 1:
        return (
            torch.stack([n.double() for n in norms]).tolist() if norms[0].device.type != "mps" else [*map(float, norms)]
        )
    return [float(n) for n in norms]
