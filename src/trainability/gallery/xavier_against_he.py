"""Xavier's weights against He's at 5, 22 and 30 layers: where the signal dies, and where training does.

Digits, 64-[64]x(L-1)-10, ReLU, biases 0, cross-entropy, SGD, batch 64, 2000 steps. "Xavier" is N(0, 1/fan_in), the form
that the comparison was published with; He is N(0, 2/fan_in). The source's networks were convolutional, on ImageNet.

Prediction: between the first and the last of the L - 1 hidden layers Xavier's weights lose 2^-(L-2) of the mean square, of the
signal forward and of the gradient backward, as a mean over networks; what one network of width 64 loses has an exact law
around a smaller value. A weight's gradient is the product of both, so that it is as small in the last layers as in the
first: depth does not slow the first layers down, it slows all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.initializers import he_normal_, initialize, lecun_normal_
from trainability.lab import run_all
from trainability.measures.outcome import Outcome
from trainability.problems import get as problem
from trainability.setup import Setup
from trainability.theory.finite_width import log_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Xavier against He at 5, 22 and 30 layers: which network starts to learn, and at which learning rate"
SOURCE = (
    "He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, Figure 2 (22 layers) and Figure 3 (30 layers), redone with "
    "small networks on digits."
)

Floats = NDArray[np.float64]

WIDTH, BATCH = 64, 64
DEPTHS = (5, 22, 30)
RATES = (0.01, 0.1)
WEIGHTS = {"Xavier": (lecun_normal_, 1.0), "He": (he_normal_, sqrt(2.0))}
"""Name -> (initializer, std times sqrt(fan_in))."""


@dataclass(frozen=True)
class Trained:
    """All seeds of one combination.

    Args:
        depth: layers with weights, L.
        weights: key of `WEIGHTS`.
        lr: learning rate of SGD.
        outcomes: one a seed.
        accuracy: on the training data at the end, one a seed; nan where outputs are not finite.
        loss: (seeds, points), mean training loss of consecutive parts of the run; nan once it is lost.
        steps: of each run.
    """

    depth: int
    weights: str
    lr: float
    outcomes: tuple[Outcome, ...]
    accuracy: tuple[float, ...]
    loss: Floats
    steps: int

    @property
    def trained(self) -> int:
        """Seeds with the outcome "trained"."""
        return self.outcomes.count("trained")

    @property
    def starts(self) -> tuple[float, ...]:
        """The step by which each seed's loss has fallen by a tenth; infinite where it never does."""
        with np.errstate(invalid="ignore"):
            below = self.loss < 0.9 * log(10)
        part = self.steps / self.loss.shape[1]
        return tuple(float((row.argmax() + 1) * part) if row.any() else inf for row in below)


@dataclass(frozen=True)
class Scales:
    """What random networks of one depth do to one image, before training.

    Args:
        depth: L.
        weights: key of `WEIGHTS`.
        signal: (nets, L - 1), mean square of each hidden layer's outputs over that of the first.
        gradient: (nets, L - 1), mean square of the loss's derivative in each pre-activation over that of the last.
        weight_gradient: (nets, L), mean square of the loss's derivative in each layer's weights, as it is.
    """

    depth: int
    weights: str
    signal: Floats
    gradient: Floats
    weight_gradient: Floats


@dataclass(frozen=True)
class Comparison:
    """The numbers behind the figure.

    Args:
        runs: trainings.
        scales: initial networks.
    """

    runs: tuple[Trained, ...]
    scales: tuple[Scales, ...]


def network(depth: int, weights: str, seed: int) -> nn.Sequential:
    """64-[64]x(depth - 1)-10 with ReLU.

    Args:
        depth: layers with weights, 2 or more.
        weights: key of `WEIGHTS`.
        seed: of the weights.

    Returns:
        The network, biases 0.

    Example:
        >>> sum(isinstance(m, nn.Linear) for m in network(5, "He", 0))
        5
    """
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    initialize(model, WEIGHTS[weights][0], generator=torch.Generator().manual_seed(seed))
    return model


def train(depth: int, weights: str, lr: float, seed: int, steps: int) -> tuple[Outcome, float, list[float]]:
    """One training on digits.

    Args:
        depth: L.
        weights: key of `WEIGHTS`.
        lr: learning rate of SGD.
        seed: of weights and data order.
        steps: mini-batches of 64.

    Returns:
        (outcome, accuracy on the training data, mean loss of each of 40 equal parts of the run).
    """
    model = network(depth, weights, seed)
    setup = Setup(
        model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=lr), problem("digits-mlp")().data, BATCH
    )
    made = setup.train(order=seed, steps=steps)
    parts = [float(part.mean()) for part in np.array_split(made.losses, 40)]
    return made.outcome, float(made.score), parts


def scales(depth: int, weights: str, nets: int) -> Scales:
    """Signal and gradient per layer in fresh networks, each shown one image of its own.

    Args:
        depth: L.
        weights: key of `WEIGHTS`.
        nets: how many.

    Returns:
        Scales.
    """
    images, labels = problem("digits-mlp")().data
    rows = [_one(network(depth, weights, 10_000 + i), images[i % 1400], labels[i % 1400]) for i in range(nets)]
    signal, gradient, of_weights = (np.array(part) for part in zip(*rows, strict=True))
    return Scales(depth, weights, signal, gradient, of_weights)


def _one(model: nn.Sequential, image: Tensor, label: Tensor) -> tuple[Floats, Floats, Floats]:
    x, before, after = image[None].double(), [], []
    for layer in model.double():
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            after.append(x)
        else:
            before.append(x)
    linear = [m.weight for m in model if isinstance(m, nn.Linear)]
    found = torch.autograd.grad(nn.functional.cross_entropy(x, label[None]), [*before[:-1], *linear])
    squares = np.array([float(g.square().mean()) for g in found])
    signal = np.array([float(a.detach().square().mean()) for a in after])
    gradient, of_weights = squares[: len(before) - 1], squares[len(before) - 1 :]
    with np.errstate(invalid="ignore", divide="ignore"):
        return signal / signal[0], gradient / gradient[-1], of_weights


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Train every combination with 3 seeds; `smoke`: 30 layers at lr 0.01 with one seed and 240 steps.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Comparison.
    """
    seeds, steps, nets = (1, 240, 60) if smoke else (3, 2000, 400)
    depths, rates = ((30,), (0.01,)) if smoke else (DEPTHS, RATES)
    wanted = [(depth, name, lr) for depth in depths for name in WEIGHTS for lr in rates]
    jobs = [partial(train, *one, seed, steps) for one in wanted for seed in range(seeds)]
    # The longest first, so that no worker is left alone with one at the end.
    order = sorted(range(len(jobs)), key=lambda i: -wanted[i // seeds][0])
    initial = [(depth, name) for depth in depths for name in WEIGHTS]
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train every combination", count, len(jobs) + len(initial))

    problem("digits-mlp")()  # loads the digits once, before workers are forked
    results = dict(zip(order, run_all([jobs[i] for i in order], done=done), strict=True))
    runs = []
    for i, (depth, name, lr) in enumerate(wanted):
        mine = [results[i * seeds + seed] for seed in range(seeds)]
        outcomes, accuracy, loss = zip(*mine, strict=True)
        runs.append(Trained(depth, name, lr, outcomes, accuracy, np.array(loss), steps))
    before = run_all([partial(scales, depth, name, nets) for depth, name in initial], done=done)
    data = Comparison(tuple(runs), tuple(before))
    return Reproduction(claims(data), data)


def claims(data: Comparison) -> tuple[Claim, ...]:
    """What the comparison must show; a claim whose runs are missing is left out.

    The laws of the initial networks are tested within 4.5 standard errors, which chance breaks in 1 of 150,000 tries for a
    normal mean.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    out = [claim for one in data.scales for claim in _laws(one)]
    at = {(r.depth, r.weights, r.lr): r for r in data.runs}
    for depth in sorted({s.depth for s in data.scales}):
        out.append(_everywhere(depth, {s.weights: s for s in data.scales if s.depth == depth}))
    for depth in (30, 22):
        if (depth, "He", 0.01) not in at:
            continue
        he, xavier = at[depth, "He", 0.01], at[depth, "Xavier", 0.01]
        enough = he.steps >= 2000
        he_end, xavier_end = (float(r.loss[:, -4:].mean()) for r in (he, xavier))
        source = (
            "as in the source's Figure 3: Xavier stalls, He converges"
            if depth == 30
            else "the source's Figure 2 has both converge, Xavier later; here Xavier has not begun after 2000 steps"
        )
        first = xavier.loss[:, : xavier.loss.shape[1] // 2]
        out += [
            Claim(
                f"{depth} layers, lr 0.01 ({source})",
                "He: every seed trained; Xavier: none" if enough else "He: loss below 1.8; Xavier: above 2.25",
                f"He {he.trained}, Xavier {xavier.trained} of {len(he.outcomes)}; loss at the end {he_end:.2f} and "
                f"{xavier_end:.2f}; accuracy {_list(he.accuracy)} and {_list(xavier.accuracy)}",
                he.trained == len(he.outcomes) and xavier.trained == 0
                if enough
                else he_end < 1.8 and xavier_end > 2.25,
            ),
            Claim(
                f"{depth} layers: what Xavier's network gives meanwhile is the best constant answer, by its last bias",
                f"loss log 10 = {log(10):.3f}, first half of the run",
                f"{float(first.mean()):.3f}",
                bool(np.abs(first - log(10)).max() < 0.05),
            ),
        ]
    if (5, "He", 0.01) in at:
        five = [at[5, name, lr] for name in WEIGHTS for lr in RATES]
        out.append(
            Claim(
                "5 layers: both train, at both learning rates",
                "every seed",
                ", ".join(f"{r.weights} lr {r.lr:g}: {r.trained} of {len(r.outcomes)}" for r in five),
                all(r.trained == len(r.outcomes) for r in five),
            )
        )
        early, late = at[5, "He", 0.01].starts, at[5, "Xavier", 0.01].starts
        out.append(_earlier("5 layers, lr 0.01: He's network starts earlier", early, late))
    if (22, "He", 0.1) in at:
        early, late = at[22, "He", 0.1].starts, at[22, "Xavier", 0.1].starts
        out.append(
            _earlier("22 layers, lr 0.1: Xavier's network does start, later than He's, as in Figure 2", early, late)
        )
        high = [at[depth, "He", 0.1] for depth in (22, 30)]
        done, runs = sum(r.trained for r in high), sum(len(r.outcomes) for r in high)
        out.append(
            Claim(
                "'He's weights train deep networks' holds at a learning rate: at 0.1 they do not at 22 and 30 layers",
                "at most 1 in 6 trained",
                f"{done} of {runs}; outcomes " + ", ".join(o for r in high for o in r.outcomes),
                done <= runs / 6,
            )
        )
    return tuple(out)


def _laws(one: Scales) -> list[Claim]:
    """Signal and gradient of random networks against the exact law of the log and against its mean."""
    lossy = one.depth - 2
    law = log_size([WIDTH] * lossy, gain=WEIGHTS[one.weights][1])
    out = []
    for what, ratio in (("signal, last over first hidden layer", one.signal[:, -1]),
                        ("gradient, first over last hidden layer", one.gradient[:, 0])):  # fmt: skip
        logs = np.log(ratio[ratio > 0])
        error = sqrt(law.variance / len(logs))
        # Conditioned on the gates the rows of a weight lean towards the signal; the gradient's law is the same to order 1/n.
        slack = 0.0 if "signal" in what else 2.0 * lossy / WIDTH**2
        out.append(
            Claim(
                f"{one.depth} layers, {one.weights}, {what}: mean over nets 2^-{lossy}, but that is what few nets have"
                if one.weights == "Xavier"
                else f"{one.depth} layers, {one.weights}, {what}: mean over nets 1, but that is what few nets have",
                f"mean of the log of the mean square {law.mean:.2f}, its standard deviation {sqrt(law.variance):.2f} "
                f"(log of the mean: {-lossy * log(2) if one.weights == 'Xavier' else 0.0:.2f})",
                f"{logs.mean():.2f} and {logs.std(ddof=1):.2f} over {len(logs)} nets",
                bool(abs(logs.mean() - law.mean) < 4.5 * error + slack)
                and abs(logs.std(ddof=1) / sqrt(law.variance) - 1) < 4.5 / sqrt(len(logs)),
            )
        )
    return out


def _everywhere(depth: int, by: dict[str, Scales]) -> Claim:
    """Xavier's gradient in the weights is small in every layer, by the same factor."""
    factor = np.median(by["He"].weight_gradient / by["Xavier"].weight_gradient, axis=0)[:-1]
    logs = np.log(by["Xavier"].weight_gradient[:, 1:-1])
    logs -= logs.mean(1, keepdims=True)
    error = logs.std(0, ddof=1) / sqrt(len(logs))
    wanted = 2.0 ** (depth - 1)
    return Claim(
        f"{depth} layers: Xavier's gradient in the weights is as small in late layers as in early ones, for what the signal "
        "loses forward the gradient loses backward",
        f"He's over Xavier's, mean square: 2^{depth - 1} = {wanted:.3g} in every layer, by homogeneity (the error at the "
        "output differs a little); log of it flat from layer 2 to the last hidden one",
        f"{factor.min():.3g} to {factor.max():.3g}; flat to {np.abs(logs.mean(0)).max():.2f}, standard error {error.max():.2f}",
        bool((np.abs(np.log(factor / wanted)) < log(1.5)).all() and (np.abs(logs.mean(0)) < 4.5 * error + 0.1).all()),
    )


def _earlier(says: str, early: tuple[float, ...], late: tuple[float, ...]) -> Claim:
    return Claim(
        says,
        "the loss has fallen by a tenth at an earlier step, every seed",
        ", ".join(f"{a:.0f} against {b:.0f}" for a, b in zip(early, late, strict=True)),
        all(a < b for a, b in zip(early, late, strict=True)),
    )


def _list(values: tuple[float, ...]) -> str:
    return " ".join(f"{v:.2f}" for v in values)


def figure(reproduction: Reproduction) -> Figure:
    """Top: training loss of every seed. Bottom: signal, gradient and gradient in the weights before training, deepest nets.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    data: Comparison = reproduction.data
    from matplotlib.figure import Figure

    from trainability.plots._axes import plain
    from trainability.plots._style import HEALTHY, INK, UNCHANGED

    colours = {"Xavier": UNCHANGED, "He": HEALTHY}
    depths = sorted({r.depth for r in data.runs})
    picture = Figure(figsize=(10.2, 6.4), dpi=150, layout="constrained")
    rows = picture.add_gridspec(2, 1)
    upper, lower = rows[0].subgridspec(1, len(depths)), rows[1].subgridspec(1, 3)
    for i, depth in enumerate(depths):
        axes = picture.add_subplot(upper[0, i])
        plain(axes, f"{depth} layers")
        for r in (r for r in data.runs if r.depth == depth):
            middle = (np.arange(r.loss.shape[1]) + 0.5) * r.steps / r.loss.shape[1]
            for seed, row in enumerate(r.loss):
                axes.plot(middle, row, "-" if r.lr == RATES[0] else ":", lw=1.3, color=colours[r.weights],
                          label=f"{r.weights}, lr {r.lr:g}" if seed == 0 else None)  # fmt: skip
        axes.axhline(log(10), color=INK, lw=0.8, ls="--")
        axes.set_ylim(-0.08, 3.25)
        axes.set_xlabel("step (batch of 64)", fontsize=9, color=INK)
        axes.set_ylabel("training loss (nats)", fontsize=9, color=INK)
        if depth == depths[0]:
            axes.plot([], [], "--", lw=0.8, color=INK, label="best constant answer")
            axes.legend(fontsize=7.5, frameon=False, loc="upper right", ncols=2)
    depth = max(s.depth for s in data.scales)
    titles = (
        ("Signal before training", "mean square over that of layer 1", "hidden layer"),
        ("Back-propagated gradient", "mean square over that of the last", "hidden layer"),
        ("Gradient in the weights", "mean square of dLoss/dw", "layer"),
    )
    for k, (title, unit, across) in enumerate(titles):
        axes = picture.add_subplot(lower[0, k])
        plain(axes, f"{title}, {depth} layers")
        axes.set_yscale("log")
        for s in (s for s in data.scales if s.depth == depth):
            values = np.maximum((s.signal, s.gradient, s.weight_gradient)[k], 1e-300)
            layers = np.arange(1, values.shape[1] + 1)
            low, middle, high = np.quantile(values, (0.1, 0.5, 0.9), axis=0)
            colour = colours[s.weights]
            axes.fill_between(
                layers, low, high, color=colour, alpha=0.18, lw=0, label=f"{s.weights}: 10% to 90% of nets"
            )
            axes.plot(layers, middle, lw=1.8, color=colour, label=f"{s.weights}: median net")
            if k < 2:
                passed = [layer - 1 if k == 0 else depth - 1 - layer for layer in layers]
                gain = WEIGHTS[s.weights][1]
                typical = [log_size([WIDTH] * n, gain=gain).median if n else 1.0 for n in passed]
                axes.plot(layers, typical, ":", lw=1.4, color=INK)
                axes.plot(layers, [(gain**2 / 2) ** n for n in passed], "--", lw=0.9, color=INK)
        axes.set_xlabel(across, fontsize=9, color=INK)
        axes.set_ylabel(unit, fontsize=9, color=INK)
        if k == 2:
            axes.plot([], [], ":", lw=1.4, color=INK, label="median, exact law")
            axes.plot([], [], "--", lw=0.9, color=INK, label="mean over nets")
            axes.legend(fontsize=7.5, frameon=False, loc="center", bbox_to_anchor=(0.5, 0.47))
    return picture
