"""Cross-entropy on logits, whatever form class targets have, shared by the remedies that put it in."""

from __future__ import annotations

from torch import Tensor, nn

from trainability.doctor.readings import Readings


def class_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy for class indices `(N,)` or `(N, 1)`, or one-hot rows `(N, C)`."""
    if target.shape == logits.shape:
        target = target.to(logits.dtype)
    elif target.ndim == logits.ndim:
        target = target.squeeze(-1)
    return nn.functional.cross_entropy(logits, target)


def class_loss_lines(r: Readings) -> str:
    """The line for that loss, and one for targets that are not class indices (N,).

    Example:
        >>> from trainability.doctor.readings import LossReading
        >>> print(class_loss_lines(Readings(loss=LossReading(target_shape=(1,)))))
        y = y.squeeze(-1)
        loss_fn = nn.CrossEntropyLoss()
    """
    first = ""
    if r.loss.target_shape == r.loss.output_shape:
        first = "y = y.float()  # one-hot rows\n"
    elif len(r.loss.target_shape) == len(r.loss.output_shape):
        first = "y = y.squeeze(-1)\n"
    return f"{first}loss_fn = nn.CrossEntropyLoss()"


def yes_or_no_lines(r: Readings) -> str:
    """The line for binary cross-entropy on logits, and one that gives the targets the outputs' type and shape.

    Example:
        >>> from trainability.doctor.readings import LossReading
        >>> print(yes_or_no_lines(Readings(loss=LossReading(output_shape=(1,), target_shape=()))))
        y = y.float().reshape(-1, 1)
        loss_fn = nn.BCEWithLogitsLoss()
    """
    out, given = r.loss.output_shape, r.loss.target_shape
    shaped = "" if out == given else f".reshape({', '.join(map(str, (-1, *out)))})"
    return f"y = y.float(){shaped}\nloss_fn = nn.BCEWithLogitsLoss()"
