"""What "uniform-ranges" trains: the grid of one activation, loss and depth as a few ensembles, and what is read of each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from trainability.gallery._uniform_ranges_mechanism import Case, Mechanism, Reading, limit_of, mechanism
from trainability.lab.ensemble import MLP, OUTCOMES, Data, Snapshot, train_ensemble
from trainability.lab.ensemble.mlp import draw
from trainability.measures.sharpness import sharpness_of_members
from trainability.optimizers import SGD
from trainability.problems import get as problem

WIDTH, CLASSES, BATCH = 64, 10, 16
SCHEMES: dict[str, tuple[str, dict[str, float]]] = {
    "U[0, 1]": ("uniform", {"a": 0.0, "b": 1.0}),
    "U[-1, 1]": ("uniform", {"a": -1.0, "b": 1.0}),
    "U[-0.5, 0.5]": ("uniform", {"a": -0.5, "b": 0.5}),
    "U[-0.1, 0.1]": ("uniform", {"a": -0.1, "b": 0.1}),
    "N(0, 1)": ("normal", {"std": 1.0}),
    "N(0, 0.1²)": ("normal", {"std": 0.1}),
    "He": ("he_normal", {}),
}
"""Name -> (initializer, its options)."""
ACTIVATIONS = ("ReLU", "sigmoid")
PHI: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "ReLU": torch.relu}
LOSSES = ("squared error", "cross-entropy")
IN_LAB = {"squared error": ("softmax_mse", float(CLASSES)), "cross-entropy": ("cross_entropy", 1.0)}
"""Loss -> (its name in the lab, factor on it): squared error is summed over the classes here, and a mean there."""
FLAT = 4.36
"""Beyond it a sigmoid's slope is below 5% of its greatest."""
IMAGES = 300
"""On which networks are read."""


@dataclass(frozen=True)
class Trained:
    """One run.

    Args:
        case: what the rule looks at.
        mechanism: why it failed; None if it trained.
        accuracy: on the training data.
        end_loss: mean of the last tenth.
    """

    case: Case
    mechanism: Mechanism | None
    accuracy: float
    end_loss: float


def images(n: int) -> tuple[Tensor, Tensor]:
    """The first n training digits, (n, 64) in [0, 1] and labels."""
    x, y = problem("digits-saturated")().data
    return x[:n], y[:n]


def network(activation: str, depth: int, scheme: str) -> MLP:
    """64-[64] x depth-10 with biases 0."""
    init, options = SCHEMES[scheme]
    return MLP((WIDTH,) * (depth + 1) + (CLASSES,), activation.lower(), init=init, options=options)


def train(
    activation: str, loss: str, depth: int, scheme: str, lrs: Sequence[float], seeds: int, steps: int
) -> dict[float, tuple[Trained, ...]]:
    """Train one initializer at every lr with every seed, in one ensemble; each seed has the same start at every lr.

    Args:
        activation: one of `ACTIVATIONS`.
        loss: one of `LOSSES`; squared error is that of the probabilities, summed over classes.
        depth: hidden layers.
        scheme: key of `SCHEMES`.
        lrs: learning rates.
        seeds: per lr.
        steps: of SGD with batches of 16 in an order of each seed's own.

    Returns:
        lr -> runs, in the order of seeds.
    """
    net, (name, factor) = network(activation, depth, scheme), IN_LAB[loss]
    x, y = problem("digits-saturated")().data
    rates = torch.tensor([lr for lr in lrs for _ in range(seeds)], dtype=torch.float64)
    read = partial(_read, activation, loss)
    run = train_ensemble(
        net, SGD(lr=rates * factor), Data(x, y, batch_size=BATCH), loss=name, steps=steps,
        seeds=list(range(seeds)) * len(lrs), measures={"reading": read}, measured_at=(0, steps), workers=1,
    )  # fmt: skip
    limits = [limit_of(s) for s in sharpness(net, activation, loss, seeds)] * len(lrs)
    target = float(run.target[0]) * factor
    made = []
    for i in range(len(run)):
        start, end = (Reading(*row) for row in run.measured["reading"][i].tolist())
        case = Case(OUTCOMES[run.outcome[i]], start, end, float(rates[i]), limits[i], max(lrs), steps, target,
                    loss == LOSSES[0])  # fmt: skip
        made.append(Trained(case, mechanism(case), float(run.score[i]), float(run.end_loss[i]) * factor))
    return {lr: tuple(made[i * seeds : (i + 1) * seeds]) for i, lr in enumerate(lrs)}


def sharpness(net: MLP, activation: str, loss: str, seeds: int, n: int = 100) -> list[float]:
    """Largest eigenvalue of the Hessian of the loss on n images where each seed starts."""
    params = draw(net, list(range(seeds)), torch.float64, torch.device("cpu"))
    x, target = _sample(n)

    def losses() -> Tensor:
        return errors(forward(params, x, PHI[activation])[0], target, loss).mean(1)

    for value in params.values():
        value.requires_grad_()
    found: list[float] = sharpness_of_members(losses, list(params.values()), tol=0.05).values.tolist()
    return found


def _sample(n: int) -> tuple[Tensor, Tensor]:
    x, y = images(n)
    return x.double(), nn.functional.one_hot(y, CLASSES).double()


def forward(params: dict[str, Tensor], x: Tensor, phi: Callable[[Tensor], Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Logits (E, n, 10) and hidden pre-activations of stacked networks with the names of a Sequential."""
    now, hidden, layers = x.expand(len(params["0.weight"]), *x.shape), [], len(params) // 2
    for i in range(layers):
        now = torch.baddbmm(params[f"{2 * i}.bias"].unsqueeze(1), now, params[f"{2 * i}.weight"].mT)
        if i < layers - 1:
            hidden.append(now)
            now = phi(now)
    return now, hidden


def errors(logits: Tensor, target: Tensor, loss: str) -> Tensor:
    """One loss per network and image."""
    if loss == LOSSES[0]:
        return (logits.softmax(-1) - target).square().sum(-1)
    return -(logits.log_softmax(-1) * target).sum(-1)


def _read(activation: str, loss: str, snapshot: Snapshot) -> Any:
    """(M, 6): the fields of a `Reading`."""
    x, target = _sample(IMAGES)
    params = {name: value.detach().double().requires_grad_() for name, value in snapshot.params.items()}
    with torch.enable_grad():
        logits, hidden = forward(params, x, PHI[activation])
        each = errors(logits, target, loss)
        (pull,) = torch.autograd.grad(each.sum(), logits, retain_graph=True)
        apart = (pull - pull.mean(1, keepdim=True)) / IMAGES
        gradient = torch.autograd.grad(logits, list(params.values()), apart)
    signal = torch.stack([g.flatten(1).square().sum(1) for g in gradient]).sum(0)
    out = logits.detach()
    top = out.topk(2, -1).values
    wrong = out.argmax(-1) != target.argmax(-1)
    gap = torch.where(wrong, top[..., 0] - top[..., 1], torch.nan).nanmedian(1).values.nan_to_num(0.0)
    zero = torch.zeros(len(out), dtype=torch.float64)
    states = [h.detach() for h in hidden]
    dead = torch.stack([(h <= 0).all(1).double().mean(1) for h in states]).amax(0)
    flat = torch.stack([(h.abs() > FLAT).double().mean((1, 2)) for h in states]).amax(0)
    relu = activation == "ReLU"
    columns = [each.detach().mean(1), gap, dead if relu else zero, zero if relu else flat, signal,
               1 - wrong.double().mean(1)]  # fmt: skip
    return torch.stack(columns, 1)


def mechanisms(runs: Sequence[Trained]) -> dict[str, int]:
    """How many of the failing runs have each letter, most frequent first.

    >>> mechanisms([])
    {}
    """
    letters = [r.mechanism.letter for r in runs if r.mechanism is not None]
    return dict(sorted(Counter(letters).items(), key=lambda p: (-p[1], p[0])))
