"""Plain gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance
from trainability.optimizers._torch import is_kind
from trainability.optimizers._values import (
    NOT_NEGATIVE,
    PerMember,
    add_decay,
    add_scaled_,
    check_names,
    check_params,
    settle,
)
from trainability.theory import stability


@dataclass(frozen=True)
class SGD:
    """Gradient descent with coupled weight decay, as `torch.optim.SGD` without momentum does it.

    g <- g + weight_decay · theta,  theta <- theta - lr · g.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        weight_decay: >= 0, a float or one per member, shape `(E,)`.

    Raises:
        ValueError: a value that is negative or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.SGD`, algorithm with μ = 0.

    >>> rule = SGD(lr=torch.tensor([0.1, 0.5]))
    >>> theta = {"w": torch.tensor([[2.0], [2.0]])}
    >>> theta, state = rule.update({"w": theta["w"]}, rule.init(theta), theta)
    >>> theta["w"].flatten()
    tensor([1.8000, 1.0000])
    """

    lr: PerMember = 1e-3
    weight_decay: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: nothing to remember."""
        check_params(self, params)
        return {}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        for name, param in params.items():
            add_scaled_(param, add_decay(grads[name], param, self.weight_decay), -self.lr)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the linearised update does not grow: 2 / (sharpness + weight_decay).

        Args:
            sharpness: largest eigenvalue of the Hessian of the loss without weight decay, one or one per
                member.

        Returns:
            The lr, inf where sharpness + weight_decay <= 0; a float64 tensor if anything was per member.
        """
        return limit(lambda h, decay: stability.gradient_descent(h + decay), sharpness, self.weight_decay)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.SGD` with momentum 0 that minimises."""
        group = optimizer.param_groups[0]
        return is_kind(optimizer, torch.optim.SGD) and not group["maximize"] and float(group["momentum"]) == 0

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr and weight_decay."""
        return cls(lr=float(group["lr"]), weight_decay=float(group["weight_decay"]))

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give None: the step is along the gradient itself."""
        return None
