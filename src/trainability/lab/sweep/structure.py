"""From a point of a sweep to what the ensemble engine takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from trainability import optimizers
from trainability.lab.ensemble import MLP, Data
from trainability.lab.sweep import fields
from trainability.optimizers import Rule
from trainability.setup.task import Task

if TYPE_CHECKING:
    from trainability.lab.sweep.sweep import Sweep

CACHE = 4 << 20  # bytes of activations that members trained together may have


class Parts(NamedTuple):
    """What `train_ensemble` takes for some runs of one structure."""

    network: Any
    rule: Rule
    data: Data
    loss: Any
    task: Task | None = None


@dataclass(frozen=True)
class Structure:
    """What members trained in one step have in common; the fields are those of `fields.STRUCTURE`."""

    initializer: str
    bias: str
    activation: str
    depth: int
    width: int
    loss: str
    optimizer: str
    batch_size: int | str

    def told(self) -> str:
        """In words, for a message.

        >>> Structure("he_normal", "zeros", "relu", 1, 8, "mse", "SGD", "full").told()
        'initializer he_normal, bias zeros, activation relu, loss mse and optimizer SGD'
        """
        return (
            f"initializer {self.initializer}, bias {self.bias}, activation {self.activation}, loss {self.loss} and "
            f"optimizer {self.optimizer}"
        )

    def sizes(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Units of every layer.

        >>> Structure("he_normal", "zeros", "relu", 2, 8, "mse", "SGD", "full").sizes(3, 1)
        (3, 8, 8, 1)
        """
        return (inputs, *[self.width] * self.depth, outputs)

    def batch(self, samples: int) -> int:
        """Samples of a step."""
        return samples if self.batch_size == fields.FULL else int(self.batch_size)

    def small(self) -> Structure:
        """The same without what always fits: width, depth past one layer, size of batches."""
        return replace(self, depth=min(self.depth, 1), width=2, batch_size=fields.FULL)

    def build(self, sweep: Sweep, runs: np.ndarray) -> Parts:
        """What the ensemble engine takes.

        Args:
            sweep: whose values they are.
            runs: (E,) places in the sweep of runs with this structure.

        Returns:
            With one value per member for everything an axis varies.
        """
        init, options = fields.called(self.initializer)
        optimizer, hyper = fields.called(self.optimizer)
        options |= numbers(sweep, fields.options()[init], runs)
        hyper |= numbers(sweep, fields.hyper_parameters()[optimizer], runs)
        own = numbers(sweep, fields.NUMBERS, runs)
        X, y = sweep.data.X, sweep.data.y
        network = MLP(
            self.sizes(X.shape[1], sweep.data.outputs),
            self.activation,
            slope=own.get("negative_slope", 0.01),
            bias=self.bias != fields.NO_BIAS,
            init=init,
            options=options,
            bias_init="zeros" if self.bias == fields.NO_BIAS else self.bias,
            scale=own.get("scale", 1.0),
            input_scale=own.get("input_scale", 1.0),
        )
        data = Data(X, y, self.batch(len(X)), order=sweep.order)
        return Parts(network, optimizers.get(optimizer)(**hyper), data, self.loss)

    def together(self, sweep: Sweep) -> int:
        """How many members are best advanced in one step: as many as the cache holds, from 16 to 1024."""
        samples, inputs = sweep.data.X.shape
        own = 8 * sum(self.sizes(inputs, sweep.data.outputs)[1:]) * self.batch(samples)
        return min(1024, max(16, CACHE // own // 4 * 4))

    def seconds(self, sweep: Sweep) -> float:
        """About how long one run takes on one core, by its multiplications; only the size of chunks rests on it."""
        samples, inputs = sweep.data.X.shape
        weights = sum(n * m for n, m in pairwise(self.sizes(inputs, sweep.data.outputs)))
        return sweep.steps * (6 * weights * self.batch(samples) / 5e9 + 1e-6)


def numbers(sweep: Sweep, names: tuple[str, ...], runs: np.ndarray) -> dict[str, Any]:
    """Fields that are numbers: one value per run where an axis varies them, one for all where they are fixed.

    Args:
        sweep: whose values they are.
        names: of the fields.
        runs: (E,) places in the sweep.
    """
    found: dict[str, Any] = {}
    for name in names:
        if name in sweep.points.along:
            column = torch.tensor(sweep.points.at(name, runs), dtype=torch.float64)
            found[name] = tuple(column.T) if name == "betas" else column
        elif name in sweep.fixed:
            found[name] = fields.check(name, sweep.fixed[name])
    return found
