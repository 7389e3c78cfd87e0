"""The edge of chaos of tanh: predicted depth scales, wide random networks, and which deep plain networks learn digits.

Mean-field theory (`theory.signal`) gives for weights N(0, sigma_w²/fan_in) and biases N(0, sigma_b²) the fixed point q* of the
variance, the recursion of the correlation of two inputs, the factor chi_1 per layer on gradients, and the depth xi_c over which
two inputs are forgotten. All of it is measured in wide random networks; then networks of width 64 are trained on digits by
plain SGD, for every depth and sigma_w² with the same draws scaled, and the depths that learn are set against xi_c.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from trainability.gallery import _order_to_chaos_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import run_all, single_thread
from trainability.optimizers import SGD
from trainability.problems import get as problem
from trainability.theory.signal import chi_1, depth_scales, edge_of_chaos, fixed_point, iterate_c_map, propagate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Order, chaos and the edge between: how deep a plain tanh network may be and still learn"
SOURCE = (
    "Poole et al. 2016, arXiv 1606.05340 (correlations); Schoenholz, Gilmer, Ganguli and Sohl-Dickstein 2017, arXiv "
    "1611.01232, Figure 5 (trainable depth), redone with small networks on digits."
)

Array = NDArray[np.float64]

SIGMA_B2 = 0.05
SHOWN = (1.3, 1.76, 2.5)
"""sigma_w² of the wide networks."""
STARTS = (0.0, 0.5, 0.9)
"""Correlations of two inputs in the first layer."""
WEIGHTS = (1.0, 1.15, 1.3, 1.45, 1.6, 1.76, 1.95, 2.2, 2.5, 2.9, 3.4, 4.0)
DEPTHS = (4, 8, 12, 16, 24, 32, 48, 64, 96)
WIDTH, BATCH, RATE = 64, 64, 0.01


@dataclass(frozen=True)
class Wide:
    """Random networks with one sigma_w², started at q*.

    Args:
        sigma_w2: weight variance times fan_in.
        width, nets: size and number.
        q: (layers,), measured variance of pre-activations.
        c: (starts, layers), measured correlation of two inputs.
        gradient: (layers,), mean square of the gradient over that of the last layer, geometric mean over nets.
        told_q, told_c, told_gradient: predicted.
    """

    sigma_w2: float
    width: int
    nets: int
    q: Array
    c: Array
    gradient: Array
    told_q: Array
    told_c: Array
    told_gradient: Array


@dataclass(frozen=True)
class Chaos:
    """The numbers behind the figure.

    Args:
        wide: one per sigma_w².
        weights, depths: axes of `accuracy`.
        budgets: steps after which it is taken.
        accuracy: (budgets, depths, weights), on the training images.
        scales: (n, 3): sigma_w², xi_c and xi_grad at sigma_b² = 0.05; inf where there is no limit.
        edge: (n, 2): sigma_b² and sigma_w² on the edge of chaos.
        chi: (sigma_b², sigma_w²) grid of chi_1; at_b, at_w: its axes.
    """

    wide: tuple[Wide, ...]
    weights: tuple[float, ...]
    depths: tuple[int, ...]
    budgets: tuple[int, ...]
    accuracy: Array
    scales: Array
    edge: Array
    chi: Array
    at_b: Array
    at_w: Array

    def learned_depth(self, budget: int) -> Array:
        """(weights,) deepest network, interpolated in log depth, whose accuracy is 0.5; 0 if none has it, inf if all have."""
        out = np.empty(len(self.weights))
        for j in range(len(self.weights)):
            good = self.accuracy[budget, :, j] >= 0.5
            if good.all():
                out[j] = np.inf
                continue
            last = int(np.argmin(good))  # the first depth that fails
            if last == 0:
                out[j] = 0.0
                continue
            high, low = self.accuracy[budget, last - 1, j], self.accuracy[budget, last, j]
            step = (high - 0.5) / (high - low)
            out[j] = np.exp((1 - step) * log(self.depths[last - 1]) + step * log(self.depths[last]))
        return out


def wide(width: int, layers: int, nets: int) -> tuple[Wide, ...]:
    """Measure variance, correlation and gradient in random networks; the same draws, scaled, for every sigma_w²."""
    stars = [fixed_point("tanh", w, SIGMA_B2)[0] for w in SHOWN]
    scale = torch.tensor(SHOWN).sqrt()[:, None, None]
    q, top = np.zeros((len(SHOWN), layers)), np.zeros((len(SHOWN), len(STARTS), layers))
    slope = np.zeros((len(SHOWN), layers))
    for net in range(nets):
        generator = torch.Generator().manual_seed(900 + net)
        W = [torch.randn(width, width, generator=generator) / sqrt(width) for _ in range(layers)]
        b = [torch.randn(width, generator=generator) * sqrt(SIGMA_B2) for _ in range(layers)]
        # Pre-activations of the first layer have the variance q* and the wanted correlations exactly.
        first = torch.linalg.qr(torch.randn(width, 1 + len(STARTS), generator=generator)).Q.mT * sqrt(width)
        first = torch.stack(
            [first[0], *(c * first[0] + sqrt(1 - c * c) * f for c, f in zip(STARTS, first[1:], strict=True))]
        )
        z = torch.tensor(stars, dtype=torch.float32).sqrt()[:, None, None] * first
        kept: list[Tensor] = []
        for layer in range(layers):
            if layer:
                z = scale * (torch.tanh(z) @ W[layer].mT) + b[layer]
            kept.append(z[:, 0])
            square = z.double().square().mean(2)
            both = (z[:, :1].double() * z[:, 1:].double()).mean(2)
            q[:, layer] += square.mean(1).numpy() / nets
            top[:, :, layer] += (both / (square[:, :1] * square[:, 1:]).sqrt()).numpy() / nets
        back = torch.randn(len(SHOWN), width, generator=generator)
        start = back.double().square().mean(1)
        for layer in range(layers - 1, -1, -1):
            slope[:, layer] += (back.double().square().mean(1) / start).log().numpy() / nets
            back = (1 - torch.tanh(kept[layer - 1]).square()) * (back @ W[layer]) * scale[:, :, 0]
    out = []
    for i, w in enumerate(SHOWN):
        told = propagate("tanh", w, SIGMA_B2, depth=layers, q0=(stars[i] - SIGMA_B2) / w)
        told_c = iterate_c_map("tanh", STARTS, layers - 1, w, SIGMA_B2).T
        out.append(Wide(w, width, nets, q[i], top[i], np.exp(slope[i]), told.q, told_c, told.gradient))
    return tuple(out)


def train(depth: int, weights: tuple[float, ...], budgets: tuple[int, ...]) -> Array:
    """Train all sigma_w² of one depth together; (budgets, weights) accuracies on the training images."""
    images, labels = problem("digits-mlp")().data
    images = (images - images.mean()) / images.std()
    E = len(weights)
    generator = torch.Generator().manual_seed(depth)
    scale = torch.tensor(weights).sqrt()[:, None, None] / sqrt(WIDTH)
    params = {}
    for i in range(depth):
        out = WIDTH if i < depth - 1 else 10
        params[f"w{i}"] = torch.randn(out, WIDTH, generator=generator) * scale
        params[f"b{i}"] = (torch.randn(1, out, generator=generator) * sqrt(SIGMA_B2)).repeat(E, 1, 1)
    rule, found = SGD(lr=RATE), []
    state = rule.init(params)

    def outputs(x: Tensor) -> Tensor:
        now = x.expand(E, -1, -1)
        for i in range(depth):
            now = torch.baddbmm(params[f"b{i}"], torch.tanh(now) if i else now, params[f"w{i}"].mT)
        return now

    for step in range(1, budgets[-1] + 1):
        chosen = torch.randint(len(images), (BATCH,), generator=generator)
        for value in params.values():
            value.requires_grad_()
        told = outputs(images[chosen]).flatten(0, 1)
        loss = nn.functional.cross_entropy(told, labels[chosen].repeat(E), reduction="sum") / BATCH
        grads = torch.autograd.grad(loss, list(params.values()))
        params = {name: value.detach() for name, value in params.items()}
        params, state = rule.update(dict(zip(params, grads, strict=True)), state, params)
        if step in budgets:
            found.append((outputs(images).argmax(2) == labels).double().mean(1).numpy())
    return np.array(found)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """9 depths, 12 values of sigma_w², 800 steps; `smoke`: depths 10 and 40, 3 values, 90 steps.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Chaos.
    """
    weights, depths, budgets = ((1.0, 1.76, 4.0), (10, 40), (30, 90)) if smoke else (WEIGHTS, DEPTHS, (100, 300, 800))
    count, total = 0, len(depths) + 1

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train deep networks", count, total)

    order = sorted(depths, reverse=True)
    jobs = [partial(train, depth, weights, budgets) for depth in order]
    rows = dict(zip(order, run_all(jobs, done=done, workers=1 if smoke else None), strict=True))
    with single_thread():
        seen = wide(300, 16, 10) if smoke else wide(600, 30, 20)
    fine = (*np.arange(1, 1.72, 0.05), 1.74, 1.76, 1.78, *np.arange(1.8, 4.01, 0.2))
    at = weights if smoke else fine
    scales = np.array([(w, *depth_scales("tanh", float(w), SIGMA_B2)[1:]) for w in at])
    at_b = np.geomspace(1e-3, 1, 7 if smoke else 40)
    at_w = np.linspace(0.6, 4.4, 8 if smoke else 60)
    chi = np.array([[chi_1("tanh", w, b) for w in at_w] for b in at_b])
    edge = np.array([(b, edge_of_chaos("tanh", b).sigma_w2) for b in at_b])
    done(0)
    accuracy = np.stack([rows[depth] for depth in depths], axis=1)
    data = Chaos(seen, weights, depths, budgets, accuracy, scales, edge, chi, at_b, at_w)
    return Reproduction(claims(data), data)


def claims(data: Chaos) -> tuple[Claim, ...]:
    """What the numbers must show; those that need a whole grid are left out of small ones.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    edge = edge_of_chaos("tanh", SIGMA_B2)
    rates = {w.sigma_w2: float((w.gradient[0] / w.gradient[-1]) ** (1 / (len(w.gradient) - 1))) for w in data.wide}
    told = {w.sigma_w2: float(chi_1("tanh", w.sigma_w2, SIGMA_B2)) for w in data.wide}
    gap_c = max(float(np.abs(w.c - w.told_c).max()) for w in data.wide)
    gap_q = max(float(np.abs(w.q / w.told_q - 1).max()) for w in data.wide)
    room = 8 / sqrt(data.wide[0].width * data.wide[0].nets)
    last = data.accuracy[-1]
    near = int(np.argmin([abs(w - edge.sigma_w2) for w in data.weights]))
    deep = last[-1] if last[-1].max() > 0.3 else last[int(np.flatnonzero(last.max(1) > 0.3)[-1])]
    xi = np.array([np.interp(w, data.scales[:, 0], data.scales[:, 1]) for w in data.weights])
    found = [
        Claim(
            "The edge of chaos at sigma_b² = 0.05: sigma_w² = 1.76 (published value, quoted from memory)",
            "1.76, where chi_1 = 1",
            f"{edge.sigma_w2:.6f}; gradients in networks of width {data.wide[0].width} at 1.76 change by "
            f"{rates[1.76]:.4f} a layer",
            abs(edge.sigma_w2 - 1.76) < 0.005 and abs(rates[1.76] - 1) < 0.03,
        ),
        Claim(
            "Gradients shrink or grow by chi_1 a layer",
            ", ".join(f"{w:g}: {x:.4f}" for w, x in told.items()),
            ", ".join(f"{w:g}: {x:.4f}" for w, x in rates.items()),
            all(abs(rates[w] / told[w] - 1) < 0.03 for w in rates),
        ),
        Claim(
            "Two inputs: correlations follow the recursion c' = C(c) from 0, 0.5 and 0.9",
            f"within {room:.3f}, eight standard errors of one layer, at every layer",
            f"largest difference {gap_c:.4f} over {data.wide[0].c.shape[1]} layers; c at the end: "
            + "; ".join(f"{w.sigma_w2:g}: {w.c[0, -1]:.3f} (told {w.told_c[0, -1]:.3f})" for w in data.wide),
            gap_c < room,
        ),
        Claim(
            "The variance stays at q* where it starts there",
            ", ".join(f"{w.sigma_w2:g}: {w.told_q[-1]:.4f}" for w in data.wide),
            ", ".join(f"{w.sigma_w2:g}: {w.q[-1]:.4f}" for w in data.wide)
            + f"; largest relative difference {gap_q:.3f}",
            gap_q < 1.5 * room,
        ),
        Claim(
            "Near the edge deep networks learn where ordered and chaotic ones of the same depth do not",
            "at the greatest depth that is learned at all: accuracy at the edge above 0.8 of the best, and 0.2 above both ends",
            f"best {deep.max():.2f}; at {data.weights[near]:g}: {deep[near]:.2f}, at {data.weights[0]:g}: {deep[0]:.2f}, at "
            f"{data.weights[-1]:g}: {deep[-1]:.2f}",
            deep[near] > 0.8 * deep.max() and deep[near] > max(deep[0], deep[-1]) + 0.2,
        ),
    ]
    if len(data.weights) > 6:
        learned = np.array([data.learned_depth(i) for i in range(len(data.budgets))])
        ranks = [_rank_correlation(row, xi) for row in learned]
        sides = [[w < 1.5 for w in data.weights], [w > 2.1 for w in data.weights]]
        middle = np.array([[np.median((row / xi)[side]) for side in sides] for row in learned])
        found += [
            Claim(
                "The depth that learns (accuracy 0.5) follows xi_c over sigma_w², whatever the budget",
                "rank correlation above 0.75",
                "; ".join(f"{s} steps: {r:.2f}" for s, r in zip(data.budgets, ranks, strict=True)),
                min(ranks) > 0.75,
            ),
            Claim(
                "Schoenholz et al.: networks train to about 6 xi_c, an empirical rule (quoted from memory). Right in size and "
                "imprecise: on the ordered side the factor grows with the steps taken",
                "growing on the ordered side; 3 to 12 on both sides at the largest budget",
                "; ".join(
                    f"{s} steps: {a:.1f} ordered, {b:.1f} chaotic"
                    for s, (a, b) in zip(data.budgets, middle, strict=True)
                ),
                bool((middle[1:, 0] > middle[:-1, 0]).all() and (middle[-1] > 3).all() and (middle[-1] < 12).all()),
            ),
            Claim(
                "On the edge xi_c is infinite, which is no promise: it holds for infinite width. At width 64 and this budget "
                f"{data.depths[-1]} layers learn nowhere",
                "xi_c sets no limit; accuracy below 0.5 all the same",
                f"xi_c at {data.weights[near]:g}: {xi[near]:.0f}; best accuracy at that depth {last[-1].max():.2f}",
                bool(last[-1].max() < 0.5 and xi[near] > 1000),
            ),
        ]
    return tuple(found)


def _rank_correlation(a: Array, b: Array) -> float:
    """Spearman's; 0 where one of them is constant."""
    return float(spearmanr(a, b).statistic) if len(set(a)) > 1 and len(set(b)) > 1 else 0.0


def figure(reproduction: Reproduction) -> Figure:
    """Phase diagram, accuracy over depth and sigma_w² under the depth scales, correlations, gradients.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _order_to_chaos_figure.draw(reproduction.data)
