"""Adagrad, in torch's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance
from trainability.optimizers._torch import is_kind, states
from trainability.optimizers._values import (
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
class Adagrad:
    """Steps divided by the root of the sum of all squared gradients so far, as `torch.optim.Adagrad` does it.

    g <- g + weight_decay · theta,  s <- s + g²,  theta <- theta - lr / (1 + (t - 1) lr_decay) · g / (√s + eps),
    with s = initial_accumulator_value at first.

    eps is outside the root, as in the paper, where it is δ; surveys that write √(s + eps) differ from it where s is not
    far above eps. With eps = 0 a weight whose gradient has always been 0 becomes NaN.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        lr_decay: >= 0, a float or one per member.
        weight_decay: >= 0, a float or one per member; it is part of g and so of s.
        initial_accumulator_value: >= 0, a float or one per member.
        eps: >= 0, a float or one per member.

    Raises:
        ValueError: a value that is negative or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.Adagrad`; Duchi, Hazan & Singer 2011.

    >>> rule, theta = Adagrad(lr=0.1), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([3.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.9000])
    """

    lr: PerMember = 1e-2
    lr_decay: PerMember = 0.0
    weight_decay: PerMember = 0.0
    initial_accumulator_value: PerMember = 0.0
    eps: PerMember = 1e-10

    def __post_init__(self) -> None:
        settle(
            self,
            lr=NOT_NEGATIVE,
            lr_decay=NOT_NEGATIVE,
            weight_decay=NOT_NEGATIVE,
            initial_accumulator_value=NOT_NEGATIVE,
            eps=NOT_NEGATIVE,
        )

    def init(self, params: Params) -> State:
        """Give the state before the first update: sums at their initial value."""
        check_params(self, params)
        sums = zeros_like(params)
        for buffer in sums.values():
            buffer.add_(fit(self.initial_accumulator_value, buffer))
        return {"step": 0, "sum": sums}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        lr = self.lr / (1 + state["step"] * self.lr_decay)
        state["step"] += 1
        for name, param in params.items():
            grad, total = add_decay(grads[name], param, self.weight_decay), state["sum"][name]
            total.addcmul_(grad, grad)
            add_ratio_(param, grad, total.sqrt().add_(fit(self.eps, param)), -lr)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update, linearised with s held still, does not grow: 2 / sharpness.

        `lr_decay` is not in it: it is the lr of the present step that must be below.

        Args:
            sharpness: largest eigenvalue of the *preconditioned* Hessian D^(-1/2) (H + weight_decay) D^(-1/2), with
                D = diag(√s + eps), one or one per member. Weight decay is in it, because D divides it too.

        Returns:
            The lr, inf where sharpness <= 0; a float64 tensor if anything was per member.
        """
        return limit(stability.adagrad, sharpness)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.Adagrad` that minimises."""
        return is_kind(optimizer, torch.optim.Adagrad) and not optimizer.param_groups[0]["maximize"]

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, lr_decay, weight_decay, initial_accumulator_value and eps."""
        names = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        return cls(**{name: float(group[name]) for name in names})

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give d = √s + eps of each parameter from the state of a torch Adagrad.

        torch's state is there before the first step; a parameter that took no step yet counts as one without state.

        Args:
            optimizer: one that `matches`.
            params: some of its parameters.

        Returns:
            One tensor per parameter, in its shape; None if a parameter has no state yet.
        """
        result = []
        for found in states(optimizer, params):
            if found is None or float(found[0]["step"]) == 0:
                return None
            state, group = found
            result.append(state["sum"].detach().sqrt().add_(float(group["eps"])))
        return result
