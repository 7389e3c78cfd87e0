"""The weight that a bias belongs to."""

from __future__ import annotations

from torch import Tensor

from trainability.initializers._fans import own_shape


def beside(bias: Tensor, weight: Tensor | None, batch_dims: int, scheme: str) -> Tensor:
    """Give the weight after checking that it has one row for each entry of the bias.

    Raises:
        ValueError: no weight, or one whose shape does not start as the bias's.
    """
    if weight is None:
        raise ValueError(f"{scheme}: given no weight, needed the weight of the same layer. Pass weight=layer.weight.")
    own_shape(weight.shape, batch_dims)
    if weight.ndim < batch_dims + 2 or tuple(weight.shape[: batch_dims + 1]) != tuple(bias.shape):
        raise ValueError(
            f"{scheme}: given a bias of shape {tuple(bias.shape)} and a weight of shape {tuple(weight.shape)} with "
            f"batch_dims={batch_dims}, needed a weight (*members, out, in, ...) beside a bias (*members, out)."
        )
    return weight
