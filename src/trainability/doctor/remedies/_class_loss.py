"""Cross-entropy on logits, whatever form class targets have, shared by the remedies that put it in."""

from __future__ import annotations

from torch import Tensor, nn


def class_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy for class indices `(N,)` or `(N, 1)`, or one-hot rows `(N, C)`."""
    if target.shape == logits.shape:
        target = target.to(logits.dtype)
    elif target.ndim == logits.ndim:
        target = target.squeeze(-1)
    return nn.functional.cross_entropy(logits, target)
