"""A Setup on other tensors, shared by the remedies that change data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from trainability.errors import SetupError
from trainability.setup import Setup
from trainability.setup.batches import Batches, TensorBatches

Pair = tuple[Tensor, Tensor]


def with_data(
    setup: Setup, train: Callable[[Tensor, Tensor], Pair] | None, validation: Callable[[Tensor, Tensor], Pair] | None
) -> Setup:
    """The Setup with its tensors mapped; None leaves a side as it is.

    Args:
        setup: its tensors stay as they are.
        train, validation: (inputs, targets) -> (inputs, targets).

    Returns:
        Setup.

    Raises:
        SetupError: a side that is to be mapped is no pair of tensors.
    """
    changes: dict[str, Any] = {"batch_size": setup.batches.batch_size}
    if train is not None:
        changes["data"] = train(*pair(setup.batches))
    if validation is not None and setup.validation_batches is not None:
        changes["validation"] = validation(*pair(setup.validation_batches))
    return setup.replaced(**changes)


def pair(data: Batches) -> Pair:
    """The tensors of a Setup's side; SetupError where they are something else."""
    if not isinstance(data, TensorBatches):
        raise SetupError("the data are not a pair of tensors, so this change is made where they are read.")
    return data.inputs, data.targets
