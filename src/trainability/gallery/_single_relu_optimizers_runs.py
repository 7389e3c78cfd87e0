"""The runs of the entry `single-relu-optimizers`: one weight, stacked over starts, learning rates and draws of the data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainability import optimizers
from trainability.lab.ensemble import Data, train_ensemble
from trainability.optimizers import Newton, Rule
from trainability.problems import single_relu_teacher
from trainability.theory.one_relu.runs import batch_moments

Floats = NDArray[np.float64]
SAMPLES = 100
STUCK, ACROSS, TRAINED, DIVERGED = range(4)


@dataclass(frozen=True)
class Kind:
    """An update rule with a way to draw batches.

    Args:
        rule: a key of `optimizers.ALL`; options: its hyper-parameters but the lr.
        batch: fresh samples a step; None for the same 100 at every step.
        family: "linear", "scale-free", "noise" or "adadelta": what its prediction is made of.
        default: learning rate: the rule's own, or the source's 0.01 where the rule has no usual one.
    """

    rule: str
    family: str
    default: float
    batch: int | None = None
    options: tuple[tuple[str, float], ...] = ()

    def made(self, lr: Any) -> Rule:
        """The rule with one lr per member."""
        make: Callable[..., Rule] = optimizers.ALL[self.rule]
        return make(lr=lr, **dict(self.options))


KINDS = {
    "gradient descent": Kind("SGD", "linear", 0.01),
    "momentum 0.9": Kind("Momentum", "linear", 0.01, options=(("momentum", 0.9),)),
    "low-pass 0.1": Kind("LowPass", "linear", 0.01, options=(("weight", 0.1),)),
    "Nesterov 0.9": Kind("Nesterov", "linear", 0.01, options=(("momentum", 0.9),)),
    "Newton": Kind("Newton", "linear", 1.0),
    "Adagrad": Kind("Adagrad", "scale-free", 0.01),
    "AMSGrad": Kind("AMSGrad", "scale-free", 0.001),
    "Adam": Kind("Adam", "scale-free", 0.001),
    "AdamW": Kind("AdamW", "scale-free", 0.001),
    "Adamax": Kind("Adamax", "scale-free", 0.002),
    "RMSprop": Kind("RMSprop", "scale-free", 0.01),
    "Adadelta": Kind("Adadelta", "adadelta", 1.0),
    "SGD, batch 32": Kind("SGD", "noise", 0.01, 32),
    "SGD, batch 1": Kind("SGD", "noise", 0.01, 1),
    "Adam, batch 1": Kind("Adam", "noise", 0.001, 1),
}
"""All rules of `optimizers` on full batches, and noise."""


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of one kind.

    Args:
        starts: (S,) first weights; lrs: (L,).
        below, above: (seeds,) mean(x² 1{x < 0}) and mean(x² 1{x > 0}) of each draw of the data.
        end: (S, L, seeds), last weights.
        crossed: (S, L, seeds), the first step after which a weight that began below 0 was above; -1 for none.
        outcome: (S, L, seeds): stuck at or below 0, across but above the target, trained, diverged.
        steps: of each.
    """

    starts: Floats
    lrs: Floats
    below: Floats
    above: Floats
    end: Floats
    crossed: NDArray[np.int64]
    outcome: NDArray[np.int64]
    steps: int


def sample(seeds: int) -> Floats:
    """(seeds, 100) inputs from N(0, 1), the data of each seed."""
    return np.stack([np.random.default_rng(seed).standard_normal(SAMPLES) for seed in range(seeds)])


def moments(x: Floats) -> tuple[Floats, Floats]:
    """mean(x² 1{x < 0}) and mean(x² 1{x > 0}) of each row."""
    return (x * x * (x < 0)).mean(-1), (x * x * (x > 0)).mean(-1)


def simulate(
    kind: Kind,
    starts: Floats,
    lrs: Floats,
    x: Floats,
    steps: int,
    dtype: torch.dtype = torch.float64,
) -> Runs:
    """Run one rule from every start with every lr on every draw, mean squared error without the 1/2.

    Args:
        kind: what is run.
        starts: (S,); lrs: (L,).
        x: (seeds, samples), the data; for fresh batches only the number of rows counts, and every start has its own.
        steps: updates.
        dtype: of the weights.

    Returns:
        Runs.
    """
    shape = (len(starts), len(lrs), len(x))
    low, high = moments(x)
    w = torch.as_tensor(np.broadcast_to(starts[:, None, None], shape).copy(), dtype=dtype).reshape(-1, 1)
    lr = torch.as_tensor(np.broadcast_to(lrs[None, :, None], shape).copy()).reshape(-1)
    below, above = (torch.as_tensor(np.broadcast_to(v, shape).copy(), dtype=dtype).reshape(-1, 1) for v in (low, high))
    rule, negative = kind.made(lr), w < 0
    params = {"w": w}
    state, crossed = rule.init(params), torch.full(w.shape, -1)
    rng, tail, first = np.random.default_rng(7), torch.zeros_like(w), steps - max(1, steps // 10)
    now = (below, above)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optimizers.SingularHessianWarning)  # at weight 0, on purpose
        for t in range(steps):
            if kind.batch is not None:
                drawn = batch_moments(kind.batch, (shape[0], 1, shape[2]), rng)
                left, right = (
                    torch.as_tensor(np.broadcast_to(d, shape).copy(), dtype=dtype).reshape(-1, 1) for d in drawn
                )
                now = (left, right)
            w = params["w"]
            curvature = 2 * torch.where(w < 0, now[0], torch.where(w > 0, now[1], 0.0))
            grad = curvature * torch.where(w > 0, w - 1, w)
            if isinstance(rule, Newton):
                params, state = rule.update({"w": grad}, state, params, hessian=curvature[..., None])
            else:
                rule.step_(params, {"w": grad}, state)
            crossed[(crossed < 0) & negative & (params["w"] > 0)] = t + 1
            if t >= first:
                tail += loss(params["w"], below, above)
    tail /= steps - first
    start_loss = loss(
        torch.as_tensor(np.broadcast_to(starts[:, None, None], shape).copy()).reshape(-1, 1), below, above
    )
    bad = ~tail.isfinite() | (tail > 10 * start_loss.clamp(min=1.0))
    good = tail <= float(single_relu_teacher.KNOWN.target or 0.0)
    code = torch.where(bad, DIVERGED, torch.where(good, TRAINED, torch.where(params["w"] > 0, ACROSS, STUCK)))
    end, crossed_, outcome = (v.double().numpy().reshape(shape) for v in (params["w"], crossed, code))
    return Runs(starts, lrs, low, high, end, crossed_.astype(np.int64), outcome.astype(np.int64), steps)


def loss(w: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """Mean squared error of relu(w x) against relu(x)."""
    return torch.where(w > 0, above * (w - 1) ** 2, above + below * w * w)


def by_the_lab(kind: Kind, starts: Floats, lrs: Floats, x: Floats, steps: int) -> Floats:
    """Last weights of the same runs, one (start, lr, row of x) a member, by `train_ensemble` on a module with a ReLU.

    Args:
        kind: what is run, on full batches.
        starts, lrs: (E,); x: (E, samples).
        steps: updates.

    Returns:
        (E,).
    """

    def build(seed: int) -> nn.Module:
        model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
        nn.init.constant_(model[0].weight, float(starts[seed]))  # type: ignore[arg-type]
        return model

    inputs = torch.as_tensor(x)[..., None]
    found = train_ensemble(
        build, kind.made(torch.as_tensor(lrs)), Data(inputs, inputs.relu(), per_member=True), loss="mse", steps=steps,
        seeds=len(starts), keep_params=True, dtype=torch.float64, workers=1, path="loop",
    )  # fmt: skip
    return np.asarray(found.params["0.weight"].reshape(-1))
