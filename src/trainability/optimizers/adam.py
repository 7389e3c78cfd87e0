"""Adam, in torch's form."""

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
    add_decay,
    check_names,
    check_params,
    settle,
)
from trainability.theory import stability


@dataclass(frozen=True)
class Adam:
    """Steps along the running mean gradient over its running root mean square, as in `torch.optim.Adam`.

    g <- g + weight_decay · theta,  m <- β1 m + (1 - β1) g,  v <- β2 v + (1 - β2) g²,
    theta <- theta - lr · m_hat / (√v_hat + eps),  m_hat = m / (1 - β1^t),  v_hat = v / (1 - β2^t).

    t is 1 at the first update. Lecture notes that count from 0 have t + 1 there, and some swap the names of the two betas.
    Keras and section 2 of the paper write lr √(1 - β2^t)/(1 - β1^t) · m / (√v + eps'): the same with an eps that
    changes, eps = eps' / √(1 - β2^t).

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        betas: (β1, β2), each in [0, 1), a float or one per member.
        eps: >= 0, a float or one per member.
        weight_decay: >= 0, a float or one per member; it is part of g and so of m and v.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: documentation of `torch.optim.Adam`, algorithm with amsgrad = False; Kingma & Ba 2015, algorithm
    1.

    >>> rule, theta = Adam(lr=0.1), {"w": torch.tensor([1.0])}
    >>> rule.update({"w": torch.tensor([3.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0.9000])
    """

    lr: PerMember = 1e-3
    betas: tuple[PerMember, PerMember] = (0.9, 0.999)
    eps: PerMember = 1e-8
    weight_decay: PerMember = 0.0

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
        for name, param in params.items():
            grad = add_decay(grads[name], param, self.weight_decay)
            m, v = _adam.take_in(name, grad, state, self.betas)
            _adam.move(param, m, v, self.lr, first, root, self.eps)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update, linearised with v held still, does not grow.

        2 (1 + β1) / ((1 - β1) sharpness): 38 / sharpness at β1 = 0.9.

        Args:
            sharpness: largest eigenvalue of the *preconditioned* Hessian D^(-1/2) (H + weight_decay)
                D^(-1/2), with D = diag(√v_hat + eps), one or one per member. Weight decay is in it, because D
                divides it too.

        Returns:
            The lr, inf where sharpness <= 0; a float64 tensor if anything was per member. The bias correction
            of m is taken as over.
        """
        return limit(stability.adam, sharpness, self.betas[0])

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether it is `torch.optim.Adam` with coupled weight decay and no AMSGrad that minimises."""
        group = optimizer.param_groups[0]
        if not is_kind(optimizer, torch.optim.Adam) or group["maximize"] or group["amsgrad"]:
            return False
        return not group.get("decoupled_weight_decay", False)

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with a torch group's lr, betas, eps and weight_decay."""
        beta1, beta2 = (float(beta) for beta in group["betas"])
        return cls(float(group["lr"]), (beta1, beta2), float(group["eps"]), float(group["weight_decay"]))

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give d = √v_hat + eps of each parameter from the state of a torch Adam.

        Args:
            optimizer: one that `matches`.
            params: some of its parameters.

        Returns:
            One tensor per parameter, in its shape; None if a parameter has no state yet.

        Source: Cohen et al. 2022, arXiv 2207.14484, sec. 2.
        """
        return _adam.diagonal(optimizer, params, "exp_avg_sq")
