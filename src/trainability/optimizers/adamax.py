"""Adamax, in torch's form."""

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
    add_ratio_,
    check_names,
    check_params,
    fit,
    settle,
    zeros_like,
)
from trainability.theory import stability


@dataclass(frozen=True)
class Adamax:
    """Steps along the running mean gradient over its fading maximum, as `torch.optim.Adamax` does it.

    g <- g + weight_decay · theta,  m <- β1 m + (1 - β1) g,  u <- max(β2 u, |g| + eps),
    theta <- theta - lr / (1 - β1^t) · m / u.

    The paper has no eps: eps = 0 is its rule, which divides 0 by 0 at a weight whose gradient has always been 0.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        betas: (β1, β2), each in [0, 1), a float or one per member.
        eps: >= 0, a float or one per member.
        weight_decay: >= 0, a float or one per member; it is part of g.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.Adamax`; Kingma & Ba 2015, algorithm 2.

    >>> rule, theta = Adamax(lr=0.1), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([3.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.9000])
    """

    lr: PerMember = 2e-3
    betas: tuple[PerMember, PerMember] = (0.9, 0.999)
    eps: PerMember = 1e-8
    weight_decay: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, betas=BELOW_ONE, eps=NOT_NEGATIVE, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: mean and maximum zero."""
        check_params(self, params)
        return {"step": 0, "exp_avg": zeros_like(params), "exp_inf": zeros_like(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        state["step"] += 1
        beta1, beta2 = self.betas
        lr = self.lr / (1 - beta1 ** state["step"])
        for name, param in params.items():
            grad = add_decay(grads[name], param, self.weight_decay)
            mean, largest = state["exp_avg"][name], state["exp_inf"][name]
            mean.lerp_(grad, fit(1 - beta1, grad))
            largest.mul_(fit(beta2, largest))
            torch.maximum(largest, grad.abs().add_(fit(self.eps, grad)), out=largest)
            add_ratio_(param, mean, largest, -lr)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update, linearised with u held still, does not grow.

        2 (1 + β1) / ((1 - β1) sharpness): 38 / sharpness at β1 = 0.9.

        Args:
            sharpness: largest eigenvalue of the *preconditioned* Hessian D^(-1/2) (H + weight_decay) D^(-1/2), with
                D = diag(u), one or one per member. Weight decay is in it, because D divides it too.

        Returns:
            The lr, inf where sharpness <= 0; a float64 tensor if anything was per member. The bias correction
            of m is taken as over.
        """
        return limit(stability.adamax, sharpness, self.betas[0])

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.Adamax` that minimises."""
        return is_kind(optimizer, torch.optim.Adamax) and not optimizer.param_groups[0]["maximize"]

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, betas, eps and weight_decay."""
        beta1, beta2 = (float(beta) for beta in group["betas"])
        return cls(float(group["lr"]), (beta1, beta2), float(group["eps"]), float(group["weight_decay"]))

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give d = u of each parameter from the state of a torch Adamax.

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
            result.append(found[0]["exp_inf"].detach().clone())
        return result
