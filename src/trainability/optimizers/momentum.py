"""Heavy-ball momentum, in torch's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance
from trainability.optimizers._torch import is_kind
from trainability.optimizers._values import (
    ANY,
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
class Momentum:
    """Gradient descent with a heavy ball, as `torch.optim.SGD` with momentum does it.

    g <- g + weight_decay · theta,  b <- momentum · b + (1 - dampening) · g,  theta <- theta - lr · b,
    where the first b is g itself, without dampening. A member with momentum 0 has no buffer in torch, so that
    its dampening does nothing; so it is here.

    Lecture notes and Keras often have the lr inside the buffer, m <- momentum · m + lr · g, theta <- theta - m. With a
    constant lr that is the same path, m = lr · b; when the lr changes it is not: there an old gradient keeps the lr of its
    own time, here all of the buffer takes the new one. `lr_in_buffer` chooses the former. The buffer is a sum and no
    average: a constant g makes it g / (1 - momentum).

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        momentum: >= 0, a float or one per member. 0.9 unless told; torch has 0, which is `SGD`.
        dampening: a float or one per member.
        weight_decay: >= 0, a float or one per member.
        lr_in_buffer: whether the buffer holds lr · g; False is torch's form.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.SGD`, algorithm with nesterov = False; Polyak 1964, eq. 9.

    >>> rule, theta = Momentum(lr=0.1, momentum=0.5), {"w": torch.tensor([1.0])}
    >>> state = rule.init(theta)
    >>> for _ in range(2):
    ...     theta, state = rule.update({"w": torch.tensor([1.0])}, state, theta)
    >>> theta["w"]
    tensor([0.7500])
    """

    lr: PerMember = 1e-3
    momentum: PerMember = 0.9
    dampening: PerMember = 0.0
    weight_decay: PerMember = 0.0
    lr_in_buffer: bool = False

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, momentum=NOT_NEGATIVE, dampening=ANY, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: an empty buffer."""
        check_params(self, params)
        return {"step": 0, "momentum_buffer": zeros_like(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        first, fresh = state["step"] == 0, self._weight_of_gradient()
        inside, outside = (self.lr, 1.0) if self.lr_in_buffer else (1.0, self.lr)
        for name, param in params.items():
            grad, buffer = add_decay(grads[name], param, self.weight_decay), state["momentum_buffer"][name]
            if first:
                buffer.zero_()
            else:
                buffer.mul_(fit(self.momentum, buffer))
            add_scaled_(buffer, grad, inside if first else inside * fresh)
            add_scaled_(param, buffer, -outside)
        state["step"] += 1

    def _weight_of_gradient(self) -> PerMember:
        """1 - dampening, and 1 where there is no momentum."""
        if isinstance(self.momentum, Tensor):
            return torch.where(self.momentum == 0, 1.0, 1 - self.dampening)
        return 1.0 if self.momentum == 0 else 1 - self.dampening

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the linearised update does not grow.

        2 (1 + momentum) / ((1 - dampening) (sharpness + weight_decay)).

        Args:
            sharpness: largest eigenvalue of the Hessian of the loss without weight decay, one or one per
                member.

        Returns:
            The lr, inf where sharpness + weight_decay <= 0; a float64 tensor if anything was per member.

        Raises:
            ValueError: momentum or dampening outside [0, 1).
        """

        def formula(h: float, decay: float, momentum: float, dampening: float) -> float:
            return stability.heavy_ball(h + decay, momentum, dampening)

        return limit(formula, sharpness, self.weight_decay, self.momentum, self.dampening)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.SGD` with momentum, not Nesterov's, that minimises."""
        group = optimizer.param_groups[0]
        if not is_kind(optimizer, torch.optim.SGD) or group["maximize"] or group["nesterov"]:
            return False
        return float(group["momentum"]) != 0

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, momentum, dampening and weight_decay."""
        names = ("lr", "momentum", "dampening", "weight_decay")
        lr, momentum, dampening, weight_decay = (float(group[name]) for name in names)
        return cls(lr, momentum, dampening, weight_decay)

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give None: the step is along gradients themselves."""
        return None
