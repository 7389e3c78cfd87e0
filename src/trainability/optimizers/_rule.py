"""What every update rule can do: the whole of what an engine may ask."""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeAlias

import torch
from torch import Tensor

from trainability.optimizers._values import PerMember

Params: TypeAlias = dict[str, Tensor]
"""Name -> tensor; in an ensemble of E members every tensor is `(E, ...)`."""

State: TypeAlias = dict[str, Any]
"""Buffers, each a `Params`, and "step", an int, where the rule counts steps."""


class Rule(Protocol):
    """An update rule: a frozen dataclass of hyper-parameters with functions around it.

    theta, state <- update(gradient, state, theta) changes nothing in place. `step_` is the same update in place, to the
    last bit, for engines that own their buffers. No gradient is recorded through either.
    """

    @property
    def lr(self) -> PerMember:
        """The learning rate."""

    def init(self, params: Params) -> State:
        """Give the state before the first update."""

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update."""

    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Update parameters and state in place; gradients stay as they are."""

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the linearised update does not grow."""

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give the diagonal d of the preconditioner from a torch optimizer's state, None if there is none."""


class Member(Rule, Protocol):
    """A rule of the family: it also knows its counterpart in torch."""

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say whether this rule is what the torch optimizer does, for its first parameter group."""

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Give the rule with the hyper-parameters of a torch parameter group."""


@torch.no_grad()
def advance(rule: Rule, grads: Params, state: State, params: Params) -> tuple[Params, State]:
    """Do `step_` on copies: the pure update, equal to the one in place because it is that one."""
    fresh = {name: param.detach().clone() for name, param in params.items()}
    kept = copied(state)
    rule.step_(fresh, grads, kept)
    return fresh, kept


def copied(tree: Any) -> Any:
    """Copy a state: its dicts and tensors, all the way down."""
    if isinstance(tree, Tensor):
        return tree.clone()
    return {key: copied(value) for key, value in tree.items()} if isinstance(tree, dict) else tree
