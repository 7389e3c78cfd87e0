"""A case: one training setup of the kind people ask about, and how to tell whether training it worked.

A case file reads like a user's own script and imports nothing from here. Besides `setup` it has

    CAUSES   ids of the findings that name what is wrong, the best first; () in a healthy control
    PASSES   when a trained setup counts as trained, such as "test accuracy >= 0.9"
    fixed    the same with the fault repaired; absent in a healthy control

The judge is written apart from the package, so that the tool is not graded by its own code. It asks the
trained setup for its own data and its own loss: a repaired setup may answer with logits where the first one
answered with probabilities, and may have standardised targets, and is then judged by the same standard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import torch

from trainability import Setup

__all__ = ["Case", "Metric", "accuracy", "load", "r2"]


def accuracy(output: torch.Tensor, target: torch.Tensor) -> float:
    """Return the share of right answers, for class numbers, one-hot rows, and one yes or no per column.

    One yes or no per column: outputs that all lie in [0, 1] are read as probabilities, others as logits.
    """
    if output.isnan().any():
        return float("nan")
    if output.ndim == 2 and output.shape[1] > 1:
        if target.ndim == 1 or target.shape[1] == 1:
            return float((output.argmax(1) == target.flatten()).double().mean())
        if bool((target.sum(1) == 1).all()):
            return float((output.argmax(1) == target.argmax(1)).double().mean())
    border = 0.5 if output.min() >= 0 and output.max() <= 1 else 0.0
    return float(((output.flatten() > border) == (target.flatten() > 0.5)).double().mean())


def r2(output: torch.Tensor, target: torch.Tensor) -> float:
    """Return 1 - (sum of squared errors) / (sum of squares of the targets, each about its column's mean)."""
    target = target.double()
    error = (output.double().reshape(target.shape) - target) ** 2
    return float(1 - error.sum() / ((target - target.mean(0)) ** 2).sum())


@dataclass(frozen=True)
class Metric:
    """A number of a trained setup and the value it must reach, such as test accuracy >= 0.9.

    `split`: "train" (the setup's data) or "test" (its validation data). `quantity`: "accuracy", "r2", or
    "loss" (the setup's own loss function, for faults that accuracy can hide). `sign`: ">=" or "<=".
    """

    split: str
    quantity: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Metric:
        """Read "test accuracy >= 0.9"."""
        split, quantity, sign, bound = text.split()
        if split not in ("train", "test") or quantity not in ("accuracy", "r2", "loss") or sign not in (">=", "<="):
            raise ValueError(f"PASSES is {text!r}; it must read like 'test accuracy >= 0.9'.")
        return cls(split, quantity, sign, float(bound))

    def value(self, setup: Setup) -> float:
        """Return the number, measured in eval mode; NaN where the answers are not finite."""
        X, y = setup.data if self.split == "train" else setup.validation
        was_training = setup.model.training
        setup.model.eval()
        try:
            with torch.no_grad():
                output = setup.model(X)
                if self.quantity == "loss":
                    return float(setup.loss_fn(output, y))
                return accuracy(output, y) if self.quantity == "accuracy" else r2(output, y)
        finally:
            setup.model.train(was_training)

    def __call__(self, setup: Setup) -> bool:
        """Return whether the setup, after training, reaches the value; NaN does not."""
        value = self.value(setup)
        return value >= self.bound if self.sign == ">=" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.split} {self.quantity} {self.sign} {self.bound:g}"


@dataclass(frozen=True)
class Case:
    """One case; see the head of this file.

    `setup` and `fixed` build a fresh Setup whose weights come from torch's global seed and whose data are
    always the same. `causes` are the accepted ids, the best first. `metric` takes a trained setup.
    """

    name: str
    setup: Callable[[], Setup]
    fixed: Callable[[], Setup] | None
    causes: tuple[str, ...]
    metric: Metric
    healthy: bool = False
    summary: str = ""


def load(name: str) -> Case:
    """Read the case `softmax-one-unit` from its file `softmax_one_unit.py`."""
    module = import_module(f"benchmarks.cases.{name.replace('-', '_')}")
    fixed = getattr(module, "fixed", None)
    if bool(module.CAUSES) != bool(fixed):
        raise ValueError(f"Case {name!r}: a failing setup needs CAUSES and fixed(), a healthy one neither.")
    return Case(
        name=name,
        setup=module.setup,
        fixed=fixed,
        causes=module.CAUSES,
        metric=Metric.parse(module.PASSES),
        healthy=not module.CAUSES,
        summary=module.__doc__.splitlines()[0],
    )
