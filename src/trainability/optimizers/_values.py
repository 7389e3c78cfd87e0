"""Hyper-parameters that are a number or one value per member, and arithmetic with them.

Values are kept and combined in double precision and cast to the parameter's dtype last, as torch does with
Python numbers; that is what makes a batched float32 update equal to the single one.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TypeAlias

import torch
from torch import Tensor

PerMember: TypeAlias = float | Tensor
"""One number for all members, or a tensor `(E,)` with one value per member."""

Range: TypeAlias = tuple[float, float]
"""Half open, [low, high); an infinite `high` is included."""

ANY: Range = (-math.inf, math.inf)
NOT_NEGATIVE: Range = (0.0, math.inf)
BELOW_ONE: Range = (0.0, 1.0)


def settle(rule: object, **ranges: Range) -> None:
    """Check the hyper-parameters of a frozen rule and store each as a float or a float64 tensor `(E,)`.

    Args:
        rule: a dataclass instance under construction; a field may also be a tuple of values.
        ranges: field name -> the range that every value must lie in; one for each field of the rule.

    Raises:
        ValueError: a value out of range or NaN, a tensor with more than one dimension, or two fields with
            values for different numbers of members.
    """
    sizes: set[int] = set()
    for field in fields(rule):  # type: ignore[arg-type]
        given = getattr(rule, field.name)
        parts = given if isinstance(given, tuple) else (given,)
        read = tuple(_read(field.name, part, ranges[field.name]) for part in parts)
        sizes |= {len(part) for part in read if isinstance(part, Tensor)}
        if len(sizes) > 1:
            raise ValueError(
                f"{type(rule).__name__}: given values for different numbers of members, {sorted(sizes)}, "
                "needed the same number in each. Pass one float, or one value for each of the same members."
            )
        object.__setattr__(rule, field.name, read if isinstance(given, tuple) else read[0])


def _read(name: str, given: PerMember, allowed: Range) -> PerMember:
    low, high = allowed
    if isinstance(given, Tensor) and given.ndim:
        if given.ndim > 1:
            raise ValueError(
                f"{name}: given a tensor of shape {tuple(given.shape)}, needed a float or one value per "
                "member, shape (E,)."
            )
        values = given.detach().to(torch.float64)
        good = (values >= low) & ((values < high) | (high == math.inf))
        if not good.all():
            raise ValueError(
                f"{name}: given {float(values[~good][0]):g} for {int((~good).sum())} of {len(values)} "
                f"members, needed {_in_words(allowed)}."
            )
        return values
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: given {given!r}, needed a number or a torch tensor with one value per member."
        ) from None
    if not (value >= low and (value < high or high == math.inf)):
        raise ValueError(f"{name}: given {value:g}, needed {_in_words(allowed)}.")
    return value


def _in_words(allowed: Range) -> str:
    low, high = allowed
    if low == -math.inf:
        return "a number that is not NaN"
    return f"at least {low:g}" + ("" if high == math.inf else f" and below {high:g}")


def fit(value: PerMember, like: Tensor) -> PerMember:
    """Shape a value so that it multiplies a parameter member by member, in the parameter's dtype and device.

    Args:
        value: a float, or a tensor `(E,)`.
        like: the parameter, `(E, ...)` if `value` is a tensor.

    Returns:
        The float itself, or a tensor `(E, 1, ..., 1)`.

    Raises:
        ValueError: the parameter does not have `E` members.

    >>> fit(torch.tensor([0.1, 0.2]), torch.zeros(2, 5, 3)).shape
    torch.Size([2, 1, 1])
    """
    if not isinstance(value, Tensor):
        return value
    if like.ndim == 0 or len(like) != len(value):
        raise ValueError(
            f"Given hyper-parameters for {len(value)} members and a parameter of shape {tuple(like.shape)}, "
            f"needed a parameter of shape ({len(value)}, ...). Stack the members along the first dimension."
        )
    return value.to(device=like.device, dtype=like.dtype).reshape(-1, *(1,) * (like.ndim - 1))


def check_params(rule: object, params: dict[str, Tensor]) -> None:
    """Check that every parameter has as many members as the rule's hyper-parameters.

    Raises:
        ValueError: from `fit`.
    """
    for field in fields(rule):  # type: ignore[arg-type]
        given = getattr(rule, field.name)
        for value in given if isinstance(given, tuple) else (given,):
            for param in params.values():
                fit(value, param)


def check_names(grads: dict[str, Tensor], params: dict[str, Tensor]) -> None:
    """Check that there is a gradient for each parameter and for nothing else.

    Raises:
        ValueError: the names differ.
    """
    if grads.keys() != params.keys():
        raise ValueError(
            f"Given gradients for {sorted(grads)}, needed one for each of {sorted(params)}. Pass zeros for a "
            "parameter that the loss does not depend on, or leave it out of both."
        )


def add_scaled(x: Tensor, y: Tensor, scale: PerMember) -> Tensor:
    """Give x + scale · y, member by member.

    >>> add_scaled(torch.ones(2, 2), torch.ones(2, 2), torch.tensor([0.5, 1.0]))
    tensor([[1.5000, 1.5000],
            [2.0000, 2.0000]])
    """
    if isinstance(scale, Tensor):
        return torch.addcmul(x, torch.as_tensor(fit(scale, x)), y)
    return torch.add(x, y, alpha=scale)


def add_decay(grad: Tensor, param: Tensor, weight_decay: PerMember) -> Tensor:
    """Give the gradient of the loss plus weight_decay/2 · |param|², as torch's coupled weight decay has it.

    >>> add_decay(torch.tensor([1.0]), torch.tensor([2.0]), 0.5)
    tensor([2.])
    """
    if not isinstance(weight_decay, Tensor) and weight_decay == 0:
        return grad
    return add_scaled(grad, param, weight_decay)


def zeros_like(params: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give a buffer of zeros for each parameter."""
    return {name: torch.zeros_like(param) for name, param in params.items()}
