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
ABOVE_ZERO_TO_ONE: Range = (math.ulp(0.0), math.nextafter(1.0, 2.0))


def settle(rule: object, **ranges: Range) -> None:
    """Check the hyper-parameters of a frozen rule and store each as a float or a float64 tensor `(E,)`.

    Args:
        rule: a dataclass instance under construction; a field may also be a tuple of values.
        ranges: field name -> the range that every value must lie in; fields that are no numbers are left out.

    Raises:
        ValueError: a value out of range or NaN, a tensor with more than one dimension, or two fields with
            values for different numbers of members.
    """
    sizes: set[int] = set()
    for name, allowed in ranges.items():
        given = getattr(rule, name)
        parts = given if isinstance(given, tuple) else (given,)
        read = tuple(_read(name, part, allowed) for part in parts)
        sizes |= {len(part) for part in read if isinstance(part, Tensor)}
        if len(sizes) > 1:
            raise ValueError(
                f"{type(rule).__name__}: given values for different numbers of members, {sorted(sizes)}, "
                "needed the same number in each. Pass one float, or one value for each of the same members."
            )
        object.__setattr__(rule, name, read if isinstance(given, tuple) else read[0])


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
    if allowed == ABOVE_ZERO_TO_ONE:
        return "above 0 and at most 1"
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


def check_alone(rule: object, stacked: bool) -> None:
    """Check that a rule for one network has no values per member.

    Raises:
        ValueError: it has.
    """
    names = [field.name for field in fields(rule)]  # type: ignore[arg-type]
    given = [name for name in names if isinstance(getattr(rule, name), Tensor)]
    if given and not stacked:
        raise ValueError(
            f"{type(rule).__name__}: given stacked=False and values per member for {given}, needed numbers. "
            "Pass floats, or leave stacked=True for an ensemble."
        )


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


def add_scaled_(x: Tensor, y: Tensor, scale: PerMember) -> None:
    """Do x <- x + scale · y in place, member by member."""
    if isinstance(scale, Tensor):
        x.addcmul_(torch.as_tensor(fit(scale, x)), y)
    else:
        x.add_(y, alpha=scale)


def add_square_(x: Tensor, y: Tensor, scale: PerMember) -> None:
    """Do x <- x + scale · y² in place, member by member."""
    if isinstance(scale, Tensor):
        x.addcmul_(torch.as_tensor(fit(scale, x)), y * y)
    else:
        x.addcmul_(y, y, value=scale)


def add_ratio_(x: Tensor, y: Tensor, z: Tensor, scale: PerMember) -> None:
    """Do x <- x + scale · y / z in place, member by member."""
    if isinstance(scale, Tensor):
        x.addcmul_(torch.as_tensor(fit(scale, x)), y / z)
    else:
        x.addcdiv_(y, z, value=scale)


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
    return {name: torch.zeros_like(param, requires_grad=False) for name, param in params.items()}


def count_members(rule: object, params: dict[str, Tensor]) -> int:
    """Give the number of members of stacked parameters.

    Raises:
        ValueError: the first dimensions are not all the same, as in the parameters of one network.
    """
    sizes = {len(param) if param.ndim else None for param in params.values()}
    if len(sizes) != 1 or None in sizes:
        shapes = [tuple(param.shape) for param in params.values()]
        raise ValueError(
            f"{type(rule).__name__}: given parameters of shapes {shapes}, needed one first dimension, the members. "
            "Pass stacked=False for the parameters of one network."
        )
    return int(next(iter(sizes)) or 0)
