"""Whether the running averages of batch normalisation are what a trained network loses in eval mode."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from trainability.doctor.readings import AveragesReading
from trainability.setup import Run, Setup
from trainability.setup.averages import averaging, by_batch_statistics, whole_batches
from trainability.setup.facts import evaluate, forward
from trainability.setup.score import score


def averages_reading(setup: Setup, run: Run) -> AveragesReading | None:
    """Take the averages anew over training batches, with the weights as they are, and look what that mends.

    Args:
        setup: just trained; no trace is left.
        run: what its training was.

    Returns:
        AveragesReading; None where eval mode keeps what training gained (`Run.keeps`), or where it cannot be measured.
    """
    if run.keeps:
        return None
    layers = averaging(setup.model)
    left = {name: (1 - _momentum(m)) ** _seen(m, run.steps) for name, m in layers.items()}
    slowest = max(left, key=lambda name: left[name])
    try:
        _, score_now = _in_eval(setup)
        with fresh_averages(setup, list(layers.values())):
            fresh_loss, fresh_score = _in_eval(setup)
    except (RuntimeError, ValueError, TypeError):
        return None
    return AveragesReading(
        layers=len(layers),
        slowest=slowest,
        momentum=_momentum(layers[slowest]),
        batches=_seen(layers[slowest], run.steps),
        left=left[slowest],
        constant_loss=run.start_loss if math.isnan(run.constant_loss) else run.constant_loss,
        by_batch_loss=run.by_batch_loss,
        by_averages_loss=run.by_averages_loss,
        fresh_loss=fresh_loss,
        score=score_now,
        fresh_score=fresh_score,
    )


@contextmanager
def fresh_averages(setup: Setup, layers: list[_NormBase]) -> Iterator[None]:
    """Inside, the layers' averages are plain means over training batches; they and their momentum are put back."""
    momenta = [layer.momentum for layer in layers]
    try:
        with by_batch_statistics(setup.model, layers):
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None
            for x, _ in whole_batches(setup):
                forward(setup.model, x)
            yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _in_eval(setup: Setup) -> tuple[float, float]:
    """Loss and score on training batches, wholly in eval mode."""
    modes: list[tuple[nn.Module, bool]] = [(m, m.training) for m in setup.model.modules()]
    parts = whole_batches(setup)
    try:
        setup.model.eval()
        with torch.no_grad():
            outputs = [forward(setup.model, x) for x, _ in parts]
            losses = [float(evaluate(setup.loss_fn, out, y)) for out, (_, y) in zip(outputs, parts, strict=True)]
    finally:
        for module, mode in modes:
            module.training = mode
    targets = torch.cat([y for _, y in parts])
    found = score(torch.cat(outputs), targets, setup.facts.task, logits=setup.facts.logits)
    return math.fsum(losses) / len(losses), found


def _momentum(layer: _NormBase) -> float:
    """Of a plain mean over all batches (None), which keeps nothing of its start, 1."""
    return 1.0 if layer.momentum is None else float(layer.momentum)


def _seen(layer: _NormBase, steps: int) -> int:
    counted = layer.num_batches_tracked
    return int(counted) if counted is not None else steps
