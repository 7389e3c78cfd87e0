"""Arguments of `train_ensemble`: what was given, what was needed, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from trainability.lab.ensemble.data import Data, Online
from trainability.lab.ensemble.mlp import MLP
from trainability.setup.task import TASKS


def check(
    network: Any,
    rule: Any,
    data: Data | Online,
    count: int,
    steps: int,
    task: str | None,
    chunk: int | None,
    measured_at: Sequence[int],
) -> None:
    """Refuse what cannot be trained.

    Raises:
        ValueError: with the argument's name first.
    """
    if not isinstance(network, MLP) and (not callable(network) or isinstance(network, nn.Module)):
        raise ValueError(
            f"network: given a {type(network).__name__}, needed an MLP or a function from a seed to a torch module, such "
            "as lambda seed: nn.Linear(3, 1)."
        )
    for name, value in (("steps", steps), ("chunk", 1 if chunk is None else chunk)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}: given {value!r}, needed a whole number from 1.")
    if task is not None and task not in TASKS:
        raise ValueError(f"task: given {task!r}, needed one of {', '.join(TASKS)}, or None to infer it.")
    if any(not 0 <= t <= steps for t in measured_at):
        raise ValueError(f"measured_at: given {sorted(measured_at)}, needed steps from 0 to {steps}.")
    if isinstance(data, Data) and data.per_member and len(data.X) != count:
        raise ValueError(
            f"data: given data for {len(data.X)} members and {count} seeds, needed as many. Repeat or cut."
        )
    for owner, own in (
        ("network", network.per_member() if isinstance(network, MLP) else {}),
        ("rule", _values(rule)),
    ):
        for name, values in own.items():
            if len(values) != count:
                raise ValueError(
                    f"{owner}, {name}: given {len(values)} values for {count} members, needed one number or one value per "
                    f"member, shape ({count},)."
                )


def _values(rule: Any) -> dict[str, Tensor]:
    """The hyper-parameters of a rule that differ by member."""
    found: dict[str, Tensor] = {}

    def look(name: str, given: Any) -> None:
        if isinstance(given, Tensor) and given.ndim:
            found[name] = given
        elif isinstance(given, tuple):
            for i, value in enumerate(given):
                look(name if isinstance(value, Tensor) else f"{name}[{i}]", value)
        elif is_dataclass(given) and not isinstance(given, type):
            for one in fields(given):
                look(f"{name}.{one.name}".lstrip("."), getattr(given, one.name))

    look("", rule)
    return found
