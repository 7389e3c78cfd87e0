"""The cells of a map over a plain multilayer network: a whole batch of them is one ensemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.errors import UnknownNameError
from trainability.lab.ensemble import MLP, Data, Online, Retire, train_ensemble
from trainability.lab.phase.axes import AxisError
from trainability.optimizers import Rule

OF_NETWORK = ("scale", "input_scale", "slope")


@dataclass(frozen=True, eq=False)
class Members:
    """Trains cells as members of ensembles, many times faster than one by one; an `evaluate` for `explore`.

    Args:
        network: an MLP whose `scale`, `input_scale`, `slope` or options of its initializer may be an axis.
        rule: whose hyper-parameters may be one.
        data: `Data`, `Online` or a pair (X, y) for full batches.
        axes: names along x, and y if there are two.
        loss: a name that `train_ensemble` takes.
        steps: optimizer steps.
        retire: which members leave early; None for those alone that are lost.
        target: the loss at which a run has trained; None for half of the best constant answer's.
        dtype: of parameters and data.
        workers: processes; None for one per core.
        done: called with the number of a chunk as it finishes.

    Raises:
        UnknownNameError: no axis has that name; the message gives the nearest.
        AxisError: no axis, more than two, or the same twice.

    >>> from trainability.optimizers import SGD
    >>> x = torch.linspace(-1, 1, 20).reshape(-1, 1)
    >>> cells = Members(MLP((1, 8, 1)), SGD(), (x, x.abs()), axes=("lr", "scale"), loss="mse", steps=100, workers=1)
    >>> cells(np.array([0.1, 1e-6, 100.0]), np.ones(3), np.zeros(3, int)).tolist()
    [3, 1, 0]
    """

    network: MLP
    rule: Rule
    data: Data | Online | tuple[Tensor, Tensor]
    axes: tuple[str, ...]
    loss: str
    steps: int
    retire: Retire | None = None
    target: float | None = None
    dtype: torch.dtype = torch.float32
    workers: int | None = None
    done: Callable[[int], None] | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.axes)) == len(self.axes) <= 2:
            raise AxisError(f"axes are {self.axes}; needed is one name, or two different ones.")
        known = [*OF_NETWORK, *self.network.options, *(f.name for f in fields(self.rule))]  # type: ignore[arg-type]
        for name in self.axes:
            if name not in known:
                raise UnknownNameError("axis", name, known)

    def __call__(self, x: np.ndarray, y: np.ndarray, seed: np.ndarray) -> np.ndarray:
        """Outcome codes of runs."""
        network, rule = self.network, self.rule
        for name, values in zip(self.axes, (x, y), strict=False):
            column = torch.as_tensor(values, dtype=torch.float64)
            change: dict[str, Any] = {name: column}
            if name in OF_NETWORK:
                network = replace(network, **change)
            elif name in network.options:
                network = replace(network, options={**network.options, **change})
            else:
                rule = replace(rule, **change)  # type: ignore[type-var]
        run = train_ensemble(
            network, rule, self.data, loss=self.loss, steps=self.steps, seeds=seed.tolist(), target=self.target,
            retire=self.retire, curve=1, workers=self.workers, dtype=self.dtype, done=self.done,
        )  # fmt: skip
        found: np.ndarray = run.outcome  # the same codes: places in `measures.outcome.Outcome`
        return found
