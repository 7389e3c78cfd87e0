"""Adadelta, in torch's form."""

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
class Adadelta:
    """Steps in the ratio of two running root mean squares, of steps and of gradients, as `torch.optim.Adadelta` does it.

    g <- g + weight_decay · theta,  v <- rho · v + (1 - rho) · g²,  d = √(u + eps) / √(v + eps) · g,
    u <- rho · u + (1 - rho) · d²,  theta <- theta - lr · d.

    The paper has no lr: that is lr = 1, the default. eps is inside both roots and does more than avoid a division by 0: it
    sets the length √eps of the first steps, from which u grows.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        rho: in [0, 1), a float or one per member.
        eps: >= 0, a float or one per member; with 0 nothing ever moves.
        weight_decay: >= 0, a float or one per member; it is part of g.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.Adadelta`; Zeiler 2012, arXiv 1212.5701, algorithm 1.

    >>> rule, theta = Adadelta(rho=0.75, eps=1.0), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([1.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.1056])
    """

    lr: PerMember = 1.0
    rho: PerMember = 0.9
    eps: PerMember = 1e-6
    weight_decay: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, rho=BELOW_ONE, eps=NOT_NEGATIVE, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: both running means zero."""
        check_params(self, params)
        return {"square_avg": zeros_like(params), "acc_delta": zeros_like(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        for name, param in params.items():
            grad = add_decay(grads[name], param, self.weight_decay)
            square, steps, eps = state["square_avg"][name], state["acc_delta"][name], fit(self.eps, param)
            square.mul_(fit(self.rho, square))
            add_square_(square, grad, 1 - self.rho)
            delta = steps.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(grad)
            steps.mul_(fit(self.rho, steps))
            add_square_(steps, delta, 1 - self.rho)
            add_scaled_(param, delta, -self.lr)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update, linearised with u and v held still, does not grow: 2 / sharpness.

        Args:
            sharpness: largest eigenvalue of the *preconditioned* Hessian D^(-1/2) (H + weight_decay) D^(-1/2), with
                D = diag(√(v + eps) / √(u + eps)), one or one per member. Weight decay is in it, because D divides it too.

        Returns:
            The lr, inf where sharpness <= 0; a float64 tensor if anything was per member.
        """
        return limit(stability.adadelta, sharpness)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.Adadelta` that minimises, with rho below 1."""
        group = optimizer.param_groups[0]
        return is_kind(optimizer, torch.optim.Adadelta) and not group["maximize"] and float(group["rho"]) < 1

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, rho, eps and weight_decay."""
        return cls(**{name: float(group[name]) for name in ("lr", "rho", "eps", "weight_decay")})

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give d = √(v + eps) / √(u + eps) of each parameter from the state of a torch Adadelta.

        Args:
            optimizer: one that `matches`.
            params: some of its parameters.

        Returns:
            One tensor per parameter, in its shape; None if a parameter has no state yet.
        """
        result = []
        for found in states(optimizer, params):
            if found is None:
                return None
            state, group = found
            eps = float(group["eps"])
            below = state["acc_delta"].detach().add(eps).sqrt_()
            result.append(state["square_avg"].detach().add(eps).sqrt_().div_(below))
        return result
