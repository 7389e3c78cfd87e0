"""Losses of stacked plain networks: the value per member, and the gradient in the outputs by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from trainability.errors import UnknownNameError
from trainability.lab.ensemble._blocks import whole


@dataclass(frozen=True)
class Loss:
    """One loss; everything is a mean over samples, as in torch.

    Args:
        plain: (output (B, o), target as given) -> scalar, for autograd and the constant answer.
        gradient: (z, y, d) -> loss (S,); z and d are blocks (S, o, B), y is (S or 1, o, B); writes dL/dz to d.
        classes: whether targets may be class indices.
    """

    plain: Callable[[Tensor, Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor, Tensor], Tensor]
    classes: bool = False


def _square(factor: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def gradient(z: Tensor, y: Tensor, d: Tensor) -> Tensor:
        count = z.shape[1] * z.shape[2]
        torch.sub(z, y, out=d)
        loss = (d * d).sum((1, 2)).mul_(factor / count)
        whole(d).mul_(2 * factor / count)
        return loss

    return gradient


def _shifted_softmax(z: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """z - max z, and the sum over classes of its exponentials; the exponentials are left in d."""
    shifted = z - z.amax(1, keepdim=True)
    torch.exp(shifted, out=d)
    return shifted, d.sum(1, keepdim=True)


def _cross_entropy(z: Tensor, y: Tensor, d: Tensor) -> Tensor:
    shifted, total = _shifted_softmax(z, d)
    loss = (total.log().squeeze(1) - (shifted * y).sum(1)).mean(1)
    d.div_(total).sub_(y).div_(z.shape[2])
    return loss


def _softmax_mse(z: Tensor, y: Tensor, d: Tensor) -> Tensor:
    count = z.shape[1] * z.shape[2]
    _, total = _shifted_softmax(z, d)
    p = d / total
    apart = p - y
    loss = (apart * apart).sum((1, 2)).div_(count)
    push = apart.mul_(2 / count)
    torch.mul(p, push - (p * push).sum(1, keepdim=True), out=d)
    return loss


def _bce_with_logits(z: Tensor, y: Tensor, d: Tensor) -> Tensor:
    count = z.shape[1] * z.shape[2]
    each = torch.clamp_min(z, 0) - z * y + torch.log1p(torch.exp(-z.abs()))
    loss = each.sum((1, 2)).div_(count)
    torch.sigmoid(whole(z), out=whole(d))
    d.sub_(y).div_(count)
    return loss


def one_hot(output: Tensor, target: Tensor) -> Tensor:
    """Class indices `(N,)` or `(N, 1)` as rows of 0 and 1 in the output's type; rows `(N, o)` as they are."""
    if target.is_floating_point() or target.shape == output.shape:
        return target.to(output.dtype)
    return F.one_hot(target.reshape(len(output)).long(), output.shape[1]).to(output.dtype)


def _as_output(output: Tensor, target: Tensor) -> Tensor:
    return target.reshape(output.shape).to(output.dtype)


ALL: dict[str, Loss] = {
    "mse": Loss(lambda o, t: F.mse_loss(o, _as_output(o, t)), _square(1.0)),
    "half_mse": Loss(lambda o, t: 0.5 * F.mse_loss(o, _as_output(o, t)), _square(0.5)),
    "cross_entropy": Loss(lambda o, t: F.cross_entropy(o, one_hot(o, t)), _cross_entropy, classes=True),
    "softmax_mse": Loss(lambda o, t: F.mse_loss(o.softmax(1), one_hot(o, t)), _softmax_mse, classes=True),
    "bce_with_logits": Loss(lambda o, t: F.binary_cross_entropy_with_logits(o, _as_output(o, t)), _bce_with_logits),
}
"""Name -> loss. "half_mse" is half of "mse"; "softmax_mse" is the mean square of softmax(output) - one-hot target."""


def get(name: str) -> Loss:
    """Give the loss of that name.

    Raises:
        UnknownNameError: no loss has that name; the message gives the nearest.

    >>> get("mse").classes
    False
    """
    if name not in ALL:
        raise UnknownNameError("loss", str(name), list(ALL))
    return ALL[name]


def laid_out(loss: Loss, target: Tensor, outputs: int, dtype: torch.dtype, lead: int = 1) -> Tensor:
    """Targets as numbers per output, `(..., N, outputs)`.

    Args:
        loss: decides whether class indices are allowed.
        target: (..., N) or (..., N, outputs); integers are class indices where the loss takes them.
        outputs: of the network.
        dtype: of the network.
        lead: dimensions that count: 1 for (N, ...), 2 for (E, N, ...).

    Raises:
        ValueError: shapes that do not fit, labels out of range, rows of shares that do not sum to 1.

    >>> laid_out(get("cross_entropy"), torch.tensor([1, 0]), 2, torch.float32)
    tensor([[0., 1.],
            [1., 0.]])
    """
    flat = target.ndim == lead
    single = target.ndim == lead + 1 and target.shape[-1] == 1
    if loss.classes and not target.is_floating_point() and (flat or single):
        index = target if flat else target.squeeze(-1)
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= outputs:
            raise ValueError(
                f"Got labels from {low} to {high} for {outputs} outputs; needed labels from 0 to {outputs - 1}. "
                "Renumber the labels or widen the last layer."
            )
        return F.one_hot(index.long(), outputs).to(dtype)
    values = target.to(dtype)
    if flat and outputs == 1:
        values = values.unsqueeze(-1)
    if values.ndim != lead + 1 or values.shape[-1] != outputs:
        raise ValueError(
            f"Got targets of shape {tuple(target.shape)} for {outputs} outputs; needed one number per output, "
            f"shape (..., {outputs}){', or class indices as integers' if loss.classes else ''}. Reshape them."
        )
    if loss.classes and bool(((values.sum(-1) - 1).abs() > 1e-3).any()):
        raise ValueError("Got target rows that do not sum to 1; needed shares of the classes. Normalise the rows.")
    return values
