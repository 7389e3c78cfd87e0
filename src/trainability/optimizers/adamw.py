"""AdamW: Adam with decoupled weight decay, in torch's form, without AMSGrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers import _adam
from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance
from trainability.optimizers._torch import is_kind
from trainability.optimizers._values import (
    BELOW_ONE,
    NOT_NEGATIVE,
    PerMember,
    check_names,
    check_params,
    fit,
    settle,
)
from trainability.theory import stability


@dataclass(frozen=True)
class AdamW:
    """Adam's step after shrinking the parameter itself, as `torch.optim.AdamW` does it.

    theta <- (1 - lr · weight_decay) theta,  m <- β1 m + (1 - β1) g,  v <- β2 v + (1 - β2) g²,
    theta <- theta - lr · m_hat / (√v_hat + eps),  m_hat = m / (1 - β1^t),  v_hat = v / (1 - β2^t).

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        betas: (β1, β2), each in [0, 1), a float or one per member.
        eps: >= 0, a float or one per member.
        weight_decay: >= 0, a float or one per member; it is not part of g.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.AdamW`, algorithm with amsgrad = False; Loshchilov & Hutter 2019,
    algorithm 2.

    >>> rule, theta = AdamW(lr=0.1, weight_decay=0.5), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([3.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.8500])
    """

    lr: PerMember = 1e-3
    betas: tuple[PerMember, PerMember] = (0.9, 0.999)
    eps: PerMember = 1e-8
    weight_decay: PerMember = 1e-2

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, betas=BELOW_ONE, eps=NOT_NEGATIVE, weight_decay=NOT_NEGATIVE)

    def init(self, params: Params) -> State:
        """Give the state before the first update: both moments zero."""
        check_params(self, params)
        return _adam.start(params)

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        check_names(grads, params)
        state["step"] += 1
        first, root = _adam.corrections(state["step"], self.betas)
        kept = 1 - self.lr * self.weight_decay
        for name, param in params.items():
            m, v = _adam.take_in(name, grads[name], state, self.betas)
            param.mul_(fit(kept, param))
            _adam.move(param, m, v, self.lr, first, root, self.eps)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update, linearised with v held still, does not grow.

        2 (1 + β1) / ((1 - β1) (sharpness + weight_decay · (1 + β1) / (1 - β1))): decay does not pass through
        the running mean, so that it counts more than curvature does.

        Args:
            sharpness: largest eigenvalue of the *preconditioned* Hessian D^(-1/2) H D^(-1/2), with
                D = diag(√v_hat + eps) and without weight decay, one or one per member.

        Returns:
            The lr, inf where the sum with weight decay is <= 0; a float64 tensor if anything was per member.
            The bias correction of m is taken as over.
        """
        return limit(stability.adamw, sharpness, self.weight_decay, self.betas[0])

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is torch's AdamW (or Adam with decoupled decay), no AMSGrad, that minimises."""
        group = optimizer.param_groups[0]
        decoupled = is_kind(optimizer, torch.optim.AdamW) or (
            is_kind(optimizer, torch.optim.Adam) and group.get("decoupled_weight_decay", False)
        )
        return bool(decoupled and not group["maximize"] and not group["amsgrad"])

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, betas, eps and weight_decay."""
        beta1, beta2 = (float(beta) for beta in group["betas"])
        return cls(float(group["lr"]), (beta1, beta2), float(group["eps"]), float(group["weight_decay"]))

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give d = √v_hat + eps of each parameter from the state of a torch AdamW.

        Args:
            optimizer: one that `matches`.
            params: some of its parameters.

        Returns:
            One tensor per parameter, in its shape; None if a parameter has no state yet.

        Source: Cohen et al. 2022, arXiv 2207.14484, sec. 2.
        """
        return _adam.diagonal(optimizer, params, "exp_avg_sq")
