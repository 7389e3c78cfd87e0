"""What batch normalisation makes of the same weights: by the statistics of the batch, and by its running averages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept

if TYPE_CHECKING:
    from trainability.setup.setup import Setup

SAMPLE, MOST = 1024, 16  # samples, and batches of them


def averaging(model: nn.Module) -> dict[str, _NormBase]:
    """The layers that train by the statistics of a batch and answer by running averages, by their path.

    Example:
        >>> list(averaging(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))))
        ['1']
    """
    return {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, _NormBase) and m.training and isinstance(m.running_mean, Tensor)
    }


def losses_by_statistics(setup: Setup) -> tuple[float, float]:
    """The loss on training batches, normalised by each batch's own statistics and by the running averages.

    Everything else is in eval mode in both, so that dropout makes no difference between them.

    Args:
        setup: its model as it is now, in the mode it trained in; no trace is left.

    Returns:
        (by the batch, by running averages), means over at most 16 batches; (nan, nan) where the model has no layer
        that keeps such averages, or where it cannot be measured.
    """
    layers = averaging(setup.model)
    if not layers:
        return math.nan, math.nan
    parts = whole_batches(setup)
    try:
        by_batch = _mean_loss(setup, parts, list(layers.values()))
        return by_batch, _mean_loss(setup, parts, [])
    except (RuntimeError, ValueError, TypeError):
        return math.nan, math.nan


def whole_batches(setup: Setup) -> list[tuple[Tensor, Tensor]]:
    """At most 16 batches of the Setup's size from its fixed sample; the sample itself where that is smaller."""
    x, y = (t.to(setup.device) for t in setup.batches.sample(SAMPLE))
    size = setup.batches.batch_size
    parts = [(a, b) for a, b in zip(x.split(size), y.split(size), strict=True) if len(a) == size]
    return parts[:MOST] or [(x, y)]


@contextmanager
def by_batch_statistics(model: nn.Module, layers: list[_NormBase]) -> Iterator[None]:
    """Eval mode, but for these layers; modes, buffers and the random state are put back."""
    modes = [(m, m.training) for m in model.modules()]
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        model.eval()
        for layer in layers:
            layer.training = True
        with random_state_kept(), torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)


def _mean_loss(setup: Setup, parts: list[tuple[Tensor, Tensor]], layers: list[_NormBase]) -> float:
    with by_batch_statistics(setup.model, layers):
        losses = [float(evaluate(setup.loss_fn, forward(setup.model, x), y)) for x, y in parts]
    return math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else math.inf
