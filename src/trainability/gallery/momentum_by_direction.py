"""Momentum, singular value by singular value: gradient descent against a low-pass filtered gradient on least squares.

Loss 1/(2n) |X w - y|², X = U diag(s) Vᵀ with random U and V; a direction is a column of V and has curvature l = s²/n. The
runs use the package's update rules on w itself, which know nothing of directions; what they did is read off by Vᵀ.

Prediction: each direction moves by itself, on the closed form of `theory.stability.iterates`; both rules at their best lr
(and weight) need kappa = l_max/l_min steps per factor e, or sqrt(kappa). The filter is the same for every direction: what
differs is the frequency of the gradient that goes in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import lfilter

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import single_thread
from trainability.optimizers import SGD, LowPass, Rule
from trainability.theory.stability import directions, iterates, low_pass_filter, optimum, spectral_radius

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What momentum does to each singular value of least squares"
SOURCE = (
    "Sahai, lecture notes on deep learning, lecture 6, sections 2.1 and 2.2, eq. 6.5 to 6.7, and the demo that the notes "
    "wish they had; rates: Polyak 1964 and Goh 2017, Distill."
)

Array = NDArray[np.float64]
ROWS, KAPPA = 48, 100.0
KAPPAS = (10.0, 100.0, 1e4)
WEIGHTS = (0.03, 0.1, 0.3)
DESCENT, MOMENTUM = "gradient descent", "momentum"
FLAT_STEPS, FLAT_LR, FLAT_WEIGHT = 400, 0.1, 0.05


@dataclass(frozen=True)
class Run:
    """One rule on one least-squares problem, direction by direction.

    Args:
        rule: a name of `theory.stability.RULES`; lr; weight: on the new gradient, 1 for gradient descent.
        sharpness: curvature of each direction `(d,)`, falling; the last may be 0.
        paths: distance from the solution along each direction `(steps + 1, d)`; 1 at the start.
        told: the same in closed form.
        rates: factor per step of each direction with curvature, fitted to its path.
    """

    rule: str
    lr: float
    weight: float
    sharpness: Array
    paths: Array
    told: Array
    rates: Array

    @property
    def told_rates(self) -> Array:
        """The spectral radius of each direction with curvature."""
        return np.asarray(spectral_radius(self.rule, self.lr, self.curved, **self.hyper))

    @property
    def curved(self) -> Array:
        """Curvatures that are not 0."""
        return self.sharpness[self.sharpness > 0]

    @property
    def hyper(self) -> dict[str, float]:
        """What the theory's functions want beside the lr."""
        return {"weight": self.weight} if self.rule == "low_pass" else {}

    def settled(self, tolerance: float = 1e-3) -> Array:
        """First step from which each direction with curvature stays within the tolerance."""
        outside = np.abs(self.paths[:, : len(self.curved)]) > tolerance
        return np.asarray(len(outside) - outside[::-1].argmax(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class ByDirection:
    """The numbers behind the figure.

    Args:
        shown: the two rules at their best for kappa = 100, and one direction without curvature.
        best: kappa -> the two rules at their best, without such a direction.
        frequencies: of the sinusoidal gradients `(F,)`, cycles per step.
        gains, lags: of the filter at each weight of `WEIGHTS` and frequency `(3, F)`, lags in radians, measured.
        same_filter: largest difference between steps and the one filter applied to each direction's own gradient.
        edges: measured largest lr times curvature at weight 1 and 0.1.
        flat: spread of a direction without curvature after `FLAT_STEPS` gradients of noise, for both rules, and runs.
        mapping: largest relative difference of LowPass and torch's SGD(lr B, momentum 1 - B, dampening 0) in 200 steps.
        first: weight after one step of LowPass, and of torch's SGD(lr, momentum 1 - B, dampening 1 - B).
    """

    shown: dict[str, Run]
    best: dict[float, dict[str, Run]]
    frequencies: Array
    gains: Array
    lags: Array
    same_filter: float
    edges: tuple[float, float]
    flat: tuple[float, float, int]
    mapping: float
    first: tuple[float, float]


def descend(rule: Rule, X: Array, y: Array, w: Array, steps: int) -> Array:
    """The path of a rule on 1/(2n) |X w - y|².

    Args:
        rule: any update rule.
        X: `(n, d)`; y: `(n,)`; w: first weights `(d,)`.
        steps: at least 0.

    Returns:
        w_0 to w_steps `(steps + 1, d)`.
    """
    A, b = torch.from_numpy(X), torch.from_numpy(y)
    params = {"w": torch.from_numpy(w.copy())}
    state = rule.init(params)
    path = [w]
    for _ in range(steps):
        rule.step_(params, {"w": A.T @ (A @ params["w"] - b) / len(b)}, state)
        path.append(params["w"].numpy().copy())
    return np.stack(path)


def follow(name: str, sharpness: Array, steps: int, seed: int = 0) -> Run:
    """Run a rule at its best lr for a spectrum, from distance 1 along every direction.

    Args:
        name: `DESCENT` or `MOMENTUM`.
        sharpness: curvatures, falling; zeros last, which the best lr leaves out.
        steps: updates.
        seed: of U, V and the solution.

    Returns:
        Run.
    """
    rng = np.random.default_rng([6, seed])
    d = len(sharpness)
    U = np.linalg.qr(rng.normal(size=(ROWS, d)))[0]
    V = np.linalg.qr(rng.normal(size=(d, d)))[0]
    X, truth = U * np.sqrt(ROWS * sharpness) @ V.T, rng.normal(size=d)
    low, high = sharpness[sharpness > 0][[-1, 0]]
    rule: Rule
    if name == DESCENT:
        found, weight, theory = float(optimum.gradient_descent(low, high).lr), 1.0, "gradient_descent"
        rule = SGD(lr=found)
    else:
        best = optimum.low_pass(low, high)
        found, weight, theory = float(best.lr), float(best.weight), "low_pass"
        rule = LowPass(lr=found, weight=weight)
    paths = (descend(rule, X, X @ truth, truth + V.sum(axis=1), steps) - truth) @ V
    hyper = {"weight": weight} if name == MOMENTUM else {}
    told = iterates(theory, found, sharpness, np.arange(steps + 1), **hyper)
    rates = np.array([rate(c, 1 if name == DESCENT else 2) for c in paths[:, sharpness > 0].T])
    return Run(theory, found, weight, sharpness, paths, told, rates)


def rate(path: Array, memory: int) -> float:
    """The factor per step of a decaying path: the largest root of the recursion with `memory` terms that fits it best.

    Args:
        path: one direction `(steps + 1,)`, begun at 1; what is below 1e-6 is left out, where rounding shows.
        memory: terms, 1 or 2.

    Returns:
        The size of that root.
    """
    above = np.flatnonzero(np.abs(path) > 1e-6)
    path = path[1 : max(int(above[-1]) + 1, memory + 4)]
    table = np.stack([path[memory - 1 - k : len(path) - 1 - k] for k in range(memory)], axis=1)
    # Weighted as the path decays, so that late steps count as much as the first ones.
    scale = np.maximum.accumulate(np.abs(path[::-1]))[::-1][memory:]
    terms = np.linalg.lstsq(table / scale[:, None], path[memory:] / scale, rcond=None)[0]
    return float(np.abs(np.roots([1.0, *-terms])).max())


def listen(frequencies: Array, steps: int) -> tuple[Array, Array]:
    """Feed cosines as gradients to `LowPass` and measure what its steps do.

    Args:
        frequencies: multiples of 1/240 `(F,)`.
        steps: to wait for the start to be forgotten; 240 more are measured.

    Returns:
        gains and lags in radians, `(3, F)`, a row for each of `WEIGHTS`.
    """
    f = np.tile(frequencies, len(WEIGHTS))
    weight = torch.from_numpy(np.repeat(WEIGHTS, len(frequencies)))
    rule, params = LowPass(lr=1.0, weight=weight), {"w": torch.zeros(len(f), 1, dtype=torch.float64)}
    state, before, wave = rule.init(params), np.zeros(len(f)), np.zeros(len(f), dtype=complex)
    for t in range(steps + 240):
        rule.step_(params, {"w": -torch.from_numpy(np.cos(2 * np.pi * f * t))[:, None]}, state)
        now = params["w"][:, 0].numpy().copy()
        if t >= steps:
            wave += (now - before) * np.exp(-2j * np.pi * f * t) / np.where(f == 0.5, 240, 120)
        before = now
    wave[f == 0] /= 2
    # At f = 1/2 only the real part is seen; the response is real there.
    return np.abs(wave).reshape(len(WEIGHTS), -1), np.angle(wave).reshape(len(WEIGHTS), -1)


def edge(weight: float, steps: int = 600) -> float:
    """The largest lr at which `LowPass` does not grow on curvature 1, by bisection on runs.

    Args:
        weight: on the new gradient.
        steps: of each run; growth is judged between the half and the end.

    Returns:
        lr.
    """
    low, high = np.array([0.5]), np.array([200.0])
    for _ in range(9):  # 32 members at once: a bisection by 33
        lr = low + (high - low) * np.arange(1, 33) / 33
        rule, params = LowPass(lr=torch.from_numpy(lr), weight=weight), {"w": torch.ones(32, 1, dtype=torch.float64)}
        state, half = rule.init(params), np.ones(32)
        for t in range(steps):
            rule.step_(params, {"w": params["w"].clone()}, state)
            if t == steps // 2 - 1:
                half = params["w"][:, 0].abs().numpy().copy()
        with np.errstate(all="ignore"):
            grows = ~(params["w"][:, 0].abs().numpy() <= half)
        first = int(grows.argmax()) if grows.any() else 32
        low, high = np.array([lr[first - 1] if first else low[0]]), np.array([lr[first] if first < 32 else high[0]])
    return float(low[0] + high[0]) / 2


def wander(runs: int) -> tuple[float, float, int]:
    """Standard deviation after `FLAT_STEPS` gradients that are only noise: gradient descent and momentum, same lr.

    Args:
        runs: members.

    Returns:
        (gradient descent, momentum, runs).
    """
    noise = torch.from_numpy(np.random.default_rng(66).normal(size=(FLAT_STEPS, runs, 1)))
    ends = []
    for rule in (SGD(lr=FLAT_LR), LowPass(lr=FLAT_LR, weight=FLAT_WEIGHT)):
        params = {"w": torch.zeros(runs, 1, dtype=torch.float64)}
        state = rule.init(params)
        for g in noise:
            rule.step_(params, {"w": g}, state)
        ends.append(float(params["w"].square().mean().sqrt()))
    return ends[0], ends[1], runs


def against_torch(
    H: float = 1.3, lr: float = 0.7, weight: float = 0.1, start: float = 3.0
) -> tuple[float, float, float]:
    """`LowPass` against two readings of it in `torch.optim.SGD`, on H θ²/2.

    Args:
        H: curvature; lr; weight: on the new gradient; start: first θ.

    Returns:
        (largest relative difference to SGD(lr B, 1 - B, dampening 0) in 200 steps, θ after one step, θ after one step of
        SGD(lr, 1 - B, dampening 1 - B)).
    """

    def torch_path(rate: float, dampening: float) -> Array:
        theta = torch.tensor([start], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=rate, momentum=1 - weight, dampening=dampening)
        path = [start]
        for _ in range(200):
            theta.grad = H * theta.detach()
            optimizer.step()
            path.append(float(theta.detach()))
        return np.array(path)

    params = {"w": torch.tensor([start], dtype=torch.float64)}
    rule = LowPass(lr=lr, weight=weight)
    state, ours = rule.init(params), [start]
    for _ in range(200):
        rule.step_(params, {"w": H * params["w"]}, state)
        ours.append(float(params["w"]))
    same, other = torch_path(lr * weight, 0.0), torch_path(lr, 1 - weight)
    envelope = np.maximum.accumulate(np.abs(same[::-1]))[::-1]
    return float((np.abs(np.array(ours) - same) / envelope).max()), ours[1], float(other[1])


@single_thread()  # tensors are small: threads would wait for each other
def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Both rules at kappa = 10, 100 and 10⁴; `smoke`: fewer directions, frequencies and noisy runs.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a ByDirection.
    """
    count = 5 if smoke else 9
    spectrum = np.geomspace(1.0, 1 / KAPPA, count)
    shown = {name: follow(name, np.append(spectrum, 0.0), 1000) for name in (DESCENT, MOMENTUM)}
    best = {}
    for done, kappa in enumerate(KAPPAS):
        steps = {10.0: 200, 100.0: 1000, 1e4: 2000}[kappa]
        sharpness = np.geomspace(1.0, 1 / kappa, count)
        best[kappa] = {name: follow(name, sharpness, steps, seed=1) for name in (DESCENT, MOMENTUM)}
        if progress:
            progress("both rules at their best", done + 1, len(KAPPAS) + 2)
    f = np.array((0, 1, 3, 10, 30, 60, 120) if smoke else (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 80, 100, 120)) / 240.0
    gains, lags = listen(f, 1200)
    if progress:
        progress("feed sinusoidal gradients", len(KAPPAS) + 1, len(KAPPAS) + 2)
    mapping, ours, theirs = against_torch()
    data = ByDirection(
        shown=shown,
        best=best,
        frequencies=f,
        gains=gains,
        lags=lags,
        same_filter=one_filter(shown[MOMENTUM]),
        edges=(edge(1.0), edge(0.1)),
        flat=wander(2000 if smoke else 20_000),
        mapping=mapping,
        first=(ours, theirs),
    )
    if progress:
        progress("search limits and feed noise", len(KAPPAS) + 2, len(KAPPAS) + 2)
    return Reproduction(claims(data), data)


def one_filter(run: Run) -> float:
    """How far the steps of any direction are from lr times one and the same filter of that direction's gradient."""
    gradient = run.paths[:-1] * run.sharpness
    told = -run.lr * lfilter([run.weight], [1.0, run.weight - 1.0], gradient, axis=0)
    return float(np.abs(np.diff(run.paths, axis=0) - told).max())


def flat_spread(weight: float) -> float:
    """Standard deviation of a direction without curvature after `FLAT_STEPS` gradients of unit noise, exactly."""
    kept = (1 - weight) ** np.arange(1, FLAT_STEPS + 1)
    return FLAT_LR * math.sqrt(float(((1 - kept) ** 2).sum()))


def claims(data: ByDirection) -> tuple[Claim, ...]:
    """What the runs must show. The spreads of noise are held to 4.5 standard errors: 1 in 70,000 by chance each.

    Args:
        data: from `run`.

    Returns:
        Claims; where the notes are imprecise, the claim says so.
    """
    gd, ball = data.shown[DESCENT], data.shown[MOMENTUM]
    off = max(float(np.abs(r.paths - r.told).max()) for r in data.shown.values())
    everything = [r for pair in data.best.values() for r in pair.values()] + [gd, ball]
    rates = max(float(np.abs(r.rates - r.told_rates).max()) for r in everything)
    steps = [(directions(r.rule, r.lr, r.curved, **r.hyper).steps, r.settled()) for r in (gd, ball)]
    still = max(float(np.abs(r.paths[:, -1] - 1).max()) for r in (gd, ball))
    gains = np.stack([low_pass_filter.gain(w, data.frequencies) for w in WEIGHTS])
    lags = np.stack([low_pass_filter.phase(w, data.frequencies) for w in WEIGHTS])
    heard = float(np.abs(data.gains - gains).max()), float(np.abs(np.exp(1j * (data.lags - lags)) - 1).max())
    worst = {k: {n: float(r.rates.max()) for n, r in pair.items()} for k, pair in data.best.items()}
    told = {k: ((k - 1) / (k + 1), (k**0.5 - 1) / (k**0.5 + 1)) for k in data.best}
    a, b, runs = data.flat
    flat = 4.5 / math.sqrt(2 * runs)
    spread = flat_spread(1.0), flat_spread(FLAT_WEIGHT)
    away, told_away = np.abs(ball.paths[:, 0]), np.abs(ball.told[:, 0])

    def numbers(name: str) -> str:
        return ", ".join(f"{worst[k][name]:.6f}" for k in worst)

    def fits(name: str, which: int) -> bool:
        return all(abs(worst[k][name] - told[k][which]) < 2e-5 for k in worst)

    return (
        Claim(
            "Each direction moves by itself: the runs on the weights are the closed form of each singular value",
            "equal to 7 digits, at every step",
            f"largest difference {off:.1e}",
            off < 1e-7,
        ),
        Claim(
            "Each direction's factor per step is the spectral radius at its curvature s²/n",
            "equal, at every direction of every run",
            f"largest difference {rates:.1e} over {sum(len(r.rates) for r in everything)} directions",
            rates < 2e-5,
        ),
        Claim(
            "Steps until a direction stays within 1/1000 of its start, from the largest singular value to the smallest",
            "; ".join(", ".join(f"{t:.0f}" for t in told_steps) for told_steps, _ in steps),
            "; ".join(", ".join(f"{t:.0f}" for t in seen) for _, seen in steps),
            all(np.array_equal(told_steps, seen) for told_steps, seen in steps),
        ),
        Claim(
            "Gradient descent at its best lr: the slowest direction's rate is (k - 1)/(k + 1) at k = 10, 100, 10⁴",
            ", ".join(f"{told[k][0]:.6f}" for k in told),
            numbers(DESCENT),
            fits(DESCENT, 0),
        ),
        Claim(
            "Momentum at its best: (sqrt k - 1)/(sqrt k + 1), so that it makes k into sqrt k",
            ", ".join(f"{told[k][1]:.6f}" for k in told),
            numbers(MOMENTUM),
            fits(MOMENTUM, 1),
        ),
        Claim(
            "The notes want 'larger learning rates for smaller singular values'; imprecise: momentum gives no direction an lr "
            "of its own. The steps of every direction are the same lr times the same filter of its gradient",
            "equal to rounding, at every direction",
            f"largest difference {data.same_filter:.1e}",
            data.same_filter < 1e-12,
        ),
        Claim(
            "At its best momentum makes all relevant directions equally fast, by swinging and not by their lr",
            f"one rate, {told[KAPPA][1]:.4f}, from end to end",
            f"{ball.rates.min():.4f} to {ball.rates.max():.4f}; gradient descent {gd.rates.min():.4f} to {gd.rates.max():.4f}",
            float(np.ptp(ball.rates)) < 2e-5 and float(np.ptp(gd.rates)) > 0.1,
        ),
        Claim(
            "The price: along the largest singular value it first moves away from the solution, from 1",
            f"to {told_away.max():.4f} at step {told_away.argmax()}; gradient descent does not",
            f"to {away.max():.4f} at step {away.argmax()}; gradient descent at most {np.abs(gd.paths[:, 0]).max():.4f}",
            away.max() > 2 and abs(away.max() - told_away.max()) < 1e-6 and np.abs(gd.paths[:, 0]).max() <= 1 + 1e-12,
        ),
        Claim(
            "As a filter: a wave of gradients comes out with gain B/sqrt(B² + 4(1 - B) sin² pi f) and the lag of its response",
            f"weights {', '.join(map(str, WEIGHTS))}, f from 0 to 1/2",
            f"largest difference {heard[0]:.1e} in gain, {heard[1]:.1e} in phase",
            max(heard) < 1e-9,
        ),
        Claim(
            "The notes say that oscillations in one direction should be preserved; they are damped: what flips at every step "
            "passes with B/(2 - B) at B = 0.1, and the stable lr is larger by the inverse",
            f"gain {0.1 / 1.9:.6f}; lr times curvature 2 and {2 * 1.9 / 0.1:.4f}",
            f"gain {data.gains[WEIGHTS.index(0.1), -1]:.6f}; {data.edges[0]:.4f} and {data.edges[1]:.4f}",
            abs(data.gains[WEIGHTS.index(0.1), -1] - 0.1 / 1.9) < 1e-6
            and abs(data.edges[0] - 2) < 1e-3
            and abs(data.edges[1] - 38) < 1e-2,
        ),
        Claim(
            "An irrelevant direction, singular value 0, does not move under either rule",
            "stays where it began",
            f"largest motion {still:.1e}",
            still < 1e-12,
        ),
        Claim(
            f"Noise moves it, and averaging does not help: spread after {FLAT_STEPS} noisy gradients at the same lr",
            f"gradient descent {spread[0]:.4f}, momentum with B = {FLAT_WEIGHT:g} {spread[1]:.4f}",
            f"{a:.4f}, {b:.4f} ({runs} runs)",
            abs(a / spread[0] - 1) < flat and abs(b / spread[1] - 1) < flat,
        ),
        Claim(
            "Eq. 6.7 is torch's SGD(lr·B, momentum 1 - B, dampening 0), step by step; it is not SGD(lr, momentum 1 - B, "
            "dampening 1 - B), whose first buffer is not damped (H = 1.3, lr = 0.7, B = 0.1, from 3)",
            "equal to rounding; after one step 2.727 against 0.270",
            f"largest relative difference {data.mapping:.1e} in 200 steps; {data.first[0]:.3f} against {data.first[1]:.3f}",
            data.mapping < 1e-12 and abs(data.first[0] - 2.727) < 1e-9 and abs(data.first[1] - 0.27) < 1e-9,
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Paths of each direction under both rules, their rates, the filter's gain and lag, and both paths in a plane.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._momentum_by_direction_figure import draw

    return draw(reproduction.data)
