"""Pick members out of an ensemble."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from torch import Tensor

T = TypeVar("T")


def take(tree: T, members: Tensor | slice) -> T:
    """Keep some members of a rule, of its state or of stacked parameters.

    Every tensor in it is indexed along its first dimension; numbers hold for all members and stay.

    Args:
        tree: a rule, a state, or a dict of stacked tensors.
        members: indices `(K,)`, a mask `(E,)`, or a slice.

    Returns:
        The same structure with the chosen members, in the order of `members`.

    >>> import torch
    >>> from trainability.optimizers import SGD
    >>> take(SGD(lr=torch.tensor([0.1, 0.2, 0.3])), slice(1, 3)).lr
    tensor([0.2000, 0.3000], dtype=torch.float64)
    """
    if isinstance(tree, Tensor):
        return tree[members]  # type: ignore[return-value]
    if isinstance(tree, dict):
        return {key: take(value, members) for key, value in tree.items()}  # type: ignore[return-value]
    if isinstance(tree, tuple):
        return tuple(take(value, members) for value in tree)  # type: ignore[return-value]
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{f.name: take(getattr(tree, f.name), members) for f in fields(tree)})
    return tree
