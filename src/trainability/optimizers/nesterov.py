"""Nesterov's momentum, in torch's form."""

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
    add_scaled,
    add_scaled_,
    check_names,
    check_params,
    fit,
    settle,
    zeros_like,
)
from trainability.theory import stability


@dataclass(frozen=True)
class Nesterov:
    """Gradient descent with Nesterov's momentum, as `torch.optim.SGD` with nesterov=True does it.

    g <- g + weight_decay · theta,  b <- momentum · b + g,  theta <- theta - lr · (g + momentum · b).

    The rule as it is usually written looks ahead: g is taken at x - lr · momentum · b, then b <- momentum · b + g and
    x <- x - lr · b. That is `lookahead_point` and `update_lookahead`. Both are one path in two coordinates: torch's theta
    *is* the lookahead point, theta = x - lr · momentum · b (`lookahead_point`), x = theta + lr · momentum · b
    (`behind`), as long as the lr stays the same. They begin at the same place, because b does at 0.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        momentum: >= 0, a float or one per member. 0.9 unless told; 0 is `SGD`.
        weight_decay: >= 0, a float or one per member.

    Raises:
        ValueError: a value that is negative or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.SGD`, algorithm with nesterov = True; Sutskever et al. 2013, sec. 2
    for the momentum it rewrites.

    >>> rule, theta = Nesterov(lr=0.1, momentum=0.5), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([1.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.8500])
    """

    lr: PerMember = 1e-3
    momentum: PerMember = 0.9
    weight_decay: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, momentum=NOT_NEGATIVE, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: a buffer of zeros."""
        check_params(self, params)
        return {"momentum_buffer": zeros_like(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        for name, param in params.items():
            grad, buffer = add_decay(grads[name], param, self.weight_decay), state["momentum_buffer"][name]
            buffer.mul_(fit(self.momentum, buffer)).add_(grad)
            add_scaled_(param, add_scaled(grad, buffer, self.momentum), -self.lr)

    @torch.no_grad()
    def lookahead_point(self, state: State, params: Params) -> Params:
        """Give x - lr · momentum · b: where the lookahead form takes its gradient, and where torch's form is.

        >>> rule = Nesterov(lr=0.5, momentum=0.5)
        >>> rule.lookahead_point({"momentum_buffer": {"w": torch.tensor([4.0])}}, {"w": torch.tensor([3.0])})
        {'w': tensor([2.])}
        """
        return self._along_buffer(state, params, -1.0)

    @torch.no_grad()
    def behind(self, state: State, params: Params) -> Params:
        """Give x = theta + lr · momentum · b: where the lookahead form is when torch's is at theta."""
        return self._along_buffer(state, params, 1.0)

    @torch.no_grad()
    def update_lookahead(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give x and the state after one update in the lookahead form: b <- momentum · b + g, x <- x - lr · b.

        Args:
            grads: gradients of the loss at `lookahead_point(state, params)`, without weight decay.
            state: as from `init`.
            params: x.

        Returns:
            x and the state after the update.

        Raises:
            ValueError: gradients that are not one for each parameter.

        >>> rule, x = Nesterov(lr=0.1, momentum=0.5), {"w": torch.tensor([1.0])}
        >>> rule.update_lookahead({"w": torch.tensor([1.0])}, rule.init(x), x)[0]["w"]
        tensor([0.9000])
        """
        check_names(grads, params)
        ahead = self.lookahead_point(state, params)
        moved, buffers = {}, {}
        for name, param in params.items():
            grad = add_decay(grads[name], ahead[name], self.weight_decay)
            buffers[name] = add_scaled(grad, state["momentum_buffer"][name], self.momentum)
            moved[name] = add_scaled(param, buffers[name], -self.lr)
        return moved, {"momentum_buffer": buffers}

    def _along_buffer(self, state: State, params: Params, sign: float) -> Params:
        scale = sign * self.lr * self.momentum
        return {name: add_scaled(p, state["momentum_buffer"][name], scale) for name, p in params.items()}

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the linearised update does not grow.

        2 (1 + momentum) / ((1 + 2 momentum) (sharpness + weight_decay)).

        Args:
            sharpness: largest eigenvalue of the Hessian of the loss without weight decay, one or one per
                member.

        Returns:
            The lr, inf where sharpness + weight_decay <= 0; a float64 tensor if anything was per member.

        Raises:
            ValueError: momentum of 1 or more.
        """

        def formula(h: float, decay: float, momentum: float) -> float:
            return stability.nesterov(h + decay, momentum)

        return limit(formula, sharpness, self.weight_decay, self.momentum)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.SGD` with Nesterov's momentum that minimises."""
        group = optimizer.param_groups[0]
        if not is_kind(optimizer, torch.optim.SGD) or group["maximize"]:
            return False
        return bool(group["nesterov"]) and float(group["momentum"]) != 0

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, momentum and weight_decay."""
        return cls(**{name: float(group[name]) for name in ("lr", "momentum", "weight_decay")})

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give None: the step is along gradients themselves."""
        return None
