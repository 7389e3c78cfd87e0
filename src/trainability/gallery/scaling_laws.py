"""All weights times s: what it does to the output, to the gradient and to the largest learning rate.

Bias-free ReLU networks of d layers, 64-[32]x(d-1)-10, on digits, squared error on the outputs before any softmax, float64.

Prediction, by homogeneity alone: output s^d, its gradient s^(d-1), Gauss-Newton matrix s^(2(d-1)), so that the largest stable
learning rate shrinks by s^(2(d-1)). Doubled weights need a rate 4^(d-1) times smaller, and not 2^d times, which is the
same at d = 2 only. With fixed biases none of it holds; with the bias of layer l times s^l the output's law does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import run_all
from trainability.measures.sharpness import sharpness
from trainability.problems import get as problem
from trainability.theory.depth_scaling import scaled
from trainability.theory.stability import gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "All weights doubled: output 2^d, gradient 2^(d-1), stable learning rate 4^-(d-1)"
SOURCE = (
    "An answer to a public question of December 2020 (weights twice as large make the gradient about 2^d times as large, "
    "so that the learning rate has to be 2^d times smaller); the exponents here are derived from homogeneity."
)

Floats = NDArray[np.float64]
Weights = list[Tensor]

DEPTHS = (2, 3, 5)
FACTORS = (0.5, 1.0, 2.0, 3.0)
HIDDEN, IMAGES = 32, 200
RATIOS = (0.8, 0.9, 0.95, 1.05, 1.1, 1.25)
"""Learning rates of the test of stability, in units of the predicted limit."""


@dataclass(frozen=True)
class Scaling:
    """One network and its copies with scaled weights; lists are along `FACTORS`.

    Args:
        depth: d.
        output: norm of the outputs over that of the unscaled network's.
        gradient: norm of the derivative of one image's first output in the weights, over the unscaled one's.
        loss_gradient: norm of the gradient of the squared error against one-hot targets, over the unscaled one's.
        loss_gradient_law: |s^(2d-1) J'f - s^(d-1) J'y| over the same at s = 1, from the unscaled network's two gradients.
        curvature: largest eigenvalue of the Gauss-Newton matrix, as it is.
        growth: by (factor, ratio), factor by which a tiny deviation grows per step of gradient descent at `ratio` times the
            predicted limit, for the factors 1 and 2.
        two_to_d: growth at factor 2 at the rate that the source's rule gives: 0.95 times the limit of the unscaled network,
            divided by 2^d.
        paths: by rate ("0.95", "1.05", "2^d"), the length of that deviation at every step, the first being 1, factor 2.
        copy: largest relative difference of the tripled network's weights from three times the unscaled one's, at any
            step of training on digits with targets times 3^d and the rate divided by 9^(d-1).
        copy_loss: first and last loss of the unscaled training, a check that it moves.
        biased: factor on the output when the weights are doubled and random biases stay.
        biased_curvature: the same for the Gauss-Newton matrix in the weights.
        biased_scaled: factor on the output when the bias of layer l is multiplied by 2^l too.
        softmax: factor on the norm of the probabilities when the weights are doubled.
    """

    depth: int
    output: tuple[float, ...]
    gradient: tuple[float, ...]
    loss_gradient: tuple[float, ...]
    loss_gradient_law: tuple[float, ...]
    curvature: tuple[float, ...]
    growth: dict[tuple[float, float], float]
    two_to_d: float
    paths: dict[str, Floats]
    copy: float
    copy_loss: tuple[float, float]
    biased: float
    biased_curvature: float
    biased_scaled: float
    softmax: float


def network(x: Tensor, weights: Weights, biases: Weights | None = None) -> Tensor:
    """A ReLU network's outputs.

    Args:
        x: (N, n_0).
        weights: W_l of (n_l, n_{l-1}).
        biases: b_l of (n_l,); None for none.

    Returns:
        (N, n_d), the last layer linear.

    Example:
        >>> network(torch.ones(1, 1), [torch.full((1, 1), 2.0), torch.full((1, 1), -3.0)])
        tensor([[-6.]])
    """
    for i, w in enumerate(weights):
        x = x @ w.T if biases is None else x @ w.T + biases[i]
        if i + 1 < len(weights):
            x = x.relu()
    return x


def gauss_newton(x: Tensor, weights: Weights, biases: Weights | None = None) -> tuple[float, Tensor]:
    """The largest eigenvalue of the Gauss-Newton matrix of 1/2 mean |f - y|² in the weights, and its vector.

    It is the Hessian of the loss whose targets are the network's own outputs, and is measured as that.

    Args:
        x: (N, n_0).
        weights: leaves that require gradients.
        biases: b_l; None for none.

    Returns:
        (eigenvalue, flat unit vector).
    """
    own = network(x, weights, biases).detach()
    top = sharpness(
        lambda: 0.5 * (network(x, weights, biases) - own).square().sum(1).mean(), weights, max_steps=80, tol=1e-7
    )
    return top.value, top.vector


def deviations(x: Tensor, weights: Weights, direction: Tensor, lr: float, steps: int) -> Floats:
    """How far a network moves away when gradient descent fits its own outputs, from a tiny deviation on.

    Args:
        x: inputs.
        weights: the network, whose outputs are the targets.
        direction: flat unit vector of the deviation, 1e-8 of the weights' norm long at the start.
        lr: learning rate on 1/2 mean |f - y|².
        steps: steps taken.

    Returns:
        (steps + 1,), length of the deviation, the first being 1.
    """
    target = network(x, weights).detach()
    start = 1e-8 * float(torch.cat([w.detach().flatten() for w in weights]).norm())
    moved = [(w.detach() + start * v.view_as(w)).requires_grad_() for w, v in
             zip(weights, direction.split([w.numel() for w in weights]), strict=True)]  # fmt: skip
    lengths = []
    for _ in range(steps + 1):
        lengths.append(
            float(torch.cat([(a - b).detach().flatten() for a, b in zip(moved, weights, strict=True)]).norm())
        )
        moved = _step(x, target, moved, lr)[0]
    return np.array(lengths) / lengths[0]


def growth(x: Tensor, weights: Weights, direction: Tensor, lr: float) -> float:
    """The factor of `deviations` in the third step."""
    lengths = deviations(x, weights, direction, lr, 3)
    return float(lengths[3] / lengths[2])


def _step(x: Tensor, y: Tensor, weights: Weights, lr: float) -> tuple[Weights, float]:
    loss = 0.5 * (network(x, weights) - y).square().sum(1).mean()
    found = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        return [(w - lr * g).requires_grad_() for w, g in zip(weights, found, strict=True)], float(loss.detach())


def scaling(depth: int, steps: int) -> Scaling:
    """Scale a network of one depth and measure.

    Args:
        depth: d, 2 or more.
        steps: of the two trainings that are compared.

    Returns:
        Scaling.
    """
    (images, labels) = problem("digits-mlp")().data
    x, y = images[:IMAGES].double(), torch.nn.functional.one_hot(labels[:IMAGES], 10).double()
    generator = torch.Generator().manual_seed(depth)
    sizes = [64, *[HIDDEN] * (depth - 1), 10]
    base = [torch.randn(m, n, generator=generator, dtype=torch.float64) * (2 / n) ** 0.5
            for n, m in pairwise(sizes)]  # fmt: skip
    biases = [0.3 * torch.randn(m, generator=generator, dtype=torch.float64) for m in sizes[1:]]

    def times(s: float) -> Weights:
        return [(s * w).requires_grad_() for w in base]

    def norms(measure: Callable[[Weights], Tensor]) -> tuple[float, ...]:
        values = [measure(times(s)).norm().item() for s in FACTORS]
        return tuple(v / values[FACTORS.index(1.0)] for v in values)

    def flat(value: Tensor, weights: Weights) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, weights)])

    tops = [gauss_newton(x, times(s)) for s in FACTORS]
    one = gradient_descent(tops[FACTORS.index(1.0)][0])
    both = [flat(0.5 * (network(x, w) - part).square().mean(), w) for part in (0 * y, y) for w in [times(1.0)]]
    own, answer = both[0], both[0] - both[1]  # J'f and J'y of the unscaled network
    powers = [(s ** (2 * depth - 1) * own - s ** (depth - 1) * answer).norm().item() for s in FACTORS]
    grown = {}
    for s in (1.0, 2.0):
        limit = one * scaled([s] * depth).stable_lr
        for ratio in RATIOS:
            grown[s, ratio] = growth(x, times(s), tops[FACTORS.index(s)][1], ratio * limit)
    direction = tops[FACTORS.index(2.0)][1]
    limit = one * scaled([2.0] * depth).stable_lr
    rates = {"0.95": 0.95 * limit, "1.05": 1.05 * limit, "2^d": 0.95 * one / 2.0**depth}
    copy, first, last = _copies(x, y, times, depth, 0.5 * one, steps)
    plain, doubled = times(1.0), times(2.0)
    grown_biases = [2.0 ** (i + 1) * b for i, b in enumerate(biases)]
    with_bias = network(x, plain, biases).detach()
    return Scaling(
        depth=depth,
        output=norms(lambda w: network(x, w)),
        gradient=norms(lambda w: flat(network(x[:1], w)[0, 0], w)),
        loss_gradient=norms(lambda w: flat((network(x, w) - y).square().mean(), w)),
        loss_gradient_law=tuple(v / powers[FACTORS.index(1.0)] for v in powers),
        curvature=tuple(value for value, _ in tops),
        growth=grown,
        two_to_d=growth(x, doubled, direction, rates["2^d"]),
        paths={name: deviations(x, doubled, direction, lr, 60) for name, lr in rates.items()},
        copy=copy,
        copy_loss=(first, last),
        biased=float(network(x, doubled, biases).detach().norm() / with_bias.norm()),
        biased_curvature=gauss_newton(x, doubled, biases)[0] / gauss_newton(x, plain, biases)[0],
        biased_scaled=float(network(x, doubled, grown_biases).detach().norm() / with_bias.norm()),
        softmax=float(network(x, doubled).softmax(1).detach().norm() / network(x, plain).softmax(1).detach().norm()),
    )


def _copies(
    x: Tensor, y: Tensor, times: Callable[[float], Weights], depth: int, lr: float, steps: int
) -> tuple[float, float, float]:
    """Train the network and three times it side by side: (largest relative difference, first loss, last loss)."""
    law = scaled([3.0] * depth)
    small, large, worst, losses = times(1.0), times(3.0), 0.0, []
    for _ in range(steps):
        small, loss = _step(x, y, small, lr)
        large, _ = _step(x, law.output * y, large, lr * law.stable_lr)
        losses.append(loss)
        for a, b in zip(small, large, strict=True):
            worst = max(worst, float((b - 3 * a).detach().norm() / (3 * a).detach().norm()))
    return worst, losses[0], losses[-1]


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Depths 2, 3 and 5, 200 steps of the trainings that are compared; `smoke`: depths 2 and 3, 40 steps.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a tuple of Scalings.
    """
    depths = DEPTHS[:2] if smoke else DEPTHS
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("scale networks", count, len(depths))

    problem("digits-mlp")()  # loads the digits once, before workers are forked
    rows = tuple(run_all([partial(scaling, depth, 40 if smoke else 200) for depth in depths], done=done))
    return Reproduction(claims(rows), rows)


def claims(data: tuple[Scaling, ...]) -> tuple[Claim, ...]:
    """What the networks must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    out: list[Claim] = []
    two = FACTORS.index(2.0)
    for r in data:
        d = r.depth
        laws = [scaled([s] * d) for s in FACTORS]
        curvature = [c / r.curvature[FACTORS.index(1.0)] for c in r.curvature]
        far = max(
            max(abs(a / law.output - 1) for a, law in zip(r.output, laws, strict=True)),
            max(abs(a / law.gradient[0] - 1) for a, law in zip(r.gradient, laws, strict=True)),
        )
        off = max(abs(a / law.curvature[0][0] - 1) for a, law in zip(curvature, laws, strict=True))
        apart = max(abs(a / b - 1) for a, b in zip(r.loss_gradient, r.loss_gradient_law, strict=True))
        wrong = max(abs(g - abs(1 - 2 * ratio)) for (_, ratio), g in r.growth.items())
        says = 1.9 * 2.0 ** (d - 2) - 1
        out += [
            Claim(
                f"d = {d}: weights times 1/2, 2, 3 multiply the outputs by s^d and their gradient by s^(d-1) (the source: by "
                "about 2^d)",
                f"doubled: {2**d} and {2 ** (d - 1)}",
                f"{r.output[two]:.6f} and {r.gradient[two]:.6f}; all to {far:.0e}",
                far < 1e-9,
            ),
            Claim(
                f"d = {d}: the largest Gauss-Newton eigenvalue, by Lanczos, goes with s^(2(d-1))",
                f"doubled: {4 ** (d - 1)}",
                f"{curvature[two]:.4f}; all to {off:.0e}",
                off < 1e-4,
            ),
            Claim(
                f"d = {d}: the gradient of the squared error follows no power: the error at the output changes as well",
                "|s^(2d-1) J'f - s^(d-1) J'y|, doubled: " + f"{r.loss_gradient_law[two]:.3f} "
                f"(2^(d-1) = {2 ** (d - 1)}, 2^(2d-1) = {2 ** (2 * d - 1)})",
                f"{r.loss_gradient[two]:.3f}; all to {apart:.0e}",
                apart < 1e-9,
            ),
            Claim(
                f"d = {d}: gradient descent is stable up to 2/curvature, for doubled weights at a rate {4 ** (d - 1)} times "
                "smaller",
                "growth per step |1 - 2 r| at r = 0.8 .. 1.25 times the limit: 0.9 at 0.95, 1.1 at 1.05",
                f"{r.growth[2.0, 0.95]:.4f} and {r.growth[2.0, 1.05]:.4f}; all to {wrong:.0e}",
                wrong < 1e-3,
            ),
            Claim(
                f"d = {d}: dividing the rate by 2^d, as the source advises, is "
                + ("enough, as 2^d = 4^(d-1) here" if d == 2 else "not enough"),
                f"growth per step {says:.2f} at 0.95 times the old limit / {2**d}",
                f"{r.two_to_d:.3f}",
                abs(r.two_to_d / says - 1) < 1e-2,
            ),
            Claim(
                f"d = {d}: the law is global: with targets times 3^d and the rate over 9^(d-1), three times the weights train "
                "as three times the weights",
                "relative difference 0, at every step",
                f"{r.copy:.0e} (loss {r.copy_loss[0]:.3f} to {r.copy_loss[1]:.3f})",
                r.copy < 1e-8 and r.copy_loss[1] < 0.9 * r.copy_loss[0],
            ),
            Claim(
                f"d = {d}: with biases that stay the law fails; with the bias of layer l times 2^l the outputs obey it again; "
                "softmax outputs never do",
                f"outputs and curvature not times {2**d} and {4 ** (d - 1)}; times {2**d}; not times {2**d}",
                f"{r.biased:.2f} and {r.biased_curvature:.2f}; {r.biased_scaled:.6f}; {r.softmax:.2f}",
                abs(r.biased / 2**d - 1) > 0.03
                and abs(r.biased_curvature / 4 ** (d - 1) - 1) > 0.03
                and abs(r.biased_scaled / 2**d - 1) < 1e-9
                and r.softmax < 0.9 * 2**d,
            ),
        ]
    return tuple(out)


def figure(reproduction: Reproduction) -> Figure:
    """Scaling of outputs, gradient and curvature; growth per step against the rate; deviations of the doubled network.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    data: tuple[Scaling, ...] = reproduction.data
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    from trainability.plots._axes import plain
    from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

    picture = Figure(figsize=(11.0, 3.9), dpi=150, layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    colours = {2: REMEDY, 3: HEALTHY, 5: UNCHANGED}
    plain(left, "What scaling does")
    s = np.geomspace(FACTORS[0], FACTORS[-1], 30)
    for r in data:
        curvature = [c / r.curvature[FACTORS.index(1.0)] for c in r.curvature]
        rows = (
            ("o", "-", r.output, r.depth),
            ("s", "--", r.gradient, r.depth - 1),
            ("^", ":", curvature, 2 * r.depth - 2),
        )
        for mark, line, values, power in rows:
            left.plot(s, s**power, line, lw=1.1, color=colours[r.depth])
            left.plot(FACTORS, values, mark, ms=5, color=colours[r.depth], mfc="none")
    for mark, line, name in (("o", "-", "outputs, $s^d$"), ("s", "--", "their gradient, $s^{d-1}$"),
                             ("^", ":", "curvature, $s^{2(d-1)}$")):  # fmt: skip
        left.plot([], [], mark + line, ms=5, lw=1.1, color=GREY, mfc="none", label=name)
    for r in data:
        left.plot([], [], lw=3, color=colours[r.depth], label=f"d = {r.depth}")
    left.set_xscale("log")
    left.set_yscale("log")
    left.xaxis.set_major_locator(FixedLocator(list(FACTORS)))
    left.xaxis.set_major_formatter(FixedFormatter([f"{f:g}" for f in FACTORS]))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xlabel("factor s on all weights", fontsize=9, color=INK)
    left.set_ylabel("factor (1 at s = 1)", fontsize=9, color=INK)
    left.legend(fontsize=7.5, frameon=False, loc="upper left")
    plain(middle, "Growth per step of a tiny deviation")
    r_line = np.linspace(0.75, 1.3, 20)
    middle.plot(r_line, np.abs(1 - 2 * r_line), "-", lw=1.1, color=GREY, label="|1 − 2r|")
    middle.axhline(1.0, lw=0.8, ls="--", color=INK)
    for size, r in zip((4, 7.5, 11), data, strict=False):
        for factor, mark in ((1.0, "o"), (2.0, "^")):
            middle.plot(RATIOS, [r.growth[factor, ratio] for ratio in RATIOS], mark, ms=size, mfc="none",
                        color=colours[r.depth], label=f"d = {r.depth}, s = {factor:g}")  # fmt: skip
    middle.set_xlabel("learning rate / predicted limit, r", fontsize=9, color=INK)
    middle.set_ylabel("factor per step", fontsize=9, color=INK)
    middle.legend(fontsize=7.5, frameon=False, loc="upper left")
    last = data[-1]
    d = last.depth
    plain(right, f"Doubled weights, d = {d}")
    rates = (("2^d", UNCHANGED, "-", f"0.95 × old limit / {2**d} (source: $2^d$)"),
             ("1.05", REMEDY, "--", f"1.05 × old limit / {4 ** (d - 1)} ($4^{{d-1}}$)"),
             ("0.95", HEALTHY, "-.", f"0.95 × old limit / {4 ** (d - 1)}"))  # fmt: skip
    for name, colour, line, label in rates:
        path = last.paths[name]
        right.plot(np.arange(len(path)), np.where(path < 1e12, path, np.nan), line, lw=1.8, color=colour, label=label)
    right.set_yscale("log")
    right.set_xlabel("step of gradient descent", fontsize=9, color=INK)
    right.set_ylabel("deviation of the weights / at the start", fontsize=9, color=INK)
    right.set_ylim(1e-4, 1e10)
    right.legend(fontsize=7.5, frameon=False, loc="upper right")
    return picture
