"""The edge of stability: full-batch training sharpens until the largest curvature is what the rule's learning rate allows.

A tanh network with one-hot targets and loss mean 1/2 |output - target|² is trained on standardised digits, and the
sharpness, the largest Hessian eigenvalue, is measured along the way by Lanczos (for Adam that of the Hessian
preconditioned by sqrt(v_hat) + eps at that step). The limit it is held against comes from the update rule alone:
linearised along curvature l the rule is a 2 x 2 map whose root leaves the unit circle at -1 when l reaches

    gradient descent 2/lr,   heavy ball 2 (1 + b)/lr,   Nesterov 2 (1 + b)/((1 + 2b) lr),
    low-pass form 2 (2 - B)/(B lr),   Adam 2 (1 + b1)/((1 - b1) lr)

No data enter there. A ratio of sharpness to limit near 1 is by itself no edge: a run may be passing, or may have run out of
loss just there. The mark of the edge is that the gradient along the top eigenvector changes its sign from each step to the
next, and that the loss no longer falls at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainability.gallery import _edge_of_stability_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.initializers import torch_default_
from trainability.lab import run_all
from trainability.measures.lanczos import Eigen
from trainability.measures.sharpness import sharpness
from trainability.optimizers import SGD, Adam, LowPass, Momentum, Nesterov, Params, Rule
from trainability.optimizers._rule import State
from trainability.theory import stability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The edge of stability: sharpness rises to what the learning rate allows, for five update rules"
SOURCE = (
    "Cohen, Kaur, Li, Kolter and Talwalkar 2021, arXiv 2103.00065 (gradient descent, momentum); Cohen and others 2022, "
    "arXiv 2207.14484 (Adam, 38/lr). Network, data and learning rates were chosen here."
)

EDGE, BELOW = "edge", "below"
MOMENTUM = 0.9
"""Of Nesterov's rule, in all runs."""


@dataclass(frozen=True)
class Planned:
    """A run to make.

    Args:
        name: of the rule, in words.
        rule: with its lr.
        steps: updates.
        every: steps between two measurements.
        expected: `EDGE`, or `BELOW`: too small an lr to get there in these steps.
    """

    name: str
    rule: SGD | Momentum | Nesterov | LowPass | Adam
    steps: int
    every: int
    expected: str


@dataclass(frozen=True)
class Watched:
    """One training run.

    Args:
        name, expected: as planned.
        lr: learning rate.
        limit: sharpness at which this rule stops being stable at this lr, by theory.
        at: (M,) steps of the measurements.
        sharpness: (M,), for Adam the preconditioned one.
        turns: (M,), the gradient along the top eigenvector one step later, over what it was; -1 where it alternates.
        loss: (steps + 1,), before each update and after the last.
        converged: whether Lanczos did in every measurement.
    """

    name: str
    expected: str
    lr: float
    limit: float
    at: NDArray[np.int64]
    sharpness: NDArray[np.float64]
    turns: NDArray[np.float64]
    loss: NDArray[np.float64]
    converged: bool

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Sharpness over its limit, (M,)."""
        return self.sharpness / self.limit

    @property
    def late(self) -> NDArray[np.bool_]:
        """Which measurements are in the last half of the run, (M,)."""
        return self.at > self.at[-1] / 2

    @property
    def level(self) -> float:
        """Mean ratio over the last half."""
        return float(self.ratio[self.late].mean())

    @property
    def quarters(self) -> tuple[float, float]:
        """Mean ratios over the third and the last quarter."""
        third, last = np.array_split(self.ratio[self.late], 2)
        return float(third.mean()), float(last.mean())

    @property
    def alternating(self) -> float:
        """Share of the measurements of the last half at which the gradient alternated: turned by -2 to -1/2."""
        turns = self.turns[self.late]
        return float(((turns > -2) & (turns < -0.5)).mean())

    @property
    def rises(self) -> int:
        """Steps of the last half that raised the loss."""
        return int((np.diff(self.loss[len(self.loss) // 2 :]) > 0).sum())

    @property
    def fall(self) -> float:
        """Median loss of the last tenth over the loss at the middle; a median, because of passing spikes."""
        return float(np.median(self.loss[-1 - len(self.loss) // 10 :]) / self.loss[len(self.loss) // 2])

    @property
    def label(self) -> str:
        """Rule and lr."""
        return f"{self.name} {self.lr:g}"


@dataclass(frozen=True)
class Edge:
    """The numbers behind the figure.

    Args:
        runs: in the order of the plan.
        samples: number of digits.
        widths: of the network.
    """

    runs: tuple[Watched, ...]
    samples: int
    widths: tuple[int, ...]


FULL = (
    Planned("gradient descent", SGD(0.1), 4000, 50, BELOW),
    Planned("gradient descent", SGD(0.2), 4000, 50, BELOW),
    Planned("gradient descent", SGD(0.3), 6000, 50, EDGE),
    Planned("gradient descent", SGD(0.4), 4000, 50, EDGE),
    Planned("heavy ball", Momentum(0.4, 0.9), 8000, 100, EDGE),
    Planned("heavy ball", Momentum(0.6, 0.9), 8000, 100, EDGE),
    Planned("Nesterov", Nesterov(0.2, MOMENTUM), 6000, 100, EDGE),
    Planned("low-pass", LowPass(4.0, 0.1), 8000, 100, EDGE),
    Planned("Adam", Adam(1e-4), 6000, 100, BELOW),
    Planned("Adam", Adam(1e-3), 12000, 150, EDGE),
    Planned("Adam", Adam(2e-3), 12000, 150, EDGE),
)
SMOKE = (
    Planned("gradient descent", SGD(0.1), 200, 20, BELOW),
    Planned("gradient descent", SGD(0.6), 300, 15, EDGE),
    Planned("heavy ball", Momentum(1.0, 0.5), 300, 15, EDGE),
    Planned("Nesterov", Nesterov(0.45, MOMENTUM), 300, 15, EDGE),
    Planned("low-pass", LowPass(2.0, 0.5), 300, 15, EDGE),
    Planned("Adam", Adam(0.02), 500, 25, EDGE),
)
"""Smaller network, fewer digits, and learning rates that let it reach the edge within a hundred or two steps."""


def digits(samples: int) -> tuple[Tensor, Tensor]:
    """Inputs (samples, 64), each pixel of mean 0 and variance 1 over all 1797 digits, and one-hot targets, float64."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    chosen = np.random.default_rng(0).permutation(len(raw.target))[:samples]
    spread = raw.data.std(0)
    x = (raw.data[chosen] - raw.data.mean(0)) / np.where(spread > 0, spread, 1.0)
    return torch.from_numpy(x), torch.from_numpy(np.eye(10)[raw.target[chosen]])


def network(widths: tuple[int, ...], seed: int) -> Params:
    """Weights and biases as `torch.nn.Linear` draws them after `torch.manual_seed(seed)`, in float64."""
    generator = torch.Generator().manual_seed(seed)
    params: Params = {}
    for i, (fan_in, out) in enumerate(pairwise(widths)):
        params[f"w{i}"] = torch_default_(torch.empty(out, fan_in), generator=generator).double()
        bias = torch.empty(out).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
        params[f"b{i}"] = bias.double()
    return params


def mean_loss(params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Mean over samples of 1/2 |output - target|²."""
    last = len(params) // 2 - 1
    for i in range(last):
        x = torch.tanh(torch.nn.functional.linear(x, params[f"w{i}"], params[f"b{i}"]))
    out = torch.nn.functional.linear(x, params[f"w{last}"], params[f"b{last}"])
    return 0.5 * (out - y).square().sum(1).mean()


def gradient(params: Params, x: Tensor, y: Tensor) -> tuple[float, Params]:
    """The loss and its gradient."""
    given = {name: value.detach().requires_grad_() for name, value in params.items()}
    loss = mean_loss(given, x, y)
    found = torch.autograd.grad(loss, list(given.values()))
    return float(loss.detach()), dict(zip(params, found, strict=True))


def divisor(rule: Rule, state: State, params: Params) -> list[Tensor] | None:
    """Adam's sqrt(v_hat) + eps, None for rules that do not divide."""
    if not isinstance(rule, Adam):
        return None
    correction = 1 - rule.betas[1] ** state["step"]
    return [(state["exp_avg_sq"][name] / correction).sqrt() + rule.eps for name in params]


def curvature(params: Params, x: Tensor, y: Tensor, scale: list[Tensor] | None) -> Eigen:
    """The largest eigenvalue of the Hessian, or of the one preconditioned by `scale`."""
    held = {name: value.detach().clone().requires_grad_() for name, value in params.items()}
    return sharpness(lambda: mean_loss(held, x, y), list(held.values()), preconditioner=scale)


def watch(planned: Planned, widths: tuple[int, ...], samples: int, seed: int = 0) -> Watched:
    """Train, and measure the sharpness along the way.

    Args:
        planned: the run.
        widths: of the network.
        samples: how many digits.
        seed: of the first weights.

    Returns:
        Watched.
    """
    x, y = digits(samples)
    params, rule = network(widths, seed), planned.rule
    state = rule.init(params)
    at, sharp, turns, losses, sure = [], [], [], [], True
    direction: Tensor | None = None
    before = 0.0
    for step in range(planned.steps + 1):
        value, grads = gradient(params, x, y)
        losses.append(value)
        if direction is not None:
            turns.append(_along(grads, direction) / before)
            direction = None
        if step % planned.every == 0 and 0 < step < planned.steps:
            scale = divisor(rule, state, params)
            top = curvature(params, x, y, scale)
            at.append(step)
            sharp.append(top.value)
            sure &= top.converged
            direction = top.vector
            if scale is not None:
                direction = direction / torch.cat([d.flatten() for d in scale]).sqrt()
            before = _along(grads, direction)
        params, state = rule.update(grads, state, params)
    return Watched(
        name=planned.name,
        expected=planned.expected,
        lr=float(rule.lr),
        limit=float(rule.stable_lr(1.0)) / float(rule.lr),
        at=np.array(at),
        sharpness=np.array(sharp),
        turns=np.array(turns),
        loss=np.array(losses),
        converged=sure,
    )


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Eleven runs of a 64-32-32-10 network on 500 digits; `smoke`: six of a 64-16-16-10 network on 50.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are an Edge.
    """
    plan, widths, samples = (SMOKE, (64, 16, 16, 10), 50) if smoke else (FULL, (64, 32, 32, 10), 500)
    order = sorted(range(len(plan)), key=lambda i: -plan[i].steps)  # the longest first
    jobs = [partial(watch, plan[i], widths, samples) for i in order]
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train", count, len(jobs))

    found = dict(zip(order, run_all(jobs, done=done, workers=1 if smoke else None), strict=True))
    data = Edge(tuple(found[i] for i in range(len(plan))), samples, widths)
    return Reproduction(claims(data), data)


def claims(data: Edge) -> tuple[Claim, ...]:
    """What the runs must show.

    Args:
        data: from `run`.

    Returns:
        Claims; the one on 4000 steps of heavy ball only where that was run.
    """
    small = data.samples < 500
    band = 0.1 if small else 0.05
    edge = [r for r in data.runs if r.expected == EDGE]
    below = [r for r in data.runs if r.expected == BELOW]
    ball, average = (next(r for r in data.runs if r.name == name) for name in ("heavy ball", "low-pass"))
    nesterov = next(r for r in edge if r.name == "Nesterov")
    other = stability.heavy_ball(nesterov.lr, MOMENTUM)  # limits are k/lr: the same function gives lr and sharpness
    share = nesterov.level * nesterov.limit / other
    parted = np.abs(ball.loss - average.loss) / ball.loss
    first = np.flatnonzero(ball.ratio > 1)
    calm = int(ball.at[first[0]]) if len(first) else len(parted)
    out = [
        Claim(
            f"{name}: sharpness hovers at {formula}; mean of sharpness/limit over the last half of the run",
            f"1 ± {band:g}; limits " + ", ".join(f"{r.limit:,.4g} (lr {r.lr:g})" for r in mine),
            ", ".join(f"{r.level:.3f}" for r in mine),
            all(abs(r.level - 1) <= band for r in mine),
        )
        for name, formula in FORMULAS.items()
        if (mine := [r for r in edge if r.name == name])
    ]
    out += [
        Claim(
            "Nesterov's limit is its own: it does not sharpen on to heavy ball's 2 (1 + b)/lr",
            f"sharpness over heavy ball's limit {1 / (1 + 2 * MOMENTUM):.3f}, 1/(1 + 2b), within the same band",
            f"{share:.3f}",
            abs(share * (1 + 2 * MOMENTUM) - 1) <= band,
        ),
        Claim(
            "The low-pass form walks heavy ball's path (lr B, momentum 1 - B) to rounding, until the edge amplifies that",
            "losses equal to 1e-9 before the limit is first crossed; mean ratios of the last half within 0.01 of each other",
            f"{parted[:calm].max():.0e} in {calm} steps; {ball.level:.4f} and {average.level:.4f}",
            bool(parted[:calm].max() < 1e-9 and abs(ball.level - average.level) < 0.01),
        ),
        Claim(
            "Sharpness gets there from far below: that of the first measurement over the limit",
            "below 1 for every run, and higher later in every run",
            ", ".join(f"{r.label}: {r.ratio[0]:.2f}" for r in data.runs),
            all(r.ratio[0] < 1 and r.ratio.max() > 1.05 * r.ratio[0] for r in data.runs),
        ),
        Claim(
            "Where the lr is too small the edge is not reached in these steps: still below, still sharpening, and the loss "
            "falls at every step of the last half",
            "all ratios below 1, higher in the last quarter than in the third; 0 rises; alternation in at most 10%",
            ", ".join(f"{r.label}: {r.quarters[0]:.3f} to {r.quarters[1]:.3f}, {r.rises} rises, {100 * r.alternating:.0f}%"
                for r in below
            ),
            all(
                r.ratio.max() < 1 and r.quarters[0] < r.quarters[1] and r.rises == 0 and r.alternating <= 0.1
                for r in below
            ),
        ),
        Claim(
            "At the edge the loss no longer falls at every step, and yet falls in the long run",
            "rises in the last half; median loss of the last tenth below the loss at the middle",
            ", ".join(f"{r.label}: {r.rises}, {r.fall:.2f}" for r in edge),
            all(r.rises > 0 and r.fall < 1 for r in edge),
        ),
        Claim(
            "What breaks is the root at -1: at the edge the gradient along the top eigenvector changes sign at every step "
            "(share of the last half's measurements)",
            "above 20%: it dies away while the sharpness is a little below the limit",
            ", ".join(f"{r.label}: {100 * r.alternating:.0f}%" for r in edge),
            all(r.alternating > 0.2 for r in edge),
        ),
        Claim(
            "Lanczos converged in every measurement",
            "all",
            f"{sum(r.converged for r in data.runs)} of {len(data.runs)} runs",
            all(r.converged for r in data.runs),
        ),
    ]  # fmt: skip
    if not small:
        late = (ball.at > 2000) & (ball.at <= 4000)
        rises = int((np.diff(ball.loss[2000:4001]) > 0).sum())
        out.append(
            Claim(
                "A ratio near 1 alone is no edge: heavy ball with lr 0.4 averages that over steps 2000 to 4000 as well, while "
                "it still sharpens and its loss falls at every step",
                "within 5% of 1, with 0 rises of the loss",
                f"{ball.ratio[late].mean():.3f} (from {ball.ratio[late][0]:.3f} to {ball.ratio[late][-1]:.3f}), {rises} rises",
                abs(ball.ratio[late].mean() - 1) <= 0.05 and rises == 0,
            )
        )
    return tuple(out)


FORMULAS = {
    "gradient descent": "2/lr",
    "heavy ball": "2 (1 + b)/lr",
    "Nesterov": "2 (1 + b)/((1 + 2b) lr)",
    "low-pass": "2 (2 - B)/(B lr)",
    "Adam": "38/lr (preconditioned sharpness, b1 = 0.9)",
}


def figure(reproduction: Reproduction) -> Figure:
    """Sharpness and loss of gradient descent; sharpness over its limit with momentum; Adam's preconditioned sharpness.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _edge_of_stability_figure.draw(reproduction.data)


def _along(grads: Params, direction: Tensor) -> float:
    return float(torch.cat([g.flatten() for g in grads.values()]) @ direction)
