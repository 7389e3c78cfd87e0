"""Gradient descent along a low-pass filtered gradient: momentum as an average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance
from trainability.optimizers._values import (
    ABOVE_ZERO_TO_ONE,
    NOT_NEGATIVE,
    PerMember,
    add_decay,
    add_scaled_,
    check_names,
    check_params,
    fit,
    settle,
    zeros_like,
)
from trainability.theory import stability


@dataclass(frozen=True)
class LowPass:
    """Gradient descent along a running average of the gradient: momentum as lectures on filters write it.

    g <- g + weight_decay · theta,  a <- (1 - weight) · a - weight · g,  theta <- theta + lr · a,  with a = 0 at first.

    It is torch's momentum in other words: step by step the path of SGD(lr=lr · weight, momentum=1 - weight,
    dampening=0), whose buffer is b = -a / weight; `torch_arguments` and `from_torch` translate. It is *not* SGD(lr=lr,
    momentum=1 - weight, dampening=1 - weight), although that formula reads the same: torch's first buffer is the whole
    gradient, without dampening, so that its first step is 1/weight times as long. `weight` is the share of the *new*
    gradient, where torch and Keras name the share of the old. An average of a constant g is g itself: the lr keeps its
    meaning when the weight changes. `theory.stability.low_pass_filter` has the filter's gain, lag and cutoff.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        weight: in (0, 1], a float or one per member; 1 is `SGD`.
        weight_decay: >= 0, a float or one per member.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: Sahai, lecture notes on deep learning, lecture 6, eq. 6.5 and 6.7.

    >>> rule, theta = LowPass(lr=0.5, weight=0.2), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([1.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.9000])
    """

    lr: PerMember = 1e-3
    weight: PerMember = 0.1
    weight_decay: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, weight=ABOVE_ZERO_TO_ONE, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: an average of zero."""
        check_params(self, params)
        return {"average": zeros_like(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        for name, param in params.items():
            grad, average = add_decay(grads[name], param, self.weight_decay), state["average"][name]
            average.mul_(fit(1 - self.weight, average))
            add_scaled_(average, grad, -self.weight)
            add_scaled_(param, average, self.lr)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the linearised update does not grow.

        2 (2 - weight) / (weight (sharpness + weight_decay)).

        Args:
            sharpness: largest eigenvalue of the Hessian of the loss without weight decay, one or one per member.

        Returns:
            The lr, inf where sharpness + weight_decay <= 0; a float64 tensor if anything was per member.
        """

        def formula(h: Any, decay: Any, weight: Any) -> Any:
            return stability.low_pass(h + decay, weight)

        return limit(formula, sharpness, self.weight_decay, self.weight)

    def torch_arguments(self) -> dict[str, PerMember]:
        """Give the arguments of `torch.optim.SGD`, or of `Momentum`, that mean the same.

        >>> LowPass(lr=2.0, weight=0.25).torch_arguments()
        {'lr': 0.5, 'momentum': 0.75, 'dampening': 0.0, 'weight_decay': 0.0}
        """
        return {
            "lr": self.lr * self.weight,
            "momentum": 1 - self.weight,
            "dampening": 0.0,
            "weight_decay": self.weight_decay,
        }

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say False: torch has this path as SGD with momentum, and `Momentum` is what says it in torch's own words."""
        return False

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule that does what `torch.optim.SGD` does with a group: weight 1 - momentum, lr over the weight.

        Raises:
            ValueError: dampening, or Nesterov's momentum, which no average is.

        >>> LowPass.from_torch(torch.optim.SGD([torch.zeros(1)], lr=0.5, momentum=0.75).param_groups[0])
        LowPass(lr=2.0, weight=0.25, weight_decay=0.0)
        """
        if group["nesterov"] or (float(group["dampening"]) != 0 and float(group["momentum"]) != 0):
            raise ValueError(
                f"Given nesterov={group['nesterov']} and dampening={group['dampening']}, needed neither. "
                "Use trainability.optimizers.of, which gives the rule for each."
            )
        weight = 1 - float(group["momentum"])
        return cls(float(group["lr"]) / weight if weight else float("nan"), weight, float(group["weight_decay"]))

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give None: the step is along gradients themselves."""
        return None
