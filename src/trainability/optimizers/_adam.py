"""The part that Adam, AdamW and AMSGrad share: two moments, their bias correction, the step along their ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.optimizers._rule import Params, State
from trainability.optimizers._torch import states
from trainability.optimizers._values import PerMember, add_ratio_, add_square_, fit, zeros_like

Betas = tuple[PerMember, PerMember]


def start(params: Params) -> State:
    """Give the state before the first update: both moments zero."""
    return {"step": 0, "exp_avg": zeros_like(params), "exp_avg_sq": zeros_like(params)}


def take_in(name: str, grad: Tensor, state: State, betas: Betas) -> tuple[Tensor, Tensor]:
    """Take one gradient into the moments of one parameter, in place.

    m <- β1 m + (1 - β1) g,  v <- β2 v + (1 - β2) g².
    """
    beta1, beta2 = betas
    m, v = state["exp_avg"][name], state["exp_avg_sq"][name]
    m.lerp_(grad, fit(1 - beta1, grad))
    v.mul_(fit(beta2, v))
    add_square_(v, grad, 1 - beta2)
    return m, v


def move(param: Tensor, m: Tensor, v: Tensor, lr: PerMember, first: PerMember, root: PerMember, eps: PerMember) -> None:
    """Do theta <- theta - lr · (m / first) / (√v / root + eps) in place."""
    add_ratio_(param, m, (v.sqrt().div_(fit(root, v))).add_(fit(eps, v)), -lr / first)


def corrections(step: int, betas: Betas) -> tuple[PerMember, PerMember]:
    """Give 1 - β1^t and √(1 - β2^t)."""
    return 1 - betas[0] ** step, (1 - betas[1] ** step) ** 0.5


def diagonal(optimizer: torch.optim.Optimizer, params: list[Tensor], moment: str) -> list[Tensor] | None:
    """Give √v_hat + eps from the state of a torch Adam or AdamW, None if a parameter has no state yet."""
    result = []
    for found in states(optimizer, params):
        if found is None:
            return None
        state, group = found
        correction = 1 - float(group["betas"][1]) ** float(state["step"])
        result.append(state[moment].detach().div(correction).sqrt_().add_(float(group["eps"])))
    return result
