"""The loss function, as recognised by its values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LossReading:
    """The loss function, as recognised by its values.

    Args:
        family, factor, offset, broadcasts, one_hot, sums: see `setup.loss_family.LossFamily`.
        end_penalty: what the loss adds at the end of the run for the weights alone; 0 where it adds nothing.
        differentiable: whether any parameter gets a gradient from it.
        bounded: whether a best constant answer exists.
        output_shape, target_shape: of a batch, without the first dimension.
    """

    family: str = "cross-entropy"
    factor: float = 1.0
    offset: float = 0.0
    broadcasts: bool = False
    one_hot: bool = False
    sums: bool = False
    end_penalty: float = 0.0
    differentiable: bool = True
    bounded: bool = True
    output_shape: tuple[int, ...] = (10,)
    target_shape: tuple[int, ...] = ()
