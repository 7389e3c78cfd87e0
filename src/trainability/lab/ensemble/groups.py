"""Update rules by layer, as a torch optimizer has parameter groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from trainability.optimizers import Params, PerMember, Rule, State


@dataclass(frozen=True)
class Groups:
    """One update rule for each group of parameters.

    Args:
        rules: (prefix of parameter names, rule); a parameter belongs to the first group whose prefix its name starts with,
            and each needs one.

    Raises:
        ValueError: no groups, or the same prefix twice.

    >>> from trainability.optimizers import SGD
    >>> both = Groups((("0.", SGD(lr=0.1)), ("2.", SGD(lr=1.0))))
    >>> import torch
    >>> one = {"0.weight": torch.ones(1, 1), "2.weight": torch.ones(1, 1)}
    >>> {name: value.item() for name, value in both.update(one, both.init(one), one)[0].items()}
    {'0.weight': 0.8999999761581421, '2.weight': 0.0}
    """

    rules: tuple[tuple[str, Rule], ...]

    def __post_init__(self) -> None:
        names = [prefix for prefix, _ in self.rules]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"rules: given the prefixes {names}, needed one or more, all different.")

    @property
    def lr(self) -> PerMember:
        """The learning rate of the first group."""
        return self.rules[0][1].lr

    def _parts(self, params: Params) -> list[list[str]]:
        parts: list[list[str]] = [[] for _ in self.rules]
        for name in params:
            at = next((i for i, (prefix, _) in enumerate(self.rules) if name.startswith(prefix)), None)
            if at is None:
                raise ValueError(
                    f"Groups: given no rule for the parameter {name!r}, needed a prefix of its name. There are rules for "
                    f"{[prefix for prefix, _ in self.rules]}."
                )
            parts[at].append(name)
        return parts

    def init(self, params: Params) -> State:
        """Give the state before the first update: one for each group."""
        parts = self._parts(params)
        return {
            prefix: rule.init({name: params[name] for name in names})
            for (prefix, rule), names in zip(self.rules, parts, strict=True)
        }

    def update(self, grads: Params, state: State, params: Params) -> tuple[Params, State]:
        """Give the parameters and the state after one update."""
        fresh: Params = {}
        kept: State = {}
        for (prefix, rule), names in zip(self.rules, self._parts(params), strict=True):
            some, kept[prefix] = rule.update(
                {name: grads[name] for name in names}, state[prefix], {name: params[name] for name in names}
            )
            fresh |= some
        return {name: fresh[name] for name in params}, kept

    def step_(self, params: Params, grads: Params, state: State) -> None:
        """Do the update in place, on the parameters and on the state."""
        for (prefix, rule), names in zip(self.rules, self._parts(params), strict=True):
            rule.step_({name: params[name] for name in names}, {name: grads[name] for name in names}, state[prefix])

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Refuse: with several rates the limit depends on the directions of curvature and not on one sharpness.

        Raises:
            ValueError: always.
        """
        raise ValueError("Groups have no stable lr of their own: ask the rule of one group, or measure where it grows.")

    def preconditioner(self, optimizer: Any, params: list[Tensor]) -> list[Tensor] | None:
        """Give None: the groups do not divide alike."""
        return None
