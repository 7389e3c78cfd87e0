"""Whole numbers among the inputs: do they say how much, or are they names of words?"""

from __future__ import annotations

import warnings

import numpy as np
import torch

from trainability.doctor.probes._held_out import best_correlation, columns, finite_sample
from trainability.doctor.probes._learners import _standard, features, forest, linear
from trainability.doctor.readings.values import ValuesReading
from trainability.errors import TrainabilityError
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.untouched import random_state_kept

DATA, MOST, FEWEST, FEW = 1400, 1000, 12, 8


def values_reading(setup: Setup, *, ask: bool) -> ValuesReading:
    """Compare what is known of the labels from how often each value occurs with what is known from values as amounts.

    Args:
        setup: its data are read.
        ask: whether to look.

    Returns:
        ValuesReading; its defaults for inputs that are indices already, not whole, of fewer than 12 values, or without a
        label per sample.
    """
    if not ask:
        return ValuesReading()
    try:
        with random_state_kept(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return _values(setup)
    except (TrainabilityError, RuntimeError, ValueError):
        return ValuesReading()


def _values(setup: Setup) -> ValuesReading:
    x, y = finite_sample(*setup.batches.sample(DATA))
    if not x.is_floating_point() or x.ndim < 2 or len(x) < 40 or not bool((x == x.round()).all()):
        return ValuesReading()
    distinct, index, counts = torch.unique(x, return_inverse=True, return_counts=True)
    labels = columns(y, setup.facts.task) if len(distinct) >= FEWEST and not _indices(setup) else None
    if labels is None:
        return ValuesReading()
    rank = torch.empty(len(distinct), dtype=torch.long)
    rank[counts.argsort(descending=True)] = torch.arange(len(distinct))
    often = np.zeros((len(x), min(len(distinct), MOST) + 1))
    np.add.at(often, (np.arange(len(x))[:, None], rank[index].clamp_max(MOST).reshape(len(x), -1).numpy()), 1.0)
    flat = x.double().reshape(len(x), -1)
    amounts = [(features(x), (linear, forest)), (features(flat.sort(1).values), (linear, forest))]
    as_names = best_correlation([(_standard(often), (linear, forest))], labels)
    return ValuesReading(
        distinct=len(distinct),
        as_names=as_names,
        as_quantities=best_correlation(amounts, labels),
    )


def _indices(setup: Setup) -> bool:
    """Whether the model makes indices of its numbers by itself: a part of 1 more changes nothing."""
    net = setup.clone().model.eval()
    x = setup.batches.sample(FEW)[0].to(setup.device)
    return torch.equal(forward(net, x), forward(net, x + 0.25))
