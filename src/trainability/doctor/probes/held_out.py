"""Train on four fifths of the training rows and ask about the rest: is it the network, or are validation data another thing?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.readings import HeldOutReading
from trainability.errors import TrainabilityError
from trainability.setup import Setup
from trainability.setup.batches import TensorBatches
from trainability.setup.score import class_dim, class_index, constant_score, score
from trainability.setup.train import predict

FIFTHS, ENOUGH, FEWEST, MOST = 5, 100, 20, 4096  # folds, rows left out that are enough, rows at least, rows asked about
QUICK = 2.0  # seconds of a run, up to which five of them are made where rows are few
CLASSES = 1000


def held_out_reading(setup: Setup, steps: int, run_seconds: float) -> HeldOutReading | None:
    """Train private copies of a Setup on part of its rows and score them on what was left out.

    Args:
        setup: on finite data; stays as it is.
        steps: optimizer steps of each training.
        run_seconds: about how long one takes.

    Returns:
        HeldOutReading; None without validation data, with fewer than 20 rows, where data are no tensors or where a
        training of this kind fails.
    """
    data, other = setup.batches, setup.validation_batches
    if not isinstance(data, TensorBatches) or other is None or data.n < FEWEST:
        return None
    parts = torch.randperm(data.n, generator=torch.Generator().manual_seed(0)).to(data.inputs.device).chunk(FIFTHS)
    folds = FIFTHS if len(parts[0]) < ENOUGH and run_seconds <= QUICK else 1
    v, w = (t.to(setup.device) for t in other.sample(MOST))
    seen: list[tuple[Tensor, Tensor]] = []
    held: list[tuple[Tensor, Tensor]] = []
    answers = torch.empty(0)
    try:
        for k in range(folds):
            kept = torch.cat([part for i, part in enumerate(parts) if i != k])
            copy = _on_rows(setup, data, kept)
            copy.train(steps=steps, order=0)
            for rows, found in ((kept[:MOST], seen), (parts[k][:MOST], held)):
                x, y = data.inputs[rows].to(setup.device), data.targets[rows].to(setup.device)
                found.append((predict(copy.model, x), y))
            answers = predict(copy.model, v) if k == 0 else answers
        facts, task = setup.facts, setup.facts.task
        learned, left = (
            score(torch.cat([o for o, _ in f]), torch.cat([y for _, y in f]), task, logits=facts.logits)
            for f in (seen, held)
        )
        reading = HeldOutReading(
            rows=data.n,
            folds=folds,
            n=sum(len(y) for _, y in held),
            validation_n=len(w),
            weights=sum(p.numel() for p in setup.model.parameters() if p.requires_grad),
            learned=learned,
            held=left,
            validation=score(answers, w, task, logits=facts.logits),
            constant=constant_score(data.targets[:MOST], task),
            validation_constant=constant_score(w, task),
            classification=task != "regression",
        )
        return _relabelled(reading, answers, w, setup) if task in ("multi-class", "binary") else reading
    except (TrainabilityError, RuntimeError, ValueError, TypeError, IndexError):
        return None


def _on_rows(setup: Setup, data: TensorBatches, rows: Tensor) -> Setup:
    """A private copy that is trained on these rows only."""
    size = min(data.batch_size, len(rows))
    return setup.clone().replaced(
        data=(data.inputs[rows], data.targets[rows]), batch_size=size, validation=None, keep_facts=True
    )


def _relabelled(reading: HeldOutReading, answers: Tensor, target: Tensor, setup: Setup) -> HeldOutReading:
    """The one-to-one renumbering of the validation classes that fits the answers best, found on one half of the rows."""
    found = _classes(answers, target, setup)
    if found is None:
        return reading
    given, true, count = found
    half = len(true) // 2
    order = np.random.default_rng(0).permutation(len(true))
    first, second = order[:half], order[half:]
    to = renumbering(given[first], true[first], count)
    mapped = to[true[second]]
    return replace(
        reading,
        relabelling=tuple((k, int(to[k])) for k in range(count) if to[k] != k and (true == k).any()),
        relabelled=float((given[second] == mapped).mean()),
        as_given=float((given[second] == true[second]).mean()),
        relabelled_n=len(second),
    )


def renumbering(answers: Any, labels: Any, count: int) -> Any:
    """The permutation of labels that agrees most often with the answers.

    Args:
        answers, labels: (n,), whole numbers from 0 to count - 1.
        count: classes.

    Returns:
        (count,), the new number of each label.

    Example:
        >>> renumbering(np.array([1, 1, 0, 2]), np.array([0, 0, 1, 2]), 3)
        array([1, 0, 2])
    """
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((count, count))
    np.add.at(table, (labels, answers), 1.0)
    table += 1e-6 * np.eye(count)  # what nothing speaks for stays as it is
    return linear_sum_assignment(table, maximize=True)[1]


def _classes(answers: Tensor, target: Tensor, setup: Setup) -> tuple[Any, Any, int] | None:
    """Answers and labels as class numbers, one per row, and how many classes there are; None for a label per place."""
    if setup.facts.task == "multi-class":
        given, true = answers.argmax(class_dim(answers, target)), class_index(target, answers)
        count = answers.shape[class_dim(answers, target)]
    else:
        low, high = float(target.min()), float(target.max())
        middle = (low + high) / 2 if high > low else 0.5
        given = (answers.reshape(target.shape) > (0.0 if setup.facts.logits else middle)).long()
        true, count = (target > middle).long(), 2
        given, true = given.squeeze(-1), true.squeeze(-1)
    if given.ndim != 1 or given.shape != true.shape or not 2 <= count <= CLASSES or len(true) < FEWEST:
        return None
    if not bool(((true >= 0) & (true < count)).all()):
        return None
    return given.cpu().numpy(), true.long().cpu().numpy(), int(count)
