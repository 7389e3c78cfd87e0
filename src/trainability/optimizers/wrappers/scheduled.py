"""A rule whose lr follows a schedule."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from trainability.optimizers._rule import Params, Rule, State, advance
from trainability.optimizers._values import PerMember, fit
from trainability.optimizers.schedules import Schedule


@dataclass(frozen=True)
class Scheduled:
    """A rule that takes its step t with lr · schedule(t), t from 0; see `scheduled`.

    Args:
        rule: any rule, wrapped or not.
        schedule: step -> factor.
    """

    rule: Rule
    schedule: Schedule

    @property
    def lr(self) -> PerMember:
        """The lr before the schedule's factor."""
        return self.rule.lr

    def at(self, step: int) -> Rule:
        """Give the rule as it is at a step, with that step's lr.

        >>> from trainability.optimizers import SGD, schedules
        >>> scheduled(SGD(lr=1.0), schedules.Step(every=10, gamma=0.5)).at(25).lr
        0.25
        """
        factor, lr = self.schedule(step), self.rule.lr
        if not bool(torch.as_tensor(factor >= 0).all()):
            raise ValueError(f"Given a schedule with the factor {factor} at step {step}, needed at least 0 and no NaN.")
        if isinstance(factor, Tensor) and isinstance(lr, Tensor):
            factor = factor.to(lr.device)
        return _with_lr(self.rule, lr * factor)

    def init(self, params: Params) -> State:
        """Give the state before the first update: the rule's own, and a count of steps."""
        factor = self.schedule(0)
        if isinstance(factor, Tensor):
            for param in params.values():
                fit(factor, param)
        return {"step": 0, "rule": self.rule.init(params)}

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update."""
        return advance(self, grads, state, params)

    @torch.no_grad()
    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        self.at(state["step"]).step_(params, grads, state["rule"])
        state["step"] += 1

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the rule's largest stable lr, to which lr · schedule(t) compares at each step."""
        return self.rule.stable_lr(sharpness)

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give the rule's own."""
        return self.rule.preconditioner(optimizer, params)


def scheduled(rule: Rule, schedule: Schedule) -> Scheduled:
    """Put a learning-rate schedule on a rule.

        theta, state <- rule with lr · schedule(t), at its t-th update from t = 0

    Buffers stay as they are when the lr changes, as under torch's schedulers; `Momentum` says what that means for it.

    Args:
        rule: any rule.
        schedule: step -> factor, a float or one per member; one of `trainability.optimizers.schedules`, or a function.

    Returns:
        A rule.

    Raises:
        ValueError: what is no function; at `init`, a schedule with values for another number of members than the parameters
            have; at an update, a factor that is negative or NaN.

    >>> import torch
    >>> from trainability.optimizers import SGD
    >>> rule, theta = scheduled(SGD(lr=0.5), lambda step: 1 / (1 + step)), {"w": torch.tensor([1.0])}
    >>> state = rule.init(theta)
    >>> for _ in range(2):
    ...     theta, state = rule.update({"w": torch.tensor([1.0])}, state, theta)
    >>> theta["w"]
    tensor([0.2500])
    """
    if not callable(schedule):
        raise ValueError(f"Given the schedule {schedule!r}, needed a function of the step number, such as Cosine(100).")
    return Scheduled(rule, schedule)


def _with_lr(rule: Rule, lr: PerMember) -> Rule:
    fresh = copy.copy(rule)
    if hasattr(fresh, "rule"):  # a wrapper: the lr is its rule's
        object.__setattr__(fresh, "rule", _with_lr(fresh.rule, lr))
    else:
        object.__setattr__(fresh, "lr", lr)
    return fresh
