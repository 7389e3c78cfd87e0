"""Setting an optimizer's learning rate and saying so, shared by the remedies that do."""

from __future__ import annotations

import math

import torch

from trainability.doctor.readings import OptimizerReading
from trainability.setup import Setup


def scale_lr(setup: Setup, factor: float) -> Setup:
    """Multiply every group's learning rate, in place."""
    for group in setup.optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    return setup


def lr_lines(o: OptimizerReading, new: float) -> str:
    """The lines that give an optimizer another largest learning rate, the groups' in proportion, and keep all else.

    Example:
        >>> print(lr_lines(OptimizerReading("SGD", (0.1,)), 0.001))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001)  # its other options as before
        >>> print(lr_lines(OptimizerReading("SGD", (0.1,), momentum=0.9), 0.001))
        for group in optimizer.param_groups:  # or lr=0.001 where the optimizer is built
            group["lr"] = 0.001
        >>> print(lr_lines(OptimizerReading("Adam", (0.1, 0.01)), 0.05))
        for group in optimizer.param_groups:  # of the largest, 0.1, this makes 0.05
            group["lr"] *= 0.5
    """
    if len(set(o.lrs)) > 1 and o.lr > 0:
        return option_lines(
            "lr", f"*= {float(f'{new / o.lr:.12g}')!r}", f"of the largest, {o.lr:g}, this makes {new:g}"
        )
    if o.name == "SGD" and len(o.lrs) == 1 and not o.momentum and not o.weight_decay:
        return optimizer_line(o, lr=new)
    return option_lines("lr", f"= {new:g}", f"or lr={new:g} where the optimizer is built")


def option_lines(name: str, how: str, note: str) -> str:
    """The lines that change one option of every group.

    Example:
        >>> print(option_lines("momentum", "= 0.9", "or where the optimizer is built"))
        for group in optimizer.param_groups:  # or where the optimizer is built
            group["momentum"] = 0.9
    """
    return f'for group in optimizer.param_groups:  # {note}\n    group["{name}"] {how}'


def optimizer_line(o: OptimizerReading, *, lr: float) -> str:
    """The line that builds an optimizer of the same class over the model's parameters.

    Example:
        >>> optimizer_line(OptimizerReading("SGD", (0.1,), momentum=0.9), lr=0.1)
        'optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # its other options as before'
    """
    where = "torch.optim." if hasattr(torch.optim, o.name) else ""
    known = {"lr": lr, "momentum": o.momentum, "weight_decay": o.weight_decay}
    given = ", ".join(f"{key}={value:g}" for key, value in known.items() if key == "lr" or value)
    return f"optimizer = {where}{o.name}(model.parameters(), {given})  # its other options as before"


def nice(lr: float) -> float:
    """The nearest of 1, 2, 3, 5 times a power of ten from below.

    Example:
        >>> nice(0.00043), nice(1.0), nice(6.09e-4)
        (0.0003, 1.0, 0.0005)
    """
    power = 10.0 ** math.floor(math.log10(lr) + 1e-9)
    digit = max(d for d in (1, 2, 3, 5) if d <= lr / power * (1 + 1e-9))
    return float(f"{digit * power:.3g}")
