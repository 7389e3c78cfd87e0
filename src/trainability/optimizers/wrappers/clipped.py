"""A rule that sees no gradient longer than a norm, each member by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainability.optimizers._rule import Params, Rule, State, advance
from trainability.optimizers._values import NOT_NEGATIVE, PerMember, check_alone, count_members, fit, settle

EPS = 1e-6  # torch's, in clip_grad_norm_


@dataclass(frozen=True)
class Clipped:
    """A rule behind a clip on the norm of each member's whole gradient; see `clipped`.

    Args:
        rule: any rule, wrapped or not.
        max_norm: >= 0, a float or one per member, shape `(E,)`.
        stacked: whether parameters are `(E, ...)`, an ensemble; False for one network.

    Raises:
        ValueError: a norm that is negative or NaN.
    """

    rule: Rule
    max_norm: PerMember
    stacked: bool = True

    def __post_init__(self) -> None:
        settle(self, max_norm=NOT_NEGATIVE)
        check_alone(self, self.stacked)

    @property
    def lr(self) -> PerMember:
        """The rule's lr."""
        return self.rule.lr

    def init(self, params: Params) -> State:
        """Give the state before the first update: the rule's own."""
        if self.stacked:
            count_members(self, params)
            if isinstance(self.max_norm, Tensor):
                for param in params.values():
                    fit(self.max_norm, param)
        return self.rule.init(params)

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        self.rule.step_(params, self.clip(grads), state)

    @torch.no_grad()
    def clip(self, grads: Params) -> Params:
        """Give the gradients, each member's multiplied by min(1, max_norm / (its norm + 1e-6))."""
        if not grads:
            return grads
        rows = count_members(self, grads) if self.stacked else 1
        norms = torch.stack([torch.linalg.vector_norm(g.reshape(rows, -1), dim=1) for g in grads.values()])
        norm = torch.linalg.vector_norm(norms, dim=0)
        most = self.max_norm.to(norm) if isinstance(self.max_norm, Tensor) else self.max_norm
        factor = (most / (norm + EPS)).clamp(max=1.0)
        if not self.stacked:
            return {name: grad * factor[0].to(grad.dtype) for name, grad in grads.items()}
        return {name: grad * fit(factor, grad) for name, grad in grads.items()}

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the rule's largest stable lr: near a minimum the gradient is short and the clip does nothing.

        Further out the clip bounds the step, so that what grows above this lr does not grow without bound.
        """
        return self.rule.stable_lr(sharpness)

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give the rule's own."""
        return self.rule.preconditioner(optimizer, params)


def clipped(rule: Rule, max_norm: PerMember, *, stacked: bool = True) -> Clipped:
    """Clip each member's gradient by the norm over all of that member's parameters, before a rule sees it.

        g <- g · min(1, max_norm / (|g| + 1e-6)),   |g| over one member's tensors together

    For one network it is `torch.nn.utils.clip_grad_norm_`. On stacked parameters that function takes one norm over all
    members, so that each is scaled by the others and one NaN makes all of them NaN; here nothing leaves its member. Weight
    decay is the rule's own and not clipped, as in torch.

    Args:
        rule: any rule.
        max_norm: >= 0, a float or one per member, shape `(E,)`.
        stacked: whether parameters are `(E, ...)`, an ensemble; False for one network.

    Returns:
        A rule.

    Raises:
        ValueError: a norm that is negative or NaN; at `init` and `update`, parameters that are not stacked.

    >>> import torch
    >>> from trainability.optimizers import SGD
    >>> rule, theta = clipped(SGD(lr=1.0), 1.0), {"w": torch.zeros(2, 2)}
    >>> rule.update({"w": torch.tensor([[3.0, 4.0], [0.3, 0.4]])}, rule.init(theta), theta)[0]["w"]
    tensor([[-0.6000, -0.8000],
            [-0.3000, -0.4000]])
    """
    return Clipped(rule, max_norm, stacked)
