"""RMSprop, in torch's form, not centered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance
from trainability.optimizers._torch import is_kind, states
from trainability.optimizers._values import (
    BELOW_ONE,
    NOT_NEGATIVE,
    PerMember,
    add_decay,
    add_scaled_,
    add_square_,
    check_names,
    check_params,
    fit,
    settle,
    zeros_like,
)
from trainability.theory import stability


@dataclass(frozen=True)
class RMSprop:
    """Steps divided by a running root mean square of the gradient, as `torch.optim.RMSprop` does it.

    g <- g + weight_decay · theta,  v <- alpha · v + (1 - alpha) · g²,  b <- momentum · b + g / (√v + eps),
    theta <- theta - lr · b.

    With momentum 0 this is the rule of most lecture notes, eps outside the root. Others, Keras among them, take
    √(v + eps): near g = 0 that divides by √eps and not by eps, elsewhere the two are the same to eps/v.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        alpha: in [0, 1), a float or one per member.
        eps: >= 0, a float or one per member.
        weight_decay: >= 0, a float or one per member; it is part of g and so of v.
        momentum: >= 0, a float or one per member.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.RMSprop`, algorithm with centered = False; Tieleman & Hinton 2012,
    lecture 6e.

    >>> rule, theta = RMSprop(lr=0.1, alpha=0.75), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([3.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.8000])
    """

    lr: PerMember = 1e-2
    alpha: PerMember = 0.99
    eps: PerMember = 1e-8
    weight_decay: PerMember = 0.0
    momentum: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(
            self,
            lr=NOT_NEGATIVE,
            alpha=BELOW_ONE,
            eps=NOT_NEGATIVE,
            weight_decay=NOT_NEGATIVE,
            momentum=NOT_NEGATIVE,
        )

    def init(self, params: Params) -> State:
        """Give the state before the first update: zeros."""
        check_params(self, params)
        return {"square_avg": zeros_like(params), "momentum_buffer": zeros_like(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        for name, param in params.items():
            grad = add_decay(grads[name], param, self.weight_decay)
            square, buffer = state["square_avg"][name], state["momentum_buffer"][name]
            square.mul_(fit(self.alpha, square))
            add_square_(square, grad, 1 - self.alpha)
            buffer.mul_(fit(self.momentum, buffer))
            buffer.addcdiv_(grad, square.sqrt().add_(fit(self.eps, param)))
            add_scaled_(param, buffer, -self.lr)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update, linearised with v held still, does not grow.

        2 (1 + momentum) / sharpness.

        Args:
            sharpness: largest eigenvalue of the *preconditioned* Hessian D^(-1/2) (H + weight_decay)
                D^(-1/2), with D = diag(√v + eps), one or one per member. Weight decay is in it, because D
                divides it too.

        Returns:
            The lr, inf where sharpness <= 0; a float64 tensor if anything was per member.

        Raises:
            ValueError: momentum of 1 or more.
        """
        return limit(stability.rmsprop, sharpness, self.momentum)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.RMSprop`, not centered, that minimises, with alpha below 1."""
        group = optimizer.param_groups[0]
        if not is_kind(optimizer, torch.optim.RMSprop) or group["maximize"] or group["centered"]:
            return False
        return float(group["alpha"]) < 1

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, alpha, eps, weight_decay and momentum."""
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        return cls(**{name: float(group[name]) for name in names})

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give d = √v + eps of each parameter from the state of a torch RMSprop.

        Args:
            optimizer: one that `matches`.
            params: some of its parameters.

        Returns:
            One tensor per parameter, in its shape; None if a parameter has no state yet.

        Source: Cohen et al. 2022, arXiv 2207.14484, sec. 2.
        """
        result = []
        for found in states(optimizer, params):
            if found is None:
                return None
            state, group = found
            result.append(state["square_avg"].detach().sqrt().add_(float(group["eps"])))
        return result
