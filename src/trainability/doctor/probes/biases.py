"""Does any layer have a bias, and what does the symmetry of a network without one cost on these data?"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor, nn

from trainability.doctor.probes._held_out import columns, finite_sample
from trainability.doctor.probes._learners import Array
from trainability.doctor.readings.biases import BiasReading
from trainability.errors import TrainabilityError
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.large import is_large
from trainability.setup.untouched import random_state_kept, seed_everything

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
SAMPLE, DATA, WIDEST = 64, 1400, 1000
SAME = 1e-3  # of the answers' size: rounding stays below
TREES = 50


def bias_reading(setup: Setup, *, ask: bool) -> BiasReading:
    """Count layers and biases; where there are layers and no bias, read the network's symmetry and what it costs.

    Args:
        setup: stays as it is.
        ask: whether to look for the symmetry and its cost.

    Returns:
        BiasReading.
    """
    layers = sum(isinstance(m, LAYERS) for m in setup.model.modules())
    biases = sum(p.ndim <= 1 for p in setup.model.parameters())
    reading = BiasReading(layers=layers, biases=biases)
    if not ask or not layers or biases or is_large(setup.model):
        return reading
    try:
        with random_state_kept(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            seed_everything(0)
            x, y = finite_sample(*setup.batches.sample(DATA))
            symmetry = _symmetry(setup, x[:SAMPLE].to(setup.device)) if x.is_floating_point() and len(x) >= 40 else ""
            labels = columns(y, setup.facts.task) if symmetry else None
            if labels is None or x[0].numel() > WIDEST or (symmetry == "odd" and setup.facts.task != "regression"):
                return BiasReading(layers, biases, symmetry)
            flat = x.double().reshape(len(x), -1).numpy()
            if setup.facts.task == "regression":
                labels = y.double().reshape(len(y), -1).numpy()
            free, bound = _skills(flat, labels, symmetry, values=setup.facts.task == "regression")
    except (TrainabilityError, RuntimeError, ValueError):
        return reading
    return BiasReading(layers, biases, symmetry, free, bound)


def _symmetry(setup: Setup, x: Tensor) -> str:
    """How the untrained network's answers follow its inputs, before what a last activation makes of them."""
    net = setup.clone().model.eval()
    ends = list(net.children()) if isinstance(net, nn.Sequential) else []
    while ends and isinstance(ends[-1], (nn.Softmax, nn.LogSoftmax, nn.Sigmoid)):
        ends.pop()
    net = nn.Sequential(*ends) if ends else net
    at = forward(net, x).double()
    size = float(at.square().mean().sqrt())
    if not 0 < size < float("inf"):
        return ""
    for name, factor in (("ray", 2.0), ("odd", -1.0)):
        off = float((forward(net, factor * x).double() - factor * at).square().mean().sqrt())
        if off <= SAME * size:
            return name
    return ""


def _skills(x: Array, y: Array, symmetry: str, *, values: bool) -> tuple[float, float]:
    """Held-out shares of variance: of a forest, and of one that has the symmetry.

    On rays a function with f(c x) = c f(x) is |x| g(x / |x|); a class depends on x / |x| alone.
    """
    half = len(x) // 2
    train, held, size = slice(None, half), slice(half, None), np.linalg.norm(x, axis=1)
    free = _explained(_forest(x[train], y[train])(x[held]), y[held])
    if symmetry == "odd":
        both = _forest(np.concatenate([x[train], -x[train]]), np.concatenate([y[train], -y[train]]))
        return free, _explained((both(x[held]) - both(-x[held])) / 2, y[held])
    ray = x / np.maximum(size, 1e-300)[:, None]
    if not values:
        return free, _explained(_forest(ray[train], y[train])(ray[held]), y[held])
    away = size > 1e-6 * size.max()
    at = np.where(away, size, 1.0)[:, None]
    slope = _forest((ray[train])[away[train]], (y[train] / at[train])[away[train]], size[train][away[train]] ** 2)
    return free, _explained(slope(ray[held]) * np.where(away, size, 0.0)[held, None], y[held])


def _forest(x: Array, y: Array, weight: Array | None = None):  # type: ignore[no-untyped-def]
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(TREES, min_samples_leaf=3, random_state=0, n_jobs=1)
    trees.fit(x, y if y.shape[1] > 1 else y[:, 0], sample_weight=weight)
    return lambda new: np.asarray(trees.predict(new)).reshape(len(new), -1)


def _explained(answers: Array, y: Array) -> float:
    left, whole = ((answers - y) ** 2).sum(), ((y - y.mean(0)) ** 2).sum()
    return float(1 - left / whole) if whole > 0 else float("nan")
