"""Update rules: pure functions whose hyper-parameters may differ by member.

`torch.optim` takes one lr ("Tensor lr must be 1-element"). Here a rule is a frozen dataclass, each of its
hyper-parameters a float or a tensor `(E,)`, and the parameters of an ensemble are a dict of tensors
`(E, ...)`. Every rule equals its torch counterpart where torch has one, knows its largest stable lr, and recognises a torch
optimizer that does the same.

`schedules` has learning-rate schedules; `scheduled(rule, schedule)` and `clipped(rule, max_norm)` are rules around
rules. `rule.update` is pure; `rule.step_` does the same in place, to the last bit. All rules but `Newton` and `clipped` treat
each number by itself, so that an engine may keep all weights of an ensemble in one tensor `(E, P)` and step that.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.errors import UnknownNameError
from trainability.optimizers import schedules
from trainability.optimizers._rule import Member, Params, Rule, State
from trainability.optimizers._take import take
from trainability.optimizers._values import PerMember

# One line per member; ALL below lists every class that is imported here from a file without an underscore.
from trainability.optimizers.adadelta import Adadelta as Adadelta
from trainability.optimizers.adagrad import Adagrad as Adagrad
from trainability.optimizers.adam import Adam as Adam
from trainability.optimizers.adamax import Adamax as Adamax
from trainability.optimizers.adamw import AdamW as AdamW
from trainability.optimizers.amsgrad import AMSGrad as AMSGrad
from trainability.optimizers.lowpass import LowPass as LowPass
from trainability.optimizers.momentum import Momentum as Momentum
from trainability.optimizers.nesterov import Nesterov as Nesterov
from trainability.optimizers.newton import Newton as Newton
from trainability.optimizers.newton import SingularHessianWarning
from trainability.optimizers.rmsprop import RMSprop as RMSprop
from trainability.optimizers.sgd import SGD as SGD
from trainability.optimizers.wrappers import Clipped, Scheduled, clipped, scheduled

ALL: dict[str, type[Member]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and value.__module__ == f"{__name__}.{name.lower()}"
}
"""Name of the class -> class; its file is the name in lower case."""

__all__ = [
    "ALL",
    "Clipped",
    "Member",
    "Params",
    "PerMember",
    "Rule",
    "Scheduled",
    "SingularHessianWarning",
    "State",
    "clipped",
    "get",
    "of",
    "preconditioner",
    "scheduled",
    "schedules",
    "take",
    *ALL,
]


def get(name: str) -> type[Member]:
    """Give the update rule of that name.

    Args:
        name: a key of `ALL`, such as "Adam"; upper and lower case are the same.

    Returns:
        The class.

    Raises:
        UnknownNameError: no rule has that name; the message gives the nearest.

    >>> get("adamw") is AdamW
    True
    """
    for known, rule in ALL.items():
        if known.lower() == name.lower():
            return rule
    raise UnknownNameError("optimizer", name, list(ALL))


def of(optimizer: torch.optim.Optimizer) -> Rule | None:
    """Give the rule that does what a torch optimizer does, with the hyper-parameters of its first group.

    A subclass of a torch optimizer counts as that optimizer if it leaves `step` alone. Adam with amsgrad=True is
    `AMSGrad`; SGD with momentum is `Momentum`, of which `LowPass` is another form.

    Args:
        optimizer: any torch optimizer.

    Returns:
        The rule, or None if no rule here does the same (another optimizer, AdamW with amsgrad, centered RMSprop,
        maximize=True).

    Raises:
        ValueError: the group holds a number that no optimizer takes, such as a negative lr.

    >>> of(torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9))
    Momentum(lr=0.1, momentum=0.9, dampening=0.0, weight_decay=0.0, lr_in_buffer=False)
    >>> of(torch.optim.Adagrad([torch.zeros(1)], lr=0.5)).lr
    0.5
    >>> of(torch.optim.NAdam([torch.zeros(1)])) is None
    True
    """
    for rule in ALL.values():
        if rule.matches(optimizer):
            return rule.from_torch(optimizer.param_groups[0])
    return None


def preconditioner(optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
    """Give the diagonal d by which an adaptive optimizer divides its step, such as √v_hat + eps.

    Args:
        optimizer: any torch optimizer; its own eps and betas of each parameter's group are used.
        params: some of its parameters.

    Returns:
        One tensor per parameter, in its shape; None for an optimizer that does not divide, that no rule
        matches, or that has no state for one of the parameters yet.

    >>> w = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    >>> adam = torch.optim.Adam([w])
    >>> preconditioner(adam, [w]) is None
    True
    >>> w.grad = torch.tensor([2.0, -3.0])
    >>> adam.step()
    >>> preconditioner(adam, [w])
    [tensor([2.0000, 3.0000])]
    """
    rule = of(optimizer)
    return None if rule is None else rule.preconditioner(optimizer, params)
