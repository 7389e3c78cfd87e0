"""What a run is judged against, found as `setup.train` finds it: batches for L0, the best constant answer, the task."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainability.lab.ensemble.data import Data, Online, Pair, orders
from trainability.setup.constant_answer import constant_answer
from trainability.setup.facts import OUTPUTS, SAMPLE, evaluate
from trainability.setup.loss_family import loss_family
from trainability.setup.output_form import output_form
from trainability.setup.score import score
from trainability.setup.task import Task, infer_task
from trainability.setup.train import LOGARITHMIC, SOLVED

LossFn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Reference:
    """What one data set says without any training.

    Args:
        constant_loss: Lc, nan where there is no best constant answer.
        task: what is being learned.
        logits: whether single outputs are logits.
        sample: (x, y) that scores are taken on.
    """

    constant_loss: float
    task: Task
    logits: bool
    sample: Pair

    def score(self, output: Tensor) -> float:
        """Accuracy or R2 of outputs on the sample."""
        return score(output, self.sample[1], self.task, logits=self.logits)


def counts(size: int, per_epoch: int) -> tuple[int, int]:
    """How many batches L0 and Lc are means over, as in `setup.train`.

    >>> counts(32, 100)
    (16, 100)
    """
    most = min(256, per_epoch)
    return min(max(512 // size, 8), most), min(max(4 * SAMPLE // size, 8), most)


def batches(data: Data | Online, many: int) -> list[Pair]:
    """The first batches of a fixed pass; (E, B, ...) for data per member.

    Args:
        data: as given, or with prepared targets.
        many: how many.
    """
    if isinstance(data, Online):
        generator = torch.Generator().manual_seed(0)
        return [data.draw(generator) for _ in range(many)]
    if data.size == data.n:
        return [(data.X, data.y)]
    rows = [order for order, _ in zip(orders(data.n, data.size, 0), range(many), strict=False)]
    if data.per_member:
        return [(data.X[:, order], data.y[:, order]) for order in rows]
    return [(data.X[order], data.y[order]) for order in rows]


def sample(data: Data | Online) -> Pair:
    """At most 1024 samples, always the same; (E, n, ...) for data per member."""
    if isinstance(data, Online):
        generator = torch.Generator().manual_seed(0)
        first = data.draw(generator)
        pairs = [first] + [data.draw(generator) for _ in range(-(-SAMPLE // len(first[0])) - 1)]
        return torch.cat([x for x, _ in pairs])[:SAMPLE], torch.cat([y for _, y in pairs])[:SAMPLE]
    if data.n <= SAMPLE:
        return data.X, data.y
    rows = torch.randperm(data.n, generator=torch.Generator().manual_seed(0))[:SAMPLE]
    return (data.X[:, rows], data.y[:, rows]) if data.per_member else (data.X[rows], data.y[rows])


def reference(
    loss_fn: LossFn, outputs: Callable[[Tensor], Tensor], known: Pair, data: list[Pair], task: Task | None
) -> Reference:
    """What one data set says.

    Args:
        loss_fn: (output, target) -> scalar.
        outputs: of any member in evaluation mode, for shapes and the form of the output.
        known: the sample.
        data: batches over which Lc is the mean loss.
        task: the user's statement, if there is one.
    """
    x, y = known
    output = outputs(x[:OUTPUTS])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using a target size")
        family, form = loss_family(loss_fn, output, y), output_form(output)
        answer = constant_answer(loss_fn, output, y, family, form)
        constant = math.nan
        if answer is not None:
            with torch.no_grad():
                rows = [float(evaluate(loss_fn, answer.expand(len(b), *answer.shape), b)) for _, b in data]
            constant = float(np.mean(rows))
    if family.name in LOGARITHMIC and constant < SOLVED:
        constant = 0.0
    logits = form == "values" if family.name == "custom" else family.name == "bce-with-logits"
    return Reference(constant, task or infer_task(output, y, family)[0], logits, known)
