"""The part that Adam and AdamW share: two moments, their bias correction, the direction of the step."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.optimizers._rule import Params, State
from trainability.optimizers._torch import states
from trainability.optimizers._values import PerMember, fit, zeros_like

Betas = tuple[PerMember, PerMember]


def start(params: Params) -> State:
    """Give the state before the first update: both moments zero."""
    return {"step": 0, "exp_avg": zeros_like(params), "exp_avg_sq": zeros_like(params)}


def advance(grads: Params, state: State, betas: Betas, eps: PerMember) -> tuple[Params, State]:
    """Take one gradient into the moments and give the direction m_hat / (√v_hat + eps).

    m <- β1 m + (1 - β1) g,  v <- β2 v + (1 - β2) g²,  m_hat = m / (1 - β1^t),  v_hat = v / (1 - β2^t).
    """
    beta1, beta2 = betas
    step = state["step"] + 1
    root = (1 - beta2**step) ** 0.5
    direction, first, second = {}, {}, {}
    for name, grad in grads.items():
        m = torch.lerp(state["exp_avg"][name], grad, fit(1 - beta1, grad))
        v = fit(beta2, grad) * state["exp_avg_sq"][name] + fit(1 - beta2, grad) * (grad * grad)
        d = v.sqrt() / fit(root, grad) + fit(eps, grad)
        direction[name] = m / d / fit(1 - beta1**step, grad)
        first[name], second[name] = m, v
    return direction, {"step": step, "exp_avg": first, "exp_avg_sq": second}


def diagonal(optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
    """Give √v_hat + eps from the state of a torch Adam or AdamW, None if a parameter has no state yet."""
    result = []
    for found in states(optimizer, params):
        if found is None:
            return None
        state, group = found
        correction = 1 - float(group["betas"][1]) ** float(state["step"])
        result.append(state["exp_avg_sq"].detach().div(correction).sqrt_().add_(float(group["eps"])))
    return result
